/* SPDX-License-Identifier: Apache-2.0
 * See fuzz_side.h. */
#include "fuzz/fuzz_side.h"

#include <nhtb/backend_null.h>

#include "wire/ip.h"

/* ---- life ---- */

void fuzz_side_init(fuzz_side *s, uint64_t seed, const char *addr)
{
    memset(s, 0, sizeof *s);
    s->host.rng = seed;
    s->now = NHTB_NS_PER_S;
    s->addr = fuzz_addr(addr);
    nhtb_settings_init(&s->settings);
    s->settings.limits = (nhtb_limits){.ifaces = 4,
                                       .peers = 4,
                                       .tunnels = 8,
                                       .sas = 32,
                                       .routes = 32,
                                       .next_hops = 16,
                                       .bindings = 16,
                                       .half_open = 4,
                                       .held = 4,
                                       .held_bytes = 2000,
                                       .ike_message = 4000,
                                       .policies = 8};
}

void fuzz_side_open(fuzz_side *s)
{
    nhtb_host host = fuzz_host_hooks(&s->host);
    nhtb_crypto crypto = fuzz_crypto();
    s->signs = s->signs && fuzz_signs(&host, &crypto);
    fuzz_check(nhtb_ctx_new(&s->ctx, &s->settings, &host, &crypto) == 0);
    fuzz_check(nhtb_worker_new(&s->w, s->ctx, 0) == 0);
}

void fuzz_side_close(fuzz_side *s)
{
    nhtb_stats st;
    memset(&st, 0, sizeof st);
    st.size = sizeof st;
    fuzz_check(nhtb_stats_get(s->ctx, &st) == 0 && st.asserts_failed == 0);
    nhtb_worker_del(s->w);
    nhtb_ctx_del(s->ctx);
    fuzz_check(s->host.blocks == 0 && s->host.bytes == 0);
}

nhtb_addr fuzz_addr(const char *text)
{
    nhtb_addr a;
    fuzz_check(nhtb_addr_parse(text, &a) == 0);
    return a;
}

nhtb_prefix fuzz_prefix(const char *text)
{
    char buf[64];
    nhtb_prefix p;
    memset(&p, 0, sizeof p);
    snprintf(buf, sizeof buf, "%s", text);
    char *slash = strchr(buf, '/');
    if (!slash)
        abort();
    *slash = 0;
    p.addr = fuzz_addr(buf);
    p.len = (uint8_t)atoi(slash + 1);
    return p;
}

void fuzz_side_iface(fuzz_side *s, unsigned host, const fuzz_iface_opts *o)
{
    nhtb_txn *t;
    nhtb_iface i;
    char text[64];
    nhtb_iface_init(&i);
    i.name = "st0.0";
    i.kind = o->kind;
    i.transit = o->transit;
    i.df = o->df;
    i.rpf = o->rpf;
    i.mtu = o->mtu;
    snprintf(text, sizeof text, "10.0.0.%u/24", host);
    i.addr4 = fuzz_prefix(text);
    snprintf(text, sizeof text, "2001:db8:7::%x/64", host);
    i.addr6 = fuzz_prefix(text);
    fuzz_check(nhtb_txn_begin(s->ctx, &t) == 0 && nhtb_txn_iface(t, &i, &s->st0) == 0);
    fuzz_check(nhtb_txn_commit(t, s->now) == 0);
}

/* ---- manual SAs ---- */

static void manual_key(uint8_t key[48], unsigned i, bool to_left)
{
    memset(key, 0x40 + (int)i * 2 + to_left, 48);
}

nhtb_path fuzz_manual_path(unsigned i, bool left)
{
    nhtb_addr l = fuzz_addr("192.0.2.1"), r = {.family = 4, .b = {198, 51, 100, (uint8_t)(i + 2)}};
    uint16_t port = i == 0 ? 0 : 4500;
    return (nhtb_path){left ? l : r, left ? r : l, port, port, 0};
}

static int manual_one(fuzz_side *s, nhtb_txn *t, unsigned i, const fuzz_manual_opts *o)
{
    uint8_t in[48], out[48];
    char name[8];
    size_t n = o->cbc ? 48 : 20;
    manual_key(in, i, o->left);
    manual_key(out, i, !o->left);
    snprintf(name, sizeof name, "m%u", i);
    nhtb_manual_sa sa = {.size = sizeof sa,
                         .name = name,
                         .iface = s->st0,
                         .path = fuzz_manual_path(i, o->left),
                         .spi_in = o->left ? 0x1001 + i : 0x2001 + i,
                         .spi_out = o->left ? 0x2001 + i : 0x1001 + i,
                         .encr = o->cbc ? 12 : 20,
                         .key_bits = 128,
                         .integ = o->cbc ? 12 : 0,
                         .esn = o->esn,
                         .key_in = {in, n},
                         .key_out = {out, n},
                         .mtu = o->mtu};
    return nhtb_txn_sa(t, &sa, &s->sa[i]);
}

static void manual_route(fuzz_side *s, nhtb_txn *t, unsigned i)
{
    nhtb_addr hop = {.family = 4, .b = {10, 0, 0, (uint8_t)(i + 2)}};
    nhtb_binding b = {.size = sizeof b, .iface = s->st0, .next_hop = hop, .sa = s->sa[i]};
    nhtb_route r = {.size = sizeof r, .iface = s->st0, .next_hop = hop};
    fuzz_check(nhtb_txn_binding(t, &b) == 0);
    r.prefix = (nhtb_prefix){{.family = 4, .b = {172, (uint8_t)(16 + i)}}, 16, {0}};
    fuzz_check(nhtb_txn_route(t, &r) == 0);
    r.prefix = (nhtb_prefix){{.family = 6, .b = {0x20, 1, 0xd, 0xb8, 0, (uint8_t)i}}, 48, {0}};
    fuzz_check(nhtb_txn_route(t, &r) == 0);
}

void fuzz_side_manual(fuzz_side *s, const fuzz_manual_opts *o)
{
    nhtb_txn *t;
    nhtb_route own = {.size = sizeof own, .kind = NHTB_ROUTE_LOCAL};
    fuzz_check(nhtb_txn_begin(s->ctx, &t) == 0);
    for (unsigned i = 0; i < FUZZ_TUNNELS; i++) {
        fuzz_check(manual_one(s, t, i, o) == 0);
        manual_route(s, t, i);
    }
    own.prefix = fuzz_prefix(o->left ? "192.168.0.0/16" : "172.0.0.0/8");
    fuzz_check(nhtb_txn_route(t, &own) == 0);
    fuzz_check(nhtb_txn_commit(t, s->now) == 0);
}

size_t fuzz_manual_seal(const fuzz_manual_opts *o, unsigned i, uint64_t seq, const uint8_t *text,
                        size_t n, uint8_t *out)
{
    uint8_t key[48], aad[12], tail[4];
    _Alignas(64) uint8_t mem[64] = {0};
    const nhtb_bulk_ops *ops = nhtb_null_bulk();
    manual_key(key, i, true);
    nhtb_bulk_key k = {.alg = o->cbc ? NHTB_BULK_AES128_CBC_SHA256_128 : NHTB_BULK_AES128_GCM16,
                       .seal = true,
                       .enc = {key, 16},
                       .integ = {o->cbc ? key + 16 : NULL, o->cbc ? 32 : 0}};
    size_t iv = o->cbc ? 16 : 8;
    n -= o->cbc ? n % 16 : 0;
    if (!o->cbc)
        memcpy(k.salt, key + 16, 4);
    fuzz_check(ops->key_init(mem, &k, 1, 1) == 0);
    nhi_put32(out, 0x1001 + i);
    nhi_put32(out + 4, (uint32_t)seq);
    memset(out + 8, 7, iv);
    if (n)
        memcpy(out + 8 + iv, text, n);
    memcpy(aad, out, 4);
    nhi_put64(aad + 4, seq);
    nhi_put32(tail, (uint32_t)(seq >> 32));
    nhtb_bulk_job j = {.key = mem,
                       .src = out + 8 + iv,
                       .dst = out + 8 + iv,
                       .iv = out + 8,
                       .icv = out + 8 + iv + n,
                       .len = (uint32_t)n,
                       .aad = o->esn && !o->cbc ? aad : out,
                       .aad_len = o->esn && !o->cbc ? 12 : 8,
                       .tail = o->esn && o->cbc ? tail : NULL,
                       .tail_len = o->esn && o->cbc ? 4 : 0};
    ops->seal(NULL, 0, &j, 1);
    fuzz_check(j.status == NHTB_BULK_OK);
    return 8 + iv + n + 16;
}

/* ---- bursts ---- */

void fuzz_pkt_make(nhtb_pkt *p, uint8_t kind, const void *data, size_t n, uint32_t head,
                   uint32_t tail)
{
    size_t cap = head + n + tail;
    *p = (nhtb_pkt){.buf = malloc(cap ? cap : 1),
                    .cap = (uint32_t)cap,
                    .off = head,
                    .len = (uint32_t)n,
                    .kind = kind};
    if (!p->buf)
        abort();
    memset(p->buf, 0xee, cap);
    if (n)
        memcpy(p->buf + head, data, n);
}

static void check_result(const fuzz_side *s, const nhtb_pkt *p)
{
    nhi_ip_view v;
    fuzz_check(p->verdict > NHTB_VERDICT_NONE && p->verdict <= NHTB_PKT_DROP);
    fuzz_check(p->reason < NHTB_REASON_END);
    fuzz_check(p->off <= p->cap && p->len <= p->cap - p->off);
    fuzz_check(p->verdict != NHTB_PKT_DROP || p->reason != NHTB_REASON_NONE);
    fuzz_check(p->verdict != NHTB_PKT_TX || (p->path && p->len > 0));
    if (p->verdict != NHTB_PKT_DELIVER)
        return;
    fuzz_check(p->iface.id == s->st0.id && p->kind == NHTB_PKT_INNER);
    fuzz_check(nhi_ip_parse(&v, p->buf + p->off, p->len, p->gso_size != 0) == 0);
    fuzz_check(p->gso_size != 0 || v.total_len == p->len);
}

enum { MOST = 64, SPARES = 4 };
typedef struct owed {
    const nhtb_pkt *v[MOST + SPARES];
    size_t n;
} owed;

static void give_back(owed *o, const nhtb_pkt *p)
{
    size_t i = 0;
    while (i < o->n && o->v[i] != p)
        i++;
    fuzz_check(i < o->n); /* a stranger, or one that came back before */
    o->v[i] = o->v[--o->n];
}

static bool burst_call(fuzz_side *s, const fuzz_burst *f, nhtb_burst *b, owed *o)
{
    bool was = b->more;
    if (f->out)
        nhtb_worker_out(s->w, b, s->now);
    else
        nhtb_worker_in(s->w, b, s->now);
    fuzz_check(b->used_in <= b->n_in && b->used_spare <= b->n_spare && b->n_out <= b->cap_out);
    for (size_t i = 0; i < b->used_in; i++)
        o->v[o->n++] = b->in[i];
    for (size_t i = 0; i < b->used_spare; i++)
        o->v[o->n++] = b->spare[i];
    for (size_t i = 0; i < b->n_out; i++) {
        give_back(o, b->out[i]);
        check_result(s, b->out[i]);
        if (f->sink)
            f->sink(f->user, b->out[i]);
    }
    fuzz_check(o->n == (b->more ? 1u : 0u));
    return b->n_out > 0 || b->used_in > 0 || b->more != was;
}

void fuzz_side_burst(fuzz_side *s, const fuzz_burst *f)
{
    nhtb_pkt spare[SPARES], *spares[SPARES], *out[MOST + SPARES + 1];
    size_t at = 0;
    unsigned n_spare = f->spares, calls = 0;
    owed o = {.n = 0};
    nhtb_burst b = {.out = out};
    fuzz_check(f->n < MOST && n_spare <= SPARES);
    while (at < f->n || b.more) {
        for (unsigned i = 0; i < SPARES; i++) {
            fuzz_pkt_make(&spare[i], 0, NULL, 0, 0, f->spare_cap);
            spares[i] = &spare[i];
        }
        b.in = f->in + at;
        b.n_in = f->n - at;
        b.spare = spares;
        b.n_spare = n_spare;
        b.cap_out = b.n_in + n_spare + 1;
        bool progress = burst_call(s, f, &b, &o);
        at += b.used_in;
        fuzz_check(progress || n_spare == 0);
        n_spare = progress ? f->spares : 1;
        for (unsigned i = 0; i < SPARES; i++)
            free(spare[i].buf);
        fuzz_check(++calls < 20000);
        nhtb_worker_rest(s->w);
    }
}

/* ---- control ---- */

size_t fuzz_side_pump(fuzz_side *s, void (*sink)(void *user, const nhtb_pkt *p), void *user)
{
    enum { ROOM = 5000 };
    static uint8_t buf[ROOM];
    nhtb_job *job;
    size_t n = 0;
    for (;;) {
        while (nhtb_next_job(s->ctx, &job)) {
            nhtb_job_run(job);
            nhtb_job_done(s->ctx, job, s->now);
        }
        nhtb_pkt p = {.buf = buf, .cap = ROOM, .off = NHTB_HEADROOM}, *v[1] = {&p};
        if (nhtb_drain(s->ctx, v, 1, s->now) == 0)
            return n;
        fuzz_check(p.off <= p.cap && p.len <= p.cap - p.off && p.verdict > NHTB_VERDICT_NONE);
        n += p.verdict == NHTB_PKT_TX;
        if (sink)
            sink(user, &p);
    }
}

void fuzz_side_feed(fuzz_side *s, uint8_t kind, const nhtb_path *path, const void *data, size_t n)
{
    nhtb_pkt p, *v[1] = {&p};
    nhtb_path copy = *path;
    fuzz_pkt_make(&p, kind, data, n, 0, 0);
    p.path = &copy;
    fuzz_check(nhtb_feed(s->ctx, v, 1, s->now) == 0);
    free(p.buf);
}

void fuzz_side_events(fuzz_side *s, unsigned *count)
{
    nhtb_event ev;
    for (nhtb_event_init(&ev); nhtb_next_event(s->ctx, &ev); nhtb_event_init(&ev)) {
        fuzz_check(ev.kind < NHTB_EVENT_END && ev.detail < NHTB_DETAIL_END && ev.count > 0);
        count[ev.kind] += ev.count;
    }
}

/* ---- keys ---- */

enum { KEYS = 64 };
static struct {
    nhtb_bulk_ops ops;
    nhtb_bulk_key key[KEYS]; /* spans point into bytes */
    uint8_t bytes[KEYS][2][64];
    unsigned n;
} ring;

static int key_init(void *mem, const nhtb_bulk_key *k, unsigned lanes, uint64_t mask)
{
    if (k->seal && k->enc.n <= 64 && k->integ.n <= 64) {
        unsigned i = ring.n++ % KEYS;
        memcpy(ring.bytes[i][0], k->enc.p, k->enc.n);
        if (k->integ.n)
            memcpy(ring.bytes[i][1], k->integ.p, k->integ.n);
        ring.key[i] = *k;
        ring.key[i].enc.p = ring.bytes[i][0];
        ring.key[i].integ.p = ring.bytes[i][1];
    }
    return nhtb_null_bulk()->key_init(mem, k, lanes, mask);
}

nhtb_crypto fuzz_crypto(void)
{
    nhtb_crypto c = nhtb_null_crypto();
    ring.ops = *c.bulk;
    ring.ops.key_init = key_init;
    c.bulk = &ring.ops;
    return c;
}

void fuzz_keys_forget(void)
{
    ring.n = 0;
}

enum { SK_IV = 8, ICV = 16 };

/* In front of the text: IKE header, SK or SKF header, IV. 0: neither. */
static size_t sk_head(const uint8_t *msg, size_t n)
{
    size_t head = n <= 28 ? 0 : msg[16] == 46 ? 28 + 4 + SK_IV : msg[16] == 53 ? 28 + 8 + SK_IV : 0;
    return n < head + ICV + 1 ? 0 : head;
}

static nhtb_bulk_job sk_job(const void *key, uint8_t *msg, size_t head, uint8_t *icv)
{
    return (nhtb_bulk_job){.key = key,
                           .iv = msg + head - SK_IV,
                           .aad = msg,
                           .aad_len = (uint32_t)(head - SK_IV),
                           .icv = icv,
                           .status = -1};
}

/* AEADs only: what the built-in proposals agree on. */
int fuzz_sk_open(const uint8_t *msg, size_t n, uint8_t *out, size_t *out_len)
{
    const nhtb_bulk_ops *ops = nhtb_null_bulk();
    uint8_t icv[ICV], front[28 + 8 + SK_IV];
    size_t head = sk_head(msg, n);
    if (head == 0)
        return -1;
    memcpy(front, msg, head);
    memcpy(icv, msg + n - ICV, ICV);
    unsigned least = ring.n > KEYS ? ring.n - KEYS : 0;
    for (unsigned i = ring.n; i-- > least;) {
        _Alignas(64) uint8_t mem[64] = {0};
        nhtb_bulk_key k = ring.key[i % KEYS];
        k.seal = false;
        if (k.integ.n || ops->key_init(mem, &k, 1, 1) != 0)
            continue;
        nhtb_bulk_job j = sk_job(mem, front, head, icv);
        j.src = msg + head;
        j.dst = out;
        j.len = (uint32_t)(n - head - ICV);
        ops->open(NULL, 0, &j, 1);
        *out_len = j.len;
        if (j.status == NHTB_BULK_OK)
            return (int)(i % KEYS);
    }
    return -1;
}

size_t fuzz_sk_seal(int key, uint8_t *msg, const uint8_t *text, size_t n, size_t room)
{
    const nhtb_bulk_ops *ops = nhtb_null_bulk();
    _Alignas(64) uint8_t mem[64] = {0};
    size_t head = sk_head(msg, SIZE_MAX), total = head + n + ICV;
    fuzz_check(head && total <= room && ops->key_init(mem, &ring.key[key], 1, 1) == 0);
    nhi_put32(msg + 24, (uint32_t)total);
    nhi_put16(msg + 30, (unsigned)(total - 28));
    nhtb_bulk_job j = sk_job(mem, msg, head, msg + head + n);
    memcpy(msg + head, text, n);
    j.src = j.dst = msg + head;
    j.len = (uint32_t)n;
    ops->seal(NULL, 0, &j, 1);
    fuzz_check(j.status == NHTB_BULK_OK);
    return total;
}
