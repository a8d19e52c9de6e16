/* SPDX-License-Identifier: Apache-2.0
 * Phase 1 proposals: configured algorithms -> transforms, and back. One transform carries one choice
 * of each kind, so a configured proposal becomes their product. DES, MD5 and whatever else has no
 * line in these tables is refused. RFC 2409 5, Appendix A. Pure; called by ike/v1. */
#include "ike/v1/parts.h"

enum { /* attributes */
       A_CIPHER = 1,
       A_HASH = 2,
       A_AUTH = 3,
       A_GROUP = 4,
       A_LIFE_TYPE = 11,
       A_LIFE = 12,
       A_KEY_BITS = 14
};
#define KEY_IKE 1 /* transform id */

/* v1: RFC 2409 Appendix A, RFC 3602, RFC 4868. v2: IANA, IKEv2. Groups share their numbers. */
static const struct pair {
    uint16_t v1, v2;
} ciphers[] = {{5, NHI_V1_ENCR_3DES}, {7, NHI_ENCR_AES_CBC}},
  hashes[] = {{2, NHI_PRF_SHA1}, {4, NHI_PRF_SHA256}, {5, NHI_PRF_SHA384}, {6, NHI_PRF_SHA512}};

static uint16_t to_v2(const struct pair *t, size_t n, uint64_t v1)
{
    for (size_t i = 0; i < n; i++)
        if (t[i].v1 == v1)
            return t[i].v2;
    return 0;
}

static uint16_t to_v1(const struct pair *t, size_t n, uint16_t v2)
{
    for (size_t i = 0; i < n; i++)
        if (t[i].v2 == v2)
            return t[i].v1;
    return 0;
}

/** Every attribute once, lifetimes as (type, duration), nothing we do not know. */
typedef struct reader {
    uint32_t seen; /* bit per attribute type */
    uint64_t life_type;
} reader;

static bool take_life(nhi_v1_phase1 *t, reader *r, uint16_t type, uint64_t v)
{
    if (type == A_LIFE_TYPE) {
        bool ok = r->life_type == 0 && (v == 1 || v == 2);
        r->life_type = v;
        return ok;
    }
    uint64_t *life = r->life_type == 1 ? &t->life_s : &t->life_kb;
    bool ok = r->life_type != 0 && *life == 0; /* 0: for ever, as if not said */
    *life = v;
    r->life_type = 0;
    return ok;
}

static bool take_attr(nhi_v1_phase1 *t, reader *r, uint16_t type, uint64_t v)
{
    if (type == A_LIFE_TYPE || type == A_LIFE)
        return take_life(t, r, type, v);
    if (type > A_KEY_BITS || (r->seen >> type & 1) || v > 0xffff)
        return false;
    r->seen |= 1u << type;
    switch (type) {
    case A_CIPHER: t->encr = to_v2(ciphers, NHI_ARRAY_LEN(ciphers), v); return t->encr != 0;
    case A_HASH: t->prf = to_v2(hashes, NHI_ARRAY_LEN(hashes), v); return t->prf != 0;
    case A_AUTH: t->auth = (uint16_t)v; return true;
    case A_GROUP: t->ke = (uint16_t)v; return true;
    case A_KEY_BITS: t->key_bits = (uint16_t)v; return v != 0;
    default: return false;
    }
}

/** False: not a transform we can mean anything by. */
static bool read_transform(nhi_v1_phase1 *t, const nhi_v1_transform *tf)
{
    nhi_rd rd;
    nhi_v1_attr a;
    reader r = {0, 0};
    uint64_t v;
    memset(t, 0, sizeof *t);
    nhi_rd_init(&rd, tf->attrs.p, tf->attrs.n);
    while (nhi_v1_attr_next(&rd, &a))
        if (!nhi_v1_attr_number(&a, &v) || !take_attr(t, &r, a.type, v))
            return false;
    if (t->encr == NHI_ENCR_AES_CBC && !t->key_bits)
        t->key_bits = 128; /* RFC 3602 4 */
    if (t->encr == NHI_V1_ENCR_3DES && t->key_bits)
        return false;
    return tf->id == KEY_IKE && r.life_type == 0 && t->encr && t->prf && t->auth && t->ke;
}

static bool in_list(const uint16_t *v, size_t n, uint16_t id)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] == id)
            return true;
    return false;
}

static bool has_cipher(const nhtb_proposal *c, uint16_t encr, uint16_t bits)
{
    for (size_t i = 0; i < c->n_encr; i++)
        if (c->encr[i].id == encr && (encr == NHI_V1_ENCR_3DES || c->encr[i].key_bits == bits))
            return true;
    return false;
}

static bool fits(const nhi_v1_phase1 *t, const nhi_v1_policy1 *own, const nhtb_proposal *c)
{
    return has_cipher(c, t->encr, t->key_bits) && in_list(c->prf, c->n_prf, t->prf) &&
           in_list(c->ke, c->n_ke, t->ke) && (own->ke == 0 || own->ke == t->ke) &&
           in_list(own->auths, own->n_auths, t->auth);
}

/** The first transform of the offer that one of our proposals takes; AND bundles make no sense here. */
static bool find(nhi_v1_phase1 *out, const nhi_v1_policy1 *own, const nhtb_proposal *c,
                 const nhi_v1_sa_pl *offer)
{
    for (size_t i = 0; i < offer->n; i++) {
        const nhi_v1_proposal *p = &offer->p[i];
        nhi_v1_transform tf;
        nhi_rd r;
        if (p->protocol != NHI_V1_PROTO_ISAKMP || nhi_v1_sa_bundled(offer, i))
            continue;
        nhi_rd_init(&r, p->transforms.p, p->transforms.n);
        while (nhi_v1_transform_next(&r, &tf)) {
            if (!read_transform(out, &tf) || !fits(out, own, c))
                continue;
            out->pick = (nhi_v1_pick){*p, tf};
            return true;
        }
    }
    return false;
}

bool nhi_v1_propose1_choose(nhi_v1_phase1 *out, const nhi_v1_policy1 *own,
                            const nhi_v1_sa_pl *offer)
{
    for (size_t i = 0; i < own->n; i++)
        if (find(out, own, &own->v[i], offer))
            return true;
    return false;
}

bool nhi_v1_propose1_accept(nhi_v1_phase1 *out, const nhi_v1_policy1 *own,
                            const nhi_v1_sa_pl *answer)
{
    return answer->n == 1 && answer->p[0].n == 1 && nhi_v1_propose1_choose(out, own, answer);
}

void nhi_v1_propose_answer(nhi_wr *w, const nhi_v1_pick *pick, nhtb_span spi)
{
    nhi_v1_sa_writer s;
    nhi_v1_sa_begin(&s, w);
    nhi_v1_sa_proposal(&s, pick->proposal.number, pick->proposal.protocol, spi);
    nhi_v1_sa_transform(&s, pick->transform.number, pick->transform.id);
    nhi_wr_span(w, pick->transform.attrs);
    nhi_v1_sa_end(&s);
}

static void write_one(nhi_wr *w, const nhi_v1_phase1 *t, const nhi_v1_policy1 *own)
{
    nhi_v1_attr_write_short(w, A_CIPHER, to_v1(ciphers, NHI_ARRAY_LEN(ciphers), t->encr));
    if (t->encr == NHI_ENCR_AES_CBC)
        nhi_v1_attr_write_short(w, A_KEY_BITS, t->key_bits);
    nhi_v1_attr_write_short(w, A_HASH, to_v1(hashes, NHI_ARRAY_LEN(hashes), t->prf));
    nhi_v1_attr_write_short(w, A_GROUP, t->ke);
    nhi_v1_attr_write_short(w, A_AUTH, t->auth);
    nhi_v1_attr_write_short(w, A_LIFE_TYPE, 1);
    nhi_v1_attr_write_number(w, A_LIFE, own->life_s);
    if (own->life_kb) {
        nhi_v1_attr_write_short(w, A_LIFE_TYPE, 2);
        nhi_v1_attr_write_number(w, A_LIFE, own->life_kb);
    }
}

/** One transform of the product, numbered from 1; past the bound of the format none. */
static void offer_one(nhi_v1_sa_writer *s, const nhi_v1_phase1 *t, const nhi_v1_policy1 *own)
{
    if (s->n >= NHI_V1_TRANSFORMS || !to_v1(ciphers, NHI_ARRAY_LEN(ciphers), t->encr) ||
        !to_v1(hashes, NHI_ARRAY_LEN(hashes), t->prf))
        return;
    nhi_v1_sa_transform(s, (uint8_t)(s->n + 1), KEY_IKE);
    write_one(s->w, t, own);
}

/** All of one configured proposal with one cipher. */
static void offer_product(nhi_v1_sa_writer *s, const nhi_v1_policy1 *own, const nhtb_proposal *c,
                          nhi_v1_phase1 *t)
{
    for (size_t h = 0; h < c->n_prf; h++)
        for (size_t g = 0; g < c->n_ke; g++)
            for (size_t a = 0; a < own->n_auths; a++) {
                t->prf = c->prf[h];
                t->ke = c->ke[g];
                t->auth = own->auths[a];
                if (own->ke == 0 || own->ke == t->ke)
                    offer_one(s, t, own);
            }
}

bool nhi_v1_propose1_offer(nhi_wr *w, const nhi_v1_policy1 *own)
{
    nhi_v1_sa_writer s;
    nhi_v1_phase1 t = {.encr = 0};
    nhi_v1_sa_begin(&s, w);
    nhi_v1_sa_proposal(&s, 1, NHI_V1_PROTO_ISAKMP, (nhtb_span){NULL, 0});
    for (size_t i = 0; i < own->n; i++)
        for (size_t k = 0; k < own->v[i].n_encr; k++) {
            t.encr = own->v[i].encr[k].id;
            t.key_bits = own->v[i].encr[k].key_bits;
            offer_product(&s, own, &own->v[i], &t);
        }
    unsigned n = s.n;
    nhi_v1_sa_end(&s);
    return n > 0 && !w->bad;
}
