/* SPDX-License-Identifier: Apache-2.0
 * A host for tests: malloc behind nhtb_host with balances and a failing n-th allocation, and a small
 * deterministic generator. */
#ifndef TEST_MEM_HOST_H
#define TEST_MEM_HOST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

typedef struct mem_host {
    size_t bytes, blocks;
    size_t calls, fail_at; /* fail_at: this call (from 1) fails; 0: none */
} mem_host;

static inline void *mem_host_alloc(void *user, size_t n, size_t align)
{
    mem_host *h = user;
    h->calls++;
    if (h->calls == h->fail_at) {
        return NULL;
    }
    void *p = aligned_alloc(align, (n + align - 1) / align * align);
    if (p) {
        memset(p, 0xa5, n);
        h->bytes += n;
        h->blocks++;
    }
    return p;
}

static inline void mem_host_free(void *user, void *p, size_t n)
{
    mem_host *h = user;
    if (p) {
        h->bytes -= n;
        h->blocks--;
        free(p);
    }
}

static inline int mem_host_no_random(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    memset(dst, 0x77, n / 2); /* half filled, then it fails */
    return -1;
}

static inline int mem_host_random(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    memset(dst, 0x11, n);
    return 0;
}

static inline nhi_mem mem_of(mem_host *h)
{
    nhi_mem m;
    memset(&m, 0, sizeof m);
    m.host.size = sizeof m.host;
    m.host.user = h;
    m.host.alloc = mem_host_alloc;
    m.host.free = mem_host_free;
    m.host.random = mem_host_random;
    return m;
}

/* splitmix64 */
static inline uint64_t test_rand(uint64_t *s)
{
    uint64_t z = (*s += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

#endif
