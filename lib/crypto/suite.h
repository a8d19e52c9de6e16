/* SPDX-License-Identifier: Apache-2.0
 * Algorithm facts: IANA transform ids -> sizes, limits, our bulk numbers; capability queries joined
 * over the three backend tables. suite.c holds one table per kind. Any thread. */
#ifndef NHI_CRYPTO_SUITE_H
#define NHI_CRYPTO_SUITE_H

#include <nhtb/crypto.h>
#include <nhtb/ike.h>

#include "base/base.h"

enum {
    NHI_ENCR_3DES = 3,
    NHI_ENCR_AES_CBC = 12,
    NHI_ENCR_AES_GCM16 = 20,
    NHI_ENCR_CHACHA20_POLY1305 = 28
};
enum { NHI_PRF_SHA1 = 2, NHI_PRF_SHA256 = 5, NHI_PRF_SHA384 = 6, NHI_PRF_SHA512 = 7 };
enum {
    NHI_INTEG_NONE = 0,
    NHI_INTEG_SHA1_96 = 2,
    NHI_INTEG_SHA256_128 = 12,
    NHI_INTEG_SHA384_192 = 13,
    NHI_INTEG_SHA512_256 = 14
};

typedef struct nhi_bulk_facts {
    uint16_t alg;                   /* nhtb_bulk_alg */
    uint16_t encr, key_bits, integ; /* IANA; key_bits 0 on the wire for ChaCha20 (no attribute) */
    uint8_t key_len, salt_len, integ_len; /* bytes of keymat, in this order */
    uint8_t iv_len, icv_len,
        block; /* block: cipher block, 1 for stream; ESP aligns to max(4, block) */
    bool aead;
    uint64_t soft_bytes, hard_bytes; /* per key: 2^36, 2^38; 3DES 2^28, 2^30 */
    const char *name;                /* "AES-GCM-16-256" ... for tables */
} nhi_bulk_facts;
/** NULL: unknown combination. integ must be 0 for an AEAD. */
const nhi_bulk_facts *nhi_bulk_find(uint16_t encr, uint16_t key_bits, uint16_t integ);
const nhi_bulk_facts *nhi_bulk_of(uint16_t alg);
static inline uint32_t nhi_bulk_keymat_len(const nhi_bulk_facts *f)
{
    return (uint32_t)f->key_len + f->salt_len + f->integ_len;
}
static inline uint32_t nhi_bulk_align(const nhi_bulk_facts *f)
{
    return f->block > 4 ? f->block : 4;
}
/** Hash behind a PRF transform (NHTB_HASH_NONE: unknown) and its output length = key length. */
nhtb_hash_alg nhi_prf_hash(uint16_t prf);
size_t nhi_hash_len(uint16_t hash);
/** Public value length on the wire of a key exchange method, 0: unknown; and secret length. */
size_t nhi_ke_public_len(uint16_t method);
size_t nhi_ke_secret_len(uint16_t method);

/** Does the joined set of backends offer it? */
bool nhi_crypto_has_bulk(const nhtb_crypto *c, uint16_t encr, uint16_t key_bits, uint16_t integ);
bool nhi_crypto_has_prf(const nhtb_crypto *c, uint16_t prf);
bool nhi_crypto_has_ke(const nhtb_crypto *c, uint16_t method);
/** Built-in proposals, strongest portable first, cut down to what the backends offer. Returns how
 *  many were written (<= cap). */
size_t nhi_proposal_default(const nhtb_crypto *c, nhtb_protocol proto, nhtb_proposal *v,
                            size_t cap);
/** Removes transforms the backends do not offer; false when a needed kind becomes empty. */
bool nhi_proposal_filter(const nhtb_crypto *c, nhtb_protocol proto, nhtb_proposal *p);

#endif
