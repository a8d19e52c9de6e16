/* SPDX-License-Identifier: Apache-2.0
 * Tools of the property tests and of the table tests: a seeded generator and host memory that counts
 * and can fail at the n-th call. Header only, so every test program can use it. */
#ifndef NHTB_TEST_PROP_H
#define NHTB_TEST_PROP_H

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

typedef struct prop_rng {
    uint64_t s;
} prop_rng;

/* splitmix64 */
static inline uint64_t prop_u64(prop_rng *g)
{
    uint64_t z = (g->s += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t prop_below(prop_rng *g, uint64_t n)
{
    return prop_u64(g) % n;
}

typedef struct prop_mem {
    nhi_mem mem;
    int64_t fail_in; /* allocations that still succeed; -1: all do */
    size_t live, calls;
    uint64_t random;
} prop_mem;

static inline void *prop_alloc(void *user, size_t n, size_t align)
{
    prop_mem *p = user;
    p->calls++;
    if (p->fail_in == 0)
        return NULL;
    if (p->fail_in > 0)
        p->fail_in--;
    void *m = NULL;
    if (posix_memalign(&m, align < sizeof(void *) ? sizeof(void *) : align, n) != 0)
        return NULL;
    memset(m, 0xa5, n);
    p->live++;
    return m;
}

static inline void prop_free(void *user, void *m, size_t n)
{
    prop_mem *p = user;
    (void)n;
    if (m == NULL)
        return;
    p->live--;
    free(m);
}

static inline int prop_random(void *user, uint8_t *dst, size_t n)
{
    prop_mem *p = user;
    prop_rng g = {p->random};
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)prop_u64(&g);
    p->random = g.s;
    return 0;
}

static inline nhi_mem *prop_mem_init(prop_mem *p)
{
    memset(p, 0, sizeof *p);
    p->fail_in = -1;
    p->random = 1;
    p->mem.host = (nhtb_host){.size = sizeof(nhtb_host),
                              .user = p,
                              .alloc = prop_alloc,
                              .free = prop_free,
                              .random = prop_random};
    return &p->mem;
}

#endif
