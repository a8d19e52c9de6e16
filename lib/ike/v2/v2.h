/* SPDX-License-Identifier: Apache-2.0
 * The exchanges of IKEv2, one file each: what recv, nego, task and sa call (the last part of room.h).
 * Control thread. RFC 7296. */
#ifndef NHI_IKE_V2_V2_H
#define NHI_IKE_V2_V2_H

#include "ike/room.h"

int nhi_ike_init_i_start(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_init_i_made(nhi_ike_sa *sa, nhtb_time now);
unsigned nhi_ike_init_i_recv(nhi_ike_sa *sa, const nhi_ike_hdr *h, nhtb_span msg,
                             const nhtb_path *path, nhtb_time now);
void nhi_ike_init_i_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now);
unsigned nhi_ike_init_r_recv(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg,
                             const nhtb_path *path, uint8_t kind, nhtb_time now);
void nhi_ike_init_r_made(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_init_r_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now);
/** Payloads that both INIT messages share. */
void nhi_ike_init_build(nhi_ike_sa *sa, nhi_ike_builder *b, const nhi_ike_nego *x,
                        bool force_encap);
bool nhi_ike_init_vendor(const nhi_ike_msg *m);
/** Does the peer take fragments, and may we? */
bool nhi_ike_init_frag(const nhi_ike *ike, const nhi_ike_msg *m);
void nhi_ike_auth_i_send(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_auth_i_done(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now);
void nhi_ike_auth_r_recv(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now);
void nhi_ike_auth_r_resume(nhi_ike_sa *sa, nhtb_span psk, nhtb_time now);

int nhi_ike_child_i_start(nhi_ike_sa *sa, uint16_t cfg, nhi_ike_child *old, nhtb_time now);
void nhi_ike_child_i_made(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_child_i_done(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now);
void nhi_ike_child_i_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now);
/** Initiator's common part of IKE_AUTH and CREATE_CHILD_SA: SA, (KE,) TS, NHTB of the request. */
void nhi_ike_child_i_offer(nhi_ike_nego *x, nhi_ike_builder *b, bool in_auth);
/** Takes SA, TS and NHTB of the answer into x; NONE, or why the child failed. */
nhtb_detail nhi_ike_child_i_accept(nhi_ike_nego *x, const nhi_ike_msg *m, bool in_auth);

void nhi_ike_create_r(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now);
void nhi_ike_child_r_made(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_child_r_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now);
/** Responder: finds the configuration, narrows, chooses; x->child is made. 0, or the notify to
 *  answer. */
uint16_t nhi_ike_child_r_choose(nhi_ike_nego *x, const nhi_ike_msg *m, bool in_auth);
/** SA, (nonce, KE,) TS, NHTB of the answer. */
void nhi_ike_child_r_answer(nhi_ike_nego *x, nhi_ike_builder *b, bool in_auth);

/** Does our replacement lose against the peer's? (2.8.1) */
bool nhi_ike_rekey_child_loses(const nhi_ike_nego *x);
/** After an install that replaces `old` (NULL: gone meanwhile). */
void nhi_ike_rekey_child_i(nhi_ike_sa *sa, nhi_ike_child *fresh, nhtb_time now);
void nhi_ike_rekey_child_r(nhi_ike_sa *sa, nhi_ike_child *fresh, nhtb_time now);

int nhi_ike_rekey_ike_start(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_rekey_ike_made(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_rekey_ike_done(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now);
void nhi_ike_rekey_ike_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now);
void nhi_ike_rekey_ike_r(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now);
void nhi_ike_rekey_ike_r_made(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_rekey_ike_r_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now);
/** Children and wishes go to the successor; the old SA is REKEYED. */
void nhi_ike_rekey_ike_move(nhi_ike_sa *from, nhi_ike_sa *to, nhtb_time now);
/** When both sides replaced the SA at once and the peer goes on with its successor, so do we: our own
 *  exchange is forgotten, children move. False: there is none. RFC 7296 2.8.1, 2.25.2. */
bool nhi_ike_rekey_ike_yield(nhi_ike_sa *sa, nhtb_time now);

/** The lowest nonce of an exchange, kept with what it made (2.8.1). */
void nhi_ike_collide_keep(const nhi_ike_nego *x, uint8_t kept[NHI_IKE_NONCE_KEPT], uint16_t *n);
/** < 0: a is lower. Octet by octet, a prefix is lower. */
int nhi_ike_collide_cmp(const uint8_t *a, size_t an, const uint8_t *b, size_t bn);
/** Two unrelated pairs for one configuration: the creator of the one with the lowest nonce deletes
 *  it. */
void nhi_ike_collide_children(nhi_ike_child *fresh);
/** Two authenticated SAs with one peer. */
void nhi_ike_collide_sas(nhi_ike_sa *fresh, nhtb_time now);

void nhi_ike_info_r(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now);
void nhi_ike_info_delete_child(nhi_ike_sa *sa, nhi_ike_child *c, nhtb_time now);
void nhi_ike_info_delete_ike(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_info_liveness(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_info_done(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now);

#endif
