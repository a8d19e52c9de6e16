/* SPDX-License-Identifier: Apache-2.0
 * Payloads of IKEv1 for the builder of wire/ike.h, and the padding of what is encrypted (RFC 2408 3,
 * RFC 2409 Appendix B). Called by ike/v1. Any thread. */
#include "wire/v1.h"

void nhi_v1_build_notify(nhi_ike_builder *b, const nhi_v1_notify *n)
{
    nhi_ike_build_begin(b, NHI_V1_NOTIFY);
    nhi_wr_u32(&b->w, n->doi);
    nhi_wr_u8(&b->w, n->protocol);
    nhi_wr_u8(&b->w, (unsigned)n->spi.n & 0xff);
    nhi_wr_u16(&b->w, n->type);
    nhi_wr_span(&b->w, n->spi);
    nhi_wr_span(&b->w, n->data);
    b->w.bad = b->w.bad || n->spi.n > 255;
    nhi_ike_build_end(b);
}

void nhi_v1_build_delete(nhi_ike_builder *b, const nhi_v1_delete *d)
{
    nhi_ike_build_begin(b, NHI_V1_DELETE);
    nhi_wr_u32(&b->w, d->doi);
    nhi_wr_u8(&b->w, d->protocol);
    nhi_wr_u8(&b->w, d->spi_len);
    nhi_wr_u16(&b->w, d->n);
    nhi_wr_span(&b->w, d->spis);
    b->w.bad = b->w.bad || d->spis.n != (size_t)d->spi_len * d->n;
    nhi_ike_build_end(b);
}

void nhi_v1_build_id(nhi_ike_builder *b, const nhi_v1_id *id)
{
    nhi_ike_build_begin(b, NHI_V1_ID);
    nhi_v1_id_write(&b->w, id);
    nhi_ike_build_end(b);
}

void nhi_v1_build_cert(nhi_ike_builder *b, uint8_t payload, uint8_t encoding, nhtb_span data)
{
    nhi_ike_build_begin(b, payload);
    nhi_wr_u8(&b->w, encoding);
    nhi_wr_span(&b->w, data);
    nhi_ike_build_end(b);
}

void nhi_v1_build_nat_oa(nhi_ike_builder *b, uint8_t payload, const nhtb_addr *a)
{
    nhi_ike_build_begin(b, payload);
    nhi_wr_u8(&b->w, a->family == 4 ? NHI_V1_ID_IPV4 : NHI_V1_ID_IPV6);
    nhi_wr_zero(&b->w, 3);
    nhi_wr_bytes(&b->w, a->b, nhi_addr_len(a));
    nhi_ike_build_end(b);
}

void nhi_v1_build_cfg_begin(nhi_ike_builder *b, uint8_t type, uint16_t id)
{
    nhi_ike_build_begin(b, NHI_V1_ATTR);
    nhi_wr_u8(&b->w, type);
    nhi_wr_u8(&b->w, 0);
    nhi_wr_u16(&b->w, id);
}

void nhi_v1_build_fragment(nhi_ike_builder *b, const nhi_v1_frag *f)
{
    nhi_ike_build_begin(b, NHI_V1_FRAGMENT);
    nhi_wr_u16(&b->w, f->id);
    nhi_wr_u8(&b->w, f->number);
    nhi_wr_u8(&b->w, f->last ? 1 : 0);
    nhi_wr_span(&b->w, f->data);
    nhi_ike_build_end(b);
}

size_t nhi_v1_build_pad(nhi_ike_builder *b, size_t block)
{
    size_t start = b->header ? NHI_IKE_HDR : 0, over = (b->w.n - start) % block;
    if (b->len_at != SIZE_MAX) {
        b->w.bad = true;
    }
    if (over != 0 && !b->w.bad) {
        nhi_wr_zero(&b->w, block - over);
    }
    return b->w.bad ? 0 : b->w.n;
}
