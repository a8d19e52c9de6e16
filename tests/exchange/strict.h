/* SPDX-License-Identifier: Apache-2.0
 * A strict host for burst tests: hands over packets with exactly the room the contract asks for,
 * checks what comes back, rests after each call; and receivers that put segments and fragments
 * together again. Used by burst.c and transit.c. */
#ifndef NHTB_TESTS_EXCHANGE_STRICT_H
#define NHTB_TESTS_EXCHANGE_STRICT_H

#include "exchange/common.h"
#include "sim/sim_int.h"

enum { STRICT_BUF = 66000, STRICT_SPARES = 2, STRICT_IN = 64, STRICT_IDS = 64 };

/* ---- two nodes, one tunnel: point to point, IPv4 and IPv6 inside ----
 * a: 192.168.1.0/24, fd01::/64; b: 192.168.2.0/24, fd02::/64 */
typedef struct strict_pair {
    sim *s;
    sim_node *n[2];
    nhtb_iface_id st0[2];
    nhtb_peer_id peer[2];
} strict_pair;
strict_pair strict_pair_new(uint64_t seed);
void strict_pair_end(strict_pair *p);
nhtb_worker *strict_worker(sim_node *n);
/** Largest inner packet of the node's first SA. */
uint32_t strict_mtu(sim_node *n);

/* ---- packets, from a to b ---- */
void strict_udp(uint8_t *buf, size_t len);
void strict_tcp(uint8_t *buf, bool v6, size_t len, uint32_t seq);
/** A packet with the room the contract asks for; for tight ones: none at all. */
nhtb_pkt *strict_pkt(const strict_pair *p, const uint8_t *data, size_t len, uint16_t gso);
nhtb_pkt *strict_pkt_tight(const strict_pair *p, const uint8_t *data, size_t len);
void strict_free(nhtb_pkt **v, size_t n);
/** Sequence number, payload that follows from it, lengths and checksums. */
void strict_fix_tcp(nhtb_pkt *p, uint32_t seq, size_t payload);
void strict_owe_csum(nhtb_pkt *p);
void strict_set_df(nhtb_pkt *p);
uint32_t strict_sum(const uint8_t *p, size_t n, uint32_t start);

/* ---- calls ---- */
typedef struct strict_result {
    unsigned calls, tx, delivered, dropped, punted;
    unsigned starved; /* calls that could not go on without a spare */
    unsigned reasons[NHTB_REASON_END];
    bool more;
} strict_result;
/** One call; what waits stays in the worker. */
strict_result strict_once(sim_node *n, nhtb_pkt *const *v, size_t count, unsigned spares);
/** Calls until all is done. With 0 spares one is lent only when nothing moves without it. */
strict_result strict_out(sim_node *n, nhtb_pkt *const *v, size_t count, unsigned spares);

/* ---- receivers (sim_on_deliver) ---- */
typedef struct strict_rx {
    bool v6;
    uint32_t next_seq;
    unsigned packets, whole, bad, fins, pushes, cwrs;
    size_t bytes, longest;
    struct {
        uint8_t *buf;
        size_t have, total;
        uint16_t id;
    } ids[STRICT_IDS];
} strict_rx;
void strict_rx_tcp(void *user, sim_node *n, const nhtb_pkt *p);
void strict_rx_frag(void *user, sim_node *n, const nhtb_pkt *p);
void strict_rx_free(strict_rx *rx);

#endif
