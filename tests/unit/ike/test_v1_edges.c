/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 at its edges: copies that come while we work or wait for the host, lifetimes in bytes, the
 * right one among many entries, fragments that contradict each other, guessing at one's identity.
 * RFC 2408, RFC 2409, RFC 2407 4.6.3.1. */
#include "duo.h"
#include "v1_forge.h"

static nhi_ike_sa *first_sa(duo *p, int i)
{
    return nhi_list_empty(&p->s[i].ike->sas)
               ? NULL
               : NHI_CONTAINER(p->s[i].ike->sas.next, nhi_ike_sa, link);
}

static unsigned hand(duo *p, int to, const datagram *d)
{
    return nhi_ike_recv(p->s[to].ike, &d->path, d->kind, (nhtb_span){d->p, d->n}, p->now);
}

/** Until message n (from 1) is the next one; it is taken out. */
static datagram before(duo *p, unsigned n)
{
    duo_start(p);
    duo_initiate(p, 0);
    for (unsigned i = 1; i < n; i++)
        cr_assert(duo_deliver(p));
    cr_assert(p->n);
    datagram d = p->q[0];
    p->n = 0;
    return d;
}

/* ---- copies ---- */

Test(v1_edges, a_copy_while_we_work_makes_no_second_job)
{
    static const struct {
        nhtb_v1_mode mode;
        unsigned n;
    } v[] = {
        {NHTB_V1_MAIN, 3}, {NHTB_V1_MAIN, 4}, {NHTB_V1_AGGRESSIVE, 1}, {NHTB_V1_AGGRESSIVE, 2}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = duo_new_v1(v[k].mode);
        datagram d = before(p, v[k].n);
        cr_assert_eq(hand(p, d.to, &d), 0);
        uint32_t jobs = p->s[d.to].ike->n_jobs, sas = (uint32_t)p->s[d.to].ike->n_sas;
        cr_assert_eq(jobs, 1);
        (void)hand(p, d.to, &d);
        cr_assert(p->s[d.to].ike->n_jobs == jobs && p->s[d.to].ike->n_sas == sas, "%zu", k);
        duo_drain(p, d.to);
        duo_run(p);
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "%zu: %s / %s", k, p->s[0].trace, p->s[1].trace);
        duo_end(p);
    }
}

Test(v1_edges, a_copy_while_the_host_is_asked_asks_no_second_time)
{
    for (int mode = 0; mode < 2; mode++) {
        duo *p = duo_new_v1((nhtb_v1_mode)mode);
        p->s[1].cfg.psk = (nhtb_span){NULL, 0};
        datagram d = before(p, mode ? 1 : 3);
        (void)hand(p, 1, &d);
        duo_drain(p, 1);
        uint32_t question = p->s[1].question;
        (void)hand(p, 1, &d);
        duo_drain(p, 1);
        cr_assert_eq(p->s[1].question, question);
        cr_assert_null(strstr(strstr(p->s[1].trace, "ask") + 1, "ask"), "%s", p->s[1].trace);
        cr_assert_eq(nhi_ike_answer(p->s[1].ike, question, str("secret"), p->now), 0);
        duo_drain(p, 1);
        duo_pass(p, 10 * S); /* the initiator repeats itself */
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "%s / %s", p->s[0].trace, p->s[1].trace);
        duo_end(p);
    }
}

Test(v1_edges, who_guesses_at_message_5_is_slowed_down)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    datagram d = before(p, 5);
    unsigned refused = 0, why = 0;
    for (unsigned i = 0; i < 60 && why != NHTB_REASON_IKE_AUTH_RATE; i++) {
        datagram bad = d;
        bad.p[40] ^= (uint8_t)(i + 1);
        why = hand(p, 1, &bad);
        duo_drain(p, 1);
        refused++;
    }
    cr_assert_eq(why, NHTB_REASON_IKE_AUTH_RATE, "%u tries, %u", refused, why);
    cr_assert_leq(refused, 22);
    p->now += 3 * S;
    cr_assert_eq(hand(p, 1, &d), 0, "forgiven in time, and the right one comes in");
    duo_drain(p, 1);
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    duo_end(p);
}

Test(v1_edges, a_message_of_the_other_mode_is_not_looked_at)
{
    for (int mode = 0; mode < 2; mode++) {
        duo *p = duo_new_v1((nhtb_v1_mode)mode);
        datagram d = before(p, mode ? 2 : 2);
        d.p[18] = mode ? NHI_V1_EX_MAIN : NHI_V1_EX_AGGRESSIVE;
        cr_assert_neq(hand(p, 0, &d), 0);
        cr_assert_eq(first_sa(p, 0)->state, NHI_SA_INIT_SENT);
        duo_end(p);
    }
}

/* ---- lifetimes in bytes ---- */

Test(v1_edges, bytes_are_offered_where_they_can_be_said_and_the_smaller_number_counts)
{
    static const struct {
        uint64_t i, r, want_i, want_r;
    } v[] = {
        {0, 0, 0, 0},
        {UINT64_C(1) << 30, 0, UINT64_C(1) << 30, UINT64_C(1) << 30},
        {0, UINT64_C(1) << 30, UINT64_C(1) << 30, UINT64_C(1) << 30}, /* RESPONDER-LIFETIME */
        {UINT64_C(1) << 31, UINT64_C(1) << 30, UINT64_C(1) << 30, UINT64_C(1) << 30},
        {UINT64_C(1) << 30, UINT64_C(1) << 31, UINT64_C(1) << 30, UINT64_C(1) << 30},
        {UINT64_C(1) << 60, 0, UINT64_C(1) << 60, 0}, /* too many for 32 bits of kilobytes */
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        for (int i = 0; i < 2; i++)
            p->s[i].child[0].lifetime_s = 3600;
        p->s[0].child[0].lifetime_bytes = v[k].i;
        p->s[1].child[0].lifetime_bytes = v[k].r;
        duo_up(p);
        cr_expect_eq(duo_child(p, 0, 0)->life_bytes, v[k].want_i, "%zu: %llu", k,
                     (unsigned long long)duo_child(p, 0, 0)->life_bytes);
        cr_expect_eq(duo_child(p, 1, 0)->life_bytes, v[k].want_r, "%zu: %llu", k,
                     (unsigned long long)duo_child(p, 1, 0)->life_bytes);
        duo_end(p);
    }
}

/* ---- entries ---- */

Test(v1_edges, the_right_entry_is_found_among_many)
{
    for (int mode = 0; mode < 2; mode++) {
        duo *p = duo_new_v1((nhtb_v1_mode)mode);
        nhtb_v1 other = p->s[1].v1;
        nhtb_proposal v2only;
        nhtb_peer_id id[4];
        duo_start_side(p, 0);
        p->s[1].cfg.name = NULL;
        duo_start_side(p, 1);
        other.mode = (uint8_t)!mode;
        cr_assert_eq(
            nhtb_proposal_parse(NHTB_PROTO_IKE, "aes256-sha512-prfsha512-ecp521", &v2only, NULL),
            0);
        for (unsigned k = 0; k < 4; k++) {
            static const char *const names[] = {"asleep", "other mode", "version 2", "other suite"};
            nhtb_peer c = p->s[1].cfg;
            c.name = names[k];
            c.v1 = k == 1 ? &other : k == 2 ? NULL : c.v1;
            c.proposals = k == 3 ? &v2only : NULL;
            c.n_proposals = k == 3;
            cr_assert_eq(nhi_ike_peer_new(p->s[1].ike, &c, &id[k]), 0, "%s", names[k]);
            if (k)
                nhi_ike_peer_start(p->s[1].ike, id[k], p->now);
        }
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert_eq(p->s[1].installed, 0, "none of them is it: %s", p->s[1].trace);
        nhtb_peer c = p->s[1].cfg;
        c.name = "a";
        cr_assert_eq(nhi_ike_peer_new(p->s[1].ike, &c, &p->s[1].peer), 0);
        nhi_ike_peer_start(p->s[1].ike, p->s[1].peer, p->now);
        duo_pass(p, 300 * S);
        (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
        duo_drain(p, 0);
        duo_run(p);
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "%s / %s", p->s[0].trace, p->s[1].trace);
        duo_end(p);
    }
}

Test(v1_edges, without_initial_contact_the_old_sa_stays)
{
    for (unsigned contact = 0; contact < 2; contact++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        duo_up(p);
        nhi_ike_del(p->s[0].ike); /* a restart without a word */
        p->s[0].installed = p->s[0].reserved = 0;
        p->s[0].cfg.initial_contact = contact;
        duo_start_side(p, 0);
        p->now += S;
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert_not_null(duo_sa(p, 0));
        cr_assert_eq(duo_sas(p, 1), contact ? 1 : 2, "%s", p->s[1].trace);
        duo_end(p);
    }
}

/* ---- fragments ---- */

static unsigned fragment(duo *p, int to, uint16_t id, uint8_t number, bool last)
{
    static const uint8_t zeros[100];
    uint8_t b[256];
    nhi_ike_builder w;
    const nhi_ike_sa *sa = first_sa(p, to);
    const nhi_ike_hdr h = {.spi_i = sa->spi_i,
                           .spi_r = sa->spi_r,
                           .version = NHI_V1_VERSION,
                           .exchange = NHI_V1_EX_MAIN};
    const nhi_v1_frag f = {id, number, last, {zeros, sizeof zeros}};
    nhtb_path path = sa->path;
    nhi_ike_build_init(&w, b, sizeof b, &h);
    nhi_v1_build_fragment(&w, &f);
    size_t len = nhi_ike_build_finish(&w);
    unsigned why = nhi_ike_recv(p->s[to].ike, &path, sa->kind, (nhtb_span){b, len}, p->now);
    duo_drain(p, to);
    return why;
}

Test(v1_edges, two_last_fragments_contradict_each_other)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].settings.fragment_size = p->s[1].settings.fragment_size = 200;
    duo_up(p);
    cr_assert_eq(fragment(p, 1, 7, 5, true), 0);
    cr_assert_eq(fragment(p, 1, 7, 5, true), 0, "a copy");
    cr_assert_eq(fragment(p, 1, 7, 3, true), NHTB_REASON_IKE_FRAGMENT);
    cr_assert_eq(fragment(p, 1, 8, 5, true), 0);
    cr_assert_eq(fragment(p, 1, 8, 3, false), 0);
    cr_assert_eq(fragment(p, 1, 9, 1, false), 0, "another message takes its place");
    cr_assert_eq(first_sa(p, 1)->v1->frags != NULL, true);
    duo_end(p);
}

Test(v1_edges, before_it_is_agreed_only_an_aggressive_answer_may_come_in_fragments)
{
    for (unsigned k = 0; k < 4; k++) {
        bool aggressive = k & 1, wanted = k & 2;
        duo *p = duo_new_v1(aggressive ? NHTB_V1_AGGRESSIVE : NHTB_V1_MAIN);
        p->s[0].v1.fragmentation = wanted;
        (void)before(p, 1);
        cr_assert_eq(first_sa(p, 0)->state, NHI_SA_INIT_SENT);
        cr_assert_eq(fragment(p, 0, 7, 2, true), aggressive && wanted ? 0u : NHTB_REASON_IKE_STATE,
                     "%u", k);
        duo_end(p);
    }
}
