/* SPDX-License-Identifier: Apache-2.0
 * Packets, bursts, verdicts and drop reasons: what crosses between host and library. */
#ifndef NHTB_PKT_H
#define NHTB_PKT_H

#include <nhtb/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Room a host leaves before (off) and after a packet it hands to nhtb_worker_out, so that headers
 *  and trailer are written in place. A packet with less room is copied to a spare. */
#define NHTB_HEADROOM 128 /* outer IPv6 40 + UDP 8 + ESP 8 + IV 16, rounded up; + alignment */
#define NHTB_TAILROOM 80  /* pad 15 + 2 + ICV 32, rounded up */

/** What a buffer holds. */
typedef enum nhtb_pkt_kind {
    NHTB_PKT_INNER = 1,    /* an inner IPv4/IPv6 packet, first byte = version */
    NHTB_PKT_IKE_500 = 2,  /* UDP payload of port 500 */
    NHTB_PKT_UDP_4500 = 3, /* UDP payload of port 4500: ESP, IKE behind the marker, or keepalive */
    NHTB_PKT_ESP = 4,      /* ESP from the SPI on, from or for a raw IP socket (protocol 50) */
    NHTB_PKT_IP_OUTER = 5  /* a full outer IP packet (emit level NHTB_EMIT_IP; accepted inbound) */
} nhtb_pkt_kind;

typedef enum nhtb_verdict {
    NHTB_VERDICT_NONE = 0,
    NHTB_PKT_TX,       /* send buf[off..off+len) along path */
    NHTB_PKT_DELIVER,  /* give it to the host's stack by iface */
    NHTB_PKT_PUNT,     /* hand it to nhtb_feed on the control thread */
    NHTB_PKT_HANDOFF,  /* hand it to nhtb_worker_in of worker `worker` */
    NHTB_PKT_REINJECT, /* from drain: hand it to nhtb_worker_out (kind INNER) of worker `worker` */
    NHTB_PKT_DROP      /* nothing to do; `reason` says why and was counted */
} nhtb_verdict;

enum {
    NHTB_PKT_DF = 1, /* outer: set DF */
    NHTB_PKT_NEEDS_CSUM =
        2,                  /* inner: L4 checksum owed at csum_start + csum_offset (virtio sense) */
    NHTB_PKT_GRO_NEXT = 4,  /* inner: continues the flow of the packet before it in out[] */
    NHTB_PKT_SPARE_USED = 8 /* the buffer is one of the host's spares */
};

/** Every reason a packet is dropped or punted, one counter each. X(symbol, json name, text). */
#define NHTB_REASONS(X)                                                                            \
    X(NONE, "none", "no reason")                                                                   \
    X(RUNT, "runt", "shorter than its headers")                                                    \
    X(BAD_VERSION, "bad_version", "IP version is neither 4 nor 6")                                 \
    X(BAD_LENGTH, "bad_length", "length fields contradict the packet")                             \
    X(NO_HEADROOM, "no_headroom", "no room for headers and no spare buffer")                       \
    X(NO_SPARE, "no_spare", "needs a larger spare buffer than the host gave")                      \
    X(NO_IFACE, "no_iface", "the interface id is unknown")                                         \
    X(NO_ROUTE, "no_route", "no route for the destination on this interface")                      \
    X(NO_BINDING, "no_binding", "the next hop has no tunnel binding (NHTB)")                       \
    X(NO_SA, "no_sa", "the tunnel has no outbound SA")                                             \
    X(HELD, "held", "punted to wait for a tunnel")                                                 \
    X(HOLD_FULL, "hold_full", "the pool of packets waiting for tunnels is full")                   \
    X(SELECTOR_OUT, "selector_out", "outside the SA's traffic selectors (outbound)")               \
    X(POLICY, "policy", "denied by a policy")                                                      \
    X(TOO_BIG, "too_big", "larger than the tunnel's MTU; ICMP was returned")                       \
    X(TOO_BIG_SILENT, "too_big_silent", "larger than the tunnel's MTU; no ICMP allowed for it")    \
    X(TTL, "ttl", "TTL or hop limit exceeded in transit")                                          \
    X(SEQ_EXHAUSTED, "seq_exhausted", "the SA's sequence numbers or key limits are used up")       \
    X(CRYPTO, "crypto", "the crypto backend failed")                                               \
    X(KEEPALIVE, "keepalive", "NAT keepalive")                                                     \
    X(IKE, "ike", "IKE message for the control thread")                                            \
    X(NOT_ESP, "not_esp", "neither ESP nor IKE nor keepalive")                                     \
    X(SPI_UNKNOWN, "spi_unknown", "no SA with this SPI")                                           \
    X(WRONG_WORKER, "wrong_worker", "SA belongs to another worker")                                \
    X(REPLAY, "replay", "sequence number already seen")                                            \
    X(REPLAY_OLD, "replay_old", "sequence number left of the replay window")                       \
    X(ICV, "icv", "integrity check failed")                                                        \
    X(PADDING, "padding", "bad ESP padding or trailer")                                            \
    X(NEXT_HEADER, "next_header", "next header is neither IPv4 nor IPv6")                          \
    X(DUMMY, "dummy", "dummy packet (next header 59)")                                             \
    X(INNER_MALFORMED, "inner_malformed", "decrypted packet is not valid IP")                      \
    X(SELECTOR_IN, "selector_in", "inner addresses outside the SA's traffic selectors")            \
    X(RPF, "rpf", "inner source does not belong to this tunnel")                                   \
    X(LOOP, "loop", "inner destination is an outer endpoint")                                      \
    X(ECN, "ecn", "congestion mark on a packet that cannot carry it")                              \
    X(MULTICAST_NONE, "multicast_none", "multicast with no live tunnel")                           \
    X(FRAGMENT, "fragment", "fragment that cannot be handled here")                                \
    X(CONTINUED, "continued", "all its pieces were sent")                                          \
    X(IKE_MALFORMED, "ike_malformed", "IKE message with bad lengths or payloads")                  \
    X(IKE_VERSION, "ike_version", "IKE major version not supported")                               \
    X(IKE_UNKNOWN_SA, "ike_unknown_sa", "IKE message for an unknown IKE SA")                       \
    X(IKE_STATE, "ike_state", "IKE message not allowed in the SA's state")                         \
    X(IKE_MESSAGE_ID, "ike_message_id", "IKE message ID outside the window")                       \
    X(IKE_INTEGRITY, "ike_integrity", "IKE message failed its integrity check")                    \
    X(IKE_COOKIE, "ike_cookie", "answered with a cookie")                                          \
    X(IKE_HALF_OPEN, "ike_half_open", "too many half-open IKE SAs")                                \
    X(IKE_NO_PEER, "ike_no_peer", "no configured peer fits")                                       \
    X(IKE_UNEXPECTED, "ike_unexpected", "response without a request")                              \
    X(IKE_SOURCE, "ike_source", "too many half-open IKE SAs of one source")                        \
    X(IKE_BUSY, "ike_busy", "the queue of public-key jobs is full")                                \
    X(IKE_AUTH_RATE, "ike_auth_rate", "too many failed authentications of one source")             \
    X(IKE_FRAGMENT, "ike_fragment", "IKE fragment that fits no message being put together")        \
    X(ND_INVALID, "nd_invalid", "neighbour solicitation that RFC 4861 7.1.1 forbids")              \
    X(MULTICAST_MAX, "multicast_max", "multicast to more tunnels than the interface allows")       \
    X(FEED_LIMIT, "feed_limit", "control thread queue is full")                                    \
    X(MEMORY, "memory", "out of memory or of a configured capacity")                               \
    X(INTERNAL, "internal", "an internal invariant failed")

typedef enum nhtb_reason {
#define X(sym, name, text) NHTB_REASON_##sym,
    NHTB_REASONS(X)
#undef X
        NHTB_REASON_END
} nhtb_reason;

/** JSON name ("replay_old") and sentence of a reason; "?" outside the range. Any thread. */
NHTB_API const char *nhtb_reason_name(unsigned reason);
NHTB_API const char *nhtb_reason_text(unsigned reason);

/** A packet descriptor. Memory and descriptor are always the host's. */
typedef struct nhtb_pkt {
    uint8_t *buf;
    uint32_t cap, off, len; /* bytes; data is buf[off .. off+len) */
    const nhtb_path *path;  /* inbound: host memory, valid for the call (local/remote as seen by the
                               receiver). From worker_*: valid until rest. From drain: until the next
                               call on the ctx */
    nhtb_iface_id iface;    /* inner side: from which, or to which, st0 */
    uint8_t kind;           /* nhtb_pkt_kind */
    uint8_t tos, ttl, flags; /* outer header values (tos: inbound as received, outbound to send) */
    uint8_t verdict, reason;
    uint16_t worker;                                     /* target of HANDOFF and REINJECT */
    uint16_t gso_size, hdr_len, csum_start, csum_offset; /* super-packets, virtio-net sense, counted
                               from off; gso_size 0: plain. gso_size > 0 is TCP (v4/v6) or UDP */
    void *user;
} nhtb_pkt;

/** A burst. Every `in` packet counted in used_in and every used spare comes back exactly once in
 *  `out` with a verdict; the host owns all memory before and after. A packet that fans out (super-
 *  packet, fragments, multicast) and does not fit waits in the worker's single continuation slot:
 *  `more` is set, its own buffer is released last (verdict DROP, reason CONTINUED, which is not an
 *  error). cap_out must be at least n_in + n_spare + 1. n_in may be 0 to continue. */
typedef struct nhtb_burst {
    nhtb_pkt *const *in;
    size_t n_in, used_in;
    nhtb_pkt *const *spare;
    size_t n_spare, used_spare;
    nhtb_pkt **out;
    size_t cap_out, n_out;
    bool more;
} nhtb_burst;

#ifdef __cplusplus
}
#endif
#endif
