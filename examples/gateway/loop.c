/* SPDX-License-Identifier: Apache-2.0
 * The control thread: a libuv loop around the library's feed, drain, deadline, events and jobs.
 * Everything that may have produced output is followed by one pump before the loop sleeps (uv
 * prepare phase). Port 500 is served here; port 4500 and raw ESP belong to the worker. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl_server.h"
#include "jobs.h"
#include "owners.h"
#include "port500.h"
#include "signals.h"

#define DRAIN       PORT500_BATCH
#define BATCHES     4 /* of one input in a turn */
#define PUMP_ROUNDS 64
#define ENOUGH_NS   400000 /* of CPU time in one callback: then others get their turn */
#define QUICK_NS    100000
#define FEW         4 /* messages at a time, until it is seen that they are quickly done */
#define STOP_MS     3000

static bool enough(uint64_t begun)
{
    return cpu_begin() - begun > ENOUGH_NS;
}

/* Messages of a flood cost microseconds, those that make an SA a hundred times that. */
static void fit_batch(unsigned *batch, uint64_t begun, bool full)
{
    const uint64_t took = cpu_begin() - begun;
    if (took > ENOUGH_NS)
        *batch = FEW;
    else if (full && took < QUICK_NS && *batch < PORT500_BATCH)
        *batch *= 2;
}

/* ---- output ---- */

/* A bit for the worker that got something. Paths of drained packets end with the next call into the library,
 * so everything is copied here, before anything is sent. */
static uint64_t dispatch(gw *g, const nhtb_pkt *p)
{
    if (p->verdict == NHTB_PKT_TX && p->kind == NHTB_PKT_IKE_500) {
        port500_put(g->port500, p);
        return 0;
    }
    if (p->verdict != NHTB_PKT_TX && p->verdict != NHTB_PKT_REINJECT)
        return 0;
    return UINT64_C(1) << crew_post(&g->crew, p);
}

static bool drain(gw *g)
{
    uint64_t posted = 0;
    for (unsigned i = 0; i < DRAIN; i++) {
        nhtb_pkt *p = &g->drain_pkt[i];
        *p = (nhtb_pkt){.buf = p->buf, .cap = p->cap, .off = NHTB_HEADROOM};
    }
    const size_t n = nhtb_drain(g->ctx, g->drain_v, DRAIN, gw_now());
    for (size_t i = 0; i < n; i++)
        posted |= dispatch(g, g->drain_v[i]);
    for (unsigned k = 0; k < g->crew.n; k++)
        if ((posted >> k & 1) != 0)
            worker_wake(g->crew.worker[k]);
    port500_flush(g->port500);
    return n > 0;
}

/* ---- the pump ---- */

static void on_timer(uv_timer_t *t)
{
    gw *g = t->data;
    const uint64_t begun = cpu_begin();
    (void)nhtb_timeout(g->ctx, gw_now());
    cpu_end(&g->cpu, CPU_TIMER, begun);
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

/* True: there was something in the last round, too. */
static bool pump(gw *g, uint64_t begun)
{
    bool busy = true;
    for (unsigned i = 0; busy && i < PUMP_ROUNDS && !enough(begun); i++) {
        busy = jobs_submit(g->jobs);
        busy = drain(g) || busy;
        busy = events_handle(g) || busy;
        if (g->owners_dirty)
            owners_save(g);
        if (g->dirty) {
            routes_sync(g);
            busy = true;
        }
    }
    return busy;
}

static void on_pump(uv_prepare_t *p)
{
    gw *g = p->data;
    const uint64_t begun = cpu_begin();
    const bool busy = pump(g, begun);
    if (g->stopping && nhtb_idle(g->ctx))
        uv_stop(&g->loop);
    arm(g);
    if (busy)
        uv_timer_start(&g->timer, on_timer, 0, 0); /* more waits: come back at once */
    cpu_end(&g->cpu, CPU_PUMP, begun);
}

/* ---- input ---- */

/* One batch and its answers, which leave before the next requests are looked at. */
static bool port500_turn(gw *g, const gw_sock *s)
{
    const uint64_t begun = cpu_begin();
    const bool more = port500_receive(g->port500, s, g->batch[0]);
    while (drain(g))
        continue;
    fit_batch(&g->batch[0], begun, more);
    return more;
}

static void on_ike(uv_poll_t *p, int status, int events)
{
    gw *g = p->data;
    const gw_sock *s = &g->ike[p == &g->ike_poll[1]];
    const uint64_t begun = cpu_begin();
    if (status != 0 || (events & UV_READABLE) == 0)
        return;
    for (unsigned i = 0; i < BATCHES && !enough(begun) && port500_turn(g, s); i++)
        continue;
    cpu_end(&g->cpu, CPU_PORT500, begun);
}

/* Takes one batch of a worker's messages. True: more may wait. */
static bool from_worker(gw *g, gw_worker *w, unsigned most)
{
    gw_msg *m[PORT500_BATCH];
    nhtb_pkt *v[PORT500_BATCH];
    unsigned n = 0, punts = 0;
    while (n < most && (m[n] = worker_take(w)) != NULL) {
        if (m[n]->kind == GW_MSG_PUNT)
            v[punts++] = &m[n]->pkt;
        else if (m[n]->kind == GW_MSG_PATH_MTU)
            nhtb_path_mtu(g->ctx, &m[n]->path, m[n]->mtu, gw_now());
        else if (m[n]->kind == GW_MSG_TUN_LOST)
            device_lost(g, m[n]->queue.iface, m[n]->queue.ifindex);
        n++;
    }
    if (punts > 0)
        (void)nhtb_feed(g->ctx, v, punts, gw_now());
    for (unsigned i = 0; i < n; i++)
        free(m[i]);
    return n == most;
}

static bool worker_turn(gw *g, gw_worker *w)
{
    const uint64_t begun = cpu_begin();
    const bool more = from_worker(g, w, g->batch[1]);
    while (drain(g))
        continue;
    fit_batch(&g->batch[1], begun, more);
    return more;
}

static void on_worker(uv_poll_t *p, int status, int events)
{
    gw *g = p->data;
    gw_worker *w = g->crew.worker[p - g->worker_poll];
    const uint64_t begun = cpu_begin();
    bool more = true;
    (void)status;
    (void)events;
    for (unsigned i = 0; more && i < BATCHES && !enough(begun); i++)
        more = worker_turn(g, w);
    if (more) /* the wake-up may be taken while messages are left: raise it again */
        worker_renotify(w);
    cpu_end(&g->cpu, CPU_WORKER, begun);
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

static int buffers(gw *g)
{
    const nhtb_limits *l = &g->settings.limits;
    const uint32_t room = l->ike_message > l->held_bytes ? l->ike_message : l->held_bytes;
    const size_t each = (room + NHTB_HEADROOM + NHTB_TAILROOM + 4 + 63) / 64 * 64;
    g->batch[0] = g->batch[1] = FEW;
    int err = port500_new(&g->port500, g, l->ike_message);
    if (err == 0)
        err = jobs_new(&g->jobs, g);
    if (err != 0)
        return err;
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

static int watch(gw *g, uv_poll_t *p, int fd, uv_poll_cb cb)
{
    const int err = uv_poll_init(&g->loop, p, fd);
    p->data = g;
    return err != 0 ? err : uv_poll_start(p, UV_READABLE, cb);
}

int loop_watch_worker(gw *g, unsigned k)
{
    return watch(g, &g->worker_poll[k], worker_event_fd(g->crew.worker[k]), on_worker);
}

int loop_start(gw *g)
{
    static const int SIGNALS[] = {SIGHUP, SIGTERM, SIGINT};
    const int err = buffers(g);
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
    int watched = 0;
    for (unsigned i = 0; watched == 0 && i < 2; i++)
        if (g->ike[i].fd >= 0)
            watched = watch(g, &g->ike_poll[i], g->ike[i].fd, on_ike);
    return watched;
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
    signals_block(NULL); /* closed handles leave the default action: what comes now must not kill */
    ctl_stop(g);
    if (g->jobs != NULL)
        jobs_cancel(g->jobs);
    uv_walk(&g->loop, close_handle, NULL);
    uv_run(&g->loop, UV_RUN_DEFAULT); /* until the last job is back, too */
    (void)uv_loop_close(&g->loop);
    jobs_del(g->jobs);
    g->jobs = NULL;
    port500_del(g->port500);
    g->port500 = NULL;
    free(g->drain_memory);
    free(g->drain_pkt);
    free(g->drain_v);
}
