/* SPDX-License-Identifier: Apache-2.0
 * The context: settings, life, and the control-thread loop (feed, drain, deadline, timeout). One
 * context is one logical system. All functions here are for one thread at a time (the control
 * thread); there is no internal lock. */
#ifndef NHTB_CTX_H
#define NHTB_CTX_H

#include <nhtb/crypto.h>
#include <nhtb/host.h>
#include <nhtb/pkt.h>
#include <nhtb/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nhtb_ctx nhtb_ctx;

typedef enum nhtb_emit {
    NHTB_EMIT_PAYLOAD = 0, /* TX packets hold the UDP payload, or ESP for a raw socket */
    NHTB_EMIT_IP = 1       /* TX packets hold the whole outer IP packet (kind IP_OUTER) */
} nhtb_emit;

/** Capacities. Memory is taken as objects appear, never beyond these. */
typedef struct nhtb_limits {
    uint32_t ifaces; /* st0 units */
    uint32_t peers;
    uint32_t tunnels; /* a tunnel = one child configuration of one peer */
    uint32_t sas;     /* child SAs, each direction pair counts one; a power of two is used */
    uint32_t routes;
    uint32_t next_hops; /* distinct (interface, next hop) pairs named by routes or bindings */
    uint32_t bindings;
    uint32_t half_open;   /* IKE SAs as responder before authentication */
    uint32_t held;        /* packets waiting for a tunnel */
    uint32_t held_bytes;  /* largest of them */
    uint32_t ike_message; /* largest IKE message accepted, bytes (>= 3000) */
    uint32_t policies;    /* rules over all interfaces */
    uint32_t jobs;        /* public-key jobs under way; beyond it IKE_SA_INIT is dropped; 0: any */
    uint32_t half_open_per_source; /* half_open of one IPv4 address or IPv6 /64: 5; 0: any */
} nhtb_limits;

typedef struct nhtb_settings {
    uint32_t size;
    uint16_t workers;             /* data plane threads, 1..63 */
    uint8_t emit;                 /* nhtb_emit */
    bool vendor_id;               /* send our Vendor ID in IKE_SA_INIT (needed for auto NHTB) */
    uint32_t replay_window;       /* packets, 64..65536, a multiple of 64; 0: no check */
    uint32_t hold_ms;             /* how long a first packet waits for its tunnel; 0: dropped */
    uint32_t nat_keepalive_s;     /* 20; 0: none */
    uint32_t retransmit_ms;       /* 500 */
    uint32_t retransmit_cap_ms;   /* 10000 */
    uint32_t retransmit_total_s;  /* 165 */
    uint32_t half_open_timeout_s; /* 30 */
    uint32_t cookie_threshold;    /* half-open SAs above which cookies are asked; 0: always */
    uint32_t overlap_s;           /* an old inbound SA stays usable after a rekey, seconds: 5 */
    uint16_t nhtb_notify;         /* IKEv2 notify number of the announcement: 40001 */
    uint16_t fragment_size;       /* largest IP datagram of IKE sent whole, 576..65535 (RFC 7383):
                                     1200; 0: IKE messages are never fragmented, either way */
    nhtb_limits limits;
} nhtb_settings;

/** Fills the first `size` bytes with defaults; used through nhtb_settings_init. */
NHTB_API void nhtb_settings_default(nhtb_settings *s, uint32_t size);
#define nhtb_settings_init(s) nhtb_settings_default((s), (uint32_t)sizeof *(s))

/** Upper bound of the bytes a context with these settings and backends allocates when every
 *  capacity is used (for a static arena). 0 on a usage error. */
NHTB_API size_t nhtb_ctx_size(const nhtb_settings *s, const nhtb_crypto *c);

/** Makes a context. s, h and c are copied; tables and hooks they point to must outlive it. Runs the
 *  backends' known-answer self-test (NHTB_ERR_CRYPTO when one fails). On failure nothing is left
 *  to undo and *out is NULL. */
NHTB_API int nhtb_ctx_new(nhtb_ctx **out, const nhtb_settings *s, const nhtb_host *h,
                          const nhtb_crypto *c);
/** Ends everything at once, without telling peers (see nhtb_shutdown). Workers' threads must have
 *  stopped; jobs must be handed back. NULL is allowed. */
NHTB_API void nhtb_ctx_del(nhtb_ctx *ctx);
/** Sends deletes for all IKE SAs and refuses new ones. Keep draining and calling timeout; done when
 *  nhtb_idle says so (answers came or a few seconds passed). */
NHTB_API int nhtb_shutdown(nhtb_ctx *ctx, nhtb_time now);
NHTB_API bool nhtb_idle(const nhtb_ctx *ctx);

/** Takes IKE datagrams (IKE_500, UDP_4500 with marker or without) and packets with verdict PUNT.
 *  The buffers are the host's again on return. Never fails for what a peer sent. */
NHTB_API int nhtb_feed(nhtb_ctx *ctx, nhtb_pkt *const *v, size_t n, nhtb_time now);
/** Fills up to n empty host packets (off kept as headroom) with what is to be sent: verdict TX
 *  (kind IKE_500, UDP_4500; path set), or REINJECT. Returns how many. A packet whose cap is too
 *  small is returned with verdict DROP, reason NO_SPARE. */
NHTB_API size_t nhtb_drain(nhtb_ctx *ctx, nhtb_pkt *const *v, size_t n, nhtb_time now);
/** When nhtb_timeout is due; NHTB_NEVER if nothing waits. */
NHTB_API nhtb_time nhtb_deadline(const nhtb_ctx *ctx);
NHTB_API int nhtb_timeout(nhtb_ctx *ctx, nhtb_time now);
/** The path's MTU (outer IP packet size, bytes) was learnt: EMSGSIZE, or a validated ICMP too big.
 *  Applies to tunnels with this local and remote address; never below 576 (IPv4) or 1280 (IPv6). */
NHTB_API void nhtb_path_mtu(nhtb_ctx *ctx, const nhtb_path *path, uint32_t mtu, nhtb_time now);

#ifdef __cplusplus
}
#endif
#endif
