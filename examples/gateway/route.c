/* SPDX-License-Identifier: Apache-2.0
 * Kernel routes and carriers follow the tunnels. Each configured prefix has up to two
 * kernel routes: one toward the device, there only while its tunnel is up, and behind it an
 * `unreachable` one that is always there, so that nothing leaves in clear by a default route, not
 * even between two system calls or after a crash. "backup_path" leaves the second out.
 * Control thread; called once per loop turn when something changed. */
#include "gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

static int by_prefix(const void *a, const void *b)
{
    return prefix_compare(&((const gw_kernel_route *)a)->cfg.prefix,
                          &((const gw_kernel_route *)b)->cfg.prefix);
}

static int key_compare(const void *key, const void *elem)
{
    return prefix_compare(key, &((const gw_kernel_route *)elem)->cfg.prefix);
}

/* A packet must reach the device for the tunnel to start. */
static bool starts_on_traffic(const gw_state *s, const cfg_route *r)
{
    const cfg *c = s->cfg;
    if (!s->ifaces[r->iface].hold_carrier)
        return false;
    if (!c->ifaces[r->iface].multipoint)
        return true;
    for (uint32_t i = 0; i < c->n_next_hops; i++)
        if (c->next_hops[i].iface == r->iface &&
            nhtb_addr_equal(&c->next_hops[i].next_hop, &r->next_hop))
            return c->gateways[c->next_hops[i].gateway].establish == NHTB_ESTABLISH_ON_TRAFFIC;
    return false;
}

bool routes_build(gw_state *s)
{
    const cfg *c = s->cfg;
    s->kernel_routes = calloc((size_t)c->n_routes + 1, sizeof *s->kernel_routes);
    if (s->kernel_routes == NULL)
        return false;
    s->n_kernel_routes = c->n_routes;
    for (uint32_t i = 0; i < c->n_routes; i++) {
        gw_kernel_route *k = &s->kernel_routes[i];
        k->cfg = c->routes[i];
        k->ifindex = s->ifaces[c->routes[i].iface].tun.ifindex;
        k->always = starts_on_traffic(s, &c->routes[i]);
    }
    qsort(s->kernel_routes, s->n_kernel_routes, sizeof *s->kernel_routes, by_prefix);
    return true;
}

static gw_kernel_route *find(const gw_state *s, const nhtb_prefix *p)
{
    if (s->n_kernel_routes == 0)
        return NULL;
    return bsearch(p, s->kernel_routes, s->n_kernel_routes, sizeof *s->kernel_routes, key_compare);
}

/* ---- the kernel ---- */

static void complain(gw *g, const gw_kernel_route *k, const char *what, int err)
{
    char text[NHTB_ADDR_TEXT + 4];
    g->route_errors++;
    log_text(&g->log, NHTB_LOG_ERROR, "route %s: cannot %s: %s",
             nhtb_prefix_format(&k->cfg.prefix, text, sizeof text), what, strerror(-err));
}

static void set_device(gw *g, gw_kernel_route *k, bool on)
{
    const nl_route r = {.prefix = k->cfg.prefix,
                        .ifindex = k->ifindex,
                        .gateway = k->cfg.next_hop.family == k->cfg.prefix.addr.family
                                       ? k->cfg.next_hop
                                       : (nhtb_addr){0},
                        .metric = k->cfg.metric};
    if (k->device == on)
        return;
    const int err = nl_route_set(&g->nl, &r, on);
    k->device = on; /* tried once per change: a refused route is reported, not retried for ever */
    if (err != 0 && !(err == -ESRCH && !on))
        complain(g, k, on ? "add it" : "remove it", err);
}

static void set_guard(gw *g, gw_kernel_route *k, bool on)
{
    const nl_route r = {.prefix = k->cfg.prefix, .unreachable = true, .metric = NL_METRIC_LAST};
    if (k->guarded == on)
        return;
    const int err = nl_route_set(&g->nl, &r, on);
    k->guarded = on;
    if (err != 0 && !(err == -ESRCH && !on))
        complain(g, k, on ? "guard it as unreachable" : "remove its guard", err);
}

static bool same_route(const gw_kernel_route *a, const gw_kernel_route *b)
{
    return a->ifindex == b->ifindex && a->cfg.metric == b->cfg.metric &&
           a->cfg.backup_path == b->cfg.backup_path &&
           nhtb_addr_equal(&a->cfg.next_hop, &b->cfg.next_hop);
}

void routes_carry(gw *g, gw_state *old, gw_state *next)
{
    for (size_t i = 0; i < next->n_kernel_routes; i++)
        if (!next->kernel_routes[i].cfg.backup_path) {
            const gw_kernel_route *was = find(old, &next->kernel_routes[i].cfg.prefix);
            next->kernel_routes[i].guarded = was != NULL && was->guarded;
            set_guard(g, &next->kernel_routes[i], true);
        }
    for (size_t i = 0; i < old->n_kernel_routes; i++) {
        gw_kernel_route *k = &old->kernel_routes[i], *n = find(next, &k->cfg.prefix);
        if (n != NULL && same_route(k, n)) {
            n->device = k->device;
            continue;
        }
        set_device(g, k, false);
        if (n == NULL || n->cfg.backup_path)
            set_guard(g, k, false);
    }
}

const char *routes_kernel_state(const gw *g, const nhtb_prefix *p)
{
    const gw_kernel_route *k = find(&g->state, p);
    if (k == NULL)
        return NULL;
    return k->device ? "device" : k->guarded ? "unreachable" : "none";
}

/* ---- following the library ---- */

static void sync_kernel(gw *g)
{
    gw_state *s = &g->state;
    nhtb_route_info r = {.size = sizeof r};
    uint32_t cursor = 0;
    for (size_t i = 0; i < s->n_kernel_routes; i++)
        s->kernel_routes[i].wanted = s->kernel_routes[i].always;
    while (nhtb_route_next(g->ctx, &cursor, &r)) {
        gw_kernel_route *k = find(s, &r.route.prefix);
        if (k != NULL && r.reachable)
            k->wanted = true;
    }
    for (size_t i = 0; i < s->n_kernel_routes; i++)
        set_device(g, &s->kernel_routes[i], s->kernel_routes[i].wanted);
}

static void sync_carriers(gw *g)
{
    nhtb_iface_info i = {.size = sizeof i};
    uint32_t cursor = 0;
    while (nhtb_iface_next(g->ctx, &cursor, &i)) {
        for (uint32_t k = 0; k < g->state.cfg->n_ifaces; k++) {
            gw_iface *n = &g->state.ifaces[k];
            if (n->id.id != i.id.id)
                continue;
            const int err = tun_carrier(&n->tun, i.up || n->hold_carrier);
            if (err != 0)
                log_text(&g->log, NHTB_LOG_ERROR, "interface %s: carrier: %s", n->tun.name,
                         strerror(-err));
        }
    }
}

void routes_sync(gw *g)
{
    g->dirty = false;
    sync_carriers(g);
    sync_kernel(g);
}
