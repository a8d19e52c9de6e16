/* SPDX-License-Identifier: Apache-2.0
 * Usage errors of the control API, the output ring, and transactions across rooms. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "sim/sim.h"

static sim *world;
static sim_node *node;
static nhtb_ctx *ctx;

static void setup(void)
{
    sim_node_opts o = {.name = "a", .addr = "192.0.2.1", .settings = sim_settings(4)};
    world = sim_new(1);
    node = sim_node_new(world, &o);
    ctx = sim_ctx(node);
}

static void teardown(void)
{
    cr_assert_eq(sim_del(world), 0);
}

TestSuite(api, .init = setup, .fini = teardown);

Test(api, null_and_bad_arguments_are_usage_errors)
{
    nhtb_txn *t;
    uint8_t buf[64];
    nhtb_pkt p = {.buf = buf, .cap = sizeof buf, .len = 65, .kind = NHTB_PKT_IKE_500};
    nhtb_pkt *v = &p;
    nhtb_stats st = {.size = 0};
    nhtb_reply r = {.size = 4};
    cr_expect_eq(nhtb_feed(NULL, &v, 1, 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_feed(ctx, NULL, 1, 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_feed(ctx, &v, 1, 1), NHTB_ERR_ARG, "longer than its buffer");
    p.len = 10;
    cr_expect_eq(nhtb_feed(ctx, &v, 1, 1), NHTB_ERR_ARG, "IKE without a path");
    cr_expect_eq(nhtb_drain(NULL, &v, 1, 1), 0);
    cr_expect_eq(nhtb_timeout(NULL, 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_deadline(NULL), NHTB_NEVER);
    cr_expect_eq(nhtb_txn_begin(NULL, &t), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_commit(NULL, 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_stats_get(ctx, &st), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_answer(ctx, 1, &r, 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_peer_initiate(ctx, (nhtb_peer_id){12345}, 1), NHTB_ERR_STALE);
    cr_expect_eq(nhtb_peer_clear(ctx, (nhtb_peer_id){0}, 1), NHTB_ERR_STALE);
    cr_expect_eq(nhtb_peer_rekey(ctx, (nhtb_peer_id){1}, (nhtb_rekey)9, 1), NHTB_ERR_ARG);
    nhtb_txn_abort(NULL);
    nhtb_ctx_del(NULL);
}

Test(api, one_transaction_at_a_time)
{
    nhtb_txn *t, *u;
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    cr_assert_eq(nhtb_txn_begin(ctx, &u), NHTB_ERR_STATE);
    nhtb_txn_abort(t);
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    /* left open: ended with the context */
}

static int add_peer(nhtb_txn *t, const char *name, nhtb_iface_id iface, nhtb_peer_id *id)
{
    sim_peer_opts o = {.name = name, .remote_id = name, .psk = "k", .iface = iface};
    return sim_peer_txn(t, node, &o, id);
}

Test(api, an_aborted_transaction_leaves_no_peer)
{
    nhtb_txn *t;
    nhtb_peer_id id;
    nhtb_iface_id i = sim_iface(node, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/24");
    uint64_t before = 0;
    for (int round = 0; round < 10; round++) {
        cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
        cr_assert_eq(add_peer(t, "p", i, &id), 0);
        cr_assert_neq(id.id, 0);
        nhtb_txn_abort(t);
        cr_assert_eq(sim_stats(node).peers, 0);
        cr_assert_eq(nhtb_peer_initiate(ctx, id, 1), NHTB_ERR_STALE);
        if (round)
            cr_assert_eq(sim_live_bytes(node), before);
        before = sim_live_bytes(node);
    }
}

Test(api, peer_and_its_interface_in_one_transaction)
{
    nhtb_txn *t;
    nhtb_peer_id id;
    nhtb_iface i;
    nhtb_iface_id iface;
    nhtb_iface_init(&i);
    i.name = "st0.5";
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    cr_assert_eq(nhtb_txn_iface(t, &i, &iface), 0);
    cr_assert_eq(add_peer(t, "p", iface, &id), 0);
    cr_assert_eq(nhtb_txn_commit(t, 1), 0);
    cr_assert_eq(sim_stats(node).peers, 1);
    cr_assert_eq(sim_stats(node).ifaces, 1);
}

Test(api, a_peer_on_an_unknown_interface_is_refused_and_the_transaction_goes_on)
{
    nhtb_txn *t;
    nhtb_peer_id id;
    nhtb_iface_id i = sim_iface(node, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/24");
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    int err = add_peer(t, "p", (nhtb_iface_id){4711}, &id);
    cr_assert(err < 0);
    cr_assert_eq(add_peer(t, "q", i, &id), 0);
    cr_assert_eq(nhtb_txn_commit(t, 1), 0);
    cr_assert_eq(sim_stats(node).peers, 1);
}

Test(api, a_peer_is_replaced_by_delete_and_add_in_one_transaction)
{
    nhtb_txn *t;
    nhtb_peer_id old, id;
    nhtb_iface_id i = sim_iface(node, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/24");
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    cr_assert_eq(add_peer(t, "p", i, &old), 0);
    cr_assert_eq(nhtb_txn_commit(t, 1), 0);
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    cr_assert_eq(nhtb_txn_peer_del(t, old), 0);
    cr_assert_eq(nhtb_txn_peer_del(t, old), NHTB_ERR_STALE);
    cr_assert_eq(add_peer(t, "p", i, &id), 0);
    cr_assert_eq(nhtb_txn_commit(t, 2), 0);
    cr_assert_eq(sim_stats(node).peers, 1);
    cr_assert_eq(nhtb_peer_clear(ctx, old, 3), NHTB_ERR_STALE);
    cr_assert_eq(nhtb_peer_clear(ctx, id, 3), 0);
}

Test(api, a_second_peer_of_the_same_name_is_refused)
{
    nhtb_txn *t;
    nhtb_peer_id id;
    nhtb_iface_id i = sim_iface(node, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/24");
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    cr_assert_eq(add_peer(t, "p", i, &id), 0);
    int err = add_peer(t, "p", i, &id);
    cr_assert_eq(err, NHTB_ERR_EXISTS, "%d", err);
    nhtb_txn_abort(t);
}

Test(api, an_aborted_replacement_gives_the_name_back)
{
    nhtb_txn *t;
    nhtb_peer_id old, id;
    nhtb_iface_id i = sim_iface(node, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/24");
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    cr_assert_eq(add_peer(t, "p", i, &old), 0);
    cr_assert_eq(nhtb_txn_commit(t, 1), 0);
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    cr_assert_eq(nhtb_txn_peer_del(t, old), 0);
    cr_assert_eq(add_peer(t, "p", i, &id), 0);
    nhtb_txn_abort(t);
    cr_assert_eq(nhtb_peer_clear(ctx, old, 2), 0);
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    cr_assert_eq(add_peer(t, "p", i, &id), NHTB_ERR_EXISTS);
    nhtb_txn_abort(t);
}

static void queue(uint32_t len)
{
    nhi_out *o = nhi_engine_out_new(ctx, len);
    cr_assert_not_null(o);
    o->kind = NHTB_PKT_IKE_500;
    o->verdict = NHTB_PKT_TX;
    o->path.remote_port = 500;
    (void)nhi_engine_out_push(ctx, o);
}

Test(api, drain_fills_packets_and_keeps_paths_until_the_next_call)
{
    uint8_t a[64], b[16];
    nhtb_pkt p = {.buf = a, .cap = sizeof a, .off = 8}, q = {.buf = b, .cap = sizeof b};
    nhtb_pkt *v[2] = {&p, &q};
    queue(20);
    queue(20);
    cr_assert_eq(nhtb_drain(ctx, v, 2, 1), 2);
    cr_assert_eq(p.verdict, NHTB_PKT_TX);
    cr_assert_eq(p.len, 20);
    cr_assert_eq(p.off, 8);
    cr_assert_eq(p.path->remote_port, 500);
    cr_assert_eq(q.verdict, NHTB_PKT_DROP);
    cr_assert_eq(q.reason, NHTB_REASON_NO_SPARE);
    cr_assert_eq(nhtb_drain(ctx, v, 2, 1), 0);
}

Test(api, the_output_ring_is_bounded)
{
    for (unsigned i = 0; i < 1000; i++)
        queue(16000);
    cr_assert(ctx->ring.bytes <= NHI_ENGINE_OUT_BYTES);
    cr_assert(sim_reason(node, NHTB_REASON_FEED_LIMIT) > 700);
}

Test(api, counters_of_a_worker_that_ends_are_kept)
{
    nhtb_iface_id none = {9999};
    uint8_t ip[20] = {0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
    sim_send_raw(node, none, ip, sizeof ip, 0, 0);
    cr_assert_eq(sim_reason(node, NHTB_REASON_NO_IFACE), 1);
    nhtb_worker *w = ctx->workers[0];
    nhi_engine_count_add(&ctx->past, nhi_dp_worker_count(w));
    cr_assert_eq(sim_reason(node, NHTB_REASON_NO_IFACE), 2);
}

Test(api, shutdown_of_an_idle_context_is_idle_and_refuses_transactions)
{
    nhtb_txn *t;
    cr_assert_eq(nhtb_shutdown(ctx, 1), 0);
    cr_assert(nhtb_idle(ctx));
    cr_assert_eq(nhtb_txn_begin(ctx, &t), NHTB_ERR_STATE);
}
