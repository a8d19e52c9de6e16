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
    bool carrier;
} gw_tun;

/** Makes the device (carrier off, link still down). 0, or -errno with *step naming what failed. */
int tun_open(gw_tun *t, const char *name, const char **step);
/** Addresses, MTU, link up. 0, or -errno with *step. */
int tun_configure(gw_tun *t, netlink *nl, const cfg_iface *i, const char **step);
/** Takes back the addresses of an earlier configuration. */
void tun_unconfigure(gw_tun *t, netlink *nl, const cfg_iface *i);
int tun_carrier(gw_tun *t, bool on);
void tun_close(gw_tun *t);

#endif
