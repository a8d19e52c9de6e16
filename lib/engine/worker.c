/* SPDX-License-Identifier: Apache-2.0
 * Workers made and ended. The pipelines behind them are in dp. Counters of a worker that ends are
 * kept in the context, so sums never go back. Control thread. */
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
    nhi_dp_worker_del(w);
}
