/* SPDX-License-Identifier: Apache-2.0
 * Events: pulled by the host, coalesced per object and kind, never lost. A repeated event moves to
 * the end of the queue, so the last one read about an object tells its present state. When memory
 * or the bound is used up, one preallocated record per kind takes over (then objects of one kind
 * share it). Called by apply.c, cells.c; control thread. */
#include "engine/engine.h"

/** What is coalesced: same kind about the same object. */
typedef struct event_key {
    uint16_t kind, child;
    uint32_t peer, iface, question;
    nhtb_addr addr; /* bindings: each next hop is an object of its own */
} event_key;

struct nhi_event_rec {
    nhi_list link;
    event_key key;
    nhtb_event ev;
    bool spare;
};

static size_t most_records(const nhtb_limits *l)
{
    return 8u * ((size_t)l->peers + l->tunnels + l->ifaces) + 2u * (size_t)l->bindings +
           l->half_open + 64;
}

int nhi_engine_events_init(nhtb_ctx *ctx, const uint8_t seed[16])
{
    nhi_events *e = &ctx->events;
    nhi_list_init(&e->list);
    nhi_map_init(&e->map, &ctx->mem, sizeof(event_key), most_records(&ctx->settings.limits), seed);
    e->spare = nhi_mem_array(&ctx->mem, NHTB_EVENT_END, sizeof *e->spare);
    if (!e->spare)
        return NHTB_ERR_MEMORY;
    for (size_t i = 0; i < NHTB_EVENT_END; i++) {
        e->spare[i].spare = true;
        nhi_list_init(&e->spare[i].link);
    }
    return NHTB_OK;
}

static void rec_free(nhtb_ctx *ctx, nhi_event_rec *r)
{
    nhi_list_del(&r->link);
    if (r->spare) {
        memset(&r->ev, 0, sizeof r->ev);
        return;
    }
    nhi_map_del(&ctx->events.map, &r->key);
    nhi_mem_free(&ctx->mem, r, sizeof *r);
}

void nhi_engine_events_fini(nhtb_ctx *ctx)
{
    nhi_events *e = &ctx->events;
    if (!e->spare)
        return;
    NHI_LIST_FOR_SAFE(it, nx, &e->list)
    {
        rec_free(ctx, NHI_CONTAINER(it, nhi_event_rec, link));
    }
    nhi_map_fini(&e->map);
    nhi_mem_free(&ctx->mem, e->spare, NHTB_EVENT_END * sizeof *e->spare);
    e->spare = NULL;
}

static event_key key_of(const nhtb_event *ev)
{
    event_key k;
    memset(&k, 0, sizeof k);
    k.kind = ev->kind;
    k.child = ev->child;
    k.peer = ev->peer.id;
    k.iface = ev->iface.id;
    k.question = ev->question;
    if (ev->kind == NHTB_EVENT_BINDING_ADDED || ev->kind == NHTB_EVENT_BINDING_REMOVED)
        k.addr = ev->addr;
    return k;
}

static nhi_event_rec *rec_new(nhtb_ctx *ctx, const event_key *k)
{
    nhi_event_rec *r = nhi_mem_alloc(&ctx->mem, sizeof *r, 16);
    if (!r)
        return NULL;
    r->key = *k;
    nhi_list_init(&r->link);
    if (nhi_map_put(&ctx->events.map, k, r) == NHTB_OK)
        return r;
    nhi_mem_free(&ctx->mem, r, sizeof *r);
    return NULL;
}

static nhtb_log_level level_of(unsigned kind)
{
    switch (kind) {
    case NHTB_EVENT_IKE_FAILED:
    case NHTB_EVENT_CHILD_FAILED:
    case NHTB_EVENT_BINDING_REFUSED:
    case NHTB_EVENT_SPOOFED:
    case NHTB_EVENT_AUTH_FAILED:
    case NHTB_EVENT_UNKNOWN_PEER:
    case NHTB_EVENT_LIMIT: return NHTB_LOG_WARNING;
    default: return NHTB_LOG_NOTICE;
    }
}

/* One line per event that is new to the host, so a peer that repeats itself cannot flood the log
 * of a host that reads its events. */
static void log_event(const nhtb_ctx *ctx, const nhtb_event *ev)
{
    char text[192];
    nhi_fmt f;
    if (!ctx->mem.host.log)
        return;
    nhi_fmt_init(&f, text, sizeof text);
    nhi_fmt_str(&f, nhtb_event_name(ev->kind));
    if (ev->addr.family) {
        nhi_fmt_str(&f, " ");
        nhi_fmt_addr(&f, &ev->addr);
    }
    if (ev->path.remote.family) {
        nhi_fmt_str(&f, " remote ");
        nhi_fmt_addr(&f, &ev->path.remote);
    }
    if (ev->detail) {
        nhi_fmt_str(&f, ": ");
        nhi_fmt_str(&f, nhtb_detail_text(ev->detail));
    }
    if (ev->code) {
        nhi_fmt_str(&f, " (");
        nhi_fmt_u64(&f, ev->code);
        nhi_fmt_str(&f, ")");
    }
    const nhtb_peer *cfg = ev->peer.id && ctx->ike ? nhi_ike_peer_config(ctx->ike, ev->peer) : NULL;
    nhi_log(&ctx->mem, level_of(ev->kind), "engine", text, ev->peer, cfg ? cfg->name : NULL, 0, 0);
}

void nhi_engine_event_put(nhtb_ctx *ctx, const nhtb_event *ev, nhtb_time now)
{
    if (ev->kind == NHTB_EVENT_NONE || ev->kind >= NHTB_EVENT_END)
        return;
    event_key k = key_of(ev);
    nhi_event_rec *r = nhi_map_get(&ctx->events.map, &k);
    if (!r)
        r = rec_new(ctx, &k);
    if (!r)
        r = &ctx->events.spare[ev->kind];
    uint32_t count = r->ev.count;
    r->ev = *ev;
    r->ev.time = now;
    r->ev.count = count == UINT32_MAX ? count : count + 1;
    nhi_list_del(&r->link);
    nhi_list_add_tail(&ctx->events.list, &r->link);
    if (count == 0)
        log_event(ctx, &r->ev);
}

bool nhtb_next_event(nhtb_ctx *ctx, nhtb_event *ev)
{
    if (!ctx || !ev || ev->size < sizeof ev->size || nhi_list_empty(&ctx->events.list))
        return false;
    nhi_event_rec *r = NHI_CONTAINER(ctx->events.list.next, nhi_event_rec, link);
    nhi_engine_give(ev, ev->size, &r->ev, sizeof r->ev);
    rec_free(ctx, r);
    return true;
}
