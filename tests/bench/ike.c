/* SPDX-License-Identifier: Apache-2.0
 * IKEv2 set-ups between two contexts in one thread, without sockets: CPU time of each end, and what
 * a tunnel costs the hub in memory. Each spoke has its own interface, identity, key and address. */
#include <stdlib.h>
#include <string.h>

#include <nhtb/backend_null.h>
#include <nhtb/backend_openssl.h>

#include "bench/bare.h"
#include "bench/bench.h"
#include "engine/engine.h"
#include "fib/lpm_node.h"

enum { MESSAGE = 4096, BATCH = 100, FLAP_ROUTES = 10000, IFACES = 50000, MESSAGES = 20000 };

typedef struct side {
    nhtb_ctx *ctx;
    nhtb_peer_id *peer;
    uint32_t peer_iface[IFACES]; /* with more spokes than interfaces some share one */
    bench_heap heap;
    double cpu;
} side;

typedef struct pair {
    side i, r;
    nhtb_time now;
    uint32_t n;
} pair;

static nhtb_addr v4(uint32_t a)
{
    return (nhtb_addr){
        .family = 4, .b = {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a}};
}

/* ---- configuration ---- */

static void side_open(side *s, uint32_t n, nhtb_crypto crypto)
{
    nhtb_settings set;
    nhtb_host host = bench_host();
    nhtb_settings_init(&set);
    set.limits.ifaces = n < IFACES ? n + 16 : IFACES + 16;
    set.limits.peers = n + 16;
    set.limits.tunnels = n + 16;
    set.limits.sas = 2 * n + 64;
    set.limits.next_hops = n + 16;
    set.limits.bindings = n + 16;
    set.limits.routes = n + FLAP_ROUTES + 16;
    s->peer = calloc(n, sizeof *s->peer);
    bench_must(s->peer != NULL, "no memory");
    bench_heap *before = bench_heap_use(&s->heap);
    bench_must(nhtb_ctx_new(&s->ctx, &set, &host, &crypto) == 0, "no context");
    bench_heap_use(before);
}

static nhtb_iface_id add_iface(nhtb_txn *txn, uint32_t number, uint32_t addr)
{
    char name[NHTB_NAME_MAX];
    nhtb_iface_id id;
    nhtb_iface st0;
    nhtb_iface_init(&st0);
    snprintf(name, sizeof name, "st0.%u", number);
    st0.name = name;
    st0.kind = NHTB_IFACE_MULTIPOINT;
    st0.addr4.addr = v4(addr);
    st0.addr4.len = 8;
    bench_must(nhtb_txn_iface(txn, &st0, &id) == 0, "interface refused");
    return id;
}

static void add_peer(side *s, nhtb_txn *txn, uint32_t i, nhtb_iface_id st0, bool hub)
{
    char name[NHTB_NAME_MAX], id[40];
    uint8_t psk[32];
    nhtb_child child;
    nhtb_peer peer;
    snprintf(name, sizeof name, "spoke-%u", i);
    int n = snprintf(id, sizeof id, "spoke-%05u.example", i);
    uint64_t rng = i + 1;
    for (size_t k = 0; k < sizeof psk; k++)
        psk[k] = (uint8_t)(bench_random(&rng) >> 32);
    nhtb_identity spoke = {NHTB_ID_FQDN, {(const uint8_t *)id, (size_t)n}};
    nhtb_identity own = {NHTB_ID_FQDN, {(const uint8_t *)"hub.example", 11}};
    nhtb_addr hub_addr = v4(UINT32_C(0xc0000201)), addr = v4(UINT32_C(0xc6120000) + i);
    nhtb_child_init(&child);
    child.name = name;
    child.iface = st0;
    nhtb_peer_init(&peer);
    peer.name = name;
    peer.psk = (nhtb_span){psk, sizeof psk};
    peer.local_id = hub ? own : spoke;
    peer.remote_id = hub ? spoke : own;
    peer.path.local = hub ? hub_addr : addr;
    peer.path.remote = hub ? addr : hub_addr;
    peer.establish = hub ? NHTB_ESTABLISH_RESPONDER_ONLY : NHTB_ESTABLISH_ON_TRAFFIC;
    peer.children = &child;
    peer.n_children = 1;
    bench_must(nhtb_txn_peer(txn, &peer, &s->peer[i]) == 0, "peer refused");
}

static void side_configure(pair *p, side *s, bool hub)
{
    nhtb_txn *txn;
    nhtb_iface_id st0 = {0};
    bench_heap *before = bench_heap_use(&s->heap);
    bench_must(nhtb_txn_begin(s->ctx, &txn) == 0, "no transaction");
    if (hub)
        st0 = add_iface(txn, 0, UINT32_C(0x0a000001));
    for (uint32_t i = 0; i < p->n; i++) {
        if (!hub)
            st0 = i < IFACES ? add_iface(txn, i, UINT32_C(0x0a000002) + i)
                             : (nhtb_iface_id){s->peer_iface[i % IFACES]};
        if (!hub && i < IFACES)
            s->peer_iface[i] = st0.id;
        add_peer(s, txn, i, st0, hub);
    }
    bench_must(nhtb_txn_commit(txn, p->now) == 0, "commit refused");
    bench_heap_use(before);
}

/* ---- exchange ---- */

static double begin(side *s)
{
    bench_heap_use(&s->heap);
    return bench_cpu_ns();
}

static void end(side *s, double since)
{
    s->cpu += bench_cpu_ns() - since;
    bench_heap_use(NULL);
}

/* What the host's loop does: timers, jobs, events, then the next packet to send. */
static bool turn(side *s, nhtb_pkt *out, nhtb_time now)
{
    nhtb_job *job;
    nhtb_event ev;
    double since = begin(s);
    if (nhtb_deadline(s->ctx) <= now)
        nhtb_timeout(s->ctx, now);
    while (nhtb_next_job(s->ctx, &job)) {
        nhtb_job_run(job);
        nhtb_job_done(s->ctx, job, now);
    }
    for (nhtb_event_init(&ev); nhtb_next_event(s->ctx, &ev); nhtb_event_init(&ev))
        ;
    bool got = nhtb_drain(s->ctx, &out, 1, now) == 1 && out->verdict == NHTB_PKT_TX;
    end(s, since);
    return got;
}

static bool carry(side *from, side *to, nhtb_time now)
{
    uint8_t buf[MESSAGE];
    nhtb_pkt p = {.buf = buf, .cap = sizeof buf, .off = NHTB_HEADROOM}, *v = &p;
    if (!turn(from, &p, now))
        return false;
    nhtb_path path = {.local = p.path->remote,
                      .remote = p.path->local,
                      .local_port = p.path->remote_port,
                      .remote_port = p.path->local_port};
    p.path = &path;
    double since = begin(to);
    nhtb_feed(to->ctx, &v, 1, now);
    end(to, since);
    return true;
}

static void set_up(pair *p, uint32_t k)
{
    p->now += 10000;
    double since = begin(&p->i);
    bench_must(nhtb_peer_initiate(p->i.ctx, p->i.peer[k], p->now) == 0, "initiate refused");
    end(&p->i, since);
    while (carry(&p->i, &p->r, p->now) || carry(&p->r, &p->i, p->now))
        ;
}

static void all_up(const side *s, uint32_t n, bool hub)
{
    nhtb_stats st = {.size = sizeof st};
    bench_must(nhtb_stats_get(s->ctx, &st) == 0, "no statistics");
    bench_must(st.tunnels_up == n && st.ike_sas == n &&
                   (!hub || st.bindings == (n < IFACES ? n : IFACES)),
               "a set-up did not end with a tunnel");
}

static pair *pair_new(uint32_t n, nhtb_crypto crypto)
{
    pair *p = calloc(1, sizeof *p);
    bench_must(p != NULL, "no memory");
    p->now = 1;
    p->n = n;
    side_open(&p->i, n, crypto);
    side_open(&p->r, n, crypto);
    return p;
}

static void pair_del(pair *p)
{
    side *v[] = {&p->i, &p->r};
    for (int k = 0; k < 2; k++) {
        bench_heap_use(&v[k]->heap);
        nhtb_ctx_del(v[k]->ctx);
        bench_heap_use(NULL);
        bench_must(v[k]->heap.hook_bytes == 0, "a context leaked");
        free(v[k]->peer);
    }
    free(p);
}

/* ---- cases ---- */

static double bare_batch(void)
{
    double since = bench_cpu_ns();
    for (int i = 0; i < BATCH; i++)
        bench_must(bare_x25519(), "bare X25519 failed");
    return (bench_cpu_ns() - since) / BATCH / 1000;
}

static void print_side(bench *b, const bench_case *c, const char *detail, const bench_series *v,
                       const bench_series *dh)
{
    bench_row r = {.name = c->name,
                   .detail = detail,
                   .unit = "us/set-up",
                   .value = v,
                   .base_name = "bare X25519 pair + secret",
                   .base = dh,
                   .ratio = BENCH_COST};
    bench_print(b, &r);
}

static void print_rate(bench *b, const bench_case *c, const char *detail, const bench_series *us)
{
    static bench_series rate;
    rate.n = us->n;
    for (size_t i = 0; i < us->n; i++)
        rate.v[i] = 1e6 / us->v[i];
    bench_row r = {.name = c->name, .detail = detail, .unit = "per s, core", .value = &rate};
    bench_print(b, &r);
}

void bench_ike(bench *b, const bench_case *c)
{
    static bench_series us_i, us_r, dh;
    us_i.n = us_r.n = dh.n = 0;
    pair *p = pair_new(c->arg, nhtb_openssl_crypto());
    side_configure(p, &p->i, false);
    side_configure(p, &p->r, true);
    double stop = bench_cpu_ns() + b->seconds * 1e9;
    uint32_t done = 0;
    bare_batch();
    while (done + BATCH <= p->n && (us_i.n < BENCH_SAMPLES_MIN || bench_cpu_ns() < stop)) {
        bench_add(&dh, bare_batch());
        p->i.cpu = p->r.cpu = 0;
        for (int k = 0; k < BATCH; k++)
            set_up(p, done++);
        bench_add(&us_i, p->i.cpu / BATCH / 1000);
        bench_add(&us_r, p->r.cpu / BATCH / 1000);
    }
    all_up(&p->i, done, false);
    all_up(&p->r, done, true);
    print_side(b, c, "initiator", &us_i, &dh);
    print_side(b, c, "responder", &us_r, &dh);
    print_rate(b, c, "initiator-rate", &us_i);
    print_rate(b, c, "responder-rate", &us_r);
    pair_del(p);
}

void bench_memory(bench *b, const bench_case *c)
{
    pair *p = pair_new(c->arg, nhtb_openssl_crypto());
    const bench_heap *hub = &p->r.heap;
    bench_heap empty = *hub;
    side_configure(p, &p->i, false);
    side_configure(p, &p->r, true);
    bench_heap idle = *hub;
    for (uint32_t k = 0; k < p->n; k++)
        set_up(p, k);
    all_up(&p->i, p->n, false);
    all_up(&p->r, p->n, true);
    double n = p->n;
    bench_count(b, c->name, "context", "bytes", (double)empty.hook_bytes);
    bench_count(b, c->name, "configured", "bytes/tunnel",
                (double)(idle.hook_bytes - empty.hook_bytes) / n);
    bench_count(b, c->name, "up", "bytes/tunnel", (double)(hub->hook_bytes - empty.hook_bytes) / n);
    if (bench_heap_sees_vendor())
        bench_count(b, c->name, "vendor", "bytes/tunnel",
                    (double)(hub->vendor_bytes - empty.vendor_bytes) / n);
    pair_del(p);
}

/* ---- many tunnels ---- */

static pair *pair_up(uint32_t n, uint32_t spare, nhtb_crypto crypto)
{
    pair *p = pair_new(n + spare, crypto);
    side_configure(p, &p->i, false);
    side_configure(p, &p->r, true);
    for (uint32_t k = 0; k < n; k++)
        set_up(p, k);
    all_up(&p->i, n, false);
    all_up(&p->r, n, true);
    return p;
}

/* Time of each end for the next set-ups, in microseconds. */
static void more(pair *p, uint32_t *done, double *i, double *r)
{
    p->i.cpu = p->r.cpu = 0;
    for (int k = 0; k < BATCH; k++)
        set_up(p, (*done)++);
    *i = p->i.cpu / BATCH / 1000;
    *r = p->r.cpu / BATCH / 1000;
}

void bench_growth(bench *b, const bench_case *c)
{
    enum { FEW = 10, ROUNDS = 10 };
    static bench_series few, many, responder;
    few.n = many.n = responder.n = 0;
    pair *small = pair_up(FEW, ROUNDS * BATCH, nhtb_openssl_crypto());
    pair *large = pair_up(c->arg, ROUNDS * BATCH, nhtb_openssl_crypto());
    uint32_t n = FEW, m = c->arg;
    for (int k = 0; k < ROUNDS; k++) {
        double a, b2, r, r2;
        more(small, &n, &a, &r);
        more(large, &m, &b2, &r2);
        bench_add(&few, a);
        bench_add(&many, b2);
        bench_add(&responder, r2);
    }
    bench_row row = {.name = c->name,
                     .detail = "initiator",
                     .unit = "us/set-up",
                     .value = &many,
                     .base_name = "beside 10 tunnels",
                     .base = &few,
                     .ratio = BENCH_COST};
    bench_print(b, &row);
    row = (bench_row){
        .name = c->name, .detail = "responder", .unit = "us/set-up", .value = &responder};
    bench_print(b, &row);
    pair_del(small);
    pair_del(large);
}

/* Everything that happens within the time, or its beginning. */
static uint64_t live(pair *p, nhtb_time until)
{
    uint64_t messages = 0;
    while (p->now < until && messages < MESSAGES) {
        while (messages < MESSAGES && (carry(&p->i, &p->r, p->now) || carry(&p->r, &p->i, p->now)))
            messages++;
        nhtb_time next = nhtb_deadline(p->i.ctx), other = nhtb_deadline(p->r.ctx);
        next = other < next ? other : next;
        p->now = next > p->now ? next : p->now + 1000;
    }
    return messages;
}

void bench_tunnels(bench *b, const bench_case *c)
{
    pair *p = pair_up(c->arg, BATCH, nhtb_null_crypto());
    uint32_t done = c->arg;
    double i, r;
    more(p, &done, &i, &r);
    bench_count(b, c->name, "set-up", "us, both ends", i + r);
    p->i.cpu = p->r.cpu = 0;
    uint64_t n = live(p, p->now + 60 * NHTB_NS_PER_S);
    bench_must(n > 0, "nothing happened in a minute");
    bench_count(b, c->name, "message", "us, both ends", (p->i.cpu + p->r.cpu) / 1000 / (double)n);
    all_up(&p->i, done, false);
    pair_del(p);
}

/* ---- a spoke that flaps ---- */

/* The words that workers read to find the way to a tunnel or from an SPI. */
static size_t words_of(nhtb_ctx *ctx, nhi_path *path, uintptr_t *v)
{
    const nhi_fib *f = &ctx->fib;
    size_t n = 0;
    v[n++] = (uintptr_t)nhi_a_load(&f->lpm4->root);
    v[n++] = (uintptr_t)nhi_a_load(&f->lpm6->root);
    v[n++] = (uintptr_t)nhi_a_load(&f->next_hop);
    v[n++] = (uintptr_t)nhi_a_load(&path->endpoint);
    v[n++] = (uintptr_t)nhi_a_load(&path->out);
    v[n++] = (uintptr_t)nhi_a_load(&path->alt);
    v[n++] = nhi_a_load(&path->inner_mtu);
    for (uint32_t i = 0; i < f->n_slots; i++)
        v[n++] = (uintptr_t)nhi_a_load(&f->slot[i].path);
    for (uint32_t i = 0; i <= f->next_hop_mask; i++)
        v[n++] = nhi_a_load(&nhi_a_load(&f->next_hop)->v[i]);
    for (uint32_t i = 0; i <= f->spi_mask; i++)
        v[n++] = (uintptr_t)nhi_a_load(&f->spi[i]);
    for (uint32_t i = 0; i < f->n_ifaces; i++) {
        const nhi_iface_pub *o = nhi_a_load(&f->iface[i]);
        nhi_path_list *l = o != NULL ? nhi_a_load(&o->live) : NULL;
        for (uint32_t k = 0; l != NULL && k < l->cap; k++)
            v[n++] = (uintptr_t)nhi_a_load(&l->v[k]);
    }
    return n;
}

static unsigned differ(const uintptr_t *a, const uintptr_t *b, size_t n)
{
    unsigned d = 0;
    for (size_t i = 0; i < n; i++)
        d += a[i] != b[i];
    return d;
}

static nhi_path *routes_behind(pair *p, uint32_t n)
{
    nhtb_txn *txn;
    nhtb_addr hop = v4(UINT32_C(0x0a000002));
    nhtb_iface_info i = {.size = sizeof i};
    uint32_t cursor = 0;
    bench_must(nhtb_iface_next(p->r.ctx, &cursor, &i), "no interface");
    bench_must(nhtb_txn_begin(p->r.ctx, &txn) == 0, "no transaction");
    for (uint32_t k = 0; k < n; k++) {
        nhtb_route r = {.size = sizeof r, .kind = NHTB_ROUTE_TUNNEL, .iface = i.id};
        r.prefix = (nhtb_prefix){.addr = v4(UINT32_C(0x30000000) + k * 256), .len = 24};
        r.next_hop = hop;
        bench_must(nhtb_txn_route(txn, &r) == 0, "route refused");
    }
    bench_must(nhtb_txn_commit(txn, p->now) == 0, "commit refused");
    nhtb_addr inside = v4(UINT32_C(0x30000001));
    nhi_fib *f = &p->r.ctx->fib;
    nhi_path *path = nhi_a_load(&f->slot[nhi_fib_lookup(f, &inside)].path);
    bench_must(path != NULL, "the routes lead nowhere");
    return path;
}

void bench_flap(bench *b, const bench_case *c)
{
    pair *p = pair_up(1, 0, nhtb_null_crypto());
    bench_heap_use(&p->r.heap);
    nhi_path *path = routes_behind(p, c->arg);
    bench_heap_use(NULL);
    uintptr_t *v[3];
    size_t n = 0;
    for (int k = 0; k < 3; k++) {
        v[k] = calloc(1 << 20, sizeof *v[k]);
        bench_must(v[k] != NULL, "no memory");
    }
    n = words_of(p->r.ctx, path, v[0]);
    bench_heap_use(&p->r.heap);
    bench_must(nhtb_peer_clear(p->r.ctx, p->r.peer[0], p->now) == 0, "clear refused");
    bench_heap_use(NULL);
    (void)live(p, p->now + NHTB_NS_PER_S);
    bench_must(words_of(p->r.ctx, path, v[1]) == n, "the tables changed their size");
    set_up(p, 0);
    (void)live(p, p->now + NHTB_NS_PER_S);
    bench_must(words_of(p->r.ctx, path, v[2]) == n, "the tables changed their size");
    bench_must(nhi_a_load(&path->out) != NULL, "the spoke did not come back");
    bench_count(b, c->name, "down", "words changed", differ(v[0], v[1], n));
    bench_count(b, c->name, "up", "words changed", differ(v[1], v[2], n));
    for (int k = 0; k < 3; k++)
        free(v[k]);
    pair_del(p);
}
