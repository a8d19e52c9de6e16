/* SPDX-License-Identifier: Apache-2.0
 * Port 500 in batches: one recvmmsg, one nhtb_feed, one nhtb_drain, one sendmmsg for up to
 * PORT500_BATCH messages, because a flood of requests costs system calls more than anything else.
 * Internal to loop.c. Control thread. */
#ifndef GATEWAY_PORT500_H
#define GATEWAY_PORT500_H

#include "gateway.h"

#define PORT500_BATCH 64

typedef struct port500 port500;

/** Datagrams, except receive_errors: calls. */
typedef struct port500_stats {
    uint64_t received, sent, truncated, send_errors, receive_errors;
} port500_stats;

/** room: bytes of the largest datagram taken; longer ones are dropped and counted. 0 or -errno. */
int port500_new(port500 **out, gw *g, uint32_t room);
/** NULL is allowed. */
void port500_del(port500 *p);
const port500_stats *port500_get_stats(const port500 *p);
/** One batch of socket s is received and fed, at most n <= PORT500_BATCH. True: more may wait. */
bool port500_receive(port500 *p, const gw_sock *s, unsigned n);
/** Queues a drained packet: addresses are copied, its bytes must stay until port500_flush. At most
 *  PORT500_BATCH of them. */
void port500_put(port500 *p, const nhtb_pkt *pkt);
/** Sends what is queued. Calls the library: paths of drained packets end here. */
void port500_flush(port500 *p);

#endif
