/* SPDX-License-Identifier: Apache-2.0
 * (interface, next hop) -> slot for workers: an address on a multipoint interface's own subnet is its
 * own next hop (NHTB lookup), whether or not a route names it. Open addressing, at most half full;
 * single-word stores, entries never move inside a table, so a reader never misses a present one. Read by dp on
 * workers; changed by db/slot.c on the control thread. House-style 3.5. */
#include "fib/fib.h"

enum { EMPTY = 0, GONE = 1 }; /* NHI_SLOT_NONE and NHI_SLOT_LOCAL are never entries */

static uint32_t home(const nhi_fib *f, uint32_t iface, const nhtb_addr *a)
{
    uint64_t h = iface ^ (uint64_t)nhi_get32(a->b) << 32;
    h = (h ^ nhi_get64(a->b + 8) ^ nhi_get32(a->b + 4)) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32) & f->next_hop_mask;
}

static bool is(const nhi_slot *s, uint32_t iface, const nhtb_addr *a)
{
    return s->iface == iface && memcmp(&s->next_hop, a, sizeof *a) == 0;
}

uint32_t nhi_fib_next_hop(const nhi_fib *f, uint32_t iface, const nhtb_addr *a)
{
    const nhi_next_hops *t = nhi_a_load_acq(&f->next_hop);
    uint32_t i = home(f, iface, a);
    for (uint32_t n = 0; n <= f->next_hop_mask; n++, i = (i + 1) & f->next_hop_mask) {
        uint32_t at = nhi_a_load_acq(&t->v[i]);
        if (at == EMPTY)
            return NHI_SLOT_NONE;
        if (at != GONE && is(&f->slot[at], iface, a))
            return at;
    }
    return NHI_SLOT_NONE;
}

uint32_t nhi_fib_resolve(const nhi_fib *f, const nhi_iface_pub *i, const nhtb_addr *a)
{
    uint32_t n = i != NULL && nhi_fib_on_link(i, a) ? nhi_fib_next_hop(f, i->id, a) : NHI_SLOT_NONE;
    return n != NHI_SLOT_NONE ? n : nhi_fib_lookup(f, a);
}

static void insert(const nhi_fib *f, nhi_next_hops *t, uint32_t slot, uint32_t *n_gone)
{
    const nhi_slot *s = &f->slot[slot];
    uint32_t i = home(f, s->iface, &s->next_hop), at;
    while ((at = nhi_a_load(&t->v[i])) > GONE)
        i = (i + 1) & f->next_hop_mask;
    *n_gone -= at == GONE ? 1 : 0;
    nhi_a_store_rel(&t->v[i], slot);
}

static void reclaim(void *user, void *obj)
{
    nhi_fib *f = user;
    nhi_next_hops *t = obj;
    nhi_mem_free(f->mem, t, t->size);
}

/* Leftovers make addresses that are not bound, which anybody may send to, slow to look up. Without
 * memory the present table stays: slower, never wrong. */
static void rebuild_if_worn(nhi_fib *f)
{
    nhi_next_hops *old = nhi_a_load(&f->next_hop);
    if (f->n_next_hop_gone <= f->next_hop_mask / 4)
        return;
    nhi_next_hops *t = nhi_mem_alloc(f->mem, old->size, 16);
    if (t == NULL)
        return;
    t->size = old->size;
    f->n_next_hop_gone = 0;
    for (uint32_t i = 0; i <= f->next_hop_mask; i++)
        if (nhi_a_load(&old->v[i]) > GONE)
            insert(f, t, nhi_a_load(&old->v[i]), &f->n_next_hop_gone);
    nhi_a_store_rel(&f->next_hop, t);
    nhi_qsbr_retire(&f->qsbr, &old->retired, reclaim, f, old);
}

void nhi_fib_next_hop_add(nhi_fib *f, uint32_t slot)
{
    if (f->slot[slot].next_hop.family != 0)
        insert(f, nhi_a_load(&f->next_hop), slot, &f->n_next_hop_gone);
    nhi_fib_ways_changed(f);
}

void nhi_fib_next_hop_del(nhi_fib *f, uint32_t slot)
{
    const nhi_slot *s = &f->slot[slot];
    nhi_next_hops *t = nhi_a_load(&f->next_hop);
    uint32_t mask = f->next_hop_mask, i = home(f, s->iface, &s->next_hop), at;
    for (uint32_t n = 0; (at = nhi_a_load(&t->v[i])) != slot; i = (i + 1) & mask)
        if (at == EMPTY || n++ > mask)
            return;
    nhi_a_store_rel(&t->v[i], (uint32_t)GONE);
    f->n_next_hop_gone++;
    if (nhi_a_load(&t->v[(i + 1) & mask]) == EMPTY) {
        for (; nhi_a_load(&t->v[i]) == GONE; i = (i - 1) & mask, f->n_next_hop_gone--)
            nhi_a_store_rel(&t->v[i], (uint32_t)EMPTY);
    }
    nhi_fib_ways_changed(f);
    rebuild_if_worn(f);
}
