/* SPDX-License-Identifier: Apache-2.0
 * IPv4 fragmentation before encryption: the header of one fragment and its share of a datagram that
 * may lie in two runs (made-up headers, payload). Called by fanout.c; worker thread. RFC 791 2.3 and
 * 3.2, RFC 4301 8.1. */
#include "dp/room.h"

enum { IP4_MIN = 20, MF = 0x2000, OFF_MASK = 0x1fff, OPT_END = 0, OPT_NOP = 1, OPT_COPY = 0x80 };

/* Later fragments carry only the options with the copied flag (RFC 791 3.1). */
static uint32_t copy_options(uint8_t *dst, const uint8_t *opt, uint32_t n)
{
    uint32_t used = 0, len;
    for (uint32_t i = 0; i < n && opt[i] != OPT_END; i += len) {
        len = opt[i] == OPT_NOP ? 1 : i + 1 < n ? opt[i + 1] : 0;
        if (len == 0 || len > n - i || (opt[i] != OPT_NOP && len < 2))
            break;
        if ((opt[i] & OPT_COPY) == 0)
            continue;
        memcpy(dst + used, opt + i, len);
        used += len;
    }
    for (; (used & 3) != 0; used++)
        dst[used] = OPT_END;
    return used;
}

static uint32_t write_head(uint8_t hdr[60], const uint8_t *head, uint32_t ip_len, bool first)
{
    memcpy(hdr, head, first ? ip_len : IP4_MIN);
    if (first)
        return ip_len;
    uint32_t n = IP4_MIN + copy_options(hdr + IP4_MIN, head + IP4_MIN, ip_len - IP4_MIN);
    hdr[0] = (uint8_t)(0x40 | n / 4);
    return n;
}

uint32_t nhi_dp_frag_make(uint8_t hdr[60], uint32_t *hdr_len, const nhi_dp_cut *cut,
                          uint32_t ip_len, uint32_t off, uint32_t limit)
{
    uint32_t h = write_head(hdr, cut->head, ip_len, off == 0);
    uint32_t left = cut->head_len + cut->data_len - ip_len - off;
    uint32_t room = limit > h ? limit - h : 0;
    uint32_t n = left <= room ? left : room & ~7u;
    unsigned field = nhi_get16(cut->head + 6);
    uint32_t at = (field & OFF_MASK) + off / 8;
    if (n == 0 || at > OFF_MASK)
        return 0;
    nhi_ip_set_len(hdr, h + n);
    nhi_put16(hdr + 6, at | (n < left ? MF : field & MF));
    nhi_ip4_set_csum(hdr, h);
    *hdr_len = h;
    return n;
}

void nhi_dp_frag_copy(uint8_t *dst, const nhi_dp_cut *cut, uint32_t ip_len, uint32_t off,
                      uint32_t n)
{
    uint32_t upper = cut->head_len - ip_len; /* bytes of the datagram inside head */
    if (off < upper) {
        uint32_t k = upper - off < n ? upper - off : n;
        memcpy(dst, cut->head + ip_len + off, k);
        dst += k;
        off += k;
        n -= k;
    }
    if (n != 0)
        memcpy(dst, cut->data + (off - upper), n);
}
