/* SPDX-License-Identifier: Apache-2.0
 * Nodes of the prefix trie, private to lpm*.c. Each node looks at 6 bits of the address: up to 63
 * prefixes that end inside it (lengths depth .. depth+5) and up to 64 children, both found by
 * counting bits of a bitmap. Runs of nodes with one child and no prefix are left out; a node keeps
 * the bits above it, so a lookup notices when it was led astray by such a gap. */
#ifndef NHI_FIB_LPM_NODE_H
#define NHI_FIB_LPM_NODE_H

#include "base/list.h"
#include "fib/lpm.h"

#define NHI_LPM_STRIDE 6u
#define NHI_LPM_LEVELS 23 /* nodes on the longest path: 128 / 6 + 1, and one to spare */

/** An address as two words, most significant bit first; IPv4 fills the upper half of hi. */
typedef struct nhi_lpm_key {
    uint64_t hi, lo;
} nhi_lpm_key;

typedef struct nhi_lpm_node {
    uint64_t inner;   /* bit (2^l - 1 + the l bits): a prefix of length depth + l */
    uint64_t outer;   /* bit c: a child for the 6-bit chunk c */
    nhi_lpm_key base; /* the bits above depth, the rest zero */
    uint16_t depth;   /* a multiple of 6 */
    uint16_t cap_child, cap_value;
    uint64_t batch; /* the batch that made it: that one may still change it in place */
    struct nhi_lpm_node *child[];
    /* uint32_t value[cap_value] follows child[cap_child] */
} nhi_lpm_node;

/** What readers never look at, in front of the node. */
typedef struct nhi_lpm_box {
    union {
        nhi_list link;       /* made in, or replaced by, the open batch */
        nhi_retired retired; /* after publication */
    } u;
    size_t size;
    nhi_mem *mem;
    nhi_lpm_node node;
} nhi_lpm_box;

struct nhi_lpm {
    nhi_mem *mem;
    nhi_qsbr *qsbr;
    uint8_t family;
    size_t max_routes, count, work_count;
    NHI_ATOMIC(nhi_lpm_node *) root;
    /* writer */
    nhi_lpm_node *work; /* root of the open batch */
    uint64_t batch;
    bool open;
    nhi_list made, replaced;
};

static inline nhi_lpm_box *nhi_lpm_box_of(nhi_lpm_node *n)
{
    return NHI_CONTAINER(n, nhi_lpm_box, node);
}
static inline uint32_t *nhi_lpm_values(const nhi_lpm_node *n)
{
    return (uint32_t *)(uintptr_t)(n->child + n->cap_child);
}
/* Written out because a compiler's builtin may call a support library that hosts do not have. */
static inline unsigned nhi_lpm_bits(uint64_t v)
{
    v -= v >> 1 & UINT64_C(0x5555555555555555);
    v = (v & UINT64_C(0x3333333333333333)) + (v >> 2 & UINT64_C(0x3333333333333333));
    v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(v * UINT64_C(0x0101010101010101) >> 56);
}
/** How many bits below position i are set: the index in the dense array. */
static inline unsigned nhi_lpm_rank(uint64_t map, unsigned i)
{
    return nhi_lpm_bits(map & ((UINT64_C(1) << i) - 1));
}
static inline bool nhi_lpm_has(uint64_t map, unsigned i)
{
    return (map >> i & 1) != 0;
}
static inline nhi_lpm_key nhi_lpm_key_of(uint8_t family, const uint8_t *a)
{
    if (family == 4)
        return (nhi_lpm_key){(uint64_t)nhi_get32(a) << 32, 0};
    return (nhi_lpm_key){nhi_get64(a), nhi_get64(a + 8)};
}
/** The 6 bits from bit position depth on; zero beyond the end. */
static inline unsigned nhi_lpm_chunk(nhi_lpm_key k, unsigned depth)
{
    if (depth == 0)
        return (unsigned)(k.hi >> 58);
    if (depth < 64)
        return (unsigned)((k.hi << depth | k.lo >> (64 - depth)) >> 58);
    return (unsigned)(k.lo << (depth - 64) >> 58);
}
static inline nhi_lpm_key nhi_lpm_cut(nhi_lpm_key k, unsigned bits)
{
    if (bits == 0)
        return (nhi_lpm_key){0, 0};
    if (bits <= 64)
        return (nhi_lpm_key){k.hi & UINT64_MAX << (64 - bits), 0};
    return (nhi_lpm_key){k.hi, bits >= 128 ? k.lo : k.lo & UINT64_MAX << (128 - bits)};
}
/** Do k and the node agree in all bits above the node? */
static inline bool nhi_lpm_under(nhi_lpm_key k, const nhi_lpm_node *n)
{
    nhi_lpm_key c = nhi_lpm_cut(k, n->depth);
    return c.hi == n->base.hi && c.lo == n->base.lo;
}
/** Position in `inner` of a prefix of k that ends l bits into the node. */
static inline unsigned nhi_lpm_pos(unsigned chunk, unsigned l)
{
    return (1u << l) - 1 + (chunk >> (NHI_LPM_STRIDE - l));
}
static inline unsigned nhi_lpm_home(unsigned len)
{
    return len / NHI_LPM_STRIDE * NHI_LPM_STRIDE;
}
static inline nhi_lpm_node *nhi_lpm_top(const nhi_lpm *l)
{
    return l->open ? l->work : nhi_a_load_acq(&l->root);
}

#endif
