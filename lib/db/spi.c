/* SPDX-License-Identifier: Apache-2.0
 * Inbound SPI numbers. SPI = generation | slot; the slot's low bits name the anchor worker (anchor.c),
 * the generation steps at each reuse and slots are reused oldest first, so a stale SPI meets no new
 * SA soon. Called by engine and sad.c; control thread. House-style 3.5; RFC 4303 2.1. */
#include "db/internal.h"

enum { SPI_LOWEST_BITS = 16 }; /* dynamic SPIs are >= 2^16; people choose smaller ones by hand */

static uint32_t slot_count(const nhi_db *db)
{
    return db->fib->spi_mask + 1;
}

/* Smallest generation: never 0, and the whole number never below 2^16. */
static uint32_t gen_low(const nhi_db *db)
{
    return db->spi_bits >= SPI_LOWEST_BITS ? 1 : UINT32_C(1) << (SPI_LOWEST_BITS - db->spi_bits);
}

static uint32_t gen_next(const nhi_db *db, uint32_t gen)
{
    return gen >= UINT32_MAX >> db->spi_bits ? gen_low(db) : gen + 1;
}

static void queue_put(nhi_db *db, uint32_t slot)
{
    nhi_db_spi_queue *q = &db->spi_free[slot & ((1u << db->fib->worker_bits) - 1)];
    db->spi[slot].next = 0;
    if (q->tail != 0)
        db->spi[q->tail - 1].next = slot + 1;
    else
        q->head = slot + 1;
    q->tail = slot + 1;
}

static bool queue_take(nhi_db *db, unsigned worker, uint32_t *slot)
{
    nhi_db_spi_queue *q = &db->spi_free[worker];
    if (q->head == 0)
        return false;
    *slot = q->head - 1;
    q->head = db->spi[*slot].next;
    q->tail = q->head == 0 ? 0 : q->tail;
    return true;
}

int nhi_db_spi_init(nhi_db *db)
{
    uint32_t n = slot_count(db), workers = UINT32_C(1) << db->fib->worker_bits;
    while ((UINT32_C(1) << db->spi_bits) < n)
        db->spi_bits++;
    db->spi = nhi_mem_array(db->mem, n, sizeof *db->spi);
    db->spi_free = nhi_mem_array(db->mem, workers, sizeof *db->spi_free);
    if (db->spi == NULL || db->spi_free == NULL)
        return NHTB_ERR_MEMORY;
    uint32_t range = (UINT32_MAX >> db->spi_bits) - gen_low(db) + 1;
    for (uint32_t i = 0; i < n; i++) {
        /* Not the same numbers after every start: a peer may still use those of our last life. */
        uint64_t r = nhi_siphash(db->env.map_seed, &i, sizeof i);
        db->spi[i].gen = gen_low(db) + (uint32_t)(r % range);
        queue_put(db, i);
    }
    return 0;
}

void nhi_db_spi_fini(nhi_db *db)
{
    uint32_t workers = UINT32_C(1) << db->fib->worker_bits;
    nhi_mem_free(db->mem, db->spi, slot_count(db) * sizeof *db->spi);
    nhi_mem_free(db->mem, db->spi_free, workers * sizeof *db->spi_free);
}

static nhi_db_spi *record_of(const nhi_db *db, uint32_t spi)
{
    nhi_db_spi *r = &db->spi[spi & db->fib->spi_mask];
    bool used = (r->reserved || r->live) && r->gen == spi >> db->spi_bits;
    return used ? r : NULL;
}

bool nhi_db_spi_taken(const nhi_db *db, uint32_t spi)
{
    return record_of(db, spi) != NULL;
}

/* The worker that a number leads to: of a dynamic one the anchor at the time it was reserved. */
uint16_t nhi_db_spi_worker(const nhi_db *db, uint32_t spi)
{
    uint32_t low = spi & ((UINT32_C(1) << db->fib->worker_bits) - 1);
    return (uint16_t)(low % db->env.settings->workers);
}

int nhi_db_spi_reserve(nhi_db *db, nhtb_peer_id peer, uint32_t *spi)
{
    *spi = 0;
    nhi_db_peer *p = nhi_db_peer_get(db, peer.id);
    uint32_t slot;
    if (p == NULL)
        return NHTB_ERR_NOT_FOUND;
    if (!queue_take(db, nhi_db_anchor_of(db, p), &slot))
        return NHTB_ERR_LIMIT;
    nhi_db_spi *r = &db->spi[slot];
    do {
        r->gen = gen_next(db, r->gen);
        *spi = r->gen << db->spi_bits | slot;
    } while (nhi_fib_manual_get(db->fib, *spi) != NULL);
    r->reserved = true;
    r->peer = peer.id;
    p->anchored++;
    return 0;
}

bool nhi_db_spi_reserved_by(const nhi_db *db, uint32_t spi, uint32_t peer)
{
    const nhi_db_spi *r = record_of(db, spi);
    return r != NULL && r->reserved && r->peer == peer;
}

void nhi_db_spi_claim(nhi_db *db, uint32_t spi)
{
    nhi_db_spi *r = record_of(db, spi);
    r->reserved = false;
    r->live = true;
}

void nhi_db_spi_release(nhi_db *db, uint32_t spi)
{
    nhi_db_spi *r = record_of(db, spi);
    if (r == NULL)
        return;
    nhi_db_peer *p = nhi_db_peer_get(db, r->peer);
    r->reserved = r->live = false;
    r->peer = 0;
    queue_put(db, spi & db->fib->spi_mask);
    if (p != NULL && --p->anchored == 0)
        nhi_db_anchor_drop(db, p);
}
