/* SPDX-License-Identifier: Apache-2.0
 * kdf table of the mbedTLS backend: one-shot digests and HMAC over lists of spans and raw CBC,
 * through the generic layers that 2.28 and 3.6 share and that know what a build leaves out. Called
 * through lib/crypto/prf.c and cbc.c; stateless, any thread. RFC 2104, RFC 4868. */
#include <nhtb/backend_mbedtls.h>

#include <string.h>

#include <mbedtls/version.h>

#include <mbedtls/cipher.h>
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

/* ---- cbc ---- */

static const mbedtls_cipher_info_t *cipher_of(uint16_t cipher, size_t key_len)
{
    if (cipher == NHTB_CBC_3DES && key_len == 24)
        return mbedtls_cipher_info_from_type(MBEDTLS_CIPHER_DES_EDE3_CBC);
    if (cipher != NHTB_CBC_AES)
        return NULL;
    switch (key_len) {
    case 16: return mbedtls_cipher_info_from_type(MBEDTLS_CIPHER_AES_128_CBC);
    case 24: return mbedtls_cipher_info_from_type(MBEDTLS_CIPHER_AES_192_CBC);
    case 32: return mbedtls_cipher_info_from_type(MBEDTLS_CIPHER_AES_256_CBC);
    default: return NULL;
    }
}

static bool has_cbc(uint16_t cipher)
{
    return cipher_of(cipher, cipher == NHTB_CBC_AES ? 16 : 24) != NULL;
}

static bool cbc_run(const mbedtls_cipher_info_t *info, bool encrypt, nhtb_span key,
                    const uint8_t *iv, size_t block, const uint8_t *src, uint8_t *dst, size_t n)
{
    mbedtls_cipher_context_t c;
    size_t done = 0;
    mbedtls_cipher_init(&c);
    bool good = mbedtls_cipher_setup(&c, info) == 0 &&
                mbedtls_cipher_setkey(&c, key.p, (int)key.n * 8,
                                      encrypt ? MBEDTLS_ENCRYPT : MBEDTLS_DECRYPT) == 0 &&
                mbedtls_cipher_set_padding_mode(&c, MBEDTLS_PADDING_NONE) == 0 &&
                mbedtls_cipher_crypt(&c, iv, block, src, n, dst, &done) == 0 && done == n;
    mbedtls_cipher_free(&c);
    return good;
}

static int cbc(uint16_t cipher, bool encrypt, nhtb_span key, uint8_t *iv, const uint8_t *src,
               uint8_t *dst, size_t n)
{
    const mbedtls_cipher_info_t *info = cipher_of(cipher, key.n);
    size_t block = cipher == NHTB_CBC_AES ? 16 : 8;
    uint8_t last[16];
    if (info == NULL)
        return has_cbc(cipher) ? NHTB_ERR_ARG : NHTB_ERR_UNSUPPORTED;
    if (n % block != 0)
        return NHTB_ERR_ARG;
    if (n == 0)
        return 0;
    memcpy(last, src + n - block, block); /* before dst may overwrite it */
    if (!cbc_run(info, encrypt, key, iv, block, src, dst, n)) {
        mbedtls_platform_zeroize(dst, n);
        return NHTB_ERR_CRYPTO;
    }
    memcpy(iv, encrypt ? dst + n - block : last, block);
    return 0;
}

static const nhtb_kdf_ops ops = {
    .size = sizeof(nhtb_kdf_ops),
    .name = "mbedtls",
    .has = has,
    .hash = hash_once,
    .hmac = hmac_once,
    .has_cbc = has_cbc,
    .cbc = cbc,
};

const nhtb_kdf_ops *nhtb_mbedtls_kdf(void)
{
    return &ops;
}
