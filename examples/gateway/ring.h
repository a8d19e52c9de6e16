/* SPDX-License-Identifier: Apache-2.0
 * A bounded single-producer single-consumer ring of messages between the control thread and a
 * worker, with an eventfd that wakes the consumer. A full ring refuses: the caller counts and drops. */
#ifndef GATEWAY_RING_H
#define GATEWAY_RING_H

#include <nhtb/nhtb.h>

#include <stdatomic.h>

typedef enum gw_msg_kind {
    GW_MSG_TUN_ADD = 1, /* to the worker: queue (its fd is moved) */
    GW_MSG_TUN_DEL,     /* to the worker: queue.iface */
    GW_MSG_TX,          /* to the worker: pkt, path */
    GW_MSG_REINJECT,    /* to the worker: pkt (inner) */
    GW_MSG_STOP,        /* to the worker */
    GW_MSG_PUNT,        /* to control: pkt, path */
    GW_MSG_PATH_MTU,    /* to control: path, mtu */
    GW_MSG_TUN_LOST     /* to control: queue; its device is gone */
} gw_msg_kind;

/** A queue of a TUN device. */
typedef struct gw_queue {
    nhtb_iface_id iface;
    int fd, ifindex;
    uint32_t offload; /* TUN_OFFLOAD_* */
    bool reads;       /* else another worker reads the device; this one only writes */
} gw_queue;

typedef struct gw_msg {
    gw_msg_kind kind;
    gw_queue queue;
    uint32_t mtu;
    nhtb_path path;
    nhtb_pkt pkt; /* buf points to data */
    uint8_t data[];
} gw_msg;

#define RING_SLOTS 1024 /* a power of two */

typedef struct gw_ring {
    gw_msg *slot[RING_SLOTS];
    _Alignas(64) _Atomic uint32_t head; /* written by the producer */
    _Alignas(64) _Atomic uint32_t tail; /* written by the consumer */
    int wake_fd;
} gw_ring;

/** 0 or -errno. */
int ring_init(gw_ring *r);
/** Frees what is still in it. Both threads are done. */
void ring_fini(gw_ring *r);
/** Producer. False: full (m is still the caller's). */
bool ring_put(gw_ring *r, gw_msg *m);
/** Producer: wakes the consumer; once after a batch. */
void ring_wake(gw_ring *r);
/** Consumer: takes back the wake-up. */
void ring_awake(gw_ring *r);
/** Consumer. NULL: empty. Free with free(). */
gw_msg *ring_take(gw_ring *r);

/** A message with room for cap packet bytes; NULL: out of memory. */
gw_msg *msg_new(gw_msg_kind kind, uint32_t cap);
/** A message holding a copy of p (data at NHTB_HEADROOM) and of its path. */
gw_msg *msg_copy(gw_msg_kind kind, const nhtb_pkt *p);

#endif
