/* SPDX-License-Identifier: Apache-2.0
 * Pure parts of IKEv1: no SA object, no state, no clock. Keys and hashes (RFC 2409 5, appendix B),
 * phase 1 proposals. `prf` is the IKEv2 number of the hash that was agreed (NHI_PRF_*, 2: SHA-1):
 * v1 uses HMAC of it as prf, and the hash itself for IVs and NAT-D. Control thread. */
#ifndef NHI_IKE_V1_PARTS_H
#define NHI_IKE_V1_PARTS_H

#include "ike/parts.h"

/* ---- keymat.c ---- */
typedef struct nhi_v1_keys {
    nhi_secret skeyid, d, a;
    uint8_t e[32]; /* of the cipher */
    uint8_t e_len, block;
    uint16_t cbc; /* nhtb_cbc_alg, 0: no keys yet */
} nhi_v1_keys;
void nhi_v1_keys_wipe(nhi_v1_keys *k);
/** SKEYID: prf(psk, Ni_b | Nr_b), or with signatures prf(Ni_b | Nr_b, g^xy). */
int nhi_v1_skeyid_psk(const nhtb_crypto *c, uint16_t prf, nhtb_span psk, nhtb_span ni, nhtb_span nr,
                      nhi_secret *out);
int nhi_v1_skeyid_sig(const nhtb_crypto *c, uint16_t prf, nhtb_span ni, nhtb_span nr, nhtb_span gxy,
                      nhi_secret *out);
/** SKEYID_d, _a, _e and the cipher's key (appendix B) from k->skeyid. cky: as on the wire. */
int nhi_v1_keys_make(const nhtb_crypto *c, const nhi_suite *s, nhtb_span gxy, uint64_t cky_i,
                     uint64_t cky_r, nhi_v1_keys *k);
/** HASH_I (own: the initiator's values) or HASH_R (own: the responder's). */
int nhi_v1_hash_auth(const nhtb_crypto *c, uint16_t prf, const nhi_secret *skeyid, nhtb_span own_ke,
                     nhtb_span other_ke, uint64_t own_cky, uint64_t other_cky, nhtb_span sai,
                     nhtb_span own_id, nhi_secret *out);
/** hash(g^xi | g^xr): IV of phase 1; hash(last phase 1 block | M-ID): of any other exchange. iv: 16
 *  bytes, cut to k->block. */
int nhi_v1_iv_first(const nhtb_crypto *c, uint16_t prf, nhtb_span gxi, nhtb_span gxr, uint8_t *iv);
int nhi_v1_iv_mid(const nhtb_crypto *c, uint16_t prf, const uint8_t *last, size_t block,
                  uint32_t mid, uint8_t *iv);
/** HASH(1) and the one of informational and transaction exchanges (nonces empty), HASH(2) (nonce:
 *  Ni_b): prf(SKEYID_a, M-ID | nonce | rest). */
int nhi_v1_hash_rest(const nhtb_crypto *c, uint16_t prf, const nhi_secret *a, uint32_t mid,
                     nhtb_span nonce, nhtb_span rest, nhi_secret *out);
/** HASH(3): prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b). */
int nhi_v1_hash_third(const nhtb_crypto *c, uint16_t prf, const nhi_secret *a, uint32_t mid,
                      nhtb_span ni, nhtb_span nr, nhi_secret *out);
/** KEYMAT of one direction (5.5): spi is the receiver's. shared empty: no PFS. */
int nhi_v1_keymat(const nhtb_crypto *c, uint16_t prf, const nhi_secret *d, nhtb_span shared,
                  uint8_t protocol, uint32_t spi, nhtb_span ni, nhtb_span nr, uint8_t *out,
                  size_t len);

#endif
