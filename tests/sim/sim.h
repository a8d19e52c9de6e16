/* SPDX-License-Identifier: Apache-2.0
 * Virtual network for tests: N contexts in one process, one virtual clock, a queue of datagrams,
 * links with seeded loss, duplication, reordering, corruption and delay, NAT boxes, small MTUs and a
 * capture. Uses the public API only. Everything random comes from one 64-bit seed, which a failing
 * check prints; NHTB_SIM_SEED=<seed> replays it. One thread. How to use it: README.md here. */
#ifndef NHTB_TESTS_SIM_H
#define NHTB_TESTS_SIM_H

#include <nhtb/nhtb.h>

#define SIM_MS NHTB_NS_PER_MS
#define SIM_S  NHTB_NS_PER_S

typedef struct sim sim;
typedef struct sim_node sim_node;
typedef struct sim_nat sim_nat;

/** Fails the running Criterion test and names the seed that repeats it. */
#define sim_check(s, cond)                                                                         \
    cr_assert((cond), "%s  [replay: NHTB_SIM_SEED=%llu, t=%.3f s]", #cond,                         \
              (unsigned long long)sim_seed(s), (double)sim_now(s) / 1e9)

/* ---- the world ---- */
sim *sim_new(uint64_t seed); /* NHTB_SIM_SEED wins */
/** Ends all nodes. Returns how many allocations leaked or were freed with a wrong size. */
unsigned sim_del(sim *s);
uint64_t sim_seed(const sim *s);
nhtb_time sim_now(const sim *s);
uint64_t sim_rand(sim *s); /* the world's own generator */
void sim_run(sim *s, nhtb_time until);
void sim_run_for(sim *s, nhtb_time d);
/** Runs until cond is true (asked after every step) or `most` has passed; tells whether it is. */
bool sim_run_until(sim *s, bool (*cond)(void *user), void *user, nhtb_time most);

/* ---- links: what happens to a datagram on its way out of a node ---- */
typedef struct sim_link {
    unsigned loss, dup, reorder, corrupt; /* per mille of datagrams */
    nhtb_time delay, jitter;              /* reordered ones wait up to 20 x (delay + jitter) more */
    uint32_t mtu;                         /* outer IP packet bytes; 0: none */
    bool mtu_report;                      /* a datagram with DF that is too big is reported back */
    bool drop_fragments; /* one without DF that is too big is lost, else it passes */
} sim_link;
void sim_link_default(sim *s,
                      const sim_link *l); /* for all nodes made later; delay 5 ms at first */
void sim_node_link(sim_node *n, const sim_link *l);
void sim_node_online(sim_node *n, bool online); /* a cable pulled: nothing in or out */

/* ---- wire ---- */
enum { SIM_UDP = 17, SIM_ESP = 50 };
typedef struct sim_datagram {
    nhtb_time sent;
    nhtb_addr src, dst; /* as the sender's first hop sees it (after NAT) */
    uint16_t sport, dport;
    uint8_t proto, tos, ttl;
    bool df;
    sim_node *from;
    uint8_t *data; /* UDP payload, or ESP from the SPI on */
    size_t len;
} sim_datagram;
typedef enum sim_fate { SIM_PASS, SIM_DROP } sim_fate;
/** Sees (and may change the bytes of) every datagram before the link's dice are thrown. */
void sim_on_wire(sim *s, sim_fate (*hook)(void *user, sim_datagram *d), void *user);
/** Keeps a copy of every datagram sent (also of lost ones) from now on. */
void sim_capture(sim *s, bool on);
size_t sim_captured(const sim *s);
const sim_datagram *sim_capture_at(const sim *s, size_t i);
/** Puts a datagram on the wire now: replays, malformed input, strangers. delay: none. */
void sim_wire_send(sim *s, const sim_datagram *d);
uint64_t sim_wire_count(const sim *s); /* datagrams sent so far */

/* ---- NAT boxes (endpoint-dependent ports, address-restricted; UDP only, ESP is dropped) ---- */
sim_nat *sim_nat_new(sim *s, const char *public_addr);
void sim_node_nat(sim_node *n, sim_nat *nat);
/** All mappings get new ports, the old ones are dead; addr may be NULL or a new public address. */
void sim_nat_rebind(sim_nat *nat, const char *addr);

/* ---- nodes ---- */
typedef struct sim_node_opts {
    const char *name;
    const char *addr, *addr6; /* outer addresses; addr6 may be NULL */
    const char *crypto;       /* see sim_crypto */
    nhtb_settings settings;   /* size 0: sim_settings(64) */
    unsigned spares;          /* spare packets per burst call; default 8 */
    bool no_spares;           /* 0 spares */
    uint64_t fail_alloc;      /* the n-th allocation from now fails once, 0: none */
} sim_node_opts;
/** Defaults with limits for about n tunnels. */
nhtb_settings sim_settings(unsigned n);
/** "null" (default), "null-tap", "null-fault", "null-fault-sig" (OpenSSL's signatures), "mbedtls" or
 *  "openssl"; false when this build has none of that name. */
bool sim_crypto(const char *name, nhtb_crypto *out);
/** Sees every plaintext that nodes with crypto "null-tap" encrypt (IKE: aad_len >= 32; ESP: 8, 12). */
void sim_tap(void (*hook)(void *user, nhtb_span plain, nhtb_span aad), void *user);
/** NULL when the context could not be made (with fail_alloc: *err tells). */
sim_node *sim_node_new(sim *s, const sim_node_opts *o);
int sim_node_error(const sim *s); /* of the last sim_node_new */
/** Ends it at once, as SIGKILL would. Returns leaked allocations. */
unsigned sim_node_del(sim_node *n);
nhtb_ctx *sim_ctx(sim_node *n);
/** Call after using the public API on sim_ctx directly: jobs, output, events, deadline. */
void sim_pump(sim_node *n);
const char *sim_name(const sim_node *n);
const nhtb_addr *sim_addr(const sim_node *n);
/** Answers QUESTION events with this PSK (copied by the library at once); NULL: never. */
void sim_answer_psk(sim_node *n, const char *psk);

/* allocator of one node */
uint64_t sim_allocs(const sim_node *n);         /* calls so far */
void sim_fail_alloc(sim_node *n, uint64_t nth); /* the nth from now fails once; 0: none */
uint64_t sim_live_bytes(const sim_node *n);

/* ---- fault points: calls to the host or the backend that may fail ----
 * Counted over all nodes of the process; crypto calls of nodes with crypto "null-fault" or
 * "null-fault-sig" only. */
typedef enum sim_fault_kind {
    SIM_FAULT_ALLOC,
    SIM_FAULT_RANDOM,
    SIM_FAULT_KEY,
    SIM_FAULT_SEAL,
    SIM_FAULT_OPEN,
    SIM_FAULT_KDF,
    SIM_FAULT_PK,
    SIM_FAULT_SEND,
    SIM_FAULTS
} sim_fault_kind;
/** From now on calls are counted, and the nth fails once; 0: none. */
void sim_fault_arm(uint64_t nth);
void sim_fault_disarm(void);
/** Calls counted since sim_fault_arm, of one kind or (negative) of all. */
uint64_t sim_fault_points(int kind);
/** The kind that failed, or negative. */
int sim_fault_hit(void);
const char *sim_fault_name(int kind);

/* ---- events, counters ---- */
unsigned sim_events(const sim_node *n, nhtb_event_kind k);         /* occurrences so far */
const nhtb_event *sim_event(const sim_node *n, nhtb_event_kind k); /* latest, NULL: none */
/** Occurrences of a kind with this detail. */
unsigned sim_events_detail(const sim_node *n, nhtb_event_kind k, nhtb_detail d);
void sim_events_clear(sim_node *n);
nhtb_stats sim_stats(sim_node *n);
uint64_t sim_reason(sim_node *n, nhtb_reason r);
unsigned sim_tunnels_up(sim_node *n);
unsigned sim_bindings(sim_node *n, bool only_up);

/* ---- inner packets ---- */
/** An inner UDP packet with a tag in its payload; total IP length `len` (at least 40 or 60). */
void sim_send(sim_node *n, nhtb_iface_id iface, const char *src, const char *dst, uint32_t tag,
              size_t len);
/** Any bytes as inner packet; gso_size 0: plain. */
void sim_send_raw(sim_node *n, nhtb_iface_id iface, const void *p, size_t len, uint16_t gso_size,
                  uint16_t hdr_len);
/** Builds what sim_send sends; returns its length. */
size_t sim_build(uint8_t *buf, const nhtb_addr *src, const nhtb_addr *dst, uint32_t tag,
                 size_t len);
/** How often the packet with this tag was delivered here. */
unsigned sim_got(const sim_node *n, uint32_t tag);
uint64_t sim_delivered(const sim_node *n); /* packets of any kind */
uint64_t sim_sent(const sim_node *n);
/** The latest delivered packet; *iface may be NULL. */
nhtb_span sim_last(const sim_node *n, nhtb_iface_id *iface);
/** Called for each delivered packet (ICMP too). */
void sim_on_deliver(sim_node *n, void (*hook)(void *user, sim_node *n, const nhtb_pkt *p),
                    void *user);

/* ---- configuration in one line (each its own transaction; asserts success by abort) ---- */
nhtb_iface_id sim_iface(sim_node *n, const char *name, nhtb_iface_kind kind, const char *addr_len);
void sim_route(sim_node *n, nhtb_iface_id iface, const char *prefix, const char *next_hop);
void sim_local(sim_node *n, const char *prefix);
int sim_binding(sim_node *n, nhtb_iface_id iface, const char *next_hop, nhtb_peer_id peer);
typedef struct sim_peer_opts {
    const char *name, *remote;              /* remote NULL: anyone */
    const char *local_id, *remote_id, *psk; /* FQDNs; psk NULL: the host is asked */
    nhtb_iface_id iface;
    const char *ike, *esp;            /* proposals by words; NULL: built-in */
    const char *local_ts, *remote_ts; /* one prefix each; NULL: anything */
    uint8_t establish, announce;
    bool force_encap;
    uint32_t liveness_s, lifetime_s, child_lifetime_s, path_mtu;
    uint64_t child_packets, child_bytes;
    uint16_t n_children; /* default 1; all alike, named <name>-<i> */
    const nhtb_v1 *v1;   /* NULL: IKEv2 */
    const nhtb_pki *pki; /* then no psk */
} sim_peer_opts;
int sim_peer(sim_node *n, const sim_peer_opts *o, nhtb_peer_id *out);
/** An entry the caller filled in, with one child "vpn" on st0; its local address is the node's. */
int sim_peer_vpn(sim_node *n, nhtb_peer *p, nhtb_iface_id st0, nhtb_peer_id *out);
int sim_peer_txn(nhtb_txn *t, const sim_node *n, const sim_peer_opts *o, nhtb_peer_id *out);

/* ---- a hub and its spokes, the usual subject ----
 * outer: hub 192.0.2.1, spoke i 198.18.0.0/16 + i + 1. Tunnel addresses 10.0.0.0/16: hub 10.0.0.1,
 * spoke i 10.0.0.0 + i + 2. LANs: hub 192.168.0.0/24; spoke i 172.16.0.0/12, the i-th /24. */
typedef struct sim_topo_opts {
    unsigned n;
    const char *crypto;
    sim_peer_opts peer; /* what both sides share: establish is the spokes', ids are set here */
    nhtb_iface_kind spoke_kind;    /* of the spokes' st0 */
    uint32_t hub_child_lifetime_s; /* 0: as the spokes' */
    const char *hub_ike;           /* NULL: as the spokes' */
    const nhtb_v1 *hub_v1;         /* the same */
    const nhtb_pki *hub_pki;       /* the same */
    const char *spoke_id;          /* of the only spoke; NULL: spoke<i>.example */
    bool transit_routes;           /* spokes route all of 172.16.0.0/12 to the hub */
    const nhtb_settings *settings; /* NULL: sim_settings(n) */
} sim_topo_opts;
typedef struct sim_topo {
    sim *s;
    unsigned n;
    sim_node *hub, **spoke;
    nhtb_iface_id hub_st0, *spoke_st0;
    nhtb_peer_id *hub_peer, *spoke_peer; /* hub_peer[i]: the hub's peer for spoke i */
} sim_topo;
void sim_topo_new(sim_topo *t, sim *s, const sim_topo_opts *o);
void sim_topo_del(sim_topo *t); /* the arrays only; nodes belong to the world */
bool sim_topo_up(void *topo);   /* condition for sim_run_until: all tunnels up on both sides and,
                                   unless announcing is off, all bindings learnt at the hub */
/** Text of an address: host part h in spoke i's LAN; hub's LAN; spoke i's tunnel address. Returned
 *  from a small ring of buffers. */
const char *sim_lan(unsigned i, unsigned h);
const char *sim_hub_lan(unsigned h);
const char *sim_tunnel_addr(unsigned i);

#endif
