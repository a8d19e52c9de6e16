/* SPDX-License-Identifier: Apache-2.0
 * kdf table of the OpenSSL backend: one-shot digests and HMAC over lists of spans, and raw CBC.
 * Called through lib/crypto/prf.c and cbc.c; stateless, any thread. RFC 2104, RFC 4868. */
#include <nhtb/backend_openssl.h>

#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

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

static bool has(uint16_t hash)
{
    return md_of(hash) != NULL;
}

static bool digest(EVP_MD_CTX *c, const EVP_MD *md, const nhtb_span *v, size_t n, uint8_t *out)
{
    if (EVP_DigestInit_ex(c, md, NULL) != 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (v[i].n != 0 && EVP_DigestUpdate(c, v[i].p, v[i].n) != 1)
            return false;
    }
    return EVP_DigestFinal_ex(c, out, NULL) == 1;
}

static int hash_once(uint16_t hash, const nhtb_span *v, size_t n, uint8_t *out)
{
    const EVP_MD *md = md_of(hash);
    if (md == NULL)
        return NHTB_ERR_UNSUPPORTED;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = c != NULL && digest(c, md, v, n, out);
    EVP_MD_CTX_free(c);
    if (good)
        return 0;
    OPENSSL_cleanse(out, (size_t)EVP_MD_get_size(md));
    return NHTB_ERR_CRYPTO;
}

static bool mac(EVP_MAC_CTX *c, const EVP_MD *md, nhtb_span key, const nhtb_span *v, size_t n,
                uint8_t *out)
{
    static const uint8_t empty[1];
    char name[16];
    size_t len, size = (size_t)EVP_MD_get_size(md);
    OPENSSL_strlcpy(name, EVP_MD_get0_name(md), sizeof name);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_MAC_init(c, key.n != 0 ? key.p : empty, key.n, params) != 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (v[i].n != 0 && EVP_MAC_update(c, v[i].p, v[i].n) != 1)
            return false;
    }
    return EVP_MAC_final(c, out, &len, size) == 1;
}

static int hmac_once(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    const EVP_MD *md = md_of(hash);
    if (md == NULL)
        return NHTB_ERR_UNSUPPORTED;
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *c = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    bool good = c != NULL && mac(c, md, key, v, n, out);
    EVP_MAC_CTX_free(c);
    EVP_MAC_free(hmac);
    if (good)
        return 0;
    OPENSSL_cleanse(out, (size_t)EVP_MD_get_size(md));
    return NHTB_ERR_CRYPTO;
}

/* ---- cbc ---- */

static const char *cipher_name(uint16_t cipher, size_t key_len)
{
    if (cipher == NHTB_CBC_3DES && key_len == 24)
        return "DES-EDE3-CBC";
    if (cipher != NHTB_CBC_AES)
        return NULL;
    switch (key_len) {
    case 16: return "AES-128-CBC";
    case 24: return "AES-192-CBC";
    case 32: return "AES-256-CBC";
    default: return NULL;
    }
}

/* A provider set without it (FIPS has no 3DES in later releases) must not offer it. */
static bool has_cbc(uint16_t cipher)
{
    const char *name = cipher_name(cipher, cipher == NHTB_CBC_AES ? 16 : 24);
    EVP_CIPHER *c = name != NULL ? EVP_CIPHER_fetch(NULL, name, NULL) : NULL;
    EVP_CIPHER_free(c);
    return c != NULL;
}

static bool cbc_run(const char *name, bool encrypt, nhtb_span key, const uint8_t *iv,
                    const uint8_t *src, uint8_t *dst, size_t n)
{
    int done = 0;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool good = cipher != NULL && c != NULL && n <= INT_MAX &&
                EVP_CipherInit_ex2(c, cipher, key.p, iv, encrypt, NULL) == 1 &&
                EVP_CIPHER_CTX_set_padding(c, 0) == 1 &&
                EVP_CipherUpdate(c, dst, &done, src, (int)n) == 1 && (size_t)done == n;
    EVP_CIPHER_CTX_free(c);
    EVP_CIPHER_free(cipher);
    return good;
}

static int cbc(uint16_t cipher, bool encrypt, nhtb_span key, uint8_t *iv, const uint8_t *src,
               uint8_t *dst, size_t n)
{
    const char *name = cipher_name(cipher, key.n);
    size_t block = cipher == NHTB_CBC_AES ? 16 : 8;
    uint8_t last[16];
    if (name == NULL)
        return has_cbc(cipher) ? NHTB_ERR_ARG : NHTB_ERR_UNSUPPORTED;
    if (n % block != 0)
        return NHTB_ERR_ARG;
    if (n == 0)
        return 0;
    memcpy(last, src + n - block, block); /* before dst may overwrite it */
    if (!cbc_run(name, encrypt, key, iv, src, dst, n)) {
        OPENSSL_cleanse(dst, n);
        return NHTB_ERR_CRYPTO;
    }
    memcpy(iv, encrypt ? dst + n - block : last, block);
    return 0;
}

static const nhtb_kdf_ops ops = {
    .size = sizeof(nhtb_kdf_ops),
    .name = "openssl",
    .has = has,
    .hash = hash_once,
    .hmac = hmac_once,
    .has_cbc = has_cbc,
    .cbc = cbc,
};

const nhtb_kdf_ops *nhtb_openssl_kdf(void)
{
    return &ops;
}
