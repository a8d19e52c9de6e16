/* SPDX-License-Identifier: Apache-2.0
 * Which worker's socket gets a packet: classic BPF in the kernel looks at the low bits of the SPI, which
 * name the worker of a negotiated SA (nhtb_worker_bits). What it cannot tell comes to worker 0, or to
 * any, and is handed over. Called by sock.c and crew.c; control thread. */
#ifndef GATEWAY_STEER_H
#define GATEWAY_STEER_H

#include "sock.h"

/** Of n workers with 1 << bits places, number k. n 0: nobody's. */
typedef struct gw_share {
    unsigned bits, n, k;
} gw_share;

/** Raw ESP: the socket gets packets of worker k only; worker 0 also those of places without a worker.
 *  SPIs up to 255 are nobody's. Every raw socket is offered every packet. 0 or -errno. */
int steer_raw(const gw_sock *s, const gw_share *share);
/** UDP: the sockets that share the port of s, in the order they were bound, are the workers'. A marker of
 *  IKE and a keepalive come to the first. 0 or -errno. */
int steer_udp(const gw_sock *s, const gw_share *share);

#endif
