/* SPDX-License-Identifier: Apache-2.0
 * Neighbour solicitations that come out of a tunnel for our address, or for a next hop that is bound
 * to another live tunnel of the interface, are answered here, back into the tunnel they came by.
 * Before the source check, since who asks may have no address yet or a link-local one. Whatever is
 * not answered goes its usual way. Inbound stage; worker thread. RFC 4861 7.2.3, 7.2.4, 7.2.8. */
#include "dp/room.h"
#include "wire/nd.h"

/** A tunnel that asks for the next hop bound to itself tests its own address: silence. */
static bool answers(const nhtb_worker *w, const nhi_dp_item *it, const nhtb_addr *a, bool *own)
{
    const nhi_iface_pub *i = it->in_iface;
    *own = memcmp(&i->addr6.addr, a, sizeof *a) == 0;
    if (*own || i->kind != NHTB_IFACE_MULTIPOINT)
        return *own;
    uint32_t n = nhi_fib_next_hop(w->fib, i->id, a);
    if (n <= NHI_SLOT_LOCAL || n >= w->fib->n_slots)
        return false;
    nhi_path *p = nhi_a_load_acq(&w->fib->slot[n].path);
    return p != NULL && p != it->in_path && nhi_a_load_acq(&p->out) != NULL;
}

/** Refused ones are left to the stage that counts them. */
static bool may_enter(const nhi_dp_item *it)
{
    nhi_policy_set *set = nhi_a_load_acq(&it->in_iface->policies);
    return nhi_sel_match_in(it->in_cell->sel, &it->flow) &&
           nhi_policy_check(set, NHTB_POLICY_IN, &it->flow) == NHTB_PERMIT;
}

/** The packet becomes the answer: from here on outbound, on its way back. */
static void answer(nhtb_worker *w, nhi_dp_item *it, const nhtb_addr *target, bool own)
{
    nhi_dp_count_in(w, it->in_iface, 1, it->pkt->len);
    it->pkt->len = nhi_nd_answer(nhi_dp_data(it), target, own);
    it->transit = it->turned = true;
    if (nhi_dp_inspect(it) != 0)
        nhi_dp_drop_in(it, NHTB_REASON_INTERNAL);
    else if (!nhi_dp_use_path(it, it->in_path))
        nhi_dp_drop(it, NHTB_REASON_NO_SA);
    else if (!nhi_sel_match_out(it->cell->sel, &it->flow))
        nhi_dp_drop(it, NHTB_REASON_SELECTOR_OUT);
    else
        nhi_dp_bump(&w->count.nd_answered, 1);
}

static void one(nhtb_worker *w, nhi_dp_item *it)
{
    nhtb_addr target;
    bool own;
    nhi_nd_kind kind = nhi_nd_parse(nhi_dp_data(it), &it->v, &target);
    if (kind == NHI_ND_INVALID)
        nhi_dp_drop_in(it, NHTB_REASON_ND_INVALID);
    else if (kind == NHI_ND_SOLICIT && may_enter(it) && answers(w, it, &target, &own))
        answer(w, it, &target, own);
}

void nhi_dp_nd(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_set; i++) {
        nhi_dp_item *it = &w->set[i];
        if (nhi_dp_alive(it) && it->v.proto == NHI_IPPROTO_ICMP6)
            one(w, it);
    }
}
