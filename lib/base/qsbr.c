/* SPDX-License-Identifier: Apache-2.0
 * Quiescent-state reclamation. The writer unlinks, then steps the epoch; a reader that came on-line
 * at a later epoch, or is off-line, cannot hold what was unlinked before.
 * The two fences decide the race of a reader coming on-line with a writer looking at it: either the
 * writer sees the reader, or the reader sees the unlinking (C11 7.17.3, fences in one total order).
 * Called by db/ and engine/ (writer, control thread) and dp/worker.c (readers). */
#include "base/qsbr.h"

void nhi_qsbr_init(nhi_qsbr *q)
{
    memset(q, 0, sizeof *q);
    nhi_a_store(&q->epoch, UINT64_C(1));
}

void nhi_qsbr_online(nhi_qsbr *q, unsigned reader)
{
    uint64_t epoch = nhi_a_load_acq(&q->epoch);
    /* Release: all reads of the batch before are done when the writer sees the new value. */
    nhi_a_store_rel(&q->reader[reader].seen, epoch);
    nhi_a_fence();
}

void nhi_qsbr_offline(nhi_qsbr *q, unsigned reader)
{
    nhi_a_store_rel(&q->reader[reader].seen, UINT64_C(0));
}

void nhi_qsbr_retire(nhi_qsbr *q, nhi_retired *r, void (*reclaim)(void *user, void *obj),
                     void *user, void *obj)
{
    uint64_t epoch = nhi_a_load(&q->epoch);
    *r = (nhi_retired){NULL, epoch, reclaim, user, obj};
    if (q->tail) {
        q->tail->next = r;
    } else {
        q->head = r;
    }
    q->tail = r;
    q->waiting++;
    nhi_a_store_rel(&q->epoch, epoch + 1); /* one writer: no read-modify-write needed */
}

/** The oldest epoch a reader may still be in; UINT64_MAX when all are off-line. */
static uint64_t oldest_seen(nhi_qsbr *q)
{
    uint64_t oldest = UINT64_MAX;
    for (unsigned i = 0; i < NHI_QSBR_READERS; i++) {
        uint64_t seen = nhi_a_load_acq(&q->reader[i].seen);
        oldest = seen != 0 && seen < oldest ? seen : oldest;
    }
    return oldest;
}

static void reclaim_until(nhi_qsbr *q, uint64_t oldest)
{
    while (q->head && q->head->epoch < oldest) {
        nhi_retired *r = q->head;
        q->head = r->next;
        q->tail = q->head ? q->tail : NULL;
        q->waiting--;
        r->reclaim(r->user, r->obj); /* may free r, may retire more */
    }
}

size_t nhi_qsbr_poll(nhi_qsbr *q)
{
    if (!q->head) {
        return 0;
    }
    nhi_a_fence();
    reclaim_until(q, oldest_seen(q));
    return q->waiting;
}

void nhi_qsbr_drain(nhi_qsbr *q)
{
    reclaim_until(q, UINT64_MAX);
}
