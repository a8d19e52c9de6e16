/* SPDX-License-Identifier: Apache-2.0
 * ESP of the live set: trailer, header, IV, jobs, one seal burst. In place; numbers and room were
 * given before. Outbound stage; jobs as in esp_open.c (room.h). Worker thread. RFC 4303 2 and
 * 3.3.2, RFC 4106, RFC 7634, RFC 3602. */
#include "dp/room.h"

enum { NEXT_IPV4 = 4, NEXT_IPV6 = 41 };

/* RFC 4303 2.2.1, RFC 4106 5: an extended number's high half is authenticated, not sent: with an AEAD
 * between SPI and low half, else behind the text. */
void nhi_dp_esp_extend(nhtb_worker *w, size_t i, const nhi_dp_group *g, uint64_t seq)
{
    nhtb_bulk_job *j = &w->job[i];
    uint32_t high = (uint32_t)(seq >> 32);
    if (g->aead) {
        nhi_put32(w->aad[i], g->spi);
        nhi_put32(w->aad[i] + 4, high);
        nhi_put32(w->aad[i] + 8, (uint32_t)seq);
        j->aad = w->aad[i];
        j->aad_len = 12;
    } else {
        nhi_put32(w->tail[i], high);
        j->tail = w->tail[i];
        j->tail_len = 4;
    }
}

/* An AEAD's IV is the sequence number, which is never used twice with a key (RFC 4106 3.1); a CBC
 * IV must not be foreseen (RFC 3602 3). */
static void write_head(nhtb_worker *w, const nhi_dp_group *g, uint8_t *esp, uint64_t seq)
{
    nhi_put64(esp, (uint64_t)g->spi << 32 | (uint32_t)seq);
    if (g->aead)
        nhi_put64(esp + NHI_ESP_HDR, seq);
    else
        nhi_rng_bytes(&w->rng, esp + NHI_ESP_HDR, g->iv_len);
}

static void prepare(nhtb_worker *w, nhi_dp_item *it, size_t job)
{
    const nhi_dp_group *g = &w->group[it->group];
    const nhtb_pkt *p = it->pkt;
    uint8_t *data = p->buf + p->off;
    uint8_t *esp = data - NHI_ESP_HDR - g->iv_len;
    it->seq = g->first + it->nth;
    it->inner_len = p->len;
    it->text_len = p->len + nhi_esp_trailer_put(data + p->len, nhi_esp_pad(p->len, g->align),
                                                it->v.version == 4 ? NEXT_IPV4 : NEXT_IPV6);
    write_head(w, g, esp, it->seq);
    nhi_dp_esp_job(w, job, g, esp, it->text_len, it->seq);
}

static void finish(nhtb_worker *w, nhi_dp_item *it, int status)
{
    nhi_dp_group *g = &w->group[it->group];
    nhtb_pkt *p = it->pkt;
    if (status != NHTB_BULK_OK) {
        nhi_dp_drop(it, NHTB_REASON_CRYPTO);
        return;
    }
    uint32_t head = NHI_ESP_HDR + (uint32_t)g->iv_len;
    p->off -= head;
    p->len = head + it->text_len + g->icv_len;
    g->done++;
    g->bytes += it->inner_len;
    nhi_dp_final(it, NHTB_PKT_TX, it->reason);
}

static void account(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_groups; i++)
        nhi_dp_count_out(w, w->group[i].iface, w->group[i].done, w->group[i].bytes);
    nhi_dp_group_account(w);
}

/* What the claim did not grant has no number and must not be sealed. */
static bool numbered(nhtb_worker *w, nhi_dp_item *it)
{
    if (it->sealing && it->nth >= w->group[it->group].granted) {
        it->sealing = false;
        nhi_dp_drop(it, NHTB_REASON_SEQ_EXHAUSTED);
    }
    return it->sealing;
}

void nhi_dp_seal(nhtb_worker *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_live; i++) {
        if (!numbered(w, w->live[i]))
            continue;
        w->job_item[n] = (uint8_t)i;
        prepare(w, w->live[i], n++);
    }
    if (n == 0)
        return;
    w->crypto->bulk->seal(w->lane.mem, w->lane.index, w->job, n);
    for (size_t k = 0; k < n; k++)
        finish(w, w->live[w->job_item[k]], w->job[k].status);
    account(w);
}
