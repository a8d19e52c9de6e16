/* SPDX-License-Identifier: Apache-2.0
 * (interface, next hop) -> slot for workers: an address on a multipoint interface's own subnet is its
 * own next hop (NHTB lookup), whether or not a route names it. Open addressing, at most half full;
 * single-word stores, entries never move, so a reader never misses a present one. Read by dp on
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
    uint32_t i = home(f, iface, a);
    for (uint32_t n = 0; n <= f->next_hop_mask; n++, i = (i + 1) & f->next_hop_mask) {
        uint32_t at = nhi_a_load_acq(&f->next_hop[i]);
        if (at == EMPTY)
            return NHI_SLOT_NONE;
        if (at != GONE && is(&f->slot[at], iface, a))
            return at;
    }
    return NHI_SLOT_NONE;
}

bool nhi_fib_on_link(const nhi_iface_pub *i, const nhtb_addr *a)
{
    return i->kind == NHTB_IFACE_MULTIPOINT &&
           (nhi_addr_in(&i->addr4, a) || nhi_addr_in(&i->addr6, a));
}

uint32_t nhi_fib_resolve(const nhi_fib *f, const nhi_iface_pub *i, const nhtb_addr *a)
{
    uint32_t n = i != NULL && nhi_fib_on_link(i, a) ? nhi_fib_next_hop(f, i->id, a) : NHI_SLOT_NONE;
    return n != NHI_SLOT_NONE ? n : nhi_fib_lookup(f, a);
}

void nhi_fib_next_hop_add(nhi_fib *f, uint32_t slot)
{
    const nhi_slot *s = &f->slot[slot];
    if (s->next_hop.family == 0)
        return;
    uint32_t i = home(f, s->iface, &s->next_hop);
    while (nhi_a_load(&f->next_hop[i]) > GONE)
        i = (i + 1) & f->next_hop_mask;
    nhi_a_store_rel(&f->next_hop[i], slot);
}

void nhi_fib_next_hop_del(nhi_fib *f, uint32_t slot)
{
    const nhi_slot *s = &f->slot[slot];
    uint32_t mask = f->next_hop_mask, i = home(f, s->iface, &s->next_hop), at;
    for (uint32_t n = 0; (at = nhi_a_load(&f->next_hop[i])) != slot; i = (i + 1) & mask)
        if (at == EMPTY || n++ > mask)
            return;
    nhi_a_store_rel(&f->next_hop[i], (uint32_t)GONE);
    if (nhi_a_load(&f->next_hop[(i + 1) & mask]) != EMPTY)
        return;
    for (; nhi_a_load(&f->next_hop[i]) == GONE; i = (i - 1) & mask)
        nhi_a_store_rel(&f->next_hop[i], (uint32_t)EMPTY);
}
