/* SPDX-License-Identifier: Apache-2.0
 * Counters and snapshots of the tables, for `show` commands and metrics. Iterators take a cursor
 * that starts at 0; each call fills one row and returns false after the last. Rows hold copies,
 * never key material. Set size before each call. Control thread. */
#ifndef NHTB_STATS_H
#define NHTB_STATS_H

#include <nhtb/event.h>
#include <nhtb/ike.h>
#include <nhtb/table.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NHTB_NAME_MAX 32

/** IKE counters. X(name) */
/* Version 14 of clang-format changes its mind about this list at each run. */
/* clang-format off */
#define NHTB_IKE_COUNTERS(X)                                                                       \
    X(initiated) X(responded) X(established) X(failed) X(auth_failed) X(rekeyed)                   \
    X(child_created) X(child_rekeyed) X(child_deleted) X(retransmitted)                            \
    X(cookies_sent) X(cookies_received) X(liveness_sent) X(liveness_failed)                        \
    X(messages_in) X(messages_out) X(notify_nhtb_sent) X(notify_nhtb_received)                     \
    X(notify_nhtb_ignored) X(collisions) X(invalid_ke) X(silent_rekeys)
/* clang-format on */

typedef struct nhtb_stats {
    uint32_t size;
    uint64_t reasons[NHTB_REASON_END]; /* drops and punts by nhtb_reason, all workers and control */
    uint64_t out_packets, out_bytes, in_packets, in_bytes; /* inner bytes, ESP done */
    uint64_t transit_packets, multicast_copies, icmp_sent, handoffs, allocations_failed,
        asserts_failed;
#define X(n) uint64_t ike_##n;
    NHTB_IKE_COUNTERS(X)
#undef X
    uint32_t ike_sas, half_open, child_sas, tunnels_up, bindings, routes, ifaces, peers, held;
    uint64_t memory_bytes;             /* allocated from the host now */
    uint64_t nd_answered, mss_clamped; /* neighbour solicitations; TCP SYNs changed */
} nhtb_stats;
NHTB_API int nhtb_stats_get(nhtb_ctx *ctx, nhtb_stats *out);

typedef struct nhtb_ike_sa_info {
    uint32_t size;
    nhtb_peer_id peer;
    char peer_name[NHTB_NAME_MAX];
    uint64_t spi_i, spi_r;
    bool initiator;
    char state[16]; /* "ESTABLISHED", "AUTH_SENT", ... */
    nhtb_path path;
    bool nat_local, nat_remote;
    uint8_t remote_id_type;
    uint8_t remote_id_len;
    uint8_t remote_id[NHTB_ID_MAX];
    uint16_t encr, key_bits, prf, integ, ke;  /* IANA numbers */
    bool libnhtb_peer;                        /* sent our Vendor ID */
    nhtb_time established, rekey_at, expires; /* NHTB_NEVER: none */
    uint32_t children;
    uint8_t version; /* 1 or 2 */
    uint8_t v1_mode; /* version 1: nhtb_v1_mode */
    bool dpd;        /* version 1: both sides know RFC 3706 */
} nhtb_ike_sa_info;
NHTB_API bool nhtb_ike_sa_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_ike_sa_info *out);

/** One SA pair. Byte counters are those of the inner packets. */
typedef struct nhtb_sa_info {
    uint32_t size;
    nhtb_sa_id id;
    nhtb_peer_id peer; /* 0: manual */
    uint16_t child;
    char vpn[NHTB_NAME_MAX], iface_name[NHTB_NAME_MAX], peer_name[NHTB_NAME_MAX];
    nhtb_iface_id iface;
    uint32_t spi_in, spi_out;
    bool esn, udp_encap, current; /* current: new packets use this pair */
    uint16_t encr, key_bits, integ;
    nhtb_path path;
    uint32_t mtu; /* of the tunnel: largest inner packet */
    uint32_t replay_window;
    uint16_t worker; /* anchor */
    uint64_t out_packets, out_bytes, in_packets, in_bytes, in_drops, seq_out, seq_in;
    nhtb_time created, rekey_at, expires, last_in, last_out;
    uint16_t n_local_ts, n_remote_ts; /* negotiated; the first 4 follow */
    nhtb_ts local_ts[4], remote_ts[4];
} nhtb_sa_info;
NHTB_API bool nhtb_sa_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_sa_info *out);

/** Where a row of the NHTB table comes from. Of two for the same next hop the earlier kind wins. */
typedef enum nhtb_binding_source {
    NHTB_BINDING_STATIC = 0,
    NHTB_BINDING_ASSIGNED = 1, /* the virtual address we gave the peer (mode config) */
    NHTB_BINDING_LEARNT = 2    /* the peer announced it */
} nhtb_binding_source;
#define NHTB_USER_MAX 64

/** One row of the NHTB table. */
typedef struct nhtb_binding_info {
    uint32_t size;
    nhtb_iface_id iface;
    char iface_name[NHTB_NAME_MAX], vpn[NHTB_NAME_MAX], peer_name[NHTB_NAME_MAX];
    nhtb_addr next_hop;
    bool is_static; /* else learnt */
    bool up;        /* its tunnel is up */
    nhtb_peer_id peer;
    uint16_t child;
    uint8_t remote_id_type, remote_id_len;
    uint8_t remote_id[NHTB_ID_MAX];
    uint8_t source;           /* nhtb_binding_source */
    char user[NHTB_USER_MAX]; /* XAuth user name, "": none */
} nhtb_binding_info;
NHTB_API bool nhtb_binding_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_binding_info *out);

typedef struct nhtb_route_info {
    uint32_t size;
    nhtb_route route;
    char iface_name[NHTB_NAME_MAX];
    bool reachable; /* its next hop is bound to a tunnel that is up (LOCAL: always) */
} nhtb_route_info;
NHTB_API bool nhtb_route_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_route_info *out);

/** How far a packet gets on its way: route -> next hop -> binding -> tunnel -> SA. */
typedef enum nhtb_way_end {
    NHTB_WAY_NO_ROUTE = 0,   /* no route: not for us */
    NHTB_WAY_LOCAL = 1,      /* the host's own side */
    NHTB_WAY_NO_BINDING = 2, /* nothing is bound to the next hop */
    NHTB_WAY_NO_TUNNEL = 3,  /* no VPN is bound to the point-to-point interface */
    NHTB_WAY_NO_SA = 4,      /* its tunnel is down */
    NHTB_WAY_SA = 5          /* it is sent by the SA below */
} nhtb_way_end;
/** Fields behind the end are zero. */
typedef struct nhtb_way {
    uint32_t size;
    uint8_t end;        /* nhtb_way_end */
    bool on_link;       /* the destination lies on the interface's subnet: its own next hop */
    uint8_t iface_kind; /* nhtb_iface_kind */
    uint8_t source;     /* nhtb_binding_source, where there is a binding */
    nhtb_prefix prefix; /* of the route, or the subnet */
    nhtb_iface_id iface;
    nhtb_addr next_hop; /* family 0: the route names the interface alone */
    nhtb_peer_id peer;  /* 0: manual */
    uint16_t child;
    char iface_name[NHTB_NAME_MAX], vpn[NHTB_NAME_MAX], peer_name[NHTB_NAME_MAX];
    uint32_t spi_in, spi_out, mtu; /* mtu: largest inner packet */
    nhtb_path path;
} nhtb_way;
/** Walks the tables for a destination as the workers do. On a point-to-point interface with several
 *  selectors the first tunnel that is up is shown. NHTB_ERR_ARG: no address. */
NHTB_API int nhtb_way_find(nhtb_ctx *ctx, const nhtb_addr *dst, nhtb_way *out);

typedef struct nhtb_iface_info {
    uint32_t size;
    nhtb_iface_id id;
    char name[NHTB_NAME_MAX];
    uint8_t kind;
    bool up; /* at least one tunnel is up */
    nhtb_prefix addr4, addr6;
    uint32_t mtu, tunnels, tunnels_up;
    uint64_t out_packets, out_bytes, in_packets, in_bytes;
    uint16_t tcp_mss; /* as configured */
    uint32_t multicast_max;
} nhtb_iface_info;
NHTB_API bool nhtb_iface_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_iface_info *out);

typedef struct nhtb_peer_info {
    uint32_t size;
    nhtb_peer_id id;
    char name[NHTB_NAME_MAX];
    nhtb_path path; /* configured */
    bool up;        /* an authenticated IKE SA exists */
    uint16_t n_children, children_up;
    uint16_t last_detail; /* nhtb_detail of the last failure */
    uint32_t last_code;
    nhtb_time next_try;                                    /* NHTB_NEVER: none planned */
    uint64_t out_packets, out_bytes, in_packets, in_bytes; /* survive rekeys */
    nhtb_peer_id entry;        /* of an instance: the wildcard entry it comes from; 0: none */
    uint8_t wildcard;          /* nhtb_wildcard: an entry, not a peer */
    uint32_t instances;        /* of an entry: identities that are connected */
    uint32_t connection_limit; /* of an entry; 0: none of its own */
    bool shared;               /* an IKEv1 entry for many XAuth users: an entry, not a peer */
} nhtb_peer_info;
NHTB_API bool nhtb_peer_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_peer_info *out);

/** Where the inbound SAs of a peer live. Only peers that have one, or a number reserved for one. */
typedef struct nhtb_anchor_info {
    uint32_t size;
    nhtb_peer_id peer;
    char peer_name[NHTB_NAME_MAX];
    nhtb_addr local, remote; /* the pair of gateways; family 0: not known yet */
    uint16_t worker;         /* its anchor */
    bool dynamic;            /* its address is not configured: anchored in turn */
    uint32_t tunnels, sas;
    uint32_t elsewhere; /* of the SAs, those made before a move: until their next rekey */
    uint64_t out_packets, in_packets;
} nhtb_anchor_info;
NHTB_API bool nhtb_anchor_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_anchor_info *out);

/** A worker and what is anchored on it; a row for each index below settings.workers. Its load factor is
 *  (gateways + dynamic_peers) / weight. */
typedef struct nhtb_worker_info {
    uint32_t size;
    uint16_t index, weight; /* weight 0: takes nothing new */
    bool running;           /* made by nhtb_worker_new */
    uint32_t gateways;      /* site-to-site peers and manual tunnels */
    uint32_t dynamic_peers, sas;
    uint64_t out_packets, in_packets; /* inner packets it sealed and opened */
    uint64_t handoffs;                /* packets it met that belong to another worker */
} nhtb_worker_info;
NHTB_API bool nhtb_worker_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_worker_info *out);

/** Why a peer's tunnels are not up. For people: what failed last need not be authenticated. */
#define NHTB_EXPLAIN_TEXT 512
typedef struct nhtb_explain {
    uint32_t size;
    char name[NHTB_NAME_MAX];
    nhtb_path path; /* configured */
    bool up;        /* an authenticated IKE SA exists */
    bool responder; /* our role in what failed */
    uint8_t establish;
    char state[16]; /* of the IKE SA in use or being made; "": none */
    uint16_t n_children, children_up;
    char step[20];                /* exchange of the last failure; "": none since it was last up */
    uint16_t detail;              /* nhtb_detail: the check that failed */
    uint32_t code;                /* notify or wanted group, 0: none */
    uint16_t child;               /* configuration index; UINT16_MAX: the IKE SA itself */
    nhtb_time failed_at;          /* 0: no failure */
    nhtb_time next_try;           /* NHTB_NEVER: none planned */
    char ours[NHTB_EXPLAIN_TEXT]; /* our proposals for it, separated by ", " */
    char theirs[NHTB_EXPLAIN_TEXT];  /* what the peer offered or answered; "": not known */
    char differs[NHTB_EXPLAIN_TEXT]; /* the first transform without a common choice */
    nhtb_peer_id entry;              /* as in nhtb_peer_info */
} nhtb_explain;
/** NHTB_ERR_STALE for a dead id. */
NHTB_API int nhtb_peer_explain(nhtb_ctx *ctx, nhtb_peer_id id, nhtb_explain *out);

#ifdef __cplusplus
}
#endif
#endif
