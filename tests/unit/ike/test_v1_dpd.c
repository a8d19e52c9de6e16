/* SPDX-License-Identifier: Apache-2.0
 * Whether the other side of an ISAKMP SA lives: DPD, deletes, children that outlive it, informational
 * messages that count once. RFC 3706, RFC 2409 5.7. */
#include "duo.h"
#include "ike/v1/v1.h"

static duo *up(nhtb_v1_mode mode)
{
    duo *p = duo_new_v1(mode);
    duo_up(p);
    return p;
}

/* ---- DPD, deletes ---- */

static duo *with_dpd(void)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    for (int i = 0; i < 2; i++) {
        p->s[i].cfg.liveness_s = 10;
        p->s[i].cfg.liveness_tries = 3;
    }
    duo_up(p);
    return p;
}

Test(v1_life, dpd_keeps_a_living_peer_and_finds_a_dead_one)
{
    duo *p = with_dpd();
    duo_pass(p, 100 * S);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    cr_assert_gt(p->s[0].ike->count.liveness_sent + p->s[1].ike->count.liveness_sent, 5);
    cr_assert_eq(p->s[0].ike->count.liveness_failed, 0);
    p->cut[0] = p->cut[1] = true;
    duo_clear(p);
    duo_pass(p, 60 * S);
    cr_assert(strstr(p->s[0].trace, "ike_down:liveness"), "%s", p->s[0].trace);
    cr_assert_eq(p->s[0].installed, 0);
    duo_end(p);
}

Test(v1_life, dpd_needs_both_sides)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].cfg.liveness_s = 10;
    p->s[0].cfg.liveness_tries = 3;
    p->s[1].v1.dpd = false;
    duo_up(p);
    p->cut[1] = true;
    duo_pass(p, 100 * S);
    cr_assert(duo_sa(p, 0), "nobody was asked, so nobody failed to answer");
    cr_assert_eq(p->s[0].ike->count.liveness_sent, 0);
    duo_end(p);
}

/* ---- pairs that one side alone has ---- */

static void send_on(duo *p, int who, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        p->s[who].last_out = p->now;
        duo_pass(p, S);
    }
}

Test(v1_life, a_pair_whose_delete_was_lost_is_replaced_when_nothing_comes_back)
{
    for (int dpd = 0; dpd < 2; dpd++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        for (int i = 0; i < 2; i++) {
            p->s[i].cfg.liveness_s = 10;
            p->s[i].v1.dpd = dpd;
        }
        duo_up(p);
        p->cut[0] = true; /* the delete of side 1 */
        nhi_ike_child_delete(duo_child(p, 1, 0));
        nhi_v1_pump(duo_sa(p, 1), p->now);
        duo_run(p);
        p->cut[0] = false;
        cr_assert(duo_child(p, 0, 0) && !duo_child(p, 1, 0));
        send_on(p, 0, 45);
        cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0), "dpd %d", dpd);
        cr_assert_eq(p->s[0].ike->count.silent_rekeys, 1);
        cr_assert_eq(duo_child(p, 0, 0)->spi_out, duo_child(p, 1, 0)->spi_in);
        duo_end(p);
    }
}

Test(v1_life, traffic_of_one_way_is_renewed_ever_less_often)
{
    duo *p = with_dpd();
    send_on(p, 0, 2000);
    unsigned n = (unsigned)p->s[0].ike->count.silent_rekeys;
    cr_assert(n >= 4 && n <= 6, "%u", n); /* after 30, 90, 210, 450, 930, 1890 s */
    p->s[0].last_in = p->now;
    send_on(p, 0, 20);
    cr_assert_eq(p->s[0].ike->count.silent_rekeys, n);
    send_on(p, 0, 25);
    cr_assert_eq(p->s[0].ike->count.silent_rekeys, n + 1, "heard once, it starts anew");
    duo_end(p);
}

Test(v1_life, who_does_not_send_misses_nothing)
{
    duo *p = with_dpd();
    duo_pass(p, 300 * S);
    cr_assert_eq(p->s[0].ike->count.silent_rekeys + p->s[1].ike->count.silent_rekeys, 0);
    duo_end(p);
}

Test(v1_life, clear_tells_the_peer_both_deletes)
{
    for (int who = 0; who < 2; who++) {
        duo *p = up(NHTB_V1_MAIN);
        cr_assert_eq(nhi_ike_clear(p->s[who].ike, p->s[who].peer, p->now), 0);
        duo_run(p);
        EXPECT(p, who, "remove0 ike_down:deleted_by_us");
        EXPECT(p, !who, "remove0 ike_down:deleted_by_peer");
        cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
        duo_end(p);
    }
}

Test(v1_life, a_deleted_isakmp_sa_leaves_its_children_until_a_new_one_takes_them)
{
    duo *p = up(NHTB_V1_MAIN);
    uint32_t spi = duo_child(p, 0, 0)->spi_in;
    cr_assert_eq(nhi_v1_info_delete_isakmp(duo_sa(p, 1), p->now), 0);
    nhi_v1_sa_gone(duo_sa(p, 1), NHTB_DETAIL_EXPIRED, p->now);
    duo_run(p);
    EXPECT(p, 0, "ike_down:deleted_by_peer");
    EXPECT(p, 1, "ike_down:expired");
    cr_assert_eq(p->s[0].installed, 1);
    cr_assert_not(duo_sa(p, 0) || duo_sa(p, 1));
    duo_clear(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up");
    EXPECT(p, 1, "ike_up");
    cr_assert_eq(duo_child(p, 0, 0)->spi_in, spi, "the same pair");
    cr_assert_eq(duo_child(p, 0, 0)->sa, duo_sa(p, 0));
    cr_assert_eq(p->s[0].ike->n_sas, 1);
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_run(p);
    duo_pass(p, 2 * S);
    cr_assert_neq(duo_child(p, 0, 0)->spi_in, spi);
    duo_end(p);
}

Test(v1_life, the_last_child_takes_a_bare_sa_along)
{
    duo *p = up(NHTB_V1_MAIN);
    for (int i = 0; i < 2; i++)
        nhi_v1_sa_gone(duo_sa(p, i), NHTB_DETAIL_EXPIRED, p->now);
    for (int i = 0; i < 2; i++) {
        duo_drain(p, i);
        nhi_ike_child_hard(p->s[i].ike, duo_child(p, i, 0)->spi_in, p->now);
        duo_drain(p, i);
        cr_assert_eq(p->s[i].ike->n_sas, 0);
        cr_assert_eq(p->s[i].installed, 0);
    }
    duo_end(p);
}

/* ---- numbers of DPD, message IDs ---- */

static void say(duo *p, int from, uint16_t type, uint32_t number)
{
    uint8_t spi[16], data[4];
    nhi_ike_sa *sa = duo_sa(p, from);
    nhi_put64(spi, sa->spi_i);
    nhi_put64(spi + 8, sa->spi_r);
    nhi_put32(data, number);
    cr_assert_eq(nhi_v1_info_notify(sa, NHI_V1_PROTO_ISAKMP, (nhtb_span){spi, 16}, type,
                                    (nhtb_span){data, 4}, p->now),
                 0);
    duo_drain(p, from);
}

Test(v1_life, a_probe_is_answered_by_its_number_only)
{
    duo *p = up(NHTB_V1_MAIN);
    nhi_v1 *v = duo_sa(p, 0)->v1;
    uint32_t number = v->probe.out;
    nhi_v1_dpd_probe(duo_sa(p, 0), p->now);
    p->cut[1] = true;
    duo_drain(p, 0);
    p->cut[1] = false;
    cr_assert(v->probe.waiting);
    say(p, 1, NHI_V1_N_R_U_THERE_ACK, number + 1);
    duo_run(p);
    cr_assert(v->probe.waiting, "another number");
    say(p, 1, NHI_V1_N_R_U_THERE_ACK, number);
    duo_run(p);
    cr_assert_not(v->probe.waiting);
    cr_assert_eq(v->probe.out, number + 1);
    duo_end(p);
}

Test(v1_life, a_number_that_goes_backwards_is_not_answered)
{
    duo *p = up(NHTB_V1_MAIN);
    say(p, 1, NHI_V1_N_R_U_THERE, 100);
    duo_run(p);
    unsigned answers = p->sent[1];
    say(p, 1, NHI_V1_N_R_U_THERE, 99);
    duo_run(p);
    cr_assert_eq(p->sent[1], answers);
    say(p, 1, NHI_V1_N_R_U_THERE, 100); /* the same probe again: its answer was lost */
    duo_run(p);
    cr_assert_eq(p->sent[1], answers + 1);
    duo_end(p);
}

Test(v1_life, an_informational_message_counts_once)
{
    duo *p = up(NHTB_V1_MAIN);
    say(p, 1, NHI_V1_N_R_U_THERE, 100);
    datagram copy = p->q[0];
    duo_run(p);
    unsigned answers = p->sent[1];
    p->q[p->n++] = copy;
    duo_run(p);
    cr_assert_eq(p->s[0].refuse_reason, NHTB_REASON_IKE_MESSAGE_ID);
    cr_assert_eq(p->sent[1], answers);
    duo_end(p);
}
