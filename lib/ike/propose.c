/* SPDX-License-Identifier: Apache-2.0
 * Proposals: configured transforms -> offer, offer -> choice, answer -> agreed suite.
 * RFC 7296 2.7, 3.3; AEAD and INTEG never mix (RFC 5282 8). Pure; called by ike/v2. */
#include "ike/parts.h"

/* ChaCha20 has no key length attribute (RFC 7634 4); configuration may still say 256. */
static uint16_t wire_bits(uint16_t encr, uint16_t bits)
{
    return encr == NHI_ENCR_CHACHA20_POLY1305 ? 0 : bits;
}

static bool is_aead(uint16_t encr)
{
    return encr == NHI_ENCR_AES_GCM16 || encr == NHI_ENCR_CHACHA20_POLY1305;
}

static void add(nhi_ike_proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
    if (p->n < NHI_IKE_TRANSFORMS) {
        p->tf[p->n++] = (nhi_transform){.type = type, .id = id, .key_bits = bits};
    }
}

static bool offers(const nhi_ike_proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
    for (size_t i = 0; i < p->n; i++) {
        const nhi_transform *t = &p->tf[i];
        if (t->type == type && t->id == id && !t->unknown_attr &&
            (type != NHI_TF_ENCR || wire_bits(id, t->key_bits) == wire_bits(id, bits))) {
            return true;
        }
    }
    return false;
}

static bool has_type(const nhi_ike_proposal *p, uint8_t type)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->tf[i].type == type) {
            return true;
        }
    }
    return false;
}

static bool type_allowed(nhtb_protocol proto, uint8_t type)
{
    if (proto == NHTB_PROTO_IKE) {
        return type >= NHI_TF_ENCR && type <= NHI_TF_KE;
    }
    return type == NHI_TF_ENCR || type == NHI_TF_INTEG || type == NHI_TF_KE || type == NHI_TF_ESN;
}

static void offer_one(nhi_ike_proposal *out, nhtb_protocol proto, const nhtb_proposal *c, bool aead,
                      bool no_ke)
{
    for (size_t i = 0; i < c->n_encr; i++) {
        if (is_aead(c->encr[i].id) == aead) {
            add(out, NHI_TF_ENCR, c->encr[i].id, wire_bits(c->encr[i].id, c->encr[i].key_bits));
        }
    }
    for (size_t i = 0; proto == NHTB_PROTO_IKE && i < c->n_prf; i++) {
        add(out, NHI_TF_PRF, c->prf[i], 0);
    }
    for (size_t i = 0; !aead && i < c->n_integ; i++) {
        add(out, NHI_TF_INTEG, c->integ[i], 0);
    }
    for (size_t i = 0; !no_ke && i < c->n_ke; i++) {
        add(out, NHI_TF_KE, c->ke[i], 0);
    }
    if (proto == NHTB_PROTO_ESP) {
        for (size_t i = 0; i < c->n_esn; i++) {
            add(out, NHI_TF_ESN, c->esn[i], 0);
        }
        if (c->n_esn == 0) {
            add(out, NHI_TF_ESN, 0, 0);
        }
    }
}

void nhi_propose_offer(nhi_ike_sa_pl *out, nhtb_protocol proto, const nhtb_proposal *v, size_t n,
                       const uint8_t *spi, uint8_t spi_len, bool no_ke)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < 2 * n && out->n < NHI_IKE_PROPOSALS; i++) {
        const nhtb_proposal *c = &v[i / 2];
        /* whichever kind the entry names first is offered first */
        bool aead = is_aead(c->encr[0].id) == (i % 2 == 0);
        nhi_ike_proposal *p = &out->p[out->n];
        offer_one(p, proto, c, aead, no_ke);
        if (!has_type(p, NHI_TF_ENCR)) {
            memset(p, 0, sizeof *p);
            continue;
        }
        p->number = ++out->n;
        p->protocol = (uint8_t)proto;
        p->spi_len = spi_len;
        if (spi_len) {
            memcpy(p->spi, spi, spi_len);
        }
    }
}

static bool choose_encr(nhi_suite *s, const nhtb_proposal *c, const nhi_ike_proposal *p)
{
    for (size_t i = 0; i < c->n_encr; i++) {
        uint16_t id = c->encr[i].id, bits = wire_bits(id, c->encr[i].key_bits);
        if (!offers(p, NHI_TF_ENCR, id, bits)) {
            continue;
        }
        s->encr = id;
        s->key_bits = bits;
        s->integ = 0;
        if (is_aead(id)) {
            if (!has_type(p, NHI_TF_INTEG) || offers(p, NHI_TF_INTEG, NHI_INTEG_NONE, 0)) {
                return true;
            }
            continue;
        }
        for (size_t k = 0; k < c->n_integ; k++) {
            if (offers(p, NHI_TF_INTEG, c->integ[k], 0)) {
                s->integ = c->integ[k];
                return true;
            }
        }
    }
    return false;
}

static bool choose_ke(nhi_suite *s, const nhtb_proposal *c, const nhi_ike_proposal *p,
                      uint16_t want_ke)
{
    s->ke = 0;
    if (c->n_ke == 0) {
        return !has_type(p, NHI_TF_KE) || offers(p, NHI_TF_KE, 0, 0);
    }
    for (size_t i = 0; i < c->n_ke; i++) {
        if (offers(p, NHI_TF_KE, c->ke[i], 0) && (s->ke == 0 || c->ke[i] == want_ke)) {
            s->ke = c->ke[i];
        }
    }
    return s->ke != 0;
}

static bool choose_esn(nhi_suite *s, const nhtb_proposal *c, const nhi_ike_proposal *p)
{
    if (c->n_esn == 0) {
        s->esn = false;
        return !has_type(p, NHI_TF_ESN) || offers(p, NHI_TF_ESN, 0, 0);
    }
    for (size_t i = 0; i < c->n_esn; i++) {
        if (offers(p, NHI_TF_ESN, c->esn[i], 0) || (c->esn[i] == 0 && !has_type(p, NHI_TF_ESN))) {
            s->esn = c->esn[i] != 0;
            return true;
        }
    }
    return false;
}

static bool read_spi(nhi_suite *s, nhtb_protocol proto, const nhi_ike_proposal *p)
{
    if (proto == NHTB_PROTO_ESP) {
        s->spi = p->spi_len == 4 ? nhi_get32(p->spi) : 0;
        return s->spi > 255;
    }
    s->ike_spi = p->spi_len == 8 ? nhi_get64(p->spi) : 0;
    return p->spi_len == 0 || (p->spi_len == 8 && s->ike_spi != 0);
}

static bool choose_one(nhi_suite *s, nhtb_protocol proto, const nhtb_proposal *c,
                       const nhi_ike_proposal *p, uint16_t want_ke, bool no_ke)
{
    memset(s, 0, sizeof *s);
    if (p->protocol != (uint8_t)proto || !read_spi(s, proto, p)) {
        return false;
    }
    for (size_t i = 0; i < p->n; i++) {
        if (!type_allowed(proto, p->tf[i].type)) {
            return false; /* a transform type we cannot answer (additional key exchanges, ...) */
        }
    }
    if (!choose_encr(s, c, p)) {
        return false;
    }
    s->number = p->number;
    if (proto == NHTB_PROTO_IKE) {
        for (size_t i = 0; i < c->n_prf && s->prf == 0; i++) {
            s->prf = offers(p, NHI_TF_PRF, c->prf[i], 0) ? c->prf[i] : 0;
        }
        return s->prf != 0 && choose_ke(s, c, p, want_ke) && s->ke != 0;
    }
    return choose_esn(s, c, p) && (no_ke || choose_ke(s, c, p, want_ke));
}

bool nhi_propose_choose(nhi_suite *out, nhtb_protocol proto, const nhtb_proposal *v, size_t n,
                        const nhi_ike_sa_pl *offer, uint16_t want_ke, bool no_ke)
{
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < offer->n; k++) {
            nhi_suite s;
            if (!choose_one(&s, proto, &v[i], &offer->p[k], want_ke, no_ke)) {
                continue;
            }
            if (!found || (out->ke != want_ke && s.ke == want_ke)) {
                *out = s;
                found = true;
            }
            if (out->ke == want_ke || want_ke == 0) {
                return true;
            }
        }
    }
    return found;
}

/* Takes one transform of an answer into the suite; false when its type repeats or is unknown. */
static bool take(nhi_suite *s, unsigned *seen, const nhi_transform *t)
{
    if (t->unknown_attr || t->type > NHI_TF_ESN || *seen & 1u << t->type) {
        return false;
    }
    *seen |= 1u << t->type;
    switch (t->type) {
    case NHI_TF_ENCR:
        s->encr = t->id;
        s->key_bits = wire_bits(t->id, t->key_bits);
        return true;
    case NHI_TF_PRF: s->prf = t->id; return true;
    case NHI_TF_INTEG: s->integ = t->id; return true;
    case NHI_TF_KE: s->ke = t->id; return true;
    case NHI_TF_ESN: s->esn = t->id == 1; return true;
    default: return false;
    }
}

bool nhi_propose_accept(nhi_suite *out, nhtb_protocol proto, const nhi_ike_sa_pl *offered,
                        const nhi_ike_sa_pl *answer)
{
    memset(out, 0, sizeof *out);
    const nhi_ike_proposal *a = &answer->p[0], *o = NULL;
    if (answer->n != 1 || a->protocol != (uint8_t)proto || !read_spi(out, proto, a)) {
        return false;
    }
    for (size_t i = 0; i < offered->n; i++) {
        o = offered->p[i].number == a->number ? &offered->p[i] : o;
    }
    if (!o) {
        return false;
    }
    unsigned seen = 0;
    for (size_t i = 0; i < a->n; i++) {
        const nhi_transform *t = &a->tf[i];
        bool none = t->id == 0 &&
                    (t->type == NHI_TF_INTEG || t->type == NHI_TF_KE || t->type == NHI_TF_ESN) &&
                    !has_type(o, t->type);
        if (!take(out, &seen, t) || (!none && !offers(o, t->type, t->id, t->key_bits))) {
            return false;
        }
    }
    out->number = a->number;
    for (uint8_t type = NHI_TF_ENCR; type <= NHI_TF_ESN; type++) {
        bool optional = type == NHI_TF_ESN && offers(o, NHI_TF_ESN, 0, 0);
        if (has_type(o, type) && !(seen & 1u << type) && !optional) {
            return false;
        }
    }
    return is_aead(out->encr) == (out->integ == 0);
}

void nhi_propose_answer(nhi_ike_sa_pl *out, nhtb_protocol proto, const nhi_suite *s,
                        const uint8_t *spi, uint8_t spi_len)
{
    memset(out, 0, sizeof *out);
    nhi_ike_proposal *p = &out->p[0];
    out->n = 1;
    p->number = s->number;
    p->protocol = (uint8_t)proto;
    p->spi_len = spi_len;
    if (spi_len) {
        memcpy(p->spi, spi, spi_len);
    }
    add(p, NHI_TF_ENCR, s->encr, s->key_bits);
    if (proto == NHTB_PROTO_IKE) {
        add(p, NHI_TF_PRF, s->prf, 0);
    }
    if (s->integ) {
        add(p, NHI_TF_INTEG, s->integ, 0);
    }
    if (s->ke) {
        add(p, NHI_TF_KE, s->ke, 0);
    }
    if (proto == NHTB_PROTO_ESP) {
        add(p, NHI_TF_ESN, s->esn ? 1 : 0, 0);
    }
}

bool nhi_propose_has_ke(const nhi_ike_sa_pl *offered, uint16_t ke)
{
    for (size_t i = 0; i < offered->n; i++) {
        if (ke != 0 && offers(&offered->p[i], NHI_TF_KE, ke, 0)) {
            return true;
        }
    }
    return false;
}
