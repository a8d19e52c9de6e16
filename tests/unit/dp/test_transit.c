/* SPDX-License-Identifier: Apache-2.0
 * Spoke to spoke through a hub's library: forwarding, TTL, MTU both ways, source check, policies,
 * what is the host's instead, and the hub's room for headers. */
#include "rig.h"

typedef struct star {
    rig hub, s[2];
    nhi_iface_pub *ih, *is[2];
    nhi_path *ph[2], *ps[2];
} star;

static const char *const SPOKE_OUT[2] = {"192.0.2.11", "192.0.2.12"};
static const char *const LAN[2] = {"10.11.0.0/16", "10.12.0.0/16"};
static const char *const LAN6[2] = {"fd00:11::/32", "fd00:12::/32"};
static const char *const TUN[2] = {"10.255.0.11", "10.255.0.12"};

static void star_open(star *t, nhtb_emit emit, const sa_kind *k0, const sa_kind *k1)
{
    const sa_kind *kind[2] = {k0, k1};
    rig_open(&t->hub, NULL, emit, false);
    t->ih = rig_iface(&t->hub, 1, NHTB_IFACE_MULTIPOINT, "10.255.0.1", "fd00:ff::1");
    rig_route(&t->hub, "10.10.0.0/16", NHI_SLOT_LOCAL);
    for (size_t i = 0; i < 2; i++) {
        rig_open(&t->s[i], NULL, emit, false);
        t->is[i] = rig_iface(&t->s[i], 1, NHTB_IFACE_POINT_TO_POINT, TUN[i], NULL);
        t->ph[i] = rig_tunnel(&t->hub, t->ih, "192.0.2.1", SPOKE_OUT[i], 4500, 1500);
        t->ps[i] = rig_tunnel(&t->s[i], t->is[i], SPOKE_OUT[i], "192.0.2.1", 4500, 1500);
        uint32_t slot = rig_bind(&t->hub, t->ih, t->ph[i], TUN[i]);
        rig_route(&t->hub, LAN[i], slot);
        rig_route(&t->hub, LAN6[i], slot);
        rig_route(&t->s[i], "0.0.0.0/0", rig_slot(&t->s[i], t->is[i], t->ps[i]));
        rig_route(&t->s[i], "::/0", t->s[i].next_slot - 1);
        rig_pair(&t->s[i], t->ps[i], &t->hub, t->ph[i], 0x10000 + (uint32_t)i * 16, kind[i]);
    }
}

static void star_close(star *t)
{
    rig_close(&t->hub);
    rig_close(&t->s[0]);
    rig_close(&t->s[1]);
}

static const inner_spec AB = {.src = "10.11.0.5", .dst = "10.12.0.6", .payload = 200};

/** From spoke 0 into the hub; the hub's single result. */
static nhtb_pkt *via_hub(star *t, const inner_spec *s, nhtb_path *seen)
{
    nhtb_pkt *p = one(&t->s[0], false, inner(s, 1));
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %u", p->reason);
    cross(p, seen);
    return one(&t->hub, true, p);
}

Test(transit, a_packet_goes_from_spoke_to_spoke_inside_the_hub)
{
    for (unsigned emit = 0; emit < 2; emit++)
        for (unsigned v6 = 0; v6 < 2; v6++) {
            star t;
            nhtb_path seen;
            inner_spec s = AB;
            if (v6) {
                s.src = "fd00:11::5";
                s.dst = "fd00:12::6";
            }
            star_open(&t, (nhtb_emit)emit, &GCM, &GCM);
            nhtb_pkt *p = via_hub(&t, &s, &seen);
            cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %u", p->reason);
            cr_assert_eq(p->path->remote.b[3], 12);
            cross(p, &seen);
            p = one(&t.s[1], true, p);
            cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
            nhi_ip_view v;
            cr_assert(sound(p->buf + p->off, p->len));
            cr_assert_eq(nhi_ip_parse(&v, p->buf + p->off, p->len, false), 0);
            cr_assert_eq(v.ttl, 63, "only transit decrements");
            const nhi_dp_count *c = nhi_dp_worker_count(t.hub.w[0]);
            cr_assert_eq(nhi_a_load(&c->transit_packets), 1);
            cr_assert_eq(nhi_a_load(&c->in_packets), 1);
            cr_assert_eq(nhi_a_load(&c->out_packets), 1);
            box_free(p);
            star_close(&t);
        }
}

Test(transit, what_the_host_gets)
{
    static const struct {
        const char *src, *dst;
    } rows[] = {
        {"10.11.0.5", "10.10.0.1"},   /* LOCAL */
        {"10.11.0.5", "172.16.0.1"},  /* no route */
        {"10.11.0.5", "10.255.0.1"},  /* the hub's own address */
        {"10.11.0.5", "10.11.9.9"},   /* back into its own tunnel */
        {"10.255.0.11", "10.10.0.1"}, /* the tunnel's bound next hop as source */
        {"10.255.0.11", "224.0.0.5"}, /* multicast is for routing daemons */
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(rows); i++) {
        star t;
        nhtb_path seen;
        star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
        rig_route(&t.hub, "10.255.0.0/24", t.hub.next_slot - 1); /* routes to spoke 1 */
        inner_spec s = {.src = rows[i].src, .dst = rows[i].dst, .ttl = 1, .payload = 10};
        nhtb_pkt *p = via_hub(&t, &s, &seen);
        cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "row %zu: %u", i, p->reason);
        cr_assert_eq(p->buf[p->off + 8], 1, "TTL is kept");
        box_free(p);
        star_close(&t);
    }
    star t;
    nhtb_path seen;
    star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
    t.ih->transit = NHTB_TRANSIT_HOST;
    nhtb_pkt *p = via_hub(&t, &AB, &seen);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "the knob");
    cr_assert_eq(p->buf[p->off + 8], 64);
    box_free(p);
    star_close(&t);
}

Test(transit, a_spoke_cannot_send_with_the_others_address)
{
    static const char *const forged[] = {"10.12.0.6", "10.255.0.12", "10.255.0.1", "10.10.0.3"};
    star t;
    nhtb_path seen, cand;
    nhtb_addr spoof, want = addr(forged[0]);
    star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
    for (size_t i = 0; i < NHI_ARRAY_LEN(forged); i++) {
        inner_spec s = AB;
        s.src = forged[i];
        nhtb_pkt *p = via_hub(&t, &s, &seen);
        check_drop(p, RPF);
        box_free(p);
    }
    cr_assert_eq(rig_reason(&t.hub, NHTB_REASON_RPF), NHI_ARRAY_LEN(forged));
    nhi_cell *c = nhi_fib_take_flagged(&t.hub.fib);
    cr_assert_eq(c, rig_cell(&t.hub, 0x10000, true));
    cr_assert(nhi_cell_collect(c, &cand, &spoof) & NHI_CELL_SPOOF);
    cr_assert_eq(nhi_addr_cmp(&spoof, &want), 0);
    star_close(&t);
}

/** The ICMP error that comes back to spoke 0. */
static nhtb_pkt *back(star *t, nhtb_pkt *p, unsigned reason)
{
    static nhtb_path seen;
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %u", p->reason);
    cr_assert_eq(p->reason, reason);
    cr_assert_eq(p->path->remote.b[3], 11);
    cross(p, &seen);
    p = one(&t->s[0], true, p);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
    cr_assert(sound(p->buf + p->off, p->len));
    return p;
}

Test(transit, ttl_that_ends_here_is_answered_into_its_own_tunnel)
{
    for (unsigned v6 = 0; v6 < 2; v6++)
        for (uint8_t ttl = 0; ttl < 2; ttl++) {
            star t;
            nhtb_path seen;
            inner_spec s = AB;
            s.payload = 600;
            if (v6) {
                s.src = "fd00:11::5";
                s.dst = "fd00:12::6";
            }
            star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
            nhtb_pkt *p = inner(&s, 1);
            p->buf[p->off + (v6 ? 7 : 8)] = ttl;
            if (!v6)
                nhi_ip4_set_csum(p->buf + p->off, 20);
            p = one(&t.s[0], false, p);
            cross(p, &seen);
            p = back(&t, one(&t.hub, true, p), NHTB_REASON_TTL);
            const uint8_t *icmp = p->buf + p->off + (v6 ? 40 : 20);
            cr_assert_eq(icmp[0], v6 ? 3 : 11);
            cr_assert_eq(rig_reason(&t.hub, NHTB_REASON_TTL), 1);
            cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(t.hub.w[0])->icmp_sent), 1);
            cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(t.hub.w[0])->transit_packets), 0);
            box_free(p);
            star_close(&t);
        }
}

Test(transit, an_icmp_error_longer_than_its_packet_uses_a_spare)
{
    star t;
    nhtb_path seen;
    results r;
    inner_spec s = AB;
    s.payload = 0;
    s.ttl = 1;
    for (size_t spares = 0; spares < 2; spares++) {
        star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
        nhtb_pkt *p = one(&t.s[0], false, inner(&s, 1));
        cross(p, &seen);
        nhtb_pkt *exact = box(p->len, 0, p->len);
        memcpy(exact->buf, p->buf + p->off, p->len);
        exact->kind = p->kind;
        exact->path = &seen;
        drive(&t.hub, &exact, 1, &(drive_opts){.in = true, .spares = spares}, &r);
        cr_assert_eq(r.n, 1 + spares);
        check_drop(r.v[r.n - 1], TTL);
        if (spares != 0)
            r.v[0] = back(&t, r.v[0], NHTB_REASON_NONE);
        results_free(&r);
        box_free(p);
        star_close(&t);
    }
}

Test(transit, too_big_for_the_second_tunnel_is_answered_or_fragmented)
{
    for (unsigned df = 0; df < 2; df++)
        for (size_t spares = 1; spares < 4; spares++) {
            star t;
            nhtb_path seen;
            results r;
            inner_spec s = AB;
            s.payload = 1200;
            s.df = df != 0;
            star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
            rig_endpoint(&t.hub, t.ph[1], "192.0.2.1", SPOKE_OUT[1], 4500, 700);
            nhtb_pkt *p = one(&t.s[0], false, inner(&s, 1));
            cross(p, &seen);
            drive(&t.hub, &p, 1, &(drive_opts){.in = true, .spares = spares, .rest = true}, &r);
            if (df) {
                cr_assert_eq(r.n, 1);
                r.v[0] = back(&t, r.v[0], NHTB_REASON_TOO_BIG);
                const uint8_t *icmp = r.v[0]->buf + r.v[0]->off + 20;
                cr_assert_eq(icmp[0], 3);
                cr_assert_eq(icmp[1], 4);
                cr_assert_eq(nhi_get32(icmp + 4), nhi_a_load(&t.ph[1]->inner_mtu));
            } else {
                cr_assert_eq(r.n, 3);
                check_drop(r.v[2], CONTINUED);
                for (size_t i = 0; i < 2; i++) {
                    nhtb_path to;
                    cr_assert_leq(r.v[i]->len + 28, 700);
                    cross(r.v[i], &to);
                    r.v[i] = one(&t.s[1], true, r.v[i]);
                    cr_assert_eq(r.v[i]->verdict, NHTB_PKT_DELIVER);
                    cr_assert_eq(r.v[i]->buf[r.v[i]->off + 8], 63);
                }
            }
            results_free(&r);
            star_close(&t);
        }
}

Test(transit, one_waits_and_a_second_that_needs_spares_is_dropped_by_name)
{
    star t;
    nhtb_path seen;
    nhtb_pkt *v[3];
    results r;
    inner_spec s = AB;
    star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
    rig_endpoint(&t.hub, t.ph[1], "192.0.2.1", SPOKE_OUT[1], 4500, 700);
    for (size_t i = 0; i < 3; i++) {
        s.payload = i == 2 ? 100 : 1200;
        v[i] = one(&t.s[0], false, inner(&s, 1));
        cross(v[i], &seen);
    }
    drive(&t.hub, v, 3, &(drive_opts){.in = true, .spares = 1, .rest = true}, &r);
    cr_assert_eq(r.n, 5);
    cr_assert_eq(r.v[0]->verdict, NHTB_PKT_TX);
    check_drop(r.v[1], NO_SPARE);
    cr_assert_eq(r.v[2]->verdict, NHTB_PKT_TX);
    cr_assert_eq(r.v[3]->verdict, NHTB_PKT_TX);
    check_drop(r.v[4], CONTINUED);
    results_free(&r);
    star_close(&t);
}

Test(transit, tunnels_of_different_suites_move_or_copy_the_packet)
{
    static const sa_kind kinds[] = {
        {NHI_ENCR_AES_GCM16, 256, 0, true, 64},
        {NHI_ENCR_AES_CBC, 256, NHI_INTEG_SHA512_256, true, 64},
        {NHI_ENCR_AES_CBC, 128, NHI_INTEG_SHA256_128, false, 64},
    };
    for (size_t a = 0; a < NHI_ARRAY_LEN(kinds); a++)
        for (size_t b = 0; b < NHI_ARRAY_LEN(kinds); b++)
            for (size_t spares = 0; spares < 2; spares++) {
                star t;
                nhtb_path seen;
                results r;
                star_open(&t, NHTB_EMIT_PAYLOAD, &kinds[a], &kinds[b]);
                nhtb_pkt *p = one(&t.s[0], false, inner(&AB, 1));
                cross(p, &seen);
                nhtb_pkt *exact = box(p->len, 0, p->len); /* no room around the data */
                memcpy(exact->buf, p->buf + p->off, p->len);
                exact->kind = p->kind;
                exact->path = &seen;
                drive(&t.hub, &exact, 1, &(drive_opts){.in = true, .spares = spares}, &r);
                if (r.v[0]->verdict == NHTB_PKT_DROP) {
                    cr_assert_eq(spares, 0);
                    check_drop(r.v[0], NO_HEADROOM);
                } else {
                    nhtb_path to;
                    cross(r.v[0], &to);
                    r.v[0] = one(&t.s[1], true, r.v[0]);
                    cr_assert_eq(r.v[0]->verdict, NHTB_PKT_DELIVER);
                    cr_assert(sound(r.v[0]->buf + r.v[0]->off, r.v[0]->len));
                }
                cr_assert(a != b || r.n == 1, "equal suites never need a spare");
                results_free(&r);
                box_free(p);
                star_close(&t);
            }
}

Test(transit, policies_and_selectors_between_tunnels)
{
    star t;
    nhtb_path seen;
    star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
    rig_policy(&t.hub, t.ih, NHTB_POLICY_OUT, NHI_IPPROTO_UDP);
    nhtb_pkt *p = via_hub(&t, &AB, &seen);
    check_drop(p, POLICY);
    box_free(p);
    nhi_a_store(&t.ih->policies, (nhi_policy_set *)NULL);
    rig_cell(&t.hub, 0x10011, false)->sel = rig_sel(&t.hub, NULL, "10.12.99.0/24");
    p = via_hub(&t, &AB, &seen);
    check_drop(p, SELECTOR_OUT);
    box_free(p);
    nhi_a_store(&t.ph[1]->out, (nhi_cell *)NULL);
    p = via_hub(&t, &AB, &seen);
    check_drop(p, NO_SA);
    box_free(p);
    nhi_a_store(&t.hub.fib.iface[1 & t.hub.fib.iface_mask], (nhi_iface_pub *)NULL);
    p = via_hub(&t, &AB, &seen);
    check_drop(p, NO_IFACE);
    box_free(p);
    star_close(&t);
}

Test(transit, a_mixed_burst_keeps_the_order_of_what_came)
{
    star t;
    nhtb_path seen;
    nhtb_pkt *v[150];
    results r;
    star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
    for (size_t i = 0; i < 150; i++) {
        inner_spec s = AB;
        if (i % 3 == 1)
            s.dst = "10.10.0.1";
        v[i] = one(&t.s[0], false, inner(&s, 1));
        cross(v[i], &seen);
        if (i % 3 == 2)
            v[i]->buf[v[i]->off + 20] ^= 1;
    }
    drive(&t.hub, v, 150, &(drive_opts){.in = true}, &r);
    cr_assert_eq(r.n, 150);
    for (size_t i = 0; i < 150; i++) {
        cr_assert_eq(r.v[i], v[i]);
        cr_assert_eq(v[i]->verdict, i % 3 == 0   ? NHTB_PKT_TX
                                    : i % 3 == 1 ? NHTB_PKT_DELIVER
                                                 : NHTB_PKT_DROP);
    }
    results_free(&r);
    star_close(&t);
}

Test(transit, a_fragmenting_packet_never_stalls_a_host_without_spares)
{
    star t;
    nhtb_path seen;
    nhtb_pkt *v[2];
    results r;
    inner_spec s = AB;
    s.payload = 1200;
    star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
    rig_endpoint(&t.hub, t.ph[1], "192.0.2.1", SPOKE_OUT[1], 4500, 700);
    for (size_t i = 0; i < 2; i++) {
        v[i] = one(&t.s[0], false, inner(&s, 1));
        cross(v[i], &seen);
    }
    drive(&t.hub, v, 2, &(drive_opts){.in = true}, &r);
    cr_assert_eq(r.n, 2);
    check_drop(r.v[0], NO_SPARE);
    check_drop(r.v[1], NO_SPARE);
    results_free(&r);
    /* begun with a spare, then none */
    nhtb_pkt *p = one(&t.s[0], false, inner(&s, 1));
    cross(p, &seen);
    drive(&t.hub, &p, 1, &(drive_opts){.in = true, .spares = 1, .max_calls = 1}, &r);
    cr_assert(r.more);
    nhtb_pkt *out[1];
    nhtb_burst b = {.out = out, .cap_out = 1};
    nhtb_worker_in(t.hub.w[0], &b, T0);
    cr_assert_not(b.more);
    cr_assert_eq(b.n_out, 1);
    check_drop(p, NO_SPARE);
    box_free(p);
    results_free(&r);
    star_close(&t);
}

Test(transit, a_bound_next_hop_is_reached_and_believed_without_a_route)
{
    star t;
    nhtb_path seen;
    inner_spec s = {.src = TUN[0], .dst = TUN[1], .payload = 20};
    star_open(&t, NHTB_EMIT_PAYLOAD, &GCM, &GCM);
    nhtb_pkt *p = via_hub(&t, &s, &seen);
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %u", p->reason);
    cr_assert_eq(p->path->remote.b[3], 12);
    box_free(p);
    s.src = "10.255.0.1";
    p = one(&t.hub, false, inner(&s, 1));
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "from the hub itself");
    box_free(p);
    s.dst = "10.255.0.77"; /* nobody's */
    p = one(&t.hub, false, inner(&s, 1));
    check_drop(p, NO_ROUTE);
    box_free(p);
    nhi_fib_next_hop_del(&t.hub.fib, 3);
    s = (inner_spec){.src = TUN[1], .dst = "10.10.0.1", .payload = 20};
    p = one(&t.s[1], false, inner(&s, 1));
    cross(p, &seen);
    p = one(&t.hub, true, p);
    check_drop(p, RPF);
    box_free(p);
    star_close(&t);
}
