/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 phase 1 with signatures between two rooms, both modes: every kind of key in both roles, what is
 * refused and with which cause, wrong signatures, strangers, XAuth on top, losses, memory that runs
 * out. RFC 2409 5.1, RFC 4754. */
#include <stdlib.h>

#include "duo_cert.h"

#include "ike/v1/v1.h"
#include "pki/fixture.h"

#if NHTB_HAVE_OPENSSL

/* Both sides have the same certificate: one method serves both. */
static duo *pair(nhtb_v1_mode mode, const char *cert, const char *issuer, const char *key,
                 const char *name)
{
    duo *p = duo_new_v1(mode);
    const nhtb_identity id = {NHTB_ID_FQDN, str(name)};
    for (int i = 0; i < 2; i++) {
        duo_cert(p, i, cert, issuer, key, pki_root);
        p->s[i].cfg.psk = (nhtb_span){NULL, 0};
        p->s[i].cfg.local_id = p->s[i].cfg.remote_id = id;
    }
    return p;
}

static duo *rsa_pair(nhtb_v1_mode mode)
{
    return pair(mode, pki_hub, pki_sub, pki_hub_key, "hub.example");
}

static duo *ec_pair(nhtb_v1_mode mode)
{
    return pair(mode, pki_p256, pki_sub, pki_p256_key, "p256.example");
}

static void both_up(duo *p, nhtb_v1_mode mode, int from)
{
    duo_start(p);
    duo_initiate(p, from);
    duo_run(p);
    for (int i = 0; i < 2; i++)
        EXPECT(p, i,
               mode == NHTB_V1_MAIN ? "ike_up install0 use0"
                                    : "weak:aggressive_mode ike_up install0 use0");
    cr_assert_arr_eq(p->s[0].key_in, p->s[1].key_out, p->s[0].key_n);
    duo_end(p);
}

Test(v1_cert, every_kind_of_key_proves_itself_in_both_modes_and_roles)
{
    static const struct {
        const char *cert, *issuer, *key, *name;
    } v[] = {{pki_hub, pki_sub, pki_hub_key, "hub.example"},
             {pki_p256, pki_sub, pki_p256_key, "p256.example"},
             {pki_p384, "", pki_p384_key, "p384.example"},
             {pki_p521, "", pki_p521_key, "p521.example"}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
        for (unsigned k = 0; k < 4; k++) {
            nhtb_v1_mode mode = (nhtb_v1_mode)(k / 2);
            both_up(pair(mode, v[i].cert, v[i].issuer, v[i].key, v[i].name), mode, (int)k % 2);
        }
}

/* ---- refusals: cause at the side that refuses ---- */

static void refused_by_responder(duo *p, const char *cause)
{
    char want[128];
    bool aggressive = p->s[0].v1.mode == NHTB_V1_AGGRESSIVE;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    snprintf(want, sizeof want, "%sauth_failed:%s", aggressive ? "weak:aggressive_mode " : "",
             cause);
    EXPECT(p, 1, want);
    duo_pass(p, 40 * S);
    cr_assert_null(duo_sa(p, 1));
    cr_assert_eq(p->s[1].ike->n_sas, 0);
    cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
    duo_end(p);
}

static void refused_by_initiator(duo *p, const char *cause)
{
    char want[128];
    bool aggressive = p->s[0].v1.mode == NHTB_V1_AGGRESSIVE;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    snprintf(want, sizeof want, "%sauth_failed:%s ike_failed:%s",
             aggressive ? "weak:aggressive_mode " : "", cause, cause);
    EXPECT(p, 0, want);
    cr_assert_null(duo_sa(p, 0));
    duo_pass(p, 40 * S);
    cr_assert_null(duo_sa(p, 1));
    cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
    duo_end(p);
}

/* The side that is to be refused, the other stays good. */
static duo *bad_side(nhtb_v1_mode mode, int who, const char *cert, const char *issuer)
{
    duo *p = rsa_pair(mode);
    duo_cert(p, who, cert, issuer, pki_hub_key, pki_root);
    return p;
}

Test(v1_cert, bad_certificates_are_refused_with_their_cause)
{
    static const struct {
        const char *cert, *issuer, *cause;
    } bad[] = {{pki_old, "", "cert_expired"},
               {pki_stranger, pki_other_root, "cert_untrusted"},
               {pki_outside, pki_tight, "cert_untrusted"},
               {pki_mail_only, "", "cert_untrusted"},
               {pki_inside, pki_tight, "cert_name"}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(bad); i++)
        for (unsigned mode = 0; mode < 2; mode++) {
            refused_by_responder(bad_side((nhtb_v1_mode)mode, 0, bad[i].cert, bad[i].issuer),
                                 bad[i].cause);
            refused_by_initiator(bad_side((nhtb_v1_mode)mode, 1, bad[i].cert, bad[i].issuer),
                                 bad[i].cause);
        }
}

Test(v1_cert, revocation_lists_are_obeyed)
{
    for (unsigned mode = 0; mode < 2; mode++) {
        duo *p = bad_side((nhtb_v1_mode)mode, 0, pki_revoked, pki_sub);
        duo_pki[1].crls = str(pki_sub_crl_old);
        refused_by_responder(p, "cert_revoked");
    }
}

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
    for (unsigned k = 0; k < 4; k++) {
        signature_n = 1;
        for (flip_at = 0; flip_at < signature_n; flip_at += 17) {
            duo *p = rsa_pair((nhtb_v1_mode)(k / 2));
            nhtb_pk_ops pk = *p->s[0].crypto.pk;
            pk.sign = sign_flipped;
            p->s[k % 2].crypto.pk = &pk;
            duo_start(p);
            duo_initiate(p, 0);
            duo_run(p);
            duo_pass(p, 40 * S);
            cr_assert_null(duo_sa(p, !(k % 2)), "octet %zu", flip_at);
            cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
            duo_end(p);
        }
    }
}

/* ---- aggressive mode: message 3 may come in the clear, so anybody on the way can write one ---- */

static void forge_message_3(duo *p, datagram *d)
{
    static const uint8_t nonsense[256] = {1};
    const nhi_ike_sa *sa = NHI_CONTAINER(p->s[1].ike->sas.next, nhi_ike_sa, link);
    const nhi_pki *pki = nhi_ike_peer_get(p->s[0].ike, p->s[0].peer)->pki;
    const nhi_ike_hdr h = {.spi_i = sa->spi_i,
                           .spi_r = sa->spi_r,
                           .version = NHI_V1_VERSION,
                           .exchange = NHI_V1_EX_AGGRESSIVE};
    nhi_ike_builder b;
    nhi_ike_build_init(&b, d->p, sizeof d->p, &h);
    nhi_v1_build_cert(&b, NHI_V1_CERT, 4, pki->chain[0]);
    nhi_v1_build_cert(&b, NHI_V1_CERT, 4, pki->chain[1]);
    nhi_ike_build_payload(&b, NHI_V1_SIG, (nhtb_span){nonsense, sizeof nonsense});
    d->n = nhi_ike_build_finish(&b);
}

Test(v1_cert, a_forged_last_message_does_not_keep_the_right_one_out)
{
    duo *p = rsa_pair(NHTB_V1_AGGRESSIVE);
    duo_start(p);
    duo_initiate(p, 0);
    cr_assert(duo_deliver(p) && duo_deliver(p)); /* 1 and 2: 3 is on its way */
    datagram lie = p->q[0];
    forge_message_3(p, &lie);
    for (unsigned k = 0; k < 3; k++) {
        lie.p[lie.n - 1] = (uint8_t)k;
        cr_assert_eq(
            nhi_ike_recv(p->s[1].ike, &lie.path, lie.kind, (nhtb_span){lie.p, lie.n}, p->now), 0);
        duo_drain(p, 1);
    }
    EXPECT(p, 1, "weak:aggressive_mode auth_failed:authentication"); /* told once */
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1) && duo_child(p, 1, 0), "%s", p->s[1].trace);
    duo_end(p);
}

/* ---- who is known does not show ---- */

static unsigned verified;

static int counted(nhtb_span spki, uint16_t alg, uint16_t hash, nhtb_span message, nhtb_span sig)
{
    verified++;
    return nhtb_openssl_crypto().pk->verify(spki, alg, hash, message, sig);
}

/* What the responder does with message 5: signatures checked, datagrams sent, SAs left. */
static void judged(bool stranger, unsigned out[3])
{
    duo *p = rsa_pair(NHTB_V1_MAIN);
    nhtb_pk_ops pk = *p->s[1].crypto.pk, liar = pk;
    pk.verify = counted;
    liar.sign = sign_flipped;
    flip_at = 7;
    p->s[1].crypto.pk = &pk;
    if (stranger)
        p->s[1].cfg.remote_id.data = str("nobody.example");
    else
        p->s[0].crypto.pk = &liar;
    duo_start(p);
    duo_initiate(p, 0);
    for (unsigned i = 0; i < 4; i++)
        cr_assert(duo_deliver(p));
    unsigned sent = p->sent[0];
    verified = 0;
    duo_run(p);
    out[0] = verified;
    out[1] = p->sent[0] - sent;
    out[2] = (unsigned)p->s[1].ike->n_sas;
    cr_assert(strstr(p->s[1].trace, "auth_failed"), "%s", p->s[1].trace);
    duo_end(p);
}

Test(v1_cert, an_unknown_identity_costs_and_gets_what_a_wrong_signature_does)
{
    unsigned wrong[3], unknown[3];
    judged(false, wrong);
    judged(true, unknown);
    cr_assert_gt(wrong[0], 0);
    cr_assert_arr_eq(wrong, unknown, sizeof wrong);
}

/* ---- XAuth on top of RSA ---- */

Test(v1_cert, xauth_goes_on_top_of_rsa_signatures)
{
    static const nhtb_v1_user users[] = {
        {{(const uint8_t *)"alice", 5}, {(const uint8_t *)"wonderland", 10}, {.family = 0}}};
    for (unsigned k = 0; k < 4; k++) {
        duo *p = rsa_pair((nhtb_v1_mode)(k / 2));
        bool right = k % 2;
        p->s[0].v1.xauth = NHTB_V1_CLIENT;
        p->s[0].v1.user = users[0].name;
        p->s[0].v1.password = right ? users[0].password : str("looking-glass");
        p->s[1].v1.xauth = NHTB_V1_SERVER;
        p->s[1].v1.users = users;
        p->s[1].v1.n_users = 1;
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert_eq(duo_sa(p, 1) && duo_child(p, 1, 0), right, "%s", p->s[1].trace);
        if (right)
            cr_assert_eq(duo_sa(p, 1)->v1->auth, NHI_V1_AUTH_XAUTH_RSA);
        else
            cr_assert(strstr(p->s[1].trace, "auth_failed:xauth"), "%s", p->s[1].trace);
        duo_end(p);
    }
}

/* ---- losses and faults ---- */

Test(v1_cert, lost_messages_are_sent_again)
{
    for (unsigned mode = 0; mode < 2; mode++)
        for (unsigned to = 0; to < 2; to++)
            for (unsigned k = 0; k < 5; k++) {
                duo *p = ec_pair((nhtb_v1_mode)mode);
                p->lose[to] = UINT64_C(1) << k;
                duo_start(p);
                duo_initiate(p, 0);
                duo_run(p);
                duo_pass(p, 30 * S);
                cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0), "mode %u side %u, datagram %u",
                          mode, to, k);
                duo_end(p);
            }
}

static bool is_up(duo *p)
{
    return duo_child(p, 0, 0) && duo_child(p, 1, 0) && duo_sa(p, 0) && duo_sa(p, 1);
}

/* False: the allocation was never reached. */
static bool starved(nhtb_v1_mode mode, int who, uint64_t k)
{
    duo *p = ec_pair(mode);
    p->s[0].cfg.liveness_s = 10;
    p->s[0].cfg.liveness_tries = 2;
    duo_start(p);
    p->s[who].fail_alloc = p->s[who].allocs + k;
    (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
    duo_drain(p, 0);
    duo_run(p);
    bool reached = p->s[who].allocs >= p->s[who].fail_alloc;
    p->s[who].fail_alloc = 0;
    for (unsigned i = 0; i < 10 && !is_up(p); i++) {
        duo_pass(p, 40 * S);
        (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
        duo_run(p);
    }
    cr_assert(is_up(p), "mode %u side %d, alloc %u: %s / %s", mode, who, (unsigned)k, p->s[0].trace,
              p->s[1].trace);
    duo_end(p);
    return reached;
}

/* NHTB_QUICK: every fifth. */
Test(v1_cert, each_allocation_fails_once_and_a_later_attempt_succeeds)
{
    const uint64_t step = getenv("NHTB_QUICK") != NULL ? 5 : 1;
    for (unsigned mode = 0; mode < 2; mode++)
        for (int who = 0; who < 2; who++)
            for (uint64_t k = 1; k < 400 && starved((nhtb_v1_mode)mode, who, k); k += step)
                ;
}

#endif
