/* SPDX-License-Identifier: Apache-2.0
 * First inbound stage: what kind of datagram, whose SA, whose worker, and could its number be new.
 * Nothing in a packet is changed before its ICV was right, so HANDOFF carries what came. Worker
 * thread. RFC 3948 2, RFC 4303 3.4.1 to 3.4.3. */
#include "dp/room.h"

enum { PORT_IKE = 500, MARKER = 4, UDP_HDR = 8 };

static void punt_ike(nhi_dp_item *it)
{
    /* Feed needs to know the path; a host that gives none cannot answer. */
    nhi_dp_final(it, it->pkt->path != NULL ? NHTB_PKT_PUNT : NHTB_PKT_DROP, NHTB_REASON_IKE);
}

static void udp_4500(nhi_dp_item *it)
{
    const uint8_t *p = it->pkt->buf + it->esp_off;
    if (it->esp_len == 1 && p[0] == 0xff)
        nhi_dp_drop(it, NHTB_REASON_KEEPALIVE);
    else if (it->esp_len < MARKER)
        nhi_dp_drop(it, NHTB_REASON_RUNT);
    else if (nhi_get32(p) == 0)
        punt_ike(it);
}

static void outer_udp(nhi_dp_item *it)
{
    nhtb_pkt *pkt = it->pkt;
    const uint8_t *udp = pkt->buf + it->esp_off;
    uint32_t len = it->esp_len >= UDP_HDR ? nhi_get16(udp + 4) : 0;
    if (it->esp_len < UDP_HDR) {
        nhi_dp_drop(it, NHTB_REASON_RUNT);
        return;
    }
    if (len < UDP_HDR || len > it->esp_len) {
        nhi_dp_drop(it, NHTB_REASON_BAD_LENGTH);
        return;
    }
    it->esp_off += UDP_HDR;
    it->esp_len = len - UDP_HDR;
    uint8_t kind = NHTB_PKT_IKE_500;
    if (nhi_get16(udp + 2) == PORT_IKE)
        punt_ike(it);
    else {
        kind = NHTB_PKT_UDP_4500;
        udp_4500(it);
    }
    if (it->verdict != NHTB_PKT_PUNT)
        return;
    pkt->off = it->esp_off; /* IKE goes to feed as UDP payload */
    pkt->len = it->esp_len;
    pkt->kind = kind;
}

/** A whole outer packet: header checked and left behind. Reassembly is the host's. */
static void outer_ip(nhi_dp_item *it)
{
    const nhtb_pkt *pkt = it->pkt;
    unsigned reason = nhi_ip_parse(&it->v, pkt->buf + pkt->off, pkt->len, false);
    if (reason == 0 && it->v.fragment)
        reason = NHTB_REASON_FRAGMENT;
    if (reason != 0) {
        nhi_dp_drop(it, reason);
        return;
    }
    it->pkt->tos = it->v.tos;
    it->esp_off = pkt->off + it->v.hdr_len;
    it->esp_len = it->v.total_len - it->v.hdr_len;
    if (it->v.proto == NHI_IPPROTO_UDP)
        outer_udp(it);
    else if (it->v.proto != NHI_IPPROTO_ESP)
        nhi_dp_drop(it, NHTB_REASON_NOT_ESP);
}

static void sort(nhi_dp_item *it)
{
    const nhtb_pkt *pkt = it->pkt;
    if (pkt->off > pkt->cap || pkt->len > pkt->cap - pkt->off) {
        nhi_dp_drop(it, NHTB_REASON_BAD_LENGTH);
        return;
    }
    it->esp_off = pkt->off;
    it->esp_len = pkt->len;
    switch (pkt->kind) {
    case NHTB_PKT_IKE_500: punt_ike(it); return;
    case NHTB_PKT_UDP_4500: udp_4500(it); return;
    case NHTB_PKT_ESP: return;
    case NHTB_PKT_IP_OUTER: outer_ip(it); return;
    default: nhi_dp_drop(it, NHTB_REASON_NOT_ESP); return;
    }
}

static unsigned check_length(const nhi_dp_item *it, const nhi_dp_group *g)
{
    uint32_t fixed = NHI_ESP_HDR + (uint32_t)g->iv_len + g->icv_len;
    if (it->esp_len < fixed + 2)
        return NHTB_REASON_RUNT;
    return ((it->esp_len - fixed) & (g->block - 1u)) != 0 ? NHTB_REASON_BAD_LENGTH : 0;
}

/* What a genuine packet will need next: its key, its place in the window, its tunnel. */
static void fetch(const nhi_dp_item *it, const nhi_cell *c)
{
    nhi_fetch(c->key);
    nhi_fetch(c->window != 0 ? &c->bits[(it->seq >> 6) & c->bits_mask] : NULL);
    nhi_fetch(c->path);
}

static void find_sa(nhtb_worker *w, nhi_dp_item *it)
{
    const uint8_t *esp = it->pkt->buf + it->esp_off;
    nhi_cell *c = it->in_cell = nhi_fib_cell(w->fib, nhi_get32(esp));
    if (c == NULL || c->path == NULL) {
        nhi_dp_drop(it, NHTB_REASON_SPI_UNKNOWN);
        return;
    }
    if (c->worker != w->index) {
        it->pkt->worker = c->worker;
        nhi_dp_bump(&w->count.handoffs, 1);
        nhi_dp_final(it, NHTB_PKT_HANDOFF, NHTB_REASON_WRONG_WORKER);
        return;
    }
    it->group = nhi_dp_group_of(w, c);
    /* Either form is accepted at any time, whatever was agreed (RFC 7296 2.23). */
    unsigned reason = check_length(it, &w->group[it->group]);
    if (reason == 0)
        reason = nhi_cell_replay_check(c, nhi_get32(esp + 4), &it->seq);
    if (reason != 0)
        nhi_dp_drop_in(it, reason);
    else
        fetch(it, c);
}

/* Sorts what came, and asks for the SAs while the rest is sorted. */
static void sort_all(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_set; i++) {
        nhi_dp_item *it = &w->set[i];
        sort(it);
        if (nhi_dp_alive(it) && it->esp_len < NHI_ESP_HDR)
            nhi_dp_drop(it, NHTB_REASON_RUNT);
        if (nhi_dp_alive(it))
            nhi_fib_spi_fetch(w->fib, nhi_get32(it->pkt->buf + it->esp_off));
    }
    for (size_t i = 0; i < w->n_set; i++) {
        const nhi_dp_item *it = &w->set[i];
        if (nhi_dp_alive(it))
            nhi_fib_cell_fetch(w->fib, nhi_get32(it->pkt->buf + it->esp_off));
    }
}

void nhi_dp_demux(nhtb_worker *w)
{
    nhi_dp_group_reset(w);
    sort_all(w);
    for (size_t i = 0; i < w->n_set; i++)
        if (nhi_dp_alive(&w->set[i]))
            find_sa(w, &w->set[i]);
}
