/* SPDX-License-Identifier: Apache-2.0
 * Control copies of the tables and their publication: interfaces, tunnels, NHTB bindings, routes,
 * SAs, policies. Every function runs on the control thread. Transactions are all-or-nothing;
 * learnt changes (SAs, learnt bindings) are single calls. Never touches packets, sockets or IKE. */
#ifndef NHI_DB_DB_H
#define NHI_DB_DB_H

#include <nhtb/event.h>
#include <nhtb/stats.h>
#include <nhtb/table.h>

#include "fib/fib.h"

typedef struct nhi_db nhi_db;
typedef struct nhi_db_txn nhi_db_txn;

/** What changed, told to the engine synchronously (it makes events of it). */
typedef enum nhi_db_note_kind {
    NHI_DB_TUNNEL_UP,
    NHI_DB_TUNNEL_DOWN,
    NHI_DB_IFACE_UP,
    NHI_DB_IFACE_DOWN,
    NHI_DB_BINDING_ADDED,
    NHI_DB_BINDING_REMOVED,
    NHI_DB_BINDING_REFUSED
} nhi_db_note_kind;
typedef struct nhi_db_note {
    nhi_db_note_kind kind;
    nhtb_detail detail;
    nhtb_iface_id iface;
    nhtb_peer_id peer; /* 0: manual SA */
    uint16_t child;
    nhtb_addr addr; /* next hop */
} nhi_db_note;
typedef struct nhi_db_env {
    nhi_mem *mem;
    nhi_fib *fib;
    const nhtb_crypto *crypto;
    const nhtb_settings *settings;
    uint8_t map_seed[16];
    void *user;
    void (*note)(void *user, const nhi_db_note *n); /* must not call back into db */
} nhi_db_env;

int nhi_db_new(nhi_db **out, const nhi_db_env *env);
/** Retires everything; all workers must be off-line. */
void nhi_db_del(nhi_db *db);

/* ---- transactions ---- */
int nhi_db_txn_begin(nhi_db *db, nhi_db_txn **out); /* NHTB_ERR_STATE: one is open */
int nhi_db_txn_iface(nhi_db_txn *t, const nhtb_iface *i, nhtb_iface_id *out);
/** Same name or a given live id: changes settings in place (kind may not change while tunnels
 *  exist: NHTB_ERR_STATE). nhtb_txn_iface adds; a second one with the same name replaces. */
int nhi_db_txn_iface_del(nhi_db_txn *t, nhtb_iface_id id);
int nhi_db_txn_route(nhi_db_txn *t, const nhtb_route *r);
int nhi_db_txn_route_del(nhi_db_txn *t, const nhtb_prefix *p);
int nhi_db_txn_binding(nhi_db_txn *t, const nhtb_binding *b);
int nhi_db_txn_binding_del(nhi_db_txn *t, nhtb_iface_id iface, const nhtb_addr *next_hop);
int nhi_db_txn_sa(nhi_db_txn *t, const nhtb_manual_sa *sa, nhtb_sa_id *out);
int nhi_db_txn_sa_del(nhi_db_txn *t, nhtb_sa_id id);
int nhi_db_txn_policy(nhi_db_txn *t, nhtb_iface_id iface, const nhtb_policy *v, size_t n);
/** A tunnel = (peer, child index), bound to an interface. dynamic: the peer's address is not fixed
 *  (anchored round robin, else least loaded). */
int nhi_db_txn_tunnel(nhi_db_txn *t, nhtb_peer_id peer, uint16_t child, const char *vpn,
                      nhtb_iface_id iface, bool dynamic);
int nhi_db_txn_tunnel_del(nhi_db_txn *t, nhtb_peer_id peer); /* all of a peer */
bool nhi_db_txn_iface_known(const nhi_db_txn *t, nhtb_iface_id iface);
/** Outside of transactions: a tunnel of an instance of a wildcard entry, and the end of all of them
 *  with their SAs and bindings. */
int nhi_db_tunnel_add(nhi_db *db, nhtb_peer_id peer, uint16_t child, const char *vpn,
                      nhtb_iface_id iface);
void nhi_db_tunnel_drop(nhi_db *db, nhtb_peer_id peer);
/** Validates and allocates everything; on error nothing changed and *at (may be NULL) tells the
 *  index of the recorded operation that failed. Ends t. now is used for what is published. */
int nhi_db_txn_prepare(nhi_db_txn *t, size_t *at); /* after it commit cannot fail */
void nhi_db_txn_commit(nhi_db_txn *t);
void nhi_db_txn_abort(nhi_db_txn *t);

/* ---- SPIs and SAs ---- */
/** The worker on which a peer's SAs live (chosen at its first SA, kept while it has one). */
unsigned nhi_db_anchor(nhi_db *db, nhtb_peer_id peer);
/** The peer's outer addresses, told before its first SPI is reserved: site-to-site peers with the
 *  same pair of gateways share an anchor. Optional; an installed SA tells them too. */
void nhi_db_peer_gateway(nhi_db *db, nhtb_peer_id peer, const nhtb_path *path);
/** A worker exists or not; its weight (0: it takes no new tunnels). Moves nothing. */
void nhi_db_unit_present(nhi_db *db, unsigned w, bool present);
void nhi_db_unit_weight(nhi_db *db, unsigned w, uint16_t weight);
/** Gives anchors to less loaded workers, about `most` at a time (peers of one pair of gateways move
 *  together). How many moved; nhi_db_moved_next then tells each once, so that its children are
 *  rekeyed: an SA stays where its SPI leads. */
size_t nhi_db_rebalance(nhi_db *db, size_t most);
bool nhi_db_moved_next(nhi_db *db, size_t *cursor, nhtb_peer_id *peer);
/** Reserves an inbound SPI on the peer's anchor: generation | slot; >= 2^16, no live manual SPI.
 *  0 or NHTB_ERR_LIMIT. */
int nhi_db_spi_reserve(nhi_db *db, nhtb_peer_id peer, uint32_t *spi);
void nhi_db_spi_release(nhi_db *db, uint32_t spi);

typedef struct nhi_db_sa {
    nhtb_peer_id peer;
    uint16_t child;
    const nhi_bulk_facts *facts;
    bool esn;
    uint32_t spi_in; /* reserved; ownership moves in on success */
    uint32_t spi_out;
    nhtb_span key_in, key_out; /* keymat of each direction */
    nhtb_path path;            /* local/remote; ports 0: native ESP */
    uint32_t path_mtu;
    const nhtb_ts *local_ts, *remote_ts;
    uint16_t n_local_ts, n_remote_ts;
    uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets; /* both directions */
    nhtb_time created, rekey_at, expires;                        /* display */
    bool use_now; /* make it the tunnel's outbound SA at once (initiator); else when told */
} nhi_db_sa;
/** Installs the pair: inbound receives at once. The first pair of a tunnel is used at once in any
 *  case. An outbound key that a live pair has is NHTB_ERR_CONFLICT (two counters, one key). All or nothing. The tunnel comes up with its first
 *  pair (bindings of the tunnel become current, the interface follows). */
int nhi_db_sa_install(nhi_db *db, const nhi_db_sa *sa, nhtb_sa_id *out);
/** New packets use this pair from now on. */
int nhi_db_sa_use(nhi_db *db, nhtb_sa_id id);
/** The pair ends: outbound at once (the tunnel's newest other pair takes over), inbound at once
 *  too (the overlap is kept by the caller's timer). The last pair takes the tunnel down. */
int nhi_db_sa_remove(nhi_db *db, nhtb_sa_id id);
/** Stops sending on it but keeps receiving (old pair after a rekey). */
int nhi_db_sa_drain(nhi_db *db, nhtb_sa_id id);
bool nhi_db_sa_find(nhi_db *db, uint32_t spi_in, nhtb_sa_id *out);
/** Pointers for the engine's bookkeeping: NULL when stale. */
nhi_cell *nhi_db_sa_cell(nhi_db *db, nhtb_sa_id id, bool inbound);
bool nhi_db_sa_owner(nhi_db *db, nhtb_sa_id id, nhtb_peer_id *peer, uint16_t *child);
/** All tunnels of a peer move to other outer endpoints (new endpoint object, one store each). */
int nhi_db_peer_move(nhi_db *db, nhtb_peer_id peer, const nhtb_path *path);
/** Outer path MTU learnt for all tunnels with these outer addresses. Returns how many changed. */
size_t nhi_db_path_mtu(nhi_db *db, const nhtb_path *path, uint32_t mtu, nhtb_time now);
/** Values learnt at `before` or earlier are forgotten: nobody says when a way grew wider (RFC 8201
 *  4). Returns how many younger ones are left. */
size_t nhi_db_mtu_forget(nhi_db *db, nhtb_time before);
/** Newest inbound use of any SA of a peer (liveness): 0 none. */
nhtb_time nhi_db_peer_last_in(nhi_db *db, nhtb_peer_id peer);
nhtb_time nhi_db_peer_last_out(nhi_db *db, nhtb_peer_id peer);

/* ---- NHTB ---- */
/** The peer announced a next hop for this tunnel. Trust rules of protocol-facts 1.5: unicast, not
 *  ours, inside the interface's subnet, static wins, first live holder wins, at most 16 per peer.
 *  A different address than before replaces the tunnel's old one of that family. Candidate until
 *  the tunnel is up. Returns NHTB_DETAIL_NONE or why it was refused (also noted). */
/** The same, told who speaks: a next hop with an owner (owner.c) is refused to all others (OWNED);
 *  own: an identity under a wildcard entry, which becomes the owner of what it binds first. */
nhtb_detail nhi_db_learn_as(nhi_db *db, nhtb_peer_id peer, uint16_t child,
                            const nhtb_addr *next_hop, const nhtb_identity *who, bool own);
int nhi_db_owner_set(nhi_db *db, const nhtb_owner *o);
bool nhi_db_owner_next(const nhi_db *db, uint32_t *cursor, nhtb_owner *out);
size_t nhi_db_owner_clear(nhi_db *db, uint32_t iface, const nhtb_addr *next_hop, bool fixed);
nhtb_detail nhi_db_learn(nhi_db *db, nhtb_peer_id peer, uint16_t child, const nhtb_addr *next_hop);
/** We gave the peer this virtual address on the tunnel's interface: bound like a learnt next hop and
 *  ended with the tunnel, but what another tunnel only announced gives way to it. Replaces what this
 *  tunnel had been given of that family. Returns NHTB_DETAIL_NONE or why not (also noted). */
nhtb_detail nhi_db_assign(nhi_db *db, nhtb_peer_id peer, uint16_t child, const nhtb_addr *given,
                          const nhtb_identity *who);
/** Own primary address of the tunnel's interface (family 4 first, else 6), and whether that is a
 *  multipoint one; false: none. */
bool nhi_db_own_addr(nhi_db *db, nhtb_peer_id peer, uint16_t child, nhtb_addr *out,
                     bool *multipoint);

/** Which tunnel would carry a packet from this interface to dst (for held packets). False: no route
 *  or no binding. */
bool nhi_db_resolve(nhi_db *db, nhtb_iface_id iface, const nhtb_addr *dst, nhtb_peer_id *peer,
                    uint16_t *child);
bool nhi_db_tunnel_up(nhi_db *db, nhtb_peer_id peer, uint16_t child);

/* ---- display: fill the parts db knows of the public rows; engine adds the rest ---- */
bool nhi_db_sa_next(nhi_db *db, uint32_t *cursor, nhtb_sa_info *out);
bool nhi_db_binding_next(nhi_db *db, uint32_t *cursor, nhtb_binding_info *out);
bool nhi_db_route_next(nhi_db *db, uint32_t *cursor, nhtb_route_info *out);
void nhi_db_way(const nhi_db *db, const nhtb_addr *dst, nhtb_way *out); /* zeroed by the caller */
bool nhi_db_iface_next(nhi_db *db, uint32_t *cursor, nhtb_iface_info *out);
bool nhi_db_anchor_next(const nhi_db *db, uint32_t *cursor, nhtb_anchor_info *out); /* zeroed */
void nhi_db_unit_info(const nhi_db *db, unsigned w, nhtb_worker_info *out);
void nhi_db_peer_counters(nhi_db *db, nhtb_peer_id peer, uint64_t *out_packets, uint64_t *out_bytes,
                          uint64_t *in_packets, uint64_t *in_bytes,
                          uint16_t *tunnels_up); /* survive rekeys */
void nhi_db_stats(nhi_db *db, nhtb_stats *out);  /* counts of objects */
/** Frees retired memory; never waits. A removed cell that is still on the flagged stack is kept until
 *  it was collected (its SA id is stale then: look at nothing else of it). Also run by commit. */
void nhi_db_poll(nhi_db *db);

#endif
