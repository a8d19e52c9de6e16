/* SPDX-License-Identifier: Apache-2.0
 * Prefix trie: life, lookups and the end of a batch (one release store of the root). Lookups run on
 * workers between nhi_qsbr_online and rest; everything else on the control thread. lpm_edit.c
 * changes a batch, lpm_walk.c iterates. House-style 3.5. */
#include "fib/lpm_node.h"

/* All prefixes inside a node that cover chunk c, one bit per length 0..5. */
#define COVER(c)                                                                                   \
    (UINT64_C(1) | UINT64_C(1) << (1 + ((c) >> 5)) | UINT64_C(1) << (3 + ((c) >> 4)) |             \
     UINT64_C(1) << (7 + ((c) >> 3)) | UINT64_C(1) << (15 + ((c) >> 2)) |                          \
     UINT64_C(1) << (31 + ((c) >> 1)))
#define COVER4(c)  COVER(c), COVER((c) + 1), COVER((c) + 2), COVER((c) + 3)
#define COVER16(c) COVER4(c), COVER4((c) + 4), COVER4((c) + 8), COVER4((c) + 12)
static const uint64_t cover[64] = {COVER16(0), COVER16(16), COVER16(32), COVER16(48)};

nhi_lpm *nhi_lpm_new(nhi_mem *mem, nhi_qsbr *q, uint8_t family, size_t max_routes)
{
    nhi_lpm *l = nhi_mem_alloc(mem, sizeof *l, 16);
    if (l == NULL)
        return NULL;
    l->mem = mem;
    l->qsbr = q;
    l->family = family;
    l->max_routes = max_routes;
    nhi_list_init(&l->made);
    nhi_list_init(&l->replaced);
    return l;
}

/* A route adds at most its own node and one branching node. Each child pointer belongs to a node and
 * each value to a route; a batch may hold a second copy of everything until readers have moved on. */
size_t nhi_lpm_size(uint8_t family, size_t max_routes)
{
    (void)family;
    size_t per_node = sizeof(nhi_lpm_box) + sizeof(nhi_lpm_node *);
    return sizeof(nhi_lpm) + 2 * max_routes * (2 * per_node + sizeof(uint32_t) * 2);
}

static void box_free(nhi_lpm_box *b)
{
    nhi_mem_free(b->mem, b, b->size);
}

/* Frees without recursion: a node's children are taken one by one from its own bitmap. */
static void tree_free(nhi_lpm_node *root)
{
    nhi_lpm_node *stack[NHI_LPM_LEVELS];
    size_t n = 0;
    if (root != NULL)
        stack[n++] = root;
    while (n > 0) {
        nhi_lpm_node *top = stack[n - 1];
        unsigned left = nhi_lpm_bits(top->outer);
        if (left == 0) {
            box_free(nhi_lpm_box_of(top));
            n--;
            continue;
        }
        top->outer &= top->outer - 1;
        stack[n++] = top->child[left - 1];
    }
}

void nhi_lpm_del(nhi_lpm *l)
{
    if (l == NULL)
        return;
    if (l->open)
        nhi_lpm_abort(l);
    tree_free(nhi_a_load(&l->root));
    nhi_mem_free(l->mem, l, sizeof *l);
}

static inline uint32_t lookup(const nhi_lpm_node *n, nhi_lpm_key k)
{
    const nhi_lpm_node *best = NULL;
    uint64_t best_map = 0;
    unsigned expect = 0; /* depth at which no bits were left out */
    for (; n != NULL; expect += NHI_LPM_STRIDE) {
        if (n->depth != expect) {
            if (!nhi_lpm_under(k, n))
                break;
            expect = n->depth;
        }
        unsigned c = nhi_lpm_chunk(k, n->depth);
        uint64_t covering = n->inner & cover[c];
        if (covering != 0) {
            best = n;
            best_map = covering;
        }
        if (!nhi_lpm_has(n->outer, c))
            break;
        n = n->child[nhi_lpm_rank(n->outer, c)];
    }
    if (best == NULL)
        return 0;
    unsigned longest = 63u - (unsigned)__builtin_clzll(best_map);
    return nhi_lpm_values(best)[nhi_lpm_rank(best->inner, longest)];
}

uint32_t nhi_lpm_get(const nhi_lpm *l, const uint8_t *a)
{
    return lookup(nhi_a_load_acq(&l->root), nhi_lpm_key_of(l->family, a));
}

void nhi_lpm_get_bulk(const nhi_lpm *l, const uint8_t *const *a, uint32_t *out, size_t n)
{
    const nhi_lpm_node *root = nhi_a_load_acq(&l->root);
    for (size_t i = 0; i < n; i++)
        out[i] = lookup(root, nhi_lpm_key_of(l->family, a[i]));
}

uint32_t nhi_lpm_exact(const nhi_lpm *l, const uint8_t *addr, unsigned len)
{
    nhi_lpm_key k = nhi_lpm_cut(nhi_lpm_key_of(l->family, addr), len);
    unsigned home = nhi_lpm_home(len);
    const nhi_lpm_node *n = nhi_lpm_top(l);
    while (n != NULL && n->depth <= home && nhi_lpm_under(k, n)) {
        unsigned c = nhi_lpm_chunk(k, n->depth);
        if (n->depth == home) {
            unsigned pos = nhi_lpm_pos(c, len - home);
            return nhi_lpm_has(n->inner, pos) ? nhi_lpm_values(n)[nhi_lpm_rank(n->inner, pos)] : 0;
        }
        n = nhi_lpm_has(n->outer, c) ? n->child[nhi_lpm_rank(n->outer, c)] : NULL;
    }
    return 0;
}

size_t nhi_lpm_count(const nhi_lpm *l)
{
    return l->open ? l->work_count : l->count;
}

void nhi_lpm_begin(nhi_lpm *l)
{
    l->batch++;
    l->work = nhi_a_load(&l->root);
    l->work_count = l->count;
    nhi_list_init(&l->made);
    nhi_list_init(&l->replaced);
    l->open = true;
}

static void reclaim(void *user, void *obj)
{
    (void)user;
    box_free(obj);
}

void nhi_lpm_publish(nhi_lpm *l)
{
    if (!l->open)
        return;
    nhi_a_store_rel(&l->root, l->work);
    l->count = l->work_count;
    l->open = false;
    NHI_LIST_FOR_SAFE(it, next, &l->replaced)
    {
        nhi_lpm_box *b = NHI_CONTAINER(it, nhi_lpm_box, u.link);
        nhi_qsbr_retire(l->qsbr, &b->u.retired, reclaim, l, b);
    }
    nhi_list_init(&l->made);
    nhi_list_init(&l->replaced);
}

void nhi_lpm_abort(nhi_lpm *l)
{
    if (!l->open)
        return;
    NHI_LIST_FOR_SAFE(it, next, &l->made)
    {
        box_free(NHI_CONTAINER(it, nhi_lpm_box, u.link));
    }
    nhi_list_init(&l->made);
    nhi_list_init(&l->replaced);
    l->work = NULL;
    l->open = false;
}
