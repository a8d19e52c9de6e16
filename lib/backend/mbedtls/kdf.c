/* SPDX-License-Identifier: Apache-2.0
 * kdf table of the mbedTLS backend: one-shot digests and HMAC over lists of spans, through the
 * generic md layer that 2.28 and 3.6 share. Called through lib/crypto/prf.c; stateless, any thread.
 * RFC 2104, RFC 4868. */
#include <nhtb/backend_mbedtls.h>

#include <mbedtls/version.h>

#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

static const mbedtls_md_info_t *info_of(uint16_t hash)
{
    switch (hash) {
    case NHTB_HASH_SHA1: return mbedtls_md_info_from_type(MBEDTLS_MD_SHA1);
    case NHTB_HASH_SHA256: return mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    case NHTB_HASH_SHA384: return mbedtls_md_info_from_type(MBEDTLS_MD_SHA384);
    case NHTB_HASH_SHA512: return mbedtls_md_info_from_type(MBEDTLS_MD_SHA512);
    default: return NULL;
    }
}

static bool has(uint16_t hash)
{
    return info_of(hash) != NULL;
}

static bool digest(mbedtls_md_context_t *c, const nhtb_span *v, size_t n, uint8_t *out)
{
    if (mbedtls_md_starts(c) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (v[i].n != 0 && mbedtls_md_update(c, v[i].p, v[i].n) != 0)
            return false;
    }
    return mbedtls_md_finish(c, out) == 0;
}

static bool mac(mbedtls_md_context_t *c, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    static const uint8_t empty[1];
    if (mbedtls_md_hmac_starts(c, key.n != 0 ? key.p : empty, key.n) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (v[i].n != 0 && mbedtls_md_hmac_update(c, v[i].p, v[i].n) != 0)
            return false;
    }
    return mbedtls_md_hmac_finish(c, out) == 0;
}

static int hash_once(uint16_t hash, const nhtb_span *v, size_t n, uint8_t *out)
{
    const mbedtls_md_info_t *info = info_of(hash);
    mbedtls_md_context_t c;
    if (info == NULL)
        return NHTB_ERR_UNSUPPORTED;
    mbedtls_md_init(&c);
    bool good = mbedtls_md_setup(&c, info, 0) == 0 && digest(&c, v, n, out);
    mbedtls_md_free(&c);
    if (good)
        return 0;
    mbedtls_platform_zeroize(out, mbedtls_md_get_size(info));
    return NHTB_ERR_CRYPTO;
}

static int hmac_once(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    const mbedtls_md_info_t *info = info_of(hash);
    mbedtls_md_context_t c;
    if (info == NULL)
        return NHTB_ERR_UNSUPPORTED;
    mbedtls_md_init(&c);
    bool good = mbedtls_md_setup(&c, info, 1) == 0 && mac(&c, key, v, n, out);
    mbedtls_md_free(&c);
    if (good)
        return 0;
    mbedtls_platform_zeroize(out, mbedtls_md_get_size(info));
    return NHTB_ERR_CRYPTO;
}

static const nhtb_kdf_ops ops = {
    .size = sizeof(nhtb_kdf_ops),
    .name = "mbedtls",
    .has = has,
    .hash = hash_once,
    .hmac = hmac_once,
};

const nhtb_kdf_ops *nhtb_mbedtls_kdf(void)
{
    return &ops;
}
