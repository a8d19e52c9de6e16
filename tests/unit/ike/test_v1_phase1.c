/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 phase 1: main and aggressive mode, what they agree on, refusals. RFC 2409 5.4. */
#include "duo.h"
#include "ike/v1/v1.h"

static void establishes(nhtb_v1_mode mode, nhtb_crypto crypto)
{
    duo *p = duo_new_v1(mode);
    for (int i = 0; i < 2; i++)
        p->s[i].crypto = crypto;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "0: %s, 1: %s", p->s[0].trace, p->s[1].trace);
    const nhi_ike_sa *a = duo_sa(p, 0), *b = duo_sa(p, 1);
    cr_assert_eq(a->spi_r, b->spi_r);
    cr_assert_eq(a->v1->keys.key_len, b->v1->keys.key_len);
    cr_assert_eq(memcmp(a->v1->keys.key, b->v1->keys.key, a->v1->keys.key_len), 0);
    cr_assert(a->v1->dpd && b->v1->dpd && a->libnhtb && b->libnhtb);
    cr_assert_eq(a->v1->natt, NHI_V1_NATT_RFC);
    cr_assert_not(a->encap || b->encap);
    cr_assert_eq(p->s[1].ike->half_open, 0);
    cr_assert_eq(p->s[0].last_spi_in, p->s[1].last_spi_out);
    cr_assert_eq(p->s[1].last_spi_in, p->s[0].last_spi_out);
    cr_assert_gt(p->s[0].key_n, 0);
    cr_assert_eq(memcmp(p->s[0].key_in, p->s[1].key_out, p->s[0].key_n), 0);
    cr_assert_eq(memcmp(p->s[0].key_out, p->s[1].key_in, p->s[0].key_n), 0);
    for (int i = 0; i < 2; i++)
        EXPECT(p, i,
               mode == NHTB_V1_MAIN ? "ike_up install0 use0"
                                    : "weak:aggressive_mode ike_up install0 use0");
    duo_end(p);
}

Test(v1_phase1, main_mode_and_quick_mode_make_an_sa_and_a_pair)
{
    establishes(NHTB_V1_MAIN, nhtb_null_crypto());
}

Test(v1_phase1, aggressive_mode_does_so_too_with_a_warning)
{
    establishes(NHTB_V1_AGGRESSIVE, nhtb_null_crypto());
}

#if NHTB_HAVE_OPENSSL
Test(v1_phase1, the_same_with_real_cryptography)
{
    establishes(NHTB_V1_MAIN, nhtb_openssl_crypto());
    establishes(NHTB_V1_AGGRESSIVE, nhtb_openssl_crypto());
}
#endif
