/* SPDX-License-Identifier: Apache-2.0
 * Batches of port 500: see port500.h. Called by loop.c. What cannot be sent is lost like on the wire:
 * IKE retransmits; only a size that does not fit is something to learn from. Control thread. */
#define _GNU_SOURCE
#include "port500.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct rx {
    struct mmsghdr h[PORT500_BATCH];
    gw_slot slot[PORT500_BATCH];
    nhtb_path path[PORT500_BATCH];
    nhtb_pkt pkt[PORT500_BATCH], *v[PORT500_BATCH];
} rx;

typedef struct tx {
    struct mmsghdr h[PORT500_BATCH];
    gw_slot slot[PORT500_BATCH];
    nhtb_path path[PORT500_BATCH]; /* copies: the library's end with the next call */
    unsigned n;
} tx;

struct port500 {
    gw *g;
    port500_stats stats;
    rx rx;
    tx tx[2]; /* IPv4, IPv6 */
    uint32_t room;
    uint8_t memory[]; /* PORT500_BATCH * room */
};

/* ---- input ---- */

static unsigned parse(port500 *p, const gw_sock *s, unsigned got)
{
    rx *r = &p->rx;
    unsigned n = 0;
    for (unsigned i = 0; i < got; i++) {
        r->v[n] = &r->pkt[i];
        if (sock_parse_rx(s, &r->h[i].msg_hdr, r->h[i].msg_len, r->v[n], &r->path[i]))
            n++;
        else
            p->stats.truncated++;
    }
    return n;
}

bool port500_receive(port500 *p, const gw_sock *s, unsigned most)
{
    rx *r = &p->rx;
    for (unsigned i = 0; i < most; i++) {
        r->pkt[i] = (nhtb_pkt){.buf = p->memory + (size_t)i * p->room, .cap = p->room};
        sock_fill_rx(&r->h[i].msg_hdr, &r->slot[i], &r->pkt[i], p->room);
    }
    const int got = sock_receive_batch(s, r->h, most);
    if (got <= 0) {
        p->stats.receive_errors += errno != EAGAIN && errno != EINTR;
        return got < 0 && errno == EINTR;
    }
    p->stats.received += (unsigned)got;
    const unsigned n = parse(p, s, (unsigned)got);
    (void)nhtb_feed(p->g->ctx, r->v, n, gw_now());
    return (unsigned)got == most;
}

/* ---- output ---- */

void port500_put(port500 *p, const nhtb_pkt *pkt)
{
    const bool v6 = pkt->path->remote.family == 6;
    const gw_sock *s = &p->g->ike[v6];
    tx *t = &p->tx[v6];
    if (s->fd < 0 || t->n == PORT500_BATCH) {
        p->stats.send_errors++;
        return;
    }
    t->path[t->n] = *pkt->path;
    sock_fill_tx(s, &t->h[t->n].msg_hdr, &t->slot[t->n], pkt);
    t->n++;
}

static void refused(port500 *p, const nhtb_path *path, int err)
{
    const uint32_t mtu = err == EMSGSIZE ? sock_path_mtu(path) : 0;
    p->stats.send_errors++;
    log_text(&p->g->log, NHTB_LOG_DEBUG, "port 500: %s", strerror(err));
    if (mtu != 0)
        nhtb_path_mtu(p->g->ctx, path, mtu, gw_now());
}

static void flush(port500 *p, tx *t, const gw_sock *s)
{
    for (unsigned i = 0; i < t->n;) {
        const int sent = sock_send_batch(s, &t->h[i], t->n - i);
        if (sent > 0) {
            i += (unsigned)sent;
            p->stats.sent += (unsigned)sent;
        } else if (errno != EINTR) {
            refused(p, &t->path[i++], errno);
        }
    }
    t->n = 0;
}

void port500_flush(port500 *p)
{
    for (unsigned i = 0; i < 2; i++)
        if (p->tx[i].n > 0)
            flush(p, &p->tx[i], &p->g->ike[i]);
}

/* ---- life ---- */

int port500_new(port500 **out, gw *g, uint32_t room)
{
    port500 *p = calloc(1, sizeof *p + (size_t)PORT500_BATCH * room);
    if (p == NULL)
        return -ENOMEM;
    p->g = g;
    p->room = room;
    *out = p;
    return 0;
}

void port500_del(port500 *p)
{
    free(p);
}

const port500_stats *port500_get_stats(const port500 *p)
{
    return &p->stats;
}
