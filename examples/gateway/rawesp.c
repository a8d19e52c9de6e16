/* SPDX-License-Identifier: Apache-2.0
 * Raw sockets for native ESP (IP protocol 50, RFC 4303), used where no NAT is seen. Called by
 * main.c before privileges are given up. The kernel reassembles outer fragments. */
#define _GNU_SOURCE
#include "steer.h"

#include <errno.h>
#include <string.h>

#define SOCKET_BUFFER (4 << 20)

static void set(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

int rawesp_open(gw_sock *s, uint8_t family)
{
    *s = (gw_sock){.fd = -1, .family = family, .df = -1, .kind = NHTB_PKT_ESP};
    s->fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                   IPPROTO_ESP);
    if (s->fd < 0)
        return errno == EAFNOSUPPORT ? 0 : -errno;
    if (family == 4) {
        set(s->fd, IPPROTO_IP, IP_PKTINFO, 1);
        set(s->fd, IPPROTO_IP, IP_RECVTOS, 1);
    } else {
        set(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        set(s->fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    }
    set(s->fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
    set(s->fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
    sock_set_df(s, false);
    return 0;
}

/* Bound to an address that no packet from outside has; binding again is allowed. */
static int bind_to(const gw_sock *s, bool loopback)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    v4.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
    v6.sin6_addr = loopback ? in6addr_loopback : in6addr_any;
    const int r = s->family == 4 ? bind(s->fd, (struct sockaddr *)&v4, sizeof v4)
                                 : bind(s->fd, (struct sockaddr *)&v6, sizeof v6);
    return r != 0 ? -errno : 0;
}

int rawesp_park(gw_sock *s)
{
    if (s->fd < 0)
        return 0;
    /* without a loopback address the filter alone keeps it quiet: every packet costs a look then */
    const int err = steer_raw(s, &(gw_share){.n = 0});
    return bind_to(s, true) == 0 ? 0 : err;
}

int rawesp_wake(gw_sock *s)
{
    return s->fd < 0 ? 0 : bind_to(s, false);
}
