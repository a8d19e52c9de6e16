/* SPDX-License-Identifier: Apache-2.0
 * The static arena: alignment, disjoint blocks, reuse, cutting of larger blocks. */
#include <criterion/criterion.h>
#include <nhtb/host.h>

#include "mem_host.h"

static _Alignas(64) uint8_t pool[1 << 20];

Test(arena, refuses_a_pool_that_is_too_small_or_crooked)
{
    cr_assert_null(nhtb_arena_init(NULL, 4096));
    cr_assert_null(nhtb_arena_init(pool, 64));
    cr_assert_null(nhtb_arena_init(pool + 8, 4096));
    nhtb_arena *a = nhtb_arena_init(pool, 4096);
    cr_assert_not_null(a);
    cr_assert_eq(nhtb_arena_used(a), 0);
    cr_assert_eq(nhtb_arena_peak(a), 0);
}

Test(arena, refuses_nonsense_requests)
{
    nhtb_arena *a = nhtb_arena_init(pool, sizeof pool);
    cr_assert_null(nhtb_arena_alloc(a, 0, 16));
    cr_assert_null(nhtb_arena_alloc(a, 16, 48));
    cr_assert_null(nhtb_arena_alloc(a, sizeof pool, 16));
    cr_assert_null(nhtb_arena_alloc(a, SIZE_MAX, 16));
    cr_assert_null(nhtb_arena_alloc(a, SIZE_MAX / 2, 16));
    nhtb_arena_free(a, NULL, 16);
    cr_assert_eq(nhtb_arena_used(a), 0);
}

Test(arena, a_freed_block_of_a_class_is_used_again)
{
    nhtb_arena *a = nhtb_arena_init(pool, sizeof pool);
    void *p = nhtb_arena_alloc(a, 1000, 16);
    void *wall = nhtb_arena_alloc(a, 16, 16);
    cr_assert_not_null(wall);
    nhtb_arena_free(a, p, 1000);
    cr_assert_eq(nhtb_arena_alloc(a, 990, 16), p);
}

Test(arena, a_larger_block_is_cut_when_the_pool_is_used_up)
{
    nhtb_arena *a = nhtb_arena_init(pool, 64 * 1024);
    void *v[64];
    size_t n = 0;
    while (n < 64 && (v[n] = nhtb_arena_alloc(a, 4096, 16))) {
        n++;
    }
    cr_assert_gt(n, 10);
    while (nhtb_arena_alloc(a, 32, 16)) {
    }
    nhtb_arena_free(a, v[0], 4096);
    size_t small = 0;
    while (nhtb_arena_alloc(a, 64, 16)) {
        small++;
    }
    cr_assert_eq(small, 4096 / 64);
}

typedef struct live {
    uint8_t *p;
    size_t n;
    uint8_t fill;
} live;

static void check_and_free(nhtb_arena *a, live *l)
{
    for (size_t i = 0; i < l->n; i++) {
        cr_assert_eq(l->p[i], l->fill, "block was written by another");
    }
    nhtb_arena_free(a, l->p, l->n);
    l->p = NULL;
}

Test(arena, random_blocks_never_overlap_and_all_comes_back)
{
    static live v[400];
    uint64_t seed = 1;
    nhtb_arena *a = nhtb_arena_init(pool, sizeof pool);
    size_t refused = 0;
    for (unsigned step = 0; step < 200000; step++) {
        live *l = &v[test_rand(&seed) % 400];
        if (l->p) {
            check_and_free(a, l);
            continue;
        }
        size_t align = (size_t)16 << test_rand(&seed) % 4;
        l->n = 1 + test_rand(&seed) % ((size_t)1 << (4 + test_rand(&seed) % 10));
        l->fill = (uint8_t)step;
        l->p = nhtb_arena_alloc(a, l->n, align);
        if (!l->p) {
            refused++;
            continue;
        }
        cr_assert_eq((uintptr_t)l->p % align, 0);
        cr_assert(l->p >= pool && l->p + l->n <= pool + sizeof pool);
        memset(l->p, l->fill, l->n);
    }
    for (size_t i = 0; i < 400; i++) {
        if (v[i].p) {
            check_and_free(a, &v[i]);
        }
    }
    cr_assert_eq(nhtb_arena_used(a), 0);
    cr_assert_gt(nhtb_arena_peak(a), 0);
    cr_assert_lt(refused, 20000, "%zu requests were refused", refused);
}

Test(arena, serves_the_core_as_a_host)
{
    nhtb_arena *a = nhtb_arena_init(pool, sizeof pool);
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    m.host.user = a;
    m.host.alloc = nhtb_arena_alloc;
    m.host.free = nhtb_arena_free;
    void *p = nhi_mem_alloc(&m, 300, 64);
    cr_assert_eq((uintptr_t)p % 64, 0);
    cr_assert_geq(nhtb_arena_used(a), 300);
    nhi_mem_free(&m, p, 300);
    cr_assert_eq(nhtb_arena_used(a), 0);
}
