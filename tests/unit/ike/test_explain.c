/* SPDX-License-Identifier: Apache-2.0
 * What the room remembers of failures (explain.c): the failing check, both proposals, the first
 * difference; gone with the next success. */
#include "duo.h"

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

Test(ike_explain, nothing_failed_and_nothing_to_say)
{
    duo *p = duo_new();
    duo_start(p);
    nhtb_explain e = explain(p, 0);
    cr_assert_eq(e.step[0], 0);
    cr_assert_eq(e.child, UINT16_MAX);
    cr_assert_eq(e.up, false);
    cr_assert(strlen(e.ours) > 10);
    cr_assert_str_eq(e.theirs, "");
    duo_initiate(p, 0);
    duo_run(p);
    e = explain(p, 0);
    cr_assert(e.up);
    cr_assert_eq(e.children_up, 1);
    cr_assert_str_eq(e.state, "ESTABLISHED");
    nhtb_peer_id none = {.id = p->s[0].peer.id + 1000};
    cr_assert_eq(nhi_ike_explain(p->s[0].ike, none, &e), NHTB_ERR_STALE);
    duo_end(p);
}

static void differ(const char *ours, const char *theirs, const char *want)
{
    nhtb_proposal a = parsed(NHTB_PROTO_IKE, theirs), b = parsed(NHTB_PROTO_IKE, ours);
    duo *p = duo_new();
    p->s[0].cfg.proposals = &a;
    p->s[1].cfg.proposals = &b;
    p->s[0].cfg.n_proposals = p->s[1].cfg.n_proposals = 1;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    nhtb_explain e = explain(p, 1);
    cr_assert_str_eq(e.step, "IKE_SA_INIT");
    cr_assert(e.responder);
    cr_assert_eq(e.detail, NHTB_DETAIL_NO_PROPOSAL);
    cr_assert_str_eq(e.ours, ours);
    cr_assert_str_eq(e.theirs, theirs);
    cr_assert_str_eq(e.differs, want);
    duo_pass(p, 30 * S);
    e = explain(p, 0);
    cr_assert_not(e.responder);
    cr_assert_eq(e.detail, NHTB_DETAIL_NO_PROPOSAL);
    cr_assert_str_eq(e.theirs, "", "the initiator was told nothing");
    duo_end(p);
}

Test(ike_explain, the_first_difference_of_ike_proposals)
{
    differ("aes128gcm16-prfsha256-x25519", "aes256gcm16-prfsha256-x25519",
           "encryption: ours aes128gcm16, theirs aes256gcm16");
    differ("aes256gcm16-prfsha256-x25519", "aes256gcm16-prfsha384-x25519",
           "PRF: ours prfsha256, theirs prfsha384");
    differ("aes256gcm16-prfsha256-x25519", "aes256gcm16-prfsha256-ecp256-modp2048",
           "key exchange: ours x25519, theirs ecp256 modp2048");
    differ("aes256-sha256-prfsha256-x25519", "aes256-sha512-prfsha256-x25519",
           "integrity: ours sha256, theirs sha512");
}

Test(ike_explain, a_refused_child_is_named_and_forgotten_when_it_comes_up)
{
    nhtb_proposal a = parsed(NHTB_PROTO_ESP, "aes256gcm16-esn");
    nhtb_proposal b = parsed(NHTB_PROTO_ESP, "aes256gcm16-noesn");
    duo *p = duo_new();
    p->s[0].child[0].proposals = &a;
    p->s[1].child[0].proposals = &b;
    p->s[0].child[0].n_proposals = p->s[1].child[0].n_proposals = 1;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    nhtb_explain e = explain(p, 1);
    cr_assert(e.up);
    cr_assert_eq(e.children_up, 0);
    cr_assert_eq(e.child, 0);
    cr_assert_eq(e.detail, NHTB_DETAIL_NO_PROPOSAL);
    cr_assert_str_eq(e.differs, "extended sequence numbers: ours noesn, theirs esn");
    nhi_ike_peer *peer = nhi_ike_peer_get(p->s[1].ike, p->s[1].peer);
    nhi_ike_explain_cured(peer, 1);
    cr_assert_eq(explain(p, 1).detail, NHTB_DETAIL_NO_PROPOSAL, "another child's success");
    nhi_ike_explain_cured(peer, 0);
    cr_assert_eq(explain(p, 1).step[0], 0);
    duo_end(p);
}

Test(ike_explain, transforms_without_a_word_show_their_numbers)
{
    static nhi_ike_sa_pl ours, theirs;
    duo *p = duo_new();
    duo_start(p);
    nhi_ike_peer *peer = nhi_ike_peer_get(p->s[0].ike, p->s[0].peer);
    nhtb_proposal q = parsed(NHTB_PROTO_IKE, "aes256gcm16-prfsha256-x25519");
    nhi_propose_offer(&ours, NHTB_PROTO_IKE, &q, 1, NULL, 0, false);
    theirs.n = 1;
    theirs.p[0].n = 2;
    theirs.p[0].tf[0] = (nhi_transform){.type = 1, .id = 12, .key_bits = 192};
    theirs.p[0].tf[1] = (nhi_transform){.type = 6, .id = 36};
    const nhi_ike_fault why = {NHTB_DETAIL_NO_PROPOSAL, 0, UINT16_MAX, true, "IKE_SA_INIT"};
    nhi_ike_explain_offers(peer, NHTB_PROTO_IKE, &ours, &theirs);
    nhi_ike_explain_note(peer, &why, 5 * S);
    nhtb_explain e = explain(p, 0);
    cr_assert_str_eq(e.theirs, "transform1/12/192-transform6/36");
    cr_assert_str_eq(e.differs, "encryption: ours aes256gcm16, theirs transform1/12/192");
    cr_assert_eq(e.failed_at, 5 * S);
    for (unsigned i = 0; i < NHI_IKE_TRANSFORMS; i++) /* more than fits is cut, never overrun */
        theirs.p[0].tf[i] = (nhi_transform){.type = 1, .id = 65535, .key_bits = 65535};
    theirs.p[0].n = NHI_IKE_TRANSFORMS;
    nhi_ike_explain_offers(peer, NHTB_PROTO_IKE, &ours, &theirs);
    e = explain(p, 0);
    cr_assert_eq(strlen(e.theirs), sizeof e.theirs - 1);
    duo_end(p);
}

Test(ike_explain, a_lost_memory_loses_the_explanation_only)
{
    duo *p = duo_new();
    duo_start(p);
    nhi_ike_peer *peer = nhi_ike_peer_get(p->s[0].ike, p->s[0].peer);
    const nhi_ike_fault why = {NHTB_DETAIL_TIMEOUT, 0, UINT16_MAX, false, "IKE_SA_INIT"};
    p->s[0].fail_alloc = p->s[0].allocs + 1;
    nhi_ike_explain_note(peer, &why, S);
    cr_assert_eq(explain(p, 0).step[0], 0);
    duo_end(p);
}
