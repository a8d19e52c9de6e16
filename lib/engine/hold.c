/* SPDX-License-Identifier: Apache-2.0
 * First packets of a tunnel that is not up yet: a bounded pool, released when the tunnel comes,
 * dropped after settings.hold_ms. A punted packet also starts the tunnel (establish on traffic).
 * Called by feed.c, apply.c, timer.c; control thread. */
#include "engine/engine.h"
#include "wire/ip.h"

void nhi_engine_hold_init(nhtb_ctx *ctx)
{
    nhi_list_init(&ctx->hold.list);
    nhi_timer_init(&ctx->hold.timer, NHI_TIMER_ENGINE_HOLD);
}

static void held_free(nhtb_ctx *ctx, nhi_held *h)
{
    nhi_list_del(&h->link);
    ctx->hold.n--;
    if (h->out)
        nhi_engine_out_free(ctx, h->out);
    nhi_mem_free(&ctx->mem, h, sizeof *h);
}

void nhi_engine_hold_fini(nhtb_ctx *ctx)
{
    nhi_wheel_cancel(&ctx->wheel, &ctx->hold.timer);
    NHI_LIST_FOR_SAFE(it, nx, &ctx->hold.list)
    {
        held_free(ctx, NHI_CONTAINER(it, nhi_held, link));
    }
}

static void rearm(nhtb_ctx *ctx)
{
    nhtb_time due = NHTB_NEVER;
    if (!nhi_list_empty(&ctx->hold.list))
        due = NHI_CONTAINER(ctx->hold.list.next, nhi_held, link)->expires;
    nhi_wheel_arm(&ctx->wheel, &ctx->hold.timer, due);
}

static unsigned keep(nhtb_ctx *ctx, const nhtb_pkt *p, const nhtb_addr *dst, nhtb_time now)
{
    const nhtb_limits *l = &ctx->settings.limits;
    if (ctx->hold.n >= l->held || p->len > l->held_bytes || p->gso_size)
        return NHTB_REASON_HOLD_FULL;
    nhi_held *h = nhi_mem_alloc(&ctx->mem, sizeof *h, 16);
    nhi_out *o = h ? nhi_engine_out_new(ctx, p->len) : NULL;
    if (!o) {
        nhi_mem_free(&ctx->mem, h, sizeof *h);
        return NHTB_REASON_MEMORY;
    }
    memcpy(o->data, p->buf + p->off, p->len);
    o->kind = NHTB_PKT_INNER;
    o->verdict = NHTB_PKT_REINJECT;
    o->iface = p->iface;
    h->out = o;
    h->dst = *dst;
    h->expires = now + ctx->settings.hold_ms * NHTB_NS_PER_MS;
    nhi_list_add_tail(&ctx->hold.list, &h->link);
    if (ctx->hold.n++ == 0)
        rearm(ctx);
    return NHTB_REASON_NONE;
}

unsigned nhi_engine_hold_put(nhtb_ctx *ctx, const nhtb_pkt *p, nhtb_time now)
{
    nhi_ip_view view;
    nhtb_addr src, dst;
    nhtb_peer_id peer;
    uint16_t child;
    unsigned bad = nhi_ip_parse(&view, p->buf + p->off, p->len, p->gso_size != 0);
    if (bad)
        return bad;
    nhi_ip_addrs(p->buf + p->off, &src, &dst);
    unsigned reason = ctx->settings.hold_ms ? keep(ctx, p, &dst, now) : NHTB_REASON_NO_SA;
    if (!nhi_db_resolve(ctx->db, p->iface, &dst, &peer, &child))
        return reason;
    if (nhi_db_tunnel_up(ctx->db, peer, child)) {
        ctx->hold.recheck = true; /* it came up between the worker's look and now */
    } else if (!ctx->shutdown) {
        nhi_ike_on_traffic(ctx->ike, peer, child, now);
        nhi_engine_apply(ctx, now);
    }
    return reason;
}

void nhi_engine_hold_expire(nhtb_ctx *ctx, nhtb_time now)
{
    NHI_LIST_FOR_SAFE(it, nx, &ctx->hold.list)
    {
        nhi_held *h = NHI_CONTAINER(it, nhi_held, link);
        if (h->expires > now)
            break;
        nhi_engine_drop(ctx, NHTB_REASON_NO_SA);
        held_free(ctx, h);
    }
    rearm(ctx);
}

static bool can_go(nhtb_ctx *ctx, const nhi_held *h)
{
    nhtb_peer_id peer;
    uint16_t child;
    return nhi_db_resolve(ctx->db, h->out->iface, &h->dst, &peer, &child) &&
           nhi_db_tunnel_up(ctx->db, peer, child);
}

void nhi_engine_hold_release(nhtb_ctx *ctx)
{
    if (!ctx->hold.recheck)
        return;
    ctx->hold.recheck = false;
    NHI_LIST_FOR_SAFE(it, nx, &ctx->hold.list)
    {
        nhi_held *h = NHI_CONTAINER(it, nhi_held, link);
        if (!can_go(ctx, h))
            continue;
        nhi_out *o = h->out;
        h->out = NULL;
        o->worker = ctx->next_worker;
        ctx->next_worker = (uint16_t)((ctx->next_worker + 1) % ctx->settings.workers);
        held_free(ctx, h);
        (void)nhi_engine_out_push(ctx, o);
    }
    rearm(ctx);
}
