/* SPDX-License-Identifier: Apache-2.0
 * The IKE room's border. It holds peers and IKE SAs, takes one input at a time (message, timer,
 * command, finished job, data plane signal) and appends actions to a list; the engine applies them
 * after each call. It knows no tables, no packets, no sockets. Control thread. RFC 7296. */
#ifndef NHI_IKE_IKE_H
#define NHI_IKE_IKE_H

#include <nhtb/event.h>
#include <nhtb/ike.h>
#include <nhtb/stats.h>

#include "base/rng.h"
#include "base/wheel.h"
#include "crypto/bulk.h"
#include "crypto/kex.h"

typedef struct nhi_ike nhi_ike;

/** Timer kinds of this room; engine/timer.c names each in its one switch. */
enum {
    NHI_TIMER_IKE_RETRANSMIT = 0x100, /* our request is unanswered */
    NHI_TIMER_IKE_HALF_OPEN,          /* responder: never authenticated */
    NHI_TIMER_IKE_LIVENESS,           /* idle: send an empty INFORMATIONAL */
    NHI_TIMER_IKE_REKEY,              /* soft lifetime of the IKE SA */
    NHI_TIMER_IKE_EXPIRE,             /* hard lifetime of the IKE SA */
    NHI_TIMER_IKE_KEEPALIVE,          /* NAT keepalive */
    NHI_TIMER_IKE_LINGER,    /* a deleted or rekeyed SA answers duplicates a while longer */
    NHI_TIMER_IKE_RETRY,     /* peer: next attempt (establish immediately, back-off) */
    NHI_TIMER_IKE_TASK,      /* a queued task waits (TEMPORARY_FAILURE back-off) */
    NHI_TIMER_CHILD_REKEY,   /* soft lifetime of a child SA */
    NHI_TIMER_CHILD_EXPIRE,  /* hard lifetime */
    NHI_TIMER_CHILD_OVERLAP, /* old inbound SA after its delete exchange */
    NHI_TIMER_COOKIE_SECRET, /* rotate */
    NHI_TIMER_V1_EXCHANGE    /* IKEv1: a message of phase 2 is unanswered, or a cache ends */
};

typedef struct nhi_ike_own {
    nhtb_addr addr;
    bool multipoint;
} nhi_ike_own;

typedef struct nhi_ike_env {
    nhi_mem *mem;
    nhi_wheel *wheel;
    const nhtb_crypto *crypto;
    const nhtb_settings *settings;
    nhi_rng *jitter; /* not for keys */
    void *user;
    /** Inbound SPI for a child of this peer; 0 or NHTB_ERR_*. */
    int (*spi_reserve)(void *user, nhtb_peer_id peer, uint32_t *spi);
    void (*spi_release)(void *user, uint32_t spi);
    /** Own tunnel address to announce for this child (NHTB), and whether its interface is a
     *  multipoint one; false: none. */
    bool (*own_addr)(void *user, nhtb_peer_id peer, uint16_t child, nhi_ike_own *out);
    /** Last authenticated ESP packet from / to this peer; 0: none. */
    nhtb_time (*last_in)(void *user, nhtb_peer_id peer);
    nhtb_time (*last_out)(void *user, nhtb_peer_id peer);
    /** An instance of a wildcard entry comes: its name and tunnels. NHTB_ERR_EXISTS: the name is
     *  taken, another is tried. NULL: nothing to do. */
    int (*peer_join)(void *user, nhtb_peer_id peer);
} nhi_ike_env;

int nhi_ike_new(nhi_ike **out, const nhi_ike_env *env, nhtb_time now);
void nhi_ike_del(nhi_ike *ike);

/* ---- actions ---- */
typedef enum nhi_ike_act_kind {
    NHI_ACT_SEND,          /* path, kind (IKE_500 / UDP_4500), data (marker included on 4500) */
    NHI_ACT_CHILD_INSTALL, /* child: a pair is agreed */
    NHI_ACT_CHILD_USE,     /* spi_in: send on this pair from now on */
    NHI_ACT_CHILD_DRAIN,   /* spi_in: stop sending on it, keep receiving */
    NHI_ACT_CHILD_REMOVE,  /* spi_in: remove the pair */
    NHI_ACT_LEARN,         /* peer, child index, addr: announced next hop (authenticated) */
    NHI_ACT_ASSIGN,        /* peer, child index, addr: the virtual address we gave it, once per
                              tunnel that comes up (behind its CHILD_INSTALL) */
    NHI_ACT_MOVE,          /* peer, path: authenticated move of the outer endpoints */
    NHI_ACT_EVENT,         /* event */
    NHI_ACT_PEER_LEFT,     /* peer: an instance of a wildcard entry lost its last SA */
    NHI_ACT_ASK            /* question number in event.question: PSK wanted */
} nhi_ike_act_kind;
/** An agreed child SA pair. Spans borrow IKE memory until the next call into the room. */
typedef struct nhi_ike_child_sa {
    const nhi_bulk_facts *facts;
    bool esn, use_now;
    uint32_t spi_in, spi_out;
    nhtb_span key_in, key_out;
    const nhtb_ts *local_ts, *remote_ts;
    uint16_t n_local_ts, n_remote_ts;
    nhtb_path path; /* ports 0: native ESP */
    uint32_t path_mtu;
    uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets;
    nhtb_time rekey_at, expires;
} nhi_ike_child_sa;
typedef struct nhi_ike_act {
    nhi_ike_act_kind kind;
    nhtb_peer_id peer;
    uint16_t child; /* configuration index */
    uint32_t spi_in;
    uint8_t pkt_kind;
    nhtb_path path;
    union { /* each kind uses one: room for ends is reserved per object, so its size counts */
        nhtb_span data;
        nhtb_addr addr;
        nhi_ike_child_sa sa;
        nhtb_event event;
    };
} nhi_ike_act;
/** The next action of the last call, or false. Drain it completely after each call into the room.
 *  A failed CHILD_INSTALL is reported back with nhi_ike_install_failed. */
bool nhi_ike_act_next(nhi_ike *ike, nhi_ike_act *out);

/* ---- inputs ---- */
/** A datagram without the non-ESP marker. kind: NHTB_PKT_IKE_500 or UDP_4500. Returns 0 or the
 *  nhtb_reason it was dropped with. */
unsigned nhi_ike_recv(nhi_ike *ike, const nhtb_path *path, uint8_t kind, nhtb_span msg,
                      nhtb_time now);
/** t: a timer of a kind above that fired. */
void nhi_ike_timer(nhi_ike *ike, nhi_timer *t, nhtb_time now);
/** Waiting job, or NULL; and a job that ran. */
nhtb_job *nhi_ike_job_next(nhi_ike *ike);
void nhi_ike_job_done(nhi_ike *ike, nhtb_job *job, nhtb_time now);

/** Checks everything (usage errors) and copies; prepare then cannot fail later: the peer is inert
 *  until started. Id is given by the caller's reservation below. */
int nhi_ike_peer_new(nhi_ike *ike, const nhtb_peer *cfg, nhtb_peer_id *out);
void nhi_ike_peer_start(nhi_ike *ike, nhtb_peer_id id, nhtb_time now);
/** Deletes its SAs (the peer is told) and forgets it. inert peers vanish. */
void nhi_ike_peer_del(nhi_ike *ike, nhtb_peer_id id, nhtb_time now);
const nhtb_peer *nhi_ike_peer_config(const nhi_ike *ike,
                                     nhtb_peer_id id); /* NULL: stale; psk empty */

/** Instances of wildcard entries. After PEER_LEFT: is it still without an SA? Then it is dropped. */
bool nhi_ike_peer_idle(nhi_ike *ike, nhtb_peer_id id);
void nhi_ike_peer_drop(nhi_ike *ike, nhtb_peer_id id);
bool nhi_ike_peer_is_instance(const nhi_ike *ike, nhtb_peer_id id);
nhtb_peer_id nhi_ike_wildcard_first(const nhi_ike *ike, nhtb_peer_id entry); /* 0: none */

int nhi_ike_initiate(nhi_ike *ike, nhtb_peer_id id, nhtb_time now);
/** Traffic waits for this child: initiates what is missing unless the peer is responder-only. */
void nhi_ike_on_traffic(nhi_ike *ike, nhtb_peer_id id, uint16_t child, nhtb_time now);
int nhi_ike_clear(nhi_ike *ike, nhtb_peer_id id, nhtb_time now);
int nhi_ike_rekey(nhi_ike *ike, nhtb_peer_id id, nhtb_rekey what, nhtb_time now);
void nhi_ike_shutdown(nhi_ike *ike, nhtb_time now);
bool nhi_ike_idle(const nhi_ike *ike);
int nhi_ike_answer(nhi_ike *ike, uint32_t question, nhtb_span psk, nhtb_time now);
/** XAuth's questions: NHTB_ERR_STALE when it is none. Spans live until the next call. */
int nhi_ike_answer_user(nhi_ike *ike, uint32_t question, const nhtb_reply *r, nhtb_time now);
int nhi_ike_question(nhi_ike *ike, uint32_t question, nhtb_span *user, nhtb_span *password);

/* Data plane signals, by the inbound SPI of the pair. */
void nhi_ike_child_soft(nhi_ike *ike, uint32_t spi_in, nhtb_time now);      /* rekey wanted */
void nhi_ike_child_hard(nhi_ike *ike, uint32_t spi_in, nhtb_time now);      /* used up: delete */
void nhi_ike_child_first_use(nhi_ike *ike, uint32_t spi_in, nhtb_time now); /* peer sends on it */
/** The newest authenticated ESP packet came from `seen`; obeyed only when the peer is behind NAT. */
void nhi_ike_child_moved(nhi_ike *ike, uint32_t spi_in, const nhtb_path *seen, nhtb_time now);
void nhi_ike_install_failed(nhi_ike *ike, uint32_t spi_in, int err, nhtb_time now);

/* ---- display ---- */
bool nhi_ike_sa_next(nhi_ike *ike, uint32_t *cursor, nhtb_ike_sa_info *out);
bool nhi_ike_peer_next(nhi_ike *ike, uint32_t *cursor, nhtb_peer_info *out); /* without counters */
int nhi_ike_explain(nhi_ike *ike, nhtb_peer_id id, nhtb_explain *out); /* zeroed by the caller */
void nhi_ike_stats(const nhi_ike *ike, nhtb_stats *out); /* ike_* counters, ike_sas, half_open */
/** Authenticated identity of a peer's current IKE SA; type 0: none. data borrowed until next call. */
nhtb_identity nhi_ike_peer_identity(const nhi_ike *ike, nhtb_peer_id id);
/** XAuth user name of a peer, "": none. */
const char *nhi_ike_peer_user(const nhi_ike *ike, nhtb_peer_id id);

#endif
