/* SPDX-License-Identifier: Apache-2.0
 * Fits the packet its tunnel? Too big with DF or IPv6: ICMP over the offending packet, to the host
 * or back into the tunnel it came by. Outbound stage (decides) and admit (acts); worker thread.
 * RFC 4301 8.1 and 8.2, RFC 1191, RFC 8201. */
#include "dp/room.h"

/** Of the packet, or of its first and largest segment. */
static uint32_t datagram_len(const nhi_dp_item *it)
{
    uint32_t len = nhi_dp_is_super(it) ? nhi_dp_segment_hdr(it) + it->pkt->gso_size : UINT32_MAX;
    return len < it->v.total_len ? len : it->v.total_len;
}

/** IPv6 knows no smaller MTU than 1280: below that the outer packet is fragmented (RFC 8200 5). */
static bool fits(const nhi_dp_item *it, uint32_t len)
{
    return len <= it->limit || (it->v.version == 6 && len <= NHI_DP_V6_MIN);
}

void nhi_dp_mtu_one(nhi_dp_item *it)
{
    uint32_t len = datagram_len(it);
    if (!fits(it, len) && it->v.df)
        it->step = NHI_DP_STEP_TOO_BIG;
    else if (!fits(it, len) || len < it->v.total_len)
        it->step = NHI_DP_STEP_PIECES;
}

void nhi_dp_mtu(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_set; i++)
        if (w->set[i].step == NHI_DP_STEP_SEND)
            nhi_dp_mtu_one(&w->set[i]);
}

static const nhtb_addr *own_addr(const nhi_iface_pub *i, uint8_t version)
{
    return version == 4 ? &i->addr4.addr : &i->addr6.addr;
}

/** The error takes the place of the packet, before the data when there is no room behind it. */
static bool place_here(nhi_dp_item *it, const uint8_t *icmp, uint32_t n, uint32_t head,
                       uint32_t tail)
{
    nhtb_pkt *p = it->pkt;
    if ((uint64_t)head + n + tail > p->cap)
        return false;
    if (p->off < head || (uint64_t)p->off + n + tail > p->cap)
        p->off = head;
    memcpy(p->buf + p->off, icmp, n);
    p->len = n;
    p->gso_size = 0;
    p->flags = 0;
    return true;
}

static void to_host(nhtb_worker *w, nhi_dp_item *it, uint32_t n, unsigned reason)
{
    if (!place_here(it, w->icmp, n, 0, 0)) {
        nhi_dp_drop(it, NHTB_REASON_TOO_BIG_SILENT);
        nhi_dp_push(w, it);
        return;
    }
    nhi_dp_bump(&w->count.icmp_sent, 1);
    nhi_dp_final(it, NHTB_PKT_DELIVER, reason);
    nhi_dp_push(w, it);
}

/** The item becomes the error on its way back; false when the tunnel cannot carry it. */
static bool turn_back(nhtb_worker *w, nhi_dp_item *it, uint32_t n)
{
    it->iface = it->in_iface;
    if (nhi_ip_parse(&it->v, w->icmp, n, false) != 0 || !nhi_dp_use_path(it, it->in_path))
        return false;
    nhi_ip_addrs(w->icmp, &it->flow.src, &it->flow.dst);
    it->flow.sport = it->v.sport;
    it->flow.dport = it->v.dport;
    it->flow.proto = it->v.proto;
    it->flow.has_ports = it->v.has_ports;
    return nhi_sel_match_out(it->cell->sel, &it->flow);
}

static void into_tunnel(nhtb_worker *w, nhi_dp_item *it, uint32_t n, unsigned reason,
                        unsigned silent)
{
    nhi_dp_item back = *it;
    bool none = false;
    nhi_dp_drop(it, silent);
    if (turn_back(w, &back, n)) {
        uint32_t head = nhi_dp_head_need(w, &back), tail = nhi_dp_tail_need(&back, n);
        back.step = NHI_DP_STEP_SEND;
        if (place_here(&back, w->icmp, n, head, tail)) {
            back.reason = (uint8_t)reason;
            nhi_dp_bump(&w->count.icmp_sent, 1);
            nhi_dp_push_made(w, &back);
            return;
        }
        back.pkt = nhi_dp_spare(w, head, n, tail, &none);
        if (back.pkt != NULL) {
            memcpy(nhi_dp_data(&back), w->icmp, n);
            back.spare = true;
            nhi_dp_bump(&w->count.icmp_sent, 1);
            nhi_dp_push_made(w, &back);
            nhi_dp_drop(it, reason);
        }
    }
    nhi_dp_push(w, it);
}

void nhi_dp_error(nhtb_worker *w, nhi_dp_item *it)
{
    bool ttl = it->step == NHI_DP_STEP_TTL;
    nhi_icmp_kind kind = ttl ? NHI_ICMP_TIME_EXCEEDED : NHI_ICMP_TOO_BIG;
    unsigned reason = ttl ? NHTB_REASON_TTL : NHTB_REASON_TOO_BIG;
    unsigned silent = ttl ? NHTB_REASON_TTL : NHTB_REASON_TOO_BIG_SILENT;
    const uint8_t *p = nhi_dp_data(it);
    const nhi_iface_pub *from = it->transit ? it->in_iface : it->iface;
    size_t n = 0;
    if (nhi_icmp_allowed(p, it->pkt->len, &it->v, kind))
        n = nhi_icmp_build(w->icmp, sizeof w->icmp, p, it->pkt->len, &it->v, kind,
                           own_addr(from, it->v.version), it->limit);
    if (n == 0) {
        nhi_dp_drop(it, silent);
        nhi_dp_push(w, it);
    } else if (it->transit) {
        into_tunnel(w, it, (uint32_t)n, reason, silent);
    } else {
        to_host(w, it, (uint32_t)n, reason);
    }
}
