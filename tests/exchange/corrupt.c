/* SPDX-License-Identifier: Apache-2.0
 * Establishment over a network that loses, doubles, reorders and inverts single bits without a
 * checksum that would save it: 10,000 seeds (NHTB_LONG=1: 100,000; NHTB_QUICK: 250), from the first
 * send to traffic in both directions. */
#include <stdlib.h>
#include <time.h>

#include "exchange/common.h"

typedef struct probe {
    sim_topo *t;
    uint32_t tag;
    nhtb_time next;
} probe;

/** Traffic both ways: one packet of each direction arrived, however many were sent. */
static bool both_ways(void *user)
{
    probe *p = user;
    sim_topo *t = p->t;
    bool there = false, back = false;
    for (uint32_t k = 0; k < p->tag; k += 2) {
        there = there || sim_got(t->hub, k);
        back = back || sim_got(t->spoke[0], k + 1);
    }
    if (there && back)
        return true;
    if (sim_now(t->s) >= p->next && sim_topo_up(t)) {
        p->next = sim_now(t->s) + 50 * SIM_MS;
        sim_send(t->spoke[0], t->spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), p->tag, 100);
        sim_send(t->hub, t->hub_st0, sim_hub_lan(7), sim_lan(0, 9), p->tag + 1, 100);
        p->tag += 2;
    }
    return false;
}

static bool one_run(uint64_t seed, nhtb_time *took)
{
    static const sim_link bad = {.loss = 300,
                                 .dup = 100,
                                 .reorder = 200,
                                 .corrupt = 10,
                                 .delay = 5 * SIM_MS,
                                 .jitter = 5 * SIM_MS};
    sim_topo_opts o = {.n = 1, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}};
    sim_topo t;
    sim *s = sim_new(seed);
    sim_link_default(s, &bad);
    nhtb_time start = sim_now(s);
    sim_topo_new(&t, s, &o);
    probe p = {&t, 0, 0};
    bool up = sim_run_until(s, both_ways, &p, 165 * SIM_S);
    *took = sim_now(s) - start;
    if (!up) {
        fprintf(stderr, "no traffic [replay: NHTB_SIM_SEED=%llu]\n",
                (unsigned long long)sim_seed(s));
        xch_show(&t);
    }
    xch_end(&t);
    return up;
}

static int by_time(const void *a, const void *b)
{
    nhtb_time x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

static unsigned runs(void)
{
    if (getenv("NHTB_QUICK"))
        return 250;
    return getenv("NHTB_LONG") ? 100000 : 10000;
}

Test(corrupt, ten_thousand_seeds_come_up_with_single_bits_inverted)
{
    unsigned n = runs(), up = 0;
    nhtb_time *took = calloc(n, sizeof *took);
    cr_assert_not_null(took);
    clock_t begin = clock();
    for (unsigned i = 0; i < n; i++) {
        nhtb_time t;
        if (one_run(0xc0220000u + i, &t))
            took[up++] = t;
    }
    cr_assert(up > n / 2, "%u of %u", up, n);
    qsort(took, up, sizeof *took, by_time);
    double median = (double)took[up / 2] / 1e9, p99 = (double)took[up * 99ull / 100] / 1e9;
    fprintf(
        stderr,
        "F1: 30%% loss + 10%% duplication + 20%% reordering + 1%% with a bit inverted: %u of %u "
        "seeds pass traffic both ways; median %.2f s, 99%% %.2f s, slowest %.2f s (virtual); "
        "%.1f s of CPU\n",
        up, n, median, p99, (double)took[up - 1] / 1e9,
        (double)(clock() - begin) / (double)CLOCKS_PER_SEC);
    free(took);
    cr_assert((uint64_t)(n - up) * 10000 <= n, "%u of %u", up, n);
    cr_assert(median <= 1.5, "median %.2f s", median);
    cr_assert(p99 <= 25.0, "99%% %.2f s", p99);
}
