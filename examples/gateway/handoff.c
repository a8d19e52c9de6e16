/* SPDX-License-Identifier: Apache-2.0
 * Ring of packets: see handoff.h. Records lie on cache lines, whole: one that would go over the end of
 * the ring begins at its start, behind a record that says so. */
#include "handoff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINE 64u
#define MASK (HANDOFF_BYTES - 1)

typedef struct record {
    uint32_t size; /* with this head, a multiple of LINE */
    uint32_t len;  /* of the packet behind it; 0: nothing, the next record is at the start */
    uint8_t kind, tos;
    nhtb_path path;
} record;

#define HEAD ((sizeof(record) + LINE - 1) / LINE * LINE)

struct gw_handoff {
    _Alignas(LINE) _Atomic uint32_t head; /* bytes ever put; written by the producer */
    _Alignas(LINE) _Atomic uint32_t tail; /* bytes ever released; written by the consumer */
    uint32_t taken;                       /* consumer: bytes ever taken */
    _Alignas(LINE) int wake_fd;
    _Alignas(LINE) uint8_t ring[HANDOFF_BYTES];
};

gw_handoff *handoff_new(int wake_fd)
{
    gw_handoff *h = aligned_alloc(LINE, sizeof *h); /* its pages come with their first use */
    if (h == NULL)
        return NULL;
    atomic_init(&h->head, 0);
    atomic_init(&h->tail, 0);
    h->taken = 0;
    h->wake_fd = wake_fd;
    return h;
}

void handoff_del(gw_handoff *h)
{
    free(h);
}

static record *at(gw_handoff *h, uint32_t pos)
{
    return (record *)(void *)(h->ring + (pos & MASK));
}

bool handoff_put(gw_handoff *h, const nhtb_pkt *p)
{
    const uint32_t head = atomic_load_explicit(&h->head, memory_order_relaxed);
    const uint32_t tail = atomic_load_explicit(&h->tail, memory_order_acquire);
    const uint32_t to_end = HANDOFF_BYTES - (head & MASK);
    if (p->len == 0 || p->len > HANDOFF_BYTES / 2 || p->path == NULL)
        return false;
    const uint32_t size = (uint32_t)HEAD + (p->len + LINE - 1) / LINE * LINE;
    const uint32_t skip = size > to_end ? to_end : 0;
    if (HANDOFF_BYTES - (head - tail) < skip + size)
        return false;
    if (skip != 0)
        *at(h, head) = (record){.size = skip};
    record *r = at(h, head + skip);
    *r = (record){.size = size, .len = p->len, .kind = p->kind, .tos = p->tos, .path = *p->path};
    memcpy((uint8_t *)r + HEAD, p->buf + p->off, p->len);
    atomic_store_explicit(&h->head, head + skip + size, memory_order_release);
    return true;
}

void handoff_wake(gw_handoff *h)
{
    const uint64_t one = 1;
    /* fails only when the counter is full, and then the consumer is awake anyway */
    const ssize_t n = write(h->wake_fd, &one, sizeof one);
    (void)n;
}

unsigned handoff_take(gw_handoff *h, nhtb_pkt *v, unsigned n)
{
    const uint32_t head = atomic_load_explicit(&h->head, memory_order_acquire);
    unsigned got = 0;
    while (h->taken != head && got < n) {
        record *r = at(h, h->taken);
        h->taken += r->size;
        if (r->len == 0)
            continue;
        v[got++] = (nhtb_pkt){.buf = (uint8_t *)r + HEAD,
                              .cap = r->len,
                              .len = r->len,
                              .kind = r->kind,
                              .tos = r->tos,
                              .path = &r->path};
    }
    return got;
}

void handoff_release(gw_handoff *h)
{
    atomic_store_explicit(&h->tail, h->taken, memory_order_release);
}

/* ---- between all ---- */

void mesh_init(gw_mesh *m)
{
    for (unsigned i = 0; i < GW_WORKERS_MAX; i++) {
        m->wake_fd[i] = -1;
        for (unsigned k = 0; k < GW_WORKERS_MAX; k++)
            atomic_init(&m->ring[i][k], NULL);
    }
}

gw_handoff *mesh_ring(gw_mesh *m, unsigned from, unsigned to)
{
    if (from >= GW_WORKERS_MAX || to >= GW_WORKERS_MAX)
        return NULL;
    return atomic_load_explicit(&m->ring[from][to], memory_order_acquire);
}

/* What a failed attempt made before serves the next one. */
static bool make_ring(gw_mesh *m, unsigned from, unsigned to)
{
    if (mesh_ring(m, from, to) != NULL)
        return true;
    gw_handoff *h = handoff_new(m->wake_fd[to]);
    atomic_store_explicit(&m->ring[from][to], h, memory_order_release);
    return h != NULL;
}

int mesh_join(gw_mesh *m, unsigned k)
{
    if (m->wake_fd[k] < 0)
        m->wake_fd[k] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->wake_fd[k] < 0)
        return -errno;
    for (unsigned i = 0; i < GW_WORKERS_MAX; i++)
        if (i != k && m->wake_fd[i] >= 0 && (!make_ring(m, i, k) || !make_ring(m, k, i)))
            return -ENOMEM;
    return 0;
}

void mesh_fini(gw_mesh *m)
{
    for (unsigned i = 0; i < GW_WORKERS_MAX; i++) {
        for (unsigned k = 0; k < GW_WORKERS_MAX; k++)
            handoff_del(mesh_ring(m, i, k));
        if (m->wake_fd[i] >= 0)
            close(m->wake_fd[i]);
    }
    mesh_init(m);
}
