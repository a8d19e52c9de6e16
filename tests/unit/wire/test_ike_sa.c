/* SPDX-License-Identifier: Apache-2.0
 * SA payload: proposals and transforms. */
#include "mutate.h"

#include "wire/ike.h"

/* Proposal 1: ESP, SPI c0ffee01, AES-GCM-16 with 256 bits, ESN 1 and 0. Proposal 2: AES-CBC-128,
 * HMAC-SHA2-256, no ESN. RFC 7296 3.3. */
static const uint8_t esp_offer[] = {
    2, 0, 0, 40, 1, 3, 4, 3,  0xc0, 0xff, 0xee, 0x01,              /* proposal 1 */
    3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14,   1,    0,                 /* ENCR 20, 256 bits */
    3, 0, 0, 8,  5, 0, 0, 1,  0,    0,    0,    8,    5, 0, 0, 0,  /* ESN 1, 0 */
    0, 0, 0, 40, 2, 3, 4, 3,  0xc0, 0xff, 0xee, 0x01,              /* proposal 2 */
    3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14,   0,    128,               /* ENCR 12, 128 bits */
    3, 0, 0, 8,  3, 0, 0, 12, 0,    0,    0,    8,    5, 0, 0, 0}; /* INTEG 12, ESN 0 */

static nhi_ike_sa_pl sa;

static bool read_sa(const uint8_t *p, size_t n)
{
    uint8_t *c = exact_copy(p, n);
    bool ok = nhi_ike_sa_read(&sa, (nhtb_span){c, n});
    free(c);
    return ok;
}

static bool read_changed(size_t at, uint8_t value)
{
    uint8_t p[sizeof esp_offer];
    memcpy(p, esp_offer, sizeof p);
    p[at] = value;
    return read_sa(p, sizeof p);
}

Test(ike_sa, an_offer_is_read)
{
    cr_assert(read_sa(esp_offer, sizeof esp_offer));
    cr_assert_eq(sa.n, 2);
    const nhi_ike_proposal *a = &sa.p[0], *b = &sa.p[1];
    cr_assert(a->number == 1 && a->protocol == 3 && a->spi_len == 4 && a->n == 3);
    cr_assert_eq(nhi_get32(a->spi), 0xc0ffee01);
    cr_assert(a->tf[0].type == NHI_TF_ENCR && a->tf[0].id == 20 && a->tf[0].key_bits == 256);
    cr_assert(a->tf[1].type == NHI_TF_ESN && a->tf[1].id == 1 && a->tf[1].key_bits == 0);
    cr_assert(a->tf[2].type == NHI_TF_ESN && a->tf[2].id == 0 && !a->tf[2].unknown_attr);
    cr_assert(b->number == 2 && b->tf[0].key_bits == 128 && b->tf[1].type == NHI_TF_INTEG);
}

Test(ike_sa, what_is_written_is_the_same_bytes)
{
    uint8_t p[sizeof esp_offer];
    nhi_wr w;
    cr_assert(read_sa(esp_offer, sizeof esp_offer));
    nhi_wr_init(&w, p, sizeof p);
    nhi_ike_sa_write(&w, &sa);
    cr_assert_not(w.bad);
    cr_assert_eq(w.n, sizeof p);
    cr_assert_eq(memcmp(p, esp_offer, sizeof p), 0);
    for (size_t cap = 0; cap < sizeof p; cap++) {
        uint8_t *c = malloc(cap + 1);
        nhi_wr_init(&w, c, cap);
        nhi_ike_sa_write(&w, &sa);
        cr_assert(w.bad);
        free(c);
    }
}

Test(ike_sa, every_cut_is_refused_except_between_proposals)
{
    for (size_t n = 0; n < sizeof esp_offer; n++) {
        cr_assert_not(read_sa(esp_offer, n), "cut at %zu", n);
    }
}

Test(ike_sa, contradictions_are_refused)
{
    cr_assert_not(read_changed(0, 0), "more proposals follow, but it says last");
    cr_assert_not(read_changed(0, 3));
    cr_assert_not(read_changed(40, 2), "says more, but it is the last");
    cr_assert_not(read_changed(3, 7), "proposal shorter than its header");
    cr_assert_not(read_changed(3, 41));
    cr_assert_not(read_changed(3, 39));
    cr_assert_not(read_changed(7, 2), "fewer transforms than there are");
    cr_assert_not(read_changed(7, 4), "more transforms than there are");
    cr_assert_not(read_changed(6, 9), "SPI longer than any");
    cr_assert_not(read_changed(6, 3));
    cr_assert_not(read_changed(12, 0), "not the last transform");
    cr_assert_not(read_changed(32, 3), "the last transform");
    cr_assert_not(read_changed(15, 7), "transform shorter than its header");
    cr_assert_not(read_changed(15, 13));
    cr_assert_not(read_changed(15, 10), "half an attribute");
}

Test(ike_sa, offers_count_from_one)
{
    cr_assert_not(read_changed(4, 0));
    cr_assert_not(read_changed(4, 2));
    cr_assert_not(read_changed(44, 1));
    cr_assert_not(read_changed(44, 3));
}

Test(ike_sa, an_answer_may_have_any_number_but_zero)
{
    uint8_t p[40];
    memcpy(p, esp_offer + 40, sizeof p);
    for (unsigned number = 0; number < 256; number++) {
        p[4] = (uint8_t)number;
        cr_assert_eq(read_sa(p, sizeof p), number != 0);
    }
}

Test(ike_sa, unknown_attributes_mark_the_transform)
{
    uint8_t p[] = {0, 0, 0, 20, 1, 3, 0, 1, 0, 0, 0, 12, 1, 0, 0, 12, 0x80, 15, 1, 0};
    cr_assert(read_sa(p, sizeof p));
    cr_assert(sa.p[0].tf[0].unknown_attr);
    cr_assert_eq(sa.p[0].tf[0].key_bits, 0);
    p[17] = 14;
    cr_assert(read_sa(p, sizeof p));
    cr_assert_not(sa.p[0].tf[0].unknown_attr);
    p[18] = 0; /* a key length of 0 */
    cr_assert(read_sa(p, sizeof p));
    cr_assert(sa.p[0].tf[0].unknown_attr);
    /* the long form: type, length, value */
    uint8_t tlv[] = {0, 0, 0, 22, 1, 3, 0, 1, 0, 0, 0, 14, 1, 0, 0, 12, 0, 14, 0, 2, 1, 0};
    cr_assert(read_sa(tlv, sizeof tlv));
    cr_assert(sa.p[0].tf[0].unknown_attr);
    tlv[19] = 3;
    cr_assert_not(read_sa(tlv, sizeof tlv));
    /* the key length twice */
    uint8_t twice[] = {0, 0, 0, 24, 1,    3,  0, 1, 0,    0,  0, 16,
                       1, 0, 0, 12, 0x80, 14, 1, 0, 0x80, 14, 0, 128};
    cr_assert(read_sa(twice, sizeof twice));
    cr_assert(sa.p[0].tf[0].unknown_attr);
}

static size_t many(uint8_t *p, unsigned proposals, unsigned transforms)
{
    size_t at = 0;
    for (unsigned i = 0; i < proposals; i++) {
        p[at] = i + 1 < proposals ? 2 : 0;
        p[at + 1] = 0;
        nhi_put16(p + at + 2, 8 + 8 * transforms);
        p[at + 4] = (uint8_t)(i + 1);
        p[at + 5] = 1;
        p[at + 6] = 0;
        p[at + 7] = (uint8_t)transforms;
        at += 8;
        for (unsigned k = 0; k < transforms; k++, at += 8) {
            const uint8_t tf[8] = {k + 1 < transforms ? 3 : 0, 0, 0, 8, 2, 0, 0, (uint8_t)k};
            memcpy(p + at, tf, 8);
        }
    }
    return at;
}

Test(ike_sa, the_largest_payload_fits_and_one_more_is_refused)
{
    static uint8_t p[20000];
    cr_assert(read_sa(p, many(p, 16, 64)));
    cr_assert(sa.n == 16 && sa.p[15].n == 64 && sa.p[15].tf[63].id == 63);
    cr_assert_not(read_sa(p, many(p, 17, 1)));
    cr_assert_not(read_sa(p, many(p, 1, 65)));
    cr_assert(read_sa(p, many(p, 1, 0)), "no transforms: refused when chosen, not when read");
}

static void read_any(const uint8_t *p, size_t n)
{
    if (nhi_ike_sa_read(&sa, (nhtb_span){p, n})) {
        static uint8_t out[8192];
        nhi_wr w;
        nhi_wr_init(&w, out, sizeof out);
        nhi_ike_sa_write(&w, &sa);
        cr_assert(sa.n >= 1 && sa.n <= NHI_IKE_PROPOSALS);
        cr_assert_not(w.bad);
    }
}

Test(ike_sa, damaged_payloads_never_overrun)
{
    mutate(read_any, esp_offer, sizeof esp_offer);
}
