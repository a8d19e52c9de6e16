/* SPDX-License-Identifier: Apache-2.0
 * Longest prefix match alone: nhi_lpm_get over large BGP-like tables, single and in bulk. Addresses
 * are drawn uniformly over the prefixes, uniformly over the address space, or from 1,024 repeated
 * destinations. A lookup that depends on the one before shows the latency. */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/routes.h"
#include "fib/lpm.h"

enum { ADDRESSES = 1 << 16, BULK = 32, REPEATED = 1024 };

typedef struct table {
    nhtb_host host;
    nhi_mem mem;
    nhi_qsbr q;
    nhi_lpm *l;
    bench_route *routes;
    size_t n;
    uint8_t addr[ADDRESSES][4];
    uint64_t rng, sink;
} table;

static void put(uint8_t *b, uint32_t a)
{
    for (int i = 0; i < 4; i++)
        b[i] = (uint8_t)(a >> (24 - 8 * i));
}

static void hits(table *t)
{
    for (size_t i = 0; i < ADDRESSES; i++)
        put(t->addr[i], bench_route_inside(&t->routes[bench_random(&t->rng) % t->n], &t->rng));
}

static void anywhere(table *t)
{
    for (size_t i = 0; i < ADDRESSES; i++)
        put(t->addr[i], (uint32_t)bench_random(&t->rng));
}

static void repeated(table *t)
{
    hits(t);
    for (size_t i = REPEATED; i < ADDRESSES; i++)
        memcpy(t->addr[i], t->addr[bench_random(&t->rng) % REPEATED], 4);
}

static void single(table *t)
{
    for (size_t i = 0; i < ADDRESSES; i++)
        t->sink += nhi_lpm_get(t->l, t->addr[i]);
}

/* The next address needs the last answer: values are small, but the compiler cannot know it. */
static void dependent(table *t)
{
    uint32_t x = 0;
    for (size_t i = 0; i < ADDRESSES; i++)
        x = nhi_lpm_get(t->l, t->addr[(i + (x >> 30)) % ADDRESSES]);
    t->sink += x;
}

static void bulk(table *t)
{
    const uint8_t *v[BULK];
    uint32_t out[BULK];
    for (size_t i = 0; i < ADDRESSES; i += BULK) {
        for (size_t j = 0; j < BULK; j++)
            v[j] = t->addr[i + j];
        nhi_lpm_get_bulk(t->l, v, out, BULK);
        t->sink += out[0];
    }
}

static const struct {
    const char *detail;
    void (*addresses)(table *t);
    void (*look)(table *t);
} rows[] = {{"prefixes", hits, single},      {"prefixes-dependent", hits, dependent},
            {"prefixes-bulk", hits, bulk},   {"random", anywhere, single},
            {"random-bulk", anywhere, bulk}, {"repeated", repeated, single}};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

static void build(bench *b, const bench_case *c, table *t)
{
    t->rng = 7;
    t->n = c->arg;
    t->routes = bench_routes_make(t->n, 1);
    bench_must(t->routes != NULL, "no memory for routes");
    t->host = bench_host();
    t->mem.host = t->host;
    nhi_qsbr_init(&t->q);
    t->l = nhi_lpm_new(&t->mem, &t->q, 4, t->n);
    bench_must(t->l != NULL, "no memory for the table");
    double begin = bench_cpu_ns();
    nhi_lpm_begin(t->l);
    for (size_t i = 0; i < t->n; i++) {
        uint8_t a[4];
        put(a, t->routes[i].addr);
        bench_must(nhi_lpm_set(t->l, a, t->routes[i].len, (uint32_t)(i % 1000) + 1) == 0, "route");
    }
    nhi_lpm_publish(t->l);
    bench_count(b, c->name, "insert", "ns/route", (bench_cpu_ns() - begin) / (double)t->n);
    bench_must(nhi_lpm_count(t->l) == t->n, "routes are missing");
}

static void measure(bench *b, const bench_case *c, table *t, size_t row)
{
    static bench_series s;
    double end = bench_cpu_ns() + b->seconds * 1e9 / N_ROWS;
    s.n = 0;
    rows[row].addresses(t);
    nhi_qsbr_online(&t->q, 0);
    rows[row].look(t);
    for (bool more = true; more && (s.n < BENCH_SAMPLES_MIN || bench_cpu_ns() < end);) {
        double begin = bench_cpu_ns();
        rows[row].look(t);
        more = bench_add(&s, (bench_cpu_ns() - begin) / ADDRESSES);
    }
    nhi_qsbr_offline(&t->q, 0);
    bench_row r = {.name = c->name, .detail = rows[row].detail, .unit = "ns/lookup", .value = &s};
    bench_print(b, &r);
}

void bench_lpm(bench *b, const bench_case *c)
{
    bench_heap heap = {0}, *before = bench_heap_use(&heap);
    table *t = calloc(1, sizeof *t);
    bench_must(t != NULL, "no memory");
    build(b, c, t);
    for (size_t i = 0; i < N_ROWS; i++)
        measure(b, c, t, i);
    bench_count(b, c->name, "memory", "bytes/route", (double)heap.hook_bytes / (double)t->n);
    bench_must(t->sink != 0, "no lookup found a route");
    nhi_lpm_del(t->l);
    free(t->routes);
    free(t);
    bench_heap_use(before);
}
