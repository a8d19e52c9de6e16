/* SPDX-License-Identifier: Apache-2.0
 * A TUN device for one st0 unit. It lives as long as a descriptor of it is open. Control thread. */
#ifndef GATEWAY_TUN_H
#define GATEWAY_TUN_H

#include "config.h"
#include "netlink.h"

typedef struct gw_tun {
    char name[CFG_IFNAME];
    int fd; /* the control thread's; the worker has its own duplicate */
    int ifindex;
    uint32_t offload; /* TUN_OFFLOAD_*: what the kernel agreed to */
    bool carrier;
} gw_tun;
enum {
    TUN_OFFLOAD_VNET = 1,    /* a header before each packet (IFF_VNET_HDR) */
    TUN_OFFLOAD_CSUM = 2,    /* checksums may be owed */
    TUN_OFFLOAD_TSO = 4,     /* TCP super-packets, both ways */
    TUN_OFFLOAD_USO = 8,     /* UDP super-packets, both ways */
    TUN_OFFLOAD_QUEUES = 16, /* more threads could read the device (IFF_MULTI_QUEUE) */
    TUN_OFFLOAD_ALL = 31
};

/** Makes the device (carrier off, link still down) with what the kernel can do of `wanted`
 *  (TUN_OFFLOAD_*). 0, or -errno with *step naming what failed. */
int tun_open(gw_tun *t, const char *name, uint32_t wanted, const char **step);
/** One more queue of the device for another thread; -1: it has one only, or errno says why. */
int tun_queue(const gw_tun *t);
/** Name of the i-th lowest bit of TUN_OFFLOAD_*; NULL after the last. */
const char *tun_offload_name(unsigned i);
/** Addresses, MTU, link up. 0, or -errno with *step. */
int tun_configure(gw_tun *t, netlink *nl, const cfg_iface *i, const char **step);
/** Takes back the addresses of an earlier configuration. */
void tun_unconfigure(gw_tun *t, netlink *nl, const cfg_iface *i);
int tun_carrier(gw_tun *t, bool on);
void tun_close(gw_tun *t);

#endif
