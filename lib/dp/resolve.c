/* SPDX-License-Identifier: Apache-2.0
 * Destination to tunnel: next-hop slot (hops.c: at most one trie walk per destination and batch), two loads
 * to path and cell, selectors. Decides, changes nothing. Outbound stage, also used by transit and by
 * a resumed fan-out; worker thread. House-style 3.5, RFC 4301 5.1. */
#include "dp/room.h"

bool nhi_dp_use_path(nhi_dp_item *it, nhi_path *p)
{
    it->path = p;
    it->cell = nhi_a_load_acq(&p->out);
    it->ep = nhi_a_load_acq(&p->endpoint);
    it->limit = nhi_a_load(&p->inner_mtu);
    return it->cell != NULL && it->ep != NULL;
}

/* The first configured tunnel whose SA takes the packet. When none does but one has no SA yet, that
 * one may be the one that would: the packet waits for it. */
static void choose(nhi_dp_item *it, nhi_path *p)
{
    nhi_path *asleep = NULL;
    for (unsigned n = 0; p != NULL && n < NHI_DP_ALT_MAX; n++) {
        if (nhi_dp_use_path(it, p)) {
            if (nhi_sel_match_out(it->cell->sel, &it->flow))
                return;
        } else if (asleep == NULL) {
            asleep = p;
        }
        p = nhi_a_load_acq(&p->alt);
    }
    it->path = asleep;
    it->cell = NULL;
    it->step = NHI_DP_STEP_HOLD;
    it->reason = NHTB_REASON_NO_SA;
    if (asleep == NULL)
        nhi_dp_drop(it, NHTB_REASON_SELECTOR_OUT);
}

static void route_multicast(nhi_dp_item *it)
{
    if (it->iface->kind == NHTB_IFACE_MULTIPOINT) {
        it->step = NHI_DP_STEP_MULTICAST;
        return;
    }
    nhi_path *p = nhi_dp_multicast_first(it);
    if (p == NULL)
        nhi_dp_drop(it, NHTB_REASON_MULTICAST_NONE);
}

void nhi_dp_route_by(nhtb_worker *w, nhi_dp_item *it, uint32_t slot)
{
    if (slot <= NHI_SLOT_LOCAL || slot >= w->fib->n_slots) {
        nhi_dp_drop(it, NHTB_REASON_NO_ROUTE);
        return;
    }
    it->slot = &w->fib->slot[slot];
    if (it->slot->iface != it->iface->id) {
        nhi_dp_drop(it, NHTB_REASON_NO_ROUTE);
        return;
    }
    nhi_path *p = nhi_a_load_acq(&it->slot->path);
    if (p == NULL) {
        it->step = NHI_DP_STEP_HOLD;
        it->reason = NHTB_REASON_NO_BINDING;
        return;
    }
    choose(it, p);
}

void nhi_dp_route(nhtb_worker *w, nhi_dp_item *it)
{
    if (!it->transit && nhi_dp_is_multicast(it))
        route_multicast(it);
    else
        nhi_dp_route_by(w, it, nhi_fib_resolve(w->fib, it->iface, &it->flow.dst));
}

static void ask(nhtb_worker *w)
{
    nhi_dp_hops_reset(w);
    for (size_t i = 0; i < w->n_set; i++) {
        nhi_dp_item *it = &w->set[i];
        it->way = NHI_DP_WAY_NONE;
        if (!nhi_dp_alive(it))
            continue;
        if (nhi_dp_is_multicast(it))
            route_multicast(it);
        else
            it->way = nhi_dp_ask(w, it->iface, &it->flow.dst);
    }
}

void nhi_dp_resolve(nhtb_worker *w)
{
    ask(w);
    nhi_dp_hops_find(w);
    nhi_dp_hops_fetch(w);
    for (size_t i = 0; i < w->n_set; i++) {
        nhi_dp_item *it = &w->set[i];
        if (it->way != NHI_DP_WAY_NONE)
            nhi_dp_route_by(w, it, nhi_dp_way(w, it->way));
    }
}
