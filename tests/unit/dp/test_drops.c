/* SPDX-License-Identifier: Apache-2.0
 * Every reason the data plane can give, each made by a packet and seen in its counter. */
#include "rig.h"

typedef struct site {
    rig a, b; /* b: hub side of one tunnel */
    nhi_iface_pub *ia, *ib;
    nhi_path *pa, *pb;
    nhi_cell *out; /* of a */
} site;

static void site_open(site *t, uint8_t kind, bool hold)
{
    rig_open(&t->a, NULL, NHTB_EMIT_PAYLOAD, hold);
    rig_open(&t->b, NULL, NHTB_EMIT_PAYLOAD, hold);
    t->ia = rig_iface(&t->a, 1, kind, "10.255.0.1", "fd00:ff::1");
    t->ib = rig_iface(&t->b, 1, kind, "10.255.0.2", "fd00:ff::2");
    t->pa = rig_tunnel(&t->a, t->ia, "192.0.2.1", "192.0.2.2", 0, 1500);
    t->pb = rig_tunnel(&t->b, t->ib, "192.0.2.2", "192.0.2.1", 0, 1500);
    rig_via(&t->a, "10.2.0.0/16", t->ia, t->pa);
    rig_via(&t->a, "fd00:2::/32", t->ia, t->pa);
    rig_via(&t->b, "10.1.0.0/16", t->ib, t->pb);
    rig_via(&t->b, "fd00:1::/32", t->ib, t->pb);
    rig_pair(&t->a, t->pa, &t->b, t->pb, 0x10000, &GCM);
    t->out = rig_cell(&t->a, 0x10000, false);
}

static void site_close(site *t)
{
    rig_close(&t->a);
    rig_close(&t->b);
}

static const inner_spec V4 = {.src = "10.1.0.5", .dst = "10.2.0.6", .payload = 100};

#define expect_drop(r, in, p, why)                                                                 \
    do {                                                                                           \
        uint64_t had_ = rig_reason((r), NHTB_REASON_##why);                                        \
        nhtb_pkt *got_ = one((r), (in), (p));                                                      \
        check_drop(got_, why);                                                                     \
        cr_assert_eq(rig_reason((r), NHTB_REASON_##why), had_ + 1);                                \
        box_free(got_);                                                                            \
    } while (0)

Test(drops, outbound_packets_that_are_no_ip)
{
    site t;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    nhtb_pkt *p = inner(&V4, 1);
    p->len = 19;
    expect_drop(&t.a, false, p, RUNT);
    p = inner(&V4, 1);
    p->buf[p->off] = 0x75;
    expect_drop(&t.a, false, p, BAD_VERSION);
    p = inner(&V4, 1);
    nhi_put16(p->buf + p->off + 2, p->len + 1);
    expect_drop(&t.a, false, p, BAD_LENGTH);
    p = inner(&V4, 1);
    p->gso_size = 50;
    p->buf[p->off + 9] = NHI_IPPROTO_ICMP;
    expect_drop(&t.a, false, p, BAD_LENGTH);
    p = inner(&V4, 1);
    p->flags = NHTB_PKT_NEEDS_CSUM;
    p->csum_start = 100;
    p->csum_offset = 28;
    expect_drop(&t.a, false, p, BAD_LENGTH);
    p = inner(&V4, 1);
    p->len = p->cap;
    expect_drop(&t.a, false, p, BAD_LENGTH);
    site_close(&t);
}

Test(drops, outbound_packets_without_a_way)
{
    site t;
    site_open(&t, NHTB_IFACE_MULTIPOINT, false);
    expect_drop(&t.a, false, inner(&V4, 2), NO_IFACE);
    inner_spec s = V4;
    s.dst = "10.77.0.1";
    expect_drop(&t.a, false, inner(&s, 1), NO_ROUTE);
    rig_route(&t.a, "10.78.0.0/16", NHI_SLOT_LOCAL);
    s.dst = "10.78.0.1";
    expect_drop(&t.a, false, inner(&s, 1), NO_ROUTE);
    (void)rig_iface(&t.a, 2, NHTB_IFACE_MULTIPOINT, NULL, NULL);
    expect_drop(&t.a, false, inner(&V4, 2), NO_ROUTE);
    rig_via(&t.a, "10.79.0.0/16", t.ia, NULL);
    s.dst = "10.79.0.1";
    expect_drop(&t.a, false, inner(&s, 1), NO_BINDING);
    nhi_a_store(&t.pa->out, (nhi_cell *)NULL);
    expect_drop(&t.a, false, inner(&V4, 1), NO_SA);
    s.dst = "224.0.0.9";
    expect_drop(&t.a, false, inner(&s, 1), MULTICAST_NONE);
    site_close(&t);
}

Test(drops, with_hold_one_packet_per_interval_is_punted)
{
    site t;
    nhtb_pkt *v[6];
    results r;
    inner_spec s = V4;
    site_open(&t, NHTB_IFACE_MULTIPOINT, true);
    rig_via(&t.a, "10.79.0.0/16", t.ia, NULL);
    nhi_a_store(&t.pa->out, (nhi_cell *)NULL);
    for (unsigned round = 0; round < 2; round++) {
        s.dst = "10.79.0.1";
        for (size_t i = 0; i < 6; i++)
            v[i] = inner(i < 3 ? &s : &V4, 1);
        drive(&t.a, v, 6, &(drive_opts){0}, &r);
        for (size_t i = 0; i < 6; i++) {
            bool punt = i == 0 || i == 3;
            cr_assert_eq(r.v[i]->verdict, punt ? NHTB_PKT_PUNT : NHTB_PKT_DROP);
            cr_assert_eq(r.v[i]->reason, punt    ? NHTB_REASON_HELD
                                         : i < 3 ? NHTB_REASON_NO_BINDING
                                                 : NHTB_REASON_NO_SA);
        }
        results_free(&r);
        t.a.now += NHI_DP_PUNT_NS;
    }
    cr_assert_eq(rig_reason(&t.a, NHTB_REASON_HELD), 4);
    cr_assert_eq(rig_reason(&t.a, NHTB_REASON_NO_BINDING), 4);
    cr_assert_eq(rig_reason(&t.a, NHTB_REASON_NO_SA), 4);
    /* The held copy is kept without its descriptor, so it owes nothing. */
    nhtb_pkt *p = inner(&V4, 1);
    uint32_t fold = (uint16_t)~nhi_csum_fold(nhi_ip_pseudo_sum(p->buf + p->off, 17, 108));
    nhi_put16(p->buf + p->off + 26, fold);
    p->flags = NHTB_PKT_NEEDS_CSUM;
    p->csum_start = 20;
    p->csum_offset = 6;
    t.a.now += NHI_DP_PUNT_NS;
    p = one(&t.a, false, p);
    cr_assert_eq(p->verdict, NHTB_PKT_PUNT);
    cr_assert(sound(p->buf + p->off, p->len));
    box_free(p);
    site_close(&t);
}

Test(drops, selectors_pick_the_tunnel_of_a_point_to_point_interface)
{
    site t;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    nhi_path *second = rig_tunnel(&t.a, t.ia, "192.0.2.1", "192.0.2.2", 0, 1500);
    nhi_path *third = rig_tunnel(&t.a, t.ia, "192.0.2.1", "192.0.2.2", 0, 1500);
    nhi_a_store_rel(&t.pa->alt, second);
    nhi_a_store_rel(&second->alt, third);
    rig_sa(&t.a, third, NULL, NULL, 0x30000, &GCM, 0);
    t.out->sel = rig_sel(&t.a, "10.1.0.0/24", "10.2.7.0/24");
    rig_cell(&t.a, 0x30000, false)->sel = rig_sel(&t.a, NULL, "10.2.0.0/24");
    nhtb_pkt *p = one(&t.a, false, inner(&V4, 1));
    cr_assert_eq(p->verdict, NHTB_PKT_TX);
    cr_assert_eq(nhi_get32(p->buf + p->off), 0x30000);
    box_free(p);
    inner_spec s = V4;
    s.dst = "10.2.9.9";
    expect_drop(&t.a, false, inner(&s, 1), NO_SA); /* the second has no SA yet and may fit */
    nhi_a_store_rel(&t.pa->alt, third);
    expect_drop(&t.a, false, inner(&s, 1), SELECTOR_OUT);
    site_close(&t);
}

Test(drops, policy_denies_both_ways)
{
    site t;
    nhtb_path seen;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    nhtb_pkt *p = one(&t.a, false, inner(&V4, 1));
    cross(p, &seen);
    rig_policy(&t.a, t.ia, NHTB_POLICY_OUT, NHI_IPPROTO_UDP);
    rig_policy(&t.b, t.ib, NHTB_POLICY_IN, NHI_IPPROTO_UDP);
    expect_drop(&t.b, true, p, POLICY);
    expect_drop(&t.a, false, inner(&V4, 1), POLICY);
    inner_spec s = V4;
    s.payload = 3000; /* also before fan-out, and before an ICMP would tell a forbidden sender */
    expect_drop(&t.a, false, inner(&s, 1), POLICY);
    s.df = true;
    expect_drop(&t.a, false, inner(&s, 1), POLICY);
    s = V4;
    s.proto = NHI_IPPROTO_ICMP;
    p = one(&t.a, false, inner(&s, 1));
    cr_assert_eq(p->verdict, NHTB_PKT_TX);
    box_free(p);
    site_close(&t);
}

Test(drops, too_big_is_told_by_icmp_in_both_families)
{
    static const struct {
        const char *src, *dst;
        uint32_t mtu, want;
    } rows[] = {{"10.1.0.5", "10.2.0.6", 1500, 1446},
                {"fd00:1::5", "fd00:2::6", 1500, 1446},
                {"10.1.0.5", "10.2.0.6", 700, 646},
                {"fd00:1::5", "fd00:2::6", 700, 1280}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(rows); i++) {
        site t;
        nhi_ip_view v;
        site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
        rig_endpoint(&t.a, t.pa, "192.0.2.1", "192.0.2.2", 0, rows[i].mtu);
        inner_spec s = {.src = rows[i].src, .dst = rows[i].dst, .payload = 1450, .df = true};
        nhtb_pkt *p = one(&t.a, false, inner(&s, 1));
        cr_assert_eq(p->verdict, NHTB_PKT_DELIVER);
        cr_assert_eq(p->reason, NHTB_REASON_TOO_BIG);
        cr_assert_eq(p->kind, NHTB_PKT_INNER);
        cr_assert_eq(p->iface.id, 1);
        const uint8_t *ip = p->buf + p->off;
        cr_assert(sound(ip, p->len));
        cr_assert_eq(nhi_ip_parse(&v, ip, p->len, false), 0);
        cr_assert_eq(v.proto, v.version == 4 ? NHI_IPPROTO_ICMP : NHI_IPPROTO_ICMP6);
        cr_assert_eq(ip[v.hdr_len], v.version == 4 ? 3 : 2);
        cr_assert_eq(nhi_get32(ip + v.hdr_len + 4), rows[i].want);
        nhtb_addr src, dst, own = addr(v.version == 4 ? "10.255.0.1" : "fd00:ff::1"),
                            to = addr(rows[i].src);
        nhi_ip_addrs(ip, &src, &dst);
        cr_assert_eq(nhi_addr_cmp(&src, &own), 0);
        cr_assert_eq(nhi_addr_cmp(&dst, &to), 0);
        cr_assert_eq(rig_reason(&t.a, NHTB_REASON_TOO_BIG), 1);
        cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(t.a.w[0])->icmp_sent), 1);
        box_free(p);
        site_close(&t);
    }
}

Test(drops, the_largest_packet_fits_and_fills_the_path)
{
    for (uint32_t mtu = 600; mtu < 640; mtu++) {
        site t;
        site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
        rig_endpoint(&t.a, t.pa, "192.0.2.1", "192.0.2.2", 0, mtu);
        inner_spec s = {.src = "10.1.0.5", .dst = "10.2.0.6", .df = true};
        s.payload = nhi_a_load(&t.pa->inner_mtu) - 28;
        nhtb_pkt *p = one(&t.a, false, inner(&s, 1));
        cr_assert_eq(p->verdict, NHTB_PKT_TX);
        cr_assert_leq(p->len + 20, mtu);
        cr_assert_gt(p->len + 20 + 4, mtu);
        box_free(p);
        s.payload++;
        p = one(&t.a, false, inner(&s, 1));
        cr_assert_eq(p->reason, NHTB_REASON_TOO_BIG);
        box_free(p);
        site_close(&t);
    }
}

Test(drops, small_ipv6_goes_through_a_smaller_tunnel_for_the_outside_to_fragment)
{
    site t;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    t.ia->df = NHTB_DF_SET;
    rig_endpoint(&t.a, t.pa, "192.0.2.1", "192.0.2.2", 0, 700);
    inner_spec s = {.src = "fd00:1::5", .dst = "fd00:2::6", .payload = 1280 - 48};
    nhtb_pkt *p = one(&t.a, false, inner(&s, 1));
    cr_assert_eq(p->verdict, NHTB_PKT_TX);
    cr_assert_not(p->flags & NHTB_PKT_DF);
    box_free(p);
    site_close(&t);
}

Test(drops, too_big_without_icmp_where_none_is_allowed)
{
    site t;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    inner_spec s = {.src = "10.1.0.5", .dst = "10.2.0.6", .payload = 1600, .df = true};
    nhtb_pkt *p = inner(&s, 1);
    nhi_put16(p->buf + p->off + 6, 0x4001); /* a later fragment */
    expect_drop(&t.a, false, p, TOO_BIG_SILENT);
    rig_route(&t.a, "10.3.0.0/16", t.a.next_slot - 2);
    s.src = "224.1.1.1";
    expect_drop(&t.a, false, inner(&s, 1), TOO_BIG_SILENT);
    site_close(&t);
}

Test(drops, no_room_and_no_spare)
{
    site t;
    results r;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    nhtb_pkt *p = inner_room(&V4, 0, 0, 1);
    drive(&t.a, &p, 1, &(drive_opts){0}, &r);
    cr_assert_eq(r.n, 1);
    check_drop(r.v[0], NO_HEADROOM);
    results_free(&r);
    p = inner_room(&V4, 0, 0, 1);
    drive(&t.a, &p, 1, &(drive_opts){.spares = 1, .spare_cap = 100}, &r);
    check_drop(r.v[0], NO_SPARE);
    results_free(&r);
    inner_spec s = V4;
    s.payload = 3000;
    p = inner(&s, 1);
    drive(&t.a, &p, 1, &(drive_opts){.spares = 1, .spare_cap = 100}, &r);
    check_drop(r.v[0], NO_SPARE);
    results_free(&r);
    cr_assert_eq(rig_reason(&t.a, NHTB_REASON_NO_SPARE), 2);
    cr_assert_eq(rig_reason(&t.a, NHTB_REASON_NO_HEADROOM), 1);
    site_close(&t);
}

Test(drops, limits_end_an_sa_and_its_counter_is_never_put_back)
{
    site t;
    nhtb_pkt *v[10];
    results r;
    nhtb_path cand;
    nhtb_addr spoof;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    t.out->soft_seq = 4;
    t.out->hard_seq = 6;
    for (size_t i = 0; i < 10; i++)
        v[i] = inner(&V4, 1);
    drive(&t.a, v, 10, &(drive_opts){0}, &r);
    for (size_t i = 0; i < 10; i++) {
        cr_assert_eq(r.v[i]->verdict, i < 6 ? NHTB_PKT_TX : NHTB_PKT_DROP);
        cr_assert_eq(r.v[i]->reason, i < 6 ? 0 : NHTB_REASON_SEQ_EXHAUSTED);
    }
    results_free(&r);
    cr_assert_eq(nhi_fib_take_flagged(&t.a.fib), t.out);
    cr_assert_eq(nhi_cell_collect(t.out, &cand, &spoof), NHI_CELL_SOFT | NHI_CELL_HARD);
    expect_drop(&t.a, false, inner(&V4, 1), SEQ_EXHAUSTED);
    cr_assert_geq(nhi_a_load(&t.out->seq), 6);
    /* bytes */
    t.out->soft_seq = t.out->hard_seq = UINT32_MAX;
    t.out->hard_bytes = nhi_a_load(&t.out->bytes) + 100;
    nhtb_pkt *p = one(&t.a, false, inner(&V4, 1));
    cr_assert_eq(p->verdict, NHTB_PKT_TX);
    box_free(p);
    cr_assert_eq(nhi_fib_take_flagged(&t.a.fib), t.out);
    cr_assert_eq(nhi_cell_collect(t.out, &cand, &spoof), NHI_CELL_HARD);
    expect_drop(&t.a, false, inner(&V4, 1), SEQ_EXHAUSTED);
    site_close(&t);
}

static void broken(void *lane, unsigned index, nhtb_bulk_job *jobs, size_t n)
{
    (void)lane;
    (void)index;
    for (size_t i = 0; i < n; i++)
        jobs[i].status = NHTB_BULK_FAIL;
}

Test(drops, a_failing_backend_sends_and_delivers_nothing)
{
    site t;
    nhtb_path seen;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    nhtb_pkt *p = one(&t.a, false, inner(&V4, 1));
    cross(p, &seen);
    nhtb_bulk_ops bad = *t.a.crypto.bulk, *good = (nhtb_bulk_ops *)(uintptr_t)t.a.crypto.bulk;
    bad.seal = bad.open = broken;
    t.a.crypto.bulk = t.b.crypto.bulk = &bad;
    expect_drop(&t.a, false, inner(&V4, 1), CRYPTO);
    expect_drop(&t.b, true, p, CRYPTO);
    t.a.crypto.bulk = t.b.crypto.bulk = good;
    site_close(&t);
}

static nhtb_pkt *sealed(site *t, const inner_spec *s, nhtb_path *seen)
{
    nhtb_pkt *p = one(&t->a, false, inner(s, 1));
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %u", p->reason);
    cross(p, seen);
    return p;
}

Test(drops, inbound_datagrams_that_are_no_esp_of_ours)
{
    site t;
    nhtb_path seen;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    nhtb_pkt *p = sealed(&t, &V4, &seen);
    p->len = 7;
    expect_drop(&t.b, true, p, RUNT);
    p = sealed(&t, &V4, &seen);
    p->len = 8 + 8 + 16 + 1;
    expect_drop(&t.b, true, p, RUNT);
    p = sealed(&t, &V4, &seen);
    p->buf[p->off] ^= 0x40;
    expect_drop(&t.b, true, p, SPI_UNKNOWN);
    p = sealed(&t, &V4, &seen);
    p->kind = NHTB_PKT_UDP_4500; /* RFC 7296 2.23: either form, whatever was agreed */
    p = one(&t.b, true, p);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
    p = sealed(&t, &V4, &seen);
    p->kind = NHTB_PKT_INNER;
    expect_drop(&t.b, true, p, NOT_ESP);
    p = sealed(&t, &V4, &seen);
    p->len = p->cap;
    p->off = 1;
    expect_drop(&t.b, true, p, BAD_LENGTH);
    p = box(3, 0, 3);
    p->kind = NHTB_PKT_UDP_4500;
    expect_drop(&t.b, true, p, RUNT);
    p = box(0, 0, 0);
    p->kind = NHTB_PKT_UDP_4500;
    expect_drop(&t.b, true, p, RUNT);
    p = box(30, 0, 30);
    p->kind = NHTB_PKT_IKE_500; /* no path: nobody to answer */
    p = one(&t.b, true, p);
    check_drop(p, IKE);
    box_free(p);
    site_close(&t);
}

Test(drops, outer_packets_that_cannot_be_read)
{
    site t;
    inner_spec s = {.src = "192.0.2.1", .dst = "192.0.2.2", .payload = 64};
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    nhtb_pkt *p = inner_room(&s, 0, 0, 0);
    p->kind = NHTB_PKT_IP_OUTER;
    p->buf[6] = 0x20;
    expect_drop(&t.b, true, p, FRAGMENT);
    p = inner_room(&s, 0, 0, 0);
    p->kind = NHTB_PKT_IP_OUTER;
    p->buf[9] = NHI_IPPROTO_TCP;
    expect_drop(&t.b, true, p, NOT_ESP);
    p = inner_room(&s, 0, 0, 0);
    p->kind = NHTB_PKT_IP_OUTER;
    nhi_put16(p->buf + 24, 73);
    expect_drop(&t.b, true, p, BAD_LENGTH);
    p = inner_room(&s, 0, 0, 0);
    p->kind = NHTB_PKT_IP_OUTER;
    p->len = 24;
    nhi_put16(p->buf + 2, 24);
    expect_drop(&t.b, true, p, RUNT);
    p = inner_room(&s, 0, 0, 0);
    p->kind = NHTB_PKT_IP_OUTER;
    p->buf[0] = 0x95;
    expect_drop(&t.b, true, p, BAD_VERSION);
    site_close(&t);
}

Test(drops, damaged_packets_fail_the_icv_wherever_a_bit_flips)
{
    static const sa_kind kinds[] = {{NHI_ENCR_AES_GCM16, 256, 0, false, 64},
                                    {NHI_ENCR_AES_GCM16, 256, 0, true, 64},
                                    {NHI_ENCR_AES_CBC, 256, NHI_INTEG_SHA256_128, false, 64},
                                    {NHI_ENCR_AES_CBC, 256, NHI_INTEG_SHA256_128, true, 64}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(kinds); k++) {
        site t;
        nhtb_path seen;
        site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
        rig_sa(&t.a, t.pa, &t.b, t.pb, 0x10008, &kinds[k], 0);
        nhtb_pkt *p = sealed(&t, &V4, &seen);
        for (uint32_t i = 4; i < p->len; i++) {
            nhtb_pkt *q = box(p->len, 0, p->len);
            memcpy(q->buf, p->buf + p->off, p->len);
            q->kind = p->kind;
            q->path = p->path;
            q->buf[i] ^= i == 7 ? 2 : 1;
            q = one(&t.b, true, q);
            cr_assert_eq(q->verdict, NHTB_PKT_DROP);
            bool early = i < 8 && q->reason == NHTB_REASON_REPLAY_OLD;
            cr_assert(early || q->reason == NHTB_REASON_ICV, "byte %u: %u", i, q->reason);
            box_free(q);
        }
        cr_assert_eq(nhi_a_load(&rig_cell(&t.b, 0x10008, true)->top), 0, "window untouched");
        p = one(&t.b, true, p);
        cr_assert_eq(p->verdict, NHTB_PKT_DELIVER);
        box_free(p);
        site_close(&t);
    }
}

Test(drops, cbc_text_must_be_whole_blocks)
{
    site t;
    nhtb_path seen;
    static const sa_kind cbc = {NHI_ENCR_AES_CBC, 128, NHI_INTEG_SHA256_128, false, 64};
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    rig_sa(&t.a, t.pa, &t.b, t.pb, 0x10008, &cbc, 0);
    nhtb_pkt *p = sealed(&t, &V4, &seen);
    p->len -= 4;
    expect_drop(&t.b, true, p, BAD_LENGTH);
    site_close(&t);
}

Test(drops, inner_addresses_outside_selectors_sources_of_others_and_loops)
{
    site t;
    nhtb_path seen, cand;
    nhtb_addr spoof, b_addr = addr("10.9.0.9");
    inner_spec s = V4;
    site_open(&t, NHTB_IFACE_MULTIPOINT, false);
    nhi_cell *in = rig_cell(&t.b, 0x10000, true);
    nhi_path *other = rig_tunnel(&t.b, t.ib, "192.0.2.2", "192.0.2.3", 0, 1500);
    rig_via(&t.b, "10.9.0.0/16", t.ib, other);
    rig_route(&t.b, "10.8.0.0/16", NHI_SLOT_LOCAL);
    nhtb_pkt *p = sealed(&t, &V4, &seen);
    p = one(&t.b, true, p);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
    box_free(p);
    (void)nhi_fib_take_flagged(&t.b.fib);
    (void)nhi_cell_collect(in, &cand, &spoof);
    static const char *const forged[] = {"10.9.0.9", "10.8.0.1", "172.16.0.1", "224.0.0.1"};
    for (size_t i = 0; i < NHI_ARRAY_LEN(forged); i++) {
        s.src = forged[i];
        expect_drop(&t.b, true, sealed(&t, &s, &seen), RPF);
    }
    cr_assert_eq(nhi_fib_take_flagged(&t.b.fib), in);
    cr_assert_eq(nhi_cell_collect(in, &cand, &spoof), NHI_CELL_SPOOF);
    cr_assert_eq(nhi_addr_cmp(&spoof, &b_addr), 0);
    t.ib->rpf = false;
    s.src = "10.9.0.9";
    p = one(&t.b, true, sealed(&t, &s, &seen));
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "the knob");
    box_free(p);
    t.ib->rpf = true;
    /* selectors of the SA */
    in->sel = rig_sel(&t.b, "10.2.0.0/16", "10.1.0.0/24");
    p = one(&t.b, true, sealed(&t, &V4, &seen));
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER);
    box_free(p);
    s = V4;
    s.src = "10.1.7.7";
    expect_drop(&t.b, true, sealed(&t, &s, &seen), SELECTOR_IN);
    in->sel = NULL;
    /* the tunnel inside itself */
    rig_via(&t.a, "192.0.2.0/24", t.ia, t.pa);
    s = V4;
    s.dst = "192.0.2.2";
    expect_drop(&t.b, true, sealed(&t, &s, &seen), LOOP);
    s.dst = "192.0.2.1";
    expect_drop(&t.b, true, sealed(&t, &s, &seen), LOOP);
    site_close(&t);
}

Test(drops, an_interface_that_is_gone_takes_its_packets_along)
{
    site t;
    nhtb_path seen;
    site_open(&t, NHTB_IFACE_POINT_TO_POINT, false);
    nhtb_pkt *p = sealed(&t, &V4, &seen);
    nhi_a_store(&t.pb->iface, (nhi_iface_pub *)NULL);
    expect_drop(&t.b, true, p, NO_IFACE);
    site_close(&t);
}
