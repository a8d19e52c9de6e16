/* SPDX-License-Identifier: Apache-2.0
 * Signatures as public-key jobs, for both IKE versions: "sign these octets" and "prove this chain,
 * then this signature over these octets". Made and ended by the control thread, run by any thread
 * through nhtb_job_run; everything a job needs is copied into it. RFC 7427, RFC 7296 2.15, RFC 2409
 * 5.1, RFC 4754.
 *
 *   IKEv2, methods 1, 9, 10, 11: alg and hash fixed by the method, ECDSA as r | s
 *   IKEv2, method 14: AlgorithmIdentifier before the signature, ECDSA as DER
 *   IKEv1, RSA: NHTB_SIG_RSA_PKCS1 over the HASH with NHTB_HASH_NONE (no DigestInfo)
 *   IKEv1, ECDSA: NHTB_SIG_ECDSA over the HASH with NHTB_HASH_NONE, as r | s */
#ifndef NHI_CRYPTO_SIG_H
#define NHI_CRYPTO_SIG_H

#include "crypto/cert.h"
#include "crypto/kex.h"
#include "crypto/pki.h"

/** How a signature is made and written. */
typedef struct nhi_sig_how {
    uint16_t alg, hash; /* nhtb_sig_alg, nhtb_hash_alg */
    bool plain;         /* ECDSA as r | s, each as long as the group order; else DER */
} nhi_sig_how;

bool nhi_crypto_has_sig(const nhtb_crypto *c, uint16_t alg, uint16_t hash);
/** The key's kind by its public half; NONE: cannot be used. */
nhi_key_kind nhi_key_of(const nhtb_crypto *c, nhtb_span key);
/** Does the private key belong to the certificate? */
bool nhi_key_fits(const nhtb_crypto *c, nhtb_span key, const nhi_cert *cert);

/** Signs in the calling thread. *n in: room (NHTB_SIG_MAX), out: length. */
int nhi_sign(const nhtb_crypto *c, nhtb_span key, const nhi_sig_how *how, nhtb_span message,
             const uint8_t seed[NHTB_SIG_SEED], uint8_t *sig, size_t *n);
/** NHTB_SIG_GOOD or why not; the key is checked against the floor first. */
int nhi_verify(const nhtb_crypto *c, nhtb_span spki, const nhi_sig_how *how, nhtb_span message,
               nhtb_span sig);

/** r | s to DER and back; order_len: octets of the group order. *n in: room. */
bool nhi_ecdsa_to_der(nhtb_span plain, uint8_t *out, size_t *n);
bool nhi_ecdsa_from_der(nhtb_span der, size_t order_len, uint8_t *out, size_t *n);
size_t nhi_key_order_len(nhi_key_kind kind); /* 32, 48, 66; 0: no curve */

/** Work of a SIGN or VERIFY job; one block of memory, wiped with the job. In: up to here. */
typedef struct nhi_sig_work {
    nhi_pki *pki; /* SIGN: its key; VERIFY: its anchors, lists and policy. A reference is taken */
    nhi_sig_how how;
    nhtb_span message;
    nhtb_span sig;                   /* VERIFY: what came */
    nhtb_span certs[NHTB_PKI_CERTS]; /* VERIFY: what came, the peer's own first */
    size_t n_certs;
    nhtb_identity id; /* VERIFY: the certificate must hold it */
    bool any_hash;    /* VERIFY, RSA PKCS#1: whichever accepted hash the signature names */
    int64_t at;       /* VERIFY: wall clock, seconds since 1970 */
    /* the rest is the job's */
    nhtb_crypto crypto;
    uint8_t seed[NHTB_SIG_SEED];
    uint8_t out[NHTB_SIG_MAX]; /* SIGN */
    size_t out_n;
    nhi_x509 chain; /* VERIFY: of the path alone */
    bool id_held;
    int verdict; /* VERIFY: NHTB_SIG_GOOD only with a good path, a held identity, a good signature */
    size_t block_n;
} nhi_sig_work;

/** owner as for nhi_job_make; NULL with *err set. Limits: 10 certificates, 64 KiB of all spans. */
#define NHI_SIG_BYTES 65536
nhtb_job *nhi_job_sign(nhi_mem *mem, const nhtb_crypto *c, const nhi_sig_work *in, void *owner,
                       int *err);
nhtb_job *nhi_job_verify(nhi_mem *mem, const nhtb_crypto *c, const nhi_sig_work *in, void *owner,
                         int *err);
/** For nhtb_job_run and nhi_job_free (kex.c). */
int nhi_sig_run(nhi_job_kind kind, nhi_sig_work *w);
void nhi_sig_free(nhi_mem *mem, nhi_sig_work *w);

#endif
