/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 with certificates, the rest of v1/cert.c: which method goes with a key, the subject as identity,
 * requests for certificates, changed octets of one. RFC 2409 5.1, RFC 4754, RFC 2408 3.10. */
#include "duo.h"

#include "ike/v1/v1.h"

Test(v1_cert_more, the_key_decides_on_the_method)
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

#include "duo_cert.h"
#include "pki/fixture.h"

static nhtb_identity fqdn(const char *name)
{
    return (nhtb_identity){NHTB_ID_FQDN, str(name)};
}

/* One method serves both sides: side 0 and 1 have keys of one kind. */
static duo *pair(const char *cert, const char *issuer, const char *key, const char *name)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    for (int i = 0; i < 2; i++) {
        duo_cert(p, i, cert, issuer, key, pki_root);
        p->s[i].cfg.local_id = p->s[i].cfg.remote_id = fqdn(name);
        p->s[i].cfg.psk = (nhtb_span){NULL, 0};
    }
    return p;
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

Test(v1_cert_more, without_an_identity_the_subject_speaks)
{
    uint8_t name[256];
    size_t n = sizeof name;
    duo *p = ecdsa();
    cr_assert_eq(nhtb_dn_parse("C=DE, O=Example, OU=Gateways, CN=p256", name, &n), 0);
    p->s[1].cfg.local_id = (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
    p->s[0].cfg.remote_id = (nhtb_identity){NHTB_ID_DER_DN, {name, n}};
    both_up(p, 1);
}

Test(v1_cert_more, keys_of_two_kinds_have_no_method_in_common)
{
    duo *p = ecdsa();
    duo_cert(p, 0, pki_hub, pki_sub, pki_hub_key, pki_root);
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

Test(v1_cert_more, a_certificate_goes_to_who_asks_for_one)
{
    duo *p = ecdsa();
    duo_pki[0].send_cert_always = duo_pki[1].send_cert_always = false;
    both_up(p, 0);
}

Test(v1_cert_more, unasked_it_stays_at_home_and_nothing_is_proved)
{
    duo *p = ecdsa();
    for (int i = 0; i < 2; i++)
        duo_pki[i].send_cert_always = duo_pki[i].send_certreq = false;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(strstr(p->s[1].trace, "auth_failed"), "message 5 proves nothing: %s", p->s[1].trace);
    cr_assert_null(duo_sa(p, 1));
    duo_end(p);
}

Test(v1_cert_more, another_identity_than_the_configured_one_is_refused)
{
    duo *p = ecdsa();
    p->s[0].cfg.remote_id = fqdn("other.example");
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "auth_failed:identity ike_failed:identity");
    duo_end(p);
    p = ecdsa();
    p->s[0].cfg.remote_id = fqdn("other.example");
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    cr_assert_null(duo_sa(p, 0));
    cr_assert_eq(p->s[0].installed, 0);
    duo_end(p);
}

Test(v1_cert_more, half_a_configuration_is_refused_when_taken)
{
    for (int what = 0; what < 2; what++) {
        nhtb_peer_id id;
        duo *p = ecdsa();
        nhtb_peer bad = p->s[0].cfg;
        nhtb_pki half = duo_pki[0];
        bad.pki = &half;
        bad.psk = str("secret");
        if (what == 0)
            half.anchors = (nhtb_span){NULL, 0};
        else
            half.key = half.chain = (nhtb_span){NULL, 0};
        duo_start(p);
        cr_assert_lt(nhi_ike_peer_new(p->s[0].ike, &bad, &id), 0, "case %d", what);
        duo_end(p);
    }
}

Test(v1_cert_more, every_changed_octet_of_a_certificate_is_refused)
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

#endif
