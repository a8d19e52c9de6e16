/* SPDX-License-Identifier: Apache-2.0
 * Fifty users behind one identity and key, by one shared entry of IKEv1: each a peer of his own with an
 * address, a row of the NHTB table and traffic; wrong passwords, second logins, rekeys under traffic. */
#include <stdlib.h>
#include <time.h>

#include "exchange/v1_users.h"

enum { N = 50 };
static vu w;

static double cpu(clock_t since)
{
    return (double)(clock() - since) / (double)CLOCKS_PER_SEC;
}

Test(v1_users, fifty_users_are_peers_of_their_own_with_address_row_and_traffic)
{
    vu_open(&w, 500, N);
    uint64_t before = sim_live_bytes(w.hub);
    clock_t begin = clock();
    vu_all_up(&w);
    double up = cpu(begin);
    uint64_t after = sim_live_bytes(w.hub);
    sim_check(w.s, vu_peers(&w) == N + 1 && sim_bindings(w.hub, true) == N);
    for (unsigned i = 0; i < N; i++) {
        nhtb_peer_info p;
        nhtb_binding_info b;
        sim_check(w.s, vu_peer(&w, w.name[i], &p) && p.up && p.children_up == 1);
        sim_check(w.s, p.entry.id == w.entry.id && !p.shared);
        sim_check(w.s, vu_binding(&w, w.u[i].addr, &b) && b.up && !b.is_static);
        sim_check(w.s, b.source == NHTB_BINDING_ASSIGNED && b.peer.id == p.id.id);
        sim_check(w.s, !strcmp(b.user, w.name[i]) && !strcmp(b.peer_name, w.name[i]));
        sim_check(w.s, b.remote_id_type == NHTB_ID_FQDN && b.remote_id_len == 13 &&
                           !memcmp(b.remote_id, "group.example", 13));
    }
    nhtb_peer_info entry;
    sim_check(w.s, vu_peer(&w, "group", &entry) && entry.shared && entry.instances == N);
    sim_check(w.s, !entry.up && entry.children_up == 0);
    vu_ping_all(&w, 1);
    fprintf(
        stderr,
        "v1 users: %u behind one shared entry; both sides %.2f ms CPU and hub %.1f KiB a user\n",
        (unsigned)N, up * 1e3 / N, (double)(after - before) / 1024.0 / N);
    vu_end(&w);
}

Test(v1_users, every_user_reaches_the_next_and_some_reach_all_through_the_hub)
{
    vu_open(&w, 501, N);
    vu_all_up(&w);
    uint32_t tag = 1;
    unsigned pairs = 0;
    for (unsigned step = 1; step < N; step += getenv("NHTB_QUICK") ? 7 : 1)
        for (unsigned i = 0; i < N; i += step == 1 ? 1 : 10) {
            unsigned k = (i + step) % N;
            sim_send(w.u[i].n, w.u[i].st0, w.u[i].addr, w.u[k].addr, tag, 100);
            sim_run_for(w.s, 30 * SIM_MS);
            sim_check(w.s, sim_got(w.u[k].n, tag) == 1);
            tag++;
            pairs++;
        }
    fprintf(stderr, "v1 users: %u pairs of users tried through the hub\n", pairs);
    vu_end(&w);
}

static void refused(const vu_login *l, bool by_xauth)
{
    unsigned failed = sim_events(w.hub, NHTB_EVENT_AUTH_FAILED);
    uint64_t bytes = sim_live_bytes(w.hub);
    vu_user bad = vu_user_new(&w, l);
    sim_run_for(w.s, 5 * SIM_S);
    sim_check(w.s, sim_tunnels_up(bad.n) == 0 && !sim_event(bad.n, NHTB_EVENT_ADDRESS_RECEIVED));
    if (by_xauth)
        sim_check(w.s, sim_events(w.hub, NHTB_EVENT_AUTH_FAILED) > failed &&
                           sim_event(w.hub, NHTB_EVENT_AUTH_FAILED)->detail == NHTB_DETAIL_XAUTH);
    sim_check(w.s, vu_peers(&w) == N + 1 && sim_tunnels_up(w.hub) == N);
    cr_assert_eq(sim_node_del(bad.n), 0);
    sim_run_for(w.s, 200 * SIM_S);
    sim_check(w.s, sim_live_bytes(w.hub) <= bytes + 64);
}

Test(v1_users, a_wrong_password_user_or_group_key_gets_nothing_and_disturbs_nobody)
{
    vu_open(&w, 502, N);
    vu_all_up(&w);
    refused(&(vu_login){60, "user3", "secret of 4", NULL}, true);
    refused(&(vu_login){61, "user99", "secret of 9", NULL}, true);
    refused(&(vu_login){62, "user3", "", NULL}, true);
    refused(&(vu_login){63, "user3", "secret of 3", "another key"}, false);
    sim_check(w.s, sim_events(w.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    vu_ping_all(&w, 1);
    vu_end(&w);
}

static void others_stay(unsigned i)
{
    for (unsigned k = 0; k < N; k++)
        sim_check(w.s, k == i || sim_events(w.u[k].n, NHTB_EVENT_TUNNEL_DOWN) == 0);
    sim_check(w.s, vu_peers(&w) == N + 1 && sim_bindings(w.hub, true) == N);
}

/** User i logs in at a host: the same peer, with the address he has. */
static void again(unsigned i, unsigned at)
{
    nhtb_peer_info p, q;
    char had[VU_TEXT];
    memcpy(had, w.u[i].addr, sizeof had);
    sim_check(w.s, vu_peer(&w, w.name[i], &p));
    w.u[i] = vu_user_new(&w, &(vu_login){at, w.name[i], w.password[i], NULL});
    sim_run_for(w.s, 5 * SIM_S);
    vu_take_address(&w, &w.u[i]);
    sim_check(w.s, vu_peer(&w, w.name[i], &q) && q.id.id == p.id.id && q.children_up == 1);
    sim_check(w.s, !strcmp(w.u[i].addr, had));
    others_stay(i);
}

Test(v1_users, a_second_login_takes_the_place_of_that_user_only)
{
    vu_open(&w, 503, N);
    vu_all_up(&w);
    vu_user old = w.u[7];
    again(7, 60); /* while his first host is up */
    uint64_t had = sim_delivered(old.n);
    vu_ping_all(&w, 1);
    sim_check(w.s, sim_delivered(old.n) == had);
    sim_run_for(w.s, 60 * SIM_S); /* which learns it by DPD */
    sim_check(w.s, sim_tunnels_up(old.n) == 0 && sim_events(old.n, NHTB_EVENT_TUNNEL_DOWN) == 1);
    others_stay(7);
    cr_assert_eq(sim_node_del(w.u[9].n), 0); /* and one whose host starts anew */
    again(9, 9);
    vu_ping_all(&w, 1000);
    vu_end(&w);
}

static void all_leave(void)
{
    for (unsigned i = 0; i < N; i++) {
        cr_assert_eq(nhtb_peer_clear(sim_ctx(w.u[i].n), w.u[i].peer, sim_now(w.s)), 0);
        sim_pump(w.u[i].n);
    }
    sim_run_for(w.s, 200 * SIM_S);
    sim_check(w.s, vu_peers(&w) == 1 && sim_tunnels_up(w.hub) == 0);
    sim_check(w.s, sim_bindings(w.hub, false) == 0);
}

static void all_return(void)
{
    for (unsigned i = 0; i < N; i++) {
        cr_assert_eq(nhtb_peer_initiate(sim_ctx(w.u[i].n), w.u[i].peer, sim_now(w.s)), 0);
        sim_pump(w.u[i].n);
    }
    sim_run_for(w.s, 10 * SIM_S);
    for (unsigned i = 0; i < N; i++)
        vu_take_address(&w, &w.u[i]);
    sim_check(w.s, vu_peers(&w) == N + 1 && sim_tunnels_up(w.hub) == N);
}

Test(v1_users, who_leaves_gives_room_back_and_who_returns_is_known_again)
{
    vu_open(&w, 504, N);
    uint64_t before = sim_live_bytes(w.hub);
    vu_all_up(&w);
    all_leave();
    uint64_t left = 0;
    for (unsigned round = 0; round < 5; round++) { /* tables have grown in the first */
        left = round == 1 ? sim_live_bytes(w.hub) : left;
        all_return();
        vu_ping_all(&w, 1 + round * 2 * N);
        all_leave();
        sim_check(w.s, !left || sim_live_bytes(w.hub) == left);
    }
    fprintf(stderr, "v1 users: %llu bytes stay at the hub when %u have gone, however often\n",
            (unsigned long long)(left - before), (unsigned)N);
    vu_end(&w);
}

/* ---- rekeys under traffic ---- */

static uint32_t stream(uint32_t tag, nhtb_time span)
{
    for (nhtb_time end = sim_now(w.s) + span; sim_now(w.s) < end; tag++) {
        for (unsigned i = 0; i < N; i++) {
            sim_send(w.u[i].n, w.u[i].st0, w.u[i].addr, sim_hub_lan(i), tag * N + i, 100);
            sim_send(w.hub, w.st0, sim_hub_lan(i), w.u[i].addr, tag * N + i, 100);
        }
        sim_run_for(w.s, 20 * SIM_MS);
    }
    return tag;
}

static void all_rekey(nhtb_rekey what, bool by_hub)
{
    for (unsigned i = 0; i < N; i++) {
        nhtb_peer_info p;
        sim_check(w.s, vu_peer(&w, w.name[i], &p));
        sim_node *n = by_hub ? w.hub : w.u[i].n;
        sim_check(w.s,
                  !nhtb_peer_rekey(sim_ctx(n), by_hub ? p.id : w.u[i].peer, what, sim_now(w.s)));
        sim_pump(n);
    }
}

Test(v1_users, rekeys_of_both_phases_lose_no_packet_of_any_user)
{
    vu_open(&w, 505, N);
    vu_all_up(&w);
    uint32_t tag = stream(1, 200 * SIM_MS);
    all_rekey(NHTB_REKEY_CHILD, false);
    tag = stream(tag, SIM_S);
    all_rekey(NHTB_REKEY_CHILD, true);
    tag = stream(tag, SIM_S);
    sim_check(w.s, sim_events(w.hub, NHTB_EVENT_CHILD_REKEYED) == 2 * N);
    all_rekey(NHTB_REKEY_IKE, false);
    tag = stream(tag, SIM_S);
    sim_check(w.s, sim_events(w.hub, NHTB_EVENT_IKE_REKEYED) == N);
    all_rekey(NHTB_REKEY_CHILD, false); /* under the new phase 1 */
    tag = stream(tag, 40 * SIM_S);      /* and the old pairs go */
    sim_run_for(w.s, SIM_S);
    unsigned lost = 0, doubled = 0;
    for (uint32_t k = N; k < tag * N; k++) {
        unsigned a = sim_got(w.hub, k), b = sim_got(w.u[k % N].n, k);
        lost += (unsigned)!a + (unsigned)!b;
        doubled += (unsigned)(a > 1) + (unsigned)(b > 1);
    }
    fprintf(stderr, "v1 users: %u packets each way through 4 x %u rekeys: %u lost, %u doubled\n",
            (tag - 1) * N, (unsigned)N, lost, doubled);
    sim_check(w.s, lost == 0 && doubled == 0);
    sim_check(w.s, sim_events(w.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    sim_check(w.s, vu_peers(&w) == N + 1 && sim_bindings(w.hub, true) == N);
    sim_check(w.s, sim_stats(w.hub).child_sas == N && sim_stats(w.hub).ike_sas == N);
    vu_end(&w);
}
