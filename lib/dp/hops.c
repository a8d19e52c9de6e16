/* SPDX-License-Identifier: Apache-2.0
 * The ways that the packets of a batch ask for: (interface, address) to next-hop slot. Equal ones
 * are looked up once, the others together, so that their trie walks overlap. Used by resolve.c,
 * inpol.c (source check) and transit.c; worker thread. House-style 3.4, 3.5. */
#include "dp/room.h"

void nhi_dp_hops_reset(nhtb_worker *w)
{
    w->n_hops = 0;
    memset(w->hop_bucket, 0, sizeof w->hop_bucket);
}

static bool is(const nhi_dp_hop *h, const nhi_iface_pub *i, const nhtb_addr *addr)
{
    return h->iface == i && nhi_addr_same(h->addr, addr);
}

static size_t home(const nhtb_addr *a)
{
    uint64_t lo, hi;
    memcpy(&hi, a->b, sizeof hi);
    memcpy(&lo, a->b + 8, sizeof lo);
    return (size_t)((hi ^ lo) * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

uint8_t nhi_dp_hop_of(nhtb_worker *w, const nhi_iface_pub *i, const nhtb_addr *addr)
{
    if (w->n_hops != 0 && is(&w->hop[w->n_hops - 1], i, addr)) /* a flow's neighbours */
        return (uint8_t)(w->n_hops - 1);
    for (size_t at = home(addr);; at++) {
        uint8_t *b = &w->hop_bucket[at & (2 * NHI_DP_BATCH - 1)];
        if (*b == 0) {
            *b = (uint8_t)(w->n_hops + 1);
            w->hop[w->n_hops] = (nhi_dp_hop){i, addr, NHI_SLOT_NONE};
            return (uint8_t)w->n_hops++;
        }
        if (is(&w->hop[*b - 1], i, addr))
            return (uint8_t)(*b - 1);
    }
}

/* Those of one family that need the trie, in one walk. */
static void find(nhtb_worker *w, uint8_t family)
{
    const uint8_t *addr[NHI_DP_BATCH];
    uint32_t slot[NHI_DP_BATCH];
    uint8_t of[NHI_DP_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < w->n_hops; i++) {
        if (w->hop[i].slot != NHI_SLOT_NONE || w->hop[i].addr->family != family)
            continue;
        of[n] = (uint8_t)i;
        addr[n++] = w->hop[i].addr->b;
    }
    if (n == 0)
        return;
    nhi_fib_lookup_bulk(w->fib, family, addr, slot, n);
    for (size_t k = 0; k < n; k++)
        w->hop[of[k]].slot = slot[k];
}

/* An address on the subnet of a multipoint interface is its own next hop. */
void nhi_dp_hops_find(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_hops; i++) {
        nhi_dp_hop *h = &w->hop[i];
        if (nhi_fib_on_link(h->iface, h->addr))
            h->slot = nhi_fib_next_hop(w->fib, h->iface->id, h->addr);
    }
    find(w, 4);
    find(w, 6);
}

static nhi_path *path_of(const nhtb_worker *w, const nhi_dp_hop *h)
{
    return h->slot < w->fib->n_slots ? nhi_a_load_acq(&w->fib->slot[h->slot].path) : NULL;
}

/* Slot, path, cell and endpoint, key: each asked for while the ones of other packets are under way. */
void nhi_dp_hops_fetch(const nhtb_worker *w)
{
    const nhi_path *path[NHI_DP_BATCH];
    if (w->n_hops <= 1)
        return; /* nothing would overlap */
    for (size_t i = 0; i < w->n_hops; i++)
        nhi_fetch(&w->fib->slot[w->hop[i].slot]);
    for (size_t i = 0; i < w->n_hops; i++)
        nhi_fetch(path[i] = path_of(w, &w->hop[i]));
    for (size_t i = 0; i < w->n_hops; i++) {
        const nhi_cell *c = path[i] != NULL ? nhi_a_load_acq(&path[i]->out) : NULL;
        if (c == NULL)
            continue;
        nhi_fetch(c);
        nhi_fetch((const void *)&c->soft_seq);
        nhi_fetch((const void *)&c->seq);
        nhi_fetch(nhi_a_load_acq(&path[i]->endpoint));
    }
    for (size_t i = 0; i < w->n_hops; i++) {
        const nhi_cell *c = path[i] != NULL ? nhi_a_load_acq(&path[i]->out) : NULL;
        nhi_fetch(c != NULL ? c->key : NULL);
    }
}
