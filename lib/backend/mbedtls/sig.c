/* SPDX-License-Identifier: Apache-2.0
 * Signatures of the mbedTLS backend: RSA PKCS#1 v1.5 (also without DigestInfo, for IKEv1), RSA-PSS
 * and ECDSA. Salts, nonces and blinding come from an HMAC_DRBG over the caller's seed. Called
 * through the pk table, as jobs on any thread. RFC 8017, RFC 2409 5.1. */
#include "sig.h"

#include <string.h>

#include <mbedtls/hmac_drbg.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

#define DIGEST_MAX 64

static mbedtls_md_type_t md_of(uint16_t hash)
{
    switch (hash) {
    case NHTB_HASH_SHA1: return MBEDTLS_MD_SHA1;
    case NHTB_HASH_SHA256: return MBEDTLS_MD_SHA256;
    case NHTB_HASH_SHA384: return MBEDTLS_MD_SHA384;
    case NHTB_HASH_SHA512: return MBEDTLS_MD_SHA512;
    default: return MBEDTLS_MD_NONE;
    }
}

bool nhi_mbedtls_has_sig(uint16_t alg, uint16_t hash)
{
    if (hash == NHTB_HASH_NONE)
        return alg == NHTB_SIG_RSA_PKCS1 || alg == NHTB_SIG_ECDSA;
    return mbedtls_md_info_from_type(md_of(hash)) != NULL && alg >= NHTB_SIG_RSA_PKCS1 &&
           alg <= NHTB_SIG_ECDSA;
}

static bool fits(mbedtls_pk_context *pk, uint16_t alg)
{
    mbedtls_pk_type_t t = mbedtls_pk_get_type(pk);
    return alg == NHTB_SIG_ECDSA ? t == MBEDTLS_PK_ECKEY || t == MBEDTLS_PK_ECDSA
                                 : t == MBEDTLS_PK_RSA;
}

static bool rng_start(mbedtls_hmac_drbg_context *drbg, const uint8_t *seed, size_t n)
{
    return mbedtls_hmac_drbg_seed_buf(drbg, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), seed,
                                      n) == 0;
}

/* What parsing a key needs random numbers for in 3.6 is blinding of a check, so any seed will do. */
int nhi_mbedtls_key_public(nhtb_span key, uint8_t *spki, size_t *n)
{
    static const uint8_t fixed[NHTB_SIG_SEED] = {1};
    mbedtls_pk_context pk;
    mbedtls_hmac_drbg_context drbg;
    int err = NHTB_ERR_CRYPTO, len = 0;
    mbedtls_pk_init(&pk);
    mbedtls_hmac_drbg_init(&drbg);
    if (rng_start(&drbg, fixed, sizeof fixed) &&
        compat_parse_key(&pk, key, mbedtls_hmac_drbg_random, &drbg) == 0) {
        len = mbedtls_pk_write_pubkey_der(&pk, spki, *n);
        err = len > 0 ? 0 : NHTB_ERR_SHORT;
    }
    if (err == 0) { /* written at the end of the room */
        memmove(spki, spki + *n - (size_t)len, (size_t)len);
        *n = (size_t)len;
    }
    mbedtls_hmac_drbg_free(&drbg);
    mbedtls_pk_free(&pk);
    return err;
}

/* The digest of message, or message itself; false: too long, or the hash failed. */
static bool digest_of(uint16_t hash, nhtb_span message, uint8_t buf[DIGEST_MAX], nhtb_span *out)
{
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(md_of(hash));
    if (hash == NHTB_HASH_NONE) {
        *out = message;
        return message.n != 0 && message.n <= DIGEST_MAX;
    }
    *out = (nhtb_span){buf, mbedtls_md_get_size(md)};
    return mbedtls_md(md, message.p, message.n, buf) == 0;
}

/* The hash that drives RFC 6979 where the message is a digest already. */
static mbedtls_md_type_t ecdsa_md(uint16_t hash, size_t digest_len)
{
    if (hash != NHTB_HASH_NONE)
        return md_of(hash);
    return digest_len == 48   ? MBEDTLS_MD_SHA384
           : digest_len == 64 ? MBEDTLS_MD_SHA512
                              : MBEDTLS_MD_SHA256;
}

static bool sign_with(mbedtls_pk_context *pk, uint16_t alg, uint16_t hash, nhtb_span d,
                      mbedtls_hmac_drbg_context *drbg, uint8_t *sig, size_t *n)
{
    size_t room = *n;
    nhi_mbedtls_rng rng = mbedtls_hmac_drbg_random;
    if (alg == NHTB_SIG_ECDSA)
        return compat_ecdsa_sign(mbedtls_pk_ec(*pk), ecdsa_md(hash, d.n), d, sig, room, n, rng,
                                 drbg) == 0;
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(*pk);
    *n = mbedtls_rsa_get_len(rsa);
    if (*n > room)
        return false;
    if (alg == NHTB_SIG_RSA_PKCS1)
        return compat_pkcs1_sign(rsa, rng, drbg, md_of(hash), d, sig) == 0;
    compat_set_pss(rsa, md_of(hash));
    return compat_pss_sign(rsa, rng, drbg, md_of(hash), d, sig) == 0;
}

int nhi_mbedtls_sign(nhtb_span key, uint16_t alg, uint16_t hash, nhtb_span message,
                     const uint8_t seed[NHTB_SIG_SEED], uint8_t *sig, size_t *n)
{
    mbedtls_pk_context pk;
    mbedtls_hmac_drbg_context drbg;
    uint8_t buf[DIGEST_MAX];
    nhtb_span d;
    if (!nhi_mbedtls_has_sig(alg, hash))
        return NHTB_ERR_UNSUPPORTED;
    mbedtls_pk_init(&pk);
    mbedtls_hmac_drbg_init(&drbg);
    bool good = rng_start(&drbg, seed, NHTB_SIG_SEED) &&
                compat_parse_key(&pk, key, mbedtls_hmac_drbg_random, &drbg) == 0 &&
                fits(&pk, alg) && digest_of(hash, message, buf, &d) &&
                sign_with(&pk, alg, hash, d, &drbg, sig, n);
    mbedtls_hmac_drbg_free(&drbg);
    mbedtls_pk_free(&pk);
    mbedtls_platform_zeroize(buf, sizeof buf);
    return good ? 0 : NHTB_ERR_CRYPTO;
}

static bool verify_with(mbedtls_pk_context *pk, uint16_t alg, uint16_t hash, nhtb_span d,
                        nhtb_span sig)
{
    if (alg == NHTB_SIG_ECDSA)
        return mbedtls_ecdsa_read_signature(mbedtls_pk_ec(*pk), d.p, d.n, sig.p, sig.n) == 0;
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(*pk);
    if (sig.n != mbedtls_rsa_get_len(rsa))
        return false;
    if (alg == NHTB_SIG_RSA_PKCS1)
        return compat_pkcs1_verify(rsa, md_of(hash), d, sig.p) == 0;
    compat_set_pss(rsa, md_of(hash));
    return compat_pss_verify(rsa, md_of(hash), d, sig.p) == 0;
}

int nhi_mbedtls_verify(nhtb_span spki, uint16_t alg, uint16_t hash, nhtb_span message,
                       nhtb_span sig)
{
    mbedtls_pk_context pk;
    uint8_t buf[DIGEST_MAX];
    nhtb_span d;
    if (!nhi_mbedtls_has_sig(alg, hash))
        return NHTB_SIG_BAD;
    mbedtls_pk_init(&pk);
    unsigned char *at = (unsigned char *)(uintptr_t)spki.p; /* read only */
    bool good = mbedtls_pk_parse_subpubkey(&at, spki.p + spki.n, &pk) == 0 &&
                at == spki.p + spki.n && fits(&pk, alg) && digest_of(hash, message, buf, &d) &&
                verify_with(&pk, alg, hash, d, sig);
    mbedtls_pk_free(&pk);
    return good ? NHTB_SIG_GOOD : NHTB_SIG_BAD;
}
