/* SPDX-License-Identifier: Apache-2.0
 * The IKE header (RFC 7296 3.1). Called by ike/recv.c for every datagram and by the builder. Any
 * thread. */
#include "wire/ike.h"

bool nhi_ike_hdr_read(nhi_ike_hdr *h, const uint8_t *p, size_t n)
{
    nhi_rd r;
    nhi_rd_init(&r, p, n);
    h->spi_i = nhi_rd_u64(&r);
    h->spi_r = nhi_rd_u64(&r);
    h->next = nhi_rd_u8(&r);
    h->version = nhi_rd_u8(&r);
    h->exchange = nhi_rd_u8(&r);
    h->flags = nhi_rd_u8(&r);
    h->msg_id = nhi_rd_u32(&r);
    h->length = nhi_rd_u32(&r);
    return !r.bad && h->length == n;
}

void nhi_ike_hdr_write(uint8_t *p, const nhi_ike_hdr *h)
{
    nhi_put64(p, h->spi_i);
    nhi_put64(p + 8, h->spi_r);
    p[16] = h->next;
    p[17] = h->version;
    p[18] = h->exchange;
    p[19] = h->flags;
    nhi_put32(p + 20, h->msg_id);
    nhi_put32(p + 24, h->length);
}
