/* SPDX-License-Identifier: Apache-2.0
 * Counters of a worker and of an interface's row for it: written by one thread, read by others, so a
 * relaxed load and store do. Called by the stages; worker thread. */
#include "dp/room.h"

void nhi_dp_bump(NHI_ATOMIC(uint64_t) * c, uint64_t n)
{
    nhi_a_store(c, nhi_a_load(c) + n);
}

void nhi_dp_count_reason(nhtb_worker *w, unsigned reason)
{
    if (reason != NHTB_REASON_NONE && reason < NHTB_REASON_END)
        nhi_dp_bump(&w->count.reasons[reason], 1);
}

void nhi_dp_count_out(nhtb_worker *w, const nhi_iface_pub *iface, uint64_t n, uint64_t bytes)
{
    nhi_dp_bump(&w->count.out_packets, n);
    nhi_dp_bump(&w->count.out_bytes, bytes);
    if (iface == NULL || iface->count == NULL)
        return;
    nhi_iface_count *c = &iface->count[w->index];
    nhi_dp_bump(&c->out_packets, n);
    nhi_dp_bump(&c->out_bytes, bytes);
}

void nhi_dp_count_in(nhtb_worker *w, const nhi_iface_pub *iface, uint64_t n, uint64_t bytes)
{
    nhi_dp_bump(&w->count.in_packets, n);
    nhi_dp_bump(&w->count.in_bytes, bytes);
    if (iface == NULL || iface->count == NULL)
        return;
    nhi_iface_count *c = &iface->count[w->index];
    nhi_dp_bump(&c->in_packets, n);
    nhi_dp_bump(&c->in_bytes, bytes);
}
