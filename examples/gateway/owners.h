/* SPDX-License-Identifier: Apache-2.0
 * Owners of learnt next hops over restarts: the library's rows in "state_file". Control thread. */
#ifndef GATEWAY_OWNERS_H
#define GATEWAY_OWNERS_H

#include "gateway.h"

/** Sets the rows of the file; a missing file is an empty one. False: why (n bytes). */
bool owners_load(gw *g, char *why, size_t n);
/** Writes the rows: new file, fsync, rename, fsync of the folder. Errors are logged. */
void owners_save(gw *g);
/** Configured owners of next in, those of old that are gone out. old may be empty. */
void owners_configure(gw *g, const gw_state *old, const gw_state *next);
/** Forgets who owns address (NULL: all); configured ones stay. How many. */
size_t owners_clear(gw *g, const nhtb_addr *address);

#endif
