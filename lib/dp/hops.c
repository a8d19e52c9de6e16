/* SPDX-License-Identifier: Apache-2.0
 * The ways that the packets of a batch ask for: (interface, address) to next-hop slot. Answers are
 * remembered until control changes one (nhi_fib.ways); new questions of a batch are asked once each
 * and looked up together, so that their trie walks overlap. Used by resolve.c, inpol.c (source
 * check) and transit.c; worker thread. House-style 3.4, 3.5. */
#include "dp/room.h"

uint32_t nhi_dp_ask_new(nhtb_worker *w, nhi_dp_memo *m, const nhi_iface_pub *i,
                        const nhtb_addr *addr)
{
    uint32_t way = NHI_DP_PENDING | (uint32_t)w->n_hops;
    w->hop[w->n_hops++] = (nhi_dp_hop){m, i, addr, NHI_SLOT_NONE};
    *m = (nhi_dp_memo){i, *addr, way};
    return way;
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
    for (uint32_t i = 0; i < w->n_hops; i++)
        if (w->hop[i].memo->slot == (NHI_DP_PENDING | i)) /* else another one took its place */
            w->hop[i].memo->slot = w->hop[i].slot;
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
        nhi_fetch((const void *)&c->seq);
        nhi_fetch(nhi_a_load_acq(&path[i]->endpoint));
    }
    for (size_t i = 0; i < w->n_hops; i++) {
        const nhi_cell *c = path[i] != NULL ? nhi_a_load_acq(&path[i]->out) : NULL;
        nhi_fetch(c != NULL ? c->key : NULL);
    }
}
