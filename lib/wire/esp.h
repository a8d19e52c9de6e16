/* SPDX-License-Identifier: Apache-2.0
 * ESP packet arithmetic: sizes, trailer, sequence numbers. RFC 4303. Any thread. */
#ifndef NHI_WIRE_ESP_H
#define NHI_WIRE_ESP_H

#include "base/base.h"

#define NHI_ESP_HDR 8
/** Padding so that payload + pad + 2 is a multiple of align (4 or the block). */
static inline uint32_t nhi_esp_pad(uint32_t payload, uint32_t align)
{
    return (align - ((payload + 2) & (align - 1))) & (align - 1);
}
/** Writes pad bytes 1,2,3.., pad length, next header at p; returns bytes written (pad + 2). */
uint32_t nhi_esp_trailer_write(uint8_t *p, uint32_t pad, uint8_t next_header);
/** The same without a loop: also writes the bytes up to p[15], which must be the caller's (an ICV of at
 *  least 16 bytes follows the trailer). pad <= 15. */
static inline uint32_t nhi_esp_trailer_put(uint8_t *p, uint32_t pad, uint8_t next_header)
{
    static const uint8_t count[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    memcpy(p, count, 8); /* never beyond the trailer and the shortest ICV, which is 12 octets */
    if (pad > 8)
        memcpy(p + 8, count + 8, 8);
    p[pad] = (uint8_t)pad;
    p[pad + 1] = next_header;
    return pad + 2;
}
/** Reads the trailer of decrypted bytes p[0..n). False: runt or wrong pad bytes (RFC 4303 2.4). */
bool nhi_esp_trailer_read(const uint8_t *p, uint32_t n, uint32_t *payload, uint8_t *next_header);
/** The same without the call where there is no padding. */
static inline bool nhi_esp_trailer_get(const uint8_t *p, uint32_t n, uint32_t *payload,
                                       uint8_t *next_header)
{
    if (n < 2 || p[n - 2] != 0)
        return nhi_esp_trailer_read(p, n, payload, next_header);
    *payload = n - 2;
    *next_header = p[n - 1];
    return true;
}
/** Largest inner packet for an outer path MTU. outer: IP header + UDP bytes (20, 28, 40, 48). */
uint32_t nhi_esp_inner_mtu(uint32_t path_mtu, uint32_t outer, uint32_t iv, uint32_t icv,
                           uint32_t align);
/** Full 64-bit number of a received low half for a window whose highest is top (RFC 4303 App. A2).
 *  Never below 0: gives 0 when the guess would be negative. */
uint64_t nhi_esp_seq64(uint64_t top, uint32_t window, uint32_t seq_lo);

#endif
