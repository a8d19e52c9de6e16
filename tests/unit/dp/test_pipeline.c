/* SPDX-License-Identifier: Apache-2.0
 * Both pipelines end to end between two gateways: suites, ESN, address families, emit levels, outer
 * header rules, replay, hand-over, notes to control. */
#include "rig.h"
#ifdef NHTB_HAVE_OPENSSL
#include <nhtb/backend_openssl.h>
#endif
#ifdef NHTB_HAVE_MBEDTLS
#include <nhtb/backend_mbedtls.h>
#endif

typedef struct link {
    rig a, b;
    nhi_iface_pub *ia, *ib;
    nhi_path *pa, *pb;
} link_t;

typedef struct link_opts {
    const nhtb_crypto *crypto;
    nhtb_emit emit;
    bool v6_outer;
    uint16_t port;
    const sa_kind *kind;
} link_opts;

static void link_open(link_t *l, const link_opts *o)
{
    const char *x = o->v6_outer ? "2001:db8::1" : "192.0.2.1";
    const char *y = o->v6_outer ? "2001:db8::2" : "192.0.2.2";
    rig_open(&l->a, o->crypto, o->emit, false);
    rig_open(&l->b, o->crypto, o->emit, false);
    l->ia = rig_iface(&l->a, 1, NHTB_IFACE_POINT_TO_POINT, "10.255.0.1", "fd00:ff::1");
    l->ib = rig_iface(&l->b, 1, NHTB_IFACE_POINT_TO_POINT, "10.255.0.2", "fd00:ff::2");
    l->pa = rig_tunnel(&l->a, l->ia, x, y, o->port, 1500);
    l->pb = rig_tunnel(&l->b, l->ib, y, x, o->port, 1500);
    rig_via(&l->a, "10.2.0.0/16", l->ia, l->pa);
    rig_via(&l->a, "fd00:2::/32", l->ia, l->pa);
    rig_via(&l->b, "10.1.0.0/16", l->ib, l->pb);
    rig_via(&l->b, "fd00:1::/32", l->ib, l->pb);
    rig_pair(&l->a, l->pa, &l->b, l->pb, 0x10000, o->kind != NULL ? o->kind : &GCM);
}

static void link_close(link_t *l)
{
    rig_close(&l->a);
    rig_close(&l->b);
}

static const inner_spec V4 = {.src = "10.1.0.5", .dst = "10.2.0.6", .payload = 100};
static const inner_spec V6 = {.src = "fd00:1::5", .dst = "fd00:2::6", .payload = 100};

static void round_trip(link_t *l, const inner_spec *s)
{
    nhtb_pkt *p = inner(s, 1), *same = inner(s, 1);
    nhtb_path seen;
    p = one(&l->a, false, p);
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %u", p->reason);
    cross(p, &seen);
    p = one(&l->b, true, p);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
    cr_assert_eq(p->kind, NHTB_PKT_INNER);
    cr_assert_eq(p->iface.id, 1);
    cr_assert_eq(p->len, same->len);
    cr_assert_arr_eq(p->buf + p->off, same->buf + same->off, p->len);
    box_free(p);
    box_free(same);
}

static size_t backends(nhtb_crypto *v)
{
    size_t n = 0;
    v[n++] = nhtb_null_crypto();
#ifdef NHTB_HAVE_OPENSSL
    v[n++] = nhtb_openssl_crypto();
#endif
#ifdef NHTB_HAVE_MBEDTLS
    v[n++] = nhtb_mbedtls_crypto();
#endif
    return n;
}

static const sa_kind KINDS[] = {
    {NHI_ENCR_AES_GCM16, 128, 0, false, 64},
    {NHI_ENCR_AES_GCM16, 256, 0, true, 64},
    {NHI_ENCR_CHACHA20_POLY1305, 0, 0, true, 1024},
    {NHI_ENCR_CHACHA20_POLY1305, 0, 0, false, 0},
    {NHI_ENCR_AES_CBC, 128, NHI_INTEG_SHA256_128, false, 128},
    {NHI_ENCR_AES_CBC, 256, NHI_INTEG_SHA384_192, true, 64},
    {NHI_ENCR_AES_CBC, 256, NHI_INTEG_SHA512_256, true, 512},
};

Test(pipeline, every_suite_carries_both_families_over_both_families)
{
    nhtb_crypto c[3];
    size_t n = backends(c);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < NHI_ARRAY_LEN(KINDS); k++)
            for (unsigned m = 0; m < 8; m++) {
                link_t l;
                link_open(&l, &(link_opts){.crypto = &c[i],
                                           .emit = m & 1 ? NHTB_EMIT_IP : NHTB_EMIT_PAYLOAD,
                                           .v6_outer = (m & 2) != 0,
                                           .port = m & 4 ? 4500 : 0,
                                           .kind = &KINDS[k]});
                for (uint32_t len = 0; len < 20; len++) {
                    inner_spec s4 = V4, s6 = V6;
                    s4.payload = s6.payload = len;
                    round_trip(&l, &s4);
                    round_trip(&l, &s6);
                }
                cr_assert_eq(nhi_a_load(&rig_cell(&l.a, 0x10000, false)->packets), 40);
                cr_assert_eq(nhi_a_load(&rig_cell(&l.b, 0x10000, true)->packets), 40);
                link_close(&l);
            }
}

Test(pipeline, extended_numbers_pass_the_end_of_the_low_half)
{
    for (size_t k = 1; k < NHI_ARRAY_LEN(KINDS); k++) {
        if (!KINDS[k].esn)
            continue;
        link_t l;
        link_open(&l, &(link_opts){.kind = &KINDS[k]});
        nhi_a_store(&rig_cell(&l.a, 0x10000, false)->seq, UINT64_C(0xfffffff0));
        nhi_a_store(&rig_cell(&l.b, 0x10000, true)->top, UINT64_C(0xfffffff0));
        for (unsigned i = 0; i < 40; i++)
            round_trip(&l, &V4);
        cr_assert_eq(nhi_a_load(&rig_cell(&l.b, 0x10000, true)->top), UINT64_C(0x100000018));
        link_close(&l);
    }
}

Test(pipeline, emit_ip_writes_whole_outer_packets)
{
    for (unsigned m = 0; m < 4; m++) {
        link_t l;
        bool v6 = (m & 1) != 0, udp = (m & 2) != 0;
        link_open(&l, &(link_opts){.emit = NHTB_EMIT_IP, .v6_outer = v6, .port = udp ? 4500 : 0});
        nhtb_pkt *p = one(&l.a, false, inner(&V4, 1));
        const uint8_t *ip = p->buf + p->off;
        nhi_ip_view v;
        cr_assert_eq(p->verdict, NHTB_PKT_TX);
        cr_assert_eq(p->kind, NHTB_PKT_IP_OUTER);
        cr_assert_eq(nhi_ip_parse(&v, ip, p->len, false), 0);
        cr_assert_eq(v.total_len, p->len);
        cr_assert_eq(v.version, v6 ? 6 : 4);
        cr_assert_eq(v.proto, udp ? NHI_IPPROTO_UDP : NHI_IPPROTO_ESP);
        cr_assert_eq(v.ttl, 64);
        if (!v6)
            cr_assert_eq(nhi_csum_fold(nhi_csum_add(0, ip, 20)), 0);
        if (v6 && udp)
            cr_assert(sound(ip, p->len));
        if (udp) {
            cr_assert_eq(v.sport, 4500);
            cr_assert_eq(nhi_get16(ip + v.hdr_len + 4), p->len - v.hdr_len);
        }
        box_free(p);
        link_close(&l);
    }
}

Test(pipeline, payload_has_kind_and_path_of_its_tunnel)
{
    for (unsigned udp = 0; udp < 2; udp++) {
        link_t l;
        link_open(&l, &(link_opts){.port = udp ? 4500 : 0});
        nhtb_pkt *p = one(&l.a, false, inner(&V4, 1));
        cr_assert_eq(p->kind, udp ? NHTB_PKT_UDP_4500 : NHTB_PKT_ESP);
        cr_assert(nhi_addr_cmp(&p->path->remote, &(nhtb_addr){4, {0}, {192, 0, 2, 2}}) == 0);
        cr_assert_eq(nhi_get32(p->buf + p->off), 0x10000);
        cr_assert_eq(nhi_get32(p->buf + p->off + 4), 1);
        box_free(p);
        link_close(&l);
    }
}

Test(pipeline, df_dscp_and_ecn_follow_the_interface)
{
    static const struct {
        uint8_t df, dscp;
        bool compat, inner_df;
        uint8_t inner_tos, tos;
        bool outer_df;
    } t[] = {
        {NHTB_DF_CLEAR, 0xff, false, true, 0xb9, 0xb9, false},
        {NHTB_DF_CLEAR, 0xff, false, false, 0x03, 0x03, false},
        {NHTB_DF_COPY, 0xff, false, true, 0x02, 0x02, true},
        {NHTB_DF_COPY, 0xff, true, false, 0x02, 0x00, false},
        {NHTB_DF_SET, 46, false, false, 0x01, 0xb9, true},
        {NHTB_DF_SET, 0, false, false, 0xb8, 0x00, true},
        {NHTB_DF_COPY, 8, true, true, 0xff, 0x20, true},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(t); i++)
        for (unsigned emit = 0; emit < 2; emit++) {
            link_t l;
            link_open(&l, &(link_opts){.emit = (nhtb_emit)emit});
            l.ia->df = t[i].df;
            l.ia->dscp = t[i].dscp;
            l.ia->ecn_compat = t[i].compat;
            l.ia->ttl = 33;
            inner_spec s = V4;
            s.df = t[i].inner_df;
            s.tos = t[i].inner_tos;
            nhtb_pkt *p = one(&l.a, false, inner(&s, 1));
            cr_assert_eq(p->verdict, NHTB_PKT_TX);
            cr_assert_eq(p->tos, t[i].tos, "row %zu: %02x", i, p->tos);
            cr_assert_eq((p->flags & NHTB_PKT_DF) != 0, t[i].outer_df, "row %zu", i);
            cr_assert_eq(p->ttl, 33);
            if (emit == NHTB_EMIT_IP) {
                const uint8_t *ip = p->buf + p->off;
                cr_assert_eq(ip[1], t[i].tos);
                cr_assert_eq(ip[8], 33);
                cr_assert_eq((ip[6] & 0x40) != 0, t[i].outer_df);
            }
            box_free(p);
            link_close(&l);
        }
}

Test(pipeline, congestion_and_dscp_come_back_by_the_table)
{
    static const struct {
        uint8_t in, out;
        bool copy;
        int want;
    } t[] = {
        {0x00, 0x00, false, 0x00}, {0x00, 0x03, false, -1},   {0x02, 0x03, false, 0x03},
        {0x01, 0x03, false, 0x03}, {0x02, 0x01, false, 0x01}, {0x03, 0x00, false, 0x03},
        {0xb8, 0x20, true, 0x20},  {0xb8, 0x20, false, 0xb8},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(t); i++)
        for (unsigned v6 = 0; v6 < 2; v6++) {
            link_t l;
            nhtb_path seen;
            link_open(&l, &(link_opts){0});
            l.ib->copy_outer_dscp = t[i].copy;
            inner_spec s = v6 ? V6 : V4;
            s.tos = t[i].in;
            nhtb_pkt *p = one(&l.a, false, inner(&s, 1));
            cross(p, &seen);
            p->tos = t[i].out;
            p = one(&l.b, true, p);
            if (t[i].want < 0) {
                check_drop(p, ECN);
                cr_assert_eq(rig_reason(&l.b, NHTB_REASON_ECN), 1);
            } else {
                nhi_ip_view v;
                cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "row %zu", i);
                cr_assert_eq(nhi_ip_parse(&v, p->buf + p->off, p->len, false), 0);
                cr_assert_eq(v.tos, t[i].want, "row %zu: %02x", i, v.tos);
                cr_assert(sound(p->buf + p->off, p->len));
            }
            box_free(p);
            link_close(&l);
        }
}

Test(pipeline, owed_checksum_is_paid)
{
    for (unsigned v6 = 0; v6 < 2; v6++) {
        link_t l;
        nhtb_path seen;
        link_open(&l, &(link_opts){0});
        nhtb_pkt *p = inner(v6 ? &V6 : &V4, 1);
        uint8_t *ip = p->buf + p->off;
        uint32_t ip_len = v6 ? 40 : 20;
        uint32_t fold = (uint16_t)~nhi_csum_fold(nhi_ip_pseudo_sum(ip, 17, p->len - ip_len));
        nhi_put16(ip + ip_len + 6, fold);
        p->flags = NHTB_PKT_NEEDS_CSUM;
        p->csum_start = (uint16_t)ip_len;
        p->csum_offset = 6;
        p = one(&l.a, false, p);
        cross(p, &seen);
        p = one(&l.b, true, p);
        cr_assert_eq(p->verdict, NHTB_PKT_DELIVER);
        cr_assert(sound(p->buf + p->off, p->len));
        box_free(p);
        link_close(&l);
    }
}

static nhtb_pkt *clone(const nhtb_pkt *p)
{
    nhtb_pkt *q = box(p->cap, p->off, p->len);
    memcpy(q->buf, p->buf, p->cap);
    q->kind = p->kind;
    q->path = p->path;
    return q;
}

Test(pipeline, a_replayed_burst_is_dropped_packet_by_packet)
{
    link_t l;
    nhtb_path seen;
    nhtb_pkt *v[60];
    results r;
    link_open(&l, &(link_opts){0});
    for (size_t i = 0; i < 30; i++) {
        v[i] = one(&l.a, false, inner(&V4, 1));
        cross(v[i], &seen);
        v[i + 30] = clone(v[i]);
    }
    nhtb_pkt *again = clone(v[7]);
    drive(&l.b, v, 60, &(drive_opts){.in = true}, &r);
    for (size_t i = 0; i < 60; i++) {
        cr_assert_eq(r.v[i]->verdict, i < 30 ? NHTB_PKT_DELIVER : NHTB_PKT_DROP);
        cr_assert_eq(r.v[i]->reason, i < 30 ? 0 : NHTB_REASON_REPLAY);
    }
    results_free(&r);
    again = one(&l.b, true, again);
    check_drop(again, REPLAY);
    box_free(again);
    cr_assert_eq(rig_reason(&l.b, NHTB_REASON_REPLAY), 31);
    cr_assert_eq(nhi_a_load(&rig_cell(&l.b, 0x10000, true)->drops), 31);
    link_close(&l);
}

Test(pipeline, packets_left_of_the_window_are_dropped_and_inside_it_are_not)
{
    static const uint32_t windows[] = {64, 128, 512, 1024};
    for (size_t k = 0; k < NHI_ARRAY_LEN(windows); k++) {
        link_t l;
        nhtb_path seen;
        sa_kind kind = GCM;
        kind.window = windows[k];
        link_open(&l, &(link_opts){.kind = &kind});
        nhtb_pkt *left = one(&l.a, false, inner(&V4, 1));
        cross(left, &seen);
        nhtb_pkt *edge = one(&l.a, false, inner(&V4, 1));
        cross(edge, &seen);
        for (uint32_t i = 0; i < windows[k] - 1; i++)
            round_trip(&l, &V4);
        edge = one(&l.b, true, edge);
        cr_assert_eq(edge->verdict, NHTB_PKT_DELIVER);
        left = one(&l.b, true, left);
        check_drop(left, REPLAY_OLD);
        box_free(left);
        box_free(edge);
        link_close(&l);
    }
}

Test(pipeline, another_workers_sa_is_handed_over_untouched)
{
    link_t l;
    nhtb_path seen;
    link_open(&l, &(link_opts){.emit = NHTB_EMIT_IP});
    nhtb_pkt *p = one(&l.a, false, inner(&V4, 1));
    cross(p, &seen);
    nhtb_pkt *copy = clone(p);
    rig_cell(&l.b, 0x10000, true)->worker = 1;
    p = one(&l.b, true, p);
    cr_assert_eq(p->verdict, NHTB_PKT_HANDOFF);
    cr_assert_eq(p->worker, 1);
    cr_assert_eq(p->kind, NHTB_PKT_IP_OUTER);
    cr_assert_eq(p->len, copy->len);
    cr_assert_arr_eq(p->buf + p->off, copy->buf + copy->off, p->len);
    cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(l.b.w[0])->handoffs), 1);
    cr_assert_eq(rig_reason(&l.b, NHTB_REASON_WRONG_WORKER), 1);
    results r;
    drive(&l.b, &p, 1, &(drive_opts){.in = true, .worker = 1}, &r);
    cr_assert_eq(r.v[0]->verdict, NHTB_PKT_DELIVER);
    results_free(&r);
    box_free(copy);
    link_close(&l);
}

Test(pipeline, first_use_and_only_the_newest_packets_source_are_noted)
{
    link_t l;
    nhtb_path seen, other, cand;
    nhtb_addr spoof;
    link_open(&l, &(link_opts){.port = 4500});
    nhi_cell *c = rig_cell(&l.b, 0x10000, true);
    nhtb_pkt *p1 = one(&l.a, false, inner(&V4, 1)), *p2 = one(&l.a, false, inner(&V4, 1));
    nhtb_pkt *p3 = one(&l.a, false, inner(&V4, 1)), *bad;
    cross(p1, &seen);
    cross(p2, &seen);
    cross(p3, &seen);
    other = seen;
    other.remote_port = 31000;
    bad = clone(p3);
    bad->buf[bad->off + bad->len - 1] ^= 1;
    bad->path = &other;
    bad = one(&l.b, true, bad);
    check_drop(bad, ICV);
    cr_assert_null(nhi_fib_take_flagged(&l.b.fib), "a forged packet says nothing");
    p2 = one(&l.b, true, p2);
    cr_assert_eq(nhi_fib_take_flagged(&l.b.fib), c);
    cr_assert_eq(nhi_cell_collect(c, &cand, &spoof), NHI_CELL_FIRST_USE);
    p1->path = &other;
    p1 = one(&l.b, true, p1);
    cr_assert_eq(p1->verdict, NHTB_PKT_DELIVER);
    cr_assert_null(nhi_fib_take_flagged(&l.b.fib), "an older packet does not move the peer");
    p3->path = &other;
    p3 = one(&l.b, true, p3);
    cr_assert_eq(nhi_fib_take_flagged(&l.b.fib), c);
    cr_assert_eq(nhi_cell_collect(c, &cand, &spoof), NHI_CELL_NEW_SOURCE);
    cr_assert(nhi_path_equal(&cand, &other));
    box_free(p1);
    box_free(p2);
    box_free(p3);
    box_free(bad);
    link_close(&l);
}

Test(pipeline, ike_keepalive_and_marker_are_sorted_out)
{
    link_t l;
    nhtb_path path = {0};
    link_open(&l, &(link_opts){0});
    nhtb_pkt *p = box(40, 0, 40);
    p->kind = NHTB_PKT_IKE_500;
    p->path = &path;
    p = one(&l.b, true, p);
    cr_assert_eq(p->verdict, NHTB_PKT_PUNT);
    cr_assert_eq(p->reason, NHTB_REASON_IKE);
    p->kind = NHTB_PKT_UDP_4500;
    memset(p->buf, 0, 4);
    p = one(&l.b, true, p);
    cr_assert_eq(p->verdict, NHTB_PKT_PUNT);
    cr_assert_eq(p->len, 40);
    p->len = 1;
    p->buf[0] = 0xff;
    p = one(&l.b, true, p);
    check_drop(p, KEEPALIVE);
    box_free(p);
    /* IKE inside a whole outer packet comes out as UDP payload. */
    inner_spec s = {.src = "192.0.2.1", .dst = "192.0.2.2", .payload = 60};
    for (unsigned port = 500; port <= 4500; port += 4000) {
        p = inner_room(&s, 0, 0, 0);
        nhi_put16(p->buf + 22, port);
        memset(p->buf + 28, 0, 4);
        p->kind = NHTB_PKT_IP_OUTER;
        p->path = &path;
        p = one(&l.b, true, p);
        cr_assert_eq(p->verdict, NHTB_PKT_PUNT);
        cr_assert_eq(p->kind, port == 500 ? NHTB_PKT_IKE_500 : NHTB_PKT_UDP_4500);
        cr_assert_eq(p->off, 28);
        cr_assert_eq(p->len, 60);
        box_free(p);
    }
    link_close(&l);
}

static void reclaim(void *user, void *obj)
{
    (void)user;
    memset(obj, 0xdd, sizeof(nhi_endpoint));
}

Test(pipeline, paths_stay_valid_until_rest_although_the_tunnel_moved)
{
    link_t l;
    link_open(&l, &(link_opts){0});
    nhtb_pkt *p = one(&l.a, false, inner(&V4, 1));
    nhi_endpoint *old = nhi_a_load(&l.pa->endpoint);
    rig_endpoint(&l.a, l.pa, "192.0.2.1", "192.0.2.9", 0, 1500);
    nhi_qsbr_retire(&l.a.fib.qsbr, &old->retired, reclaim, NULL, old);
    cr_assert_eq(nhi_qsbr_poll(&l.a.fib.qsbr), 1);
    nhtb_pkt *q = one(&l.a, false, inner(&V4, 1));
    cr_assert_eq(nhi_qsbr_poll(&l.a.fib.qsbr), 1, "a second call is no rest");
    cr_assert_eq(p->path->remote.b[3], 2);
    cr_assert_eq(q->path->remote.b[3], 9);
    box_free(p);
    box_free(q);
    link_close(&l);
}

Test(pipeline, counters_tell_packets_and_inner_bytes)
{
    link_t l;
    link_open(&l, &(link_opts){0});
    round_trip(&l, &V4);
    round_trip(&l, &V6);
    const nhi_dp_count *a = nhi_dp_worker_count(l.a.w[0]), *b = nhi_dp_worker_count(l.b.w[0]);
    cr_assert_eq(nhi_a_load(&a->out_packets), 2);
    cr_assert_eq(nhi_a_load(&a->out_bytes), 128 + 148);
    cr_assert_eq(nhi_a_load(&b->in_packets), 2);
    cr_assert_eq(nhi_a_load(&b->in_bytes), 128 + 148);
    cr_assert_eq(nhi_a_load(&l.ia->count[0].out_packets), 2);
    cr_assert_eq(nhi_a_load(&l.ib->count[0].in_bytes), 128 + 148);
    cr_assert_eq(nhi_a_load(&rig_cell(&l.b, 0x10000, true)->bytes), 128 + 148);
    cr_assert_eq(nhi_a_load(&rig_cell(&l.a, 0x10000, false)->last_use), T0);
    link_close(&l);
}

Test(pipeline, neighbours_of_one_tcp_flow_are_marked_for_coalescing)
{
    for (unsigned v6 = 0; v6 < 2; v6++) {
        link_t l;
        nhtb_path seen;
        nhtb_pkt *v[6];
        results r;
        link_open(&l, &(link_opts){0});
        for (size_t i = 0; i < 6; i++) {
            inner_spec s = v6 ? V6 : V4;
            uint32_t ip_len = v6 ? 40 : 20;
            s.proto = NHI_IPPROTO_TCP;
            v[i] = inner(&s, 1);
            uint8_t *tcp = v[i]->buf + v[i]->off + ip_len;
            nhi_put32(tcp + 4, (uint32_t)(i == 3 ? 999 : i * 100)); /* one is out of order */
            tcp[13] = i == 2 ? 0x18 : 0x10;
            if (i == 5)
                nhi_put16(tcp, 1001); /* another flow */
            v[i] = one(&l.a, false, v[i]);
            cross(v[i], &seen);
        }
        drive(&l.b, v, 6, &(drive_opts){.in = true}, &r);
        static const bool want[6] = {false, true, true, false, false, false};
        for (size_t i = 0; i < 6; i++) {
            cr_assert_eq(r.v[i]->verdict, NHTB_PKT_DELIVER);
            cr_assert_eq((r.v[i]->flags & NHTB_PKT_GRO_NEXT) != 0, want[i], "%zu", i);
        }
        results_free(&r);
        link_close(&l);
    }
}

Test(pipeline, an_outbound_packet_that_waits_does_not_stop_what_comes_in)
{
    link_t l;
    nhtb_path seen;
    results r;
    link_open(&l, &(link_opts){0});
    inner_spec big = {.src = "10.1.0.5", .dst = "10.2.0.6", .payload = 3000};
    nhtb_pkt *p = inner(&big, 1), *q;
    drive(&l.a, &p, 1, &(drive_opts){.max_calls = 1}, &r);
    cr_assert(r.more);
    results_free(&r);
    inner_spec s = {.src = "10.2.0.6", .dst = "10.1.0.5", .payload = 10};
    q = one(&l.b, false, inner(&s, 1));
    cross(q, &seen);
    nhtb_pkt *out[2];
    nhtb_burst b = {.in = &q, .n_in = 1, .out = out, .cap_out = 2};
    nhtb_worker_in(l.a.w[0], &b, T0);
    cr_assert(b.more);
    cr_assert_eq(b.n_out, 1);
    cr_assert_eq(out[0]->verdict, NHTB_PKT_DELIVER);
    box_free(q);
    box_free(p);
    link_close(&l);
}
