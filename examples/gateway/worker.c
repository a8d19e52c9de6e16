/* SPDX-License-Identifier: Apache-2.0
 * The data plane thread: see worker.h. One turn = epoll, then for each ready descriptor one batch
 * in, through the library, out by verdict. Nothing here allocates except copies for the control
 * thread, which are few and bounded by the ring. */
#define _GNU_SOURCE
#include "worker_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "signals.h"

#define EVENTS          32
#define MESSAGE_BATCHES 4 /* of the control thread's messages in a turn */

/* ---- messages from the control thread ---- */

static void watch(gw_worker *w, int fd, void *what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = what};
    (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

static void port_add(gw_worker *w, const gw_msg *m)
{
    port *t = malloc(sizeof *t);
    if (t == NULL) {
        close(m->queue.fd);
        return;
    }
    *t = (port){.q = m->queue, .next = w->ports};
    w->ports = t;
    if (t->q.reads)
        watch(w, t->q.fd, t);
}

static void port_del(gw_worker *w, nhtb_iface_id iface)
{
    for (port **at = &w->ports; *at != NULL; at = &(*at)->next) {
        port *t = *at;
        if (t->q.iface.id != iface.id)
            continue;
        *at = t->next;
        (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, t->q.fd, NULL); /* the description lives on */
        close(t->q.fd);
        free(t);
        return;
    }
}

void worker_port_lost(gw_worker *w, port *t)
{
    gw_count(&w->stats.tun_lost);
    (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, t->q.fd,
                    NULL); /* else it would be ready for ever */
    gw_msg *m = msg_new(GW_MSG_TUN_LOST, 0);
    if (m == NULL)
        return;
    m->queue.iface = t->q.iface;
    m->queue.ifindex = t->q.ifindex;
    if (ring_put(&w->to_control, m))
        ring_wake(&w->to_control);
    else
        free(m);
}

static void handle(gw_worker *w, gw_msg *m)
{
    nhtb_pkt *p = &m->pkt;
    switch (m->kind) {
    case GW_MSG_TUN_ADD: port_add(w, m); break;
    case GW_MSG_TUN_DEL: port_del(w, m->queue.iface); break;
    case GW_MSG_STOP: w->stopping = true; break;
    case GW_MSG_TX: tx_put(&w->tx, p, worker_now()); break;
    case GW_MSG_REINJECT: worker_run(w, &p, 1, nhtb_worker_out); break;
    default: break;
    }
}

/* One batch; queued bytes stay in their messages until they are sent. True: more may wait. */
static bool take_messages(gw_worker *w, bool *ports_gone)
{
    gw_msg *m[BATCH];
    unsigned n = 0;
    while (n < BATCH && (m[n] = ring_take(&w->to_worker)) != NULL) {
        *ports_gone = *ports_gone || m[n]->kind == GW_MSG_TUN_DEL;
        handle(w, m[n++]);
    }
    tx_flush(&w->tx, worker_now());
    for (unsigned i = 0; i < n; i++)
        free(m[i]);
    return n == BATCH;
}

/* True: ports may have gone, so events fetched before are stale. */
static bool turn_messages(gw_worker *w)
{
    bool ports_gone = false, more = true;
    ring_awake(&w->to_worker);
    for (unsigned i = 0; more && i < MESSAGE_BATCHES; i++)
        more = take_messages(w, &ports_gone);
    if (more)
        ring_wake(&w->to_worker); /* after the packets that wait beside it */
    return ports_gone;
}

/* ---- the thread ---- */

static const gw_sock *as_socket(const gw_worker *w, const void *what)
{
    for (unsigned i = 0; i < GW_SOCKS; i++)
        if (what == &w->tx.q[i].sock)
            return &w->tx.q[i].sock;
    return NULL;
}

static void turn(gw_worker *w, const struct epoll_event *e, int n)
{
    for (int i = 0; i < n; i++)
        if (e[i].data.ptr == &w->to_worker && turn_messages(w))
            return;
    for (int i = 0; i < n; i++) {
        const gw_sock *s = as_socket(w, e[i].data.ptr);
        if (s != NULL)
            worker_receive(w, s);
        else if (e[i].data.ptr == &w->mesh)
            worker_take_over(w);
        else if (e[i].data.ptr != &w->to_worker)
            worker_tun_read(w, e[i].data.ptr);
    }
}

static void *thread_main(void *arg)
{
    gw_worker *w = arg;
    struct epoll_event e[EVENTS];
    while (!w->stopping) {
        nhtb_worker_rest(w->nw); /* off-line while asleep: old tables can be freed */
        const int n = epoll_wait(w->epoll_fd, e, EVENTS, -1);
        if (n > 0)
            turn(w, e, n);
    }
    nhtb_worker_rest(w->nw);
    return NULL;
}

/* ---- life ---- */

static void dispose(gw_worker *w)
{
    while (w->ports != NULL)
        port_del(w, w->ports->q.iface);
    ring_fini(&w->to_worker);
    ring_fini(&w->to_control);
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    pool_fini(&w->spares);
    pool_fini(&w->reads);
    pool_fini(&w->rx_buffers);
    free(w);
}

static int prepare(gw_worker *w, const gw_sock *socks)
{
    int err = pool_init(&w->spares, SPARES, SPARE_BYTES);
    if (err == 0)
        err = pool_init(&w->reads, BATCH, READ_BYTES);
    if (err == 0)
        err = worker_rx_init(w);
    if (err != 0)
        return err;
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll_fd < 0)
        return -errno;
    err = ring_init(&w->to_worker);
    if (err == 0)
        err = ring_init(&w->to_control);
    if (err != 0)
        return err;
    tx_init(&w->tx, socks, &w->stats, &w->to_control);
    watch(w, w->to_worker.wake_fd, &w->to_worker);
    if (w->mesh != NULL)
        watch(w, w->mesh->wake_fd[w->index], &w->mesh);
    for (unsigned i = 0; i < GW_SOCKS; i++)
        if (w->tx.q[i].sock.fd >= 0)
            watch(w, w->tx.q[i].sock.fd, &w->tx.q[i].sock);
    return 0;
}

int worker_start(gw_worker **out, nhtb_worker *nw, const gw_sock *socks, gw_mesh *mesh,
                 unsigned index)
{
    gw_worker *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    if (w == NULL)
        return -ENOMEM;
    memset(w, 0, sizeof *w);
    w->nw = nw;
    w->mesh = mesh;
    w->index = index;
    w->epoll_fd = w->to_worker.wake_fd = w->to_control.wake_fd = -1;
    int err = prepare(w, socks);
    if (err == 0) {
        sigset_t before;
        signals_block(&before);
        err = -pthread_create(&w->thread, NULL, thread_main, w);
        signals_restore(&before);
    }
    if (err != 0)
        dispose(w);
    else
        *out = w;
    return err;
}

/* For messages that must arrive: the worker empties its ring every turn, so waiting is short. */
static void post_surely(gw_worker *w, gw_msg *m)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    while (!ring_put(&w->to_worker, m)) {
        ring_wake(&w->to_worker);
        nanosleep(&nap, NULL);
    }
    ring_wake(&w->to_worker);
}

void worker_stop(gw_worker *w)
{
    if (w == NULL)
        return;
    gw_msg *m = msg_new(GW_MSG_STOP, 0);
    if (m == NULL)
        return; /* nothing sane left to do without memory; the process is ending */
    post_surely(w, m);
    pthread_join(w->thread, NULL);
    dispose(w);
}

int worker_tun_add(gw_worker *w, const gw_queue *q)
{
    const int own = fcntl(q->fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return -errno;
    gw_msg *m = msg_new(GW_MSG_TUN_ADD, 0);
    if (m == NULL) {
        close(own);
        return -ENOMEM;
    }
    m->queue = *q;
    m->queue.fd = own;
    post_surely(w, m);
    return 0;
}

void worker_tun_del(gw_worker *w, nhtb_iface_id iface)
{
    gw_msg *m = msg_new(GW_MSG_TUN_DEL, 0);
    if (m == NULL)
        return;
    m->queue.iface = iface;
    post_surely(w, m);
}

void worker_post(gw_worker *w, gw_msg_kind kind, const nhtb_pkt *p)
{
    gw_msg *m = msg_copy(kind, p);
    if (m != NULL && ring_put(&w->to_worker, m))
        return;
    free(m);
    gw_count(&w->stats.control_dropped);
}

void worker_wake(gw_worker *w)
{
    ring_wake(&w->to_worker);
}

int worker_event_fd(const gw_worker *w)
{
    return w->to_control.wake_fd;
}

gw_msg *worker_take(gw_worker *w)
{
    gw_msg *m = ring_take(&w->to_control);
    if (m != NULL)
        return m;
    ring_awake(&w->to_control);
    return ring_take(&w->to_control); /* what came between the two */
}

void worker_renotify(gw_worker *w)
{
    ring_wake(&w->to_control);
}

const gw_io_stats *worker_stats(const gw_worker *w)
{
    return &w->stats;
}

const char *worker_stat_name(unsigned i, const char **text)
{
    static const char *const NAMES[][2] = {
#define X(name, what) {#name, what},
        GW_IO_COUNTERS(X)
#undef X
    };
    if (i >= sizeof NAMES / sizeof *NAMES)
        return NULL;
    *text = NAMES[i][1];
    return NAMES[i][0];
}

uint64_t worker_stat(const gw_io_stats *s, unsigned i)
{
    const _Atomic uint64_t *const v[] = {
#define X(name, what) &s->name,
        GW_IO_COUNTERS(X)
#undef X
    };
    return i < sizeof v / sizeof *v ? atomic_load_explicit(v[i], memory_order_relaxed) : 0;
}
