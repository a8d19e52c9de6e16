/* SPDX-License-Identifier: Apache-2.0
 * Data of the next-hop announcement (notify 40001): one tunnel address in any of the forms that
 * implementations are known or thought to send. Liberal in form only: whether the address may be
 * bound is judged elsewhere. Called by ike/v2. Any thread. */
#include "wire/ike.h"

/** Ones, then zeros. */
static bool is_netmask(uint32_t m)
{
    return (~m & (~m + 1)) == 0;
}

/** 8 bytes: attribute style (type 1, length 4, address), or address and netmask. */
static const uint8_t *in_8_bytes(const uint8_t *p)
{
    if (nhi_get32(p) == 0x00010004) {
        return p + 4;
    }
    return is_netmask(nhi_get32(p + 4)) ? p : NULL;
}

bool nhi_nhtb_data_read(nhtb_span data, nhtb_addr *out)
{
    const uint8_t *p = data.p;
    const uint8_t *v4 = NULL, *v6 = NULL;
    switch (data.n) {
    case 4: v4 = p; break;
    case 5: v4 = p[4] <= 32 ? p : NULL; break; /* address, prefix length */
    case 8: v4 = in_8_bytes(p); break;
    case 12: v4 = p; break; /* three addresses: the first */
    case 16: v6 = p; break;
    case 17: v6 = p[16] <= 128 ? p : NULL; break;
    case 20: v6 = p[0] == 0 && nhi_get16(p + 2) == 16 ? p + 4 : NULL; break; /* TLV */
    default: break;
    }
    if (v4) {
        return nhi_addr_from_bytes(out, 4, v4);
    }
    return v6 && nhi_addr_from_bytes(out, 6, v6);
}

size_t nhi_nhtb_data_write(uint8_t dst[16], const nhtb_addr *a)
{
    size_t n = nhi_addr_len(a);
    if (n > 0) {
        memcpy(dst, a->b, n);
    }
    return n;
}
