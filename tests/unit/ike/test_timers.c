/* SPDX-License-Identifier: Apache-2.0
 * Timers that fire when their time has passed: in a state where they mean nothing they change
 * nothing; a failed allocation or draw only delays what they are for. RFC 7296 2.4, 2.6, 2.8. */
#include "duo.h"

static void fire(duo *p, int i, nhi_timer *t)
{
    nhi_ike_timer(p->s[i].ike, t, p->now);
    duo_drain(p, i);
}

static nhi_ike_sa *any_sa(duo *p, int i)
{
    return NHI_CONTAINER(p->s[i].ike->sas.next, nhi_ike_sa, link);
}

Test(ike_timers, one_that_is_late_changes_nothing)
{
    duo *p = duo_new();
    for (int i = 0; i < 2; i++) {
        p->s[i].settings.nat_keepalive_s = 20;
        p->s[i].cfg.liveness_s = 10;
        p->s[i].cfg.liveness_tries = 3;
        p->s[i].cfg.lifetime_s = 3600;
    }
    duo_up(p);
    nhi_ike_sa *sa = duo_sa(p, 0);
    nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now);
    duo_drain(p, 0);
    cr_assert_eq(sa->state, NHI_SA_DELETING);
    duo_clear(p);
    size_t waiting = p->n;
    nhi_timer *late[] = {&sa->t_liveness, &sa->t_keepalive, &sa->t_rekey};
    for (size_t k = 0; k < NHI_ARRAY_LEN(late); k++) {
        fire(p, 0, late[k]);
        cr_assert_eq(sa->state, NHI_SA_DELETING, "%zu", k);
        cr_assert_eq(p->n, waiting, "%zu sends", k);
        EXPECT(p, 0, "");
    }
    duo_run(p);
    cr_assert_eq(duo_sas(p, 0) + duo_sas(p, 1), 0);
    duo_end(p);
}

Test(ike_timers, a_replaced_child_is_not_rekeyed_again)
{
    duo *p = duo_new();
    duo_up(p);
    nhi_ike_sa *sa = duo_sa(p, 0);
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_drain(p, 0);
    duo_run(p);
    nhi_ike_child *old = NHI_CONTAINER(sa->children.next, nhi_ike_child, link);
    cr_assert_neq(old->state, NHI_CHILD_UP);
    duo_clear(p);
    fire(p, 0, &old->rekey);
    EXPECT(p, 0, "");
    cr_assert_eq(p->n, 0);
    duo_end(p);
}

Test(ike_timers, a_retransmission_that_is_late_sends_nothing)
{
    duo *p = duo_new();
    duo_up(p);
    fire(p, 0, &duo_sa(p, 0)->t_retransmit); /* its answer came */
    cr_assert_eq(p->n, 0);
    EXPECT(p, 0, "");
    duo_end(p);
}

Test(ike_timers, the_successor_of_an_expired_child_is_made_anew)
{
    duo *p = duo_new();
    p->s[0].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    duo_start(p);
    duo_run(p);
    cr_assert_eq(p->s[0].installed, 1);
    nhi_ike_child *c = duo_child(p, 0, 0);
    uint32_t spi = c->spi_in;
    fire(p, 0, &c->expire);
    duo_run(p);
    duo_pass(p, 10 * S);
    cr_assert(p->s[0].installed == 1 && p->s[1].installed == 1);
    cr_assert_neq(duo_child(p, 0, 0)->spi_in, spi);
    duo_end(p);
}

Test(ike_timers, an_attempt_without_a_key_ends_when_nobody_answers_the_question)
{
    duo *p = duo_new();
    p->s[0].cfg.psk = (nhtb_span){NULL, 0};
    duo_start(p);
    duo_initiate(p, 0);
    cr_assert_eq(any_sa(p, 0)->state, NHI_SA_ASK);
    duo_clear(p);
    duo_pass(p, 166 * S);
    cr_assert_not_null(strstr(p->s[0].trace, "ike_failed:no_psk"), "%s", p->s[0].trace);
    cr_assert_eq(duo_sas(p, 0), 0);
    cr_assert_eq(nhi_ike_answer(p->s[0].ike, p->s[0].question, str("secret"), p->now),
                 NHTB_ERR_STALE);
    duo_end(p);
}

Test(ike_timers, without_an_action_a_keepalive_is_left_out_and_the_next_one_comes)
{
    duo *p = duo_new();
    p->nat = true;
    p->s[0].cfg.path.remote = (nhtb_addr){0};
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    cr_assert_eq(duo_sa(p, 1)->state, NHI_SA_UP);
    cr_assert(duo_sa(p, 1)->nat_local);
    duo_pass(p, 21 * S);
    duo_run(p);
    nhi_ike *ike = p->s[1].ike;
    nhi_ike_act a;
    while (nhi_ike_act_next(ike, &a))
        continue;
    duo_sa(p, 1)->last_out = 0;
    p->now += 30 * S;
    p->s[1].fail_alloc = p->s[1].allocs + 1;
    nhi_ike_timer(ike, &duo_sa(p, 1)->t_keepalive, p->now);
    p->s[1].fail_alloc = 0;
    cr_assert(nhi_timer_armed(&duo_sa(p, 1)->t_keepalive));
    duo_drain(p, 1);
    duo_run(p);
    duo_end(p);
}

Test(ike_timers, the_cookie_secret_changes_while_it_is_in_use_only)
{
    duo *p = duo_new();
    p->s[1].settings.cookie_threshold = 0;
    duo_start(p);
    nhi_ike *ike = p->s[1].ike;
    nhi_cookie was = ike->cookie;
    fire(p, 1, &ike->t_cookie);
    cr_assert_eq(memcmp(&was, &ike->cookie, sizeof was), 0, "nobody was given one");
    duo_initiate(p, 0);
    duo_deliver(p);
    cr_assert(ike->cookie_used);
    was = ike->cookie;
    p->s[1].fail_random = 1;
    nhi_wheel_cancel(ike->env.wheel, &ike->t_cookie);
    fire(p, 1, &ike->t_cookie);
    cr_assert(nhi_timer_armed(&ike->t_cookie), "without randomness it tries again");
    cr_assert_leq(ike->t_cookie.due, p->now + S);
    duo_pass(p, 2 * S);
    duo_run(p);
    cr_assert_eq(duo_sa(p, 0)->state, NHI_SA_UP);
    duo_end(p);
}

Test(ike_timers, one_of_another_room_is_nobodys)
{
    duo *p = duo_new();
    duo_up(p);
    nhi_timer t = {.kind = 0xff};
    fire(p, 0, &t);
    EXPECT(p, 0, "");
    cr_assert_eq(duo_sa(p, 0)->state, NHI_SA_UP);
    duo_end(p);
}
