/* SPDX-License-Identifier: Apache-2.0
 * What the tests of next-hop announcements share, whatever the version of IKE. v1: NULL for IKEv2. */
#ifndef NHTB_TESTS_EXCHANGE_NHTB_COMMON_H
#define NHTB_TESTS_EXCHANGE_NHTB_COMMON_H

#include "exchange/common.h"

/** A hub and two spokes, all multipoint; nobody begins by itself. */
sim_topo xch_nhtb_waiting(uint64_t seed, uint8_t announce, const nhtb_v1 *v1);
/** Spoke i begins, and its tunnel is up. */
void xch_nhtb_begin(sim_topo *t, unsigned i);
/** Spoke i with any tunnel address. */
void xch_nhtb_readdress(sim_topo *t, unsigned i, const char *addr_len);
/** Spoke 1 announces this address of its own interface: the hub refuses it with an event that says why, and
 *  spoke 0 is undisturbed. */
void xch_nhtb_refused(uint64_t seed, const nhtb_v1 *v1, const char *addr_len, nhtb_detail why);

#endif
