/* SPDX-License-Identifier: Apache-2.0
 * The workers as a whole: see crew.h. Called by main.c, apply.c, device.c, loop.c and show.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway.h"
#include "steer.h"

/* ---- sockets ---- */

void crew_init(gw_crew *c)
{
    memset(c, 0, sizeof *c);
    mesh_init(&c->mesh);
    for (unsigned k = 0; k < GW_WORKERS_MAX; k++)
        for (unsigned i = 0; i < GW_SOCKS; i++)
            c->sock[k][i].fd = -1;
}

unsigned crew_limit(const cfg *c)
{
    return 2 * c->workers < GW_WORKERS_MAX ? 2 * c->workers : GW_WORKERS_MAX;
}

static int open_raw(gw_crew *c, unsigned k)
{
    for (unsigned i = 0; i < 2; i++) {
        gw_sock *s = &c->sock[k][i == 0 ? GW_SOCK_RAW4 : GW_SOCK_RAW6];
        int err = rawesp_open(s, i == 0 ? 4 : 6);
        if (err == 0 && k != 0)
            err = rawesp_park(s);
        if (err != 0)
            return err;
    }
    return 0;
}

int crew_open(gw_crew *c, unsigned limit, char *what, size_t n)
{
    int err = 0;
    c->limit = limit;
    for (unsigned i = 0; err == 0 && i < 2; i++) {
        const uint8_t family = i == 0 ? 4 : 6;
        snprintf(what, n, "UDP port 4500 (IPv%u)", family);
        err = udp_open(&c->sock[0][i == 0 ? GW_SOCK_UDP4 : GW_SOCK_UDP6], family, 4500);
    }
    for (unsigned k = 0; err == 0 && k < limit; k++) {
        snprintf(what, n, "raw ESP socket");
        err = open_raw(c, k);
    }
    return err;
}

/* ---- steering ---- */

/* Worker 0 takes what nobody else takes, so its filter changes with the number of the others. */
static void steer_esp(gw_crew *c, const gw_share *all, unsigned which)
{
    for (unsigned k = 0; k < all->n; k++) {
        gw_sock *s = &c->sock[k][which];
        const gw_share share = {all->bits, all->n, k};
        if (s->fd < 0 || steer_raw(s, &share) != 0)
            return; /* those behind stay parked: worker 0 gets their packets, and hands them over */
        s->offload = SOCK_OFFLOAD_FILTER | (all->n > 1 ? SOCK_OFFLOAD_STEER : 0);
        if (k != 0)
            (void)rawesp_wake(s);
    }
}

static void steer_udps(gw_crew *c, const gw_share *all, unsigned which)
{
    if (c->sock[0][which].fd < 0 || steer_udp(&c->sock[0][which], all) != 0)
        return; /* spread by addresses and ports, and handed over */
    for (unsigned k = 0; k < all->n; k++)
        c->sock[k][which].offload |= SOCK_OFFLOAD_STEER;
}

static void steer(gw *g)
{
    gw_crew *c = &g->crew;
    const gw_share all = {.bits = nhtb_worker_bits(g->ctx), .n = c->n};
    if (c->n < 2 || (g->offload & SOCK_OFFLOAD_STEER) == 0)
        return;
    steer_udps(c, &all, GW_SOCK_UDP4);
    steer_udps(c, &all, GW_SOCK_UDP6);
    steer_esp(c, &all, GW_SOCK_RAW4);
    steer_esp(c, &all, GW_SOCK_RAW6);
}

/* ---- devices ---- */

/* Where the device has no more queues, the first worker reads it for all. */
static int add_queue(gw_crew *c, unsigned k, nhtb_iface_id iface, const gw_tun *tun)
{
    gw_queue q = {.iface = iface,
                  .fd = tun->fd,
                  .ifindex = tun->ifindex,
                  .offload = tun->offload,
                  .reads = true};
    int own = -1;
    if (k != 0) {
        own = tun_queue(tun);
        q.reads = own >= 0;
        q.fd = own >= 0 ? own : tun->fd;
    }
    const int err = worker_tun_add(c->worker[k], &q);
    if (own >= 0)
        close(own);
    return err;
}

int crew_tun_add(gw_crew *c, nhtb_iface_id iface, const gw_tun *tun)
{
    int err = 0;
    for (unsigned k = 0; err == 0 && k < c->n; k++)
        err = add_queue(c, k, iface, tun);
    return err;
}

void crew_tun_del(gw_crew *c, nhtb_iface_id iface)
{
    for (unsigned k = 0; k < c->n; k++)
        worker_tun_del(c->worker[k], iface);
}

static void add_devices(gw *g, unsigned k)
{
    for (uint32_t i = 0; g->state.cfg != NULL && i < g->state.cfg->n_ifaces; i++) {
        const gw_iface *n = &g->state.ifaces[i];
        const int err = n->lost ? 0 : add_queue(&g->crew, k, n->id, &n->tun);
        if (err != 0)
            log_text(&g->log, NHTB_LOG_ERROR, "worker %u, interface %s: %s", k,
                     g->state.cfg->ifaces[i].name, strerror(-err));
    }
}

/* ---- one more ---- */

static int share_port(gw_crew *c, unsigned k)
{
    int err = udp_share(&c->sock[k][GW_SOCK_UDP4], &c->sock[0][GW_SOCK_UDP4]);
    if (err == 0)
        err = udp_share(&c->sock[k][GW_SOCK_UDP6], &c->sock[0][GW_SOCK_UDP6]);
    return err;
}

static int start_thread(gw *g, unsigned k)
{
    gw_crew *c = &g->crew;
    int err = mesh_join(&c->mesh, k);
    if (err != 0)
        return err;
    if (nhtb_worker_new(&c->nw[k], g->ctx, k) != 0)
        return -ENOMEM;
    err = worker_start(&c->worker[k], c->nw[k], c->sock[k], &c->mesh, k);
    if (err == 0)
        err = loop_watch_worker(g, k);
    if (err == 0)
        return 0;
    worker_stop(c->worker[k]);
    nhtb_worker_del(c->nw[k]);
    c->worker[k] = NULL;
    c->nw[k] = NULL;
    return err;
}

/* No tunnel is anchored on it before this callback of the loop ends, when all of it is in place. */
static int add_worker(gw *g)
{
    gw_crew *c = &g->crew;
    const unsigned k = c->n;
    int err = k != 0 ? share_port(c, k) : 0;
    for (unsigned i = 0; err == 0 && i < GW_SOCKS; i++)
        if (k == 0 || c->sock[k][i].port != 0) /* raw ones: steer */
            sock_probe(&c->sock[k][i], g->offload);
    if (err == 0)
        err = start_thread(g, k);
    if (err != 0) {
        for (unsigned i = GW_SOCK_UDP4; k != 0 && i <= GW_SOCK_UDP6; i++)
            sock_close(&c->sock[k][i]);
        return err;
    }
    c->n++;
    steer(g);
    add_devices(g, k);
    return 0;
}

int crew_fit(gw *g, const cfg *c)
{
    gw_crew *w = &g->crew;
    int err = 0;
    while (err == 0 && w->n < c->workers && w->n < w->limit) {
        err = add_worker(g);
        if (err != 0)
            log_text(&g->log, NHTB_LOG_ERROR, "worker %u cannot start: %s", w->n, strerror(-err));
        else if (g->state.cfg != NULL)
            log_text(&g->log, NHTB_LOG_NOTICE, "worker %u started", w->n - 1);
    }
    for (unsigned k = 0; k < w->n; k++)
        (void)nhtb_worker_weight(g->ctx, k, k < c->workers ? c->weight[k] : 0);
    return w->n != 0 ? 0 : err;
}

/* ---- the end ---- */

void crew_stop(gw_crew *c)
{
    for (unsigned k = 0; k < c->n; k++) {
        worker_stop(c->worker[k]);
        c->worker[k] = NULL;
    }
    mesh_fini(&c->mesh);
}

void crew_fini(gw_crew *c)
{
    for (unsigned k = 0; k < GW_WORKERS_MAX; k++) {
        nhtb_worker_del(c->nw[k]);
        for (unsigned i = 0; i < GW_SOCKS; i++)
            sock_close(&c->sock[k][i]);
    }
}

/* ---- packets and counters ---- */

unsigned crew_post(gw_crew *c, const nhtb_pkt *p)
{
    const bool inject = p->verdict == NHTB_PKT_REINJECT;
    const unsigned to = inject && p->worker < c->n ? p->worker : 0;
    worker_post(c->worker[to], inject ? GW_MSG_REINJECT : GW_MSG_TX, p);
    return to;
}

uint64_t crew_stat(const gw_crew *c, unsigned i)
{
    uint64_t sum = 0;
    for (unsigned k = 0; k < c->n; k++)
        sum += worker_stat(worker_stats(c->worker[k]), i);
    return sum;
}
