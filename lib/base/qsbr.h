/* SPDX-License-Identifier: Apache-2.0
 * Quiescent-state reclamation: memory that readers (workers) may still see is retired and freed
 * when every on-line reader has passed a quiescent point. One writer (control thread); readers on
 * their own cache line. A reader that is off-line (asleep) never delays anything. */
#ifndef NHI_BASE_QSBR_H
#define NHI_BASE_QSBR_H

#include "base/base.h"

#define NHI_QSBR_READERS 64

typedef struct nhi_qsbr_reader {
    _Alignas(NHI_CACHE_LINE) NHI_ATOMIC(uint64_t) seen; /* 0: off-line */
    uint8_t pad[NHI_CACHE_LINE - sizeof(uint64_t)];
} nhi_qsbr_reader;

/** Embedded in what is retired, or allocated beside it. */
typedef struct nhi_retired {
    struct nhi_retired *next;
    uint64_t epoch;
    void (*reclaim)(void *user, void *obj);
    void *user, *obj;
} nhi_retired;

typedef struct nhi_qsbr {
    nhi_qsbr_reader reader[NHI_QSBR_READERS];
    NHI_ATOMIC(uint64_t) epoch; /* starts at 1 */
    nhi_retired *head, *tail;   /* oldest first */
    size_t waiting;
} nhi_qsbr;

void nhi_qsbr_init(nhi_qsbr *q);
/** Reader side, one thread per index: on-line with a view of all that was published before; called
 *  at the start of each batch (also when already on-line: it is the quiescent point). */
void nhi_qsbr_online(nhi_qsbr *q, unsigned reader);
void nhi_qsbr_offline(nhi_qsbr *q, unsigned reader);
/** Writer side: `obj` is unreachable for new readers; reclaim(user, obj) runs when the old ones are
 *  gone. r: caller's memory, usually inside obj, untouched until then. */
void nhi_qsbr_retire(nhi_qsbr *q, nhi_retired *r, void (*reclaim)(void *user, void *obj),
                     void *user, void *obj);
/** Reclaims what can be; never waits. Returns how many are still waiting. */
size_t nhi_qsbr_poll(nhi_qsbr *q);
/** Reclaims everything; all readers must be off-line. */
void nhi_qsbr_drain(nhi_qsbr *q);

#endif
