/* SPDX-License-Identifier: Apache-2.0
 * 4,096 packets in random order of memory: made, run through a worker or through the bare vendor,
 * and checked. Only load_run and load_run_bare hold the clock. */
#include <stdlib.h>
#include <string.h>

#include "bench/world.h"

enum { INNER_V4 = 4 };

static void put32(uint8_t *b, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        b[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put16(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)(v >> 8);
    b[1] = (uint8_t)v;
}

static uint32_t head_of(const load *l)
{
    return l->w->alg->head;
}

static uint32_t inner_len(const load *l)
{
    return l->text - 2; /* the trailer without padding: pad length, next header */
}

static void head_make(item *it, uint32_t src, uint32_t dst, uint32_t len, uint32_t port)
{
    uint8_t *h = it->head;
    uint32_t sum = 0;
    memset(h, 0, sizeof it->head);
    h[0] = 0x45;
    put16(h + 2, len);
    h[8] = 64;
    h[9] = 17;
    put32(h + 12, src);
    put32(h + 16, dst);
    for (int i = 0; i < 20; i += 2)
        sum += (uint32_t)h[i] << 8 | h[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    put16(h + 10, ~((sum & 0xffff) + (sum >> 16)));
    put16(h + 20, port);
    put16(h + 22, 5001);
    put16(h + 24, len - 20);
}

/* An address behind a tunnel: of `want` when the world has two, of any otherwise. */
static uint32_t address_behind(const world *w, uint32_t want, uint64_t *rng, uint32_t *got)
{
    for (;;) {
        uint32_t i = (uint32_t)(bench_random(rng) % w->n_routes);
        uint32_t a = bench_route_inside(&w->routes[i], rng);
        *got = world_tunnel_of(w, a);
        if (*got < w->n_tunnels && (w->n_tunnels > FLOWS || *got == want))
            return a;
    }
}

static void item_make(load *l, item *it, uint32_t flow, uint64_t *rng)
{
    uint32_t own = UINT32_C(0x0a800000) + flow, src = own, dst = own;
    it->from = it->to = 0;
    if (l->way != WAY_OUT)
        src = address_behind(l->w, 0, rng, &it->from);
    if (l->way != WAY_IN)
        dst = address_behind(l->w, l->way == WAY_TRANSIT, rng, &it->to);
    head_make(it, src, dst, inner_len(l), 1024 + flow);
}

load *load_new(world *w, bench_way way, uint32_t text)
{
    uint64_t rng = 5;
    load *l = aligned_alloc(64, sizeof *l);
    bench_must(l != NULL, "no memory");
    memset(l, 0, sizeof *l);
    l->w = w;
    l->way = way;
    l->text = text;
    l->memory = aligned_alloc(4096, (size_t)PACKETS * BUFFER);
    bench_must(l->memory != NULL, "no memory");
    for (size_t i = 0; i < sizeof l->payload; i++)
        l->payload[i] = (uint8_t)(bench_random(&rng) >> 32);
    for (uint32_t i = 0; i < PACKETS; i++) {
        l->order[i] = i;
        if (i < FLOWS || w->n_tunnels > FLOWS)
            item_make(l, &l->item[i], i, &rng);
        else
            l->item[i] = l->item[i % FLOWS];
    }
    bench_shuffle(l->order, PACKETS, &rng);
    return l;
}

void load_del(load *l)
{
    free(l->memory);
    free(l);
}

static void write_inner(const load *l, const item *it, uint8_t *dst)
{
    memcpy(dst, it->head, sizeof it->head);
    memcpy(dst + sizeof it->head, l->payload, inner_len(l) - sizeof it->head);
}

/* SPI, number, IV, plaintext, trailer (RFC 4303 2, RFC 4106 3). A CBC IV of a counter would not do on
 * a wire; here it costs what any other does. */
static uint8_t *write_esp(load *l, const item *it, uint8_t *esp)
{
    tunnel *t = &l->w->t[it->from];
    t->seq_in++;
    put32(esp, t->spi_in);
    put32(esp + 4, t->seq_in);
    memset(esp + 8, 0, head_of(l) - 8);
    put32(esp + head_of(l) - 4, t->seq_in);
    write_inner(l, it, esp + head_of(l));
    esp[head_of(l) + l->text - 2] = 0;
    esp[head_of(l) + l->text - 1] = INNER_V4;
    return esp;
}

static void seal_one(bare **x, const load *l, const item *it, const char *sealer, uint8_t *esp)
{
    if (*x == NULL || l->w->n_tunnels > FLOWS) {
        bare_del(*x);
        *x = bare_new(sealer, l->w->alg, l->w->t[it->from].key_in, true);
    }
    bench_must(*x && bare_seal(*x, BARE_DIRECT, &esp, 1, l->text), "the bare vendor cannot seal");
}

static nhtb_pkt packet(load *l, uint32_t i)
{
    nhtb_pkt p = {.buf = l->memory + (size_t)i * BUFFER, .cap = BUFFER, .off = NHTB_HEADROOM};
    if (l->way == WAY_OUT) {
        p.kind = NHTB_PKT_INNER;
        p.iface = l->w->st0;
        p.len = inner_len(l);
    } else {
        p.kind = NHTB_PKT_ESP;
        p.path = &l->w->t[l->item[i].from].path;
        p.len = head_of(l) + l->text + BARE_TAG;
    }
    return p;
}

void load_fill(load *l, const char *sealer)
{
    bare *x = NULL;
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint32_t k = l->order[i];
        const item *it = &l->item[k];
        l->pkt[k] = packet(l, k);
        uint8_t *data = l->pkt[k].buf + l->pkt[k].off;
        if (l->way == WAY_OUT)
            write_inner(l, it, data);
        else
            seal_one(&x, l, it, sealer, write_esp(l, it, data));
    }
    bare_del(x);
}

/* ---- the worker ---- */

static bool all_good(const load *l)
{
    uint8_t want = l->way == WAY_IN ? NHTB_PKT_DELIVER : NHTB_PKT_TX;
    uint32_t len = l->way == WAY_IN ? inner_len(l) : head_of(l) + l->text + BARE_TAG;
    for (uint32_t i = 0; i < PACKETS; i++) {
        const nhtb_pkt *p = &l->pkt[i];
        if (p->verdict == want && p->len == len)
            continue;
        fprintf(stderr, "packet %u: verdict %u, %s, %u bytes\n", i, p->verdict,
                nhtb_reason_name(p->reason), p->len);
        return false;
    }
    return true;
}

static bool pass(load *l, nhtb_pkt *const *in)
{
    nhtb_pkt *out[BURST + 1];
    nhtb_burst b = {.out = out, .cap_out = BURST + 1};
    world *w = l->w;
    bool whole = true;
    for (size_t i = 0; i < PACKETS; i += BURST) {
        b.in = in + i;
        b.n_in = BURST;
        b.used_in = b.n_out = 0;
        w->now += 1000;
        if (l->way == WAY_OUT)
            nhtb_worker_out(w->worker, &b, w->now);
        else
            nhtb_worker_in(w->worker, &b, w->now);
        nhtb_worker_rest(w->worker);
        whole = whole && b.n_out == BURST && !b.more;
    }
    return whole;
}

static void in_order(load *l, nhtb_pkt **in)
{
    for (uint32_t i = 0; i < PACKETS; i++)
        in[i] = &l->pkt[l->order[i]];
}

bool load_pass(load *l)
{
    nhtb_pkt *in[PACKETS];
    in_order(l, in);
    bench_heap *before = bench_heap_use(&l->w->heap);
    bool whole = pass(l, in);
    bench_heap_use(before);
    return whole;
}

double load_run(load *l)
{
    nhtb_pkt *in[PACKETS];
    in_order(l, in);
    bench_heap *before = bench_heap_use(&l->w->heap);
    double begin = bench_cpu_ns();
    bool whole = pass(l, in);
    double ns = bench_cpu_ns() - begin;
    bench_heap_use(before);
    bench_must(whole && all_good(l), "the data plane did not pass every packet");
    return ns;
}

void load_verify(load *l, const char *opener, uint32_t n)
{
    for (uint32_t i = 0; i < n && l->way != WAY_IN; i++) {
        uint32_t k = l->order[i * (PACKETS / n)];
        const item *it = &l->item[k];
        uint8_t *esp = l->pkt[k].buf + l->pkt[k].off, *text = esp + head_of(l);
        bare *x = bare_new(opener, l->w->alg, l->w->t[it->to].key_out, false);
        bench_must(x && bare_open(x, BARE_DIRECT, &esp, 1, l->text),
                   "another vendor cannot open the output");
        uint32_t from = l->way == WAY_TRANSIT ? 12 : 0; /* TTL and checksum change in transit */
        bench_must(memcmp(text + from, it->head + from, sizeof it->head - from) == 0 &&
                       memcmp(text + 28, l->payload, inner_len(l) - 28) == 0 &&
                       text[l->text - 1] == INNER_V4,
                   "another vendor finds another plaintext");
        bare_del(x);
    }
    for (uint32_t i = 0; i < PACKETS && l->way == WAY_IN; i++) {
        const uint8_t *data = l->pkt[i].buf + l->pkt[i].off;
        bench_must(memcmp(data, l->item[i].head, sizeof l->item[i].head) == 0 &&
                       memcmp(data + 28, l->payload, inner_len(l) - 28) == 0,
                   "what was delivered is not what was sent");
    }
}

/* ---- the vendor alone ---- */

void load_fill_bare(load *l)
{
    bare *x = NULL;
    for (uint32_t i = 0; i < PACKETS; i++) {
        const item *it = &l->item[l->order[i]];
        uint8_t *esp = l->memory + (size_t)l->order[i] * BUFFER + NHTB_HEADROOM;
        write_esp(l, it, esp);
        if (l->way != WAY_OUT)
            seal_one(&x, l, it, "openssl", esp);
    }
    bare_del(x);
}

double load_run_bare(load *l, const char *vendor, bare_mode mode)
{
    uint8_t *esp[PACKETS];
    bool ok = true;
    bare *open = bare_new(vendor, l->w->alg, l->w->t[0].key_in, false);
    bare *seal = bare_new(vendor, l->w->alg, l->w->t[l->w->n_tunnels - 1].key_out, true);
    bench_must(open && seal, "no bare vendor");
    for (uint32_t i = 0; i < PACKETS; i++)
        esp[i] = l->memory + (size_t)l->order[i] * BUFFER + NHTB_HEADROOM;
    double begin = bench_cpu_ns();
    for (size_t i = 0; i < PACKETS; i += BURST) {
        if (l->way != WAY_OUT)
            ok = bare_open(open, mode, esp + i, BURST, l->text) && ok;
        if (l->way != WAY_IN)
            ok = bare_seal(seal, mode, esp + i, BURST, l->text) && ok;
    }
    double ns = bench_cpu_ns() - begin;
    bench_must(ok, "the bare vendor failed");
    bare_del(open);
    bare_del(seal);
    return ns;
}
