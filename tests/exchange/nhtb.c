/* SPDX-License-Identifier: Apache-2.0
 * Next-hop tunnel binding: announced, learnt, refused; static entries win; strangers are told
 * nothing; a spoke cannot use another's address. */
#include "exchange/nhtb_common.h"

static const sim_topo_opts two = {.n = 2,
                                  .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY},
                                  .spoke_kind = NHTB_IFACE_MULTIPOINT,
                                  .transit_routes = true};

static bool find_binding(sim_node *n, const char *next_hop, nhtb_binding_info *row)
{
    nhtb_addr a;
    uint32_t cursor = 0;
    nhtb_addr_parse(next_hop, &a);
    for (row->size = sizeof *row; nhtb_binding_next(sim_ctx(n), &cursor, row);
         row->size = sizeof *row)
        if (nhtb_addr_equal(&row->next_hop, &a))
            return true;
    return false;
}

Test(nhtb, learnt_entries_show_next_hop_vpn_and_identity)
{
    nhtb_binding_info row;
    sim_topo t = xch_up(1, &two, 5 * SIM_S);
    sim_check(t.s, find_binding(t.hub, "10.0.0.3", &row));
    sim_check(t.s, !row.is_static && row.up && row.peer.id == t.hub_peer[1].id);
    cr_assert_str_eq(row.iface_name, "st0.0");
    cr_assert_str_eq(row.vpn, "spoke1-0");
    cr_assert_str_eq(row.peer_name, "spoke1");
    sim_check(t.s, row.remote_id_type == NHTB_ID_FQDN && row.remote_id_len == 14 &&
                       memcmp(row.remote_id, "spoke1.example", 14) == 0);
    sim_check(t.s, find_binding(t.spoke[0], "10.0.0.1", &row) && row.up);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_BINDING_ADDED) == 2);
    xch_end(&t);
}

Test(nhtb, a_peer_cannot_take_the_next_hop_of_another)
{
    xch_nhtb_refused(2, NULL, "10.0.0.2/16", NHTB_DETAIL_TAKEN);
}

Test(nhtb, a_peer_cannot_take_our_own_address)
{
    xch_nhtb_refused(3, NULL, "10.0.0.1/16", NHTB_DETAIL_OWN_ADDRESS);
}

Test(nhtb, a_next_hop_outside_the_subnet_is_refused)
{
    xch_nhtb_refused(4, NULL, "10.99.0.1/16", NHTB_DETAIL_OUT_OF_SUBNET);
}

Test(nhtb, a_static_entry_wins_over_an_announcement)
{
    nhtb_binding_info row;
    sim_topo t = xch_nhtb_waiting(5, NHTB_ANNOUNCE_AUTO, NULL);
    sim_check(t.s, sim_binding(t.hub, t.hub_st0, "10.0.0.3", t.hub_peer[0]) == 0);
    xch_nhtb_begin(&t, 0);
    xch_nhtb_begin(&t, 1);
    sim_check(t.s,
              sim_events_detail(t.hub, NHTB_EVENT_BINDING_REFUSED, NHTB_DETAIL_STATIC_WINS) == 1);
    sim_check(t.s, find_binding(t.hub, "10.0.0.3", &row));
    sim_check(t.s, row.is_static && row.up && row.peer.id == t.hub_peer[0].id);
    xch_end(&t);
}

Test(nhtb, static_entries_work_without_announcements)
{
    sim_topo t = xch_nhtb_waiting(6, NHTB_ANNOUNCE_OFF, NULL);
    sim_check(t.s, sim_binding(t.hub, t.hub_st0, "10.0.0.2", t.hub_peer[0]) == 0);
    sim_check(t.s, sim_binding(t.spoke[0], t.spoke_st0[0], "10.0.0.1", t.spoke_peer[0]) == 0);
    xch_nhtb_begin(&t, 0);
    sim_check(t.s, sim_stats(t.hub).ike_notify_nhtb_sent == 0);
    sim_check(t.s, sim_stats(t.hub).ike_notify_nhtb_received == 0);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

Test(nhtb, entries_follow_their_tunnel_down_and_up)
{
    nhtb_binding_info row;
    sim_topo t = xch_up(7, &two, 5 * SIM_S);
    nhtb_peer_clear(sim_ctx(t.spoke[0]), t.spoke_peer[0], sim_now(t.s));
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, 100 * SIM_MS);
    sim_check(t.s, !find_binding(t.hub, "10.0.0.2", &row) || !row.up);
    sim_check(t.s, find_binding(t.hub, "10.0.0.3", &row) && row.up);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IFACE_DOWN) == 0);
    nhtb_peer_initiate(sim_ctx(t.spoke[0]), t.spoke_peer[0], sim_now(t.s));
    sim_pump(t.spoke[0]);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 60 * SIM_S));
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, find_binding(t.hub, "10.0.0.2", &row) && row.up);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

Test(nhtb, interface_goes_down_with_its_last_tunnel_and_up_with_the_first)
{
    sim_topo t = xch_up(8, &two, 5 * SIM_S);
    sim_check(t.s, nhtb_shutdown(sim_ctx(t.spoke[0]), sim_now(t.s)) == 0);
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IFACE_DOWN) == 0);
    sim_check(t.s, nhtb_shutdown(sim_ctx(t.spoke[1]), sim_now(t.s)) == 0);
    sim_pump(t.spoke[1]);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IFACE_DOWN) == 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 2);
    xch_end(&t);
}

/* ---- what a stranger is told ---- */

typedef struct ear {
    unsigned ike, notify;
} ear;

static void listen(void *user, nhtb_span plain, nhtb_span aad)
{
    ear *e = user;
    if (aad.n < 32) /* ESP */
        return;
    e->ike++;
    for (size_t i = 0; i + 1 < plain.n; i++)
        e->notify += plain.p[i] == 0x9c && plain.p[i + 1] == 0x41;
}

static ear notifies_heard(uint64_t seed, bool vendor_id)
{
    ear e = {0};
    sim_topo_opts o = two;
    nhtb_settings st = sim_settings(4);
    st.vendor_id = vendor_id;
    o.n = 1;
    o.crypto = "null-tap";
    o.settings = &st;
    sim_tap(listen, &e);
    sim_topo t = xch_start(seed, &o);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 5 * SIM_S));
    nhtb_peer_rekey(sim_ctx(t.spoke[0]), t.spoke_peer[0], NHTB_REKEY_CHILD, sim_now(t.s));
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, 2 * SIM_S);
    xch_end(&t);
    sim_tap(NULL, NULL);
    return e;
}

Test(nhtb, a_stranger_never_gets_the_announcement)
{
    ear friends = notifies_heard(9, true);
    ear strangers = notifies_heard(9, false);
    cr_assert(friends.ike >= 6 && friends.notify >= 4, "the ear works: %u in %u messages",
              friends.notify, friends.ike);
    cr_assert(strangers.ike >= 6);
    cr_assert_eq(strangers.notify, 0, "a stranger was told %u times", strangers.notify);
}

/* ---- source check ---- */

Test(nhtb, a_spoke_cannot_send_with_the_address_of_another)
{
    sim_topo t = xch_up(10, &two, 5 * SIM_S);
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(1, 9), sim_hub_lan(7), 1, 100);
    sim_send(t.spoke[0], t.spoke_st0[0], "10.0.0.3", sim_hub_lan(7), 2, 100);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.hub, 1) == 0 && sim_got(t.hub, 2) == 0);
    sim_check(t.s, sim_reason(t.hub, NHTB_REASON_RPF) == 2);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_SPOOFED) >= 1);
    sim_check(t.s, sim_event(t.hub, NHTB_EVENT_SPOOFED)->peer.id == t.hub_peer[0].id);
    sim_send(t.spoke[0], t.spoke_st0[0], "10.0.0.2", sim_hub_lan(7), 3, 100);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.hub, 3) == 1);
    xch_ping(&t, 0, 10);
    xch_ping(&t, 1, 20);
    xch_end(&t);
}

/* ---- claims forged by a hostile spoke, which holds the keys ---- */

static struct {
    const uint8_t *from, *to; /* 4 bytes each */
    unsigned changed;
} forge;

/* Changes the announced address before it is sealed; the payload goes out genuine. */
static void forger(void *user, nhtb_span plain, nhtb_span aad)
{
    (void)user;
    for (size_t i = 0; aad.n >= 32 && i + 6 <= plain.n; i++) {
        const uint8_t *p = plain.p + i;
        uint8_t *w;
        if (p[0] != 0x9c || p[1] != 0x41 || memcmp(p + 2, forge.from, 4) != 0)
            continue;
        memcpy(&w, &p, sizeof w);
        memcpy(w + 2, forge.to, 4);
        forge.changed++;
    }
}

static const uint8_t spoke1_addr[4] = {10, 0, 0, 3};

static void forged(uint64_t seed, const uint8_t to[4], nhtb_detail why)
{
    sim_topo_opts o = two;
    nhtb_addr claimed = {.family = 4};
    memcpy(claimed.b, to, 4);
    o.peer.establish = NHTB_ESTABLISH_ON_TRAFFIC;
    o.crypto = "null-tap";
    forge.from = spoke1_addr;
    forge.to = to;
    forge.changed = 0;
    sim_tap(forger, NULL);
    sim_topo t = xch_start(seed, &o);
    xch_nhtb_begin(&t, 0);
    xch_nhtb_begin(&t, 1);
    sim_check(t.s, forge.changed >= 1);
    if (sim_events_detail(t.hub, NHTB_EVENT_BINDING_REFUSED, why) != 1)
        xch_show(&t);
    sim_check(t.s, sim_events_detail(t.hub, NHTB_EVENT_BINDING_REFUSED, why) == 1);
    const nhtb_event *e = sim_event(t.hub, NHTB_EVENT_BINDING_REFUSED);
    sim_check(t.s, e->peer.id == t.hub_peer[1].id && nhtb_addr_equal(&e->addr, &claimed));
    sim_check(t.s, sim_tunnels_up(t.hub) == 2 && sim_bindings(t.hub, true) == 1);
    xch_ping(&t, 0, 1);
    xch_end(&t);
    sim_tap(NULL, NULL);
}

Test(nhtb, forged_claims_are_refused_by_name_and_the_owner_is_undisturbed)
{
    static const struct {
        uint8_t to[4];
        nhtb_detail why;
    } cases[] = {
        {{224, 0, 0, 9}, NHTB_DETAIL_NOT_UNICAST},       {{239, 1, 2, 3}, NHTB_DETAIL_NOT_UNICAST},
        {{255, 255, 255, 255}, NHTB_DETAIL_NOT_UNICAST}, {{0, 0, 0, 0}, NHTB_DETAIL_NOT_UNICAST},
        {{127, 0, 0, 1}, NHTB_DETAIL_NOT_UNICAST},       {{10, 0, 0, 1}, NHTB_DETAIL_OWN_ADDRESS},
        {{10, 1, 0, 3}, NHTB_DETAIL_OUT_OF_SUBNET},      {{10, 0, 0, 2}, NHTB_DETAIL_TAKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        forged(20 + i, cases[i].to, cases[i].why);
}

Test(nhtb, an_entry_survives_rekeys_without_a_gap)
{
    nhtb_binding_info row;
    sim_topo t = xch_up(30, &two, 5 * SIM_S);
    for (unsigned i = 0; i < 10; i++) {
        (void)nhtb_peer_rekey(sim_ctx(t.hub), t.hub_peer[0],
                              i & 1 ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD, sim_now(t.s));
        sim_pump(t.hub);
        for (unsigned k = 0; k < 50; k++) {
            sim_run_for(t.s, 2 * SIM_MS);
            sim_check(t.s, find_binding(t.hub, "10.0.0.2", &row) && row.up);
        }
        sim_run_for(t.s, 10 * SIM_S);
    }
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_CHILD_REKEYED) == 5);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_BINDING_ADDED) == 2);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_BINDING_REMOVED) == 0);
    xch_end(&t);
}

Test(nhtb, a_rekey_that_announces_another_address_replaces_the_entry)
{
    static const uint8_t other[4] = {10, 0, 0, 99};
    nhtb_binding_info row;
    sim_topo_opts o = two;
    o.crypto = "null-tap";
    sim_topo t = xch_up(31, &o, 5 * SIM_S);
    forge.from = spoke1_addr;
    forge.to = other;
    sim_tap(forger, NULL);
    (void)nhtb_peer_rekey(sim_ctx(t.spoke[1]), t.spoke_peer[1], NHTB_REKEY_CHILD, sim_now(t.s));
    sim_pump(t.spoke[1]);
    sim_run_for(t.s, 2 * SIM_S);
    sim_tap(NULL, NULL);
    sim_check(t.s, find_binding(t.hub, "10.0.0.99", &row) && row.up);
    sim_check(t.s, !find_binding(t.hub, "10.0.0.3", &row));
    sim_check(t.s, sim_bindings(t.hub, true) == 2);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

/* The knobs of one side against a side that announces always. */
Test(nhtb, off_ignores_what_it_receives_and_on_tells_even_strangers)
{
    sim *s = sim_new(32);
    nhtb_settings quiet = sim_settings(4);
    quiet.vendor_id = false;
    sim_node_opts ao = {.name = "a", .addr = "192.0.2.1", .settings = quiet},
                  bo = {.name = "b", .addr = "192.0.2.2", .settings = quiet};
    sim_node *a = sim_node_new(s, &ao), *b = sim_node_new(s, &bo);
    nhtb_peer_id p;
    sim_peer_opts po = {.name = "b",
                        .remote = "192.0.2.2",
                        .local_id = "a",
                        .remote_id = "b",
                        .psk = "key",
                        .iface = sim_iface(a, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/24"),
                        .announce = NHTB_ANNOUNCE_OFF,
                        .establish = NHTB_ESTABLISH_RESPONDER_ONLY};
    sim_check(s, sim_peer(a, &po, &p) == 0);
    po.name = "a";
    po.remote = "192.0.2.1";
    po.local_id = "b";
    po.remote_id = "a";
    po.iface = sim_iface(b, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.2/24");
    po.announce = NHTB_ANNOUNCE_ON;
    po.establish = NHTB_ESTABLISH_IMMEDIATELY;
    sim_check(s, sim_peer(b, &po, &p) == 0);
    sim_run_for(s, 3 * SIM_S);
    sim_check(s, sim_tunnels_up(a) == 1 && sim_tunnels_up(b) == 1);
    sim_check(s, sim_stats(b).ike_notify_nhtb_sent >= 1);
    sim_check(s, sim_stats(a).ike_notify_nhtb_sent == 0);
    sim_check(s, sim_bindings(a, false) == 0 && sim_bindings(b, false) == 0);
    cr_assert_eq(sim_del(s), 0);
}
