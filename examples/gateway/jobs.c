/* SPDX-License-Identifier: Apache-2.0
 * Public-key jobs on libuv's pool: see jobs.h. Called by loop.c. Each job is a callback of the loop of
 * its own when it comes back, so no callback grows with their number. */
#define _GNU_SOURCE
#include "jobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "signals.h"

typedef struct slot {
    uv_work_t work; /* data: the slot */
    jobs *owner;
    nhtb_job *job;
    struct slot *next; /* free ones */
} slot;

struct jobs {
    gw *g;
    slot slot[JOBS_MAX];
    slot *free;
    unsigned out;
    bool closed;
    uint64_t done;
};

int jobs_new(jobs **out, gw *g)
{
    jobs *j = calloc(1, sizeof *j);
    if (j == NULL)
        return -ENOMEM;
    j->g = g;
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        j->slot[i].work.data = &j->slot[i];
        j->slot[i].owner = j;
        j->slot[i].next = j->free;
        j->free = &j->slot[i];
    }
    *out = j;
    return 0;
}

void jobs_del(jobs *j)
{
    free(j);
}

/* A thread of the pool: nothing but the job is touched. */
static void on_run(uv_work_t *work)
{
    const slot *s = work->data;
    nhtb_job_run(s->job);
}

static void give_back(slot *s)
{
    jobs *j = s->owner;
    nhtb_job *job = s->job;
    s->job = NULL;
    s->next = j->free;
    j->free = s;
    j->out--;
    nhtb_job_done(j->g->ctx, job, gw_now());
}

/* Cancelled: it counts as failed, and its SA ends. */
static void on_done(uv_work_t *work, int status)
{
    slot *s = work->data;
    jobs *j = s->owner;
    const uint64_t begun = cpu_begin();
    j->done += status == 0;
    give_back(s);
    cpu_end(&j->g->cpu, CPU_JOB, begun);
}

/* The pool's threads come with its first job, with the mask of who asks: signals are the loop's. */
static int queue(jobs *j, slot *s)
{
    sigset_t before;
    signals_block(&before);
    const int err = uv_queue_work(&j->g->loop, &s->work, on_run, on_done);
    signals_restore(&before);
    return err;
}

bool jobs_submit(jobs *j)
{
    bool any = false;
    nhtb_job *job;
    while (!j->closed && j->free != NULL && nhtb_next_job(j->g->ctx, &job)) {
        slot *s = j->free;
        j->free = s->next;
        s->job = job;
        j->out++;
        any = true;
        if (queue(j, s) != 0)
            give_back(s); /* not run: it counts as failed */
    }
    return any;
}

void jobs_cancel(jobs *j)
{
    j->closed = true;
    for (unsigned i = 0; i < JOBS_MAX; i++)
        if (j->slot[i].job != NULL)
            (void)uv_cancel((uv_req_t *)&j->slot[i].work);
}

unsigned jobs_out(const jobs *j)
{
    return j->out;
}

uint64_t jobs_done(const jobs *j)
{
    return j != NULL ? j->done : 0;
}

void jobs_size_pool(void)
{
    char text[16];
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(text, sizeof text, "%ld", n < 1 ? 1 : n > 128 ? 128 : n);
    (void)setenv("UV_THREADPOOL_SIZE", text, 0);
}
