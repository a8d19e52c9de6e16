/* SPDX-License-Identifier: Apache-2.0
 * The library's route table as the configuration asks for it: configured routes, own networks and
 * addresses (LOCAL), and the subnet of a point-to-point interface. Two sorted lists give the
 * difference of a reload in one pass. Control thread. */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

int prefix_compare(const nhtb_prefix *a, const nhtb_prefix *b)
{
    if (a->addr.family != b->addr.family)
        return a->addr.family < b->addr.family ? -1 : 1;
    const int d = memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
    return d != 0 ? d : (a->len > b->len) - (a->len < b->len);
}

/* Equal prefixes keep their order of insertion (rank), so the first one inserted wins. */
typedef struct ranked {
    gw_lib_route r;
    size_t rank;
} ranked;

static int ranked_compare(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    const int d = prefix_compare(&x->r.prefix, &y->r.prefix);
    return d != 0 ? d : (x->rank > y->rank) - (x->rank < y->rank);
}

typedef struct list {
    ranked *v;
    size_t n;
} list;

static void add(list *l, gw_lib_route r)
{
    l->v[l->n] = (ranked){r, l->n};
    l->n++;
}

static nhtb_prefix host_prefix(const nhtb_addr *a)
{
    return (nhtb_prefix){.addr = *a, .len = a->family == 4 ? 32 : 128};
}

static nhtb_prefix network_of(const nhtb_prefix *p)
{
    nhtb_prefix n = *p;
    for (unsigned i = 0; i < 16; i++) {
        const unsigned bits = p->len > i * 8 ? p->len - i * 8u : 0;
        n.addr.b[i] = (uint8_t)(n.addr.b[i] & (bits >= 8 ? 0xff : 0xff00u >> bits));
    }
    return n;
}

static void add_iface(list *l, const cfg_iface *i, uint32_t index, const nhtb_prefix *own)
{
    if (own->addr.family == 0)
        return;
    add(l, (gw_lib_route){.prefix = host_prefix(&own->addr), .kind = NHTB_ROUTE_LOCAL});
    /* on a multipoint interface the subnet's addresses are next hops, found without a route */
    if (!i->multipoint)
        add(l,
            (gw_lib_route){.prefix = network_of(own), .kind = NHTB_ROUTE_TUNNEL, .iface = index});
}

static void collect(list *l, const cfg *c)
{
    for (uint32_t i = 0; i < c->n_routes; i++)
        add(l, (gw_lib_route){.prefix = c->routes[i].prefix,
                              .kind = NHTB_ROUTE_TUNNEL,
                              .iface = c->routes[i].iface,
                              .next_hop = c->routes[i].next_hop});
    for (uint32_t i = 0; i < c->n_locals; i++)
        add(l, (gw_lib_route){.prefix = c->locals[i], .kind = NHTB_ROUTE_LOCAL});
    for (uint32_t i = 0; i < c->n_ifaces; i++) {
        add_iface(l, &c->ifaces[i], i, &c->ifaces[i].addr4);
        add_iface(l, &c->ifaces[i], i, &c->ifaces[i].addr6);
    }
}

bool lib_routes_build(gw_state *s)
{
    const cfg *c = s->cfg;
    const size_t most = (size_t)c->n_routes + c->n_locals + 4 * (size_t)c->n_ifaces + 1;
    list l = {calloc(most, sizeof(ranked)), 0};
    s->lib_routes = calloc(most, sizeof *s->lib_routes);
    if (l.v == NULL || s->lib_routes == NULL) {
        free(l.v);
        return false;
    }
    collect(&l, c);
    qsort(l.v, l.n, sizeof *l.v, ranked_compare);
    for (size_t i = 0; i < l.n; i++)
        if (i == 0 || prefix_compare(&l.v[i].r.prefix, &l.v[i - 1].r.prefix) != 0)
            s->lib_routes[s->n_lib_routes++] = l.v[i].r;
    free(l.v);
    return true;
}

/* ---- difference ---- */

static bool same(const gw_state *a, const gw_lib_route *x, const gw_state *b, const gw_lib_route *y)
{
    if (x->kind != y->kind || !nhtb_addr_equal(&x->next_hop, &y->next_hop))
        return false;
    return x->kind == NHTB_ROUTE_LOCAL || a->ifaces[x->iface].id.id == b->ifaces[y->iface].id.id;
}

static bool iface_stays(const gw_state *s, nhtb_iface_id id)
{
    for (uint32_t i = 0; i < s->cfg->n_ifaces; i++)
        if (s->ifaces[i].id.id == id.id)
            return true;
    return false;
}

static int put(nhtb_txn *t, const gw_state *s, const gw_lib_route *r)
{
    nhtb_route n = {
        .size = sizeof n, .kind = r->kind, .prefix = r->prefix, .next_hop = r->next_hop};
    if (r->kind == NHTB_ROUTE_TUNNEL)
        n.iface = s->ifaces[r->iface].id;
    return nhtb_txn_route(t, &n);
}

static int take(nhtb_txn *t, const gw_state *old, const gw_state *next, const gw_lib_route *r)
{
    if (r->kind == NHTB_ROUTE_TUNNEL && !iface_stays(next, old->ifaces[r->iface].id))
        return 0; /* goes with its interface */
    return nhtb_txn_route_del(t, &r->prefix);
}

int lib_routes_diff(nhtb_txn *t, const gw_state *old, const gw_state *next, nhtb_prefix *at)
{
    size_t i = 0, k = 0;
    while (i < old->n_lib_routes || k < next->n_lib_routes) {
        const gw_lib_route *a = i < old->n_lib_routes ? &old->lib_routes[i] : NULL;
        const gw_lib_route *b = k < next->n_lib_routes ? &next->lib_routes[k] : NULL;
        const int d = a == NULL ? 1 : b == NULL ? -1 : prefix_compare(&a->prefix, &b->prefix);
        int err = 0;
        *at = d <= 0 ? a->prefix : b->prefix;
        if (d < 0)
            err = take(t, old, next, a);
        else if (d > 0 || !same(old, a, next, b))
            err = put(t, next, b);
        if (err != 0)
            return err;
        i += d <= 0;
        k += d >= 0;
    }
    return 0;
}
