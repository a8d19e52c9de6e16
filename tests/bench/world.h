/* SPDX-License-Identifier: Apache-2.0
 * A hub with manual SAs and routes, and 4,096 packets for it: what the data plane cases run on. All
 * through the public API. */
#ifndef NHTB_TESTS_BENCH_WORLD_H
#define NHTB_TESTS_BENCH_WORLD_H

#include "bench/bare.h"
#include "bench/bench.h"
#include "bench/routes.h"

typedef enum bench_way { WAY_OUT, WAY_IN, WAY_TRANSIT } bench_way;
enum { PACKETS = 4096, BURST = 64, FLOWS = 64, BUFFER = 2048 };

typedef struct tunnel {
    uint8_t key_in[BARE_KEYMAT_MAX], key_out[BARE_KEYMAT_MAX];
    uint32_t spi_in, seq_in;
    nhtb_path path;
} tunnel;

typedef struct world {
    const bare_alg *alg;
    nhtb_ctx *ctx;
    nhtb_worker *worker;
    nhtb_iface_id st0;
    tunnel *t;
    bench_route *routes; /* route i leads to tunnel i % n_tunnels */
    uint32_t n_tunnels, n_routes;
    nhtb_time now;
    bench_heap heap;
} world;

world *world_new(const char *vendor, const bare_alg *alg, uint32_t n_tunnels, uint32_t n_routes);
void world_del(world *w);
nhtb_addr world_next_hop(uint32_t tunnel);
/** Tunnel of an address by linear search; n_tunnels: none. */
uint32_t world_tunnel_of(const world *w, uint32_t addr);

typedef struct item {
    uint8_t head[28];  /* inner IPv4 and UDP */
    uint32_t from, to; /* tunnels; the one that is not used is 0 */
} item;

typedef struct load {
    world *w;
    bench_way way;
    uint32_t text; /* plaintext with the ESP trailer */
    uint8_t *memory;
    uint8_t payload[BUFFER];
    uint32_t order[PACKETS]; /* buffers in the order of use */
    item item[PACKETS];
    _Alignas(64) nhtb_pkt pkt[PACKETS]; /* one cache line each */
} load;

/** Packets of a world: 64 flows when it has few tunnels, else each packet its own. */
load *load_new(world *w, bench_way way, uint32_t text);
void load_del(load *l);
/** Makes all packets anew, off the clock. Inbound ones are sealed by `sealer`. */
void load_fill(load *l, const char *sealer);
/** All packets through the worker, in bursts. False: a burst did not come out whole. */
bool load_pass(load *l);
/** The same on the clock: thread CPU time. Ends the program when one packet
 *  does not come out as it should. */
double load_run(load *l);
/** After load_run: n packets that went out are opened by `opener` and compared. */
void load_verify(load *l, const char *opener, uint32_t n);
/** The vendor's work alone over the same buffers in the same order: thread CPU time. */
double load_run_bare(load *l, const char *vendor, bare_mode mode);
/** What is in the buffers for load_run_bare, off the clock. */
void load_fill_bare(load *l);

#endif
