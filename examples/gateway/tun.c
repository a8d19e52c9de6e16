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

static int attach(gw_tun *t, const char **step)
{
    struct ifreq ifr;
    memset(&ifr, 0, sizeof ifr);
    ifr.ifr_flags = (short)(IFF_TUN | IFF_NO_PI);
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", t->name);
    *step = "create device";
    if (ioctl(t->fd, TUNSETIFF, &ifr) != 0)
        return -errno;
    t->ifindex = (int)if_nametoindex(t->name);
    *step = "find device";
    if (t->ifindex == 0)
        return -errno;
    *step = "clear carrier";
    return tun_carrier(t, false);
}

int tun_open(gw_tun *t, const char *name, const char **step)
{
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->carrier = true;
    *step = "open /dev/net/tun";
    t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (t->fd < 0)
        return -errno;
    const int err = attach(t, step);
    if (err != 0)
        tun_close(t);
    return err;
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
