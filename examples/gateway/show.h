/* SPDX-License-Identifier: Apache-2.0
 * Tables as JSON rows, one row per call, so a long table is streamed in pieces that fit a frame. */
#ifndef GATEWAY_SHOW_H
#define GATEWAY_SHOW_H

#include "gateway.h"

/** Appends one JSON object and moves the cursor; false after the last row (nothing appended). */
typedef bool (*show_row)(gw *g, uint32_t *cursor, json_out *w);

/** explain.c: one closed answer object about a peer; false: the library has it not any more. */
bool explain_peer(gw *g, const nhtb_peer_info *peer, json_out *w);
/** "entry", "connections" and "connection_limit" of a peer's row, null where they say nothing. */
void show_entry(json_out *w, const gw *g, const nhtb_peer_info *i);
/** Seconds from now until `at`, or null. */
void show_left(json_out *w, const char *key, nhtb_time at);

/** By Junos' words ("ike sa", "ipsec next-hop-tunnels", ...); NULL: no such table. */
show_row show_find(const char *table);

#endif
