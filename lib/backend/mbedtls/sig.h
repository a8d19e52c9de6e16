/* SPDX-License-Identifier: Apache-2.0
 * Signatures and chains of the mbedTLS backend; members of its pk table, with the contracts of
 * nhtb_pk_ops; and the calls whose form differs between 2.28 and 3.6. Any thread. */
#ifndef NHI_MBEDTLS_SIG_H
#define NHI_MBEDTLS_SIG_H

#include <nhtb/crypto.h>

#include <mbedtls/version.h>

#include <mbedtls/ecdsa.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>

bool nhi_mbedtls_has_sig(uint16_t alg, uint16_t hash);
int nhi_mbedtls_key_public(nhtb_span key, uint8_t *spki, size_t *n);
int nhi_mbedtls_sign(nhtb_span key, uint16_t alg, uint16_t hash, nhtb_span message,
                     const uint8_t seed[NHTB_SIG_SEED], uint8_t *sig, size_t *n);
int nhi_mbedtls_verify(nhtb_span spki, uint16_t alg, uint16_t hash, nhtb_span message,
                       nhtb_span sig);
int nhi_mbedtls_chain(const nhtb_chain *in, uint16_t path[NHTB_CHAIN_MAX], size_t *n);

typedef int (*nhi_mbedtls_rng)(void *user, unsigned char *dst, size_t n);

#if MBEDTLS_VERSION_MAJOR >= 3

static inline void compat_set_pss(mbedtls_rsa_context *rsa, mbedtls_md_type_t md)
{
    mbedtls_rsa_set_padding(rsa, MBEDTLS_RSA_PKCS_V21, md);
}
static inline int compat_parse_key(mbedtls_pk_context *pk, nhtb_span key, nhi_mbedtls_rng rng,
                                   void *user)
{
    return mbedtls_pk_parse_key(pk, key.p, key.n, NULL, 0, rng, user);
}
static inline int compat_pkcs1_sign(mbedtls_rsa_context *rsa, nhi_mbedtls_rng rng, void *user,
                                    mbedtls_md_type_t md, nhtb_span digest, uint8_t *sig)
{
    return mbedtls_rsa_rsassa_pkcs1_v15_sign(rsa, rng, user, md, (unsigned)digest.n, digest.p, sig);
}
static inline int compat_pss_sign(mbedtls_rsa_context *rsa, nhi_mbedtls_rng rng, void *user,
                                  mbedtls_md_type_t md, nhtb_span digest, uint8_t *sig)
{
    return mbedtls_rsa_rsassa_pss_sign(rsa, rng, user, md, (unsigned)digest.n, digest.p, sig);
}
static inline int compat_pkcs1_verify(mbedtls_rsa_context *rsa, mbedtls_md_type_t md,
                                      nhtb_span digest, const uint8_t *sig)
{
    return mbedtls_rsa_rsassa_pkcs1_v15_verify(rsa, md, (unsigned)digest.n, digest.p, sig);
}
static inline int compat_pss_verify(mbedtls_rsa_context *rsa, mbedtls_md_type_t md,
                                    nhtb_span digest, const uint8_t *sig)
{
    return mbedtls_rsa_rsassa_pss_verify_ext(rsa, md, (unsigned)digest.n, digest.p, md,
                                             (int)digest.n, sig);
}
static inline int compat_ecdsa_sign(mbedtls_ecdsa_context *ec, mbedtls_md_type_t md,
                                    nhtb_span digest, uint8_t *sig, size_t room, size_t *n,
                                    nhi_mbedtls_rng rng, void *user)
{
    return mbedtls_ecdsa_write_signature(ec, md, digest.p, digest.n, sig, room, n, rng, user);
}

#else

static inline void compat_set_pss(mbedtls_rsa_context *rsa, mbedtls_md_type_t md)
{
    mbedtls_rsa_set_padding(rsa, MBEDTLS_RSA_PKCS_V21, (int)md);
}
static inline int compat_parse_key(mbedtls_pk_context *pk, nhtb_span key, nhi_mbedtls_rng rng,
                                   void *user)
{
    (void)rng;
    (void)user;
    return mbedtls_pk_parse_key(pk, key.p, key.n, NULL, 0);
}
static inline int compat_pkcs1_sign(mbedtls_rsa_context *rsa, nhi_mbedtls_rng rng, void *user,
                                    mbedtls_md_type_t md, nhtb_span digest, uint8_t *sig)
{
    return mbedtls_rsa_rsassa_pkcs1_v15_sign(rsa, rng, user, MBEDTLS_RSA_PRIVATE, md,
                                             (unsigned)digest.n, digest.p, sig);
}
static inline int compat_pss_sign(mbedtls_rsa_context *rsa, nhi_mbedtls_rng rng, void *user,
                                  mbedtls_md_type_t md, nhtb_span digest, uint8_t *sig)
{
    return mbedtls_rsa_rsassa_pss_sign(rsa, rng, user, MBEDTLS_RSA_PRIVATE, md, (unsigned)digest.n,
                                       digest.p, sig);
}
static inline int compat_pkcs1_verify(mbedtls_rsa_context *rsa, mbedtls_md_type_t md,
                                      nhtb_span digest, const uint8_t *sig)
{
    return mbedtls_rsa_rsassa_pkcs1_v15_verify(rsa, NULL, NULL, MBEDTLS_RSA_PUBLIC, md,
                                               (unsigned)digest.n, digest.p, sig);
}
static inline int compat_pss_verify(mbedtls_rsa_context *rsa, mbedtls_md_type_t md,
                                    nhtb_span digest, const uint8_t *sig)
{
    return mbedtls_rsa_rsassa_pss_verify_ext(rsa, NULL, NULL, MBEDTLS_RSA_PUBLIC, md,
                                             (unsigned)digest.n, digest.p, md, (int)digest.n, sig);
}
static inline int compat_ecdsa_sign(mbedtls_ecdsa_context *ec, mbedtls_md_type_t md,
                                    nhtb_span digest, uint8_t *sig, size_t room, size_t *n,
                                    nhi_mbedtls_rng rng, void *user)
{
    if (room < MBEDTLS_ECDSA_MAX_LEN)
        return MBEDTLS_ERR_ECP_BUFFER_TOO_SMALL;
    return mbedtls_ecdsa_write_signature(ec, md, digest.p, digest.n, sig, n, rng, user);
}

#endif
#endif
