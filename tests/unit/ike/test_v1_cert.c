/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 main mode with certificates: each kind of key in both roles, the method that goes with it,
 * requests for certificates, what is refused with which cause, changed octets, lost messages, memory
 * that runs out. RFC 2409 5.1, RFC 4754. */
#include "duo.h"

#include "ike/v1/v1.h"

Test(v1_cert, the_key_decides_on_the_method)
{
    static const struct {
        uint8_t kind;
        uint16_t method;
    } v[] = {{NHI_KEY_RSA, NHI_V1_AUTH_RSA},
             {NHI_KEY_P256, NHI_V1_AUTH_ECDSA256},
             {NHI_KEY_P384, NHI_V1_AUTH_ECDSA384},
             {NHI_KEY_P521, NHI_V1_AUTH_ECDSA521},
             {NHI_KEY_NONE, NHI_V1_AUTH_PSK}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhi_pki p = {.key_kind = v[i].kind};
        cr_assert_eq(nhi_v1_cert_method(&p), v[i].method);
    }
    cr_assert_eq(nhi_v1_cert_method(NULL), NHI_V1_AUTH_PSK);
}

#if NHTB_HAVE_OPENSSL

#include "duo_pki.h"

/* One method serves both sides: side 0 and 1 have keys of one kind. */
static duo *pair(const char *cert, const char *issuer, const char *key, const char *name)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    for (int i = 0; i < 2; i++) {
        pki_give(p, i, cert, issuer, key, pki_root);
        p->s[i].cfg.local_id = p->s[i].cfg.remote_id = pki_name(name);
    }
    return p;
}

static duo *rsa(void)
{
    return pair(pki_hub, pki_sub, pki_hub_key, "hub.example");
}

static duo *ecdsa(void)
{
    return pair(pki_p256, pki_sub, pki_p256_key, "p256.example");
}

static void both_up(duo *p, int from)
{
    duo_start(p);
    duo_initiate(p, from);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0 use0");
    EXPECT(p, 1, "ike_up install0 use0");
    cr_assert_arr_eq(p->s[0].key_in, p->s[1].key_out, p->s[0].key_n);
    duo_end(p);
}

Test(v1_cert, every_kind_of_key_proves_itself_in_both_roles)
{
    for (int from = 0; from < 2; from++) {
        both_up(rsa(), from);
        both_up(ecdsa(), from);
        both_up(pair(pki_p384, "", pki_p384_key, "p384.example"), from);
        both_up(pair(pki_p521, "", pki_p521_key, "p521.example"), from);
    }
}

Test(v1_cert, without_an_identity_the_subject_speaks)
{
    uint8_t name[256];
    size_t n = sizeof name;
    duo *p = ecdsa();
    cr_assert_eq(nhtb_dn_parse("C=DE, O=Example, OU=Gateways, CN=p256", name, &n), 0);
    p->s[1].cfg.local_id = (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
    p->s[0].cfg.remote_id = (nhtb_identity){NHTB_ID_DER_DN, {name, n}};
    both_up(p, 1);
}

Test(v1_cert, keys_of_two_kinds_have_no_method_in_common)
{
    duo *p = ecdsa();
    pki_give(p, 0, pki_hub, pki_sub, pki_hub_key, pki_root);
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    EXPECT(p, 0, "ike_failed:no_proposal");
    nhtb_explain e = {.size = sizeof e};
    cr_assert_eq(nhi_ike_explain(p->s[0].ike, p->s[0].peer, &e), 0);
    cr_assert_str_eq(e.differs, "authentication: ours rsa, theirs ecdsa256");
    duo_end(p);
}

/* ---- requests ---- */

Test(v1_cert, a_certificate_goes_to_who_asks_for_one)
{
    duo *p = ecdsa();
    pki[0].send_cert_always = pki[1].send_cert_always = false;
    both_up(p, 0);
}

Test(v1_cert, unasked_it_stays_at_home_and_nothing_is_proved)
{
    duo *p = ecdsa();
    for (int i = 0; i < 2; i++)
        pki[i].send_cert_always = pki[i].send_certreq = false;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 1, "auth_failed:authentication"); /* message 5 proves nothing */
    cr_assert_null(duo_sa(p, 1));
    duo_end(p);
}

/* ---- refusals: cause at the side that refuses ---- */

static void refused(duo *p, int from, const char *cause)
{
    char want[128];
    duo_start(p);
    duo_initiate(p, from);
    duo_run(p);
    snprintf(want, sizeof want, "auth_failed:%s", cause);
    cr_assert_not_null(strstr(p->s[0].trace, want), "from %d: \"%s\", not %s", from, p->s[0].trace,
                       want);
    cr_assert_null(duo_sa(p, 0));
    cr_assert_eq(p->s[0].installed, 0);
    duo_pass(p, 10 * S);
    cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
    duo_end(p);
}

Test(v1_cert, bad_certificates_are_refused_with_their_cause)
{
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
    for (size_t i = 0; i < NHI_ARRAY_LEN(bad); i++) {
        for (int from = 0; from < 2; from++) {
            duo *p = rsa();
            pki_give(p, 1, bad[i].cert, bad[i].issuer, pki_hub_key, pki_root);
            refused(p, from, bad[i].cause);
        }
    }
}

Test(v1_cert, revocation_lists_are_obeyed)
{
    for (int from = 0; from < 2; from++) {
        duo *p = rsa();
        pki_give(p, 1, pki_revoked, pki_sub, pki_hub_key, pki_root);
        pki[0].crls = str(pki_sub_crl);
        refused(p, from, "cert_revoked");
        p = rsa();
        pki[0].crls = str(pki_sub_crl);
        pki[0].revocation = NHTB_REVOCATION_STRICT; /* none for the sub CA itself */
        refused(p, from, "cert_status");
    }
}

Test(v1_cert, another_identity_than_the_configured_one_is_refused)
{
    duo *p = ecdsa();
    p->s[0].cfg.remote_id = pki_name("other.example");
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "auth_failed:identity ike_failed:identity");
    duo_end(p);
    p = ecdsa();
    p->s[0].cfg.remote_id = pki_name("other.example");
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    cr_assert_null(duo_sa(p, 0));
    cr_assert_eq(p->s[0].installed, 0);
    duo_end(p);
}

Test(v1_cert, half_a_configuration_and_aggressive_mode_are_refused_when_taken)
{
    for (int what = 0; what < 3; what++) {
        nhtb_peer_id id;
        duo *p = ecdsa();
        nhtb_peer bad = p->s[0].cfg;
        nhtb_pki half = pki[0];
        nhtb_v1 v1 = p->s[0].v1;
        bad.pki = &half;
        bad.v1 = &v1;
        bad.psk = what ? str("secret") : bad.psk;
        if (what == 0)
            half.anchors = (nhtb_span){NULL, 0};
        else if (what == 1)
            half.key = half.chain = (nhtb_span){NULL, 0};
        else
            v1.mode = NHTB_V1_AGGRESSIVE;
        duo_start(p);
        cr_assert_lt(nhi_ike_peer_new(p->s[0].ike, &bad, &id), 0, "case %d", what);
        duo_end(p);
    }
}

/* ---- changed octets ---- */

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

Test(v1_cert, every_changed_octet_of_a_signature_is_refused)
{
    for (int from = 0; from < 2; from++) {
        signature_n = 1;
        for (flip_at = 0; flip_at < signature_n; flip_at += 17) {
            duo *p = rsa();
            nhtb_pk_ops pk = *p->s[1].crypto.pk;
            pk.sign = sign_flipped;
            p->s[1].crypto.pk = &pk;
            duo_start(p);
            duo_initiate(p, from);
            duo_run(p);
            cr_assert_null(duo_sa(p, 0), "octet %zu", flip_at);
            cr_assert_eq(p->s[0].installed, 0);
            duo_end(p);
        }
        cr_assert_eq(signature_n, 256);
    }
}

Test(v1_cert, every_changed_octet_of_a_certificate_is_refused)
{
    size_t n = 1;
    for (size_t at = 0; at < n; at += 23) {
        duo *p = ecdsa();
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

/* ---- a bad network, no memory ---- */

Test(v1_cert, lost_messages_are_sent_again)
{
    for (unsigned to = 0; to < 2; to++) {
        for (unsigned k = 0; k < 6; k++) {
            duo *p = ecdsa();
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

Test(v1_cert, each_allocation_fails_once_and_a_later_attempt_succeeds)
{
    for (int who = 0; who < 2; who++) {
        for (uint64_t k = 1; k < 400; k++) {
            duo *p = ecdsa();
            duo_start(p);
            p->s[who].fail_alloc = p->s[who].allocs + k;
            (void)nhi_ike_initiate(p->s[1].ike, p->s[1].peer, p->now);
            duo_drain(p, 1);
            duo_run(p);
            bool reached = p->s[who].allocs >= p->s[who].fail_alloc;
            p->s[who].fail_alloc = 0;
            duo_pass(p, 40 * S);
            if (!duo_sa(p, 1)) {
                (void)nhi_ike_initiate(p->s[1].ike, p->s[1].peer, p->now);
                duo_drain(p, 1);
                duo_run(p);
                duo_pass(p, 40 * S);
            }
            cr_assert(duo_sa(p, 1), "side %d, alloc %u", who, (unsigned)k);
            duo_end(p);
            if (!reached)
                break;
        }
    }
}

#endif
