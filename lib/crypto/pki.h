/* SPDX-License-Identifier: Apache-2.0
 * A peer entry's certificates after they were read: DER spans in one block of memory, shared by the
 * entry, its instances and the jobs under way. Never changed once made; references are counted on
 * the control thread only, so threads that run jobs just read. */
#ifndef NHI_CRYPTO_PKI_H
#define NHI_CRYPTO_PKI_H

#include "crypto/cert.h"

#define NHI_KEY_HASH 20 /* SHA-1 of a SubjectPublicKeyInfo, as CERTREQ lists them (RFC 7296 3.7) */

typedef struct nhi_pki {
    uint32_t refs;
    size_t block_n; /* of this and all it points to */
    nhtb_span key;  /* n 0: we use the psk */
    nhi_key_kind key_kind;
    nhtb_span chain[NHTB_PKI_CERTS], anchors[NHTB_PKI_ANCHORS], crls[NHTB_PKI_CRLS];
    size_t n_chain, n_anchors, n_crls; /* n_anchors 0: the peer uses the psk */
    nhi_cert own;                      /* chain[0] */
    uint8_t anchor_hash[NHTB_PKI_ANCHORS][NHI_KEY_HASH];
    uint8_t revocation;
    bool send_certreq, send_cert_always, pss;
    uint32_t hashes;
} nhi_pki;

/** Reads and checks everything; the caller holds the one reference. NHTB_ERR_ARG with *what (static
 *  text, may be NULL) naming the part that is wrong, NHTB_ERR_UNSUPPORTED without signatures in the
 *  backend, NHTB_ERR_MEMORY. */
int nhi_pki_new(nhi_pki **out, nhi_mem *mem, const nhtb_crypto *c, const nhtb_pki *cfg,
                const char **what);
static inline nhi_pki *nhi_pki_ref(nhi_pki *p)
{
    if (p != NULL)
        p->refs++;
    return p;
}
/** The last one wipes and frees it. p may be NULL. */
void nhi_pki_unref(nhi_mem *mem, nhi_pki *p);

#endif
