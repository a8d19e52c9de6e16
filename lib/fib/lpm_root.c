/* SPDX-License-Identifier: Apache-2.0
 * Where readers of the prefix table start: one entry, or in a large table top and its pages, which
 * hold the prefixes up to /9 and /18 spread over their entries. Copied by the first change of a
 * batch. Called by lpm_edit.c and lpm_batch.c; control thread; memory was reserved. */
#include "fib/lpm_node.h"

enum { ENTRY_CLASS = 1, PAGE_CLASS = 0 };
#define PAGE_BYTES (NHI_LPM_DIRECT_LEN * sizeof(nhi_lpm_entry))

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

static nhi_lpm_entry *root_own(nhi_lpm *l)
{
    uint32_t old = l->work.root;
    unsigned class_no = l->direct ? PAGE_CLASS : ENTRY_CLASS;
    if (!l->dirty) {
        l->work.root = copy_of(l, old, class_no, l->direct ? PAGE_BYTES : sizeof(nhi_lpm_entry));
        if (old != 0)
            nhi_lpm_drop(l, old, class_no, false);
        l->dirty = true;
    }
    return nhi_lpm_at(l, l->work.root);
}

static bool page_is_own(const nhi_lpm *l, unsigned i)
{
    return nhi_lpm_has(l->own_page[i / 64], i % 64);
}

static nhi_lpm_entry *page_own(nhi_lpm *l, nhi_lpm_entry *top, unsigned i)
{
    uint32_t old = top[i].block;
    if (!page_is_own(l, i)) {
        top[i].block = copy_of(l, old, PAGE_CLASS, PAGE_BYTES);
        if (old != 0)
            nhi_lpm_drop(l, old, PAGE_CLASS, false);
        l->own_page[i / 64] |= UINT64_C(1) << i % 64;
    }
    return nhi_lpm_at(l, top[i].block);
}

static void page_drop_if_empty(nhi_lpm *l, nhi_lpm_entry *top, unsigned i)
{
    const nhi_lpm_entry *page = nhi_lpm_at(l, top[i].block);
    for (unsigned k = 0; k < NHI_LPM_DIRECT_LEN; k++)
        if (page[k].block != 0 || page[k].value != 0)
            return;
    nhi_lpm_drop(l, top[i].block, PAGE_CLASS, true);
    top[i].block = 0;
    l->own_page[i / 64] &= ~(UINT64_C(1) << i % 64);
}

/* The entries of v under a prefix: v stands for the bits from..from + 8 of the key. */
static void spread(nhi_lpm *l, nhi_lpm_entry *v, nhi_lpm_key k, unsigned from, unsigned len)
{
    unsigned bits = len - from, n = NHI_LPM_DIRECT_LEN >> bits;
    unsigned first = (unsigned)(k.hi << from >> (64 - NHI_LPM_DIRECT));
    nhi_lpm_key at = nhi_lpm_cut(k, len);
    for (unsigned i = 0; i < n; i++) {
        at.hi = (nhi_lpm_cut(k, from).hi) |
                (uint64_t)(first + i) << (64 - NHI_LPM_DIRECT - from);
        uint32_t value = nhi_lpm_cover(l, at, from + 1, from + NHI_LPM_DIRECT);
        v[first + i].value = value == 0 && from == 0 ? l->work.all : value;
    }
}

void nhi_lpm_root_update(nhi_lpm *l, nhi_lpm_key k, unsigned len, uint32_t block)
{
    nhi_lpm_entry *top = root_own(l);
    unsigned i = (unsigned)(k.hi >> (64 - NHI_LPM_DIRECT));
    if (!l->direct) {
        top->block = l->work.tree.block & ~NHI_LPM_FRESH;
        top->value = l->work.all;
        return;
    }
    if (len <= NHI_LPM_DIRECT) {
        spread(l, top, k, 0, len);
        return;
    }
    nhi_lpm_entry *page = page_own(l, top, i);
    if (len <= NHI_LPM_ROOT_BITS)
        spread(l, page, k, NHI_LPM_DIRECT, len);
    else
        page[k.hi << NHI_LPM_DIRECT >> (64 - NHI_LPM_DIRECT)].block = block & ~NHI_LPM_FRESH;
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
