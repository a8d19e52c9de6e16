/* SPDX-License-Identifier: Apache-2.0
 * A batch of changes of the prefix table: its begin, its memory, and its end by one store of the root
 * or by none. What it replaced is freed after a grace period, what it made in vain at once. Called
 * by db through lpm.h; control thread. */
#include "fib/lpm_node.h"

void nhi_lpm_begin(nhi_lpm *l)
{
    l->batch++;
    l->work = l->now;
    l->work.tree.block &= ~NHI_LPM_FRESH;
    l->dirty = false;
    l->trash = NULL;
    l->open = true;
}

void nhi_lpm_drop(nhi_lpm *l, uint32_t at, unsigned class_no, bool own)
{
    if (own) {
        nhi_lpm_pool_free(&l->pool, at, class_no);
        return;
    }
    nhi_lpm_trash *t = l->trash;
    t->what[t->n++] = at << NHI_LPM_AT | class_no;
}

/* A change of a path of so many nodes makes each of them and its block anew, two nodes and three
 * blocks besides, root and page; it replaces no more than that. */
bool nhi_lpm_reserve(nhi_lpm *l, unsigned path)
{
    unsigned things = 2 * path + 8;
    unsigned class_no = nhi_lpm_pool_class(sizeof(nhi_lpm_trash));
    if (!nhi_lpm_pool_reserve(&l->pool, things + 1))
        return false;
    if (l->trash != NULL && l->trash->n + things <= NHI_LPM_TRASH_LEN)
        return true;
    uint32_t at = nhi_lpm_pool_new(&l->pool, class_no);
    nhi_lpm_trash *t = nhi_lpm_at(l, at);
    t->l = l;
    t->next = l->trash;
    t->self = at;
    t->n = 0;
    l->trash = t;
    return true;
}

static void trash_free(nhi_lpm *l, nhi_lpm_trash *t)
{
    nhi_lpm_pool_free(&l->pool, t->self, nhi_lpm_pool_class(sizeof *t));
}

static void reclaim(void *user, void *obj)
{
    nhi_lpm *l = user;
    nhi_lpm_trash *t = obj;
    for (uint32_t i = 0; i < t->n; i++)
        nhi_lpm_pool_free(&l->pool, t->what[i] >> NHI_LPM_AT, t->what[i] & NHI_LPM_KIND);
    trash_free(l, t);
    nhi_lpm_pool_trim(&l->pool);
}

static void end(nhi_lpm *l)
{
    memset(l->own_page, 0, sizeof l->own_page);
    l->trash = NULL;
    l->open = false;
    nhi_lpm_pool_trim(&l->pool);
}

void nhi_lpm_publish(nhi_lpm *l)
{
    if (!l->open)
        return;
    if (l->dirty)
        nhi_a_store_rel(&l->root, (const nhi_lpm_entry *)nhi_lpm_at(l, l->work.root));
    l->now = l->work;
    for (nhi_lpm_trash *t = l->trash, *next; t != NULL; t = next) {
        next = t->next;
        if (t->n == 0)
            trash_free(l, t);
        else
            nhi_qsbr_retire(l->qsbr, &t->retired, reclaim, l, t);
    }
    end(l);
}

/* Nodes made by the batch hang together at the top: what one links may be older, never the reverse.
 * A node's links are taken one by one from its own bitmap. */
static void drop_made(nhi_lpm *l)
{
    nhi_lpm_link stack[NHI_LPM_LEVELS + 1] = {l->work.tree};
    for (size_t n = 1; n > 0;) {
        nhi_lpm_link *top = &stack[n - 1];
        nhi_lpm_node *node = top->node == 0 ? NULL : nhi_lpm_node_at(l, top->node);
        bool own = node != NULL && node->batch == l->batch;
        unsigned left = own ? nhi_lpm_bits(node->outer) : 0;
        if (left != 0) {
            node->outer &= node->outer - 1;
            stack[n++] = node->child[left - 1];
            continue;
        }
        if ((top->block & NHI_LPM_FRESH) != 0)
            nhi_lpm_block_drop(l, top->block);
        if (own)
            nhi_lpm_node_drop(l, top->node);
        n--;
    }
}

void nhi_lpm_abort(nhi_lpm *l)
{
    if (!l->open)
        return;
    drop_made(l);
    nhi_lpm_root_drop_made(l);
    for (nhi_lpm_trash *t = l->trash, *next; t != NULL; t = next) {
        next = t->next;
        trash_free(l, t);
    }
    end(l);
}
