/* SPDX-License-Identifier: Apache-2.0
 * kdf table of the OpenSSL backend: one-shot digests and HMAC over lists of spans.
 * Called through lib/crypto/prf.c; stateless, any thread. RFC 2104, RFC 4868. */
#include <nhtb/backend_openssl.h>

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

static const nhtb_kdf_ops ops = {
    .size = sizeof(nhtb_kdf_ops),
    .name = "openssl",
    .has = has,
    .hash = hash_once,
    .hmac = hmac_once,
};

const nhtb_kdf_ops *nhtb_openssl_kdf(void)
{
    return &ops;
}
