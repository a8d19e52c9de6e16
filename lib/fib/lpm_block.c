/* SPDX-License-Identifier: Apache-2.0
 * The blocks that readers of the prefix table see, made from control nodes. Called by the other lpm
 * files inside a batch; control thread. A block is written before anything leads to it and never
 * changes once published; nothing here fails, because memory was reserved. */
#include "fib/lpm_node.h"

enum { CHUNKS = 64 };

/* The answer for each chunk by the prefixes of this node alone: shorter ones first. */
static void spread(const nhi_lpm_node *n, uint32_t v[CHUNKS])
{
    const uint32_t *value = nhi_lpm_values(n);
    memset(v, 0, CHUNKS * sizeof v[0]);
    for (unsigned l = 1, first = 0; l < NHI_LPM_STRIDE; first += 1u << l, l++) {
        uint64_t level = n->inner[0] >> first & ((UINT64_C(1) << (1u << l)) - 1);
        for (unsigned span = CHUNKS >> l; level != 0; level &= level - 1) {
            unsigned at = (unsigned)__builtin_ctzll(level) * span;
            for (unsigned i = 0; i < span; i++)
                v[at + i] = *value;
            value++;
        }
    }
    for (uint64_t level = n->inner[1]; level != 0; level &= level - 1)
        v[__builtin_ctzll(level)] = *value++;
}

/* Keeps one answer of each run of equal ones; the map tells where runs begin. */
static unsigned squeeze(uint32_t v[CHUNKS], uint64_t *map, uint32_t *most)
{
    unsigned n = 0;
    uint32_t last = 0;
    *map = 1;
    *most = 0;
    for (unsigned c = 0; c < CHUNKS; c++) {
        uint32_t x = v[c];
        if (c == 0 || x != last) {
            *map |= UINT64_C(1) << c;
            v[n++] = x;
        }
        *most |= x;
        last = x;
    }
    return n;
}

static size_t bytes_of(unsigned gaps, uint32_t kind, unsigned children, unsigned values)
{
    size_t one = (kind & NHI_LPM_WIDE) != 0 ? sizeof(uint32_t) : sizeof(uint16_t);
    size_t words = gaps + ((kind & NHI_LPM_CHILD) != 0) + ((kind & NHI_LPM_VALUES) != 0);
    return (words + nhi_lpm_pairs(children)) * sizeof(uint64_t) + values * one;
}

/** Where things lie in a block: gap words, children and their handles, map and answers. */
typedef struct view {
    size_t bytes;
    uint32_t *handles;
    uint64_t *map, outer; /* map: NULL without answers */
} view;

static view view_of(const nhi_lpm *l, uint32_t handle)
{
    uint64_t *w = nhi_lpm_at(l, handle >> NHI_LPM_AT);
    unsigned gaps = 0, children = 0, values = 0;
    view b = {0};
    while ((handle & NHI_LPM_GAP) != 0 && (w[gaps++] & NHI_LPM_GAP_BITS) == NHI_LPM_GAP_MORE)
        continue;
    w += gaps;
    if ((handle & NHI_LPM_CHILD) != 0) {
        b.outer = *w++;
        children = nhi_lpm_bits(b.outer);
        b.handles = (uint32_t *)w;
        w += nhi_lpm_pairs(children);
    }
    if ((handle & NHI_LPM_VALUES) != 0) {
        b.map = w;
        values = nhi_lpm_bits(*w);
    }
    b.bytes = bytes_of(gaps, handle, children, values);
    return b;
}

uint32_t nhi_lpm_block_answers(const nhi_lpm *l, uint32_t handle, uint64_t *outer)
{
    view b = view_of(l, handle);
    bool readable = (handle & (NHI_LPM_GAP | NHI_LPM_WIDE)) == 0;
    *outer = readable ? b.outer : UINT64_MAX;
    if (!readable || b.map == NULL)
        return 0;
    const uint64_t *first = nhi_lpm_at(l, handle >> NHI_LPM_AT);
    return (handle >> NHI_LPM_AT) + (uint32_t)(b.map - first);
}

/* Blocks lie at most as deep as nodes do. */
size_t nhi_lpm_block_bytes(const nhi_lpm *l, uint32_t handle)
{
    uint32_t stack[NHI_LPM_LEVELS * CHUNKS];
    size_t n = 0, sum = 0;
    if (handle != 0)
        stack[n++] = handle;
    while (n > 0) {
        view b = view_of(l, stack[--n]);
        sum += b.bytes;
        for (unsigned i = nhi_lpm_bits(b.outer); i-- > 0;)
            stack[n++] = b.handles[i];
    }
    return sum;
}

void nhi_lpm_block_drop(nhi_lpm *l, uint32_t handle)
{
    if (handle != 0)
        nhi_lpm_drop(l, handle >> NHI_LPM_AT, nhi_lpm_pool_class(view_of(l, handle).bytes),
                     (handle & NHI_LPM_FRESH) != 0);
}

static uint64_t *write_gap(uint64_t *w, nhi_lpm_key base, unsigned from, unsigned gap)
{
    for (; gap > NHI_LPM_GAP_MAX; gap -= NHI_LPM_GAP_MAX, from += NHI_LPM_GAP_MAX)
        *w++ = (nhi_lpm_from(base, from) & ~(uint64_t)NHI_LPM_GAP_REST) | NHI_LPM_GAP_MORE;
    if (gap != 0)
        *w++ = (nhi_lpm_from(base, from) & UINT64_MAX << (64 - gap)) | gap;
    return w;
}

static void write_values(void *to, const uint32_t *v, unsigned n, bool wide)
{
    uint16_t *narrow = to;
    if (wide)
        memcpy(to, v, n * sizeof *v);
    for (unsigned i = 0; !wide && i < n; i++)
        narrow[i] = (uint16_t)v[i];
}

void nhi_lpm_block_make(nhi_lpm *l, nhi_lpm_link *k, unsigned from)
{
    const nhi_lpm_node *n = nhi_lpm_node_at(l, k->node);
    uint32_t v[CHUNKS], most, kind = NHI_LPM_FRESH;
    uint64_t map;
    unsigned gap = n->depth - from, children = nhi_lpm_bits(n->outer), values = 0;
    spread(n, v);
    unsigned runs = squeeze(v, &map, &most);
    if (most != 0) {
        values = runs;
        kind |= NHI_LPM_VALUES | (most > UINT16_MAX ? NHI_LPM_WIDE : 0);
    }
    kind |= (children != 0 ? NHI_LPM_CHILD : 0) | (gap != 0 ? NHI_LPM_GAP : 0);
    nhi_lpm_block_drop(l, k->block);
    unsigned gaps = (gap + NHI_LPM_GAP_MAX - 1) / NHI_LPM_GAP_MAX;
    size_t bytes = bytes_of(gaps, kind, children, values);
    uint32_t at = nhi_lpm_pool_new(&l->pool, nhi_lpm_pool_class(bytes));
    uint64_t *w = write_gap(nhi_lpm_at(l, at), n->base, from, gap);
    if (children != 0) {
        *w++ = n->outer;
        uint32_t *handle = (uint32_t *)w;
        for (unsigned i = 0; i < children; i++)
            handle[i] = n->child[i].block & ~NHI_LPM_FRESH;
        w += nhi_lpm_pairs(children);
    }
    if (values != 0) {
        *w++ = map;
        write_values(w, v, values, (kind & NHI_LPM_WIDE) != 0);
    }
    k->block = at << NHI_LPM_AT | kind;
}

void nhi_lpm_block_relink(nhi_lpm *l, nhi_lpm_link *k, unsigned chunk, uint32_t child)
{
    const nhi_lpm_node *n = nhi_lpm_node_at(l, k->node);
    view b = view_of(l, k->block);
    if ((k->block & NHI_LPM_FRESH) == 0) {
        uint32_t old = k->block >> NHI_LPM_AT;
        unsigned class_no = nhi_lpm_pool_class(b.bytes);
        uint32_t copy = nhi_lpm_pool_new(&l->pool, class_no);
        memcpy(nhi_lpm_at(l, copy), nhi_lpm_at(l, old), b.bytes);
        nhi_lpm_drop(l, old, class_no, false);
        k->block = copy << NHI_LPM_AT | (k->block & NHI_LPM_KIND) | NHI_LPM_FRESH;
        b = view_of(l, k->block);
    }
    b.handles[nhi_lpm_rank(n->outer, chunk)] = child & ~NHI_LPM_FRESH;
}
