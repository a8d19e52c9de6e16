/* SPDX-License-Identifier: Apache-2.0
 * Tables as JSON rows, one row per call, so a long table is streamed in pieces that fit a frame. */
#ifndef GATEWAY_SHOW_H
#define GATEWAY_SHOW_H

#include "gateway.h"

/** How far a table was shown, and what it is limited to. */
typedef struct show_place {
    uint32_t cursor;
    char iface[NHTB_NAME_MAX]; /* next-hop tunnels: of this interface only; "": all */
} show_place;
/** Appends one JSON object and moves the place; false after the last row (nothing appended). */
typedef bool (*show_row)(gw *g, show_place *at, json_out *w);

/** explain.c: one closed answer object about a peer; false: the library has it not any more. */
bool explain_peer(gw *g, const nhtb_peer_info *peer, json_out *w);
/** "entry", "connections" and "connection_limit" of a peer's row, null where they say nothing. */
void show_entry(json_out *w, const gw *g, const nhtb_peer_info *i);
/** way.c: one closed answer object: what a packet to this address meets. */
void way_show(gw *g, const nhtb_addr *dst, json_out *w);
/** "static", "assigned", "notify": where a binding comes from. */
const char *show_source_name(unsigned source);
/** An address, or null. */
void show_addr(json_out *w, const char *key, const nhtb_addr *a);
/** Seconds from now until `at`, or null. */
void show_left(json_out *w, const char *key, nhtb_time at);

/** show_pki.c: the table "security pki". */
bool show_row_pki(gw *g, show_place *at, json_out *w);

/** show_tunnels.c: the tables "tunnel-map" and "tunnel-distribution". */
bool show_row_map(gw *g, show_place *at, json_out *w);
bool show_row_distribution(gw *g, show_place *at, json_out *w);

/** By Junos' words ("ike sa", "ipsec next-hop-tunnels", ...); NULL: no such table. */
show_row show_find(const char *table);

#endif
