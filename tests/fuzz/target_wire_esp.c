/* SPDX-License-Identifier: Apache-2.0
 * ESP arithmetic: trailer, padding, MTU, extended sequence numbers (against the reference form of
 * RFC 4303 appendix A2). Input: numbers, then decrypted bytes. */
#include "fuzz/fuzz.h"
#include "wire/esp.h"

static void check_trailer(const uint8_t *p, uint32_t n)
{
    uint32_t payload;
    uint8_t next, again[300];
    if (!nhi_esp_trailer_read(p, n, &payload, &next))
        return;
    fuzz_check(payload + 2 <= n && n - payload - 2 <= 255);
    uint32_t len = nhi_esp_trailer_write(again, n - payload - 2, next);
    fuzz_check(len == n - payload && memcmp(again, p + payload, len) == 0);
}

static void check_sizes(uint32_t inner, uint32_t mtu, unsigned shift)
{
    uint32_t align = 4u << shift % 3;
    uint32_t pad = nhi_esp_pad(inner, align);
    fuzz_check(pad < align && (inner + pad + 2) % align == 0);
    uint32_t most = nhi_esp_inner_mtu(mtu, 28, 8, 16, align);
    fuzz_check(most == 0 || 28 + 8 + 8 + 16 + most + nhi_esp_pad(most, align) + 2 <= mtu);
    uint32_t more = most + 1;
    fuzz_check(most == 0 || 28 + 8 + 8 + 16 + more + nhi_esp_pad(more, align) + 2 > mtu);
}

/* The number whose low half was sent that lies in or to the right of the window. */
static void check_seq(uint64_t top, uint32_t window, uint32_t lo)
{
    uint64_t seq = nhi_esp_seq64(top, window, lo);
    uint64_t bottom = top >= window ? top - window + (window > 0) : 0;
    if (seq == 0)
        return;
    fuzz_check((uint32_t)seq == lo);
    if (top > window)
        fuzz_check(seq >= bottom && seq - bottom <= UINT32_MAX);
}

int fuzz_wire_esp(const uint8_t *p, size_t n)
{
    fuzz_in in = {p, n};
    uint64_t top = (uint64_t)fuzz_u32(&in) << 32;
    top |= fuzz_u32(&in);
    uint32_t window = fuzz_u16(&in) % 65537u, lo = fuzz_u32(&in);
    check_seq(top, window, lo);
    check_seq(top, window, (uint32_t)top - (lo & 0xfff));
    check_seq(top, window, (uint32_t)top + (lo & 0xfff));
    check_sizes(fuzz_u16(&in), fuzz_u16(&in), fuzz_u8(&in));
    nhtb_span rest = fuzz_rest(&in);
    uint8_t *q = fuzz_dup(rest.p, rest.n);
    check_trailer(q, (uint32_t)rest.n);
    free(q);
    return 0;
}
