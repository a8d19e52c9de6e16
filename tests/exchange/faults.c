/* SPDX-License-Identifier: Apache-2.0
 * IKEv2: every call to the host or the backend (allocation, random, key set-up, seal, open, kdf, key
 * exchange, send) fails once, in each scenario, at either end: no crash, no leak, no half-installed
 * pair, and a retry succeeds. NHTB_QUICK=1 takes every fifth call, NHTB_SIM_FAULT=n one. */
#include "exchange/faults.h"

/* ---- acts ---- */

static int send_first(sim_topo *t, unsigned attempt)
{
    sim_send(t->spoke[0], t->spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 500 + attempt, 100);
    sim_pump(t->spoke[0]);
    return 0;
}

static int routes(sim_topo *t, unsigned attempt)
{
    nhtb_txn *x;
    nhtb_route r = {.size = sizeof r, .kind = NHTB_ROUTE_TUNNEL, .iface = t->hub_st0};
    nhtb_binding b = {.size = sizeof b, .iface = t->hub_st0, .peer = t->hub_peer[0]};
    nhtb_iface st1;
    nhtb_iface_id st1_id;
    int err = nhtb_txn_begin(sim_ctx(t->hub), &x);
    (void)attempt;
    if (err)
        return err;
    nhtb_iface_init(&st1);
    st1.name = "st0.1";
    st1.kind = NHTB_IFACE_MULTIPOINT;
    st1.addr4.len = 24;
    nhtb_addr_parse("10.1.0.1", &st1.addr4.addr);
    err = nhtb_txn_iface(x, &st1, &st1_id);
    for (unsigned i = 0; !err && i < 20; i++) {
        char text[32];
        snprintf(text, sizeof text, "100.%u.0.0/%u", 64 + i, 16 + i % 8);
        nhtb_prefix_parse(text, &r.prefix);
        snprintf(text, sizeof text, "10.0.1.%u", 1 + i);
        nhtb_addr_parse(text, &r.next_hop);
        err = nhtb_txn_route(x, &r);
        b.next_hop = r.next_hop;
        if (!err && i < 4)
            err = nhtb_txn_binding(x, &b);
    }
    sim_peer_opts po = {.name = "another",
                        .local_id = "hub.example",
                        .remote_id = "another.example",
                        .psk = "key",
                        .iface = t->hub_st0,
                        .establish = NHTB_ESTABLISH_RESPONDER_ONLY};
    nhtb_peer_id id;
    if (!err)
        err = sim_peer_txn(x, t->hub, &po, &id);
    if (err)
        nhtb_txn_abort(x);
    else
        err = nhtb_txn_commit(x, sim_now(t->s));
    sim_pump(t->hub);
    return err;
}

static int manual(sim_topo *t, unsigned attempt)
{
    static const uint8_t keys[40] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    nhtb_txn *x;
    nhtb_sa_id id;
    nhtb_binding b = {.size = sizeof b, .iface = t->hub_st0};
    nhtb_manual_sa sa = {.size = sizeof sa,
                         .name = "static",
                         .iface = t->hub_st0,
                         .spi_in = 3000,
                         .spi_out = 2000,
                         .encr = 20,
                         .key_bits = 128,
                         .key_in = {keys, 20},
                         .key_out = {keys + 20, 20}};
    (void)attempt;
    sa.path.local = *sim_addr(t->hub);
    nhtb_addr_parse("203.0.113.50", &sa.path.remote);
    int err = nhtb_txn_begin(sim_ctx(t->hub), &x);
    if (err)
        return err;
    err = nhtb_txn_sa(x, &sa, &id);
    nhtb_addr_parse("10.0.9.9", &b.next_hop);
    b.sa = id;
    if (!err)
        err = nhtb_txn_binding(x, &b);
    if (err)
        nhtb_txn_abort(x);
    else
        err = nhtb_txn_commit(x, sim_now(t->s));
    sim_pump(t->hub);
    return err;
}

/* ---- worlds ---- */

static void cookie(sim_topo_opts *o, nhtb_settings *st)
{
    (void)o;
    st->cookie_threshold = 0;
}

static void wrong_group(sim_topo_opts *o, nhtb_settings *st)
{
    (void)st;
    o->peer.ike = "aes256gcm16-prfsha256-x25519-ecp256";
    o->hub_ike = "aes256gcm16-prfsha256-ecp256";
}

static void pfs(sim_topo_opts *o, nhtb_settings *st)
{
    (void)st;
    o->peer.esp = "aes256gcm16-ecp256-esn";
}

static void check_often(sim_topo_opts *o, nhtb_settings *st)
{
    (void)st;
    o->peer.liveness_s = 2;
}

static void two_children(sim_topo_opts *o, nhtb_settings *st)
{
    (void)st;
    o->peer.n_children = 2;
}

static void cbc(sim_topo_opts *o, nhtb_settings *st)
{
    (void)st;
    o->peer.ike = "aes256-sha384-prfsha384-x25519";
    o->peer.esp = "aes128-sha256-esn";
}

static const faults_scene scenes[] = {
    {.name = "establish", .act = faults_initiate, .window = 3 * SIM_S},
    {.name = "establish with CBC", .options = cbc, .act = faults_initiate, .window = 3 * SIM_S},
    {.name = "cookie", .options = cookie, .act = faults_initiate, .window = 3 * SIM_S},
    {.name = "INVALID_KE_PAYLOAD",
     .options = wrong_group,
     .act = faults_initiate,
     .window = 3 * SIM_S},
    {.name = "NAT", .before = faults_behind_nat, .act = faults_initiate, .window = 30 * SIM_S},
    {.name = "hold", .act = send_first, .window = 3 * SIM_S},
    {.name = "second child",
     .options = two_children,
     .act = faults_initiate,
     .window = 3 * SIM_S,
     .tunnels = 2},
    {.name = "child rekey by the initiator",
     .up = true,
     .act = faults_child_rekey_i,
     .window = 12 * SIM_S},
    {.name = "child rekey by the responder",
     .up = true,
     .act = faults_child_rekey_r,
     .window = 12 * SIM_S},
    {.name = "child rekey by both, PFS",
     .options = pfs,
     .up = true,
     .act = faults_both_rekey,
     .window = 12 * SIM_S},
    {.name = "IKE rekey by the initiator",
     .up = true,
     .act = faults_ike_rekey_i,
     .window = 12 * SIM_S},
    {.name = "IKE rekey by the responder",
     .up = true,
     .act = faults_ike_rekey_r,
     .window = 12 * SIM_S},
    {.name = "delete", .up = true, .act = faults_clear, .window = 12 * SIM_S},
    {.name = "liveness",
     .options = check_often,
     .up = true,
     .act = faults_wait,
     .window = 15 * SIM_S},
    {.name = "transaction", .up = true, .act = routes, .window = SIM_S, .all_or_none = true},
    {.name = "manual SA", .up = true, .act = manual, .window = SIM_S, .all_or_none = true},
};
enum { SCENES = sizeof scenes / sizeof *scenes };

Test(faults, there_are_at_least_a_thousand_points)
{
    uint64_t kinds[SIM_FAULTS], total = faults_points(scenes, SCENES, kinds);
    for (int k = 0; k < SIM_FAULTS; k++)
        cr_assert(kinds[k] > 0);
    cr_assert(total >= 1000 && SCENES >= 12);
}

Test(faults, establish)
{
    faults_every_point(&scenes[0]);
}

Test(faults, establish_with_cbc)
{
    faults_every_point(&scenes[1]);
}

Test(faults, cookie)
{
    faults_every_point(&scenes[2]);
}

Test(faults, invalid_ke_payload)
{
    faults_every_point(&scenes[3]);
}

Test(faults, nat)
{
    faults_every_point(&scenes[4]);
}

Test(faults, hold)
{
    faults_every_point(&scenes[5]);
}

Test(faults, second_child)
{
    faults_every_point(&scenes[6]);
}

Test(faults, child_rekey_by_the_initiator)
{
    faults_every_point(&scenes[7]);
}

Test(faults, child_rekey_by_the_responder)
{
    faults_every_point(&scenes[8]);
}

Test(faults, child_rekey_by_both_pfs)
{
    faults_every_point(&scenes[9]);
}

Test(faults, ike_rekey_by_the_initiator)
{
    faults_every_point(&scenes[10]);
}

Test(faults, ike_rekey_by_the_responder)
{
    faults_every_point(&scenes[11]);
}

Test(faults, delete)
{
    faults_every_point(&scenes[12]);
}

Test(faults, liveness)
{
    faults_every_point(&scenes[13]);
}

Test(faults, transaction)
{
    faults_every_point(&scenes[14]);
}

Test(faults, manual_sa)
{
    faults_every_point(&scenes[15]);
}
