/* SPDX-License-Identifier: Apache-2.0
 * The control thread: a libuv loop around the library's feed, drain, deadline, events and jobs.
 * Everything that may have produced output is followed by one pump before the loop sleeps (uv
 * prepare phase). Port 500 is served here; port 4500 and raw ESP belong to the worker. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_server.h"
#include "owners.h"

#define DRAIN       32
#define RECEIVE     32
#define PUMP_ROUNDS 64
#define STOP_MS     3000

/* ---- output ---- */

static void send_ike(gw *g, const nhtb_pkt *p)
{
    gw_sock *s = &g->ike[p->path->remote.family == 6];
    struct msghdr h;
    gw_slot slot;
    if (s->fd < 0)
        return;
    sock_fill_tx(s, &h, &slot, p);
    ssize_t n;
    do
        n = sendmsg(s->fd, &h, 0);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return;
    /* lost like on the wire: IKE retransmits; only the size is something to learn from */
    log_text(&g->log, NHTB_LOG_DEBUG, "port 500: %s", strerror(errno));
    if (errno == EMSGSIZE && sock_path_mtu(p->path) != 0)
        nhtb_path_mtu(g->ctx, p->path, sock_path_mtu(p->path), gw_now());
}

static void dispatch(gw *g, const nhtb_pkt *p)
{
    if (p->verdict == NHTB_PKT_REINJECT)
        worker_post(g->worker, GW_MSG_REINJECT, p);
    else if (p->verdict == NHTB_PKT_TX && p->kind == NHTB_PKT_IKE_500)
        send_ike(g, p);
    else if (p->verdict == NHTB_PKT_TX)
        worker_post(g->worker, GW_MSG_TX, p);
}

static bool drain(gw *g)
{
    for (unsigned i = 0; i < DRAIN; i++) {
        nhtb_pkt *p = &g->drain_pkt[i];
        *p = (nhtb_pkt){.buf = p->buf, .cap = p->cap, .off = NHTB_HEADROOM};
    }
    const size_t n = nhtb_drain(g->ctx, g->drain_v, DRAIN, gw_now());
    for (size_t i = 0; i < n; i++)
        dispatch(g, g->drain_v[i]);
    return n > 0;
}

static bool run_jobs(gw *g)
{
    nhtb_job *j;
    bool any = false;
    while (nhtb_next_job(g->ctx, &j)) {
        nhtb_job_run(j);
        nhtb_job_done(g->ctx, j, gw_now());
        any = true;
    }
    return any;
}

/* ---- the pump ---- */

static void on_timer(uv_timer_t *t)
{
    gw *g = t->data;
    (void)nhtb_timeout(g->ctx, gw_now());
}

static void arm(gw *g)
{
    const nhtb_time at = nhtb_deadline(g->ctx), now = gw_now();
    if (at == NHTB_NEVER) {
        uv_timer_stop(&g->timer);
        return;
    }
    const uint64_t ns = at > now ? at - now : 0;
    uv_update_time(&g->loop);
    uv_timer_start(&g->timer, on_timer, (ns + NHTB_NS_PER_MS - 1) / NHTB_NS_PER_MS, 0);
}

static void on_pump(uv_prepare_t *p)
{
    gw *g = p->data;
    bool busy = true;
    for (unsigned i = 0; busy && i < PUMP_ROUNDS; i++) {
        busy = run_jobs(g);
        busy = drain(g) || busy;
        busy = events_handle(g) || busy;
        if (g->owners_dirty)
            owners_save(g);
        if (g->dirty) {
            routes_sync(g);
            busy = true;
        }
    }
    if (g->stopping && nhtb_idle(g->ctx))
        uv_stop(&g->loop);
    arm(g);
    if (busy)
        uv_timer_start(&g->timer, on_timer, 0, 0); /* more waits: come back at once */
}

/* ---- input ---- */

/* False: nothing waits on the socket. */
static bool receive_one(gw *g, const gw_sock *s, uint8_t *memory, size_t room)
{
    nhtb_pkt p = {.buf = memory, .cap = (uint32_t)room}, *v = &p;
    nhtb_path path;
    struct msghdr h;
    gw_slot slot;
    sock_fill_rx(&h, &slot, &p, (uint32_t)room);
    const ssize_t n = recvmsg(s->fd, &h, MSG_DONTWAIT);
    if (n < 0)
        return errno == EINTR;
    if (sock_parse_rx(s, &h, (size_t)n, &p, &path))
        (void)nhtb_feed(g->ctx, &v, 1, gw_now());
    return true;
}

static void on_ike(uv_poll_t *p, int status, int events)
{
    gw *g = p->data;
    static const size_t room = 65536;
    uint8_t *memory = status == 0 && (events & UV_READABLE) != 0 ? malloc(room) : NULL;
    if (memory == NULL)
        return;
    const gw_sock *s = &g->ike[p == &g->ike_poll[1]];
    for (unsigned i = 0; i < RECEIVE; i++)
        if (!receive_one(g, s, memory, room))
            break;
    free(memory);
}

static void from_worker(gw *g, gw_msg *m)
{
    nhtb_pkt *v = &m->pkt;
    if (m->kind == GW_MSG_PUNT)
        (void)nhtb_feed(g->ctx, &v, 1, gw_now());
    else if (m->kind == GW_MSG_PATH_MTU)
        nhtb_path_mtu(g->ctx, &m->path, m->mtu, gw_now());
    else if (m->kind == GW_MSG_TUN_LOST)
        device_lost(g, m->iface);
    free(m);
}

static void on_worker(uv_poll_t *p, int status, int events)
{
    gw *g = p->data;
    (void)status;
    (void)events;
    for (unsigned i = 0; i < 4 * RECEIVE; i++) {
        gw_msg *m = worker_take(g->worker);
        if (m == NULL)
            return;
        from_worker(g, m);
    }
    /* the wake-up may be taken while messages are left: raise it again */
    worker_renotify(g->worker);
}

/* ---- signals ---- */

bool loop_reload(gw *g, char *err, size_t n)
{
    cfg_error e;
    char text[900];
    cfg *next = cfg_load(g->config_path, &g->log, &e);
    bool ok = false;
    if (next == NULL)
        cfg_error_format(&e, g->config_path, text, sizeof text);
    else
        ok = apply_config(g, next, text, sizeof text);
    if (ok) {
        g->reloads++;
        log_text(&g->log, NHTB_LOG_NOTICE, "configuration loaded again");
        return true;
    }
    g->reloads_failed++;
    log_text(&g->log, NHTB_LOG_ERROR, "reload refused, nothing changed: %s", text);
    snprintf(err, n, "%s", text);
    return false;
}

static void on_stop_timer(uv_timer_t *t)
{
    uv_stop(t->loop);
}

static void begin_stop(gw *g)
{
    if (g->stopping) {
        uv_stop(&g->loop); /* asked twice: at once */
        return;
    }
    g->stopping = true;
    log_text(&g->log, NHTB_LOG_NOTICE, "stopping: telling the peers");
    (void)nhtb_shutdown(g->ctx, gw_now());
    uv_timer_start(&g->stop_timer, on_stop_timer, STOP_MS, 0);
}

static void on_signal(uv_signal_t *s, int number)
{
    gw *g = s->data;
    char err[900];
    if (number != SIGHUP)
        begin_stop(g);
    else if (!g->stopping)
        (void)loop_reload(g, err, sizeof err);
}

/* ---- life ---- */

static int drain_buffers(gw *g)
{
    nhtb_settings s;
    nhtb_settings_init(&s);
    uint32_t room = s.limits.ike_message;
    if (s.limits.held_bytes > room)
        room = s.limits.held_bytes;
    const size_t each = (room + NHTB_HEADROOM + NHTB_TAILROOM + 4 + 63) / 64 * 64;
    g->drain_memory = malloc(DRAIN * each);
    g->drain_pkt = calloc(DRAIN, sizeof *g->drain_pkt);
    g->drain_v = calloc(DRAIN, sizeof *g->drain_v);
    if (g->drain_memory == NULL || g->drain_pkt == NULL || g->drain_v == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < DRAIN; i++) {
        g->drain_pkt[i].buf = g->drain_memory + i * each;
        g->drain_pkt[i].cap = (uint32_t)each;
        g->drain_v[i] = &g->drain_pkt[i];
    }
    return 0;
}

static void watch(gw *g, uv_poll_t *p, int fd, uv_poll_cb cb)
{
    uv_poll_init(&g->loop, p, fd);
    p->data = g;
    uv_poll_start(p, UV_READABLE, cb);
}

int loop_start(gw *g)
{
    static const int SIGNALS[] = {SIGHUP, SIGTERM, SIGINT};
    const int err = drain_buffers(g);
    if (err != 0)
        return err;
    uv_timer_init(&g->loop, &g->timer);
    uv_timer_init(&g->loop, &g->stop_timer);
    uv_timer_init(&g->loop, &g->device_timer);
    uv_prepare_init(&g->loop, &g->pump);
    g->timer.data = g->pump.data = g->device_timer.data = g;
    uv_prepare_start(&g->pump, on_pump);
    for (unsigned i = 0; i < 3; i++) {
        uv_signal_init(&g->loop, &g->signals[i]);
        g->signals[i].data = g;
        uv_signal_start(&g->signals[i], on_signal, SIGNALS[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        if (g->ike[i].fd >= 0)
            watch(g, &g->ike_poll[i], g->ike[i].fd, on_ike);
    watch(g, &g->worker_poll, worker_event_fd(g->worker), on_worker);
    return 0;
}

void loop_run(gw *g)
{
    uv_run(&g->loop, UV_RUN_DEFAULT);
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

void loop_stop(gw *g)
{
    ctl_stop(g);
    uv_walk(&g->loop, close_handle, NULL);
    uv_run(&g->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&g->loop);
    free(g->drain_memory);
    free(g->drain_pkt);
    free(g->drain_v);
}
