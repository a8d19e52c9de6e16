/* SPDX-License-Identifier: Apache-2.0
 * Small helpers of the IKE unit tests: a heap host and spans of literals. */
#ifndef NHI_TEST_PARTS_UTIL_H
#define NHI_TEST_PARTS_UTIL_H

#include <stdlib.h>
#include <string.h>

#include "ike/parts.h"

static inline void *test_alloc(void *user, size_t n, size_t align)
{
    (void)user;
    void *p = NULL;
    return posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, n) ? NULL : p;
}

static inline void test_free(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    free(p);
}

static inline int test_random(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    for (size_t i = 0; i < n; i++) {
        dst[i] = (uint8_t)rand();
    }
    return 0;
}

static inline nhi_mem test_mem(void)
{
    nhi_mem m;
    memset(&m, 0, sizeof m);
    m.host = (nhtb_host){
        .size = sizeof(nhtb_host), .alloc = test_alloc, .free = test_free, .random = test_random};
    return m;
}

static inline nhtb_span span(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

#endif
