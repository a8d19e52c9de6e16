/* SPDX-License-Identifier: Apache-2.0
 * nhtb-bench-fib: our prefix table beside DPDK's rte_fib (DIR24_8) and rte_fib6 (TRIE), same prefixes,
 * same addresses, one process, passes in turn. All answers are compared before a figure is printed.
 * Prints name, value, unit, tab-separated. Built only where libdpdk is. Run:
 *   nhtb-bench-fib --no-huge --no-pci -l 1 -m 3000 --log-level=3 -- [rounds] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "bench/bench.h"
#include "bench/routes.h"
#include "fib/lpm.h"

enum { ROUTES4 = 1000000, ROUTES6 = 200000, HOPS = 1024, ADDRESSES = 1 << 18, BULK = 64 };
enum { ROUNDS_MAX = 199 };

static bench_heap heap;
static nhi_mem mem;
static nhi_qsbr qsbr;
static uint32_t addr4[ADDRESSES];
static uint8_t bytes[ADDRESSES][16];
static uint32_t ours[ADDRESSES];
static uint64_t theirs[ADDRESSES];

static uint32_t hop(size_t i)
{
    return 1 + (uint32_t)(i * UINT32_C(2654435761) >> 8) % HOPS;
}

/* ---- one comparison ---- */

typedef struct duel {
    const char *name;
    nhi_lpm *l;
    struct rte_fib *f4;
    struct rte_fib6 *f6;
    double ratio[ROUNDS_MAX], us[ROUNDS_MAX], them[ROUNDS_MAX];
} duel;

static double run_ours(const duel *d)
{
    const uint8_t *v[BULK];
    double begin = bench_cpu_ns();
    for (size_t i = 0; i < ADDRESSES; i += BULK) {
        for (size_t j = 0; j < BULK; j++)
            v[j] = bytes[i + j];
        nhi_lpm_get_bulk(d->l, v, ours + i, BULK);
    }
    return (bench_cpu_ns() - begin) / ADDRESSES;
}

static double run_theirs(const duel *d)
{
    double begin = bench_cpu_ns();
    for (size_t i = 0; i < ADDRESSES; i += BULK) {
        if (d->f4 != NULL)
            rte_fib_lookup_bulk(d->f4, addr4 + i, theirs + i, BULK);
        else
            rte_fib6_lookup_bulk(d->f6, bytes + i, theirs + i, BULK);
    }
    return (bench_cpu_ns() - begin) / ADDRESSES;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return v[n / 2];
}

static void fight(duel *d, int rounds)
{
    (void)run_ours(d);
    (void)run_theirs(d);
    for (size_t i = 0; i < ADDRESSES; i++)
        bench_must(ours[i] == theirs[i], "the two tables give different answers");
    for (int r = 0; r < rounds; r++) {
        d->them[r] = run_theirs(d);
        d->us[r] = run_ours(d);
        d->ratio[r] = d->them[r] / d->us[r];
    }
    printf("%s\t%.3f\tx\n", d->name, median(d->ratio, rounds));
    printf("%s-ours\t%.2f\tns\n", d->name, median(d->us, rounds));
    printf("%s-dpdk\t%.2f\tns\n", d->name, median(d->them, rounds));
}

/* ---- tables ---- */

static void put32(uint8_t *b, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        b[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put64(uint8_t *b, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (56 - 8 * i));
}

static void print_size(const char *name, const nhi_lpm *l, double resident)
{
    printf("%s-structure\t%.2f\tMB\n", name, (double)nhi_lpm_reader_bytes(l) / 1e6);
    printf("%s-resident\t%.2f\tMB\n", name, resident / 1e6);
}

static bench_route *fill4(duel *d)
{
    bench_route *v = bench_routes_make(ROUTES4, 1);
    struct rte_fib_conf conf = {.type = RTE_FIB_DIR24_8,
                                .max_routes = ROUTES4 + 10,
                                .dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 65535}};
    d->f4 = rte_fib_create("v4", SOCKET_ID_ANY, &conf);
    d->l = nhi_lpm_new(&mem, &qsbr, 4, ROUTES4);
    bench_must(v != NULL && d->f4 != NULL && d->l != NULL, "no memory for a table");
    nhi_lpm_begin(d->l);
    for (size_t i = 0; i < ROUTES4; i++) {
        uint8_t a[4];
        put32(a, v[i].addr);
        bench_must(nhi_lpm_set(d->l, a, v[i].len, hop(i)) == 0, "route refused");
        bench_must(rte_fib_add(d->f4, v[i].addr, v[i].len, hop(i)) == 0, "DPDK refused a route");
    }
    nhi_lpm_publish(d->l);
    return v;
}

static bench_route6 *fill6(duel *d)
{
    bench_route6 *v = bench_routes6_make(ROUTES6, 1);
    struct rte_fib6_conf conf = {.type = RTE_FIB6_TRIE,
                                 .max_routes = ROUTES6 + 10,
                                 .trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = 1 << 20}};
    d->f6 = rte_fib6_create("v6", SOCKET_ID_ANY, &conf);
    d->l = nhi_lpm_new(&mem, &qsbr, 6, ROUTES6);
    bench_must(v != NULL && d->f6 != NULL && d->l != NULL, "no memory for a table");
    nhi_lpm_begin(d->l);
    for (size_t i = 0; i < ROUTES6; i++) {
        uint8_t a[16] = {0};
        put64(a, v[i].high);
        bench_must(nhi_lpm_set(d->l, a, v[i].len, hop(i)) == 0, "route refused");
        bench_must(rte_fib6_add(d->f6, a, v[i].len, hop(i)) == 0, "DPDK refused a route");
    }
    nhi_lpm_publish(d->l);
    return v;
}

static void four(int rounds)
{
    static duel d;
    uint64_t rng = 7;
    int64_t before = heap.hook_bytes;
    bench_route *v = fill4(&d);
    print_size("ipv4", d.l, (double)(heap.hook_bytes - before));
    for (int hits = 0; hits < 2; hits++) {
        for (size_t i = 0; i < ADDRESSES; i++) {
            addr4[i] = hits ? bench_route_inside(&v[bench_random(&rng) % ROUTES4], &rng)
                            : (uint32_t)bench_random(&rng);
            put32(bytes[i], addr4[i]);
        }
        d.name = hits ? "ipv4-prefixes" : "ipv4-random";
        fight(&d, rounds);
    }
    rte_fib_free(d.f4);
    nhi_lpm_del(d.l);
    free(v);
}

static void six(int rounds)
{
    static duel d;
    uint64_t rng = 7;
    int64_t before = heap.hook_bytes;
    bench_route6 *v = fill6(&d);
    print_size("ipv6", d.l, (double)(heap.hook_bytes - before));
    for (size_t i = 0; i < ADDRESSES; i++)
        bench_route6_inside(&v[bench_random(&rng) % ROUTES6], &rng, bytes[i]);
    d.name = "ipv6-prefixes";
    fight(&d, rounds);
    rte_fib6_free(d.f6);
    nhi_lpm_del(d.l);
    free(v);
}

int main(int argc, char **argv)
{
    int used = rte_eal_init(argc, argv);
    bench_must(used >= 0, "DPDK does not start");
    int rounds = argc - used > 1 ? atoi(argv[used + 1]) : 41;
    bench_must(rounds > 0 && rounds <= ROUNDS_MAX, "1 to 199 rounds");
    (void)bench_heap_use(&heap);
    mem.host = bench_host();
    nhi_qsbr_init(&qsbr);
    four(rounds);
    six(rounds);
    return 0;
}
