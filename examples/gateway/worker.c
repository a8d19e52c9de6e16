/* SPDX-License-Identifier: Apache-2.0
 * The data plane thread: see worker.h. One turn = epoll, then for each ready descriptor one batch
 * in, through the library, out by verdict. Nothing here allocates except copies for the control
 * thread, which are few and bounded by the ring. */
#define _GNU_SOURCE
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "worker_tx.h"

#define BATCH           64
#define POOL            (4 * BATCH)
#define BUFFER          10240 /* largest TUN MTU (9000) with head- and tailroom */
#define EVENTS          32
#define MESSAGE_BATCHES 4 /* of the control thread's messages in a turn */

typedef struct port {
    nhtb_iface_id iface;
    int fd;
    struct port *next;
} port;

struct gw_worker {
    nhtb_worker *nw;
    pthread_t thread;
    int epoll_fd;
    bool stopping;
    bool punted; /* control is to be woken after the burst */
    port *ports;
    tx tx;
    gw_ring to_worker, to_control;
    gw_io_stats stats;
    nhtb_pkt pkt[POOL], *pool[POOL];
    unsigned n_pool;
    nhtb_pkt *in[BATCH], *spare[BATCH], *out[2 * BATCH + 1];
    unsigned n_spare;
    nhtb_path path[BATCH];
    struct mmsghdr rx[BATCH];
    gw_slot rx_slot[BATCH];
    uint8_t *memory;
};

typedef void (*direction)(nhtb_worker *, nhtb_burst *, nhtb_time);

static nhtb_time now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (nhtb_time)ts.tv_sec * NHTB_NS_PER_S + (nhtb_time)ts.tv_nsec;
}

/* ---- packet pool ---- */

static nhtb_pkt *pool_take(gw_worker *w)
{
    if (w->n_pool == 0)
        return NULL;
    nhtb_pkt *p = w->pool[--w->n_pool];
    *p = (nhtb_pkt){.buf = p->buf, .cap = BUFFER, .off = NHTB_HEADROOM};
    return p;
}

static void pool_give(gw_worker *w, nhtb_pkt *p)
{
    w->pool[w->n_pool++] = p;
}

static bool is_ours(const gw_worker *w, const nhtb_pkt *p)
{
    return p >= w->pkt && p < w->pkt + POOL;
}

/* ---- verdicts ---- */

static void deliver(gw_worker *w, const nhtb_pkt *p)
{
    for (const port *t = w->ports; t != NULL; t = t->next) {
        if (t->iface.id != p->iface.id)
            continue;
        ssize_t n;
        do
            n = write(t->fd, p->buf + p->off, p->len);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            gw_count(&w->stats.tun_write_errors);
        return;
    }
    gw_count(&w->stats.tun_write_errors);
}

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
    case NHTB_PKT_DELIVER: deliver(w, p); break;
    case NHTB_PKT_PUNT: punt(w, p); break;
    case NHTB_PKT_HANDOFF: gw_count(&w->stats.handoffs_dropped); break;
    default: break; /* DROP: the library counted it */
    }
}

static void dispatch(gw_worker *w, const nhtb_burst *b, nhtb_time now)
{
    for (size_t i = 0; i < b->n_out; i++)
        by_verdict(w, b->out[i], now);
    tx_flush(&w->tx, now);
    if (w->punted)
        ring_wake(&w->to_control);
    w->punted = false;
    for (size_t i = 0; i < b->n_out; i++)
        if (is_ours(w, b->out[i]))
            pool_give(w, b->out[i]);
}

/* ---- bursts ---- */

static void fill_spares(gw_worker *w)
{
    while (w->n_spare < BATCH && w->n_pool > 0)
        w->spare[w->n_spare++] = pool_take(w);
}

static void used_spares(gw_worker *w, size_t used)
{
    w->n_spare -= (unsigned)used;
    memmove(w->spare, w->spare + used, w->n_spare * sizeof *w->spare);
}

/* Gives back what the library did not take; only a broken contract leads here. */
static void abandon(gw_worker *w, nhtb_pkt **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_ours(w, v[i]))
            pool_give(w, v[i]);
}

static void run(gw_worker *w, nhtb_pkt **in, size_t n, direction go)
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
        const nhtb_time now = now_ns();
        go(w->nw, &b, now);
        gw_count(&w->stats.bursts);
        used += b.used_in;
        used_spares(w, b.used_spare);
        dispatch(w, &b, now);
        more = b.more;
        if (b.used_in == 0 && b.n_out == 0)
            break;
    }
    abandon(w, in + used, n - used);
}

/* ---- inputs ---- */

static void turn_tun(gw_worker *w, const port *t)
{
    size_t n = 0;
    while (n < BATCH) {
        nhtb_pkt *p = pool_take(w);
        if (p == NULL)
            break;
        const ssize_t got = read(t->fd, p->buf + p->off, BUFFER - NHTB_HEADROOM - NHTB_TAILROOM);
        if (got <= 0) {
            pool_give(w, p);
            if (got < 0 && errno != EAGAIN && errno != EINTR)
                gw_count(&w->stats.tun_read_errors);
            break;
        }
        p->len = (uint32_t)got;
        p->kind = NHTB_PKT_INNER;
        p->iface = t->iface;
        w->in[n++] = p;
    }
    if (n > 0)
        run(w, w->in, n, nhtb_worker_out);
}

static size_t receive(gw_worker *w, const gw_sock *s, nhtb_pkt **v)
{
    unsigned room = 0;
    for (; room < BATCH; room++) {
        v[room] = pool_take(w);
        if (v[room] == NULL)
            break;
        sock_fill_rx(&w->rx[room].msg_hdr, &w->rx_slot[room], v[room],
                     BUFFER - NHTB_HEADROOM - NHTB_TAILROOM);
    }
    int got = sock_receive_batch(s, w->rx, room);
    if (got < 0 && errno != EAGAIN && errno != EINTR)
        gw_count(&w->stats.receive_errors);
    if (got < 0)
        got = 0;
    for (unsigned i = (unsigned)got; i < room; i++)
        pool_give(w, v[i]);
    return (size_t)got;
}

static void turn_socket(gw_worker *w, const gw_sock *s)
{
    nhtb_pkt *v[BATCH];
    const size_t got = receive(w, s, v);
    size_t n = 0;
    for (size_t i = 0; i < got; i++) {
        if (sock_parse_rx(s, &w->rx[i].msg_hdr, w->rx[i].msg_len, v[i], &w->path[n])) {
            w->in[n++] = v[i];
            continue;
        }
        gw_count(&w->stats.receive_truncated);
        pool_give(w, v[i]);
    }
    if (n > 0)
        run(w, w->in, n, nhtb_worker_in);
}

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
        close(m->fd);
        return;
    }
    *t = (port){m->iface, m->fd, w->ports};
    w->ports = t;
    watch(w, t->fd, t);
}

static void port_del(gw_worker *w, nhtb_iface_id iface)
{
    for (port **at = &w->ports; *at != NULL; at = &(*at)->next) {
        port *t = *at;
        if (t->iface.id != iface.id)
            continue;
        *at = t->next;
        (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, t->fd, NULL); /* the description lives on */
        close(t->fd);
        free(t);
        return;
    }
}

static void handle(gw_worker *w, gw_msg *m)
{
    nhtb_pkt *p = &m->pkt;
    switch (m->kind) {
    case GW_MSG_TUN_ADD: port_add(w, m); break;
    case GW_MSG_TUN_DEL: port_del(w, m->iface); break;
    case GW_MSG_STOP: w->stopping = true; break;
    case GW_MSG_TX: tx_put(&w->tx, p, now_ns()); break;
    case GW_MSG_REINJECT: run(w, &p, 1, nhtb_worker_out); break;
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
    tx_flush(&w->tx, now_ns());
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
            turn_socket(w, s);
        else if (e[i].data.ptr != &w->to_worker)
            turn_tun(w, e[i].data.ptr);
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
        port_del(w, w->ports->iface);
    ring_fini(&w->to_worker);
    ring_fini(&w->to_control);
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    free(w->memory);
    free(w);
}

static int prepare(gw_worker *w, const gw_sock *socks)
{
    w->memory = malloc((size_t)POOL * BUFFER);
    if (w->memory == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < POOL; i++) {
        w->pkt[i].buf = w->memory + (size_t)i * BUFFER;
        pool_give(w, &w->pkt[i]);
    }
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll_fd < 0)
        return -errno;
    int err = ring_init(&w->to_worker);
    if (err == 0)
        err = ring_init(&w->to_control);
    if (err != 0)
        return err;
    tx_init(&w->tx, socks, &w->stats, &w->to_control);
    watch(w, w->to_worker.wake_fd, &w->to_worker);
    for (unsigned i = 0; i < GW_SOCKS; i++)
        if (w->tx.q[i].sock.fd >= 0)
            watch(w, w->tx.q[i].sock.fd, &w->tx.q[i].sock);
    return 0;
}

int worker_start(gw_worker **out, nhtb_worker *nw, const gw_sock *socks)
{
    gw_worker *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    if (w == NULL)
        return -ENOMEM;
    memset(w, 0, sizeof *w);
    w->nw = nw;
    w->epoll_fd = w->to_worker.wake_fd = w->to_control.wake_fd = -1;
    int err = prepare(w, socks);
    if (err == 0) {
        sigset_t all, old; /* signals are the control thread's */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        err = -pthread_create(&w->thread, NULL, thread_main, w);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
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

int worker_tun_add(gw_worker *w, nhtb_iface_id iface, int fd)
{
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return -errno;
    gw_msg *m = msg_new(GW_MSG_TUN_ADD, 0);
    if (m == NULL) {
        close(own);
        return -ENOMEM;
    }
    m->iface = iface;
    m->fd = own;
    post_surely(w, m);
    return 0;
}

void worker_tun_del(gw_worker *w, nhtb_iface_id iface)
{
    gw_msg *m = msg_new(GW_MSG_TUN_DEL, 0);
    if (m == NULL)
        return;
    m->iface = iface;
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
