/* SPDX-License-Identifier: Apache-2.0
 * rtnetlink by hand: see netlink.h. Called by tun.c and route.c. RFC 3549. */
#define _GNU_SOURCE
#include "netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct request {
    struct nlmsghdr h;
    uint8_t body[512];
} request;

int nl_open(netlink *nl)
{
    const struct timeval patience = {.tv_sec = 5};
    nl->seq = 0;
    nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (nl->fd < 0)
        return -errno;
    (void)setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return 0;
}

void nl_close(netlink *nl)
{
    if (nl->fd >= 0)
        close(nl->fd);
    nl->fd = -1;
}

static void start(request *q, uint16_t type, uint16_t flags, const void *head, size_t n)
{
    memset(q, 0, sizeof *q);
    q->h.nlmsg_type = type;
    q->h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    memcpy(NLMSG_DATA(&q->h), head, n);
    q->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(n);
}

static struct rtattr *attr(request *q, unsigned type, const void *data, size_t n)
{
    struct rtattr *a = (struct rtattr *)(void *)((uint8_t *)q + NLMSG_ALIGN(q->h.nlmsg_len));
    a->rta_type = (unsigned short)type;
    a->rta_len = (unsigned short)RTA_LENGTH(n);
    if (n > 0)
        memcpy(RTA_DATA(a), data, n);
    q->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->h.nlmsg_len) + RTA_ALIGN(a->rta_len));
    return a;
}

static void nest_end(request *q, struct rtattr *a)
{
    a->rta_len = (unsigned short)((uint8_t *)q + q->h.nlmsg_len - (uint8_t *)a);
}

static int answer(netlink *nl)
{
    for (;;) {
        _Alignas(struct nlmsghdr) uint8_t buf[4096];
        const ssize_t n = recv(nl->fd, buf, sizeof buf, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)buf;
        if ((size_t)n < sizeof *h + sizeof(struct nlmsgerr) || h->nlmsg_seq != nl->seq)
            continue; /* late answer to a request that timed out */
        if (h->nlmsg_type == NLMSG_ERROR)
            return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
    }
}

static int transact(netlink *nl, request *q)
{
    struct sockaddr_nl to = {.nl_family = AF_NETLINK};
    q->h.nlmsg_seq = ++nl->seq;
    if (sendto(nl->fd, q, q->h.nlmsg_len, 0, (struct sockaddr *)&to, sizeof to) < 0)
        return -errno;
    return answer(nl);
}

int nl_link_up(netlink *nl, int ifindex, uint32_t mtu)
{
    const struct ifinfomsg i = {.ifi_index = ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    request q;
    start(&q, RTM_NEWLINK, 0, &i, sizeof i);
    attr(&q, IFLA_MTU, &mtu, sizeof mtu);
    return transact(nl, &q);
}

int nl_link_quiet(netlink *nl, int ifindex)
{
    const struct ifinfomsg i = {.ifi_index = ifindex};
    const uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
    request q;
    start(&q, RTM_NEWLINK, 0, &i, sizeof i);
    struct rtattr *spec = attr(&q, IFLA_AF_SPEC, NULL, 0);
    struct rtattr *inet6 = attr(&q, AF_INET6, NULL, 0);
    attr(&q, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
    nest_end(&q, inet6);
    nest_end(&q, spec);
    return transact(nl, &q);
}

static uint8_t family_of(const nhtb_addr *a)
{
    return a->family == 4 ? AF_INET : AF_INET6;
}

static size_t addr_bytes(const nhtb_addr *a)
{
    return a->family == 4 ? 4 : 16;
}

int nl_address(netlink *nl, int ifindex, const nhtb_prefix *p, bool add)
{
    const struct ifaddrmsg m = {.ifa_family = family_of(&p->addr),
                                .ifa_prefixlen = p->len,
                                .ifa_flags = p->addr.family == 6 ? IFA_F_NODAD : 0,
                                .ifa_index = (unsigned)ifindex};
    request q;
    start(&q, add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &m,
          sizeof m);
    attr(&q, IFA_LOCAL, p->addr.b, addr_bytes(&p->addr));
    attr(&q, IFA_ADDRESS, p->addr.b, addr_bytes(&p->addr));
    return transact(nl, &q);
}

static int route_request(netlink *nl, const nl_route *r, bool add)
{
    const bool direct = !r->unreachable && r->gateway.family == 0;
    const struct rtmsg m = {.rtm_family = family_of(&r->prefix.addr),
                            .rtm_dst_len = r->prefix.len,
                            .rtm_table = RT_TABLE_MAIN,
                            .rtm_protocol = NL_PROTO,
                            .rtm_scope = direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
                            .rtm_type = r->unreachable ? RTN_UNREACHABLE : RTN_UNICAST,
                            .rtm_flags = r->gateway.family != 0 ? RTNH_F_ONLINK : 0};
    request q;
    start(&q, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_EXCL : 0, &m, sizeof m);
    attr(&q, RTA_DST, r->prefix.addr.b, addr_bytes(&r->prefix.addr));
    attr(&q, RTA_PRIORITY, &r->metric, sizeof r->metric);
    if (!r->unreachable)
        attr(&q, RTA_OIF, &r->ifindex, sizeof r->ifindex);
    if (r->gateway.family != 0)
        attr(&q, RTA_GATEWAY, r->gateway.b, addr_bytes(&r->gateway));
    return transact(nl, &q);
}

int nl_route_set(netlink *nl, const nl_route *r, bool add)
{
    int err = route_request(nl, r, add);
    if (!add || err != -EEXIST)
        return err;
    /* left by a gateway that was killed; a route of anyone else is not matched by our proto */
    if (route_request(nl, r, false) != 0)
        return err;
    return route_request(nl, r, true);
}
