/* SPDX-License-Identifier: Apache-2.0
 * Public-key jobs on libuv's pool: taken from the library on the control thread, run on a thread of the
 * pool, handed back on the control thread. At most JOBS_MAX are out at a time; the others wait in the
 * library, which limits them ("ipsec": {"jobs"}). Control thread. */
#ifndef GATEWAY_JOBS_H
#define GATEWAY_JOBS_H

#include "gateway.h"

#define JOBS_MAX 64

typedef struct jobs jobs;

/** 0 or -errno. */
int jobs_new(jobs **out, gw *g);
/** Gives waiting jobs to the pool, as far as there is room. True: there were some. Their results come
 *  as callbacks of the loop. */
bool jobs_submit(jobs *j);
/** Nothing more is given to the pool; what has not begun is taken back. The loop must run until
 *  jobs_out says 0 before the context ends. */
void jobs_cancel(jobs *j);
unsigned jobs_out(const jobs *j);
/** None may be out. NULL is allowed. */
void jobs_del(jobs *j);
/** How many were handed back run. NULL is allowed. */
uint64_t jobs_done(const jobs *j);

/** Before the pool is first used: as many threads as processors, unless UV_THREADPOOL_SIZE is set. */
void jobs_size_pool(void);

#endif
