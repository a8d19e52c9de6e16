/* SPDX-License-Identifier: Apache-2.0
 * Pure parts of IKEv1: no SA object, no state, no clock. Keys and hashes, message encryption, proposals
 * of both phases. RFC 2409; RFC 2407 4.5; RFC 3947. Algorithms carry IKEv2's numbers everywhere but
 * on the wire. Control thread. */
#ifndef NHI_IKE_V1_PARTS_H
#define NHI_IKE_V1_PARTS_H

#include "ike/parts.h"
#include "wire/v1.h"

#define NHI_V1_BLOCK_MAX 16
/** IKEv2's numbers of what only old peers still ask for. */
enum { NHI_V1_ENCR_3DES = 3, NHI_V1_INTEG_SHA1_96 = 2 };

/* ---- keymat.c (RFC 2409 5, Appendix B) ---- */
typedef struct nhi_v1_keys {
    nhi_secret skeyid, d, a, e;
    uint8_t key[32]; /* of the cipher, from SKEYID_e */
    uint8_t key_len;
} nhi_v1_keys;
/** SKEYID = prf(pre-shared key, Ni_b | Nr_b). */
int nhi_v1_skeyid_psk(const nhtb_crypto *c, uint16_t prf, nhtb_span psk, nhtb_span ni, nhtb_span nr,
                      nhi_secret *skeyid);
/** SKEYID = prf(Ni_b | Nr_b, g^xy), for signatures. */
int nhi_v1_skeyid_sig(const nhtb_crypto *c, uint16_t prf, nhtb_span ni, nhtb_span nr,
                      nhtb_span shared, nhi_secret *skeyid);
/** The rest from keys->skeyid; key_len: of the cipher (16, 24, 32). */
int nhi_v1_keymat(const nhtb_crypto *c, uint16_t prf, nhtb_span shared, uint64_t cky_i,
                  uint64_t cky_r, uint8_t key_len, nhi_v1_keys *keys);
void nhi_v1_keys_wipe(nhi_v1_keys *keys);
/** First IV of phase 1: hash(g^xi | g^xr); of a phase 2 message id: hash(last ciphertext block of
 *  phase 1 | M-ID). block bytes. */
int nhi_v1_iv_phase1(const nhtb_crypto *c, uint16_t prf, nhtb_span gxi, nhtb_span gxr, size_t block,
                     uint8_t *iv);
int nhi_v1_iv_phase2(const nhtb_crypto *c, uint16_t prf, const uint8_t *last, uint32_t msg_id,
                     size_t block, uint8_t *iv);
/** HASH_I (own: the initiator's) or HASH_R: prf(SKEYID, g^x own | g^x other | CKY own | CKY other |
 *  SAi_b | ID own _b). */
int nhi_v1_hash_auth(const nhtb_crypto *c, uint16_t prf, const nhi_secret *skeyid, nhtb_span own,
                     nhtb_span other, uint64_t cky_own, uint64_t cky_other, nhtb_span sai_b,
                     nhtb_span id_b, nhi_secret *out);
/** HASH(1), and that of informational and transaction exchanges: prf(SKEYID_a, M-ID | rest). */
int nhi_v1_hash1(const nhtb_crypto *c, uint16_t prf, const nhi_secret *a, uint32_t msg_id,
                 nhtb_span rest, nhi_secret *out);
/** HASH(2): prf(SKEYID_a, M-ID | Ni_b | rest). */
int nhi_v1_hash2(const nhtb_crypto *c, uint16_t prf, const nhi_secret *a, uint32_t msg_id,
                 nhtb_span ni, nhtb_span rest, nhi_secret *out);
/** HASH(3): prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b). Covers nothing else of its message. */
int nhi_v1_hash3(const nhtb_crypto *c, uint16_t prf, const nhi_secret *a, uint32_t msg_id,
                 nhtb_span ni, nhtb_span nr, nhi_secret *out);
/** Constant time; false also when want is empty. */
bool nhi_v1_hash_equal(const nhi_secret *want, nhtb_span got);
/** KEYMAT of one direction, nhi_bulk_keymat_len bytes (5.5). spi: the receiver's. shared empty: no
 *  PFS. */
int nhi_v1_keymat_child(const nhtb_crypto *c, uint16_t prf, const nhi_secret *d,
                        const nhi_bulk_facts *facts, nhtb_span shared, uint8_t protocol,
                        uint32_t spi, nhtb_span ni, nhtb_span nr, uint8_t *out);

/* ---- crypt.c ---- */
/** The cipher of an ISAKMP SA. */
typedef struct nhi_v1_cipher {
    uint16_t alg; /* nhtb_cbc_alg, 0: none */
    uint8_t block, key_len;
} nhi_v1_cipher;
/** From IKEv2's transform number; false: unknown, or not what the backend has. */
bool nhi_v1_cipher_find(const nhtb_crypto *c, uint16_t encr, uint16_t key_bits, nhi_v1_cipher *out);
/** Writes an encrypted message: header (its ENCRYPT flag set, first as its next payload), inner
 *  padded with zeros. iv: block bytes in; the last ciphertext block out. *len in: room, out: length. */
int nhi_v1_seal(const nhtb_crypto *c, const nhi_v1_cipher *k, const nhi_v1_keys *keys, uint8_t *iv,
                const nhi_ike_hdr *h, uint8_t first, nhtb_span inner, uint8_t *p, size_t *len);
/** Decrypts msg (with its header) into out, which has room for all of it; *n bytes, padding
 *  included. iv as above: give a copy until the message has proved itself. 0 or an nhtb_reason. */
unsigned nhi_v1_open(const nhtb_crypto *c, const nhi_v1_cipher *k, const nhi_v1_keys *keys,
                     uint8_t *iv, nhtb_span msg, uint8_t *out, size_t *n);

/* ---- propose1.c: phase 1 (RFC 2409 Appendix A) ---- */
enum {
    NHI_V1_AUTH_PSK = 1,
    NHI_V1_AUTH_RSA = 3,
    NHI_V1_AUTH_ECDSA256 = 9,
    NHI_V1_AUTH_ECDSA384 = 10,
    NHI_V1_AUTH_ECDSA521 = 11,
    NHI_V1_AUTH_XAUTH_PSK = 65001,
    NHI_V1_AUTH_XAUTH_RSA = 65005
}; /* XAuth: the initiator is the client */
/** Where in the offer a transform stands: the answer repeats it unchanged. */
typedef struct nhi_v1_pick {
    nhi_v1_proposal proposal;
    nhi_v1_transform transform;
} nhi_v1_pick;
typedef struct nhi_v1_phase1 {
    uint16_t encr, key_bits, prf, ke, auth;
    uint64_t life_s, life_kb; /* 0: not said */
    nhi_v1_pick pick;
} nhi_v1_phase1;
/** What one side takes. auths: acceptable methods in order of preference. */
typedef struct nhi_v1_policy1 {
    const nhtb_proposal *v;
    size_t n;
    const uint16_t *auths;
    size_t n_auths;
    uint16_t ke; /* the one group (aggressive mode: its KE is sent already), 0: any */
    uint32_t life_s;
    uint32_t life_kb; /* 0: none */
} nhi_v1_policy1;
/** The SA payload's body. False: nothing to offer, or it did not fit. */
bool nhi_v1_propose1_offer(nhi_wr *w, const nhi_v1_policy1 *own);
/** Responder: the first of our proposals that a transform of the offer satisfies. */
bool nhi_v1_propose1_choose(nhi_v1_phase1 *out, const nhi_v1_policy1 *own,
                            const nhi_v1_sa_pl *offer);
/** Initiator: exactly one proposal with one transform, one that we offered. */
bool nhi_v1_propose1_accept(nhi_v1_phase1 *out, const nhi_v1_policy1 *own,
                            const nhi_v1_sa_pl *answer);
/** The answer's body: the chosen transform, unchanged. Both phases; spi: our own, may be empty. */
void nhi_v1_propose_answer(nhi_wr *w, const nhi_v1_pick *pick, nhtb_span spi);

/* ---- propose2.c: phase 2 (RFC 2407 4.5) ---- */
enum {
    NHI_V1_MODE_TUNNEL = 1,
    NHI_V1_MODE_TRANSPORT = 2,
    NHI_V1_MODE_UDP_TUNNEL = 3,
    NHI_V1_MODE_UDP_TRANSPORT = 4,
    NHI_V1_MODE_UDP_TUNNEL_DRAFT = 61443,
    NHI_V1_MODE_UDP_TRANSPORT_DRAFT = 61444
};
typedef struct nhi_v1_phase2 {
    nhi_suite suite; /* encr, key_bits, integ, ke (0: no PFS), esn, spi */
    uint16_t mode;
    uint64_t life_s, life_kb; /* 0: not said */
    nhi_v1_pick pick;
} nhi_v1_phase2;
typedef struct nhi_v1_policy2 {
    const nhtb_proposal *v;
    size_t n;
    uint16_t mode;   /* offered; of the same kind is accepted: UDP or not, draft or RFC */
    uint16_t ke;     /* the one group when it is known (initiator), 0: none, or not known yet */
    size_t ke_len;   /* of the KE payload, 0: there is none and PFS is not wanted by the peer */
    uint32_t life_s; /* offered, with life_kb (0: none) */
    uint32_t life_kb;
    uint32_t spi; /* our inbound */
} nhi_v1_policy2;
bool nhi_v1_propose2_offer(nhi_wr *w, const nhi_v1_policy2 *own);
bool nhi_v1_propose2_choose(nhi_v1_phase2 *out, const nhi_v1_policy2 *own,
                            const nhi_v1_sa_pl *offer);
bool nhi_v1_propose2_accept(nhi_v1_phase2 *out, const nhi_v1_policy2 *own,
                            const nhi_v1_sa_pl *answer);
/** RESPONDER-LIFETIME (RFC 2407 4.6.3.1): lifetimes of the notify's data; false: malformed. */
bool nhi_v1_lifetimes_read(nhtb_span attrs, uint64_t *life_s, uint64_t *life_kb);
void nhi_v1_lifetimes_write(nhi_wr *w, uint32_t life_s, uint32_t life_kb);

#endif
