/* SPDX-License-Identifier: Apache-2.0
 * ESP trailer, sizes and the high half of extended sequence numbers (RFC 4303 2.4, 2.7, A2). Called
 * by dp/ (per packet) and db/ (MTU of a tunnel). Any thread. */
#include "wire/esp.h"

uint32_t nhi_esp_trailer_write(uint8_t *p, uint32_t pad, uint8_t next_header)
{
    for (uint32_t i = 0; i < pad; i++) {
        p[i] = (uint8_t)(i + 1);
    }
    p[pad] = (uint8_t)pad;
    p[pad + 1] = next_header;
    return pad + 2;
}

bool nhi_esp_trailer_read(const uint8_t *p, uint32_t n, uint32_t *payload, uint8_t *next_header)
{
    if (n < 2 || p[n - 2] > n - 2) {
        return false;
    }
    uint32_t pad = p[n - 2];
    const uint8_t *at = p + (n - 2 - pad);
    for (uint32_t i = 0; i < pad; i++) {
        if (at[i] != (uint8_t)(i + 1)) {
            return false;
        }
    }
    *payload = n - 2 - pad;
    *next_header = p[n - 1];
    return true;
}

uint32_t nhi_esp_inner_mtu(uint32_t path_mtu, uint32_t outer, uint32_t iv, uint32_t icv,
                           uint32_t align)
{
    uint32_t fixed = outer + NHI_ESP_HDR + iv + icv;
    uint32_t room = path_mtu > fixed ? (path_mtu - fixed) & ~(align - 1) : 0;
    return room > 2 ? room - 2 : 0;
}

uint64_t nhi_esp_seq64(uint64_t top, uint32_t window, uint32_t seq_lo)
{
    uint32_t lo = (uint32_t)top;
    uint32_t hi = (uint32_t)(top >> 32);
    uint32_t span = window > 0 ? window - 1 : 0;
    uint32_t bottom = lo - span; /* modulo 2^32 */
    if (lo >= span) {            /* the window lies in one subspace */
        hi += seq_lo < bottom;
        if (hi == 0 && seq_lo < bottom) {
            return 0; /* 2^64 numbers are used up */
        }
    } else if (seq_lo >= bottom) { /* it reaches into the subspace before */
        if (hi == 0) {
            return 0;
        }
        hi--;
    }
    return (uint64_t)hi << 32 | seq_lo;
}
