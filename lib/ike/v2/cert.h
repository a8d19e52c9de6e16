/* SPDX-License-Identifier: Apache-2.0
 * Certificates and signatures of IKEv2: what init_*, auth_* and nego share with cert.c. Control
 * thread. RFC 7296 3.6, 3.7, 3.8; RFC 7427. */
#ifndef NHI_IKE_V2_CERT_H
#define NHI_IKE_V2_CERT_H

#include "ike/room.h"

/** Jobs of cert.c are done. */
void nhi_ike_auth_i_signed(nhi_ike_sa *sa, bool good, nhtb_time now);
void nhi_ike_auth_i_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now);
void nhi_ike_auth_r_signed(nhi_ike_sa *sa, bool good, nhtb_time now);
void nhi_ike_auth_r_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now);

struct nhi_sig_work;
typedef struct nhi_ike_claim {
    nhtb_span id_body, auth;
    nhtb_identity id;
    uint8_t method;
} nhi_ike_claim;
/** SIGNATURE_HASH_ALGORITHMS, and the responder's CERTREQ; read from the peer's. */
void nhi_ike_cert_build_init(nhi_ike_sa *sa, nhi_ike_builder *b);
void nhi_ike_cert_read_init(nhi_ike_sa *sa, const nhi_ike_msg *m);
/** Our certificates, and the initiator's CERTREQ. */
void nhi_ike_cert_build(nhi_ike_sa *sa, const nhi_pki *p, nhi_ike_builder *b);
/** A job that makes our AUTH for this identity; the SA has its state. 0 or NHTB_ERR_*. */
int nhi_ike_cert_sign(nhi_ike_sa *sa, nhi_pki *p, const nhtb_identity *id);
/** A job that proves the peer's certificate, identity and AUTH; NONE, or why it could not start. */
nhtb_detail nhi_ike_cert_verify(nhi_ike_sa *sa, nhi_pki *p, const nhi_ike_msg *m,
                                const nhi_ike_claim *c);
/** A finished VERIFY job as a cause; NONE: all is proved. */
nhtb_detail nhi_ike_cert_detail(const struct nhi_sig_work *w);
void nhi_ike_cert_done(nhi_ike_nego *x, nhtb_job *j, nhtb_time now);
/** The plain payloads of the message under way, kept until a job or an answer is there. */
bool nhi_ike_park(nhi_ike_sa *sa, const nhi_ike_msg *m);
/** Back in ike->rx; NULL: none was kept. */
const nhi_ike_msg *nhi_ike_unpark(nhi_ike_sa *sa);

#endif
