/* SPDX-License-Identifier: Apache-2.0
 * Memory wrappers, wiping, constant-time compare, random. */
#include <criterion/criterion.h>

#include "mem_host.h"

Test(mem, allocation_is_zeroed_aligned_and_counted)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    for (size_t align = 1; align <= 256; align *= 2) {
        uint8_t *p = nhi_mem_alloc(&m, 100, align);
        cr_assert_not_null(p);
        cr_assert_eq((uintptr_t)p % align, 0);
        for (size_t i = 0; i < 100; i++) {
            cr_assert_eq(p[i], 0);
        }
        cr_assert_eq(m.bytes, 100);
        nhi_mem_free(&m, p, 100);
        cr_assert_eq(m.bytes, 0);
    }
    cr_assert_eq(h.blocks, 0);
    cr_assert_eq(m.failed, 0);
}

Test(mem, zero_bytes_give_null_without_a_failure)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    cr_assert_null(nhi_mem_alloc(&m, 0, 16));
    cr_assert_null(nhi_mem_array(&m, 0, 8));
    cr_assert_null(nhi_mem_array(&m, 8, 0));
    cr_assert_eq(m.failed, 0);
    cr_assert_eq(h.calls, 0);
}

Test(mem, an_overflowing_array_is_refused_before_the_host_is_asked)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    cr_assert_null(nhi_mem_array(&m, SIZE_MAX / 2 + 1, 2));
    cr_assert_null(nhi_mem_array(&m, SIZE_MAX, SIZE_MAX));
    cr_assert_eq(h.calls, 0);
    cr_assert_eq(m.failed, 2);
}

Test(mem, a_refusal_of_the_host_is_counted)
{
    mem_host h = {.fail_at = 1};
    nhi_mem m = mem_of(&h);
    cr_assert_null(nhi_mem_alloc(&m, 64, 16));
    cr_assert_eq(m.failed, 1);
    cr_assert_eq(m.bytes, 0);
    void *p = nhi_mem_array(&m, 4, 16);
    cr_assert_not_null(p);
    nhi_mem_free(&m, NULL, 64);
    cr_assert_eq(m.bytes, 64);
    nhi_mem_wipe_free(&m, p, 64);
    nhi_mem_wipe_free(&m, NULL, 64);
    cr_assert_eq(h.blocks, 0);
}

static uint8_t kept[64];
static void *keep_alloc(void *user, size_t n, size_t align)
{
    (void)user, (void)n, (void)align;
    return kept;
}
static void keep_free(void *user, void *p, size_t n)
{
    (void)user, (void)p, (void)n;
}

Test(mem, wipe_free_leaves_no_key_bytes_behind)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    m.host.alloc = keep_alloc;
    m.host.free = keep_free;
    uint8_t *p = nhi_mem_alloc(&m, sizeof kept, 16);
    memset(p, 0x5a, sizeof kept);
    nhi_mem_wipe_free(&m, p, sizeof kept);
    for (size_t i = 0; i < sizeof kept; i++) {
        cr_assert_eq(kept[i], 0);
    }
}

Test(mem, failed_random_leaves_zeros)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    uint8_t b[8];
    cr_assert_eq(nhi_mem_random(&m, b, sizeof b), NHTB_OK);
    cr_assert_eq(b[7], 0x11);
    m.host.random = mem_host_no_random;
    cr_assert_eq(nhi_mem_random(&m, b, sizeof b), NHTB_ERR_RANDOM);
    for (size_t i = 0; i < sizeof b; i++) {
        cr_assert_eq(b[i], 0);
    }
    cr_assert_eq(nhi_mem_random(&m, NULL, 0), NHTB_OK);
}

Test(wipe, equal_ct_sees_every_single_bit)
{
    uint8_t a[33], b[33];
    memset(a, 0xc3, sizeof a);
    memcpy(b, a, sizeof b);
    cr_assert(nhi_equal_ct(a, b, sizeof a));
    cr_assert(nhi_equal_ct(a, b, 0));
    for (unsigned bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(nhi_equal_ct(a, b, sizeof a));
        b[bit / 8] = a[bit / 8];
    }
}

Test(wipe, wipes_exactly_the_bytes_named)
{
    uint8_t b[10];
    memset(b, 0xff, sizeof b);
    nhi_wipe(b + 1, 8);
    nhi_wipe(NULL, 0);
    cr_assert_eq(b[0], 0xff);
    cr_assert_eq(b[9], 0xff);
    for (unsigned i = 1; i < 9; i++) {
        cr_assert_eq(b[i], 0);
    }
    nhi_secret s = {.n = 4};
    memset(s.b, 7, 4);
    cr_assert_eq(nhi_secret_span(&s).n, 4);
    nhi_secret_wipe(&s);
    cr_assert_eq(s.b[0] | s.b[3] | s.n, 0);
}

#if !defined(NHTB_DEBUG_ASSERT)
Test(check, a_failed_invariant_is_counted_and_false)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    cr_assert(nhi_check(&m, 1 + 1 == 2));
    cr_assert_eq(nhi_a_load(&m.asserts_failed), 0);
    cr_assert_not(nhi_check(&m, 1 + 1 == 3));
    cr_assert_eq(nhi_a_load(&m.asserts_failed), 1);
    cr_assert_not(nhi_check((nhi_mem *)NULL, false));
}
#endif
