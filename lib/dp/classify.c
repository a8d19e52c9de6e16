/* SPDX-License-Identifier: Apache-2.0
 * First outbound stage: is it IP, do its lengths hold, from which interface, which flow. Changes
 * nothing in the packet. Worker thread. RFC 791 3.1, RFC 8200 3. */
#include "dp/room.h"

static bool in_bounds(const nhtb_pkt *p)
{
    return p->off <= p->cap && p->len <= p->cap - p->off;
}

/* A super-packet that is no longer than one segment is a plain packet, whose length field must then
 * hold; hosts are free to mark those too. */
static unsigned check_super(nhi_dp_item *it)
{
    return nhi_dp_segment_hdr(it) != 0 ? NHTB_REASON_NONE : NHTB_REASON_BAD_LENGTH;
}

/** Fills view and flow of an inner packet; 0 or the reason why it is refused. */
unsigned nhi_dp_inspect(nhi_dp_item *it)
{
    const nhtb_pkt *p = it->pkt;
    if (!in_bounds(p))
        return NHTB_REASON_BAD_LENGTH;
    const uint8_t *data = nhi_dp_data(it);
    if (!nhi_dp_is_super(it) && nhi_ip4_plain(&it->v, data, p->len)) {
        nhi_ip4_addrs(data, &it->flow.src, &it->flow.dst);
    } else {
        unsigned reason = nhi_ip_parse(&it->v, data, p->len, nhi_dp_is_super(it));
        if (reason != 0)
            return reason;
        nhi_ip_addrs(data, &it->flow.src, &it->flow.dst);
    }
    it->flow.sport = it->v.sport;
    it->flow.dport = it->v.dport;
    it->flow.proto = it->v.proto;
    it->flow.has_ports = it->v.has_ports;
    return nhi_dp_is_super(it) ? check_super(it) : 0;
}

void nhi_dp_classify(nhtb_worker *w)
{
    nhi_iface_pub *last = NULL; /* mostly all come from one */
    for (size_t i = 0; i < w->n_set; i++) {
        nhi_dp_item *it = &w->set[i];
        unsigned reason = nhi_dp_inspect(it);
        if (reason != 0) {
            nhi_dp_drop(it, reason);
            continue;
        }
        if (last == NULL || last->id != it->pkt->iface.id)
            last = nhi_fib_iface(w->fib, it->pkt->iface);
        it->iface = last;
        if (last == NULL)
            nhi_dp_drop(it, NHTB_REASON_NO_IFACE);
    }
}
