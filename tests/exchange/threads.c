/* SPDX-License-Identifier: Apache-2.0
 * Four workers send on one SA from four threads while the control thread changes tables: no packet
 * is torn, no sequence number is used twice, routes that stay always work. Meant for the thread
 * sanitizer, useful without. */
#include <pthread.h>
#include <stdlib.h>

#include "exchange/common.h"

enum { WORKERS = 4, PACKETS = 20000, CHURN = 400 };

typedef struct sender {
    nhtb_worker *w;
    nhtb_iface_id st0;
    unsigned sent, other;
    uint32_t *seq;
} sender;

static void *alloc(void *user, size_t n, size_t align)
{
    (void)user;
    return aligned_alloc(align, (n + align - 1) / align * align);
}

static void release(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    free(p);
}

static int random_bytes(void *user, uint8_t *dst, size_t n)
{
    uint64_t *state = user;
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)((*state = *state * UINT64_C(6364136223846793005) + 1) >> 56);
    return 0;
}

static void *run_sender(void *arg)
{
    sender *s = arg;
    nhtb_addr src, dst;
    uint8_t buf[512];
    nhtb_addr_parse("192.168.1.5", &src);
    nhtb_addr_parse("192.168.2.5", &dst);
    for (uint32_t i = 0; i < PACKETS; i++) {
        nhtb_pkt p = {.buf = buf,
                      .cap = sizeof buf,
                      .off = NHTB_HEADROOM,
                      .iface = s->st0,
                      .kind = NHTB_PKT_INNER};
        nhtb_pkt *in[1] = {&p}, *out[3];
        nhtb_burst b = {.in = in, .n_in = 1, .out = out, .cap_out = 3};
        p.len = (uint32_t)sim_build(buf + p.off, &src, &dst, i, 100);
        nhtb_worker_out(s->w, &b, 1 + i);
        if (b.n_out == 1 && p.verdict == NHTB_PKT_TX)
            memcpy(&s->seq[s->sent++], p.buf + p.off + 4, 4);
        else
            s->other++;
        if (i % 16 == 0)
            nhtb_worker_rest(s->w);
    }
    nhtb_worker_rest(s->w);
    return NULL;
}

static void route(nhtb_txn *t, nhtb_iface_id st0, const char *prefix, const char *next_hop)
{
    nhtb_route r = {.size = sizeof r, .kind = NHTB_ROUTE_TUNNEL, .iface = st0};
    cr_assert_eq(nhtb_prefix_parse(prefix, &r.prefix), 0);
    cr_assert_eq(nhtb_addr_parse(next_hop, &r.next_hop), 0);
    cr_assert_eq(nhtb_txn_route(t, &r), 0);
}

static nhtb_iface_id configure(nhtb_ctx *ctx)
{
    static uint8_t keys[40] = {1, 2, 3};
    nhtb_txn *t;
    nhtb_iface i;
    nhtb_iface_id st0;
    nhtb_binding b = {.size = sizeof b};
    nhtb_manual_sa sa = {.size = sizeof sa,
                         .name = "static",
                         .spi_in = 2000,
                         .spi_out = 3000,
                         .encr = 20,
                         .key_bits = 128,
                         .key_in = {keys, 20},
                         .key_out = {keys + 20, 20}};
    nhtb_iface_init(&i);
    i.name = "st0.0";
    i.kind = NHTB_IFACE_MULTIPOINT;
    i.addr4.len = 24;
    nhtb_addr_parse("10.0.0.1", &i.addr4.addr);
    nhtb_addr_parse("192.0.2.1", &sa.path.local);
    nhtb_addr_parse("192.0.2.2", &sa.path.remote);
    nhtb_addr_parse("10.0.0.2", &b.next_hop);
    cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
    cr_assert_eq(nhtb_txn_iface(t, &i, &st0), 0);
    sa.iface = b.iface = st0;
    cr_assert_eq(nhtb_txn_sa(t, &sa, &b.sa), 0);
    cr_assert_eq(nhtb_txn_binding(t, &b), 0);
    route(t, st0, "192.168.2.0/24", "10.0.0.2");
    cr_assert_eq(nhtb_txn_commit(t, 1), 0);
    return st0;
}

/* Routes around and above the one in use, policies, another next hop: all while packets fly. */
static void churn(nhtb_ctx *ctx, nhtb_iface_id st0)
{
    for (unsigned round = 0; round < CHURN; round++) {
        nhtb_txn *t;
        nhtb_prefix p;
        nhtb_policy rule = {
            .size = sizeof rule, .action = NHTB_DENY, .direction = NHTB_POLICY_OUT, .proto = 6};
        cr_assert_eq(nhtb_txn_begin(ctx, &t), 0);
        for (unsigned k = 0; k < 10; k++) {
            char text[32];
            snprintf(text, sizeof text, "192.%u.0.0/16", 168 + k);
            cr_assert_eq(nhtb_prefix_parse(text, &p), 0);
            if (round % 2)
                (void)nhtb_txn_route_del(t, &p);
            else
                route(t, st0, text, k % 2 ? "10.0.0.2" : "10.0.0.3");
        }
        cr_assert_eq(nhtb_txn_policy(t, st0, &rule, round % 3 ? 1 : 0), 0);
        cr_assert_eq(nhtb_txn_commit(t, 2 + round), 0);
        cr_assert_eq(nhtb_timeout(ctx, 2 + round), 0);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, 4);
    memcpy(&y, b, 4);
    return x < y ? -1 : x > y;
}

Test(threads, four_workers_and_a_churning_control_thread)
{
    static uint32_t seq[WORKERS * PACKETS];
    uint64_t seed = 1;
    nhtb_settings st = sim_settings(64);
    nhtb_host host = {.size = sizeof host,
                      .user = &seed,
                      .alloc = alloc,
                      .free = release,
                      .random = random_bytes};
    nhtb_crypto c;
    nhtb_ctx *ctx;
    static sender s[WORKERS];
    pthread_t thread[WORKERS];
    st.workers = WORKERS;
    cr_assert(sim_crypto("null", &c));
    cr_assert_eq(nhtb_ctx_new(&ctx, &st, &host, &c), 0);
    nhtb_iface_id st0 = configure(ctx);
    for (unsigned i = 0; i < WORKERS; i++) {
        s[i] = (sender){.st0 = st0, .seq = seq + i * PACKETS};
        cr_assert_eq(nhtb_worker_new(&s[i].w, ctx, i), 0);
        cr_assert_eq(pthread_create(&thread[i], NULL, run_sender, &s[i]), 0);
    }
    churn(ctx, st0);
    unsigned sent = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(thread[i], NULL);
        cr_assert_eq(s[i].other, 0, "worker %u: %u packets were not sent", i, s[i].other);
        memmove(seq + sent, s[i].seq, s[i].sent * sizeof *seq);
        sent += s[i].sent;
    }
    qsort(seq, sent, sizeof *seq, by_value);
    for (unsigned i = 1; i < sent; i++)
        cr_assert_neq(seq[i], seq[i - 1], "sequence number used twice");
    nhtb_stats out = {.size = sizeof out};
    cr_assert_eq(nhtb_stats_get(ctx, &out), 0);
    cr_assert_eq(out.out_packets, WORKERS * PACKETS);
    nhtb_ctx_del(ctx);
}
