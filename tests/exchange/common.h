/* SPDX-License-Identifier: Apache-2.0
 * Shared by the exchange tests: a hub and spokes that are up, traffic both ways. */
#ifndef NHTB_TESTS_EXCHANGE_COMMON_H
#define NHTB_TESTS_EXCHANGE_COMMON_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim.h"

/** A world with a hub and spokes as described, all tunnels up within `most` virtual time. */
sim_topo xch_up(uint64_t seed, const sim_topo_opts *o, nhtb_time most);
/** One packet spoke i -> hub LAN and one back; both arrive exactly once. tag: two are used. */
void xch_ping(sim_topo *t, unsigned i, uint32_t tag);
/** Ends the world; no allocation leaked. */
void xch_end(sim_topo *t);
/** Prints IKE state of all nodes; for people who look at a failing run. */
void xch_show(sim_topo *t);
/** Starts a world without waiting. */
sim_topo xch_start(uint64_t seed, const sim_topo_opts *o);

#endif
