/* SPDX-License-Identifier: Apache-2.0
 * MSS clamp: which segments change, to what, and that the checksum stays right at any alignment. */
#include "mutate.h"

#include "wire/tcp.h"

enum { HDR = 20, SYN = 2, ACK = 0x10 };

static uint16_t sum_of(const uint8_t *p, size_t n)
{
    return nhi_csum_fold(nhi_csum_add(0x1234, p, n)); /* any pseudo header */
}

/* A segment whose header holds these options and a few bytes of payload. */
static size_t make(uint8_t *p, uint8_t flags, const uint8_t *opt, size_t n_opt)
{
    size_t hdr = HDR + (n_opt + 3) / 4 * 4, n = hdr + 5;
    memset(p, 0, n);
    for (size_t i = 0; i < 12; i++)
        p[i] = (uint8_t)(i * 37 + 11);
    p[12] = (uint8_t)(hdr / 4 << 4);
    p[13] = flags;
    memcpy(p + HDR, opt, n_opt);
    memset(p + hdr, 0xa5, 5);
    nhi_put16(p + 16, sum_of(p, n));
    return n;
}

static const uint8_t PLAIN[] = {2, 4, 5, 0xb4}; /* 1460 */

Test(tcp, lowers_the_option_and_keeps_the_checksum_right)
{
    static const struct {
        uint8_t opt[12];
        size_t n, at;
    } c[] = {
        {{2, 4, 5, 0xb4}, 4, HDR + 2},
        {{1, 2, 4, 5, 0xb4}, 5, HDR + 3},               /* odd */
        {{8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, 12, 0}, /* none */
        {{4, 2, 2, 4, 5, 0xb4, 3, 3, 7}, 9, HDR + 4},
        {{3, 3, 7, 2, 4, 5, 0xb4}, 7, HDR + 5},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(c); i++)
        for (uint32_t most = 1; most < 1600; most += 13) {
            uint8_t p[64], before[64];
            size_t n = make(p, SYN | (most & 1 ? ACK : 0), c[i].opt, c[i].n);
            memcpy(before, p, n);
            bool want = c[i].at != 0 && most < 1460;
            cr_assert_eq(nhi_tcp_clamp_mss(p, n, most), want, "case %zu, %u", i, most);
            cr_assert_eq(sum_of(p, n), 0, "case %zu, %u", i, most);
            if (want)
                cr_assert_eq(nhi_get16(p + c[i].at), most);
            else
                cr_assert_eq(memcmp(p, before, n), 0);
        }
}

static void untouched(uint8_t *p, size_t n)
{
    uint8_t before[64];
    memcpy(before, p, n);
    cr_assert_not(nhi_tcp_clamp_mss(p, n, 100));
    cr_assert_eq(memcmp(p, before, n), 0);
}

Test(tcp, leaves_what_is_no_syn_or_is_broken)
{
    static const uint8_t after_end[] = {0, 2, 4, 5, 0xb4}, zero_len[] = {5, 0, 2, 4, 5, 0xb4},
                         too_long[] = {5, 40, 2, 4, 5, 0xb4}, odd_mss[] = {2, 3, 5, 1},
                         cut[] = {1, 1, 1, 2};
    uint8_t p[64];
    untouched(p, make(p, ACK, PLAIN, sizeof PLAIN));
    untouched(p, make(p, SYN, after_end, sizeof after_end));
    untouched(p, make(p, SYN, zero_len, sizeof zero_len));
    untouched(p, make(p, SYN, too_long, sizeof too_long));
    untouched(p, make(p, SYN, odd_mss, sizeof odd_mss));
    untouched(p, make(p, SYN, cut, sizeof cut));
    (void)make(p, SYN, PLAIN, sizeof PLAIN);
    untouched(p, HDR - 1);
    untouched(p, HDR + 3); /* the header says more than is there */
    p[12] = 4 << 4;
    untouched(p, HDR + 4);
}

static void run(const uint8_t *p, size_t n)
{
    uint8_t *c = exact_copy(p, n);
    (void)nhi_tcp_clamp_mss(c, n, 536);
    free(c);
}

Test(tcp, damaged_segments_do_no_harm)
{
    static const uint8_t opt[] = {4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 5, 0xb4};
    uint8_t p[64];
    mutate(run, p, make(p, SYN, opt, sizeof opt));
}
