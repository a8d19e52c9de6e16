/* SPDX-License-Identifier: Apache-2.0
 * Bursts: buffers in, the library, buffers out by verdict. Called by the other worker_*.c; nothing
 * here allocates except copies for the control thread, which are few and bounded by the ring. */
#define _GNU_SOURCE
#include "worker_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

nhtb_time worker_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (nhtb_time)ts.tv_sec * NHTB_NS_PER_S + (nhtb_time)ts.tv_nsec;
}

/* ---- buffers ---- */

int pool_init(gw_pool *p, unsigned n, uint32_t bytes)
{
    *p = (gw_pool){.n = n, .bytes = bytes};
    p->pkt = calloc(n, sizeof *p->pkt);
    p->free = calloc(n, sizeof *p->free);
    p->memory = aligned_alloc(64, (size_t)n * bytes);
    if (p->pkt == NULL || p->free == NULL || p->memory == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        p->pkt[i].buf = p->memory + (size_t)i * bytes;
        p->free[p->n_free++] = &p->pkt[i];
    }
    return 0;
}

void pool_fini(gw_pool *p)
{
    free(p->pkt);
    free(p->free);
    free(p->memory);
}

nhtb_pkt *pool_take(gw_pool *p)
{
    if (p->n_free == 0)
        return NULL;
    nhtb_pkt *pkt = p->free[--p->n_free];
    *pkt = (nhtb_pkt){.buf = pkt->buf, .cap = p->bytes, .off = NHTB_HEADROOM};
    return pkt;
}

void pool_give(gw_pool *p, nhtb_pkt *pkt)
{
    p->free[p->n_free++] = pkt;
}

static bool pool_has(const gw_pool *p, const nhtb_pkt *pkt)
{
    return pkt >= p->pkt && pkt < p->pkt + p->n;
}

/* Slices of a read buffer and copies from the control thread belong to their callers. */
static void give_back(gw_worker *w, nhtb_pkt *p)
{
    if (pool_has(&w->spares, p))
        pool_give(&w->spares, p);
    else if (pool_has(&w->reads, p))
        pool_give(&w->reads, p);
}

/* ---- verdicts ---- */

static void punt(gw_worker *w, const nhtb_pkt *p)
{
    gw_msg *m = msg_copy(GW_MSG_PUNT, p);
    gw_count(&w->stats.punts);
    w->punted = true;
    if (m != NULL && ring_put(&w->to_control, m))
        return;
    free(m);
    gw_count(&w->stats.punts_dropped);
}

static void by_verdict(gw_worker *w, nhtb_pkt *p, nhtb_time now)
{
    switch (p->verdict) {
    case NHTB_PKT_TX: tx_put(&w->tx, p, now); break;
    case NHTB_PKT_DELIVER: worker_tun_write(w, p); break;
    case NHTB_PKT_PUNT: punt(w, p); break;
    case NHTB_PKT_HANDOFF: worker_hand_over(w, p); break;
    default: break; /* DROP: the library counted it */
    }
}

static void dispatch(gw_worker *w, const nhtb_burst *b, nhtb_time now)
{
    for (size_t i = 0; i < b->n_out; i++)
        by_verdict(w, b->out[i], now);
    worker_tun_flush(w);
    tx_flush(&w->tx, now);
    worker_hand_flush(w);
    if (w->punted)
        ring_wake(&w->to_control);
    w->punted = false;
    for (size_t i = 0; i < b->n_out; i++)
        give_back(w, b->out[i]);
}

/* ---- bursts ---- */

static void fill_spares(gw_worker *w)
{
    while (w->n_spare < BATCH && w->spares.n_free > 0)
        w->spare[w->n_spare++] = pool_take(&w->spares);
}

/* The spares taken were the first ones; the last ones take their places. */
static void used_spares(gw_worker *w, size_t used)
{
    w->n_spare -= (unsigned)used;
    memmove(w->spare, w->spare + used, w->n_spare * sizeof *w->spare);
}

void worker_run(gw_worker *w, nhtb_pkt **in, size_t n, gw_direction go)
{
    size_t used = 0;
    bool more = true;
    while (used < n || more) {
        fill_spares(w);
        nhtb_burst b = {.in = in + used,
                        .n_in = n - used,
                        .spare = w->spare,
                        .n_spare = w->n_spare,
                        .out = w->out,
                        .cap_out = sizeof w->out / sizeof *w->out};
        const nhtb_time now = worker_now();
        go(w->nw, &b, now);
        gw_count(&w->stats.bursts);
        used += b.used_in;
        used_spares(w, b.used_spare);
        dispatch(w, &b, now);
        more = b.more;
        if (b.used_in == 0 && b.n_out == 0)
            break;
    }
    for (size_t i = used; i < n; i++) /* only a broken contract leads here */
        give_back(w, in[i]);
}
