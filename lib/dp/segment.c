/* SPDX-License-Identifier: Apache-2.0
 * Super-packets (TCP or UDP, virtio-net sense) to MTU packets: lengths, ids, sequence numbers, flags
 * and checksums are finished here; also single owed checksums. Called by admit.c and fanout.c;
 * worker thread. RFC 9293 3.1, RFC 768, RFC 3168 6.1.2 (CWR once). */
#include "dp/room.h"

enum { TCP_FIN_PSH = 0x09, TCP_CWR = 0x80, TCP_CSUM = 16, UDP_CSUM = 6, TCP_MIN = 20, UDP_HDR = 8 };

uint32_t nhi_dp_segment_hdr(const nhi_dp_item *it)
{
    const nhi_ip_view *v = &it->v;
    uint32_t len = it->pkt->len, l4 = v->hdr_len;
    if (v->fragment || l4 + UDP_HDR > len)
        return 0;
    if (v->proto == NHI_IPPROTO_UDP)
        return l4 + UDP_HDR <= NHI_DP_HEAD_MAX ? l4 + UDP_HDR : 0;
    if (v->proto != NHI_IPPROTO_TCP || l4 + TCP_MIN > len)
        return 0;
    uint32_t tcp = (uint32_t)(nhi_dp_data(it)[l4 + 12] >> 4) * 4;
    bool good = tcp >= TCP_MIN && l4 + tcp <= len && l4 + tcp <= NHI_DP_HEAD_MAX;
    return good ? l4 + tcp : 0;
}

static void put_csum(uint8_t *field, uint64_t sum, bool udp)
{
    uint16_t c = nhi_csum_fold(sum);
    nhi_put16(field, udp && c == 0 ? 0xffff : c); /* RFC 768: 0 means none */
}

static void finish_l4(uint8_t *head, const nhi_ip_view *v, const nhi_dp_cut *c)
{
    bool udp = v->proto == NHI_IPPROTO_UDP;
    uint8_t *l4 = head + v->hdr_len, *field = l4 + (udp ? UDP_CSUM : TCP_CSUM);
    uint32_t l4_len = c->head_len - v->hdr_len, upper = l4_len + c->data_len;
    if (udp)
        nhi_put16(l4 + 4, upper);
    nhi_put16(field, 0);
    uint64_t sum = nhi_ip_pseudo_sum(head, v->proto, upper);
    sum = nhi_csum_add(sum, l4, l4_len); /* even, so the data may be chained */
    put_csum(field, nhi_csum_add(sum, c->data, c->data_len), udp);
}

static void adjust_tcp(uint8_t *tcp, const nhi_dp_wait *at, bool last)
{
    nhi_put32(tcp + 4, nhi_get32(tcp + 4) + at->seg_off);
    if (!last)
        tcp[13] &= (uint8_t)~TCP_FIN_PSH;
    if (at->seg_no != 0)
        tcp[13] &= (uint8_t)~TCP_CWR;
}

static void cut_super(nhtb_worker *w, const nhi_dp_item *it, nhi_dp_cut *c)
{
    const nhi_dp_wait *at = &w->wait;
    const uint8_t *p = nhi_dp_data(it);
    uint8_t *head = w->head;
    uint32_t left;
    c->head = head;
    c->head_len = nhi_dp_segment_hdr(it);
    left = it->pkt->len - c->head_len - at->seg_off;
    c->data = p + c->head_len + at->seg_off;
    c->last = left <= it->pkt->gso_size;
    c->data_len = c->last ? left : it->pkt->gso_size;
    memcpy(head, p, c->head_len);
    nhi_ip_set_len(head, c->head_len + c->data_len);
    if (it->v.proto == NHI_IPPROTO_TCP)
        adjust_tcp(head + it->v.hdr_len, at, c->last);
    finish_l4(head, &it->v, c);
    if (it->v.version == 4) {
        nhi_put16(head + 4, nhi_get16(head + 4) + at->seg_no);
        nhi_ip4_set_csum(head, it->v.ip_len);
    }
}

void nhi_dp_segment_cut(nhtb_worker *w, const nhi_dp_item *it, nhi_dp_cut *cut)
{
    if (nhi_dp_is_super(it)) {
        cut_super(w, it, cut);
        return;
    }
    cut->head = nhi_dp_data(it);
    cut->head_len = it->v.hdr_len;
    cut->data = cut->head + cut->head_len;
    cut->data_len = it->v.total_len - cut->head_len;
    cut->last = true;
}

void nhi_dp_segment_single(nhi_dp_item *it)
{
    if (!nhi_dp_is_super(it))
        return;
    uint8_t *p = nhi_dp_data(it);
    nhi_dp_cut c = {.head_len = nhi_dp_segment_hdr(it), .last = true};
    c.data = p + c.head_len;
    c.data_len = it->pkt->len - c.head_len;
    nhi_ip_set_len(p, it->pkt->len);
    if (it->v.version == 4)
        nhi_ip4_set_csum(p, it->v.ip_len);
    finish_l4(p, &it->v, &c);
    it->pkt->gso_size = 0;
    it->pkt->flags &= (uint8_t)~NHTB_PKT_NEEDS_CSUM;
}

bool nhi_dp_finish_csum(nhi_dp_item *it)
{
    nhtb_pkt *p = it->pkt;
    if ((p->flags & NHTB_PKT_NEEDS_CSUM) == 0)
        return true;
    uint32_t start = p->csum_start, field = start + p->csum_offset;
    if (start < it->v.hdr_len || field + 2 > it->v.total_len)
        return false;
    uint8_t *data = nhi_dp_data(it);
    /* The field holds the pseudo header's sum already. */
    put_csum(data + field, nhi_csum_add(0, data + start, it->v.total_len - start),
             it->v.proto == NHI_IPPROTO_UDP);
    p->flags &= (uint8_t)~NHTB_PKT_NEEDS_CSUM;
    return true;
}
