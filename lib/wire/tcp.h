/* SPDX-License-Identifier: Apache-2.0
 * TCP's maximum segment size option (RFC 9293 3.7.1). Any thread. */
#ifndef NHI_WIRE_TCP_H
#define NHI_WIRE_TCP_H

#include "wire/ip.h"

/** Lowers the MSS option of a SYN to at most `most`; the checksum follows incrementally (RFC 1624).
 *  tcp[0..n): the segment, n counted from the IP header. Tells whether it changed. A segment without
 *  the option, or with broken options, is left alone. */
bool nhi_tcp_clamp_mss(uint8_t *tcp, size_t n, uint32_t most);

#endif
