/* SPDX-License-Identifier: Apache-2.0
 * TUN devices: see tun.h. Called by apply.c and events.c. */
#define _GNU_SOURCE
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static int set_flags(int fd, const char *name, short flags)
{
    struct ifreq ifr;
    memset(&ifr, 0, sizeof ifr);
    ifr.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags);
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
    return ioctl(fd, TUNSETIFF, &ifr) == 0 ? 0 : -errno;
}

/* Flags from the best to the least; the first that the kernel takes. */
static int create(gw_tun *t, uint32_t wanted)
{
    static const struct {
        uint32_t offload;
        short flags;
    } WAYS[] = {{TUN_OFFLOAD_VNET | TUN_OFFLOAD_QUEUES, IFF_VNET_HDR | IFF_MULTI_QUEUE},
                {TUN_OFFLOAD_VNET, IFF_VNET_HDR},
                {TUN_OFFLOAD_QUEUES, IFF_MULTI_QUEUE},
                {0, 0}};
    int err = -EINVAL;
    for (unsigned i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        if ((WAYS[i].offload & ~wanted) != 0)
            continue;
        err = set_flags(t->fd, t->name, WAYS[i].flags);
        t->offload = WAYS[i].offload;
        if (err != -EINVAL)
            break;
    }
    return err;
}

static void probe(gw_tun *t, uint32_t wanted)
{
    static const struct {
        uint32_t offload;
        unsigned long flags;
    } WAYS[] = {
        {TUN_OFFLOAD_CSUM | TUN_OFFLOAD_TSO | TUN_OFFLOAD_USO,
         TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6},
        {TUN_OFFLOAD_CSUM | TUN_OFFLOAD_TSO, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN},
        {TUN_OFFLOAD_CSUM, TUN_F_CSUM}};
    for (unsigned i = 0; (t->offload & TUN_OFFLOAD_VNET) != 0 && i < sizeof WAYS / sizeof *WAYS;
         i++)
        if ((WAYS[i].offload & ~wanted) == 0 && ioctl(t->fd, TUNSETOFFLOAD, WAYS[i].flags) == 0) {
            t->offload |= WAYS[i].offload;
            return;
        }
}

static int attach(gw_tun *t, uint32_t wanted, const char **step)
{
    *step = "create device";
    const int err = create(t, wanted);
    if (err != 0)
        return err;
    probe(t, wanted);
    t->ifindex = (int)if_nametoindex(t->name);
    *step = "find device";
    if (t->ifindex == 0)
        return -errno;
    *step = "clear carrier";
    return tun_carrier(t, false);
}

int tun_open(gw_tun *t, const char *name, uint32_t wanted, const char **step)
{
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->carrier = true;
    *step = "open /dev/net/tun";
    t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (t->fd < 0)
        return -errno;
    const int err = attach(t, wanted, step);
    if (err != 0)
        tun_close(t);
    return err;
}

int tun_queue(const gw_tun *t)
{
    const short vnet = (t->offload & TUN_OFFLOAD_VNET) != 0 ? IFF_VNET_HDR : 0;
    if ((t->offload & TUN_OFFLOAD_QUEUES) == 0)
        return -1;
    const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (set_flags(fd, t->name, (short)(IFF_MULTI_QUEUE | vnet)) == 0)
        return fd;
    close(fd);
    return -1;
}

const char *tun_offload_name(unsigned i)
{
    static const char *const NAMES[] = {"vnet_hdr", "checksum", "tso", "uso", "multi_queue"};
    return i < sizeof NAMES / sizeof *NAMES ? NAMES[i] : NULL;
}

/* The library's ICMP errors come from the interface's own address, which the kernel takes for a
 * forgery unless told otherwise. Where /proc/sys is read-only, "too big" is not heard. */
static void accept_own_address(const gw_tun *t)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/accept_local", t->name);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    const ssize_t n = write(fd, "1", 1);
    (void)n;
    close(fd);
}

int tun_configure(gw_tun *t, netlink *nl, const cfg_iface *i, const char **step)
{
    int err = 0;
    accept_own_address(t);
    (void)nl_link_quiet(nl, t->ifindex); /* a kernel without IPv6 refuses it: nothing to silence */
    *step = "set IPv4 address";
    if (i->addr4.addr.family != 0)
        err = nl_address(nl, t->ifindex, &i->addr4, true);
    if (err != 0)
        return err;
    *step = "set link up";
    err = nl_link_up(nl, t->ifindex, i->mtu);
    if (err != 0 || i->addr6.addr.family == 0)
        return err;
    *step = "set IPv6 address"; /* after the MTU: IPv6 needs 1280 */
    return nl_address(nl, t->ifindex, &i->addr6, true);
}

void tun_unconfigure(gw_tun *t, netlink *nl, const cfg_iface *i)
{
    if (i->addr4.addr.family != 0)
        (void)nl_address(nl, t->ifindex, &i->addr4, false);
    if (i->addr6.addr.family != 0)
        (void)nl_address(nl, t->ifindex, &i->addr6, false);
}

int tun_carrier(gw_tun *t, bool on)
{
    int flag = on;
    if (t->carrier == on)
        return 0;
    if (ioctl(t->fd, TUNSETCARRIER, &flag) != 0)
        return -errno;
    t->carrier = on;
    return 0;
}

void tun_close(gw_tun *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}
