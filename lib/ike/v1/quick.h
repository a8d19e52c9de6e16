/* SPDX-License-Identifier: Apache-2.0
 * Between the files of quick mode: quick.c (both roles), quick_i.c, quick_r.c, announce.c. RFC 2409
 * 5.5. Control thread. */
#ifndef NHI_IKE_V1_QUICK_H
#define NHI_IKE_V1_QUICK_H

#include "ike/v1/v1.h"

#define NHI_V1_LIFE_MIN_S  60                   /* shorter ones the peer may keep for itself */
#define NHI_V1_LIFE_MIN_KB 1024                 /* a rekey per MiB at most */
#define NHI_V1_LIFE_S      28800                /* of a transform that says none (RFC 2407 4.5) */
#define NHI_V1_NONCE_MIN   8                    /* RFC 2409 5 */
#define NHI_V1_OLD_NS      (30 * NHTB_NS_PER_S) /* a replaced pair of ours is deleted after this */

/* ---- quick.c ---- */
/** The one pair of selectors a child configuration stands for; false: no family in common. */
bool nhi_v1_quick_ids(const nhi_ike_peer *p, uint16_t cfg, nhtb_ts *local, nhtb_ts *remote);
nhi_v1_policy2 nhi_v1_quick_policy(const nhi_ike_sa *sa, uint16_t cfg);
/** The smaller of what both want, never below the floors; into the pair. */
void nhi_v1_quick_lives(nhi_ike_child *c, uint64_t life_s, uint64_t life_kb);
bool nhi_v1_quick_theirs(nhi_ike_nego *x, const nhi_v1_msg *m); /* nonce */
/** KE of the peer into the negotiation. false: memory. */
bool nhi_v1_quick_ke(nhi_ike_nego *x, nhtb_span ke);
/** Notes which exchanges are under way together. */
void nhi_v1_quick_begin(nhi_v1_x *x);
/** The new pair can be used by both: it takes over from the one it replaces, or gives way to one
 *  that crossed it. */
void nhi_v1_quick_settle(nhi_v1_x *x, nhi_ike_child *c, nhtb_time now);
/** The pair with this inbound SPI, if it is this peer's still; NULL: gone, or 0. */
nhi_ike_child *nhi_v1_quick_pair(const nhi_v1_x *x, uint32_t spi_in);
/** A responder's exchange that goes with its SA: what becomes of the pair it made. */
void nhi_v1_quick_doubt(const nhi_v1_x *x, nhtb_time now);
bool nhi_v1_quick_same(const nhi_ike_child *c, const nhi_ts_list *local, const nhi_ts_list *remote);
/** Two identities of the peer as selectors; absent ones are the IKE addresses (RFC 2409 5.5). */
bool nhi_v1_quick_selectors(const nhi_ike_sa *sa, const nhi_v1_msg *m, nhtb_ts *idci,
                            nhtb_ts *idcr);

/* ---- quick_i.c, quick_r.c ---- */
unsigned nhi_v1_quick_i_recv(nhi_v1_x *x, const nhi_v1_msg *m, nhtb_time now);
void nhi_v1_quick_i_made(nhi_v1_x *x, nhtb_time now);
void nhi_v1_quick_i_shared(nhi_v1_x *x, nhtb_span secret, nhtb_time now);
unsigned nhi_v1_quick_r_first(nhi_v1_x *x, const nhi_v1_msg *m, nhtb_time now);
void nhi_v1_quick_r_made(nhi_v1_x *x, nhtb_time now);
void nhi_v1_quick_r_shared(nhi_v1_x *x, nhtb_span secret, nhtb_time now);

/* ---- announce.c: NHTB in messages 1 and 2 (protocol-facts 1.3 - 1.5) ---- */
/** The last payload of our message, when this peer is to be told. */
void nhi_v1_announce_write(nhi_v1_x *x, nhi_ike_builder *b);
/** Of a message whose HASH covered it; what is learnt waits in x->nego. */
void nhi_v1_announce_read(nhi_v1_x *x, const nhi_v1_msg *m);
/** Message 3: not covered by its HASH, so it counts as not there. */
void nhi_v1_announce_ignore(nhi_ike *ike, const nhi_v1_msg *m);

#endif
