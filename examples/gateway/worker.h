/* SPDX-License-Identifier: Apache-2.0
 * A data plane thread: TUN devices on one side, UDP 4500 and raw ESP on the other, the library's
 * worker between them. It owns its sockets for sending and receiving; control traffic for port 4500
 * and everything it cannot decide itself cross to the control thread by rings (ring.h). */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include "handoff.h"
#include "ring.h"
#include "sock.h"

#include <stdatomic.h>

/** What happens at the edge to the kernel. X(name, text) */
#define GW_IO_COUNTERS(X)                                                                          \
    X(tun_read_errors, "reads from a TUN device that failed")                                      \
    X(tun_write_errors, "packets a TUN device did not take")                                       \
    X(receive_errors, "receive calls that failed")                                                 \
    X(receive_truncated, "datagrams longer than a buffer, or malformed")                           \
    X(send_too_big, "packets above the path MTU (EMSGSIZE)")                                       \
    X(send_no_buffers, "packets the kernel had no room for (EAGAIN, ENOBUFS)")                     \
    X(send_unreachable, "packets without a way to the peer (ENETUNREACH, EHOSTUNREACH)")           \
    X(send_errors, "packets refused for another reason")                                           \
    X(send_trains, "sends of several packets in one (UDP_SEGMENT)")                                \
    X(send_trains_refused, "of them refused as a whole and sent one by one")                       \
    X(receive_trains, "receives of several packets in one (UDP_GRO)")                              \
    X(tun_super_in, "super-packets read from TUN devices")                                         \
    X(tun_super_out, "super-packets written to TUN devices")                                       \
    X(tun_lost, "TUN devices that went away under the gateway")                                    \
    X(punts, "packets handed to the control thread")                                               \
    X(punts_dropped, "packets the control thread's queue had no room for")                         \
    X(handoffs_taken, "packets that another worker received")                                      \
    X(handoffs_dropped, "packets for another worker that its queue had no room for")               \
    X(control_dropped, "control packets the worker's queue had no room for")                       \
    X(bursts, "bursts processed")

typedef struct gw_io_stats {
#define X(name, text) _Atomic uint64_t name;
    GW_IO_COUNTERS(X)
#undef X
} gw_io_stats;

enum { GW_SOCK_UDP4, GW_SOCK_UDP6, GW_SOCK_RAW4, GW_SOCK_RAW6, GW_SOCKS };

typedef struct gw_worker gw_worker;

/** Makes thread number `index`. nw: the library's worker, used by that thread until worker_stop.
 *  socks[GW_SOCKS] are borrowed; fd -1 is allowed. mesh: it joined before, or NULL: it is alone.
 *  0 or -errno. Control thread, like all functions here. */
int worker_start(gw_worker **out, nhtb_worker *nw, const gw_sock *socks, gw_mesh *mesh,
                 unsigned index);
/** Ends and joins the thread, frees everything. NULL is allowed. */
void worker_stop(gw_worker *w);
/** A duplicate of q->fd is used from now on for packets of q->iface. 0 or -errno. */
int worker_tun_add(gw_worker *w, const gw_queue *q);
void worker_tun_del(gw_worker *w, nhtb_iface_id iface);
/** Copies p to the worker: GW_MSG_TX or GW_MSG_REINJECT. Never blocks; counts what it drops. */
void worker_post(gw_worker *w, gw_msg_kind kind, const nhtb_pkt *p);
/** The worker looks at what was posted; once after a batch. */
void worker_wake(gw_worker *w);
/** Readable when worker_take has something. */
int worker_event_fd(const gw_worker *w);
/** Next message from the worker (free it), or NULL. */
gw_msg *worker_take(gw_worker *w);
/** Makes worker_event_fd readable again: the caller stopped before worker_take said NULL. */
void worker_renotify(gw_worker *w);
const gw_io_stats *worker_stats(const gw_worker *w);
/** Name and text of counter i; value through worker_stat. NULL after the last. */
const char *worker_stat_name(unsigned i, const char **text);
uint64_t worker_stat(const gw_io_stats *s, unsigned i);

#endif
