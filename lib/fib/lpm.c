/* SPDX-License-Identifier: Apache-2.0
 * Life of the prefix table. Called by fib.c; control thread. lpm_get.c looks up, lpm_batch.c and
 * lpm_edit.c change, lpm_walk.c reads the control nodes. House-style 3.5. */
#include "fib/lpm_node.h"

/* Bytes that one route may cost: two nodes with their links and values, two blocks, each also as the
 * copy that readers still use, and what size classes and the spans' description lose. */
enum { ROUTE_BYTES = 640, SPANS = 128, SPAN_BYTES = 2048, PAGE_BYTES = 16384 };

static bool is_direct(size_t max_routes)
{
    return max_routes >= NHI_LPM_DIRECT_MIN;
}

size_t nhi_lpm_size(uint8_t family, size_t max_routes)
{
    (void)family;
    size_t direct = is_direct(max_routes) ? 3 * NHI_LPM_DIRECT_LEN * (size_t)PAGE_BYTES : 0;
    return sizeof(nhi_lpm) + max_routes * ROUTE_BYTES + SPANS * SPAN_BYTES + direct;
}

void nhi_lpm_del(nhi_lpm *l)
{
    if (l == NULL)
        return;
    nhi_lpm_pool_fini(&l->pool);
    nhi_mem_free(l->mem, l, sizeof *l);
}

nhi_lpm *nhi_lpm_new(nhi_mem *mem, nhi_qsbr *q, uint8_t family, size_t max_routes)
{
    nhi_lpm *l = nhi_mem_alloc(mem, sizeof *l, NHI_CACHE_LINE);
    if (l == NULL)
        return NULL;
    l->mem = mem;
    l->qsbr = q;
    l->family = family;
    l->max_routes = max_routes;
    l->direct = is_direct(max_routes);
    if (nhi_lpm_pool_init(&l->pool, mem, q, l->direct) == 0 && nhi_lpm_root_init(l) == 0)
        return l;
    nhi_lpm_del(l);
    return NULL;
}

size_t nhi_lpm_count(const nhi_lpm *l)
{
    return nhi_lpm_state_of(l)->count;
}
