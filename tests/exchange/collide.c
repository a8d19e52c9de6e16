/* SPDX-License-Identifier: Apache-2.0
 * Both sides act at once: rekeys, deletes, initiations. Whatever crosses, one IKE SA and one pair
 * remain and traffic goes on. RFC 7296 2.8.1, 2.8.2, 2.25. */
#include "exchange/common.h"

static const sim_topo_opts one = {.n = 1, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}};

enum act { NOTHING, REKEY_CHILD, REKEY_IKE, CLEAR };

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

/* The hub does `a`, the spoke does `b` after `gap`; the link's delay is 5 ms each way. */
static void collide(uint64_t seed, enum act a, enum act b, nhtb_time gap, unsigned loss)
{
    sim_topo t = xch_up(seed, &one, 5 * SIM_S);
    sim_link l = {.loss = loss, .delay = 5 * SIM_MS, .jitter = 3 * SIM_MS};
    sim_node_link(t.hub, &l);
    sim_node_link(t.spoke[0], &l);
    start(&t, true, a);
    sim_run_for(t.s, gap);
    start(&t, false, b);
    sim_run_for(t.s, 60 * SIM_S);
    l.loss = 0;
    sim_node_link(t.hub, &l);
    sim_node_link(t.spoke[0], &l);
    bool up = sim_run_until(t.s, sim_topo_up, &t, 120 * SIM_S);
    sim_run_for(t.s, 30 * SIM_S);
    nhtb_stats h = sim_stats(t.hub), s = sim_stats(t.spoke[0]);
    bool clean = h.ike_sas == 1 && h.child_sas == 1 && s.ike_sas == 1 && s.child_sas == 1;
    if (!up || !clean) {
        fprintf(stderr, "hub does %d, spoke %d after %.0f ms, loss %u\n", (int)a, (int)b,
                (double)gap / 1e6, loss);
        xch_show(&t);
    }
    sim_check(t.s, up);
    sim_check(t.s, clean);
    if (a != CLEAR && b != CLEAR && !loss)
        sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

static void all_gaps(enum act a, enum act b)
{
    static const nhtb_time gaps[] = {0,           2 * SIM_MS,  4 * SIM_MS,  6 * SIM_MS,
                                     9 * SIM_MS,  11 * SIM_MS, 14 * SIM_MS, 18 * SIM_MS,
                                     25 * SIM_MS, 100 * SIM_MS};
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        collide(10 * i, a, b, gaps[i], 0);
        collide(10 * i + 1, a, b, gaps[i], 300);
        collide(10 * i + 2, b, a, gaps[i], 0);
        collide(10 * i + 3, b, a, gaps[i], 300);
    }
}

Test(collide, child_rekey_meets_child_rekey)
{
    all_gaps(REKEY_CHILD, REKEY_CHILD);
}

Test(collide, ike_rekey_meets_ike_rekey)
{
    all_gaps(REKEY_IKE, REKEY_IKE);
}

Test(collide, ike_rekey_meets_child_rekey)
{
    all_gaps(REKEY_IKE, REKEY_CHILD);
}

Test(collide, delete_meets_child_rekey)
{
    all_gaps(CLEAR, REKEY_CHILD);
}

Test(collide, delete_meets_ike_rekey)
{
    all_gaps(CLEAR, REKEY_IKE);
}

Test(collide, delete_meets_delete)
{
    all_gaps(CLEAR, CLEAR);
}

Test(collide, both_sides_initiate_at_once)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        sim *s = sim_new(seed);
        sim_node_opts ao = {.name = "a", .addr = "192.0.2.1"},
                      bo = {.name = "b", .addr = "192.0.2.2"};
        sim_node *a = sim_node_new(s, &ao), *b = sim_node_new(s, &bo);
        nhtb_iface_id ia = sim_iface(a, "st0.0", NHTB_IFACE_POINT_TO_POINT, "10.0.0.1/24");
        nhtb_iface_id ib = sim_iface(b, "st0.0", NHTB_IFACE_POINT_TO_POINT, "10.0.0.2/24");
        nhtb_peer_id p;
        sim_peer_opts po = {.name = "b",
                            .remote = "192.0.2.2",
                            .local_id = "a",
                            .remote_id = "b",
                            .psk = "key",
                            .iface = ia,
                            .establish = NHTB_ESTABLISH_IMMEDIATELY};
        sim_check(s, sim_peer(a, &po, &p) == 0);
        po.name = "a";
        po.remote = "192.0.2.1";
        po.local_id = "b";
        po.remote_id = "a";
        po.iface = ib;
        sim_check(s, sim_peer(b, &po, &p) == 0);
        sim_route(a, ia, "192.168.2.0/24", NULL);
        sim_local(a, "192.168.1.0/24");
        sim_route(b, ib, "192.168.1.0/24", NULL);
        sim_local(b, "192.168.2.0/24");
        sim_run_for(s, 60 * SIM_S);
        sim_check(s, sim_tunnels_up(a) == 1 && sim_tunnels_up(b) == 1);
        sim_send(a, ia, "192.168.1.1", "192.168.2.1", 1, 100);
        sim_send(b, ib, "192.168.2.1", "192.168.1.1", 2, 100);
        sim_run_for(s, SIM_S);
        sim_check(s, sim_got(b, 1) == 1 && sim_got(a, 2) == 1);
        cr_assert_eq(sim_del(s), 0);
    }
}
