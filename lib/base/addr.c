/* SPDX-License-Identifier: Apache-2.0
 * Addresses and prefixes as values: order, membership, classes. Called by every room; any thread. */
#include "base/base.h"

bool nhi_addr_from_bytes(nhtb_addr *out, uint8_t family, const uint8_t *b)
{
    *out = (nhtb_addr){.family = family};
    size_t n = nhi_addr_len(out);
    if (n == 0) {
        out->family = 0;
        return false;
    }
    memcpy(out->b, b, n);
    return true;
}

int nhi_addr_cmp(const nhtb_addr *a, const nhtb_addr *b)
{
    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }
    return memcmp(a->b, b->b, sizeof a->b);
}

bool nhtb_addr_equal(const nhtb_addr *a, const nhtb_addr *b)
{
    return nhi_addr_cmp(a, b) == 0;
}

/** The bits of byte i that belong to a prefix of len bits. */
static uint8_t mask_byte(unsigned len, size_t i)
{
    unsigned from = (unsigned)i * 8;
    if (len >= from + 8) {
        return 0xff;
    }
    return (uint8_t)(len <= from ? 0 : 0xff00u >> (len - from));
}

bool nhi_addr_in(const nhtb_prefix *p, const nhtb_addr *a)
{
    if (p->addr.family != a->family) {
        return false;
    }
    unsigned diff = 0;
    for (size_t i = 0; i < nhi_addr_len(a); i++) {
        diff |= (unsigned)((a->b[i] ^ p->addr.b[i]) & mask_byte(p->len, i));
    }
    return diff == 0;
}

bool nhi_addr_is_unicast(const nhtb_addr *a)
{
    static const uint8_t zero[15];
    if (a->family == 4) {
        return a->b[0] != 0 && a->b[0] != 127 && a->b[0] < 224;
    }
    if (a->family != 6 || a->b[0] == 0xff) {
        return false;
    }
    return memcmp(a->b, zero, sizeof zero) != 0 || a->b[15] > 1; /* neither :: nor ::1 */
}

bool nhi_path_equal(const nhtb_path *a, const nhtb_path *b)
{
    return nhtb_addr_equal(&a->remote, &b->remote) && nhtb_addr_equal(&a->local, &b->local) &&
           a->remote_port == b->remote_port && a->local_port == b->local_port &&
           a->scope == b->scope;
}

bool nhi_prefix_normalize(nhtb_prefix *p)
{
    size_t n = nhi_addr_len(&p->addr);
    if (n == 0 || p->len > n * 8) {
        return false;
    }
    for (size_t i = 0; i < sizeof p->addr.b; i++) {
        p->addr.b[i] &= i < n ? mask_byte(p->len, i) : 0;
    }
    return true;
}

nhtb_ts nhtb_ts_from_prefix(const nhtb_prefix *p)
{
    nhtb_ts ts = {.lo = p->addr, .hi = p->addr, .port_lo = 0, .port_hi = 65535};
    for (size_t i = 0; i < nhi_addr_len(&p->addr); i++) {
        uint8_t m = mask_byte(p->len, i);
        ts.lo.b[i] &= m;
        ts.hi.b[i] = (uint8_t)(ts.lo.b[i] | (uint8_t)~m);
    }
    return ts;
}
