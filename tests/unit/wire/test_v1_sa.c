/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 SA payload: proposals, transforms, bounds. */
#include "mutate.h"

#include "wire/v1.h"

/* Proposal 1: ESP, SPI c0ffee01, transforms 1 (AES-CBC) and 2 (3DES); proposal 2: AH. RFC 2408 3.4. */
static const uint8_t offer[] = {0,    0, 0, 1,   0, 0,  0, 1, /* DOI, situation */
                                2,    0, 0, 36,  1, 3,  4, 2, 0xc0, 0xff, 0xee, 1, /* proposal 1 */
                                3,    0, 0, 16,  1, 12, 0, 0, 0x80, 4,    0,    1,
                                0x80, 6, 0, 128,                                   /* transform 1 */
                                0,    0, 0, 8,   2, 3,  0, 0,                      /* transform 2 */
                                0,    0, 0, 20,  2, 2,  4, 1, 0xc0, 0xff, 0xee, 2, /* proposal 2 */
                                0,    0, 0, 8,   1, 2,  0, 0};
#define P1 8
#define T1 20
#define T2 36
#define P2 44
#define T3 56

static nhi_v1_sa_pl sa;

static bool read_sa(const uint8_t *p, size_t n)
{
    uint8_t *c = exact_copy(p, n);
    bool ok = nhi_v1_sa_read(&sa, (nhtb_span){c, n});
    free(c);
    return ok;
}

static bool read_changed(size_t at, uint8_t value)
{
    uint8_t p[sizeof offer];
    memcpy(p, offer, sizeof p);
    p[at] = value;
    return read_sa(p, sizeof p);
}

Test(v1_sa, an_offer_is_read)
{
    nhi_rd r;
    nhi_v1_transform t;
    cr_assert(nhi_v1_sa_read(&sa, (nhtb_span){offer, sizeof offer}));
    cr_assert_eq(sa.n, 2);
    const nhi_v1_proposal *p = &sa.p[0];
    cr_assert(p->number == 1 && p->protocol == NHI_V1_PROTO_ESP && p->n == 2 && p->spi.n == 4);
    cr_assert_eq(nhi_get32(p->spi.p), 0xc0ffee01);
    nhi_rd_init(&r, p->transforms.p, p->transforms.n);
    cr_assert(nhi_v1_transform_next(&r, &t) && t.number == 1 && t.id == 12 && t.attrs.n == 8);
    cr_assert(nhi_v1_transform_next(&r, &t) && t.number == 2 && t.id == 3 && t.attrs.n == 0);
    cr_assert_not(nhi_v1_transform_next(&r, &t));
    cr_assert(sa.p[1].protocol == NHI_V1_PROTO_AH && sa.p[1].number == 2);
    cr_assert_not(nhi_v1_sa_bundled(&sa, 0));
    cr_assert_not(nhi_v1_sa_bundled(&sa, 1));
    cr_assert(read_changed(P2 + 4, 1));
    cr_assert(nhi_v1_sa_bundled(&sa, 0) && nhi_v1_sa_bundled(&sa, 1));
}

Test(v1_sa, what_is_written_is_the_same_bytes)
{
    for (size_t cap = 0; cap <= sizeof offer; cap++) {
        uint8_t *p = malloc(cap + 1);
        nhi_wr w;
        nhi_v1_sa_writer s;
        nhi_wr_init(&w, p, cap);
        nhi_v1_sa_begin(&s, &w);
        nhi_v1_sa_proposal(&s, 1, 3, (nhtb_span){offer + 16, 4});
        nhi_v1_sa_transform(&s, 1, 12);
        nhi_v1_attr_write_short(&w, 4, 1);
        nhi_v1_attr_write_short(&w, 6, 128);
        nhi_v1_sa_transform(&s, 2, 3);
        nhi_v1_sa_proposal(&s, 2, 2, (nhtb_span){offer + 52, 4});
        nhi_v1_sa_transform(&s, 1, 2);
        nhi_v1_sa_end(&s);
        cr_assert_eq(w.bad, cap < sizeof offer);
        cr_assert(w.bad || (w.n == sizeof offer && memcmp(p, offer, sizeof offer) == 0));
        free(p);
    }
}

Test(v1_sa, every_cut_is_refused)
{
    for (size_t n = 0; n < sizeof offer; n++) {
        cr_assert_not(read_sa(offer, n), "cut at %zu", n);
    }
}

Test(v1_sa, contradictions_are_refused)
{
    cr_assert_not(read_changed(3, 0), "DOI 0");
    cr_assert_not(read_changed(7, 2), "situation");
    cr_assert_not(read_changed(P1, 0), "says last, but more follow");
    cr_assert_not(read_changed(P1, 3));
    cr_assert_not(read_changed(P1 + 1, 1), "reserved");
    cr_assert_not(read_changed(P2, 2), "says more, but it is the last");
    for (unsigned len = 0; len < 256; len++) {
        cr_assert_eq(read_changed(P1 + 3, (uint8_t)len), len == 36, "%u", len);
        cr_assert_eq(read_changed(T1 + 3, (uint8_t)len), len == 16, "%u", len);
        cr_assert_eq(read_changed(T3 + 3, (uint8_t)len), len == 8, "%u", len);
        cr_assert_eq(read_changed(P1 + 6, (uint8_t)len), len == 4, "SPI of %u", len);
        cr_assert_eq(read_changed(P1 + 7, (uint8_t)len), len == 2, "%u transforms", len);
    }
    cr_assert_not(read_changed(T1, 0), "not the last transform");
    cr_assert_not(read_changed(T1, 2));
    cr_assert_not(read_changed(T1 + 1, 1));
    cr_assert_not(read_changed(T2, 3), "the last transform");
    cr_assert_not(read_changed(T1 + 12, 0), "an attribute longer than its transform");
}

Test(v1_sa, numbers_and_ids_are_not_judged_here)
{
    for (unsigned v = 0; v < 256; v++) {
        cr_assert(read_changed(P1 + 4, (uint8_t)v) && sa.p[0].number == v);
        cr_assert(read_changed(P1 + 5, (uint8_t)v) && sa.p[0].protocol == v);
        cr_assert(read_changed(T1 + 4, (uint8_t)v));
        cr_assert(read_changed(T1 + 5, (uint8_t)v));
    }
}

static size_t many(uint8_t *p, unsigned proposals, unsigned transforms, size_t spi)
{
    nhi_wr w;
    nhi_v1_sa_writer s;
    static const uint8_t zeros[32];
    nhi_wr_init(&w, p, 30000);
    nhi_v1_sa_begin(&s, &w);
    for (unsigned i = 0; i < proposals; i++) {
        nhi_v1_sa_proposal(&s, (uint8_t)i, 1, (nhtb_span){zeros, spi});
        for (unsigned k = 0; k < transforms; k++) {
            nhi_v1_sa_transform(&s, (uint8_t)k, 1);
        }
    }
    nhi_v1_sa_end(&s);
    cr_assert_not(w.bad);
    return w.n;
}

Test(v1_sa, the_largest_payload_fits_and_one_more_is_refused)
{
    static uint8_t p[30000];
    cr_assert(read_sa(p, many(p, 15, 63, 0)));
    cr_assert(read_sa(p, many(p, 16, 64, 16)));
    cr_assert(sa.n == 16 && sa.p[15].n == 64);
    cr_assert_not(read_sa(p, many(p, 17, 1, 0)));
    cr_assert_not(read_sa(p, many(p, 1, 65, 0)));
    cr_assert_not(read_sa(p, many(p, 1, 1, 17)), "an SPI longer than two cookies");
    cr_assert_not(read_sa(p, many(p, 1, 0, 0)), "no transforms");
    cr_assert_not(read_sa(p, many(p, 0, 0, 0)), "no proposals");
}

static void any(const uint8_t *p, size_t n)
{
    if (!nhi_v1_sa_read(&sa, (nhtb_span){p, n})) {
        return;
    }
    cr_assert(sa.n >= 1 && sa.n <= NHI_V1_PROPOSALS);
    for (unsigned i = 0; i < sa.n; i++) {
        nhi_rd r;
        nhi_v1_transform t;
        unsigned k = 0;
        nhi_rd_init(&r, sa.p[i].transforms.p, sa.p[i].transforms.n);
        for (; nhi_v1_transform_next(&r, &t); k++) {
            check_inside(t.attrs, p, n);
            cr_assert(nhi_v1_attrs_valid(t.attrs));
        }
        cr_assert(k == sa.p[i].n && !r.bad);
        touch(sa.p[i].spi);
    }
}

Test(v1_sa, damaged_payloads_stay_inside_their_message)
{
    mutate(any, offer, sizeof offer);
}
