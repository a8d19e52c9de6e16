/* SPDX-License-Identifier: Apache-2.0
 * May this decrypted packet come from this tunnel? Congestion marks, selectors, the source check of
 * multipoint interfaces (its route back must be the tunnel it came from), policies, loop guard.
 * Inbound stages; worker thread. RFC 4301 5.2, RFC 6040 4.2, house-style 3.4. */
#include "dp/room.h"

void nhi_dp_decap_ecn(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_set; i++) {
        nhi_dp_item *it = &w->set[i];
        if (!nhi_dp_alive(it))
            continue;
        if ((it->v.tos | it->pkt->tos) == 0)
            continue; /* nothing marked, nothing to copy */
        int tos = nhi_ecn_decap(it->v.tos, it->pkt->tos, it->in_iface->copy_outer_dscp);
        if (tos < 0) {
            nhi_dp_drop_in(it, NHTB_REASON_ECN);
        } else if ((uint8_t)tos != it->v.tos) {
            it->v.tos = (uint8_t)tos;
            nhi_ip_set_tos(nhi_dp_data(it), it->v.tos);
        }
    }
}

/* On the interface's subnet the bound next hop answers, elsewhere the best route. */
static bool wants_source(const nhi_iface_pub *i)
{
    return i->rpf && i->kind == NHTB_IFACE_MULTIPOINT;
}

static void find_sources(nhtb_worker *w)
{
    nhi_dp_hops_reset(w);
    for (size_t i = 0; i < w->n_set; i++) {
        nhi_dp_item *it = &w->set[i];
        if (nhi_dp_alive(it) && wants_source(it->in_iface))
            it->way = nhi_dp_ask(w, it->in_iface, &it->flow.src);
    }
    nhi_dp_hops_find(w);
    for (size_t i = 0; i < w->n_hops; i++)
        nhi_fetch(&w->fib->slot[w->hop[i].slot]);
}

static bool source_fits(const nhtb_worker *w, const nhi_dp_item *it)
{
    if (!wants_source(it->in_iface))
        return true;
    uint32_t n = nhi_dp_way(w, it->way);
    if (n <= NHI_SLOT_LOCAL || n >= w->fib->n_slots)
        return false;
    return nhi_a_load_acq(&w->fib->slot[n].path) == it->in_path;
}

static bool denied(const nhi_dp_item *it)
{
    nhi_policy_set *set = nhi_a_load_acq(&it->in_iface->policies);
    return set != NULL && nhi_policy_check(set, NHTB_POLICY_IN, &it->flow) == NHTB_DENY;
}

static bool loops(const nhi_dp_item *it)
{
    const nhi_endpoint *e = nhi_a_load_acq(&it->in_path->endpoint);
    const nhtb_addr *dst = &it->flow.dst;
    return e != NULL && (nhi_addr_same(dst, &e->path.local) || nhi_addr_same(dst, &e->path.remote));
}

static void check(nhtb_worker *w, nhi_dp_item *it)
{
    if (!nhi_sel_match_in(it->in_cell->sel, &it->flow)) {
        nhi_dp_drop_in(it, NHTB_REASON_SELECTOR_IN);
    } else if (!source_fits(w, it)) {
        nhi_cell_note_spoof(w->fib, it->in_cell, &it->flow.src);
        nhi_dp_drop_in(it, NHTB_REASON_RPF);
    } else if (denied(it)) {
        nhi_dp_drop_in(it, NHTB_REASON_POLICY);
    } else if (loops(it)) {
        nhi_dp_drop_in(it, NHTB_REASON_LOOP);
    } else {
        w->group[it->group].passed++;
        w->group[it->group].passed_bytes += it->pkt->len;
    }
}

void nhi_dp_inpol(nhtb_worker *w)
{
    find_sources(w);
    for (size_t i = 0; i < w->n_set; i++)
        if (nhi_dp_alive(&w->set[i]) && !w->set[i].turned)
            check(w, &w->set[i]);
    for (size_t i = 0; i < w->n_groups; i++) {
        const nhi_dp_group *g = &w->group[i];
        if (g->passed != 0)
            nhi_dp_count_in(w, g->iface, g->passed, g->passed_bytes);
    }
}
