/* SPDX-License-Identifier: Apache-2.0
 * ESP of the live set: trailer, header, IV, jobs, one seal burst. In place; numbers and room were
 * given before. Outbound stage; also builds the jobs of esp_open.c. Worker thread. RFC 4303 2 and
 * 3.3.2, RFC 4106, RFC 7634, RFC 3602. */
#include "dp/room.h"

enum { NEXT_IPV4 = 4, NEXT_IPV6 = 41 };

/** Job i over the ESP packet at esp with text_len bytes between IV and ICV. */
void nhi_dp_esp_job(nhtb_worker *w, size_t i, const nhi_cell *c, uint8_t *esp, uint32_t text_len,
                    uint64_t seq)
{
    const nhi_bulk_facts *f = c->facts;
    nhtb_bulk_job *j = &w->job[i];
    uint8_t *text = esp + NHI_ESP_HDR + f->iv_len;
    *j = (nhtb_bulk_job){.key = c->key,
                         .src = text,
                         .dst = text,
                         .iv = esp + NHI_ESP_HDR,
                         .icv = text + text_len,
                         .len = text_len,
                         .aad = esp,
                         .aad_len = NHI_ESP_HDR,
                         .status = NHTB_BULK_FAIL};
    if (!c->esn)
        return;
    uint32_t high = (uint32_t)(seq >> 32);
    if (f->aead) { /* RFC 4106 5: SPI and the whole number */
        memcpy(w->aad[i], esp, 4);
        nhi_put32(w->aad[i] + 4, high);
        nhi_put32(w->aad[i] + 8, (uint32_t)seq);
        j->aad = w->aad[i];
        j->aad_len = 12;
    } else { /* RFC 4303 2.2.1: the high half is authenticated behind the text, not sent */
        nhi_put32(w->tail[i], high);
        j->tail = w->tail[i];
        j->tail_len = 4;
    }
}

/* An AEAD's IV is the sequence number, which is never used twice with a key (RFC 4106 3.1); a CBC
 * IV must not be foreseen (RFC 3602 3). */
static void write_iv(nhtb_worker *w, const nhi_bulk_facts *f, uint8_t *iv, uint64_t seq)
{
    if (f->aead)
        nhi_put64(iv, seq);
    else
        nhi_rng_bytes(&w->rng, iv, f->iv_len);
}

static void prepare(nhtb_worker *w, nhi_dp_item *it, size_t job)
{
    const nhi_cell *c = it->cell;
    const nhi_bulk_facts *f = c->facts;
    nhtb_pkt *p = it->pkt;
    uint32_t pad = nhi_esp_pad(p->len, nhi_bulk_align(f));
    uint8_t *data = p->buf + p->off;
    uint8_t *esp = data - NHI_ESP_HDR - f->iv_len;
    it->inner_len = p->len;
    it->text_len = p->len + nhi_esp_trailer_write(data + p->len, pad,
                                                  it->v.version == 4 ? NEXT_IPV4 : NEXT_IPV6);
    nhi_put32(esp, c->spi);
    nhi_put32(esp + 4, (uint32_t)it->seq);
    write_iv(w, f, esp + NHI_ESP_HDR, it->seq);
    nhi_dp_esp_job(w, job, c, esp, it->text_len, it->seq);
}

static void finish(nhtb_worker *w, nhi_dp_item *it, int status)
{
    const nhi_bulk_facts *f = it->cell->facts;
    nhtb_pkt *p = it->pkt;
    if (status != NHTB_BULK_OK) {
        nhi_dp_drop(it, NHTB_REASON_CRYPTO);
        return;
    }
    p->off -= NHI_ESP_HDR + (uint32_t)f->iv_len;
    p->len = NHI_ESP_HDR + (uint32_t)f->iv_len + it->text_len + f->icv_len;
    nhi_dp_group *g = &w->group[it->group];
    g->done++;
    g->bytes += it->inner_len;
    nhi_dp_final(it, NHTB_PKT_TX, it->reason);
    nhi_dp_count_out(w, it, it->inner_len);
}

void nhi_dp_seal(nhtb_worker *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_live; i++) {
        if (!w->live[i].sealing)
            continue;
        w->job_item[n] = (uint8_t)i;
        prepare(w, &w->live[i], n++);
    }
    if (n == 0)
        return;
    w->crypto->bulk->seal(w->lane.mem, w->lane.index, w->job, n);
    for (size_t k = 0; k < n; k++)
        finish(w, &w->live[w->job_item[k]], w->job[k].status);
}
