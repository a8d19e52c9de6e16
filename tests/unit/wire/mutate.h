/* SPDX-License-Identifier: Apache-2.0
 * Feeds a decoder damaged copies of a good message: every truncation, every bit flip, every byte
 * set to 0 and 255, bytes removed and doubled, random damage. Copies are on the heap at their exact
 * size, so that ASan sees any overrun. */
#ifndef TEST_MUTATE_H
#define TEST_MUTATE_H

#include <criterion/criterion.h>

#include "unit/base/mem_host.h"

typedef void (*mutate_run)(const uint8_t *p, size_t n);

static inline uint8_t *exact_copy(const uint8_t *p, size_t n)
{
    uint8_t *c = malloc(n > 0 ? n : 1);
    memcpy(c, p, n);
    return c;
}

static inline void run_copy(mutate_run run, const uint8_t *p, size_t n)
{
    uint8_t *c = exact_copy(p, n);
    run(c, n);
    free(c);
}

static inline void mutate_lengths(mutate_run run, const uint8_t *p, size_t n)
{
    uint8_t *longer = malloc(n + 1);
    for (size_t i = 0; i <= n; i++) {
        run_copy(run, p, i);
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(longer, p, i);
        memcpy(longer + i, p + i + 1, n - i - 1); /* byte i removed */
        run_copy(run, longer, n - 1);
        memcpy(longer + i, p + i, 1);
        memcpy(longer + i + 1, p + i, n - i); /* byte i doubled */
        run_copy(run, longer, n + 1);
    }
    free(longer);
}

static inline void mutate_bits(mutate_run run, const uint8_t *p, size_t n)
{
    uint8_t *c = exact_copy(p, n);
    for (size_t i = 0; i < n; i++) {
        for (unsigned bit = 0; bit < 10; bit++) {
            c[i] = (uint8_t)(bit == 8 ? 0 : bit == 9 ? 0xffu : p[i] ^ 1u << bit);
            run(c, n);
        }
        c[i] = p[i];
    }
    free(c);
}

static inline void mutate(mutate_run run, const uint8_t *p, size_t n)
{
    uint64_t seed = n;
    run_copy(run, p, n);
    mutate_lengths(run, p, n);
    mutate_bits(run, p, n);
    for (unsigned i = 0; i < 20000; i++) {
        size_t len = test_rand(&seed) % 4 ? n : test_rand(&seed) % (n + 1);
        uint8_t *c = exact_copy(p, len);
        for (unsigned k = 0; k < 1 + test_rand(&seed) % 6 && len > 0; k++) {
            c[test_rand(&seed) % len] = (uint8_t)test_rand(&seed);
        }
        run(c, len);
        free(c);
    }
}

/* A span lies in p[0..n). */
static inline void check_inside(nhtb_span s, const uint8_t *p, size_t n)
{
    if (s.n > 0) {
        cr_assert(s.p >= p && s.n <= n && s.p + s.n <= p + n, "a span leaves its message");
    }
}

/* Reads every byte of a span, for ASan. */
static inline unsigned touch(nhtb_span s)
{
    unsigned sum = 0;
    for (size_t i = 0; i < s.n; i++) {
        sum += s.p[i];
    }
    return sum;
}

#endif
