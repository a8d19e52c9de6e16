/* SPDX-License-Identifier: Apache-2.0
 * A storm of rekeys, deletes, restarts of links, rebinding, traffic and faults, drawn from the seed;
 * then calm. Whatever happened: all tunnels are up again, both ends agree, traffic passes, no
 * invariant failed, nothing leaked. NHTB_STORM_SEEDS=n runs seeds up to n,
 * NHTB_STORM_FIRST=n starts at n (a failing check names its seed). */
#include <stdlib.h>

#include "exchange/common.h"

enum { SPOKES = 3, STEPS = 120, SEEDS = 60 };

typedef struct storm {
    sim_topo t;
    sim_nat *nat; /* before spoke 0 */
    uint32_t tag;
} storm;

static nhtb_time dice(storm *s, unsigned sides)
{
    return sim_rand(s->t.s) % sides;
}

static sim_link any_link(storm *s)
{
    sim_link l = {.loss = (unsigned)dice(s, 400),
                  .dup = (unsigned)dice(s, 200),
                  .reorder = (unsigned)dice(s, 300),
                  .corrupt = (unsigned)dice(s, 50),
                  .delay = (1 + dice(s, 60)) * SIM_MS,
                  .jitter = dice(s, 20) * SIM_MS};
    return l;
}

static void act(storm *s)
{
    unsigned i = (unsigned)dice(s, SPOKES);
    bool hub = dice(s, 2) == 0;
    sim_node *n = hub ? s->t.hub : s->t.spoke[i];
    nhtb_peer_id p = hub ? s->t.hub_peer[i] : s->t.spoke_peer[i];
    sim_link l = any_link(s);
    switch (dice(s, 10)) {
    case 0:
    case 1:
    case 2: (void)nhtb_peer_rekey(sim_ctx(n), p, NHTB_REKEY_CHILD, sim_now(s->t.s)); break;
    case 3:
    case 4: (void)nhtb_peer_rekey(sim_ctx(n), p, NHTB_REKEY_IKE, sim_now(s->t.s)); break;
    case 5: (void)nhtb_peer_clear(sim_ctx(n), p, sim_now(s->t.s)); break;
    case 6: (void)nhtb_peer_initiate(sim_ctx(n), p, sim_now(s->t.s)); break;
    case 7: sim_nat_rebind(s->nat, NULL); break;
    case 8: sim_node_online(n, dice(s, 2) == 0); break;
    default: sim_node_link(n, &l); break;
    }
    sim_pump(n);
    sim_send(s->t.spoke[i], s->t.spoke_st0[i], sim_lan(i, 9), sim_hub_lan(7), s->tag++, 100);
    sim_send(s->t.hub, s->t.hub_st0, sim_hub_lan(7), sim_lan(i, 9), s->tag++, 100);
}

static void calm(storm *s)
{
    sim_link good = {.delay = 5 * SIM_MS};
    for (unsigned i = 0; i <= SPOKES; i++) {
        sim_node *n = i ? s->t.spoke[i - 1] : s->t.hub;
        sim_node_online(n, true);
        sim_node_link(n, &good);
    }
}

/* Every pair of the hub has its mirror at one spoke, and nothing else is there. */
static bool agreed(void *user)
{
    sim_topo *t = user;
    nhtb_sa_info h = {.size = sizeof h}, s = {.size = sizeof s};
    uint32_t ch = 0;
    unsigned mirrors = 0;
    nhtb_stats st = sim_stats(t->hub);
    if (st.ike_sas != SPOKES || st.child_sas != SPOKES || st.half_open)
        return false;
    for (; nhtb_sa_next(sim_ctx(t->hub), &ch, &h); h.size = sizeof h)
        for (unsigned i = 0; i < SPOKES; i++) {
            uint32_t cs = 0;
            for (; nhtb_sa_next(sim_ctx(t->spoke[i]), &cs, &s); s.size = sizeof s)
                mirrors += h.spi_in == s.spi_out && h.spi_out == s.spi_in;
        }
    for (unsigned i = 0; i < SPOKES; i++) {
        st = sim_stats(t->spoke[i]);
        if (st.ike_sas != 1 || st.child_sas != 1)
            return false;
    }
    return mirrors == SPOKES;
}

static void judge(storm *s)
{
    sim_topo *t = &s->t;
    bool up = sim_run_until(t->s, sim_topo_up, t, 400 * SIM_S);
    sim_run_for(t->s, 60 * SIM_S);
    bool same =
        sim_run_until(t->s, agreed, t, 200 * SIM_S); /* unanswered deletes end after 165 s */
    if (!up || !same)
        xch_show(t);
    sim_check(t->s, up);
    sim_check(t->s, same);
    sim_check(t->s, sim_bindings(t->hub, true) == SPOKES);
    for (unsigned i = 0; i <= SPOKES; i++) {
        sim_node *n = i ? t->spoke[i - 1] : t->hub;
        sim_check(t->s, sim_stats(n).asserts_failed == 0);
        sim_check(t->s, sim_reason(n, NHTB_REASON_INTERNAL) == 0);
    }
    for (unsigned i = 0; i < SPOKES; i++) /* a rebound spoke speaks first */
        sim_send(t->spoke[i], t->spoke_st0[i], sim_lan(i, 9), sim_hub_lan(7), s->tag++, 100);
    sim_run_for(t->s, SIM_S);
    for (unsigned i = 0; i < SPOKES; i++, s->tag += 2)
        xch_ping(t, i, s->tag);
}

static void one_storm(uint64_t seed)
{
    sim_topo_opts o = {.n = SPOKES,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY,
                                .liveness_s = 5,
                                .lifetime_s = 120,
                                .child_lifetime_s = 60},
                       .spoke_kind = NHTB_IFACE_MULTIPOINT};
    o.peer.esp = seed % 3 == 0 ? "aes128gcm16-x25519-esn" : NULL;
    storm s = {.t = xch_up(seed, &o, 10 * SIM_S), .tag = 1};
    s.nat = sim_nat_new(s.t.s, "203.0.113.1");
    if (seed % 2) {
        (void)nhtb_peer_clear(sim_ctx(s.t.spoke[0]), s.t.spoke_peer[0], sim_now(s.t.s));
        sim_pump(s.t.spoke[0]);
        sim_run_for(s.t.s, 100 * SIM_MS);
        sim_node_nat(s.t.spoke[0], s.nat); /* its next session starts behind the box */
    }
    for (unsigned i = 0; i < STEPS; i++) {
        act(&s);
        sim_run_for(s.t.s, dice(&s, 4) ? dice(&s, 60) * SIM_MS : dice(&s, 4000) * SIM_MS);
    }
    calm(&s);
    judge(&s);
    xch_end(&s.t);
}

static unsigned from_env(const char *name, unsigned usual)
{
    const char *v = getenv(name);
    return v ? (unsigned)strtoul(v, NULL, 0) : usual;
}

Test(storm, everything_at_once_then_calm)
{
    unsigned last = from_env("NHTB_STORM_SEEDS", SEEDS);
    for (unsigned i = from_env("NHTB_STORM_FIRST", 1); i <= last; i++)
        one_storm(i);
}
