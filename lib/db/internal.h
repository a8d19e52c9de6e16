/* SPDX-License-Identifier: Apache-2.0
 * The db room's own objects. Control thread. Three kinds of state live side by side: what is
 * committed, what the prepared transaction will make of it (fields s_*), and what is published (the
 * nhi_*_pub, nhi_path, nhi_slot objects of fib). Only commit and the learnt calls publish. */
#ifndef NHI_DB_INTERNAL_H
#define NHI_DB_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "db/db.h"
#include "fib/lpm.h"

#define NHI_DB_LEARNT_MAX 16 /* per peer, protocol-facts 1.5 */
#define NHI_DB_NO_ANCHOR  UINT16_MAX
#define NHI_DB_NOT_LIVE   UINT32_MAX

typedef struct nhi_db_count {
    uint64_t out_packets, out_bytes, in_packets, in_bytes;
} nhi_db_count;

typedef struct nhi_db_iface {
    uint32_t id;
    char name[NHTB_NAME_MAX];
    bool is_new, s_dead;
    bool r_del;                 /* its deletion is recorded: the name is free for a new one */
    nhi_iface_pub *pub, *s_pub; /* pub: NULL while new */
    nhi_path_list *live, *s_live;
    nhi_policy_set *policies, *s_policies;
    bool s_has_policies;
    nhi_iface_count *count;
    nhi_list tunnels; /* in configuration order */
    nhi_list slots;
    uint32_t n_tunnels, s_tunnels; /* s: added by the prepared transaction */
    uint32_t n_up;
} nhi_db_iface;

typedef struct nhi_db_peer {
    uint32_t id;
    nhi_list tunnels;
    uint16_t anchor;
    uint32_t anchored; /* SAs and reserved SPIs that hold the anchor */
    bool dynamic, has_gateway, in_gateways;
    bool moved; /* its anchor changed: its SAs are yet to follow */
    uint32_t n_learnt;
    nhtb_addr gateway[2]; /* local, remote */
} nhi_db_peer;

struct nhi_db_pair;
typedef struct nhi_db_tunnel {
    uint32_t id;
    nhi_db_peer *peer; /* NULL: a manual SA's own tunnel */
    uint16_t child;
    char vpn[NHTB_NAME_MAX];
    nhi_db_iface *iface; /* NULL: its interface was deleted */
    bool is_new, s_dead, up;
    nhi_path *path;
    nhi_list iface_link, peer_link;
    nhi_list pairs; /* oldest first */
    nhi_list slots; /* next hops bound to it */
    nhtb_addr
        claim[2]; /* announced by the peer while up, IPv4 and IPv6: waits behind a static entry */
    struct nhi_db_pair *current;
    uint32_t live_index;
    uint32_t mtu_start; /* outer path MTU to begin with, and to go back to */
    nhtb_time mtu_at;   /* when a smaller one was learnt, 0: none is in force */
    nhi_db_count total; /* of SAs that are gone */
} nhi_db_tunnel;

/** What is left of an SA pair until no worker can see it. */
typedef struct nhi_db_grave {
    nhi_db *db;
    nhi_cell *in, *out;
    nhi_sel *sel;
    uint32_t tunnel;
    nhi_db_count counted; /* already in the tunnel's total */
    nhi_list link;        /* in db.limbo: still on the flagged stack */
} nhi_db_grave;

typedef struct nhi_db_pair {
    uint32_t id;
    nhi_db_tunnel *tunnel;
    nhi_list link;
    nhi_db_grave *mem; /* the cells */
    uint32_t spi_in, spi_out;
    bool manual, is_new, draining;
    uint8_t key_print[2][16]; /* out, in */
    nhtb_time created, rekey_at, expires;
} nhi_db_pair;

typedef struct nhi_db_owner nhi_db_owner; /* owner.c */

typedef struct nhi_db_slot {
    bool used, touched, staged;
    uint32_t refs; /* routes and bindings */
    int32_t delta; /* by the prepared transaction */
    nhi_db_iface *iface;
    nhi_db_tunnel *tunnel, *s_tunnel; /* the binding, NULL: none */
    bool is_static, s_static;
    bool assigned; /* not static: we gave the peer this address */
    nhi_list iface_link, tunnel_link, touched_link;
    uint32_t next_free;
    nhi_retired retired;
} nhi_db_slot;

typedef struct nhi_db_spi {
    uint32_t gen, next; /* next: index + 1 in the worker's queue of free ones */
    uint32_t peer;
    bool reserved, live;
} nhi_db_spi;
typedef struct nhi_db_spi_queue {
    uint32_t head, tail;
} nhi_db_spi_queue;

typedef enum nhi_db_op_kind {
    NHI_DB_OP_IFACE,
    NHI_DB_OP_IFACE_DEL,
    NHI_DB_OP_ROUTE,
    NHI_DB_OP_ROUTE_DEL,
    NHI_DB_OP_BINDING,
    NHI_DB_OP_BINDING_DEL,
    NHI_DB_OP_SA,
    NHI_DB_OP_SA_DEL,
    NHI_DB_OP_POLICY,
    NHI_DB_OP_TUNNEL,
    NHI_DB_OP_TUNNEL_DEL
} nhi_db_op_kind;

/** Copy of what a manual SA was given, until it is prepared. */
typedef struct nhi_db_manual {
    char name[NHTB_NAME_MAX];
    nhi_db_sa sa; /* spans point into keys, ts behind this struct */
    uint8_t key_out[128], key_in[128];
    size_t size;
} nhi_db_manual;

typedef struct nhi_db_op {
    nhi_db_op_kind kind;
    uint32_t iface, id; /* id: SA, peer */
    union {
        nhi_iface_pub *pub;
        nhi_policy_set *policies;
        nhi_db_manual *manual;
        struct {
            nhtb_prefix prefix;
            nhtb_addr next_hop;
            bool local;
        } route;
        struct {
            nhtb_addr next_hop;
            uint32_t peer, sa;
            uint16_t child;
        } binding;
        struct {
            uint16_t child;
            bool dynamic;
            char vpn[NHTB_NAME_MAX];
        } tunnel;
    } u;
    nhi_db_tunnel *made; /* by TUNNEL, SA */
} nhi_db_op;

struct nhi_db_txn {
    nhi_db *db;
    bool open, prepared;
    nhi_db_op *op;
    size_t n, cap;
    nhi_list touched; /* slots */
    int64_t d_bindings, d_policies;
    bool unbound; /* a static entry went */
};

/** A worker as anchors see it. */
typedef struct nhi_db_unit {
    bool present;
    uint16_t weight;            /* 0: takes nothing new */
    uint32_t gateways, dynamic; /* site-to-site peers and manual tunnels; dynamic peers */
    uint32_t sas;               /* whose packets come to it */
} nhi_db_unit;

struct nhi_db {
    nhi_db_env env;
    nhi_mem *mem;
    nhi_fib *fib;
    bool quiet; /* going away: no notes */
    nhi_db_txn txn;
    nhi_slab ifaces, tunnels, pairs, owners;
    nhi_map peers, slots_by_key, pairs_by_spi, key_prints, gateways, owners_by_key;
    nhi_db_slot *slot; /* [fib.n_slots] */
    uint32_t slot_free_head, slot_free_tail, slots_made, slots_used;
    nhi_db_spi *spi;            /* [fib.spi_mask + 1] */
    nhi_db_spi_queue *spi_free; /* [workers] */
    unsigned spi_bits;
    nhi_db_unit *unit; /* [workers] */
    uint32_t n_units;  /* that exist */
    uint32_t next_dynamic;
    size_t n_bindings, n_policies, n_peer_tunnels, n_manual_prints;
    uint32_t n_tunnels_up;
    nhi_list limbo;
    struct { /* where the last nhi_db_route_next stopped */
        uint32_t cursor;
        uint8_t family;
        unsigned len;
        uint8_t addr[16];
    } walk;
};

/* owner.c */
void nhi_db_owner_init(nhi_db *db);
void nhi_db_owner_fini(nhi_db *db);
nhtb_detail nhi_db_owner_judge(const nhi_db *db, uint32_t iface, const nhtb_addr *a,
                               const nhtb_identity *who);
nhtb_detail nhi_db_owner_take(nhi_db *db, uint32_t iface, const nhtb_addr *a,
                              const nhtb_identity *who);

/* slot.c */
/** The slot of (interface, next hop), made when new; touched slots are looked at again at the end. */
int nhi_db_slot_intern(nhi_db *db, nhi_db_iface *i, const nhtb_addr *next_hop, uint32_t *index);
uint32_t nhi_db_slot_find(const nhi_db *db, uint32_t iface, const nhtb_addr *next_hop);
void nhi_db_slot_touch(nhi_db *db, uint32_t index, int delta);
/** Gives the slot back after a grace period when nothing refers to it. */
void nhi_db_slot_release(nhi_db *db, uint32_t index);
/** Changes the committed binding; publishes. */
void nhi_db_slot_bind(nhi_db *db, uint32_t index, nhi_db_tunnel *t, bool is_static);
nhi_db_tunnel *nhi_db_slot_tunnel(const nhi_db_slot *s);
/** Stores slot.path when it changed. */
void nhi_db_slot_publish(nhi_db *db, uint32_t index);
static inline uint32_t nhi_db_slot_index(const nhi_db *db, const nhi_db_slot *s)
{
    return (uint32_t)(s - db->slot);
}
/** The binding as the prepared transaction leaves it. */
static inline nhi_db_tunnel *nhi_db_slot_next_tunnel(const nhi_db_slot *s)
{
    return s->staged ? s->s_tunnel : s->tunnel;
}

static inline uint8_t nhi_db_slot_source(const nhi_db_slot *s)
{
    if (s->is_static)
        return NHTB_BINDING_STATIC;
    return s->assigned ? NHTB_BINDING_ASSIGNED : NHTB_BINDING_LEARNT;
}

/* iface.c */
nhi_db_iface *nhi_db_iface_get(const nhi_db *db, uint32_t id); /* NULL: stale or to be deleted */
/** Record time: finds by name or makes; *pub is what the settings ask for. */
int nhi_db_iface_record(nhi_db *db, const nhtb_iface *cfg, nhi_db_iface **out, nhi_iface_pub **pub);
int nhi_db_iface_prepare(nhi_db *db, const nhi_db_op *op);
int nhi_db_iface_room(nhi_db *db, nhi_db_iface *i); /* one more tunnel in the live list */
int nhi_db_iface_prepare_del(nhi_db *db, const nhi_db_op *op);
void nhi_db_iface_commit(nhi_db *db, const nhi_db_op *op);
void nhi_db_iface_commit_live(nhi_db *db, nhi_db_iface *i);
void nhi_db_iface_commit_del(nhi_db *db, nhi_db_iface *i);
void nhi_db_iface_abort(nhi_db *db, const nhi_db_op *op);
void nhi_db_iface_free_pub(nhi_db *db, nhi_iface_pub *p);
static inline unsigned nhi_db_iface_kind(const nhi_db_iface *i)
{
    return i->s_pub != NULL ? i->s_pub->kind : i->pub->kind;
}

/* policy.c */
int nhi_db_policy_record(nhi_db *db, const nhtb_policy *v, size_t n, nhi_policy_set **out);
int nhi_db_policy_prepare(nhi_db *db, const nhi_db_op *op);
void nhi_db_policy_commit(nhi_db *db, const nhi_db_op *op);
void nhi_db_policy_free(nhi_db *db, nhi_policy_set *s);
void nhi_db_policy_retire(nhi_db *db, nhi_policy_set *s);

/* route.c */
int nhi_db_route_prepare(nhi_db *db, const nhi_db_op *op);
int nhi_db_route_prepare_del(nhi_db *db, const nhi_db_op *op);
int nhi_db_route_prepare_iface_gone(nhi_db *db, uint32_t iface);

/* binding.c */
int nhi_db_binding_prepare(nhi_db *db, const nhi_db_op *op);
int nhi_db_binding_prepare_del(nhi_db *db, const nhi_db_op *op);
void nhi_db_binding_stage_none(nhi_db *db, uint32_t index);
void nhi_db_binding_commit(nhi_db *db, uint32_t index);
/** The tunnel goes down or away: its learnt entries end. */
void nhi_db_binding_forget(nhi_db *db, nhi_db_tunnel *t);
/** Static entries went: what live peers had announced for these next hops is learnt again. */
void nhi_db_binding_reclaim(nhi_db *db);
/** Static ones too: the tunnel goes outside of a transaction. */
void nhi_db_binding_drop(nhi_db *db, nhi_db_tunnel *t);

/* tunnel.c */
nhi_db_peer *nhi_db_peer_get(const nhi_db *db, uint32_t peer);
nhi_db_tunnel *nhi_db_tunnel_find(const nhi_db *db, uint32_t peer, uint16_t child);
int nhi_db_tunnel_make(nhi_db *db, uint32_t peer, uint16_t child, const char *vpn, uint32_t iface,
                       nhi_db_tunnel **out);
void nhi_db_tunnel_unmake(nhi_db *db, nhi_db_tunnel *t); /* never committed */
int nhi_db_tunnel_prepare(nhi_db *db, nhi_db_op *op);
void nhi_db_tunnel_stage_del(nhi_db *db, nhi_db_tunnel *t);
void nhi_db_tunnel_stage_del_peer(nhi_db *db, uint32_t peer, bool dead);
void nhi_db_tunnel_commit(nhi_db *db, nhi_db_tunnel *t);
void nhi_db_tunnel_commit_del(nhi_db *db, nhi_db_tunnel *t);
void nhi_db_tunnel_commit_del_peer(nhi_db *db, uint32_t peer);
void nhi_db_tunnel_detach(nhi_db *db, nhi_db_tunnel *t); /* from its interface */
/** The only writer of t->up: legal only when it changes. */
void nhi_db_tunnel_set_up(nhi_db *db, nhi_db_tunnel *t, bool up);

/* publish.c */
void nhi_db_note_tunnel(nhi_db *db, nhi_db_note_kind kind, const nhi_db_tunnel *t,
                        nhtb_detail detail, const nhtb_addr *addr);
/** Relinks the chain of a point-to-point interface and republishes its slots. */
void nhi_db_publish_chain(nhi_db *db, nhi_db_iface *i);
void nhi_db_live_add(nhi_db *db, nhi_db_tunnel *t);
void nhi_db_live_del(nhi_db *db, nhi_db_tunnel *t);
nhi_endpoint *nhi_db_endpoint_make(nhi_db *db, const nhtb_path *p, uint32_t path_mtu);
void nhi_db_endpoint_swap(nhi_db *db, nhi_path *path, nhi_endpoint *e);
void nhi_db_endpoint_free(nhi_db *db, nhi_endpoint *e);
void nhi_db_path_retire(nhi_db *db, nhi_path *p);

/* spi.c */
int nhi_db_spi_init(nhi_db *db);
void nhi_db_spi_fini(nhi_db *db);
bool nhi_db_spi_taken(const nhi_db *db, uint32_t spi); /* reserved or live, dynamic */
bool nhi_db_spi_reserved_by(const nhi_db *db, uint32_t spi, uint32_t peer);
void nhi_db_spi_claim(nhi_db *db, uint32_t spi); /* reserved -> live */
uint16_t nhi_db_spi_worker(const nhi_db *db, uint32_t spi);

/* anchor.c */
int nhi_db_anchor_init(nhi_db *db);
void nhi_db_anchor_fini(nhi_db *db);
uint16_t nhi_db_anchor_of(nhi_db *db, nhi_db_peer *p); /* chosen now when it has none */
void nhi_db_anchor_drop(nhi_db *db, nhi_db_peer *p);
void nhi_db_anchor_gateway(nhi_db *db, nhi_db_peer *p, const nhtb_path *path);

/* pair.c: memory of an SA pair and key fingerprints */
int nhi_db_pair_build(nhi_db *db, nhi_db_pair *p, nhi_db_tunnel *t, const nhi_db_sa *sa,
                      uint16_t anchor);
void nhi_db_pair_unbuild(nhi_db *db, nhi_db_pair *p); /* never published */
void nhi_db_pair_bury(nhi_db *db, nhi_db_pair *p);    /* unpublished: retire */
void nhi_db_limbo_poll(nhi_db *db);
bool nhi_db_key_seen(const nhi_db *db, const nhi_db_pair *p);
void nhi_db_key_print(const nhi_db *db, nhtb_span key, uint8_t out[16]);
int nhi_db_key_remember(nhi_db *db, nhi_db_pair *p);
void nhi_db_key_forget(nhi_db *db, nhi_db_pair *p);
void nhi_db_count_add(nhi_db_count *to, const nhi_db_grave *g);

/* sad.c */
int nhi_db_pair_new(nhi_db *db, bool manual, nhi_db_pair **out);
int nhi_db_pair_enter(nhi_db *db, nhi_db_pair *p, nhi_db_tunnel *t, const nhi_db_sa *sa,
                      uint16_t anchor);             /* all that needs memory */
void nhi_db_pair_leave(nhi_db *db, nhi_db_pair *p); /* undoes enter */
void nhi_db_pair_start(nhi_db *db, nhi_db_pair *p, nhi_endpoint *e, bool use_now);
void nhi_db_pair_end(nhi_db *db, nhi_db_pair *p); /* unpublishes and ends it */

/* manual.c */
int nhi_db_manual_record(nhi_db *db, const nhtb_manual_sa *sa, nhi_db_op *op);
int nhi_db_manual_prepare(nhi_db *db, nhi_db_op *op);
void nhi_db_manual_commit(nhi_db *db, nhi_db_op *op);
void nhi_db_manual_abort(nhi_db *db, nhi_db_op *op);
int nhi_db_manual_prepare_del(nhi_db *db, const nhi_db_op *op);

#endif
