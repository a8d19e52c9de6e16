/* SPDX-License-Identifier: Apache-2.0
 * Certificates of a peer entry: what we prove ourselves with, whom we trust, what we check.
 * Everything is text or octets of the host's files, PEM or DER; nothing is ever fetched. */
#ifndef NHTB_PKI_H
#define NHTB_PKI_H

#include <nhtb/crypto.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nhtb_revocation {
    NHTB_REVOCATION_RELAXED = 0, /* refused only when a list says revoked */
    NHTB_REVOCATION_IFURI = 1,   /* a current list is needed where the certificate names one */
    NHTB_REVOCATION_STRICT = 2   /* a current list is needed for every certificate but the anchor */
} nhtb_revocation;

/** Hashes we take in digital signatures (RFC 7427), as bits of 1 << nhtb_hash_alg. */
#define NHTB_SIGN_SHA256  (1u << 2)
#define NHTB_SIGN_SHA384  (1u << 3)
#define NHTB_SIGN_SHA512  (1u << 4)
#define NHTB_SIGN_DEFAULT (NHTB_SIGN_SHA256 | NHTB_SIGN_SHA384 | NHTB_SIGN_SHA512)

#define NHTB_PKI_CERTS   10 /* own chain */
#define NHTB_PKI_ANCHORS 64
#define NHTB_PKI_CRLS    64
#define NHTB_PKI_BYTES   (4u << 20) /* of all together */

/** With anchors the peer must prove itself by certificate; with a chain and a key we do. One of
 *  both may be missing: that side then uses the entry's psk. Each span may hold several PEM blocks.
 *  Copied; the key is wiped with the peer. */
typedef struct nhtb_pki {
    uint32_t size;
    nhtb_span chain;       /* own certificate first, then those between it and an anchor */
    nhtb_span key;         /* its private key: PKCS#8, PKCS#1 or SEC 1, not encrypted */
    nhtb_span anchors;     /* trusted certificates */
    nhtb_span crls;        /* revocation lists */
    uint8_t revocation;    /* nhtb_revocation */
    bool send_certreq;     /* default true */
    bool send_cert_always; /* also to a peer that asked for none; default true */
    bool pss;              /* sign RSA as PSS where RFC 7427 lets us; default false: PKCS#1 */
    uint32_t hashes;       /* accepted; 0: NHTB_SIGN_DEFAULT */
} nhtb_pki;
NHTB_API void nhtb_pki_default(nhtb_pki *p, uint32_t size);
#define nhtb_pki_init(p) nhtb_pki_default((p), (uint32_t)sizeof *(p))

/** One certificate of a text, for display. */
#define NHTB_CERT_TEXT 256
typedef struct nhtb_cert_info {
    uint32_t size;
    bool ca;
    char subject[NHTB_CERT_TEXT], issuer[NHTB_CERT_TEXT]; /* cut when longer */
    char serial[64];                                      /* hexadecimal digits */
    int64_t from, until;                                  /* seconds since 1970 */
    const char *key;    /* "RSA", "P-256", "P-384", "P-521", or "unusable" */
    uint8_t sha256[32]; /* of the DER */
} nhtb_cert_info;
#define nhtb_cert_info_init(i) ((i)->size = (uint32_t)sizeof *(i))
/** The next certificate of PEM or DER text, which moves behind it; other blocks are skipped. 1, 0 at
 *  the end, or NHTB_ERR_ARG. At most 8192 octets each. Any thread. */
NHTB_API int nhtb_cert_next(const nhtb_crypto *c, nhtb_span *text, nhtb_cert_info *out);

/** "C=DE, O=Example, CN=hub" to the DER of an NHTB_ID_DER_DN identity; words C ST L O OU CN SN DC E UID
 *  serialNumber, a comma or backslash inside a value behind a backslash. *n in: room, out: octets.
 *  NHTB_ERR_ARG, or NHTB_ERR_SHORT. Any thread. */
NHTB_API int nhtb_dn_parse(const char *text, uint8_t *out, size_t *n);
/** The same words; always terminated. Returns the length that was needed. Any thread. */
NHTB_API size_t nhtb_dn_format(nhtb_span name, char *dst, size_t n);

#ifdef __cplusplus
}
#endif
#endif
