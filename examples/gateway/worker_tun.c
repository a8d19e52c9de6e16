/* SPDX-License-Identifier: Apache-2.0
 * The TUN side of the data plane thread: reads packets and super-packets, writes single ones or
 * neighbours of a flow as one super-packet. A device that fails is left alone, never spun on. Called
 * by worker.c and worker_run.c. */
#define _GNU_SOURCE
#include "worker_int.h"

#include <errno.h>

#include "tun.h"

#define READ_PATIENCE 16 /* failed reads in a row before a device counts as gone */

/* ---- in ---- */

static ssize_t read_one(const port *t, nhtb_pkt *p, vnet_hdr *h)
{
    const bool vnet = (t->q.offload & TUN_OFFLOAD_VNET) != 0;
    const size_t room = READ_BYTES - NHTB_HEADROOM - NHTB_TAILROOM;
    struct iovec v[2] = {{h, sizeof *h}, {p->buf + p->off, room}};
    ssize_t got;
    do
        got = readv(t->q.fd, vnet ? v : v + 1, vnet ? 2 : 1);
    while (got < 0 && errno == EINTR);
    return got >= 0 && vnet ? got - (ssize_t)sizeof *h : got;
}

static bool accept_packet(gw_worker *w, const port *t, nhtb_pkt *p, const vnet_hdr *h, ssize_t got)
{
    p->len = got > 0 ? (uint32_t)got : 0;
    p->kind = NHTB_PKT_INNER;
    p->iface = t->q.iface;
    if (got > 0 && ((t->q.offload & TUN_OFFLOAD_VNET) == 0 || vnet_read(h, p)))
        return true;
    gw_count(&w->stats.tun_read_errors);
    return false;
}

static void read_failed(gw_worker *w, port *t, int err)
{
    if (err == EAGAIN)
        return;
    gw_count(&w->stats.tun_read_errors);
    if (err == EBADFD || err == ENODEV || ++t->failures >= READ_PATIENCE)
        worker_port_lost(w, t);
}

void worker_tun_read(gw_worker *w, port *t)
{
    size_t n = 0, bytes = 0;
    while (n < BATCH && bytes < READ_BYTES) {
        vnet_hdr h = {0};
        nhtb_pkt *p = pool_take(&w->reads);
        if (p == NULL)
            break;
        const ssize_t got = read_one(t, p, &h);
        const int err = errno;
        if (got >= 0 && accept_packet(w, t, p, &h, got)) {
            t->failures = 0;
            bytes += p->len;
            if (p->gso_size != 0)
                gw_count(&w->stats.tun_super_in);
            w->in[n++] = p;
            continue;
        }
        pool_give(&w->reads, p);
        if (got < 0) {
            if (n > 0)
                break; /* the next turn meets the error again, if it lasts */
            read_failed(w, t, err);
            return;
        }
    }
    if (n > 0)
        worker_run(w, w->in, n, nhtb_worker_out);
}

/* ---- out ---- */

static const port *port_of(const gw_worker *w, nhtb_iface_id iface)
{
    for (const port *t = w->ports; t != NULL; t = t->next)
        if (t->q.iface.id == iface.id)
            return t;
    return NULL;
}

void worker_tun_flush(gw_worker *w)
{
    struct iovec *v;
    ssize_t n;
    if (w->join.n == 0)
        return;
    if (w->join.n > 1)
        gw_count(&w->stats.tun_super_out);
    const int pieces =
        vnet_join_pieces(&w->join, (w->join_port->q.offload & TUN_OFFLOAD_VNET) != 0, &v);
    do
        n = writev(w->join_port->q.fd, v, pieces);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        gw_count(&w->stats.tun_write_errors);
}

void worker_tun_write(gw_worker *w, const nhtb_pkt *p)
{
    const uint8_t *data = p->buf + p->off;
    const port *t = w->join.n > 0 && w->join_port->q.iface.id == p->iface.id ? w->join_port : NULL;
    if (t != NULL && (p->flags & NHTB_PKT_GRO_NEXT) != 0 && (t->q.offload & TUN_OFFLOAD_TSO) != 0 &&
        vnet_join_add(&w->join, data, p->len))
        return;
    worker_tun_flush(w);
    if (t == NULL)
        t = port_of(w, p->iface);
    if (t == NULL) {
        gw_count(&w->stats.tun_write_errors);
        return;
    }
    w->join_port = t;
    vnet_join_begin(&w->join, data, p->len, (t->q.offload & TUN_OFFLOAD_USO) != 0);
}
