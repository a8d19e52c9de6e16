/* SPDX-License-Identifier: Apache-2.0
 * Security Association payload: proposals and transforms (RFC 7296 3.3). Called by ike/propose.c.
 * Any thread. */
#include "wire/ike.h"

#define MORE_PROPOSALS  2
#define MORE_TRANSFORMS 3
#define ATTR_TV         0x8000
#define ATTR_KEY_LENGTH 14

/** Attributes of a transform (3.3.5): the key length as a value, anything else is unknown. */
static void read_attrs(nhi_transform *t, nhi_rd *r)
{
    while (nhi_rd_left(r) > 0) {
        unsigned type = nhi_rd_u16(r);
        unsigned value = nhi_rd_u16(r);
        if (type == (ATTR_TV | ATTR_KEY_LENGTH) && t->key_bits == 0) {
            t->key_bits = (uint16_t)value;
            t->unknown_attr = t->unknown_attr || value == 0;
            continue;
        }
        t->unknown_attr = true;
        if ((type & ATTR_TV) == 0) {
            nhi_rd_skip(r, value);
        }
    }
}

static bool read_transform(nhi_transform *t, nhi_rd *r, bool last)
{
    uint8_t more = nhi_rd_u8(r);
    nhi_rd_skip(r, 1);
    size_t len = nhi_rd_u16(r);
    if (r->bad || len < 8 || more != (last ? 0 : MORE_TRANSFORMS)) {
        return false;
    }
    nhi_rd body = nhi_rd_sub(r, len - 4);
    *t = (nhi_transform){.type = nhi_rd_u8(&body)};
    nhi_rd_skip(&body, 1);
    t->id = nhi_rd_u16(&body);
    read_attrs(t, &body);
    return !body.bad;
}

static bool read_transforms(nhi_ike_proposal *p, nhi_rd *r)
{
    for (unsigned i = 0; i < p->n; i++) {
        if (!read_transform(&p->tf[i], r, i + 1u == p->n)) {
            return false;
        }
    }
    return nhi_rd_left(r) == 0;
}

static bool read_proposal(nhi_ike_proposal *p, nhi_rd *r)
{
    uint8_t more = nhi_rd_u8(r);
    nhi_rd_skip(r, 1);
    size_t len = nhi_rd_u16(r);
    if (r->bad || len < 8) {
        return false;
    }
    nhi_rd body = nhi_rd_sub(r, len - 4);
    p->number = nhi_rd_u8(&body);
    p->protocol = nhi_rd_u8(&body);
    p->spi_len = nhi_rd_u8(&body);
    p->n = nhi_rd_u8(&body);
    if (body.bad || p->spi_len > sizeof p->spi || p->n > NHI_IKE_TRANSFORMS) {
        return false;
    }
    memset(p->spi, 0, sizeof p->spi);
    nhi_rd_bytes(&body, p->spi, p->spi_len);
    bool last = nhi_rd_left(r) == 0;
    return more == (last ? 0 : MORE_PROPOSALS) && !body.bad && read_transforms(p, &body);
}

/** An offer counts 1, 2, 3...; an answer is one proposal with the number it chose (3.3.1). */
static bool numbered(const nhi_ike_sa_pl *sa)
{
    if (sa->n == 1) {
        return sa->p[0].number != 0;
    }
    for (unsigned i = 0; i < sa->n; i++) {
        if (sa->p[i].number != i + 1) {
            return false;
        }
    }
    return true;
}

bool nhi_ike_sa_read(nhi_ike_sa_pl *sa, nhtb_span body)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    sa->n = 0;
    while (nhi_rd_left(&r) > 0) {
        if (sa->n == NHI_IKE_PROPOSALS || !read_proposal(&sa->p[sa->n], &r)) {
            return false;
        }
        sa->n++;
    }
    return !r.bad && sa->n > 0 && numbered(sa);
}

static void write_transform(nhi_wr *w, const nhi_transform *t, bool last)
{
    nhi_wr_u8(w, last ? 0 : MORE_TRANSFORMS);
    nhi_wr_u8(w, 0);
    nhi_wr_u16(w, t->key_bits != 0 ? 12 : 8);
    nhi_wr_u8(w, t->type);
    nhi_wr_u8(w, 0);
    nhi_wr_u16(w, t->id);
    if (t->key_bits != 0) {
        nhi_wr_u16(w, ATTR_TV | ATTR_KEY_LENGTH);
        nhi_wr_u16(w, t->key_bits);
    }
}

static void write_proposal(nhi_wr *w, const nhi_ike_proposal *p, bool last)
{
    size_t start = w->n;
    nhi_wr_u8(w, last ? 0 : MORE_PROPOSALS);
    nhi_wr_u8(w, 0);
    nhi_wr_u16(w, 0);
    nhi_wr_u8(w, p->number);
    nhi_wr_u8(w, p->protocol);
    nhi_wr_u8(w, p->spi_len);
    nhi_wr_u8(w, p->n);
    nhi_wr_bytes(w, p->spi, p->spi_len);
    for (unsigned i = 0; i < p->n; i++) {
        write_transform(w, &p->tf[i], i + 1u == p->n);
    }
    nhi_wr_patch16(w, start + 2, (unsigned)(w->n - start));
}

void nhi_ike_sa_write(nhi_wr *w, const nhi_ike_sa_pl *sa)
{
    for (unsigned i = 0; i < sa->n; i++) {
        write_proposal(w, &sa->p[i], i + 1u == sa->n);
    }
}
