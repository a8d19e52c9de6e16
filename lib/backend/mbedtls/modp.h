/* SPDX-License-Identifier: Apache-2.0
 * The MODP groups of the mbedTLS backend. Called by pk.c alone; any thread. RFC 3526. */
#ifndef NHI_MBEDTLS_MODP_H
#define NHI_MBEDTLS_MODP_H

#include <nhtb/crypto.h>

/** out = peer^x mod p with x = the seed's first 64 bytes, as long as the modulus; peer NULL: the
 *  generator 2. peer is as long as the modulus. false: refused, or out of memory. */
bool nhi_mbedtls_modp_run(uint16_t method, const uint8_t *seed, const uint8_t *peer, uint8_t *out);

#endif
