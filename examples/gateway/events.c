/* SPDX-License-Identifier: Apache-2.0
 * Library events become log lines and marks: whatever touches a tunnel, a binding or an interface
 * asks for routes_sync (route.c), which looks at the tables themselves, so a coalesced event loses
 * nothing. Called by loop.c once per turn. Control thread. */
#include "ctl_server.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static uint32_t configured(const gw *g, nhtb_peer_id id)
{
    for (uint32_t i = 0; id.id != 0 && g->state.cfg != NULL && i < g->state.cfg->n_gateways; i++)
        if (g->state.peers[i].id == id.id)
            return i;
    return UINT32_MAX;
}

uint32_t gw_peer_index(const gw *g, nhtb_peer_id id)
{
    nhtb_explain e = {.size = sizeof e};
    const uint32_t i = configured(g, id);
    if (i != UINT32_MAX || nhtb_peer_explain(g->ctx, id, &e) != 0)
        return i;
    return configured(g, e.entry);
}

const char *gw_peer_name(const gw *g, nhtb_peer_id id)
{
    const uint32_t i = configured(g, id);
    return i != UINT32_MAX ? g->state.cfg->gateways[i].name : "-";
}

bool gw_peer_find(const gw *g, const char *name, nhtb_peer_info *out)
{
    uint32_t cursor = 0;
    for (out->size = sizeof *out; nhtb_peer_next(g->ctx, &cursor, out); out->size = sizeof *out)
        if (strcmp(out->name, name) == 0)
            return true;
    return false;
}

/* Peers that a wildcard entry admitted stand in no configuration: the library names them. */
static const char *name_of(const gw *g, nhtb_peer_id id, nhtb_explain *room)
{
    const char *name = gw_peer_name(g, id);
    room->size = sizeof *room;
    if (name[0] == '-' && nhtb_peer_explain(g->ctx, id, room) == 0)
        return room->name;
    return name;
}

const char *gw_iface_name(const gw *g, nhtb_iface_id id)
{
    for (uint32_t i = 0; id.id != 0 && g->state.cfg != NULL && i < g->state.cfg->n_ifaces; i++)
        if (g->state.ifaces[i].id.id == id.id)
            return g->state.cfg->ifaces[i].name;
    return "-";
}

static const char *vpn_name(const gw *g, const nhtb_event *ev)
{
    const uint32_t i = gw_peer_index(g, ev->peer);
    const cfg_gateway *c = i != UINT32_MAX ? &g->state.cfg->gateways[i] : NULL;
    return c != NULL && ev->child < c->n_vpns ? c->vpns[ev->child].name : NULL;
}

static unsigned level_of(unsigned kind)
{
    switch (kind) {
    case NHTB_EVENT_IKE_FAILED:
    case NHTB_EVENT_CHILD_FAILED:
    case NHTB_EVENT_BINDING_REFUSED:
    case NHTB_EVENT_SPOOFED:
    case NHTB_EVENT_AUTH_FAILED:
    case NHTB_EVENT_UNKNOWN_PEER: return NHTB_LOG_WARNING;
    case NHTB_EVENT_LIMIT: return NHTB_LOG_ERROR;
    case NHTB_EVENT_IKE_REKEYED:
    case NHTB_EVENT_CHILD_REKEYED: return NHTB_LOG_INFO;
    default: return NHTB_LOG_NOTICE;
    }
}

static bool changes_tables(unsigned kind)
{
    switch (kind) {
    case NHTB_EVENT_TUNNEL_UP:
    case NHTB_EVENT_TUNNEL_DOWN:
    case NHTB_EVENT_IFACE_UP:
    case NHTB_EVENT_IFACE_DOWN:
    case NHTB_EVENT_BINDING_ADDED:
    case NHTB_EVENT_BINDING_REMOVED: return true;
    default: return false;
    }
}

typedef struct line {
    char text[400];
    size_t n;
    json_out m;
} line;

static void add(line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(l->text + l->n, sizeof l->text - l->n, fmt, ap);
    va_end(ap);
    l->n += n > 0 ? (size_t)n : 0;
    if (l->n >= sizeof l->text)
        l->n = sizeof l->text - 1;
}

static void add_names(line *l, const gw *g, const nhtb_event *ev)
{
    const char *vpn = ev->peer.id != 0 && ev->child != UINT16_MAX ? vpn_name(g, ev) : NULL;
    if (ev->peer.id != 0) {
        nhtb_explain room;
        const char *name = name_of(g, ev->peer, &room);
        json_str(&l->m, "peer", name);
        add(l, " %s", name);
    }
    if (vpn != NULL) {
        json_str(&l->m, "vpn", vpn);
        add(l, "/%s", vpn);
    }
    if (ev->iface.id != 0) {
        json_str(&l->m, "interface", gw_iface_name(g, ev->iface));
        add(l, " on %s", gw_iface_name(g, ev->iface));
    }
}

static void add_addresses(line *l, const nhtb_event *ev)
{
    char a[NHTB_ADDR_TEXT], b[NHTB_ADDR_TEXT];
    if (ev->addr.family != 0) {
        json_str(&l->m, "address", nhtb_addr_format(&ev->addr, a, sizeof a));
        add(l, ", %s", a);
    }
    if (ev->path.remote.family == 0)
        return;
    nhtb_addr_format(&ev->path.remote, a, sizeof a);
    nhtb_addr_format(&ev->path.local, b, sizeof b);
    json_str(&l->m, "remote_address", a);
    json_u64(&l->m, "remote_port", ev->path.remote_port);
    json_str(&l->m, "local_address", b);
    add(l, ", peer at %s port %u", a, ev->path.remote_port);
}

static void add_cause(line *l, const nhtb_event *ev)
{
    if (ev->detail != NHTB_DETAIL_NONE) {
        json_str(&l->m, "detail", nhtb_detail_name(ev->detail));
        add(l, ": %s", nhtb_detail_text(ev->detail));
    }
    if (ev->code != 0) {
        json_u64(&l->m, "code", ev->code);
        if (ev->detail == NHTB_DETAIL_PEER_ERROR)
            add(l, " %" PRIu32, ev->code);
    }
    if (ev->count > 1) {
        json_u64(&l->m, "count", ev->count);
        add(l, " (%" PRIu32 " times)", ev->count);
    }
}

/* The same members as in the JSON log, as one row for those who monitor. */
static void publish(gw *g, const nhtb_event *ev, const line *l)
{
    json_out row;
    json_init(&row);
    json_open(&row, NULL, '{');
    json_u64(&row, "at", g->wall_offset_s + ev->time / NHTB_NS_PER_S);
    json_str(&row, "event", nhtb_event_name(ev->kind));
    if (l->m.n > 0) {
        json_raw(&row, ",", 1);
        json_raw(&row, l->m.p, l->m.n);
    }
    json_str(&row, "text", l->text);
    json_close(&row, '}');
    if (!row.failed && !l->m.failed)
        ctl_event(g, row.p, row.n);
    json_fini(&row);
}

static void log_one(gw *g, const nhtb_event *ev)
{
    line l = {.n = 0};
    json_init(&l.m);
    add(&l, "%s", nhtb_event_name(ev->kind));
    add_names(&l, g, ev);
    add_addresses(&l, ev);
    add_cause(&l, ev);
    log_event(&g->log, level_of(ev->kind), nhtb_event_name(ev->kind), l.text, &l.m);
    publish(g, ev, &l);
    json_fini(&l.m);
}

/* Every configured gateway has a key, so a question can only be a peer of no gateway: refused. */
static void refuse(gw *g, const nhtb_event *ev)
{
    const nhtb_reply none = {.size = sizeof none};
    (void)nhtb_answer(g->ctx, ev->question, &none, gw_now());
}

bool events_handle(gw *g)
{
    nhtb_event ev;
    bool any = false;
    nhtb_event_init(&ev);
    while (nhtb_next_event(g->ctx, &ev)) {
        any = true;
        log_one(g, &ev);
        if (changes_tables(ev.kind))
            g->dirty = true;
        if (ev.kind == NHTB_EVENT_BINDING_ADDED)
            g->owners_dirty = true;
        if (ev.kind == NHTB_EVENT_QUESTION)
            refuse(g, &ev);
        nhtb_event_init(&ev);
    }
    return any;
}
