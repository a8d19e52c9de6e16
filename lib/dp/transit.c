/* SPDX-License-Identifier: Apache-2.0
 * Spoke to spoke inside the library: a decrypted packet whose best route is another tunnel goes on
 * through the outbound stages; everything else is the host's. The only place where the library
 * decrements TTL. Last inbound stage; worker thread. House-style 3.4, RFC 1812 5.3.1. */
#include "dp/room.h"

static void deliver(nhi_dp_item *it)
{
    nhi_dp_final(it, NHTB_PKT_DELIVER, NHTB_REASON_NONE);
}

static bool is_own(const nhi_iface_pub *i, const nhtb_addr *a)
{
    return nhi_addr_same(&i->addr4.addr, a) || nhi_addr_same(&i->addr6.addr, a);
}

/** May it go on at all? Multicast is for the host's routing daemons and is not copied to others. */
static bool is_movable(const nhi_dp_item *it)
{
    return it->in_iface->transit == NHTB_TRANSIT_LIBRARY && !nhi_dp_is_multicast(it) &&
           !is_own(it->in_iface, &it->flow.dst);
}

/** The slot of another tunnel, or NULL: the host gets the packet. */
static nhi_slot *way_on(const nhtb_worker *w, const nhi_dp_item *it, uint32_t n)
{
    const nhi_iface_pub *in = it->in_iface;
    if (n <= NHI_SLOT_LOCAL || n >= w->fib->n_slots)
        return NULL;
    nhi_slot *s = &w->fib->slot[n];
    bool back = nhi_a_load_acq(&s->path) == it->in_path ||
                (s->iface == in->id && in->kind == NHTB_IFACE_POINT_TO_POINT);
    return back ? NULL : s;
}

/* Out of another interface the address may be on that one's subnet: looked up again. */
static void forward(nhtb_worker *w, nhi_dp_item *it, uint32_t slot)
{
    it->transit = true;
    if (it->v.ttl <= 1) {
        it->step = NHI_DP_STEP_TTL;
        return;
    }
    nhi_ip_dec_ttl(nhi_dp_data(it));
    it->v.ttl--;
    it->pkt->iface.id = it->iface->id;
    if (it->iface == it->in_iface)
        nhi_dp_route_by(w, it, slot);
    else
        nhi_dp_route(w, it);
    if (it->step == NHI_DP_STEP_SEND)
        nhi_dp_mtu_one(it);
}

static void one(nhtb_worker *w, nhi_dp_item *it, uint32_t slot)
{
    const nhi_slot *s = way_on(w, it, slot);
    if (s == NULL) {
        deliver(it);
        return;
    }
    it->iface = nhi_fib_iface(w->fib, (nhtb_iface_id){s->iface});
    if (it->iface == NULL)
        nhi_dp_drop(it, NHTB_REASON_NO_IFACE);
    else if (is_own(it->iface, &it->flow.dst))
        deliver(it);
    else
        forward(w, it, slot);
}

static bool judged_here(const nhi_dp_item *it)
{
    return nhi_dp_alive(it) && !it->turned;
}

void nhi_dp_transit(nhtb_worker *w)
{
    nhi_dp_hops_reset(w);
    for (size_t i = 0; i < w->n_set; i++) {
        nhi_dp_item *it = &w->set[i];
        if (!judged_here(it))
            continue;
        if (is_movable(it))
            it->way = nhi_dp_ask(w, it->in_iface, &it->flow.dst);
        else
            deliver(it);
    }
    nhi_dp_hops_find(w);
    nhi_dp_hops_fetch(w);
    for (size_t i = 0; i < w->n_set; i++)
        if (judged_here(&w->set[i]))
            one(w, &w->set[i], nhi_dp_way(w, w->set[i].way));
}
