/* SPDX-License-Identifier: Apache-2.0
 * The data plane's worker object and its two pipelines. No locks, no allocation, no callbacks, no
 * log; reads fib, writes only its own counters, SA cells' atomics and the host's packets.
 * House-style 3.4. The public nhtb_worker_out / _in / _rest are implemented here; the engine makes
 * and ends workers. */
#ifndef NHI_DP_DP_H
#define NHI_DP_DP_H

#include <nhtb/worker.h>

#include "base/rng.h"
#include "fib/fib.h"

#define NHI_DP_BATCH   64                     /* packets worked on at once */
#define NHI_DP_PUNT_NS (100 * NHTB_NS_PER_MS) /* at most one PUNT per path and this interval */

typedef struct nhi_dp_count { /* summed by engine/stats.c with relaxed loads */
    NHI_ATOMIC(uint64_t) reasons[NHTB_REASON_END];
    NHI_ATOMIC(uint64_t) out_packets, out_bytes, in_packets, in_bytes;
    NHI_ATOMIC(uint64_t) transit_packets, multicast_copies, icmp_sent, handoffs;
    NHI_ATOMIC(uint64_t) nd_answered, mss_clamped;
} nhi_dp_count;

/** Everything a worker needs, given by the engine; pointers outlive the worker. */
typedef struct nhi_dp_env {
    nhi_mem *mem;
    nhi_fib *fib;
    const nhtb_crypto *crypto;
    uint8_t emit; /* nhtb_emit */
    bool hold;    /* settings.hold_ms != 0: unroutable first packets are punted */
    unsigned index;
    void *owner; /* handed back by nhi_dp_worker_owner, never read */
    uint8_t rng_seed[32];
} nhi_dp_env;

/** Control thread. */
int nhi_dp_worker_new(nhtb_worker **out, const nhi_dp_env *env);
void nhi_dp_worker_del(nhtb_worker *w);
void *nhi_dp_worker_owner(const nhtb_worker *w);
unsigned nhi_dp_worker_index(const nhtb_worker *w);
const nhi_dp_count *nhi_dp_worker_count(const nhtb_worker *w);
size_t nhi_dp_worker_size(const nhtb_crypto *c);

#endif
