/* SPDX-License-Identifier: Apache-2.0
 * The world: clock, queue, links, capture. See sim.h. */
#include "sim/sim_int.h"

/* splitmix64: small, and every state is a good one */
uint64_t sim_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void sim_die(const sim *s, const char *what, int err)
{
    fprintf(stderr, "sim: %s: %s [replay: NHTB_SIM_SEED=%llu]\n", what, nhtb_strerror(err),
            (unsigned long long)s->seed);
    abort();
}

static void *grow(void *p, size_t size)
{
    void *v = realloc(p, size);
    if (!v)
        abort();
    return v;
}

sim *sim_new(uint64_t seed)
{
    const char *env = getenv("NHTB_SIM_SEED");
    sim *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->seed = env && *env ? strtoull(env, NULL, 0) : seed;
    s->rng = s->seed;
    s->now = 1 * SIM_S;
    s->link.delay = 5 * SIM_MS;
    for (size_t i = 0; i < SIM_SPARES_MAX; i++)
        s->spare_ptr[i] = &s->spare[i];
    return s;
}

uint64_t sim_seed(const sim *s)
{
    return s->seed;
}

nhtb_time sim_now(const sim *s)
{
    return s->now;
}

uint64_t sim_rand(sim *s)
{
    return sim_next(&s->rng);
}

void sim_datagram_free(sim_datagram *d)
{
    if (d)
        free(d->data);
    free(d);
}

unsigned sim_del(sim *s)
{
    while (s->nodes)
        s->leaks += sim_node_del(s->nodes);
    for (size_t i = 0; i < s->n_heap; i++)
        sim_datagram_free(s->heap[i].d);
    for (size_t i = 0; i < s->n_cap; i++)
        sim_datagram_free(s->cap[i]);
    while (s->nats) {
        sim_nat *nat = s->nats;
        s->nats = nat->next;
        free(nat->map);
        free(nat);
    }
    for (size_t i = 0; i < SIM_SPARES_MAX; i++)
        free(s->spare[i].buf);
    unsigned leaks = s->leaks;
    free(s->heap);
    free(s->cap);
    free(s);
    return leaks;
}

/* ---- queue: a binary heap by time, then by order of arrival ---- */

static bool before(const sim_item *a, const sim_item *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_item_push(sim *s, sim_item it)
{
    if (s->n_heap == s->cap_heap) {
        s->cap_heap = s->cap_heap ? 2 * s->cap_heap : 256;
        s->heap = grow(s->heap, s->cap_heap * sizeof *s->heap);
    }
    it.order = s->order++;
    size_t i = s->n_heap++;
    while (i && before(&it, &s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = it;
}

static sim_item pop(sim *s)
{
    sim_item top = s->heap[0], last = s->heap[--s->n_heap];
    size_t i = 0;
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= s->n_heap)
            break;
        if (c + 1 < s->n_heap && before(&s->heap[c + 1], &s->heap[c]))
            c++;
        if (!before(&s->heap[c], &last))
            break;
        s->heap[i] = s->heap[c];
        i = c;
    }
    s->heap[i] = last;
    return top;
}

/* ---- addresses ---- */

static size_t slot_of(const nhtb_addr *a)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < sizeof a->b; i++)
        h = (h ^ a->b[i]) * 1099511628211u;
    return (size_t)(h % SIM_MAP);
}

static size_t find_slot(const sim *s, const nhtb_addr *a)
{
    size_t i = slot_of(a);
    while (s->map[i].addr.family && !nhtb_addr_equal(&s->map[i].addr, a))
        i = (i + 1) % SIM_MAP;
    return i;
}

void sim_map_add(sim *s, const nhtb_addr *a, sim_node *node, sim_nat *nat)
{
    size_t i = find_slot(s, a);
    s->map[i].addr = *a;
    s->map[i].node = node;
    s->map[i].nat = nat;
}

/* The entry stays as a marker for probing; it just leads nowhere. */
void sim_map_drop(sim *s, const nhtb_addr *a)
{
    size_t i = find_slot(s, a);
    s->map[i].node = NULL;
    s->map[i].nat = NULL;
}

/* ---- wire ---- */

void sim_link_default(sim *s, const sim_link *l)
{
    s->link = *l;
}

void sim_on_wire(sim *s, sim_fate (*hook)(void *user, sim_datagram *d), void *user)
{
    s->hook = hook;
    s->hook_user = user;
}

void sim_capture(sim *s, bool on)
{
    s->capture = on;
}

size_t sim_captured(const sim *s)
{
    return s->n_cap;
}

const sim_datagram *sim_capture_at(const sim *s, size_t i)
{
    return s->cap[i];
}

uint64_t sim_wire_count(const sim *s)
{
    return s->sent;
}

static sim_datagram *copy_of(const sim_datagram *d)
{
    sim_datagram *c = grow(NULL, sizeof *c);
    *c = *d;
    c->data = grow(NULL, d->len + 1);
    memcpy(c->data, d->data, d->len);
    return c;
}

static void record(sim *s, const sim_datagram *d)
{
    s->sent++;
    if (!s->capture)
        return;
    if (s->n_cap == s->cap_cap) {
        s->cap_cap = s->cap_cap ? 2 * s->cap_cap : 256;
        s->cap = grow(s->cap, s->cap_cap * sizeof *s->cap);
    }
    s->cap[s->n_cap++] = copy_of(d);
}

static bool chance(sim *s, unsigned per_mille)
{
    return per_mille && sim_rand(s) % 1000 < per_mille;
}

static nhtb_time delay_of(sim *s, const sim_link *l)
{
    nhtb_time d = l->delay + (l->jitter ? sim_rand(s) % l->jitter : 0);
    if (chance(s, l->reorder))
        d += sim_rand(s) % (20 * (l->delay + l->jitter) + 1);
    return d;
}

static void corrupt(sim *s, sim_datagram *d)
{
    for (uint64_t n = 1 + sim_rand(s) % 3; n && d->len; n--) {
        uint64_t bit = sim_rand(s) % (8 * d->len);
        d->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void enqueue(sim *s, const sim_datagram *d, const sim_link *l)
{
    sim_datagram *c = copy_of(d);
    if (chance(s, l->corrupt))
        corrupt(s, c);
    sim_item_push(s, (sim_item){.at = s->now + delay_of(s, l), .d = c});
}

static size_t outer_size(const sim_datagram *d)
{
    return d->len + (d->src.family == 6 ? 40u : 20u) + (d->proto == SIM_UDP ? 8u : 0u);
}

/* False: lost on a link that is too narrow. */
static bool fits(sim_node *n, const sim_datagram *d, const nhtb_path *path)
{
    const sim_link *l = &n->link;
    if (!l->mtu || outer_size(d) <= l->mtu)
        return true;
    if (!d->df && d->src.family == 4)
        return !l->drop_fragments;
    if (l->mtu_report) {
        nhtb_path_mtu(n->ctx, path, l->mtu, n->s->now);
        sim_item_push(n->s, (sim_item){.at = n->s->now, .wake = n, .wake_gen = n->wake_gen});
    }
    return false;
}

/* For people: one line per datagram, IKE headers read (exchange, response?, message id). */
static void trace(const sim *s, const sim_datagram *d, const char *fate)
{
    char dst[NHTB_ADDR_TEXT];
    size_t at = d->dport == 4500 || d->sport == 4500 ? 4 : 0;
    if (!getenv("NHTB_SIM_LOG"))
        return;
    nhtb_addr_format(&d->dst, dst, sizeof dst);
    fprintf(stderr, "%10.4f %-8s -> %s:%u %zu bytes %s", (double)s->now / 1e9,
            d->from ? d->from->name : "-", dst, d->dport, d->len, fate);
    if (d->proto == SIM_UDP && d->len > at + 28 && d->data[at + 17] == 0x20)
        fprintf(stderr, " exchange %u %s %u", d->data[at + 18],
                d->data[at + 19] & 0x20 ? "response" : "request", d->data[at + 23]);
    fprintf(stderr, "\n");
}

void sim_net_send(sim_node *n, const nhtb_pkt *p)
{
    sim *s = n->s;
    bool esp = p->kind == NHTB_PKT_ESP;
    sim_datagram d = {.sent = s->now,
                      .src = p->path->local,
                      .dst = p->path->remote,
                      .sport = esp ? 0 : p->path->local_port,
                      .dport = esp ? 0 : p->path->remote_port,
                      .proto = esp ? SIM_ESP : SIM_UDP,
                      .tos = p->tos,
                      .ttl = p->ttl,
                      .df = (p->flags & NHTB_PKT_DF) != 0,
                      .from = n,
                      .data = p->buf + p->off,
                      .len = p->len};
    if (d.src.family == 0)
        d.src = d.dst.family == 6 ? n->addr6 : n->addr;
    if (n->offline || !fits(n, &d, p->path) || (n->nat && !sim_nat_out(n->nat, n, &d)))
        return;
    if (s->hook && s->hook(s->hook_user, &d) == SIM_DROP) {
        record(s, &d);
        return;
    }
    record(s, &d);
    bool lost = chance(s, n->link.loss);
    trace(s, &d, lost ? "lost" : "sent");
    if (!lost)
        enqueue(s, &d, &n->link);
    if (chance(s, n->link.dup))
        enqueue(s, &d, &n->link);
}

void sim_wire_send(sim *s, const sim_datagram *d)
{
    sim_item_push(s, (sim_item){.at = s->now, .d = copy_of(d)});
}

static void arrive(sim *s, sim_datagram *d)
{
    size_t i = find_slot(s, &d->dst);
    sim_node *n = s->map[i].nat ? sim_nat_in(s->map[i].nat, d) : s->map[i].node;
    if (n && !n->offline)
        sim_node_receive(n, d);
}

static bool step(sim *s, nhtb_time until)
{
    if (!s->n_heap || s->heap[0].at > until)
        return false;
    sim_item it = pop(s);
    s->now = it.at > s->now ? it.at : s->now;
    if (it.d)
        arrive(s, it.d);
    else if (it.wake && it.wake_gen == it.wake->wake_gen)
        sim_node_wake(it.wake);
    sim_datagram_free(it.d);
    return true;
}

void sim_run(sim *s, nhtb_time until)
{
    while (step(s, until)) {
    }
    if (until > s->now)
        s->now = until;
}

void sim_run_for(sim *s, nhtb_time d)
{
    sim_run(s, s->now + d);
}

bool sim_run_until(sim *s, bool (*cond)(void *user), void *user, nhtb_time most)
{
    nhtb_time end = s->now + most;
    while (!cond(user))
        if (!step(s, end)) {
            s->now = end;
            return cond(user);
        }
    return true;
}
