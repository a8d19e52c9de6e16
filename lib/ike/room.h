/* SPDX-License-Identifier: Apache-2.0
 * Inside of the IKE room: its objects (room, peer, IKE SA, child pair, negotiation) and the calls
 * between its files. Nothing outside lib/ike includes this. Control thread. RFC 7296. */
#ifndef NHI_IKE_ROOM_H
#define NHI_IKE_ROOM_H

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "crypto/bulk.h"
#include "crypto/kex.h"
#include "crypto/pki.h"
#include "ike/ike.h"
#include "ike/parts.h"
#include "wire/ike.h"
#include "wire/v1.h"

#define NHI_IKE_CHILDREN   64 /* pairs of one IKE SA, whatever their state */
#define NHI_IKE_INIT_TRIES 6  /* COOKIE and INVALID_KE rounds of one attempt */
#define NHI_IKE_PEER_ACTS  3  /* what the end of a peer appends at most */
#define NHI_IKE_NONCE      32
#define NHI_IKE_NONCE_MAX  256
#define NHI_IKE_NONCE_KEPT 64 /* octets of a nonce kept for collisions: enough to differ */
#define NHI_IKE_EARLY      4 /* deletes remembered that overtook the answer which makes their pair */
#define NHI_IKE_HINT_NS    (10 * NHTB_NS_PER_S) /* wait for a better answer after an error hint */
#define NHI_IKE_DELETE_NS  (5 * NHTB_NS_PER_S)  /* a delete of an IKE SA is given up after this */
#define NHI_IKE_LINGER_NS  (10 * NHTB_NS_PER_S) /* answering duplicates of the last request */
#define NHI_IKE_ORPHAN_NS  (30 * NHTB_NS_PER_S) /* a replaced IKE SA the peer does not delete */

/** Memory that an action may borrow: given up with nhi_ike_buf_drop, freed (wiped) by the next call. */
typedef struct nhi_ike_buf {
    struct nhi_ike_buf *next;
    size_t n;
    uint8_t p[];
} nhi_ike_buf;

/** The marker of RFC 7296 2.23 precedes each message we keep, so that one copy serves both ports. */
#define NHI_IKE_MARKER 4
#define NHI_IKE_PLAIN  128 /* longest stateless answer, marker included */

typedef enum nhi_ike_state {
    NHI_SA_LARVAL,      /* has an SPI, nothing else */
    NHI_SA_ASK,         /* initiator: waits for the host's PSK before it starts */
    NHI_SA_INIT_KE,     /* initiator: key pair job */
    NHI_SA_INIT_SENT,   /* initiator: IKE_SA_INIT request is out; IKEv1: message 1 */
    NHI_SA_V1_KE_SENT,  /* main mode initiator: message 3 is out */
    NHI_SA_AUTH_KE,     /* initiator: shared secret job */
    NHI_SA_AUTH_SIGN,   /* initiator: our signature is being made */
    NHI_SA_AUTH_VERIFY, /* initiator: the responder's certificate and signature are being proved */
    NHI_SA_AUTH_SENT,   /* initiator: IKE_AUTH request is out; main mode: message 5 */
    NHI_SA_V1_R_SA,     /* main mode responder: message 2 is out, 3 is expected */
    NHI_SA_R_KE,        /* responder: key jobs, no answer yet */
    NHI_SA_R_HALF,   /* responder: IKE_SA_INIT answered, waits for IKE_AUTH; IKEv1: 4 or 2 is out */
    NHI_SA_R_ASK,    /* responder: IKE_AUTH waits for the host's PSK */
    NHI_SA_R_VERIFY, /* responder: the initiator's certificate and signature are being proved */
    NHI_SA_R_SIGN,   /* responder: our signature is being made */
    NHI_SA_V1_CONFIG, /* IKEv1: phase 1 is done, XAuth and mode config run */
    NHI_SA_UP,        /* authenticated */
    NHI_SA_REKEYED,   /* its children moved to a successor; is or will be deleted */
    NHI_SA_DELETING,  /* our delete waits for its turn or its answer */
    NHI_SA_V1_BARE,   /* IKEv1: over, but its children live on until a new SA takes them */
    NHI_SA_LINGER,    /* over; only repeats its last response */
    NHI_SA_DEAD,      /* out of every table, freed by the next call */
    NHI_SA_STATES
} nhi_ike_state;

typedef enum nhi_ike_child_state {
    NHI_CHILD_LARVAL,   /* inbound SPI reserved, being negotiated */
    NHI_CHILD_UP,       /* agreed and installed */
    NHI_CHILD_REPLACED, /* a newer pair took over; one side's delete is expected */
    NHI_CHILD_DELETING, /* our delete is wanted or out */
    NHI_CHILD_OVERLAP,  /* deleted by agreement; inbound stays a moment */
    NHI_CHILD_DEAD,
    NHI_CHILD_STATES
} nhi_ike_child_state;

typedef enum nhi_ike_task {
    NHI_TASK_NONE,
    NHI_TASK_INIT,
    NHI_TASK_AUTH,
    NHI_TASK_CREATE,
    NHI_TASK_REKEY_CHILD,
    NHI_TASK_REKEY_IKE,
    NHI_TASK_DELETE_CHILD,
    NHI_TASK_DELETE_IKE,
    NHI_TASK_LIVENESS,
    NHI_TASK_FORGOTTEN /* its request is still out, its answer no longer matters */
} nhi_ike_task;

enum { NHI_WANT_REKEY = 1, NHI_WANT_DELETE = 2, NHI_WANT_LIVENESS = 4 };

typedef struct nhi_ike_sa nhi_ike_sa;
typedef struct nhi_ike_peer nhi_ike_peer;
typedef struct nhi_v1 nhi_v1; /* v1/v1.h */

/** A child SA pair. */
typedef struct nhi_ike_child {
    nhi_list link; /* sa->children, or room->dead_children */
    nhi_ike_sa *sa;
    uint8_t state; /* nhi_ike_child_state, written by child.c only */
    uint8_t want;
    uint8_t tries; /* TEMPORARY_FAILURE so far */
    bool installed, in_use, creator;
    bool doubt;   /* IKEv1: message 3 never came, and its SA went */
    bool adopted; /* IKEv1: came here from another SA */
    uint16_t cfg; /* configuration index */
    uint32_t spi_in, spi_out;
    const nhi_bulk_facts *facts;
    bool esn;
    nhi_ts_list local, remote;
    uint32_t life_s;     /* agreed with an IKEv1 peer, 0: as configured */
    uint64_t life_bytes; /* the same */
    nhtb_time hold, rekey_at, expires;
    nhi_timer rekey, expire, overlap;
    struct nhi_ike_child *older; /* the pair this one replaces */
    uint8_t nonce[NHI_IKE_NONCE_KEPT];
    uint16_t nonce_n;
} nhi_ike_child;

/** One negotiation with nonces, perhaps a key exchange: IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA. */
typedef struct nhi_ike_nego {
    nhi_ike_sa *sa;
    bool responder;
    uint8_t kind; /* nhi_ike_task, NONE: unused */
    uint8_t tries;
    uint16_t cfg; /* child configuration */
    nhtb_job *job;
    nhi_kex kex;
    uint16_t ke; /* group of the KE payload, 0: none */
    nhi_suite suite;
    nhi_ike_buf *peer_ke, *own_ke; /* public values; own_ke once the key went into its job */
    nhi_ike_child *child;          /* new pair, larval */
    nhi_ike_child *old;            /* pair to be replaced */
    nhi_ike_child *rival;          /* the peer's replacement of the same pair (2.8.1) */
    nhi_ike_sa *fresh;             /* new IKE SA, larval */
    nhtb_addr learnt;              /* announced next hop, family 0: none */
    uint32_t early[NHI_IKE_EARLY]; /* pairs the peer deleted before their answer came */
    uint8_t n_early;
    uint16_t theirs_n;
    uint8_t ours[NHI_IKE_NONCE], theirs[NHI_IKE_NONCE_MAX];
} nhi_ike_nego;

/** Authenticated fragments of one message (RFC 7383 2.6). */
typedef struct nhi_ike_frags {
    uint16_t total, got;
    uint8_t first;
    size_t bytes, len; /* len, tail: of the datagram with number 1 */
    uint8_t tail[16];
    nhi_ike_buf *part[NHI_IKE_FRAGS];
} nhi_ike_frags;

struct nhi_ike_sa {
    nhi_list link, peer_link, children;
    nhi_ike *ike;
    nhi_v1 *v1;         /* NULL: IKEv2 */
    nhi_ike_peer *peer; /* NULL: not known yet, or forgotten */
    nhtb_peer_id peer_id;
    uint8_t state; /* nhi_ike_state, written by nhi_ike_sa_set_state only */
    bool initiator, force_encap, nat_local, nat_remote, encap, libnhtb, contact, have_keys, in_half;
    bool successor; /* made by a rekey: its predecessor may point at it */
    uint64_t spi_i, spi_r;
    nhtb_path path;
    nhtb_path
        init_path; /* where IKE_SA_INIT came from: its table key, kept over the float to 4500 */
    uint64_t init_hash; /* of that request */
    uint8_t kind;       /* nhtb_pkt_kind */
    nhi_suite suite;
    nhi_ike_keys keys;
    nhi_sk sk;
    uint8_t remote_id_type, remote_id_n;
    uint8_t remote_id[NHTB_ID_MAX];
    /* until established */
    nhi_ike_buf *init_own, *init_peer, *psk, *parked, *cookie;
    nhi_ike_buf *own_auth; /* AUTH body made by a job */
    uint32_t peer_hashes;  /* RFC 7427 4, bits of 1 << hash */
    uint8_t own_method;
    bool asked_cert;
    uint8_t parked_first, init_tries;
    uint16_t hint, first_child;
    uint32_t hint_code, question;
    nhtb_time hint_at;
    /* as requester (2.1 - 2.3) */
    uint8_t task; /* nhi_ike_task in progress */
    nhi_ike_child *task_child;
    struct {
        bool busy;
        uint8_t exchange;
        uint32_t next;
        nhi_ike_buf *msg;
        nhtb_time first, interval;
        uint8_t sends;
    } out;
    /* as responder */
    struct {
        bool busy; /* a job or a question runs before the answer */
        uint8_t exchange;
        uint8_t kind; /* with path: where the last request came from and its answer goes (2.11) */
        nhtb_path path;
        uint32_t next;
        nhi_ike_buf *response;
        size_t len; /* of the last request, and its last octets */
        uint8_t tail[16];
    } in;
    bool frag;               /* both sides said FRAGMENTATION_SUPPORTED */
    nhi_ike_frags *frags[2]; /* request, response coming in */
    nhi_ike_nego x_i, x_r;
    nhi_ike_sa *rival; /* the peer's successor while we rekey this SA (2.8.1) */
    uint8_t nonce[NHI_IKE_NONCE_KEPT];
    uint16_t nonce_n;
    uint8_t want, rekey_tries, create_tries;
    uint64_t want_create; /* bit per child configuration */
    uint16_t n_children;
    nhtb_time hold_create, hold_rekey;
    uint32_t life_s; /* agreed with an IKEv1 peer, 0: as configured */
    nhtb_time created, established, last_in, last_out, rekey_at, expires;
    nhi_timer t_retransmit, t_half_open, t_liveness, t_rekey, t_expire, t_keepalive, t_linger,
        t_task;
};

/** IKEv1: how this peer wraps its next-hop announcement; ours is wrapped alike (protocol-facts 1.4
 *  item 3). */
typedef struct nhi_v1_framing {
    bool seen;
    uint8_t form; /* nhtb_v1_form */
    uint8_t protocol, spi_len;
    uint8_t extra[4]; /* mask, or prefix length */
} nhi_v1_framing;

struct nhi_ike_peer {
    nhi_ike *ike;
    nhtb_peer_id id;
    nhtb_peer cfg; /* points into block; psk empty */
    uint8_t *block;
    size_t block_n;
    uint8_t *psk; /* of a wildcard entry: the seed */
    size_t psk_n;
    nhi_pki *pki; /* NULL: pre-shared keys only; cfg.pki is not kept */
    nhi_list sas;
    nhi_list near; /* near.c */
    bool started, up;
    nhi_timer retry;
    nhtb_time backoff, next_try;
    nhtb_time fresh_gap, fresh_at; /* next attempt beside one whose IKE_AUTH is unanswered */
    uint8_t child_tries;           /* children refused since the last one that came up */
    uint16_t last_detail;
    uint32_t last_code;
    nhtb_peer_id entry;       /* of an instance: the wildcard entry it comes from */
    uint32_t n_instances;     /* of a wildcard entry */
    bool leaving;             /* of an instance: its end is on the action list */
    struct nhi_ike_why *why;  /* explain.c; NULL: nothing failed yet */
    char user[NHTB_USER_MAX]; /* XAuth user name of the last session, "": none */
    nhi_v1_framing framing;
    nhtb_addr address;  /* IKEv1 mode config: ours from this peer; or this peer's, */
    bool address_given; /* by us */
};

/** Sources before authentication (dos.c). */
typedef struct nhi_ike_dos_slot nhi_ike_dos_slot;
typedef struct nhi_ike_dos {
    nhi_ike_dos_slot *slots;
    uint32_t n; /* in each row */
    uint8_t key[16];
} nhi_ike_dos;

typedef struct nhi_ike_act_node {
    struct nhi_ike_act_node *next;
    nhi_ike_act act;
} nhi_ike_act_node;

struct nhi_ike {
    nhi_ike_env env;
    nhi_mem *mem;
    nhi_slab peers;
    nhi_list sas, dead_sas, dead_children, dead_xs, jobs; /* dead_xs: exchanges of v1 */
    size_t n_sas, max_sas, n_children;
    nhi_map by_spi;    /* our IKE SPI -> SA */
    nhi_map by_init;   /* initiator SPI and source, half-open as responder -> SA */
    nhi_map by_child;  /* inbound ESP SPI -> child */
    nhi_map near;      /* outer address, or identity of an instance -> peers (near.c) */
    nhi_list anywhere; /* entries that name no outer address */
    uint32_t half_open, next_question;
    uint32_t n_seeded; /* wildcard entries: while there are any, every IKE_AUTH derives once */
    uint32_t n_v1;     /* entries that speak IKEv1: without any, nobody here does */
    uint32_t n_pki;    /* entries with certificates */
    uint32_t n_jobs;   /* public-key jobs made and not yet handed back */
    nhi_ike_dos dos;
    bool shutting;
    nhi_cookie cookie;
    bool cookie_used;
    nhi_timer t_cookie;
    nhtb_time last_plain_error;
    nhi_bulk_lane lane;
    /* one message at a time */
    size_t rx_len;                /* of the datagram under way */
    uint8_t plain[NHI_IKE_PLAIN]; /* a stateless answer: costs no allocation */
    uint8_t *rx, *tx;
    size_t buf_n;
    nhi_ike_msg msg;
    nhi_v1_msg v1_msg;
    nhi_ike_sa_pl offer, answer;
    /* actions */
    nhi_ike_act_node *act_head, *act_tail, *act_free;
    size_t n_free, act_quota;
    nhi_ike_buf *trash;
    struct {
#define X(n) uint64_t n;
        NHTB_IKE_COUNTERS(X)
#undef X
    } count;
};

/* ---- act.c ---- */
/** Frees what the last call's actions borrowed. First thing of every entry. */
void nhi_ike_begin(nhi_ike *ike);
/** Room for n actions that must not fail (removals, ends); NHTB_ERR_MEMORY. */
int nhi_ike_act_grow(nhi_ike *ike, size_t n);
void nhi_ike_act_shrink(nhi_ike *ike, size_t n);
/** A zeroed action at the end of the list, or NULL. sure: may use the reserved room. */
nhi_ike_act *nhi_ike_act_add(nhi_ike *ike, nhi_ike_act_kind kind, bool sure);
void nhi_ike_act_fini(nhi_ike *ike);
nhi_ike_buf *nhi_ike_buf_new(nhi_ike *ike, size_t n);
void nhi_ike_buf_drop(nhi_ike *ike, nhi_ike_buf **b);
/** Event about a peer and perhaps a child (UINT16_MAX: none). */
void nhi_ike_act_event(nhi_ike *ike, nhtb_event_kind kind, nhtb_detail detail, uint32_t code,
                       nhtb_peer_id peer, uint16_t child, const nhtb_path *path, nhtb_time now);

/* ---- table.c ---- */
uint64_t nhi_ike_table_own(const nhi_ike_sa *sa);
int nhi_ike_table_add(nhi_ike_sa *sa);
void nhi_ike_table_del(nhi_ike_sa *sa);
nhi_ike_sa *nhi_ike_table_find(nhi_ike *ike, const nhi_ike_hdr *h);
/** By the whole request: one that was damaged on its way and the right one each have their SA. */
nhi_ike_sa *nhi_ike_table_find_init(nhi_ike *ike, uint64_t spi_i, const nhtb_path *path,
                                    nhtb_span msg);
int nhi_ike_table_add_init(nhi_ike_sa *sa); /* init_peer is set */
void nhi_ike_table_del_init(nhi_ike_sa *sa);

/* ---- dos.c ---- */
int nhi_ike_dos_init(nhi_ike *ike);
void nhi_ike_dos_fini(nhi_ike *ike);
/** May a stranger's first message be worked on? 0, or the reason to drop it without an answer. */
unsigned nhi_ike_dos_gate(nhi_ike *ike, const nhtb_path *path, nhtb_time now);
/** And if so: only from who can be reached (a cookie)? threshold: half-open SAs in all. */
bool nhi_ike_dos_crowded(nhi_ike *ike, const nhtb_path *path, uint32_t threshold);
/** A half-open SA of this source came or went. */
void nhi_ike_dos_half(nhi_ike *ike, const nhtb_path *path, bool more);
/** This source failed to authenticate; may it try again now? */
void nhi_ike_dos_failed(nhi_ike *ike, const nhtb_path *path, nhtb_time now);
bool nhi_ike_dos_may_fail(nhi_ike *ike, const nhtb_path *path, nhtb_time now);

/* ---- sa.c ---- */
nhi_ike_sa *nhi_ike_sa_new(nhi_ike *ike, bool initiator, nhtb_time now, int *err);
bool nhi_ike_sa_may(nhi_ike_state from, nhi_ike_state to);
bool nhi_ike_sa_set_state(nhi_ike_sa *sa, nhi_ike_state to);
static inline bool nhi_ike_sa_attempts(nhi_ike_state s)
{
    return s >= NHI_SA_ASK && s <= NHI_SA_AUTH_SENT;
}
const char *nhi_ike_sa_state_name(unsigned state);
void nhi_ike_sa_attach(nhi_ike_sa *sa, nhi_ike_peer *peer);
/** Authenticated: events, timers, duplicates. */
void nhi_ike_sa_up(nhi_ike_sa *sa, bool rekeyed, nhtb_time now);
/** Ends an SA at once: children removed, event, retry. answer: stays to repeat its last response. */
void nhi_ike_sa_end(nhi_ike_sa *sa, nhtb_detail detail, uint32_t code, bool answer, nhtb_time now);
/** Ends an SA and tells the peer. */
void nhi_ike_sa_delete(nhi_ike_sa *sa, nhtb_detail detail, nhtb_time now);
/** IKEv1: its keys go, its children stay (life.c). */
void nhi_ike_sa_bare(nhi_ike_sa *sa, nhtb_detail detail, nhtb_time now);
/** Out of every table, without events. */
void nhi_ike_sa_kill(nhi_ike_sa *sa);
void nhi_ike_sa_rearm(nhi_ike_sa *sa, nhtb_time now);
nhtb_time nhi_ike_soft_of(nhi_ike *ike, nhtb_time life);

/* ---- nego.c ---- */
int nhi_ike_nego_begin(nhi_ike_nego *x, nhi_ike_sa *sa, nhi_ike_task kind, bool responder);
void nhi_ike_nego_end(nhi_ike_nego *x);
int nhi_ike_nego_make(nhi_ike_nego *x, uint16_t method);
/** Queues a job whose owner is x: 0, or err (an error when j is NULL). */
int nhi_ike_nego_queue(nhi_ike_nego *x, nhtb_job *j, int err);
int nhi_ike_nego_shared(nhi_ike_nego *x, nhtb_span peer);
bool nhi_ike_nego_theirs(nhi_ike_nego *x, const nhi_ike_msg *m, uint16_t prf);
nhtb_span nhi_ike_nego_pub(const nhi_ike_nego *x);
nhtb_span nhi_ike_nego_ni(const nhi_ike_nego *x);
nhtb_span nhi_ike_nego_nr(const nhi_ike_nego *x);
/** Keys of a first IKE SA (2.14): both directions of SK are ready, their raw keys are wiped. */
int nhi_ike_nego_keys(const nhi_ike_nego *x, nhtb_span secret);

/* ---- keylog.c, or keylog_none.c: keys for a dissector, when the host asks for them ---- */
/** An IKE SA has its keys (before ei and er are wiped). */
void nhi_ike_keylog_sa(const nhi_ike_sa *sa);
/** An ISAKMP SA of version 1 has its keys. */
void nhi_ike_keylog_v1(const nhi_ike_sa *sa, nhtb_span key);
/** A pair is installed. */
void nhi_ike_keylog_child(const nhi_ike *ike, const nhi_ike_child_sa *s);

/* ---- child.c ---- */
nhi_ike_child *nhi_ike_child_new(nhi_ike_sa *sa, uint16_t cfg, int *err);
bool nhi_ike_child_may(nhi_ike_child_state from, nhi_ike_child_state to);
bool nhi_ike_child_set_state(nhi_ike_child *c, nhi_ike_child_state to);
/** A pair that was never agreed: releases its SPI. */
void nhi_ike_child_abort(nhi_ike_child *c);
/** Agreed: keys, action INSTALL, timers. On failure nothing is installed and the pair is larval. */
int nhi_ike_child_install(nhi_ike_child *c, const nhi_ike_nego *x, nhtb_span shared, bool use_now,
                          nhtb_time now);
void nhi_ike_child_remove(nhi_ike_child *c);
void nhi_ike_child_use(nhi_ike_child *c);
/** The pair was replaced: stop sending on it. */
void nhi_ike_child_replaced(nhi_ike_child *c, nhi_ike_child *by);
/** The peer gave up the pair that replaced this one (NULL: none): it serves on. */
void nhi_ike_child_revive(nhi_ike_child *c);
/** Takes the pair out of the data plane; the object stays for its delete exchange. */
void nhi_ike_child_uninstall(nhi_ike_child *c);
/** Our delete exchange is wanted. */
void nhi_ike_child_delete(nhi_ike_child *c);
/** Both sides agreed to delete it: goes now, or after the overlap when it was replaced. */
void nhi_ike_child_deleted(nhi_ike_child *c, nhtb_time now);
void nhi_ike_child_move(nhi_ike_child *c, nhi_ike_sa *to);
nhi_ike_child *nhi_ike_child_by_out(const nhi_ike_sa *sa, uint32_t spi_out);
nhi_ike_child *nhi_ike_child_live(const nhi_ike_peer *peer, uint16_t cfg,
                                  const nhi_ike_child *not_this);
const nhtb_child *nhi_ike_child_cfg(const nhi_ike_child *c);

/* ---- near.c ---- */
int nhi_ike_near_add(nhi_ike_peer *p);
void nhi_ike_near_del(nhi_ike_peer *p);
/** It becomes an instance of the entry. */
int nhi_ike_near_join(nhi_ike_peer *p, nhtb_peer_id entry);
/** All entries that an outer address may belong to, one after the other: NULL first, NULL at the end.
 *  Those that name it come first. */
nhi_ike_peer *nhi_ike_near_next(nhi_ike *ike, const nhtb_addr *remote, nhi_ike_peer *p);
nhi_ike_peer *nhi_ike_near_instance(const nhi_ike_peer *entry, const nhtb_identity *id);

/* ---- send.c ---- */
void nhi_ike_send_inner(nhi_ike *ike, nhi_ike_builder *b);
int nhi_ike_send_request(nhi_ike_sa *sa, uint8_t exchange, nhi_ike_builder *b, nhtb_time now);
int nhi_ike_send_response(nhi_ike_sa *sa, nhi_ike_builder *b, nhtb_time now);
/** A response that holds one notify (0: nothing). */
int nhi_ike_send_notify(nhi_ike_sa *sa, uint16_t type, nhtb_span data, nhtb_time now);
void nhi_ike_send_buf(nhi_ike_sa *sa, nhi_ike_buf *b, nhtb_time now);
/** A kept message along a path that need not be the SA's. */
void nhi_ike_send_to(nhi_ike *ike, nhtb_peer_id peer, const nhtb_path *path, uint8_t kind,
                     const nhi_ike_buf *b);
/** A message without protection and without state. */
void nhi_ike_send_plain(nhi_ike *ike, const nhtb_path *path, uint8_t kind, const nhi_ike_hdr *req,
                        uint16_t notify, nhtb_span data);
nhi_ike_buf *nhi_ike_send_keep(nhi_ike *ike, nhi_ike_builder *b, int *err);
static inline nhtb_span nhi_ike_buf_msg(const nhi_ike_buf *b)
{
    return (nhtb_span){b->p + NHI_IKE_MARKER, b->n - NHI_IKE_MARKER};
}

/* ---- frag.c ---- */
/** Is a message with this much inside too long for one datagram? */
bool nhi_ike_frag_needed(const nhi_ike_sa *sa, size_t inner);
/** All fragments behind one another, each with its marker. */
nhi_ike_buf *nhi_ike_frag_seal(nhi_ike_sa *sa, const nhi_ike_hdr *h, uint8_t first, nhtb_span inner,
                               int *err);
/** A fragment of the expected message. whole: all are there, the payloads are in ike->rx. */
unsigned nhi_ike_frag_in(nhi_ike_sa *sa, const nhi_ike_hdr *h, nhtb_span msg, uint8_t *first,
                         size_t *n, bool *whole);
/** Is this the authentic first fragment of a message (the last request, cut anew)? */
bool nhi_ike_frag_recut(nhi_ike_sa *sa, nhtb_span msg);
void nhi_ike_frag_drop(nhi_ike_sa *sa, bool response);

/* ---- recv.c ---- */
/** The newest authenticated message may move a peer that is behind NAT (2.23); of either version. */
void nhi_ike_follow(nhi_ike_sa *sa, const nhtb_path *path, uint8_t kind);

/* ---- window.c ---- */
void nhi_ike_window_sent(nhi_ike_sa *sa, nhi_ike_buf *msg, uint8_t exchange, nhtb_time now);
void nhi_ike_window_done(nhi_ike_sa *sa);
void nhi_ike_window_fired(nhi_ike_sa *sa, nhtb_time now);
typedef enum nhi_ike_window {
    NHI_WINDOW_NEW,
    NHI_WINDOW_REPEATED,
    NHI_WINDOW_OUTSIDE
} nhi_ike_window;
nhi_ike_window nhi_ike_window_request(const nhi_ike_sa *sa, uint32_t id, nhtb_span msg);
void nhi_ike_window_hint(nhi_ike_sa *sa, nhtb_detail d, uint32_t code, nhtb_time now);
/** Is it the request noted last? */
bool nhi_ike_window_same(const nhi_ike_sa *sa, nhtb_span msg);
void nhi_ike_window_note(nhi_ike_sa *sa, nhtb_span msg, uint8_t exchange);
void nhi_ike_window_repeat(nhi_ike_sa *sa, const nhtb_path *path, uint8_t kind, nhtb_time now);

/* ---- task.c ---- */
void nhi_ike_task_pump(nhi_ike_sa *sa, nhtb_time now);
void nhi_ike_task_end(nhi_ike_sa *sa);
/** Back-off after the given number of failures (2.25: some seconds, growing). */
nhtb_time nhi_ike_task_hold(nhi_ike *ike, uint8_t tries, nhtb_time now);
void nhi_ike_task_stop(nhi_ike_sa *sa);
/** The negotiation in progress failed with this notify (0: for a reason of ours): ends it and plans
 *  what follows. */
void nhi_ike_task_failed(nhi_ike_sa *sa, uint16_t notify, nhtb_detail detail, nhtb_time now);

/* ---- check.c: payload counts per exchange and direction ---- */
typedef enum nhi_ike_form {
    NHI_FORM_INIT_REQUEST,
    NHI_FORM_INIT_RESPONSE,
    NHI_FORM_AUTH_REQUEST,
    NHI_FORM_AUTH_RESPONSE,
    NHI_FORM_CREATE_REQUEST,
    NHI_FORM_CREATE_RESPONSE,
    NHI_FORM_INFORMATIONAL,
    NHI_FORMS
} nhi_ike_form;
bool nhi_ike_check(const nhi_ike_msg *m, nhi_ike_form form);
nhi_ike_form nhi_ike_check_form(uint8_t exchange, bool response);
/** First notify of a type; false: none or malformed. */
bool nhi_ike_find_notify(const nhi_ike_msg *m, uint16_t type, nhi_ike_notify *out);
/** First error notify (type < 16384), 0: none. */
uint16_t nhi_ike_find_error(const nhi_ike_msg *m, nhi_ike_notify *out);
nhtb_detail nhi_ike_error_detail(uint16_t notify);

/** Asks the host for the PSK; the SA waits in `state` (ASK or R_ASK). */
int nhi_ike_ask(nhi_ike_sa *sa, nhi_ike_state state, nhtb_time now);

/* ---- nhtb.c (protocol-facts 1.4 item 5, 1.5) ---- */
void nhi_ike_nhtb_write(nhi_ike_nego *x, nhi_ike_builder *b);
void nhi_ike_nhtb_read(nhi_ike_nego *x, const nhi_ike_msg *m);
void nhi_ike_nhtb_learn(const nhi_ike_nego *x);

#include "ike/v1/hooks.h"
#include "ike/v2/v2.h"

#include "ike/entry.h"

#endif
