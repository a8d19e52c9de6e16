/* SPDX-License-Identifier: Apache-2.0
 * SPSC ring: see ring.h. */
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int ring_init(gw_ring *r)
{
    memset(r->slot, 0, sizeof r->slot);
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return r->wake_fd < 0 ? -errno : 0;
}

void ring_fini(gw_ring *r)
{
    for (gw_msg *m = ring_take(r); m != NULL; m = ring_take(r)) {
        if (m->kind == GW_MSG_TUN_ADD)
            close(m->queue.fd);
        free(m);
    }
    if (r->wake_fd >= 0)
        close(r->wake_fd);
    r->wake_fd = -1;
}

bool ring_put(gw_ring *r, gw_msg *m)
{
    const uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    const uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    if (head - tail == RING_SLOTS)
        return false;
    r->slot[head & (RING_SLOTS - 1)] = m;
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

void ring_wake(gw_ring *r)
{
    const uint64_t one = 1;
    /* fails only when the counter is full, and then the consumer is awake anyway */
    const ssize_t n = write(r->wake_fd, &one, sizeof one);
    (void)n;
}

void ring_awake(gw_ring *r)
{
    uint64_t count;
    const ssize_t n = read(r->wake_fd, &count, sizeof count);
    (void)n;
}

gw_msg *ring_take(gw_ring *r)
{
    const uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    const uint32_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    if (head == tail)
        return NULL;
    gw_msg *m = r->slot[tail & (RING_SLOTS - 1)];
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return m;
}

gw_msg *msg_new(gw_msg_kind kind, uint32_t cap)
{
    gw_msg *m = malloc(sizeof *m + cap);
    if (m == NULL)
        return NULL;
    memset(m, 0, sizeof *m);
    m->kind = kind;
    m->queue.fd = -1;
    m->pkt.buf = m->data;
    m->pkt.cap = cap;
    return m;
}

gw_msg *msg_copy(gw_msg_kind kind, const nhtb_pkt *p)
{
    gw_msg *m = msg_new(kind, NHTB_HEADROOM + p->len + NHTB_TAILROOM);
    if (m == NULL)
        return NULL;
    const uint32_t cap = m->pkt.cap;
    m->pkt = *p;
    m->pkt.buf = m->data;
    m->pkt.cap = cap;
    m->pkt.off = NHTB_HEADROOM;
    m->pkt.user = NULL;
    memcpy(m->data + NHTB_HEADROOM, p->buf + p->off, p->len);
    if (p->path != NULL) {
        m->path = *p->path;
        m->pkt.path = &m->path;
    }
    return m;
}
