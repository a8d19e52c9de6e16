/* SPDX-License-Identifier: Apache-2.0
 * Changes a batch of the prefix trie: nodes of the published tree are copied on the way down (path
 * copying), nodes made by this batch are changed in place. All memory is taken before anything is
 * linked, so a failed call leaves the batch with the same content. Removal needs memory only for
 * copies on the way. Called by db through lpm.h; control thread. */
#include "fib/lpm_node.h"

static size_t node_bytes(unsigned children, unsigned values)
{
    return sizeof(nhi_lpm_box) + children * sizeof(nhi_lpm_node *) + values * sizeof(uint32_t);
}

static nhi_lpm_node *node_new(nhi_lpm *l, nhi_lpm_key base, unsigned depth, unsigned children,
                              unsigned values)
{
    size_t size = node_bytes(children, values);
    nhi_lpm_box *b = nhi_mem_alloc(l->mem, size, 16);
    if (b == NULL)
        return NULL;
    b->size = size;
    b->mem = l->mem;
    b->node.base = nhi_lpm_cut(base, depth);
    b->node.depth = (uint16_t)depth;
    b->node.cap_child = (uint16_t)children;
    b->node.cap_value = (uint16_t)values;
    b->node.batch = l->batch;
    nhi_list_add_tail(&l->made, &b->u.link);
    return &b->node;
}

/* A node that the open batch no longer uses. */
static void node_drop(nhi_lpm *l, nhi_lpm_node *n)
{
    nhi_lpm_box *b = nhi_lpm_box_of(n);
    if (n->batch != l->batch) {
        nhi_list_add_tail(&l->replaced, &b->u.link);
        return;
    }
    nhi_list_del(&b->u.link);
    nhi_mem_free(b->mem, b, b->size);
}

/* Replaces *link by a copy of this batch with room for more; keeps it when it fits already. */
static nhi_lpm_node *node_own(nhi_lpm *l, nhi_lpm_node **link, unsigned add_child,
                              unsigned add_value)
{
    nhi_lpm_node *n = *link;
    unsigned children = nhi_lpm_bits(n->outer), values = nhi_lpm_bits(n->inner);
    if (n->batch == l->batch && children + add_child <= n->cap_child &&
        values + add_value <= n->cap_value)
        return n;
    nhi_lpm_node *c = node_new(l, n->base, n->depth, children + add_child, values + add_value);
    if (c == NULL)
        return NULL;
    c->inner = n->inner;
    c->outer = n->outer;
    memcpy(c->child, n->child, children * sizeof n->child[0]);
    memcpy(nhi_lpm_values(c), nhi_lpm_values(n), values * sizeof(uint32_t));
    node_drop(l, n);
    *link = c;
    return c;
}

static void put_child(nhi_lpm_node *n, unsigned chunk, nhi_lpm_node *child)
{
    unsigned at = nhi_lpm_rank(n->outer, chunk), used = nhi_lpm_bits(n->outer);
    memmove(n->child + at + 1, n->child + at, (used - at) * sizeof n->child[0]);
    n->child[at] = child;
    n->outer |= UINT64_C(1) << chunk;
}

static void cut_child(nhi_lpm_node *n, unsigned chunk)
{
    unsigned at = nhi_lpm_rank(n->outer, chunk), used = nhi_lpm_bits(n->outer);
    memmove(n->child + at, n->child + at + 1, (used - at - 1) * sizeof n->child[0]);
    n->outer &= ~(UINT64_C(1) << chunk);
}

static void put_value(nhi_lpm_node *n, unsigned pos, uint32_t value)
{
    uint32_t *v = nhi_lpm_values(n);
    unsigned at = nhi_lpm_rank(n->inner, pos), used = nhi_lpm_bits(n->inner);
    if (!nhi_lpm_has(n->inner, pos)) {
        memmove(v + at + 1, v + at, (used - at) * sizeof *v);
        n->inner |= UINT64_C(1) << pos;
    }
    v[at] = value;
}

static void cut_value(nhi_lpm_node *n, unsigned pos)
{
    uint32_t *v = nhi_lpm_values(n);
    unsigned at = nhi_lpm_rank(n->inner, pos), used = nhi_lpm_bits(n->inner);
    memmove(v + at, v + at + 1, (used - at - 1) * sizeof *v);
    n->inner &= ~(UINT64_C(1) << pos);
}

/* What is being set. */
typedef struct change {
    nhi_lpm_key key;
    unsigned len, home; /* home: depth of the node the prefix ends in */
    uint32_t value;
} change;

static nhi_lpm_node *leaf_new(nhi_lpm *l, const change *c, unsigned children)
{
    nhi_lpm_node *n = node_new(l, c->key, c->home, children, 1);
    if (n != NULL)
        put_value(n, nhi_lpm_pos(nhi_lpm_chunk(c->key, c->home), c->len - c->home), c->value);
    return n;
}

static unsigned common_bits(nhi_lpm_key a, nhi_lpm_key b)
{
    uint64_t x = a.hi ^ b.hi;
    if (x != 0)
        return (unsigned)__builtin_clzll(x);
    x = a.lo ^ b.lo;
    return x != 0 ? 64u + (unsigned)__builtin_clzll(x) : 128u;
}

/* The prefix ends above node *link, or leaves its path before it. */
static int insert_above(nhi_lpm *l, nhi_lpm_node **link, const change *c)
{
    nhi_lpm_node *n = *link;
    unsigned common = nhi_lpm_home(common_bits(c->key, n->base));
    if (common >= c->home) {
        nhi_lpm_node *leaf = leaf_new(l, c, 1);
        if (leaf == NULL)
            return NHTB_ERR_MEMORY;
        put_child(leaf, nhi_lpm_chunk(n->base, c->home), n);
        *link = leaf;
        return 0;
    }
    nhi_lpm_node *fork = node_new(l, c->key, common, 2, 0);
    if (fork == NULL)
        return NHTB_ERR_MEMORY;
    nhi_lpm_node *leaf = leaf_new(l, c, 0);
    if (leaf == NULL) {
        node_drop(l, fork);
        return NHTB_ERR_MEMORY;
    }
    put_child(fork, nhi_lpm_chunk(n->base, common), n);
    put_child(fork, nhi_lpm_chunk(c->key, common), leaf);
    *link = fork;
    return 0;
}

static int insert_here(nhi_lpm *l, nhi_lpm_node **link, const change *c)
{
    unsigned pos = nhi_lpm_pos(nhi_lpm_chunk(c->key, c->home), c->len - c->home);
    nhi_lpm_node *n = node_own(l, link, 0, nhi_lpm_has((*link)->inner, pos) ? 0 : 1);
    if (n == NULL)
        return NHTB_ERR_MEMORY;
    put_value(n, pos, c->value);
    return 0;
}

static int insert_child(nhi_lpm *l, nhi_lpm_node **link, const change *c)
{
    nhi_lpm_node *leaf = leaf_new(l, c, 0);
    if (leaf == NULL)
        return NHTB_ERR_MEMORY;
    nhi_lpm_node *n = node_own(l, link, 1, 0);
    if (n == NULL) {
        node_drop(l, leaf);
        return NHTB_ERR_MEMORY;
    }
    put_child(n, nhi_lpm_chunk(c->key, n->depth), leaf);
    return 0;
}

static int insert(nhi_lpm *l, const change *c)
{
    nhi_lpm_node **link = &l->work;
    while (*link != NULL) {
        nhi_lpm_node *n = *link;
        if (n->depth > c->home || !nhi_lpm_under(c->key, n))
            return insert_above(l, link, c);
        if (n->depth == c->home)
            return insert_here(l, link, c);
        unsigned chunk = nhi_lpm_chunk(c->key, n->depth);
        if (!nhi_lpm_has(n->outer, chunk))
            return insert_child(l, link, c);
        n = node_own(l, link, 0, 0);
        if (n == NULL)
            return NHTB_ERR_MEMORY;
        link = &n->child[nhi_lpm_rank(n->outer, chunk)];
    }
    *link = leaf_new(l, c, 0);
    return *link == NULL ? NHTB_ERR_MEMORY : 0;
}

/* A node without prefixes is needed only to fork; all nodes here are this batch's own. */
static void tidy(nhi_lpm *l, nhi_lpm_node **link, nhi_lpm_node *parent, nhi_lpm_key key)
{
    nhi_lpm_node *n = *link;
    unsigned children = nhi_lpm_bits(n->outer);
    if (n->inner != 0 || children > 1)
        return;
    if (children == 1)
        *link = n->child[0];
    else if (parent != NULL)
        cut_child(parent, nhi_lpm_chunk(key, parent->depth));
    else
        *link = NULL;
    node_drop(l, n);
}

/* The prefix exists. */
static int erase(nhi_lpm *l, const change *c)
{
    nhi_lpm_node **link = &l->work, **up = NULL, **upper = NULL;
    nhi_lpm_node *n = node_own(l, link, 0, 0);
    while (n != NULL && n->depth != c->home) {
        upper = up;
        up = link;
        link = &n->child[nhi_lpm_rank(n->outer, nhi_lpm_chunk(c->key, n->depth))];
        n = node_own(l, link, 0, 0);
    }
    if (n == NULL)
        return NHTB_ERR_MEMORY;
    cut_value(n, nhi_lpm_pos(nhi_lpm_chunk(c->key, c->home), c->len - c->home));
    tidy(l, link, up == NULL ? NULL : *up, c->key);
    if (up != NULL)
        tidy(l, up, upper == NULL ? NULL : *upper, c->key);
    return 0;
}

int nhi_lpm_set(nhi_lpm *l, const uint8_t *addr, unsigned len, uint32_t value)
{
    if (!l->open)
        return NHTB_ERR_STATE;
    if (len > (l->family == 4 ? 32u : 128u))
        return NHTB_ERR_ARG;
    nhi_lpm_key key = nhi_lpm_cut(nhi_lpm_key_of(l->family, addr), len);
    change c = {.key = key, .len = len, .home = nhi_lpm_home(len), .value = value};
    bool present = nhi_lpm_exact(l, addr, len) != 0;
    if (value == 0 && !present)
        return NHTB_ERR_NOT_FOUND;
    if (value != 0 && !present && l->work_count >= l->max_routes)
        return NHTB_ERR_LIMIT;
    int err = value == 0 ? erase(l, &c) : insert(l, &c);
    if (err == 0 && value == 0)
        l->work_count--;
    else if (err == 0 && !present)
        l->work_count++;
    return err;
}
