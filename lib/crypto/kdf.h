/* SPDX-License-Identifier: Apache-2.0
 * prf, prf+ (RFC 7296 2.13) and hash over the kdf table; key exchange helpers; self-test. */
#ifndef NHI_CRYPTO_KDF_H
#define NHI_CRYPTO_KDF_H

#include "crypto/suite.h"

/** out: nhi_hash_len bytes of the PRF. 0 or NHTB_ERR_*, out wiped on error. */
int nhi_prf(const nhtb_crypto *c, uint16_t prf, nhtb_span key, const nhtb_span *v, size_t n,
            nhi_secret *out);
/** prf+ to any length up to 255 blocks. seed: spans. */
int nhi_prf_plus(const nhtb_crypto *c, uint16_t prf, nhtb_span key, const nhtb_span *v, size_t n,
                 uint8_t *out, size_t len);
int nhi_hash(const nhtb_crypto *c, uint16_t hash, const nhtb_span *v, size_t n, uint8_t *out);
/** Raw CBC (nhtb_kdf_ops.cbc) for IKEv1 messages; NHTB_ERR_UNSUPPORTED where the backend has none. */
bool nhi_crypto_has_cbc(const nhtb_crypto *c, uint16_t cipher);
size_t nhi_cbc_block(uint16_t cipher); /* 16, 8; 0: unknown */
int nhi_cbc(const nhtb_crypto *c, uint16_t cipher, bool encrypt, nhtb_span key, uint8_t *iv,
            const uint8_t *src, uint8_t *dst, size_t n);
/** Known-answer tests of everything the tables say they have (skipped for the null backend, whose
 *  name is "null"): 0 or NHTB_ERR_CRYPTO with *what naming the algorithm. */
int nhi_crypto_selftest(nhi_mem *mem, const nhtb_crypto *c, const char **what);

#endif
