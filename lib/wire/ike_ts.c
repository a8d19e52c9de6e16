/* SPDX-License-Identifier: Apache-2.0
 * Traffic selector payloads (RFC 7296 3.13). Called by ike/v2 for child SAs. Any thread. */
#include "wire/ike.h"

#define TS_IPV4 7
#define TS_IPV6 8
#define TS_HDR  4 /* type, protocol, length */

/** ANY and plain ranges, or OPAQUE: 65535 down to 0 (3.13.1). */
static bool ports_ok(const nhtb_ts *ts)
{
    return ts->port_lo <= ts->port_hi || (ts->port_lo == 65535 && ts->port_hi == 0);
}

/** A range of one family from the bytes behind the selector's header, all of which it takes. */
static bool read_range(nhtb_ts *ts, uint8_t family, uint8_t proto, nhi_rd *r)
{
    *ts = (nhtb_ts){.proto = proto};
    ts->lo.family = ts->hi.family = family;
    ts->port_lo = nhi_rd_u16(r);
    ts->port_hi = nhi_rd_u16(r);
    nhi_rd_bytes(r, ts->lo.b, nhi_addr_len(&ts->lo));
    nhi_rd_bytes(r, ts->hi.b, nhi_addr_len(&ts->hi));
    return !r->bad && nhi_rd_left(r) == 0 && ports_ok(ts) && nhi_addr_cmp(&ts->lo, &ts->hi) <= 0;
}

bool nhi_ike_ts_read(nhtb_span body, nhtb_ts *v, size_t cap, size_t *n)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    unsigned count = nhi_rd_u8(&r);
    nhi_rd_skip(&r, 3);
    *n = 0;
    for (unsigned i = 0; i < count; i++) {
        nhtb_ts ts;
        uint8_t type = nhi_rd_u8(&r);
        uint8_t proto = nhi_rd_u8(&r);
        size_t len = nhi_rd_u16(&r);
        if (r.bad || len < TS_HDR) {
            return false;
        }
        nhi_rd one = nhi_rd_sub(&r, len - TS_HDR);
        if (type != TS_IPV4 && type != TS_IPV6) {
            continue; /* a length beyond the payload left r bad: seen at the end */
        }
        if (!read_range(&ts, type == TS_IPV4 ? 4 : 6, proto, &one)) {
            return false;
        }
        if (*n < cap) {
            v[(*n)++] = ts;
        }
    }
    return !r.bad && count > 0 && nhi_rd_left(&r) == 0;
}

void nhi_ike_ts_write(nhi_wr *w, const nhtb_ts *v, size_t n)
{
    nhi_wr_u8(w, (unsigned)n & 0xff);
    nhi_wr_zero(w, 3);
    for (size_t i = 0; i < n; i++) {
        size_t len = nhi_addr_len(&v[i].lo);
        nhi_wr_u8(w, v[i].lo.family == 4 ? TS_IPV4 : TS_IPV6);
        nhi_wr_u8(w, v[i].proto);
        nhi_wr_u16(w, (unsigned)(TS_HDR + 4 + 2 * len));
        nhi_wr_u16(w, v[i].port_lo);
        nhi_wr_u16(w, v[i].port_hi);
        nhi_wr_bytes(w, v[i].lo.b, len);
        nhi_wr_bytes(w, v[i].hi.b, len);
    }
    w->bad = w->bad || n > 255;
}
