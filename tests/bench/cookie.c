/* SPDX-License-Identifier: Apache-2.0
 * A flood of IKE_SA_INIT requests from ever new sources and SPIs, each answered with a cookie: how
 * many a core answers, and that none of them costs memory. */
#include <string.h>

#include <nhtb/backend_openssl.h>

#include "bench/bench.h"

enum { ROUND = 20000, MESSAGE = 2048 };

static nhtb_ctx *context(uint32_t threshold)
{
    nhtb_settings set;
    nhtb_ctx *ctx;
    nhtb_host host = bench_host();
    nhtb_crypto crypto = nhtb_openssl_crypto();
    nhtb_settings_init(&set);
    set.cookie_threshold = threshold;
    bench_must(nhtb_ctx_new(&ctx, &set, &host, &crypto) == 0, "no context");
    return ctx;
}

static nhtb_peer_id add_peer(nhtb_ctx *ctx)
{
    nhtb_txn *txn;
    nhtb_iface st0;
    nhtb_child child;
    nhtb_peer peer;
    nhtb_peer_id id;
    nhtb_iface_init(&st0);
    nhtb_child_init(&child);
    nhtb_peer_init(&peer);
    st0.name = "st0.0";
    child.name = peer.name = "hub";
    peer.psk = (nhtb_span){(const uint8_t *)"a key that is long enough", 25};
    peer.path.local = (nhtb_addr){.family = 4, .b = {192, 0, 2, 2}};
    peer.path.remote = (nhtb_addr){.family = 4, .b = {192, 0, 2, 1}};
    bench_must(nhtb_txn_begin(ctx, &txn) == 0 && nhtb_txn_iface(txn, &st0, &child.iface) == 0,
               "interface refused");
    peer.children = &child;
    peer.n_children = 1;
    bench_must(nhtb_txn_peer(txn, &peer, &id) == 0 && nhtb_txn_commit(txn, 1) == 0, "peer refused");
    return id;
}

/** A real request, as our own initiator sends it. */
static uint32_t request(uint8_t *buf)
{
    nhtb_ctx *ctx = context(32);
    nhtb_job *job;
    nhtb_pkt p = {.buf = buf, .cap = MESSAGE}, *v = &p;
    bench_must(nhtb_peer_initiate(ctx, add_peer(ctx), 1) == 0, "initiate refused");
    while (nhtb_next_job(ctx, &job)) {
        nhtb_job_run(job);
        nhtb_job_done(ctx, job, 1);
    }
    bench_must(nhtb_drain(ctx, &v, 1, 1) == 1 && p.verdict == NHTB_PKT_TX, "no request");
    nhtb_ctx_del(ctx);
    return p.len;
}

static void flood(nhtb_ctx *ctx, uint8_t *msg, uint32_t n, uint64_t *rng)
{
    uint8_t answer[256];
    for (int i = 0; i < ROUND; i++) {
        uint64_t spi = bench_random(rng) | 1, from = bench_random(rng);
        nhtb_path path = {.local = {.family = 4, .b = {192, 0, 2, 1}},
                          .remote = {.family = 4},
                          .local_port = 500,
                          .remote_port = 500};
        nhtb_pkt in = {.buf = msg, .cap = MESSAGE, .len = n, .kind = NHTB_PKT_IKE_500}, *v = &in;
        nhtb_pkt out = {.buf = answer, .cap = sizeof answer}, *o = &out;
        memcpy(msg, &spi, sizeof spi);
        memcpy(path.remote.b, &from, 4);
        in.path = &path;
        nhtb_feed(ctx, &v, 1, 2);
        bench_must(nhtb_drain(ctx, &o, 1, 2) == 1 && in.reason == NHTB_REASON_IKE_COOKIE,
                   "no cookie");
        bench_must(out.len <= n, "an answer larger than the request");
    }
}

void bench_cookie(bench *b, const bench_case *c)
{
    static bench_series rate;
    uint8_t msg[MESSAGE];
    uint64_t rng = 1;
    bench_heap heap = {0}, *before = bench_heap_use(&heap);
    uint32_t n = request(msg);
    nhtb_ctx *ctx = context(0);
    add_peer(ctx);
    flood(ctx, msg, n, &rng); /* warm: buffers for answers exist */
    uint64_t hooks = heap.hook_calls, vendor = heap.vendor_calls, answers = 0;
    double stop = bench_cpu_ns() + b->seconds * 1e9;
    rate.n = 0;
    while (rate.n < BENCH_SAMPLES_MIN || bench_cpu_ns() < stop) {
        double since = bench_cpu_ns();
        flood(ctx, msg, n, &rng);
        if (!bench_add(&rate, ROUND * 1e9 / (bench_cpu_ns() - since)))
            break;
        answers += ROUND;
    }
    hooks = heap.hook_calls - hooks;
    vendor = heap.vendor_calls - vendor;
    nhtb_ctx_del(ctx);
    bench_heap_use(before);
    bench_must(hooks == 0, "a cookie answer allocates");
    bench_row r = {.name = c->name, .detail = "rate", .unit = "per s, core", .value = &rate};
    bench_print(b, &r);
    bench_count(b, c->name, "allocations", "of ours", (double)hooks);
    if (bench_heap_sees_vendor())
        bench_count(b, c->name, "vendor-allocations", "per answer",
                    (double)vendor / (double)answers);
}
