/* SPDX-License-Identifier: Apache-2.0
 * Where readers of the prefix table start: one entry, or in a large table top and its pages, which
 * hold the prefixes up to /9 and /18 spread over their entries. Copied by the first change of a
 * batch. Called by lpm_edit.c and lpm_batch.c; control thread; memory was reserved. */
#include "fib/lpm_node.h"

enum { ENTRY_CLASS = 1, PAGE_CLASS = 0 };
#define TOP_BYTES  (NHI_LPM_DIRECT_LEN * sizeof(nhi_lpm_entry))
#define PAGE_BYTES (NHI_LPM_DIRECT_LEN * sizeof(nhi_lpm_cell))

_Static_assert(PAGE_BYTES == NHI_LPM_PAGE * NHI_LPM_UNIT, "a page fills a span");

static uint32_t copy_of(nhi_lpm *l, uint32_t old, unsigned class_no, size_t bytes)
{
    uint32_t at = nhi_lpm_pool_new(&l->pool, class_no);
    if (old != 0)
        memcpy(nhi_lpm_at(l, at), nhi_lpm_at(l, old), bytes);
    else
        memset(nhi_lpm_at(l, at), 0, bytes);
    return at;
}

static void no_pages(nhi_lpm *l)
{
    nhi_lpm_entry *top = nhi_lpm_at(l, l->work.root);
    for (unsigned i = 0; i < NHI_LPM_DIRECT_LEN; i++)
        top[i].block = l->no_page;
}

static nhi_lpm_entry *root_own(nhi_lpm *l)
{
    uint32_t old = l->work.root;
    unsigned class_no = l->direct ? PAGE_CLASS : ENTRY_CLASS;
    if (!l->dirty) {
        l->work.root = copy_of(l, old, class_no, l->direct ? TOP_BYTES : sizeof(nhi_lpm_entry));
        l->dirty = true;
        if (old != 0)
            nhi_lpm_drop(l, old, class_no, false);
        else if (l->direct)
            no_pages(l);
    }
    return nhi_lpm_at(l, l->work.root);
}

/* A page of nothing stands where no page is, so that readers need not ask. */
int nhi_lpm_root_init(nhi_lpm *l)
{
    if (!l->direct)
        return 0;
    if (!nhi_lpm_pool_reserve(&l->pool, 1))
        return NHTB_ERR_MEMORY;
    l->no_page = copy_of(l, 0, PAGE_CLASS, PAGE_BYTES);
    return 0;
}

static bool page_is_own(const nhi_lpm *l, unsigned i)
{
    return nhi_lpm_has(l->own_page[i / 64], i % 64);
}

static nhi_lpm_cell *page_own(nhi_lpm *l, nhi_lpm_entry *top, unsigned i)
{
    uint32_t old = top[i].block;
    if (!page_is_own(l, i)) {
        top[i].block = copy_of(l, old, PAGE_CLASS, PAGE_BYTES);
        if (old != l->no_page)
            nhi_lpm_drop(l, old, PAGE_CLASS, false);
        l->own_page[i / 64] |= UINT64_C(1) << i % 64;
    }
    return nhi_lpm_at(l, top[i].block);
}

static void page_drop_if_empty(nhi_lpm *l, nhi_lpm_entry *top, unsigned i)
{
    const nhi_lpm_cell *page = nhi_lpm_at(l, top[i].block);
    for (unsigned k = 0; k < NHI_LPM_DIRECT_LEN; k++)
        if (page[k].map != 0 || page[k].u.far.block != 0 || page[k].u.far.value != 0)
            return;
    nhi_lpm_drop(l, top[i].block, PAGE_CLASS, true);
    top[i].block = l->no_page;
    l->own_page[i / 64] &= ~(UINT64_C(1) << i % 64);
}

/* An entry without anything is all zero; position 0 reads as no answers. */
static void cell_fill(const nhi_lpm *l, nhi_lpm_cell *c, uint32_t block, uint32_t value)
{
    uint64_t outer = 0;
    uint32_t answers = block == 0 ? 0 : nhi_lpm_block_answers(l, block, &outer);
    const uint64_t *w = nhi_lpm_at(l, answers);
    unsigned n = nhi_lpm_bits(*w);
    memset(c, 0, sizeof *c);
    if (outer == 0 && n <= NHI_LPM_NEAR && value <= UINT16_MAX && (block != 0 || value != 0)) {
        c->map = *w;
        memcpy(c->u.near.v, w + 1, n * sizeof c->u.near.v[0]);
        c->u.near.value = (uint16_t)value;
        return;
    }
    c->u.far.block = block & ~NHI_LPM_FRESH;
    c->u.far.value = value;
    c->u.far.outer = outer;
    c->u.far.answers = answers;
}

static uint32_t cell_value(const nhi_lpm_cell *c)
{
    return c->map != 0 ? c->u.near.value : c->u.far.value;
}

static unsigned index_of(nhi_lpm_key k, unsigned from)
{
    return (unsigned)(k.hi << from >> (64 - NHI_LPM_DIRECT));
}

/* The key of entry i of those that stand for the bits from..from + 8 of k. */
static nhi_lpm_key key_at(nhi_lpm_key k, unsigned from, unsigned i)
{
    uint64_t bits = (uint64_t)i << (64 - NHI_LPM_DIRECT - from);
    return (nhi_lpm_key){nhi_lpm_cut(k, from).hi | bits, 0};
}

/* A prefix up to /9: the entries of top under it. */
static void spread_top(const nhi_lpm *l, nhi_lpm_entry *top, nhi_lpm_key k, unsigned len)
{
    unsigned first = index_of(k, 0), n = NHI_LPM_DIRECT_LEN >> len;
    for (unsigned i = first; i < first + n; i++) {
        uint32_t value = nhi_lpm_cover(l, key_at(k, 0, i), 1, NHI_LPM_DIRECT);
        top[i].value = value != 0 ? value : l->work.all;
    }
}

static void spread_page(const nhi_lpm *l, nhi_lpm_cell *page, nhi_lpm_key k, unsigned len)
{
    unsigned first = index_of(k, NHI_LPM_DIRECT);
    unsigned n = NHI_LPM_DIRECT_LEN >> (len - NHI_LPM_DIRECT);
    for (unsigned i = first; i < first + n; i++) {
        nhi_lpm_key at = key_at(k, NHI_LPM_DIRECT, i);
        uint32_t value = nhi_lpm_cover(l, at, NHI_LPM_DIRECT + 1, NHI_LPM_ROOT_BITS);
        cell_fill(l, &page[i], nhi_lpm_block_of(l, at), value);
    }
}

void nhi_lpm_root_update(nhi_lpm *l, nhi_lpm_key k, unsigned len, uint32_t block)
{
    nhi_lpm_entry *top = root_own(l);
    unsigned i = index_of(k, 0);
    if (!l->direct) {
        top->block = l->work.tree.block & ~NHI_LPM_FRESH;
        top->value = l->work.all;
        return;
    }
    if (len <= NHI_LPM_DIRECT) {
        spread_top(l, top, k, len);
        return;
    }
    nhi_lpm_cell *page = page_own(l, top, i), *c = &page[index_of(k, NHI_LPM_DIRECT)];
    if (len <= NHI_LPM_ROOT_BITS)
        spread_page(l, page, k, len);
    else
        cell_fill(l, c, block, cell_value(c));
    if (c->map == 0)
        page_drop_if_empty(l, top, i);
}

void nhi_lpm_root_drop_made(nhi_lpm *l)
{
    if (!l->dirty)
        return;
    const nhi_lpm_entry *top = nhi_lpm_at(l, l->work.root);
    for (unsigned i = 0; i < NHI_LPM_DIRECT_LEN; i++)
        if (page_is_own(l, i))
            nhi_lpm_drop(l, top[i].block, PAGE_CLASS, true);
    nhi_lpm_drop(l, l->work.root, l->direct ? PAGE_CLASS : ENTRY_CLASS, true);
}

size_t nhi_lpm_reader_bytes(const nhi_lpm *l)
{
    const nhi_lpm_entry *top = nhi_a_load(&l->root);
    if (top == NULL || !l->direct)
        return sizeof *top + nhi_lpm_block_bytes(l, top != NULL ? top->block : 0);
    size_t sum = TOP_BYTES + PAGE_BYTES;
    for (unsigned i = 0; i < NHI_LPM_DIRECT_LEN; i++) {
        const nhi_lpm_cell *page = nhi_lpm_at(l, top[i].block);
        sum += top[i].block != l->no_page ? PAGE_BYTES : 0;
        for (unsigned k = 0; k < NHI_LPM_DIRECT_LEN; k++)
            sum += page[k].map == 0 ? nhi_lpm_block_bytes(l, page[k].u.far.block) : 0;
    }
    return sum;
}
