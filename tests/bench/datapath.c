/* SPDX-License-Identifier: Apache-2.0
 * Data plane cases: nanoseconds per packet beside the vendor's bare AEAD, and many SAs and routes
 * beside one of each. Pairs are taken A B A B in one run; allocations on the clock are counted. */
#include <stdlib.h>
#include <string.h>

#include "bench/world.h"

static const char *other_than(const bench_case *c)
{
    return strcmp(c->vendor, "openssl") != 0 ? "openssl"
           : c->alg->integ != 0              ? "ipsecmb"
                                             : "mbedtls";
}

static uint64_t calls(const world *w)
{
    return w->heap.hook_calls + w->heap.vendor_calls;
}

/* Timers off the clock, as a host's control thread would run them. */
static void settle(world *w)
{
    if (nhtb_deadline(w->ctx) <= w->now)
        bench_must(nhtb_timeout(w->ctx, w->now) == 0, "timeout failed");
}

/* The first pass is not measured: packets sealed, and the output opened, by the other vendor. */
static void warm_up(load *l, const bench_case *c)
{
    load_fill(l, other_than(c));
    load_run(l);
    load_verify(l, other_than(c), BURST);
}

typedef struct pair {
    bench_series ours, base, burst; /* base: direct calls, or what is compared with */
    uint64_t allocations, packets;
    double end;
} pair;

static pair *pair_new(const bench *b)
{
    static pair p;
    memset(&p, 0, sizeof p);
    p.end = bench_cpu_ns() + b->seconds * 1e9;
    return &p;
}

static bool pair_wants_more(const pair *p)
{
    return p->ours.n < BENCH_SAMPLES_MIN ||
           (p->ours.n < BENCH_SAMPLES_MAX && bench_cpu_ns() < p->end);
}

static void pair_run(pair *p, bench_series *s, load *l)
{
    load_fill(l, "openssl");
    uint64_t before = calls(l->w);
    bench_add(s, load_run(l) / PACKETS);
    p->allocations += calls(l->w) - before;
    p->packets += PACKETS;
    settle(l->w);
}

static void pair_print(bench *b, const bench_case *c, const pair *p, const bench_series *base,
                       const char *base_name, bench_ratio kind)
{
    bench_row r = {.name = c->name,
                   .unit = "ns/packet",
                   .value = &p->ours,
                   .base_name = base_name,
                   .base = base,
                   .ratio = kind};
    bench_print(b, &r);
    bench_count(b, c->name, "allocations", bench_heap_sees_vendor() ? "per packet" : "hooks/packet",
                (double)p->allocations / (double)p->packets);
}

/* The base is the faster of the vendor's ways to be called. */
static const bench_series *faster(const pair *p)
{
    return p->burst.n != 0 && bench_median(&p->burst) < bench_median(&p->base) ? &p->burst
                                                                               : &p->base;
}

static void bare_run(pair *p, load *l, const bench_case *c)
{
    for (bare_mode m = BARE_DIRECT; m < BARE_MODES; m++) {
        if (m == BARE_BURST && !bare_has_burst(c->vendor, c->alg))
            continue;
        load_fill_bare(l);
        bench_add(m == BARE_BURST ? &p->burst : &p->base, load_run_bare(l, c->vendor, m) / PACKETS);
    }
}

void bench_datapath(bench *b, const bench_case *c)
{
    char base[32];
    bench_way way = (bench_way)c->arg;
    uint32_t n = way == WAY_TRANSIT ? 2 : 1;
    world *w = world_new(c->vendor, c->alg, n, n);
    load *l = load_new(w, way, c->size);
    warm_up(l, c);
    pair *p = pair_new(b);
    while (pair_wants_more(p)) {
        bare_run(p, l, c);
        pair_run(p, &p->ours, l);
    }
    snprintf(base, sizeof base, "bare %s%s", c->vendor, faster(p) == &p->burst ? " burst" : "");
    pair_print(b, c, p, faster(p), base, BENCH_RATE);
    load_del(l);
    world_del(w);
}

void bench_routes(bench *b, const bench_case *c)
{
    bench_way way = (bench_way)c->arg;
    world *one = world_new(c->vendor, c->alg, 1, 1);
    world *many = world_new(c->vendor, c->alg, 10000, 100000);
    load *few = load_new(one, way, c->size), *spread = load_new(many, way, c->size);
    warm_up(few, c);
    warm_up(spread, c);
    pair *p = pair_new(b);
    while (pair_wants_more(p)) {
        pair_run(p, &p->base, few);
        pair_run(p, &p->ours, spread);
    }
    pair_print(b, c, p, &p->base, "1 SA, 1 route", BENCH_COST);
    load_del(few);
    load_del(spread);
    world_del(one);
    world_del(many);
}
