/* SPDX-License-Identifier: Apache-2.0
 * Informational messages of a peer that has the keys: errors, deletes, INITIAL-CONTACT, probes, each
 * with what it may change and what not; and how SAs end by their timers. RFC 2408 3.14, 3.15,
 * RFC 2409 5.7, RFC 3706. */
#include "duo.h"
#include "ike/v1/v1.h"

static duo *up(nhtb_v1_mode mode)
{
    duo *p = duo_new_v1(mode);
    duo_up(p);
    return p;
}

static void delivered(duo *p, int from)
{
    duo_drain(p, from);
    p->s[!from].refuse_reason = 0;
    duo_run(p);
}

static void notify(duo *p, int from, uint16_t type, nhtb_span spi, nhtb_span data)
{
    cr_assert_eq(nhi_v1_info_notify(duo_sa(p, from), NHI_V1_PROTO_ISAKMP, spi, type, data, p->now),
                 0);
    delivered(p, from);
}

/* ---- errors ---- */

Test(v1_info, an_error_answers_the_quick_mode_that_waits)
{
    static const struct {
        uint16_t type;
        const char *told;
    } v[] = {
        {NHI_V1_N_NO_PROPOSAL_CHOSEN, "child_failed:no_proposal"},
        {NHI_V1_N_INVALID_ID, "child_failed:no_selectors"},
        {NHI_V1_N_PAYLOAD_MALFORMED, "child_failed:peer_error"},
        {NHI_V1_N_AUTHENTICATION_FAILED, "child_failed:peer_error"},
        {0, ""},
        {NHI_V1_N_CONNECTED, ""},
        {NHI_V1_N_REPLAY_STATUS, ""},
        {40960, ""},
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++)
        for (unsigned named = 0; named < 2; named++) {
            duo *p = up(NHTB_V1_MAIN);
            uint8_t mid[4];
            p->cut[1] = true;
            cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
            duo_drain(p, 0);
            p->cut[1] = false;
            const nhi_v1_x *x = nhi_v1_x_running(duo_sa(p, 0), NHI_V1_EX_QUICK);
            cr_assert_not_null(x);
            nhi_put32(mid, x->mid);
            notify(p, 1, v[k].type, (nhtb_span){mid, named ? 4 : 0}, (nhtb_span){NULL, 0});
            EXPECT(p, 0, v[k].told);
            cr_assert_eq(nhi_v1_x_running(duo_sa(p, 0), NHI_V1_EX_QUICK) == NULL, *v[k].told != 0);
            cr_assert_eq(p->s[0].installed, 1, "the old pair serves");
            duo_pass(p, 30 * S);
            cr_assert_eq(p->s[0].ike->count.rekeyed, 0);
            cr_assert_not_null(strstr(p->s[0].trace, "install0"), "and it is tried again: %s",
                               p->s[0].trace);
            duo_end(p);
        }
}

Test(v1_info, an_error_without_a_question_means_nothing)
{
    duo *p = up(NHTB_V1_MAIN);
    notify(p, 1, NHI_V1_N_NO_PROPOSAL_CHOSEN, (nhtb_span){NULL, 0}, (nhtb_span){NULL, 0});
    EXPECT(p, 0, "");
    cr_assert(duo_sa(p, 0) && duo_child(p, 0, 0));
    duo_end(p);
}

/** In the clear it is a hint: the attempt goes on, and should it fail, this is why. */
Test(v1_info, an_error_in_the_clear_is_a_hint_while_nothing_is_up)
{
    static const struct {
        uint16_t type;
        const char *told;
        bool hint;
    } v[] = {
        {NHI_V1_N_NO_PROPOSAL_CHOSEN, "ike_failed:no_proposal", true},
        {NHI_V1_N_INVALID_ID, "ike_failed:identity", true},
        {NHI_V1_N_INVALID_HASH, "ike_failed:authentication", true},
        {NHI_V1_N_AUTHENTICATION_FAILED, "ike_failed:authentication", true},
        {NHI_V1_N_INVALID_COOKIE, "ike_failed:peer_error", true},
        {0, "ike_failed:timeout", false},
        {NHI_V1_N_CONNECTED, "ike_failed:timeout", false},
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        uint8_t b[128];
        nhi_ike_builder w;
        duo_start(p);
        duo_initiate(p, 0);
        const nhi_ike_sa *sa = NHI_CONTAINER(p->s[0].ike->sas.next, nhi_ike_sa, link);
        const nhi_ike_hdr h = {.spi_i = sa->spi_i,
                               .version = NHI_V1_VERSION,
                               .exchange = NHI_V1_EX_INFORMATIONAL,
                               .msg_id = 5};
        const nhi_v1_notify n = {NHI_V1_DOI, NHI_V1_PROTO_ISAKMP, v[k].type, {NULL, 0}, {NULL, 0}};
        nhi_ike_build_init(&w, b, sizeof b, &h);
        nhi_v1_build_notify(&w, &n);
        size_t len = nhi_ike_build_finish(&w);
        nhtb_path path = sa->path;
        unsigned why = nhi_ike_recv(p->s[0].ike, &path, sa->kind, (nhtb_span){b, len}, p->now);
        cr_assert_eq(why == 0, v[k].hint, "%u: %u", v[k].type, why);
        duo_drain(p, 0);
        EXPECT(p, 0, "");
        p->n = 0;
        p->cut[0] = p->cut[1] = true;
        duo_pass(p, 200 * S);
        cr_assert_not_null(strstr(p->s[0].trace, v[k].told), "%u: %s", v[k].type, p->s[0].trace);
        duo_end(p);
    }
}

/* ---- deletes ---- */

static void del(duo *p, int from, uint8_t protocol, uint8_t spi_len, uint16_t n,
                const uint8_t *spis)
{
    nhi_ike_builder b;
    nhi_v1_x x = {.sa = duo_sa(p, from), .exchange = NHI_V1_EX_INFORMATIONAL, .initiator = true};
    const nhi_v1_delete d = {NHI_V1_DOI, protocol, spi_len, n, {spis, (size_t)spi_len * n}};
    nhi_ike_begin(x.sa->ike);
    cr_assert_eq(nhi_v1_new_mid(x.sa, &x.mid), 0);
    cr_assert_eq(nhi_v1_iv_phase2(x.sa->ike->env.crypto, x.sa->suite.prf, x.sa->v1->iv, x.mid,
                                  x.sa->v1->cipher.block, x.iv),
                 0);
    nhi_v1_send_inner(x.sa->ike, &b);
    nhi_v1_build_delete(&b, &d);
    cr_assert_eq(nhi_v1_send(&x, &b, NHI_V1_ONCE, p->now), 0);
    delivered(p, from);
}

Test(v1_info, a_delete_ends_what_it_names_and_nothing_else)
{
    enum { NOTHING, PAIR, SA };
    for (unsigned k = 0; k < 8; k++) {
        duo *p = up(NHTB_V1_MAIN);
        uint8_t spis[48] = {0};
        const nhi_ike_sa *sa = duo_sa(p, 1);
        uint32_t spi = duo_child(p, 1, 0)->spi_in;
        nhi_put64(spis + 16, sa->spi_i);
        nhi_put64(spis + 24, sa->spi_r);
        int what = NOTHING;
        switch (k) {
        case 0:
            nhi_put32(spis, spi ^ 1);
            del(p, 1, NHI_V1_PROTO_ESP, 4, 1, spis);
            break;
        case 1:
            nhi_put32(spis, spi);
            del(p, 1, NHI_V1_PROTO_ISAKMP, 4, 1, spis);
            break;
        case 2:
            nhi_put32(spis, spi);
            del(p, 1, 2, 4, 1, spis);
            break; /* AH */
        case 3: del(p, 1, NHI_V1_PROTO_ESP, 16, 1, spis + 16); break;
        case 4:
            spis[16] ^= 1;
            del(p, 1, NHI_V1_PROTO_ISAKMP, 16, 1, spis + 16);
            break;
        case 5:
            spis[31] ^= 1;
            del(p, 1, NHI_V1_PROTO_ISAKMP, 16, 1, spis + 16);
            break;
        case 6: /* several at once: the second is one */
            nhi_put32(spis + 4, spi);
            del(p, 1, NHI_V1_PROTO_ESP, 4, 3, spis);
            what = PAIR;
            break;
        default:
            del(p, 1, NHI_V1_PROTO_ISAKMP, 16, 3, spis);
            what = SA;
            break;
        }
        cr_assert_eq(p->s[0].refuse_reason, 0, "%u: %u", k, p->s[0].refuse_reason);
        cr_assert_eq(duo_sa(p, 0) == NULL, what == SA, "%u: %s", k, p->s[0].trace);
        cr_assert_eq(strstr(p->s[0].trace, "remove0") != NULL, what == PAIR, "%u: %s", k,
                     p->s[0].trace);
        duo_end(p);
    }
}

/* ---- INITIAL-CONTACT ---- */

Test(v1_info, initial_contact_in_an_informational_ends_older_sas)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    p->now += S;
    cr_assert_eq(nhi_ike_peer_beside(nhi_ike_peer_get(p->s[1].ike, p->s[1].peer), p->now), 0);
    duo_drain(p, 1);
    duo_run(p);
    cr_assert_eq(duo_sas(p, 0), 2);
    duo_clear(p);
    uint8_t spi[16] = {0};
    notify(p, 1, NHI_V1_N_INITIAL_CONTACT, (nhtb_span){spi, 16}, (nhtb_span){NULL, 0});
    cr_assert_eq(duo_sas(p, 0), 1, "%s", p->s[0].trace);
    cr_assert_not_null(duo_sa(p, 0), "the one it came by");
    duo_end(p);
}

/* ---- probes ---- */

Test(v1_info, a_probe_for_another_sa_or_without_a_number_is_not_answered)
{
    duo *p = up(NHTB_V1_MAIN);
    uint8_t spi[16], number[5] = {0, 0, 0, 9};
    nhi_put64(spi, duo_sa(p, 1)->spi_i);
    nhi_put64(spi + 8, duo_sa(p, 1)->spi_r);
    const struct {
        size_t spi_n, n;
        int spoil; /* octet of the cookies, -1: none */
        bool answered;
    } v[] = {{16, 4, -1, true}, {0, 4, -1, true},   {16, 4, 0, false},  {16, 4, 15, false},
             {8, 4, -1, false}, {16, 3, -1, false}, {16, 5, -1, false}, {16, 0, -1, false}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        unsigned before = p->sent[1];
        if (v[k].spoil >= 0)
            spi[v[k].spoil] ^= 1;
        number[3]++;
        notify(p, 1, NHI_V1_N_R_U_THERE, (nhtb_span){spi, v[k].spi_n}, (nhtb_span){number, v[k].n});
        cr_assert_eq(p->sent[1] - before, v[k].answered, "%zu", k);
        if (v[k].spoil >= 0)
            spi[v[k].spoil] ^= 1;
    }
    duo_end(p);
}

/* ---- ends by time ---- */

static duo *short_lived(nhtb_establish how)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    for (int i = 0; i < 2; i++) {
        p->s[i].cfg.lifetime_s = 600;
        p->s[i].child[0].lifetime_s = 3000;
        p->s[i].cfg.establish = (uint8_t)how;
    }
    duo_up(p);
    return p;
}

Test(v1_info, an_isakmp_sa_that_nobody_renews_expires_and_leaves_its_pairs)
{
    duo *p = short_lived(NHTB_ESTABLISH_ON_TRAFFIC);
    p->cut[0] = p->cut[1] = true;
    duo_pass(p, 700 * S);
    for (int i = 0; i < 2; i++) {
        cr_assert_not_null(strstr(p->s[i].trace, "ike_down:expired"), "%s", p->s[i].trace);
        cr_assert_null(duo_sa(p, i));
        cr_assert_eq(p->s[i].installed, 1);
    }
    p->cut[0] = p->cut[1] = false;
    duo_clear(p);
    duo_pass(p, 100 * S);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "%s", p->s[0].trace);
    cr_assert(duo_child(p, 0, 0) && duo_child(p, 0, 0)->sa == duo_sa(p, 0), "they were taken over");
    duo_end(p);
}

Test(v1_info, a_pair_without_an_isakmp_sa_asks_for_one_when_it_wants_a_rekey)
{
    duo *p = up(NHTB_V1_MAIN);
    for (int i = 0; i < 2; i++) {
        nhi_v1_sa_gone(duo_sa(p, i), NHTB_DETAIL_EXPIRED, p->now);
        duo_drain(p, i);
    }
    duo_clear(p);
    uint32_t spi = p->s[0].last_spi_in;
    nhi_ike_child_soft(p->s[0].ike, spi, p->now);
    duo_drain(p, 0);
    duo_run(p);
    duo_pass(p, 20 * S);
    cr_assert_not_null(strstr(p->s[0].trace, "ike_up"), "%s", p->s[0].trace);
    cr_assert_neq(duo_child(p, 0, 0)->spi_in, spi, "and is renewed by it");
    duo_end(p);
}

Test(v1_info, without_an_isakmp_sa_esp_tells_whether_the_peer_lives)
{
    for (unsigned k = 0; k < 2; k++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        for (int i = 0; i < 2; i++) {
            p->s[i].cfg.liveness_s = 10;
            p->s[i].cfg.liveness_tries = 3;
            p->s[i].cfg.establish = k ? NHTB_ESTABLISH_RESPONDER_ONLY : NHTB_ESTABLISH_ON_TRAFFIC;
        }
        p->s[0].cfg.establish = NHTB_ESTABLISH_ON_TRAFFIC;
        duo_up(p);
        int who = k ? 1 : 0;
        nhi_v1_sa_gone(duo_sa(p, 1), NHTB_DETAIL_EXPIRED, p->now);
        nhi_v1_sa_gone(duo_sa(p, 0), NHTB_DETAIL_EXPIRED, p->now);
        duo_drain(p, 0);
        duo_drain(p, 1);
        p->cut[0] = p->cut[1] = true;
        duo_clear(p);
        unsigned asked = p->sent[!who];
        for (unsigned i = 0; i < 10; i++) { /* it is heard */
            p->s[0].last_in = p->s[1].last_in = p->now;
            duo_pass(p, 5 * S);
        }
        cr_assert_eq(p->s[who].installed, 1, "%s", p->s[who].trace);
        cr_assert_eq(p->sent[!who], asked);
        duo_pass(p, 60 * S); /* and then no more */
        cr_assert_eq(p->s[who].installed, 0, "%s", p->s[who].trace);
        cr_assert_eq(p->s[who].ike->count.liveness_failed, 1);
        cr_assert_eq(p->sent[!who] > asked, k == 0, "a responder only does not ask");
        duo_end(p);
    }
}

Test(v1_info, a_rekey_that_cannot_be_begun_is_begun_a_little_later)
{
    duo *p = up(NHTB_V1_MAIN);
    uint32_t spi = duo_child(p, 0, 0)->spi_in;
    p->s[0].spi_fail = true;
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_drain(p, 0);
    duo_run(p);
    cr_assert_eq(duo_child(p, 0, 0)->spi_in, spi);
    p->s[0].spi_fail = false;
    duo_pass(p, 2 * S);
    cr_assert_neq(duo_child(p, 0, 0)->spi_in, spi, "%s", p->s[0].trace);
    duo_end(p);
}
