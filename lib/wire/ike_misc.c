/* SPDX-License-Identifier: Apache-2.0
 * Small payloads: KE, ID, AUTH, Notify, Delete (RFC 7296 3.4, 3.5, 3.8, 3.10, 3.11). Called by
 * ike/v2. Spans borrow from the message. Any thread. */
#include "wire/ike.h"

bool nhi_ike_notify_read(nhi_ike_notify *n, nhtb_span body)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    n->protocol = nhi_rd_u8(&r);
    size_t spi_len = nhi_rd_u8(&r);
    n->type = nhi_rd_u16(&r);
    n->spi = nhi_rd_span(&r, spi_len);
    n->data = nhi_rd_rest(&r);
    return !r.bad;
}

bool nhi_ike_ke_read(nhtb_span body, uint16_t *method, nhtb_span *data)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    *method = nhi_rd_u16(&r);
    nhi_rd_skip(&r, 2);
    *data = nhi_rd_rest(&r);
    return !r.bad && data->n > 0;
}

/** A type byte, three reserved bytes, data: the shape of ID and AUTH. */
static bool read_typed(nhtb_span body, uint8_t *type, nhtb_span *data)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    *type = nhi_rd_u8(&r);
    nhi_rd_skip(&r, 3);
    *data = nhi_rd_rest(&r);
    return !r.bad && data->n > 0;
}

bool nhi_ike_id_read(nhtb_span body, nhtb_identity *id)
{
    if (!read_typed(body, &id->type, &id->data) || id->type == NHTB_ID_NONE) {
        return false;
    }
    if (id->type == NHTB_ID_IPV4) {
        return id->data.n == 4;
    }
    if (id->type == NHTB_ID_IPV6) {
        return id->data.n == 16;
    }
    return id->data.n <= NHTB_ID_MAX;
}

bool nhi_ike_auth_read(nhtb_span body, uint8_t *method, nhtb_span *data)
{
    return read_typed(body, method, data);
}

bool nhi_ike_delete_read(nhtb_span body, uint8_t *protocol, uint8_t *spi_len, uint16_t *n,
                         nhtb_span *spis)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    *protocol = nhi_rd_u8(&r);
    *spi_len = nhi_rd_u8(&r);
    *n = nhi_rd_u16(&r);
    *spis = nhi_rd_rest(&r);
    return !r.bad && spis->n == (size_t)*spi_len * *n;
}
