/* SPDX-License-Identifier: Apache-2.0
 * Events are coalesced per object and kind, in the order of their last occurrence, and never lost. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "sim/sim.h"

static sim *world;
static sim_node *node;
static nhtb_ctx *ctx;

static void setup(void)
{
    sim_node_opts o = {.name = "a", .settings = sim_settings(1)};
    world = sim_new(1);
    node = sim_node_new(world, &o);
    ctx = sim_ctx(node);
}

static void teardown(void)
{
    cr_assert_eq(sim_del(world), 0);
}

static void put(nhtb_event_kind kind, uint32_t peer, nhtb_time t)
{
    nhtb_event ev = {.kind = (uint16_t)kind, .peer = {peer}, .child = UINT16_MAX};
    nhi_engine_event_put(ctx, &ev, t);
}

static bool next(nhtb_event *ev)
{
    nhtb_event_init(ev);
    return nhtb_next_event(ctx, ev);
}

Test(event, repeated_ones_are_one_with_a_count, .init = setup, .fini = teardown)
{
    nhtb_event ev;
    for (unsigned i = 1; i <= 5; i++)
        put(NHTB_EVENT_IKE_UP, 77, i);
    cr_assert(next(&ev));
    cr_assert_eq(ev.count, 5);
    cr_assert_eq(ev.time, 5);
    cr_assert_not(next(&ev));
    put(NHTB_EVENT_IKE_UP, 77, 9);
    cr_assert(next(&ev));
    cr_assert_eq(ev.count, 1);
}

Test(event, the_last_one_read_tells_the_present_state, .init = setup, .fini = teardown)
{
    nhtb_event ev;
    put(NHTB_EVENT_TUNNEL_UP, 1, 1);
    put(NHTB_EVENT_TUNNEL_DOWN, 1, 2);
    put(NHTB_EVENT_TUNNEL_UP, 1, 3);
    cr_assert(next(&ev));
    cr_assert_eq(ev.kind, NHTB_EVENT_TUNNEL_DOWN);
    cr_assert(next(&ev));
    cr_assert_eq(ev.kind, NHTB_EVENT_TUNNEL_UP);
    cr_assert_eq(ev.count, 2);
}

Test(event, objects_are_told_apart, .init = setup, .fini = teardown)
{
    nhtb_event ev;
    put(NHTB_EVENT_IKE_UP, 1, 1);
    put(NHTB_EVENT_IKE_UP, 2, 1);
    put(NHTB_EVENT_IKE_DOWN, 1, 1);
    unsigned n = 0;
    while (next(&ev))
        n++;
    cr_assert_eq(n, 3);
}

Test(event, without_memory_one_per_kind_remains, .init = setup, .fini = teardown)
{
    nhtb_event ev;
    unsigned count = 0;
    for (unsigned i = 0; i < 10; i++) {
        sim_fail_alloc(node, 1);
        put(NHTB_EVENT_IKE_FAILED, 100 + i, i);
    }
    while (next(&ev))
        count += ev.count;
    cr_assert_eq(count, 10);
}

Test(event, a_flood_is_bounded, .init = setup, .fini = teardown)
{
    nhtb_event ev;
    uint64_t before = sim_live_bytes(node);
    unsigned count = 0;
    for (uint32_t i = 1; i <= 100000; i++)
        put(NHTB_EVENT_LIMIT, i, i);
    cr_assert(sim_live_bytes(node) - before < 200000);
    while (next(&ev))
        count += ev.count;
    cr_assert_eq(count, 100000);
}

Test(event, a_short_struct_of_the_caller_is_respected, .init = setup, .fini = teardown)
{
    nhtb_event ev;
    memset(&ev, 0xee, sizeof ev);
    put(NHTB_EVENT_IKE_UP, 1, 1);
    ev.size = offsetof(nhtb_event, peer);
    cr_assert(nhtb_next_event(ctx, &ev));
    cr_assert_eq(ev.kind, NHTB_EVENT_IKE_UP);
    cr_assert_eq(ev.peer.id, 0xeeeeeeeeu);
    cr_assert_not(nhtb_next_event(NULL, &ev));
    cr_assert_not(nhtb_next_event(ctx, NULL));
}
