/* SPDX-License-Identifier: Apache-2.0
 * ICMP errors the library makes: too big (RFC 1191, 8201), time exceeded. Built over the offending
 * packet's own buffer. Any thread. */
#ifndef NHI_WIRE_ICMP_H
#define NHI_WIRE_ICMP_H

#include "wire/ip.h"

typedef enum nhi_icmp_kind {
    NHI_ICMP_TOO_BIG,       /* ICMPv4 3/4, ICMPv6 2/0 */
    NHI_ICMP_TIME_EXCEEDED, /* ICMPv4 11/0, ICMPv6 3/0 */
    NHI_ICMP_UNREACHABLE    /* ICMPv4 3/1 (host), ICMPv6 1/0 (no route) */
} nhi_icmp_kind;

/** Most bytes an error message of this version has (576 or 1280). */
size_t nhi_icmp_max(uint8_t version);
/** False where RFC 1122 3.2.2 / RFC 4443 2.4 (e) forbid an error: about ICMP errors, later fragments
 *  (IPv4), multicast destinations (too big for IPv6 multicast is allowed), no unicast source. */
bool nhi_icmp_allowed(const uint8_t *p, size_t n, const nhi_ip_view *v, nhi_icmp_kind kind);
/** Writes the error about packet p[0..n) into dst (cap bytes, may not overlap p), from `src` (our
 *  address; when its family does not fit, the packet's destination) to the packet's source. mtu for
 *  TOO_BIG. Returns its length, 0 when cap is too small or no unicast source is known. */
size_t nhi_icmp_build(uint8_t *dst, size_t cap, const uint8_t *p, size_t n, const nhi_ip_view *v,
                      nhi_icmp_kind kind, const nhtb_addr *src, uint32_t mtu);

#endif
