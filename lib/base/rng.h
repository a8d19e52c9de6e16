/* SPDX-License-Identifier: Apache-2.0
 * ChaCha20 fast-key-erasure generator for workers (CBC IVs) and for jitter: seeded once from the
 * host's random, no locks, one owner. Not used for keys. */
#ifndef NHI_BASE_RNG_H
#define NHI_BASE_RNG_H

#include "base/base.h"

typedef struct nhi_rng {
    uint8_t key[32];
    uint8_t buf[512];
    uint32_t left;
} nhi_rng;

void nhi_rng_init(nhi_rng *r, const uint8_t seed[32]);
void nhi_rng_bytes(nhi_rng *r, void *dst, size_t n);
uint64_t nhi_rng_u64(nhi_rng *r);
/** Uniform in 0..n-1; n > 0. */
uint64_t nhi_rng_below(nhi_rng *r, uint64_t n);
void nhi_rng_wipe(nhi_rng *r);

#endif
