/* SPDX-License-Identifier: Apache-2.0
 * Inside of the data plane thread: the object and the calls between worker.c (thread, life,
 * messages), worker_run.c (buffers, bursts, verdicts), worker_tun.c, worker_rx.c and worker_tx.c
 * (the kernel's edges). Worker thread. */
#ifndef GATEWAY_WORKER_INT_H
#define GATEWAY_WORKER_INT_H

#include <pthread.h>

#include "vnet.h"
#include "worker_tx.h"

#define BATCH       64
#define SPARES      (3 * BATCH)
#define SPARE_BYTES 10240 /* largest TUN MTU (9000) with head- and tailroom */
/* A whole super-packet or UDP_GRO train with head- and tailroom; an odd number of cache lines beyond
 * 64 KiB, so that the starts of the buffers do not compete for the same lines. */
#define READ_BYTES (65536 + 7 * 64)

/** Buffers of one size, the last one given first. */
typedef struct gw_pool {
    nhtb_pkt *pkt, **free;
    uint8_t *memory;
    unsigned n, n_free;
    uint32_t bytes;
} gw_pool;

typedef struct port {
    gw_queue q;
    unsigned failures; /* reads in a row */
    struct port *next;
} port;

struct gw_worker {
    nhtb_worker *nw;
    pthread_t thread;
    int epoll_fd;
    bool stopping;
    bool punted; /* control is to be woken after the burst */
    port *ports;
    tx tx;
    gw_ring to_worker, to_control;
    gw_io_stats stats;
    gw_pool spares, reads, rx_buffers;
    nhtb_pkt *in[BATCH], *spare[BATCH], *out[2 * BATCH + 1];
    unsigned n_spare;
    vnet_join join; /* waits for its next packet until the end of the burst */
    const port *join_port;
    nhtb_path path[BATCH];
    nhtb_pkt slice[BATCH]; /* datagrams inside a read buffer */
    nhtb_pkt *rx_pkt[BATCH];
    struct mmsghdr rx[BATCH];
    gw_slot rx_slot[BATCH];
    bool trains; /* the last receive found some */
    unsigned index;
    gw_mesh *mesh;         /* NULL: alone */
    uint64_t handed;       /* a bit for each worker that is to be woken after the burst */
    nhtb_pkt given[BATCH]; /* packets in rings of other workers */
};

typedef void (*gw_direction)(nhtb_worker *, nhtb_burst *, nhtb_time);

nhtb_time worker_now(void);

/* worker_run.c */
int pool_init(gw_pool *p, unsigned n, uint32_t bytes);
void pool_fini(gw_pool *p);
nhtb_pkt *pool_take(gw_pool *p);
void pool_give(gw_pool *p, nhtb_pkt *pkt);
/** n packets through the library, and what comes of them to where it goes. */
void worker_run(gw_worker *w, nhtb_pkt **in, size_t n, gw_direction go);

/* worker_tun.c */
void worker_tun_read(gw_worker *w, port *t);
/** Queues p for its device; written at once or with its neighbours by worker_tun_flush, until when
 *  its memory must stay. */
void worker_tun_write(gw_worker *w, const nhtb_pkt *p);
void worker_tun_flush(gw_worker *w);

/* worker_rx.c */
int worker_rx_init(gw_worker *w);
void worker_receive(gw_worker *w, const gw_sock *s);

/* worker_handoff.c */
/** Puts p into the ring of worker p->worker; counts what it drops. */
void worker_hand_over(gw_worker *w, const nhtb_pkt *p);
/** Wakes those that got something. */
void worker_hand_flush(gw_worker *w);
/** What other workers received for this one. */
void worker_take_over(gw_worker *w);

/* worker.c: the device of this port is gone; the control thread is told. */
void worker_port_lost(gw_worker *w, port *t);

#endif
