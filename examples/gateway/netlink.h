/* SPDX-License-Identifier: Apache-2.0
 * The few rtnetlink requests a gateway needs: link, address, route. One request, one answer, no
 * dependency. Control thread; everything happens in the process's own network namespace. */
#ifndef GATEWAY_NETLINK_H
#define GATEWAY_NETLINK_H

#include <nhtb/nhtb.h>

/** Our number in the kernel's route "proto" field, so that only our own routes are ever removed. */
#define NL_PROTO 151
/** Of the unreachable routes: behind every route that can really carry the traffic. */
#define NL_METRIC_LAST 0x7fffffff

typedef struct netlink {
    int fd;
    uint32_t seq;
} netlink;

typedef struct nl_route {
    nhtb_prefix prefix;
    bool unreachable;
    int ifindex;       /* unless unreachable */
    nhtb_addr gateway; /* family 0: none */
    uint32_t metric;
} nl_route;

/** All return 0 or -errno. */
int nl_open(netlink *nl);
void nl_close(netlink *nl);
int nl_link_up(netlink *nl, int ifindex, uint32_t mtu);
/** No link-local address and no router solicitation of the kernel's own. */
int nl_link_quiet(netlink *nl, int ifindex);
int nl_address(netlink *nl, int ifindex, const nhtb_prefix *p, bool add);
int nl_route_set(netlink *nl, const nl_route *r, bool add);

#endif
