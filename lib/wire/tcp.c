/* SPDX-License-Identifier: Apache-2.0
 * MSS clamp: finds the option in a SYN and lowers it. Called by dp/mss.c; any thread. RFC 9293 3.1,
 * 3.7.1; RFC 1624. */
#include "wire/tcp.h"

enum {
    HDR = 20,
    FLAGS = 13,
    SYN = 2,
    CSUM = 16,
    OPT_END = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,
    MSS_LEN = 4
};

/** Offset of the option, 0: none, or the options are broken before it. */
static size_t find_mss(const uint8_t *tcp, size_t hdr)
{
    for (size_t at = HDR; at < hdr && tcp[at] != OPT_END;) {
        if (tcp[at] == OPT_NOP) {
            at++;
            continue;
        }
        size_t len = hdr - at >= 2 ? tcp[at + 1] : 0;
        if (len < 2 || len > hdr - at)
            return 0;
        if (tcp[at] == OPT_MSS)
            return len == MSS_LEN ? at : 0;
        at += len;
    }
    return 0;
}

/** HC' = ~(~HC + ~m + m'), the two words as the checksum sees them: at an odd offset swapped. */
static void patch16(uint8_t *tcp, size_t at, uint16_t v)
{
    uint32_t old = nhi_get16(tcp + at), now = v;
    if (at & 1) {
        old = (old & 0xff) << 8 | old >> 8;
        now = (now & 0xff) << 8 | now >> 8;
    }
    uint32_t sum = (~(uint32_t)nhi_get16(tcp + CSUM) & 0xffff) + (~old & 0xffff) + now;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    nhi_put16(tcp + CSUM, (uint16_t)~sum);
    nhi_put16(tcp + at, v);
}

bool nhi_tcp_clamp_mss(uint8_t *tcp, size_t n, uint32_t most)
{
    if (n < HDR || (tcp[FLAGS] & SYN) == 0)
        return false;
    size_t hdr = (size_t)(tcp[12] >> 4) * 4;
    if (hdr < HDR || hdr > n)
        return false;
    size_t at = find_mss(tcp, hdr);
    if (at == 0 || nhi_get16(tcp + at + 2) <= most)
        return false;
    patch16(tcp, at + 2, (uint16_t)most);
    return true;
}
