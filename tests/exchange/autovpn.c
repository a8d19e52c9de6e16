/* SPDX-License-Identifier: Apache-2.0
 * One wildcard entry with a seed for all spokes: 300 of them reach one another; only the key of the
 * presented identity opens; labels, sessions, limits; instances go with their last SA. */
#include <time.h>

#include "exchange/autovpn.h"

static double cpu(clock_t since)
{
    return (double)(clock() - since) / (double)CLOCKS_PER_SEC;
}

static const char *lan24(unsigned i)
{
    static char t[32];
    snprintf(t, sizeof t, "172.%u.%u.0/24", 16 + (i >> 8), i & 255);
    return t;
}

Test(autovpn, three_hundred_spokes_by_one_entry_reach_each_other)
{
    enum { N = 300, ROUNDS = 8 };
    static av_spoke sp[N];
    sim *s = sim_new(300);
    av_hub hub = av_hub_new(s, N, 0, NHTB_SECOND_REPLACE);
    uint64_t before = sim_live_bytes(hub.n);
    for (unsigned i = 0; i < N; i++) {
        char id[40];
        snprintf(id, sizeof id, "spoke%u.spokes.example", i);
        sim_route(hub.n, hub.st0, lan24(i), sim_tunnel_addr(i));
        sp[i] = av_spoke_new(s, i, id, id, sim_tunnel_addr(i));
    }
    clock_t begin = clock();
    sim_run_for(s, 20 * SIM_S);
    double up = cpu(begin);
    sim_check(s, sim_tunnels_up(hub.n) == N);
    sim_check(s, sim_bindings(hub.n, true) == N);
    sim_check(s, av_peers(hub.n) == N + 1);
    uint64_t after = sim_live_bytes(hub.n);
    uint32_t tag = 1;
    for (unsigned r = 0; r < ROUNDS; r++) {
        unsigned step = 1 + r * 37;
        for (unsigned i = 0; i < N; i++)
            sim_send(sp[i].n, sp[i].st0, sim_lan(i, 1), sim_lan((i + step) % N, 1), tag + i, 200);
        sim_run_for(s, SIM_S);
        for (unsigned i = 0; i < N; i++)
            sim_check(s, sim_got(sp[(i + step) % N].n, tag + i) == 1);
        tag += N;
    }
    fprintf(stderr,
            "autovpn: %u spokes by 1 entry; both sides %.2f ms CPU and hub %.1f KiB a tunnel; %u "
            "pairs of spokes tried\n",
            (unsigned)N, up * 1e3 / N, (double)(after - before) / 1024.0 / N, N * ROUNDS);
    cr_assert_eq(sim_del(s), 0);
}

Test(autovpn, only_the_key_of_the_presented_identity_opens_and_all_failures_look_alike)
{
    static const struct {
        const char *id, *key_of;
    } v[] = {
        {"a.spokes.example", "b.spokes.example"},     /* another identity's key */
        {"a.spokes.example", "nobody"},               /* a wrong key */
        {"evilspokes.example", "evilspokes.example"}, /* no label boundary */
        {"spokes.example", "spokes.example"},         /* nothing before the suffix */
        {".spokes.example", ".spokes.example"},
        {"a.spokes.example.org", "a.spokes.example.org"},
    };
    size_t len[NHI_AV(v)];
    for (unsigned i = 0; i < NHI_AV(v); i++) {
        sim *s = sim_new(310);
        av_hub hub = av_hub_new(s, 8, 0, NHTB_SECOND_REPLACE);
        sim_capture(s, true);
        av_spoke sp = av_spoke_new(s, 0, v[i].id, v[i].key_of, sim_tunnel_addr(0));
        sim_run_for(s, 500 * SIM_MS);
        sim_check(s, sim_tunnels_up(hub.n) == 0 && av_peers(hub.n) == 1);
        sim_check(
            s, sim_events_detail(sp.n, NHTB_EVENT_IKE_FAILED, NHTB_DETAIL_PEER_ERROR) +
                       sim_events_detail(sp.n, NHTB_EVENT_IKE_FAILED, NHTB_DETAIL_AUTHENTICATION) >=
                   1);
        const sim_datagram *last = NULL;
        for (size_t k = 0; k < sim_captured(s); k++)
            if (sim_capture_at(s, k)->from == hub.n)
                last = sim_capture_at(s, k);
        sim_check(s, last != NULL);
        len[i] = last->len;
        sim_check(s, len[i] == len[0]);
        cr_assert_eq(sim_del(s), 0);
    }
}

Test(autovpn, identities_match_without_regard_to_case_and_keep_one_key)
{
    sim *s = sim_new(311);
    av_hub hub = av_hub_new(s, 8, 0, NHTB_SECOND_REPLACE);
    (void)av_spoke_new(s, 0, "A.Spokes.Example", "a.spokes.example", sim_tunnel_addr(0));
    (void)av_spoke_new(s, 1, "a-name-so-long-that-it-cannot-be-a-peer-name.spokes.example",
                       "a-name-so-long-that-it-cannot-be-a-peer-name.spokes.example",
                       sim_tunnel_addr(1));
    sim_run_for(s, 5 * SIM_S);
    sim_check(s, sim_tunnels_up(hub.n) == 2);
    nhtb_peer_info row;
    uint32_t cursor = 0;
    unsigned found = 0;
    for (row.size = sizeof row; nhtb_peer_next(sim_ctx(hub.n), &cursor, &row);
         row.size = sizeof row)
        found += !strcmp(row.name, "a.spokes.example") ||
                 !strncmp(row.name, "a-name-so-long-that-it~", 23);
    sim_check(s, found == 2);
    cr_assert_eq(sim_del(s), 0);
}

Test(autovpn, an_instance_goes_with_its_last_sa_and_comes_back)
{
    sim *s = sim_new(312);
    av_hub hub = av_hub_new(s, 8, 0, NHTB_SECOND_REPLACE);
    av_spoke sp = av_spoke_new(s, 0, "a.spokes.example", "a.spokes.example", sim_tunnel_addr(0));
    sim_run_for(s, 5 * SIM_S);
    sim_check(s, av_peers(hub.n) == 2);
    nhtb_peer_id old = av_instance(hub.n);
    sim_node_del(sp.n); /* without a word */
    sim_run_for(s, 300 * SIM_S);
    sim_check(s, av_peers(hub.n) == 1 && sim_tunnels_up(hub.n) == 0);
    sim_check(s, nhtb_peer_clear(sim_ctx(hub.n), old, sim_now(s)) == NHTB_ERR_STALE);
    sp = av_spoke_new(s, 1, "a.spokes.example", "a.spokes.example", sim_tunnel_addr(0));
    sim_run_for(s, 5 * SIM_S);
    sim_check(s, sim_tunnels_up(hub.n) == 1 && av_instance(hub.n).id != old.id);
    nhtb_txn *t;
    cr_assert_eq(nhtb_txn_begin(sim_ctx(hub.n), &t), 0);
    cr_assert_eq(nhtb_txn_peer_del(t, hub.entry), 0);
    cr_assert_eq(nhtb_txn_commit(t, sim_now(s)), 0);
    sim_pump(hub.n);
    sim_check(s, av_peers(hub.n) == 0 && sim_tunnels_up(hub.n) == 0);
    sim_run_for(s, 5 * SIM_S);
    cr_assert_eq(sim_del(s), 0);
}

Test(autovpn, a_second_session_replaces_with_initial_contact_and_is_refused_by_keep)
{
    for (unsigned keep = 0; keep < 2; keep++) {
        sim *s = sim_new(313 + keep);
        av_hub hub = av_hub_new(s, 8, 0, keep ? NHTB_SECOND_KEEP : NHTB_SECOND_REPLACE);
        (void)av_spoke_new(s, 0, "a.spokes.example", "a.spokes.example", sim_tunnel_addr(0));
        sim_run_for(s, 5 * SIM_S);
        sim_check(s, sim_tunnels_up(hub.n) == 1);
        av_spoke two =
            av_spoke_new(s, 1, "a.spokes.example", "a.spokes.example", sim_tunnel_addr(0));
        sim_run_for(s, 600 * SIM_MS);
        sim_check(s, sim_tunnels_up(hub.n) == 1 && av_peers(hub.n) == 2);
        sim_check(s, sim_tunnels_up(two.n) == (keep ? 0u : 1u));
        sim_check(s, (sim_events_detail(hub.n, NHTB_EVENT_LIMIT, NHTB_DETAIL_SECOND_SESSION) > 0) ==
                         (keep == 1));
        cr_assert_eq(sim_del(s), 0);
    }
}

Test(autovpn, keep_gives_way_once_the_old_session_failed_its_liveness_check)
{
    sim *s = sim_new(316);
    av_hub hub = av_hub_new(s, 8, 0, NHTB_SECOND_KEEP);
    av_spoke one = av_spoke_new(s, 0, "a.spokes.example", "a.spokes.example", sim_tunnel_addr(0));
    sim_run_for(s, 5 * SIM_S);
    sim_node_del(one.n);
    av_spoke two = av_spoke_new(s, 1, "a.spokes.example", "a.spokes.example", sim_tunnel_addr(0));
    sim_run_for(s, SIM_S);
    sim_check(s, sim_tunnels_up(two.n) == 0);
    sim_run_for(s, 300 * SIM_S);
    sim_check(s, sim_tunnels_up(two.n) == 1 && sim_tunnels_up(hub.n) == 1);
    cr_assert_eq(sim_del(s), 0);
}

Test(autovpn, the_connection_limit_holds_and_is_told)
{
    sim *s = sim_new(317);
    av_hub hub = av_hub_new(s, 8, 2, NHTB_SECOND_REPLACE);
    for (unsigned i = 0; i < 3; i++) {
        char id[32];
        snprintf(id, sizeof id, "s%u.spokes.example", i);
        (void)av_spoke_new(s, i, id, id, sim_tunnel_addr(i));
    }
    sim_run_for(s, 5 * SIM_S);
    sim_check(s, sim_tunnels_up(hub.n) == 2 && av_peers(hub.n) == 3);
    sim_check(s, sim_events_detail(hub.n, NHTB_EVENT_LIMIT, NHTB_DETAIL_CAPACITY) > 0);
    cr_assert_eq(sim_del(s), 0);
}

Test(autovpn, rows_tell_entries_from_their_instances)
{
    sim *s = sim_new(318);
    av_hub hub = av_hub_new(s, 8, 5, NHTB_SECOND_REPLACE);
    (void)av_spoke_new(s, 0, "s0.spokes.example", "s0.spokes.example", sim_tunnel_addr(0));
    sim_run_for(s, 5 * SIM_S);
    nhtb_peer_info row = {.size = sizeof row};
    for (uint32_t cursor = 0; nhtb_peer_next(sim_ctx(hub.n), &cursor, &row); row.size = sizeof row)
        if (row.id.id == hub.entry.id) {
            cr_assert_eq(row.wildcard, NHTB_WILDCARD_DOMAIN);
            cr_assert_eq(row.entry.id, 0);
            cr_assert_eq(row.instances, 1);
            cr_assert_eq(row.connection_limit, 5);
        } else {
            cr_assert_eq(row.wildcard, NHTB_WILDCARD_NONE);
            cr_assert_eq(row.entry.id, hub.entry.id);
            cr_assert_eq(row.instances, 0);
        }
    nhtb_explain e = {.size = sizeof e};
    cr_assert_eq(nhtb_peer_explain(sim_ctx(hub.n), av_instance(hub.n), &e), 0);
    cr_assert_eq(e.entry.id, hub.entry.id);
    e.size = sizeof e;
    cr_assert_eq(nhtb_peer_explain(sim_ctx(hub.n), hub.entry, &e), 0);
    cr_assert_eq(e.entry.id, 0);
    cr_assert_eq(sim_del(s), 0);
}
