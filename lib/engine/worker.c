/* SPDX-License-Identifier: Apache-2.0
 * Workers made, ended, weighed and given other tunnels. The pipelines behind them are in dp. Counters
 * of a worker that ends are kept in the context, so sums never go back. Control thread. */
#include "engine/engine.h"

int nhtb_worker_new(nhtb_worker **out, nhtb_ctx *ctx, unsigned index)
{
    if (!out)
        return NHTB_ERR_ARG;
    *out = NULL;
    if (!ctx || index >= ctx->settings.workers)
        return NHTB_ERR_ARG;
    if (ctx->workers[index])
        return NHTB_ERR_EXISTS;
    nhi_dp_env env = {
        .mem = &ctx->mem,
        .fib = &ctx->fib,
        .crypto = &ctx->crypto,
        .emit = ctx->settings.emit,
        .hold = true, /* also without a pool: traffic starts the tunnel */
        .index = index,
        .owner = ctx,
    };
    int err = nhi_mem_random(&ctx->mem, env.rng_seed, sizeof env.rng_seed);
    if (!err)
        err = nhi_dp_worker_new(out, &env);
    nhi_wipe(env.rng_seed, sizeof env.rng_seed);
    if (err) {
        *out = NULL;
        return err;
    }
    ctx->workers[index] = *out;
    nhi_db_unit_present(ctx->db, index, true);
    return NHTB_OK;
}

void nhtb_worker_del(nhtb_worker *w)
{
    if (!w)
        return;
    nhtb_ctx *ctx = nhi_dp_worker_owner(w);
    nhtb_worker_rest(w);
    nhi_engine_count_add(&ctx->past, nhi_dp_worker_count(w));
    ctx->workers[nhi_dp_worker_index(w)] = NULL;
    nhi_db_unit_present(ctx->db, nhi_dp_worker_index(w), false);
    nhi_dp_worker_del(w);
}

unsigned nhtb_worker_bits(const nhtb_ctx *ctx)
{
    return ctx ? ctx->fib.worker_bits : 0;
}

int nhtb_worker_weight(nhtb_ctx *ctx, unsigned index, uint16_t weight)
{
    if (!ctx || index >= ctx->settings.workers)
        return NHTB_ERR_ARG;
    nhi_db_unit_weight(ctx->db, index, weight);
    return NHTB_OK;
}

/* A peer that cannot rekey now (it is being made, or is rekeyed already) follows with its next one. */
int nhtb_rebalance(nhtb_ctx *ctx, size_t most, nhtb_time now, size_t *moved)
{
    if (!ctx)
        return NHTB_ERR_ARG;
    size_t cursor = 0, n = nhi_db_rebalance(ctx->db, most);
    nhtb_peer_id peer;
    while (nhi_db_moved_next(ctx->db, &cursor, &peer)) {
        (void)nhi_ike_rekey(ctx->ike, peer, NHTB_REKEY_CHILD, now);
        nhi_engine_apply(ctx, now);
    }
    if (moved)
        *moved = n;
    return NHTB_OK;
}
