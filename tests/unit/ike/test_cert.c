/* SPDX-License-Identifier: Apache-2.0
 * IKEv2 with certificates between two rooms: every kind of key on both sides, one side alone,
 * digital signatures and the older methods, what is refused and with which cause, jobs that fail,
 * and memory that runs out. RFC 7296 2.15, RFC 7427. */
#include <stdlib.h>

#include "duo_cert.h"

#include "crypto/sig.h"
#include "pki/fixture.h"

#if NHTB_HAVE_OPENSSL

static nhtb_identity fqdn(const char *name)
{
    return (nhtb_identity){NHTB_ID_FQDN, str(name)};
}

/* Side 0 is the hub with RSA, side 1 a spoke. */
static duo *pair(const char *cert, const char *issuer, const char *key, const char *name)
{
    duo *p = duo_new();
    duo_cert(p, 0, pki_hub, pki_sub, pki_hub_key, pki_root);
    duo_cert(p, 1, cert, issuer, key, pki_root);
    for (int i = 0; i < 2; i++)
        p->s[i].cfg.psk = (nhtb_span){NULL, 0};
    p->s[0].cfg.local_id = p->s[1].cfg.remote_id = fqdn("hub.example");
    p->s[1].cfg.local_id = p->s[0].cfg.remote_id = fqdn(name);
    return p;
}

static duo *ec_pair(void)
{
    return pair(pki_p256, pki_sub, pki_p256_key, "p256.example");
}

static void both_up(duo *p, int from)
{
    duo_start(p);
    duo_initiate(p, from);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0+");
    EXPECT(p, 1, "ike_up install0+");
    cr_assert_arr_eq(p->s[0].key_in, p->s[1].key_out, p->s[0].key_n);
    duo_end(p);
}

Test(ike_cert, every_kind_of_key_proves_itself_in_both_roles)
{
    static const struct {
        const char *cert, *issuer, *key, *name;
    } v[] = {{pki_p256, pki_sub, pki_p256_key, "p256.example"},
             {pki_p384, "", pki_p384_key, "p384.example"},
             {pki_p521, "", pki_p521_key, "p521.example"}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        for (int from = 0; from < 2; from++)
            both_up(pair(v[i].cert, v[i].issuer, v[i].key, v[i].name), from);
    }
}

Test(ike_cert, pss_and_each_accepted_hash)
{
    static const uint32_t hashes[] = {NHTB_SIGN_SHA256, NHTB_SIGN_SHA384, NHTB_SIGN_SHA512};
    for (size_t i = 0; i < NHI_ARRAY_LEN(hashes); i++) {
        for (int from = 0; from < 2; from++) {
            duo *p = ec_pair();
            duo_pki[0].pss = true;
            duo_pki[1].hashes = hashes[i];
            both_up(p, from);
        }
    }
}

/* One side by certificate, the other by the key both have. */
Test(ike_cert, one_side_may_use_the_pre_shared_key)
{
    for (int who = 0; who < 2; who++) {
        for (int from = 0; from < 2; from++) {
            duo *p = ec_pair();
            for (int i = 0; i < 2; i++)
                p->s[i].cfg.psk = str("secret");
            duo_pki[!who].chain = duo_pki[!who].key = (nhtb_span){NULL, 0};
            duo_pki[who].anchors = (nhtb_span){NULL, 0};
            both_up(p, from);
        }
    }
}

Test(ike_cert, without_an_identity_the_subject_speaks)
{
    uint8_t name[256];
    size_t n = sizeof name;
    duo *p = ec_pair();
    cr_assert_eq(nhtb_dn_parse("C=DE, O=Example, OU=Gateways, CN=p256", name, &n), 0);
    p->s[1].cfg.local_id = (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
    p->s[0].cfg.remote_id = (nhtb_identity){NHTB_ID_DER_DN, {name, n}};
    both_up(p, 1);
}

/* ---- refusals: cause at the side that refuses ---- */

static void refused_by_responder(duo *p, const char *cause)
{
    char want[128];
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    snprintf(want, sizeof want, "auth_failed:%s", cause);
    EXPECT(p, 0, want);
    EXPECT(p, 1, "auth_failed:authentication ike_failed:authentication");
    cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
    duo_end(p);
}

static void refused_by_initiator(duo *p, const char *cause)
{
    char want[128];
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    snprintf(want, sizeof want, "auth_failed:%s ike_failed:%s", cause, cause);
    EXPECT(p, 0, want);
    cr_assert_null(duo_sa(p, 0));
    duo_pass(p, 10 * S);
    cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
    duo_end(p);
}

static const struct {
    const char *cert, *issuer, *cause;
} bad[] = {
    {pki_old, "", "cert_expired"},
    {pki_future, "", "cert_expired"},
    {pki_stranger, pki_other_root, "cert_untrusted"},
    {pki_outside, pki_tight, "cert_untrusted"},
    {pki_deep, pki_deep_ca, "cert_untrusted"},
    {pki_mail_only, "", "cert_untrusted"},
    {pki_critical, "", "cert_untrusted"},
    {pki_inside, pki_tight, "cert_name"},
};

Test(ike_cert, bad_certificates_are_refused_with_their_cause)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(bad); i++) {
        refused_by_responder(pair(bad[i].cert, bad[i].issuer, pki_hub_key, "hub.example"),
                             bad[i].cause);
        refused_by_initiator(pair(bad[i].cert, bad[i].issuer, pki_hub_key, "hub.example"),
                             bad[i].cause);
    }
}

Test(ike_cert, revocation_lists_are_obeyed)
{
    duo *p = pair(pki_revoked, pki_sub, pki_hub_key, "hub.example");
    duo_pki[0].crls = str(pki_sub_crl_old); /* an old list may still say revoked */
    refused_by_responder(p, "cert_revoked");
    p = ec_pair();
    duo_pki[0].crls = str(pki_sub_crl);
    duo_pki[0].revocation = NHTB_REVOCATION_STRICT; /* none for the sub CA itself */
    refused_by_responder(p, "cert_status");
    p = ec_pair();
    duo_pki[0].crls = str(pki_sub_crl);
    duo_pki[0].revocation = NHTB_REVOCATION_IFURI; /* no certificate names one */
    both_up(p, 1);
    p = ec_pair();
    char both[8192];
    snprintf(both, sizeof both, "%s%s", pki_sub_crl, pki_root_crl);
    duo_pki[0].crls = str(both);
    duo_pki[0].revocation = NHTB_REVOCATION_STRICT;
    both_up(p, 1);
}

Test(ike_cert, another_identity_than_the_configured_one_is_nobody)
{
    duo *p = ec_pair();
    p->s[0].cfg.remote_id = fqdn("other.example");
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    EXPECT(p, 0, "unknown_peer:identity");
    duo_end(p);
}

/* Trusted certificates configured: the pre-shared key alone is no proof, and the reverse. */
Test(ike_cert, methods_do_not_stand_in_for_each_other)
{
    duo *p = ec_pair();
    for (int i = 0; i < 2; i++)
        p->s[i].cfg.psk = str("secret");
    p->s[1].cfg.pki = NULL;
    refused_by_responder(p, "authentication");
    p = ec_pair();
    for (int i = 0; i < 2; i++)
        p->s[i].cfg.psk = str("secret");
    p->s[0].cfg.pki = NULL;
    refused_by_responder(p, "authentication");
}

Test(ike_cert, lost_messages_are_sent_again)
{
    for (unsigned to = 0; to < 2; to++) {
        for (unsigned k = 0; k < 5; k++) {
            duo *p = ec_pair();
            p->lose[to] = UINT64_C(1) << k;
            duo_start(p);
            duo_initiate(p, 1);
            duo_run(p);
            duo_pass(p, 30 * S);
            cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "side %u, datagram %u", to, k);
            duo_end(p);
        }
    }
}

/* ---- wildcard entries ---- */

Test(ike_cert, a_container_entry_takes_every_name_under_it_by_its_own_instance)
{
    static const struct {
        uint8_t kind;
        const char *pattern;
        bool fits;
    } v[] = {
        {NHTB_WILDCARD_CONTAINER, "O=Example, OU=Gateways", true},
        {NHTB_WILDCARD_CONTAINER, "OU=Gateways, O=Example", false},
        {NHTB_WILDCARD_DN, "OU=Gateways, O=Example", true},
        {NHTB_WILDCARD_DN, "CN=*, O=Example", true},
        {NHTB_WILDCARD_DN, "CN=*, O=Else", false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        uint8_t name[256];
        size_t n = sizeof name;
        duo *p = ec_pair();
        cr_assert_eq(nhtb_dn_parse(v[i].pattern, name, &n), 0);
        p->s[1].cfg.local_id = (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
        p->s[0].cfg.remote_id = (nhtb_identity){NHTB_ID_DER_DN, {name, n}};
        p->s[0].cfg.wildcard = v[i].kind;
        p->s[0].cfg.path.remote.family = 0;
        memset(&p->s[0].cfg.path.remote, 0, sizeof p->s[0].cfg.path.remote);
        duo_start(p);
        duo_initiate(p, 1);
        duo_run(p);
        cr_assert_eq(p->s[1].installed != 0, v[i].fits, "%s", v[i].pattern);
        duo_end(p);
    }
}

/* ---- configuration ---- */

static void config_refused(duo *p, int err)
{
    nhtb_peer_id id;
    nhtb_peer bad_cfg = p->s[0].cfg;
    p->s[0].cfg.pki = NULL;
    p->s[0].cfg.psk = str("secret");
    duo_start(p);
    cr_assert_eq(nhi_ike_peer_new(p->s[0].ike, &bad_cfg, &id), err);
    duo_end(p);
}

Test(ike_cert, configurations_that_cannot_work_are_refused_when_taken)
{
    duo *p = ec_pair();
    duo_pki[0].key = str(pki_p256_key); /* of another certificate */
    config_refused(p, NHTB_ERR_ARG);
    p = ec_pair();
    duo_pki[0].key = (nhtb_span){NULL, 0}; /* and no psk */
    config_refused(p, NHTB_ERR_ARG);
    p = ec_pair();
    duo_pki[0].anchors = str(pki_weak);
    config_refused(p, NHTB_ERR_ARG);
    p = ec_pair();
    p->s[0].mem.host.wall_time = NULL; /* validity could not be judged */
    config_refused(p, NHTB_ERR_UNSUPPORTED);
    p = ec_pair();
    p->s[0].crypto = nhtb_null_crypto(); /* no signatures */
    config_refused(p, NHTB_ERR_UNSUPPORTED);
}

/* ---- faults ---- */

/* NHTB_QUICK: every fifth. */
Test(ike_cert, each_allocation_fails_once_and_a_later_attempt_succeeds)
{
    const uint64_t step = getenv("NHTB_QUICK") != NULL ? 5 : 1;
    for (int who = 0; who < 2; who++) {
        for (uint64_t k = 1; k < 400; k += step) {
            duo *p = ec_pair();
            duo_start(p);
            p->s[who].fail_alloc = p->s[who].allocs + k;
            (void)nhi_ike_initiate(p->s[1].ike, p->s[1].peer, p->now);
            duo_drain(p, 1);
            duo_run(p);
            bool reached = p->s[who].allocs >= p->s[who].fail_alloc;
            p->s[who].fail_alloc = 0;
            duo_pass(p, 40 * S);
            if (!duo_sa(p, 1) || duo_sa(p, 1)->state != NHI_SA_UP) {
                duo_initiate(p, 1);
                duo_run(p);
                duo_pass(p, 40 * S);
            }
            cr_assert(duo_sa(p, 1) && duo_sa(p, 1)->state == NHI_SA_UP, "side %d, alloc %u", who,
                      (unsigned)k);
            duo_end(p);
            if (!reached)
                break;
        }
    }
}

/* ---- every bit of AUTH and of the certificates ---- */

static size_t flip_at, signature_n;

static int sign_flipped(nhtb_span key, uint16_t alg, uint16_t hash, nhtb_span message,
                        const uint8_t seed[NHTB_SIG_SEED], uint8_t *sig, size_t *n)
{
    int err = nhtb_openssl_crypto().pk->sign(key, alg, hash, message, seed, sig, n);
    signature_n = *n;
    if (!err && flip_at < *n)
        sig[flip_at] ^= 0x10;
    return err;
}

Test(ike_cert, every_changed_octet_of_a_signature_is_refused)
{
    for (int from = 0; from < 2; from++) {
        signature_n = 1;
        for (flip_at = 0; flip_at < signature_n; flip_at += 5) {
            duo *p = ec_pair();
            nhtb_pk_ops pk = *p->s[0].crypto.pk;
            pk.sign = sign_flipped;
            p->s[0].crypto.pk = &pk; /* RSA: every value has the same form */
            duo_start(p);
            duo_initiate(p, from);
            duo_run(p);
            duo_pass(p, 10 * S);
            cr_assert_null(duo_sa(p, 1), "octet %zu", flip_at);
            cr_assert_eq(p->s[1].installed, 0);
            duo_end(p);
        }
    }
}

Test(ike_cert, every_changed_octet_of_a_certificate_is_refused)
{
    size_t n = 1;
    for (size_t at = 0; at < n; at += 11) {
        duo *p = ec_pair();
        duo_start(p);
        nhi_pki *own = nhi_ike_peer_get(p->s[1].ike, p->s[1].peer)->pki;
        uint8_t *der = (uint8_t *)(uintptr_t)own->chain[0].p;
        n = own->chain[0].n;
        der[at] ^= 0x10;
        duo_initiate(p, 1);
        duo_run(p);
        cr_assert_null(duo_sa(p, 0), "octet %zu", at);
        cr_assert_eq(p->s[0].installed, 0);
        der[at] ^= 0x10;
        duo_end(p);
    }
}

#endif
