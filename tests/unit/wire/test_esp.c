/* SPDX-License-Identifier: Apache-2.0
 * ESP arithmetic: padding, trailer, tunnel MTU, extended sequence numbers. */
#include "mutate.h"

#include "wire/esp.h"

Test(esp, padding_reaches_the_alignment_and_no_more)
{
    static const uint32_t aligns[] = {4, 8, 16};
    for (size_t a = 0; a < 3; a++) {
        for (uint32_t n = 0; n < 2000; n++) {
            uint32_t pad = nhi_esp_pad(n, aligns[a]);
            cr_assert_lt(pad, aligns[a]);
            cr_assert_eq((n + pad + 2) % aligns[a], 0);
        }
    }
}

Test(esp, the_trailer_round_trips)
{
    uint8_t p[300];
    for (uint32_t pad = 0; pad <= 255; pad++) {
        uint32_t payload = 0;
        uint8_t next = 0;
        memset(p, 0xee, sizeof p);
        cr_assert_eq(nhi_esp_trailer_write(p + 10, pad, 41), pad + 2);
        cr_assert_eq(p[10 + pad + 2], 0xee);
        cr_assert(nhi_esp_trailer_read(p, 10 + pad + 2, &payload, &next));
        cr_assert(payload == 10 && next == 41);
        cr_assert(nhi_esp_trailer_read(p + 10, pad + 2, &payload, &next));
        cr_assert_eq(payload, 0);
        cr_assert(pad == 0 || !nhi_esp_trailer_read(p + 11, pad + 1, &payload, &next),
                  "pad length beyond the start");
        for (uint32_t i = 0; i < pad; i++) { /* RFC 4303 2.4: each byte is checked */
            p[10 + i] ^= 0x80;
            cr_assert_not(nhi_esp_trailer_read(p, 10 + pad + 2, &payload, &next));
            p[10 + i] ^= 0x80;
        }
    }
    uint32_t payload;
    uint8_t next;
    cr_assert_not(nhi_esp_trailer_read(p, 0, &payload, &next));
    cr_assert_not(nhi_esp_trailer_read(p, 1, &payload, &next));
}

Test(esp, the_ways_without_a_loop_agree)
{
    for (uint32_t pad = 0; pad <= 15; pad++) {
        uint8_t a[48], b[48];
        uint32_t pa = 0, pb = 0;
        uint8_t na = 0, nb = 0;
        memset(a, 0xee, sizeof a);
        memset(b, 0xee, sizeof b);
        cr_assert_eq(nhi_esp_trailer_put(a + 8, pad, 41), nhi_esp_trailer_write(b + 8, pad, 41));
        cr_assert_arr_eq(a, b, 8 + pad + 2);
        uint32_t end = pad + 2 > 16 ? pad + 2 : 16; /* what may be written */
        cr_assert_arr_eq(a + 8 + end, b + 8 + end, sizeof a - 8 - end);
        cr_assert(nhi_esp_trailer_get(a, 8 + pad + 2, &pa, &na));
        cr_assert(nhi_esp_trailer_read(a, 8 + pad + 2, &pb, &nb));
        cr_assert(pa == pb && na == nb);
        cr_assert_not(nhi_esp_trailer_get(a, 1, &pa, &na));
    }
}

static void read_any(const uint8_t *p, size_t n)
{
    uint32_t payload = 0;
    uint8_t next = 0;
    bool quick = nhi_esp_trailer_get(p, (uint32_t)n, &payload, &next);
    cr_assert_eq(quick, nhi_esp_trailer_read(p, (uint32_t)n, &payload, &next));
    if (quick) {
        cr_assert_leq(payload + 2, n);
        cr_assert_eq(payload + p[n - 2] + 2, n);
    }
}

Test(esp, damaged_trailers_are_refused_or_stay_inside)
{
    uint8_t p[40] = {0x45};
    nhi_esp_trailer_write(p + 20, 18, 4);
    mutate(read_any, p, sizeof p);
}

Test(esp, tunnel_mtu_examples)
{
    static const struct {
        uint32_t path, outer, iv, icv, align, inner;
    } v[] = {
        {1500, 20, 8, 16, 4, 1446},   /* GCM-16 over IPv4 */
        {1500, 28, 8, 16, 4, 1438},   /* with UDP */
        {1500, 40, 8, 16, 4, 1426},   /* over IPv6 */
        {1500, 48, 8, 16, 4, 1418},   /* over IPv6 with UDP */
        {1500, 20, 16, 16, 16, 1438}, /* AES-CBC with SHA2-256 */
        {1280, 40, 8, 16, 4, 1206},   {54, 20, 8, 16, 4, 0},
        {56, 20, 8, 16, 4, 2},        {0, 20, 8, 16, 4, 0},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        cr_assert_eq(nhi_esp_inner_mtu(v[i].path, v[i].outer, v[i].iv, v[i].icv, v[i].align),
                     v[i].inner, "row %zu", i);
    }
}

Test(esp, a_packet_of_the_tunnel_mtu_fits_and_a_longer_one_does_not)
{
    static const uint32_t aligns[] = {4, 16};
    for (uint32_t path = 200; path < 1600; path++) {
        for (size_t a = 0; a < 2; a++) {
            uint32_t align = aligns[a];
            uint32_t inner = nhi_esp_inner_mtu(path, 28, align == 4 ? 8 : 16, 16, align);
            uint32_t fixed = 28 + 8 + (align == 4 ? 8 : 16) + 16 + 2;
            cr_assert_leq(inner + nhi_esp_pad(inner, align) + fixed, path);
            cr_assert_gt(inner + 1 + nhi_esp_pad(inner + 1, align) + fixed, path);
        }
    }
}

/* RFC 4303 A2.2: the only number with these low 32 bits among the window and the 2^32 - window that
 * follow it. Found by trying the three possible high halves with exact arithmetic. */
static uint64_t model_seq64(uint64_t top, uint32_t window, uint32_t lo)
{
    for (int step = -1; step <= 1; step++) {
        __int128 hi = (__int128)(top >> 32) + step;
        __int128 seq = hi * ((__int128)1 << 32) + lo;
        __int128 bottom = (__int128)top - window + 1;
        if (seq >= bottom && seq < bottom + ((__int128)1 << 32)) {
            bool possible = seq >= 0 && seq < ((__int128)1 << 64);
            return possible ? (uint64_t)seq : 0;
        }
    }
    return 0;
}

static void compare_around(uint64_t top, uint32_t window, uint64_t *seed)
{
    for (int64_t off = -200; off <= 200; off++) {
        uint32_t los[] = {(uint32_t)(top + (uint64_t)off), (uint32_t)off,
                          (uint32_t)(top - window + (uint64_t)off), (uint32_t)test_rand(seed)};
        for (size_t i = 0; i < NHI_ARRAY_LEN(los); i++) {
            cr_assert_eq(nhi_esp_seq64(top, window, los[i]), model_seq64(top, window, los[i]),
                         "top %llx window %u low %x", (unsigned long long)top, window, los[i]);
        }
    }
}

Test(esp, the_high_half_of_sequence_numbers_agrees_with_the_model)
{
    static const uint32_t windows[] = {1, 32, 64, 128, 1024};
    static const uint64_t bases[] = {0,
                                     UINT64_C(1) << 32,
                                     UINT64_C(2) << 32,
                                     UINT64_C(0x80000000),
                                     UINT64_C(0x1234567880000000),
                                     UINT64_C(0xffffffff) << 32,
                                     0};
    uint64_t seed = 6;
    for (size_t w = 0; w < NHI_ARRAY_LEN(windows); w++) {
        for (size_t b = 0; b < NHI_ARRAY_LEN(bases); b++) {
            for (int64_t off = -1100; off <= 1100; off += 37) {
                uint64_t top = bases[b] + (uint64_t)off;
                compare_around(top, windows[w], &seed);
            }
        }
        for (unsigned i = 0; i < 200; i++) {
            compare_around(test_rand(&seed) >> test_rand(&seed) % 64, windows[w], &seed);
        }
    }
}

Test(esp, sequence_numbers_in_plain_cases)
{
    cr_assert_eq(nhi_esp_seq64(0, 64, 1), 1);
    cr_assert_eq(nhi_esp_seq64(5, 64, 3), 3);
    cr_assert_eq(nhi_esp_seq64(5, 64, 0xffffffff), 0, "before the first packet");
    cr_assert_eq(nhi_esp_seq64(0xfffffff0, 64, 5), UINT64_C(0x100000005));
    cr_assert_eq(nhi_esp_seq64(UINT64_C(0x100000005), 64, 0xfffffff0), 0xfffffff0);
    cr_assert_eq(nhi_esp_seq64(UINT64_MAX, 64, 3), 0, "all numbers are used up");
}
