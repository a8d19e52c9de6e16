/* SPDX-License-Identifier: Apache-2.0
 * BGP-like prefixes: the mix of lengths of the public table (60 % are /24), allocated as there in
 * runs (registries and their customers split blocks), some nested in shorter ones. */
#include <stdbool.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/routes.h"

/* Per mille of prefixes by length, 2024-like; the rest is /25../32 as in an operator's own table. */
static const struct {
    unsigned share;
    uint8_t len;
} lengths[] = {{600, 24}, {100, 23}, {110, 22}, {50, 21}, {45, 20}, {30, 19},
               {15, 18},  {10, 17},  {14, 16},  {2, 15},  {2, 14},  {2, 12}};

static uint8_t length_of(uint64_t *state)
{
    unsigned r = (unsigned)(bench_random(state) % 1000);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        if (r < lengths[i].share)
            return lengths[i].len;
        r -= lengths[i].share;
    }
    return (uint8_t)(25 + bench_random(state) % 8);
}

static uint32_t masked(uint32_t addr, uint8_t len)
{
    return len == 0 ? 0 : addr & ~UINT32_C(0) << (32 - len);
}

static bool usable(uint32_t addr)
{
    uint32_t top = addr >> 24;
    return top != 0 && top != 10 && top != 127 && top < 224;
}

/* Two of three follow the block of the one before; one of eight of those lies inside it. */
static bench_route next(const bench_route *last, uint64_t *state)
{
    bench_route r = {.len = length_of(state)};
    uint64_t dice = bench_random(state);
    uint32_t addr = (uint32_t)bench_random(state);
    if (last->len != 0 && dice % 3 != 0) {
        uint32_t size = UINT32_C(1) << (32 - last->len);
        addr = (dice >> 8) % 8 == 0 ? last->addr + addr % size : last->addr + size;
    }
    r.addr = masked(addr, r.len);
    return r;
}

static size_t slot_of(const bench_route *r, size_t mask)
{
    uint64_t h = ((uint64_t)r->addr << 8 | r->len) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h >> 32) & mask;
}

/* Open addressing over indices + 1. True: it is new and now known. */
static bool remember(uint32_t *seen, size_t mask, const bench_route *v, uint32_t i)
{
    size_t s = slot_of(&v[i], mask);
    for (; seen[s] != 0; s = (s + 1) & mask) {
        const bench_route *o = &v[seen[s] - 1];
        if (o->addr == v[i].addr && o->len == v[i].len)
            return false;
    }
    seen[s] = i + 1;
    return true;
}

static void mix(bench_route *v, size_t n, uint64_t *state)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)(bench_random(state) % i);
        bench_route keep = v[i - 1];
        v[i - 1] = v[j];
        v[j] = keep;
    }
}

bench_route *bench_routes_make(size_t n, uint64_t seed)
{
    size_t slots = 16;
    while (slots < 2 * n)
        slots *= 2;
    bench_route *v = calloc(n + 1, sizeof *v), last = {0};
    uint32_t *seen = calloc(slots, sizeof *seen);
    uint64_t state = seed | 1;
    if (v == NULL || seen == NULL) {
        free(v);
        free(seen);
        return NULL;
    }
    for (uint32_t i = 0; i < n;) {
        last = v[i] = next(&last, &state);
        if (usable(v[i].addr) && remember(seen, slots - 1, v, i))
            i++;
        else
            last.len = 0;
    }
    free(seen);
    mix(v, n, &state);
    return v;
}

uint32_t bench_route_inside(const bench_route *r, uint64_t *state)
{
    return r->addr | ((uint32_t)bench_random(state) & ~masked(UINT32_MAX, r->len));
}
