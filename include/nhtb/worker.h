/* SPDX-License-Identifier: Apache-2.0
 * The data plane's entry points. One nhtb_worker per thread; no locks, no allocation, no callbacks
 * on these paths. */
#ifndef NHTB_WORKER_H
#define NHTB_WORKER_H

#include <nhtb/ctx.h>
#include <nhtb/pkt.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nhtb_worker nhtb_worker;

/** Makes worker `index` (< settings.workers), at most one per index. Control thread; afterwards the
 *  worker is used by one thread. Freed by nhtb_worker_del (or with the context). */
NHTB_API int nhtb_worker_new(nhtb_worker **out, nhtb_ctx *ctx, unsigned index);
/** Control thread; the worker's thread must have stopped. NULL is allowed. */
NHTB_API void nhtb_worker_del(nhtb_worker *w);

/** How much of new tunnels worker `index` (< settings.workers) gets beside the others: 1 at first; 0:
 *  none, for a worker that is to be stopped. It need not exist yet. Moves nothing. Control thread.
 *  NHTB_ERR_ARG. */
NHTB_API int nhtb_worker_weight(nhtb_ctx *ctx, unsigned index, uint16_t weight);
/** Moves about `most` peers (those of one pair of gateways together) from workers with a higher load
 *  factor to others: their child SAs are rekeyed, and no packet is lost, for the old ones stay where
 *  they are until they end. *moved (may be NULL): how many; 0: nothing is left to move. A worker that
 *  comes takes new tunnels only; this is how it gets old ones. Control thread. NHTB_ERR_ARG. */
NHTB_API int nhtb_rebalance(nhtb_ctx *ctx, size_t most, nhtb_time now, size_t *moved);

/** How many low bits of an inbound SPI name its worker, for a host that steers packets in front of the
 *  library: an SPI that was negotiated leads to worker SPI & ((1 << bits) - 1), below settings.workers.
 *  SPIs of manual SAs lead anywhere; what comes to another worker gets the verdict HANDOFF. Any
 *  thread. */
NHTB_API unsigned nhtb_worker_bits(const nhtb_ctx *ctx);

/** Inner -> outer: routes, encrypts, encapsulates. Packets need kind INNER, iface, off >=
 *  NHTB_HEADROOM and NHTB_TAILROOM bytes after the data (else a spare is used). */
NHTB_API void nhtb_worker_out(nhtb_worker *w, nhtb_burst *b, nhtb_time now);
/** Outer -> inner (DELIVER), or outer -> outer (transit, TX). Needs kind and path; no room around
 *  the data. */
NHTB_API void nhtb_worker_in(nhtb_worker *w, nhtb_burst *b, nhtb_time now);
/** Quiescent and off-line until the next nhtb_worker_* call. Call it before sleeping and at least
 *  once per loop turn: pointers from the last calls (pkt.path) end here. */
NHTB_API void nhtb_worker_rest(nhtb_worker *w);

#ifdef __cplusplus
}
#endif
#endif
