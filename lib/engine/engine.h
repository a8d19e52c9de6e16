/* SPDX-License-Identifier: Apache-2.0
 * The engine's own border: the context object and what its files call in one another. The engine
 * is the only room that acts: it carries inputs into ike, applies the actions that come back to db,
 * output ring and events, and looks after timers. Control thread. House-style 3.1, 3.3, 3.5. */
#ifndef NHI_ENGINE_ENGINE_H
#define NHI_ENGINE_ENGINE_H

#include <nhtb/nhtb.h>

#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "db/db.h"
#include "dp/dp.h"
#include "fib/fib.h"
#include "ike/ike.h"

/** Timer kinds of this room; the kinds of ike are in ike/ike.h. */
enum {
    NHI_TIMER_ENGINE_CELLS = 0x10, /* collect what workers flagged in SA cells */
    NHI_TIMER_ENGINE_MTU,          /* learnt path MTUs may have grown */
    NHI_TIMER_ENGINE_HOLD          /* the oldest held packet has waited long enough */
};
#define NHI_ENGINE_CELLS_NS  (100 * NHTB_NS_PER_MS)
#define NHI_ENGINE_OUT_BYTES (4u << 20) /* most bytes of messages waiting for nhtb_drain */

/** Something that waits for nhtb_drain: a message, or a held packet on its way back to a worker. */
typedef struct nhi_out {
    nhi_list link;
    nhtb_path path;
    nhtb_iface_id iface;
    uint8_t kind, verdict;
    uint16_t worker;
    uint32_t len, room;
    uint8_t data[];
} nhi_out;
typedef struct nhi_out_ring {
    nhi_list waiting, drained; /* drained: kept for pkt.path until the next nhtb_drain */
    nhi_list spare;            /* small ones for what is answered without state: no allocation */
    uint32_t n, n_spare;
    uint64_t bytes;
} nhi_out_ring;

/** A first packet that waits for its tunnel. */
typedef struct nhi_held {
    nhi_list link; /* oldest first */
    nhtb_time expires;
    nhtb_addr dst;
    nhi_out *out; /* what will be re-injected */
} nhi_held;
typedef struct nhi_hold {
    nhi_list list;
    uint32_t n;
    bool recheck; /* a tunnel or a binding came: look which packets can go */
    nhi_timer timer;
} nhi_hold;

typedef struct nhi_event_rec nhi_event_rec;
typedef struct nhi_events {
    nhi_map map;          /* key of object and kind -> record */
    nhi_list list;        /* oldest change first */
    nhi_event_rec *spare; /* [NHTB_EVENT_END]: used when memory is short, so nothing is lost */
} nhi_events;

/** Announcements that could not be stored for lack of memory: tried again by the cells timer. */
typedef struct nhi_relearn {
    nhtb_peer_id peer; /* 0: free */
    uint16_t child;
    nhtb_addr addr;
} nhi_relearn;
#define NHI_ENGINE_RELEARN 16

struct nhtb_ctx {
    nhi_mem mem;
    nhtb_settings settings;
    nhtb_crypto crypto;
    nhi_fib fib;
    nhi_db *db;
    nhi_ike *ike;
    nhi_wheel wheel;
    nhi_rng jitter;
    nhi_out_ring ring;
    nhi_hold hold;
    nhi_events events;
    nhi_timer cells_timer, mtu_timer;
    nhi_relearn relearn[NHI_ENGINE_RELEARN];
    nhtb_txn *txn; /* the open transaction */
    nhi_map names; /* peer name -> id; follows the open transaction */
    nhtb_worker *workers[64];
    nhi_dp_count past;                 /* counters of workers that are gone */
    uint64_t reasons[NHTB_REASON_END]; /* drops of the control thread */
    nhtb_time now;                     /* of the call in progress, for notes from db */
    uint16_t next_worker;              /* re-injected packets go round robin */
    bool fib_ready, shutdown;
};

/* settings.c */
int nhi_engine_settings_take(nhtb_settings *dst, const nhtb_settings *src);
/** Copies a caller's growable struct of which `known` bytes are understood. NHTB_ERR_ARG: NULL, too
 *  small, or bytes behind `known` are not zero. */
int nhi_engine_take(void *dst, const void *src, size_t known);
/** Copies a row out to a caller whose struct has `dst_size` bytes, keeping its size member. */
void nhi_engine_give(void *dst, uint32_t dst_size, const void *src, size_t known);

/* apply.c */
/** Drains the actions of the last call into ike and acts on them. Call after each such call. */
void nhi_engine_apply(nhtb_ctx *ctx, nhtb_time now);
/** Second chance for announcements that met no memory. */
void nhi_engine_relearn(nhtb_ctx *ctx, nhtb_time now);
/* ctx.c: path MTUs that were learnt so long ago are tried again */
#define NHI_ENGINE_MTU_NS (600 * NHTB_NS_PER_S) /* RFC 8201 4 */
void nhi_engine_mtu_forget(nhtb_ctx *ctx, nhtb_time now);
/** db's note hook. */
void nhi_engine_note(void *user, const nhi_db_note *n);

/* event.c */
int nhi_engine_events_init(nhtb_ctx *ctx, const uint8_t seed[16]);
void nhi_engine_events_fini(nhtb_ctx *ctx);
void nhi_engine_event_put(nhtb_ctx *ctx, const nhtb_event *ev, nhtb_time now);

/* drain.c */
void nhi_engine_ring_init(nhi_out_ring *r);
void nhi_engine_ring_fini(nhtb_ctx *ctx);
/** A ring entry with room for len bytes, in no list; NULL: no memory. */
nhi_out *nhi_engine_out_new(nhtb_ctx *ctx, uint32_t len);
void nhi_engine_out_free(nhtb_ctx *ctx, nhi_out *o);
/** Queues; takes o. False when the ring is full (o is freed, counted FEED_LIMIT). */
bool nhi_engine_out_push(nhtb_ctx *ctx, nhi_out *o);

/* hold.c */
void nhi_engine_hold_init(nhtb_ctx *ctx);
void nhi_engine_hold_fini(nhtb_ctx *ctx);
/** A worker punted this inner packet. Returns the reason when it was not kept, else NONE. */
unsigned nhi_engine_hold_put(nhtb_ctx *ctx, const nhtb_pkt *p, nhtb_time now);
void nhi_engine_hold_expire(nhtb_ctx *ctx, nhtb_time now);
/** Re-injects what can go after tunnels or bindings came. */
void nhi_engine_hold_release(nhtb_ctx *ctx);

/* cells.c */
void nhi_engine_cells_collect(nhtb_ctx *ctx, nhtb_time now);
/** Keeps the collecting timer armed while SAs exist. */
void nhi_engine_cells_watch(nhtb_ctx *ctx, nhtb_time now);

/* stats.c */
void nhi_engine_count_add(nhi_dp_count *sum, const nhi_dp_count *c);
static inline void nhi_engine_drop(nhtb_ctx *ctx, unsigned reason)
{
    if (reason < NHTB_REASON_END)
        ctx->reasons[reason]++;
}

/* names.c: peer names are unique. Removed peers keep theirs until commit unless it is taken. */
typedef struct nhi_engine_name {
    char text[NHTB_NAME_MAX];
} nhi_engine_name;
nhtb_peer_id nhi_engine_name_holder(const nhtb_ctx *ctx, const char *name);
int nhi_engine_name_give(nhtb_ctx *ctx, const char *name, nhtb_peer_id id);
/** Frees the name of a peer that still exists, if it is the one that holds it. */
void nhi_engine_name_end(nhtb_ctx *ctx, nhtb_peer_id id);

/* wildcard.c */
/** ike's hook: an instance of a wildcard entry comes. */
int nhi_engine_peer_join(void *user, nhtb_peer_id id);
void nhi_engine_peer_left(nhtb_ctx *ctx, nhtb_peer_id id);
/** The entry is going: all its instances end. */
void nhi_engine_entry_end(nhtb_ctx *ctx, nhtb_peer_id entry, nhtb_time now);

/* txn.c */
void nhi_engine_txn_end(nhtb_ctx *ctx); /* aborts an open one */

#endif
