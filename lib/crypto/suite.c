/* SPDX-License-Identifier: Apache-2.0
 * The facts about every algorithm, one table per kind: IANA transform ids (RFC 7296 3.3.2) against
 * key, IV and ICV sizes, and our own bulk numbers. Capability queries join the three tables.
 * Called by ike, db and engine; immutable, any thread. */
#include "crypto/suite.h"

/* Volume limits per key: rekey at 2^36 bytes, never beyond 2^38. */
#define SOFT_BYTES (UINT64_C(1) << 36)
#define HARD_BYTES (UINT64_C(1) << 38)

#define AEAD(alg_, encr_, bits_, len_, name_)                                                      \
    {                                                                                              \
        .alg = alg_, .encr = encr_, .key_bits = bits_, .integ = NHI_INTEG_NONE, .key_len = len_,   \
        .salt_len = 4, .integ_len = 0, .iv_len = 8, .icv_len = 16, .block = 1, .aead = true,       \
        .soft_bytes = SOFT_BYTES, .hard_bytes = HARD_BYTES, .name = name_                          \
    }
/* Old peers only: HMAC-SHA-1-96 (RFC 2404: key of 20 bytes, ICV of 12) and 3DES, whose block of 64
 * bits lets two ciphertext blocks collide after about 2^35 bytes: its limits stay far below. */
#define OLD(alg_, encr_, bits_, len_, integ_, integ_len_, icv_, block_, soft_, name_)              \
    {                                                                                              \
        .alg = alg_, .encr = encr_, .key_bits = bits_, .integ = integ_, .key_len = len_,           \
        .salt_len = 0, .integ_len = integ_len_, .iv_len = block_, .icv_len = icv_,                 \
        .block = block_, .aead = false, .soft_bytes = soft_, .hard_bytes = (soft_)*4,              \
        .name = name_                                                                              \
    }
#define SOFT_3DES (UINT64_C(1) << 28)

/* RFC 4868 2.6: the HMAC key is as long as the digest, the ICV half of it. */
#define CBC(alg_, bits_, integ_, digest_, name_)                                                   \
    {                                                                                              \
        .alg = alg_, .encr = NHI_ENCR_AES_CBC, .key_bits = bits_, .integ = integ_,                 \
        .key_len = (bits_) / 8, .salt_len = 0, .integ_len = digest_, .iv_len = 16,                 \
        .icv_len = (digest_) / 2, .block = 16, .aead = false, .soft_bytes = SOFT_BYTES,            \
        .hard_bytes = HARD_BYTES, .name = name_                                                    \
    }

static const nhi_bulk_facts bulk_table[] = {
    AEAD(NHTB_BULK_AES128_GCM16, NHI_ENCR_AES_GCM16, 128, 16, "AES-GCM-16-128"),
    AEAD(NHTB_BULK_AES256_GCM16, NHI_ENCR_AES_GCM16, 256, 32, "AES-GCM-16-256"),
    AEAD(NHTB_BULK_CHACHA20_POLY1305, NHI_ENCR_CHACHA20_POLY1305, 0, 32, "CHACHA20-POLY1305"),
    CBC(NHTB_BULK_AES128_CBC_SHA256_128, 128, NHI_INTEG_SHA256_128, 32,
        "AES-CBC-128/HMAC-SHA2-256-128"),
    CBC(NHTB_BULK_AES256_CBC_SHA256_128, 256, NHI_INTEG_SHA256_128, 32,
        "AES-CBC-256/HMAC-SHA2-256-128"),
    CBC(NHTB_BULK_AES128_CBC_SHA384_192, 128, NHI_INTEG_SHA384_192, 48,
        "AES-CBC-128/HMAC-SHA2-384-192"),
    CBC(NHTB_BULK_AES256_CBC_SHA384_192, 256, NHI_INTEG_SHA384_192, 48,
        "AES-CBC-256/HMAC-SHA2-384-192"),
    CBC(NHTB_BULK_AES128_CBC_SHA512_256, 128, NHI_INTEG_SHA512_256, 64,
        "AES-CBC-128/HMAC-SHA2-512-256"),
    CBC(NHTB_BULK_AES256_CBC_SHA512_256, 256, NHI_INTEG_SHA512_256, 64,
        "AES-CBC-256/HMAC-SHA2-512-256"),
    OLD(NHTB_BULK_AES128_CBC_SHA1_96, NHI_ENCR_AES_CBC, 128, 16, NHI_INTEG_SHA1_96, 20, 12, 16,
        SOFT_BYTES, "AES-CBC-128/HMAC-SHA1-96"),
    OLD(NHTB_BULK_AES256_CBC_SHA1_96, NHI_ENCR_AES_CBC, 256, 32, NHI_INTEG_SHA1_96, 20, 12, 16,
        SOFT_BYTES, "AES-CBC-256/HMAC-SHA1-96"),
    OLD(NHTB_BULK_3DES_CBC_SHA1_96, NHI_ENCR_3DES, 0, 24, NHI_INTEG_SHA1_96, 20, 12, 8, SOFT_3DES,
        "3DES-CBC/HMAC-SHA1-96"),
    OLD(NHTB_BULK_3DES_CBC_SHA256_128, NHI_ENCR_3DES, 0, 24, NHI_INTEG_SHA256_128, 32, 16, 8,
        SOFT_3DES, "3DES-CBC/HMAC-SHA2-256-128"),
};

static const struct {
    uint16_t prf;
    nhtb_hash_alg hash;
} prf_table[] = {
    {NHI_PRF_SHA1, NHTB_HASH_SHA1}, /* old peers, and never by default */
    {NHI_PRF_SHA256, NHTB_HASH_SHA256},
    {NHI_PRF_SHA384, NHTB_HASH_SHA384},
    {NHI_PRF_SHA512, NHTB_HASH_SHA512},
};

/* ECP: the public value is x|y, the secret x alone (RFC 5903 7). */
static const struct {
    uint16_t method, public_len, secret_len;
} ke_table[] = {
    {NHTB_KE_MODP1024, 128, 128}, {NHTB_KE_MODP1536, 192, 192}, {NHTB_KE_MODP2048, 256, 256},
    {NHTB_KE_MODP3072, 384, 384}, {NHTB_KE_MODP4096, 512, 512}, {NHTB_KE_P256, 64, 32},
    {NHTB_KE_P384, 96, 48},       {NHTB_KE_P521, 132, 66},      {NHTB_KE_X25519, 32, 32},
};

const nhi_bulk_facts *nhi_bulk_find(uint16_t encr, uint16_t key_bits, uint16_t integ)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(bulk_table); i++) {
        const nhi_bulk_facts *f = &bulk_table[i];
        if (f->encr == encr && f->key_bits == key_bits && f->integ == integ)
            return f;
    }
    return NULL;
}

const nhi_bulk_facts *nhi_bulk_of(uint16_t alg)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(bulk_table); i++) {
        if (bulk_table[i].alg == alg)
            return &bulk_table[i];
    }
    return NULL;
}

nhtb_hash_alg nhi_prf_hash(uint16_t prf)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(prf_table); i++) {
        if (prf_table[i].prf == prf)
            return prf_table[i].hash;
    }
    return NHTB_HASH_NONE;
}

size_t nhi_hash_len(uint16_t hash)
{
    switch (hash) {
    case NHTB_HASH_SHA1: return 20;
    case NHTB_HASH_SHA256: return 32;
    case NHTB_HASH_SHA384: return 48;
    case NHTB_HASH_SHA512: return 64;
    default: return 0;
    }
}

size_t nhi_ke_public_len(uint16_t method)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(ke_table); i++) {
        if (ke_table[i].method == method)
            return ke_table[i].public_len;
    }
    return 0;
}

size_t nhi_ke_secret_len(uint16_t method)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(ke_table); i++) {
        if (ke_table[i].method == method)
            return ke_table[i].secret_len;
    }
    return 0;
}

bool nhi_crypto_has_bulk(const nhtb_crypto *c, uint16_t encr, uint16_t key_bits, uint16_t integ)
{
    const nhi_bulk_facts *f = nhi_bulk_find(encr, key_bits, integ);
    return f != NULL && c->bulk != NULL && c->bulk->has(f->alg);
}

bool nhi_crypto_has_prf(const nhtb_crypto *c, uint16_t prf)
{
    nhtb_hash_alg hash = nhi_prf_hash(prf);
    return hash != NHTB_HASH_NONE && c->kdf != NULL && c->kdf->has((uint16_t)hash);
}

bool nhi_crypto_has_ke(const nhtb_crypto *c, uint16_t method)
{
    return nhi_ke_public_len(method) != 0 && c->pk != NULL && c->pk->has(method);
}
