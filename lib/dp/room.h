/* SPDX-License-Identifier: Apache-2.0
 * Inside of dp: the worker object, the item that walks through the stages, and the stages
 * themselves. Included by this room only; one worker thread. House-style 3.4.
 *
 * A call takes packets into `set`; stages narrow it; admit puts it on `live`, fanning out (into
 * `made`) on the way; flush numbers, seals, encapsulates and emits `live` in order, before the next
 * batch is taken. What fans out and does not fit waits in `wait` as offsets and an index, never as a
 * pointer to published memory.
 * What a packet needs from far memory is asked for (nhi_fetch) a stage before it is used. */
#ifndef NHI_DP_ROOM_H
#define NHI_DP_ROOM_H

#include "dp/dp.h"
#include "wire/esp.h"
#include "wire/icmp.h"
#include "wire/ip.h"

#define NHI_DP_HEAD_MAX 256 /* largest header of a super-packet: IPv6, extensions, TCP */
#define NHI_DP_ALT_MAX  256 /* tunnels of one point-to-point interface that are looked at */
#define NHI_DP_MEMO     256 /* remembered ways, a power of two */
#define NHI_DP_WAY_NONE UINT32_MAX
#define NHI_DP_PENDING  UINT32_C(0x80000000)
#define NHI_DP_V6_MIN   1280
#define NHI_DP_ICMP_MAX 1280

/** What admit does with an item. FINAL: verdict and reason are set. */
enum {
    NHI_DP_STEP_SEND = 0,
    NHI_DP_STEP_PIECES,    /* super-packet or fragments */
    NHI_DP_STEP_MULTICAST, /* a copy per live tunnel */
    NHI_DP_STEP_TOO_BIG,
    NHI_DP_STEP_TTL,
    NHI_DP_STEP_HOLD, /* no tunnel yet: punt at most one per interval */
    NHI_DP_STEP_FINAL
};

typedef struct nhi_dp_item { /* set anew by nhi_dp_start; the rest by the stages */
    nhtb_pkt *pkt;
    nhi_iface_pub *iface; /* the packet's way out; inbound before transit: its way in */
    nhi_path *path;
    nhi_cell *cell;
    nhi_endpoint *ep;
    nhi_slot *slot;
    uint32_t limit; /* largest inner packet of the path */
    uint8_t step, verdict, reason, next_header;
    bool spare, transit, sealing;
    bool turned; /* made here of what came in, and on its way back: not judged as what came */
    uint8_t group;
    uint16_t nth;       /* outbound: place in its group */
    uint32_t way;       /* what nhi_dp_ask said */
    uint32_t text_len;  /* bytes encrypted: inner, padding, trailer */
    uint32_t inner_len; /* outbound */
    uint64_t seq;
    nhi_ip_view v;
    nhi_flow flow;
    nhi_cell *in_cell; /* inbound: what it came by */
    nhi_path *in_path;
    nhi_iface_pub *in_iface;
    uint32_t esp_off, esp_len; /* inbound: the ESP packet in buf */
} nhi_dp_item;

typedef struct nhi_dp_wait {
    nhtb_pkt *pkt;     /* NULL: nothing waits */
    uint32_t target;   /* multicast: index into the interface's live tunnels */
    uint32_t seg_off;  /* payload offset of the next segment */
    uint32_t seg_no;   /* its number */
    uint32_t frag_off; /* offset of the next fragment behind the segment's IP header */
    uint32_t sent;     /* pieces made */
    uint32_t copies;   /* tunnels served */
    bool transit;
} nhi_dp_wait;

/** The packets of a batch that share an SA, and what each of them needs of it. */
typedef struct nhi_dp_group {
    nhi_cell *cell;
    const void *key;
    const nhi_iface_pub *iface;
    uint32_t spi;
    uint8_t iv_len, icv_len, align, block;
    bool aead, esn;
    uint16_t n;                     /* outbound: asked for */
    uint32_t granted, done, passed; /* numbers; packets sealed or opened; inbound: accepted */
    uint64_t first, bytes, passed_bytes;
    const nhtb_path *seen; /* inbound: an outer source that was looked at */
} nhi_dp_group;

/** (interface, address) -> slot number; PENDING | index of the hop that is about to find it. */
typedef struct nhi_dp_memo {
    const nhi_iface_pub *iface; /* NULL: empty */
    nhtb_addr addr;
    uint32_t slot;
} nhi_dp_memo;

/** A way that packets of a batch ask for and nobody remembers: looked up once for all of them. */
typedef struct nhi_dp_hop {
    nhi_dp_memo *memo;
    const nhi_iface_pub *iface;
    const nhtb_addr *addr; /* in an item of the batch */
    uint32_t slot;
} nhi_dp_hop;

/** One datagram of a packet that fans out: its headers and its share of the payload. */
typedef struct nhi_dp_cut {
    const uint8_t *head, *data;
    uint32_t head_len, data_len;
    bool last;
} nhi_dp_cut;

struct nhtb_worker {
    nhi_dp_count count;
    nhi_mem *mem;
    nhi_fib *fib;
    const nhtb_crypto *crypto;
    void *owner;
    nhi_bulk_lane lane;
    nhi_rng rng;
    unsigned index;
    uint16_t ip_id;
    uint8_t emit;
    bool hold, online;
    uint8_t last_group;
    /* one call */
    nhtb_burst *b;
    nhtb_time now;
    size_t free_out; /* entries of out[] that no taken packet owns yet */
    size_t n_set, n_live, n_groups, n_hops;
    nhi_dp_wait wait; /* survives rest */
    nhi_dp_item *live[NHI_DP_BATCH];
    nhi_dp_item set[NHI_DP_BATCH], made[NHI_DP_BATCH];
    nhi_dp_hop hop[NHI_DP_BATCH];
    nhi_dp_group group[NHI_DP_BATCH];
    uint8_t bucket[2 * NHI_DP_BATCH]; /* group index + 1 by hash of the cell */
    uint64_t ways;                    /* nhi_fib.ways that memo belongs to */
    nhi_dp_memo memo[NHI_DP_MEMO];
    nhtb_bulk_job job[NHI_DP_BATCH];
    uint8_t job_item[NHI_DP_BATCH];
    uint8_t aad[NHI_DP_BATCH][12], tail[NHI_DP_BATCH][4];
    uint8_t head[NHI_DP_HEAD_MAX];
    uint8_t icmp[NHI_DP_ICMP_MAX];
};

static inline void nhi_dp_start(nhi_dp_item *it, nhtb_pkt *p)
{
    it->pkt = p;
    it->iface = NULL;
    it->path = NULL;
    it->cell = NULL;
    it->slot = NULL;
    it->in_iface = NULL;
    it->step = NHI_DP_STEP_SEND;
    it->verdict = NHTB_VERDICT_NONE;
    it->reason = NHTB_REASON_NONE;
    it->spare = it->transit = it->sealing = it->turned = false;
}
static inline void nhi_dp_final(nhi_dp_item *it, uint8_t verdict, unsigned reason)
{
    it->step = NHI_DP_STEP_FINAL;
    it->verdict = verdict;
    it->reason = (uint8_t)reason;
}
static inline void nhi_dp_drop(nhi_dp_item *it, unsigned reason)
{
    nhi_dp_final(it, NHTB_PKT_DROP, reason);
}
/** A packet of a known inbound SA: counted there too. */
static inline void nhi_dp_drop_in(nhi_dp_item *it, unsigned reason)
{
    nhi_a_add(&it->in_cell->drops, 1);
    nhi_dp_drop(it, reason);
}
static inline bool nhi_dp_alive(const nhi_dp_item *it)
{
    return it->step != NHI_DP_STEP_FINAL;
}
static inline uint8_t *nhi_dp_data(const nhi_dp_item *it)
{
    return it->pkt->buf + it->pkt->off;
}
/** Several segments? */
static inline bool nhi_dp_is_super(const nhi_dp_item *it)
{
    return it->pkt->gso_size != 0;
}

/* worker.c: the call and its output */
bool nhi_dp_begin(nhtb_worker *w, nhtb_burst *b, nhtb_time now);
void nhi_dp_take(nhtb_worker *w);
void nhi_dp_untake(nhtb_worker *w, size_t from);
void nhi_dp_end(nhtb_worker *w);
void nhi_dp_flush(nhtb_worker *w); /* out.c */
/** Puts an item of the set on the live list; flushes when that is full. */
static inline void nhi_dp_push(nhtb_worker *w, nhi_dp_item *it)
{
    w->live[w->n_live++] = it;
    if (w->n_live == NHI_DP_BATCH)
        nhi_dp_flush(w);
}
/** The same for an item that is not in the set: it is copied. */
void nhi_dp_push_made(nhtb_worker *w, const nhi_dp_item *it);
/** A spare with room for head + len + tail bytes, data placed behind head. *none tells whether a
 *  NULL means that no spare is left, or that the next one is too small. */
nhtb_pkt *nhi_dp_spare(nhtb_worker *w, uint32_t head, uint32_t len, uint32_t tail, bool *none);

/* classify.c, demux.c */
void nhi_dp_classify(nhtb_worker *w);
unsigned nhi_dp_inspect(nhi_dp_item *it);
void nhi_dp_demux(nhtb_worker *w);

/* hops.c: the ways that packets of a batch ask for; a round is reset, ask.., find, way.. */
static inline void nhi_dp_hops_reset(nhtb_worker *w)
{
    w->n_hops = 0;
}
uint32_t nhi_dp_ask_new(nhtb_worker *w, nhi_dp_memo *m, const nhi_iface_pub *i,
                        const nhtb_addr *addr);
/** addr must stay until hops_find. */
static inline uint32_t nhi_dp_ask(nhtb_worker *w, const nhi_iface_pub *i, const nhtb_addr *addr)
{
    uint64_t a[2];
    memcpy(a, addr->b, sizeof a);
    uint64_t h = (a[0] ^ a[1]) * UINT64_C(0x9e3779b97f4a7c15);
    nhi_dp_memo *m = &w->memo[h >> 56 & (NHI_DP_MEMO - 1)];
    return m->iface == i && nhi_addr_same(&m->addr, addr) ? m->slot : nhi_dp_ask_new(w, m, i, addr);
}
void nhi_dp_hops_find(nhtb_worker *w);
/** Asks for the paths, cells, endpoints and keys behind the ways that were found. */
void nhi_dp_hops_fetch(const nhtb_worker *w);
/** The slot number that an answer stands for. */
static inline uint32_t nhi_dp_way(const nhtb_worker *w, uint32_t way)
{
    return (way & NHI_DP_PENDING) == 0 ? way : w->hop[way & ~NHI_DP_PENDING].slot;
}

/* resolve.c */
void nhi_dp_resolve(nhtb_worker *w);
/** Looks up and routes one item. */
void nhi_dp_route(nhtb_worker *w, nhi_dp_item *it);
/** Routes an item whose slot number is known. */
void nhi_dp_route_by(nhtb_worker *w, nhi_dp_item *it, uint32_t slot);
/** Takes the path's endpoint, cell and MTU. False: no SA. */
bool nhi_dp_use_path(nhi_dp_item *it, nhi_path *p);

/* mtu.c */
void nhi_dp_mtu(nhtb_worker *w);
void nhi_dp_mtu_one(nhi_dp_item *it);
/** Turns the packet into an ICMP error, or drops it; pushes what results. */
void nhi_dp_error(nhtb_worker *w, nhi_dp_item *it);

/* admit.c */
typedef enum nhi_dp_admitted {
    NHI_DP_ADMIT_DONE,
    NHI_DP_ADMIT_WAIT, /* the item waits for spares */
    NHI_DP_ADMIT_LATER /* not taken: it needs a spare and none is left */
} nhi_dp_admitted;
nhi_dp_admitted nhi_dp_admit(nhtb_worker *w, nhi_dp_item *it);
uint32_t nhi_dp_head_need(const nhtb_worker *w, const nhi_dp_item *it);
uint32_t nhi_dp_tail_need(const nhi_dp_item *it, uint32_t len);

/* fanout.c, multicast.c, segment.c, frag.c */
nhi_dp_admitted nhi_dp_fanout_start(nhtb_worker *w, const nhi_dp_item *it);
/** Goes on with the waiting packet; true when nothing waits any more. */
bool nhi_dp_fanout_run(nhtb_worker *w);
static inline bool nhi_dp_is_multicast(const nhi_dp_item *it)
{
    return nhi_addr_is_multicast(&it->flow.dst);
}
bool nhi_dp_multicast_next(nhi_dp_item *it, uint32_t *target);
nhi_path *nhi_dp_multicast_first(nhi_dp_item *it);
/** Length of the headers that each segment repeats; 0: it cannot be segmented. */
uint32_t nhi_dp_segment_hdr(const nhi_dp_item *it);
/** The datagram at the worker's place in the waiting packet; a plain packet is one datagram. */
void nhi_dp_segment_cut(nhtb_worker *w, const nhi_dp_item *it, nhi_dp_cut *cut);
/** Makes a plain packet of a super-packet that is one segment long. */
void nhi_dp_segment_single(nhi_dp_item *it);
/** Pays an owed L4 checksum. False: csum_start or csum_offset are out of range. */
bool nhi_dp_finish_csum(nhi_dp_item *it);
/** Bytes of the datagram that the fragment at `off` may hold below `limit`, 0: too small a limit.
 *  hdr gets its IP header, *hdr_len the length. */
uint32_t nhi_dp_frag_make(uint8_t hdr[60], uint32_t *hdr_len, const nhi_dp_cut *cut,
                          uint32_t ip_len, uint32_t off, uint32_t limit);
void nhi_dp_frag_copy(uint8_t *dst, const nhi_dp_cut *cut, uint32_t ip_len, uint32_t off,
                      uint32_t n);

/* group.c */
void nhi_dp_group_reset(nhtb_worker *w);
uint8_t nhi_dp_group_find(nhtb_worker *w, nhi_cell *c);
/** Neighbours often share an SA. */
static inline uint8_t nhi_dp_group_of(nhtb_worker *w, nhi_cell *c)
{
    if (w->n_groups == 0 || w->group[w->last_group].cell != c)
        w->last_group = nhi_dp_group_find(w, c);
    return w->last_group;
}
void nhi_dp_group_live(nhtb_worker *w); /* buckets the live set and claims sequence numbers */
void nhi_dp_group_account(nhtb_worker *w);

/* esp_seal.c, esp_open.c, encap.c */
void nhi_dp_esp_extend(nhtb_worker *w, size_t i, const nhi_dp_group *g, uint64_t seq);
/** Job i over the ESP packet at esp with text_len bytes between IV and ICV. */
static inline void nhi_dp_esp_job(nhtb_worker *w, size_t i, const nhi_dp_group *g, uint8_t *esp,
                                  uint32_t text_len, uint64_t seq)
{
    uint8_t *text = esp + NHI_ESP_HDR + g->iv_len;
    w->job[i] = (nhtb_bulk_job){.key = g->key,
                                .src = text,
                                .dst = text,
                                .iv = esp + NHI_ESP_HDR,
                                .icv = text + text_len,
                                .len = text_len,
                                .aad = esp,
                                .aad_len = NHI_ESP_HDR,
                                .status = NHTB_BULK_FAIL};
    if (g->esn)
        nhi_dp_esp_extend(w, i, g, seq);
}
void nhi_dp_seal(nhtb_worker *w);
void nhi_dp_open(nhtb_worker *w);
void nhi_dp_unwrap(nhtb_worker *w);
void nhi_dp_encap(nhtb_worker *w);

/* nd.c, mss.c */
void nhi_dp_nd(nhtb_worker *w);
void nhi_dp_mss_in(nhtb_worker *w);
void nhi_dp_mss_out(nhtb_worker *w, const nhi_dp_item *it);

/* inpol.c, transit.c, gro.c */
void nhi_dp_decap_ecn(nhtb_worker *w);
void nhi_dp_inpol(nhtb_worker *w);
void nhi_dp_transit(nhtb_worker *w);
void nhi_dp_gro(nhtb_worker *w);

/* count.c */
void nhi_dp_bump(NHI_ATOMIC(uint64_t) * c, uint64_t n);
void nhi_dp_count_reason(nhtb_worker *w, unsigned reason);
void nhi_dp_count_out(nhtb_worker *w, const nhi_iface_pub *iface, uint64_t n, uint64_t bytes);
void nhi_dp_count_in(nhtb_worker *w, const nhi_iface_pub *iface, uint64_t n, uint64_t bytes);

#endif
