/* SPDX-License-Identifier: Apache-2.0
 * msghdr <-> packet: see sock.h. Used by worker.c (port 4500, raw ESP) and port500.c. */
#define _GNU_SOURCE
#include "steer.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

void sock_close(gw_sock *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static socklen_t put_sockaddr(struct sockaddr_storage *sa, const nhtb_addr *a, uint16_t port)
{
    memset(sa, 0, sizeof *sa);
    if (a->family == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)sa;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        memcpy(&v4->sin_addr, a->b, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)sa;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    memcpy(&v6->sin6_addr, a->b, 16);
    return sizeof *v6;
}

static void get_addr(nhtb_addr *a, uint8_t family, const void *bytes)
{
    memset(a, 0, sizeof *a);
    a->family = family;
    memcpy(a->b, bytes, family == 4 ? 4 : 16);
}

static void add_control(struct msghdr *h, int level, int type, const void *data, size_t n)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)h->msg_control + h->msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), data, n);
    h->msg_controllen += CMSG_SPACE(n);
}

static void control_v4(struct msghdr *h, const nhtb_pkt *p)
{
    const int tos = p->tos, ttl = p->ttl;
    struct in_pktinfo info;
    memset(&info, 0, sizeof info);
    memcpy(&info.ipi_spec_dst, p->path->local.b, 4);
    if (p->path->local.family == 4)
        add_control(h, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    if (tos != 0)
        add_control(h, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
    if (ttl != 0)
        add_control(h, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
}

static void control_v6(struct msghdr *h, const nhtb_pkt *p)
{
    const int tclass = p->tos, hops = p->ttl;
    struct in6_pktinfo info;
    memset(&info, 0, sizeof info);
    memcpy(&info.ipi6_addr, p->path->local.b, 16);
    if (p->path->local.family == 6)
        add_control(h, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    if (tclass != 0)
        add_control(h, IPPROTO_IPV6, IPV6_TCLASS, &tclass, sizeof tclass);
    if (hops != 0)
        add_control(h, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof hops);
}

void sock_fill_tx(const gw_sock *s, struct msghdr *h, gw_slot *slot, const nhtb_pkt *p)
{
    memset(h, 0, sizeof *h);
    memset(slot->control, 0, sizeof slot->control);
    h->msg_name = &slot->sa;
    h->msg_namelen =
        put_sockaddr(&slot->sa, &p->path->remote, s->port != 0 ? p->path->remote_port : 0);
    slot->iov = (struct iovec){p->buf + p->off, p->len};
    h->msg_iov = &slot->iov;
    h->msg_iovlen = 1;
    h->msg_control = slot->control;
    if (s->family == 4)
        control_v4(h, p);
    else
        control_v6(h, p);
    if (h->msg_controllen == 0)
        h->msg_control = NULL;
}

void sock_fill_rx(struct msghdr *h, gw_slot *slot, nhtb_pkt *p, uint32_t room)
{
    memset(h, 0, sizeof *h);
    h->msg_name = &slot->sa;
    h->msg_namelen = sizeof slot->sa;
    slot->iov = (struct iovec){p->buf + p->off, room};
    h->msg_iov = &slot->iov;
    h->msg_iovlen = 1;
    h->msg_control = slot->control;
    h->msg_controllen = sizeof slot->control;
}

static void read_control(const struct msghdr *h, nhtb_pkt *p, nhtb_path *path)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL;
         c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)h, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            get_addr(&path->local, 4, &((const struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_addr);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            get_addr(&path->local, 6,
                     &((const struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_addr);
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
            p->tos = *CMSG_DATA(c); /* one byte (ip(7)) */
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            int tclass;
            memcpy(&tclass, CMSG_DATA(c), sizeof tclass);
            p->tos = (uint8_t)tclass;
        }
    }
}

/* A raw IPv4 socket hands over the IP header too. */
static bool strip_ipv4(nhtb_pkt *p)
{
    if (p->len < 20)
        return false;
    const uint32_t ihl = (uint32_t)(p->buf[p->off] & 15) * 4;
    if (ihl < 20 || ihl > p->len)
        return false;
    p->off += ihl;
    p->len -= ihl;
    return true;
}

bool sock_parse_rx(const gw_sock *s, const struct msghdr *h, size_t n, nhtb_pkt *p, nhtb_path *path)
{
    memset(path, 0, sizeof *path);
    if ((h->msg_flags & MSG_TRUNC) != 0)
        return false;
    p->len = (uint32_t)n;
    p->kind = s->kind;
    p->tos = 0;
    p->path = path;
    if (s->family == 4) {
        const struct sockaddr_in *v4 = h->msg_name;
        get_addr(&path->remote, 4, &v4->sin_addr);
        path->remote_port = s->port != 0 ? ntohs(v4->sin_port) : 0;
    } else {
        const struct sockaddr_in6 *v6 = h->msg_name;
        get_addr(&path->remote, 6, &v6->sin6_addr);
        path->remote_port = s->port != 0 ? ntohs(v6->sin6_port) : 0;
    }
    path->local_port = s->port;
    read_control(h, p, path);
    if (path->local.family != s->family)
        return false; /* a batch with such a path would be refused as a whole */
    return s->port != 0 || s->family == 6 || strip_ipv4(p);
}

uint32_t sock_train(const struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL;
         c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)h, c)) {
        int each;
        if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
            continue;
        memcpy(&each, CMSG_DATA(c), sizeof each);
        return each > 0 ? (uint32_t)each : 0;
    }
    return 0;
}

void sock_make_train(struct msghdr *h, uint16_t each)
{
    add_control(h, SOL_UDP, UDP_SEGMENT, &each, sizeof each);
}

void sock_probe(gw_sock *s, uint8_t wanted)
{
    int value = 0;
    socklen_t n = sizeof value;
    s->offload = 0;
    if (s->fd < 0)
        return;
    if (s->port == 0) {
        if ((wanted & SOCK_OFFLOAD_FILTER) != 0 && steer_raw(s, &(gw_share){.n = 1}) == 0)
            s->offload = SOCK_OFFLOAD_FILTER;
        return;
    }
    if ((wanted & SOCK_OFFLOAD_SEGMENT) != 0 &&
        getsockopt(s->fd, SOL_UDP, UDP_SEGMENT, &value, &n) == 0)
        s->offload |= SOCK_OFFLOAD_SEGMENT;
    value = 1;
    if ((wanted & SOCK_OFFLOAD_GRO) != 0 &&
        setsockopt(s->fd, SOL_UDP, UDP_GRO, &value, sizeof value) == 0)
        s->offload |= SOCK_OFFLOAD_GRO;
}

const char *sock_offload_name(unsigned i)
{
    static const char *const NAMES[] = {"udp_segment", "udp_gro", "filter", "steering"};
    return i < sizeof NAMES / sizeof *NAMES ? NAMES[i] : NULL;
}

/* The one message went (or came) by the older call: its length stands where the newer leaves it. */
static int one_done(struct mmsghdr *m, ssize_t n)
{
    if (n < 0)
        return -1;
    m->msg_len = (unsigned)n;
    return 1;
}

int sock_receive_batch(const gw_sock *s, struct mmsghdr *v, unsigned n)
{
    const int got = recvmmsg(s->fd, v, n, MSG_DONTWAIT, NULL);
    if (got >= 0 || errno != ENOSYS || n == 0)
        return got;
    return one_done(v, recvmsg(s->fd, &v->msg_hdr, MSG_DONTWAIT));
}

int sock_send_batch(const gw_sock *s, struct mmsghdr *v, unsigned n)
{
    const int sent = sendmmsg(s->fd, v, n, MSG_DONTWAIT);
    if (sent >= 0 || errno != ENOSYS || n == 0)
        return sent;
    return one_done(v, sendmsg(s->fd, &v->msg_hdr, MSG_DONTWAIT));
}

void sock_set_df(gw_sock *s, bool df)
{
    if (s->df == (int8_t)df)
        return;
    int v4 = df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
    int v6 = df ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT;
    if (s->family == 4)
        (void)setsockopt(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4);
    else
        (void)setsockopt(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6);
    s->df = (int8_t)df;
}

uint32_t sock_path_mtu(const nhtb_path *path)
{
    struct sockaddr_storage sa;
    const bool v4 = path->remote.family == 4;
    const int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int mtu = 0;
    socklen_t n = sizeof mtu;
    if (fd < 0)
        return 0;
    /* the kernel keeps learnt path MTUs per destination; only a connected socket tells them */
    if (connect(fd, (struct sockaddr *)&sa, put_sockaddr(&sa, &path->remote, 9)) == 0)
        (void)getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &n);
    close(fd);
    return mtu > 0 ? (uint32_t)mtu : 0;
}
