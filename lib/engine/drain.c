/* SPDX-License-Identifier: Apache-2.0
 * The output ring: messages of ike, and held packets on their way back to a worker. Bounded by
 * bytes; IKE retransmits what does not fit. The path of a drained packet points into the ring entry,
 * which is kept until the next nhtb_drain. Control thread. */
#include "engine/engine.h"

#define OUT_SMALL  128 /* bytes: every answer without state fits */
#define OUT_SPARES 64

void nhi_engine_ring_init(nhi_out_ring *r)
{
    nhi_list_init(&r->waiting);
    nhi_list_init(&r->drained);
    nhi_list_init(&r->spare);
    r->n = r->n_spare = 0;
    r->bytes = 0;
}

/** Short messages take a used buffer, so that a flood of requests costs no allocation. */
static nhi_out *reuse(nhi_out_ring *r, uint32_t len)
{
    if (len > OUT_SMALL || nhi_list_empty(&r->spare))
        return NULL;
    nhi_out *o = NHI_CONTAINER(r->spare.next, nhi_out, link);
    nhi_list_del(&o->link);
    r->n_spare--;
    memset(o, 0, sizeof *o);
    return o;
}

nhi_out *nhi_engine_out_new(nhtb_ctx *ctx, uint32_t len)
{
    uint32_t room = len > OUT_SMALL ? len : OUT_SMALL;
    nhi_out *o = reuse(&ctx->ring, len);
    if (!o)
        o = nhi_mem_alloc(&ctx->mem, sizeof *o + room, 16);
    if (!o)
        return NULL;
    nhi_list_init(&o->link);
    o->len = len;
    o->room = room;
    return o;
}

void nhi_engine_out_free(nhtb_ctx *ctx, nhi_out *o)
{
    nhi_out_ring *r = &ctx->ring;
    nhi_list_del(&o->link);
    if (o->room == OUT_SMALL && r->n_spare < OUT_SPARES) {
        nhi_list_add_tail(&r->spare, &o->link);
        r->n_spare++;
        return;
    }
    nhi_mem_free(&ctx->mem, o, sizeof *o + o->room);
}

bool nhi_engine_out_push(nhtb_ctx *ctx, nhi_out *o)
{
    nhi_out_ring *r = &ctx->ring;
    if (r->bytes + o->len > NHI_ENGINE_OUT_BYTES) {
        nhi_engine_drop(ctx, NHTB_REASON_FEED_LIMIT);
        nhi_engine_out_free(ctx, o);
        return false;
    }
    nhi_list_add_tail(&r->waiting, &o->link);
    r->n++;
    r->bytes += o->len;
    return true;
}

static void forget_drained(nhtb_ctx *ctx)
{
    NHI_LIST_FOR_SAFE(it, nx, &ctx->ring.drained)
    {
        nhi_engine_out_free(ctx, NHI_CONTAINER(it, nhi_out, link));
    }
}

void nhi_engine_ring_fini(nhtb_ctx *ctx)
{
    forget_drained(ctx);
    NHI_LIST_FOR_SAFE(it, nx, &ctx->ring.waiting)
    {
        nhi_engine_out_free(ctx, NHI_CONTAINER(it, nhi_out, link));
    }
    NHI_LIST_FOR_SAFE(it2, nx2, &ctx->ring.spare)
    {
        nhi_out *o = NHI_CONTAINER(it2, nhi_out, link);
        nhi_list_del(&o->link);
        nhi_mem_free(&ctx->mem, o, sizeof *o + o->room);
    }
}

static void fill(nhtb_ctx *ctx, nhtb_pkt *p, nhi_out *o)
{
    p->len = 0;
    p->path = &o->path;
    p->kind = o->kind;
    p->iface = o->iface;
    p->worker = o->worker;
    p->tos = p->ttl = p->flags = 0;
    p->gso_size = p->hdr_len = p->csum_start = p->csum_offset = 0;
    if (p->off > p->cap || o->len > p->cap - p->off) {
        p->verdict = NHTB_PKT_DROP;
        p->reason = NHTB_REASON_NO_SPARE;
        nhi_engine_drop(ctx, NHTB_REASON_NO_SPARE);
        return;
    }
    memcpy(p->buf + p->off, o->data, o->len);
    p->len = o->len;
    p->verdict = o->verdict;
    p->reason = NHTB_REASON_NONE;
    if (o->verdict == NHTB_PKT_REINJECT)
        p->path = NULL;
}

size_t nhtb_drain(nhtb_ctx *ctx, nhtb_pkt *const *v, size_t n, nhtb_time now)
{
    if (!ctx || (!v && n))
        return 0;
    nhi_out_ring *r = &ctx->ring;
    size_t used = 0;
    /* A host drains after its workers ran: a peer that moved is answered at its new place at once,
     * not when the timer comes (RFC 7296 2.23). */
    nhi_engine_cells_collect(ctx, now);
    forget_drained(ctx);
    while (used < n && !nhi_list_empty(&r->waiting)) {
        nhi_out *o = NHI_CONTAINER(r->waiting.next, nhi_out, link);
        nhi_list_del(&o->link);
        r->n--;
        r->bytes -= o->len;
        fill(ctx, v[used++], o);
        nhi_list_add_tail(&r->drained, &o->link);
    }
    return used;
}
