/* SPDX-License-Identifier: Apache-2.0
 * Questions (an event QUESTION asks, the host answers), public-key jobs, and commands on peers: thin
 * entries that check their arguments, call ike and apply what it wants. Control thread. */
#include "engine/engine.h"

int nhtb_answer(nhtb_ctx *ctx, uint32_t question, const nhtb_reply *r, nhtb_time now)
{
    nhtb_reply reply;
    if (!ctx || nhi_engine_take(&reply, r, sizeof reply) || (reply.psk.n && !reply.psk.p) ||
        (reply.user.n && !reply.user.p) || (reply.password.n && !reply.password.p))
        return NHTB_ERR_ARG;
    int err = nhi_ike_answer_user(ctx->ike, question, &reply, now);
    if (err == NHTB_ERR_STALE)
        err = nhi_ike_answer(ctx->ike, question, reply.psk, now);
    nhi_engine_apply(ctx, now);
    return err;
}

int nhtb_question_get(nhtb_ctx *ctx, uint32_t question, nhtb_question *out)
{
    nhtb_question q = {.size = (uint32_t)sizeof q};
    if (!ctx || !out || out->size < sizeof out->size)
        return NHTB_ERR_ARG;
    int err = nhi_ike_question(ctx->ike, question, &q.user, &q.password);
    if (!err)
        nhi_engine_give(out, out->size, &q, sizeof q);
    return err;
}

bool nhtb_next_job(nhtb_ctx *ctx, nhtb_job **job)
{
    if (!ctx || !job)
        return false;
    *job = nhi_ike_job_next(ctx->ike);
    return *job != NULL;
}

void nhtb_job_done(nhtb_ctx *ctx, nhtb_job *job, nhtb_time now)
{
    if (!ctx || !job)
        return;
    nhi_ike_job_done(ctx->ike, job, now);
    nhi_engine_apply(ctx, now);
}

int nhtb_peer_initiate(nhtb_ctx *ctx, nhtb_peer_id id, nhtb_time now)
{
    if (!ctx)
        return NHTB_ERR_ARG;
    if (ctx->shutdown)
        return NHTB_ERR_STATE;
    int err = nhi_ike_initiate(ctx->ike, id, now);
    nhi_engine_apply(ctx, now);
    return err;
}

int nhtb_peer_clear(nhtb_ctx *ctx, nhtb_peer_id id, nhtb_time now)
{
    if (!ctx)
        return NHTB_ERR_ARG;
    int err = nhi_ike_clear(ctx->ike, id, now);
    nhi_engine_apply(ctx, now);
    return err;
}

int nhtb_peer_rekey(nhtb_ctx *ctx, nhtb_peer_id id, nhtb_rekey what, nhtb_time now)
{
    if (!ctx || (what != NHTB_REKEY_IKE && what != NHTB_REKEY_CHILD))
        return NHTB_ERR_ARG;
    int err = nhi_ike_rekey(ctx->ike, id, what, now);
    nhi_engine_apply(ctx, now);
    return err;
}
