/* SPDX-License-Identifier: Apache-2.0
 * Data attributes in their short (type, value) and long (type, length, value) forms (RFC 2408 3.3).
 * Called by wire/v1_sa and ike/v1. Any thread. */
#include "wire/v1.h"

#define AF_SHORT 0x8000

bool nhi_v1_attr_next(nhi_rd *r, nhi_v1_attr *a)
{
    if (nhi_rd_left(r) == 0 || r->bad) {
        return false;
    }
    unsigned type = nhi_rd_u16(r);
    a->type = (uint16_t)(type & ~(unsigned)AF_SHORT);
    a->is_short = (type & AF_SHORT) != 0;
    size_t len = a->is_short ? 2 : nhi_rd_u16(r);
    a->value = nhi_rd_span(r, len);
    return !r->bad;
}

bool nhi_v1_attr_number(const nhi_v1_attr *a, uint64_t *v)
{
    *v = 0;
    if (a->value.n == 0 || a->value.n > 8) {
        return false;
    }
    for (size_t i = 0; i < a->value.n; i++) {
        *v = *v << 8 | a->value.p[i];
    }
    return true;
}

bool nhi_v1_attrs_valid(nhtb_span list)
{
    nhi_rd r;
    nhi_v1_attr a;
    nhi_rd_init(&r, list.p, list.n);
    while (nhi_v1_attr_next(&r, &a)) {
    }
    return !r.bad;
}

void nhi_v1_attr_write_short(nhi_wr *w, unsigned type, unsigned value)
{
    nhi_wr_u16(w, type | AF_SHORT);
    nhi_wr_u16(w, value);
}

void nhi_v1_attr_write(nhi_wr *w, unsigned type, nhtb_span value)
{
    w->bad = w->bad || value.n > 0xffff;
    nhi_wr_u16(w, type);
    nhi_wr_u16(w, (unsigned)value.n & 0xffff);
    nhi_wr_span(w, value);
}

void nhi_v1_attr_write_number(nhi_wr *w, unsigned type, uint32_t value)
{
    uint8_t b[4];
    if (value <= 0xffff) {
        nhi_v1_attr_write_short(w, type, value);
        return;
    }
    nhi_put32(b, value);
    nhi_v1_attr_write(w, type, (nhtb_span){b, sizeof b});
}
