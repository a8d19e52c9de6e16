/* SPDX-License-Identifier: Apache-2.0
 * Signatures of the OpenSSL backend: RSA PKCS#1 v1.5 (also without DigestInfo, for IKEv1), RSA-PSS
 * and ECDSA. Salts and nonces come from OpenSSL's own random source, the seed is not needed. Called
 * through the pk table, as jobs on any thread. RFC 8017, RFC 2409 5.1. */
#include "sig.h"

#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static const EVP_MD *md_of(uint16_t hash)
{
    switch (hash) {
    case NHTB_HASH_SHA1: return EVP_sha1();
    case NHTB_HASH_SHA256: return EVP_sha256();
    case NHTB_HASH_SHA384: return EVP_sha384();
    case NHTB_HASH_SHA512: return EVP_sha512();
    default: return NULL;
    }
}

bool nhi_openssl_has_sig(uint16_t alg, uint16_t hash)
{
    if (hash == NHTB_HASH_NONE)
        return alg == NHTB_SIG_RSA_PKCS1 || alg == NHTB_SIG_ECDSA;
    return md_of(hash) != NULL && alg >= NHTB_SIG_RSA_PKCS1 && alg <= NHTB_SIG_ECDSA;
}

static EVP_PKEY *private_of(nhtb_span key)
{
    const unsigned char *p = key.p;
    EVP_PKEY *pk = key.n <= LONG_MAX ? d2i_AutoPrivateKey(NULL, &p, (long)key.n) : NULL;
    if (pk != NULL && p != key.p + key.n) {
        EVP_PKEY_free(pk);
        pk = NULL;
    }
    return pk;
}

/* The whole span, and nothing behind it. */
static EVP_PKEY *public_of(nhtb_span spki)
{
    const unsigned char *p = spki.p;
    EVP_PKEY *pk = spki.n <= LONG_MAX ? d2i_PUBKEY(NULL, &p, (long)spki.n) : NULL;
    if (pk != NULL && p != spki.p + spki.n) {
        EVP_PKEY_free(pk);
        pk = NULL;
    }
    return pk;
}

static bool fits(const EVP_PKEY *pk, uint16_t alg)
{
    int want = alg == NHTB_SIG_ECDSA ? EVP_PKEY_EC : EVP_PKEY_RSA;
    return EVP_PKEY_get_base_id(pk) == want;
}

int nhi_openssl_key_public(nhtb_span key, uint8_t *spki, size_t *n)
{
    EVP_PKEY *pk = private_of(key);
    unsigned char *der = NULL;
    int len = pk != NULL ? i2d_PUBKEY(pk, &der) : -1, err = NHTB_ERR_CRYPTO;
    if (len > 0 && (size_t)len <= *n) {
        memcpy(spki, der, (size_t)len);
        *n = (size_t)len;
        err = 0;
    } else if (len > 0) {
        err = NHTB_ERR_SHORT;
    }
    OPENSSL_free(der);
    EVP_PKEY_free(pk);
    ERR_clear_error();
    return err;
}

static bool padding(EVP_PKEY_CTX *c, uint16_t alg)
{
    switch (alg) {
    case NHTB_SIG_RSA_PKCS1: return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1;
    case NHTB_SIG_RSA_PSS:
        return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1;
    default: return true;
    }
}

static bool sign_raw(EVP_PKEY *pk, uint16_t alg, nhtb_span digest, uint8_t *sig, size_t *n)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(pk, NULL);
    bool good = c != NULL && EVP_PKEY_sign_init(c) == 1 && padding(c, alg) &&
                EVP_PKEY_sign(c, sig, n, digest.p, digest.n) == 1;
    EVP_PKEY_CTX_free(c);
    return good;
}

static bool sign_hashed(EVP_PKEY *pk, uint16_t alg, uint16_t hash, nhtb_span m, uint8_t *sig,
                        size_t *n)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *c = NULL;
    bool good = md != NULL && EVP_DigestSignInit(md, &c, md_of(hash), NULL, pk) == 1 &&
                padding(c, alg) && EVP_DigestSign(md, sig, n, m.p, m.n) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

int nhi_openssl_sign(nhtb_span key, uint16_t alg, uint16_t hash, nhtb_span message,
                     const uint8_t seed[NHTB_SIG_SEED], uint8_t *sig, size_t *n)
{
    (void)seed;
    if (!nhi_openssl_has_sig(alg, hash))
        return NHTB_ERR_UNSUPPORTED;
    EVP_PKEY *pk = private_of(key);
    bool good = pk != NULL && fits(pk, alg);
    if (good)
        good = hash == NHTB_HASH_NONE ? sign_raw(pk, alg, message, sig, n)
                                      : sign_hashed(pk, alg, hash, message, sig, n);
    EVP_PKEY_free(pk);
    ERR_clear_error();
    return good ? 0 : NHTB_ERR_CRYPTO;
}

static int verify_raw(EVP_PKEY *pk, uint16_t alg, nhtb_span digest, nhtb_span sig)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(pk, NULL);
    bool ready = c != NULL && EVP_PKEY_verify_init(c) == 1 && padding(c, alg);
    int r = ready ? EVP_PKEY_verify(c, sig.p, sig.n, digest.p, digest.n) : -1;
    EVP_PKEY_CTX_free(c);
    return !ready ? NHTB_SIG_FAIL : r == 1 ? NHTB_SIG_GOOD : NHTB_SIG_BAD;
}

static int verify_hashed(EVP_PKEY *pk, uint16_t alg, uint16_t hash, nhtb_span m, nhtb_span sig)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *c = NULL;
    bool ready =
        md != NULL && EVP_DigestVerifyInit(md, &c, md_of(hash), NULL, pk) == 1 && padding(c, alg);
    int r = ready ? EVP_DigestVerify(md, sig.p, sig.n, m.p, m.n) : -1;
    EVP_MD_CTX_free(md);
    return !ready ? NHTB_SIG_FAIL : r == 1 ? NHTB_SIG_GOOD : NHTB_SIG_BAD;
}

int nhi_openssl_verify(nhtb_span spki, uint16_t alg, uint16_t hash, nhtb_span message,
                       nhtb_span sig)
{
    EVP_PKEY *pk = nhi_openssl_has_sig(alg, hash) ? public_of(spki) : NULL;
    int r = NHTB_SIG_BAD;
    if (pk != NULL && fits(pk, alg))
        r = hash == NHTB_HASH_NONE ? verify_raw(pk, alg, message, sig)
                                   : verify_hashed(pk, alg, hash, message, sig);
    EVP_PKEY_free(pk);
    ERR_clear_error();
    return r;
}
