/* SPDX-License-Identifier: Apache-2.0
 * Packets that came to the wrong worker: into the ring of the right one, and out of the rings of the
 * others. Steering in the kernel (steer.c) makes them few. Called by worker.c and worker_run.c. */
#define _GNU_SOURCE
#include "worker_int.h"

#include <unistd.h>

#define BATCHES 4 /* from each other worker in a turn */

void worker_hand_over(gw_worker *w, const nhtb_pkt *p)
{
    gw_handoff *h = w->mesh != NULL ? mesh_ring(w->mesh, w->index, p->worker) : NULL;
    if (h == NULL || !handoff_put(h, p)) {
        gw_count(&w->stats.handoffs_dropped);
        return;
    }
    w->handed |= UINT64_C(1) << p->worker;
}

void worker_hand_flush(gw_worker *w)
{
    for (unsigned to = 0; w->handed >> to != 0; to++)
        if ((w->handed >> to & 1) != 0)
            handoff_wake(mesh_ring(w->mesh, w->index, to));
    w->handed = 0;
}

/* One batch, opened where it lies. True: more may wait. */
static bool take_batch(gw_worker *w, gw_handoff *h)
{
    const unsigned n = handoff_take(h, w->given, BATCH);
    for (unsigned i = 0; i < n; i++) {
        w->in[i] = &w->given[i];
        gw_count(&w->stats.handoffs_taken);
    }
    if (n > 0)
        worker_run(w, w->in, n, nhtb_worker_in);
    handoff_release(h); /* all that came of them has been sent or written */
    return n == BATCH;
}

void worker_take_over(gw_worker *w)
{
    uint64_t count;
    gw_handoff *again = NULL;
    const ssize_t r = read(w->mesh->wake_fd[w->index], &count, sizeof count);
    (void)r;
    for (unsigned from = 0; from < GW_WORKERS_MAX; from++) {
        gw_handoff *h = mesh_ring(w->mesh, from, w->index);
        bool more = h != NULL;
        for (unsigned i = 0; more && i < BATCHES; i++)
            more = take_batch(w, h);
        if (more)
            again = h;
    }
    if (again != NULL)
        handoff_wake(again); /* after the packets that wait beside it */
}
