/* SPDX-License-Identifier: Apache-2.0
 * A hub with one shared entry of IKEv1: many users behind one group identity and key, told apart by
 * XAuth, each with an address of a pool (docs/ikev1.md). */
#ifndef NHTB_TESTS_EXCHANGE_V1_USERS_H
#define NHTB_TESTS_EXCHANGE_V1_USERS_H

#include "exchange/common.h"

enum { VU_MAX = 64, VU_TEXT = 32 };

typedef struct vu_user {
    sim_node *n;
    nhtb_iface_id st0;
    nhtb_peer_id peer;
    char addr[VU_TEXT]; /* received; "": none */
} vu_user;

typedef struct vu {
    sim *s;
    unsigned n; /* users the hub knows: user<i>, "secret of <i>" */
    sim_node *hub;
    nhtb_iface_id st0;
    nhtb_peer_id entry;
    char name[VU_MAX][VU_TEXT], password[VU_MAX][VU_TEXT];
    vu_user u[VU_MAX];
} vu;

typedef struct vu_login {
    unsigned at; /* whose host */
    const char *name, *password, *psk;
} vu_login;

/** The hub, 10.0.0.1/16 on st0.0; pool 10.0.8.0/24. Nobody is there yet. */
void vu_open(vu *w, uint64_t seed, unsigned n);
/** A client's host that begins at once: who and with what. */
vu_user vu_user_new(vu *w, const vu_login *l);
/** Takes the address it received, if any, as a host does. */
void vu_take_address(vu *w, vu_user *u);
/** All users log in: each is up and has taken its address. */
void vu_all_up(vu *w);
/** The row of the hub's NHTB table for an address; false: none. */
bool vu_binding(vu *w, const char *addr, nhtb_binding_info *row);
/** The hub's row of the peer with this name; false: none. */
bool vu_peer(vu *w, const char *name, nhtb_peer_info *row);
/** Rows of the hub's peers, the entry included. */
unsigned vu_peers(vu *w);
/** One packet of every user to the hub's LAN and one back. tag: 2 n are used. */
void vu_ping_all(vu *w, uint32_t tag);
/** Ends the world; no allocation leaked. */
void vu_end(vu *w);

#endif
