/* SPDX-License-Identifier: Apache-2.0
 * All IKEv1 decoders: chain, SA with its transforms, identities, attributes, small payloads, and what
 * both phases choose from an offer. What was read lies inside the message; what has a writer reads
 * back the same; a choice was offered. Input: one option byte that names a decoder, then a body;
 * option 0: a whole message. RFC 2408 3, RFC 2407 4.6. */
#include "fuzz/fuzz.h"
#include "ike/v1/parts.h"

static uint8_t buf[70000];

static void inside(nhtb_span s, nhtb_span of)
{
    fuzz_check(s.n == 0 || (s.p >= of.p && s.n <= of.n && (size_t)(s.p - of.p) <= of.n - s.n));
}

static bool same(nhtb_span a, nhtb_span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static void read_attrs(nhtb_span body)
{
    nhi_rd r;
    nhi_v1_attr a;
    nhi_wr w;
    uint64_t v, s, kb;
    nhi_wr_init(&w, buf, sizeof buf);
    nhi_rd_init(&r, body.p, body.n);
    while (nhi_v1_attr_next(&r, &a)) {
        inside(a.value, body);
        if (a.is_short && nhi_v1_attr_number(&a, &v))
            nhi_v1_attr_write_short(&w, a.type, (unsigned)v);
        else
            nhi_v1_attr_write(&w, a.type, a.value);
    }
    bool valid = nhi_v1_attrs_valid(body);
    fuzz_check(valid == !r.bad && (!valid || same((nhtb_span){buf, w.n}, body)));
    if (nhi_v1_lifetimes_read(body, &s, &kb))
        fuzz_check(valid);
}

static void copy_proposal(nhi_v1_sa_writer *s, const nhi_v1_proposal *p, nhtb_span body)
{
    nhi_rd r;
    nhi_v1_transform t;
    unsigned n = 0;
    inside(p->spi, body);
    nhi_v1_sa_proposal(s, p->number, p->protocol, p->spi);
    nhi_rd_init(&r, p->transforms.p, p->transforms.n);
    for (; nhi_v1_transform_next(&r, &t); n++) {
        inside(t.attrs, body);
        fuzz_check(nhi_v1_attrs_valid(t.attrs));
        nhi_v1_sa_transform(s, t.number, t.id);
        nhi_wr_span(s->w, t.attrs);
    }
    fuzz_check(n == p->n && !r.bad);
}

/** Whatever is chosen reads back as the same choice from an answer that repeats it. */
static void choose(const nhi_v1_sa_pl *sa)
{
    nhtb_proposal c = {.encr = {{12, 128}, {12, 256}, {20, 128}, {3, 0}},
                       .n_encr = 4,
                       .prf = {5, 2},
                       .n_prf = 2,
                       .integ = {12, 2, 14},
                       .n_integ = 3,
                       .ke = {14, 19, 2},
                       .n_ke = 3};
    const uint16_t auths[] = {1, 65001, 3};
    nhi_v1_policy1 p1 = {.v = &c, .n = 1, .auths = auths, .n_auths = 3};
    nhi_v1_policy2 p2 = {.v = &c, .n = 1, .mode = NHI_V1_MODE_TUNNEL, .ke_len = 256};
    static nhi_v1_phase1 a1, b1;
    static nhi_v1_phase2 a2, b2;
    static nhi_v1_sa_pl again;
    nhi_wr w;
    nhi_wr_init(&w, buf, sizeof buf);
    if (nhi_v1_propose1_choose(&a1, &p1, sa)) {
        nhi_v1_propose_answer(&w, &a1.pick, a1.pick.proposal.spi);
        fuzz_check(nhi_v1_sa_read(&again, (nhtb_span){buf, w.n}));
        fuzz_check(nhi_v1_propose1_accept(&b1, &p1, &again) && b1.encr == a1.encr);
        fuzz_check(b1.key_bits == a1.key_bits && b1.prf == a1.prf && b1.ke == a1.ke);
        fuzz_check(same(a1.pick.transform.attrs, b1.pick.transform.attrs));
    }
    nhi_wr_init(&w, buf, sizeof buf);
    if (nhi_v1_propose2_choose(&a2, &p2, sa)) {
        nhi_v1_propose_answer(&w, &a2.pick, a2.pick.proposal.spi);
        fuzz_check(nhi_v1_sa_read(&again, (nhtb_span){buf, w.n}));
        fuzz_check(nhi_v1_propose2_accept(&b2, &p2, &again) && a2.suite.ke == 14);
        fuzz_check(memcmp(&a2.suite, &b2.suite, sizeof a2.suite) == 0);
    }
}

static void read_sa(nhtb_span body)
{
    static nhi_v1_sa_pl sa;
    nhi_v1_sa_writer s;
    nhi_wr w;
    if (!nhi_v1_sa_read(&sa, body))
        return;
    fuzz_check(sa.n > 0 && sa.n <= NHI_V1_PROPOSALS);
    nhi_wr_init(&w, buf, sizeof buf);
    nhi_v1_sa_begin(&s, &w);
    for (unsigned i = 0; i < sa.n; i++)
        copy_proposal(&s, &sa.p[i], body);
    nhi_v1_sa_end(&s);
    fuzz_check(!w.bad && w.n == body.n);
    choose(&sa);
}

static void read_id(nhtb_span body)
{
    nhi_v1_id id, again;
    nhi_wr w;
    nhtb_ts ts, ts2;
    if (!nhi_v1_id_read(&id, body))
        return;
    inside(id.data, body);
    nhi_wr_init(&w, buf, sizeof buf);
    nhi_v1_id_write(&w, &id);
    fuzz_check(same((nhtb_span){buf, w.n}, body));
    if (!nhi_v1_id_to_ts(&ts, &id))
        return;
    fuzz_check(nhi_addr_cmp(&ts.lo, &ts.hi) <= 0);
    nhi_wr_init(&w, buf, sizeof buf);
    fuzz_check(nhi_v1_id_write_ts(&w, &ts) && !w.bad);
    fuzz_check(nhi_v1_id_read(&again, (nhtb_span){buf, w.n}) && nhi_v1_id_to_ts(&ts2, &again));
    fuzz_check(memcmp(&ts, &ts2, sizeof ts) == 0);
}

static void read_notify(nhtb_span body)
{
    nhi_v1_notify n;
    nhi_ike_builder b;
    nhtb_addr a;
    if (!nhi_v1_notify_read(&n, body))
        return;
    inside(n.spi, body);
    inside(n.data, body);
    nhi_ike_build_inner(&b, buf, sizeof buf);
    nhi_v1_build_notify(&b, &n);
    fuzz_check(nhi_ike_build_finish(&b) == body.n + 4);
    fuzz_check(same((nhtb_span){buf + 4, body.n}, body));
    nhi_nhtb_data_read(n.data, &a);
}

static void read_delete(nhtb_span body)
{
    nhi_v1_delete d;
    nhi_ike_builder b;
    if (!nhi_v1_delete_read(&d, body))
        return;
    inside(d.spis, body);
    nhi_ike_build_inner(&b, buf, sizeof buf);
    nhi_v1_build_delete(&b, &d);
    fuzz_check(nhi_ike_build_finish(&b) == body.n + 4);
    fuzz_check(same((nhtb_span){buf + 4, body.n}, body));
}

static void read_rest(nhtb_span body)
{
    uint8_t encoding;
    nhtb_span data;
    nhtb_addr a;
    nhi_v1_cfg c;
    nhi_v1_frag f;
    if (nhi_v1_cert_read(body, &encoding, &data))
        inside(data, body);
    if (nhi_v1_cfg_read(&c, body))
        read_attrs(c.attrs);
    if (nhi_v1_frag_read(&f, body))
        inside(f.data, body);
    nhi_v1_nat_oa_read(body, &a);
}

static void (*const readers[])(nhtb_span) = {read_sa,     read_id,     read_attrs,
                                             read_notify, read_delete, read_rest};

static void read_body(const nhi_v1_pl *pl)
{
    switch (pl->type) {
    case NHI_V1_SA: read_sa(pl->body); break;
    case NHI_V1_ID: read_id(pl->body); break;
    case NHI_V1_NOTIFY: read_notify(pl->body); break;
    case NHI_V1_DELETE: read_delete(pl->body); break;
    default: read_rest(pl->body); break;
    }
}

static void read_chain(uint8_t first, nhtb_span all, bool padded)
{
    static nhi_v1_msg m, again;
    nhi_ike_builder b;
    if (nhi_v1_msg_parse(&m, first, all.p, all.n, padded) != NHI_CHAIN_OK)
        return;
    fuzz_check(m.n <= NHI_V1_PAYLOADS && (padded || m.chain.n == all.n));
    nhi_ike_build_inner(&b, buf, sizeof buf);
    for (size_t i = 0; i < m.n; i++) {
        inside(m.pl[i].whole, all);
        inside(m.pl[i].body, m.pl[i].whole);
        inside(nhi_v1_msg_after(&m, i), all);
        nhi_ike_build_payload(&b, m.pl[i].type, m.pl[i].body);
    }
    size_t n = nhi_ike_build_finish(&b);
    fuzz_check(n == m.chain.n && same((nhtb_span){buf, n}, m.chain));
    fuzz_check(nhi_v1_msg_parse(&again, b.first, buf, n, false) == NHI_CHAIN_OK && again.n == m.n);
    for (size_t i = 0; i < m.n; i++)
        read_body(&m.pl[i]);
}

int fuzz_wire_v1(const uint8_t *p, size_t n)
{
    nhi_ike_hdr h;
    if (n < 1 || n > 60000)
        return 0;
    uint8_t opt = p[0];
    uint8_t *q = fuzz_dup(p + 1, n - 1);
    nhtb_span all = {q, n - 1};
    if (opt % 8 == 0) {
        if (all.n >= NHI_IKE_HDR)
            nhi_put32(q + 24, (uint32_t)all.n);
        if (nhi_ike_hdr_read(&h, q, all.n))
            read_chain(h.next, (nhtb_span){q + NHI_IKE_HDR, all.n - NHI_IKE_HDR}, opt >= 128);
    } else if (opt % 8 <= NHI_ARRAY_LEN(readers)) {
        readers[opt % 8 - 1](all);
    } else {
        read_chain(opt / 8, all, true);
    }
    free(q);
    return 0;
}
