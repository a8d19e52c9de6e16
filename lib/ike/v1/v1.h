/* SPDX-License-Identifier: Apache-2.0
 * Inside of IKEv1: what an nhi_ike_sa is when it speaks RFC 2407-2409, its exchanges in flight, and
 * the calls between the files of lib/ike/v1. Peers, SAs, child pairs, negotiations, timers, actions
 * and events are those of room.h: the engine and the NHTB notice no difference. What the rest of the
 * room calls is declared in room.h ("v1") and left out by v1_none.c. Control thread.
 *
 *   recv.c     a datagram: SA, fragment, decryption, HASH, then its handler
 *   exchange.c exchanges by message ID: IV chain, duplicates, retransmission, ends
 *   send.c     HASH, padding, encryption, fragments
 *   main_i main_r aggr auth  phase 1;  phase1.c what they share and what its end leads to
 *   info.c     delete, notifies, DPD;  life.c children without an ISAKMP SA, reauthentication
 *   quick_i quick_r          phase 2;  xauth.c modecfg.c  transaction exchanges
 *
 * Rules: a responder never repeats anything by itself; nothing unauthenticated changes state; the
 * HASH of every phase 2 message is checked in exchange.c, before its handler sees it. */
#ifndef NHI_IKE_V1_V1_H
#define NHI_IKE_V1_V1_H

#include <nhtb/ikev1.h>

#include "ike/room.h"
#include "ike/v2/cert.h"
#include "ike/v1/parts.h"

#define NHI_V1_EXCHANGES 16 /* of one SA at the same time; the oldest finished one goes first */
#define NHI_V1_MIDS      32 /* message IDs of the peer's last exchanges: none is taken twice */
#define NHI_V1_REPEATS   4  /* of a last message that nobody answers (quick mode 3, aggressive 3) */
#define NHI_V1_CACHE_NS  (30 * NHTB_NS_PER_S) /* a finished exchange answers duplicates so long */

/** Which NAT traversal both sides know; the later, the better. */
typedef enum nhi_v1_natt {
    NHI_V1_NATT_NONE,
    NHI_V1_NATT_02, /* payloads 130, 131; modes 61443, 61444 */
    NHI_V1_NATT_03,
    NHI_V1_NATT_RFC /* payloads 20, 21; modes 3, 4 */
} nhi_v1_natt;

/** Vendor IDs the peer sent. */
typedef enum nhi_v1_vid {
    NHI_V1_VID_DPD = 1,
    NHI_V1_VID_NATT_02 = 2,
    NHI_V1_VID_NATT_02_N = 4, /* of the text with a newline: the one that is met in the wild */
    NHI_V1_VID_NATT_03 = 8,
    NHI_V1_VID_NATT_RFC = 16,
    NHI_V1_VID_FRAG = 32,
    NHI_V1_VID_XAUTH = 64,
    NHI_V1_VID_UNITY = 128,
    NHI_V1_VID_NHTB = 256 /* our own, as in IKEv2 */
} nhi_v1_vid;

typedef enum nhi_v1_x_state {
    NHI_V1_X_NEW,  /* nothing sent or taken yet */
    NHI_V1_X_WAIT, /* a message of the peer is expected */
    NHI_V1_X_BUSY, /* a job or a question runs; duplicates are ignored */
    NHI_V1_X_DONE, /* over: answers duplicates from its cache, then goes */
    NHI_V1_X_DEAD  /* freed by the next call into the room */
} nhi_v1_x_state;

/** An exchange of phase 2, the transaction or the informational kind, by its message ID. */
typedef struct nhi_v1_x {
    nhi_list link; /* v1->xs, or room->dead_xs */
    nhi_ike_sa *sa;
    uint32_t mid;
    uint8_t exchange; /* NHI_V1_EX_* */
    uint8_t state;    /* nhi_v1_x_state */
    bool initiator;
    uint8_t received, sent; /* messages taken from the peer, messages of ours: which HASH is next */
    uint8_t iv[16];         /* last ciphertext block of this exchange */
    nhi_ike_buf *out;       /* our last message: repeated by timer (initiator), or to a duplicate */
    uint64_t in_digest;     /* of the peer's last message: what is bit-identical is a duplicate */
    uint8_t sends, repeats; /* so far; left when nobody will answer */
    uint32_t made;          /* inbound SPI of the pair it made, 0: none yet */
    uint32_t replaces;      /* inbound SPI of the pair it rekeys, 0: none */
    nhtb_time first, interval;
    nhi_timer timer; /* NHI_TIMER_V1_EXCHANGE: repeat, or (DONE) the end */
    /* quick mode: nego.kind is NHI_TASK_CREATE or _REKEY_CHILD; nego.child, .cfg, .suite, nonces and
     * key exchange as in IKEv2, .old is not used. nego.sa == sa. */
    nhi_ike_nego nego;
    uint8_t step;     /* of the handler */
    uint16_t id;      /* transaction: identifier of the configuration payload */
    nhi_ike_buf *own; /* of the handler, dropped (wiped) with the exchange */
} nhi_v1_x;

/** Fragments of one message (payload 132): not authenticated, so at most one message at a time and
 *  never more bytes than limits.ike_message. */
typedef struct nhi_v1_frags nhi_v1_frags; /* frag.c */

/** The IKEv1 side of an nhi_ike_sa (sa->v1). Cookies are sa->spi_i and spi_r; sa->suite holds encr,
 *  key_bits, prf (its hash) and ke; phase 1 uses sa->x_i or x_r, sa->out and sa->in. */
struct nhi_v1 {
    nhi_ike_sa *sa;
    nhtb_v1 entry;    /* of the entry it belongs to, or is believed to (sa->peer_id) */
    uint16_t auth;    /* agreed method (RFC 2409 appendix A, XAuth's), as on the wire */
    uint64_t life_kb; /* 0: none */
    uint64_t bytes;   /* of messages under its keys, both ways; compared with life_kb */
    uint16_t vids;    /* nhi_v1_vid the peer sent */
    uint8_t natt;     /* nhi_v1_natt in use */
    bool dpd, frag;   /* both sides know it */
    uint8_t msgs;     /* of phase 1 taken from the peer */
    nhi_v1_keys keys;
    nhi_v1_cipher cipher;
    uint8_t iv[16];         /* phase 1's last ciphertext block: each exchange starts from it */
    nhi_ike_buf *sai;       /* body of the initiator's SA payload as it was sent */
    nhi_ike_buf *gi, *gr;   /* public values, until phase 1 is over */
    nhi_ike_buf *idi, *idr; /* ID bodies, until phase 1 is over */
    nhi_ike_buf *last;   /* aggressive mode message 3, repeated before quick mode until answered */
    nhi_ike_buf *proof;  /* aggressive initiator: message 2, to check once there are keys */
    nhi_ike_buf *answer; /* aggressive responder: SA payload of message 2, answer_n octets */
    uint16_t answer_n;
    struct { /* aggressive responder: what a wrong signature in message 3 leaves as it was */
        uint8_t iv[16], kind;
        uint64_t in_digest;
        nhtb_path path;
    } before;
    bool told;          /* a failed proof was reported */
    uint8_t unheard;    /* aggressive initiator: how often message 3 was said again */
    uint64_t in_digest; /* of the peer's last phase 1 message */
    nhi_list xs;
    uint16_t n_xs;
    uint32_t mids[NHI_V1_MIDS];
    uint8_t next_mid;
    struct { /* RFC 3706 */
        uint32_t out, in;
        bool waiting, heard; /* heard: in holds the peer's last number */
        nhtb_time since;     /* waiting: first sent */
    } probe;
    struct { /* dpd.c: sent on, nothing heard */
        nhtb_time tried, wait;
    } silence;
    nhi_v1_frags *frags;
    uint16_t next_frag;
    struct nhi_v1_conf *conf; /* xauth.c, modecfg.c: user, address, ...; see nhi_v1_conf_free */
};

/* ---- recv.c ---- */
/** Payloads of a message of phase 1 and how often; of phase 2 behind HASH. */
typedef enum nhi_v1_form {
    NHI_V1_FORM_MAIN_SA,
    NHI_V1_FORM_MAIN_KE,
    NHI_V1_FORM_MAIN_AUTH,
    NHI_V1_FORM_AGGR_1,
    NHI_V1_FORM_AGGR_2,
    NHI_V1_FORM_AGGR_3,
    NHI_V1_FORM_QUICK_1,
    NHI_V1_FORM_QUICK_2,
    NHI_V1_FORM_QUICK_3,
    NHI_V1_FORM_INFO,
    NHI_V1_FORM_TRANS,
    NHI_V1_FORMS
} nhi_v1_form;
bool nhi_v1_check_form(const nhi_v1_msg *m, nhi_v1_form form);
/** One phase 1 message under way: its header, payloads, and where it came from. */
typedef struct nhi_v1_in {
    const nhi_ike_hdr *h;
    nhtb_span msg;
    const nhtb_path *path;
    uint8_t kind;
    const nhi_v1_msg *m;
    const uint8_t *iv; /* last ciphertext block, when it was encrypted */
} nhi_v1_in;
/** Re-enters with a message put together from fragments. */
unsigned nhi_v1_recv_whole(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                           uint8_t kind, nhtb_time now);
nhi_ike_sa *nhi_v1_find(nhi_ike *ike, const nhi_ike_hdr *h);
uint64_t nhi_v1_digest(const nhi_ike *ike, nhtb_span msg);

/* ---- state.c: sa.c's set_state asks it for SAs with v1 ---- */

/* ---- exchange.c ---- */
/** Ours: with a fresh message ID. NULL: *err says why (LIMIT: too many at once). */
nhi_v1_x *nhi_v1_x_new(nhi_ike_sa *sa, uint8_t exchange, nhtb_time now, int *err);
nhi_v1_x *nhi_v1_x_find(const nhi_ike_sa *sa, uint32_t mid);
/** Our exchange of this kind that is not over; NULL: none. One quick mode of ours runs at a time. */
nhi_v1_x *nhi_v1_x_running(const nhi_ike_sa *sa, uint8_t exchange);
/** Of the peer's, its first message is being taken. NULL: too many, or no memory. */
nhi_v1_x *nhi_v1_x_take(nhi_ike_sa *sa, uint8_t exchange, uint32_t mid, nhtb_time now);
int nhi_v1_new_mid(nhi_ike_sa *sa, uint32_t *mid);
/** Was this message ID used before? A new one is remembered. */
bool nhi_v1_mid_used(const nhi_ike_sa *sa, uint32_t mid);
void nhi_v1_mid_note(nhi_ike_sa *sa, uint32_t mid);
/** Its first message could not be worked on for lack of ours: a copy of it may. */
void nhi_v1_mid_forget(nhi_ike_sa *sa, uint32_t mid);
/** A message of the peer was taken: what we repeated until then is not repeated any more. */
void nhi_v1_x_heard(nhi_v1_x *x, nhtb_span msg, const uint8_t *iv, nhtb_time now);
/** A bit-identical copy: our last message once more. */
void nhi_v1_x_repeat(nhi_v1_x *x, const nhtb_path *path, uint8_t kind, nhtb_time now);
void nhi_v1_x_fired(nhi_v1_x *x, nhtb_time now);
/** Over: nego ends (a pair that was never agreed goes), the answer to duplicates stays a while. */
void nhi_v1_x_done(nhi_v1_x *x, nhtb_time now);
/** Gone at once, with all it holds; x may be looked at until the next call into the room. */
void nhi_v1_x_kill(nhi_v1_x *x);

/* ---- send.c ---- */
/** Starts the payloads behind HASH. */
void nhi_v1_send_inner(nhi_ike *ike, nhi_ike_builder *b);
typedef enum nhi_v1_after {
    NHI_V1_AWAIT,  /* the initiator repeats it until the answer; a responder only to duplicates */
    NHI_V1_LAST,   /* ours, nobody answers it: NHI_V1_REPEATS more times unless the pair is used */
    NHI_V1_ANSWER, /* a responder's last message */
    NHI_V1_ONCE    /* informational: sent, not kept */
} nhi_v1_after;
/** HASH(1), (2), (3) or that of RFC 2409 5.7 before what b holds, encrypted on the exchange's IV
 *  chain, sent and kept. Call once for each message. */
int nhi_v1_send(nhi_v1_x *x, nhi_ike_builder *b, nhi_v1_after after, nhtb_time now);
/** A message of phase 1: in the clear, or encrypted on v1->iv. AWAIT: repeated until the answer;
 *  ANSWER: a responder's, kept for duplicates; LAST: message 3 of aggressive mode. */
int nhi_v1_send_phase1(nhi_ike_sa *sa, nhi_ike_builder *b, nhi_v1_after after, nhtb_time now);
/** The message the state waited for is good: its IV, its digest; ours is not repeated any more. */
void nhi_v1_taken(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now);
/** An unprotected notify to who has no SA here: never more bytes than came, ten each second. */
void nhi_v1_send_plain(nhi_ike *ike, const nhi_v1_in *in, uint16_t notify, nhtb_time now);

/* ---- frag.c ---- */
/** A fragment; the message is handed on when it is whole. */
unsigned nhi_v1_frag_in(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                        uint8_t kind, nhtb_time now);
/** Replaces a message that is too long for one datagram by its fragments, when both know them. */
int nhi_v1_frag_cut(nhi_ike_sa *sa, nhi_ike_buf **msg);
void nhi_v1_frag_drop(nhi_ike_sa *sa);

/* ---- vendor.c ---- */
void nhi_v1_vids_build(const nhi_ike_sa *sa, nhi_ike_builder *b);
/** And what both sides know: natt, dpd, frag. */
void nhi_v1_vids_read(nhi_ike_sa *sa, const nhi_v1_msg *m);

/* ---- natd.c ---- */
void nhi_v1_natd_build(nhi_ike_sa *sa, nhi_ike_builder *b);
int nhi_v1_natd_read(nhi_ike_sa *sa, const nhi_v1_msg *m, const nhtb_path *path);
/** Initiator: to port 4500 when there is a NAT. */
void nhi_v1_natd_float(nhi_ike_sa *sa);

/* ---- phase1.c ---- */
/** Gives an SA its IKEv1 side. */
int nhi_v1_make(nhi_ike_sa *sa, const nhtb_peer *cfg);
/** What this entry offers or takes; auths: room for 4. */
nhi_v1_policy1 nhi_v1_policy(const nhi_ike_peer *p, bool initiator, uint16_t auths[4]);
nhi_ike_nego *nhi_v1_nego(nhi_ike_sa *sa); /* of phase 1 */
nhi_ike_buf *nhi_v1_copy(nhi_ike *ike, nhtb_span s);
void nhi_v1_build_head(nhi_ike_sa *sa, nhi_ike_builder *b); /* clear message */
void nhi_v1_build_ke(nhi_ike_sa *sa, nhi_ike_builder *b);   /* KE, NONCE */
/** KE and NONCE of the peer into the negotiation (and v1->gi or gr). False: unusable. */
bool nhi_v1_read_ke(nhi_ike_sa *sa, const nhi_v1_msg *m);
void nhi_v1_agree(nhi_ike_sa *sa, const nhi_v1_phase1 *c);
/** SKEYID and all keys of phase 1, its first IV; the key log. */
int nhi_v1_derive(nhi_ike_sa *sa, nhtb_span secret);
int nhi_v1_offer(nhi_ike_sa *sa, nhi_ike_builder *b); /* SA payload of message 1; kept as SAi_b */
/** A failure of ours in phase 1: the attempt ends. */
void nhi_v1_broken(nhi_ike_sa *sa, int err, nhtb_time now);

/* ---- peer.c ---- */
/** The entry for a phase 1 offer from this path; id: aggressive mode's, else NULL. *known: an entry
 *  fits the path but not the offer. */
nhi_ike_peer *nhi_v1_peer_for(nhi_ike *ike, const nhtb_path *path, nhtb_v1_mode mode,
                              const nhi_v1_sa_pl *offer, const nhtb_identity *id,
                              nhi_v1_phase1 *out, nhi_ike_peer **known);
/** Main mode with a PSK: the entry was chosen by address alone. The one whose identity was proved,
 *  among those with the same address and key; NULL: none. */
nhi_ike_peer *nhi_v1_peer_proved(nhi_ike_sa *sa, const nhtb_identity *id);

/** The instance of a wildcard entry or of a shared one for a name that has proved itself, known or new.
 *  NULL: refused, the event is out. */
nhi_ike_peer *nhi_v1_instance(nhi_ike_sa *sa, nhi_ike_peer *entry, const nhtb_identity *id,
                              nhtb_time now);

/* ---- main_i.c, main_r.c, aggr_i.c, aggr_r.c: made and ready follow nego.c's jobs ---- */
int nhi_v1_main_i_start(nhi_ike_sa *sa, nhtb_time now);
unsigned nhi_v1_main_i_recv(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now);
void nhi_v1_main_i_made(nhi_ike_sa *sa, nhtb_time now);
void nhi_v1_main_i_ready(nhi_ike_sa *sa, nhtb_time now);
unsigned nhi_v1_main_r_first(nhi_ike *ike, const nhi_v1_in *in, nhtb_time now);
unsigned nhi_v1_main_r_recv(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now);
void nhi_v1_main_r_ready(nhi_ike_sa *sa, nhtb_time now);
int nhi_v1_aggr_i_start(nhi_ike_sa *sa, nhtb_time now);
unsigned nhi_v1_aggr_i_recv(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now);
void nhi_v1_aggr_i_made(nhi_ike_sa *sa, nhtb_time now);
void nhi_v1_aggr_i_ready(nhi_ike_sa *sa, nhtb_time now);
unsigned nhi_v1_aggr_r_first(nhi_ike *ike, const nhi_v1_in *in, nhtb_time now);
unsigned nhi_v1_aggr_r_recv(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now);
void nhi_v1_aggr_r_ready(nhi_ike_sa *sa, nhtb_time now);
/** The identity has proved itself: its entry, attached. NULL: refused, the SA is gone. */
nhi_ike_peer *nhi_v1_admit(nhi_ike_sa *sa, const nhtb_identity *id, nhtb_time now);
nhtb_span nhi_v1_psk(const nhi_ike_sa *sa);

void nhi_v1_main_i_signed(nhi_ike_sa *sa, nhtb_time now);
void nhi_v1_main_i_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now);
void nhi_v1_main_r_signed(nhi_ike_sa *sa, nhtb_time now);
void nhi_v1_main_r_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now);
void nhi_v1_aggr_i_signed(nhi_ike_sa *sa, nhtb_time now);
void nhi_v1_aggr_i_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now);
void nhi_v1_aggr_r_signed(nhi_ike_sa *sa, nhtb_time now);
void nhi_v1_aggr_r_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now);
void nhi_v1_aggr_warn(nhi_ike_sa *sa, nhtb_time now); /* of both sides: event `weak` */

/* ---- cert.c ---- */
/** The plain authentication method of an entry: by the kind of its key; no key: PSK. */
uint16_t nhi_v1_cert_method(const nhi_pki *p);
bool nhi_v1_cert_used(const nhi_ike_sa *sa); /* was it agreed? */
void nhi_v1_cert_build_request(const nhi_ike_sa *sa, nhi_ike_builder *b);
void nhi_v1_cert_read_request(nhi_ike_sa *sa, const nhi_v1_msg *m);
/** A job that signs our HASH; or one that proves the peer's chain, identity and SIG. */
int nhi_v1_cert_sign(nhi_ike_sa *sa);
nhtb_detail nhi_v1_cert_verify(nhi_ike_sa *sa, nhi_pki *pki, const nhi_v1_msg *m,
                               const nhtb_identity *id);
int nhi_v1_cert_build(nhi_ike_sa *sa, nhi_ike_builder *b);

/* ---- half.c ---- */
/** May a stranger's first message be worked on? 0, or why not. */
unsigned nhi_v1_gate(nhi_ike *ike, const nhi_v1_in *in, const nhi_ike_peer *p, nhtb_time now);
/** A responder's new half-open SA: path, first message kept, what was agreed. NULL: no memory. */
nhi_ike_sa *nhi_v1_open_half(nhi_ike *ike, const nhi_v1_in *in, nhi_ike_peer *p,
                             const nhi_v1_phase1 *c, nhtb_time now);
/** No entry, or nothing in common with what the peer offers: counted, told. */
unsigned nhi_v1_no_proposal(nhi_ike *ike, const nhi_v1_in *in, nhi_ike_peer *known,
                            const nhi_v1_sa_pl *offer, nhtb_time now);

/* ---- explain.c ---- */
/** Both offers in words, before the note that there is nothing in common. child: UINT16_MAX for phase
 *  1, which needs no sa. */
void nhi_v1_explain_offers(nhi_ike_peer *p, uint16_t child, const nhi_ike_sa *sa,
                           const nhi_v1_sa_pl *theirs);

/* ---- auth.c ---- */
/** ID of our side; kept as v1->idi or idr. */
int nhi_v1_build_id_own(nhi_ike_sa *sa, nhi_ike_builder *b);
/** The peer's identity; its body is kept. False: malformed. */
bool nhi_v1_peer_id(nhi_ike_sa *sa, const nhi_v1_msg *m, nhtb_identity *id);
/** HASH_I (of_initiator) or HASH_R. */
int nhi_v1_hash(nhi_ike_sa *sa, bool of_initiator, nhi_secret *out);
int nhi_v1_build_auth(nhi_ike_sa *sa, nhi_ike_builder *b);
/** NONE when the peer's HASH is right. */
nhtb_detail nhi_v1_auth_verify(nhi_ike_sa *sa, const nhi_v1_msg *m);
void nhi_v1_remember_id(nhi_ike_sa *sa, const nhtb_identity *id);
/** Who holds the key is not who may come in: event, count, the attempt goes. */
void nhi_v1_auth_failed(nhi_ike_sa *sa, nhi_ike_peer *p, nhtb_detail d, nhtb_time now);
unsigned nhi_v1_unproved(nhi_ike_sa *sa, nhtb_detail d, const nhtb_path *path, nhtb_time now);
/** INITIAL-CONTACT, when we have nothing else with this peer: with message 5 or 6, or 3 of aggressive
 *  mode; its responder's message 2 is in the clear, so that one says it when the SA is up. */
bool nhi_v1_is_first(const nhi_ike_sa *sa);
void nhi_v1_build_contact(nhi_ike_sa *sa, nhi_ike_builder *b);
bool nhi_v1_has_contact(const nhi_v1_msg *m);

/* ---- life.c ---- */
/** Phase 1 is authenticated: XAuth and mode config if they are due (state CONFIG), else up. */
void nhi_v1_phase1_done(nhi_ike_sa *sa, nhtb_time now);
/** XAuth and mode config are over, or were not due: UP, event, children from older SAs move here,
 *  then what is wanted starts. */
void nhi_v1_up(nhi_ike_sa *sa, nhtb_time now);
/** Refused after phase 1 (XAuth): the peer is told with a delete, the attempt ends with `d`. */
void nhi_v1_refuse(nhi_ike_sa *sa, nhtb_detail d, uint32_t code, nhtb_time now);
/** The ISAKMP SA goes; its children live on: in another SA of the peer, else the SA stays bare. */
void nhi_v1_sa_gone(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now);
/** Liveness failed: SA and children go. */
void nhi_v1_peer_dead(nhi_ike_sa *sa, nhtb_time now);
/** INITIAL-CONTACT: whatever this peer had before goes, without a message. */
void nhi_v1_contact(nhi_ike_sa *sa, nhtb_time now);

/* ---- info.c ---- */
/** Protected notify of DOI 1 (spi may be empty), sent once. Errors are not worth more: 0 or not. */
int nhi_v1_info_notify(nhi_ike_sa *sa, uint8_t protocol, nhtb_span spi, uint16_t type,
                       nhtb_span data, nhtb_time now);
/** Tells the peer that a pair (by our inbound SPI) or the ISAKMP SA goes. */
int nhi_v1_info_delete_child(nhi_ike_sa *sa, uint32_t spi_in, nhtb_time now);
int nhi_v1_info_delete_isakmp(nhi_ike_sa *sa, nhtb_time now);
int nhi_v1_info_contact(nhi_ike_sa *sa, nhtb_time now);
int nhi_v1_info_delete_children(nhi_ike_sa *sa, const uint8_t *spis, uint16_t n, nhtb_time now);
nhtb_detail nhi_v1_error_detail(uint16_t type);
/** A protected message (its HASH was checked), or one in the clear: a hint, nothing more. */
void nhi_v1_info_recv(nhi_ike_sa *sa, const nhi_v1_msg *m, nhtb_time now);
unsigned nhi_v1_info_hint(nhi_ike_sa *sa, const nhi_v1_msg *m, nhtb_time now);

/* ---- dpd.c (RFC 3706) ---- */
void nhi_v1_dpd_probe(nhi_ike_sa *sa, nhtb_time now);
void nhi_v1_dpd_recv(nhi_ike_sa *sa, const nhi_v1_notify *n, nhtb_time now);
void nhi_v1_dpd_timer(nhi_ike_sa *sa, nhtb_time now);

/* ---- quick_i.c, quick_r.c (phase 2) ----
 * m: payloads behind HASH, which was checked; HASH itself is m->pl[0]. Whatever these return or do,
 * they never end the ISAKMP SA for what a peer sent. A return other than NONE is the nhtb_reason the
 * message is counted under; its exchange then goes unless the handler finished it. */
/** Ours: pair reserved, message 1 sent (after a key pair job with PFS). old: to be replaced. */
int nhi_v1_quick_start(nhi_ike_sa *sa, uint16_t cfg, nhi_ike_child *old, nhtb_time now);
/** Message 2 of ours, messages 1 (x is fresh) and 3 of the peer's. */
unsigned nhi_v1_quick_recv(nhi_v1_x *x, const nhi_v1_msg *m, nhtb_time now);
/** Responder: message 3 came, or ESP on the new pair that proves it (nhi_v1_child_seen): the pair is
 *  used, the old one replaced. The caller ends x (nhi_v1_x_done) afterwards. */
void nhi_v1_quick_confirmed(nhi_v1_x *x, nhtb_time now);
void nhi_v1_quick_made(nhi_v1_x *x, nhtb_time now);
void nhi_v1_quick_shared(nhi_v1_x *x, nhtb_span secret, nhtb_time now);
/** A job failed (by_peer: its public value is refused), or our message 1 or 2 was never answered:
 *  event, and what follows. The caller kills x. */
void nhi_v1_quick_failed(nhi_v1_x *x, nhtb_detail d, uint32_t code, nhtb_time now);
/** An authenticated informational error came while our quick mode runs. */
void nhi_v1_quick_error(nhi_ike_sa *sa, uint32_t mid_or_spi, uint16_t type, nhtb_time now);

/* ---- xauth.c, modecfg.c (transaction exchanges) ---- */
/** Called by phase1_done. True: state CONFIG was entered and they go on by themselves until
 *  nhi_v1_up or nhi_v1_refuse; false: nothing is due. */
bool nhi_v1_conf_begin(nhi_ike_sa *sa, nhtb_time now);
/** A message of exchange 6 whose HASH was checked; x is fresh for a first message. Also while UP
 *  (push by the other side). */
unsigned nhi_v1_trans_recv(nhi_v1_x *x, const nhi_v1_msg *m, nhtb_time now);
void nhi_v1_conf_free(nhi_ike_sa *sa);
/** The authentication method to put into our offer, or to accept, instead of a plain one (1: PSK,
 *  3: RSA, 9..11: ECDSA): XAuth's (65001, 65002, 65005 ...) when the entry asks for it. initiator: who
 *  sends message 1. */
uint16_t nhi_v1_conf_auth(const nhtb_peer *cfg, bool initiator, uint16_t plain);

#endif
