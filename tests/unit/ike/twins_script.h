/* SPDX-License-Identifier: Apache-2.0
 * A session that uses every exchange: set-up, new child, rekeys of both kinds from both sides,
 * liveness, deletes. A hook sees each datagram before it is delivered and may act in its place.
 * Used by the bit and payload tests. */
#ifndef NHI_TEST_TWINS_SCRIPT_H
#define NHI_TEST_TWINS_SCRIPT_H

#include "unit/ike/twins.h"

typedef struct twins_script {
    twins_opts o;
    /** Called with each datagram and its number. True: the script ends here (the datagram is not
     *  delivered by the script). */
    bool (*hook)(void *user, twins *p, const twins_dgram *d, unsigned number);
    void *user;
    unsigned n; /* out: datagrams seen */
} twins_script;

/** Opens the twins and plays; the caller closes them. End 0 establishes again by itself. */
void twins_script_play(twins *p, twins_script *s);
/** Waits, at most `most`, until both ends agree and have all children; false: never. */
bool twins_script_settles(twins *p, nhtb_time most);
/** A name for a datagram: exchange and direction. */
const char *twins_script_name(const twins_dgram *d);

#endif
