/* SPDX-License-Identifier: Apache-2.0
 * Phase 1 lifetime in kilobytes: offered, the smaller of both kept, a successor before it is used up, and
 * the end without one. RFC 2409 Appendix A (life type 2). */
#include "duo.h"
#include "ike/v1/v1.h"

static duo *ready(uint64_t kb0, uint64_t kb1)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].v1.lifetime_kb = kb0;
    p->s[1].v1.lifetime_kb = kb1;
    return p;
}

static void agreed(uint64_t kb0, uint64_t kb1, uint64_t want0, uint64_t want1)
{
    duo *p = ready(kb0, kb1);
    duo_up(p);
    cr_expect_eq(duo_sa(p, 0)->v1->life_kb, want0);
    cr_expect_eq(duo_sa(p, 1)->v1->life_kb, want1);
    duo_end(p);
}

Test(v1_bytes, the_responder_keeps_the_smaller_of_both)
{
    agreed(0, 0, 0, 0);
    agreed(1000, 0, 1000, 1000);
    agreed(1000, 2000, 1000, 1000);
    agreed(2000, 1000, 2000, 1000); /* its own: it renews in time */
    agreed(1, 0, 64, 64);           /* less than a few exchanges take is no lifetime */
    agreed(UINT64_MAX, 0, UINT32_MAX, UINT32_MAX);
}

/* R-U-THERE back and forth until the SA is renewed. */
Test(v1_bytes, a_successor_is_made_before_they_are_used_up)
{
    duo *p = ready(100, 0);
    p->s[0].cfg.liveness_s = 1;
    p->s[0].cfg.liveness_tries = 5;
    duo_up(p);
    uint64_t first = duo_sa(p, 0)->spi_i;
    cr_assert_gt(duo_sa(p, 0)->v1->bytes, 0);
    for (unsigned i = 0; i < 2000 && duo_sa(p, 0)->spi_i == first; i++) {
        duo_pass(p, S);
        cr_assert_leq(duo_sa(p, 0)->v1->bytes, 100 * 1024);
    }
    cr_assert_neq(duo_sa(p, 0)->spi_i, first);
    cr_assert_not_null(strstr(p->s[0].trace, "ike_rekeyed"));
    duo_pass(p, 10 * S);
    cr_assert_eq(duo_sas(p, 0), 1, "the old one went");
    cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0));
    duo_end(p);
}

Test(v1_bytes, used_up_it_ends_and_its_children_stay)
{
    duo *p = ready(64, 0);
    duo_up(p);
    duo_sa(p, 0)->v1->bytes = 64 * 1024;
    nhi_v1_pump(duo_sa(p, 0), p->now);
    duo_drain(p, 0);
    p->n = 0; /* the successor's first message is lost */
    p->cut[1] = true;
    duo_pass(p, MS);
    cr_assert_null(duo_sa(p, 0));
    cr_assert_not_null(duo_child(p, 0, 0));
    duo_end(p);
}
