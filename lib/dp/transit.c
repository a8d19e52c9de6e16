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
    return memcmp(&i->addr4.addr, a, sizeof *a) == 0 || memcmp(&i->addr6.addr, a, sizeof *a) == 0;
}

/** The slot of another tunnel, or NULL: the host gets the packet. Multicast is for the host's
 *  routing daemons and is not copied to other tunnels. */
static nhi_slot *way_on(nhtb_worker *w, const nhi_dp_item *it)
{
    const nhi_iface_pub *in = it->in_iface;
    if (in->transit != NHTB_TRANSIT_LIBRARY || nhi_dp_is_multicast(it) || is_own(in, &it->flow.dst))
        return NULL;
    uint32_t n = nhi_dp_lookup(w, in, &it->flow.dst);
    if (n <= NHI_SLOT_LOCAL || n >= w->fib->n_slots)
        return NULL;
    nhi_slot *s = &w->fib->slot[n];
    bool back = nhi_a_load_acq(&s->path) == it->in_path ||
                (s->iface == in->id && in->kind == NHTB_IFACE_POINT_TO_POINT);
    return back ? NULL : s;
}

static void forward(nhtb_worker *w, nhi_dp_item *it, const nhi_slot *s)
{
    it->transit = true;
    if (it->v.ttl <= 1) {
        it->step = NHI_DP_STEP_TTL;
        return;
    }
    nhi_ip_dec_ttl(nhi_dp_data(it));
    it->v.ttl--;
    it->pkt->iface.id = s->iface;
    nhi_dp_route(w, it);
    if (it->step == NHI_DP_STEP_SEND)
        nhi_dp_mtu_one(it);
}

static void one(nhtb_worker *w, nhi_dp_item *it)
{
    const nhi_slot *s = way_on(w, it);
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
        forward(w, it, s);
}

void nhi_dp_transit(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_set; i++)
        if (nhi_dp_alive(&w->set[i]) && !w->set[i].turned)
            one(w, &w->set[i]);
}
