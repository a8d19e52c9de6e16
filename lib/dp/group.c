/* SPDX-License-Identifier: Apache-2.0
 * Buckets a batch by SA cell, so that each cell's counters are touched once per batch: one claim of
 * sequence numbers (outbound), one account (both ways). Worker thread. RFC 4303 3.3.3. */
#include "dp/room.h"

void nhi_dp_group_reset(nhtb_worker *w)
{
    w->n_groups = 0;
    memset(w->bucket, 0, sizeof w->bucket);
}

static void describe(nhi_dp_group *g, nhi_cell *c)
{
    const nhi_bulk_facts *f = c->facts;
    *g = (nhi_dp_group){.cell = c,
                        .key = c->key,
                        .spi = c->spi,
                        .iv_len = f->iv_len,
                        .icv_len = f->icv_len,
                        .align = (uint8_t)nhi_bulk_align(f),
                        .block = f->block,
                        .aead = f->aead,
                        .esn = c->esn};
}

uint8_t nhi_dp_group_find(nhtb_worker *w, nhi_cell *c)
{
    uint64_t h = (uint64_t)(uintptr_t)c >> 6;
    size_t i = (size_t)(h ^ h >> 7 ^ h >> 14);
    for (;; i++) {
        uint8_t *b = &w->bucket[i & (2 * NHI_DP_BATCH - 1)];
        if (*b == 0) {
            *b = (uint8_t)(w->n_groups + 1);
            describe(&w->group[w->n_groups], c);
            return (uint8_t)w->n_groups++;
        }
        if (w->group[*b - 1].cell == c)
            return (uint8_t)(*b - 1);
    }
}

void nhi_dp_group_live(nhtb_worker *w)
{
    nhi_dp_group_reset(w);
    for (size_t i = 0; i < w->n_live; i++) {
        nhi_dp_item *it = w->live[i];
        if (!nhi_dp_alive(it))
            continue;
        it->group = nhi_dp_group_of(w, it->cell);
        nhi_dp_group *g = &w->group[it->group];
        g->iface = it->iface;
        it->nth = g->n++;
        it->sealing = true;
    }
    for (size_t i = 0; i < w->n_groups; i++) {
        nhi_dp_group *g = &w->group[i];
        g->granted = nhi_cell_claim(g->cell, g->n, &g->first);
    }
}

void nhi_dp_group_account(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_groups; i++) {
        nhi_dp_group *g = &w->group[i];
        nhi_cell_account(g->cell, g->done, g->bytes, w->now);
    }
}
