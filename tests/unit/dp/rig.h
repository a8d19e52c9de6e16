/* SPDX-License-Identifier: Apache-2.0
 * A gateway's tables made by hand, packets in exact-size buffers, and a driver that holds every
 * call against the burst contract. Used by all tests of dp. */
#ifndef TESTS_DP_RIG_H
#define TESTS_DP_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <nhtb/backend_null.h>

#include "dp/dp.h"
#include "fib/lpm.h"
#include "wire/esp.h"
#include "wire/icmp.h"
#include "wire/ip.h"

#define RIG_WORKERS 2
#define T0          (UINT64_C(5) * NHTB_NS_PER_S)

typedef struct rig {
    nhi_mem mem;
    nhi_fib fib;
    nhtb_crypto crypto;
    nhtb_settings set;
    nhtb_worker *w[RIG_WORKERS];
    uint32_t next_slot;
    struct {
        void *p;
        size_t n;
    } * owned;
    size_t n_owned;
    nhi_cell **cells;
    size_t n_cells;
    nhtb_time now;
} rig;

void rig_open(rig *r, const nhtb_crypto *c, nhtb_emit emit, bool hold);
void rig_close(rig *r);
void *rig_alloc(rig *r, size_t n);

nhtb_addr addr(const char *text);
nhi_iface_pub *rig_iface(rig *r, uint32_t id, uint8_t kind, const char *own4, const char *own6);
/** A tunnel of iface; port 0: native. In the interface's list of live tunnels. */
nhi_path *rig_tunnel(rig *r, nhi_iface_pub *i, const char *local, const char *remote, uint16_t port,
                     uint32_t mtu);
void rig_endpoint(rig *r, nhi_path *p, const char *local, const char *remote, uint16_t port,
                  uint32_t mtu);
uint32_t rig_slot(rig *r, nhi_iface_pub *i, nhi_path *p);
/** A slot with a next hop, as a binding makes it. */
uint32_t rig_bind(rig *r, nhi_iface_pub *i, nhi_path *p, const char *next_hop);
void rig_route(rig *r, const char *prefix, uint32_t slot);
/** Route and slot in one. */
uint32_t rig_via(rig *r, const char *prefix, nhi_iface_pub *i, nhi_path *p);

typedef struct sa_kind {
    uint16_t encr, bits, integ;
    bool esn;
    uint32_t window;
} sa_kind;
extern const sa_kind GCM;
/** One direction: outbound cell of pa at a, inbound cell at b for pb, on worker `worker`. */
nhi_cell *rig_sa(rig *a, nhi_path *pa, rig *b, nhi_path *pb, uint32_t spi, const sa_kind *k,
                 uint16_t worker);
/** Both directions with SPIs spi and spi + 1. */
void rig_pair(rig *a, nhi_path *pa, rig *b, nhi_path *pb, uint32_t spi, const sa_kind *k);
nhi_cell *rig_cell(rig *r, uint32_t spi, bool inbound);
/** Selectors local <-> remote (prefixes or NULL for anything). */
nhi_sel *rig_sel(rig *r, const char *local, const char *remote);
void rig_policy(rig *r, nhi_iface_pub *i, uint8_t direction, uint8_t proto);
uint64_t rig_reason(const rig *r, unsigned reason);

/* packets */
nhtb_pkt *box(uint32_t cap, uint32_t off, uint32_t len);
void box_free(nhtb_pkt *p);
typedef struct inner_spec {
    const char *src, *dst;
    uint8_t proto;    /* UDP when 0 */
    uint32_t payload; /* bytes behind the L4 header */
    uint8_t tos, ttl; /* ttl 0: 64 */
    bool df;
} inner_spec;
/** Inner packet with valid checksums; head and tail bytes of room. */
nhtb_pkt *inner_room(const inner_spec *s, uint32_t head, uint32_t tail, uint32_t iface);
nhtb_pkt *inner(const inner_spec *s, uint32_t iface);
/** Is it a whole IP packet with right lengths and checksums (L4 too, unless a fragment)? */
bool sound(const uint8_t *p, size_t n);
/** ESP made with the peer's outbound cell over any plaintext (its trailer included). */
nhtb_pkt *forge(rig *r, nhi_cell *c, uint64_t seq, const uint8_t *text, uint32_t n);
/** Turns TX results into what the other side receives. */
void cross(nhtb_pkt *p, nhtb_path *seen);

/* calls */
typedef struct drive_opts {
    bool in; /* worker_in */
    unsigned worker;
    size_t spares;      /* per call */
    uint32_t spare_cap; /* 0: 2048 */
    size_t max_calls;   /* 0: until done */
    size_t chunk;       /* packets given per call, 0: all */
    bool rest;          /* rest between calls */
} drive_opts;
typedef struct results {
    nhtb_pkt **v;
    size_t n, cap, calls;
    bool more;
    size_t used; /* in packets taken */
} results;
/** Feeds v[0..n) and collects every result in order; checks the contract at each call. Spares that
 *  were not used are freed; results own their packets. */
void drive(rig *r, nhtb_pkt **v, size_t n, const drive_opts *o, results *out);
void results_free(results *r);
/** One packet, plenty of spares. */
nhtb_pkt *one(rig *r, bool in, nhtb_pkt *p);
#define check_drop(p, why)                                                                         \
    do {                                                                                           \
        cr_assert_eq((p)->verdict, NHTB_PKT_DROP, "verdict %u", (p)->verdict);                     \
        cr_assert_eq((p)->reason, NHTB_REASON_##why, "reason %u", (p)->reason);                    \
    } while (0)

#endif
