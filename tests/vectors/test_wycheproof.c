/* SPDX-License-Identifier: Apache-2.0
 * Project Wycheproof's cases through our tables, on every real backend: AEADs as nonce = salt | IV,
 * HMAC through the prf, HKDF as SKEYSEED and prf+, X25519, P-256, P-384 and P-521 as key exchange data. */
#include "json.h"

#define BYTES_MAX 70000

typedef struct aead_case {
    uint8_t keymat[64], iv[64], aad[4096], msg[4096], ct[4096], tag[16], out[4096], icv[16];
    size_t msg_len, aad_len;
    bool valid;
} aead_case;

static bool is_valid(const cJSON *test)
{
    return strcmp(text_of(test, "result"), "valid") == 0;
}

static void aead_read(aead_case *a, const cJSON *test, const nhi_bulk_facts *f)
{
    uint8_t nonce[12];
    bytes_of(test, "key", a->keymat, f->key_len);
    cr_assert_eq(bytes_of(test, "iv", nonce, sizeof nonce), sizeof nonce);
    memcpy(a->keymat + f->key_len, nonce, 4);
    memcpy(a->iv, nonce + 4, 8);
    a->aad_len = bytes_of(test, "aad", a->aad, sizeof a->aad);
    a->msg_len = bytes_of(test, "msg", a->msg, sizeof a->msg);
    cr_assert_eq(bytes_of(test, "ct", a->ct, sizeof a->ct), a->msg_len);
    cr_assert_eq(bytes_of(test, "tag", a->tag, sizeof a->tag), sizeof a->tag);
    a->valid = is_valid(test);
}

static nhtb_bulk_job aead_job(aead_case *a, const uint8_t *src, uint8_t *icv)
{
    nhtb_bulk_job j = {.src = src, .dst = a->out, .iv = a->iv, .aad = a->aad, .icv = icv};
    j.len = (uint32_t)a->msg_len;
    j.aad_len = (uint32_t)a->aad_len;
    return j;
}

static void aead_check(aead_case *a, const nhtb_bulk_ops *ops, const nhi_bulk_facts *f, int id)
{
    test_key out = test_key_make(ops, f, a->keymat, true, 1);
    test_key in = test_key_make(ops, f, a->keymat, false, 1);
    nhtb_bulk_job j = aead_job(a, a->msg, a->icv);
    cr_assert_eq(test_seal(&out, 0, &j), NHTB_BULK_OK);
    bool same = memcmp(a->out, a->ct, a->msg_len) == 0 && memcmp(a->icv, a->tag, 16) == 0;
    cr_assert_eq(same, a->valid, "%s seal, case %d", ops->name, id);
    j = aead_job(a, a->ct, a->tag);
    cr_assert_eq(test_open(&in, 0, &j), a->valid ? NHTB_BULK_OK : NHTB_BULK_BAD, "%s open, case %d",
                 ops->name, id);
    if (a->valid)
        cr_assert_arr_eq(a->out, a->msg, a->msg_len);
    test_key_free(&in);
    test_key_free(&out);
}

static bool aead_one(const cJSON *group, const cJSON *test, const nhtb_crypto *c, unsigned encr)
{
    int bits = number_of(group, "keySize");
    if (number_of(group, "ivSize") != 96 || number_of(group, "tagSize") != 128)
        return false;
    bool chacha = encr == NHI_ENCR_CHACHA20_POLY1305;
    const nhi_bulk_facts *f =
        nhi_bulk_find((uint16_t)encr, chacha ? 0 : (uint16_t)bits, NHI_INTEG_NONE);
    if (f == NULL)
        return false;
    aead_case *a = calloc(1, sizeof *a);
    aead_read(a, test, f);
    aead_check(a, c->bulk, f, number_of(test, "tcId"));
    free(a);
    return true;
}

Test(wycheproof, aes_gcm)
{
    run_file("wycheproof/aes_gcm_test.json", aead_one, NHI_ENCR_AES_GCM16, 133);
}

Test(wycheproof, chacha20_poly1305)
{
    run_file("wycheproof/chacha20_poly1305_test.json", aead_one, NHI_ENCR_CHACHA20_POLY1305, 316);
}

static bool hmac_one(const cJSON *group, const cJSON *test, const nhtb_crypto *c, unsigned prf)
{
    uint8_t key[256], msg[1024], tag[64];
    size_t tag_len = (size_t)number_of(group, "tagSize") / 8;
    nhtb_span k = {key, bytes_of(test, "key", key, sizeof key)};
    nhtb_span m = {msg, bytes_of(test, "msg", msg, sizeof msg)};
    nhi_secret out;
    cr_assert_eq(bytes_of(test, "tag", tag, sizeof tag), tag_len);
    cr_assert_eq(nhi_prf(c, (uint16_t)prf, k, &m, 1, &out), 0);
    cr_assert_leq(tag_len, out.n);
    cr_assert_eq(memcmp(out.b, tag, tag_len) == 0, is_valid(test), "case %d",
                 number_of(test, "tcId"));
    return true;
}

Test(wycheproof, hmac_sha1)
{
    run_file("wycheproof/hmac_sha1_test.json", hmac_one, NHI_PRF_SHA1, 170);
}

Test(wycheproof, hmac_sha256)
{
    run_file("wycheproof/hmac_sha256_test.json", hmac_one, NHI_PRF_SHA256, 174);
}

Test(wycheproof, hmac_sha384)
{
    run_file("wycheproof/hmac_sha384_test.json", hmac_one, NHI_PRF_SHA384, 174);
}

Test(wycheproof, hmac_sha512)
{
    run_file("wycheproof/hmac_sha512_test.json", hmac_one, NHI_PRF_SHA512, 174);
}

/* HKDF-Extract is prf(salt, ikm), HKDF-Expand is prf+(PRK, info). */
static bool hkdf_one(const cJSON *group, const cJSON *test, const nhtb_crypto *c, unsigned prf)
{
    (void)group;
    uint8_t ikm[512], salt[512], info[512];
    uint8_t *okm = calloc(2, BYTES_MAX), *got = okm + BYTES_MAX;
    nhtb_span s = {salt, bytes_of(test, "salt", salt, sizeof salt)};
    nhtb_span k = {ikm, bytes_of(test, "ikm", ikm, sizeof ikm)};
    nhtb_span i = {info, bytes_of(test, "info", info, sizeof info)};
    size_t size = (size_t)number_of(test, "size");
    cr_assert_lt(size, BYTES_MAX);
    nhi_secret prk;
    cr_assert_eq(nhi_prf(c, (uint16_t)prf, s, &k, 1, &prk), 0);
    int err = nhi_prf_plus(c, (uint16_t)prf, nhi_secret_span(&prk), &i, 1, got, size);
    if (is_valid(test)) {
        cr_assert_eq(err, 0);
        cr_assert_eq(bytes_of(test, "okm", okm, BYTES_MAX), size);
        cr_assert_arr_eq(got, okm, size, "case %d", number_of(test, "tcId"));
    } else {
        cr_assert(has_flag(test, "SizeTooLarge"));
        cr_assert_eq(err, NHTB_ERR_ARG);
    }
    free(okm);
    return true;
}

Test(wycheproof, hkdf_sha256)
{
    run_file("wycheproof/hkdf_sha256_test.json", hkdf_one, NHI_PRF_SHA256, 86);
}

Test(wycheproof, hkdf_sha384)
{
    run_file("wycheproof/hkdf_sha384_test.json", hkdf_one, NHI_PRF_SHA384, 83);
}

Test(wycheproof, hkdf_sha512)
{
    run_file("wycheproof/hkdf_sha512_test.json", hkdf_one, NHI_PRF_SHA512, 83);
}

/* peer: what would be in the KE payload. expected NULL: it must be refused. */
static void dh_check(const nhtb_pk_ops *pk, uint16_t method, const cJSON *test, const uint8_t *peer,
                     size_t peer_len, const uint8_t *expected)
{
    uint8_t priv[80], seed[NHTB_KE_SEED], secret[NHTB_KE_SECRET_MAX];
    size_t n = bytes_of(test, "private", priv, sizeof priv);
    int id = number_of(test, "tcId");
    test_dh d;
    test_dh_seed(method, priv, n, seed);
    cr_assert_eq(test_dh_make(&d, pk, method, seed), 0);
    int err = test_dh_shared(&d, peer, peer_len, secret, &n);
    if (expected == NULL) {
        cr_assert_eq(err, NHTB_ERR_CRYPTO, "%s accepted case %d", pk->name, id);
    } else {
        cr_assert_eq(err, 0, "%s refused case %d", pk->name, id);
        cr_assert_eq(n, nhi_ke_secret_len(method));
        cr_assert_arr_eq(secret, expected, n, "%s, case %d", pk->name, id);
    }
    test_dh_free(&d);
}

static bool x25519_one(const cJSON *group, const cJSON *test, const nhtb_crypto *c, unsigned kind)
{
    (void)group;
    (void)kind;
    uint8_t pub[64], shared[64];
    size_t n = bytes_of(test, "public", pub, sizeof pub);
    cr_assert_eq(bytes_of(test, "shared", shared, sizeof shared), 32);
    bool refuse = has_flag(test, "ZeroSharedSecret");
    dh_check(c->pk, NHTB_KE_X25519, test, pub, n, refuse ? NULL : shared);
    return true;
}

Test(wycheproof, x25519)
{
    run_file("wycheproof/x25519_test.json", x25519_one, 0, 518);
}

/* KE data is x|y without the form octet (RFC 5903 7), so compressed points never fit. */
static bool ecp_one(const cJSON *group, const cJSON *test, const nhtb_crypto *c, unsigned method)
{
    (void)group;
    uint8_t pub[256], shared[NHTB_KE_SECRET_MAX];
    size_t n = bytes_of(test, "public", pub, sizeof pub);
    size_t len = bytes_of(test, "shared", shared, sizeof shared);
    bool plain = n == nhi_ke_public_len((uint16_t)method) + 1 && pub[0] == 4;
    if (is_valid(test))
        cr_assert_eq(len, nhi_ke_secret_len((uint16_t)method));
    dh_check(c->pk, (uint16_t)method, test, plain ? pub + 1 : pub, plain ? n - 1 : n,
             is_valid(test) ? shared : NULL);
    return true;
}

Test(wycheproof, ecdh_secp256r1)
{
    run_file("wycheproof/ecdh_secp256r1_ecpoint_test.json", ecp_one, NHTB_KE_P256, 355);
}

Test(wycheproof, ecdh_secp384r1)
{
    run_file("wycheproof/ecdh_secp384r1_ecpoint_test.json", ecp_one, NHTB_KE_P384, 790);
}

Test(wycheproof, ecdh_secp521r1)
{
    run_file("wycheproof/ecdh_secp521r1_ecpoint_test.json", ecp_one, NHTB_KE_P521, 661);
}
