/* SPDX-License-Identifier: Apache-2.0
 * Routing tables shaped like the public IPv4 and IPv6 tables, the same for the same seed. */
#ifndef NHTB_TESTS_BENCH_ROUTES_H
#define NHTB_TESTS_BENCH_ROUTES_H

#include <stddef.h>
#include <stdint.h>

typedef struct bench_route {
    uint32_t addr; /* host order, host bits zero */
    uint8_t len;
} bench_route;

/** n distinct prefixes in random order; NULL without memory. Nothing in 0/8, 10/8, 127/8, 224/3.
 *  Freed with free(). */
bench_route *bench_routes_make(size_t n, uint64_t seed);
/** An address inside the prefix (not always its longest match: prefixes nest). */
uint32_t bench_route_inside(const bench_route *r, uint64_t *state);

typedef struct bench_route6 {
    uint64_t high; /* the upper half; the lower is zero */
    uint8_t len;   /* at most 64 */
} bench_route6;
bench_route6 *bench_routes6_make(size_t n, uint64_t seed);
void bench_route6_inside(const bench_route6 *r, uint64_t *state, uint8_t out[16]);

#endif
