/* SPDX-License-Identifier: Apache-2.0
 * Every timer of the system in one switch. Kinds of ike: ike/ike.h; of the engine: engine.h.
 * Control thread. */
#include "engine/engine.h"

static void fire(nhtb_ctx *ctx, nhi_timer *t, nhtb_time now)
{
    switch (t->kind) {
    case NHI_TIMER_ENGINE_CELLS:
        nhi_engine_cells_collect(ctx, now);
        nhi_engine_relearn(ctx, now);
        nhi_engine_cells_watch(ctx, now);
        break;
    case NHI_TIMER_ENGINE_MTU: nhi_engine_mtu_forget(ctx, now); break;
    case NHI_TIMER_ENGINE_HOLD: nhi_engine_hold_expire(ctx, now); break;
    case NHI_TIMER_IKE_RETRANSMIT:
    case NHI_TIMER_IKE_HALF_OPEN:
    case NHI_TIMER_IKE_LIVENESS:
    case NHI_TIMER_IKE_REKEY:
    case NHI_TIMER_IKE_EXPIRE:
    case NHI_TIMER_IKE_KEEPALIVE:
    case NHI_TIMER_IKE_LINGER:
    case NHI_TIMER_IKE_RETRY:
    case NHI_TIMER_IKE_TASK:
    case NHI_TIMER_CHILD_REKEY:
    case NHI_TIMER_CHILD_EXPIRE:
    case NHI_TIMER_CHILD_OVERLAP:
    case NHI_TIMER_COOKIE_SECRET:
    case NHI_TIMER_V1_EXCHANGE:
        nhi_ike_timer(ctx->ike, t, now);
        nhi_engine_apply(ctx, now);
        break;
    default: nhi_check_failed(&ctx->mem, "timer kind", __FILE__, __LINE__); break;
    }
}

nhtb_time nhtb_deadline(const nhtb_ctx *ctx)
{
    return ctx ? nhi_wheel_deadline(&ctx->wheel) : NHTB_NEVER;
}

int nhtb_timeout(nhtb_ctx *ctx, nhtb_time now)
{
    nhi_timer *t;
    if (!ctx)
        return NHTB_ERR_ARG;
    nhi_engine_cells_collect(ctx, now);
    while ((t = nhi_wheel_pop(&ctx->wheel, now)) != NULL)
        fire(ctx, t, now);
    nhi_db_poll(ctx->db);
    return NHTB_OK;
}
