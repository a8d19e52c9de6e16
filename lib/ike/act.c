/* SPDX-License-Identifier: Apache-2.0
 * The action list: what the engine does after a call into the room, and the memory actions borrow.
 * Each object adds room for its own end when it is made, so ends never fail for lack of memory. One
 * call ends one peer's SAs with all their pairs at most (a shutdown all: it may ask for more), so no
 * more room than that is kept, however many objects there are. Called by every file here. Control
 * thread. */
#include "ike/room.h"

enum { KEPT = 1024 }; /* actions: two SAs with NHI_IKE_CHILDREN pairs each, and to spare */

void nhi_ike_begin(nhi_ike *ike)
{
    if (!ike->act_head) { /* a caller in the middle of draining still borrows */
        while (ike->trash) {
            nhi_ike_buf *b = ike->trash;
            ike->trash = b->next;
            nhi_mem_wipe_free(ike->mem, b, sizeof *b + b->n);
        }
    }
    NHI_LIST_FOR_SAFE(it, nx, &ike->dead_children)
    {
        nhi_list_del(it);
        nhi_mem_wipe_free(ike->mem, NHI_CONTAINER(it, nhi_ike_child, link), sizeof(nhi_ike_child));
    }
    nhi_v1_begin(ike);
    NHI_LIST_FOR_SAFE(it2, nx2, &ike->dead_sas)
    {
        nhi_list_del(it2);
        nhi_v1_free(NHI_CONTAINER(it2, nhi_ike_sa, link));
        nhi_mem_wipe_free(ike->mem, NHI_CONTAINER(it2, nhi_ike_sa, link), sizeof(nhi_ike_sa));
    }
}

int nhi_ike_act_grow(nhi_ike *ike, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ike->act_quota >= KEPT) {
            ike->act_quota++;
            continue;
        }
        nhi_ike_act_node *a = nhi_mem_alloc(ike->mem, sizeof *a, 16);
        if (!a) {
            nhi_ike_act_shrink(ike, i);
            return NHTB_ERR_MEMORY;
        }
        a->next = ike->act_free;
        ike->act_free = a;
        ike->n_free++;
        ike->act_quota++;
    }
    return 0;
}

static void trim(nhi_ike *ike)
{
    size_t keep = ike->act_quota < KEPT ? ike->act_quota : KEPT;
    while (ike->n_free > keep && ike->act_free) {
        nhi_ike_act_node *a = ike->act_free;
        ike->act_free = a->next;
        ike->n_free--;
        nhi_mem_free(ike->mem, a, sizeof *a);
    }
}

void nhi_ike_act_shrink(nhi_ike *ike, size_t n)
{
    ike->act_quota -= n < ike->act_quota ? n : ike->act_quota;
    if (!ike->act_head) /* the ends of this very call may still need their room */
        trim(ike);
}

static nhi_ike_act_node *node(nhi_ike *ike, bool sure)
{
    nhi_ike_act_node *a = NULL;
    if (!sure && (a = nhi_mem_alloc(ike->mem, sizeof *a, 16)))
        return a;
    if (!sure || !ike->act_free)
        return sure ? nhi_mem_alloc(ike->mem, sizeof *a, 16) : NULL;
    a = ike->act_free;
    ike->act_free = a->next;
    ike->n_free--;
    memset(a, 0, sizeof *a);
    return a;
}

nhi_ike_act *nhi_ike_act_add(nhi_ike *ike, nhi_ike_act_kind kind, bool sure)
{
    nhi_ike_act_node *a = node(ike, sure);
    if (!a)
        return NULL;
    a->act.kind = kind;
    a->act.child = UINT16_MAX;
    if (ike->act_tail)
        ike->act_tail->next = a;
    else
        ike->act_head = a;
    ike->act_tail = a;
    return &a->act;
}

bool nhi_ike_act_next(nhi_ike *ike, nhi_ike_act *out)
{
    nhi_ike_act_node *a = ike->act_head;
    if (!a) {
        trim(ike);
        return false;
    }
    *out = a->act;
    ike->act_head = a->next;
    if (!a->next)
        ike->act_tail = NULL;
    a->next = ike->act_free;
    ike->act_free = a;
    ike->n_free++;
    return true;
}

static void free_nodes(nhi_ike *ike, nhi_ike_act_node *a)
{
    while (a) {
        nhi_ike_act_node *next = a->next;
        nhi_mem_free(ike->mem, a, sizeof *a);
        a = next;
    }
}

void nhi_ike_act_fini(nhi_ike *ike)
{
    free_nodes(ike, ike->act_head);
    free_nodes(ike, ike->act_free);
    ike->act_head = ike->act_tail = ike->act_free = NULL;
    nhi_ike_begin(ike);
}

nhi_ike_buf *nhi_ike_buf_new(nhi_ike *ike, size_t n)
{
    nhi_ike_buf *b = nhi_mem_alloc(ike->mem, sizeof *b + n, 16);
    if (b)
        b->n = n;
    return b;
}

void nhi_ike_buf_drop(nhi_ike *ike, nhi_ike_buf **b)
{
    if (!*b)
        return;
    (*b)->next = ike->trash;
    ike->trash = *b;
    *b = NULL;
}

/* Events that change what the host believes about an SA are as sure as its end. */
static bool is_sure(nhtb_event_kind kind)
{
    return kind == NHTB_EVENT_IKE_UP || kind == NHTB_EVENT_IKE_DOWN ||
           kind == NHTB_EVENT_IKE_FAILED || kind == NHTB_EVENT_IKE_REKEYED;
}

void nhi_ike_act_event(nhi_ike *ike, nhtb_event_kind kind, nhtb_detail detail, uint32_t code,
                       nhtb_peer_id peer, uint16_t child, const nhtb_path *path, nhtb_time now)
{
    nhi_ike_act *a = nhi_ike_act_add(ike, NHI_ACT_EVENT, is_sure(kind));
    if (!a)
        return;
    a->peer = peer;
    a->child = child;
    a->event.size = (uint32_t)sizeof a->event;
    a->event.kind = (uint16_t)kind;
    a->event.detail = (uint16_t)detail;
    a->event.time = now;
    a->event.count = 1;
    a->event.code = code;
    a->event.peer = peer;
    a->event.child = child;
    if (path)
        a->path = a->event.path = *path;
    const nhtb_peer *cfg = nhi_ike_peer_config(ike, peer);
    if (cfg && child < cfg->n_children)
        a->event.iface = cfg->children[child].iface;
}
