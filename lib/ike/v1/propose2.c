/* SPDX-License-Identifier: Apache-2.0
 * Phase 2 proposals: configured ESP algorithms -> transforms, and back; lifetimes. A transform names
 * its cipher by id and the rest by attributes. Tunnel mode only; bundles with AH or IPCOMP are left
 * out. RFC 2407 4.4.4, 4.5; RFC 3602, 4106, 4868, 3947 5.1, 4304. Pure; called by ike/v1/quick_*. */
#include "ike/v1/parts.h"

enum { /* attributes */
       A_LIFE_TYPE = 1,
       A_LIFE = 2,
       A_GROUP = 3,
       A_MODE = 4,
       A_AUTH = 5,
       A_KEY_BITS = 6,
       A_ESN = 11
};

/* v1: IANA "IPSEC ESP Transform Identifiers"; v2: IKEv2. Only what both sides of the table name. */
static const struct cipher {
    uint8_t v1;
    uint16_t v2;
    bool key_bits, aead;
} ciphers[] = {
    {3, NHI_V1_ENCR_3DES, false, false},
    {12, NHI_ENCR_AES_CBC, true, false},
    {20, NHI_ENCR_AES_GCM16, true, true},
};
static const struct pair {
    uint16_t v1, v2;
} auths[] = {
    {2, NHI_V1_INTEG_SHA1_96},
    {5, NHI_INTEG_SHA256_128},
    {6, NHI_INTEG_SHA384_192},
    {7, NHI_INTEG_SHA512_256},
};

static const struct cipher *cipher_of(uint16_t v1, uint16_t v2)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(ciphers); i++)
        if (v1 ? ciphers[i].v1 == v1 : ciphers[i].v2 == v2)
            return &ciphers[i];
    return NULL;
}

static uint16_t auth_to_v2(uint64_t v1)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(auths); i++)
        if (auths[i].v1 == v1)
            return auths[i].v2;
    return 0;
}

static uint16_t auth_to_v1(uint16_t v2)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(auths); i++)
        if (auths[i].v2 == v2)
            return auths[i].v1;
    return 0;
}

typedef struct reader {
    uint32_t seen; /* bit per attribute type */
    uint64_t life_type;
} reader;

static bool take_life(uint64_t *life_s, uint64_t *life_kb, reader *r, uint16_t type, uint64_t v)
{
    if (type == A_LIFE_TYPE) {
        bool ok = r->life_type == 0 && (v == 1 || v == 2);
        r->life_type = v;
        return ok;
    }
    uint64_t *life = r->life_type == 1 ? life_s : life_kb;
    bool ok = r->life_type != 0 && *life == 0; /* 0: for ever, as if not said */
    *life = v;
    r->life_type = 0;
    return ok;
}

static bool take_attr(nhi_v1_phase2 *t, reader *r, uint16_t type, uint64_t v)
{
    if (type == A_LIFE_TYPE || type == A_LIFE)
        return take_life(&t->life_s, &t->life_kb, r, type, v);
    if (type > A_ESN || (r->seen >> type & 1) || v > 0xffff)
        return false;
    r->seen |= 1u << type;
    switch (type) {
    case A_GROUP: t->suite.ke = (uint16_t)v; return v != 0;
    case A_MODE: t->mode = (uint16_t)v; return v != 0;
    case A_AUTH: t->suite.integ = auth_to_v2(v); return t->suite.integ != 0;
    case A_KEY_BITS: t->suite.key_bits = (uint16_t)v; return v != 0;
    case A_ESN: t->suite.esn = v == 1; return v == 1;
    default: return false;
    }
}

static bool read_transform(nhi_v1_phase2 *t, const nhi_v1_transform *tf)
{
    const struct cipher *k = tf->id ? cipher_of(tf->id, 0) : NULL;
    nhi_rd rd;
    nhi_v1_attr a;
    reader r = {0, 0};
    uint64_t v;
    memset(t, 0, sizeof *t);
    if (!k)
        return false;
    nhi_rd_init(&rd, tf->attrs.p, tf->attrs.n);
    while (nhi_v1_attr_next(&rd, &a))
        if (!nhi_v1_attr_number(&a, &v) || !take_attr(t, &r, a.type, v))
            return false;
    t->suite.encr = k->v2;
    if (k->v2 == NHI_ENCR_AES_CBC && !t->suite.key_bits)
        t->suite.key_bits = 128; /* RFC 3602 4 */
    if (!t->mode)
        t->mode = NHI_V1_MODE_TUNNEL; /* RFC 2407 leaves the default to the host */
    return r.life_type == 0 && k->key_bits == (t->suite.key_bits != 0) &&
           k->aead == (t->suite.integ == 0);
}

static bool in_list(const uint16_t *v, size_t n, uint16_t id)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] == id)
            return true;
    return false;
}

static bool has_cipher(const nhtb_proposal *c, const nhi_suite *s)
{
    for (size_t i = 0; i < c->n_encr; i++)
        if (c->encr[i].id == s->encr && (!s->key_bits || c->encr[i].key_bits == s->key_bits))
            return true;
    return false;
}

static bool has_esn(const nhtb_proposal *c, bool esn)
{
    if (c->n_esn == 0)
        return !esn;
    for (size_t i = 0; i < c->n_esn; i++)
        if ((c->esn[i] != 0) == esn)
            return true;
    return false;
}

/** PFS: the KE payload does not name its group, so its length must be that of the transform's group;
 *  without it neither has one. A configuration without groups takes none. */
static bool group_fits(const nhtb_proposal *c, uint16_t group, const nhi_v1_policy2 *own)
{
    if (own->ke_len == 0)
        return group == 0 && c->n_ke == 0;
    return in_list(c->ke, c->n_ke, group) && nhi_ke_public_len(group) == own->ke_len &&
           (own->ke == 0 || own->ke == group);
}

/** UDP encapsulation or not is for NAT detection to say, draft or RFC for the peer. */
static bool mode_fits(uint16_t want, uint16_t got)
{
    if (want == NHI_V1_MODE_TUNNEL)
        return got == NHI_V1_MODE_TUNNEL;
    return got == NHI_V1_MODE_UDP_TUNNEL || got == NHI_V1_MODE_UDP_TUNNEL_DRAFT;
}

static bool fits(const nhi_v1_phase2 *t, const nhi_v1_policy2 *own, const nhtb_proposal *c)
{
    return has_cipher(c, &t->suite) &&
           (t->suite.integ == 0 || in_list(c->integ, c->n_integ, t->suite.integ)) &&
           has_esn(c, t->suite.esn) && group_fits(c, t->suite.ke, own) &&
           mode_fits(own->mode, t->mode);
}

static bool find(nhi_v1_phase2 *out, const nhi_v1_policy2 *own, const nhtb_proposal *c,
                 const nhi_v1_sa_pl *offer)
{
    for (size_t i = 0; i < offer->n; i++) {
        const nhi_v1_proposal *p = &offer->p[i];
        nhi_v1_transform tf;
        nhi_rd r;
        if (p->protocol != NHI_V1_PROTO_ESP || p->spi.n != 4 || nhi_get32(p->spi.p) <= 255 ||
            nhi_v1_sa_bundled(offer, i))
            continue;
        nhi_rd_init(&r, p->transforms.p, p->transforms.n);
        while (nhi_v1_transform_next(&r, &tf)) {
            if (!read_transform(out, &tf) || !fits(out, own, c))
                continue;
            out->suite.spi = nhi_get32(p->spi.p);
            out->suite.number = p->number;
            out->pick = (nhi_v1_pick){*p, tf};
            return true;
        }
    }
    return false;
}

bool nhi_v1_propose2_choose(nhi_v1_phase2 *out, const nhi_v1_policy2 *own,
                            const nhi_v1_sa_pl *offer)
{
    for (size_t i = 0; i < own->n; i++)
        if (find(out, own, &own->v[i], offer))
            return true;
    return false;
}

bool nhi_v1_propose2_accept(nhi_v1_phase2 *out, const nhi_v1_policy2 *own,
                            const nhi_v1_sa_pl *answer)
{
    return answer->n == 1 && answer->p[0].n == 1 && nhi_v1_propose2_choose(out, own, answer);
}

void nhi_v1_lifetimes_write(nhi_wr *w, uint32_t life_s, uint32_t life_kb)
{
    nhi_v1_attr_write_short(w, A_LIFE_TYPE, 1);
    nhi_v1_attr_write_number(w, A_LIFE, life_s);
    if (life_kb) {
        nhi_v1_attr_write_short(w, A_LIFE_TYPE, 2);
        nhi_v1_attr_write_number(w, A_LIFE, life_kb);
    }
}

bool nhi_v1_lifetimes_read(nhtb_span attrs, uint64_t *life_s, uint64_t *life_kb)
{
    nhi_rd rd;
    nhi_v1_attr a;
    reader r = {0, 0};
    uint64_t v;
    *life_s = *life_kb = 0;
    nhi_rd_init(&rd, attrs.p, attrs.n);
    while (nhi_v1_attr_next(&rd, &a))
        if ((a.type != A_LIFE_TYPE && a.type != A_LIFE) || !nhi_v1_attr_number(&a, &v) ||
            !take_life(life_s, life_kb, &r, a.type, v))
            return false;
    return !rd.bad && r.life_type == 0;
}

/** The order Cisco and racoon use; nothing depends on it. */
static void write_one(nhi_wr *w, const nhi_v1_policy2 *own, const nhi_suite *t)
{
    nhi_v1_lifetimes_write(w, own->life_s, own->life_kb);
    if (own->ke)
        nhi_v1_attr_write_short(w, A_GROUP, own->ke);
    nhi_v1_attr_write_short(w, A_MODE, own->mode);
    if (t->integ)
        nhi_v1_attr_write_short(w, A_AUTH, auth_to_v1(t->integ));
    if (t->key_bits)
        nhi_v1_attr_write_short(w, A_KEY_BITS, t->key_bits);
    if (t->esn)
        nhi_v1_attr_write_short(w, A_ESN, 1);
}

static void offer_one(nhi_v1_sa_writer *s, const nhi_v1_policy2 *own, const nhi_suite *t)
{
    const struct cipher *k = cipher_of(0, t->encr);
    if (s->n >= NHI_V1_TRANSFORMS || !k || (t->integ && !auth_to_v1(t->integ)))
        return;
    nhi_v1_sa_transform(s, (uint8_t)(s->n + 1), k->v1);
    write_one(s->w, own, t);
}

/** Extended sequence numbers are offered only by who will have nothing else: in IKEv1 hardly anybody
 *  knows the attribute, and an unknown one costs the transform. */
static void offer_cipher(nhi_v1_sa_writer *s, const nhi_v1_policy2 *own, const nhtb_proposal *c,
                         size_t i)
{
    const struct cipher *k = cipher_of(0, c->encr[i].id);
    nhi_suite t = {.encr = c->encr[i].id, .esn = c->n_esn == 1 && c->esn[0] != 0};
    if (!k)
        return;
    t.key_bits = k->key_bits ? c->encr[i].key_bits : 0;
    if (k->aead) {
        offer_one(s, own, &t);
        return;
    }
    for (size_t h = 0; h < c->n_integ; h++) {
        t.integ = c->integ[h];
        offer_one(s, own, &t);
    }
}

bool nhi_v1_propose2_offer(nhi_wr *w, const nhi_v1_policy2 *own)
{
    nhi_v1_sa_writer s;
    uint8_t spi[4];
    nhi_put32(spi, own->spi);
    nhi_v1_sa_begin(&s, w);
    nhi_v1_sa_proposal(&s, 1, NHI_V1_PROTO_ESP, (nhtb_span){spi, sizeof spi});
    for (size_t i = 0; i < own->n; i++) {
        const nhtb_proposal *c = &own->v[i];
        if (!(own->ke ? in_list(c->ke, c->n_ke, own->ke) : c->n_ke == 0))
            continue; /* one group for all: its KE payload is in the message */
        for (size_t k = 0; k < c->n_encr; k++)
            offer_cipher(&s, own, c, k);
    }
    unsigned n = s.n;
    nhi_v1_sa_end(&s);
    return n > 0 && !w->bad;
}
