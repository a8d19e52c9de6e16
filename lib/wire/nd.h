/* SPDX-License-Identifier: Apache-2.0
 * Neighbour discovery inside a tunnel (RFC 4861): reading a solicitation and answering it. Any
 * thread. */
#ifndef NHI_WIRE_ND_H
#define NHI_WIRE_ND_H

#include "wire/ip.h"

typedef enum nhi_nd_kind {
    NHI_ND_OTHER,   /* no solicitation, or one behind extension headers: not looked at */
    NHI_ND_INVALID, /* RFC 4861 7.1.1 forbids it */
    NHI_ND_SOLICIT
} nhi_nd_kind;
/** What packet p is; of a solicitation, whom it asks for. */
nhi_nd_kind nhi_nd_parse(const uint8_t *p, const nhi_ip_view *v, nhtb_addr *target);

/** Writes the advertisement over the solicitation p that asks for `target`: from the target to who
 *  asked, or to all nodes when it has no address yet. No link-layer option, since a tunnel has no
 *  such addresses. own: the target is ours, else we answer for it. Returns the packet's length,
 *  which is never more than the solicitation's. */
uint32_t nhi_nd_answer(uint8_t *p, const nhtb_addr *target, bool own);

#endif
