/* SPDX-License-Identifier: Apache-2.0
 * What the host hands to the control thread: IKE datagrams, and packets a worker punted. Peers
 * cannot make it fail; what is refused is counted by reason. Control thread. RFC 3948 2.2. */
#include "engine/engine.h"

/* The non-ESP marker: four zero bytes before IKE on port 4500 (RFC 3948 2.2). An IKE message
 * without it starts with an SPI, which is never that small. */
static nhtb_span strip_marker(nhtb_span s)
{
    static const uint8_t marker[4] = {0};
    if (s.n > sizeof marker && memcmp(s.p, marker, sizeof marker) == 0)
        return (nhtb_span){s.p + sizeof marker, s.n - sizeof marker};
    return s;
}

static unsigned feed_ike(nhtb_ctx *ctx, const nhtb_pkt *p, nhtb_time now)
{
    nhtb_span msg = {p->buf + p->off, p->len};
    if (p->kind == NHTB_PKT_UDP_4500) {
        if (msg.n == 1 && msg.p[0] == 0xff)
            return NHTB_REASON_KEEPALIVE;
        msg = strip_marker(msg);
    }
    if (msg.n > ctx->settings.limits.ike_message)
        return NHTB_REASON_IKE_MALFORMED;
    unsigned reason = nhi_ike_recv(ctx->ike, p->path, p->kind, msg, now);
    nhi_engine_apply(ctx, now);
    return reason;
}

static unsigned feed_one(nhtb_ctx *ctx, const nhtb_pkt *p, nhtb_time now)
{
    switch (p->kind) {
    case NHTB_PKT_IKE_500:
    case NHTB_PKT_UDP_4500: return feed_ike(ctx, p, now);
    case NHTB_PKT_INNER: return nhi_engine_hold_put(ctx, p, now);
    default: return NHTB_REASON_NOT_ESP; /* workers keep ESP for themselves */
    }
}

static bool usable(const nhtb_pkt *p)
{
    if (!p || !p->buf || p->off > p->cap || p->len > p->cap - p->off)
        return false;
    bool ike = p->kind == NHTB_PKT_IKE_500 || p->kind == NHTB_PKT_UDP_4500;
    return !ike || (p->path && p->path->local.family == p->path->remote.family);
}

int nhtb_feed(nhtb_ctx *ctx, nhtb_pkt *const *v, size_t n, nhtb_time now)
{
    if (!ctx || (!v && n))
        return NHTB_ERR_ARG;
    for (size_t i = 0; i < n; i++)
        if (!usable(v[i]))
            return NHTB_ERR_ARG;
    /* First uses and moves seen by workers come before the messages that followed them. */
    nhi_engine_cells_collect(ctx, now);
    for (size_t i = 0; i < n; i++) {
        unsigned reason = feed_one(ctx, v[i], now);
        nhi_engine_drop(ctx, reason);
        v[i]->verdict = NHTB_PKT_DROP;
        v[i]->reason = (uint8_t)reason;
    }
    nhi_engine_hold_release(ctx);
    nhi_db_poll(ctx->db);
    return NHTB_OK;
}
