/* SPDX-License-Identifier: Apache-2.0
 * The worker's sending half: packets with verdict TX are collected per socket and leave by
 * sendmmsg. Internal to worker.c. */
#ifndef GATEWAY_WORKER_TX_H
#define GATEWAY_WORKER_TX_H

#include "worker.h"

#define TX_BATCH 64

typedef struct tx_queue {
    gw_sock sock;
    struct mmsghdr h[TX_BATCH];
    gw_slot slot[TX_BATCH];
    nhtb_path path[TX_BATCH]; /* copies: report and retry outlive the packet's own pointer */
    unsigned n;
} tx_queue;

typedef struct tx {
    tx_queue q[GW_SOCKS];
    gw_io_stats *stats;
    gw_ring *to_control;
    nhtb_path reported; /* last path whose MTU was reported, and when */
    nhtb_time reported_at;
} tx;

void tx_init(tx *t, const gw_sock *socks, gw_io_stats *stats, gw_ring *to_control);
/** Queues p; its memory must stay until tx_flush. */
void tx_put(tx *t, const nhtb_pkt *p, nhtb_time now);
void tx_flush(tx *t, nhtb_time now);

static inline void gw_count(_Atomic uint64_t *c)
{
    atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

#endif
