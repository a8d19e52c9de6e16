/* SPDX-License-Identifier: Apache-2.0
 * One change in a batch of the prefix table: control nodes on the way down are copied unless the
 * batch made them, then the blocks of the way are made anew from the bottom up. All memory is
 * reserved first, so a refused call changes nothing. Called by db through lpm.h; control thread. */
#include "fib/lpm_node.h"

/* What is being set, and the way to it from the root. */
typedef struct step {
    nhi_lpm_link *link;
    unsigned end, depth; /* bits taken above the link; depth of its node */
} step;

typedef struct change {
    nhi_lpm_key key;
    unsigned len, home; /* home: depth of the node that holds the prefix */
    uint32_t value;
    step way[NHI_LPM_LEVELS + 1];
    unsigned n;
    unsigned whole; /* so many of the last steps need a block from scratch */
    bool ready;     /* the last one has its block already */
} change;

static unsigned node_class(const nhi_lpm_node *n)
{
    return nhi_lpm_pool_class(nhi_lpm_node_bytes(n->cap_child, n->cap_value));
}

void nhi_lpm_node_drop(nhi_lpm *l, uint32_t at)
{
    const nhi_lpm_node *n = nhi_lpm_node_at(l, at);
    nhi_lpm_drop(l, at, node_class(n), n->batch == l->batch);
}

static uint32_t node_new(nhi_lpm *l, nhi_lpm_key base, unsigned depth, unsigned children,
                         unsigned values)
{
    unsigned class_no = nhi_lpm_pool_class(nhi_lpm_node_bytes(children, values));
    uint32_t at = nhi_lpm_pool_new(&l->pool, class_no);
    nhi_lpm_node *n = nhi_lpm_node_at(l, at);
    *n = (nhi_lpm_node){.base = nhi_lpm_cut(base, depth),
                        .batch = l->batch,
                        .depth = (uint16_t)depth,
                        .cap_child = (uint16_t)children,
                        .cap_value = (uint16_t)values};
    return at;
}

/* Replaces the link's node by a copy of this batch with room for more; keeps it when it fits. */
static nhi_lpm_node *node_own(nhi_lpm *l, nhi_lpm_link *link, unsigned add_child,
                              unsigned add_value)
{
    const nhi_lpm_node *n = nhi_lpm_node_at(l, link->node);
    unsigned children = nhi_lpm_bits(n->outer), values = nhi_lpm_node_values(n);
    if (n->batch == l->batch && children + add_child <= n->cap_child &&
        values + add_value <= n->cap_value)
        return nhi_lpm_node_at(l, link->node);
    uint32_t at = node_new(l, n->base, n->depth, children + add_child, values + add_value);
    nhi_lpm_node *c = nhi_lpm_node_at(l, at);
    uint32_t keep = n->batch == l->batch ? UINT32_MAX : ~NHI_LPM_FRESH;
    c->inner[0] = n->inner[0];
    c->inner[1] = n->inner[1];
    c->outer = n->outer;
    for (unsigned i = 0; i < children; i++)
        c->child[i] = (nhi_lpm_link){n->child[i].node, n->child[i].block & keep};
    memcpy(nhi_lpm_values(c), nhi_lpm_values(n), values * sizeof(uint32_t));
    nhi_lpm_node_drop(l, link->node);
    link->node = at;
    return c;
}

static nhi_lpm_link *child_at(nhi_lpm_node *n, unsigned chunk)
{
    return &n->child[nhi_lpm_rank(n->outer, chunk)];
}

static nhi_lpm_link *put_child(nhi_lpm_node *n, unsigned chunk, nhi_lpm_link child)
{
    unsigned at = nhi_lpm_rank(n->outer, chunk), used = nhi_lpm_bits(n->outer);
    memmove(n->child + at + 1, n->child + at, (used - at) * sizeof n->child[0]);
    n->child[at] = child;
    n->outer |= UINT64_C(1) << chunk;
    return &n->child[at];
}

static void cut_child(nhi_lpm_node *n, unsigned chunk)
{
    unsigned at = nhi_lpm_rank(n->outer, chunk), used = nhi_lpm_bits(n->outer);
    memmove(n->child + at, n->child + at + 1, (used - at - 1) * sizeof n->child[0]);
    n->outer &= ~(UINT64_C(1) << chunk);
}

static nhi_lpm_spot spot_in(const nhi_lpm_node *n, const change *c)
{
    return nhi_lpm_spot_of(nhi_lpm_chunk(c->key, n->depth), c->len - n->depth);
}

static void put_value(nhi_lpm_node *n, const change *c)
{
    nhi_lpm_spot s = spot_in(n, c);
    uint32_t *v = nhi_lpm_values(n);
    unsigned at = nhi_lpm_spot_index(n, s), used = nhi_lpm_node_values(n);
    if (!nhi_lpm_spot_used(n, s)) {
        memmove(v + at + 1, v + at, (used - at) * sizeof *v);
        n->inner[s.map] |= UINT64_C(1) << s.bit;
    }
    v[at] = c->value;
}

static void cut_value(nhi_lpm_node *n, const change *c)
{
    nhi_lpm_spot s = spot_in(n, c);
    uint32_t *v = nhi_lpm_values(n);
    unsigned at = nhi_lpm_spot_index(n, s), used = nhi_lpm_node_values(n);
    memmove(v + at, v + at + 1, (used - at - 1) * sizeof *v);
    n->inner[s.map] &= ~(UINT64_C(1) << s.bit);
}

/* ---- blocks ---- */

static bool has_block(const nhi_lpm *l, unsigned depth)
{
    return !l->direct || depth >= NHI_LPM_ROOT_BITS;
}

static unsigned block_from(const nhi_lpm *l, unsigned end)
{
    return l->direct && end < NHI_LPM_ROOT_BITS ? NHI_LPM_ROOT_BITS : end;
}

static void make_block(nhi_lpm *l, nhi_lpm_link *link, unsigned end)
{
    if (has_block(l, nhi_lpm_node_at(l, link->node)->depth))
        nhi_lpm_block_make(l, link, block_from(l, end));
}

/* A node now hangs elsewhere: its block leaves out another number of bits. */
static void moved(nhi_lpm *l, nhi_lpm_link *link, unsigned old_end, unsigned end)
{
    if (block_from(l, old_end) != block_from(l, end))
        make_block(l, link, end);
}

static void step_add(const nhi_lpm *l, change *c, nhi_lpm_link *link, unsigned end)
{
    c->way[c->n++] = (step){link, end, nhi_lpm_node_at(l, link->node)->depth};
}

/* The last `whole` steps have new blocks made, those above only lead to another one. */
static void update_blocks(nhi_lpm *l, const change *c)
{
    uint32_t top = 0;
    for (unsigned i = c->n; i-- > 0 && has_block(l, c->way[i].depth);) {
        const step *s = &c->way[i];
        if (i + c->whole >= c->n)
            make_block(l, s->link, s->end);
        else if (i + 1 < c->n || !c->ready)
            nhi_lpm_block_relink(l, s->link, nhi_lpm_chunk(c->key, s->depth), s[1].link->block);
        top = s->link->block;
    }
    nhi_lpm_root_update(l, c->key, c->len, top);
}

/* ---- insert ---- */

static nhi_lpm_link leaf_new(nhi_lpm *l, const change *c, unsigned children)
{
    uint32_t at = node_new(l, c->key, c->home, children, 1);
    put_value(nhi_lpm_node_at(l, at), c);
    return (nhi_lpm_link){at, 0};
}

static unsigned common_bits(nhi_lpm_key a, nhi_lpm_key b)
{
    uint64_t x = a.hi ^ b.hi;
    if (x != 0)
        return (unsigned)__builtin_clzll(x);
    x = a.lo ^ b.lo;
    return x != 0 ? 64u + (unsigned)__builtin_clzll(x) : 128u;
}

/* The prefix ends above the link's node, or leaves its path before it. */
static void insert_above(nhi_lpm *l, nhi_lpm_link *link, unsigned end, change *c)
{
    nhi_lpm_link old = *link;
    nhi_lpm_key base = nhi_lpm_node_at(l, old.node)->base;
    unsigned common = common_bits(c->key, base) / NHI_LPM_STRIDE * NHI_LPM_STRIDE;
    bool fork = common < c->home;
    unsigned depth = fork ? common : c->home;
    *link = fork ? (nhi_lpm_link){node_new(l, c->key, depth, 2, 0), 0} : leaf_new(l, c, 1);
    nhi_lpm_node *n = nhi_lpm_node_at(l, link->node);
    nhi_lpm_link leaf = fork ? leaf_new(l, c, 0) : (nhi_lpm_link){0, 0};
    if (fork)
        (void)put_child(n, nhi_lpm_chunk(c->key, depth), leaf);
    unsigned chunk = nhi_lpm_chunk(base, depth);
    moved(l, put_child(n, chunk, old), end, depth + NHI_LPM_STRIDE);
    step_add(l, c, link, end);
    if (fork)
        step_add(l, c, child_at(n, nhi_lpm_chunk(c->key, depth)), depth + NHI_LPM_STRIDE);
    c->whole = fork ? 2 : 1;
}

static void insert(nhi_lpm *l, change *c)
{
    nhi_lpm_link *link = &l->work.tree;
    unsigned end = 0;
    c->whole = 1;
    while (link->node != 0) {
        nhi_lpm_node *n = nhi_lpm_node_at(l, link->node);
        if (n->depth > c->home || !nhi_lpm_under(c->key, n)) {
            insert_above(l, link, end, c);
            return;
        }
        if (n->depth == c->home) {
            put_value(node_own(l, link, 0, nhi_lpm_spot_used(n, spot_in(n, c)) ? 0 : 1), c);
            step_add(l, c, link, end);
            return;
        }
        unsigned chunk = nhi_lpm_chunk(c->key, n->depth);
        bool known = nhi_lpm_has(n->outer, chunk);
        n = node_own(l, link, known ? 0 : 1, 0);
        step_add(l, c, link, end);
        end = n->depth + NHI_LPM_STRIDE;
        link = known ? child_at(n, chunk) : put_child(n, chunk, leaf_new(l, c, 0));
        if (!known) {
            c->whole = 2;
            break;
        }
    }
    if (link->node == 0)
        *link = leaf_new(l, c, 0);
    step_add(l, c, link, end);
}

/* ---- erase ---- */

/* The last step's node has no prefix and one child or none: it goes. True: it went. */
static bool tidy(nhi_lpm *l, change *c)
{
    const step *s = &c->way[c->n - 1];
    uint32_t at = s->link->node;
    const nhi_lpm_node *n = nhi_lpm_node_at(l, at);
    unsigned children = nhi_lpm_bits(n->outer);
    if (n->inner[0] != 0 || n->inner[1] != 0 || children > 1)
        return false;
    nhi_lpm_block_drop(l, s->link->block);
    if (children == 1) {
        *s->link = n->child[0];
        moved(l, s->link, n->depth + NHI_LPM_STRIDE, s->end);
        c->whole = 0;
        c->ready = true;
    } else {
        *s->link = (nhi_lpm_link){0, 0};
        c->n--;
        if (c->n > 0) {
            const step *up = &c->way[c->n - 1];
            cut_child(nhi_lpm_node_at(l, up->link->node), nhi_lpm_chunk(c->key, up->depth));
        }
    }
    nhi_lpm_node_drop(l, at);
    return true;
}

/* The prefix exists. */
static void erase(nhi_lpm *l, change *c)
{
    nhi_lpm_link *link = &l->work.tree;
    unsigned end = 0;
    for (;;) {
        nhi_lpm_node *n = node_own(l, link, 0, 0);
        step_add(l, c, link, end);
        if (n->depth == c->home)
            break;
        end = n->depth + NHI_LPM_STRIDE;
        link = child_at(n, nhi_lpm_chunk(c->key, n->depth));
    }
    cut_value(nhi_lpm_node_at(l, link->node), c);
    c->whole = 1;
    if (tidy(l, c) && !c->ready && c->n > 0)
        (void)tidy(l, c);
}

/* Nodes from the root to where the prefix is or would be. */
static unsigned way_length(const nhi_lpm *l, const change *c)
{
    unsigned n = 0;
    for (uint32_t at = l->work.tree.node; at != 0; n++) {
        nhi_lpm_node *node = nhi_lpm_node_at(l, at);
        if (node->depth >= c->home || !nhi_lpm_under(c->key, node))
            return n + 1;
        unsigned chunk = nhi_lpm_chunk(c->key, node->depth);
        at = nhi_lpm_has(node->outer, chunk) ? child_at(node, chunk)->node : 0;
    }
    return n;
}

static void apply(nhi_lpm *l, change *c)
{
    if (c->len == 0) {
        l->work.all = c->value;
        nhi_lpm_root_update(l, c->key, 0, 0);
        return;
    }
    if (c->value == 0)
        erase(l, c);
    else
        insert(l, c);
    update_blocks(l, c);
}

int nhi_lpm_set(nhi_lpm *l, const uint8_t *addr, unsigned len, uint32_t value)
{
    if (!l->open)
        return NHTB_ERR_STATE;
    if (len > (l->family == 4 ? 32u : 128u))
        return NHTB_ERR_ARG;
    change c;
    c.key = nhi_lpm_cut(nhi_lpm_key_of(l->family, addr), len);
    c.len = len;
    c.home = len == 0 ? 0 : nhi_lpm_home(len);
    c.value = value;
    c.n = c.whole = 0;
    c.ready = false;
    bool present = nhi_lpm_exact(l, addr, len) != 0;
    if (value == 0 && !present)
        return NHTB_ERR_NOT_FOUND;
    if (value != 0 && !present && l->work.count >= l->max_routes)
        return NHTB_ERR_LIMIT;
    if (!nhi_lpm_reserve(l, len == 0 ? 0 : way_length(l, &c)))
        return NHTB_ERR_MEMORY;
    apply(l, &c);
    if (present != (value != 0))
        l->work.count = value != 0 ? l->work.count + 1 : l->work.count - 1;
    return 0;
}
