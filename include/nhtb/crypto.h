/* SPDX-License-Identifier: Apache-2.0
 * The three tables a crypto backend offers. A host picks one of each and may mix them (multi-buffer
 * bulk crypto with another library for the rest). Backends include this header and their vendor
 * library, nothing else of libnhtb. A backend never allocates unless its table says so, keeps no
 * global state, and wipes what it is told to wipe.
 *
 *   bulk: ESP packets and IKE SK payloads; hot; called by workers and by the control thread
 *   kdf:  prf and hash, one-shot
 *   pk:   Diffie-Hellman, signatures, certificate chains; cold; run as jobs on any thread */
#ifndef NHTB_CRYPTO_H
#define NHTB_CRYPTO_H

#include <nhtb/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- bulk ------------------------------------------------------------------------------- */

/** Bulk algorithms: an AEAD, or a cipher with its integrity algorithm (encrypt-then-MAC, RFC 7296
 *  3.14). Numbers are ours, never on the wire; lib/crypto/suite.c maps IANA transforms to them. */
typedef enum nhtb_bulk_alg {
    NHTB_BULK_NONE = 0,
    NHTB_BULK_AES128_GCM16 = 1,
    NHTB_BULK_AES256_GCM16 = 2,
    NHTB_BULK_CHACHA20_POLY1305 = 3,
    NHTB_BULK_AES128_CBC_SHA256_128 = 4,
    NHTB_BULK_AES256_CBC_SHA256_128 = 5,
    NHTB_BULK_AES128_CBC_SHA384_192 = 6,
    NHTB_BULK_AES256_CBC_SHA384_192 = 7,
    NHTB_BULK_AES128_CBC_SHA512_256 = 8,
    NHTB_BULK_AES256_CBC_SHA512_256 = 9,
    NHTB_BULK_AES128_CBC_SHA1_96 = 10, /* these four for old peers only, and never by default */
    NHTB_BULK_AES256_CBC_SHA1_96 = 11,
    NHTB_BULK_3DES_CBC_SHA1_96 = 12,
    NHTB_BULK_3DES_CBC_SHA256_128 = 13,
    NHTB_BULK_ALG_END
} nhtb_bulk_alg;

typedef struct nhtb_bulk_key {
    uint16_t alg;    /* nhtb_bulk_alg */
    bool seal;       /* true: this key seals only; false: it opens only */
    nhtb_span enc;   /* 16, 24 (3DES) or 32 bytes, without salt */
    nhtb_span integ; /* HMAC key (20, 32, 48 or 64 bytes), empty for an AEAD */
    uint8_t salt[4]; /* AEAD: first bytes of the nonce (RFC 4106, RFC 7634); else zero */
} nhtb_bulk_key;

/** One operation. AEAD: nonce = salt | iv[0..7]; icv = tag over aad and text. Composite: text is
 *  CBC with an iv of one block, 16 bytes or 8 for 3DES (len a multiple of it), and icv = truncated
 *  HMAC over aad | iv | ciphertext | tail. seal: src is plaintext, dst ciphertext, icv is written. open: src is ciphertext, dst
 *  plaintext, icv is read and compared in constant time; on mismatch status = NHTB_BULK_BAD and dst
 *  holds nothing useful. dst == src or disjoint. Where aad, iv and the ciphertext lie back to back
 *  in memory a backend may process them as one run; tail may be NULL. icv never overlaps text. */
typedef struct nhtb_bulk_job {
    const void *key;
    const uint8_t *src, *iv, *aad, *tail;
    uint8_t *dst, *icv;
    uint32_t len, aad_len;
    uint32_t tail_len; /* 0, or 4: high half of an extended sequence number (RFC 4303 2.2.1) */
    int status;        /* written: NHTB_BULK_OK, NHTB_BULK_BAD or NHTB_BULK_FAIL */
} nhtb_bulk_job;

enum { NHTB_BULK_OK = 0, NHTB_BULK_BAD = 1 /* ICV mismatch */, NHTB_BULK_FAIL = 2 /* backend */ };

/** The hot table. A backend may offer only this one. Lanes: one per worker (index 0..workers-1) and
 *  one more, the last index, for the control thread (SK payloads). Two threads never use one lane. */
typedef struct nhtb_bulk_ops {
    uint32_t size;
    uint16_t burst; /* preferred jobs per call: 1 soft, 32 and more multi-buffer */
    const char *name;
    bool (*has)(uint16_t alg);
    /** Bytes of key context for `lanes` lanes: several per-lane contexts where the vendor's mutate,
     *  one where they do not. A multiple of 64; the memory is aligned to 64. */
    size_t (*key_size)(uint16_t alg, unsigned lanes);
    /** Fills mem (zeroed, key_size bytes). lane_mask: bit i set when lane i will use this key.
     *  Control thread. 0, or an NHTB_ERR_* code with mem wiped. A vendor context that allocates is
     *  freed by key_wipe. */
    int (*key_init)(void *mem, const nhtb_bulk_key *k, unsigned lanes, uint64_t lane_mask);
    void (*key_wipe)(void *mem);
    size_t (*lane_size)(void); /* per-lane scratch, a multiple of 64, may be 0 */
    int (*lane_init)(void *lane);
    void (*lane_wipe)(void *lane);
    /** All jobs are finished on return; each has its status. Keys of one call may differ in key and
     *  in algorithm. */
    void (*seal)(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n);
    void (*open)(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n);
} nhtb_bulk_ops;

/* ---- kdf -------------------------------------------------------------------------------- */

typedef enum nhtb_hash_alg {
    NHTB_HASH_NONE = 0,
    NHTB_HASH_SHA1 = 1,   /* NAT detection (RFC 7296 2.23), IKEv1 and old peers only */
    NHTB_HASH_SHA256 = 2, /* also prf and HMAC */
    NHTB_HASH_SHA384 = 3,
    NHTB_HASH_SHA512 = 4
} nhtb_hash_alg;

/** Ciphers that IKEv1 runs over whole messages, in CBC and without any integrity of their own
 *  (RFC 2409 Appendix B). Never used for ESP or IKEv2. */
typedef enum nhtb_cbc_alg {
    NHTB_CBC_NONE = 0,
    NHTB_CBC_AES = 1, /* key of 16, 24 or 32 bytes, block of 16 */
    NHTB_CBC_3DES = 2 /* key of 24 bytes, block of 8; for old peers only */
} nhtb_cbc_alg;

/** One-shot and stateless; any thread. out receives the full digest (20, 32, 48 or 64 bytes).
 *  0 or an NHTB_ERR_* code with out wiped. A table may end before has_cbc (its size says so): then
 *  there is no IKEv1. */
typedef struct nhtb_kdf_ops {
    uint32_t size;
    const char *name;
    bool (*has)(uint16_t hash);
    int (*hash)(uint16_t hash, const nhtb_span *v, size_t n, uint8_t *out);
    int (*hmac)(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out);
    bool (*has_cbc)(uint16_t cipher); /* nhtb_cbc_alg; may be NULL */
    /** Raw CBC over n bytes, a multiple of the block; no padding. iv (one block) is read and then
     *  holds the last ciphertext block, as the next message of the exchange needs it. dst == src or
     *  disjoint. NHTB_ERR_ARG for a wrong key or text length, NHTB_ERR_CRYPTO with dst wiped. */
    int (*cbc)(uint16_t cipher, bool encrypt, nhtb_span key, uint8_t *iv, const uint8_t *src,
               uint8_t *dst, size_t n);
} nhtb_kdf_ops;

/* ---- pk --------------------------------------------------------------------------------- */

/** Key exchange methods by their IANA number (IKEv2 transform type 4). */
enum {
    NHTB_KE_MODP1024 = 2, /* this one and the next for old peers only, and never by default */
    NHTB_KE_MODP1536 = 5,
    NHTB_KE_MODP2048 = 14,
    NHTB_KE_MODP3072 = 15,
    NHTB_KE_MODP4096 = 16,
    NHTB_KE_P256 = 19,
    NHTB_KE_P384 = 20,
    NHTB_KE_P521 = 21,
    NHTB_KE_X25519 = 31
};
#define NHTB_KE_PUBLIC_MAX 512 /* octets, up to MODP-4096 */
#define NHTB_KE_SECRET_MAX 512
#define NHTB_KE_SEED       112 /* octets of fresh randomness handed to dh_make */

/** dh_* work on caller memory and may run on any thread; one context is used by one thread at a
 *  time. The private key is derived from the seed alone, so equal seeds give equal keys:
 *    X25519: seed[0..31] as the little-endian scalar, clamped (RFC 7748 5).
 *    P-256, P-384, P-521: 1 + (the first 48, 64, 80 bytes as a big-endian number mod (n - 1)): at
 *    least 119 bits more than n has, so no value is preferred by more than 2^-119.
 *    MODP: seed[0..63] as a big-endian exponent, for every group (RFC 3526 8 asks for less).
 *  seed[80..111] feeds blinding only and never shows in a result. */
/** Signatures. hash is an nhtb_hash_alg; NONE: the message is the digest itself, as IKEv1 signs its
 *  HASH: RSA_PKCS1 then pads it without a DigestInfo (RFC 2409 5.1), ECDSA takes it as it is (RFC
 *  4754), RSA_PSS cannot. */
typedef enum nhtb_sig_alg {
    NHTB_SIG_NONE = 0,
    NHTB_SIG_RSA_PKCS1 = 1, /* EMSA-PKCS1-v1_5 (RFC 8017 9.2) */
    NHTB_SIG_RSA_PSS = 2,   /* salt as long as the hash, MGF1 with the same hash */
    NHTB_SIG_ECDSA = 3      /* DER Ecdsa-Sig-Value (RFC 3279 2.2.3) */
} nhtb_sig_alg;
/** What verify answers: anything but GOOD is no proof. */
enum { NHTB_SIG_GOOD = 0x600d, NHTB_SIG_BAD = 1, NHTB_SIG_FAIL = 2 /* backend, memory */ };
#define NHTB_SIG_MAX   1024 /* octets: RSA of 8192 bits */
#define NHTB_SIG_SEED  48   /* octets of fresh randomness handed to sign */
#define NHTB_CHAIN_MAX 10   /* certificates of one path, anchor included */

/** A path to find. certs[0] is the one to prove, the others may help and come in any order; anchors
 *  are trusted as they are, self-signed or not. All DER. at: seconds since 1970, 64 bits. */
typedef struct nhtb_chain {
    const nhtb_span *certs, *anchors;
    size_t n_certs, n_anchors; /* at most 10, 64 */
    int64_t at;
} nhtb_chain;

typedef struct nhtb_pk_ops {
    uint32_t size;
    const char *name;
    bool (*has)(uint16_t method);
    size_t (*dh_size)(uint16_t method); /* context bytes, aligned to 16 */
    /** Makes a key pair; pub gets the KE payload's data (RFC 7296 3.4; ECP as x|y, RFC 5903) and
     *  *pub_len its length (in: room). */
    int (*dh_make)(uint16_t method, void *ctx, const uint8_t seed[NHTB_KE_SEED], uint8_t *pub,
                   size_t *pub_len);
    /** Shared secret (MODP: padded to the modulus; ECP: x only; X25519: 32 bytes). NHTB_ERR_CRYPTO
     *  for any public value that must be refused: wrong length, 0, 1, p-1 and beyond, not on the
     *  curve, all-zero result. */
    int (*dh_shared)(uint16_t method, void *ctx, nhtb_span peer, uint8_t *secret,
                     size_t *secret_len);
    void (*dh_wipe)(uint16_t method, void *ctx); /* also frees vendor objects; idempotent */

    /* From here on a table may end (its size says so) or hold NULL: then there are no signatures.
     * Stateless, any thread; vendor objects live within one call, which may allocate. Keys and
     * certificates are DER; callers have checked their sizes (RSA of 2048 to 8192 bits, P-256,
     * P-384, P-521) before a backend sees them. */
    bool (*has_sig)(uint16_t alg, uint16_t hash);
    /** SubjectPublicKeyInfo of a private key (PKCS#1, SEC 1 or PKCS#8, not encrypted). *n in: room.
     *  NHTB_ERR_CRYPTO: not a key. */
    int (*key_public)(nhtb_span key, uint8_t *spki, size_t *n);
    /** *n in: room (NHTB_SIG_MAX is always enough), out: length. The seed feeds salts, nonces and
     *  blinding of backends that have no random source of their own. */
    int (*sign)(nhtb_span key, uint16_t alg, uint16_t hash, nhtb_span message,
                const uint8_t seed[NHTB_SIG_SEED], uint8_t *sig, size_t *n);
    /** NHTB_SIG_GOOD, or why not. */
    int (*verify)(nhtb_span spki, uint16_t alg, uint16_t hash, nhtb_span message, nhtb_span sig);
    /** A path from certs[0] to an anchor that holds by RFC 5280 6.1 as far as the vendor checks it,
     *  without revocation. path gets indices, certs first, then anchors from n_certs on; *n its
     *  length. NHTB_ERR_CRYPTO: there is none. What vendors leave out is checked by the library
     *  afterwards (lib/crypto/x509_path.c), so that the verdict does not depend on the vendor. */
    int (*chain)(const nhtb_chain *in, uint16_t path[NHTB_CHAIN_MAX], size_t *n);
} nhtb_pk_ops;

typedef struct nhtb_crypto {
    const nhtb_bulk_ops *bulk;
    const nhtb_kdf_ops *kdf;
    const nhtb_pk_ops *pk;
} nhtb_crypto;

#ifdef __cplusplus
}
#endif
#endif
