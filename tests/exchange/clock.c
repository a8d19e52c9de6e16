/* SPDX-License-Identifier: Apache-2.0
 * Clocks: wall time that jumps changes nothing; a host that was suspended for an hour (its monotonic
 * clock went on, its timers did not fire) does one rekey of what is due and sends no burst. */
#include <stdlib.h>

#include "exchange/common.h"
#include "sim/sim_int.h"

/* ---- wall clock ---- */

typedef struct tally {
    uint64_t n, hash;
} tally;

static sim_fate note(void *user, sim_datagram *d)
{
    tally *t = user;
    t->n++;
    t->hash = (t->hash ^ d->sent ^ d->len) * UINT64_C(1099511628211);
    for (size_t i = 0; i < d->len; i++)
        t->hash = (t->hash ^ d->data[i]) * UINT64_C(1099511628211);
    return SIM_PASS;
}

static tally ten_minutes(const int64_t *jumps, size_t n_jumps)
{
    tally seen = {0, 0};
    uint32_t tag = 1;
    sim_topo_opts o = {.n = 1,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY,
                                .liveness_s = 10,
                                .lifetime_s = 200,
                                .child_lifetime_s = 90}};
    sim_topo t = xch_start(1, &o);
    sim_on_wire(t.s, note, &seen);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 5 * SIM_S));
    for (unsigned i = 0; i < 60; i++, tag += 2) {
        if (n_jumps)
            t.hub->wall += (uint64_t)jumps[i % n_jumps];
        if (n_jumps)
            t.spoke[0]->wall -= (uint64_t)jumps[i % n_jumps];
        xch_ping(&t, 0, tag);
        sim_run_for(t.s, 9800 * SIM_MS);
    }
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_CHILD_REKEYED) >= 4);
    sim_on_wire(t.s, NULL, NULL);
    xch_end(&t);
    return seen;
}

/* The same seed gives the same octets at the same times, whatever the wall clock does. */
Test(clock, wall_clock_jumps_change_nothing)
{
    static const int64_t jumps[] = {3600,        -7200,      86400,      -86400 * 365, 1,
                                    -2000000000, 2000000000, 4000000000, -4000000000};
    tally steady = ten_minutes(NULL, 0);
    tally jumping = ten_minutes(jumps, sizeof jumps / sizeof *jumps);
    cr_assert(steady.n > 100);
    cr_assert(steady.n == jumping.n && steady.hash == jumping.hash, "%llu and %llu datagrams",
              (unsigned long long)steady.n, (unsigned long long)jumping.n);
}

/* ---- suspended ---- */

typedef struct burst {
    sim_node *who;
    nhtb_time from;
    unsigned in_100ms, total;
} burst;

static sim_fate count_sent(void *user, sim_datagram *d)
{
    burst *b = user;
    if (d->from != b->who)
        return SIM_PASS;
    b->total++;
    b->in_100ms += d->sent < b->from + 100 * SIM_MS;
    return SIM_PASS;
}

/* The node sleeps: nothing of it runs and nothing reaches it, the others live on. */
static void suspend(sim_topo *t, sim_node *n, nhtb_time d)
{
    sim_node_online(n, false);
    n->pumping = true; /* a pump in between would be the host running */
    n->asleep = true;
    sim_run_for(t->s, d);
    n->asleep = false;
    n->pumping = false;
    sim_node_online(n, true);
    sim_node_wake(n);
}

static void sleeper(uint64_t seed, bool hub_sleeps)
{
    sim_topo_opts o = {.n = 1,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY,
                                .liveness_s = UINT32_MAX,
                                .lifetime_s = 12 * 3600,
                                .child_lifetime_s = hub_sleeps ? 8 * 3600 : 2 * 3600},
                       .hub_child_lifetime_s = hub_sleeps ? 2 * 3600 : 8 * 3600};
    sim_topo t = xch_up(seed, &o, 5 * SIM_S);
    xch_ping(&t, 0, 1);
    sim_run_for(t.s, 3300 * SIM_S);
    sim_node *n = hub_sleeps ? t.hub : t.spoke[0];
    unsigned before = sim_events(n, NHTB_EVENT_CHILD_REKEYED);
    burst b = {.who = n};
    sim_on_wire(t.s, count_sent, &b);
    b.from = sim_now(t.s) + 3600 * SIM_S;
    suspend(&t, n, 3600 * SIM_S);
    sim_run_for(t.s, 120 * SIM_S);
    sim_on_wire(t.s, NULL, NULL);
    unsigned rekeys = sim_events(n, NHTB_EVENT_CHILD_REKEYED) - before;
    fprintf(stderr,
            "clock: the %s slept 1 h: %u child rekeys, %u datagrams in the first 100 ms, %u in "
            "2 min\n",
            hub_sleeps ? "hub" : "spoke", rekeys, b.in_100ms, b.total);
    sim_check(t.s, rekeys == 1);
    sim_check(t.s, b.in_100ms <= 6 && b.total <= 30);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 200 * SIM_S));
    sim_run_for(t.s, 10 * SIM_S);
    sim_check(t.s, sim_stats(t.hub).child_sas == 1 && sim_stats(t.spoke[0]).child_sas == 1);
    xch_ping(&t, 0, 10);
    xch_end(&t);
}

Test(clock, a_suspended_spoke_does_one_rekey_and_no_burst)
{
    sleeper(2, false);
}

Test(clock, a_suspended_hub_does_one_rekey_and_no_burst)
{
    sleeper(3, true);
}
