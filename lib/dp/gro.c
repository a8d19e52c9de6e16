/* SPDX-License-Identifier: Apache-2.0
 * Marks a delivered TCP segment that continues the one before it, so that a host may write both to
 * its stack as one. Nothing is merged here. Last inbound stage; worker thread. RFC 9293 3.1. */
#include "dp/room.h"

enum { TCP_MIN = 20, TCP_ACK = 0x10, TCP_PSH = 0x08 };

typedef struct segment {
    const uint8_t *tcp;
    uint32_t hdr, payload; /* 0: not a plain data segment */
} segment;

static segment segment_of(const nhi_dp_item *it)
{
    segment s = {0};
    const nhi_ip_view *v = &it->v;
    bool tcp = it->verdict == NHTB_PKT_DELIVER && v->proto == NHI_IPPROTO_TCP && !v->fragment;
    if (!tcp || v->hdr_len != (v->version == 4 ? 20 : 40) ||
        v->total_len < v->hdr_len + (uint32_t)TCP_MIN)
        return s;
    s.tcp = nhi_dp_data(it) + v->hdr_len;
    s.hdr = (uint32_t)(s.tcp[12] >> 4) * 4;
    if (s.hdr >= TCP_MIN && v->hdr_len + s.hdr <= v->total_len)
        s.payload = v->total_len - v->hdr_len - s.hdr;
    return s;
}

/* Ports and acknowledgement are the same, options too, the numbers join. */
static bool tcp_joins(const segment *a, const segment *b)
{
    return a->hdr == b->hdr && b->payload <= a->payload && a->tcp[13] == TCP_ACK &&
           (b->tcp[13] & ~TCP_PSH) == TCP_ACK &&
           nhi_get32(a->tcp + 4) + a->payload == nhi_get32(b->tcp + 4) &&
           memcmp(a->tcp, b->tcp, 4) == 0 && memcmp(a->tcp + 8, b->tcp + 8, 4) == 0 &&
           memcmp(a->tcp + TCP_MIN, b->tcp + TCP_MIN, a->hdr - TCP_MIN) == 0;
}

static bool joins(const nhi_dp_item *x, const nhi_dp_item *y)
{
    if (y->v.proto != NHI_IPPROTO_TCP || x->v.proto != NHI_IPPROTO_TCP)
        return false;
    segment a = segment_of(x), b = segment_of(y);
    return a.payload != 0 && b.payload != 0 && x->in_iface == y->in_iface && x->v.tos == y->v.tos &&
           x->v.ttl == y->v.ttl && nhi_addr_same(&x->flow.src, &y->flow.src) &&
           nhi_addr_same(&x->flow.dst, &y->flow.dst) && tcp_joins(&a, &b);
}

void nhi_dp_gro(nhtb_worker *w)
{
    for (size_t i = 1; i < w->n_set; i++)
        if (joins(&w->set[i - 1], &w->set[i]))
            w->set[i].pkt->flags |= NHTB_PKT_GRO_NEXT;
}
