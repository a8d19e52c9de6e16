/* SPDX-License-Identifier: Apache-2.0
 * Setting up: IKE_SA_INIT and IKE_AUTH, their retries and refusals. RFC 7296 1.2, 2.6, 2.7, 2.15. */
#include "duo.h"

static void establishes(nhtb_crypto crypto)
{
    duo *p = duo_new();
    for (int i = 0; i < 2; i++) {
        p->s[i].crypto = crypto;
        p->s[i].has_own = true;
        p->s[i].own = ip(i ? "10.0.0.2" : "10.0.0.1");
    }
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0+ learn0");
    EXPECT(p, 1, "ike_up install0+ learn0");
    cr_assert_eq(p->s[0].last_spi_in, p->s[1].last_spi_out);
    cr_assert_eq(p->s[1].last_spi_in, p->s[0].last_spi_out);
    cr_assert_gt(p->s[0].key_n, 0);
    cr_assert_eq(memcmp(p->s[0].key_in, p->s[1].key_out, p->s[0].key_n), 0);
    cr_assert_eq(memcmp(p->s[0].key_out, p->s[1].key_in, p->s[0].key_n), 0);
    cr_assert_neq(memcmp(p->s[0].key_in, p->s[0].key_out, p->s[0].key_n), 0);
    cr_assert(nhtb_addr_equal(&p->s[0].learnt, &p->s[1].own));
    cr_assert(nhtb_addr_equal(&p->s[1].learnt, &p->s[0].own));
    cr_assert_eq(p->s[0].child_path.remote_port, 0, "native ESP without NAT");
    cr_assert_eq(p->s[1].ike->half_open, 0);
    duo_end(p);
}

Test(ike_establish, two_messages_each_way_make_an_sa_and_a_pair)
{
    establishes(nhtb_null_crypto());
}

#if NHTB_HAVE_OPENSSL
Test(ike_establish, the_same_with_real_cryptography)
{
    establishes(nhtb_openssl_crypto());
}
#endif

Test(ike_establish, wrong_psk_gives_both_sides_one_clear_reason)
{
    duo *p = duo_new();
    p->s[1].cfg.psk = str("other");
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "auth_failed:authentication ike_failed:authentication");
    EXPECT(p, 1, "auth_failed:authentication");
    cr_assert_eq(p->s[0].reserved, 0);
    cr_assert_eq(p->s[1].reserved, 0);
    cr_assert_eq(p->s[1].ike->half_open, 0);
    duo_end(p);
}

Test(ike_establish, unknown_identity_gets_the_same_answer_as_a_wrong_psk)
{
    duo *p = duo_new();
    p->s[0].cfg.local_id = (nhtb_identity){NHTB_ID_FQDN, str("stranger")};
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "auth_failed:authentication ike_failed:authentication");
    EXPECT(p, 1, "unknown_peer:identity");
    duo_end(p);
}

Test(ike_establish, unknown_address_is_refused_before_any_key_exchange)
{
    duo *p = duo_new();
    p->s[1].cfg.path.remote = ip("192.0.2.99");
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 1, "unknown_peer");
    cr_assert_eq(p->s[1].refuse_reason, NHTB_REASON_IKE_NO_PEER);
    cr_assert_eq(p->s[1].ike->n_sas, 0);
    duo_pass(p, 11 * S); /* an unauthenticated refusal is only a hint: others may answer still */
    EXPECT(p, 0, "ike_failed:no_proposal");
    duo_end(p);
}

Test(ike_establish, responder_with_another_identity_is_refused)
{
    duo *p = duo_new();
    p->s[0].cfg.remote_id = (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
    duo_start(p);
    /* side 1 proves the PSK, but side 0 then wants somebody else */
    duo_initiate(p, 0);
    duo_deliver(p);
    duo_deliver(p);
    duo_deliver(p); /* the IKE_AUTH request is answered */
    nhi_ike_peer *q = nhi_ike_peer_get(p->s[0].ike, p->s[0].peer);
    q->cfg.remote_id = (nhtb_identity){NHTB_ID_FQDN, str("c")};
    duo_run(p);
    EXPECT(p, 0, "auth_failed:identity ike_failed:identity");
    EXPECT(p, 1, "ike_up install0+ remove0 ike_down:deleted_by_peer");
    q->cfg.remote_id = (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
    duo_end(p);
}

static nhtb_proposal proposal(nhtb_protocol proto, const char *text)
{
    nhtb_proposal q;
    cr_assert_eq(nhtb_proposal_parse(proto, text, &q, NULL), 0, "%s", text);
    return q;
}

Test(ike_establish, no_common_proposal_is_named_on_both_sides)
{
    duo *p = duo_new();
    nhtb_proposal a = proposal(NHTB_PROTO_IKE, "aes256gcm16-prfsha256-x25519");
    nhtb_proposal b = proposal(NHTB_PROTO_IKE, "aes128-sha512-modp2048");
    p->s[0].cfg.proposals = &a;
    p->s[1].cfg.proposals = &b;
    p->s[0].cfg.n_proposals = p->s[1].cfg.n_proposals = 1;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 1, "ike_failed:no_proposal");
    EXPECT(p, 0, "");
    duo_pass(p, 11 * S);
    EXPECT(p, 0, "ike_failed:no_proposal");
    duo_end(p);
}

Test(ike_establish, invalid_ke_leads_to_the_group_the_responder_wants)
{
    duo *p = duo_new();
    nhtb_proposal a = proposal(NHTB_PROTO_IKE, "aes256gcm16-prfsha256-x25519-ecp256");
    nhtb_proposal b = proposal(NHTB_PROTO_IKE, "aes256gcm16-prfsha256-ecp256");
    p->s[0].cfg.proposals = &a;
    p->s[1].cfg.proposals = &b;
    p->s[0].cfg.n_proposals = p->s[1].cfg.n_proposals = 1;
    p->s[1].settings.cookie_threshold = 0; /* and a cookie before it */
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0+");
    cr_assert_eq(duo_sa(p, 0)->suite.ke, NHTB_KE_P256);
    cr_assert_eq(p->s[0].ike->count.invalid_ke, 1);
    cr_assert_geq(p->s[0].ike->count.cookies_received, 1);
    duo_end(p);
}

Test(ike_establish, a_group_that_was_not_offered_is_never_taken)
{
    duo *p = duo_new();
    nhtb_proposal a = proposal(NHTB_PROTO_IKE, "aes256gcm16-prfsha256-x25519");
    p->s[0].cfg.proposals = &a;
    p->s[0].cfg.n_proposals = 1;
    duo_start(p);
    duo_initiate(p, 0);
    nhi_ike_hdr h;
    cr_assert(nhi_ike_hdr_read(&h, p->q[0].p, p->q[0].n));
    uint8_t forged[NHI_IKE_HDR + 10];
    h.flags = NHI_IKE_F_RESPONSE;
    h.next = NHI_PL_NOTIFY;
    h.length = sizeof forged;
    nhi_ike_hdr_write(forged, &h);
    static const uint8_t n[] = {
        0, 0, 0, 10, 0, 0, 0, NHI_N_INVALID_KE_PAYLOAD, 0, NHTB_KE_MODP2048};
    memcpy(forged + NHI_IKE_HDR, n, sizeof n);
    nhtb_path path = {
        .local = ip("192.0.2.1"), .remote = ip("192.0.2.2"), .local_port = 500, .remote_port = 500};
    cr_assert_eq(nhi_ike_recv(p->s[0].ike, &path, NHTB_PKT_IKE_500,
                              (nhtb_span){forged, sizeof forged}, p->now),
                 0);
    duo_drain(p, 0);
    cr_assert_eq(p->n, 1, "nothing new is sent");
    duo_run(p); /* and the real answer still counts */
    EXPECT(p, 0, "ike_up install0+");
    cr_assert_eq(duo_sa(p, 0)->suite.ke, NHTB_KE_X25519);
    duo_end(p);
}

Test(ike_establish, cookie_is_asked_without_state_and_given_back)
{
    duo *p = duo_new();
    p->s[1].settings.cookie_threshold = 0;
    duo_start(p);
    duo_initiate(p, 0);
    duo_deliver(p);
    cr_assert_eq(p->s[1].refuse_reason, NHTB_REASON_IKE_COOKIE);
    cr_assert_eq(p->s[1].ike->n_sas, 0, "no state for who has not shown a cookie");
    duo_run(p);
    EXPECT(p, 0, "ike_up install0+");
    EXPECT(p, 1, "ike_up install0+");
    cr_assert_eq(p->s[1].ike->count.cookies_sent, 1);
    duo_end(p);
}

/* The cookie notify is the first payload: its data begins behind header and notify fields. */
Test(ike_establish, a_wrong_cookie_gets_a_new_one_and_no_state)
{
    for (size_t at = 0; at < NHI_COOKIE_LEN; at++) {
        duo *p = duo_new();
        p->s[1].settings.cookie_threshold = 0;
        duo_start(p);
        duo_initiate(p, 0);
        duo_deliver(p); /* request without a cookie */
        duo_deliver(p); /* the cookie */
        cr_assert_eq(p->n, 1);
        p->q[0].p[NHI_IKE_HDR + 8 + at] ^= 1;
        duo_deliver(p);
        cr_assert_eq(p->s[1].refuse_reason, NHTB_REASON_IKE_COOKIE, "octet %zu", at);
        cr_assert_eq(p->s[1].ike->n_sas, 0, "octet %zu", at);
        duo_end(p);
    }
}

Test(ike_establish, a_responder_that_proves_another_identity_is_refused)
{
    duo *p = duo_new();
    duo_start(p);
    duo_initiate(p, 0);
    nhi_ike_sa *sa = NHI_CONTAINER(p->s[0].ike->sas.next, nhi_ike_sa, link);
    while (sa->state != NHI_SA_AUTH_SENT)
        cr_assert(duo_deliver(p));
    /* the answer will hold the identity that was asked for; expect another one meanwhile */
    sa->peer->cfg.remote_id.data = str("somebody.else");
    duo_run(p);
    EXPECT(p, 0, "auth_failed:identity ike_failed:identity");
    cr_assert_eq(p->s[0].installed, 0);
    duo_end(p);
}

Test(ike_establish, half_open_sas_are_limited_and_end)
{
    duo *p = duo_new();
    p->s[1].settings.limits.half_open = 1;
    duo_start(p);
    duo_initiate(p, 0);
    duo_deliver(p);
    cr_assert_eq(p->s[1].ike->half_open, 1);
    p->n = 0; /* the answer is lost; another initiator comes */
    nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now);
    duo_drain(p, 0);
    duo_initiate(p, 0);
    duo_deliver(p);
    cr_assert_eq(p->s[1].refuse_reason, NHTB_REASON_IKE_HALF_OPEN);
    p->cut[0] = p->cut[1] = true;
    duo_pass(p, 31 * S);
    cr_assert_eq(p->s[1].ike->half_open, 0);
    p->cut[0] = p->cut[1] = false;
    duo_pass(p, 12 * S);
    cr_assert(duo_sa(p, 0) != NULL);
    duo_end(p);
}

Test(ike_establish, every_single_lost_datagram_is_repaired)
{
    for (unsigned k = 0; k < 4; k++) {
        duo *p = duo_new();
        p->lose[k & 1] = UINT64_C(1) << (k >> 1);
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        duo_pass(p, 2 * S);
        EXPECT(p, 0, "ike_up install0+");
        EXPECT(p, 1, "ike_up install0+");
        cr_assert_geq(p->s[0].ike->count.retransmitted, 1);
        duo_end(p);
    }
}

Test(ike_establish, silence_ends_the_attempt_after_the_configured_total)
{
    duo *p = duo_new();
    p->cut[1] = true;
    duo_start(p);
    duo_initiate(p, 0);
    duo_pass(p, 164 * S);
    EXPECT(p, 0, "");
    duo_pass(p, 2 * S);
    EXPECT(p, 0, "ike_failed:timeout");
    unsigned n = p->sent[1];
    cr_assert(n >= 18 && n <= 26, "%u datagrams", n);
    duo_end(p);
}

Test(ike_establish, retransmissions_are_bit_identical_and_answered_from_the_cache)
{
    duo *p = duo_new();
    duo_start(p);
    duo_initiate(p, 0);
    datagram request = p->q[0];
    duo_deliver(p);
    datagram answer = p->q[0];
    p->n = 0;
    duo_pass(p, 0);
    p->now += 600 * MS;
    nhi_timer *t = nhi_wheel_pop(&p->s[0].wheel, p->now);
    cr_assert(t != NULL);
    nhi_ike_timer(p->s[0].ike, t, p->now);
    duo_drain(p, 0);
    cr_assert_eq(p->q[0].n, request.n);
    cr_assert_eq(memcmp(p->q[0].p, request.p, request.n), 0);
    duo_deliver(p);
    cr_assert_eq(p->q[0].n, answer.n);
    cr_assert_eq(memcmp(p->q[0].p, answer.p, answer.n), 0);
    cr_assert_eq(p->s[1].ike->n_sas, 1);
    duo_end(p);
}

Test(ike_establish, nat_floats_to_4500_and_encapsulates)
{
    duo *p = duo_new();
    p->nat = true;
    p->s[0].cfg.path.remote = (nhtb_addr){0};
    p->s[0].cfg.path.remote.family = 0;
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0+");
    EXPECT(p, 1, "ike_up install0+");
    cr_assert(duo_sa(p, 1)->nat_local && !duo_sa(p, 1)->nat_remote);
    cr_assert(duo_sa(p, 0)->nat_remote && !duo_sa(p, 0)->nat_local);
    cr_assert_eq(p->s[0].child_path.remote_port, 14500);
    cr_assert_eq(p->s[1].child_path.remote_port, 4500);
    unsigned before = p->sent[0];
    duo_pass(p, 61 * S);
    cr_assert_geq(p->sent[0], before + 3, "keepalives keep the mapping");
    duo_clear(p);
    p->nat_shift = 20000; /* the NAT forgets: authenticated traffic moves the peer */
    nhi_ike_rekey(p->s[1].ike, p->s[1].peer, NHTB_REKEY_CHILD, p->now);
    duo_run(p);
    cr_assert(strstr(p->s[0].trace, "move") != NULL, "%s", p->s[0].trace);
    cr_assert_eq(p->s[0].moved.remote_port, 24500);
    duo_end(p);
}

Test(ike_establish, force_encap_makes_both_sides_encapsulate)
{
    for (int who = 0; who < 2; who++) {
        duo *p = duo_new();
        p->s[who].cfg.force_encap = true;
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert_eq(p->s[0].child_path.remote_port, 4500);
        cr_assert_eq(p->s[1].child_path.remote_port, 4500);
        duo_end(p);
    }
}

Test(ike_establish, a_missing_psk_is_asked_for_on_either_side)
{
    for (int who = 0; who < 2; who++) {
        duo *p = duo_new();
        p->s[who].cfg.psk = (nhtb_span){NULL, 0};
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        EXPECT(p, who, "ask");
        duo_pass(p, 3 * S); /* retransmissions meanwhile change nothing */
        EXPECT(p, who, "ask");
        cr_assert_eq(nhi_ike_answer(p->s[who].ike, p->s[who].question + 1, str("x"), p->now),
                     NHTB_ERR_STALE);
        cr_assert_eq(nhi_ike_answer(p->s[who].ike, p->s[who].question, str("secret"), p->now), 0);
        duo_run(p);
        EXPECT(p, who, "ask ike_up install0+");
        EXPECT(p, !who, "ike_up install0+");
        duo_end(p);
    }
}

Test(ike_establish, an_empty_answer_refuses)
{
    for (int who = 0; who < 2; who++) {
        duo *p = duo_new();
        p->s[who].cfg.psk = (nhtb_span){NULL, 0};
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert_eq(
            nhi_ike_answer(p->s[who].ike, p->s[who].question, (nhtb_span){NULL, 0}, p->now), 0);
        duo_run(p);
        EXPECT(p, who, who ? "ask auth_failed:no_psk" : "ask ike_failed:no_psk");
        duo_end(p);
    }
}

Test(ike_establish, an_unanswered_question_ends_with_the_half_open_sa)
{
    duo *p = duo_new();
    p->s[1].cfg.psk = (nhtb_span){NULL, 0};
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    p->cut[1] = true; /* no fresh attempt either */
    duo_pass(p, 31 * S);
    cr_assert_eq(nhi_ike_answer(p->s[1].ike, p->s[1].question, str("secret"), p->now),
                 NHTB_ERR_STALE);
    cr_assert_eq(p->s[1].ike->half_open, 0);
    duo_end(p);
}

Test(ike_establish, crossing_first_contacts_converge_to_one_sa_and_one_pair)
{
    for (unsigned order = 0; order < 64; order++) {
        duo *p = duo_new();
        srand(order + 100);
        for (int i = 0; i < 2; i++)
            p->s[i].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
        duo_start(p);
        for (unsigned step = 0; p->n && step < 200; step++)
            duo_deliver_at(p, order >> (step % 6) & 1 ? p->n - 1 : 0);
        duo_pass(p, 20 * S);
        for (int i = 0; i < 2; i++) {
            cr_assert_eq(duo_sas(p, i), 1, "order %u side %d: %s", order, i, p->s[i].trace);
            cr_assert_eq(p->s[i].installed, 1, "order %u side %d: %s", order, i, p->s[i].trace);
        }
        cr_assert_eq(duo_sa(p, 0)->spi_i, duo_sa(p, 1)->spi_i);
        duo_end(p);
    }
}

Test(ike_establish, initial_contact_replaces_what_a_restarted_peer_forgot)
{
    duo *p = duo_new();
    duo_up(p);
    duo_pass(p, 5 * S);
    nhi_ike_del(p->s[0].ike); /* crash */
    p->s[0].reserved = p->s[0].installed = 0;
    duo_clear(p);
    duo_start_side(p, 0);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0+");
    EXPECT(p, 1, "ike_up remove0 install0+");
    cr_assert_eq(duo_sas(p, 1), 1);
    duo_end(p);
}

Test(ike_establish, a_wildcard_entry_is_not_taken_over_by_another_identity)
{
    duo *p = duo_new();
    p->s[1].cfg.remote_id = (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
    p->s[1].cfg.path.remote = (nhtb_addr){0};
    duo_up(p);
    duo_pass(p, 5 * S);
    p->s[0].cfg.name = NULL; /* a second client on the same side */
    nhtb_peer second = p->s[0].cfg;
    second.name = "second";
    second.local_id = (nhtb_identity){NHTB_ID_FQDN, str("c")};
    nhtb_peer_id id;
    cr_assert_eq(nhi_ike_peer_new(p->s[0].ike, &second, &id), 0);
    nhi_ike_peer_start(p->s[0].ike, id, p->now);
    cr_assert_eq(nhi_ike_initiate(p->s[0].ike, id, p->now), 0);
    duo_run(p);
    EXPECT(p, 1, "limit:capacity");
    cr_assert(duo_child(p, 1, 0) != NULL);
    duo_end(p);
}
