/* SPDX-License-Identifier: Apache-2.0
 * A hub with 1,000 tunnels: all come up, spokes reach one another through it, multicast reaches all. */
#include <time.h>

#include "exchange/common.h"

static double cpu(clock_t since)
{
    return (double)(clock() - since) / (double)CLOCKS_PER_SEC;
}

Test(scale, thousand_tunnels_with_transit_between_spokes)
{
    enum { N = 1000 };
    clock_t begin = clock();
    sim_topo_opts o = {.n = N,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY},
                       .spoke_kind = NHTB_IFACE_MULTIPOINT,
                       .transit_routes = true};
    sim_topo t = xch_up(1000, &o, 120 * SIM_S);
    double up = cpu(begin);
    nhtb_time virtual_up = sim_now(t.s);
    sim_check(t.s, sim_bindings(t.hub, true) == N);
    begin = clock();
    for (unsigned i = 0; i < N; i++) {
        unsigned to = (i * 7 + 13) % N;
        if (to != i)
            sim_send(t.spoke[i], t.spoke_st0[i], sim_lan(i, 1), sim_lan(to, 1), i, 400);
    }
    sim_run_for(t.s, SIM_S);
    for (unsigned i = 0; i < N; i++) {
        unsigned to = (i * 7 + 13) % N;
        if (to != i)
            sim_check(t.s, sim_got(t.spoke[to], i) == 1);
    }
    fprintf(stderr,
            "scale: %u tunnels up after %.2f s virtual, %.1f s CPU; %llu transit packets, %.2f s "
            "CPU; hub memory %.1f MB\n",
            (unsigned)N, (double)virtual_up / 1e9, up,
            (unsigned long long)sim_stats(t.hub).transit_packets, cpu(begin),
            (double)sim_live_bytes(t.hub) / 1e6);
    sim_send(t.hub, t.hub_st0, "10.0.0.1", "224.0.0.5", 5000, 100);
    sim_run_for(t.s, SIM_S);
    unsigned got = 0;
    for (unsigned i = 0; i < N; i++)
        got += sim_got(t.spoke[i], 5000);
    sim_check(t.s, got == N);
    xch_end(&t);
}
