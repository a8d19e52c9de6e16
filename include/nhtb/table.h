/* SPDX-License-Identifier: Apache-2.0
 * Transactions over the tables: interfaces, routes, NHTB bindings, manual SAs, policies, peers.
 * Nothing is visible before commit; a commit is validated and allocated as a whole, or nothing
 * changed. One transaction at a time per context. Control thread. */
#ifndef NHTB_TABLE_H
#define NHTB_TABLE_H

#include <nhtb/ctx.h>
#include <nhtb/ike.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nhtb_txn nhtb_txn;

typedef enum nhtb_iface_kind {
    NHTB_IFACE_POINT_TO_POINT = 0, /* follows its one VPN (several traffic selectors allowed) */
    NHTB_IFACE_MULTIPOINT = 1      /* many tunnels, told apart by next hop */
} nhtb_iface_kind;
typedef enum nhtb_transit {
    NHTB_TRANSIT_LIBRARY = 0, /* tunnel to tunnel inside the library */
    NHTB_TRANSIT_HOST = 1     /* everything decrypted is delivered to the host */
} nhtb_transit;
typedef enum nhtb_df { NHTB_DF_CLEAR = 0, NHTB_DF_COPY = 1, NHTB_DF_SET = 2 } nhtb_df;

/** What the library writes into TCP SYNs: nothing, or what the tunnel's MTU leaves (MTU - 40 or 60). */
enum { NHTB_MSS_OFF = 0, NHTB_MSS_AUTO = 1 };

/** A tunnel interface (st0 unit). */
typedef struct nhtb_iface {
    uint32_t size;
    const char *name;     /* "st0.0", at most 31 characters, unique */
    uint8_t kind;         /* nhtb_iface_kind */
    uint8_t transit;      /* nhtb_transit */
    uint8_t df;           /* nhtb_df: DF of IPv4 outer headers; default clear */
    bool rpf;             /* source check on decrypted packets; default true on multipoint */
    bool copy_outer_dscp; /* decapsulation: outer DSCP to the inner header */
    bool ecn_compat;      /* encapsulation: outer ECN 00 instead of copying (RFC 6040 4.3) */
    uint8_t ttl;          /* outer TTL; 0: 64 */
    uint8_t dscp;         /* 0xff: copy the inner DSCP; else this value 0..63 */
    uint32_t mtu;         /* of the interface, bytes; 0: 1500 minus the tunnel's overhead is used */
    nhtb_prefix addr4, addr6; /* own address with prefix length (host bits allowed here); family 0:
                                none. The first IPv4 address is what NHTB announces */
    uint16_t tcp_mss;  /* NHTB_MSS_OFF, NHTB_MSS_AUTO (the default), or the largest MSS that TCP
                                SYNs may announce, either way and in transit; never more than AUTO
                                gives, where the tunnel's MTU is known */
    uint16_t reserved; /* 0 */
    uint32_t multicast_max; /* tunnels that get a copy of one multicast packet, the first live ones;
                                0: all */
} nhtb_iface;
NHTB_API void nhtb_iface_default(nhtb_iface *i, uint32_t size);
#define nhtb_iface_init(i) nhtb_iface_default((i), (uint32_t)sizeof *(i))

typedef enum nhtb_route_kind {
    NHTB_ROUTE_TUNNEL = 0, /* prefix -> (interface, next hop) */
    NHTB_ROUTE_LOCAL = 1   /* prefix is the host's own side: decrypted packets are delivered */
} nhtb_route_kind;
typedef struct nhtb_route {
    uint32_t size;
    uint8_t kind; /* nhtb_route_kind */
    nhtb_prefix prefix;
    nhtb_iface_id iface; /* TUNNEL only */
    nhtb_addr next_hop;  /* the peer's tunnel address; family 0 on a point-to-point interface */
} nhtb_route;

/** A static NHTB entry: (interface, next hop) -> the tunnel of a peer's child configuration, or a
 *  manual SA. A static entry wins over a learnt one for the same next hop. */
typedef struct nhtb_binding {
    uint32_t size;
    nhtb_iface_id iface;
    nhtb_addr next_hop;
    nhtb_peer_id peer; /* with child, or ... */
    uint16_t child;    /* index in nhtb_peer.children */
    nhtb_sa_id sa;     /* ... a manual SA pair */
} nhtb_binding;

/** A manual SA pair (static keys, no IKE). Sequence numbers start at 1: the keys must never have
 *  been used before; adding keys that this context has seen is NHTB_ERR_CONFLICT. */
typedef struct nhtb_manual_sa {
    uint32_t size;
    const char *name; /* VPN name shown in tables, at most 31 characters */
    nhtb_iface_id iface;
    nhtb_path path;
    uint32_t spi_in, spi_out;       /* 256..2^32-1 */
    uint16_t encr, key_bits, integ; /* IANA transforms; integ 0 with an AEAD */
    bool esn;
    nhtb_span key_in, key_out;           /* encryption key, then salt (AEAD), then integrity key */
    const nhtb_ts *local_ts, *remote_ts; /* n_ts 0: anything */
    uint16_t n_local_ts, n_remote_ts;
    uint32_t mtu; /* path MTU, 0: 1500 */
} nhtb_manual_sa;

typedef enum nhtb_action { NHTB_PERMIT = 0, NHTB_DENY = 1 } nhtb_action;
enum { NHTB_POLICY_OUT = 1, NHTB_POLICY_IN = 2 };
/** A policy rule; first match decides; no match permits. OUT: what leaves by the interface (transit
 *  too); IN: what was decrypted for it. Addresses and ports are those of the inner packet. */
typedef struct nhtb_policy {
    uint32_t size;
    uint8_t action;                                  /* nhtb_action */
    uint8_t direction;                               /* NHTB_POLICY_OUT | NHTB_POLICY_IN */
    uint8_t proto;                                   /* 0: any */
    nhtb_prefix src, dst;                            /* family 0: any */
    uint16_t sport_lo, sport_hi, dport_lo, dport_hi; /* host order; 0..65535: any */
} nhtb_policy;

/** Opens the transaction. NHTB_ERR_STATE when one is open. */
NHTB_API int nhtb_txn_begin(nhtb_ctx *ctx, nhtb_txn **out);
/** Each checks its argument at once (usage errors) and records the change. Ids are given at once
 *  and name the object from the commit on. After an error the transaction can go on or be aborted. */
NHTB_API int nhtb_txn_iface(nhtb_txn *t, const nhtb_iface *i, nhtb_iface_id *out);
NHTB_API int nhtb_txn_iface_del(nhtb_txn *t, nhtb_iface_id id); /* with its routes and bindings */
NHTB_API int nhtb_txn_route(nhtb_txn *t, const nhtb_route *r);  /* add, or replace the prefix */
NHTB_API int nhtb_txn_route_del(nhtb_txn *t, const nhtb_prefix *p);
NHTB_API int nhtb_txn_binding(nhtb_txn *t, const nhtb_binding *b); /* add, or replace the entry */
NHTB_API int nhtb_txn_binding_del(nhtb_txn *t, nhtb_iface_id iface, const nhtb_addr *next_hop);
NHTB_API int nhtb_txn_sa(nhtb_txn *t, const nhtb_manual_sa *sa, nhtb_sa_id *out);
NHTB_API int nhtb_txn_sa_del(nhtb_txn *t, nhtb_sa_id id);
/** Replaces the interface's whole rule list, in order; n 0 removes it. */
NHTB_API int nhtb_txn_policy(nhtb_txn *t, nhtb_iface_id iface, const nhtb_policy *v, size_t n);
/** Adds a peer (everything is copied). Spans and strings are needed until return only. */
NHTB_API int nhtb_txn_peer(nhtb_txn *t, const nhtb_peer *p, nhtb_peer_id *out);
/** Removes a peer: its SAs are deleted (peers are told) and its tunnels and bindings go. */
NHTB_API int nhtb_txn_peer_del(nhtb_txn *t, nhtb_peer_id id);
/** All or nothing; t ends in either case. `now`: timers of new peers start here. */
NHTB_API int nhtb_txn_commit(nhtb_txn *t, nhtb_time now);
NHTB_API void nhtb_txn_abort(nhtb_txn *t);

/** Who owns a next hop that was learnt under a wildcard entry: the identity that bound it first, also
 *  while it is away, until the host clears the row. Another identity that announces it is refused
 *  (BINDING_REFUSED, OWNED). Rows count against limits.bindings, at most 16 per identity. A host that
 *  wants them to survive a restart stores them after BINDING_ADDED and sets them again at start. */
typedef struct nhtb_owner {
    uint32_t size;
    nhtb_iface_id iface;
    nhtb_addr next_hop;
    bool fixed;      /* by configuration: plain clearing leaves it */
    uint8_t id_type; /* NHTB_ID_* */
    uint16_t id_n;
    uint8_t id[NHTB_ID_MAX]; /* FQDN and RFC822 in lower case */
} nhtb_owner;
/** Adds or replaces the row. NHTB_ERR_STALE (interface), ARG, LIMIT, MEMORY. Control thread. */
NHTB_API int nhtb_owner_set(nhtb_ctx *ctx, const nhtb_owner *o);
/** Rows one by one; *cursor starts at 0. Control thread. */
NHTB_API bool nhtb_owner_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_owner *out);
/** Removes the rows of an interface (0: of all) and next hop (NULL: of all); `fixed`: those too.
 *  Bindings in use stay. Returns how many went. Control thread. */
NHTB_API size_t nhtb_owner_clear(nhtb_ctx *ctx, nhtb_iface_id iface, const nhtb_addr *next_hop,
                                 bool fixed);

#ifdef __cplusplus
}
#endif
#endif
