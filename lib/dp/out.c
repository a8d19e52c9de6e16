/* SPDX-License-Identifier: Apache-2.0
 * The outbound pipeline: inner packets to ESP, one call per stage over the whole array. Stages only
 * narrow or fan out; none calls backwards. Public nhtb_worker_out; worker thread. House-style 3.4,
 * RFC 4303 3.3. */
#include "dp/room.h"

static void emit_one(nhtb_worker *w, const nhi_dp_item *it)
{
    nhtb_pkt *p = it->pkt;
    p->verdict = it->verdict;
    p->reason = it->reason;
    if (!it->spare)
        p->flags &= (uint8_t)~NHTB_PKT_SPARE_USED;
    nhi_dp_count_reason(w, it->reason);
    w->b->out[w->b->n_out++] = p;
}

static void emit(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_live; i++)
        emit_one(w, w->live[i]);
    w->n_live = 0;
}

/** Everything in the live set leaves, in order: numbered, sealed, wrapped, counted. */
void nhi_dp_flush(nhtb_worker *w)
{
    if (w->n_live == 0)
        return;
    nhi_dp_group_live(w);
    nhi_dp_seal(w);
    nhi_dp_encap(w);
    emit(w);
}

/* A packet that waits, or that needs a spare when none is left, ends the intake: what follows it is
 * given back untouched, so that order is kept. */
static bool admit(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_set; i++) {
        nhi_dp_admitted a = nhi_dp_admit(w, &w->set[i]);
        if (a == NHI_DP_ADMIT_DONE)
            continue;
        nhi_dp_untake(w, a == NHI_DP_ADMIT_WAIT ? i + 1 : i);
        return false;
    }
    return true;
}

void nhtb_worker_out(nhtb_worker *w, nhtb_burst *b, nhtb_time now)
{
    if (!nhi_dp_begin(w, b, now))
        return;
    bool go = nhi_dp_fanout_run(w);
    while (go) {
        nhi_dp_take(w);
        if (w->n_set == 0)
            break;
        nhi_dp_classify(w);
        nhi_dp_resolve(w);
        nhi_dp_mtu(w);
        go = admit(w);
        nhi_dp_flush(w);
    }
    nhi_dp_end(w);
}
