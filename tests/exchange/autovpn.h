/* SPDX-License-Identifier: Apache-2.0
 * A hub with one wildcard entry and spokes with derived keys. */
#ifndef TESTS_EXCHANGE_AUTOVPN_H
#define TESTS_EXCHANGE_AUTOVPN_H

#include <nhtb/psk.h>

#include "exchange/common.h"

#define NHI_AV(a) (sizeof(a) / sizeof *(a))

typedef struct av_hub {
    sim_node *n;
    nhtb_iface_id st0;
    nhtb_peer_id entry;
} av_hub;
typedef struct av_spoke {
    sim_node *n;
    nhtb_iface_id st0;
    nhtb_peer_id peer;
} av_spoke;

/** 10.0.0.1/16 on st0.0; identity hub.example; entry *.spokes.example. */
av_hub av_hub_new(sim *s, unsigned n, uint32_t limit, uint8_t second);
/** Spoke i presents id with the key of key_of and announces addr; starts at once. */
av_spoke av_spoke_new(sim *s, unsigned i, const char *id, const char *key_of, const char *addr);
unsigned av_peers(sim_node *n);          /* rows, the entry included */
nhtb_peer_id av_instance(sim_node *hub); /* the last row that is not the entry */

#endif
