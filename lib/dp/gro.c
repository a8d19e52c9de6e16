/* SPDX-License-Identifier: Apache-2.0
 * Marks a delivered TCP segment or UDP datagram that continues the flow of the one before it, so that
 * a host may write both to its stack as one. Nothing is merged here. Last inbound stage; worker
 * thread. RFC 9293 3.1, RFC 768. */
#include "dp/room.h"

enum { TCP_MIN = 20, UDP_HDR = 8, TCP_ACK = 0x10, TCP_PSH = 0x08 };

typedef struct segment {
    const uint8_t *l4;
    uint32_t hdr, payload; /* 0: nothing that could join */
} segment;

static segment segment_of(const nhi_dp_item *it)
{
    segment s = {0};
    const nhi_ip_view *v = &it->v;
    bool tcp = v->proto == NHI_IPPROTO_TCP, udp = v->proto == NHI_IPPROTO_UDP;
    uint32_t least = tcp ? TCP_MIN : UDP_HDR;
    if (it->verdict != NHTB_PKT_DELIVER || (!tcp && !udp) || v->fragment ||
        v->hdr_len != (v->version == 4 ? 20 : 40) || v->total_len < v->hdr_len + least)
        return s;
    s.l4 = nhi_dp_data(it) + v->hdr_len;
    s.hdr = tcp ? (uint32_t)(s.l4[12] >> 4) * 4 : least;
    if (s.hdr >= least && v->hdr_len + s.hdr <= v->total_len)
        s.payload = v->total_len - v->hdr_len - s.hdr;
    return s;
}

/* Ports and acknowledgement are the same, options too, the numbers join. */
static bool tcp_joins(const segment *a, const segment *b)
{
    return a->hdr == b->hdr && a->l4[13] == TCP_ACK && (b->l4[13] & ~TCP_PSH) == TCP_ACK &&
           nhi_get32(a->l4 + 4) + a->payload == nhi_get32(b->l4 + 4) &&
           memcmp(a->l4 + 8, b->l4 + 8, 4) == 0 &&
           memcmp(a->l4 + TCP_MIN, b->l4 + TCP_MIN, a->hdr - TCP_MIN) == 0;
}

static bool joins(const nhi_dp_item *x, const nhi_dp_item *y)
{
    if (x->v.proto != y->v.proto ||
        (x->v.proto != NHI_IPPROTO_TCP && x->v.proto != NHI_IPPROTO_UDP))
        return false;
    segment a = segment_of(x), b = segment_of(y);
    return a.payload != 0 && b.payload != 0 && b.payload <= a.payload &&
           memcmp(a.l4, b.l4, 4) == 0 && x->in_iface == y->in_iface && x->v.tos == y->v.tos &&
           x->v.ttl == y->v.ttl && nhi_addr_same(&x->flow.src, &y->flow.src) &&
           nhi_addr_same(&x->flow.dst, &y->flow.dst) &&
           (x->v.proto == NHI_IPPROTO_UDP || tcp_joins(&a, &b));
}

void nhi_dp_gro(nhtb_worker *w)
{
    for (size_t i = 1; i < w->n_set; i++)
        if (joins(&w->set[i - 1], &w->set[i]))
            w->set[i].pkt->flags |= NHTB_PKT_GRO_NEXT;
}
