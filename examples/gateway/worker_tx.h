/* SPDX-License-Identifier: Apache-2.0
 * The worker's sending half: packets with verdict TX are collected per socket and leave by sendmmsg,
 * neighbours of one path and length as one train (UDP_SEGMENT). Internal to worker*.c. */
#ifndef GATEWAY_WORKER_TX_H
#define GATEWAY_WORKER_TX_H

#include "worker.h"

#define TX_MESSAGES 64
#define TX_PACKETS  192
#define TX_TRAIN    64    /* datagrams: what every kernel with UDP_SEGMENT takes */
#define TX_BYTES    65000 /* of a train */

/** A message: one packet, or a train. */
typedef struct tx_message {
    nhtb_path path; /* a copy: report and retry outlive the packet's own pointer */
    uint32_t each, bytes;
    uint16_t first, n; /* its pieces in iov */
    uint8_t tos, ttl;
    bool closed; /* its last packet was shorter */
} tx_message;

typedef struct tx_queue {
    gw_sock sock;
    struct mmsghdr h[TX_MESSAGES];
    gw_slot slot[TX_MESSAGES];
    tx_message message[TX_MESSAGES];
    struct iovec iov[TX_PACKETS];
    unsigned n, n_iov;
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
