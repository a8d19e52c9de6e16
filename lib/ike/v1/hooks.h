/* SPDX-License-Identifier: Apache-2.0
 * What the rest of the IKE room calls when sa->v1 is set (the last part of room.h). A build without
 * NHTB_IKEV1 has v1_none.c instead of lib/ike/v1. Control thread. */
#ifndef NHI_IKE_V1_HOOKS_H
#define NHI_IKE_V1_HOOKS_H

#include "ike/room.h"

bool nhi_v1_sa_may(nhi_ike_state from, nhi_ike_state to);
/** Is this entry one that can be? NHTB_ERR_ARG, or NHTB_ERR_UNSUPPORTED in a build without IKEv1. */
int nhi_v1_check(const nhtb_peer *p);
/** Cuts a phase 1 proposal down to what IKEv1 can say (CBC ciphers; built_in: groups of its
 *  registry); false: nothing is left. */
bool nhi_v1_cut_proposal(nhtb_proposal *p, bool built_in);
/** A datagram whose header says version 1. */
unsigned nhi_v1_recv(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                     uint8_t kind, nhtb_time now);
/** Initiator: phase 1 starts (again, once the PSK that was asked for is there). */
int nhi_v1_start(nhi_ike_sa *sa, nhtb_time now);
/** Responder: the PSK that message 3 waited for came (empty: there is none). */
void nhi_v1_resume(nhi_ike_sa *sa, nhtb_span psk, nhtb_time now);
/** Key exchange jobs of any phase. */
void nhi_v1_made(nhi_ike_nego *x, nhtb_time now);
void nhi_v1_shared(nhi_ike_nego *x, nhtb_span secret, nhtb_time now);
void nhi_v1_job_failed(nhi_ike_nego *x, int status, bool by_peer, nhtb_time now);
/** Signature jobs of main mode. */
void nhi_v1_cert_done(nhi_ike_nego *x, nhtb_job *j, nhtb_time now);
/** What is wanted next (v2: task.c). */
void nhi_v1_pump(nhi_ike_sa *sa, nhtb_time now);
/** Keys of a pair (v2: nhi_keymat_child): KEYMAT of RFC 2409 5.5 for each direction. */
int nhi_v1_child_keys(const nhi_ike_child *c, const nhi_ike_nego *x, nhtb_span shared, uint8_t *i2r,
                      uint8_t *r2i);
/** Ends an SA and its children, telling the peer. */
void nhi_v1_sa_delete(nhi_ike_sa *sa, nhtb_detail detail, nhtb_time now);
/** Its timers: lifetimes, liveness (DPD), what lingers; and those of its exchanges. */
void nhi_v1_timer(nhi_ike *ike, nhi_timer *t, nhtb_time now);
/** What we offer and take in phase 1 (child UINT16_MAX) or 2, in words. */
void nhi_v1_explain_own(const nhi_ike_peer *p, uint16_t child, char *dst, size_t n);
void nhi_v1_show(const nhi_ike_sa *sa, nhtb_ike_sa_info *out);
/** A child goes: nothing points at it any more; the last one of a bare SA takes that along. */
void nhi_v1_child_gone(nhi_ike_sa *sa, const nhi_ike_child *c);
/** The peer was seen on a pair: what we would repeat until then is not repeated any more. */
void nhi_v1_child_seen(nhi_ike_child *c, nhtb_time now);
/** Exchanges and keys go (the SA ends); then the memory. */
void nhi_v1_quiet(nhi_ike_sa *sa);
void nhi_v1_free(nhi_ike_sa *sa);
void nhi_v1_begin(nhi_ike *ike); /* frees exchanges that ended */

#endif
