/* SPDX-License-Identifier: Apache-2.0
 * Proposals (RFC 7296 2.7, 3.3): what a responder chooses from an offer comes from its own
 * configuration, and the initiator accepts exactly that. Input: two configurations; or, with the
 * first bit set, one configuration and an SA payload as a peer might send it. */
#include "fuzz/fuzz.h"
#include "ike/parts.h"

static const uint16_t integs[] = {12, 13, 14}, prfs[] = {5, 6, 7}, kes[] = {31, 19, 14};

static uint8_t pick(fuzz_in *in, uint16_t *dst, const uint16_t *from, unsigned least)
{
    unsigned n = least + fuzz_below(in, 4 - least), at = fuzz_u8(in);
    for (unsigned i = 0; i < n; i++)
        dst[i] = from[(at + i) % 3];
    return (uint8_t)n;
}

static nhtb_proposal configured(fuzz_in *in, nhtb_protocol proto)
{
    static const struct {
        uint16_t id, bits;
    } encrs[] = {{20, 128}, {20, 256}, {28, 0}, {12, 128}, {12, 256}, {28, 256}};
    nhtb_proposal p;
    memset(&p, 0, sizeof p);
    p.n_encr = (uint8_t)(1 + fuzz_below(in, 4));
    for (unsigned i = 0; i < p.n_encr; i++) {
        unsigned k = fuzz_below(in, 6);
        p.encr[i].id = encrs[k].id;
        p.encr[i].key_bits = encrs[k].bits;
    }
    p.n_integ = pick(in, p.integ, integs, 0);
    p.n_prf = proto == NHTB_PROTO_IKE ? pick(in, p.prf, prfs, 1) : 0;
    p.n_ke = pick(in, p.ke, kes, 0);
    p.n_esn = proto == NHTB_PROTO_ESP ? (uint8_t)fuzz_below(in, 3) : 0;
    p.esn[0] = (uint8_t)fuzz_below(in, 2);
    p.esn[1] = !p.esn[0];
    return p;
}

static bool listed(const uint16_t *v, unsigned n, uint16_t x)
{
    for (unsigned i = 0; i < n; i++)
        if (v[i] == x)
            return true;
    return false;
}

/* Is the suite one that this configuration allows? */
static bool allowed(const nhtb_proposal *c, nhtb_protocol proto, const nhi_suite *s, bool no_ke)
{
    bool encr = false, aead = s->encr == 20 || s->encr == 28;
    for (unsigned i = 0; i < c->n_encr; i++)
        encr = encr || (c->encr[i].id == s->encr &&
                        (s->encr == 28 ? s->key_bits == 0 : c->encr[i].key_bits == s->key_bits));
    bool integ = aead ? s->integ == 0 : listed(c->integ, c->n_integ, s->integ);
    bool ke = s->ke == 0 ? no_ke || c->n_ke == 0 : !no_ke && listed(c->ke, c->n_ke, s->ke);
    bool prf = proto == NHTB_PROTO_ESP || listed(c->prf, c->n_prf, s->prf);
    bool esn =
        c->n_esn == 0 ? !s->esn : c->esn[0] == s->esn || (c->n_esn == 2 && c->esn[1] == s->esn);
    return encr && integ && ke && prf && (proto == NHTB_PROTO_IKE || esn);
}

static void check_chosen(const nhtb_proposal *v, size_t n, nhtb_protocol proto, const nhi_suite *s,
                         bool no_ke)
{
    bool ok = false;
    for (size_t i = 0; i < n; i++)
        ok = ok || allowed(&v[i], proto, s, no_ke);
    fuzz_check(ok && nhi_bulk_find(s->encr, s->key_bits, s->integ) != NULL);
    fuzz_check(proto == NHTB_PROTO_ESP || s->ke != 0);
}

static void same_suite(const nhi_suite *a, const nhi_suite *b)
{
    fuzz_check(a->encr == b->encr && a->key_bits == b->key_bits && a->integ == b->integ);
    fuzz_check(a->prf == b->prf && a->ke == b->ke && a->esn == b->esn && a->number == b->number);
}

static void answer_to(const nhi_ike_sa_pl *offer, nhtb_protocol proto, const nhi_suite *s)
{
    static nhi_ike_sa_pl answer, read;
    static uint8_t buf[8192];
    static const uint8_t spi[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    nhi_suite got;
    nhi_wr w;
    uint8_t spi_len = proto == NHTB_PROTO_ESP ? 4 : offer->p[s->number - 1].spi_len;
    nhi_propose_answer(&answer, proto, s, spi, spi_len);
    nhi_wr_init(&w, buf, sizeof buf);
    nhi_ike_sa_write(&w, &answer);
    fuzz_check(!w.bad && nhi_ike_sa_read(&read, (nhtb_span){buf, w.n}));
    fuzz_check(nhi_propose_accept(&got, proto, offer, &read));
    same_suite(s, &got);
    fuzz_check(proto == NHTB_PROTO_IKE || got.spi == 0x01020304);
    fuzz_check(s->ke == 0 || nhi_propose_has_ke(offer, s->ke));
}

static void both_ends(fuzz_in *in, nhtb_protocol proto, bool no_ke)
{
    static nhi_ike_sa_pl offer, read;
    static uint8_t buf[16384];
    static const uint8_t spi[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    nhtb_proposal a[8], b[8];
    nhi_suite s;
    nhi_wr w;
    size_t n_a = 1 + fuzz_below(in, 8), n_b = 1 + fuzz_below(in, 8);
    uint16_t want = kes[fuzz_below(in, 3)];
    for (size_t i = 0; i < n_a; i++)
        a[i] = configured(in, proto);
    for (size_t i = 0; i < n_b; i++)
        b[i] = configured(in, proto);
    nhi_propose_offer(&offer, proto, a, n_a, spi, proto == NHTB_PROTO_ESP ? 4 : 0, no_ke);
    fuzz_check(offer.n > 0 && offer.n <= NHI_IKE_PROPOSALS);
    nhi_wr_init(&w, buf, sizeof buf);
    nhi_ike_sa_write(&w, &offer);
    fuzz_check(!w.bad && nhi_ike_sa_read(&read, (nhtb_span){buf, w.n}) && read.n == offer.n);
    if (!nhi_propose_choose(&s, proto, b, n_b, &read, want, no_ke))
        return;
    check_chosen(b, n_b, proto, &s, no_ke);
    check_chosen(a, n_a, proto, &s, no_ke);
    fuzz_check(s.number >= 1 && s.number <= offer.n);
    answer_to(&offer, proto, &s);
}

static void hostile(fuzz_in *in, nhtb_protocol proto, bool no_ke)
{
    static nhi_ike_sa_pl sa, mine;
    static const uint8_t spi[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    nhtb_proposal c = configured(in, proto);
    nhi_suite s;
    if (!nhi_ike_sa_read(&sa, fuzz_rest(in)))
        return;
    if (nhi_propose_choose(&s, proto, &c, 1, &sa, 19, no_ke))
        check_chosen(&c, 1, proto, &s, no_ke);
    nhi_propose_offer(&mine, proto, &c, 1, spi, proto == NHTB_PROTO_ESP ? 4 : 0, no_ke);
    if (nhi_propose_accept(&s, proto, &mine, &sa))
        fuzz_check(allowed(&c, proto, &s, no_ke) || s.ke == 0);
}

int fuzz_propose(const uint8_t *p, size_t n)
{
    fuzz_in in = {p, n};
    unsigned opt = fuzz_u8(&in);
    nhtb_protocol proto = opt & 2 ? NHTB_PROTO_ESP : NHTB_PROTO_IKE;
    bool no_ke = proto == NHTB_PROTO_ESP && (opt & 4) != 0;
    if (opt & 1)
        hostile(&in, proto, no_ke);
    else
        both_ends(&in, proto, no_ke);
    return 0;
}
