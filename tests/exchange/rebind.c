/* SPDX-License-Identifier: Apache-2.0
 * A NAT box gives its mappings new ports under traffic: at most one packet is lost each way. Packets
 * with forged sources, replayed or corrupted, never move the endpoint: 10^5 trials, 10^6 with
 * NHTB_LONG=1, 10^4 with NHTB_QUICK=1. RFC 7296 2.23, RFC 3948 4. */
#include <stdlib.h>

#include "exchange/common.h"

static sim_topo behind_nat(uint64_t seed, sim_nat **nat)
{
    sim_topo_opts o = {.n = 1, .spoke_kind = NHTB_IFACE_MULTIPOINT};
    sim_topo t = xch_start(seed, &o);
    *nat = sim_nat_new(t.s, "203.0.113.1");
    sim_node_nat(t.spoke[0], *nat);
    sim_check(t.s, nhtb_peer_initiate(sim_ctx(t.spoke[0]), t.spoke_peer[0], sim_now(t.s)) == 0);
    sim_pump(t.spoke[0]);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 10 * SIM_S));
    sim_run_for(t.s, 100 * SIM_MS);
    return t;
}

static void exchange_packets(sim_topo *t, uint32_t *tag, unsigned n, nhtb_time gap)
{
    for (unsigned i = 0; i < n; i++, ++*tag) {
        sim_send(t->spoke[0], t->spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), *tag, 64);
        sim_send(t->hub, t->hub_st0, sim_hub_lan(7), sim_lan(0, 9), *tag, 64);
        sim_run_for(t->s, gap);
    }
}

static unsigned missing(const sim_node *n, uint32_t from, uint32_t to)
{
    unsigned lost = 0;
    for (uint32_t i = from; i < to; i++)
        lost += sim_got(n, i) == 0;
    return lost;
}

/* The gap between packets is longer than the way there and back: what the box breaks in between is
 * one packet, that of the hub to the dead port, unless the spoke's comes first. */
Test(rebind, at_most_one_packet_is_lost_each_way)
{
    enum { ROUNDS = 200, PACKETS = 10 };
    sim_nat *nat;
    uint32_t tag = 1;
    unsigned worst_hub = 0, worst_spoke = 0;
    sim_topo t = behind_nat(1, &nat);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t from = tag;
        exchange_packets(&t, &tag, PACKETS, 20 * SIM_MS);
        sim_run_for(t.s, (nhtb_time)(sim_rand(t.s) % 20) * SIM_MS);
        sim_nat_rebind(nat, i % 4 == 3 ? (i % 8 == 3 ? "203.0.113.77" : "203.0.113.1") : NULL);
        exchange_packets(&t, &tag, PACKETS, 20 * SIM_MS);
        unsigned hub = missing(t.hub, from, tag), spoke = missing(t.spoke[0], from, tag);
        if (hub > 1 || spoke > 1)
            fprintf(stderr, "rebind: round %u lost %u and %u near t=%.3f\n", i, hub, spoke,
                    (double)sim_now(t.s) / 1e9);
        worst_hub = hub > worst_hub ? hub : worst_hub;
        worst_spoke = spoke > worst_spoke ? spoke : worst_spoke;
    }
    fprintf(stderr,
            "rebind: %u rebindings, at most %u lost towards the hub, %u towards the spoke\n",
            ROUNDS, worst_hub, worst_spoke);
    sim_check(t.s, worst_hub <= 1 && worst_spoke <= 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_PEER_MOVED) == ROUNDS);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_end(&t);
}

/* ---- forged sources ---- */

typedef struct forger {
    sim_topo t;
    size_t n; /* captured */
    unsigned replayed, flipped, cut, renumbered;
} forger;

static void forge(forger *f, uint8_t *buf, size_t room)
{
    sim *s = f->t.s;
    sim_datagram d;
    do
        d = *sim_capture_at(s, (size_t)(sim_rand(s) % f->n));
    while (!nhtb_addr_equal(&d.dst, sim_addr(f->t.hub)) || d.dport != 4500 || d.len > room);
    memcpy(buf, d.data, d.len);
    d.data = buf;
    nhtb_addr_parse("198.51.100.66", &d.src);
    d.src.b[3] = (uint8_t)sim_rand(s);
    if (sim_rand(s) % 4 == 0)
        d.src = sim_capture_at(s, f->n - 1)->src; /* the right address, another port */
    d.sport = (uint16_t)(1024 + sim_rand(s) % 60000);
    switch (sim_rand(s) % 4) {
    case 0: f->replayed++; break;
    case 1: {
        uint64_t bit = sim_rand(s) % (8 * d.len);
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        f->flipped++;
        break;
    }
    case 2:
        d.len = (size_t)(sim_rand(s) % d.len);
        f->cut++;
        break;
    default: { /* a number the window has not seen */
        uint32_t ahead = (uint32_t)(sim_rand(s) % 5000);
        buf[6] = (uint8_t)(ahead >> 8);
        buf[7] = (uint8_t)ahead;
        if (sim_rand(s) & 1)
            buf[d.len - 1] ^= 1;
        f->renumbered++;
    }
    }
    sim_wire_send(s, &d);
}

static bool hub_path(sim_topo *t, nhtb_path *esp, nhtb_path *ike)
{
    nhtb_sa_info row = {.size = sizeof row};
    nhtb_ike_sa_info sa = {.size = sizeof sa};
    uint32_t a = 0, b = 0;
    if (!nhtb_sa_next(sim_ctx(t->hub), &a, &row) || !nhtb_ike_sa_next(sim_ctx(t->hub), &b, &sa))
        return false;
    *esp = row.path;
    *ike = sa.path;
    return true;
}

static bool same(const nhtb_path *a, const nhtb_path *b)
{
    return nhtb_addr_equal(&a->local, &b->local) && nhtb_addr_equal(&a->remote, &b->remote) &&
           a->local_port == b->local_port && a->remote_port == b->remote_port;
}

static sim_topo captured(uint64_t seed, const char *crypto, sim_nat **nat, uint32_t *tag)
{
    sim_topo_opts o = {.n = 1, .spoke_kind = NHTB_IFACE_MULTIPOINT, .crypto = crypto};
    sim_topo t = xch_start(seed, &o);
    *nat = sim_nat_new(t.s, "203.0.113.1");
    sim_node_nat(t.spoke[0], *nat);
    sim_capture(t.s, true);
    (void)nhtb_peer_initiate(sim_ctx(t.spoke[0]), t.spoke_peer[0], sim_now(t.s));
    sim_pump(t.spoke[0]);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 10 * SIM_S));
    exchange_packets(&t, tag, 300, 5 * SIM_MS);
    sim_run_for(t.s, SIM_S);
    sim_capture(t.s, false);
    return t;
}

static void forged(uint64_t seed, const char *crypto, unsigned trials)
{
    uint8_t buf[4096];
    sim_nat *nat;
    uint32_t tag = 1;
    nhtb_crypto c;
    nhtb_path esp, ike, esp2, ike2;
    if (!sim_crypto(crypto, &c))
        return;
    forger f = {.t = captured(seed, crypto, &nat, &tag)};
    f.n = sim_captured(f.t.s);
    sim_check(f.t.s, hub_path(&f.t, &esp, &ike));
    for (unsigned i = 0; i < trials; i++) {
        forge(&f, buf, sizeof buf);
        sim_run_for(f.t.s, SIM_MS);
        if (i % 1000)
            continue;
        sim_check(f.t.s, hub_path(&f.t, &esp2, &ike2) && same(&esp, &esp2) && same(&ike, &ike2));
    }
    sim_check(f.t.s, hub_path(&f.t, &esp2, &ike2) && same(&esp, &esp2) && same(&ike, &ike2));
    sim_check(f.t.s, sim_events(f.t.hub, NHTB_EVENT_PEER_MOVED) == 0);
    sim_check(f.t.s, sim_events(f.t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    sim_check(f.t.s, sim_reason(f.t.hub, NHTB_REASON_ICV) > trials / 16);
    fprintf(stderr,
            "rebind: %s: %u forged sources (%u replayed, %u with a bit flipped, %u cut, %u "
            "renumbered): the endpoint moved 0 times\n",
            crypto, trials, f.replayed, f.flipped, f.cut, f.renumbered);
    uint32_t first = tag;
    exchange_packets(&f.t, &tag, 10, 20 * SIM_MS);
    sim_check(f.t.s, !missing(f.t.hub, first, tag) && !missing(f.t.spoke[0], first, tag));
    xch_end(&f.t);
}

static unsigned scaled(unsigned normal)
{
    return getenv("NHTB_LONG") ? 10 * normal : getenv("NHTB_QUICK") ? normal / 10 : normal;
}

Test(rebind, forged_sources_never_move_the_endpoint)
{
    forged(2, "null", scaled(90000));
}

Test(rebind, forged_sources_never_move_the_endpoint_with_real_crypto)
{
    forged(3, "openssl", scaled(10000));
}
