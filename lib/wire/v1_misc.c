/* SPDX-License-Identifier: Apache-2.0
 * Small payloads of IKEv1: Notification, Delete, Certificate and its request, NAT-OA, attributes of
 * mode config, fragments (RFC 2408 3.9, 3.10, 3.14, 3.15; RFC 3947 5.2). Called by ike/v1. Spans
 * borrow from the message. Any thread. */
#include "wire/v1.h"

bool nhi_v1_notify_read(nhi_v1_notify *n, nhtb_span body)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    n->doi = nhi_rd_u32(&r);
    n->protocol = nhi_rd_u8(&r);
    size_t spi_len = nhi_rd_u8(&r);
    n->type = nhi_rd_u16(&r);
    n->spi = nhi_rd_span(&r, spi_len);
    n->data = nhi_rd_rest(&r);
    return !r.bad;
}

bool nhi_v1_delete_read(nhi_v1_delete *d, nhtb_span body)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    d->doi = nhi_rd_u32(&r);
    d->protocol = nhi_rd_u8(&r);
    d->spi_len = nhi_rd_u8(&r);
    d->n = nhi_rd_u16(&r);
    d->spis = nhi_rd_rest(&r);
    return !r.bad && d->spi_len > 0 && d->spis.n == (size_t)d->spi_len * d->n;
}

bool nhi_v1_cert_read(nhtb_span body, uint8_t *encoding, nhtb_span *data)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    *encoding = nhi_rd_u8(&r);
    *data = nhi_rd_rest(&r);
    return !r.bad;
}

bool nhi_v1_nat_oa_read(nhtb_span body, nhtb_addr *a)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    uint8_t type = nhi_rd_u8(&r);
    nhi_rd_skip(&r, 3);
    nhtb_span data = nhi_rd_rest(&r);
    if (type == NHI_V1_ID_IPV4 && data.n == 4) {
        return nhi_addr_from_bytes(a, 4, data.p);
    }
    return type == NHI_V1_ID_IPV6 && data.n == 16 && nhi_addr_from_bytes(a, 6, data.p);
}

bool nhi_v1_cfg_read(nhi_v1_cfg *c, nhtb_span body)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    c->type = nhi_rd_u8(&r);
    nhi_rd_skip(&r, 1);
    c->id = nhi_rd_u16(&r);
    c->attrs = nhi_rd_rest(&r);
    return !r.bad && nhi_v1_attrs_valid(c->attrs);
}

bool nhi_v1_frag_read(nhi_v1_frag *f, nhtb_span body)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    f->id = nhi_rd_u16(&r);
    f->number = nhi_rd_u8(&r);
    f->last = (nhi_rd_u8(&r) & 1) != 0;
    f->data = nhi_rd_rest(&r);
    return !r.bad && f->number >= 1 && f->number <= NHI_V1_FRAGS && f->data.n > 0;
}
