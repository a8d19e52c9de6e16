/* SPDX-License-Identifier: Apache-2.0
 * Intrusive doubly linked ring. A node that is in no list points to itself. Control thread. */
#ifndef NHI_BASE_LIST_H
#define NHI_BASE_LIST_H

#include "base/base.h"

typedef struct nhi_list {
    struct nhi_list *next, *prev;
} nhi_list;

static inline void nhi_list_init(nhi_list *l)
{
    l->next = l->prev = l;
}
static inline bool nhi_list_empty(const nhi_list *l)
{
    return l->next == l;
}
static inline void nhi_list_add_tail(nhi_list *head, nhi_list *n)
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}
/** Unlinks and re-initialises; harmless for a node in no list. */
static inline void nhi_list_del(nhi_list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->next = n->prev = n;
}
#define NHI_LIST_FOR(it, head) for (nhi_list *it = (head)->next; it != (head); it = it->next)
/** Survives deletion of `it`. */
#define NHI_LIST_FOR_SAFE(it, nx, head)                                                            \
    for (nhi_list *it = (head)->next, *nx = it->next; it != (head); it = nx, nx = it->next)
/** Survives deletion of `it` and of what was added behind it. */
#define NHI_LIST_FOR_SAFE_BACK(it, pv, head)                                                       \
    for (nhi_list *it = (head)->prev, *pv = it->prev; it != (head); it = pv, pv = it->prev)

#endif
