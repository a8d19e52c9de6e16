/* SPDX-License-Identifier: Apache-2.0
 * Project Wycheproof's signatures through nhi_verify, on every real backend: RSA PKCS#1 v1.5, RSA
 * PSS and ECDSA in DER. A key below our floor proves nothing, whatever the file says. */
#include "json.h"

#include "crypto/sig.h"

#define BYTES_MAX 8192

static uint16_t hash_named(const char *sha)
{
    return strcmp(sha, "SHA-256") == 0   ? NHTB_HASH_SHA256
           : strcmp(sha, "SHA-384") == 0 ? NHTB_HASH_SHA384
                                         : NHTB_HASH_SHA512;
}

static bool sig_one(const cJSON *group, const cJSON *test, const nhtb_crypto *c, unsigned alg)
{
    static uint8_t spki[2048], msg[BYTES_MAX], sig[BYTES_MAX];
    nhtb_span key = {spki, bytes_of(group, "publicKeyDer", spki, sizeof spki)};
    nhtb_span m = {msg, bytes_of(test, "msg", msg, sizeof msg)};
    nhtb_span s = {sig, bytes_of(test, "sig", sig, sizeof sig)};
    nhi_sig_how how = {(uint16_t)alg, hash_named(text_of(group, "sha")), false};
    bool valid = strcmp(text_of(test, "result"), "valid") == 0;
    if (nhi_spki_kind(key) == NHI_KEY_NONE)
        valid = false;
    int r = nhi_verify(c, key, &how, m, s);
    cr_assert_eq(r == NHTB_SIG_GOOD, valid, "%s: case %d (%s): %d", c->pk->name,
                 number_of(test, "tcId"), text_of(test, "comment"), r);
    return true;
}

static const struct {
    const char *file;
    unsigned alg;
    size_t cases;
} files[] = {
    {"ecdsa_secp256r1_sha256_test.json", NHTB_SIG_ECDSA, 484},
    {"ecdsa_secp384r1_sha384_test.json", NHTB_SIG_ECDSA, 504},
    {"ecdsa_secp521r1_sha512_test.json", NHTB_SIG_ECDSA, 542},
    {"rsa_pss_2048_sha256_mgf1_32_test.json", NHTB_SIG_RSA_PSS, 108},
    {"rsa_pss_2048_sha384_mgf1_48_test.json", NHTB_SIG_RSA_PSS, 141},
    {"rsa_pss_3072_sha256_mgf1_32_test.json", NHTB_SIG_RSA_PSS, 108},
    {"rsa_pss_4096_sha256_mgf1_32_test.json", NHTB_SIG_RSA_PSS, 108},
    {"rsa_pss_4096_sha512_mgf1_64_test.json", NHTB_SIG_RSA_PSS, 179},
    {"rsa_signature_2048_sha256_test.json", NHTB_SIG_RSA_PKCS1, 259},
    {"rsa_signature_2048_sha384_test.json", NHTB_SIG_RSA_PKCS1, 258},
    {"rsa_signature_2048_sha512_test.json", NHTB_SIG_RSA_PKCS1, 259},
    {"rsa_signature_3072_sha256_test.json", NHTB_SIG_RSA_PKCS1, 259},
    {"rsa_signature_3072_sha384_test.json", NHTB_SIG_RSA_PKCS1, 259},
    {"rsa_signature_3072_sha512_test.json", NHTB_SIG_RSA_PKCS1, 260},
    {"rsa_signature_4096_sha256_test.json", NHTB_SIG_RSA_PKCS1, 258},
    {"rsa_signature_4096_sha384_test.json", NHTB_SIG_RSA_PKCS1, 259},
    {"rsa_signature_4096_sha512_test.json", NHTB_SIG_RSA_PKCS1, 259},
};

static void run_kind(unsigned alg)
{
    char path[128];
    for (size_t i = 0; i < NHI_ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "wycheproof/%s", files[i].file);
        if (files[i].alg == alg)
            run_file(path, sig_one, alg, files[i].cases);
    }
}

Test(wycheproof_sig, ecdsa)
{
    run_kind(NHTB_SIG_ECDSA);
}

Test(wycheproof_sig, rsa_pss)
{
    run_kind(NHTB_SIG_RSA_PSS);
}

Test(wycheproof_sig, rsa_pkcs1)
{
    run_kind(NHTB_SIG_RSA_PKCS1);
}
