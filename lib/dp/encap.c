/* SPDX-License-Identifier: Apache-2.0
 * Outer headers of sealed packets: the endpoint's template plus what differs per packet (lengths, id,
 * TOS, TTL, DF, the UDP checksum of IPv6). Outbound stage; worker thread. RFC 4301 5.1.2, RFC 6040
 * 4.1, RFC 3948, RFC 6935. */
#include "dp/room.h"

enum { DEFAULT_TTL = 64, IP_DF = 0x4000 };

static bool outer_df(const nhi_dp_item *it)
{
    /* An IPv6 packet of the minimum MTU that does not fit must be fragmented outside. */
    if (it->inner_len > it->limit)
        return false;
    switch (it->iface->df) {
    case NHTB_DF_SET: return true;
    case NHTB_DF_COPY: return it->v.df;
    default: return false;
    }
}

static void put_ipv4(nhtb_worker *w, uint8_t *ip, const nhtb_pkt *p)
{
    ip[1] = p->tos;
    nhi_put16(ip + 2, p->len);
    nhi_put16(ip + 4, w->ip_id++);
    nhi_put16(ip + 6, (p->flags & NHTB_PKT_DF) != 0 ? IP_DF : 0);
    ip[8] = p->ttl;
    nhi_ip4_set_csum(ip, 20);
}

static void put_ipv6(uint8_t *ip, const nhtb_pkt *p)
{
    nhi_ip_set_tos(ip, p->tos);
    nhi_put16(ip + 4, p->len - 40);
    ip[7] = p->ttl;
}

/* Copies of a known length are a few stores. */
static void put_template(uint8_t *ip, const nhi_endpoint *e)
{
    switch (e->hdr_len) {
    case 20: memcpy(ip, e->hdr, 20); break;
    case 28: memcpy(ip, e->hdr, 28); break;
    case 40: memcpy(ip, e->hdr, 40); break;
    default: memcpy(ip, e->hdr, 48); break;
    }
}

static void put_outer(nhtb_worker *w, const nhi_endpoint *e, nhtb_pkt *p)
{
    uint8_t *ip = p->buf + p->off - e->hdr_len;
    p->off -= e->hdr_len;
    p->len += e->hdr_len;
    put_template(ip, e);
    if (e->udp)
        nhi_put16(ip + e->ip_len + 4, p->len - e->ip_len);
    if (e->ip_len == 20)
        put_ipv4(w, ip, p);
    else
        put_ipv6(ip, p);
    if (e->ip_len == 40 && e->udp)
        nhi_udp6_csum(ip);
}

static void wrap(nhtb_worker *w, const nhi_dp_item *it)
{
    const nhi_iface_pub *i = it->iface;
    nhtb_pkt *p = it->pkt;
    p->tos = nhi_ecn_encap(it->v.tos, i->dscp, i->ecn_compat);
    p->ttl = i->ttl != 0 ? i->ttl : DEFAULT_TTL;
    p->flags = (uint8_t)((it->spare ? NHTB_PKT_SPARE_USED : 0) | (outer_df(it) ? NHTB_PKT_DF : 0));
    p->path = &it->ep->path;
    p->gso_size = 0;
    p->kind = it->ep->udp ? NHTB_PKT_UDP_4500 : NHTB_PKT_ESP;
    if (w->emit != NHTB_EMIT_IP)
        return;
    put_outer(w, it->ep, p);
    p->kind = NHTB_PKT_IP_OUTER;
}

void nhi_dp_encap(nhtb_worker *w)
{
    uint64_t transit = 0;
    for (size_t i = 0; i < w->n_live; i++) {
        nhi_dp_item *it = w->live[i];
        if (!it->sealing || it->verdict != NHTB_PKT_TX)
            continue;
        wrap(w, it);
        transit += it->transit && !it->turned && it->reason == NHTB_REASON_NONE;
    }
    if (transit != 0)
        nhi_dp_bump(&w->count.transit_packets, transit);
}
