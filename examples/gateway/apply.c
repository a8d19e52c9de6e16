/* SPDX-License-Identifier: Apache-2.0
 * From a checked configuration to running tables: devices for new interfaces, one transaction for
 * everything that differs, then the kernel. Starting is a reload from nothing. What did not change
 * is not touched, so its SAs live on. Control thread. */
#include "owners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct apply {
    gw *g;
    gw_state next;
    nhtb_txn *t;
    char *err;
    size_t err_n;
} apply;

static bool fail(apply *a, const char *what, const char *name, const char *why)
{
    snprintf(a->err, a->err_n, "%s%s%s: %s", what, name[0] != 0 ? " " : "", name, why);
    return false;
}

/* ---- matching old and new ---- */

static uint32_t find_iface(const gw_state *s, const char *name)
{
    for (uint32_t i = 0; s->cfg != NULL && i < s->cfg->n_ifaces; i++)
        if (strcmp(s->cfg->ifaces[i].name, name) == 0)
            return i;
    return UINT32_MAX;
}

static int name_compare(const void *a, const void *b)
{
    const cfg_gateway *x = *(const cfg_gateway *const *)a, *y = *(const cfg_gateway *const *)b;
    return strcmp(x->name, y->name);
}

/* For each gateway of `to`, its index in `from` or UINT32_MAX; by sorting, for many gateways. */
static uint32_t *match_gateways(const cfg *from, const cfg *to)
{
    const uint32_t n = from != NULL ? from->n_gateways : 0;
    const cfg_gateway **v = calloc((size_t)n + 1, sizeof *v);
    uint32_t *map = calloc((size_t)to->n_gateways + 1, sizeof *map);
    if (v == NULL || map == NULL) {
        free(v);
        free(map);
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++)
        v[i] = &from->gateways[i];
    if (n > 0)
        qsort(v, n, sizeof *v, name_compare);
    for (uint32_t i = 0; i < to->n_gateways; i++) {
        const cfg_gateway *key = &to->gateways[i];
        const cfg_gateway **hit = n > 0 ? bsearch(&key, v, n, sizeof *v, name_compare) : NULL;
        map[i] = hit != NULL ? (uint32_t)(*hit - from->gateways) : UINT32_MAX;
    }
    free(v);
    return map;
}

/* ---- devices ---- */

static bool open_devices(apply *a)
{
    const cfg *c = a->next.cfg;
    for (uint32_t i = 0; i < c->n_ifaces; i++)
        a->next.ifaces[i].tun.fd = -1;
    for (uint32_t i = 0; i < c->n_ifaces; i++) {
        gw_iface *n = &a->next.ifaces[i];
        const char *step = "";
        const uint32_t was = find_iface(&a->g->state, c->ifaces[i].name);
        if (was != UINT32_MAX) {
            *n = a->g->state.ifaces[was];
            continue;
        }
        int err = tun_open(&n->tun, c->ifaces[i].name, offload_tun(c), &step);
        if (err == 0)
            err = tun_configure(&n->tun, &a->g->nl, &c->ifaces[i], &step);
        if (err == 0)
            continue;
        char why[160];
        snprintf(why, sizeof why, "cannot %s: %s", step, strerror(-err));
        return fail(a, "interface", c->ifaces[i].name, why);
    }
    return true;
}

static bool is_new(const apply *a, uint32_t i)
{
    return find_iface(&a->g->state, a->next.cfg->ifaces[i].name) == UINT32_MAX;
}

static void close_new_devices(apply *a)
{
    for (uint32_t i = 0; a->next.ifaces != NULL && i < a->next.cfg->n_ifaces; i++)
        if (is_new(a, i))
            tun_close(&a->next.ifaces[i].tun);
}

/* ---- transaction ---- */

static void fill_iface(nhtb_iface *n, const cfg_iface *c)
{
    nhtb_iface_init(n);
    n->name = c->name;
    n->kind = c->multipoint ? NHTB_IFACE_MULTIPOINT : NHTB_IFACE_POINT_TO_POINT;
    n->transit = c->transit;
    n->df = c->df;
    n->rpf = c->rpf_set ? c->rpf : c->multipoint;
    n->copy_outer_dscp = c->copy_outer_dscp;
    n->ecn_compat = c->ecn_compat;
    n->tcp_mss = c->tcp_mss;
    n->multicast_max = c->multicast_max;
    n->ttl = c->ttl;
    n->dscp = c->dscp;
    n->mtu = c->mtu;
    n->addr4 = c->addr4;
    n->addr6 = c->addr6;
}

static bool put_ifaces(apply *a)
{
    const cfg *c = a->next.cfg;
    for (uint32_t i = 0; i < c->n_ifaces; i++) {
        nhtb_iface n;
        const uint32_t was = find_iface(&a->g->state, c->ifaces[i].name);
        if (was != UINT32_MAX &&
            strcmp(a->g->state.cfg->ifaces[was].canon, c->ifaces[i].canon) == 0)
            continue;
        fill_iface(&n, &c->ifaces[i]);
        const int err = nhtb_txn_iface(a->t, &n, &a->next.ifaces[i].id);
        if (err != 0)
            return fail(a, "interface", c->ifaces[i].name, nhtb_strerror(err));
    }
    return true;
}

/* Removed and changed gateways go first: the names of changed ones come back. */
static bool take_gateways(apply *a)
{
    const cfg *old = a->g->state.cfg;
    uint32_t *map = old != NULL ? match_gateways(a->next.cfg, old) : NULL;
    if (old != NULL && map == NULL)
        return fail(a, "gateways", "", "out of memory");
    for (uint32_t i = 0; old != NULL && i < old->n_gateways; i++) {
        if (map[i] != UINT32_MAX &&
            apply_peer_same(&old->gateways[i], &a->next.cfg->gateways[map[i]]))
            continue;
        const int err = nhtb_txn_peer_del(a->t, a->g->state.peers[i]);
        if (err != 0 && err != NHTB_ERR_STALE) {
            free(map);
            return fail(a, "gateway", old->gateways[i].name, nhtb_strerror(err));
        }
    }
    free(map);
    return true;
}

static bool put_gateways(apply *a)
{
    const cfg *c = a->next.cfg, *old = a->g->state.cfg;
    uint32_t *map = match_gateways(old, c);
    if (map == NULL)
        return fail(a, "gateways", "", "out of memory");
    bool ok = true;
    for (uint32_t i = 0; ok && i < c->n_gateways; i++) {
        if (map[i] != UINT32_MAX && apply_peer_same(&old->gateways[map[i]], &c->gateways[i])) {
            a->next.peers[i] = a->g->state.peers[map[i]];
            continue;
        }
        const int err = apply_peer(a->t, &a->next, i, &a->next.peers[i]);
        if (err != 0)
            ok = fail(a, "gateway", c->gateways[i].name, nhtb_strerror(err));
    }
    free(map);
    return ok;
}

/* ---- static bindings ---- */

static int hop_compare(const void *a, const void *b)
{
    const cfg_next_hop *x = a, *y = b;
    if (x->iface != y->iface)
        return x->iface < y->iface ? -1 : 1;
    return memcmp(&x->next_hop, &y->next_hop, sizeof x->next_hop);
}

static const cfg_next_hop *find_hop(const gw_state *s, const cfg_next_hop *h, const gw_state *of)
{
    const uint32_t iface = find_iface(s, of->cfg->ifaces[h->iface].name);
    if (iface == UINT32_MAX || s->cfg->n_next_hops == 0)
        return NULL;
    const cfg_next_hop key = {.iface = iface, .next_hop = h->next_hop};
    return bsearch(&key, s->cfg->next_hops, s->cfg->n_next_hops, sizeof key, hop_compare);
}

static bool take_bindings(apply *a)
{
    const gw_state *old = &a->g->state;
    for (uint32_t i = 0; old->cfg != NULL && i < old->cfg->n_next_hops; i++) {
        const cfg_next_hop *h = &old->cfg->next_hops[i];
        if (find_iface(&a->next, old->cfg->ifaces[h->iface].name) == UINT32_MAX ||
            find_hop(&a->next, h, old) != NULL)
            continue;
        const int err = nhtb_txn_binding_del(a->t, old->ifaces[h->iface].id, &h->next_hop);
        char text[NHTB_ADDR_TEXT];
        if (err != 0 && err != NHTB_ERR_NOT_FOUND)
            return fail(a, "next hop", nhtb_addr_format(&h->next_hop, text, sizeof text),
                        nhtb_strerror(err));
    }
    return true;
}

static bool same_hop(const apply *a, const cfg_next_hop *h, const cfg_next_hop *was)
{
    return was != NULL && was->vpn == h->vpn &&
           a->g->state.peers[was->gateway].id == a->next.peers[h->gateway].id;
}

static bool put_bindings(apply *a)
{
    const cfg *c = a->next.cfg;
    for (uint32_t i = 0; i < c->n_next_hops; i++) {
        const cfg_next_hop *h = &c->next_hops[i];
        if (a->g->state.cfg != NULL && same_hop(a, h, find_hop(&a->g->state, h, &a->next)))
            continue;
        const nhtb_binding b = {.size = sizeof b,
                                .iface = a->next.ifaces[h->iface].id,
                                .next_hop = h->next_hop,
                                .peer = a->next.peers[h->gateway],
                                .child = (uint16_t)h->vpn};
        const int err = nhtb_txn_binding(a->t, &b);
        char text[NHTB_ADDR_TEXT];
        if (err != 0)
            return fail(a, "next hop", nhtb_addr_format(&h->next_hop, text, sizeof text),
                        nhtb_strerror(err));
    }
    return true;
}

static bool put_routes(apply *a)
{
    nhtb_prefix at;
    char text[NHTB_ADDR_TEXT + 4];
    const int err = lib_routes_diff(a->t, &a->g->state, &a->next, &at);
    return err == 0
               ? true
               : fail(a, "route", nhtb_prefix_format(&at, text, sizeof text), nhtb_strerror(err));
}

static bool take_ifaces(apply *a)
{
    const gw_state *old = &a->g->state;
    for (uint32_t i = 0; old->cfg != NULL && i < old->cfg->n_ifaces; i++) {
        if (find_iface(&a->next, old->cfg->ifaces[i].name) != UINT32_MAX)
            continue;
        const int err = nhtb_txn_iface_del(a->t, old->ifaces[i].id);
        if (err != 0)
            return fail(a, "interface", old->cfg->ifaces[i].name, nhtb_strerror(err));
    }
    return true;
}

static bool transact(apply *a)
{
    int err = nhtb_txn_begin(a->g->ctx, &a->t);
    if (err != 0)
        return fail(a, "tables", "", nhtb_strerror(err));
    if (!take_bindings(a) || !take_gateways(a) || !put_ifaces(a) || !put_gateways(a) ||
        !put_bindings(a) || !put_routes(a) || !take_ifaces(a)) {
        nhtb_txn_abort(a->t);
        return false;
    }
    err = nhtb_txn_commit(a->t, gw_now());
    return err == 0 ? true : fail(a, "tables", "", nhtb_strerror(err));
}

/* ---- after the commit: nothing below can take the change back ---- */

static void settle_iface(apply *a, uint32_t i)
{
    gw *g = a->g;
    gw_iface *n = &a->next.ifaces[i];
    const cfg_iface *c = &a->next.cfg->ifaces[i];
    const uint32_t was = find_iface(&g->state, c->name);
    const char *step = "";
    int err = 0;
    if (was == UINT32_MAX) {
        err = crew_tun_add(&g->crew, n->id, &n->tun);
        step = "hand the device to its workers";
    } else if (strcmp(g->state.cfg->ifaces[was].canon, c->canon) != 0) {
        if (memcmp(&g->state.cfg->ifaces[was].addr4, &c->addr4, sizeof c->addr4) != 0 ||
            memcmp(&g->state.cfg->ifaces[was].addr6, &c->addr6, sizeof c->addr6) != 0)
            tun_unconfigure(&n->tun, &g->nl, &g->state.cfg->ifaces[was]);
        err = tun_configure(&n->tun, &g->nl, c, &step);
    }
    if (err != 0)
        log_text(&g->log, NHTB_LOG_ERROR, "interface %s: cannot %s: %s", c->name, step,
                 strerror(-err));
}

static void settle_devices(apply *a)
{
    gw_state *old = &a->g->state;
    for (uint32_t i = 0; i < a->next.cfg->n_ifaces; i++)
        settle_iface(a, i);
    for (uint32_t i = 0; old->cfg != NULL && i < old->cfg->n_ifaces; i++) {
        if (find_iface(&a->next, old->cfg->ifaces[i].name) != UINT32_MAX)
            continue;
        crew_tun_del(&a->g->crew, old->ifaces[i].id);
        tun_close(&old->ifaces[i].tun);
    }
}

static void hold_carriers(gw_state *s)
{
    for (uint32_t i = 0; i < s->cfg->n_ifaces; i++)
        s->ifaces[i].hold_carrier = false;
    for (uint32_t i = 0; i < s->cfg->n_gateways; i++)
        for (uint32_t v = 0; v < s->cfg->gateways[i].n_vpns; v++)
            if (s->cfg->gateways[i].establish == NHTB_ESTABLISH_ON_TRAFFIC)
                s->ifaces[s->cfg->gateways[i].vpns[v].iface].hold_carrier = true;
}

static void state_free(gw_state *s)
{
    cfg_del(s->cfg);
    free(s->ifaces);
    free(s->peers);
    free(s->lib_routes);
    free(s->kernel_routes);
    memset(s, 0, sizeof *s);
}

static bool prepare(apply *a)
{
    cfg *c = a->next.cfg;
    a->next.ifaces = calloc((size_t)c->n_ifaces + 1, sizeof *a->next.ifaces);
    a->next.peers = calloc((size_t)c->n_gateways + 1, sizeof *a->next.peers);
    if (a->next.ifaces == NULL || a->next.peers == NULL)
        return fail(a, "configuration", "", "out of memory");
    if (c->workers > a->g->crew.limit)
        return fail(a, "workers", "", "more than twice those at the start need a restart");
    if (c->n_next_hops > 1)
        qsort(c->next_hops, c->n_next_hops, sizeof *c->next_hops, hop_compare);
    if (!open_devices(a))
        return false;
    hold_carriers(&a->next);
    if (!lib_routes_build(&a->next) || !routes_build(&a->next))
        return fail(a, "routes", "", "out of memory");
    return true;
}

bool apply_config(gw *g, cfg *next, char *err, size_t n)
{
    apply a = {.g = g, .next = {.cfg = next}, .err = err, .err_n = n};
    if (!prepare(&a) || !transact(&a)) {
        close_new_devices(&a);
        state_free(&a.next);
        return false;
    }
    settle_devices(&a);
    owners_configure(g, &g->state, &a.next);
    routes_carry(g, &g->state, &a.next);
    state_free(&g->state);
    g->state = a.next;
    (void)crew_fit(g, next);
    g->dirty = true;
    return true;
}

void apply_nothing(gw *g)
{
    gw_state none = {0};
    routes_carry(g, &g->state, &none);
    for (uint32_t i = 0; g->state.cfg != NULL && i < g->state.cfg->n_ifaces; i++)
        tun_close(&g->state.ifaces[i].tun);
    state_free(&g->state);
}
