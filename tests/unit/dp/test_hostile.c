/* SPDX-License-Identifier: Apache-2.0
 * Authentic but hostile inner packets (every truncation, next header, padding, length), and the
 * proof that no (key, nonce) pair is sealed twice. A mistake that reads or writes outside a packet
 * is seen by ASan: buffers have exactly their packet's size. */
#include "rig.h"

typedef struct pair {
    rig a, b;
    nhi_iface_pub *ia, *ib;
    nhi_path *pa, *pb;
    nhi_cell *out;
    uint64_t seq;
} pair;

static const sa_kind CBC = {NHI_ENCR_AES_CBC, 128, NHI_INTEG_SHA256_128, false, 64};

static void pair_open(pair *t, const sa_kind *k)
{
    rig_open(&t->a, NULL, NHTB_EMIT_PAYLOAD, false);
    rig_open(&t->b, NULL, NHTB_EMIT_PAYLOAD, false);
    t->ia = rig_iface(&t->a, 1, NHTB_IFACE_POINT_TO_POINT, "10.255.0.1", NULL);
    t->ib = rig_iface(&t->b, 1, NHTB_IFACE_POINT_TO_POINT, "10.255.0.2", NULL);
    t->pa = rig_tunnel(&t->a, t->ia, "192.0.2.1", "192.0.2.2", 0, 1500);
    t->pb = rig_tunnel(&t->b, t->ib, "192.0.2.2", "192.0.2.1", 0, 1500);
    rig_via(&t->a, "10.2.0.0/16", t->ia, t->pa);
    rig_pair(&t->a, t->pa, &t->b, t->pb, 0x10000, k);
    t->out = rig_cell(&t->a, 0x10000, false);
    t->seq = 0;
}

static void pair_close(pair *t)
{
    rig_close(&t->a);
    rig_close(&t->b);
}

/** What b makes of an authentic ESP packet with this plaintext; 0 delivered, else the reason. */
static unsigned judge_text(pair *t, const uint8_t *text, uint32_t n)
{
    nhtb_pkt *p = one(&t->b, true, forge(&t->a, t->out, ++t->seq, text, n));
    unsigned reason = p->reason;
    cr_assert_eq(p->verdict, reason == 0 ? NHTB_PKT_DELIVER : NHTB_PKT_DROP);
    if (reason == 0)
        cr_assert_leq(p->len, n);
    box_free(p);
    return reason;
}

/** inner bytes, right padding, next header. */
static unsigned judge_inner(pair *t, const uint8_t *in, uint32_t n, uint8_t next)
{
    uint8_t text[2048];
    uint32_t pad = nhi_esp_pad(n, nhi_bulk_align(t->out->facts));
    memcpy(text, in, n);
    return judge_text(t, text, n + nhi_esp_trailer_write(text + n, pad, next));
}

Test(hostile, every_truncation_of_an_inner_packet_is_refused)
{
    static const char *const ends[2][2] = {{"10.1.0.1", "10.2.0.2"}, {"fd00:1::1", "fd00:2::2"}};
    for (unsigned v6 = 0; v6 < 2; v6++) {
        pair t;
        inner_spec s = {.src = ends[v6][0], .dst = ends[v6][1], .payload = 32};
        nhtb_pkt *p = inner_room(&s, 0, 0, 1);
        pair_open(&t, &GCM);
        uint32_t n = p->len;
        for (uint32_t len = 0; len < n; len++)
            cr_assert_eq(judge_inner(&t, p->buf, len, v6 ? 41 : 4), NHTB_REASON_INNER_MALFORMED);
        cr_assert_eq(rig_reason(&t.b, NHTB_REASON_INNER_MALFORMED), n);
        cr_assert_eq(judge_inner(&t, p->buf, n, v6 ? 41 : 4), 0);
        cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(t.b.w[0])->in_packets), 1);
        box_free(p);
        pair_close(&t);
    }
}

Test(hostile, only_the_two_tunnel_next_headers_pass_and_fit_their_version)
{
    pair t;
    inner_spec s4 = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = 32};
    inner_spec s6 = {.src = "fd00:1::1", .dst = "fd00:2::2", .payload = 32};
    nhtb_pkt *p4 = inner_room(&s4, 0, 0, 1), *p6 = inner_room(&s6, 0, 0, 1);
    pair_open(&t, &GCM);
    for (unsigned nh = 0; nh < 256; nh++) {
        unsigned other = nh == 59 ? NHTB_REASON_DUMMY : NHTB_REASON_NEXT_HEADER;
        unsigned want4 = nh == 4 ? 0 : nh == 41 ? NHTB_REASON_INNER_MALFORMED : other;
        unsigned want6 = nh == 41 ? 0 : nh == 4 ? NHTB_REASON_INNER_MALFORMED : other;
        cr_assert_eq(judge_inner(&t, p4->buf, p4->len, (uint8_t)nh), want4, "%u", nh);
        cr_assert_eq(judge_inner(&t, p6->buf, p6->len, (uint8_t)nh), want6, "%u", nh);
    }
    cr_assert_eq(rig_reason(&t.b, NHTB_REASON_DUMMY), 2);
    cr_assert_eq(rig_reason(&t.b, NHTB_REASON_NEXT_HEADER), 2 * 253);
    cr_assert_eq(nhi_a_load(&rig_cell(&t.b, 0x10000, true)->top), 512, "dummies count for replay");
    box_free(p4);
    box_free(p6);
    pair_close(&t);
}

Test(hostile, every_wrong_padding_byte_is_refused)
{
    static const sa_kind *const kinds[] = {&GCM, &CBC};
    for (size_t k = 0; k < NHI_ARRAY_LEN(kinds); k++) {
        pair t;
        uint8_t text[512];
        inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2"};
        pair_open(&t, kinds[k]);
        for (uint32_t pad = 0; pad < 256; pad++) {
            uint32_t at = 0;
            s.payload = (16 - (pad + 2 + 28)) & 15;
            nhtb_pkt *p = inner_room(&s, 0, 0, 1);
            memcpy(text, p->buf, p->len);
            uint32_t n = p->len + nhi_esp_trailer_write(text + p->len, pad, 4);
            cr_assert_eq(judge_text(&t, text, n), 0, "pad %u", pad);
            if (pad != 0) {
                at = p->len + (pad * 7) % pad;
                text[at] ^= 0x80;
                cr_assert_eq(judge_text(&t, text, n), NHTB_REASON_PADDING, "pad %u", pad);
            }
            box_free(p);
        }
        for (uint32_t n = 16; n < 256; n += 16) { /* pad length beyond the text */
            memset(text, 0, n);
            text[n - 2] = (uint8_t)(n - 1);
            text[n - 1] = 4;
            cr_assert_eq(judge_text(&t, text, n), NHTB_REASON_PADDING);
        }
        cr_assert_eq(rig_reason(&t.b, NHTB_REASON_PADDING), 255 + 15);
        pair_close(&t);
    }
}

Test(hostile, every_header_length_and_total_length)
{
    pair t;
    inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = 32};
    nhtb_pkt *p = inner_room(&s, 0, 0, 1);
    pair_open(&t, &GCM);
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        p->buf[0] = (uint8_t)(0x40 | ihl);
        unsigned r = judge_inner(&t, p->buf, p->len, 4);
        cr_assert_eq(r, ihl < 5 ? NHTB_REASON_INNER_MALFORMED : 0, "ihl %u", ihl);
    }
    p->buf[0] = 0x45;
    for (uint32_t total = 0; total < 65536; total += total < 100 ? 1 : 997) {
        nhi_put16(p->buf + 2, total);
        unsigned r = judge_inner(&t, p->buf, p->len, 4);
        bool good = total >= 20 && total <= p->len;
        cr_assert_eq(r, good ? 0 : NHTB_REASON_INNER_MALFORMED, "total %u", total);
    }
    box_free(p);
    pair_close(&t);
}

Test(hostile, tfc_padding_is_cut_by_the_inner_length)
{
    pair t;
    uint8_t text[700];
    inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = 32};
    nhtb_pkt *p = inner_room(&s, 0, 0, 1);
    pair_open(&t, &GCM);
    memset(text, 0xee, sizeof text);
    memcpy(text, p->buf, p->len);
    uint32_t n = 600 + nhi_esp_trailer_write(text + 600, nhi_esp_pad(600, 4), 4);
    nhtb_pkt *q = one(&t.b, true, forge(&t.a, t.out, 1, text, n));
    cr_assert_eq(q->verdict, NHTB_PKT_DELIVER);
    cr_assert_eq(q->len, p->len);
    cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(t.b.w[0])->in_bytes), p->len);
    box_free(p);
    box_free(q);
    pair_close(&t);
}

Test(hostile, random_bytes_in_every_kind_never_get_through)
{
    pair t;
    uint32_t x = 12345;
    static const uint8_t kinds[] = {NHTB_PKT_INNER, NHTB_PKT_IKE_500, NHTB_PKT_UDP_4500,
                                    NHTB_PKT_ESP, NHTB_PKT_IP_OUTER};
    pair_open(&t, &GCM);
    for (unsigned i = 0; i < 20000; i++) {
        x = x * 1664525 + 1013904223;
        nhtb_pkt *p = box((x >> 24) % 130, 0, (x >> 24) % 130);
        for (uint32_t k = 0; k < p->len; k++) {
            x = x * 1664525 + 1013904223;
            p->buf[k] = (uint8_t)(x >> 24);
        }
        p->kind = kinds[i % 5];
        if (p->len >= 40 && (i & 8) != 0)
            nhi_put32(p->buf + (p->kind == NHTB_PKT_IP_OUTER ? 20 : 0), 0x10000);
        if (p->len >= 40 && p->kind == NHTB_PKT_IP_OUTER) {
            p->buf[0] = 0x45;
            nhi_put16(p->buf + 2, p->len);
            nhi_put16(p->buf + 6, 0);
            p->buf[9] = (i & 16) ? 50 : 17;
        }
        nhtb_path path = {0};
        p->path = &path;
        p = one(&t.b, true, p);
        cr_assert(p->verdict == NHTB_PKT_DROP || p->verdict == NHTB_PKT_PUNT);
        p->iface.id = 1;
        p->gso_size = (uint16_t)(x >> 20 & 63);
        p->flags = NHTB_PKT_NEEDS_CSUM;
        p->csum_start = (uint16_t)(x >> 8 & 127);
        p->csum_offset = 6;
        if (p->verdict == NHTB_PKT_DROP) {
            results r;
            drive(&t.a, &p, 1, &(drive_opts){.spares = 8}, &r);
            results_free(&r);
        } else {
            box_free(p);
        }
    }
    cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(t.b.w[0])->in_packets), 0);
    pair_close(&t);
}

/* ---- nonces ---- */
typedef struct seen_nonce {
    const void *key;
    uint8_t iv[16];
} seen_nonce;
static struct {
    const nhtb_bulk_ops *real;
    seen_nonce *v;
    size_t n, cap;
} spy;

static void spy_seal(void *lane, unsigned index, nhtb_bulk_job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (spy.n == spy.cap) {
            spy.cap = spy.cap != 0 ? spy.cap * 2 : 1024;
            spy.v = realloc(spy.v, spy.cap * sizeof *spy.v);
        }
        seen_nonce *s = &spy.v[spy.n++];
        memset(s, 0, sizeof *s);
        s->key = jobs[i].key;
        memcpy(s->iv, jobs[i].iv, 8);
    }
    spy.real->seal(lane, index, jobs, n);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(seen_nonce));
}

Test(hostile, no_nonce_repeats_whatever_happens_to_routes_tunnels_and_limits)
{
    pair t;
    uint32_t x = 99;
    pair_open(&t, &GCM);
    nhtb_bulk_ops ops = *t.a.crypto.bulk;
    spy.real = t.a.crypto.bulk;
    ops.seal = spy_seal;
    t.a.crypto.bulk = &ops;
    nhi_path *other = rig_tunnel(&t.a, t.ia, "192.0.2.1", "192.0.2.3", 0, 600);
    uint32_t slot = 2, spi = 0x40000;
    for (unsigned round = 0; round < 400; round++) {
        nhtb_pkt *v[20];
        results r;
        x = x * 1664525 + 1013904223;
        for (size_t i = 0; i < 20; i++) {
            inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = (x >> 8) % 1500};
            v[i] = inner(&s, 1);
        }
        drive(&t.a, v, 20,
              &(drive_opts){.spares = 1 + (x >> 28), .worker = x >> 20 & 1, .rest = x >> 21 & 1},
              &r);
        results_free(&r);
        switch (x >> 24 & 7) {
        case 0: nhi_a_store_rel(&t.a.fib.slot[slot].path, other); break; /* rebinding */
        case 1: nhi_a_store_rel(&t.a.fib.slot[slot].path, t.pa); break;
        case 2: rig_sa(&t.a, t.pa, NULL, NULL, spi++, &GCM, 0); break; /* rekey */
        case 3: rig_sa(&t.a, other, NULL, NULL, spi++, &GCM, 0); break;
        case 4: nhi_a_store_rel(&t.pa->out, t.out); break; /* the first cell again */
        case 5: rig_endpoint(&t.a, t.pa, "192.0.2.1", "192.0.2.9", 4500, 900); break;
        case 6: {
            nhi_cell *c = nhi_a_load(&t.pa->out);
            c->hard_seq = nhi_a_load(&c->seq) + (x >> 16 & 15); /* a limit within this burst */
            break;
        }
        default: break;
        }
    }
    cr_assert_gt(spy.n, 5000);
    qsort(spy.v, spy.n, sizeof *spy.v, by_bytes);
    for (size_t i = 1; i < spy.n; i++)
        cr_assert_neq(by_bytes(&spy.v[i - 1], &spy.v[i]), 0, "nonce sealed twice");
    free(spy.v);
    t.a.crypto.bulk = spy.real;
    pair_close(&t);
}

Test(hostile, cbc_ivs_do_not_repeat_and_differ_between_workers)
{
    pair t;
    pair_open(&t, &CBC);
    nhtb_bulk_ops ops = *t.a.crypto.bulk;
    spy.real = t.a.crypto.bulk;
    ops.seal = spy_seal;
    t.a.crypto.bulk = &ops;
    inner_spec s = {.src = "10.1.0.1", .dst = "10.2.0.2", .payload = 10};
    for (unsigned i = 0; i < 500; i++) {
        nhtb_pkt *p = inner(&s, 1);
        results r;
        drive(&t.a, &p, 1, &(drive_opts){.worker = i & 1}, &r);
        results_free(&r);
    }
    cr_assert_eq(spy.n, 500);
    qsort(spy.v, spy.n, sizeof *spy.v, by_bytes);
    for (size_t i = 1; i < spy.n; i++)
        cr_assert_neq(by_bytes(&spy.v[i - 1], &spy.v[i]), 0, "IV used twice");
    free(spy.v);
    t.a.crypto.bulk = spy.real;
    pair_close(&t);
}
