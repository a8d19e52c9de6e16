/* SPDX-License-Identifier: Apache-2.0
 * What workers flagged in SA cells becomes inputs of ike and events: limits, first use, a moved
 * peer, a spoofed source. Workers cannot call, so a short timer runs while any SA exists. Must run
 * before nhi_db_poll, which frees cells. Control thread. House-style 3.5. */
#include "engine/engine.h"

static void spoofed(nhtb_ctx *ctx, const nhi_cell *c, const nhtb_addr *src, nhtb_time now)
{
    nhtb_event ev = {.kind = NHTB_EVENT_SPOOFED, .addr = *src, .code = c->spi};
    if (!nhi_db_sa_owner(ctx->db, c->sa, &ev.peer, &ev.child))
        ev.child = UINT16_MAX;
    nhi_engine_event_put(ctx, &ev, now);
}

static uint32_t spi_in_of(nhtb_ctx *ctx, const nhi_cell *c)
{
    if (c->inbound)
        return c->spi;
    const nhi_cell *in = nhi_db_sa_cell(ctx->db, c->sa, true);
    return in ? in->spi : 0;
}

static void collect_one(nhtb_ctx *ctx, nhi_cell *c, nhtb_time now)
{
    nhtb_path seen;
    nhtb_addr spoof;
    uint32_t flags = nhi_cell_collect(c, &seen, &spoof);
    /* A retired cell may still be in the list: its pair is gone, nothing is to be said about it. */
    if (!nhi_db_sa_cell(ctx->db, c->sa, c->inbound))
        return;
    uint32_t spi = spi_in_of(ctx, c);
    if (flags & NHI_CELL_SPOOF)
        spoofed(ctx, c, &spoof, now);
    if (!spi)
        return;
    if (flags & NHI_CELL_FIRST_USE)
        nhi_ike_child_first_use(ctx->ike, spi, now);
    if (flags & NHI_CELL_NEW_SOURCE)
        nhi_ike_child_moved(ctx->ike, spi, &seen, now);
    if (flags & NHI_CELL_HARD)
        nhi_ike_child_hard(ctx->ike, spi, now);
    else if (flags & NHI_CELL_SOFT)
        nhi_ike_child_soft(ctx->ike, spi, now);
}

void nhi_engine_cells_collect(nhtb_ctx *ctx, nhtb_time now)
{
    nhi_cell *c = nhi_fib_take_flagged(&ctx->fib);
    while (c) {
        nhi_cell *next = c->flag_next; /* a worker may push c again once it is collected */
        collect_one(ctx, c, now);
        c = next;
        /* Actions may retire pairs whose cells are further down the list: their memory stays until
         * nhi_db_poll, which runs after this. */
        nhi_engine_apply(ctx, now);
    }
}

void nhi_engine_cells_watch(nhtb_ctx *ctx, nhtb_time now)
{
    nhtb_stats st;
    if (nhi_timer_armed(&ctx->cells_timer))
        return;
    memset(&st, 0, sizeof st);
    nhi_db_stats(ctx->db, &st);
    if (st.child_sas)
        nhi_wheel_arm(&ctx->wheel, &ctx->cells_timer, now + NHI_ENGINE_CELLS_NS);
}
