/* SPDX-License-Identifier: Apache-2.0
 * Packets that one worker received and another one's SA opens (verdict HANDOFF): a bounded ring of bytes
 * for each pair, one producer, one consumer. A packet is copied once, opened where it lies, and
 * nothing is allocated on the way. A full ring refuses: the caller counts and drops. */
#ifndef GATEWAY_HANDOFF_H
#define GATEWAY_HANDOFF_H

#include <nhtb/nhtb.h>

#include <stdatomic.h>

#define HANDOFF_BYTES (2u << 20) /* a power of two: ten milliseconds of 1.6 Gbit/s */

typedef struct gw_handoff gw_handoff;

/** wake_fd: an eventfd of the consumer, borrowed. NULL: out of memory. */
gw_handoff *handoff_new(int wake_fd);
/** Both threads are done. NULL is allowed. */
void handoff_del(gw_handoff *h);
/** Producer: copies p and its path. False: no room. */
bool handoff_put(gw_handoff *h, const nhtb_pkt *p);
/** Producer: wakes the consumer; once after a burst. */
void handoff_wake(gw_handoff *h);
/** Consumer: up to n packets, oldest first. They lie in the ring until handoff_release. */
unsigned handoff_take(gw_handoff *h, nhtb_pkt *v, unsigned n);
/** Consumer: what was taken is done with. */
void handoff_release(gw_handoff *h);

#define GW_WORKERS_MAX 32

/** The rings between all workers. Workers look into it while the control thread adds to it. */
typedef struct gw_mesh {
    int wake_fd[GW_WORKERS_MAX];                                /* -1: no such worker */
    _Atomic(gw_handoff *) ring[GW_WORKERS_MAX][GW_WORKERS_MAX]; /* [from][to] */
} gw_mesh;

/** Control thread, like mesh_join and mesh_fini. */
void mesh_init(gw_mesh *m);
/** Rings between worker k, whose thread has not begun, and those that joined before. 0 or -errno. */
int mesh_join(gw_mesh *m, unsigned k);
/** All workers are done. */
void mesh_fini(gw_mesh *m);
/** Any worker. NULL: one of the two does not exist. */
gw_handoff *mesh_ring(gw_mesh *m, unsigned from, unsigned to);

#endif
