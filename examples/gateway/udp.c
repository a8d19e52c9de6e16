/* SPDX-License-Identifier: Apache-2.0
 * UDP sockets on ports 500 and 4500 (RFC 7296 2, RFC 3948). Called by main.c before privileges are
 * given up, by crew.c for workers that come later. No SO_REUSEADDR, and SO_REUSEPORT only after the
 * first bind: a second IKE daemon on the host must be noticed, not shared with. */
#define _GNU_SOURCE
#include "sock.h"

#include <errno.h>
#include <string.h>

#define SOCKET_BUFFER (4 << 20)

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) != 0 ? -errno : 0;
}

static int options(const gw_sock *s)
{
    int err;
    if (s->family == 4) {
        err = set(s->fd, IPPROTO_IP, IP_PKTINFO, 1);
        return err != 0 ? err : set(s->fd, IPPROTO_IP, IP_RECVTOS, 1);
    }
    err = set(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (err == 0)
        err = set(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    return err != 0 ? err : set(s->fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
}

static int bind_any(const gw_sock *s)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(s->port)};
    const int r = s->family == 4 ? bind(s->fd, (struct sockaddr *)&v4, sizeof v4)
                                 : bind(s->fd, (struct sockaddr *)&v6, sizeof v6);
    return r != 0 ? -errno : 0;
}

static int open_one(gw_sock *s, uint8_t family, uint16_t port, bool shared)
{
    *s = (gw_sock){.fd = -1,
                   .family = family,
                   .port = port,
                   .df = -1,
                   .kind = port == 500 ? NHTB_PKT_IKE_500 : NHTB_PKT_UDP_4500};
    s->fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return errno == EAFNOSUPPORT ? 0 : -errno;
    int err = options(s);
    if (err == 0 && shared)
        err = set(s->fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (err == 0)
        err = bind_any(s);
    if (err != 0) {
        sock_close(s);
        return err == -EADDRNOTAVAIL && family == 6 ? 0 : err; /* IPv6 is switched off */
    }
    (void)set(s->fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
    (void)set(s->fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
    sock_set_df(s, false);
    return 0;
}

int udp_open(gw_sock *s, uint8_t family, uint16_t port)
{
    return open_one(s, family, port, false);
}

int udp_share(gw_sock *s, gw_sock *first)
{
    *s = (gw_sock){.fd = -1, .family = first->family};
    if (first->fd < 0)
        return 0;
    const int err = set(first->fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return err != 0 ? err : open_one(s, first->family, first->port, true);
}
