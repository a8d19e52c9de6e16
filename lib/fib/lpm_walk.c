/* SPDX-License-Identifier: Apache-2.0
 * Ordered iteration over the prefix trie without state: the successor of any prefix, whether it
 * still exists or not. Called by db for `show route`; control thread. */
#include "fib/lpm_node.h"

/* Order inside a node: by chunk; at one chunk the node's own prefixes by length, then the child. */
enum { RANK_BITS = 3, RANK_CHILD = 7, RANK_END = 64 << RANK_BITS };

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
        } else if (l < NHI_LPM_STRIDE && (chunk & ((1u << (NHI_LPM_STRIDE - l)) - 1)) == 0 &&
                   nhi_lpm_has(n->inner, nhi_lpm_pos(chunk, l))) {
            return r;
        }
    }
    return RANK_END;
}

static nhi_lpm_node *child_at(const nhi_lpm_node *n, unsigned chunk)
{
    return n->child[nhi_lpm_rank(n->outer, chunk)];
}

typedef struct spot {
    const nhi_lpm_node *node;
    int rank; /* items up to here lie before the wanted prefix or were left */
} spot;

static bool key_less(nhi_lpm_key a, nhi_lpm_key b)
{
    return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

/* Goes down to where (k, len) is or would be; returns how many spots were filled. */
static size_t seek(const nhi_lpm_node *n, nhi_lpm_key k, unsigned len, spot *v)
{
    size_t depth = 0;
    while (n != NULL) {
        spot *s = &v[depth++];
        s->node = n;
        unsigned chunk = nhi_lpm_chunk(k, n->depth);
        if (n->depth > len || !nhi_lpm_under(k, n)) {
            s->rank = key_less(n->base, k) ? RANK_END : -1; /* all before, or all after */
            return depth;
        }
        if (len < n->depth + NHI_LPM_STRIDE) {
            s->rank = rank_of(chunk, len - n->depth);
            return depth;
        }
        s->rank = rank_of(chunk, RANK_CHILD);
        n = nhi_lpm_has(n->outer, chunk) ? child_at(n, chunk) : NULL;
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
    *value = nhi_lpm_values(n)[nhi_lpm_rank(n->inner, nhi_lpm_pos(chunk, inside))];
}

bool nhi_lpm_next(const nhi_lpm *l, uint8_t *addr, unsigned *len, uint32_t *value)
{
    spot v[NHI_LPM_LEVELS];
    size_t depth = 0;
    nhi_lpm_node *top = nhi_lpm_top(l);
    if (top != NULL && *len == 0xff)
        v[depth++] = (spot){top, -1};
    else
        depth = seek(top, nhi_lpm_key_of(l->family, addr), *len, v);
    while (depth > 0) {
        spot *s = &v[depth - 1];
        s->rank = item_after(s->node, s->rank);
        if (s->rank == RANK_END) {
            depth--;
        } else if (((unsigned)s->rank & RANK_CHILD) == RANK_CHILD) {
            v[depth++] = (spot){child_at(s->node, (unsigned)s->rank >> RANK_BITS), -1};
        } else {
            give(l, s->node, s->rank, addr, len, value);
            return true;
        }
    }
    return false;
}
