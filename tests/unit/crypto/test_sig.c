/* SPDX-License-Identifier: Apache-2.0
 * Signatures: every algorithm, hash and form made by one backend and taken by every other; every
 * changed bit refused; forged paddings, small keys and small exponents refused; jobs. */
#include "pki/pki_util.h"

static const struct {
    const char *key, *cert;
    uint16_t alg;
} signers[] = {
    {pki_hub_key, pki_hub, NHTB_SIG_RSA_PKCS1}, {pki_hub_key, pki_hub, NHTB_SIG_RSA_PSS},
    {pki_p256_key, pki_p256, NHTB_SIG_ECDSA},   {pki_p384_key, pki_p384, NHTB_SIG_ECDSA},
    {pki_p521_key, pki_p521, NHTB_SIG_ECDSA},
};
static const uint16_t hashes[] = {NHTB_HASH_NONE, NHTB_HASH_SHA256, NHTB_HASH_SHA384,
                                  NHTB_HASH_SHA512};
static const uint8_t message[20] = "twenty octets, as a"; /* also a digest of SHA-1's length */

typedef struct made {
    pki_der key, cert_der;
    nhi_cert cert;
    uint8_t sig[NHTB_SIG_MAX];
    size_t n;
} made;

static bool sign_one(made *m, const nhtb_crypto *c, size_t who, const nhi_sig_how *how)
{
    uint8_t seed[NHTB_SIG_SEED] = {7};
    pki_read(&m->key, signers[who].key);
    cr_assert(nhi_cert_read(&m->cert, pki_read(&m->cert_der, signers[who].cert)));
    m->n = sizeof m->sig;
    int err =
        nhi_sign(c, m->key.span, how, (nhtb_span){message, sizeof message}, seed, m->sig, &m->n);
    bool impossible = how->alg == NHTB_SIG_RSA_PSS && how->hash == NHTB_HASH_NONE;
    cr_assert_eq(err, impossible ? NHTB_ERR_UNSUPPORTED : 0, "%s: signer %zu hash %u: %d",
                 c->pk->name, who, how->hash, err);
    return err == 0;
}

static int check(const nhtb_crypto *c, const made *m, const nhi_sig_how *how)
{
    return nhi_verify(c, m->cert.spki, how, (nhtb_span){message, sizeof message},
                      (nhtb_span){m->sig, m->n});
}

Test(sig, what_one_backend_signs_every_backend_takes)
{
    for (size_t who = 0; who < NHI_ARRAY_LEN(signers); who++) {
        for (unsigned i = 0; i < 2 * NHI_ARRAY_LEN(hashes) * N_REAL; i++) {
            nhtb_crypto from = real_backends[i % N_REAL]();
            nhi_sig_how how = {signers[who].alg, hashes[i / N_REAL / 2], i / N_REAL % 2 != 0};
            made m;
            if (!sign_one(&m, &from, who, &how))
                continue;
            for (size_t b = 0; b < N_REAL; b++) {
                nhtb_crypto to = real_backends[b]();
                cr_assert_eq(check(&to, &m, &how), NHTB_SIG_GOOD, "%s to %s, signer %zu, hash %u",
                             from.pk->name, to.pk->name, who, how.hash);
            }
        }
    }
}

Test(sig, every_changed_bit_of_a_signature_is_refused)
{
    for (size_t who = 0; who < NHI_ARRAY_LEN(signers); who++) {
        for (unsigned plain = 0; plain < 2; plain++) {
            nhtb_crypto c = real_backends[who % N_REAL]();
            nhi_sig_how how = {signers[who].alg, NHTB_HASH_SHA256, plain != 0};
            made m;
            sign_one(&m, &c, who, &how);
            for (size_t bit = 0; bit < m.n * 8; bit += bit < 64 || bit > m.n * 8 - 64 ? 1 : 13) {
                m.sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
                cr_assert_neq(check(&c, &m, &how), NHTB_SIG_GOOD, "signer %zu bit %zu", who, bit);
                m.sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
            cr_assert_eq(check(&c, &m, &how), NHTB_SIG_GOOD);
            m.n--;
            cr_assert_neq(check(&c, &m, &how), NHTB_SIG_GOOD, "cut");
            m.n += 2;
            m.sig[m.n - 1] = 0;
            cr_assert_neq(check(&c, &m, &how), NHTB_SIG_GOOD, "longer");
        }
    }
}

Test(sig, another_algorithm_hash_form_key_or_message_is_refused)
{
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        for (size_t who = 0; who < NHI_ARRAY_LEN(signers); who++) {
            nhi_sig_how how = {signers[who].alg, NHTB_HASH_SHA256, false}, wrong = how;
            made m, other;
            sign_one(&m, &c, who, &how);
            for (wrong.alg = 0; wrong.alg < 5; wrong.alg++)
                cr_assert_eq(check(&c, &m, &wrong) == NHTB_SIG_GOOD, wrong.alg == how.alg);
            wrong = how;
            for (wrong.hash = 0; wrong.hash < 6; wrong.hash++)
                cr_assert_eq(check(&c, &m, &wrong) == NHTB_SIG_GOOD, wrong.hash == how.hash);
            wrong = (nhi_sig_how){how.alg, how.hash, true};
            bool has_forms = how.alg == NHTB_SIG_ECDSA;
            cr_assert_eq(check(&c, &m, &wrong) == NHTB_SIG_GOOD, !has_forms);
            nhi_sig_how theirs = {signers[(who + 2) % 5].alg, NHTB_HASH_SHA256, false};
            sign_one(&other, &c, (who + 2) % 5, &theirs);
            cr_assert_neq(nhi_verify(&c, other.cert.spki, &how, (nhtb_span){message, 20},
                                     (nhtb_span){m.sig, m.n}),
                          NHTB_SIG_GOOD);
            cr_assert_neq(nhi_verify(&c, m.cert.spki, &how, (nhtb_span){message, 19},
                                     (nhtb_span){m.sig, m.n}),
                          NHTB_SIG_GOOD);
        }
    }
}

/* The kind of forgery of 2006: with a small exponent the garbage can be chosen so that no key is
 * needed. Here the key made it, so only the look at the whole block refuses it. */
Test(sig, garbage_behind_the_hash_is_refused)
{
    uint8_t sig[256];
    pki_der der;
    nhi_cert cert;
    size_t n = unhex(pki_forged, sig, sizeof sig);
    cr_assert(nhi_cert_read(&cert, pki_read(&der, pki_hub)));
    nhi_sig_how how = {NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA256, false};
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        cr_assert_neq(nhi_verify(&c, cert.spki, &how, pki_text("forged"), (nhtb_span){sig, n}),
                      NHTB_SIG_GOOD);
    }
}

Test(sig, keys_below_the_floor_are_no_keys)
{
    static const struct {
        const char *cert;
        nhi_key_kind kind;
    } v[] = {{pki_hub, NHI_KEY_RSA},   {pki_p256, NHI_KEY_P256}, {pki_p384, NHI_KEY_P384},
             {pki_p521, NHI_KEY_P521}, {pki_weak, NHI_KEY_NONE}, {pki_e3, NHI_KEY_NONE}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        pki_der der;
        nhi_cert cert;
        cr_assert(nhi_cert_read(&cert, pki_read(&der, v[i].cert)));
        cr_assert_eq(cert.key, v[i].kind, "%zu", i);
        for (size_t n = 0; n < cert.spki.n; n++)
            cr_assert_eq(nhi_spki_kind((nhtb_span){cert.spki.p, n}), NHI_KEY_NONE, "cut");
    }
}

Test(sig, a_key_belongs_to_its_certificate_alone)
{
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        for (size_t i = 1; i < NHI_ARRAY_LEN(signers); i++) {
            for (size_t k = 1; k < NHI_ARRAY_LEN(signers); k++) {
                pki_der key, der;
                nhi_cert cert;
                pki_read(&key, signers[i].key);
                cr_assert(nhi_cert_read(&cert, pki_read(&der, signers[k].cert)));
                cr_assert_eq(nhi_key_fits(&c, key.span, &cert), i == k);
                cr_assert_eq(nhi_key_of(&c, key.span) == cert.key, i == k,
                             "kinds differ in this list");
            }
        }
        cr_assert_eq(nhi_key_of(&c, pki_text("no key")), NHI_KEY_NONE);
    }
}

/* RFC 7427 A.1 to A.4, written and read. */
Test(sig, algorithm_identifiers_are_those_of_the_rfc)
{
    static const struct {
        uint16_t alg, hash;
        const char *der;
    } v[] = {
        {NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA256, "300d06092a864886f70d01010b0500"},
        {NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA384, "300d06092a864886f70d01010c0500"},
        {NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA512, "300d06092a864886f70d01010d0500"},
        {NHTB_SIG_ECDSA, NHTB_HASH_SHA256, "300a06082a8648ce3d040302"},
        {NHTB_SIG_ECDSA, NHTB_HASH_SHA384, "300a06082a8648ce3d040303"},
        {NHTB_SIG_ECDSA, NHTB_HASH_SHA512, "300a06082a8648ce3d040304"},
        {NHTB_SIG_RSA_PSS, NHTB_HASH_SHA256,
         "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
         "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120"},
    };
    uint8_t want[NHI_SIG_ALG_MAX], got[NHI_SIG_ALG_MAX];
    uint16_t alg, hash;
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        size_t n = unhex(v[i].der, want, sizeof want);
        cr_assert_eq(nhi_sig_alg_write(v[i].alg, v[i].hash, got), n);
        cr_assert_arr_eq(got, want, n);
        cr_assert(nhi_sig_alg_read((nhtb_span){got + 2, n - 2}, &alg, &hash));
        cr_assert(alg == v[i].alg && hash == v[i].hash);
        for (size_t cut = 0; cut < n - 2; cut++) { /* PKCS#1 may leave its NULL out */
            bool null_out = v[i].alg == NHTB_SIG_RSA_PKCS1 && cut == n - 4;
            cr_assert_eq(nhi_sig_alg_read((nhtb_span){got + 2, cut}, &alg, &hash), null_out);
        }
    }
    cr_assert_eq(nhi_sig_alg_write(NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA1, got), 0);
    size_t n = unhex("06092a864886f70d0101050500", want, sizeof want); /* SHA-1 with RSA */
    cr_assert_not(nhi_sig_alg_read((nhtb_span){want, n}, &alg, &hash));
}

/* ---- jobs ---- */

static nhi_pki *pki_of(nhi_mem *mem, const nhtb_crypto *c, const char *chain, const char *key,
                       const char *anchors)
{
    nhtb_pki cfg;
    nhi_pki *p = NULL;
    const char *what = NULL;
    nhtb_pki_init(&cfg);
    cfg.chain = pki_text(chain);
    cfg.key = pki_text(key);
    cfg.anchors = pki_text(anchors);
    cr_assert_eq(nhi_pki_new(&p, mem, c, &cfg, &what), 0, "%s", what);
    return p;
}

static const char *const anchors_root = pki_root;

static int run_verify(const nhtb_crypto *c, nhi_mem *mem, const made *m, const char *id,
                      nhi_sig_work *out)
{
    pki_der sub;
    int err = 0;
    nhi_pki *p = pki_of(mem, c, "", "", anchors_root);
    nhi_sig_work in = {.pki = p, .how = {NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA256, false}};
    in.message = (nhtb_span){message, sizeof message};
    in.sig = (nhtb_span){m->sig, m->n};
    in.certs[0] = m->cert_der.span;
    in.certs[1] = pki_read(&sub, pki_sub);
    in.n_certs = 2;
    in.id = pki_fqdn(id);
    in.at = PKI_NOW;
    nhtb_job *j = nhi_job_verify(mem, c, &in, mem, &err);
    cr_assert_not_null(j);
    nhi_pki_unref(mem, p); /* the job holds its own */
    nhtb_job_run(j);
    int verdict = j->sig->verdict;
    *out = *j->sig;
    nhi_job_free(mem, j);
    cr_assert_eq(mem->bytes, 0);
    return verdict;
}

Test(sig, a_job_proves_chain_identity_and_signature_together)
{
    nhi_sig_how how = {NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA256, false};
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        nhi_mem mem = test_mem(NULL);
        nhi_sig_work w;
        made m;
        sign_one(&m, &c, 0, &how);
        cr_assert_eq(run_verify(&c, &mem, &m, "hub.example", &w), NHTB_SIG_GOOD);
        cr_assert_neq(run_verify(&c, &mem, &m, "bub.example", &w), NHTB_SIG_GOOD);
        cr_assert(w.chain == NHI_X509_GOOD && !w.id_held);
        m.sig[9] ^= 1;
        cr_assert_neq(run_verify(&c, &mem, &m, "hub.example", &w), NHTB_SIG_GOOD);
        cr_assert(w.chain == NHI_X509_GOOD && w.id_held);
    }
}

Test(sig, a_job_signs_and_allocation_failures_leave_nothing)
{
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        size_t left = SIZE_MAX;
        nhi_mem mem = test_mem(&left);
        nhi_pki *p = pki_of(&mem, &c, pki_p384, pki_p384_key, pki_root);
        uint64_t before = mem.bytes;
        nhi_sig_work in = {.pki = p, .how = {NHTB_SIG_ECDSA, NHTB_HASH_SHA384, true}};
        in.message = (nhtb_span){message, sizeof message};
        for (size_t allow = 0; allow < 2; allow++) {
            int err = 0;
            left = allow;
            cr_assert_null(nhi_job_sign(&mem, &c, &in, NULL, &err));
            cr_assert_eq(err, NHTB_ERR_MEMORY);
            cr_assert(mem.bytes == before && p->refs == 1);
        }
        left = SIZE_MAX;
        nhi_pki_unref(&mem, p);
        cr_assert_eq(mem.bytes, 0);
    }
}
