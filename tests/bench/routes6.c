/* SPDX-License-Identifier: Apache-2.0
 * IPv6 prefixes with the public table's mix of lengths: most are /48 and /32, inside few blocks of
 * the registries. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/routes.h"

static const struct {
    unsigned share;
    uint8_t len;
} lengths[] = {{46, 48}, {14, 32}, {9, 44}, {8, 40}, {5, 36}, {5, 46}, {4, 47}, {3, 29}, {1, 64}};

static uint8_t length_of(uint64_t *state)
{
    unsigned r = (unsigned)(bench_random(state) % 100);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        if (r < lengths[i].share)
            return lengths[i].len;
        r -= lengths[i].share;
    }
    return (uint8_t)(33 + bench_random(state) % 15);
}

static uint64_t high_bits(uint64_t *state, uint8_t len)
{
    static const uint16_t block[] = {0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00};
    uint64_t dice = bench_random(state), low = bench_random(state) >> 16;
    uint64_t top = block[dice % 6] + (dice >> 8) % 16;
    return (top << 48 | low) & ~UINT64_C(0) << (64 - len);
}

static bool remember(uint32_t *seen, size_t mask, const bench_route6 *v, uint32_t i)
{
    uint64_t h = (v[i].high ^ v[i].len) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t s = (size_t)(h >> 32) & mask;; s = (s + 1) & mask) {
        if (seen[s] == 0) {
            seen[s] = i + 1;
            return true;
        }
        if (v[seen[s] - 1].high == v[i].high && v[seen[s] - 1].len == v[i].len)
            return false;
    }
}

bench_route6 *bench_routes6_make(size_t n, uint64_t seed)
{
    size_t slots = 16;
    while (slots < 2 * n)
        slots *= 2;
    bench_route6 *v = calloc(n + 1, sizeof *v);
    uint32_t *seen = calloc(slots, sizeof *seen);
    uint64_t state = seed | 1;
    for (uint32_t i = 0; v != NULL && seen != NULL && i < n;) {
        v[i].len = length_of(&state);
        v[i].high = high_bits(&state, v[i].len);
        i += remember(seen, slots - 1, v, i);
    }
    free(seen);
    return v;
}

void bench_route6_inside(const bench_route6 *r, uint64_t *state, uint8_t out[16])
{
    uint64_t high = r->high, low = bench_random(state);
    if (r->len < 64)
        high |= bench_random(state) >> r->len;
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(high >> (56 - 8 * i));
        out[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
}
