/* SPDX-License-Identifier: Apache-2.0
 * All data plane workers: their sockets, the library's side of them, their threads. Workers are numbered
 * from 0 and never leave while the gateway runs; a reload can add some, up to the limit that follows
 * from the configuration at the start. Control thread. */
#ifndef GATEWAY_CREW_H
#define GATEWAY_CREW_H

#include "tun.h"
#include "worker.h"

struct gw;

_Static_assert(GW_WORKERS_MAX == CFG_WORKERS, "each worker has a weight");

typedef struct gw_crew {
    unsigned n, limit; /* running; at most */
    gw_worker *worker[GW_WORKERS_MAX];
    nhtb_worker *nw[GW_WORKERS_MAX];
    gw_sock sock[GW_WORKERS_MAX][GW_SOCKS]; /* raw ones beyond n are parked */
    gw_mesh mesh;
} gw_crew;

void crew_init(gw_crew *c);
/** Twice the configured number, so that a reload can add some. */
unsigned crew_limit(const cfg *c);
/** Sockets that need privileges: all of worker 0, raw ones of the others. 0, or -errno with *what (n
 *  bytes) naming which. */
int crew_open(gw_crew *c, unsigned limit, char *what, size_t n);
/** The configured number of workers runs with their weights; those beyond it get nothing new. What could
 *  not be started is logged. 0, or -errno when not even one runs. */
int crew_fit(struct gw *g, const cfg *c);
/** Ends and joins the threads: what waits is sent. */
void crew_stop(gw_crew *c);
/** Frees what is left; the threads are done. */
void crew_fini(gw_crew *c);

/** Each worker gets a queue of the device, or a descriptor to write to. 0 or -errno. */
int crew_tun_add(gw_crew *c, nhtb_iface_id iface, const gw_tun *tun);
void crew_tun_del(gw_crew *c, nhtb_iface_id iface);
/** A copy of a drained packet to the worker that sends or injects it, and who that is. */
unsigned crew_post(gw_crew *c, const nhtb_pkt *p);
/** Value of counter i (worker_stat_name) over all workers. */
uint64_t crew_stat(const gw_crew *c, unsigned i);

#endif
