/* SPDX-License-Identifier: Apache-2.0
 * Rekeys by either side, by time, by packets and by command, under traffic: nothing is lost, nothing
 * arrives twice, no old pair is left. RFC 7296 1.3.2, 1.3.3, 2.8. */
#include <stdlib.h>

#include "exchange/common.h"

static const sim_topo_opts one = {.n = 1, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}};

/* Traffic both ways every 2 ms for `d`; tags from *tag. */
static void stream(sim_topo *t, uint32_t *tag, nhtb_time d)
{
    nhtb_time end = sim_now(t->s) + d;
    while (sim_now(t->s) < end) {
        sim_send(t->spoke[0], t->spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), *tag, 100);
        sim_send(t->hub, t->hub_st0, sim_hub_lan(7), sim_lan(0, 9), *tag, 100);
        ++*tag;
        sim_run_for(t->s, 2 * SIM_MS);
    }
}

static void all_arrived(sim_topo *t, uint32_t tags)
{
    sim_run_for(t->s, SIM_S);
    for (uint32_t i = 0; i < tags; i++)
        sim_check(t->s, sim_got(t->hub, i) == 1 && sim_got(t->spoke[0], i) == 1);
}

static void one_pair_each(sim_topo *t)
{
    sim_run_for(t->s, 20 * SIM_S);
    sim_check(t->s, sim_stats(t->hub).child_sas == 1 && sim_stats(t->hub).ike_sas == 1);
    sim_check(t->s, sim_stats(t->spoke[0]).child_sas == 1 && sim_stats(t->spoke[0]).ike_sas == 1);
}

static void by_command(uint64_t seed, bool hub_starts, nhtb_rekey what)
{
    uint32_t tag = 0;
    sim_topo t = xch_up(seed, &one, 5 * SIM_S);
    sim_node *n = hub_starts ? t.hub : t.spoke[0];
    nhtb_peer_id peer = hub_starts ? t.hub_peer[0] : t.spoke_peer[0];
    for (int i = 0; i < 5; i++) {
        stream(&t, &tag, 50 * SIM_MS);
        sim_check(t.s, nhtb_peer_rekey(sim_ctx(n), peer, what, sim_now(t.s)) == 0);
        sim_pump(n);
        stream(&t, &tag, 200 * SIM_MS);
    }
    nhtb_event_kind k = what == NHTB_REKEY_IKE ? NHTB_EVENT_IKE_REKEYED : NHTB_EVENT_CHILD_REKEYED;
    sim_check(t.s, sim_events(t.hub, k) == 5 && sim_events(t.spoke[0], k) == 5);
    all_arrived(&t, tag);
    one_pair_each(&t);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_ping(&t, 0, tag + 1);
    xch_end(&t);
}

Test(rekey, child_by_initiator_under_traffic)
{
    by_command(1, false, NHTB_REKEY_CHILD);
}

Test(rekey, child_by_responder_under_traffic)
{
    by_command(2, true, NHTB_REKEY_CHILD);
}

Test(rekey, ike_by_initiator_under_traffic)
{
    by_command(3, false, NHTB_REKEY_IKE);
}

Test(rekey, ike_by_responder_under_traffic)
{
    by_command(4, true, NHTB_REKEY_IKE);
}

Test(rekey, lifetimes_start_rekeys_by_themselves)
{
    uint32_t tag = 0;
    sim_topo_opts o = one;
    o.peer.child_lifetime_s = 20;
    o.peer.lifetime_s = 50;
    sim_topo t = xch_up(5, &o, 5 * SIM_S);
    for (int i = 0; i < 1000; i++) {
        stream(&t, &tag, 2 * SIM_MS);
        sim_run_for(t.s, 98 * SIM_MS);
    }
    all_arrived(&t, tag);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_CHILD_REKEYED) >= 4);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IKE_REKEYED) >= 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_end(&t);
}

Test(rekey, packet_limit_starts_a_rekey)
{
    uint32_t tag = 0;
    sim_topo_opts o = one;
    o.peer.child_packets = 2000;
    sim_topo t = xch_up(6, &o, 5 * SIM_S);
    for (int i = 0; i < 200; i++) {
        stream(&t, &tag, 40 * SIM_MS);
        sim_run_for(t.s, 20 * SIM_MS);
    }
    all_arrived(&t, tag);
    sim_check(t.s, sim_events(t.spoke[0], NHTB_EVENT_CHILD_REKEYED) >= 1);
    sim_check(t.s, sim_reason(t.hub, NHTB_REASON_SEQ_EXHAUSTED) == 0);
    xch_end(&t);
}

Test(rekey, perfect_forward_secrecy_with_another_group)
{
    uint32_t tag = 0;
    sim_topo_opts o = one;
    o.peer.ike = "aes128gcm16-prfsha256-x25519";
    o.peer.esp = "aes256gcm16-ecp256-esn";
    sim_topo t = xch_up(7, &o, 5 * SIM_S);
    nhtb_peer_rekey(sim_ctx(t.hub), t.hub_peer[0], NHTB_REKEY_CHILD, sim_now(t.s));
    sim_pump(t.hub);
    stream(&t, &tag, 300 * SIM_MS);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_CHILD_REKEYED) == 1);
    all_arrived(&t, tag);
    one_pair_each(&t);
    xch_end(&t);
}

Test(rekey, many_rekeys_over_a_lossy_link_never_take_the_tunnel_down)
{
    sim_link bad = {.loss = 200, .dup = 100, .reorder = 200, .delay = 10 * SIM_MS};
    sim_topo t = xch_up(8, &one, 5 * SIM_S);
    sim_node_link(t.hub, &bad);
    sim_node_link(t.spoke[0], &bad);
    for (int i = 0; i < 60; i++) {
        nhtb_rekey what = i % 3 == 0 ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD;
        if (i & 1)
            (void)nhtb_peer_rekey(sim_ctx(t.hub), t.hub_peer[0], what, sim_now(t.s));
        else
            (void)nhtb_peer_rekey(sim_ctx(t.spoke[0]), t.spoke_peer[0], what, sim_now(t.s));
        sim_pump(t.hub);
        sim_pump(t.spoke[0]);
        sim_run_for(t.s, (nhtb_time)(1 + sim_rand(t.s) % 40) * 100 * SIM_MS);
    }
    sim_link good = {.delay = 5 * SIM_MS};
    sim_node_link(t.hub, &good);
    sim_node_link(t.spoke[0], &good);
    sim_run_for(t.s, 60 * SIM_S);
    one_pair_each(&t);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

Test(rekey, byte_limit_starts_a_rekey)
{
    uint32_t tag = 0;
    sim_topo_opts o = one;
    o.peer.child_bytes = 200000;
    sim_topo t = xch_up(9, &o, 5 * SIM_S);
    for (int i = 0; i < 200; i++) {
        stream(&t, &tag, 40 * SIM_MS);
        sim_run_for(t.s, 20 * SIM_MS);
    }
    all_arrived(&t, tag);
    sim_check(t.s, sim_events(t.spoke[0], NHTB_EVENT_CHILD_REKEYED) >= 1);
    sim_check(t.s, sim_reason(t.hub, NHTB_REASON_SEQ_EXHAUSTED) == 0);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_end(&t);
}

/* Both sides in turn, both kinds, on a link that reorders a fifth of the packets. */
Test(rekey, nothing_is_lost_or_doubled_on_a_reordering_link)
{
    uint32_t tag = 0;
    sim_link l = {.reorder = 200, .delay = 2 * SIM_MS, .jitter = SIM_MS};
    sim_topo t = xch_up(10, &one, 5 * SIM_S);
    sim_node_link(t.hub, &l);
    sim_node_link(t.spoke[0], &l);
    for (unsigned i = 0; i < 12; i++) {
        bool hub = i & 1;
        nhtb_rekey what = i & 2 ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD;
        sim_check(t.s,
                  nhtb_peer_rekey(sim_ctx(hub ? t.hub : t.spoke[0]),
                                  hub ? t.hub_peer[0] : t.spoke_peer[0], what, sim_now(t.s)) == 0);
        sim_pump(hub ? t.hub : t.spoke[0]);
        stream(&t, &tag, 700 * SIM_MS);
    }
    all_arrived(&t, tag);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_CHILD_REKEYED) == 6);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IKE_REKEYED) == 6);
    one_pair_each(&t);
    xch_end(&t);
}

/* The tunnel's counters are those of all its SA pairs over time. */
Test(rekey, counters_survive)
{
    uint32_t tag = 0, cursor = 0;
    sim_topo t = xch_up(11, &one, 5 * SIM_S);
    for (unsigned i = 0; i < 6; i++) {
        stream(&t, &tag, 100 * SIM_MS);
        (void)nhtb_peer_rekey(sim_ctx(t.hub), t.hub_peer[0],
                              i & 1 ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD, sim_now(t.s));
        sim_pump(t.hub);
        sim_run_for(t.s, 10 * SIM_S); /* old pairs are gone */
    }
    all_arrived(&t, tag);
    nhtb_peer_info row = {.size = sizeof row};
    sim_check(t.s, nhtb_peer_next(sim_ctx(t.hub), &cursor, &row));
    sim_check(t.s, row.out_packets == tag && row.in_packets == tag);
    sim_check(t.s, row.out_bytes == 100u * tag && row.in_bytes == 100u * tag);
    sim_check(t.s, sim_stats(t.hub).out_packets == tag);
    xch_end(&t);
}

/* ---- nonces: what was on the wire ---- */

typedef struct wire_id {
    uint32_t spi, seq;
    uint8_t iv[8];
} wire_id;

static int by_spi_seq(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(uint32_t) * 2);
}

static int by_spi_iv(const void *a, const void *b)
{
    const wire_id *x = a, *y = b;
    return x->spi != y->spi ? (x->spi < y->spi ? -1 : 1) : memcmp(x->iv, y->iv, sizeof x->iv);
}

static size_t twins(wire_id *v, size_t n, int (*cmp)(const void *, const void *))
{
    size_t found = 0;
    qsort(v, n, sizeof *v, cmp);
    for (size_t i = 1; i < n; i++)
        found += cmp(&v[i - 1], &v[i]) == 0;
    return found;
}

static size_t collect(sim *s, wire_id *v)
{
    size_t n = 0;
    for (size_t i = 0; i < sim_captured(s); i++) {
        const sim_datagram *d = sim_capture_at(s, i);
        bool esp = d->proto == SIM_ESP || d->dport == 4500 || d->sport == 4500;
        if (!esp || d->len < 24 || memcmp(d->data, "\0\0\0\0", 4) == 0)
            continue;
        memcpy(&v[n].spi, d->data, 4);
        memcpy(&v[n].seq, d->data + 4, 4);
        memcpy(v[n++].iv, d->data + 8, 8);
    }
    return n;
}

/* Rebinding, rekeys by command and by limit, tables changed under traffic: no sequence number and no
 * IV is ever seen twice under one SPI, hence under one key. */
Test(rekey, no_nonce_repeats_on_the_wire)
{
    uint32_t tag = 0;
    sim_topo_opts o = one;
    o.peer.establish = NHTB_ESTABLISH_ON_TRAFFIC;
    o.peer.child_packets = 3000;
    o.peer.esp = "aes128gcm16-noesn";
    sim_topo t = xch_start(12, &o);
    sim_nat *nat = sim_nat_new(t.s, "203.0.113.1");
    sim_node_nat(t.spoke[0], nat);
    sim_capture(t.s, true);
    nhtb_peer_initiate(sim_ctx(t.spoke[0]), t.spoke_peer[0], sim_now(t.s));
    sim_pump(t.spoke[0]);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 5 * SIM_S));
    for (unsigned i = 0; i < 60; i++) {
        stream(&t, &tag, 200 * SIM_MS);
        if (i % 5 == 4)
            sim_nat_rebind(nat, NULL);
        if (i % 3 == 2)
            (void)nhtb_peer_rekey(sim_ctx(i % 2 ? t.hub : t.spoke[0]),
                                  i % 2 ? t.hub_peer[0] : t.spoke_peer[0],
                                  i % 4 < 2 ? NHTB_REKEY_CHILD : NHTB_REKEY_IKE, sim_now(t.s));
        if (i % 7 == 6) /* the binding that carries the traffic is made again */
            sim_check(t.s, sim_binding(t.hub, t.hub_st0, "10.0.0.2", t.hub_peer[0]) == 0);
        if (i % 20 == 8)
            (void)nhtb_peer_clear(sim_ctx(t.spoke[0]), t.spoke_peer[0], sim_now(t.s));
        sim_pump(t.hub);
        sim_pump(t.spoke[0]);
    }
    sim_run_for(t.s, SIM_S);
    wire_id *v = malloc(sim_captured(t.s) * sizeof *v);
    size_t n = collect(t.s, v);
    cr_assert_gt(n, (size_t)3000, "%zu packets", n);
    sim_check(t.s, sim_events(t.spoke[0], NHTB_EVENT_CHILD_REKEYED) >= 4);
    sim_check(t.s, twins(v, n, by_spi_seq) == 0);
    sim_check(t.s, twins(v, n, by_spi_iv) == 0);
    free(v);
    xch_end(&t);
}

static void real_crypto(uint64_t seed, const char *backend)
{
    nhtb_crypto c;
    uint32_t tag = 0;
    sim_topo_opts o = one;
    o.crypto = backend;
    if (!sim_crypto(backend, &c))
        return;
    sim_topo t = xch_up(seed, &o, 5 * SIM_S);
    for (unsigned i = 0; i < 4; i++) {
        (void)nhtb_peer_rekey(sim_ctx(i & 1 ? t.hub : t.spoke[0]),
                              i & 1 ? t.hub_peer[0] : t.spoke_peer[0],
                              i & 2 ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD, sim_now(t.s));
        sim_pump(i & 1 ? t.hub : t.spoke[0]);
        stream(&t, &tag, 100 * SIM_MS);
    }
    all_arrived(&t, tag);
    one_pair_each(&t);
    xch_end(&t);
}

Test(rekey, with_openssl)
{
    real_crypto(13, "openssl");
}

Test(rekey, with_mbedtls)
{
    real_crypto(14, "mbedtls");
}
