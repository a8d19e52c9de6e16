/* SPDX-License-Identifier: Apache-2.0
 * The burst contract of nhtb/pkt.h through real tunnels, by a strict host with 0, 1 and 2 spares:
 * every packet and every used spare comes back once, out[] is exactly as large as it must be, the
 * worker rests after each call. Super-packets, fragments, multicast, too big, transit, TTL. */
#include "exchange/strict.h"

/* A spare count the tests are run with; 0 means: none until nothing else helps. */
#define ALL_SPARES(n) for (unsigned n = 0; n <= 2; n++)

/* ---- super-packets ---- */

static void tcp_super(bool v6, unsigned spares)
{
    strict_pair p = strict_pair_new(1 + spares);
    strict_rx rx = {.v6 = v6};
    uint8_t *data = malloc(STRICT_BUF);
    nhtb_pkt *v[3];
    size_t hdr = v6 ? 60 : 40, len = 65500;
    sim_on_deliver(p.n[1], strict_rx_tcp, &rx);
    strict_tcp(data, v6, len, 1000);
    v[0] = strict_pkt(&p, data, hdr + 100, 0); /* a plain one before and one behind: order stays */
    strict_fix_tcp(v[0], 1000, 100);
    v[1] = strict_pkt(&p, data, len, 1200);
    v[1]->hdr_len = (uint16_t)hdr;
    strict_fix_tcp(v[1], 1100, len - hdr);
    v[2] = strict_pkt(&p, data, hdr + 100, 0);
    strict_fix_tcp(v[2], (uint32_t)(1100 + len - hdr), 100);
    rx.next_seq = 1000;
    strict_result r = strict_out(p.n[0], v, 3, spares);
    sim_run_for(p.s, SIM_S);
    size_t pieces = (len - hdr + 1199) / 1200;
    sim_check(p.s, r.reasons[NHTB_REASON_CONTINUED] == 1);
    sim_check(p.s, r.tx == pieces + 2);
    sim_check(p.s, rx.packets == pieces + 2 && rx.bytes == len - hdr + 200);
    sim_check(p.s, rx.bad == 0);
    sim_check(p.s, rx.pushes == 3 && rx.fins == 3 && rx.cwrs == 3);
    sim_check(p.s, spares || r.starved >= 1);
    strict_free(v, 3);
    free(data);
    strict_pair_end(&p);
}

Test(burst, tcp_super_packet_of_64_kb_over_ipv4)
{
    ALL_SPARES(n)
    tcp_super(false, n);
}

Test(burst, tcp_super_packet_of_64_kb_over_ipv6)
{
    ALL_SPARES(n)
    tcp_super(true, n);
}

/* UDP segments that are themselves too large: each is fragmented. */
static void udp_super(uint16_t gso, unsigned spares)
{
    strict_pair p = strict_pair_new(10 + spares);
    strict_rx rx = {0};
    uint8_t *data = malloc(STRICT_BUF);
    nhtb_pkt *v[1];
    size_t len = 28 + 20000;
    sim_on_deliver(p.n[1], strict_rx_frag, &rx);
    strict_udp(data, len);
    v[0] = strict_pkt(&p, data, len, gso);
    v[0]->hdr_len = 28;
    strict_result r = strict_out(p.n[0], v, 1, spares);
    sim_run_for(p.s, SIM_S);
    unsigned datagrams = (unsigned)((20000 + gso - 1) / gso);
    sim_check(p.s, rx.whole == datagrams);
    sim_check(p.s, rx.bytes == 20000 + 8u * datagrams);
    sim_check(p.s, rx.bad == 0);
    sim_check(p.s, r.reasons[NHTB_REASON_CONTINUED] == 1);
    strict_free(v, 1);
    strict_rx_free(&rx);
    free(data);
    strict_pair_end(&p);
}

Test(burst, udp_super_packet)
{
    ALL_SPARES(n)
    udp_super(1000, n);
}

Test(burst, udp_super_packet_with_segments_beyond_the_mtu)
{
    ALL_SPARES(n)
    udp_super(4000, n);
}

/* ---- fragmentation before encryption ---- */

static sim_fate outer_fits(void *user, sim_datagram *d)
{
    unsigned *too_big = user;
    *too_big += d->len + 20 + (d->proto == SIM_UDP ? 8u : 0u) > 1500;
    return SIM_PASS;
}

Test(burst, large_packets_without_df_are_fragmented_before_encryption)
{
    static const size_t sizes[] = {1472, 1500, 2999, 9000, 65000};
    ALL_SPARES(n)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        strict_pair p = strict_pair_new(20 + n);
        strict_rx rx = {0};
        unsigned too_big = 0;
        uint8_t *data = malloc(STRICT_BUF);
        sim_on_wire(p.s, outer_fits, &too_big);
        sim_on_deliver(p.n[1], strict_rx_frag, &rx);
        strict_udp(data, sizes[i]);
        nhtb_pkt *v[1] = {strict_pkt(&p, data, sizes[i], 0)};
        strict_result r = strict_out(p.n[0], v, 1, n);
        sim_run_for(p.s, SIM_S);
        sim_check(p.s, rx.whole == 1 && rx.bytes == sizes[i] - 20 && rx.bad == 0);
        sim_check(p.s, rx.longest <= strict_mtu(p.n[0]));
        sim_check(p.s, r.tx == rx.packets && r.tx >= 2);
        sim_check(p.s, too_big == 0);
        strict_free(v, 1);
        strict_rx_free(&rx);
        free(data);
        strict_pair_end(&p);
    }
}

Test(burst, the_largest_packet_of_the_tunnel_goes_out_whole)
{
    strict_pair p = strict_pair_new(30);
    strict_rx rx = {0};
    unsigned too_big = 0;
    uint8_t *data = malloc(STRICT_BUF);
    size_t mtu = strict_mtu(p.n[0]);
    sim_on_wire(p.s, outer_fits, &too_big);
    sim_on_deliver(p.n[1], strict_rx_frag, &rx);
    for (size_t len = mtu - 3; len <= mtu + 1; len++) {
        strict_udp(data, len);
        nhtb_pkt *v[1] = {strict_pkt(&p, data, len, 0)};
        strict_result r = strict_out(p.n[0], v, 1, 2);
        sim_check(p.s, r.tx == (len <= mtu ? 1u : 2u));
        strict_free(v, 1);
    }
    sim_run_for(p.s, SIM_S);
    cr_assert(rx.longest == mtu && rx.bad == 0 && too_big == 0, "%zu of %zu, %u bad, %u too big",
              rx.longest, mtu, rx.bad, too_big);
    strict_rx_free(&rx);
    free(data);
    strict_pair_end(&p);
}

/* ---- too big ---- */

static void too_big(bool v6, unsigned spares)
{
    strict_pair p = strict_pair_new(40 + spares);
    uint8_t *data = malloc(STRICT_BUF);
    if (v6)
        strict_tcp(data, true, 1500, 1);
    else
        strict_udp(data, 1500);
    nhtb_pkt *v[1] = {strict_pkt(&p, data, 1500, 0)};
    if (!v6)
        strict_set_df(v[0]);
    strict_result r = strict_out(p.n[0], v, 1, spares);
    const uint8_t *icmp = v[0]->buf + v[0]->off;
    sim_check(p.s, r.delivered == 1 && r.tx == 0 && v[0]->reason == NHTB_REASON_TOO_BIG);
    sim_check(p.s, v[0]->iface.id == p.st0[0].id);
    if (v6) {
        uint32_t mtu = (uint32_t)icmp[44] << 24 | (uint32_t)icmp[45] << 16 |
                       (uint32_t)icmp[46] << 8 | icmp[47];
        sim_check(p.s, icmp[6] == 58 && icmp[40] == 2 && icmp[41] == 0);
        sim_check(p.s, mtu == strict_mtu(p.n[0]));
        sim_check(p.s, memcmp(icmp + 48, data, 40) == 0);
    } else {
        sim_check(p.s, icmp[9] == 1 && icmp[20] == 3 && icmp[21] == 4);
        sim_check(p.s, (uint32_t)(icmp[26] << 8 | icmp[27]) == strict_mtu(p.n[0]));
        sim_check(p.s, strict_sum(icmp, 20, 0) == 0xffff);
        sim_check(p.s, strict_sum(icmp + 20, v[0]->len - 20, 0) == 0xffff);
        sim_check(p.s, memcmp(icmp + 12 + 4, data + 12, 4) == 0); /* to the sender */
    }
    sim_check(p.s, sim_stats(p.n[0]).icmp_sent == 1);
    strict_free(v, 1);
    free(data);
    strict_pair_end(&p);
}

Test(burst, too_big_with_df_is_answered_to_the_host)
{
    ALL_SPARES(n)
    {
        too_big(false, n);
        too_big(true, n);
    }
}

/* ---- room around packets ---- */

Test(burst, without_headroom_a_spare_is_used_or_the_drop_is_named)
{
    ALL_SPARES(n)
    {
        strict_pair p = strict_pair_new(50 + n);
        uint8_t data[400];
        strict_udp(data, sizeof data);
        nhtb_pkt *v[1] = {strict_pkt_tight(&p, data, sizeof data)};
        strict_result r = strict_once(p.n[0], v, 1, n);
        sim_run_for(p.s, SIM_S);
        sim_check(p.s, r.tx == (n ? 1u : 0u) && r.dropped == 1);
        sim_check(p.s, r.reasons[n ? NHTB_REASON_CONTINUED : NHTB_REASON_NO_HEADROOM] == 1);
        sim_check(p.s, sim_delivered(p.n[1]) == (n ? 1u : 0u));
        strict_free(v, 1);
        strict_pair_end(&p);
    }
}

Test(burst, a_spare_that_is_too_small_is_named)
{
    strict_pair p = strict_pair_new(55);
    uint8_t data[3000], small[64];
    nhtb_pkt spare = {.buf = small, .cap = sizeof small}, *sv[1] = {&spare}, *out[3];
    strict_udp(data, sizeof data);
    nhtb_pkt *v[1] = {strict_pkt(&p, data, sizeof data, 0)};
    nhtb_burst b = {
        .in = v, .n_in = 1, .spare = sv, .n_spare = 1, .out = out, .cap_out = 3, .more = false};
    nhtb_worker_out(strict_worker(p.n[0]), &b, sim_now(p.s));
    sim_check(p.s, b.n_out == 1 && out[0] == v[0] && !b.more && b.used_spare == 0);
    sim_check(p.s, v[0]->verdict == NHTB_PKT_DROP && v[0]->reason == NHTB_REASON_NO_SPARE);
    nhtb_worker_rest(strict_worker(p.n[0]));
    strict_free(v, 1);
    strict_pair_end(&p);
}

Test(burst, owed_checksums_are_paid)
{
    strict_pair p = strict_pair_new(56);
    strict_rx rx = {.next_seq = 7};
    uint8_t data[300];
    sim_on_deliver(p.n[1], strict_rx_tcp, &rx);
    strict_tcp(data, false, sizeof data, 7);
    nhtb_pkt *v[1] = {strict_pkt(&p, data, sizeof data, 0)};
    strict_fix_tcp(v[0], 7, sizeof data - 40);
    strict_owe_csum(v[0]);
    (void)strict_out(p.n[0], v, 1, 0);
    sim_run_for(p.s, SIM_S);
    sim_check(p.s, rx.packets == 1 && rx.bad == 0);
    strict_free(v, 1);
    strict_pair_end(&p);
}

Test(burst, bursts_of_64_arrive_in_order)
{
    enum { N = 64, ROUNDS = 20 };
    strict_pair p = strict_pair_new(57);
    strict_rx rx = {.next_seq = 0};
    uint8_t data[200];
    sim_on_deliver(p.n[1], strict_rx_tcp, &rx);
    for (unsigned k = 0; k < ROUNDS; k++) {
        nhtb_pkt *v[N];
        for (unsigned i = 0; i < N; i++) {
            strict_tcp(data, false, sizeof data, 0);
            v[i] = strict_pkt(&p, data, sizeof data, 0);
            strict_fix_tcp(v[i], (k * N + i) * 160, 160);
        }
        strict_result r = strict_out(p.n[0], v, N, 0);
        sim_check(p.s, r.tx == N && r.calls == 1);
        strict_free(v, N);
    }
    sim_run_for(p.s, SIM_S);
    sim_check(p.s, rx.packets == N * ROUNDS && rx.bad == 0);
    strict_pair_end(&p);
}

/* The peer goes while one of its packets waits for spares: the buffer still comes back. */
Test(burst, a_waiting_packet_comes_back_when_its_tunnel_goes)
{
    strict_pair p = strict_pair_new(58);
    uint8_t *data = malloc(STRICT_BUF);
    strict_udp(data, 9000);
    nhtb_pkt *v[1] = {strict_pkt(&p, data, 9000, 0)};
    strict_result r = strict_once(p.n[0], v, 1, 1);
    sim_check(p.s, r.more && r.tx == 1);
    sim_check(p.s, nhtb_peer_clear(sim_ctx(p.n[0]), p.peer[0], sim_now(p.s)) == 0);
    sim_pump(p.n[0]);
    r = strict_once(p.n[0], NULL, 0, 1);
    sim_check(p.s, !r.more && r.dropped == 1 && v[0]->verdict == NHTB_PKT_DROP);
    sim_check(p.s, v[0]->reason == NHTB_REASON_NO_SA || v[0]->reason == NHTB_REASON_NO_BINDING);
    strict_free(v, 1);
    free(data);
    strict_pair_end(&p);
}
