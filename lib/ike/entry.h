/* SPDX-License-Identifier: Apache-2.0
 * Part of room.h: peers at run time, entries that stand for many of them, and what failed last with
 * one. Control thread. */
#ifndef NHI_IKE_ENTRY_H
#define NHI_IKE_ENTRY_H

#include "ike/room.h"

/* ---- peer.c ---- */
nhi_ike_peer *nhi_ike_peer_get(const nhi_ike *ike, nhtb_peer_id id);
nhi_ike_peer *nhi_ike_peer_for_init(nhi_ike *ike, const nhtb_path *path, uint16_t ke,
                                    nhi_suite *suite, nhi_ike_peer **known);
nhi_ike_peer *nhi_ike_peer_find(nhi_ike *ike, const nhi_ike_sa *sa, const nhtb_identity *idi,
                                const nhtb_identity *idr);
/** Does either side prove itself with the pre-shared key? */
bool nhi_ike_peer_uses_psk(const nhi_ike_peer *p);
nhtb_identity nhi_ike_peer_local_id(const nhi_ike_peer *p, const nhtb_path *path);
/** The SA that carries new exchanges: up, else being set up; NULL: none. */
nhi_ike_sa *nhi_ike_peer_sa(const nhi_ike_peer *p);
int nhi_ike_peer_initiate(nhi_ike_peer *p, uint16_t child, nhtb_time now);
void nhi_ike_peer_retry(nhi_ike_peer *p, nhtb_time now);
void nhi_ike_peer_retry_fired(nhi_ike_peer *p, nhtb_time now);
/** Another attempt beside this one, whose IKE_AUTH gets no answer. */
void nhi_ike_peer_afresh(nhi_ike_sa *stuck, nhtb_time now);
/** A first exchange beside an SA that is up (IKEv1 has no other way to renew one). */
int nhi_ike_peer_beside(nhi_ike_peer *p, nhtb_time now);
/** -1: the path is not this peer's; else how specific the entry is. */
int nhi_ike_peer_path_score(const nhi_ike_peer *p, const nhtb_path *path);
/** Chosen before we knew who it is: is the suite one of this peer's too? */
bool nhi_ike_peer_suite_allowed(const nhi_ike_peer *p, const nhi_suite *s);
/** Wants every configured child that is missing. */
void nhi_ike_peer_want_children(nhi_ike_peer *p, nhtb_time now);
/** A child was not made: told to the host; `immediately` peers try again, ever more slowly. */
void nhi_ike_peer_child_failed(nhi_ike_sa *sa, uint16_t cfg, nhtb_detail detail, uint32_t code,
                               nhtb_time now);
void nhi_ike_peer_free(nhi_ike_peer *p);

/* ---- wildcard.c ---- */
bool nhi_ike_wildcard_valid(uint8_t kind, const nhtb_identity *pattern);
bool nhi_ike_wildcard_match(uint8_t kind, const nhtb_identity *pattern, const nhtb_identity *got);
/** The instance of an identity, NULL: none. */
nhi_ike_peer *nhi_ike_wildcard_find(const nhi_ike_peer *entry, const nhtb_identity *id);
/** Makes it (the identity has proved itself). NULL: *err says why. */
nhi_ike_peer *nhi_ike_wildcard_spawn(nhi_ike_peer *entry, const nhtb_identity *id, int *err);
/** An SA left the peer: an instance without any goes after this call. */
void nhi_ike_wildcard_left(nhi_ike_peer *p);

/* ---- explain.c ---- */
/** A failure to remember. step: static text. child: UINT16_MAX for the IKE SA. */
typedef struct nhi_ike_fault {
    nhtb_detail detail;
    uint32_t code;
    uint16_t child;
    bool responder;
    const char *step;
} nhi_ike_fault;
void nhi_ike_explain_note(nhi_ike_peer *p, const nhi_ike_fault *f, nhtb_time now);
/** Two offers with nothing in common; before the note that says so. */
void nhi_ike_explain_offers(nhi_ike_peer *p, nhtb_protocol proto, const nhi_ike_sa_pl *ours,
                            const nhi_ike_sa_pl *theirs);
/** The same, put into words already (IKEv1). */
void nhi_ike_explain_texts(nhi_ike_peer *p, const char *theirs, const char *differs);
/** The IKE SA (UINT16_MAX) or this child came up: an older failure of it is history. */
void nhi_ike_explain_cured(nhi_ike_peer *p, uint16_t child);
void nhi_ike_explain_free(nhi_ike_peer *p);

#endif
