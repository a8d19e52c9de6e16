/* SPDX-License-Identifier: Apache-2.0
 * Settings, growable structs, usage errors of context and worker. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

static uint64_t most, now_bytes;

static void *alloc(void *user, size_t n, size_t align)
{
    (void)user;
    now_bytes += n;
    most = now_bytes > most ? now_bytes : most;
    return aligned_alloc(align, (n + align - 1) / align * align);
}

static void release(void *user, void *p, size_t n)
{
    (void)user;
    now_bytes -= p ? n : 0;
    free(p);
}

static int random_ok(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    memset(dst, 7, n);
    return 0;
}

static int random_fails(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    (void)dst;
    (void)n;
    return -1;
}

static nhtb_host host(void)
{
    return (nhtb_host){
        .size = sizeof(nhtb_host), .alloc = alloc, .free = release, .random = random_ok};
}

static nhtb_crypto null_crypto(void)
{
    nhtb_crypto c;
    cr_assert(sim_crypto("null", &c));
    return c;
}

Test(settings, defaults_are_the_documented_ones)
{
    nhtb_settings s;
    nhtb_settings_init(&s);
    cr_assert_eq(s.size, sizeof s);
    cr_assert_eq(s.workers, 1);
    cr_assert(s.vendor_id);
    cr_assert_eq(s.replay_window, 1024);
    cr_assert_eq(s.retransmit_ms, 500);
    cr_assert_eq(s.retransmit_cap_ms, 10000);
    cr_assert_eq(s.retransmit_total_s, 165);
    cr_assert_eq(s.nhtb_notify, 40001);
    cr_assert_eq(s.limits.peers, 1024);
}

Test(settings, an_older_callers_shorter_struct_is_not_written_behind_its_end)
{
    nhtb_settings s;
    memset(&s, 0xee, sizeof s);
    nhtb_settings_default(&s, offsetof(nhtb_settings, limits));
    cr_assert_eq(s.size, offsetof(nhtb_settings, limits));
    cr_assert_eq(s.limits.ifaces, 0xeeeeeeeeu);
}

Test(settings, bad_values_are_usage_errors)
{
    nhtb_ctx *ctx = NULL;
    nhtb_crypto c = null_crypto();
    nhtb_host h = host();
#define BAD(change)                                                                                \
    do {                                                                                           \
        nhtb_settings s;                                                                           \
        nhtb_settings_init(&s);                                                                    \
        change;                                                                                    \
        cr_expect_eq(nhtb_ctx_new(&ctx, &s, &h, &c), NHTB_ERR_ARG, #change);                       \
        cr_expect_null(ctx);                                                                       \
        cr_expect_eq(nhtb_ctx_size(&s, &c), 0, #change);                                           \
    } while (0)
    BAD(s.size = 8);
    BAD(s.workers = 0);
    BAD(s.workers = 64);
    BAD(s.emit = 2);
    BAD(s.replay_window = 100);
    BAD(s.replay_window = 65600);
    BAD(s.retransmit_ms = 0);
    BAD(s.retransmit_cap_ms = 100);
    BAD(s.nhtb_notify = 1);
    BAD(s.fragment_size = 575);
    BAD(s.limits.ike_message = 1000);
    BAD(s.limits.sas = 0);
    BAD(s.limits.peers = 1u << 24);
#undef BAD
    cr_assert_eq(now_bytes, 0);
}

Test(settings, an_unknown_tail_must_be_zero)
{
    struct {
        nhtb_settings s;
        uint64_t tail;
    } newer;
    nhtb_ctx *ctx;
    nhtb_crypto c = null_crypto();
    nhtb_host h = host();
    memset(&newer, 0, sizeof newer);
    nhtb_settings_default(&newer.s, sizeof newer);
    cr_assert_eq(newer.s.size, sizeof newer);
    cr_assert_eq(nhtb_ctx_new(&ctx, &newer.s, &h, &c), 0);
    nhtb_ctx_del(ctx);
    newer.tail = 1;
    cr_assert_eq(nhtb_ctx_new(&ctx, &newer.s, &h, &c), NHTB_ERR_ARG);
}

Test(settings, host_and_crypto_are_checked)
{
    nhtb_ctx *ctx;
    nhtb_settings s;
    nhtb_settings_init(&s);
    nhtb_crypto c = null_crypto(), bad;
    nhtb_host h = host(), v = h;
    cr_assert_eq(nhtb_ctx_new(NULL, &s, &h, &c), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_ctx_new(&ctx, NULL, &h, &c), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_ctx_new(&ctx, &s, NULL, &c), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_ctx_new(&ctx, &s, &h, NULL), NHTB_ERR_ARG);
    v.random = NULL;
    cr_assert_eq(nhtb_ctx_new(&ctx, &s, &v, &c), NHTB_ERR_ARG);
    bad = c;
    bad.kdf = NULL;
    cr_assert_eq(nhtb_ctx_new(&ctx, &s, &h, &bad), NHTB_ERR_ARG);
    v = h;
    v.random = random_fails;
    cr_assert_eq(nhtb_ctx_new(&ctx, &s, &v, &c), NHTB_ERR_RANDOM);
    cr_assert_eq(now_bytes, 0);
}

Test(settings, real_backends_pass_their_self_test_and_a_broken_one_is_refused)
{
    static const char *const names[] = {"mbedtls", "openssl"};
    nhtb_settings s;
    nhtb_settings_init(&s);
    for (size_t i = 0; i < 2; i++) {
        nhtb_crypto c;
        nhtb_ctx *ctx = NULL;
        nhtb_host h = host();
        if (!sim_crypto(names[i], &c))
            continue;
        cr_assert_eq(nhtb_ctx_new(&ctx, &s, &h, &c), 0, "%s", names[i]);
        nhtb_ctx_del(ctx);
        /* the null tables under another name are a backend that computes something else */
        nhtb_bulk_ops broken = *null_crypto().bulk;
        broken.name = names[i];
        c.bulk = &broken;
        cr_assert_eq(nhtb_ctx_new(&ctx, &s, &h, &c), NHTB_ERR_CRYPTO, "%s", names[i]);
    }
    cr_assert_eq(now_bytes, 0);
}

Test(settings, a_context_fits_into_the_arena_that_ctx_size_tells)
{
    nhtb_settings s = sim_settings(8);
    nhtb_crypto c = null_crypto();
    size_t n = nhtb_ctx_size(&s, &c);
    cr_assert(n > 0);
    void *mem = aligned_alloc(64, (n + 63) / 64 * 64);
    nhtb_arena *a = nhtb_arena_init(mem, n);
    nhtb_host h = host();
    nhtb_ctx *ctx = NULL;
    h.user = a;
    h.alloc = nhtb_arena_alloc;
    h.free = nhtb_arena_free;
    cr_assert_eq(nhtb_ctx_new(&ctx, &s, &h, &c), 0);
    nhtb_ctx_del(ctx);
    cr_assert_eq(nhtb_arena_used(a), 0);
    free(mem);
}

/* Everything a hub can hold, used to the last entry: SAs of 24 spokes twice over (rekeys), routes,
 * bindings, half-open SAs, held packets, events nobody reads. */
Test(settings, a_full_context_stays_below_what_ctx_size_tells)
{
    enum { N = 24 };
    sim_topo t;
    sim *s = sim_new(3);
    nhtb_settings st = sim_settings(N);
    st.limits.peers = st.limits.tunnels = st.limits.bindings = N;
    st.limits.sas = 2 * N;
    st.limits.routes = N + 1;
    st.limits.next_hops = N;
    sim_topo_opts o = {.n = N,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY},
                       .spoke_kind = NHTB_IFACE_MULTIPOINT,
                       .settings = &st};
    nhtb_crypto c = null_crypto();
    sim_topo_new(&t, s, &o);
    uint64_t peak = 0;
    for (unsigned i = 0; i < 200; i++) {
        if (i == 50)
            for (unsigned k = 0; k < N; k++) {
                (void)nhtb_peer_rekey(sim_ctx(t.spoke[k]), t.spoke_peer[k], NHTB_REKEY_CHILD,
                                      sim_now(s));
                sim_pump(t.spoke[k]);
            }
        sim_run_for(s, 10 * SIM_MS);
        peak = sim_live_bytes(t.hub) > peak ? sim_live_bytes(t.hub) : peak;
    }
    cr_assert_eq(sim_tunnels_up(t.hub), N);
    cr_assert_eq(sim_bindings(t.hub, true), N);
    cr_assert(peak < nhtb_ctx_size(&st, &c), "%llu bytes used, %zu told", (unsigned long long)peak,
              nhtb_ctx_size(&st, &c));
    sim_topo_del(&t);
    cr_assert_eq(sim_del(s), 0);
}

Test(worker, one_per_index_and_within_settings)
{
    nhtb_settings s = sim_settings(2);
    nhtb_crypto c = null_crypto();
    nhtb_host h = host();
    nhtb_ctx *ctx;
    nhtb_worker *w, *x;
    s.workers = 2;
    cr_assert_eq(nhtb_ctx_new(&ctx, &s, &h, &c), 0);
    cr_assert_eq(nhtb_worker_new(&w, ctx, 1), 0);
    cr_assert_eq(nhtb_worker_new(&x, ctx, 1), NHTB_ERR_EXISTS);
    cr_assert_null(x);
    cr_assert_eq(nhtb_worker_new(&x, ctx, 2), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_worker_new(NULL, ctx, 0), NHTB_ERR_ARG);
    nhtb_worker_del(w);
    cr_assert_eq(nhtb_worker_new(&w, ctx, 1), 0);
    nhtb_worker_del(NULL);
    nhtb_ctx_del(ctx); /* ends w too */
    cr_assert_eq(now_bytes, 0);
}
