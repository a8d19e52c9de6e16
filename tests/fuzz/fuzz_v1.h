/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 for the session target: entries, and edits of phase 2 messages by who knows the keys. One
 * thread. */
#ifndef NHTB_TESTS_FUZZ_V1_H
#define NHTB_TESTS_FUZZ_V1_H

#include "fuzz/fuzz.h"
#include "ike/room.h"

/** opt's bits 16, 32: aggressive mode, XAuth with mode config. server: of those two. */
void fuzz_v1_entry(nhtb_v1 *v, nhtb_v1_user *user, bool server, unsigned opt);
/** Edits the payload list of a protected message between two rooms and protects it again. False: it is
 *  none that can be opened. */
bool fuzz_v1_edit(nhi_ike *from, nhi_ike *to, uint8_t *msg, size_t *n, size_t cap, fuzz_in *in);
/** The cleartext target (target_ike_cleartext.c), with IKEv1 or IKEv2. */
int fuzz_cleartext(const uint8_t *p, size_t n, bool v1);
/** The session target with IKEv1 (target_ike_session.c). */
int fuzz_v1_pair(const uint8_t *p, size_t n);

#endif
