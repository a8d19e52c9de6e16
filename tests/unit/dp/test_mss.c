/* SPDX-License-Identifier: Apache-2.0
 * MSS clamp in the pipelines: out, in and in transit, both families, off, by the MTU and by value. */
#include "rig.h"

enum { SYN = 2, ACK = 0x10, SENT = 1460 };

typedef struct star {
    rig hub, s[2];
    nhi_iface_pub *ih, *is[2];
    nhi_path *ph[2], *ps[2];
} star;

static const char *const OUTER[2] = {"192.0.2.11", "192.0.2.12"};

/* Only the hub clamps: mss at the hub, MTUs of its two tunnels. */
static void star_open(star *t, uint16_t mss, uint32_t mtu0, uint32_t mtu1)
{
    rig_open(&t->hub, NULL, NHTB_EMIT_PAYLOAD, false);
    t->ih = rig_iface(&t->hub, 1, NHTB_IFACE_MULTIPOINT, "10.255.0.1", "fd00:ff::1");
    t->ih->tcp_mss = mss;
    for (size_t i = 0; i < 2; i++) {
        rig_open(&t->s[i], NULL, NHTB_EMIT_PAYLOAD, false);
        t->is[i] = rig_iface(&t->s[i], 1, NHTB_IFACE_POINT_TO_POINT, NULL, NULL);
        t->ph[i] = rig_tunnel(&t->hub, t->ih, "192.0.2.1", OUTER[i], 0, i ? mtu1 : mtu0);
        t->ps[i] = rig_tunnel(&t->s[i], t->is[i], OUTER[i], "192.0.2.1", 0, 1500);
        uint32_t slot = rig_slot(&t->hub, t->ih, t->ph[i]);
        rig_route(&t->hub, i ? "10.12.0.0/16" : "10.11.0.0/16", slot);
        rig_route(&t->hub, i ? "fd00:12::/32" : "fd00:11::/32", slot);
        rig_route(&t->s[i], "0.0.0.0/0", rig_slot(&t->s[i], t->is[i], t->ps[i]));
        rig_route(&t->s[i], "::/0", t->s[i].next_slot - 1);
        rig_pair(&t->s[i], t->ps[i], &t->hub, t->ph[i], 0x10000 + (uint32_t)i * 16, &GCM);
    }
}

static void star_close(star *t)
{
    rig_close(&t->hub);
    rig_close(&t->s[0]);
    rig_close(&t->s[1]);
}

static nhtb_pkt *tcp(const char *src, const char *dst, uint8_t flags)
{
    nhtb_pkt *p = inner(&(inner_spec){.src = src, .dst = dst, .proto = 6, .payload = 4}, 1);
    uint8_t *ip = p->buf + p->off, *t = ip + (ip[0] >> 4 == 4 ? 20 : 40);
    uint32_t n = (uint32_t)(p->buf + p->off + p->len - t);
    t[12] = 6 << 4;
    t[13] = flags;
    nhi_put32(t + 20, 0x02040000 | SENT);
    nhi_put16(t + 16, 0);
    nhi_put16(t + 16, nhi_csum_fold(nhi_csum_add(nhi_ip_pseudo_sum(ip, 6, n), t, n)));
    return p;
}

static nhtb_pkt *hop(rig *from, rig *to, nhtb_pkt *p, nhtb_path *seen)
{
    if (from != NULL)
        p = one(from, false, p);
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %u", p->reason);
    cross(p, seen);
    return one(to, true, p);
}

static uint32_t mss_of(nhtb_pkt *p)
{
    const uint8_t *ip = p->buf + p->off;
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
    cr_assert(sound(ip, p->len), "checksum");
    uint32_t v = nhi_get16(ip + (ip[0] >> 4 == 4 ? 20 : 40) + 22);
    box_free(p);
    return v;
}

static uint32_t inner_mtu(nhi_path *p)
{
    return nhi_a_load(&p->inner_mtu);
}

static const struct {
    const char *hub, *lan[2];
    uint32_t hdr;
} FAMILY[2] = {{"10.10.0.1", {"10.11.0.5", "10.12.0.6"}, 40},
               {"fd00:10::1", {"fd00:11::5", "fd00:12::6"}, 60}};

Test(mss, a_syn_is_clamped_to_the_tunnel_it_leaves_by)
{
    for (size_t f = 0; f < 2; f++) {
        star t;
        nhtb_path seen;
        star_open(&t, NHTB_MSS_AUTO, 1400, 1500);
        uint32_t want = inner_mtu(t.ph[0]) - FAMILY[f].hdr;
        cr_assert_lt(want, SENT);
        nhtb_pkt *p = hop(&t.hub, &t.s[0], tcp(FAMILY[f].hub, FAMILY[f].lan[0], SYN), &seen);
        cr_assert_eq(mss_of(p), want);
        p = hop(&t.hub, &t.s[0], tcp(FAMILY[f].hub, FAMILY[f].lan[0], SYN | ACK), &seen);
        cr_assert_eq(mss_of(p), want);
        cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(t.hub.w[0])->mss_clamped), 2);
        star_close(&t);
    }
}

Test(mss, a_syn_that_comes_in_is_clamped_to_the_way_back)
{
    for (size_t f = 0; f < 2; f++) {
        star t;
        nhtb_path seen;
        star_open(&t, NHTB_MSS_AUTO, 1400, 1500);
        nhtb_pkt *p = hop(&t.s[0], &t.hub, tcp(FAMILY[f].lan[0], FAMILY[f].hub, SYN), &seen);
        cr_assert_eq(mss_of(p), inner_mtu(t.ph[0]) - FAMILY[f].hdr);
        star_close(&t);
    }
}

Test(mss, in_transit_the_smaller_of_both_tunnels_counts)
{
    for (size_t f = 0; f < 2; f++)
        for (unsigned narrow = 0; narrow < 2; narrow++) {
            star t;
            nhtb_path seen;
            star_open(&t, NHTB_MSS_AUTO, narrow ? 1500 : 1400, narrow ? 1400 : 1500);
            nhtb_pkt *p = hop(&t.s[0], &t.hub, tcp(FAMILY[f].lan[0], FAMILY[f].lan[1], SYN), &seen);
            p = hop(NULL, &t.s[1], p, &seen);
            cr_assert_eq(mss_of(p), inner_mtu(t.ph[narrow]) - FAMILY[f].hdr);
            star_close(&t);
        }
}

Test(mss, off_and_by_value_and_never_more_than_fits)
{
    static const struct {
        uint16_t set;
        uint32_t mtu, want; /* want 0: what fits */
    } c[] = {{NHTB_MSS_OFF, 1400, SENT}, {1000, 1400, 1000}, {1459, 1400, 0}, {1461, 9000, SENT}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(c); i++) {
        star t;
        nhtb_path seen;
        star_open(&t, c[i].set, c[i].mtu, 1500);
        nhtb_pkt *p = hop(&t.hub, &t.s[0], tcp(FAMILY[0].hub, FAMILY[0].lan[0], SYN), &seen);
        cr_assert_eq(mss_of(p), c[i].want != 0 ? c[i].want : inner_mtu(t.ph[0]) - 40, "case %zu",
                     i);
        star_close(&t);
    }
}

Test(mss, data_segments_fragments_and_other_protocols_are_left_alone)
{
    star t;
    nhtb_path seen;
    star_open(&t, NHTB_MSS_AUTO, 1400, 1500);
    nhtb_pkt *p = hop(&t.hub, &t.s[0], tcp(FAMILY[0].hub, FAMILY[0].lan[0], ACK), &seen);
    cr_assert_eq(mss_of(p), SENT);
    p = tcp(FAMILY[0].hub, FAMILY[0].lan[0], SYN);
    nhi_ip4_patch16(p->buf + p->off, 6, 0x2000); /* first of several fragments */
    p = hop(&t.hub, &t.s[0], p, &seen);
    cr_assert_eq(mss_of(p), SENT);
    p = inner(&(inner_spec){.src = "10.10.0.1", .dst = "10.11.0.5", .payload = 60}, 1);
    p = hop(&t.hub, &t.s[0], p, &seen);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER);
    box_free(p);
    cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(t.hub.w[0])->mss_clamped), 0);
    star_close(&t);
}

Test(mss, ipv6_counts_on_1280_bytes_where_the_tunnel_is_narrower)
{
    star t;
    nhtb_path seen;
    star_open(&t, NHTB_MSS_AUTO, 1000, 1500);
    nhtb_pkt *p = hop(&t.hub, &t.s[0], tcp(FAMILY[1].hub, FAMILY[1].lan[0], SYN), &seen);
    cr_assert_eq(mss_of(p), 1280 - 60);
    star_close(&t);
}
