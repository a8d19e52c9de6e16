/* SPDX-License-Identifier: Apache-2.0
 * Prefix table: life and lookups. Lookups run on workers between nhi_qsbr_online and rest, take no
 * memory and write nothing; everything else on the control thread. A lookup in bulk goes down all
 * addresses of a group level by level and asks for the next level's memory ahead, so that it waits
 * for many at once. lpm_edit.c changes a batch, lpm_walk.c iterates. House-style 3.5. */
#include "fib/lpm_node.h"

enum { GROUP = 32 };

/* Bytes that one route may cost: two nodes with their links and values, two blocks, each also as the
 * copy that readers still use, and what size classes and the spans' description lose. */
enum { ROUTE_BYTES = 640, SPANS = 128, SPAN_BYTES = 2048, PAGE_BYTES = 4096 };

static bool is_direct(size_t max_routes)
{
    return max_routes >= NHI_LPM_DIRECT_MIN;
}

size_t nhi_lpm_size(uint8_t family, size_t max_routes)
{
    (void)family;
    size_t direct = is_direct(max_routes) ? 4 * NHI_LPM_DIRECT_LEN * (size_t)PAGE_BYTES : 0;
    return sizeof(nhi_lpm) + max_routes * ROUTE_BYTES + SPANS * SPAN_BYTES + direct;
}

nhi_lpm *nhi_lpm_new(nhi_mem *mem, nhi_qsbr *q, uint8_t family, size_t max_routes)
{
    nhi_lpm *l = nhi_mem_alloc(mem, sizeof *l, NHI_CACHE_LINE);
    if (l == NULL)
        return NULL;
    l->mem = mem;
    l->qsbr = q;
    l->family = family;
    l->max_routes = max_routes;
    l->direct = is_direct(max_routes);
    if (nhi_lpm_pool_init(&l->pool, mem, q, l->direct) == 0)
        return l;
    nhi_mem_free(mem, l, sizeof *l);
    return NULL;
}

void nhi_lpm_del(nhi_lpm *l)
{
    if (l == NULL)
        return;
    nhi_lpm_pool_fini(&l->pool);
    nhi_mem_free(l->mem, l, sizeof *l);
}

size_t nhi_lpm_count(const nhi_lpm *l)
{
    return nhi_lpm_state_of(l)->count;
}

/* ---- lookup ---- */

/** The table as one call sees it. */
typedef struct view {
    const nhi_lpm *l;
    const nhi_lpm_entry *root;
    const nhi_lpm_chunks *chunks;
} view;

static inline view view_now(const nhi_lpm *l)
{
    const nhi_lpm_entry *root = nhi_a_load_acq(&l->root); /* first: what it leads to is in chunks */
    return (view){l, root, nhi_a_load(&l->pool.chunks)};
}

static inline void *in(const view *t, uint32_t at)
{
    return nhi_lpm_pool_in(t->chunks, &t->l->pool, at);
}

/** One address on its way down: the bits that are left, the next block, the best answer so far. */
typedef struct lane {
    nhi_lpm_key k;
    uint32_t block, best;
} lane;

/* The bits that were left out: false when the address differs there. */
static inline bool pass_gap(lane *a, const uint64_t **w)
{
    for (;;) {
        uint64_t gap = *(*w)++;
        unsigned n = gap & NHI_LPM_GAP_BITS;
        bool more = n == NHI_LPM_GAP_MORE;
        n = more ? NHI_LPM_GAP_MAX : n;
        if ((a->k.hi ^ gap) >> (64 - n) != 0)
            return false;
        a->k = nhi_lpm_shift(a->k, n);
        if (!more)
            return true;
    }
}

/* One block: its answer, and the block that follows or 0. */
static inline void pass_block(const view *t, lane *a)
{
    uint32_t kind = a->block;
    const uint64_t *w = in(t, kind >> NHI_LPM_AT);
    uint64_t outer = 0;
    uint32_t next = 0;
    a->block = 0;
    if ((kind & NHI_LPM_GAP) != 0 && !pass_gap(a, &w))
        return;
    unsigned c = (unsigned)(a->k.hi >> 58), children = 0;
    if ((kind & NHI_LPM_CHILD) != 0)
        outer = *w++;
    uint64_t map = (kind & NHI_LPM_VALUES) != 0 ? *w++ : 0;
    const uint32_t *handles = (const uint32_t *)w;
    if (outer != 0) {
        children = nhi_lpm_bits(outer);
        if (nhi_lpm_has(outer, c))
            next = handles[nhi_lpm_rank(outer, c)];
    }
    if (map != 0) {
        const uint32_t *v = handles + children;
        unsigned i = nhi_lpm_bits(map << (63 - c)) - 1;
        uint32_t x = (kind & NHI_LPM_WIDE) != 0 ? v[i] : ((const uint16_t *)v)[i];
        a->best = x != 0 ? x : a->best;
    }
    a->k = nhi_lpm_shift(a->k, NHI_LPM_STRIDE);
    a->block = next;
}

static inline void pass_entry(const nhi_lpm_entry *e, lane *a)
{
    a->block = e->block;
    a->best = e->value != 0 ? e->value : a->best;
}

static inline unsigned take_direct(lane *a)
{
    unsigned i = (unsigned)(a->k.hi >> (64 - NHI_LPM_DIRECT));
    a->k = nhi_lpm_shift(a->k, NHI_LPM_DIRECT);
    return i;
}

static void lookup(const view *t, lane *a)
{
    pass_entry(t->l->direct ? &t->root[take_direct(a)] : t->root, a);
    if (t->l->direct && a->block != 0) {
        const nhi_lpm_entry *page = in(t, a->block);
        pass_entry(&page[take_direct(a)], a);
    }
    while (a->block != 0)
        pass_block(t, a);
}

uint32_t nhi_lpm_get(const nhi_lpm *l, const uint8_t *a)
{
    view t = view_now(l);
    lane x = {.k = nhi_lpm_key_of(l->family, a)};
    if (t.root != NULL)
        lookup(&t, &x);
    return x.best;
}

/* ---- lookup in bulk ---- */

static inline void ahead(const view *t, uint32_t block)
{
    __builtin_prefetch(in(t, block >> NHI_LPM_AT));
}

/* Top and its pages, for all lanes; returns how many go on, their numbers in `on`. */
static size_t group_direct(const view *t, lane *v, size_t n, uint8_t *on)
{
    static const nhi_lpm_entry nothing;
    const nhi_lpm_entry *at[GROUP];
    for (size_t i = 0; i < n; i++) {
        pass_entry(&t->root[take_direct(&v[i])], &v[i]);
        const nhi_lpm_entry *page = in(t, v[i].block);
        at[i] = v[i].block == 0 ? &nothing : &page[take_direct(&v[i])];
        __builtin_prefetch(at[i]);
    }
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        pass_entry(at[i], &v[i]);
        on[left] = (uint8_t)i;
        left += v[i].block != 0;
        ahead(t, v[i].block);
    }
    return left;
}

static size_t group_first(const view *t, lane *v, size_t n, uint8_t *on)
{
    if (t->l->direct)
        return group_direct(t, v, n, on);
    for (size_t i = 0; i < n; i++) {
        pass_entry(t->root, &v[i]);
        on[i] = (uint8_t)i;
    }
    return t->root->block != 0 ? n : 0;
}

static void group(const view *t, lane *v, size_t n)
{
    uint8_t on[GROUP];
    for (size_t left = group_first(t, v, n, on), go; left > 0;) {
        go = left;
        left = 0;
        for (size_t i = 0; i < go; i++) {
            lane *a = &v[on[i]];
            on[left] = on[i];
            pass_block(t, a);
            ahead(t, a->block);
            left += a->block != 0;
        }
    }
}

void nhi_lpm_get_bulk(const nhi_lpm *l, const uint8_t *const *a, uint32_t *out, size_t n)
{
    view t = view_now(l);
    lane v[GROUP];
    for (size_t done = 0, k; done < n; done += k) {
        k = n - done < GROUP ? n - done : GROUP;
        for (size_t i = 0; i < k; i++)
            v[i] = (lane){.k = nhi_lpm_key_of(l->family, a[done + i])};
        if (t.root != NULL)
            group(&t, v, k);
        for (size_t i = 0; i < k; i++)
            out[done + i] = v[i].best;
    }
}
