/* SPDX-License-Identifier: Apache-2.0
 * Public-key work as jobs: pull one, run it on any thread, hand it back. A host without a thread
 * pool runs them inline: while (nhtb_next_job(ctx, &j)) { nhtb_job_run(j); nhtb_job_done(ctx, j, now); } */
#ifndef NHTB_JOB_H
#define NHTB_JOB_H

#include <nhtb/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nhtb_job nhtb_job;

/** The next waiting job, or false. Control thread. The job stays the library's memory; every job
 *  taken must be given back with nhtb_job_done before nhtb_ctx_del. */
NHTB_API bool nhtb_next_job(nhtb_ctx *ctx, nhtb_job **job);
/** Does the work. Any thread; touches only the job's own memory. */
NHTB_API void nhtb_job_run(nhtb_job *job);
/** Hands a run job back. Control thread. Its SA may be gone: then the job is just wiped. A job that
 *  was not run counts as failed. */
NHTB_API void nhtb_job_done(nhtb_ctx *ctx, nhtb_job *job, nhtb_time now);

#ifdef __cplusplus
}
#endif
#endif
