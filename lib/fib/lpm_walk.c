/* SPDX-License-Identifier: Apache-2.0
 * Reading the control nodes of the prefix table: exact match, the longest of some lengths, and
 * ordered iteration without state (the successor of any prefix, whether it still exists or not).
 * Called by db and by the lpm files; control thread. */
#include "fib/lpm_node.h"

static nhi_lpm_node *child_of(const nhi_lpm *l, const nhi_lpm_node *n, unsigned chunk)
{
    if (!nhi_lpm_has(n->outer, chunk))
        return NULL;
    return nhi_lpm_node_at(l, n->child[nhi_lpm_rank(n->outer, chunk)].node);
}

static nhi_lpm_node *top_of(const nhi_lpm *l)
{
    uint32_t at = nhi_lpm_state_of(l)->tree.node;
    return at == 0 ? NULL : nhi_lpm_node_at(l, at);
}

/* The value of the prefix of k that ends l bits into the node, 0: absent. */
static uint32_t value_in(const nhi_lpm_node *n, nhi_lpm_key k, unsigned l)
{
    nhi_lpm_spot s = nhi_lpm_spot_of(nhi_lpm_chunk(k, n->depth), l);
    return nhi_lpm_spot_used(n, s) ? nhi_lpm_values(n)[nhi_lpm_spot_index(n, s)] : 0;
}

uint32_t nhi_lpm_exact(const nhi_lpm *l, const uint8_t *addr, unsigned len)
{
    nhi_lpm_key k = nhi_lpm_cut(nhi_lpm_key_of(l->family, addr), len);
    if (len == 0)
        return nhi_lpm_state_of(l)->all;
    unsigned home = nhi_lpm_home(len);
    const nhi_lpm_node *n = top_of(l);
    while (n != NULL && n->depth <= home && nhi_lpm_under(k, n)) {
        if (n->depth == home)
            return value_in(n, k, len - home);
        n = child_of(l, n, nhi_lpm_chunk(k, n->depth));
    }
    return 0;
}

uint32_t nhi_lpm_cover(const nhi_lpm *l, nhi_lpm_key k, unsigned lo, unsigned hi)
{
    uint32_t best = 0, x;
    const nhi_lpm_node *n = top_of(l);
    while (n != NULL && n->depth < hi && nhi_lpm_under(k, n)) {
        for (unsigned i = 1; i <= NHI_LPM_STRIDE && n->depth + i <= hi; i++)
            if (n->depth + i >= lo && (x = value_in(n, k, i)) != 0)
                best = x;
        n = child_of(l, n, nhi_lpm_chunk(k, n->depth));
    }
    return best;
}

uint32_t nhi_lpm_block_of(const nhi_lpm *l, nhi_lpm_key k)
{
    nhi_lpm_key cut = nhi_lpm_cut(k, NHI_LPM_ROOT_BITS);
    nhi_lpm_link at = nhi_lpm_state_of(l)->tree;
    while (at.node != 0) {
        const nhi_lpm_node *n = nhi_lpm_node_at(l, at.node);
        if (n->depth >= NHI_LPM_ROOT_BITS)
            return nhi_lpm_cut(n->base, NHI_LPM_ROOT_BITS).hi == cut.hi ? at.block : 0;
        unsigned chunk = nhi_lpm_chunk(k, n->depth);
        if (!nhi_lpm_under(k, n) || !nhi_lpm_has(n->outer, chunk))
            return 0;
        at = n->child[nhi_lpm_rank(n->outer, chunk)];
    }
    return 0;
}

/* Order inside a node: by chunk; at one chunk the node's own prefixes by length, then the child. */
enum { RANK_BITS = 3, RANK_CHILD = 7, RANK_END = 64 << RANK_BITS }; /* lengths are 1..6 */

static int rank_of(unsigned chunk, unsigned last)
{
    return (int)(chunk << RANK_BITS | last);
}

/* The first item of the node after rank, RANK_END when there is none. */
static int item_after(const nhi_lpm_node *n, int rank)
{
    for (int r = rank + 1; r < RANK_END; r++) {
        unsigned chunk = (unsigned)r >> RANK_BITS, l = (unsigned)r & RANK_CHILD;
        if (l == RANK_CHILD) {
            if (nhi_lpm_has(n->outer, chunk))
                return r;
        } else if (l != 0 && (chunk & ((1u << (NHI_LPM_STRIDE - l)) - 1)) == 0 &&
                   nhi_lpm_spot_used(n, nhi_lpm_spot_of(chunk, l))) {
            return r;
        }
    }
    return RANK_END;
}

typedef struct place {
    const nhi_lpm_node *node;
    int rank; /* items up to here lie before the wanted prefix or were left */
} place;

static bool key_less(nhi_lpm_key a, nhi_lpm_key b)
{
    return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

/* Goes down to where (k, len) is or would be; returns how many places were filled. */
static size_t seek(const nhi_lpm *l, nhi_lpm_key k, unsigned len, place *v)
{
    const nhi_lpm_node *n = top_of(l);
    size_t depth = 0;
    while (n != NULL) {
        place *s = &v[depth++];
        s->node = n;
        unsigned chunk = nhi_lpm_chunk(k, n->depth);
        if (n->depth >= len || !nhi_lpm_under(k, n)) {
            s->rank = key_less(n->base, k) ? RANK_END : -1; /* all before, or all after */
            return depth;
        }
        if (len <= n->depth + NHI_LPM_STRIDE) {
            s->rank = rank_of(chunk, len - n->depth);
            return depth;
        }
        s->rank = rank_of(chunk, RANK_CHILD);
        n = child_of(l, n, chunk);
    }
    return depth;
}

static void give(const nhi_lpm *l, const nhi_lpm_node *n, int rank, uint8_t *addr, unsigned *len,
                 uint32_t *value)
{
    unsigned chunk = (unsigned)rank >> RANK_BITS, inside = (unsigned)rank & RANK_CHILD;
    uint8_t b[16];
    nhi_put64(b, n->base.hi);
    nhi_put64(b + 8, n->base.lo);
    for (unsigned i = 0; i < inside; i++) {
        unsigned bit = n->depth + i;
        if ((chunk >> (NHI_LPM_STRIDE - 1 - i) & 1) != 0)
            b[bit / 8] = (uint8_t)(b[bit / 8] | 0x80 >> (bit % 8));
    }
    memcpy(addr, b, l->family == 4 ? 4 : 16);
    *len = n->depth + inside;
    *value = nhi_lpm_values(n)[nhi_lpm_spot_index(n, nhi_lpm_spot_of(chunk, inside))];
}

/* The prefix of length 0 comes before everything. */
static bool first(const nhi_lpm *l, uint8_t *addr, unsigned *len, uint32_t *value)
{
    *value = nhi_lpm_state_of(l)->all;
    if (*value == 0)
        return false;
    memset(addr, 0, l->family == 4 ? 4 : 16);
    *len = 0;
    return true;
}

bool nhi_lpm_next(const nhi_lpm *l, uint8_t *addr, unsigned *len, uint32_t *value)
{
    place v[NHI_LPM_LEVELS];
    size_t depth = 0;
    if (*len == 0xff && first(l, addr, len, value))
        return true;
    if (*len == 0xff && top_of(l) != NULL)
        v[depth++] = (place){top_of(l), -1};
    else if (*len != 0xff)
        depth = seek(l, nhi_lpm_key_of(l->family, addr), *len, v);
    while (depth > 0) {
        place *s = &v[depth - 1];
        s->rank = item_after(s->node, s->rank);
        if (s->rank == RANK_END) {
            depth--;
        } else if (((unsigned)s->rank & RANK_CHILD) == RANK_CHILD) {
            v[depth++] = (place){child_of(l, s->node, (unsigned)s->rank >> RANK_BITS), -1};
        } else {
            give(l, s->node, s->rank, addr, len, value);
            return true;
        }
    }
    return false;
}
