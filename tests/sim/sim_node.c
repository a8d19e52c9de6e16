/* SPDX-License-Identifier: Apache-2.0
 * A node: a context with its workers, an allocator that counts, checks sizes and can fail, and the
 * loop a host runs: jobs, output, events, deadline. */
#include "sim/sim_int.h"

#include <nhtb/backend_mbedtls.h>
#include <nhtb/backend_null.h>
#include <nhtb/backend_openssl.h>

/* ---- host hooks ---- */

typedef struct block {
    size_t n, lead;
} block;

static void *node_alloc(void *user, size_t n, size_t align)
{
    sim_node *node = user;
    node->allocs++;
    if (sim_fault(SIM_FAULT_ALLOC))
        return NULL;
    if (node->fail_in && --node->fail_in == 0) {
        if (getenv("NHTB_SIM_LOG"))
            fprintf(stderr, "%10.4f %-8s allocation of %zu bytes fails\n",
                    (double)node->s->now / 1e9, node->name, n);
        return NULL;
    }
    size_t lead = align > sizeof(block) ? align : sizeof(block);
    uint8_t *raw =
        aligned_alloc(align > 16 ? align : 16, (lead + n + align + 15) / (align > 16 ? align : 16) *
                                                   (align > 16 ? align : 16));
    if (!raw)
        abort();
    memset(raw, 0xa5, lead + n);
    block b = {n, lead};
    memcpy(raw + lead - sizeof b, &b, sizeof b);
    node->live++;
    node->live_bytes += n;
    return raw + lead;
}

static void node_free(void *user, void *p, size_t n)
{
    sim_node *node = user;
    block b;
    if (!p)
        return;
    memcpy(&b, (uint8_t *)p - sizeof b, sizeof b);
    if (b.n != n) {
        fprintf(stderr, "sim: %s: freed with %zu bytes, allocated with %zu\n", node->name, n, b.n);
        node->bad_free++;
    }
    node->live--;
    node->live_bytes -= b.n;
    free((uint8_t *)p - b.lead);
}

static int node_random(void *user, uint8_t *dst, size_t n)
{
    sim_node *node = user;
    if (sim_fault(SIM_FAULT_RANDOM))
        return NHTB_ERR_RANDOM;
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)sim_next(&node->rng);
    return 0;
}

static uint64_t node_wall_time(void *user)
{
    const sim_node *node = user;
    return UINT64_C(1700000000) + node->s->now / SIM_S + node->wall;
}

static void node_log(void *user, const nhtb_log *rec)
{
    const sim_node *node = user;
    if (getenv("NHTB_SIM_LOG"))
        fprintf(stderr, "%10.4f %-8s %s: %s%s%s\n", (double)node->s->now / 1e9, node->name,
                rec->room, rec->text, rec->peer_name ? " peer " : "",
                rec->peer_name ? rec->peer_name : "");
}

uint64_t sim_allocs(const sim_node *n)
{
    return n->allocs;
}

void sim_fail_alloc(sim_node *n, uint64_t nth)
{
    n->fail_in = nth;
}

uint64_t sim_live_bytes(const sim_node *n)
{
    return n->live_bytes;
}

/* ---- life ---- */

#if defined(NHTB_HAVE_NULL)
/* The null backend with an ear: what goes into seal is what a holder of the keys reads on the wire. */
static struct {
    void (*hook)(void *user, nhtb_span plain, nhtb_span aad);
    void *user;
    nhtb_bulk_ops ops;
} tap;

static void tap_seal(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    for (size_t i = 0; tap.hook && i < n; i++)
        tap.hook(tap.user, (nhtb_span){jobs[i].src, jobs[i].len},
                 (nhtb_span){jobs[i].aad, jobs[i].aad_len});
    nhtb_null_bulk()->seal(lane, lane_index, jobs, n);
}

void sim_tap(void (*hook)(void *user, nhtb_span plain, nhtb_span aad), void *user)
{
    tap.hook = hook;
    tap.user = user;
}
#endif

bool sim_crypto(const char *name, nhtb_crypto *out)
{
#if defined(NHTB_HAVE_NULL)
    if (name && strcmp(name, "null-tap") == 0) {
        *out = nhtb_null_crypto();
        tap.ops = *out->bulk;
        tap.ops.seal = tap_seal;
        out->bulk = &tap.ops;
        return true;
    }
    if (name && strcmp(name, "null-fault") == 0) {
        *out = sim_fault_crypto();
        return true;
    }
    if (name && strcmp(name, "null-fault-sig") == 0)
        return sim_fault_crypto_sig(out);
    if (!name || strcmp(name, "null") == 0) {
        *out = nhtb_null_crypto();
        return true;
    }
#endif
#if defined(NHTB_HAVE_MBEDTLS)
    if (name && strcmp(name, "mbedtls") == 0) {
        *out = nhtb_mbedtls_crypto();
        return true;
    }
#endif
#if defined(NHTB_HAVE_OPENSSL)
    if (name && strcmp(name, "openssl") == 0) {
        *out = nhtb_openssl_crypto();
        return true;
    }
#endif
    return false;
}

static uint32_t pow2(uint32_t v)
{
    uint32_t p = 1;
    while (p < v)
        p *= 2;
    return p;
}

nhtb_settings sim_settings(unsigned n)
{
    nhtb_settings s;
    nhtb_settings_init(&s);
    s.limits.ifaces = 8;
    s.limits.peers = n + 8;
    s.limits.tunnels = 2 * n + 8;
    s.limits.sas = pow2(4 * n + 16);
    s.limits.routes = 2 * n + 64;
    s.limits.next_hops = 2 * n + 64;
    s.limits.bindings = 2 * n + 64;
    s.limits.half_open = 2 * n + 16;
    s.limits.held = 32;
    s.limits.policies = 64;
    return s;
}

static void set_name(sim_node *n, const char *name)
{
    snprintf(n->name, sizeof n->name, "%s", name ? name : "node");
}

static int open_ctx(sim_node *n, const sim_node_opts *o)
{
    nhtb_settings settings = o->settings.size ? o->settings : sim_settings(64);
    nhtb_crypto crypto;
    nhtb_host host = {.size = sizeof host,
                      .user = n,
                      .alloc = node_alloc,
                      .free = node_free,
                      .random = node_random,
                      .wall_time = node_wall_time,
                      .log = node_log};
    if (!sim_crypto(o->crypto, &crypto))
        sim_die(n->s, o->crypto ? o->crypto : "null", NHTB_ERR_UNSUPPORTED);
    int err = nhtb_ctx_new(&n->ctx, &settings, &host, &crypto);
    for (unsigned i = 0; !err && i < settings.workers && i < SIM_WORKERS; i++) {
        err = nhtb_worker_new(&n->worker[i], n->ctx, i);
        n->n_workers += !err;
    }
    return err;
}

sim_node *sim_node_new(sim *s, const sim_node_opts *o)
{
    sim_node *n = calloc(1, sizeof *n);
    if (!n)
        abort();
    n->s = s;
    n->link = s->link;
    n->rng = sim_rand(s);
    n->wake = NHTB_NEVER;
    n->fail_in = o->fail_alloc;
    n->n_spares = o->no_spares ? 0 : o->spares ? o->spares : 8;
    if (n->n_spares >= SIM_SPARES_MAX)
        n->n_spares = SIM_SPARES_MAX - 1; /* one more can be lent */
    set_name(n, o->name);
    if ((o->addr && nhtb_addr_parse(o->addr, &n->addr)) ||
        (o->addr6 && nhtb_addr_parse(o->addr6, &n->addr6)))
        sim_die(s, "node address", NHTB_ERR_ARG);
    n->next = s->nodes;
    s->nodes = n;
    s->node_err = open_ctx(n, o);
    if (s->node_err) {
        s->leaks += sim_node_del(n);
        return NULL;
    }
    if (n->addr.family)
        sim_map_add(s, &n->addr, n, NULL);
    if (n->addr6.family)
        sim_map_add(s, &n->addr6, n, NULL);
    return n;
}

int sim_node_error(const sim *s)
{
    return s->node_err;
}

static void forget(sim_node *n)
{
    sim *s = n->s;
    for (sim_node **p = &s->nodes; *p; p = &(*p)->next)
        if (*p == n) {
            *p = n->next;
            break;
        }
    for (size_t i = 0; i < s->n_heap; i++) {
        if (s->heap[i].wake == n)
            s->heap[i].wake = NULL;
        if (s->heap[i].d && s->heap[i].d->from == n)
            s->heap[i].d->from = NULL;
    }
    for (size_t i = 0; i < s->n_cap; i++)
        if (s->cap[i]->from == n)
            s->cap[i]->from = NULL;
    for (size_t i = 0; i < SIM_MAP; i++)
        if (s->map[i].node == n)
            s->map[i].node = NULL;
    for (sim_nat *nat = s->nats; nat; nat = nat->next)
        for (size_t i = 0; i < nat->n; i++)
            if (nat->map[i].node == n)
                nat->map[i].dead = true;
}

unsigned sim_node_del(sim_node *n)
{
    forget(n);
    for (unsigned i = 0; i < SIM_WORKERS; i++)
        nhtb_worker_del(n->worker[i]);
    nhtb_ctx_del(n->ctx);
    unsigned leaks = (unsigned)(n->live + n->bad_free);
    if (n->live)
        fprintf(stderr, "sim: %s: %llu allocations leaked (%llu bytes)\n", n->name,
                (unsigned long long)n->live, (unsigned long long)n->live_bytes);
    free(n->tags);
    free(n->last);
    free(n);
    return leaks;
}

nhtb_ctx *sim_ctx(sim_node *n)
{
    return n->ctx;
}

const char *sim_name(const sim_node *n)
{
    return n->name;
}

const nhtb_addr *sim_addr(const sim_node *n)
{
    return &n->addr;
}

void sim_node_link(sim_node *n, const sim_link *l)
{
    n->link = *l;
}

void sim_node_online(sim_node *n, bool online)
{
    n->offline = !online;
}

void sim_answer_psk(sim_node *n, const char *psk)
{
    n->has_psk = psk != NULL;
    snprintf(n->psk, sizeof n->psk, "%s", psk ? psk : "");
}

/* ---- events ---- */

unsigned sim_events(const sim_node *n, nhtb_event_kind k)
{
    return n->events[k];
}

unsigned sim_events_detail(const sim_node *n, nhtb_event_kind k, nhtb_detail d)
{
    return n->details[k][d];
}

const nhtb_event *sim_event(const sim_node *n, nhtb_event_kind k)
{
    return n->events[k] ? &n->last_event[k] : NULL;
}

void sim_events_clear(sim_node *n)
{
    memset(n->events, 0, sizeof n->events);
    memset(n->details, 0, sizeof n->details);
}

static bool take_events(sim_node *n)
{
    nhtb_event ev;
    bool any = false;
    for (nhtb_event_init(&ev); nhtb_next_event(n->ctx, &ev); nhtb_event_init(&ev)) {
        n->events[ev.kind] += ev.count;
        n->details[ev.kind][ev.detail] += ev.count;
        n->last_event[ev.kind] = ev;
        any = true;
        if (ev.kind == NHTB_EVENT_QUESTION && n->has_psk) {
            nhtb_reply r = {.size = sizeof r, .psk = {(const uint8_t *)n->psk, strlen(n->psk)}};
            (void)nhtb_answer(n->ctx, ev.question, &r, n->s->now);
        }
    }
    return any;
}

/* ---- packets ---- */

static nhtb_pkt *fresh_spare(sim *s, unsigned i)
{
    nhtb_pkt *p = &s->spare[i];
    if (!p->buf)
        p->buf = malloc(SIM_BUF);
    if (!p->buf)
        abort();
    uint8_t *buf = p->buf;
    *p = (nhtb_pkt){.buf = buf, .cap = SIM_BUF, .off = NHTB_HEADROOM};
    return p;
}

static void count_tag(sim_node *n, const uint8_t *p, size_t len)
{
    size_t at = p[0] >> 4 == 4 ? 28 : 48;
    uint32_t magic, tag;
    if (len < at + 8)
        return;
    memcpy(&magic, p + at, 4);
    memcpy(&tag, p + at + 4, 4);
    if (magic != 0x51a7e571u || tag > 50u << 20)
        return;
    if (tag >= n->n_tags) {
        size_t want = (size_t)tag + 1024;
        n->tags = realloc(n->tags, want);
        if (!n->tags)
            abort();
        memset(n->tags + n->n_tags, 0, want - n->n_tags);
        n->n_tags = want;
    }
    if (n->tags[tag] < 255)
        n->tags[tag]++;
}

static void deliver(sim_node *n, const nhtb_pkt *p)
{
    n->delivered++;
    uint8_t *v = realloc(n->last, p->len + 1);
    if (!v)
        abort();
    memcpy(v, p->buf + p->off, p->len);
    n->last = v;
    n->last_len = p->len;
    n->last_iface = p->iface;
    count_tag(n, v, p->len);
    if (n->on_deliver)
        n->on_deliver(n->on_deliver_user, n, p);
}

static void handoff(sim_node *n, const nhtb_pkt *p)
{
    uint8_t *buf = malloc(p->cap);
    nhtb_path path = *p->path;
    nhtb_pkt c = *p;
    if (!buf)
        abort();
    memcpy(buf, p->buf, p->cap);
    c.buf = buf;
    c.path = &path;
    c.verdict = c.reason = 0;
    sim_through(n, p->worker % n->n_workers, &c, false);
    free(buf);
}

static void act(sim_node *n, nhtb_pkt *p)
{
    if (p->verdict == NHTB_PKT_TX)
        sim_net_send(n, p);
    else if (p->verdict == NHTB_PKT_DELIVER)
        deliver(n, p);
    else if (p->verdict == NHTB_PKT_PUNT)
        (void)nhtb_feed(n->ctx, &p, 1, n->s->now);
}

void sim_through(sim_node *n, unsigned worker, nhtb_pkt *p, bool out)
{
    nhtb_pkt *in[1] = {p}, *result[SIM_SPARES_MAX + 2];
    nhtb_burst b = {.in = in, .n_in = 1};
    unsigned lend = 0;
    do {
        for (unsigned i = 0; i < n->n_spares + lend; i++)
            fresh_spare(n->s, i);
        b.spare = n->s->spare_ptr;
        b.n_spare = n->n_spares + lend;
        b.out = result;
        b.cap_out = SIM_SPARES_MAX + 2;
        b.used_in = b.used_spare = b.n_out = 0;
        b.more = false;
        if (out)
            nhtb_worker_out(n->worker[worker], &b, n->s->now);
        else
            nhtb_worker_in(n->worker[worker], &b, n->s->now);
        for (size_t i = 0; i < b.n_out; i++)
            act(n, result[i]);
        for (size_t i = 0; i < b.n_out; i++)
            if (result[i]->verdict == NHTB_PKT_HANDOFF)
                handoff(n, result[i]);
        if (b.used_in)
            b.n_in = 0;
        if (lend && b.more && !b.n_out)
            sim_die(n->s, "a waiting packet does not move", NHTB_ERR_INTERNAL);
        lend = b.more && !b.n_out; /* stuck without a spare: even a poor host finds one */
    } while (b.more);
    nhtb_worker_rest(n->worker[worker]);
}

void sim_node_receive(sim_node *n, const sim_datagram *d)
{
    nhtb_path path = {
        .local = d->dst, .remote = d->src, .local_port = d->dport, .remote_port = d->sport};
    uint8_t kind = d->proto == SIM_ESP ? NHTB_PKT_ESP
                   : d->dport == 500   ? NHTB_PKT_IKE_500
                                       : NHTB_PKT_UDP_4500;
    nhtb_pkt p = {.buf = d->data,
                  .cap = (uint32_t)d->len,
                  .len = (uint32_t)d->len,
                  .path = &path,
                  .kind = kind,
                  .tos = d->tos,
                  .ttl = d->ttl};
    nhtb_pkt *v = &p;
    if (d->proto == SIM_UDP && d->dport != 500 && d->dport != 4500)
        return;
    if (kind == NHTB_PKT_IKE_500)
        (void)nhtb_feed(n->ctx, &v, 1, n->s->now);
    else
        sim_through(n, n->n_workers > 1 ? (unsigned)(sim_rand(n->s) % n->n_workers) : 0, &p, false);
    sim_pump(n);
}

static bool drain(sim_node *n)
{
    nhtb_pkt *buf = calloc(1, sizeof *buf);
    bool any = false;
    if (!buf || !(buf->buf = malloc(SIM_BUF)))
        abort();
    uint8_t *mem = buf->buf;
    *buf = (nhtb_pkt){.buf = mem, .cap = SIM_BUF - NHTB_TAILROOM, .off = NHTB_HEADROOM};
    while (nhtb_drain(n->ctx, &buf, 1, n->s->now) == 1) {
        any = true;
        buf->cap = SIM_BUF;
        if (buf->verdict == NHTB_PKT_TX && sim_fault(SIM_FAULT_SEND))
            any = true; /* the socket refused it */
        else if (buf->verdict == NHTB_PKT_TX)
            sim_net_send(n, buf);
        else if (buf->verdict == NHTB_PKT_REINJECT)
            sim_through(n, buf->worker % n->n_workers, buf, true);
        *buf = (nhtb_pkt){.buf = mem, .cap = SIM_BUF - NHTB_TAILROOM, .off = NHTB_HEADROOM};
    }
    free(mem);
    free(buf);
    return any;
}

static void schedule(sim_node *n)
{
    nhtb_time due = nhtb_deadline(n->ctx);
    if (due == n->wake)
        return;
    n->wake = due;
    n->wake_gen++;
    if (due != NHTB_NEVER)
        sim_item_push(n->s, (sim_item){.at = due > n->s->now ? due : n->s->now,
                                       .wake = n,
                                       .wake_gen = n->wake_gen});
}

void sim_pump(sim_node *n)
{
    nhtb_job *job;
    if (n->pumping)
        return;
    n->pumping = true;
    for (bool busy = true; busy;) {
        busy = false;
        while (nhtb_next_job(n->ctx, &job)) {
            nhtb_job_run(job);
            nhtb_job_done(n->ctx, job, n->s->now);
            busy = true;
        }
        busy = drain(n) || busy;
        busy = take_events(n) || busy;
    }
    n->pumping = false;
    schedule(n);
}

/* A deadline that is early by rounding would spin: time goes on by at least a microsecond. */
void sim_node_wake(sim_node *n)
{
    if (n->asleep)
        return;
    (void)nhtb_timeout(n->ctx, n->s->now);
    n->wake = NHTB_NEVER;
    n->wake_gen++;
    sim_pump(n);
}
