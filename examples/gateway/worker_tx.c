/* SPDX-License-Identifier: Apache-2.0
 * Batched sending with errors that are counted and survived: see worker_tx.h. Worker thread. */
#define _GNU_SOURCE
#include "worker_tx.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define SEND_PATIENCE_MS 2
#define MTU_REPORT_NS    (100 * NHTB_NS_PER_MS)

void tx_init(tx *t, const gw_sock *socks, gw_io_stats *stats, gw_ring *to_control)
{
    memset(t, 0, sizeof *t);
    for (unsigned i = 0; i < GW_SOCKS; i++)
        t->q[i].sock = socks[i];
    t->stats = stats;
    t->to_control = to_control;
}

static tx_queue *queue_for(tx *t, const nhtb_pkt *p)
{
    const bool raw = p->kind == NHTB_PKT_ESP;
    const bool v6 = p->path->remote.family == 6;
    return &t->q[raw ? (v6 ? GW_SOCK_RAW6 : GW_SOCK_RAW4) : (v6 ? GW_SOCK_UDP6 : GW_SOCK_UDP4)];
}

/* The kernel says the packet does not fit: the library learns the path's MTU. */
static void report_mtu(tx *t, const nhtb_path *path, nhtb_time now)
{
    if (memcmp(path, &t->reported, sizeof *path) == 0 && now - t->reported_at < MTU_REPORT_NS)
        return;
    t->reported = *path;
    t->reported_at = now;
    gw_msg *m = msg_new(GW_MSG_PATH_MTU, 0);
    if (m == NULL)
        return;
    m->path = *path;
    m->mtu = sock_path_mtu(path);
    if (m->mtu == 0 || !ring_put(t->to_control, m)) {
        free(m);
        return;
    }
    ring_wake(t->to_control);
}

/* Counts why a packet of message i was not sent. */
static void refused(tx *t, const tx_queue *q, unsigned i, int err, nhtb_time now)
{
    if (err == EMSGSIZE) {
        gw_count(&t->stats->send_too_big);
        report_mtu(t, &q->message[i].path, now);
    } else if (err == EAGAIN || err == ENOBUFS) {
        gw_count(&t->stats->send_no_buffers);
    } else if (err == ENETUNREACH || err == EHOSTUNREACH) {
        gw_count(&t->stats->send_unreachable);
    } else {
        gw_count(&t->stats->send_errors);
    }
}

/* True: the caller may try the same message once more. */
static bool may_retry(const tx_queue *q, int err, bool *waited)
{
    if (err == EINTR)
        return true;
    if (err != EAGAIN || *waited)
        return false;
    struct pollfd p = {.fd = q->sock.fd, .events = POLLOUT};
    *waited = true; /* once per flush: a stuck socket costs two milliseconds, never a spin */
    return poll(&p, 1, SEND_PATIENCE_MS) == 1;
}

/* A train is refused as a whole where one packet would be cut by the kernel, or got its own error, or
 * where the device cannot sum checksums (EIO): then each goes alone. */
static void one_by_one(tx *t, tx_queue *q, unsigned i, nhtb_time now)
{
    const tx_message *m = &q->message[i];
    struct msghdr h = q->h[i].msg_hdr;
    bool waited = false;
    h.msg_iovlen = 1;
    h.msg_controllen = q->slot[i].plain_control;
    if (h.msg_controllen == 0)
        h.msg_control = NULL;
    gw_count(&t->stats->send_trains_refused);
    for (unsigned k = 0; k < m->n; k++) {
        h.msg_iov = &q->iov[m->first + k];
        while (sendmsg(q->sock.fd, &h, 0) < 0) {
            const int err = errno;
            if (may_retry(q, err, &waited))
                continue;
            refused(t, q, i, err, now);
            break;
        }
    }
}

static void not_sent(tx *t, tx_queue *q, unsigned i, int err, nhtb_time now)
{
    const bool train = q->message[i].n > 1;
    if (train && err == EIO)
        q->sock.offload &= (uint8_t)~SOCK_OFFLOAD_SEGMENT; /* it will be no better next time */
    if (train && (err == EIO || err == EINVAL || err == EMSGSIZE))
        one_by_one(t, q, i, now);
    else
        for (unsigned k = 0; k < q->message[i].n; k++)
            refused(t, q, i, err, now);
}

/* The messages get their trains last, when it is known how long they are. */
static void finish(tx *t, tx_queue *q)
{
    for (unsigned i = 0; i < q->n; i++) {
        const tx_message *m = &q->message[i];
        struct msghdr *h = &q->h[i].msg_hdr;
        h->msg_iov = &q->iov[m->first];
        h->msg_iovlen = m->n;
        q->slot[i].plain_control = h->msg_control != NULL ? h->msg_controllen : 0;
        if (m->n == 1)
            continue;
        h->msg_control = q->slot[i].control;
        sock_make_train(h, (uint16_t)m->each);
        gw_count(&t->stats->send_trains);
    }
}

static void flush_queue(tx *t, tx_queue *q, nhtb_time now)
{
    bool waited = false;
    finish(t, q);
    for (unsigned i = 0; i < q->n;) {
        const int sent = sock_send_batch(&q->sock, &q->h[i], q->n - i);
        if (sent > 0) {
            i += (unsigned)sent;
            continue;
        }
        const int err = errno;
        if (may_retry(q, err, &waited))
            continue;
        not_sent(t, q, i, err, now);
        i++;
    }
    q->n = q->n_iov = 0;
}

/* Does p continue the last message's train? */
static bool continues(const tx_queue *q, const nhtb_pkt *p)
{
    const tx_message *m = &q->message[q->n - 1];
    return (q->sock.offload & SOCK_OFFLOAD_SEGMENT) != 0 && !m->closed && p->len <= m->each &&
           m->n < TX_TRAIN && m->bytes + p->len <= TX_BYTES && m->tos == p->tos &&
           m->ttl == p->ttl && memcmp(&m->path, p->path, sizeof m->path) == 0;
}

static void add_piece(tx_queue *q, const nhtb_pkt *p)
{
    tx_message *m = &q->message[q->n - 1];
    q->iov[q->n_iov++] = (struct iovec){p->buf + p->off, p->len};
    m->n++;
    m->bytes += p->len;
    m->closed = p->len != m->each;
}

void tx_put(tx *t, const nhtb_pkt *p, nhtb_time now)
{
    tx_queue *q = queue_for(t, p);
    const bool df = (p->flags & NHTB_PKT_DF) != 0;
    if (q->sock.fd < 0) {
        gw_count(&t->stats->send_unreachable);
        return;
    }
    if (q->n > 0 && (q->n == TX_MESSAGES || q->n_iov == TX_PACKETS || q->sock.df != (int8_t)df))
        flush_queue(t, q, now);
    if (q->n == 0 || !continues(q, p)) {
        sock_set_df(&q->sock, df);
        q->message[q->n] = (tx_message){.path = *p->path,
                                        .each = p->len,
                                        .first = (uint16_t)q->n_iov,
                                        .tos = p->tos,
                                        .ttl = p->ttl};
        sock_fill_tx(&q->sock, &q->h[q->n].msg_hdr, &q->slot[q->n], p);
        q->n++;
    }
    add_piece(q, p);
}

void tx_flush(tx *t, nhtb_time now)
{
    for (unsigned i = 0; i < GW_SOCKS; i++)
        if (t->q[i].n > 0)
            flush_queue(t, &t->q[i], now);
}
