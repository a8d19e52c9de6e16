/* SPDX-License-Identifier: Apache-2.0
 * All IKEv2 decoders: header, chain, SA, TS, KE, ID, AUTH, Notify, Delete, next-hop data. What was
 * read lies inside the message; what has a writer reads back the same. Input: one option byte that
 * names a decoder, then a body; option 0: a whole message. RFC 7296 3. */
#include "fuzz/fuzz.h"
#include "ike/parts.h"
#include "wire/ike.h"

enum { OUT = 70000 };
static uint8_t buf[OUT];

static void inside(nhtb_span s, nhtb_span of)
{
    fuzz_check(s.n == 0 || (s.p >= of.p && s.n <= of.n && (size_t)(s.p - of.p) <= of.n - s.n));
}

static bool same(nhtb_span a, nhtb_span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static nhtb_span body_of(const nhi_ike_builder *b)
{
    fuzz_check(b->w.n >= 4);
    return (nhtb_span){b->w.p + 4, b->w.n - 4};
}

static void same_proposal(const nhi_ike_proposal *a, const nhi_ike_proposal *b)
{
    fuzz_check(a->number == b->number && a->protocol == b->protocol && a->n == b->n);
    fuzz_check(a->spi_len == b->spi_len && memcmp(a->spi, b->spi, a->spi_len) == 0);
    for (unsigned i = 0; i < a->n; i++)
        fuzz_check(a->tf[i].type == b->tf[i].type && a->tf[i].id == b->tf[i].id &&
                   a->tf[i].key_bits == b->tf[i].key_bits);
}

static void read_sa(nhtb_span body)
{
    static nhi_ike_sa_pl sa, again;
    nhi_wr w;
    if (!nhi_ike_sa_read(&sa, body))
        return;
    fuzz_check(sa.n > 0 && sa.n <= NHI_IKE_PROPOSALS);
    nhi_wr_init(&w, buf, sizeof buf);
    nhi_ike_sa_write(&w, &sa);
    fuzz_check(!w.bad && w.n <= body.n);
    fuzz_check(nhi_ike_sa_read(&again, (nhtb_span){buf, w.n}) && again.n == sa.n);
    for (unsigned i = 0; i < sa.n; i++)
        same_proposal(&sa.p[i], &again.p[i]);
}

static void read_ts(nhtb_span body)
{
    nhtb_ts v[32], again[32];
    size_t n, m, few;
    nhi_wr w;
    if (!nhi_ike_ts_read(body, v, 32, &n))
        return;
    fuzz_check(n <= 32 && nhi_ike_ts_read(body, again, 3, &few) && few == (n < 3 ? n : 3));
    for (size_t i = 0; i < n; i++)
        fuzz_check(v[i].lo.family == v[i].hi.family && nhi_addr_cmp(&v[i].lo, &v[i].hi) <= 0);
    nhi_wr_init(&w, buf, sizeof buf);
    nhi_ike_ts_write(&w, v, n);
    fuzz_check(!w.bad && w.n <= body.n);
    bool ok = nhi_ike_ts_read((nhtb_span){buf, w.n}, again, 32, &m);
    fuzz_check(ok == (n > 0) && (!ok || (m == n && memcmp(v, again, n * sizeof *v) == 0)));
}

static void read_notify(nhtb_span body)
{
    nhi_ike_notify a, b;
    nhi_ike_builder w;
    if (!nhi_ike_notify_read(&a, body))
        return;
    inside(a.spi, body);
    inside(a.data, body);
    fuzz_check(a.spi.n + a.data.n + 4 == body.n);
    nhi_ike_build_inner(&w, buf, sizeof buf);
    nhi_ike_build_notify(&w, a.protocol, a.spi, a.type, a.data);
    fuzz_check(nhi_ike_build_finish(&w) == body.n + 4 && same(body_of(&w), body));
    fuzz_check(nhi_ike_notify_read(&b, body_of(&w)) && b.type == a.type && same(a.spi, b.spi));
}

static void read_ke(nhtb_span body)
{
    uint16_t method, again;
    nhtb_span data, data2;
    nhi_ike_builder w;
    if (!nhi_ike_ke_read(body, &method, &data))
        return;
    inside(data, body);
    nhi_ike_build_inner(&w, buf, sizeof buf);
    nhi_ike_build_ke(&w, method, data);
    fuzz_check(nhi_ike_build_finish(&w) == body.n + 4);
    fuzz_check(nhi_ike_ke_read(body_of(&w), &again, &data2) && again == method);
    fuzz_check(same(data, data2));
}

static void read_id(nhtb_span body)
{
    nhtb_identity id, again;
    nhi_ike_builder w;
    if (!nhi_ike_id_read(body, &id))
        return;
    inside(id.data, body);
    fuzz_check(id.data.n <= NHTB_ID_MAX && id.type != NHTB_ID_NONE);
    fuzz_check(nhi_ident_match(&id, &id) || !nhi_ident_valid(&id)); /* a malformed DN: never */
    nhi_ike_build_inner(&w, buf, sizeof buf);
    nhi_ike_build_id(&w, NHI_PL_IDI, &id);
    fuzz_check(nhi_ike_build_finish(&w) == body.n + 4);
    fuzz_check(nhi_ike_id_read(body_of(&w), &again) && same(id.data, again.data));
    fuzz_check(id.type == again.type);
    fuzz_check(nhi_ident_valid(&id) == nhi_ident_valid(&again));
}

static void read_auth(nhtb_span body)
{
    uint8_t method, again;
    nhtb_span data, data2;
    nhi_ike_builder w;
    if (!nhi_ike_auth_read(body, &method, &data))
        return;
    inside(data, body);
    nhi_ike_build_inner(&w, buf, sizeof buf);
    nhi_ike_build_auth(&w, method, data);
    fuzz_check(nhi_ike_build_finish(&w) == body.n + 4);
    fuzz_check(nhi_ike_auth_read(body_of(&w), &again, &data2) && again == method);
    fuzz_check(same(data, data2));
}

static void read_delete(nhtb_span body)
{
    uint8_t proto, spi_len;
    uint16_t n;
    nhtb_span spis;
    nhi_ike_builder w;
    if (!nhi_ike_delete_read(body, &proto, &spi_len, &n, &spis))
        return;
    inside(spis, body);
    fuzz_check(spis.n == (size_t)spi_len * n);
    nhi_ike_build_inner(&w, buf, sizeof buf);
    nhi_ike_build_delete(&w, proto, spi_len, n, spis);
    fuzz_check(nhi_ike_build_finish(&w) == body.n + 4 && same(body_of(&w), body));
}

static void read_next_hop(nhtb_span body)
{
    nhtb_addr a, b;
    uint8_t raw[16];
    if (!nhi_nhtb_data_read(body, &a))
        return;
    size_t n = nhi_nhtb_data_write(raw, &a);
    fuzz_check(n == (a.family == 4 ? 4u : 16u));
    fuzz_check(nhi_nhtb_data_read((nhtb_span){raw, n}, &b) && nhtb_addr_equal(&a, &b));
}

static void (*const readers[])(nhtb_span) = {read_sa, read_ts,   read_notify, read_ke,
                                             read_id, read_auth, read_delete, read_next_hop};

static void read_body(const nhi_ike_pl *pl)
{
    nhi_ike_notify n;
    switch (pl->type) {
    case NHI_PL_SA: read_sa(pl->body); break;
    case NHI_PL_KE: read_ke(pl->body); break;
    case NHI_PL_IDI:
    case NHI_PL_IDR: read_id(pl->body); break;
    case NHI_PL_AUTH: read_auth(pl->body); break;
    case NHI_PL_DELETE: read_delete(pl->body); break;
    case NHI_PL_TSI:
    case NHI_PL_TSR: read_ts(pl->body); break;
    case NHI_PL_NOTIFY:
        read_notify(pl->body);
        if (nhi_ike_notify_read(&n, pl->body) && n.type == NHI_NOTIFY_NHTB)
            read_next_hop(n.data);
        break;
    default: break;
    }
}

static void rebuild(const nhi_ike_msg *m, const nhi_ike_hdr *h)
{
    static nhi_ike_msg again;
    nhi_ike_builder b;
    nhi_ike_hdr h2;
    nhi_ike_build_init(&b, buf, sizeof buf, h);
    for (size_t i = 0; i < m->n; i++)
        nhi_ike_build_payload(&b, m->pl[i].type, m->pl[i].body);
    size_t n = nhi_ike_build_finish(&b);
    fuzz_check(n > 0 && nhi_ike_hdr_read(&h2, buf, n));
    fuzz_check(nhi_ike_msg_parse(&again, h2.next, buf + NHI_IKE_HDR, n - NHI_IKE_HDR) ==
               NHI_CHAIN_OK);
    fuzz_check(again.n == m->n);
    for (size_t i = 0; i < m->n; i++)
        fuzz_check(again.pl[i].type == m->pl[i].type && same(again.pl[i].body, m->pl[i].body));
}

static void read_chain(uint8_t first, nhtb_span all, const nhi_ike_hdr *h)
{
    static nhi_ike_msg m;
    nhi_ike_chain r = nhi_ike_msg_parse(&m, first, all.p, all.n);
    fuzz_check(m.n <= NHI_IKE_PAYLOADS);
    if (r != NHI_CHAIN_OK)
        return;
    size_t bytes = 0;
    for (size_t i = 0; i < m.n; i++) {
        inside(m.pl[i].body, all);
        bytes += 4 + m.pl[i].body.n;
        fuzz_check(nhi_ike_msg_count(&m, m.pl[i].type) > 0);
        fuzz_check(nhi_ike_msg_get(&m, m.pl[i].type, 0) != NULL);
    }
    fuzz_check(bytes == all.n);
    for (size_t i = 0; i < m.n; i++)
        read_body(&m.pl[i]);
    if (h && m.n && !nhi_ike_msg_count(&m, NHI_PL_SK) && !nhi_ike_msg_count(&m, NHI_PL_SKF))
        rebuild(&m, h);
}

static void read_message(uint8_t *p, size_t n, bool honest_length)
{
    nhi_ike_hdr h;
    uint8_t again[NHI_IKE_HDR];
    if (n >= NHI_IKE_HDR && honest_length)
        nhi_put32(p + 24, (uint32_t)n);
    if (!nhi_ike_hdr_read(&h, p, n))
        return;
    fuzz_check(n >= NHI_IKE_HDR && h.length == n);
    nhi_ike_hdr_write(again, &h);
    fuzz_check(memcmp(again, p, sizeof again) == 0);
    read_chain(h.next, (nhtb_span){p + NHI_IKE_HDR, n - NHI_IKE_HDR}, &h);
}

int fuzz_wire_ike(const uint8_t *p, size_t n)
{
    if (n < 1 || n > 60000)
        return 0;
    uint8_t opt = p[0];
    uint8_t *q = fuzz_dup(p + 1, n - 1);
    nhtb_span all = {q, n - 1};
    if (opt % 16 == 0)
        read_message(q, n - 1, opt < 128);
    else if (opt % 16 <= sizeof readers / sizeof *readers)
        readers[opt % 16 - 1](all);
    else
        read_chain((uint8_t)(NHI_PL_SA + opt % 32), all, NULL);
    free(q);
    return 0;
}
