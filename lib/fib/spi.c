/* SPDX-License-Identifier: Apache-2.0
 * Inbound SPI -> cell. Dynamic SPIs index a table directly (low bits) and are compared whole; manual
 * SPIs, which a person chose, live in a small open-addressing table. Read by workers; changed by db
 * on the control thread with single-word stores. RFC 4303 2.1; house-style 3.5. */
#include "fib/fib.h"

static uint32_t manual_home(const nhi_fib *f, uint32_t spi)
{
    return (uint32_t)((spi * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & f->manual_mask;
}

nhi_cell *nhi_fib_manual_get(const nhi_fib *f, uint32_t spi)
{
    const nhi_manual *m = nhi_a_load_acq(&f->manual);
    uint32_t i = manual_home(f, spi);
    for (uint32_t n = 0; n <= f->manual_mask; n++, i = (i + 1) & f->manual_mask) {
        nhi_cell *c = nhi_a_load_acq(&m->v[i]);
        if (c == NULL)
            return NULL;
        if (c->spi == spi)
            return c;
    }
    return NULL;
}

nhi_cell *nhi_fib_cell(const nhi_fib *f, uint32_t spi)
{
    nhi_cell *c = nhi_a_load_acq(&f->spi[spi & f->spi_mask]);
    if (c != NULL && c->spi == spi)
        return c;
    if (spi == 0 || nhi_a_load(&f->n_manual) == 0)
        return NULL;
    return nhi_fib_manual_get(f, spi);
}

void nhi_fib_spi_fetch(const nhi_fib *f, uint32_t spi)
{
    nhi_fetch((const void *)&f->spi[spi & f->spi_mask]);
    if (nhi_a_load(&f->n_manual) != 0)
        nhi_fetch((const void *)&nhi_a_load_acq(&f->manual)->v[manual_home(f, spi)]);
}

static void cell_fetch(const nhi_cell *c)
{
    if (c == NULL)
        return;
    nhi_fetch(c);
    nhi_fetch((const void *)&c->top);
}

/* A manual cell mostly stands where its number says. */
void nhi_fib_cell_fetch(const nhi_fib *f, uint32_t spi)
{
    cell_fetch(nhi_a_load_acq(&f->spi[spi & f->spi_mask]));
    if (nhi_a_load(&f->n_manual) != 0)
        cell_fetch(nhi_a_load_acq(&nhi_a_load_acq(&f->manual)->v[manual_home(f, spi)]));
}

void nhi_fib_spi_set(nhi_fib *f, uint32_t spi, nhi_cell *c)
{
    nhi_a_store_rel(&f->spi[spi & f->spi_mask], c);
}

static void insert(const nhi_fib *f, nhi_manual *m, nhi_cell *c, uint32_t *n_gone)
{
    uint32_t i = manual_home(f, c->spi);
    nhi_cell *at;
    while ((at = nhi_a_load(&m->v[i])) != NULL && at != f->gone)
        i = (i + 1) & f->manual_mask;
    *n_gone -= at == f->gone ? 1 : 0;
    nhi_a_store_rel(&m->v[i], c);
}

static void reclaim(void *user, void *obj)
{
    nhi_fib *f = user;
    nhi_manual *m = obj;
    nhi_mem_free(f->mem, m, m->size);
}

/* Leftovers make unknown SPIs, which anybody can send, slow to refuse. Without memory the present
 * table stays: slower, never wrong. */
static void rebuild_if_worn(nhi_fib *f)
{
    nhi_manual *old = nhi_a_load(&f->manual);
    if (f->n_gone <= f->manual_mask / 4)
        return;
    nhi_manual *m = nhi_mem_alloc(f->mem, old->size, 16);
    if (m == NULL)
        return;
    m->size = old->size;
    f->n_gone = 0;
    for (uint32_t i = 0; i <= f->manual_mask; i++) {
        nhi_cell *c = nhi_a_load(&old->v[i]);
        if (c != NULL && c != f->gone)
            insert(f, m, c, &f->n_gone);
    }
    nhi_a_store_rel(&f->manual, m);
    nhi_qsbr_retire(&f->qsbr, &old->retired, reclaim, f, old);
}

int nhi_fib_manual_add(nhi_fib *f, nhi_cell *c)
{
    uint32_t n = nhi_a_load(&f->n_manual);
    if (n > f->manual_mask / 2)
        return NHTB_ERR_LIMIT;
    insert(f, nhi_a_load(&f->manual), c, &f->n_gone);
    nhi_a_store(&f->n_manual, n + 1);
    return 0;
}

/* A removed entry in the middle of a probe run leaves the `gone` cell, so nothing moves and no
 * reader can miss an entry; at the end of a run all `gone` cells before it become empty again. */
void nhi_fib_manual_del(nhi_fib *f, uint32_t spi)
{
    nhi_manual *m = nhi_a_load(&f->manual);
    uint32_t mask = f->manual_mask, i = manual_home(f, spi), n = 0;
    nhi_cell *at;
    while ((at = nhi_a_load(&m->v[i])) == NULL || at->spi != spi) {
        if (at == NULL || n++ > mask)
            return;
        i = (i + 1) & mask;
    }
    nhi_a_store_rel(&m->v[i], f->gone);
    f->n_gone++;
    nhi_a_store(&f->n_manual, nhi_a_load(&f->n_manual) - 1);
    if (nhi_a_load(&m->v[(i + 1) & mask]) == NULL) {
        for (; nhi_a_load(&m->v[i]) == f->gone; i = (i - 1) & mask, f->n_gone--)
            nhi_a_store_rel(&m->v[i], (nhi_cell *)NULL);
    }
    rebuild_if_worn(f);
}
