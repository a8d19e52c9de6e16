/* SPDX-License-Identifier: Apache-2.0
 * Fan-out under the burst contract: super-packets, fragments, multicast, copies, with 0, 1, 2 and
 * many spares per call, with rest in between, and at the edge of out[]. */
#include "rig.h"

typedef struct wire_pair {
    rig a, b;
    nhi_iface_pub *ia, *ib;
    nhi_path *pa, *pb;
} wire_pair;

static void pair_open(wire_pair *l, nhtb_emit emit, uint32_t mtu)
{
    rig_open(&l->a, NULL, emit, false);
    rig_open(&l->b, NULL, emit, false);
    l->ia = rig_iface(&l->a, 1, NHTB_IFACE_POINT_TO_POINT, "10.255.0.1", "fd00:ff::1");
    l->ib = rig_iface(&l->b, 1, NHTB_IFACE_POINT_TO_POINT, "10.255.0.2", "fd00:ff::2");
    l->pa = rig_tunnel(&l->a, l->ia, "192.0.2.1", "192.0.2.2", 4500, mtu);
    l->pb = rig_tunnel(&l->b, l->ib, "192.0.2.2", "192.0.2.1", 4500, mtu);
    rig_via(&l->a, "10.2.0.0/16", l->ia, l->pa);
    rig_via(&l->a, "fd00:2::/32", l->ia, l->pa);
    rig_pair(&l->a, l->pa, &l->b, l->pb, 0x10000, &GCM);
}

static void pair_close(wire_pair *l)
{
    rig_close(&l->a);
    rig_close(&l->b);
}

/** The same packet with a fill of at most 64 KB, marked as a super-packet. */
static nhtb_pkt *super(const char *src, const char *dst, uint8_t proto, uint32_t payload,
                       uint16_t gso)
{
    inner_spec s = {.src = src, .dst = dst, .proto = proto, .payload = payload, .df = true};
    nhtb_pkt *p = inner(&s, 1);
    p->gso_size = gso;
    p->flags = NHTB_PKT_NEEDS_CSUM;
    if (proto == NHI_IPPROTO_TCP)
        p->buf[p->off + (src[0] == 'f' ? 40 : 20) + 13] = 0x99; /* CWR ACK PSH FIN */
    return p;
}

typedef struct stream {
    uint8_t *v;
    uint32_t n;
} stream;

static const uint8_t *l4_of(const nhtb_pkt *p, nhi_ip_view *v)
{
    cr_assert_eq(nhi_ip_parse(v, p->buf + p->off, p->len, false), 0);
    return p->buf + p->off + v->hdr_len;
}

/** Sends all TX of res through b; checks each and appends its payload. */
static size_t receive_all(wire_pair *l, results *res, stream *s, uint32_t l4)
{
    size_t pieces = 0;
    for (size_t i = 0; i < res->n; i++) {
        nhtb_path seen;
        nhi_ip_view v;
        nhtb_pkt *p = res->v[i];
        if (p->verdict != NHTB_PKT_TX)
            continue;
        cr_assert_leq(p->len + 28, 1500);
        cross(p, &seen);
        res->v[i] = p = one(&l->b, true, p);
        cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
        cr_assert(sound(p->buf + p->off, p->len), "piece %zu", pieces);
        const uint8_t *up = l4_of(p, &v);
        if (l4 == 20) {
            cr_assert_eq(nhi_get32(up + 4), 0xfffffff0 + s->n);
            bool last = res->v[i + 1]->verdict != NHTB_PKT_TX;
            cr_assert_eq(up[13], 0x10 | (pieces == 0 ? 0x80 : 0) | (last ? 0x09 : 0));
        }
        if (v.version == 4)
            cr_assert_eq(nhi_get16(p->buf + p->off + 4), 77 + pieces);
        memcpy(s->v + s->n, up + l4, p->len - v.hdr_len - l4);
        s->n += p->len - v.hdr_len - l4;
        pieces++;
    }
    return pieces;
}

static void check_super(bool v6, uint8_t proto, uint32_t payload, uint16_t gso, size_t spares,
                        bool rest, size_t want)
{
    wire_pair l;
    results r;
    pair_open(&l, NHTB_EMIT_PAYLOAD, 1500);
    nhtb_pkt *p =
        super(v6 ? "fd00:1::1" : "10.1.0.1", v6 ? "fd00:2::2" : "10.2.0.2", proto, payload, gso);
    uint32_t l4 = proto == NHI_IPPROTO_TCP ? 20 : 8, hdr = (v6 ? 40u : 20u) + l4;
    uint8_t *copy = malloc(payload);
    memcpy(copy, p->buf + p->off + hdr, payload);
    drive(&l.a, &p, 1, &(drive_opts){.spares = spares, .rest = rest}, &r);
    cr_assert_eq(r.n, want + 1, "%zu results", r.n);
    cr_assert_eq(r.v[want], p, "its own buffer is released last");
    check_drop(p, CONTINUED);
    stream s = {malloc(payload), 0};
    cr_assert_eq(receive_all(&l, &r, &s, l4), want);
    cr_assert_eq(s.n, payload);
    cr_assert_arr_eq(s.v, copy, payload);
    free(s.v);
    free(copy);
    results_free(&r);
    pair_close(&l);
}

Test(burst, a_64k_super_packet_becomes_finished_tcp_segments)
{
    for (unsigned v6 = 0; v6 < 2; v6++)
        for (size_t spares = 1; spares <= 64; spares = spares == 1 ? 2 : spares * 32)
            check_super(v6 != 0, NHI_IPPROTO_TCP, 65400, 1370, spares, spares != 64, 48);
}

Test(burst, a_udp_super_packet_becomes_finished_datagrams)
{
    for (unsigned v6 = 0; v6 < 2; v6++)
        for (size_t spares = 1; spares < 4; spares++)
            check_super(v6 != 0, NHI_IPPROTO_UDP, 10001, 1000, spares, true, 11);
}

Test(burst, tiny_segments_of_many_batches)
{
    check_super(false, NHI_IPPROTO_TCP, 1000, 3, 200, false, 334);
    check_super(false, NHI_IPPROTO_UDP, 1000, 3, 7, true, 334);
}

Test(burst, a_super_packet_of_one_segment_needs_no_spare)
{
    for (unsigned v6 = 0; v6 < 2; v6++)
        for (unsigned udp = 0; udp < 2; udp++) {
            wire_pair l;
            nhtb_path seen;
            results r;
            pair_open(&l, NHTB_EMIT_PAYLOAD, 1500);
            nhtb_pkt *p = super(v6 ? "fd00:1::1" : "10.1.0.1", v6 ? "fd00:2::2" : "10.2.0.2",
                                udp ? 17 : 6, 900, 1000);
            memset(p->buf + p->off + (v6 ? 4 : 2), 0, 2); /* hosts need not fill the length */
            drive(&l.a, &p, 1, &(drive_opts){0}, &r);
            cr_assert_eq(r.n, 1);
            cross(p, &seen);
            p = one(&l.b, true, p);
            cr_assert_eq(p->verdict, NHTB_PKT_DELIVER);
            cr_assert(sound(p->buf + p->off, p->len));
            results_free(&r);
            pair_close(&l);
        }
}

/** Puts fragments together again by their offsets; returns the length. */
static uint32_t reassemble(wire_pair *l, results *res, uint8_t *dst, size_t *pieces)
{
    uint32_t total = 0, sum = 0;
    *pieces = 0;
    for (size_t i = 0; i < res->n; i++) {
        nhtb_path seen;
        nhi_ip_view v;
        nhtb_pkt *p = res->v[i];
        if (p->verdict != NHTB_PKT_TX)
            continue;
        cross(p, &seen);
        res->v[i] = p = one(&l->b, true, p);
        cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
        cr_assert(sound(p->buf + p->off, p->len));
        const uint8_t *up = l4_of(p, &v);
        unsigned field = nhi_get16(p->buf + p->off + 6);
        uint32_t n = p->len - v.hdr_len, at = (field & 0x1fff) * 8;
        memcpy(dst + at, up, n);
        sum += n;
        if ((field & 0x2000) == 0)
            total = at + n;
        else
            cr_assert_eq(n % 8, 0);
        ++*pieces;
    }
    cr_assert_eq(sum, total, "no overlap and no hole");
    return total;
}

Test(burst, a_packet_without_df_is_fragmented_before_encryption)
{
    static const uint32_t payloads[] = {1500, 2000, 3000, 9000, 65000};
    for (size_t k = 0; k < NHI_ARRAY_LEN(payloads); k++)
        for (size_t spares = 1; spares < 4; spares++) {
            wire_pair l;
            results r;
            size_t pieces;
            uint8_t *whole = malloc(66000);
            pair_open(&l, NHTB_EMIT_IP, 1400);
            inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = payloads[k]};
            nhtb_pkt *p = inner(&s, 1);
            nhtb_pkt *same = inner(&s, 1);
            drive(&l.a, &p, 1, &(drive_opts){.spares = spares, .rest = true}, &r);
            cr_assert_eq(r.v[r.n - 1], p);
            check_drop(p, CONTINUED);
            for (size_t i = 0; i + 1 < r.n; i++)
                cr_assert_leq(r.v[i]->len, 1400);
            uint32_t n = reassemble(&l, &r, whole, &pieces);
            cr_assert_eq(pieces, r.n - 1);
            cr_assert_eq(n, payloads[k] + 8);
            cr_assert_arr_eq(whole, same->buf + same->off + 20, n);
            free(whole);
            box_free(same);
            results_free(&r);
            pair_close(&l);
        }
}

Test(burst, a_fragment_is_fragmented_again_with_options_where_they_belong)
{
    wire_pair l;
    results r;
    size_t pieces;
    uint8_t whole[66000];
    pair_open(&l, NHTB_EMIT_PAYLOAD, 600);
    inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = 1600};
    nhtb_pkt *p = inner(&s, 1);
    uint8_t *ip = p->buf + p->off;
    memmove(ip + 32, ip + 20, p->len - 20);
    static const uint8_t opts[12] = {0x94, 4, 0, 0, 7, 7,
                                     4,    0, 0, 0, 0, 0}; /* router alert copied */
    memcpy(ip + 20, opts, 12);
    ip[0] = 0x48;
    p->len = 1632;
    nhi_put16(ip + 2, p->len);
    nhi_put16(ip + 6, 0x2000 | 100); /* more fragments, offset 800 */
    nhi_ip4_set_csum(ip, 32);
    drive(&l.a, &p, 1, &(drive_opts){.spares = 2}, &r);
    pieces = r.n - 1;
    cr_assert_geq(pieces, 3);
    uint32_t at = 800;
    for (size_t i = 0; i < pieces; i++) {
        nhtb_path seen;
        cross(r.v[i], &seen);
        r.v[i] = one(&l.b, true, r.v[i]);
        cr_assert_eq(r.v[i]->verdict, NHTB_PKT_DELIVER);
        const uint8_t *q = r.v[i]->buf + r.v[i]->off;
        unsigned field = nhi_get16(q + 6);
        cr_assert_eq((field & 0x1fff) * 8, at);
        cr_assert(field & 0x2000, "the original was not the last one");
        cr_assert_eq((q[0] & 15) * 4, i == 0 ? 32 : 24);
        cr_assert_eq(q[20], 0x94);
        at += r.v[i]->len - (i == 0 ? 32 : 24);
    }
    cr_assert_eq(at, 2400);
    (void)whole;
    results_free(&r);
    pair_close(&l);
}

Test(burst, super_packet_segments_larger_than_the_tunnel_are_fragmented_too)
{
    for (size_t spares = 1; spares < 3; spares++) {
        wire_pair l;
        results r;
        pair_open(&l, NHTB_EMIT_PAYLOAD, 700);
        nhtb_pkt *p = super("10.1.0.1", "10.2.0.2", NHI_IPPROTO_UDP, 4000, 1400);
        p->buf[p->off + 6] = 0; /* DF clear */
        nhtb_pkt *same = super("10.1.0.1", "10.2.0.2", NHI_IPPROTO_UDP, 4000, 1400);
        drive(&l.a, &p, 1, &(drive_opts){.spares = spares, .rest = true}, &r);
        check_drop(p, CONTINUED);
        uint8_t datagram[1500];
        uint32_t done = 0, got = 0;
        for (size_t i = 0; i + 1 < r.n; i++) {
            nhtb_path seen;
            nhi_ip_view v;
            cross(r.v[i], &seen);
            r.v[i] = one(&l.b, true, r.v[i]);
            cr_assert_eq(r.v[i]->verdict, NHTB_PKT_DELIVER);
            const uint8_t *up = l4_of(r.v[i], &v);
            unsigned field = nhi_get16(r.v[i]->buf + r.v[i]->off + 6);
            cr_assert_eq((field & 0x1fff) * 8, got);
            memcpy(datagram + got, up, r.v[i]->len - 20);
            got += r.v[i]->len - 20;
            if (field & 0x2000)
                continue;
            uint8_t ip[20];
            memcpy(ip, r.v[i]->buf + r.v[i]->off, 20);
            uint64_t sum = nhi_ip_pseudo_sum(ip, 17, got);
            cr_assert_eq(nhi_csum_fold(nhi_csum_add(sum, datagram, got)), 0, "whole datagram");
            cr_assert_arr_eq(datagram + 8, same->buf + same->off + 28 + done, got - 8);
            done += got - 8;
            got = 0;
        }
        cr_assert_eq(done, 4000);
        box_free(same);
        results_free(&r);
        pair_close(&l);
    }
}

Test(burst, without_spares_a_fan_out_waits_and_what_follows_is_not_taken)
{
    wire_pair l;
    results r, r2;
    pair_open(&l, NHTB_EMIT_PAYLOAD, 1500);
    inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = 10};
    nhtb_pkt *v[3] = {inner(&s, 1), super("10.1.0.1", "10.2.0.2", 6, 3000, 1000), inner(&s, 1)};
    drive(&l.a, v, 3, &(drive_opts){.max_calls = 1}, &r);
    cr_assert(r.more);
    cr_assert_eq(r.used, 2);
    cr_assert_eq(r.n, 1);
    cr_assert_eq(r.v[0]->verdict, NHTB_PKT_TX);
    /* Nothing is lost by asking again without spares, nor by rest. */
    nhtb_pkt *none = NULL;
    nhtb_burst b = {.in = &v[2], .n_in = 1, .out = &none, .cap_out = 2};
    nhtb_worker_rest(l.a.w[0]);
    nhtb_worker_out(l.a.w[0], &b, T0);
    cr_assert(b.more);
    cr_assert_eq(b.used_in + b.n_out, 0);
    /* Spares let it go; its own buffer and then the follower come out in order. */
    nhtb_pkt *spare[4], *out[6];
    for (size_t i = 0; i < 4; i++)
        spare[i] = box(1600, 0, 0);
    b = (nhtb_burst){
        .in = &v[2], .n_in = 1, .spare = spare, .n_spare = 4, .out = out, .cap_out = 6};
    nhtb_worker_out(l.a.w[0], &b, T0);
    cr_assert_not(b.more);
    cr_assert_eq(b.n_out, 5);
    cr_assert_eq(b.used_spare, 3);
    cr_assert_eq(out[3], v[1]);
    check_drop(out[3], CONTINUED);
    cr_assert_eq(out[4], v[2]);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(out[i], spare[i]);
        cr_assert(out[i]->flags & NHTB_PKT_SPARE_USED);
        cr_assert_eq(nhi_get32(out[i]->buf + out[i]->off + 4), i + 2);
    }
    cr_assert_eq(nhi_get32(out[4]->buf + out[4]->off + 4), 5, "wire order is number order");
    (void)r2;
    for (size_t i = 0; i < 4; i++)
        box_free(spare[i]);
    box_free(v[1]);
    box_free(v[2]);
    results_free(&r);
    pair_close(&l);
}

Test(burst, many_packets_of_all_sorts_keep_the_contract_for_any_number_of_spares)
{
    for (size_t spares = 1; spares < 70; spares = spares * 3 - 1)
        for (size_t chunk = 1; chunk < 260; chunk *= 4) {
            wire_pair l;
            results r;
            nhtb_pkt *v[250];
            size_t tx = 0, want = 0;
            pair_open(&l, NHTB_EMIT_IP, 1400);
            for (size_t i = 0; i < 250; i++) {
                inner_spec s = {.src = "10.1.0.1",
                                .dst = i % 7 == 3 ? "10.9.0.1" : "10.2.0.2",
                                .payload = i % 5 == 2 ? 2500 : 60};
                want += i % 11 == 5 ? 5 : i % 7 == 3 ? 0 : i % 5 == 2 ? 2 : 1;
                v[i] = i % 11 == 5   ? super("10.1.0.1", "10.2.0.2", 6, 5000, 1200)
                       : i % 13 == 6 ? inner_room(&s, 0, 0, 1)
                                     : inner(&s, 1);
            }
            drive(&l.a, v, 250, &(drive_opts){.spares = spares, .chunk = chunk, .rest = true}, &r);
            cr_assert_eq(r.used, 250);
            uint32_t seq = 0, order = 0;
            for (size_t i = 0; i < r.n; i++) {
                nhtb_pkt *p = r.v[i];
                if (p->verdict == NHTB_PKT_TX)
                    cr_assert_eq(nhi_get32(p->buf + p->off + 32), ++seq);
                if (!(p->flags & NHTB_PKT_SPARE_USED))
                    cr_assert_eq(p, v[order++]);
                tx += p->verdict == NHTB_PKT_TX;
                cr_assert(p->verdict == NHTB_PKT_TX || p->reason == NHTB_REASON_CONTINUED ||
                          p->reason == NHTB_REASON_NO_ROUTE);
            }
            cr_assert_eq(order, 250);
            cr_assert_eq(tx, want);
            results_free(&r);
            pair_close(&l);
        }
}

Test(burst, out_is_never_written_beyond_its_capacity)
{
    for (size_t cap = 0; cap < 12; cap++) {
        wire_pair l;
        pair_open(&l, NHTB_EMIT_PAYLOAD, 1500);
        inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = 10};
        nhtb_pkt *v[4] = {inner(&s, 1), super("10.1.0.1", "10.2.0.2", 6, 3500, 1000), inner(&s, 1),
                          inner(&s, 1)};
        nhtb_pkt *spare[5], **out = malloc(cap * sizeof *out + 1);
        size_t at = 0, got = 0, used = 0;
        bool more = true;
        for (size_t i = 0; i < 5; i++)
            spare[i] = box(1600, 0, 0);
        for (unsigned calls = 0; calls < 20 && cap != 0 && (more || at < 4); calls++) {
            nhtb_burst b = {.in = v + at,
                            .n_in = 4 - at,
                            .spare = spare + used,
                            .n_spare = 5 - used,
                            .out = out,
                            .cap_out = cap};
            nhtb_worker_out(l.a.w[0], &b, T0);
            cr_assert_leq(b.n_out, cap);
            at += b.used_in;
            used += b.used_spare;
            got += b.n_out;
            more = b.more;
            cr_assert_eq(at + used, got + (more ? 1 : 0));
        }
        if (cap > 1)
            cr_assert_eq(got, 8, "cap %zu: %zu", cap, got);
        free(out);
        for (size_t i = 0; i < 5; i++)
            box_free(spare[i]);
        for (size_t i = 0; i < 4; i++)
            box_free(v[i]);
        pair_close(&l);
    }
}

Test(burst, a_packet_without_room_is_moved_or_copied_and_never_written_past_its_ends)
{
    for (unsigned emit = 0; emit < 2; emit++)
        for (uint32_t head = 0; head < 80; head += 4)
            for (uint32_t tail = 0; tail < 40; tail += 3) {
                wire_pair l;
                results r;
                nhtb_path seen;
                pair_open(&l, (nhtb_emit)emit, 1500);
                inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = 33};
                nhtb_pkt *p = inner_room(&s, head, tail, 1);
                uint32_t need = 16 + (emit ? 28 : 0) + 1 + 2 + 16; /* 61 bytes: pad 1 */
                drive(&l.a, &p, 1, &(drive_opts){.spares = 1}, &r);
                bool copied = head + tail < need;
                cr_assert_eq(r.n, copied ? 2 : 1, "head %u tail %u", head, tail);
                if (copied)
                    check_drop(r.v[1], CONTINUED);
                cross(r.v[0], &seen);
                r.v[0] = one(&l.b, true, r.v[0]);
                cr_assert_eq(r.v[0]->verdict, NHTB_PKT_DELIVER);
                cr_assert(sound(r.v[0]->buf + r.v[0]->off, r.v[0]->len));
                results_free(&r);
                pair_close(&l);
            }
}

Test(burst, multicast_reaches_a_thousand_tunnels_over_any_number_of_calls)
{
    enum { N = 1000 };
    rig hub;
    rig_open(&hub, NULL, NHTB_EMIT_PAYLOAD, false);
    nhi_iface_pub *i = rig_iface(&hub, 1, NHTB_IFACE_MULTIPOINT, "10.255.0.1", NULL);
    for (uint32_t k = 0; k < N + 5; k++) {
        char remote[32];
        snprintf(remote, sizeof remote, "198.18.%u.%u", k >> 8, k & 255);
        nhi_path *p = rig_tunnel(&hub, i, "192.0.2.1", remote, 0, 1500);
        if (k % 201 != 7)
            rig_sa(&hub, p, NULL, NULL, 0x20000 + k, &GCM, 0);
    }
    nhi_path_list *l = nhi_a_load(&i->live);
    nhi_a_store(&l->v[500], (nhi_path *)NULL); /* a hole */
    static const size_t spares[] = {1, 2, 64, 2000};
    for (size_t k = 0; k < NHI_ARRAY_LEN(spares); k++) {
        inner_spec s = {
            .src = "10.255.0.1", .dst = "224.0.0.5", .proto = 17, .payload = 44, .ttl = 1};
        nhtb_pkt *p = inner(&s, 1);
        results r;
        uint8_t seen[N + 5] = {0};
        uint64_t before = nhi_a_load(&nhi_dp_worker_count(hub.w[0])->multicast_copies);
        drive(&hub, &p, 1, &(drive_opts){.spares = spares[k], .spare_cap = 256, .rest = true}, &r);
        cr_assert_eq(r.n, N - 1 + 1, "%zu", r.n);
        for (size_t j = 0; j + 1 < r.n; j++) {
            cr_assert_eq(r.v[j]->verdict, NHTB_PKT_TX);
            uint32_t spi = nhi_get32(r.v[j]->buf + r.v[j]->off) - 0x20000;
            cr_assert_lt(spi, N + 5);
            cr_assert_eq(seen[spi]++, 0, "tunnel %u twice", spi);
        }
        check_drop(r.v[r.n - 1], CONTINUED);
        cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(hub.w[0])->multicast_copies) - before, N - 1);
        results_free(&r);
    }
    rig_close(&hub);
}

Test(burst, a_tunnel_that_goes_while_multicast_waits_is_left_out)
{
    rig hub;
    rig_open(&hub, NULL, NHTB_EMIT_PAYLOAD, false);
    nhi_iface_pub *i = rig_iface(&hub, 1, NHTB_IFACE_MULTIPOINT, "10.255.0.1", NULL);
    for (uint32_t k = 0; k < 6; k++)
        rig_sa(&hub, rig_tunnel(&hub, i, "192.0.2.1", "198.18.0.1", 0, 1500), NULL, NULL,
               0x20000 + k, &GCM, 0);
    inner_spec s = {.src = "10.255.0.1", .dst = "224.0.0.5", .payload = 44};
    nhtb_pkt *p = inner(&s, 1);
    results r, r2;
    drive(&hub, &p, 1, &(drive_opts){.spares = 2, .max_calls = 1, .rest = true}, &r);
    cr_assert(r.more);
    nhi_path_list *l = nhi_a_load(&i->live);
    nhi_a_store(&l->v[2], (nhi_path *)NULL);
    nhi_a_store(&nhi_a_load(&l->v[3])->out, (nhi_cell *)NULL);
    nhtb_pkt *spare[4], *out[6];
    for (size_t k = 0; k < 4; k++)
        spare[k] = box(512, 0, 0);
    nhtb_burst b = {.spare = spare, .n_spare = 4, .out = out, .cap_out = 6};
    nhtb_worker_out(hub.w[0], &b, T0);
    cr_assert_not(b.more);
    cr_assert_eq(b.n_out, 3);
    cr_assert_eq(nhi_get32(out[0]->buf + out[0]->off), 0x20004);
    cr_assert_eq(nhi_get32(out[1]->buf + out[1]->off), 0x20005);
    cr_assert_eq(out[2], p);
    (void)r2;
    for (size_t k = 0; k < 4; k++)
        box_free(spare[k]);
    box_free(p);
    results_free(&r);
    rig_close(&hub);
}

Test(burst, a_route_that_goes_while_a_fan_out_waits_ends_it)
{
    wire_pair l;
    results r;
    pair_open(&l, NHTB_EMIT_PAYLOAD, 1500);
    nhtb_pkt *p = super("10.1.0.1", "10.2.0.2", 6, 5000, 1000);
    drive(&l.a, &p, 1, &(drive_opts){.spares = 2, .max_calls = 1, .rest = true}, &r);
    cr_assert(r.more);
    cr_assert_eq(r.n, 2);
    nhi_a_store(&l.pa->out, (nhi_cell *)NULL);
    nhtb_pkt *out[1];
    nhtb_burst b = {.out = out, .cap_out = 1};
    nhtb_worker_out(l.a.w[0], &b, T0);
    cr_assert_not(b.more);
    cr_assert_eq(b.n_out, 1);
    cr_assert_eq(out[0], p);
    check_drop(p, NO_SA);
    box_free(p);
    results_free(&r);
    pair_close(&l);
}

Test(burst, multicast_larger_than_some_tunnel_is_fragmented_for_it_alone)
{
    rig hub;
    rig_open(&hub, NULL, NHTB_EMIT_PAYLOAD, false);
    nhi_iface_pub *i = rig_iface(&hub, 1, NHTB_IFACE_MULTIPOINT, "10.255.0.1", NULL);
    static const uint32_t mtus[] = {1500, 700, 1500};
    for (uint32_t k = 0; k < 3; k++)
        rig_sa(&hub, rig_tunnel(&hub, i, "192.0.2.1", "198.18.0.1", 0, mtus[k]), NULL, NULL,
               0x20000 + k, &GCM, 0);
    for (unsigned df = 0; df < 2; df++) {
        inner_spec s = {.src = "10.255.0.1", .dst = "239.1.1.1", .payload = 1300, .df = df != 0};
        nhtb_pkt *p = inner(&s, 1);
        results r;
        drive(&hub, &p, 1, &(drive_opts){.spares = 1, .rest = true}, &r);
        cr_assert_eq(r.n, df ? 3 : 6, "%zu", r.n);
        results_free(&r);
    }
    cr_assert_eq(rig_reason(&hub, NHTB_REASON_TOO_BIG_SILENT), 1);
    rig_close(&hub);
}
