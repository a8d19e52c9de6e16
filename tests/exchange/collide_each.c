/* SPDX-License-Identifier: Apache-2.0
 * Crossing exchanges in which each single IKE datagram in turn is lost, late or doubled: at the end
 * one IKE SA and one pair that both sides agree on, traffic, and no memory kept. RFC 7296 2.8, 2.25. */
#include <stdlib.h>

#include "exchange/common.h"

enum act { NOTHING, REKEY_CHILD, REKEY_IKE, CLEAR };
enum fate { CLEAN, LOST, LATE, DOUBLED };

static const sim_topo_opts one = {.n = 1, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}};

typedef struct victim {
    enum fate fate;
    unsigned at, seen;
    bool armed;
    sim_datagram copy;
} victim;

static sim_fate pick(void *user, sim_datagram *d)
{
    victim *v = user;
    if (!v->armed || d->proto != SIM_UDP || v->seen++ != v->at || v->fate == CLEAN)
        return SIM_PASS;
    v->copy = *d;
    v->copy.data = malloc(d->len);
    memcpy(v->copy.data, d->data, d->len);
    return v->fate == DOUBLED ? SIM_PASS : SIM_DROP;
}

static void start(sim_topo *t, bool hub, enum act a)
{
    nhtb_ctx *c = sim_ctx(hub ? t->hub : t->spoke[0]);
    nhtb_peer_id p = hub ? t->hub_peer[0] : t->spoke_peer[0];
    if (a == REKEY_CHILD || a == REKEY_IKE)
        (void)nhtb_peer_rekey(c, p, a == REKEY_IKE ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD,
                              sim_now(t->s));
    else if (a == CLEAR)
        (void)nhtb_peer_clear(c, p, sim_now(t->s));
    sim_pump(hub ? t->hub : t->spoke[0]);
}

/* One row on each side, and they are each other's mirror. */
static bool agreed(sim_topo *t)
{
    nhtb_sa_info h = {.size = sizeof h}, s = {.size = sizeof s};
    nhtb_ike_sa_info hi = {.size = sizeof hi}, si = {.size = sizeof si};
    uint32_t ch = 0, cs = 0;
    nhtb_stats a = sim_stats(t->hub), b = sim_stats(t->spoke[0]);
    if (a.ike_sas != 1 || b.ike_sas != 1 || a.child_sas != 1 || b.child_sas != 1)
        return false;
    if (!nhtb_sa_next(sim_ctx(t->hub), &ch, &h) || !nhtb_sa_next(sim_ctx(t->spoke[0]), &cs, &s))
        return false;
    ch = cs = 0;
    if (!nhtb_ike_sa_next(sim_ctx(t->hub), &ch, &hi) ||
        !nhtb_ike_sa_next(sim_ctx(t->spoke[0]), &cs, &si))
        return false;
    return h.spi_in == s.spi_out && h.spi_out == s.spi_in && hi.spi_i == si.spi_i &&
           hi.spi_r == si.spi_r && hi.initiator != si.initiator;
}

static uint64_t memory_after_shutdown(sim_topo *t)
{
    sim_node *n[2] = {t->hub, t->spoke[0]};
    uint64_t sum = 0;
    for (int i = 0; i < 2; i++) {
        (void)nhtb_shutdown(sim_ctx(n[i]), sim_now(t->s));
        sim_pump(n[i]);
    }
    sim_run_for(t->s, 60 * SIM_S);
    for (int i = 0; i < 2; i++) {
        nhtb_stats st = sim_stats(n[i]);
        sim_check(t->s, st.ike_sas == 0 && st.child_sas == 0 && st.half_open == 0);
        sim_check(t->s, st.asserts_failed == 0);
        sum += sim_live_bytes(n[i]);
    }
    return sum;
}

/* Returns how many IKE datagrams there were; *memory: what both contexts hold at the end. */
static unsigned run(uint64_t seed, enum act a, enum act b, nhtb_time gap, victim v,
                    uint64_t *memory)
{
    sim_topo t = xch_up(seed, &one, 5 * SIM_S);
    sim_on_wire(t.s, pick, &v);
    v.armed = true;
    start(&t, true, a);
    sim_run_for(t.s, gap);
    start(&t, false, b);
    sim_run_for(t.s, 150 * SIM_MS);
    if (v.copy.data && v.fate != LOST)
        sim_wire_send(t.s, &v.copy);
    sim_run_for(t.s, 60 * SIM_S);
    unsigned seen = v.seen;
    v.armed = false;
    bool up = sim_run_until(t.s, sim_topo_up, &t, 60 * SIM_S);
    sim_run_for(t.s, 30 * SIM_S);
    if (!up || !agreed(&t)) {
        fprintf(stderr, "hub does %d, spoke %d after %.0f ms; datagram %u has fate %d\n", (int)a,
                (int)b, (double)gap / 1e6, v.at, (int)v.fate);
        xch_show(&t);
    }
    sim_check(t.s, up);
    sim_check(t.s, agreed(&t));
    if (a != CLEAR && b != CLEAR)
        sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_ping(&t, 0, 1);
    *memory = memory_after_shutdown(&t);
    free(v.copy.data);
    xch_end(&t);
    return seen;
}

static void each(enum act a, enum act b, nhtb_time gap)
{
    uint64_t flat, now;
    unsigned n = run(1, a, b, gap, (victim){.fate = CLEAN}, &flat);
    n = n > 24 ? 24 : n;
    cr_assert(n >= 2, "%u datagrams", n);
    for (unsigned i = 0; i < n; i++)
        for (int f = LOST; f <= DOUBLED; f++) {
            (void)run(1, a, b, gap, (victim){.fate = (enum fate)f, .at = i}, &now);
            cr_assert(now <= flat + 8192, "%llu bytes instead of %llu (datagram %u, fate %d)",
                      (unsigned long long)now, (unsigned long long)flat, i, f);
        }
}

static void each_gap(enum act a, enum act b)
{
    each(a, b, 0);
    each(a, b, 7 * SIM_MS);
}

Test(collide_each, child_rekey_alone)
{
    each(REKEY_CHILD, NOTHING, 0);
    each(NOTHING, REKEY_CHILD, 0);
}

Test(collide_each, ike_rekey_alone)
{
    each(REKEY_IKE, NOTHING, 0);
    each(NOTHING, REKEY_IKE, 0);
}

Test(collide_each, child_rekey_meets_child_rekey)
{
    each_gap(REKEY_CHILD, REKEY_CHILD);
}

Test(collide_each, ike_rekey_meets_ike_rekey)
{
    each_gap(REKEY_IKE, REKEY_IKE);
}

Test(collide_each, ike_rekey_meets_child_rekey)
{
    each_gap(REKEY_IKE, REKEY_CHILD);
    each_gap(REKEY_CHILD, REKEY_IKE);
}

Test(collide_each, delete_meets_rekeys)
{
    each_gap(CLEAR, REKEY_CHILD);
    each_gap(REKEY_IKE, CLEAR);
}
