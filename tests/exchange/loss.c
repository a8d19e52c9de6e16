/* SPDX-License-Identifier: Apache-2.0
 * 1,000 seeds over a bad network: 30 % loss, 10 % duplicates, 20 % reordered. At least 99.9 % come
 * up within the retransmission time and pass traffic; figures are printed. */
#include <time.h>

#include "exchange/common.h"

static bool one_run(uint64_t seed, nhtb_time *took)
{
    static const sim_link bad = {
        .loss = 300, .dup = 100, .reorder = 200, .delay = 20 * SIM_MS, .jitter = 20 * SIM_MS};
    sim_topo_opts o = {.n = 1, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}};
    sim_topo t;
    sim *s = sim_new(seed);
    sim_link_default(s, &bad);
    sim_topo_new(&t, s, &o);
    nhtb_time start = sim_now(s);
    bool up = sim_run_until(s, sim_topo_up, &t, 200 * SIM_S);
    *took = sim_now(s) - start;
    if (!up) {
        fprintf(stderr, "not established [replay: NHTB_SIM_SEED=%llu]\n",
                (unsigned long long)sim_seed(s));
        xch_show(&t);
    }
    /* Up means up: without loss a packet goes both ways at once. */
    sim_link good = {.delay = 5 * SIM_MS};
    sim_node_link(t.hub, &good);
    sim_node_link(t.spoke[0], &good);
    sim_run_for(s, 2 * SIM_S);
    if (up)
        xch_ping(&t, 0, 1);
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

Test(loss, thousand_seeds_come_up_over_a_bad_network)
{
    enum { RUNS = 1000 };
    static nhtb_time took[RUNS];
    unsigned up = 0;
    clock_t begin = clock();
    for (unsigned i = 0; i < RUNS; i++) {
        nhtb_time t;
        if (one_run(0x10550000u + i, &t))
            took[up++] = t;
    }
    qsort(took, up, sizeof *took, by_time);
    fprintf(stderr,
            "loss: 30%% loss + 10%% duplication + 20%% reordering: %u of %u seeds established; "
            "median %.2f s, 99%% %.2f s, slowest %.2f s (virtual); %.1f s of CPU\n",
            up, (unsigned)RUNS, (double)took[up / 2] / 1e9, (double)took[up * 99 / 100] / 1e9,
            (double)took[up ? up - 1 : 0] / 1e9,
            (double)(clock() - begin) / (double)CLOCKS_PER_SEC);
    cr_assert(up * 1000 >= RUNS * 999u, "%u of %u", up, (unsigned)RUNS);
}

Test(loss, corrupted_datagrams_change_nothing_but_counters)
{
    sim_link bad = {.corrupt = 300, .delay = 5 * SIM_MS};
    sim_topo_opts o = {.n = 1, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}};
    sim_topo t;
    sim *s = sim_new(77);
    sim_link_default(s, &bad);
    sim_topo_new(&t, s, &o);
    sim_check(s, sim_run_until(s, sim_topo_up, &t, 400 * SIM_S));
    for (uint32_t i = 0; i < 500; i++)
        sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), i, 100);
    sim_run_for(s, 2 * SIM_S);
    unsigned got = 0;
    for (uint32_t i = 0; i < 500; i++)
        got += sim_got(t.hub, i);
    nhtb_stats st = sim_stats(t.hub);
    sim_check(s, got > 250 && got < 450);
    sim_check(s, st.reasons[NHTB_REASON_ICV] > 50);
    sim_check(s, got == sim_delivered(t.hub)); /* nothing altered came through */
    xch_end(&t);
}
