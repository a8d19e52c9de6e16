/* SPDX-License-Identifier: Apache-2.0
 * Pure parts of IKEv2: no SA object, no state, no clock. Proposal choice, selector narrowing,
 * identities, NAT detection, cookies, keys, AUTH, SK payload. RFC 7296. Control thread. */
#ifndef NHI_IKE_PARTS_H
#define NHI_IKE_PARTS_H

#include <nhtb/ike.h>

#include "crypto/bulk.h"
#include "crypto/kdf.h"
#include "wire/ike.h"

/* ---- propose.c (2.7, 3.3) ---- */
/** One agreed set of transforms. IKE: encr, prf, integ (0 with AEAD), ke. ESP: encr, integ, ke (0:
 *  none), esn. */
typedef struct nhi_suite {
    uint16_t encr, key_bits, prf, integ, ke;
    bool esn;
    uint8_t number;   /* of the chosen proposal */
    uint32_t spi;     /* ESP: peer's SPI from its proposal */
    uint64_t ike_spi; /* IKE rekey: peer's SPI */
} nhi_suite;
/** Turns configured proposals into an offer (AEAD and non-AEAD ciphers of one entry become separate
 *  proposals, RFC 7296 3.3; at most 16). spi: our SPI, spi_len 0, 4 or 8. no_ke: leave KE out (ESP
 *  in IKE_AUTH, 1.2). ke_first: this group is listed first and alone stands for the KE payload sent
 *  (0: as configured). */
void nhi_propose_offer(nhi_ike_sa_pl *out, nhtb_protocol proto, const nhtb_proposal *v, size_t n,
                       const uint8_t *spi, uint8_t spi_len, bool no_ke);
/** Responder: the first of our proposals (our preference) that the offer satisfies. want_ke: for
 *  IKE and PFS, prefer a set whose group is this one when both allow it (the KE payload that came);
 *  0: none. no_ke: ESP in IKE_AUTH. False: nothing in common. */
bool nhi_propose_choose(nhi_suite *out, nhtb_protocol proto, const nhtb_proposal *v, size_t n,
                        const nhi_ike_sa_pl *offer, uint16_t want_ke, bool no_ke);
/** Initiator: the answer must hold exactly one proposal whose transforms were all offered, one per
 *  type (3.3.6). */
bool nhi_propose_accept(nhi_suite *out, nhtb_protocol proto, const nhi_ike_sa_pl *offered,
                        const nhi_ike_sa_pl *answer);
/** The answer payload for a chosen suite (same number, our SPI). */
void nhi_propose_answer(nhi_ike_sa_pl *out, nhtb_protocol proto, const nhi_suite *s,
                        const uint8_t *spi, uint8_t spi_len);
/** Was this group in our offer? (guard for INVALID_KE_PAYLOAD) */
bool nhi_propose_has_ke(const nhi_ike_sa_pl *offered, uint16_t ke);

/* ---- narrow.c (2.9) ---- */
#define NHI_TS_MAX 16
typedef struct nhi_ts_list {
    uint16_t n;
    nhtb_ts v[NHI_TS_MAX];
} nhi_ts_list;
/** Intersection of a proposed list with the allowed one (n_allowed 0: anything); false when empty.
 *  *narrowed (may be NULL): something was left out. Equal selectors are merged. */
bool nhi_ts_narrow(nhi_ts_list *out, const nhtb_ts *proposed, size_t n, const nhtb_ts *allowed,
                   size_t n_allowed, bool *narrowed);
/** Is every selector of a inside one of b? (initiator: the answer must be within what was asked) */
bool nhi_ts_within(const nhi_ts_list *a, const nhi_ts_list *b);
/** Configured selectors as a list; n 0: 0.0.0.0/0 and ::/0. */
void nhi_ts_from_config(nhi_ts_list *out, const nhtb_ts *v, size_t n);

/* ---- ident.c ---- */
/** Exact match; FQDN and RFC822 without regard to ASCII case. want.type NONE: anything. */
bool nhi_ident_match(const nhtb_identity *want, const nhtb_identity *got);
/** Well-formed for its type (3.5): lengths, printable text without NUL. */
bool nhi_ident_valid(const nhtb_identity *id);

/* ---- natd.c (2.23) ---- */
/** SHA-1(SPIi | SPIr | address | port), 20 bytes. */
int nhi_natd_hash(const nhtb_crypto *c, uint64_t spi_i, uint64_t spi_r, const nhtb_addr *a,
                  uint16_t port, uint8_t out[20]);
/** Looks at the NAT_DETECTION notifies of a message: any source hash matches remote -> no NAT at
 *  the peer; destination hash matches local -> no NAT before us. present: both kinds were there. */
typedef struct nhi_natd {
    bool present, nat_local, nat_remote;
} nhi_natd;
int nhi_natd_check(const nhtb_crypto *c, const nhi_ike_msg *m, uint64_t spi_i, uint64_t spi_r,
                   const nhtb_path *path, nhi_natd *out);

/* ---- cookie.c (2.6) ---- */
#define NHI_COOKIE_LEN 17 /* version octet | 128 bits */
typedef struct nhi_cookie {
    uint8_t secret[2][32]; /* [version & 1] */
    uint8_t version;
} nhi_cookie;
int nhi_cookie_init(nhi_cookie *k, nhi_mem *mem);
/** A new secret; the previous one stays valid once more. */
int nhi_cookie_rotate(nhi_cookie *k, nhi_mem *mem);
/** Of Ni | IPi | port | SPIi. */
void nhi_cookie_make(const nhi_cookie *k, nhtb_span nonce, const nhtb_path *path, uint64_t spi_i,
                     uint8_t out[NHI_COOKIE_LEN]);
/** Constant time; current or previous version. */
bool nhi_cookie_valid(const nhi_cookie *k, nhtb_span cookie, nhtb_span nonce, const nhtb_path *path,
                      uint64_t spi_i);

/* ---- keymat.c (2.13 - 2.18) ---- */
typedef struct nhi_ike_keys {
    nhi_secret d, pi, pr;
    uint8_t ei[100], er[100]; /* bulk keymat (key, salt, integrity key) for nhi_bulk_ctx_make */
    uint16_t e_len;
} nhi_ike_keys;
/** First SA: SKEYSEED = prf(Ni | Nr, g^ir). Rekey: old_d and old_prf given (old_prf != 0). */
int nhi_keymat_ike(const nhtb_crypto *c, const nhi_suite *s, nhtb_span ni, nhtb_span nr,
                   nhtb_span shared, uint64_t spi_i, uint64_t spi_r, const nhi_secret *old_d,
                   uint16_t old_prf, nhi_ike_keys *out);
void nhi_ike_keys_wipe(nhi_ike_keys *k);
/** KEYMAT of a child: i2r and r2i, nhi_bulk_keymat_len bytes each. shared empty: no PFS. */
int nhi_keymat_child(const nhtb_crypto *c, uint16_t prf, const nhi_secret *d,
                     const nhi_bulk_facts *facts, nhtb_span shared, nhtb_span ni, nhtb_span nr,
                     uint8_t *i2r, uint8_t *r2i);

/* ---- auth_psk.c (2.15) ---- */
/** AUTH data = prf(prf(PSK, "Key Pad for IKEv2"), message | other nonce | prf(SK_p, ID body)).
 *  id_body: type | 3 zero bytes | data. */
int nhi_auth_psk(const nhtb_crypto *c, uint16_t prf, nhtb_span psk, nhtb_span message,
                 nhtb_span other_nonce, const nhi_secret *sk_p, nhtb_span id_body, nhi_secret *out);

/* ---- sk.c (3.14, RFC 5282) ---- */
/** The control thread's lane with the two directions of one IKE SA. */
typedef struct nhi_sk {
    const nhi_bulk_facts *facts;
    nhi_bulk_ctx out, in;
    uint64_t iv; /* AEAD: next explicit IV, never reused under a key; starts at 1 */
} nhi_sk;
int nhi_sk_make(nhi_sk *k, nhi_mem *mem, const nhtb_crypto *c, const nhi_suite *s,
                const nhi_ike_keys *keys, bool initiator, unsigned lanes);
void nhi_sk_wipe(nhi_sk *k, nhi_mem *mem, const nhtb_crypto *c);
/** Bytes an SK message of `inner` payload bytes takes in all. */
size_t nhi_sk_message_len(const nhi_bulk_facts *f, size_t inner);
/** Writes a whole protected message: header, SK payload with inner (first: type of its first
 *  payload). CBC IVs come from the host's random. *len in: room at p, out: length. lane: control. */
int nhi_sk_seal(nhi_sk *k, nhi_mem *mem, const nhtb_crypto *c, const nhi_bulk_lane *lane,
                const nhi_ike_hdr *h, uint8_t first, nhtb_span inner, uint8_t *p, size_t *len);
/** Opens in a copy: msg is the whole message with its header; the SK payload must be its only one.
 *  Plain payloads go to out (room: msg.n), *out_len and *first. 0, or the nhtb_reason (IKE_MALFORMED,
 *  IKE_INTEGRITY, CRYPTO). */
unsigned nhi_sk_open(nhi_sk *k, const nhtb_crypto *c, const nhi_bulk_lane *lane, nhtb_span msg,
                     uint8_t *out, size_t *out_len, uint8_t *first);

/** The same for one fragment (RFC 7383 2.5): its number and total are authenticated with it. */
size_t nhi_sk_fragment_len(const nhi_bulk_facts *f, size_t inner);
/** Most inner bytes of a fragment whose message is at most `most` bytes long. */
size_t nhi_sk_fragment_room(const nhi_bulk_facts *f, size_t most);
int nhi_sk_seal_fragment(nhi_sk *k, nhi_mem *mem, const nhtb_crypto *c, const nhi_bulk_lane *lane,
                         const nhi_ike_hdr *h, const nhi_ike_frag *frag, nhtb_span inner,
                         uint8_t *p, size_t *len);
unsigned nhi_sk_open_fragment(nhi_sk *k, const nhtb_crypto *c, const nhi_bulk_lane *lane,
                              nhtb_span msg, uint8_t *out, size_t *out_len, uint8_t *first);

/* ---- vendor.c ---- */
extern const uint8_t nhi_vendor_id[16]; /* "libnhtb NHTB v1" announcement, fixed 16 bytes */

#endif
