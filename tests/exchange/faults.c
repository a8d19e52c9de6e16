/* SPDX-License-Identifier: Apache-2.0
 * Every call to the host or the backend (allocation, random, key set-up, seal, open, kdf, key
 * exchange, send) fails once, in each scenario, at either end: no crash, no leak, no half-installed
 * pair, and a retry succeeds. NHTB_QUICK=1 takes every fifth call, NHTB_SIM_FAULT=n one. */
#include <stdlib.h>

#include "exchange/common.h"

typedef struct scene {
    const char *name;
    void (*options)(sim_topo_opts *o, nhtb_settings *st);
    void (*before)(sim_topo *t); /* after the nodes are made */
    bool up;                     /* the tunnel is up before the faults begin */
    int (*act)(sim_topo *t, unsigned attempt);
    nhtb_time window; /* how long calls are counted and may fail */
    bool all_or_none; /* act is a transaction: an error leaves the tables as they were */
    unsigned
        tunnels; /* with more than one only the agreement is looked at: one next hop, two ways */
} scene;

/* ---- acts ---- */

static int initiate(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    int err = nhtb_peer_initiate(sim_ctx(t->spoke[0]), t->spoke_peer[0], sim_now(t->s));
    sim_pump(t->spoke[0]);
    return err;
}

static int send_first(sim_topo *t, unsigned attempt)
{
    sim_send(t->spoke[0], t->spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 500 + attempt, 100);
    sim_pump(t->spoke[0]);
    return 0;
}

static int rekey(sim_topo *t, bool hub, nhtb_rekey what)
{
    sim_node *n = hub ? t->hub : t->spoke[0];
    int err =
        nhtb_peer_rekey(sim_ctx(n), hub ? t->hub_peer[0] : t->spoke_peer[0], what, sim_now(t->s));
    sim_pump(n);
    return err;
}

static int child_rekey_i(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    return rekey(t, false, NHTB_REKEY_CHILD);
}

static int child_rekey_r(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    return rekey(t, true, NHTB_REKEY_CHILD);
}

static int ike_rekey_i(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    return rekey(t, false, NHTB_REKEY_IKE);
}

static int ike_rekey_r(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    return rekey(t, true, NHTB_REKEY_IKE);
}

static int both_rekey(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    int a = rekey(t, false, NHTB_REKEY_CHILD), b = rekey(t, true, NHTB_REKEY_CHILD);
    return a ? a : b;
}

static int clear(sim_topo *t, unsigned attempt)
{
    if (attempt)
        return initiate(t, attempt);
    int err = nhtb_peer_clear(sim_ctx(t->spoke[0]), t->spoke_peer[0], sim_now(t->s));
    sim_pump(t->spoke[0]);
    return err;
}

static int wait_only(sim_topo *t, unsigned attempt)
{
    (void)t;
    (void)attempt;
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

static void behind_nat(sim_topo *t)
{
    sim_node_nat(t->spoke[0], sim_nat_new(t->s, "203.0.113.1"));
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

static const scene scenes[] = {
    {"establish", NULL, NULL, false, initiate, 3 * SIM_S, false, 0},
    {"establish with CBC", cbc, NULL, false, initiate, 3 * SIM_S, false, 0},
    {"cookie", cookie, NULL, false, initiate, 3 * SIM_S, false, 0},
    {"INVALID_KE_PAYLOAD", wrong_group, NULL, false, initiate, 3 * SIM_S, false, 0},
    {"NAT", NULL, behind_nat, false, initiate, 30 * SIM_S, false, 0},
    {"hold", NULL, NULL, false, send_first, 3 * SIM_S, false, 0},
    {"second child", two_children, NULL, false, initiate, 3 * SIM_S, false, 2},
    {"child rekey by the initiator", NULL, NULL, true, child_rekey_i, 12 * SIM_S, false, 0},
    {"child rekey by the responder", NULL, NULL, true, child_rekey_r, 12 * SIM_S, false, 0},
    {"child rekey by both, PFS", pfs, NULL, true, both_rekey, 12 * SIM_S, false, 0},
    {"IKE rekey by the initiator", NULL, NULL, true, ike_rekey_i, 12 * SIM_S, false, 0},
    {"IKE rekey by the responder", NULL, NULL, true, ike_rekey_r, 12 * SIM_S, false, 0},
    {"delete", NULL, NULL, true, clear, 12 * SIM_S, false, 0},
    {"liveness", check_often, NULL, true, wait_only, 15 * SIM_S, false, 0},
    {"transaction", NULL, NULL, true, routes, SIM_S, true, 0},
    {"manual SA", NULL, NULL, true, manual, SIM_S, true, 0},
};
enum { SCENES = sizeof scenes / sizeof *scenes };

/* ---- one life ---- */

typedef struct row {
    uint32_t in, out;
} row;

static unsigned rows_of(sim_node *n, row *v, unsigned most)
{
    nhtb_sa_info r = {.size = sizeof r};
    uint32_t cursor = 0;
    unsigned k = 0;
    for (; k < most && nhtb_sa_next(sim_ctx(n), &cursor, &r); r.size = sizeof r)
        if (r.peer.id)
            v[k++] = (row){r.spi_in, r.spi_out};
    return k;
}

/* Each pair of one end is a pair of the other. */
static bool agree(void *user)
{
    sim_topo *t = user;
    row a[16], b[16];
    unsigned n = rows_of(t->hub, a, 16), found = 0;
    if (n != rows_of(t->spoke[0], b, 16))
        return false;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < n; k++)
            found += a[i].in == b[k].out && a[i].out == b[k].in;
    return found == n && sim_stats(t->hub).ike_sas == sim_stats(t->spoke[0]).ike_sas;
}

static bool up_and_agreed(void *user)
{
    sim_topo *t = user;
    return sim_tunnels_up(t->hub) >= 1 && sim_tunnels_up(t->spoke[0]) >= 1 && agree(t);
}

static bool passes(sim_topo *t, uint32_t tag)
{
    sim_send(t->spoke[0], t->spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), tag, 100);
    sim_send(t->hub, t->hub_st0, sim_hub_lan(7), sim_lan(0, 9), tag + 1, 100);
    sim_run_for(t->s, SIM_S);
    return sim_got(t->hub, tag) == 1 && sim_got(t->spoke[0], tag + 1) == 1;
}

static sim_topo world(const scene *sc)
{
    nhtb_settings st = sim_settings(2);
    sim_topo_opts o = {.n = 1, .crypto = "null-fault", .settings = &st};
    if (sc->options)
        sc->options(&o, &st);
    sim_topo t = xch_start(7, &o);
    if (sc->before)
        sc->before(&t);
    if (sc->up) {
        (void)initiate(&t, 0);
        sim_check(t.s, sim_run_until(t.s, up_and_agreed, &t, 10 * SIM_S));
        sim_run_for(t.s, SIM_S);
        sim_check(t.s, passes(&t, 10));
    }
    return t;
}

#define must(cond, what)                                                                           \
    cr_assert((cond), "%s: point %llu (%s failed once): %s", sc->name, (unsigned long long)nth,    \
              sim_fault_name(sim_fault_hit()), what)

static bool quiet_error(int err)
{
    return err == 0 || nhtb_err_class(err) == NHTB_ERR_CLASS_RESOURCE ||
           nhtb_err_class(err) == NHTB_ERR_CLASS_BACKEND;
}

static void retry(const scene *sc, sim_topo *t, uint64_t nth, int err)
{
    if (sc->all_or_none)
        must(err == 0 || sc->act(t, 1) == 0, "the transaction does not go through again");
    else if (!sim_tunnels_up(t->spoke[0]) || !sim_tunnels_up(t->hub))
        (void)initiate(t, 1);
    else
        (void)sc->act(t, 1);
    bool good = sim_run_until(t->s, up_and_agreed, t, 400 * SIM_S);
    if (!good)
        xch_show(t);
    must(good, "a retry does not bring both ends up and in agreement");
    sim_run_for(t->s, 10 * SIM_S);
    if (sc->tunnels) {
        must(sim_tunnels_up(t->hub) == sc->tunnels && sim_tunnels_up(t->spoke[0]) == sc->tunnels,
             "a child is missing");
        return;
    }
    bool flows = false; /* a child that was refused comes with the next packets */
    for (uint32_t i = 0; i < 8 && !flows; i++, sim_run_for(t->s, 20 * SIM_S))
        flows = passes(t, 20 + 2 * i);
    if (!flows)
        xch_show(t);
    must(flows, "no traffic");
    must(sim_run_until(t->s, up_and_agreed, t, 60 * SIM_S), "the ends disagree after the retry");
}

/* Call `nth` of the scenario fails once. Returns how many calls there were. */
static uint64_t life(const scene *sc, uint64_t nth)
{
    sim_topo t = world(sc);
    nhtb_stats was = sim_stats(t.hub);
    sim_fault_arm(nth);
    int err = sc->act(&t, 0);
    if (!sc->all_or_none)
        sim_run_for(t.s, sc->window);
    uint64_t points = sim_fault_points(-1);
    sim_fault_disarm();
    must(quiet_error(err), nhtb_strerror(err));
    if (sc->all_or_none && err) {
        nhtb_stats is = sim_stats(t.hub);
        must(is.routes == was.routes && is.bindings == was.bindings && is.peers == was.peers &&
                 is.ifaces == was.ifaces && is.child_sas == was.child_sas,
             "a failed transaction left something behind");
    }
    bool settled = sim_run_until(t.s, agree, &t, 200 * SIM_S);
    if (!settled)
        xch_show(&t);
    must(settled, "one end has what the other has not");
    retry(sc, &t, nth, err);
    must(sim_stats(t.hub).asserts_failed == 0 && sim_stats(t.spoke[0]).asserts_failed == 0,
         "an invariant failed");
    sim *s = t.s;
    sim_topo_del(&t);
    must(sim_del(s) == 0, "leaked");
    return points;
}

static void every_point(const scene *sc)
{
    const char *only = getenv("NHTB_SIM_FAULT");
    uint64_t step = getenv("NHTB_QUICK") ? 5 : 1, n = life(sc, 0);
    for (uint64_t nth = 1; !only && nth <= n; nth += step)
        (void)life(sc, nth);
    if (only)
        (void)life(sc, strtoull(only, NULL, 0));
    fprintf(stderr, "faults: %s: %llu points\n", sc->name, (unsigned long long)n);
}

Test(faults, there_are_at_least_a_thousand_points)
{
    uint64_t total = 0, kinds[SIM_FAULTS] = {0};
    for (size_t i = 0; i < SCENES; i++) {
        total += life(&scenes[i], 0);
        for (int k = 0; k < SIM_FAULTS; k++)
            kinds[k] += sim_fault_points(k);
    }
    for (int k = 0; k < SIM_FAULTS; k++) {
        fprintf(stderr, "faults: %llu calls of kind %s\n", (unsigned long long)kinds[k],
                sim_fault_name(k));
        cr_assert(kinds[k] > 0);
    }
    fprintf(stderr, "faults: %llu points in %u scenarios\n", (unsigned long long)total,
            (unsigned)SCENES);
    cr_assert(total >= 1000 && SCENES >= 12);
}

Test(faults, establish)
{
    every_point(&scenes[0]);
}

Test(faults, establish_with_cbc)
{
    every_point(&scenes[1]);
}

Test(faults, cookie)
{
    every_point(&scenes[2]);
}

Test(faults, invalid_ke_payload)
{
    every_point(&scenes[3]);
}

Test(faults, nat)
{
    every_point(&scenes[4]);
}

Test(faults, hold)
{
    every_point(&scenes[5]);
}

Test(faults, second_child)
{
    every_point(&scenes[6]);
}

Test(faults, child_rekey_by_the_initiator)
{
    every_point(&scenes[7]);
}

Test(faults, child_rekey_by_the_responder)
{
    every_point(&scenes[8]);
}

Test(faults, child_rekey_by_both_pfs)
{
    every_point(&scenes[9]);
}

Test(faults, ike_rekey_by_the_initiator)
{
    every_point(&scenes[10]);
}

Test(faults, ike_rekey_by_the_responder)
{
    every_point(&scenes[11]);
}

Test(faults, delete)
{
    every_point(&scenes[12]);
}

Test(faults, liveness)
{
    every_point(&scenes[13]);
}

Test(faults, transaction)
{
    every_point(&scenes[14]);
}

Test(faults, manual_sa)
{
    every_point(&scenes[15]);
}
