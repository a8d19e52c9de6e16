/* SPDX-License-Identifier: Apache-2.0
 * What the files of the virtual network share. */
#ifndef NHTB_TESTS_SIM_INT_H
#define NHTB_TESTS_SIM_INT_H

#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIM_BUF = 66000, SIM_SPARES_MAX = 64, SIM_MAP = 8192, SIM_WORKERS = 8 };

typedef struct sim_item { /* something in the queue: a datagram on its way, or a node's deadline */
    nhtb_time at;
    uint64_t order;
    sim_datagram *d;
    sim_node *wake;
    uint64_t wake_gen;
} sim_item;

typedef struct sim_mapping {
    nhtb_addr inner, peer;
    uint16_t inner_port, peer_port, public_port;
    sim_node *node;
    bool dead;
} sim_mapping;
struct sim_nat {
    sim *s;
    nhtb_addr pub;
    sim_mapping *map;
    size_t n, cap;
    uint16_t next_port;
    struct sim_nat *next;
};

struct sim {
    uint64_t seed, rng, order, sent;
    nhtb_time now;
    sim_item *heap;
    size_t n_heap, cap_heap;
    sim_link link;
    sim_node *nodes;
    sim_nat *nats;
    struct {
        nhtb_addr addr;
        sim_node *node;
        sim_nat *nat;
    } map[SIM_MAP];
    sim_fate (*hook)(void *user, sim_datagram *d);
    void *hook_user;
    bool capture;
    sim_datagram **cap;
    size_t n_cap, cap_cap;
    unsigned leaks;
    int node_err;
    nhtb_pkt spare[SIM_SPARES_MAX];
    nhtb_pkt *spare_ptr[SIM_SPARES_MAX];
};

struct sim_node {
    sim *s;
    sim_node *next;
    char name[32];
    nhtb_addr addr, addr6;
    nhtb_ctx *ctx;
    nhtb_worker *worker[SIM_WORKERS];
    unsigned n_workers, n_spares;
    sim_link link;
    sim_nat *nat;
    bool offline, pumping, asleep; /* asleep: its timers do not fire */
    uint64_t wall;                 /* what its wall clock is off by */
    uint64_t rng, wake_gen;
    nhtb_time wake;
    char psk[128];
    bool has_psk;
    /* allocator */
    uint64_t allocs, fail_in, live, live_bytes, bad_free;
    /* what came out */
    unsigned events[NHTB_EVENT_END];
    unsigned details[NHTB_EVENT_END][NHTB_DETAIL_END];
    nhtb_event last_event[NHTB_EVENT_END];
    uint8_t *tags;
    size_t n_tags;
    uint64_t delivered, sent;
    uint8_t *last;
    size_t last_len;
    nhtb_iface_id last_iface;
    void (*on_deliver)(void *user, sim_node *n, const nhtb_pkt *p);
    void *on_deliver_user;
};

uint64_t sim_next(uint64_t *state);
void sim_map_add(sim *s, const nhtb_addr *a, sim_node *node, sim_nat *nat);
void sim_map_drop(sim *s, const nhtb_addr *a);
void sim_item_push(sim *s, sim_item it);
/** A node sends: NAT, hook, dice, queue. Takes data by copy. */
void sim_net_send(sim_node *n, const nhtb_pkt *p);
void sim_datagram_free(sim_datagram *d);
/** A datagram arrives at its node. */
void sim_node_receive(sim_node *n, const sim_datagram *d);
void sim_node_wake(sim_node *n);
/** One packet through a worker of the node, and what its verdicts ask for. */
void sim_through(sim_node *n, unsigned worker, nhtb_pkt *p, bool out);
/** A call of this kind is made: does it fail? */
bool sim_fault(sim_fault_kind kind);
nhtb_crypto sim_fault_crypto(void);
/** The same with signatures, which the null backend has not; false: nor has this build. */
bool sim_fault_crypto_sig(nhtb_crypto *out);
_Noreturn void sim_die(const sim *s, const char *what, int err);
sim_nat *sim_nat_find(sim *s, const nhtb_addr *a);
bool sim_nat_out(sim_nat *nat, sim_node *n, sim_datagram *d);
sim_node *sim_nat_in(sim_nat *nat, sim_datagram *d);

#endif
