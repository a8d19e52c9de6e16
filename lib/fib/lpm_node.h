/* SPDX-License-Identifier: Apache-2.0
 * Inside of the prefix table, private to lpm*.c. Two structures in one pool of memory:
 *
 *   control: nodes of 6 bits. A node of depth d holds the prefixes of length d+1 .. d+6 that agree
 *   with its base, and up to 64 children; runs of nodes with one child and no prefix are left out.
 *   readers: one block per node, made from it: a bitmap of the chunks at which the answer changes
 *   with the answers behind it, and a bitmap of the children with their handles. An answer of 0 says
 *   "nothing longer than what was found above", so a change never spreads to other blocks.
 *
 * A large table has two direct levels in front, 9 bits each: `top` and its pages, with the prefixes
 * up to /9 and /18 spread over their entries; there nodes above depth 18 have no block. Both
 * structures are persistent: a batch makes new nodes, blocks and pages beside the published ones. */
#ifndef NHI_FIB_LPM_NODE_H
#define NHI_FIB_LPM_NODE_H

#include "fib/lpm.h"
#include "fib/lpm_pool.h"

#define NHI_LPM_STRIDE     6u
#define NHI_LPM_LEVELS     22 /* nodes on the longest path: depths 0, 6 .. 126 */
#define NHI_LPM_DIRECT     9u /* bits of top, and of a page */
#define NHI_LPM_DIRECT_LEN 512u
#define NHI_LPM_ROOT_BITS  (2 * NHI_LPM_DIRECT)
#define NHI_LPM_DIRECT_MIN 65536u /* routes from which a table has the direct levels */

/** An address as two words, most significant bit first; IPv4 fills the upper half of hi. */
typedef struct nhi_lpm_key {
    uint64_t hi, lo;
} nhi_lpm_key;

/* A block's handle: what it holds, in words of 64 bits, and where it is. */
#define NHI_LPM_WIDE   1u  /* answers of 32 bits; else 16 */
#define NHI_LPM_VALUES 2u  /* last: a word, bit c set when the answer changes at c; answers */
#define NHI_LPM_CHILD  4u  /* before: a word, bit c set when chunk c has a child; handles */
#define NHI_LPM_GAP    8u  /* first: bits that were left out, left-aligned, and their number */
#define NHI_LPM_FRESH  16u /* control: made by the batch that made the node which links it */
#define NHI_LPM_AT     5   /* position in the pool << 5 */
#define NHI_LPM_KIND   31u

/* A gap word: up to 54 bits from the top, and below how many; MORE: 54, and another word follows. */
#define NHI_LPM_GAP_MAX  54u
#define NHI_LPM_GAP_REST 1023u
#define NHI_LPM_GAP_BITS 63u
#define NHI_LPM_GAP_MORE 63u

/** A node and its block. node 0: nothing; block 0: none (above the direct levels' end). */
typedef struct nhi_lpm_link {
    uint32_t node, block;
} nhi_lpm_link;

typedef struct nhi_lpm_node {
    uint64_t inner[2]; /* prefixes: [0] of 1..5 bits inside the node, [1] of 6 */
    uint64_t outer;    /* bit c: a child for the 6-bit chunk c */
    nhi_lpm_key base;  /* the bits above depth, the rest zero */
    uint64_t batch;    /* the batch that made it: that one may still change it in place */
    uint16_t depth;    /* a multiple of 6 */
    uint16_t cap_child, cap_value;
    nhi_lpm_link child[];
    /* uint32_t value[cap_value] follows child[cap_child] */
} nhi_lpm_node;

/** What readers start from: one entry, or top's 512, whose `block` is the position of the page. */
typedef struct nhi_lpm_entry {
    uint32_t block, value;
} nhi_lpm_entry;

/** A page's entry: half a cache line. value is what the prefixes up to /18 say. A block of few short
 *  answers stands in the entry itself, so most lookups read nothing else; map 0: it is elsewhere. */
#define NHI_LPM_NEAR 11u
typedef struct nhi_lpm_cell {
    uint64_t map;
    union {
        struct {
            uint16_t v[NHI_LPM_NEAR], value;
        } near;
        struct {
            uint32_t block, value;
            uint64_t outer;   /* chunks for which the block has to be read from its beginning */
            uint32_t answers; /* position of its map, for the others */
        } far;
    } u;
} nhi_lpm_cell;

/** Things replaced by the open batch; all of them are freed when its readers are gone. */
enum { NHI_LPM_TRASH_LEN = 116 };
typedef struct nhi_lpm_trash {
    nhi_retired retired;
    struct nhi_lpm *l;
    struct nhi_lpm_trash *next; /* older ones of the same batch */
    uint32_t self, n;
    uint32_t what[NHI_LPM_TRASH_LEN]; /* position << 5 | size class */
} nhi_lpm_trash;

struct nhi_lpm {
    /* readers */
    NHI_ATOMIC(const nhi_lpm_entry *) root;
    nhi_lpm_pool pool;
    uint8_t family;
    bool direct;
    /* control */
    nhi_mem *mem;
    nhi_qsbr *qsbr;
    size_t max_routes;
    uint64_t batch;
    bool open, dirty;
    nhi_lpm_trash *trash;
    uint64_t own_page[NHI_LPM_DIRECT_LEN / 64]; /* pages made by the open batch */
    uint32_t no_page;                           /* position of the empty page */
    struct nhi_lpm_state {
        size_t count;
        uint32_t all;      /* value of the prefix of length 0 */
        uint32_t root;     /* position of root */
        nhi_lpm_link tree; /* block: of a table without direct levels */
    } now, work;           /* published; the open batch's */
};

static inline void *nhi_lpm_at(const nhi_lpm *l, uint32_t at)
{
    return nhi_lpm_pool_at(&l->pool, at);
}
static inline nhi_lpm_node *nhi_lpm_node_at(const nhi_lpm *l, uint32_t at)
{
    return nhi_lpm_at(l, at);
}
static inline uint32_t *nhi_lpm_values(const nhi_lpm_node *n)
{
    return (uint32_t *)(uintptr_t)(n->child + n->cap_child);
}
static inline size_t nhi_lpm_node_bytes(unsigned children, unsigned values)
{
    return sizeof(nhi_lpm_node) + children * sizeof(nhi_lpm_link) + values * sizeof(uint32_t);
}
/* Written out because a compiler's builtin may call a support library that hosts do not have. */
static inline unsigned nhi_lpm_bits(uint64_t v)
{
    v -= v >> 1 & UINT64_C(0x5555555555555555);
    v = (v & UINT64_C(0x3333333333333333)) + (v >> 2 & UINT64_C(0x3333333333333333));
    v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(v * UINT64_C(0x0101010101010101) >> 56);
}
/** Words that so many handles take. */
static inline unsigned nhi_lpm_pairs(unsigned handles)
{
    return (handles + 1) / 2;
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
/** The key without its first n bits, n < 64. */
static inline nhi_lpm_key nhi_lpm_shift(nhi_lpm_key k, unsigned n)
{
    if (n == 0)
        return k;
    return (nhi_lpm_key){k.hi << n | k.lo >> (64 - n), k.lo << n};
}
/** The 64 bits from bit position depth on; zero beyond the end. */
static inline uint64_t nhi_lpm_from(nhi_lpm_key k, unsigned depth)
{
    return depth >= 64 ? k.lo << (depth - 64) : nhi_lpm_shift(k, depth).hi;
}
static inline unsigned nhi_lpm_chunk(nhi_lpm_key k, unsigned depth)
{
    return (unsigned)(nhi_lpm_from(k, depth) >> 58);
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
/** Depth of the node that holds prefixes of this length, which is not 0. */
static inline unsigned nhi_lpm_home(unsigned len)
{
    return (len - 1) / NHI_LPM_STRIDE * NHI_LPM_STRIDE;
}

/** Place of a prefix of 1..6 bits inside its node: which bitmap and which bit of it. */
typedef struct nhi_lpm_spot {
    unsigned map, bit;
} nhi_lpm_spot;
static inline nhi_lpm_spot nhi_lpm_spot_of(unsigned chunk, unsigned l)
{
    if (l == NHI_LPM_STRIDE)
        return (nhi_lpm_spot){1, chunk};
    return (nhi_lpm_spot){0, (1u << l) - 2 + (chunk >> (NHI_LPM_STRIDE - l))};
}
static inline bool nhi_lpm_spot_used(const nhi_lpm_node *n, nhi_lpm_spot s)
{
    return nhi_lpm_has(n->inner[s.map], s.bit);
}
/** Index of the prefix's value. */
static inline unsigned nhi_lpm_spot_index(const nhi_lpm_node *n, nhi_lpm_spot s)
{
    unsigned before = s.map == 1 ? nhi_lpm_bits(n->inner[0]) : 0;
    return before + nhi_lpm_rank(n->inner[s.map], s.bit);
}
static inline unsigned nhi_lpm_node_values(const nhi_lpm_node *n)
{
    return nhi_lpm_bits(n->inner[0]) + nhi_lpm_bits(n->inner[1]);
}

static inline const struct nhi_lpm_state *nhi_lpm_state_of(const nhi_lpm *l)
{
    return l->open ? &l->work : &l->now;
}
/** Value of the longest prefix of k whose length is lo..hi; 0: none (lpm_walk.c). */
uint32_t nhi_lpm_cover(const nhi_lpm *l, nhi_lpm_key k, unsigned lo, unsigned hi);
/** The block in which the first ROOT_BITS of k end; 0: none. */
uint32_t nhi_lpm_block_of(const nhi_lpm *l, nhi_lpm_key k);

/* lpm_block.c: what readers see. Memory was reserved: none of these can fail. */
/** Makes the block of *k's node anew; from: how many bits the blocks above it have taken. */
void nhi_lpm_block_make(nhi_lpm *l, nhi_lpm_link *k, unsigned from);
/** Only the block of the child at chunk changed, from one that existed to another. */
void nhi_lpm_block_relink(nhi_lpm *l, nhi_lpm_link *k, unsigned chunk, uint32_t child);
void nhi_lpm_block_drop(nhi_lpm *l, uint32_t handle);
/** The block and all that follow it. */
size_t nhi_lpm_block_bytes(const nhi_lpm *l, uint32_t handle);
int nhi_lpm_root_init(nhi_lpm *l);
/** Position of the map with short answers behind it, 0: none. outer: chunks that have more. */
uint32_t nhi_lpm_block_answers(const nhi_lpm *l, uint32_t handle, uint64_t *outer);
/** lpm_root.c: the direct levels, or the one entry, after a change of the prefix. block: of the node
 *  in which the first ROOT_BITS of the key end. */
void nhi_lpm_root_update(nhi_lpm *l, nhi_lpm_key k, unsigned len, uint32_t block);
void nhi_lpm_root_drop_made(nhi_lpm *l);

/* lpm_batch.c */
/** Memory for one change below a path of so many nodes: after it nothing of the change can fail. */
bool nhi_lpm_reserve(nhi_lpm *l, unsigned path);
/** Frees what the open batch no longer uses: at once when it made it, else after publication. */
void nhi_lpm_drop(nhi_lpm *l, uint32_t at, unsigned class_no, bool own);
void nhi_lpm_node_drop(nhi_lpm *l, uint32_t at); /* lpm_edit.c */

#endif
