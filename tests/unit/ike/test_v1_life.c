/* SPDX-License-Identifier: Apache-2.0
 * The life of an ISAKMP SA: who may come in, questions, DPD, deletes, reauthentication, children that
 * outlive it, NAT, fragments, limits. RFC 2408, RFC 2409, RFC 3706, RFC 3947; bug classes D, J. */
#include "duo.h"
#include "ike/v1/v1.h"

static duo *up(nhtb_v1_mode mode)
{
    duo *p = duo_new_v1(mode);
    duo_up(p);
    return p;
}

/* ---- who may come in ---- */

Test(v1_life, a_wrong_key_is_told_on_the_responder_and_gives_nothing)
{
    for (int mode = 0; mode < 2; mode++) {
        duo *p = duo_new_v1((nhtb_v1_mode)mode);
        p->s[1].cfg.psk = str("other");
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        duo_pass(p, 60 * S);
        cr_assert(!duo_sa(p, 0) && !duo_sa(p, 1));
        cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
        if (mode == NHTB_V1_MAIN) /* garbage to the responder: told once, whatever is repeated */
            cr_assert(strstr(p->s[1].trace, "auth_failed:authentication"), "%s", p->s[1].trace);
        else /* HASH_R tells the initiator */
            cr_assert(strstr(p->s[0].trace, "auth_failed:authentication"), "%s", p->s[0].trace);
        duo_end(p);
    }
}

Test(v1_life, another_identity_with_the_right_key_is_refused)
{
    for (int who = 0; who < 2; who++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        p->s[who].cfg.local_id = (nhtb_identity){NHTB_ID_FQDN, str("stranger")};
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert(strstr(p->s[!who].trace, "auth_failed:identity"), "%s", p->s[!who].trace);
        cr_assert_not(duo_sa(p, !who));
        cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
        duo_end(p);
    }
}

Test(v1_life, an_unknown_address_gets_a_short_refusal_and_no_state)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[1].cfg.path.remote = ip("192.0.2.99");
    duo_start(p);
    duo_initiate(p, 0);
    size_t asked = p->q[0].n;
    duo_deliver(p);
    cr_assert_eq(p->n, 1);
    cr_assert_leq(p->q[0].n, asked);
    duo_run(p);
    EXPECT(p, 1, "unknown_peer");
    cr_assert_eq(p->s[1].ike->n_sas, 0);
    duo_pass(p, 11 * S);
    cr_assert(strstr(p->s[0].trace, "ike_failed:no_proposal"), "%s", p->s[0].trace);
    duo_end(p);
}

Test(v1_life, modes_do_not_mix_and_version_2_does_not_come_in)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].v1.mode = NHTB_V1_AGGRESSIVE;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(p->s[1].refuse_reason, NHTB_REASON_IKE_NO_PEER);
    duo_end(p);
    p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].cfg.v1 = NULL;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(p->s[1].refuse_reason, NHTB_REASON_IKE_NO_PEER);
    duo_end(p);
    p = duo_new_v1(NHTB_V1_MAIN);
    p->s[1].cfg.v1 = NULL;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(p->s[1].refuse_reason, NHTB_REASON_IKE_VERSION);
    duo_end(p);
}

Test(v1_life, a_missing_key_is_asked_for_on_either_side)
{
    for (int k = 0; k < 4; k++) {
        duo *p = duo_new_v1((nhtb_v1_mode)(k / 2));
        int who = k % 2;
        p->s[who].cfg.psk = (nhtb_span){NULL, 0};
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert(strstr(p->s[who].trace, "ask"), "%s", p->s[who].trace);
        cr_assert_eq(nhi_ike_answer(p->s[who].ike, p->s[who].question, str("secret"), p->now), 0);
        duo_run(p);
        duo_pass(p, 3 * S);
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "case %d: %s / %s", k, p->s[0].trace,
                  p->s[1].trace);
        duo_end(p);
    }
}

/* ---- bounds ---- */

Test(v1_life, a_responder_says_nothing_by_itself_and_answers_a_copy_once)
{
    for (unsigned lost = 0; lost < 3; lost++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        duo_start(p);
        duo_initiate(p, 0);
        for (unsigned i = 0; i < lost * 2 + 1; i++)
            duo_deliver(p); /* its answer 2, 4 or 6 is on the way now */
        datagram last = p->q[0];
        p->n = 0;
        p->cut[0] = true;
        unsigned before = p->sent[0];
        nhi_wheel_cancel(&p->s[0].wheel, &NHI_CONTAINER(p->s[0].ike->sas.next, nhi_ike_sa, link)
                                              ->t_retransmit); /* the initiator is silent */
        duo_pass(p, 9 * S);
        cr_assert_eq(p->sent[0], before, "after message %u the responder repeats", lost * 2 + 1);
        (void)last;
        duo_end(p);
    }
}

Test(v1_life, message_2_is_not_longer_than_message_1)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].v1.nat_t = p->s[0].v1.dpd = p->s[0].v1.fragmentation = false;
    p->s[0].settings.vendor_id = false;
    duo_start(p);
    duo_initiate(p, 0);
    size_t first = p->q[0].n;
    duo_deliver(p);
    cr_assert_eq(p->n, 1);
    cr_assert_leq(p->q[0].n, first);
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    cr_assert_not(duo_sa(p, 0)->v1->dpd || duo_sa(p, 1)->v1->natt);
    duo_end(p);
}

Test(v1_life, half_open_sas_are_few_and_short)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[1].settings.limits.half_open = 8;
    p->s[1].cfg.path.remote = (nhtb_addr){.family = 0};
    p->s[1].cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    p->s[1].settings.cookie_threshold = 4;
    duo_start(p);
    duo_initiate(p, 0);
    datagram first = p->q[0];
    p->n = 0;
    unsigned refused = 0;
    for (unsigned i = 0; i < 40; i++) {
        datagram d = first;
        d.p[0] ^= (uint8_t)(i + 1); /* another cookie */
        d.path.remote = ip("203.0.113.1");
        d.path.remote.b[3] = (uint8_t)i;
        refused += nhi_ike_recv(p->s[1].ike, &d.path, d.kind, (nhtb_span){d.p, d.n}, p->now) != 0;
        duo_drain(p, 1);
        p->n = 0;
    }
    cr_assert_eq(p->s[1].ike->half_open, 4, "who cannot be reached gets what needs no cookie");
    cr_assert_eq(refused, 36);
    cr_assert_eq(p->s[1].ike->n_jobs, 0, "no public-key work before message 3");
    p->cut[0] = p->cut[1] = true;
    duo_pass(p, 11 * S);
    cr_assert_eq(p->s[1].ike->half_open, 0);
    duo_end(p);
}

/* IKEv2's "always a cookie" is not "never" for entries that main mode with an address does not serve. */
Test(v1_life, cookies_for_every_stranger_lock_nobody_out)
{
    duo *p = duo_new_v1(NHTB_V1_AGGRESSIVE);
    p->s[1].settings.cookie_threshold = 0;
    duo_up(p);
    duo_end(p);
    p = duo_new_v1(NHTB_V1_AGGRESSIVE);
    p->s[1].settings.cookie_threshold = 0;
    p->s[1].settings.limits.half_open = 1;
    duo_up(p);
    duo_end(p);
}

/* ---- reauthentication ---- */

Test(v1_life, a_rekey_of_phase_1_is_a_new_one_and_moves_the_children)
{
    for (int who = 0; who < 2; who++) {
        duo *p = up(NHTB_V1_MAIN);
        uint32_t spi[2] = {duo_child(p, 0, 0)->spi_in, duo_child(p, 1, 0)->spi_in};
        uint64_t old = duo_sa(p, 0)->spi_i;
        p->now += S;
        cr_assert_eq(nhi_ike_rekey(p->s[who].ike, p->s[who].peer, NHTB_REKEY_IKE, p->now), 0);
        duo_run(p);
        duo_pass(p, 5 * S);
        for (int i = 0; i < 2; i++) {
            EXPECT(p, i, "ike_rekeyed");
            cr_assert_neq(duo_sa(p, i)->spi_i, old);
            cr_assert_eq(duo_child(p, i, 0)->spi_in, spi[i]);
            cr_assert_eq(duo_child(p, i, 0)->sa, duo_sa(p, i));
            cr_assert_eq(duo_sas(p, i), 1, "the old one was deleted");
            cr_assert_eq(p->s[i].ike->count.rekeyed, 1);
        }
        duo_end(p);
    }
}

Test(v1_life, lifetimes_pass_without_a_gap)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].cfg.lifetime_s = 600;
    p->s[1].cfg.lifetime_s = 1200;
    duo_up(p);
    cr_assert_eq(duo_sa(p, 1)->life_s, 600, "the smaller one");
    for (int k = 0; k < 20; k++) {
        duo_pass(p, 300 * S);
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
        cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0));
        cr_assert_leq(duo_sas(p, 0), 2);
    }
    cr_assert_null(strstr(p->s[0].trace, "ike_down"));
    cr_assert_null(strstr(p->s[1].trace, "ike_down"));
    cr_assert_geq(p->s[0].ike->count.rekeyed, 8);
    duo_end(p);
}

Test(v1_life, a_successor_that_cannot_be_made_is_tried_for_again)
{
    duo *p = up(NHTB_V1_MAIN);
    p->cut[1] = true;
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_IKE, p->now), 0);
    duo_drain(p, 0);
    duo_pass(p, 200 * S);
    cr_assert(duo_sa(p, 0));
    p->cut[1] = false;
    duo_pass(p, 30 * S);
    cr_assert_eq(p->s[0].ike->count.rekeyed, 1);
    cr_assert_null(strstr(p->s[0].trace, "ike_down"));
    cr_assert_null(strstr(p->s[0].trace, "ike_failed"));
    duo_end(p);
}

/* The successor outlives what it was to succeed: nobody hands it pairs, nobody told it to make any. */
Test(v1_life, a_successor_left_alone_makes_the_children_itself)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    p->s[0].cfg.liveness_s = 10;
    p->s[0].cfg.liveness_tries = 3;
    duo_start(p);
    duo_run(p);
    cr_assert(duo_child(p, 0, 0));
    duo_clear(p);
    p->cut[1] = true;
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_IKE, p->now), 0);
    duo_drain(p, 0);
    duo_pass(p, 60 * S);
    EXPECT(p, 0, "remove0 ike_down:liveness");
    p->cut[1] = false;
    duo_pass(p, 30 * S);
    cr_assert(duo_sa(p, 0) && duo_child(p, 0, 0), "%s", p->s[0].trace);
    duo_end(p);
}

Test(v1_life, both_at_once_keep_both_and_agree_on_a_pair)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    duo_start(p);
    duo_initiate(p, 0);
    duo_initiate(p, 1);
    duo_run(p);
    duo_pass(p, 10 * S);
    for (int i = 0; i < 2; i++) {
        cr_assert(duo_sa(p, i) && duo_child(p, i, 0), "%s / %s, %u %u", p->s[0].trace,
                  p->s[1].trace, p->s[0].refuse_reason, p->s[1].refuse_reason);
        cr_assert_leq(duo_sas(p, i), 2);
    }
    duo_pass(p, 200 * S);
    cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0));
    duo_end(p);
}

Test(v1_life, initial_contact_ends_what_was_before)
{
    duo *p = up(NHTB_V1_MAIN);
    nhi_ike_del(p->s[0].ike); /* a restart without a word */
    p->s[0].installed = p->s[0].reserved = 0;
    duo_start_side(p, 0);
    p->now += S;
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(duo_sas(p, 1), 1);
    cr_assert_eq(p->s[1].installed, 1);
    cr_assert(duo_child(p, 1, 0));
    duo_end(p);
}

/* The responder restarted, the initiator did not notice: it moves its pairs to the new SA, and the responder
 * says that it has none. */
Test(v1_life, a_responder_without_memory_says_so)
{
    for (unsigned mode = 0; mode < 2; mode++) {
        duo *p = up((nhtb_v1_mode)mode);
        uint32_t spi = duo_child(p, 0, 0)->spi_in;
        nhi_ike_peer_get(p->s[0].ike, p->s[0].peer)->cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
        nhi_ike_del(p->s[1].ike);
        p->s[1].installed = p->s[1].reserved = 0;
        duo_start_side(p, 1);
        p->now += S;
        cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_IKE, p->now), 0);
        duo_run(p);
        duo_pass(p, 5 * S);
        cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0), "%s / %s", p->s[0].trace,
                  p->s[1].trace);
        cr_assert_neq(duo_child(p, 0, 0)->spi_in, spi, "the old pair leads nowhere");
        cr_assert_eq(p->s[0].installed, 1);
        duo_end(p);
    }
}

/* ---- NAT, fragments ---- */

Test(v1_life, nat_is_found_and_both_float)
{
    for (int k = 0; k < 6; k++) {
        duo *p = duo_new_v1((nhtb_v1_mode)(k % 2));
        bool behind = k < 2;
        p->nat = true;
        p->s[0].cfg.path.remote = ip("198.51.100.7");
        p->s[behind ? 0 : 0].cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
        if (k >= 4)
            p->s[0].v1.nat_t_drafts = p->s[1].v1.nat_t_drafts = false;
        duo_start(p);
        duo_initiate(p, 1);
        duo_run(p);
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "%s / %s", p->s[0].trace, p->s[1].trace);
        cr_assert(duo_sa(p, 0)->nat_remote && duo_sa(p, 1)->nat_local);
        cr_assert_not(duo_sa(p, 1)->nat_remote || duo_sa(p, 0)->nat_local);
        for (int i = 0; i < 2; i++) {
            cr_assert_eq(duo_sa(p, i)->kind, NHTB_PKT_UDP_4500);
            cr_assert_eq(p->s[i].child_path.local_port, 4500);
        }
        cr_assert_eq(p->s[0].child_path.remote_port, 14500);
        duo_end(p);
    }
}

Test(v1_life, forced_encapsulation_and_no_nat_t)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].cfg.force_encap = true;
    duo_up(p);
    cr_assert(duo_sa(p, 0)->encap && duo_sa(p, 1)->encap);
    duo_end(p);
    p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].v1.nat_t = false;
    duo_up(p);
    cr_assert_not(duo_sa(p, 0)->encap || duo_sa(p, 1)->encap);
    cr_assert_eq(duo_sa(p, 1)->v1->natt, NHI_V1_NATT_NONE);
    duo_end(p);
}

static duo *fragmenting(void)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    for (int i = 0; i < 2; i++)
        p->s[i].settings.fragment_size = 200;
    return p;
}

Test(v1_life, long_messages_are_cut_when_both_know_fragments)
{
    duo *p = fragmenting();
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "%s / %s, %u %u", p->s[0].trace, p->s[1].trace,
              p->s[0].refuse_reason, p->s[1].refuse_reason);
    cr_assert(duo_sa(p, 0)->v1->frag && duo_sa(p, 1)->v1->frag);
    cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0));
    cr_assert_gt(p->sent[1], 6, "the fragments of messages 3, 5 and of quick mode");
    duo_end(p);
    p = fragmenting();
    p->s[1].v1.fragmentation = false;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(duo_sa(p, 0) && !duo_sa(p, 0)->v1->frag);
    duo_end(p);
}

Test(v1_life, fragments_in_any_order_twice_and_with_holes)
{
    for (unsigned seed = 0; seed < 50; seed++) {
        duo *p = fragmenting();
        duo_start(p);
        srand(seed);
        duo_initiate(p, 0);
        for (unsigned i = 0; i < 4000 && !(duo_child(p, 0, 0) && duo_child(p, 1, 0)); i++) {
            if (!p->n) {
                duo_pass(p, 300 * MS);
                continue;
            }
            size_t k = (size_t)rand() % p->n;
            if (rand() % 8 == 0 && p->n < 60)
                p->q[p->n++] = p->q[k]; /* a copy */
            if (rand() % 8 == 0) {
                memmove(&p->q[k], &p->q[k + 1], (p->n - k - 1) * sizeof p->q[0]);
                p->n--;
            } else {
                duo_deliver_at(p, k);
            }
        }
        cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0), "seed %u", seed);
        p->n = 0;
        duo_end(p);
    }
}

/** A fragment with these fields to side 1 of an SA that knows them. */
static unsigned fragment(duo *p, uint16_t id, uint8_t number, bool last, size_t n)
{
    static uint8_t b[2048];
    nhi_ike_builder w;
    const nhi_ike_sa *sa = duo_sa(p, 1);
    const nhi_ike_hdr h = {.spi_i = sa->spi_i,
                           .spi_r = sa->spi_r,
                           .version = NHI_V1_VERSION,
                           .exchange = NHI_V1_EX_QUICK};
    static const uint8_t zeros[1500];
    const nhi_v1_frag f = {id, number, last, {zeros, n}};
    nhi_ike_build_init(&w, b, sizeof b, &h);
    nhi_v1_build_fragment(&w, &f);
    size_t len = nhi_ike_build_finish(&w);
    unsigned why = nhi_ike_recv(p->s[1].ike, &sa->path, sa->kind, (nhtb_span){b, len}, p->now);
    duo_drain(p, 1);
    return why;
}

Test(v1_life, fragments_are_bounded_in_number_and_bytes)
{
    duo *p = fragmenting();
    duo_up(p);
    cr_assert_eq(fragment(p, 9, 0, false, 100), NHTB_REASON_IKE_FRAGMENT, "number 0");
    cr_assert_eq(fragment(p, 9, NHI_V1_FRAGS + 1, false, 100), NHTB_REASON_IKE_FRAGMENT);
    cr_assert_eq(fragment(p, 9, 1, false, 0), NHTB_REASON_IKE_FRAGMENT, "nothing inside");
    cr_assert_eq(fragment(p, 9, 5, true, 100), 0);
    cr_assert_eq(fragment(p, 9, 6, false, 100), NHTB_REASON_IKE_FRAGMENT, "behind the last");
    cr_assert_null(duo_sa(p, 1)->v1->frags, "and all of it is given up");
    cr_assert_eq(fragment(p, 9, 6, false, 100), 0);
    cr_assert_eq(fragment(p, 9, 5, true, 100), NHTB_REASON_IKE_FRAGMENT, "the last before it");
    unsigned taken = 0;
    for (uint8_t k = 1; k < 20; k++)
        taken += fragment(p, 10, k, false, 1400) == 0;
    cr_assert_lt(taken, 19, "no more than limits.ike_message");
    cr_assert_eq(fragment(p, 11, 1, true, 40), NHTB_REASON_IKE_FRAGMENT, "whole, but no message");
    duo_pass(p, 1 * S);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    duo_end(p);
}

/* ---- hints ---- */

Test(v1_life, what_is_not_protected_tears_nothing_down)
{
    duo *p = up(NHTB_V1_MAIN);
    for (int to = 0; to < 2; to++) {
        uint8_t b[256], spi[16];
        nhi_ike_builder w;
        const nhi_ike_sa *sa = duo_sa(p, to);
        const nhi_ike_hdr h = {.spi_i = sa->spi_i,
                               .spi_r = sa->spi_r,
                               .version = NHI_V1_VERSION,
                               .exchange = NHI_V1_EX_INFORMATIONAL,
                               .msg_id = 77};
        nhi_put64(spi, sa->spi_i);
        nhi_put64(spi + 8, sa->spi_r);
        const nhi_v1_delete d = {NHI_V1_DOI, NHI_V1_PROTO_ISAKMP, 16, 1, {spi, 16}};
        const nhi_v1_notify n = {
            NHI_V1_DOI, NHI_V1_PROTO_ISAKMP, NHI_V1_N_INITIAL_CONTACT, {spi, 16}, {NULL, 0}};
        nhi_ike_build_init(&w, b, sizeof b, &h);
        nhi_v1_build_delete(&w, &d);
        nhi_v1_build_notify(&w, &n);
        size_t len = nhi_ike_build_finish(&w);
        nhtb_path path = sa->path;
        cr_assert_neq(nhi_ike_recv(p->s[to].ike, &path, sa->kind, (nhtb_span){b, len}, p->now), 0);
        duo_run(p);
        EXPECT(p, to, "");
        cr_assert(duo_sa(p, to) && duo_child(p, to, 0));
    }
    duo_end(p);
}

/* ---- memory ---- */

static void starve(nhtb_v1_mode mode, int who, bool random_too)
{
    for (uint64_t k = 1; k < 400; k++) {
        duo *p = duo_new_v1(mode);
        duo_start(p);
        p->s[who].fail_alloc = p->s[who].allocs + k;
        if (random_too) {
            p->s[who].fail_alloc = 0;
            p->s[who].fail_random = k;
        }
        (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
        duo_drain(p, 0);
        duo_run(p);
        bool hit =
            random_too ? p->s[who].fail_random == 0 : p->s[who].allocs >= p->s[who].fail_alloc;
        for (int tries = 0; tries < 30 && !(duo_child(p, 0, 0) && duo_child(p, 1, 0)); tries++) {
            duo_pass(p, 10 * S);
            (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
            duo_drain(p, 0);
            duo_run(p);
        }
        cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0), "failure %u on side %d", (unsigned)k,
                  who);
        duo_end(p);
        if (!hit)
            return;
    }
    cr_assert_fail("more failures than there can be");
}

Test(v1_life, every_allocation_may_fail_once)
{
    for (int who = 0; who < 2; who++) {
        starve(NHTB_V1_MAIN, who, false);
        starve(NHTB_V1_AGGRESSIVE, who, false);
    }
}

Test(v1_life, every_random_number_may_fail_once)
{
    for (int who = 0; who < 2; who++) {
        starve(NHTB_V1_MAIN, who, true);
        starve(NHTB_V1_AGGRESSIVE, who, true);
    }
}
