/* SPDX-License-Identifier: Apache-2.0
 * Builds an IKE message or the inside of SK: payload after payload, with chain and lengths kept
 * (RFC 7296 3.1, 3.2). Errors are sticky; nhi_ike_build_finish tells. Called by ike/send.c and
 * ike/v2. Any thread. */
#include "wire/ike.h"

#define HDR_NEXT_AT   16
#define HDR_LENGTH_AT 24

void nhi_ike_build_init(nhi_ike_builder *b, uint8_t *p, size_t cap, const nhi_ike_hdr *h)
{
    nhi_wr_init(&b->w, p, cap);
    b->next_at = HDR_NEXT_AT;
    b->len_at = SIZE_MAX;
    b->first = NHI_PL_NONE;
    b->header = true;
    uint8_t *hdr = nhi_wr_take(&b->w, NHI_IKE_HDR);
    if (hdr) {
        nhi_ike_hdr_write(hdr, h);
        hdr[HDR_NEXT_AT] = NHI_PL_NONE;
    }
}

void nhi_ike_build_inner(nhi_ike_builder *b, uint8_t *p, size_t cap)
{
    nhi_wr_init(&b->w, p, cap);
    b->next_at = SIZE_MAX;
    b->len_at = SIZE_MAX;
    b->first = NHI_PL_NONE;
    b->header = false;
}

void nhi_ike_build_begin(nhi_ike_builder *b, uint8_t type)
{
    if (b->len_at != SIZE_MAX) {
        b->w.bad = true; /* the one before was not ended */
        return;
    }
    if (b->next_at != SIZE_MAX) {
        nhi_wr_patch8(&b->w, b->next_at, type);
    }
    if (b->first == NHI_PL_NONE) {
        b->first = type;
    }
    b->next_at = b->len_at = b->w.n;
    nhi_wr_zero(&b->w, 4);
}

void nhi_ike_build_end(nhi_ike_builder *b)
{
    if (b->len_at == SIZE_MAX) {
        b->w.bad = true;
        return;
    }
    size_t len = b->w.n - b->len_at;
    if (len > 0xffff) {
        b->w.bad = true;
    }
    nhi_wr_patch16(&b->w, b->len_at + 2, (unsigned)(len & 0xffff));
    b->len_at = SIZE_MAX;
}

void nhi_ike_build_payload(nhi_ike_builder *b, uint8_t type, nhtb_span body)
{
    nhi_ike_build_begin(b, type);
    nhi_wr_span(&b->w, body);
    nhi_ike_build_end(b);
}

void nhi_ike_build_notify(nhi_ike_builder *b, uint8_t protocol, nhtb_span spi, uint16_t type,
                          nhtb_span data)
{
    nhi_ike_build_begin(b, NHI_PL_NOTIFY);
    nhi_wr_u8(&b->w, protocol);
    nhi_wr_u8(&b->w, (unsigned)spi.n & 0xff);
    nhi_wr_u16(&b->w, type);
    nhi_wr_span(&b->w, spi);
    nhi_wr_span(&b->w, data);
    b->w.bad = b->w.bad || spi.n > 255;
    nhi_ike_build_end(b);
}

void nhi_ike_build_ke(nhi_ike_builder *b, uint16_t method, nhtb_span data)
{
    nhi_ike_build_begin(b, NHI_PL_KE);
    nhi_wr_u16(&b->w, method);
    nhi_wr_zero(&b->w, 2);
    nhi_wr_span(&b->w, data);
    nhi_ike_build_end(b);
}

/** The shape of ID and AUTH. */
static void build_typed(nhi_ike_builder *b, uint8_t payload, uint8_t type, nhtb_span data)
{
    nhi_ike_build_begin(b, payload);
    nhi_wr_u8(&b->w, type);
    nhi_wr_zero(&b->w, 3);
    nhi_wr_span(&b->w, data);
    nhi_ike_build_end(b);
}

void nhi_ike_build_id(nhi_ike_builder *b, uint8_t payload, const nhtb_identity *id)
{
    build_typed(b, payload, id->type, id->data);
}

void nhi_ike_build_auth(nhi_ike_builder *b, uint8_t method, nhtb_span data)
{
    build_typed(b, NHI_PL_AUTH, method, data);
}

void nhi_ike_build_delete(nhi_ike_builder *b, uint8_t protocol, uint8_t spi_len, uint16_t n,
                          nhtb_span spis)
{
    nhi_ike_build_begin(b, NHI_PL_DELETE);
    nhi_wr_u8(&b->w, protocol);
    nhi_wr_u8(&b->w, spi_len);
    nhi_wr_u16(&b->w, n);
    nhi_wr_span(&b->w, spis);
    b->w.bad = b->w.bad || spis.n != (size_t)spi_len * n;
    nhi_ike_build_end(b);
}

size_t nhi_ike_build_finish(nhi_ike_builder *b)
{
    if (b->header) {
        nhi_wr_patch32(&b->w, HDR_LENGTH_AT, (uint32_t)b->w.n);
    }
    return b->w.bad || b->len_at != SIZE_MAX ? 0 : b->w.n;
}
