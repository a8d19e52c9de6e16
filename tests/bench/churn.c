/* SPDX-License-Identifier: Apache-2.0
 * Routes that change while a worker forwards: committed single-route transactions per second of the
 * control thread, and what they do to the worker's time per burst. Two threads; each is charged its
 * own CPU time, so a busy machine disturbs both phases alike; phases take turns. */
#define _GNU_SOURCE /* pthread_setaffinity_np */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench/world.h"

enum { ROUTES = 1000000, TUNNELS = 2, PHASES = 8, PASSES = 40, BURSTS = PACKETS / BURST };
enum { SAMPLES = PHASES * PASSES * BURSTS };

typedef struct churn {
    world *w;
    load *l;
    _Atomic bool busy, done; /* busy: this phase has a churning control thread */
    _Atomic unsigned phase;
    double idle[SAMPLES], churned[SAMPLES];
    size_t n_idle, n_churned;
} churn;

static void one_burst(churn *c, nhtb_pkt **in, double *ns)
{
    nhtb_pkt *out[BURST + 1];
    nhtb_burst b = {.in = in, .n_in = BURST, .out = out, .cap_out = BURST + 1};
    double begin = bench_cpu_ns();
    nhtb_worker_out(c->w->worker, &b, 1);
    nhtb_worker_rest(c->w->worker);
    *ns = bench_cpu_ns() - begin;
    bench_must(b.n_out == BURST && !b.more, "a burst did not come out whole");
    for (size_t i = 0; i < BURST; i++)
        bench_must(out[i]->verdict == NHTB_PKT_TX, "a packet was lost while routes changed");
}

static void one_phase(churn *c, bool busy)
{
    nhtb_pkt *in[PACKETS];
    for (int pass = 0; pass < PASSES; pass++) {
        load_fill(c->l, "openssl");
        for (size_t i = 0; i < PACKETS; i++)
            in[i] = &c->l->pkt[c->l->order[i]];
        for (size_t i = 0; i < PACKETS; i += BURST) {
            double ns;
            one_burst(c, in + i, &ns);
            if (busy)
                c->churned[c->n_churned++] = ns;
            else
                c->idle[c->n_idle++] = ns;
        }
    }
}

static void *work(void *p)
{
    churn *c = p;
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    (void)pthread_setaffinity_np(pthread_self(), sizeof first, &first);
    for (unsigned k = 0; k < 2 * PHASES; k++) {
        atomic_store(&c->busy, k % 2 != 0);
        one_phase(c, k % 2 != 0);
    }
    atomic_store(&c->done, true);
    return NULL;
}

/* Every second one moves a route of the table to the other tunnel, the rest come and go. */
static void update(const world *w, uint64_t i)
{
    nhtb_txn *txn;
    const bench_route *v = &w->routes[(i / 2) % w->n_routes];
    uint32_t fresh = UINT32_C(0x0a000000) + (uint32_t)(i / 4 % 4096) * 256;
    nhtb_route r = {.size = sizeof r, .kind = NHTB_ROUTE_TUNNEL, .iface = w->st0};
    uint32_t a = i % 2 == 0 ? v->addr : fresh;
    r.prefix.addr.family = 4;
    for (int k = 0; k < 4; k++)
        r.prefix.addr.b[k] = (uint8_t)(a >> (24 - 8 * k));
    r.prefix.len = i % 2 == 0 ? v->len : 24;
    r.next_hop = world_next_hop((uint32_t)(i / 2 % w->n_tunnels));
    bench_must(nhtb_txn_begin(w->ctx, &txn) == 0, "no transaction");
    int err = i % 4 == 3 ? nhtb_txn_route_del(txn, &r.prefix) : nhtb_txn_route(txn, &r);
    bench_must(err == 0 && nhtb_txn_commit(txn, 1) == 0, "an update was refused");
}

static double control(churn *c)
{
    uint64_t n = 0;
    double spent = 0;
    while (!atomic_load(&c->done)) {
        if (!atomic_load(&c->busy)) {
            struct timespec nap = {.tv_nsec = 1000000};
            nanosleep(&nap, NULL);
            continue;
        }
        double begin = bench_cpu_ns();
        for (int i = 0; i < 64; i++)
            update(c->w, n++);
        spent += bench_cpu_ns() - begin;
    }
    return spent > 0 ? (double)n / spent * 1e9 : 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at(double *v, size_t n, double part)
{
    qsort(v, n, sizeof *v, by_size);
    return v[(size_t)((double)(n - 1) * part)];
}

void bench_churn(bench *b, const bench_case *c)
{
    pthread_t t;
    churn *x = calloc(1, sizeof *x);
    bench_must(x != NULL, "no memory");
    x->w = world_new("openssl", &bare_gcm, TUNNELS, ROUTES);
    x->l = load_new(x->w, WAY_OUT, c->size);
    load_fill(x->l, "openssl");
    (void)load_run(x->l);
    bench_must(pthread_create(&t, NULL, work, x) == 0, "no thread");
    bench_heap *before = bench_heap_use(&x->w->heap);
    double rate = control(x);
    bench_heap_use(before);
    pthread_join(t, NULL);
    double idle = at(x->idle, x->n_idle, 0.999), busy = at(x->churned, x->n_churned, 0.999);
    bench_count(b, c->name, "commits", "per s, core", rate);
    bench_count(b, c->name, "idle-p99.9", "ns/burst", idle);
    bench_count(b, c->name, "churn-p99.9", "ns/burst", busy);
    bench_count(b, c->name, "idle-p50", "ns/burst", at(x->idle, x->n_idle, 0.5));
    bench_count(b, c->name, "churn-p50", "ns/burst", at(x->churned, x->n_churned, 0.5));
    bench_count(b, c->name, "growth", "x", busy / idle);
    load_del(x->l);
    world_del(x->w);
    free(x);
}
