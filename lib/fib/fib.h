/* SPDX-License-Identifier: Apache-2.0
 * Published tables: what workers read. Control changes them by single atomic stores; removed memory
 * goes through qsbr. A prefix's leaf is a next-hop slot; slot -> path -> {endpoint, outbound cell},
 * so a rekey, an address move or a binding change is one store whatever the number of routes.
 * Reads: any worker between nhi_qsbr_online and rest. Writes: db/publish.c on the control thread.
 * House-style 3.5. */
#ifndef NHI_FIB_FIB_H
#define NHI_FIB_FIB_H

#include <nhtb/table.h>

#include "base/qsbr.h"
#include "crypto/bulk.h"

struct nhi_fib;
struct nhi_iface_pub;
struct nhi_path;

/* ---- selectors and policies (sel.c): immutable, shared by the cells of one SA pair ---- */
typedef struct nhi_sel {
    uint16_t n_local, n_remote;    /* 0: anything */
    const nhtb_ts *local, *remote; /* behind this struct in the same allocation */
    size_t size;                   /* bytes of the allocation */
} nhi_sel;
/** Ports and protocol of a packet as selectors see them. */
typedef struct nhi_flow {
    nhtb_addr src, dst;
    uint16_t sport, dport;
    uint8_t proto;
    bool has_ports; /* false for non-first fragments: port selectors other than ANY do not match */
} nhi_flow;
/** out: src must lie in local, dst in remote; in: the reverse. match: s NULL fits anything. */
bool nhi_sel_fits_out(const nhi_sel *s, const nhi_flow *f);
bool nhi_sel_fits_in(const nhi_sel *s, const nhi_flow *f);
static inline bool nhi_sel_match_out(const nhi_sel *s, const nhi_flow *f)
{
    return s == NULL || nhi_sel_fits_out(s, f);
}
static inline bool nhi_sel_match_in(const nhi_sel *s, const nhi_flow *f)
{
    return s == NULL || nhi_sel_fits_in(s, f);
}

typedef struct nhi_policy_set {
    uint32_t n;
    nhtb_policy *rules; /* behind this struct */
    NHI_ATOMIC(uint64_t) * hits;
    size_t size;
    nhi_retired retired;
} nhi_policy_set;
/** NHTB_PERMIT or NHTB_DENY. set may be NULL. */
nhtb_action nhi_policy_check(nhi_policy_set *set, unsigned direction, const nhi_flow *f);

/* ---- SA cell (cell.c): key, counter, window. Never copied, never recreated for the same keys ---- */
enum {                          /* worker -> control, sticky until collected */
       NHI_CELL_SOFT = 1,       /* soft limit passed: rekey */
       NHI_CELL_HARD = 2,       /* hard limit: nothing more is sent */
       NHI_CELL_FIRST_USE = 4,  /* inbound: first authenticated packet (the peer uses this SA) */
       NHI_CELL_NEW_SOURCE = 8, /* inbound: newest packet came from another outer source: cand */
       NHI_CELL_SPOOF = 16      /* inbound: source check failed: spoof */
};
typedef struct nhi_cell { /* a packet touches the first two cache lines */
    /* read-mostly */
    const nhi_bulk_facts *facts;
    void *key;             /* bulk key context, all lanes */
    struct nhi_path *path; /* the tunnel */
    const nhi_sel *sel;    /* NULL: anything */
    uint64_t *bits;        /* inbound: ring of window/64 + 1 words (power of two), owner only */
    uint32_t bits_mask;    /* words - 1 */
    uint32_t spi;          /* host order */
    uint32_t window;       /* packets, 0: no replay check (inbound) */
    uint16_t worker;       /* inbound: anchor */
    bool esn, inbound;
    /* what packets write, and what it is compared with. Outbound any worker, inbound the owner only;
     * control reads for display */
    _Alignas(NHI_CACHE_LINE) union { /* a cell has one direction */
        NHI_ATOMIC(uint64_t) seq;    /* outbound: last claimed; first packet gets 1 */
        NHI_ATOMIC(uint64_t) top;    /* inbound: highest authenticated number */
    };
    NHI_ATOMIC(uint64_t) packets, bytes, last_use; /* inner bytes; time ns (coarse, per batch) */
    uint64_t soft_seq, hard_seq; /* outbound: last number that may be used is hard_seq */
    uint64_t soft_bytes, hard_bytes;
    /* to control */
    struct nhi_fib *fib; /* where claim and account push the cell when a limit is crossed */
    NHI_ATOMIC(uint64_t) drops;
    nhtb_sa_id sa;
    NHI_ATOMIC(uint32_t) flags;
    struct nhi_cell *flag_next;    /* in fib.flagged while flags != 0; then it is not freed */
    NHI_ATOMIC(uint32_t) cand_seq; /* seqlock: odd while written (owner worker only writes) */
    NHI_ATOMIC(uint64_t) cand[7];  /* nhtb_path as words */
    NHI_ATOMIC(uint64_t) spoof[3]; /* nhtb_addr as words, same seqlock */
    nhi_retired retired;
    /* control only */
    nhi_bulk_ctx bulk;
    size_t size;
} nhi_cell;

/** Bytes of a cell with its replay ring (window 0 or outbound: no ring). */
size_t nhi_cell_size(uint32_t window, bool inbound);
/** Lays a cell into zeroed memory of nhi_cell_size bytes aligned to 64: ring, size, fib, and limits
 *  that never fire. Everything else is the caller's. Control. */
nhi_cell *nhi_cell_init(void *mem, struct nhi_fib *fib, uint32_t window, bool inbound);
/** Claims n consecutive sequence numbers; gives how many may be used and the first. The counter is
 *  never stored back; beyond hard_seq or hard_bytes nothing is granted (RFC 4303 3.3.3). Raises SOFT
 *  and HARD itself, once each, by the claim that crosses the limit. Any worker. */
uint32_t nhi_cell_claim(nhi_cell *c, uint32_t n, uint64_t *first);
/** Adds finished packets to the cell's counters (both directions; once per batch and cell). Raises
 *  SOFT and HARD when a byte limit is crossed and FIRST_USE for the first inbound packets. */
void nhi_cell_account(nhi_cell *c, uint32_t packets, uint64_t bytes, nhtb_time now);
/** Replay window (RFC 4303 3.4.3, RFC 6479). check: before the ICV; commit: after it. 0 or
 *  NHTB_REASON_REPLAY / REPLAY_OLD. seq_lo: from the wire; *seq gets the 64-bit number. */
unsigned nhi_cell_replay_check(const nhi_cell *c, uint32_t seq_lo, uint64_t *seq); /* replay.c */
unsigned nhi_cell_replay_commit(nhi_cell *c, uint64_t seq); /* again tests: duplicates in a burst */

/* ---- endpoint and path (path.c) ---- */
typedef struct nhi_endpoint { /* immutable */
    nhtb_path path;           /* what pkt.path points to */
    uint8_t ip_len;           /* 20 or 40 */
    uint8_t hdr_len;          /* ip_len, + 8 with UDP */
    bool udp;
    uint32_t path_mtu; /* outer */
    uint8_t hdr[48];   /* outer IP (+ UDP) template: lengths, id, checksum, tos, DF per packet */
    nhi_retired retired;
} nhi_endpoint;
void nhi_endpoint_fill(nhi_endpoint *e, const nhtb_path *p, uint32_t path_mtu);

typedef struct nhi_path { /* lives as long as its tunnel */
    NHI_ATOMIC(nhi_endpoint *) endpoint;
    NHI_ATOMIC(nhi_cell *) out; /* NULL: no SA */
    NHI_ATOMIC(struct nhi_path *)
    alt;                            /* next tunnel of the same point-to-point interface, tried
                                            when the selectors do not fit (first configured wins) */
    NHI_ATOMIC(uint32_t) inner_mtu; /* for out + endpoint */
    NHI_ATOMIC(uint64_t) last_punt; /* at most one PUNT per path and interval */
    NHI_ATOMIC(struct nhi_iface_pub *) iface;
    uint32_t tunnel; /* db id */
    nhi_retired retired;
} nhi_path;
/** Recomputes inner_mtu from endpoint, cell and interface. Control. */
void nhi_path_update_mtu(nhi_path *p);

/* ---- next-hop slots ---- */
#define NHI_SLOT_NONE  0u /* no route */
#define NHI_SLOT_LOCAL 1u /* NHTB_ROUTE_LOCAL */
typedef struct nhi_slot {
    NHI_ATOMIC(nhi_path *) path; /* NULL: no binding */
    NHI_ATOMIC(uint64_t) last_punt;
    uint32_t iface; /* nhtb_iface_id.id, written before the slot is first published */
    nhtb_addr next_hop;
} nhi_slot;

/* ---- interfaces ---- */
typedef struct nhi_path_list { /* the interface's live tunnels, for multicast; holes are NULL */
    uint32_t cap;
    nhi_retired retired;
    size_t size;
    NHI_ATOMIC(uint32_t) n; /* highest used + 1 */
    NHI_ATOMIC(nhi_path *) v[];
} nhi_path_list;
typedef struct nhi_iface_pub { /* settings immutable; replaced as a whole when they change */
    uint32_t id;
    uint8_t kind, transit, df, ttl, dscp;
    bool rpf, copy_outer_dscp, ecn_compat;
    uint32_t mtu;             /* 0: follow the tunnel */
    uint32_t multicast_max;   /* 0: all */
    uint16_t tcp_mss;         /* NHTB_MSS_* or a value */
    nhtb_prefix addr4, addr6; /* with host bits */
    NHI_ATOMIC(nhi_policy_set *) policies;
    NHI_ATOMIC(nhi_path_list *) live;
    struct nhi_iface_count *count; /* [workers], survives replacement */
    nhi_retired retired;
} nhi_iface_pub;
typedef struct nhi_iface_count { /* one per worker: no sharing */
    _Alignas(NHI_CACHE_LINE) NHI_ATOMIC(uint64_t) out_packets, out_bytes, in_packets, in_bytes;
} nhi_iface_count;

/* ---- route lookup: persistent compressed trie, root swapped at commit (lpm.h) ---- */
typedef struct nhi_lpm nhi_lpm; /* one family */

/** Manual SPIs: open addressing, [manual_mask + 1], at most half full. Replaced as a whole when too
 *  many entries are leftovers of removed ones. */
typedef struct nhi_manual {
    nhi_retired retired;
    size_t size;
    NHI_ATOMIC(nhi_cell *) v[];
} nhi_manual;

/** Slots by (interface, next hop): the same, [next_hop_mask + 1] slot numbers. */
typedef struct nhi_next_hops {
    nhi_retired retired;
    size_t size;
    NHI_ATOMIC(uint32_t) v[];
} nhi_next_hops;

/* ---- the published whole ---- */
typedef struct nhi_fib {
    nhi_mem *mem;
    nhi_qsbr qsbr; /* reader index = worker index */
    nhi_lpm *lpm4, *lpm6;
    nhi_slot *slot; /* [n_slots], fixed */
    uint32_t n_slots;
    NHI_ATOMIC(nhi_next_hops *) next_hop;
    uint32_t next_hop_mask;
    uint32_t n_next_hop_gone;            /* control */
    NHI_ATOMIC(nhi_iface_pub *) * iface; /* [n_ifaces], index = id & iface_mask */
    uint32_t n_ifaces, iface_mask;
    NHI_ATOMIC(nhi_cell *) * spi; /* [spi_mask + 1], index = spi & spi_mask */
    uint32_t spi_mask;
    unsigned worker_bits; /* low bits of a dynamic SPI: its anchor */
    NHI_ATOMIC(nhi_manual *) manual;
    uint32_t manual_mask;
    NHI_ATOMIC(uint32_t) n_manual;
    uint32_t n_gone;                /* control */
    nhi_cell *gone;                 /* what a removed manual entry leaves: SPI 0, matches nothing */
    NHI_ATOMIC(nhi_cell *) flagged; /* lock-free stack, taken whole by control */
    NHI_ATOMIC(uint64_t) ways;      /* stepped behind each change of what an address resolves to */
} nhi_fib;

/** Control, after routes, next hops or interfaces were changed and before anything they led to is
 *  retired. A worker that remembers answers drops them when it begins a call under a new number; as
 *  slots rest until all workers moved on, an answer of an old number never outlives what it names. */
static inline void nhi_fib_ways_changed(nhi_fib *f)
{
    nhi_a_store_rel(&f->ways, nhi_a_load(&f->ways) + 1);
}

int nhi_fib_init(nhi_fib *f, nhi_mem *mem, const nhtb_settings *s);
/** Upper bound of the bytes the tables themselves take (without cells, paths, interfaces). */
size_t nhi_fib_size(const nhtb_settings *s);
/** Frees the tables; all objects must have been retired and drained by db. */
void nhi_fib_fini(nhi_fib *f);

/** Longest prefix match: slot number (NHI_SLOT_NONE when nothing matches). Worker, on-line. */
uint32_t nhi_fib_lookup(const nhi_fib *f, const nhtb_addr *a);
uint32_t nhi_fib_lookup4(const nhi_fib *f, const uint8_t a[4]);
uint32_t nhi_fib_lookup6(const nhi_fib *f, const uint8_t a[16]);
/** Slot of a next hop that a route or binding names, or NHI_SLOT_NONE. Worker, on-line. */
uint32_t nhi_fib_next_hop(const nhi_fib *f, uint32_t iface, const nhtb_addr *a);
/** Is the address on the subnet of this multipoint interface? */
static inline bool nhi_fib_on_link(const nhi_iface_pub *i, const nhtb_addr *a)
{
    return i->kind == NHTB_IFACE_MULTIPOINT &&
           (nhi_addr_in_hot(&i->addr4, a) || nhi_addr_in_hot(&i->addr6, a));
}
/** What carries a packet of this interface to a (or, for the source check, is the way back to it):
 *  an on-link address is its own next hop, else longest prefix match. i may be NULL. */
uint32_t nhi_fib_resolve(const nhi_fib *f, const nhi_iface_pub *i, const nhtb_addr *a);
/* Control: once a slot's iface and next_hop are written, and before it is retired (next_hop.c). */
void nhi_fib_next_hop_add(nhi_fib *f, uint32_t slot);
void nhi_fib_next_hop_del(nhi_fib *f, uint32_t slot);
/** n lookups of one family; a: each address's 4 or 16 bytes. Worker, on-line. */
void nhi_fib_lookup_bulk(const nhi_fib *f, uint8_t family, const uint8_t *const *a, uint32_t *out,
                         size_t n);
/** Inbound cell of an SPI, or NULL. Worker, on-line. */
nhi_cell *nhi_fib_cell(const nhi_fib *f, uint32_t spi);
/** Ask for what nhi_fib_cell will read: the entries, then (in a later round) the cells. */
void nhi_fib_spi_fetch(const nhi_fib *f, uint32_t spi);
void nhi_fib_cell_fetch(const nhi_fib *f, uint32_t spi);
nhi_iface_pub *nhi_fib_iface(const nhi_fib *f, nhtb_iface_id id);

/* Publication of inbound cells (spi.c). Control. */
/** A dynamic SPI's cell; NULL unpublishes. */
void nhi_fib_spi_set(nhi_fib *f, uint32_t spi, nhi_cell *c);
/** Manual SPIs: at most manual_mask / 2 + 1. One store; a reader never misses a present entry. */
int nhi_fib_manual_add(nhi_fib *f, nhi_cell *c);
void nhi_fib_manual_del(nhi_fib *f, uint32_t spi);
/** The manual cell of an SPI, or NULL. Also for readers. */
nhi_cell *nhi_fib_manual_get(const nhi_fib *f, uint32_t spi);

/** Worker: sets flags; pushes the cell on f->flagged when they were 0. */
void nhi_cell_flag(nhi_fib *f, nhi_cell *c, uint32_t flags);
void nhi_cell_note_source(nhi_fib *f, nhi_cell *c, const nhtb_path *seen);
void nhi_cell_note_spoof(nhi_fib *f, nhi_cell *c, const nhtb_addr *src);
/** Control: takes all flagged cells; the returned list is walked by flag_next. For each, read what
 *  is needed, then nhi_cell_collect gives and clears its flags (after which it may be pushed again,
 *  so read flag_next first). Must run before nhi_qsbr_poll frees cells. */
nhi_cell *nhi_fib_take_flagged(nhi_fib *f);
uint32_t nhi_cell_collect(nhi_cell *c, nhtb_path *cand, nhtb_addr *spoof);

#endif
