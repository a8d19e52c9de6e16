/* SPDX-License-Identifier: Apache-2.0
 * Why an IKEv1 tunnel is not up (v1/explain.c): both offers in words, also what no table of ours
 * takes, and the first difference, in either phase; the failing step; gone with the next success. */
#include "duo.h"
#include "ike/v1/v1.h"

static nhtb_explain explain(duo *p, int i)
{
    nhtb_explain e = {.size = sizeof e};
    cr_assert_eq(nhi_ike_explain(p->s[i].ike, p->s[i].peer, &e), 0);
    return e;
}

static nhtb_proposal parsed(nhtb_protocol proto, const char *text)
{
    nhtb_proposal q;
    cr_assert_eq(nhtb_proposal_parse(proto, text, &q, NULL), 0);
    return q;
}

/* Side 0 initiates, side 1 refuses. */
static duo *apart(nhtb_v1_mode mode, nhtb_protocol proto, const char *theirs, const char *ours)
{
    static nhtb_proposal q[2];
    duo *p = duo_new_v1(mode);
    q[0] = parsed(proto, theirs);
    q[1] = parsed(proto, ours);
    for (int i = 0; i < 2; i++) {
        if (proto == NHTB_PROTO_IKE) {
            p->s[i].cfg.proposals = &q[i];
            p->s[i].cfg.n_proposals = 1;
        } else {
            p->s[i].child[0].proposals = &q[i];
            p->s[i].child[0].n_proposals = 1;
        }
    }
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    return p;
}

static void phase1(nhtb_v1_mode mode, const char *theirs, const char *ours,
                   const char *shown_theirs, const char *shown_ours, const char *differs)
{
    duo *p = apart(mode, NHTB_PROTO_IKE, theirs, ours);
    nhtb_explain e = explain(p, 1);
    cr_expect_str_eq(e.step, "IKEv1 phase 1");
    cr_expect(e.responder && !e.up);
    cr_expect_eq(e.detail, NHTB_DETAIL_NO_PROPOSAL);
    cr_expect_eq(e.child, UINT16_MAX);
    cr_expect_str_eq(e.ours, shown_ours);
    cr_expect_str_eq(e.theirs, shown_theirs);
    cr_expect_str_eq(e.differs, differs);
    duo_pass(p, 30 * S);
    e = explain(p, 0);
    cr_expect_not(e.responder);
    cr_expect_eq(e.detail, NHTB_DETAIL_NO_PROPOSAL);
    cr_expect_str_eq(e.ours, shown_theirs);
    cr_expect_str_eq(e.theirs, "", "the initiator was told nothing");
    duo_end(p);
}

Test(v1_explain, the_first_difference_in_phase_1)
{
    phase1(NHTB_V1_MAIN, "aes256-sha256-ecp256", "aes128-sha256-ecp256", "aes256-sha256-ecp256-psk",
           "aes128-sha256-ecp256-psk", "encryption: ours aes128, theirs aes256");
    phase1(NHTB_V1_MAIN, "aes256-sha256-ecp256", "aes256-sha384-ecp256", "aes256-sha256-ecp256-psk",
           "aes256-sha384-ecp256-psk", "hash: ours sha384, theirs sha256");
    phase1(NHTB_V1_AGGRESSIVE, "aes256-sha256-ecp256", "aes256-sha256-ecp384",
           "aes256-sha256-ecp256-psk", "aes256-sha256-ecp384-psk",
           "group: ours ecp384, theirs ecp256");
}

Test(v1_explain, the_nearest_two_of_several_are_compared)
{
    phase1(NHTB_V1_MAIN, "aes256-aes128-sha256-modp2048", "aes128-sha256-sha384-ecp256-modp3072",
           "aes256-sha256-modp2048-psk, aes128-sha256-modp2048-psk",
           "aes128-sha256-ecp256-psk, aes128-sha256-modp3072-psk, aes128-sha384-ecp256-psk, "
           "aes128-sha384-modp3072-psk",
           "group: ours ecp256, theirs modp2048");
}

Test(v1_explain, xauth_on_one_side_only_is_a_difference_of_the_method)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[1].v1.xauth = NHTB_V1_SERVER;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_str_eq(explain(p, 1).differs, "authentication: ours xauth-psk, theirs psk");
    duo_end(p);
}

static void phase2(const char *theirs, const char *ours, const char *shown_theirs,
                   const char *shown_ours, const char *differs)
{
    duo *p = apart(NHTB_V1_MAIN, NHTB_PROTO_ESP, theirs, ours);
    nhtb_explain e = explain(p, 1);
    cr_expect_str_eq(e.step, "quick mode");
    cr_expect(e.responder && e.up);
    cr_expect_eq(e.detail, NHTB_DETAIL_NO_PROPOSAL);
    cr_expect_eq(e.child, 0);
    cr_expect_str_eq(e.ours, shown_ours);
    cr_expect_str_eq(e.theirs, shown_theirs);
    cr_expect_str_eq(e.differs, differs);
    e = explain(p, 0);
    cr_expect_str_eq(e.step, "quick mode");
    cr_expect_not(e.responder);
    cr_expect_eq(e.child, 0);
    cr_expect_eq(e.detail, NHTB_DETAIL_NO_PROPOSAL);
    cr_expect_str_eq(e.theirs, "");
    duo_end(p);
}

Test(v1_explain, the_first_difference_in_phase_2)
{
    phase2("aes256-sha256", "aes128-sha256", "aes256-sha256-tunnel", "aes128-sha256-tunnel",
           "encryption: ours aes128, theirs aes256");
    phase2("aes256-sha256", "aes256-sha512", "aes256-sha256-tunnel", "aes256-sha512-tunnel",
           "integrity: ours sha512, theirs sha256");
    phase2("aes128gcm16", "aes256-sha512", "aes128gcm16-tunnel", "aes256-sha512-tunnel",
           "encryption: ours aes256, theirs aes128gcm16");
    phase2("aes256-sha256", "aes256-sha256-ecp256", "aes256-sha256-tunnel",
           "aes256-sha256-ecp256-tunnel", "group (PFS): ours ecp256, theirs none");
    phase2("aes256-sha256-esn", "aes256-sha256-noesn", "aes256-sha256-tunnel-esn",
           "aes256-sha256-tunnel", "extended sequence numbers: ours none, theirs esn");
}

/* ---- what a peer of another kind offers ---- */

static void put(nhi_wr *w, unsigned cipher, unsigned hash, unsigned group, unsigned method)
{
    nhi_v1_attr_write_short(w, 1, cipher);
    nhi_v1_attr_write_short(w, 2, hash);
    nhi_v1_attr_write_short(w, 4, group);
    nhi_v1_attr_write_short(w, 3, method);
}

static nhi_v1_sa_pl read_back(const nhi_wr *w)
{
    nhi_v1_sa_pl sa;
    cr_assert(!w->bad && nhi_v1_sa_read(&sa, (nhtb_span){w->p, w->n}));
    return sa;
}

static void told(duo *p, const nhi_v1_sa_pl *theirs, uint16_t child)
{
    nhi_ike_peer *peer = nhi_ike_peer_get(p->s[0].ike, p->s[0].peer);
    const nhi_ike_fault why = {NHTB_DETAIL_NO_PROPOSAL, 0, child, true, "test"};
    nhi_v1_explain_offers(peer, child, NULL, theirs);
    nhi_ike_explain_note(peer, &why, S);
}

Test(v1_explain, what_we_refuse_by_principle_has_its_name_and_the_rest_its_number)
{
    static uint8_t b[1024];
    nhi_wr w;
    nhi_v1_sa_writer s;
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    nhtb_proposal q = parsed(NHTB_PROTO_IKE, "aes256-sha256-ecp256");
    p->s[0].cfg.proposals = &q;
    p->s[0].cfg.n_proposals = 1;
    duo_start(p);
    nhi_wr_init(&w, b, sizeof b);
    nhi_v1_sa_begin(&s, &w);
    nhi_v1_sa_proposal(&s, 1, NHI_V1_PROTO_ISAKMP, (nhtb_span){NULL, 0});
    nhi_v1_sa_transform(&s, 1, 1);
    put(&w, 1, 1, 1, 1);
    nhi_v1_sa_transform(&s, 2, 1);
    put(&w, 99, 77, 4321, 4);
    nhi_v1_sa_transform(&s, 3, 1);
    put(&w, 7, 4, 19, 3);
    nhi_v1_sa_end(&s);
    nhi_v1_sa_pl theirs = read_back(&w);
    told(p, &theirs, UINT16_MAX);
    nhtb_explain e = explain(p, 0);
    cr_assert_str_eq(e.theirs, "des-md5-group1-psk, encryption/99-hash/77-group4321-encryption, "
                               "aes128-sha256-ecp256-rsa");
    cr_assert_str_eq(e.differs, "encryption: ours aes256, theirs des");
    duo_end(p);
}

Test(v1_explain, transport_mode_and_more_transforms_than_fit_in_a_line)
{
    static uint8_t b[4096];
    nhi_wr w;
    nhi_v1_sa_writer s;
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    nhtb_proposal q = parsed(NHTB_PROTO_ESP, "aes256-sha256");
    p->s[0].child[0].proposals = &q;
    p->s[0].child[0].n_proposals = 1;
    duo_start(p);
    nhi_wr_init(&w, b, sizeof b);
    nhi_v1_sa_begin(&s, &w);
    nhi_v1_sa_proposal(&s, 1, NHI_V1_PROTO_ESP, str("spi!"));
    for (unsigned i = 1; i <= NHI_V1_TRANSFORMS; i++) {
        nhi_v1_sa_transform(&s, (uint8_t)i, i == 2 ? 12 : 11);
        nhi_v1_attr_write_short(&w, 4, 2);
        nhi_v1_attr_write_short(&w, 5, 5);
        nhi_v1_attr_write_short(&w, 6, 256);
    }
    nhi_v1_sa_end(&s);
    nhi_v1_sa_pl theirs = read_back(&w);
    told(p, &theirs, 0);
    nhtb_explain e = explain(p, 0);
    cr_assert_str_eq(e.differs, "mode: ours tunnel, theirs transport");
    cr_assert_eq(strlen(e.theirs), sizeof e.theirs - 1);
    duo_end(p);
}

/* ---- the other causes ---- */

Test(v1_explain, a_wrong_key_and_another_identity_are_named_and_a_success_forgets_them)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].cfg.psk = str("another");
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    nhtb_explain e = explain(p, 1);
    cr_assert_eq(e.detail, NHTB_DETAIL_AUTHENTICATION);
    cr_assert_str_eq(e.step, "IKEv1 phase 1");
    cr_assert(e.responder);
    duo_end(p);
    p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].cfg.local_id = (nhtb_identity){NHTB_ID_FQDN, str("nobody")};
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(explain(p, 1).detail, NHTB_DETAIL_IDENTITY);
    nhi_ike_explain_cured(nhi_ike_peer_get(p->s[1].ike, p->s[1].peer), UINT16_MAX);
    cr_assert_eq(explain(p, 1).step[0], 0);
    duo_end(p);
}

Test(v1_explain, an_initiator_without_an_answer_knows_when_it_tries_again)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    p->cut[1] = true;
    duo_start(p);
    duo_pass(p, 200 * S);
    nhtb_explain e = explain(p, 0);
    cr_assert_eq(e.detail, NHTB_DETAIL_TIMEOUT);
    cr_assert_not(e.responder);
    cr_assert_str_eq(e.step, "IKEv1 phase 1");
    duo_end(p);
}

Test(v1_explain, without_memory_there_is_no_explanation_and_nothing_else_happens)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    nhtb_proposal q = parsed(NHTB_PROTO_IKE, "aes256-sha384-ecp384");
    p->s[0].cfg.proposals = &q;
    p->s[0].cfg.n_proposals = 1;
    duo_start(p);
    duo_initiate(p, 0);
    p->s[1].fail_alloc = p->s[1].allocs + 1;
    duo_run(p);
    (void)explain(p, 1);
    duo_end(p);
}
