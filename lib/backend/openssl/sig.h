/* SPDX-License-Identifier: Apache-2.0
 * Signatures and chains of the OpenSSL backend; members of its pk table. Contracts are those of
 * nhtb_pk_ops. Called by pk.c alone; any thread. */
#ifndef NHI_OPENSSL_SIG_H
#define NHI_OPENSSL_SIG_H

#include <nhtb/crypto.h>

bool nhi_openssl_has_sig(uint16_t alg, uint16_t hash);
int nhi_openssl_key_public(nhtb_span key, uint8_t *spki, size_t *n);
int nhi_openssl_sign(nhtb_span key, uint16_t alg, uint16_t hash, nhtb_span message,
                     const uint8_t seed[NHTB_SIG_SEED], uint8_t *sig, size_t *n);
int nhi_openssl_verify(nhtb_span spki, uint16_t alg, uint16_t hash, nhtb_span message,
                       nhtb_span sig);
int nhi_openssl_chain(const nhtb_chain *in, uint16_t path[NHTB_CHAIN_MAX], size_t *n);

#endif
