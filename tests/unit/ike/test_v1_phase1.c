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

/* ---- lifetime in kilobytes ---- */

static duo *with_kb(uint64_t ours, uint64_t theirs)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].v1.lifetime_kb = ours;
    p->s[1].v1.lifetime_kb = theirs;
    return p;
}

Test(v1_phase1, kilobytes_are_offered_and_the_smaller_count_is_kept)
{
    duo *p = with_kb(100, 80);
    duo_up(p);
    cr_assert_eq(duo_sa(p, 0)->v1->life_kb, 100, "the responder's own limit is not said");
    cr_assert_eq(duo_sa(p, 1)->v1->life_kb, 80);
    cr_assert_gt(duo_sa(p, 0)->v1->bytes, 200);
    cr_assert_eq(duo_sa(p, 0)->v1->bytes, duo_sa(p, 1)->v1->bytes, "both count the same");
    duo_end(p);
}

Test(v1_phase1, spent_kilobytes_make_a_successor_and_then_an_end)
{
    for (int who = 0; who < 2; who++) {
        duo *p = with_kb(who ? 0 : 100, who ? 100 : 0);
        duo_up(p);
        nhi_ike_sa *old = duo_sa(p, who);
        nhi_v1_spent(old, 84 * 1024, p->now);
        duo_pass(p, S);
        EXPECT(p, who, "");
        nhi_v1_spent(old, 2 * 1024, p->now);
        duo_pass(p, 5 * S);
        EXPECT(p, who, "ike_rekeyed");
        EXPECT(p, !who, "ike_rekeyed");
        cr_assert_lt(duo_sa(p, who)->v1->bytes, 10 * 1024);
        duo_clear(p);
        p->cut[!who] = true; /* no successor can be made */
        nhi_v1_spent(duo_sa(p, who), 101 * 1024, p->now);
        duo_pass(p, S);
        EXPECT(p, who, "ike_down:expired");
        cr_assert_null(duo_sa(p, who));
        duo_end(p);
    }
}

Test(v1_phase1, too_few_kilobytes_are_no_proposal_and_no_configuration)
{
    duo *p = with_kb(0, 0);
    nhtb_peer_id id;
    nhtb_v1 v = p->s[0].v1;
    nhtb_peer bad = p->s[0].cfg;
    v.lifetime_kb = 63;
    bad.v1 = &v;
    bad.name = "c";
    duo_start(p);
    cr_assert_eq(nhi_ike_peer_new(p->s[0].ike, &bad, &id), NHTB_ERR_ARG);
    nhi_ike_peer *q = nhi_ike_peer_get(p->s[0].ike, p->s[0].peer);
    nhtb_v1 few = *q->cfg.v1;
    few.lifetime_kb = 63;
    const nhtb_v1 *kept = q->cfg.v1;
    q->cfg.v1 = &few;
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(p->s[1].refuse_reason, NHTB_REASON_IKE_STATE);
    cr_assert(strstr(p->s[1].trace, "ike_failed:no_proposal"), "%s", p->s[1].trace);
    q->cfg.v1 = kept;
    duo_end(p);
}
