/* SPDX-License-Identifier: Apache-2.0
 * Security Association payload of IKEv1: proposals with their transforms (RFC 2408 3.4 - 3.6, RFC
 * 2407 4.6.1). What was read once is well-formed to the last attribute, so that transforms can be
 * walked without a second check. Called by ike/v1/propose*. Any thread. */
#include "wire/v1.h"

#define SIT_IDENTITY_ONLY 1
#define MORE_PROPOSALS    NHI_V1_PROPOSAL
#define MORE_TRANSFORMS   NHI_V1_TRANSFORM

/** Header of a proposal or transform; *last: nothing of its kind follows. */
static nhi_rd sub_payload(nhi_rd *r, uint8_t more, bool *last, bool *ok)
{
    uint8_t next = nhi_rd_u8(r);
    uint8_t reserved = nhi_rd_u8(r);
    size_t len = nhi_rd_u16(r);
    *ok = !r->bad && len >= 8 && reserved == 0 && (next == more || next == 0);
    *last = next == 0;
    return nhi_rd_sub(r, len < 4 ? 0 : len - 4);
}

static bool read_transform(nhi_rd *r, nhi_v1_transform *t, bool *last)
{
    bool ok;
    nhi_rd body = sub_payload(r, MORE_TRANSFORMS, last, &ok);
    t->number = nhi_rd_u8(&body);
    t->id = nhi_rd_u8(&body);
    nhi_rd_skip(&body, 2);
    t->attrs = nhi_rd_rest(&body);
    return ok && !body.bad && nhi_v1_attrs_valid(t->attrs);
}

bool nhi_v1_transform_next(nhi_rd *r, nhi_v1_transform *t)
{
    bool last;
    return nhi_rd_left(r) > 0 && read_transform(r, t, &last);
}

static bool transforms_valid(const nhi_v1_proposal *p)
{
    nhi_rd r;
    nhi_v1_transform t;
    nhi_rd_init(&r, p->transforms.p, p->transforms.n);
    for (unsigned i = 0; i < p->n; i++) {
        bool last;
        if (!read_transform(&r, &t, &last) || last != (i + 1u == p->n)) {
            return false;
        }
    }
    return nhi_rd_left(&r) == 0;
}

static bool read_proposal(nhi_v1_proposal *p, nhi_rd *r)
{
    bool ok, last;
    nhi_rd body = sub_payload(r, MORE_PROPOSALS, &last, &ok);
    p->number = nhi_rd_u8(&body);
    p->protocol = nhi_rd_u8(&body);
    size_t spi_len = nhi_rd_u8(&body);
    p->n = nhi_rd_u8(&body);
    p->spi = nhi_rd_span(&body, spi_len);
    p->transforms = nhi_rd_rest(&body);
    return ok && !body.bad && spi_len <= NHI_V1_SPI_MAX && p->n > 0 && p->n <= NHI_V1_TRANSFORMS &&
           last == (nhi_rd_left(r) == 0) && transforms_valid(p);
}

bool nhi_v1_sa_read(nhi_v1_sa_pl *sa, nhtb_span body)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    sa->n = 0;
    if (nhi_rd_u32(&r) != NHI_V1_DOI || nhi_rd_u32(&r) != SIT_IDENTITY_ONLY) {
        return false;
    }
    while (nhi_rd_left(&r) > 0) {
        if (sa->n == NHI_V1_PROPOSALS || !read_proposal(&sa->p[sa->n], &r)) {
            return false;
        }
        sa->n++;
    }
    return sa->n > 0;
}

bool nhi_v1_sa_bundled(const nhi_v1_sa_pl *sa, size_t i)
{
    for (size_t k = 0; k < sa->n; k++) {
        if (k != i && sa->p[k].number == sa->p[i].number) {
            return true;
        }
    }
    return false;
}

void nhi_v1_sa_begin(nhi_v1_sa_writer *s, nhi_wr *w)
{
    *s = (nhi_v1_sa_writer){.w = w, .proposal_at = SIZE_MAX, .transform_at = SIZE_MAX};
    nhi_wr_u32(w, NHI_V1_DOI);
    nhi_wr_u32(w, SIT_IDENTITY_ONLY);
}

static void close_transform(nhi_v1_sa_writer *s, bool more)
{
    if (s->transform_at == SIZE_MAX) {
        return;
    }
    nhi_wr_patch8(s->w, s->transform_at, more ? MORE_TRANSFORMS : 0);
    nhi_wr_patch16(s->w, s->transform_at + 2, (unsigned)(s->w->n - s->transform_at) & 0xffff);
    s->transform_at = SIZE_MAX;
}

static void close_proposal(nhi_v1_sa_writer *s, bool more)
{
    close_transform(s, false);
    if (s->proposal_at == SIZE_MAX) {
        return;
    }
    nhi_wr_patch8(s->w, s->proposal_at, more ? MORE_PROPOSALS : 0);
    nhi_wr_patch16(s->w, s->proposal_at + 2, (unsigned)(s->w->n - s->proposal_at) & 0xffff);
    nhi_wr_patch8(s->w, s->proposal_at + 7, s->n);
    s->proposal_at = SIZE_MAX;
}

void nhi_v1_sa_proposal(nhi_v1_sa_writer *s, uint8_t number, uint8_t protocol, nhtb_span spi)
{
    close_proposal(s, true);
    s->proposal_at = s->w->n;
    s->n = 0;
    nhi_wr_zero(s->w, 4);
    nhi_wr_u8(s->w, number);
    nhi_wr_u8(s->w, protocol);
    nhi_wr_u8(s->w, (unsigned)spi.n & 0xff);
    nhi_wr_u8(s->w, 0);
    nhi_wr_span(s->w, spi);
}

void nhi_v1_sa_transform(nhi_v1_sa_writer *s, uint8_t number, uint8_t id)
{
    close_transform(s, true);
    s->transform_at = s->w->n;
    s->n++;
    nhi_wr_zero(s->w, 4);
    nhi_wr_u8(s->w, number);
    nhi_wr_u8(s->w, id);
    nhi_wr_zero(s->w, 2);
}

void nhi_v1_sa_end(nhi_v1_sa_writer *s)
{
    close_proposal(s, false);
}
