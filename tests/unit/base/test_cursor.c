/* SPDX-License-Identifier: Apache-2.0
 * Bounded reader and writer: every buffer length against every operation. */
#include <criterion/criterion.h>

#include "base/cursor.h"
#include "mem_host.h"

/* Exactly n bytes on the heap, so that ASan sees any overrun. */
static uint8_t *exact(size_t n)
{
    uint8_t *p = malloc(n > 0 ? n : 1);
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(i + 1);
    }
    return p;
}

static uint64_t read_one(nhi_rd *r, unsigned width)
{
    switch (width) {
    case 1: return nhi_rd_u8(r);
    case 2: return nhi_rd_u16(r);
    case 4: return nhi_rd_u32(r);
    default: return nhi_rd_u64(r);
    }
}

Test(reader, every_width_at_every_offset_of_every_length)
{
    static const unsigned widths[] = {1, 2, 4, 8};
    for (size_t n = 0; n <= 20; n++) {
        uint8_t *p = exact(n);
        for (size_t at = 0; at <= n; at++) {
            for (unsigned k = 0; k < 4; k++) {
                unsigned w = widths[k];
                nhi_rd r;
                nhi_rd_init(&r, p, n);
                nhi_rd_skip(&r, at);
                uint64_t want = 0;
                for (unsigned i = 0; i < w && at + w <= n; i++) {
                    want = want << 8 | p[at + i];
                }
                cr_assert_eq(read_one(&r, w), want);
                cr_assert_eq(r.bad, at + w > n);
                cr_assert_eq(nhi_rd_left(&r), r.bad ? 0 : n - at - w);
            }
        }
        free(p);
    }
}

Test(reader, the_error_is_sticky_and_later_reads_give_zero)
{
    uint8_t *p = exact(3);
    nhi_rd r;
    nhi_rd_init(&r, p, 3);
    cr_assert_eq(nhi_rd_u32(&r), 0);
    cr_assert(r.bad);
    uint8_t dst[4] = {9, 9, 9, 9};
    cr_assert_eq(nhi_rd_u8(&r), 0);
    cr_assert_eq(nhi_rd_u16(&r), 0);
    cr_assert_eq(nhi_rd_u64(&r), 0);
    nhi_rd_bytes(&r, dst, 4);
    cr_assert_eq(dst[0] | dst[1] | dst[2] | dst[3], 0);
    nhtb_span s = nhi_rd_span(&r, 0);
    cr_assert(s.p == NULL && s.n == 0);
    s = nhi_rd_rest(&r);
    cr_assert(s.p == NULL && s.n == 0);
    cr_assert(nhi_rd_sub(&r, 0).bad);
    cr_assert(r.bad);
    free(p);
}

Test(reader, spans_and_subs_stay_inside)
{
    for (size_t n = 0; n <= 12; n++) {
        uint8_t *p = exact(n);
        for (size_t want = 0; want <= 14; want++) {
            nhi_rd r;
            nhi_rd_init(&r, p, n);
            nhtb_span s = nhi_rd_span(&r, want);
            cr_assert_eq(s.n, want <= n ? want : 0);
            cr_assert_eq(r.bad, want > n);
            cr_assert(want > n || n == 0 || s.p == p);
            nhi_rd_init(&r, p, n);
            nhi_rd sub = nhi_rd_sub(&r, want);
            cr_assert_eq(sub.bad, want > n);
            cr_assert_eq(nhi_rd_left(&sub), want <= n ? want : 0);
            nhi_rd_skip(&sub, want + 1);
            cr_assert(sub.bad);
            cr_assert_eq(r.bad, want > n);
            cr_assert_eq(nhi_rd_rest(&r).n, want <= n ? n - want : 0);
        }
        free(p);
    }
}

Test(reader, huge_lengths_do_not_wrap)
{
    uint8_t *p = exact(8);
    nhi_rd r;
    nhi_rd_init(&r, p, 8);
    nhi_rd_skip(&r, 4);
    cr_assert_eq(nhi_rd_span(&r, SIZE_MAX).n, 0);
    cr_assert(r.bad);
    nhi_rd_init(&r, NULL, 0);
    cr_assert_not(r.bad);
    cr_assert_eq(nhi_rd_rest(&r).n, 0);
    nhi_rd_init(&r, NULL, 5);
    cr_assert(r.bad);
    cr_assert_eq(nhi_rd_u8(&r), 0);
    free(p);
}

static void write_one(nhi_wr *w, unsigned op)
{
    static const uint8_t src[3] = {0xa, 0xb, 0xc};
    switch (op) {
    case 0: nhi_wr_u8(w, 0x11); break;
    case 1: nhi_wr_u16(w, 0x1122); break;
    case 2: nhi_wr_u32(w, 0x11223344); break;
    case 3: nhi_wr_u64(w, UINT64_C(0x1122334455667788)); break;
    case 4: nhi_wr_bytes(w, src, 3); break;
    case 5: nhi_wr_span(w, (nhtb_span){src, 3}); break;
    case 6: nhi_wr_zero(w, 5); break;
    default: (void)nhi_wr_take(w, 6); break;
    }
}

Test(writer, every_operation_at_every_capacity)
{
    static const size_t len[] = {1, 2, 4, 8, 3, 3, 5, 6};
    for (size_t cap = 0; cap <= 20; cap++) {
        for (unsigned a = 0; a < 8; a++) {
            for (unsigned b = 0; b < 8; b++) {
                uint8_t *p = exact(cap);
                nhi_wr w;
                nhi_wr_init(&w, p, cap);
                write_one(&w, a);
                write_one(&w, b);
                cr_assert_eq(w.bad, len[a] + len[b] > cap);
                cr_assert_eq(w.n, !w.bad ? len[a] + len[b] : len[a] <= cap ? len[a] : 0);
                free(p);
            }
        }
    }
}

Test(writer, the_error_is_sticky)
{
    uint8_t p[4];
    nhi_wr w;
    nhi_wr_init(&w, p, sizeof p);
    nhi_wr_u64(&w, 1);
    nhi_wr_u8(&w, 1);
    cr_assert(w.bad);
    cr_assert_eq(w.n, 0);
    cr_assert_null(nhi_wr_take(&w, 1));
}

Test(writer, patches_only_what_was_written)
{
    for (size_t n = 0; n <= 8; n++) {
        for (size_t at = 0; at <= 10; at++) {
            for (unsigned width = 1; width <= 4; width *= 2) {
                uint8_t p[8] = {0};
                nhi_wr w;
                nhi_wr_init(&w, p, sizeof p);
                nhi_wr_zero(&w, n);
                if (width == 1) {
                    nhi_wr_patch8(&w, at, 0xee);
                } else if (width == 2) {
                    nhi_wr_patch16(&w, at, 0xeeee);
                } else {
                    nhi_wr_patch32(&w, at, 0xeeeeeeee);
                }
                cr_assert_eq(w.bad, at + width > n);
                for (size_t i = 0; i < 8; i++) {
                    bool in = !w.bad && i >= at && i < at + width;
                    cr_assert_eq(p[i], in ? 0xee : 0);
                }
            }
        }
    }
    uint8_t p[4];
    nhi_wr w;
    nhi_wr_init(&w, p, 4);
    nhi_wr_zero(&w, 4);
    nhi_wr_patch16(&w, SIZE_MAX, 1);
    cr_assert(w.bad);
}

Test(cursor, what_was_written_is_read_back)
{
    uint8_t p[64];
    nhi_wr w;
    nhi_wr_init(&w, p, sizeof p);
    nhi_wr_u8(&w, 0xfe);
    nhi_wr_u16(&w, 0xfedc);
    nhi_wr_u32(&w, 0xfedcba98);
    nhi_wr_u64(&w, UINT64_C(0xfedcba9876543210));
    nhi_wr_bytes(&w, "hello", 5);
    nhi_wr_bytes(&w, NULL, 0);
    cr_assert_not(w.bad);
    nhi_rd r;
    nhi_rd_init(&r, p, w.n);
    uint8_t text[5];
    cr_assert_eq(nhi_rd_u8(&r), 0xfe);
    cr_assert_eq(nhi_rd_u16(&r), 0xfedc);
    cr_assert_eq(nhi_rd_u32(&r), 0xfedcba98);
    cr_assert_eq(nhi_rd_u64(&r), UINT64_C(0xfedcba9876543210));
    nhi_rd_bytes(&r, text, 5);
    nhi_rd_bytes(&r, NULL, 0);
    cr_assert_eq(memcmp(text, "hello", 5), 0);
    cr_assert(!r.bad && nhi_rd_left(&r) == 0);
}
