/* SPDX-License-Identifier: Apache-2.0
 * Ends: deletes from both sides, liveness, timeouts, retries, shutdown, peers removed.
 * RFC 7296 1.4.1, 2.4, 2.21. */
#include "duo.h"

Test(ike_down, clear_tells_the_peer)
{
    for (int who = 0; who < 2; who++) {
        duo *p = duo_new();
        duo_up(p);
        cr_assert_eq(nhi_ike_clear(p->s[who].ike, p->s[who].peer, p->now), 0);
        duo_run(p);
        EXPECT(p, who, "remove0 ike_down:deleted_by_us");
        EXPECT(p, !who, "remove0 ike_down:deleted_by_peer");
        cr_assert(nhi_ike_idle(p->s[0].ike) && nhi_ike_idle(p->s[1].ike));
        duo_pass(p, 20 * S);
        cr_assert_eq(p->s[0].ike->n_sas + p->s[1].ike->n_sas, 0);
        duo_end(p);
    }
}

Test(ike_down, both_clear_at_once)
{
    duo *p = duo_new();
    duo_up(p);
    for (int i = 0; i < 2; i++) {
        nhi_ike_clear(p->s[i].ike, p->s[i].peer, p->now);
        duo_drain(p, i);
    }
    duo_pass(p, 20 * S);
    EXPECT(p, 0, "remove0 ike_down:deleted_by_us");
    EXPECT(p, 1, "remove0 ike_down:deleted_by_us");
    cr_assert_eq(p->s[0].ike->n_sas + p->s[1].ike->n_sas, 0);
    duo_end(p);
}

Test(ike_down, an_immediate_peer_comes_back_after_a_clear)
{
    duo *p = duo_new();
    p->s[0].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    duo_start(p);
    duo_run(p);
    duo_clear(p);
    nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now);
    duo_pass(p, 5 * S);
    EXPECT(p, 0, "remove0 ike_down:deleted_by_us ike_up install0+");
    duo_end(p);
}

Test(ike_down, an_unanswered_delete_is_given_up_soon)
{
    duo *p = duo_new();
    duo_up(p);
    p->cut[1] = true;
    nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now);
    duo_pass(p, 6 * S);
    cr_assert_eq(p->s[0].ike->n_sas, 0);
    duo_end(p);
}

Test(ike_down, liveness_notices_a_dead_peer_within_eight_seconds)
{
    duo *p = duo_new();
    for (int i = 0; i < 2; i++) {
        p->s[i].cfg.liveness_s = 2;
        p->s[i].cfg.liveness_tries = 3;
    }
    duo_up(p);
    duo_pass(p, 60 * S); /* alive: quiet */
    EXPECT(p, 0, "");
    cr_assert_gt(p->s[0].ike->count.liveness_sent, 5);
    p->cut[0] = p->cut[1] = true;
    nhtb_time t = p->now;
    duo_pass(p, 5 * S);
    EXPECT(p, 0, "");
    while (!p->s[0].trace[0] && p->now < t + 20 * S)
        duo_pass(p, 100 * MS);
    EXPECT(p, 0, "remove0 ike_down:liveness");
    cr_assert_leq(p->now - t, 8 * S + 200 * MS);
    duo_end(p);
}

Test(ike_down, esp_traffic_from_the_peer_is_a_sign_of_life)
{
    duo *p = duo_new();
    p->s[0].cfg.liveness_s = 2;
    duo_up(p);
    p->cut[0] = p->cut[1] = true;
    for (int i = 0; i < 30; i++) {
        p->s[0].last_in = p->now;
        duo_pass(p, S);
    }
    EXPECT(p, 0, "");
    cr_assert_eq(p->s[0].ike->count.liveness_sent, 0);
    duo_end(p);
}

Test(ike_down, a_rekey_without_answer_is_noticed_by_liveness_too)
{
    duo *p = duo_new();
    p->s[0].cfg.liveness_s = 2;
    duo_up(p);
    p->cut[1] = true;
    nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now);
    duo_pass(p, 9 * S);
    EXPECT(p, 0, "remove0 ike_down:liveness");
    cr_assert_eq(p->s[0].reserved, 0);
    duo_end(p);
}

Test(ike_down, retries_back_off_up_to_a_minute)
{
    duo *p = duo_new();
    p->s[0].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    p->s[1].cfg.psk = str("other");
    duo_start(p);
    duo_pass(p, 600 * S);
    uint64_t n = p->s[0].ike->count.initiated;
    cr_assert(n >= 12 && n <= 18, "%llu attempts in ten minutes", (unsigned long long)n);
    nhtb_peer_info info = {.size = sizeof info};
    uint32_t cursor = 0;
    cr_assert(nhi_ike_peer_next(p->s[0].ike, &cursor, &info));
    cr_assert_eq(info.last_detail, NHTB_DETAIL_AUTHENTICATION);
    cr_assert_neq(info.next_try, NHTB_NEVER);
    duo_end(p);
}

Test(ike_down, shutdown_deletes_everything_and_starts_nothing)
{
    duo *p = duo_new();
    p->s[0].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    duo_start(p);
    duo_run(p);
    duo_clear(p);
    nhi_ike_shutdown(p->s[0].ike, p->now);
    cr_assert_not(nhi_ike_idle(p->s[0].ike));
    duo_run(p);
    cr_assert(nhi_ike_idle(p->s[0].ike));
    duo_pass(p, 100 * S);
    EXPECT(p, 0, "remove0 ike_down:deleted_by_us");
    EXPECT(p, 1, "remove0 ike_down:deleted_by_peer");
    cr_assert_eq(nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now), NHTB_ERR_STATE);
    duo_end(p);
}

Test(ike_down, a_removed_peer_is_told_and_its_id_is_stale)
{
    duo *p = duo_new();
    duo_up(p);
    nhtb_peer_id id = p->s[0].peer;
    nhi_ike_peer_del(p->s[0].ike, id, p->now);
    duo_run(p);
    cr_assert_eq(nhi_ike_peer_config(p->s[0].ike, id), NULL);
    cr_assert_eq(nhi_ike_initiate(p->s[0].ike, id, p->now), NHTB_ERR_STALE);
    cr_assert_eq(nhi_ike_clear(p->s[0].ike, id, p->now), NHTB_ERR_STALE);
    EXPECT(p, 1, "remove0 ike_down:deleted_by_peer");
    duo_pass(p, 20 * S);
    cr_assert_eq(p->s[0].ike->n_sas, 0);
    duo_end(p);
}

Test(ike_down, a_peer_removed_in_any_phase_leaves_nothing)
{
    for (unsigned steps = 0; steps < 5; steps++)
        for (int who = 0; who < 2; who++) {
            duo *p = duo_new();
            duo_start(p);
            duo_initiate(p, 0);
            for (unsigned i = 0; i < steps; i++)
                duo_deliver(p);
            nhi_ike_peer_del(p->s[who].ike, p->s[who].peer, p->now);
            duo_pass(p, 200 * S);
            cr_assert_eq(p->s[who].ike->n_sas, 0, "after %u datagrams", steps);
            cr_assert_eq(p->s[who].reserved, 0);
            duo_end(p);
        }
}

Test(ike_down, a_taken_job_outlives_its_sa)
{
    duo *p = duo_new();
    duo_start(p);
    cr_assert_eq(nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now), 0);
    nhtb_job *j = nhi_ike_job_next(p->s[0].ike);
    cr_assert(j != NULL);
    nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now);
    duo_drain(p, 0);
    nhtb_job_run(j);
    nhi_ike_job_done(p->s[0].ike, j, p->now);
    EXPECT(p, 0, "ike_failed:deleted_by_us");
    duo_end(p);
}

Test(ike_down, a_job_that_was_not_run_counts_as_failed)
{
    duo *p = duo_new();
    duo_start(p);
    nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
    nhtb_job *j = nhi_ike_job_next(p->s[0].ike);
    nhi_ike_job_done(p->s[0].ike, j, p->now);
    duo_drain(p, 0);
    EXPECT(p, 0, "ike_failed:crypto");
    duo_end(p);
}

Test(ike_down, hard_limit_takes_the_pair_out_at_once_and_makes_a_new_one)
{
    duo *p = duo_new();
    p->s[0].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    duo_start(p);
    duo_run(p);
    duo_clear(p);
    nhi_ike_child_hard(p->s[0].ike, p->s[0].last_spi_in, p->now);
    duo_drain(p, 0);
    cr_assert_eq(strncmp(p->s[0].trace, "remove0", 7), 0, "%s", p->s[0].trace);
    duo_pass(p, 5 * S);
    cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0));
    cr_assert_eq(p->s[0].installed, 1);
    cr_assert_eq(p->s[1].installed, 1);
    duo_end(p);
}

Test(ike_down, lifetimes_end_what_cannot_be_rekeyed)
{
    duo *p = duo_new();
    p->s[0].cfg.lifetime_s = 100;
    duo_up(p);
    p->cut[0] = p->cut[1] = true;
    duo_pass(p, 300 * S);
    cr_assert(strstr(p->s[0].trace, "ike_down:") != NULL);
    cr_assert_eq(p->s[0].ike->n_sas, 0);
    cr_assert_eq(p->s[0].reserved, 0);
    duo_end(p);
}
