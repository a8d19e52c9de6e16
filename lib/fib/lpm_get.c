/* SPDX-License-Identifier: Apache-2.0
 * Lookups of the prefix table, one by one and in bulk. Called by workers between nhi_qsbr_online and
 * rest: no memory is taken, nothing is written. In bulk all addresses of a group go down level by
 * level, and each asks for the memory of its next level ahead, so that a group waits for many cache
 * lines at once instead of one after the other. House-style 3.5. */
#include "fib/lpm_node.h"

enum { GROUP = 64 };

/** One address on its way down: the bits that are left, the next block, the best answer so far. */
typedef struct lane {
    nhi_lpm_key k;
    uint32_t block, best;
} lane;

/** The table as one call sees it. */
typedef struct view {
    const nhi_lpm_entry *root;
    const nhi_lpm_chunks *chunks;
    unsigned shift;
} view;

static inline view view_now(const nhi_lpm *l)
{
    const nhi_lpm_entry *root = nhi_a_load_acq(&l->root); /* first: what it leads to is in chunks */
    return (view){root, nhi_a_load(&l->pool.chunks), l->pool.shift};
}

static inline const void *block_in(view t, uint32_t handle)
{
    return nhi_lpm_pool_in(t.chunks, t.shift, handle >> NHI_LPM_AT);
}

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

static inline uint32_t answer(const void *v, uint64_t map, unsigned c, bool wide)
{
    unsigned i = nhi_lpm_bits(map << (63 - c)) - 1;
    return wide ? ((const uint32_t *)v)[i] : ((const uint16_t *)v)[i];
}

/* One block: its answer, and the block that follows or 0. */
static inline void pass_block(view t, lane *a)
{
    uint32_t kind = a->block;
    const uint64_t *w = block_in(t, kind);
    a->block = 0;
    if ((kind & NHI_LPM_GAP) != 0 && !pass_gap(a, &w))
        return;
    unsigned c = (unsigned)(a->k.hi >> 58);
    if ((kind & NHI_LPM_CHILD) != 0) {
        uint64_t outer = *w++;
        if (nhi_lpm_has(outer, c))
            a->block = ((const uint32_t *)w)[nhi_lpm_rank(outer, c)];
        w += nhi_lpm_pairs(nhi_lpm_bits(outer));
    }
    if ((kind & NHI_LPM_VALUES) != 0) {
        uint32_t x = answer(w + 1, *w, c, (kind & NHI_LPM_WIDE) != 0);
        a->best = x != 0 ? x : a->best;
    }
    a->k = nhi_lpm_shift(a->k, NHI_LPM_STRIDE);
}

static inline unsigned first_of(uint64_t bits)
{
    return (unsigned)(bits >> (64 - NHI_LPM_DIRECT));
}

static inline const nhi_lpm_cell *cell_in(view t, const nhi_lpm_entry *top, uint64_t bits)
{
    const nhi_lpm_cell *page = nhi_lpm_pool_in(t.chunks, NHI_LPM_LARGE, top->block);
    return page + first_of(bits << NHI_LPM_DIRECT);
}

/* The answer up to the direct levels' end into *best; returns the block from where to go on. */
static inline uint32_t pass_cell(const nhi_lpm_cell *c, uint64_t bits, uint32_t *best)
{
    uint32_t value = c->u.far.value, block = c->u.far.block;
    if (c->map != 0) {
        unsigned chunk = (unsigned)(bits << NHI_LPM_ROOT_BITS >> 58);
        uint32_t x = answer(c->u.near.v, c->map, chunk, false);
        value = x != 0 ? x : c->u.near.value;
        block = 0;
    }
    *best = value != 0 ? value : *best;
    return block;
}

uint32_t nhi_lpm_get(const nhi_lpm *l, const uint8_t *addr)
{
    view t = view_now(l);
    if (t.root == NULL)
        return 0;
    lane a = {.k = nhi_lpm_key_of(l->family, addr)};
    if (l->direct) {
        const nhi_lpm_entry *top = &t.root[first_of(a.k.hi)];
        a.best = top->value;
        a.block = pass_cell(cell_in(t, top, a.k.hi), a.k.hi, &a.best);
        a.k = nhi_lpm_shift(a.k, NHI_LPM_ROOT_BITS);
    } else {
        a.best = t.root->value;
        a.block = t.root->block;
    }
    while (a.block != 0)
        pass_block(t, &a);
    return a.best;
}

/* ---- in bulk ---- */

/* The rest of the way of those lanes whose number is in `on`. */
static void finish(view t, lane *v, uint8_t *on, size_t left)
{
    for (size_t go; left > 0;) {
        go = left;
        left = 0;
        for (size_t i = 0; i < go; i++) {
            lane *a = &v[on[i]];
            on[left] = on[i];
            pass_block(t, a);
            __builtin_prefetch(block_in(t, a->block));
            left += a->block != 0;
        }
    }
}

static void bulk_plain(const nhi_lpm *l, view t, const uint8_t *const *a, uint32_t *out, size_t n)
{
    lane v[GROUP];
    uint8_t on[GROUP];
    for (size_t i = 0; i < n; i++) {
        v[i] = (lane){nhi_lpm_key_of(l->family, a[i]), t.root->block, t.root->value};
        on[i] = (uint8_t)i;
    }
    finish(t, v, on, t.root->block != 0 ? n : 0);
    for (size_t i = 0; i < n; i++)
        out[i] = v[i].best;
}

static inline uint64_t bits_of(uint8_t family, const uint8_t *a)
{
    return family == 4 ? (uint64_t)nhi_get32(a) << 32 : nhi_get64(a);
}

/* One address between the steps below. */
typedef struct wait {
    const void *at; /* cell; then the words of the answer: a map, and short answers behind it */
    uint64_t bits;
    uint32_t value; /* when that answer is none */
    uint32_t block;
} wait;

/* All ones or none. Branches on what was just read cannot be foreseen; these cost nothing then. */
static inline uintptr_t mask(bool on)
{
    return (uintptr_t)0 - on;
}

static inline uint32_t pick(bool on, uint32_t yes, uint32_t no)
{
    return no ^ ((yes ^ no) & (uint32_t)mask(on));
}

/* The cell holds its answers, or says where they are, and for which chunks there is more. */
static inline bool read_cell(view t, wait *w)
{
    const nhi_lpm_cell *c = w->at;
    bool far = c->map == 0;
    unsigned chunk = (unsigned)(w->bits << NHI_LPM_ROOT_BITS >> 58);
    uint32_t value = pick(far, c->u.far.value, c->u.near.value);
    uint32_t answers = c->u.far.answers & (uint32_t)mask(far);
    uintptr_t away = (uintptr_t)nhi_lpm_pool_in(t.chunks, NHI_LPM_LARGE, answers);
    uintptr_t here = (uintptr_t)c;
    w->at = (const void *)(here ^ ((away ^ here) & mask(far)));
    w->value = pick(value != 0, value, w->value);
    w->block = c->u.far.block & (uint32_t)mask(far);
    return far & nhi_lpm_has(c->u.far.outer, chunk);
}

static inline uint32_t read_answer(const wait *w)
{
    const uint64_t *words = w->at;
    unsigned chunk = (unsigned)(w->bits << NHI_LPM_ROOT_BITS >> 58);
    uint32_t x = answer(words + 1, words[0], chunk, false);
    return pick(x != 0, x, w->value);
}

/* Top and page of all addresses; the numbers of those that have more to read than short answers. */
static inline size_t read_cells(view t, uint8_t family, const uint8_t *const *a, size_t n, wait *w,
                                uint8_t *more)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = bits_of(family, a[i]);
        const nhi_lpm_entry *top = &t.root[first_of(bits)];
        const nhi_lpm_cell *c = cell_in(t, top, bits);
        __builtin_prefetch(c);
        w[i] = (wait){c, bits, top->value, 0};
    }
    for (size_t i = 0; i < n; i++) {
        more[left] = (uint8_t)i;
        left += read_cell(t, &w[i]);
        __builtin_prefetch(w[i].at);
        __builtin_prefetch(block_in(t, w[i].block));
    }
    return left;
}

/* The few that have more start while the others' answers are read, so that nobody waits for them. */
static void bulk_direct(const nhi_lpm *l, view t, const uint8_t *const *a, uint32_t *out, size_t n)
{
    wait w[GROUP];
    uint8_t more[GROUP], on[GROUP];
    lane v[GROUP];
    t.shift = NHI_LPM_LARGE;
    size_t left =
        l->family == 4 ? read_cells(t, 4, a, n, w, more) : read_cells(t, 6, a, n, w, more);
    for (size_t i = 0; i < n / 2; i++)
        out[i] = read_answer(&w[i]);
    size_t go = 0;
    for (size_t i = 0; i < left; i++) {
        size_t k = on[go] = more[i];
        nhi_lpm_key key = nhi_lpm_key_of(l->family, a[k]);
        v[k] = (lane){nhi_lpm_shift(key, NHI_LPM_ROOT_BITS), w[k].block, w[k].value};
        pass_block(t, &v[k]);
        __builtin_prefetch(block_in(t, v[k].block));
        go += v[k].block != 0;
    }
    for (size_t i = n / 2; i < n; i++)
        out[i] = read_answer(&w[i]);
    finish(t, v, on, go);
    for (size_t i = 0; i < left; i++)
        out[more[i]] = v[more[i]].best;
}

void nhi_lpm_get_bulk(const nhi_lpm *l, const uint8_t *const *a, uint32_t *out, size_t n)
{
    view t = view_now(l);
    if (t.root == NULL) {
        memset(out, 0, n * sizeof *out);
        return;
    }
    for (size_t done = 0, k; done < n; done += k) {
        k = n - done < GROUP ? n - done : GROUP;
        if (l->direct)
            bulk_direct(l, t, a + done, out + done, k);
        else
            bulk_plain(l, t, a + done, out + done, k);
    }
}
