/* SPDX-License-Identifier: Apache-2.0
 * Public entries at their edges: what a host may get wrong, what is counted by reason when it feeds,
 * and what stays as it was after a refusal. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "sim/sim.h"

static sim_topo t;

static void setup(void)
{
    sim_topo_opts o = {.n = 1,
                       .peer = {.establish = NHTB_ESTABLISH_ON_TRAFFIC},
                       .spoke_kind = NHTB_IFACE_POINT_TO_POINT};
    sim_topo_new(&t, sim_new(1), &o);
}

static void teardown(void)
{
    sim *s = t.s;
    sim_topo_del(&t);
    cr_assert_eq(sim_del(s), 0);
}

TestSuite(entries, .init = setup, .fini = teardown);

static void up(void)
{
    cr_assert_eq(nhtb_peer_initiate(sim_ctx(t.spoke[0]), t.spoke_peer[0], sim_now(t.s)), 0);
    sim_pump(t.spoke[0]);
    cr_assert(sim_run_until(t.s, sim_topo_up, &t, 5 * SIM_S));
}

/* ---- feed ---- */

static nhtb_path path(void)
{
    nhtb_path p = {.local_port = 4500, .remote_port = 4500};
    p.local = *sim_addr(t.hub);
    p.remote = *sim_addr(t.spoke[0]);
    return p;
}

static unsigned feed(unsigned kind, const void *data, uint32_t n)
{
    nhtb_path where = path();
    nhtb_pkt p = {.buf = malloc(n ? n : 1), .cap = n ? n : 1, .len = n};
    nhtb_pkt *v = &p;
    p.kind = (uint8_t)kind;
    p.path = &where;
    p.iface = t.hub_st0;
    if (n)
        memcpy(p.buf, data, n);
    cr_assert_eq(nhtb_feed(sim_ctx(t.hub), &v, 1, sim_now(t.s)), 0);
    cr_assert_eq(p.verdict, NHTB_PKT_DROP, "fed packets are the library's no more");
    free(p.buf);
    return p.reason;
}

Test(entries, what_is_fed_is_counted_by_reason)
{
    static const uint8_t keepalive[] = {0xff}, other[] = {0xfe}, zero[64];
    uint64_t before = sim_reason(t.hub, NHTB_REASON_KEEPALIVE);
    cr_expect_eq(feed(NHTB_PKT_UDP_4500, keepalive, 1), NHTB_REASON_KEEPALIVE);
    cr_expect_eq(sim_reason(t.hub, NHTB_REASON_KEEPALIVE), before + 1);
    cr_expect_eq(feed(NHTB_PKT_UDP_4500, other, 1), NHTB_REASON_IKE_MALFORMED);
    cr_expect_eq(feed(NHTB_PKT_IKE_500, keepalive, 1), NHTB_REASON_IKE_MALFORMED,
                 "port 500 knows no keepalives");
    cr_expect_eq(feed(NHTB_PKT_UDP_4500, zero, 4), NHTB_REASON_IKE_MALFORMED, "a bare marker");
    cr_expect_eq(feed(NHTB_PKT_IKE_500, zero, 0), NHTB_REASON_IKE_MALFORMED);
    cr_expect_eq(feed(NHTB_PKT_ESP, zero, 64), NHTB_REASON_NOT_ESP, "ESP belongs to workers");
    cr_expect_eq(sim_tunnels_up(t.hub), 0);
}

Test(entries, a_message_above_the_limit_is_not_looked_at)
{
    uint32_t n = sim_settings(1).limits.ike_message + 1;
    uint8_t *big = calloc(1, n);
    big[0] = 1;
    cr_expect_eq(feed(NHTB_PKT_IKE_500, big, n), NHTB_REASON_IKE_MALFORMED);
    free(big);
}

Test(entries, an_inner_packet_that_is_none_starts_no_tunnel)
{
    static const uint8_t bad[20] = {0x35};
    nhtb_iface_id i = t.spoke_st0[0];
    nhtb_pkt p = {.buf = (uint8_t[20]){0}, .cap = 20, .len = 20, .kind = NHTB_PKT_INNER};
    nhtb_pkt *v = &p;
    memcpy(p.buf, bad, 20);
    p.iface = i;
    cr_assert_eq(nhtb_feed(sim_ctx(t.spoke[0]), &v, 1, sim_now(t.s)), 0);
    cr_assert_neq(p.reason, NHTB_REASON_NONE);
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, 2 * SIM_S);
    cr_assert_eq(sim_tunnels_up(t.spoke[0]), 0);
}

static unsigned punt(size_t len, uint16_t gso)
{
    uint8_t buf[4096];
    nhtb_addr src, dst;
    cr_assert_eq(nhtb_addr_parse(sim_lan(0, 9), &src), 0);
    cr_assert_eq(nhtb_addr_parse(sim_hub_lan(7), &dst), 0);
    size_t n = sim_build(buf, &src, &dst, 1, len);
    nhtb_pkt p = {.buf = buf, .cap = sizeof buf, .len = (uint32_t)n, .kind = NHTB_PKT_INNER};
    nhtb_pkt *v = &p;
    p.iface = t.spoke_st0[0];
    p.gso_size = gso;
    cr_assert_eq(nhtb_feed(sim_ctx(t.spoke[0]), &v, 1, sim_now(t.s)), 0);
    return p.reason;
}

Test(entries, first_packets_are_held_within_their_limits_and_sent_when_the_tunnel_is_up)
{
    nhtb_settings s = sim_settings(1);
    cr_expect_eq(punt(s.limits.held_bytes + 1, 0), NHTB_REASON_HOLD_FULL, "longer than one may be");
    cr_expect_eq(punt(100, 0), NHTB_REASON_NONE);
    unsigned full = 0;
    for (unsigned i = 0; i < s.limits.held + 5; i++)
        full += punt(100, 0) == NHTB_REASON_HOLD_FULL;
    cr_expect_eq(full, 6);
    sim_pump(t.spoke[0]);
    cr_assert(sim_run_until(t.s, sim_topo_up, &t, 5 * SIM_S), "traffic started it");
    sim_run_for(t.s, SIM_S);
    cr_expect_eq(sim_got(t.hub, 1), s.limits.held, "each exactly once");
    cr_expect_eq(punt(100, 0), NHTB_REASON_NONE, "a worker that looked just before it came up");
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, SIM_S);
    cr_expect_eq(sim_got(t.hub, 1), s.limits.held + 1u);
}

Test(entries, no_memory_to_hold_is_a_counted_drop_and_starts_the_tunnel_all_the_same)
{
    for (uint64_t nth = 1; nth <= 2; nth++) {
        sim_fail_alloc(t.spoke[0], nth);
        cr_expect_eq(punt(100, 0), NHTB_REASON_MEMORY, "allocation %u", (unsigned)nth);
        sim_fail_alloc(t.spoke[0], 0);
    }
    sim_pump(t.spoke[0]);
    cr_assert(sim_run_until(t.s, sim_topo_up, &t, 5 * SIM_S));
}

Test(entries, unusable_packets_are_usage_errors_and_nothing_of_the_call_is_taken)
{
    uint8_t buf[64] = {0xff};
    nhtb_path where = path(), mixed = path();
    nhtb_ctx *ctx = sim_ctx(t.hub);
    nhtb_addr six;
    cr_assert_eq(nhtb_addr_parse("2001:db8::1", &six), 0);
    mixed.remote = six;
    nhtb_pkt good = {.buf = buf, .cap = 64, .len = 1, .kind = NHTB_PKT_UDP_4500, .path = &where};
    nhtb_pkt none = good, off = good, family = good;
    none.buf = NULL;
    off.off = 65;
    family.path = &mixed;
    nhtb_pkt *bad[] = {NULL, &none, &off, &family};
    uint64_t before = sim_reason(t.hub, NHTB_REASON_KEEPALIVE);
    for (size_t i = 0; i < 4; i++) {
        nhtb_pkt *v[2] = {&good, bad[i]};
        cr_expect_eq(nhtb_feed(ctx, v, 2, sim_now(t.s)), NHTB_ERR_ARG, "%zu", i);
    }
    cr_expect_eq(sim_reason(t.hub, NHTB_REASON_KEEPALIVE), before);
    cr_expect_eq(nhtb_feed(ctx, NULL, 0, sim_now(t.s)), 0, "nothing is fine");
}

/* ---- drain ---- */

Test(entries, drain_tells_a_packet_without_room_and_goes_on)
{
    uint8_t buf[16];
    nhtb_ctx *ctx = sim_ctx(t.hub);
    nhtb_pkt p = {.buf = buf, .cap = 16, .off = 20};
    nhtb_pkt *v = &p;
    nhi_out *o = nhi_engine_out_new(ctx, 4);
    o->kind = NHTB_PKT_IKE_500;
    o->verdict = NHTB_PKT_TX;
    (void)nhi_engine_out_push(ctx, o);
    cr_assert_eq(nhtb_drain(ctx, NULL, 1, 1), 0);
    cr_assert_eq(nhtb_drain(ctx, NULL, 0, 1), 0);
    cr_assert_eq(nhtb_drain(ctx, &v, 1, sim_now(t.s)), 1);
    cr_assert_eq(p.verdict, NHTB_PKT_DROP);
    cr_assert_eq(p.reason, NHTB_REASON_NO_SPARE);
    cr_assert_eq(p.len, 0);
}

/* ---- questions, jobs, commands ---- */

Test(entries, answers_and_jobs_check_their_arguments)
{
    nhtb_ctx *ctx = sim_ctx(t.hub);
    nhtb_job *job;
    nhtb_reply r = {.size = sizeof r};
    cr_expect_eq(nhtb_answer(NULL, 1, &r, 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_answer(ctx, 1, NULL, 1), NHTB_ERR_ARG);
    r.psk = (nhtb_span){NULL, 5};
    cr_expect_eq(nhtb_answer(ctx, 1, &r, 1), NHTB_ERR_ARG, "a length without bytes");
    r.psk = (nhtb_span){(const uint8_t *)"k", 1};
    cr_expect_neq(nhtb_answer(ctx, 4711, &r, sim_now(t.s)), 0, "nobody asked that");
    cr_expect_neq(nhtb_answer(ctx, 0, &r, sim_now(t.s)), 0);
    cr_expect_not(nhtb_next_job(NULL, &job));
    cr_expect_not(nhtb_next_job(ctx, NULL));
    cr_expect_not(nhtb_next_job(ctx, &job));
    cr_expect_null(job);
    nhtb_job_done(NULL, NULL, 1);
    nhtb_job_done(ctx, NULL, 1);
    cr_expect_eq(nhtb_peer_initiate(NULL, t.hub_peer[0], 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_peer_clear(NULL, t.hub_peer[0], 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_peer_rekey(NULL, t.hub_peer[0], NHTB_REKEY_IKE, 1), NHTB_ERR_ARG);
    up();
}

Test(entries, commands_on_a_peer_that_is_down)
{
    nhtb_ctx *ctx = sim_ctx(t.spoke[0]);
    cr_expect_neq(nhtb_peer_rekey(ctx, t.spoke_peer[0], NHTB_REKEY_IKE, sim_now(t.s)), 0,
                  "nothing to rekey");
    cr_expect_eq(nhtb_peer_clear(ctx, t.spoke_peer[0], sim_now(t.s)), 0);
    up();
    cr_expect_eq(nhtb_peer_rekey(ctx, t.spoke_peer[0], NHTB_REKEY_IKE, sim_now(t.s)), 0);
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, 2 * SIM_S);
    cr_expect_eq(sim_tunnels_up(t.spoke[0]), 1);
}

Test(entries, after_shutdown_nothing_starts)
{
    nhtb_ctx *ctx = sim_ctx(t.spoke[0]);
    up();
    cr_expect_eq(nhtb_shutdown(NULL, 1), NHTB_ERR_ARG);
    cr_expect(nhtb_idle(NULL));
    cr_expect_eq(nhtb_shutdown(ctx, sim_now(t.s)), 0);
    cr_expect_not(nhtb_idle(ctx), "the peer is to be told");
    cr_expect_eq(nhtb_peer_initiate(ctx, t.spoke_peer[0], sim_now(t.s)), NHTB_ERR_STATE);
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, 2 * SIM_S);
    cr_expect(nhtb_idle(ctx));
    cr_expect_eq(sim_tunnels_up(t.hub), 0, "it was told");
    (void)punt(100, 0);
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, 2 * SIM_S);
    cr_expect_eq(sim_tunnels_up(t.hub), 0, "traffic starts nothing either");
}

/* ---- tables ---- */

Test(entries, iterators_end_and_check_their_arguments)
{
    nhtb_ctx *ctx = sim_ctx(t.spoke[0]);
    nhtb_ike_sa_info ike = {.size = sizeof ike};
    nhtb_sa_info sa = {.size = sizeof sa};
    nhtb_binding_info b = {.size = sizeof b};
    nhtb_route_info r = {.size = sizeof r};
    uint32_t cursor = 0, n = 0;
    nhtb_stats st = {.size = sizeof st};
    cr_expect_not(nhtb_ike_sa_next(ctx, &cursor, &ike), "none yet");
    cr_expect_not(nhtb_sa_next(ctx, &cursor, &sa));
    up();
    for (cursor = 0; nhtb_ike_sa_next(ctx, &cursor, &ike); ike.size = sizeof ike)
        n++;
    cr_expect_eq(n, 1);
    cr_expect_not(nhtb_ike_sa_next(NULL, &cursor, &ike));
    cr_expect_not(nhtb_ike_sa_next(ctx, &cursor, NULL));
    cr_expect_not(nhtb_binding_next(NULL, &cursor, &b));
    cr_expect_not(nhtb_route_next(NULL, &cursor, &r));
    cr_expect_not(nhtb_iface_next(NULL, &cursor, NULL));
    cr_expect_neq(nhtb_stats_get(NULL, &st), 0);
    cr_expect_neq(nhtb_stats_get(ctx, NULL), 0);
    cursor = 0;
    cr_assert(nhtb_binding_next(sim_ctx(t.hub), &cursor, &b));
    cr_expect(b.peer.id == t.hub_peer[0].id && b.remote_id_len > 0);
    b.size = sizeof b;
    cr_expect_not(nhtb_binding_next(sim_ctx(t.hub), &cursor, &b), "one spoke, one binding");
}

Test(entries, explain_says_what_state_a_peer_is_in)
{
    nhtb_ctx *ctx = sim_ctx(t.spoke[0]);
    nhtb_explain e = {.size = sizeof e};
    cr_expect_eq(nhtb_peer_explain(ctx, (nhtb_peer_id){0}, &e), NHTB_ERR_STALE);
    cr_expect_eq(nhtb_peer_explain(NULL, t.spoke_peer[0], &e), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_peer_explain(ctx, t.spoke_peer[0], NULL), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_peer_explain(ctx, t.spoke_peer[0], &e), 0);
    cr_expect(!e.up && e.children_up == 0 && e.n_children == 1);
    cr_expect_str_empty(e.step, "nothing has failed");
    cr_expect_str_empty(e.state);
    cr_expect_eq(e.next_try, NHTB_NEVER, "traffic starts it");
    cr_expect_str_not_empty(e.ours);
    sim_node_online(t.hub, false);
    cr_assert_eq(nhtb_peer_initiate(ctx, t.spoke_peer[0], sim_now(t.s)), 0);
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, SIM_S);
    cr_assert_eq(nhtb_peer_explain(ctx, t.spoke_peer[0], &e), 0);
    cr_expect_str_not_empty(e.state, "being made");
    cr_expect(!e.up);
    sim_run_for(t.s, 400 * SIM_S);
    cr_assert_eq(nhtb_peer_explain(ctx, t.spoke_peer[0], &e), 0);
    cr_expect_str_not_empty(e.step, "no answer is a failure");
    cr_expect_eq(e.detail, NHTB_DETAIL_TIMEOUT);
    cr_expect(e.failed_at > 0 && e.failed_at <= sim_now(t.s));
    sim_node_online(t.hub, true);
    up();
    e.size = sizeof e;
    cr_assert_eq(nhtb_peer_explain(ctx, t.spoke_peer[0], &e), 0);
    cr_expect(e.up && e.children_up == 1);
    cr_expect_str_empty(e.step, "forgotten once it is up");
}

/* ---- transactions ---- */

Test(entries, a_peer_needs_a_name_children_and_structs_of_this_version)
{
    nhtb_txn *x;
    nhtb_peer p;
    nhtb_child c;
    nhtb_peer_id id = {99};
    static const char long_name[] = "a-name-that-is-one-letter-too-long";
    nhtb_peer_init(&p);
    nhtb_child_init(&c);
    p.name = "x";
    c.name = "x-0";
    c.iface = t.hub_st0;
    p.children = &c;
    p.n_children = 1;
    p.path.local = *sim_addr(t.hub);
    p.psk = (nhtb_span){(const uint8_t *)"k", 1};
    cr_assert_eq(nhtb_txn_begin(sim_ctx(t.hub), &x), 0);
#define REFUSED(change, want)                                                                      \
    do {                                                                                           \
        nhtb_peer sp = p;                                                                          \
        nhtb_child sc = c;                                                                         \
        change;                                                                                    \
        cr_expect_eq(nhtb_txn_peer(x, &p, &id), want, #change);                                    \
        cr_expect_eq(id.id, 0, #change);                                                           \
        p = sp;                                                                                    \
        c = sc;                                                                                    \
    } while (0)
    REFUSED(p.name = NULL, NHTB_ERR_ARG);
    REFUSED(p.name = "", NHTB_ERR_ARG);
    REFUSED(p.name = long_name, NHTB_ERR_ARG);
    REFUSED(c.size = 8, NHTB_ERR_ARG);
    REFUSED(c.iface.id = 4711, NHTB_ERR_STALE);
#undef REFUSED
    cr_expect_eq(nhtb_txn_peer(NULL, &p, &id), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_peer(x, &p, NULL), NHTB_ERR_ARG);
    p.children = NULL;
    cr_expect_eq(nhtb_txn_peer(x, &p, &id), NHTB_ERR_ARG);
    p.children = &c;
    p.n_children = 0;
    cr_expect_eq(nhtb_txn_peer(x, &p, &id), NHTB_ERR_ARG);
    p.n_children = 1;
    cr_expect_eq(nhtb_txn_peer(x, &p, &id), 0, "the same one, whole");
    cr_expect_eq(nhtb_txn_commit(x, sim_now(t.s)), 0);
    cr_expect_eq(sim_stats(t.hub).peers, 2);
}

Test(entries, a_transaction_that_is_none_is_a_usage_error)
{
    nhtb_txn *x;
    nhtb_binding b = {.size = sizeof b};
    nhtb_manual_sa sa = {.size = sizeof sa};
    nhtb_sa_id sid;
    nhtb_prefix pre;
    cr_assert_eq(nhtb_prefix_parse("10.0.0.0/8", &pre), 0);
    cr_expect_eq(nhtb_txn_begin(sim_ctx(t.hub), NULL), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_iface_del(NULL, t.hub_st0), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_route_del(NULL, &pre), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_binding(NULL, &b), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_binding_del(NULL, t.hub_st0, &pre.addr), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_sa(NULL, &sa, &sid), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_sa_del(NULL, (nhtb_sa_id){1}), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_policy(NULL, t.hub_st0, NULL, 0), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_peer_del(NULL, t.hub_peer[0]), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_txn_begin(sim_ctx(t.hub), &x), 0);
    cr_expect_eq(nhtb_txn_sa(x, &sa, NULL), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_iface(x, NULL, NULL), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_policy(x, t.hub_st0, NULL, 0), 0, "no rules permit anything");
    nhtb_txn_abort(x);
    up();
}

Test(entries, many_peers_come_and_go_in_one_transaction)
{
    enum { N = 40 };
    nhtb_txn *x;
    nhtb_peer_id id[N];
    char name[N][8];
    nhtb_settings set = sim_settings(N + 8);
    sim_node_opts o = {.name = "n", .addr = "192.0.2.77", .settings = set};
    sim_node *n = sim_node_new(t.s, &o);
    nhtb_iface_id i = sim_iface(n, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/24");
    cr_assert_eq(nhtb_txn_begin(sim_ctx(n), &x), 0);
    for (unsigned k = 0; k < N; k++) {
        snprintf(name[k], sizeof name[k], "p%u", k);
        sim_peer_opts p = {.name = name[k], .remote_id = name[k], .psk = "k", .iface = i};
        cr_assert_eq(sim_peer_txn(x, n, &p, &id[k]), 0);
    }
    for (unsigned k = 1; k < N; k += 2) /* taken back before it was ever started */
        cr_assert_eq(nhtb_txn_peer_del(x, id[k]), 0);
    cr_assert_eq(nhtb_txn_peer_del(x, id[1]), NHTB_ERR_STALE);
    cr_assert_eq(nhtb_txn_commit(x, sim_now(t.s)), 0);
    cr_assert_eq(sim_stats(n).peers, N / 2);
    cr_assert_eq(nhtb_txn_begin(sim_ctx(n), &x), 0);
    for (unsigned k = 0; k < N; k += 2)
        cr_assert_eq(nhtb_txn_peer_del(x, id[k]), 0);
    nhtb_txn_abort(x);
    cr_assert_eq(sim_stats(n).peers, N / 2, "an abort keeps them");
    cr_assert_eq(nhtb_peer_clear(sim_ctx(n), id[0], sim_now(t.s)), 0);
}

Test(entries, a_transaction_without_memory_changes_nothing)
{
    nhtb_txn *x;
    nhtb_peer_id id;
    sim_peer_opts p = {.name = "q", .remote_id = "q", .psk = "k", .iface = t.hub_st0};
    uint64_t before = sim_live_bytes(t.hub), failed = 0;
    for (uint64_t nth = 1; nth < 40; nth++) {
        sim_fail_alloc(t.hub, nth);
        int err = nhtb_txn_begin(sim_ctx(t.hub), &x);
        if (!err) {
            err = sim_peer_txn(x, t.hub, &p, &id);
            nhtb_txn_abort(x);
        }
        sim_fail_alloc(t.hub, 0);
        cr_assert(err == 0 || err == NHTB_ERR_MEMORY, "%d", err);
        failed += err != 0;
        cr_assert_eq(sim_stats(t.hub).peers, 1);
        if (err == 0)
            break;
    }
    cr_assert(failed >= 3, "%u", (unsigned)failed);
    cr_assert(sim_live_bytes(t.hub) >= before);
    up();
}

/* ---- settings ---- */

Test(entries, limits_out_of_range_are_refused_one_by_one)
{
    nhtb_ctx *ctx = NULL;
    nhtb_crypto c;
    nhtb_settings s;
    nhtb_host h = {.size = sizeof h};
    cr_assert(sim_crypto("null", &c));
#define BAD(change)                                                                                \
    do {                                                                                           \
        nhtb_settings_init(&s);                                                                    \
        cr_expect(nhtb_ctx_size(&s, &c) > 0);                                                      \
        change;                                                                                    \
        cr_expect_eq(nhtb_ctx_size(&s, &c), 0, #change);                                           \
    } while (0)
    BAD(s.limits.ifaces = 0);
    BAD(s.limits.ifaces = 65536);
    BAD(s.limits.peers = 0);
    BAD(s.limits.tunnels = 0);
    BAD(s.limits.sas = (1u << 22) + 1);
    BAD(s.limits.routes = 0);
    BAD(s.limits.routes = (1u << 26) + 1);
    BAD(s.limits.next_hops = 0);
    BAD(s.limits.next_hops = 1u << 24);
    BAD(s.limits.bindings = 0);
    BAD(s.limits.half_open = 0);
    BAD(s.limits.held = (1u << 20) + 1);
    BAD(s.limits.held_bytes = 67);
    BAD(s.limits.held_bytes = (1u << 16) + 1);
    BAD(s.limits.ike_message = (1u << 16) + 1);
    BAD(s.limits.policies = 1u << 24);
    BAD(s.replay_window = 32);
    BAD(s.replay_window = 65600);
    BAD(s.retransmit_ms = 9);
    BAD(s.retransmit_total_s = 0);
    BAD(s.half_open_timeout_s = 0);
    BAD(s.size = 0);
#undef BAD
    nhtb_settings_init(&s);
    s.replay_window = 0;
    s.fragment_size = 0;
    cr_expect(nhtb_ctx_size(&s, &c) > 0, "0 turns both off");
    cr_expect_eq(nhtb_ctx_size(NULL, &c), 0);
    cr_expect_eq(nhtb_ctx_size(&s, NULL), 0);
#define PART(member)                                                                               \
    do {                                                                                           \
        nhtb_crypto less = c;                                                                      \
        less.member = NULL;                                                                        \
        cr_expect_eq(nhtb_ctx_size(&s, &less), 0, #member);                                        \
        cr_expect_eq(nhtb_ctx_new(&ctx, &s, &h, &less), NHTB_ERR_ARG, #member);                    \
    } while (0)
    PART(bulk);
    PART(kdf);
    PART(pk);
#undef PART
}

Test(entries, defaults_write_nothing_without_room_for_a_size)
{
    union {
        uint8_t raw[2048];
        nhtb_settings s;
        nhtb_peer p;
        nhtb_iface i;
        nhtb_child c;
    } u;
    memset(&u, 0xee, sizeof u);
    nhtb_settings_default(&u.s, 3);
    nhtb_peer_default(&u.p, 3);
    nhtb_iface_default(&u.i, 3);
    nhtb_child_default(&u.c, 3);
    for (size_t k = 0; k < sizeof u.raw; k++)
        cr_assert_eq(u.raw[k], 0xee);
    nhtb_settings_default(NULL, 100);
    nhtb_peer_default(NULL, 100);
    nhtb_iface_default(NULL, 100);
    nhtb_child_default(NULL, 100);
    nhtb_peer_default(&u.p, 4);
    cr_assert(u.p.size == 4 && u.raw[4] == 0xee, "an old caller's size alone");
}

Test(entries, a_path_mtu_for_ipv6_stays_at_1280_or_above)
{
    nhtb_sa_info sa = {.size = sizeof sa};
    uint32_t cursor = 0;
    nhtb_path p = {0};
    up();
    cr_assert_eq(nhtb_addr_parse("2001:db8::9", &p.remote), 0);
    cr_assert(nhtb_sa_next(sim_ctx(t.spoke[0]), &cursor, &sa));
    uint32_t before = sa.mtu;
    nhtb_path_mtu(sim_ctx(t.spoke[0]), &p, 600, sim_now(t.s));
    nhtb_path_mtu(sim_ctx(t.spoke[0]), NULL, 600, sim_now(t.s));
    cursor = 0;
    sa.size = sizeof sa;
    cr_assert(nhtb_sa_next(sim_ctx(t.spoke[0]), &cursor, &sa));
    cr_assert_eq(sa.mtu, before, "another path");
}
