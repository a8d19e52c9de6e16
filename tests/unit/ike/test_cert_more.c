/* SPDX-License-Identifier: Apache-2.0
 * IKEv2 with certificates, the rest: the methods for peers that do not know RFC 7427, certificates
 * that are sent or not, whom we say we trust, AUTH payloads that are none, jobs that came back without
 * a result. RFC 7296 2.15, 3.6, 3.7, RFC 7427, RFC 4754. */
#include "duo.h"

#include "crypto/sig.h"
#include "ike/v2/cert.h"
#include "pki/fixture.h"
#include "pki/now.h"

#if NHTB_HAVE_OPENSSL

enum { RSA = 1, P256 = 9, P384 = 10, P521 = 11, DIGITAL = 14 };

static nhtb_pki pki[2];
static char chains[2][8192];

static const struct spoke {
    const char *cert, *issuer, *key, *name;
    uint8_t method; /* without RFC 7427 */
} spokes[] = {{pki_p256, pki_sub, pki_p256_key, "p256.example", P256},
              {pki_p384, "", pki_p384_key, "p384.example", P384},
              {pki_p521, "", pki_p521_key, "p521.example", P521}};

static void give(duo *p, int i, const char *cert, const char *issuer, const char *key)
{
    side *s = &p->s[i];
    nhtb_pki_init(&pki[i]);
    snprintf(chains[i], sizeof chains[i], "%s%s", cert, issuer);
    pki[i].chain = str(chains[i]);
    pki[i].key = str(key);
    pki[i].anchors = str(pki_root);
    s->cfg.pki = &pki[i];
    s->cfg.psk = (nhtb_span){NULL, 0};
    s->crypto.pk = nhtb_openssl_crypto().pk;
    s->mem.host.wall_time = pki_wall;
}

/** Side 0 is the hub with RSA, side 1 a spoke. */
static duo *pair(const struct spoke *k)
{
    duo *p = duo_new();
    give(p, 0, pki_hub, pki_sub, pki_hub_key);
    give(p, 1, k->cert, k->issuer, k->key);
    p->s[0].cfg.local_id = p->s[1].cfg.remote_id =
        (nhtb_identity){NHTB_ID_FQDN, str("hub.example")};
    p->s[1].cfg.local_id = p->s[0].cfg.remote_id = (nhtb_identity){NHTB_ID_FQDN, str(k->name)};
    return p;
}

static nhi_ike_sa *only_sa(duo *p, int i)
{
    cr_assert_eq(p->s[i].ike->n_sas, 1);
    return NHI_CONTAINER(p->s[i].ike->sas.next, nhi_ike_sa, link);
}

/* ---- methods ---- */

/** The responder's IKE_SA_INIT names no hashes, as one that does not know RFC 7427. */
static void old_responder(duo *p, int from)
{
    nhi_ike *r = p->s[!from].ike;
    uint32_t n = r->n_pki;
    duo_initiate(p, from);
    r->n_pki = 0;
    duo_deliver(p);
    r->n_pki = n;
    cr_assert_eq(p->n, 1);
    duo_deliver(p);
}

Test(cert_more, an_older_peer_gets_the_method_of_the_key)
{
    for (size_t k = 0; k < NHI_ARRAY_LEN(spokes); k++)
        for (int from = 0; from < 2; from++) {
            duo *p = pair(&spokes[k]);
            pki[0].send_cert_always = pki[1].send_cert_always = true;
            duo_start(p);
            old_responder(p, from);
            cr_assert_eq(only_sa(p, from)->own_method, from ? spokes[k].method : RSA);
            duo_run(p);
            cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "%s from %d: %s / %s", spokes[k].name, from,
                      p->s[0].trace, p->s[1].trace);
            cr_assert_eq(p->s[0].installed, 1);
            duo_end(p);
        }
}

Test(cert_more, an_older_method_is_held_against_the_key_too)
{
    for (size_t k = 0; k < NHI_ARRAY_LEN(spokes); k++) {
        duo *p = pair(&spokes[k]);
        duo_start(p);
        old_responder(p, 1);
        nhi_ike_sa *sa = only_sa(p, 1);
        cr_assert_not_null(sa->own_auth);
        cr_assert_eq(sa->own_auth->p[0], spokes[k].method);
        cr_assert_eq(sa->own_auth->n, 4 + 2 * (k == 2 ? 66 : 32 + 16 * k), "two halves");
        duo_end(p);
    }
}

Test(cert_more, without_a_hash_in_common_nothing_is_signed)
{
    duo *p = pair(&spokes[0]);
    pki[0].hashes = NHTB_SIGN_SHA512;
    pki[1].hashes = NHTB_SIGN_SHA256;
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    cr_assert_eq(p->s[0].installed + p->s[1].installed, 0);
    cr_assert_not_null(strstr(p->s[1].trace, "ike_failed:"), "%s", p->s[1].trace);
    cr_assert(!duo_sa(p, 0) && !duo_sa(p, 1));
    duo_end(p);
}

static nhtb_detail claimed(duo *p, uint8_t method, const char *auth, size_t n)
{
    static nhi_ike_msg none;
    nhi_ike_sa *sa = duo_sa(p, 0);
    const nhi_ike_claim c = {.id_body = {NULL, 0},
                             .auth = {(const uint8_t *)auth, n},
                             .id = p->s[0].cfg.remote_id,
                             .method = method};
    return nhi_ike_cert_verify(sa, sa->peer->pki, &none, &c);
}

Test(cert_more, what_names_no_signature_we_take_is_no_proof)
{
    static const char sha1[] = "\x0d\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05signature";
    static const char ecdsa[] = "\x0c\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02signature";
    static const char ecdsa384[] = "\x0c\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03signature";
    static const struct {
        uint8_t method;
        const char *auth;
        size_t n;
        nhtb_detail want;
    } v[] = {
        {DIGITAL, ecdsa, 22, NHTB_DETAIL_CERT_UNTRUSTED},    /* fine, but no certificate came */
        {DIGITAL, ecdsa384, 22, NHTB_DETAIL_AUTHENTICATION}, /* a hash we do not accept */
        {DIGITAL, sha1, 23, NHTB_DETAIL_AUTHENTICATION},
        {DIGITAL, ecdsa, 13, NHTB_DETAIL_AUTHENTICATION}, /* no signature behind it */
        {DIGITAL, ecdsa, 5, NHTB_DETAIL_AUTHENTICATION},
        {DIGITAL, ecdsa, 0, NHTB_DETAIL_AUTHENTICATION},
        {DIGITAL, "\x00\x30", 2, NHTB_DETAIL_AUTHENTICATION},
        {DIGITAL, "\x01\x30\x30", 3, NHTB_DETAIL_AUTHENTICATION},
        {DIGITAL, "\x02\x30\x00\x00", 4, NHTB_DETAIL_AUTHENTICATION},
        {DIGITAL, "\x03\x30\x00\x00x", 5, NHTB_DETAIL_AUTHENTICATION}, /* more than a sequence */
        {2, "x", 1, NHTB_DETAIL_AUTHENTICATION},
        {3, "x", 1, NHTB_DETAIL_AUTHENTICATION}, /* DSS */
        {8, "x", 1, NHTB_DETAIL_AUTHENTICATION},
        {12, "x", 1, NHTB_DETAIL_AUTHENTICATION},
        {RSA, "x", 1, NHTB_DETAIL_CERT_UNTRUSTED},
        {P256, "x", 1, NHTB_DETAIL_CERT_UNTRUSTED},
        {P521, "x", 1, NHTB_DETAIL_CERT_UNTRUSTED},
    };
    duo *p = pair(&spokes[0]);
    pki[0].hashes = NHTB_SIGN_SHA256;
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++)
        cr_expect_eq(claimed(p, v[k].method, v[k].auth, v[k].n), v[k].want, "%zu", k);
    cr_assert_eq(p->s[0].ike->n_jobs, 0);
    duo_end(p);
}

Test(cert_more, each_verdict_has_its_cause)
{
    static const struct {
        nhi_x509 chain;
        bool held;
        int verdict;
        nhtb_detail want;
    } v[] = {
        {NHI_X509_GOOD, true, NHTB_SIG_GOOD, NHTB_DETAIL_NONE},
        {NHI_X509_GOOD, true, NHTB_SIG_BAD, NHTB_DETAIL_AUTHENTICATION},
        {NHI_X509_GOOD, true, 0, NHTB_DETAIL_AUTHENTICATION},
        {NHI_X509_GOOD, false, NHTB_SIG_GOOD, NHTB_DETAIL_CERT_NAME},
        {NHI_X509_MALFORMED, true, NHTB_SIG_GOOD, NHTB_DETAIL_MALFORMED},
        {NHI_X509_UNTRUSTED, true, NHTB_SIG_GOOD, NHTB_DETAIL_CERT_UNTRUSTED},
        {NHI_X509_EXPIRED, true, NHTB_SIG_GOOD, NHTB_DETAIL_CERT_EXPIRED},
        {NHI_X509_REVOKED, true, NHTB_SIG_GOOD, NHTB_DETAIL_CERT_REVOKED},
        {NHI_X509_NO_STATUS, true, NHTB_SIG_GOOD, NHTB_DETAIL_CERT_STATUS},
        {NHI_X509_WEAK, true, NHTB_SIG_GOOD, NHTB_DETAIL_CERT_WEAK},
        {(nhi_x509)77, true, NHTB_SIG_GOOD, NHTB_DETAIL_AUTHENTICATION},
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        nhi_sig_work w = {.chain = v[k].chain, .id_held = v[k].held, .verdict = v[k].verdict};
        cr_expect_eq(nhi_ike_cert_detail(&w), v[k].want, "%zu", k);
    }
}

/* ---- certificates and requests ---- */

Test(cert_more, a_certificate_goes_to_who_asks_or_to_all)
{
    for (unsigned k = 0; k < 4; k++)
        for (int from = 0; from < 2; from++) {
            bool asked = k & 1, always = k & 2;
            duo *p = pair(&spokes[0]);
            pki[0].send_certreq = pki[1].send_certreq = asked;
            pki[0].send_cert_always = pki[1].send_cert_always = always;
            duo_start(p);
            duo_initiate(p, from);
            duo_run(p);
            bool up = duo_sa(p, 0) && duo_sa(p, 1);
            cr_assert_eq(up, asked || always, "%u from %d: %s / %s", k, from, p->s[0].trace,
                         p->s[1].trace);
            if (!up)
                cr_assert_not_null(strstr(p->s[!from].trace, "auth_failed:cert_untrusted"), "%s",
                                   p->s[!from].trace);
            duo_end(p);
        }
}

/** Key hashes in the CERTREQ of side 0's answer; SIZE_MAX: there is none. */
static size_t asked_for(duo *p)
{
    nhi_ike_msg m;
    duo_initiate(p, 1);
    duo_deliver(p);
    cr_assert_eq(p->n, 1);
    const datagram *d = &p->q[0];
    cr_assert_eq(nhi_ike_msg_parse(&m, d->p[16], d->p + 28, d->n - 28), NHI_CHAIN_OK);
    const nhi_ike_pl *r = nhi_ike_msg_get(&m, NHI_PL_CERTREQ, 0);
    p->n = 0;
    return r ? (r->body.n - 1) / NHI_KEY_HASH : SIZE_MAX;
}

Test(cert_more, a_responder_names_each_anchor_of_its_entries_once)
{
    static const struct {
        const char *anchors;
        bool ask, start;
        size_t want;
    } v[] = {
        {pki_root, true, true, 1}, /* the same as the first entry's */
        {pki_other_root, true, true, 2},
        {pki_other_root, false, true, 1}, /* it says nothing */
        {pki_other_root, true, false, 1}, /* not started */
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = pair(&spokes[0]);
        duo_start(p);
        nhtb_pki more = pki[0];
        nhtb_peer c = p->s[0].cfg;
        nhtb_peer_id id;
        c.name = "more";
        c.remote_id = (nhtb_identity){NHTB_ID_FQDN, str("more.example")};
        more.anchors = str(v[k].anchors);
        more.send_certreq = v[k].ask;
        c.pki = &more;
        cr_assert_eq(nhi_ike_peer_new(p->s[0].ike, &c, &id), 0);
        if (v[k].start)
            nhi_ike_peer_start(p->s[0].ike, id, p->now);
        cr_assert_eq(asked_for(p), v[k].want, "%zu", k);
        duo_end(p);
    }
}

/* ---- jobs ---- */

/** Runs every job of a side but those of one kind, which are handed back as they are. */
static unsigned work_without(duo *p, int i, nhi_job_kind kind)
{
    unsigned skipped = 0;
    nhtb_job *j;
    while ((j = nhi_ike_job_next(p->s[i].ike))) {
        if (j->kind == kind)
            skipped++;
        else
            nhtb_job_run(j);
        nhi_ike_job_done(p->s[i].ike, j, p->now);
    }
    duo_drain(p, i);
    return skipped;
}

Test(cert_more, a_proof_that_was_not_looked_at_is_no_proof)
{
    static const nhi_job_kind kinds[] = {NHI_JOB_SIGN, NHI_JOB_VERIFY};
    for (unsigned k = 0; k < 4; k++) {
        int who = k & 1; /* side 1 begins */
        nhi_job_kind kind = kinds[k / 2];
        unsigned skipped = 0;
        duo *p = pair(&spokes[0]);
        duo_start(p);
        duo_initiate(p, 1);
        for (unsigned i = 0; i < 20 && p->n; i++) {
            datagram d = p->q[0];
            if (d.to != who) {
                duo_deliver(p);
                continue;
            }
            p->n = 0;
            (void)nhi_ike_recv(p->s[who].ike, &d.path, d.kind, (nhtb_span){d.p, d.n}, p->now);
            skipped += work_without(p, who, kind);
        }
        cr_assert_eq(skipped, 1, "%u", k);
        cr_assert_eq(p->s[who].installed, 0, "%u: %s", k, p->s[who].trace);
        cr_assert_null(duo_sa(p, who), "%u: %s", k, p->s[who].trace);
        cr_assert_null(strstr(p->s[who].trace, "ike_up"), "%u: %s", k, p->s[who].trace);
        duo_end(p);
    }
}

#endif
