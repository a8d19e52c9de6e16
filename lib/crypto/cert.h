/* SPDX-License-Identifier: Apache-2.0
 * Certificates as the library sees them: the fields it judges, borrowed from the DER; names; paths;
 * revocation lists. The vendor checks the path (nhtb_pk_ops.chain); what vendors leave out or judge
 * differently is checked here for all of them alike. No allocation, no network; any thread.
 * RFC 5280, RFC 4945. */
#ifndef NHI_CRYPTO_CERT_H
#define NHI_CRYPTO_CERT_H

#include <nhtb/pki.h>

#include "crypto/der.h"
#include "crypto/suite.h"

#define NHI_RSA_BITS_MIN 2048
#define NHI_RSA_BITS_MAX 8192

typedef enum nhi_key_kind {
    NHI_KEY_NONE,
    NHI_KEY_RSA,
    NHI_KEY_P256,
    NHI_KEY_P384,
    NHI_KEY_P521
} nhi_key_kind;

enum { NHI_USAGE_SIGNATURE = 0x80, NHI_USAGE_CERT_SIGN = 0x04, NHI_USAGE_CRL_SIGN = 0x02 };

typedef struct nhi_cert {
    nhtb_span raw, tbs, signature, serial, issuer, subject, spki; /* names and spki with header */
    nhtb_span san, constraints, crl_points;                       /* bodies, n 0: none */
    int64_t from, until;
    uint16_t sig_alg, sig_hash; /* NHTB_SIG_NONE: not one we take */
    uint8_t key;                /* nhi_key_kind; NONE: unknown or below the floor */
    bool ca, has_usage, has_eku, eku_fits, strange; /* strange: an unknown critical extension */
    uint8_t usage;
    int32_t path_len; /* -1: none */
} nhi_cert;

/** Well-formed, version 3 where it must be, no extension twice. Judges nothing. */
bool nhi_cert_read(nhi_cert *c, nhtb_span der);
/** Kind of a SubjectPublicKeyInfo: RSA of 2048 to 8192 bits with an odd exponent from 65537 to
 *  2^64, or a named curve; NONE: anything else. */
nhi_key_kind nhi_spki_kind(nhtb_span spki);
/** Every certificate of a path must be made with these; SHA-1 and MD5 never. */
bool nhi_sig_alg_read(nhtb_span algorithm_body, uint16_t *alg, uint16_t *hash);
/** The AlgorithmIdentifier, header included; 0: none for this pair. */
#define NHI_SIG_ALG_MAX 80
size_t nhi_sig_alg_write(uint16_t alg, uint16_t hash, uint8_t out[NHI_SIG_ALG_MAX]);

/* ---- x509_name.c ---- */
/** A DER Name that we can take apart: at most 32 attributes. */
bool nhi_dn_valid(nhtb_span name);
/** RFC 5280 7.1: same attributes in the same order; case, space and string type do not count. */
bool nhi_dn_equal(nhtb_span a, nhtb_span b);
/** Is this the issuer's name? Case and string type do not count, white space does (mbedTLS). */
bool nhi_dn_chains(nhtb_span issuer, nhtb_span subject);
/** Does name start with all of base? (directoryName subtrees) */
bool nhi_dn_within(nhtb_span base, nhtb_span name);
typedef enum nhi_dn_how {
    NHI_DN_WILDCARD,  /* each attribute of the pattern is somewhere in the name; value "*": any */
    NHI_DN_CONTAINER, /* ... and all of them in the pattern's order */
} nhi_dn_how;
bool nhi_dn_match(nhi_dn_how how, nhtb_span pattern, nhtb_span name);
/** "C=DE, O=Example, CN=hub" to DER; words of C ST L O OU CN SN DC E UID serialNumber (or an OID in
 *  dots), a comma or backslash in a value behind a backslash. *n in: room. NHTB_ERR_ARG, _SHORT. */
int nhi_dn_parse(const char *text, size_t len, uint8_t *out, size_t *n);
void nhi_dn_format(nhi_fmt *f, nhtb_span name);

/** Does the certificate speak for this identity? (types of RFC 7296 3.5; exactly one SAN of that
 *  type and value, or the subject for a distinguished name) */
bool nhi_cert_holds(const nhi_cert *c, const nhtb_identity *id);

/* ---- x509_constraint.c ---- */
/** Is every name of c allowed by the nameConstraints of an issuer above? Unknown forms: no. */
bool nhi_cert_name_allowed(const nhi_cert *c, nhtb_span constraints);

/* ---- x509_crl.c ---- */
typedef enum nhi_revoked {
    NHI_NOT_REVOKED = 0x600d,
    NHI_REVOKED = 1,
    NHI_STATUS_UNKNOWN = 2
} nhi_revoked;
nhi_revoked nhi_crl_status(const nhtb_crypto *c, const nhtb_span *crls, size_t n,
                           const nhi_cert *cert, const nhi_cert *issuer, int64_t now);
bool nhi_crl_valid(nhtb_span der);

/* ---- x509_path.c ---- */
typedef enum nhi_x509 {
    NHI_X509_GOOD = 0x600d,
    NHI_X509_MALFORMED = 1,
    NHI_X509_UNTRUSTED = 2, /* no path, or one that breaks a rule */
    NHI_X509_EXPIRED = 3,   /* a certificate is not valid yet, or no longer */
    NHI_X509_REVOKED = 4,
    NHI_X509_NO_STATUS = 5, /* strict or ifuri, and no current list says anything */
    NHI_X509_WEAK = 6       /* key or hash below the floor */
} nhi_x509;
typedef struct nhi_x509_in {
    const nhtb_span *certs, *anchors, *crls;
    size_t n_certs, n_anchors, n_crls;
    uint8_t revocation; /* nhtb_revocation */
    int64_t now;
} nhi_x509_in;
/** leaf gets certs[0], whatever the verdict (zeroed when malformed). */
nhi_x509 nhi_x509_verify(const nhtb_crypto *c, const nhi_x509_in *in, nhi_cert *leaf);

#endif
