/* SPDX-License-Identifier: Apache-2.0
 * Life of a context: settings checked, backends self-tested, rooms built and ended in order.
 * Control thread. */
#include "crypto/kdf.h"
#include "engine/engine.h"

static int spi_reserve(void *user, nhtb_peer_id peer, uint32_t *spi)
{
    nhtb_ctx *ctx = user;
    return nhi_db_spi_reserve(ctx->db, peer, spi);
}

static void spi_release(void *user, uint32_t spi)
{
    nhtb_ctx *ctx = user;
    nhi_db_spi_release(ctx->db, spi);
}

static bool own_addr(void *user, nhtb_peer_id peer, uint16_t child, nhi_ike_own *out)
{
    nhtb_ctx *ctx = user;
    return nhi_db_own_addr(ctx->db, peer, child, &out->addr, &out->multipoint);
}

static nhtb_time last_in(void *user, nhtb_peer_id peer)
{
    nhtb_ctx *ctx = user;
    return nhi_db_peer_last_in(ctx->db, peer);
}

static nhtb_time last_out(void *user, nhtb_peer_id peer)
{
    nhtb_ctx *ctx = user;
    return nhi_db_peer_last_out(ctx->db, peer);
}

static int self_test(nhtb_ctx *ctx)
{
    const char *what = NULL;
    int err = nhi_crypto_selftest(&ctx->mem, &ctx->crypto, &what);
    if (err)
        nhi_log(&ctx->mem, NHTB_LOG_ERROR, "crypto", what ? what : "self-test failed",
                (nhtb_peer_id){0}, NULL, 0, 0);
    return err;
}

static int build_tables(nhtb_ctx *ctx, const uint8_t seed[16])
{
    int err = nhi_fib_init(&ctx->fib, &ctx->mem, &ctx->settings);
    if (err)
        return err;
    ctx->fib_ready = true;
    nhi_db_env env = {.mem = &ctx->mem,
                      .fib = &ctx->fib,
                      .crypto = &ctx->crypto,
                      .settings = &ctx->settings,
                      .user = ctx,
                      .note = nhi_engine_note};
    memcpy(env.map_seed, seed, sizeof env.map_seed);
    return nhi_db_new(&ctx->db, &env);
}

static int build_ike(nhtb_ctx *ctx)
{
    nhi_ike_env env = {.mem = &ctx->mem,
                       .wheel = &ctx->wheel,
                       .crypto = &ctx->crypto,
                       .settings = &ctx->settings,
                       .jitter = &ctx->jitter,
                       .user = ctx,
                       .spi_reserve = spi_reserve,
                       .spi_release = spi_release,
                       .own_addr = own_addr,
                       .peer_join = nhi_engine_peer_join,
                       .last_in = last_in,
                       .last_out = last_out};
    return nhi_ike_new(&ctx->ike, &env, 0);
}

static int build(nhtb_ctx *ctx)
{
    uint8_t seed[80];
    int err = self_test(ctx);
    if (!err)
        err = nhi_mem_random(&ctx->mem, seed, sizeof seed);
    if (err)
        return err;
    nhi_rng_init(&ctx->jitter, seed);
    err = nhi_engine_events_init(ctx, seed + 32);
    if (!err)
        err = build_tables(ctx, seed + 48);
    if (!err)
        err = build_ike(ctx);
    /* twice: a transaction may replace every peer */
    nhi_map_init(&ctx->names, &ctx->mem, sizeof(nhi_engine_name),
                 2 * (size_t)ctx->settings.limits.peers, seed + 64);
    nhi_wipe(seed, sizeof seed);
    return err;
}

static bool host_ok(const nhtb_host *h)
{
    return h->alloc && h->free && h->random;
}

/* Tables of a backend built before they grew are taken as they are: members beyond their size are
 * never read (lib/crypto/cbc.c, sig.c). */
static bool crypto_ok(const nhtb_crypto *c)
{
    return c && c->bulk && c->kdf && c->pk && c->bulk->size >= sizeof *c->bulk &&
           c->kdf->size >= offsetof(nhtb_kdf_ops, has_cbc) &&
           c->pk->size >= offsetof(nhtb_pk_ops, has_sig);
}

int nhtb_ctx_new(nhtb_ctx **out, const nhtb_settings *s, const nhtb_host *h, const nhtb_crypto *c)
{
    nhtb_settings settings;
    nhi_mem mem;
    if (!out)
        return NHTB_ERR_ARG;
    *out = NULL;
    memset(&mem, 0, sizeof mem);
    if (nhi_engine_settings_take(&settings, s) || nhi_engine_take(&mem.host, h, sizeof mem.host) ||
        !host_ok(&mem.host) || !crypto_ok(c))
        return NHTB_ERR_ARG;
    nhtb_ctx *ctx = nhi_mem_alloc(&mem, sizeof *ctx, _Alignof(nhtb_ctx));
    if (!ctx)
        return NHTB_ERR_MEMORY;
    ctx->mem.host = mem.host;
    ctx->mem.bytes = mem.bytes;
    ctx->settings = settings;
    ctx->crypto = *c;
    nhi_wheel_init(&ctx->wheel);
    nhi_engine_ring_init(&ctx->ring);
    nhi_engine_hold_init(ctx);
    nhi_timer_init(&ctx->cells_timer, NHI_TIMER_ENGINE_CELLS);
    nhi_timer_init(&ctx->mtu_timer, NHI_TIMER_ENGINE_MTU);
    int err = build(ctx);
    if (err) {
        nhtb_ctx_del(ctx);
        return err;
    }
    *out = ctx;
    return NHTB_OK;
}

void nhtb_ctx_del(nhtb_ctx *ctx)
{
    if (!ctx)
        return;
    nhi_engine_txn_end(ctx);
    for (unsigned i = 0; i < NHI_ARRAY_LEN(ctx->workers); i++)
        nhtb_worker_del(ctx->workers[i]);
    nhi_engine_hold_fini(ctx);
    nhi_engine_ring_fini(ctx);
    if (ctx->ike)
        nhi_ike_del(ctx->ike);
    ctx->ike = NULL; /* notes of db below find no names any more */
    if (ctx->db)
        nhi_db_del(ctx->db);
    if (ctx->fib_ready)
        nhi_fib_fini(&ctx->fib);
    nhi_engine_events_fini(ctx);
    if (ctx->names.mem)
        nhi_map_fini(&ctx->names);
    nhi_rng_wipe(&ctx->jitter);
    nhi_mem mem;
    memset(&mem, 0, sizeof mem);
    mem.host = ctx->mem.host;
    mem.bytes = sizeof *ctx;
    nhi_mem_wipe_free(&mem, ctx, sizeof *ctx);
}

int nhtb_shutdown(nhtb_ctx *ctx, nhtb_time now)
{
    if (!ctx)
        return NHTB_ERR_ARG;
    ctx->shutdown = true;
    nhi_ike_shutdown(ctx->ike, now);
    nhi_engine_apply(ctx, now);
    return NHTB_OK;
}

bool nhtb_idle(const nhtb_ctx *ctx)
{
    return !ctx || (nhi_ike_idle(ctx->ike) && nhi_list_empty(&ctx->ring.waiting));
}

void nhtb_path_mtu(nhtb_ctx *ctx, const nhtb_path *path, uint32_t mtu, nhtb_time now)
{
    if (!ctx || !path)
        return;
    uint32_t least = path->remote.family == 6 ? 1280 : 576;
    ctx->now = now;
    size_t n = nhi_db_path_mtu(ctx->db, path, mtu < least ? least : mtu, now);
    if (n && !nhi_timer_armed(&ctx->mtu_timer))
        nhi_wheel_arm(&ctx->wheel, &ctx->mtu_timer, now + NHI_ENGINE_MTU_NS);
}

void nhi_engine_mtu_forget(nhtb_ctx *ctx, nhtb_time now)
{
    nhtb_time before = now > NHI_ENGINE_MTU_NS ? now - NHI_ENGINE_MTU_NS : 0;
    if (nhi_db_mtu_forget(ctx->db, before))
        nhi_wheel_arm(&ctx->wheel, &ctx->mtu_timer, now + NHI_ENGINE_MTU_NS / 10);
}
