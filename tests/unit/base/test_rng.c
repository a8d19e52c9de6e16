/* SPDX-License-Identifier: Apache-2.0
 * The worker generator: ChaCha20 key stream, erasure, uniformity. */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "mem_host.h"

Test(rng, first_output_is_the_chacha20_key_stream_behind_the_new_key)
{
    /* RFC 8439 A.1 test vector 1 (key 0, nonce 0, counter 0), bytes 32..63: the first 32 bytes of
     * the stream became the next key. */
    static const uint8_t want[32] = {0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d,
                                     0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37,
                                     0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c,
                                     0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86};
    /* A.1 test vector 2: the same with counter 1, first bytes. */
    static const uint8_t next[8] = {0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a};
    static const uint8_t key[4] = {0x76, 0xb8, 0xe0, 0xad};
    uint8_t seed[32] = {0}, out[40];
    nhi_rng r;
    nhi_rng_init(&r, seed);
    nhi_rng_bytes(&r, out, sizeof out);
    cr_assert_eq(memcmp(out, want, 32), 0);
    cr_assert_eq(memcmp(out + 32, next, 8), 0);
    cr_assert_eq(memcmp(r.key, key, 4), 0);
    for (size_t i = 0; i < 32 + sizeof out; i++) {
        cr_assert_eq(r.buf[i], 0, "bytes handed out stay in memory");
    }
}

Test(rng, the_stream_does_not_depend_on_the_sizes_of_requests)
{
    uint8_t seed[32] = {7}, a[3000], b[3000];
    nhi_rng r;
    nhi_rng_init(&r, seed);
    nhi_rng_bytes(&r, a, sizeof a);
    nhi_rng_init(&r, seed);
    uint64_t s = 5;
    for (size_t at = 0; at < sizeof b;) {
        size_t n = test_rand(&s) % 700;
        n = n < sizeof b - at ? n : sizeof b - at;
        nhi_rng_bytes(&r, b + at, n);
        at += n;
    }
    cr_assert_eq(memcmp(a, b, sizeof a), 0);
    nhi_rng_wipe(&r);
    cr_assert_eq(r.left, 0);
}

Test(rng, below_is_uniform_and_in_range)
{
    uint8_t seed[32] = {9};
    nhi_rng r;
    nhi_rng_init(&r, seed);
    unsigned count[10] = {0};
    for (unsigned i = 0; i < 100000; i++) {
        count[nhi_rng_below(&r, 10)]++;
    }
    for (unsigned i = 0; i < 10; i++) {
        cr_assert(count[i] > 9500 && count[i] < 10500, "%u", count[i]);
    }
    for (unsigned i = 0; i < 100; i++) {
        cr_assert_eq(nhi_rng_below(&r, 1), 0);
        cr_assert_lt(nhi_rng_below(&r, UINT64_MAX), UINT64_MAX);
        cr_assert_leq(nhi_rng_below(&r, (UINT64_C(1) << 63) + 1), UINT64_C(1) << 63);
    }
}

Test(rng, outputs_of_different_seeds_differ)
{
    uint8_t seed[32] = {0};
    nhi_rng a, b;
    nhi_rng_init(&a, seed);
    seed[31] = 1;
    nhi_rng_init(&b, seed);
    cr_assert_neq(nhi_rng_u64(&a), nhi_rng_u64(&b));
}
