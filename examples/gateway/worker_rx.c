/* SPDX-License-Identifier: Apache-2.0
 * The socket side of the data plane thread: recvmmsg, and trains of equal datagrams that the kernel
 * put together (UDP_GRO) cut again, in place. Called by worker.c. */
#define _GNU_SOURCE
#include "worker_int.h"

#include <errno.h>
#include <time.h>

#define TRAIN_ROOM 4 /* messages of 64 KiB at a time, so that they stay in the cache */

int worker_rx_init(gw_worker *w)
{
    const int err = pool_init(&w->rx_buffers, BATCH, READ_BYTES);
    for (unsigned i = 0; err == 0 && i < BATCH; i++) {
        w->rx_pkt[i] = pool_take(&w->rx_buffers);
        sock_fill_rx(&w->rx[i].msg_hdr, &w->rx_slot[i], w->rx_pkt[i],
                     READ_BYTES - NHTB_HEADROOM - NHTB_TAILROOM);
    }
    return err;
}

/* What the kernel wrote over is as before. */
static void again(gw_worker *w, unsigned i)
{
    struct msghdr *h = &w->rx[i].msg_hdr;
    nhtb_pkt *p = w->rx_pkt[i];
    h->msg_namelen = sizeof w->rx_slot[i].sa;
    h->msg_controllen = sizeof w->rx_slot[i].control;
    h->msg_flags = 0;
    *p = (nhtb_pkt){.buf = p->buf, .cap = READ_BYTES, .off = NHTB_HEADROOM};
}

/* An error that stays would bring us back at once: it costs a millisecond each time. */
static unsigned failed(gw_worker *w, int err)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    if (err == EAGAIN || err == EINTR)
        return 0;
    gw_count(&w->stats.receive_errors);
    nanosleep(&nap, NULL);
    return 0;
}

typedef struct cutter {
    gw_worker *w;
    size_t n;
} cutter;

static void flush(cutter *c)
{
    if (c->n > 0)
        worker_run(c->w, c->w->in, c->n, nhtb_worker_in);
    c->n = 0;
}

/* Each datagram of a train gets its own piece of the buffer. */
static void cut(cutter *c, const nhtb_pkt *p, uint32_t each)
{
    gw_worker *w = c->w;
    if (each < p->len) {
        gw_count(&w->stats.receive_trains);
        w->trains = true;
    }
    for (uint32_t at = 0; at < p->len; at += each) {
        const uint32_t left = p->len - at;
        nhtb_pkt *s = &w->slice[c->n];
        *s = *p;
        s->buf = p->buf + p->off + at;
        s->len = s->cap = left < each ? left : each;
        s->off = 0;
        w->in[c->n++] = s;
        if (c->n == BATCH)
            flush(c);
    }
}

void worker_receive(gw_worker *w, const gw_sock *s)
{
    const int r = sock_receive_batch(s, w->rx, w->trains ? TRAIN_ROOM : BATCH);
    const unsigned got = r < 0 ? failed(w, errno) : (unsigned)r;
    cutter c = {w, 0};
    w->trains = false;
    for (unsigned i = 0; i < got; i++) {
        nhtb_pkt *p = w->rx_pkt[i];
        const uint32_t each = sock_train(&w->rx[i].msg_hdr);
        if (!sock_parse_rx(s, &w->rx[i].msg_hdr, w->rx[i].msg_len, p, &w->path[i]) || p->len == 0)
            gw_count(&w->stats.receive_truncated);
        else
            cut(&c, p, each != 0 ? each : p->len);
    }
    flush(&c);
    for (unsigned i = 0; i < got; i++)
        again(w, i);
}
