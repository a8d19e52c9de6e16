/* SPDX-License-Identifier: Apache-2.0
 * The hub of the data plane cases: one multipoint interface, n manual SAs on native ESP,
 * static bindings, BGP-like routes spread over the tunnels, source check on. */
#include <stdlib.h>
#include <string.h>

#include <nhtb/backend_mbedtls.h>
#include <nhtb/backend_openssl.h>
#if defined(NHTB_HAVE_IPSECMB)
#include <nhtb/backend_ipsecmb.h>
#endif

#include "bench/world.h"

static nhtb_addr v4(uint32_t a)
{
    return (nhtb_addr){
        .family = 4, .b = {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a}};
}

nhtb_addr world_next_hop(uint32_t t)
{
    return v4(UINT32_C(0x0a000002) + t);
}

static void settings_of(nhtb_settings *s, uint32_t tunnels, uint32_t routes)
{
    nhtb_settings_init(s);
    s->limits.tunnels = tunnels + 16;
    s->limits.sas = 2 * tunnels + 64;
    s->limits.next_hops = tunnels + 16;
    s->limits.bindings = tunnels + 16;
    s->limits.routes = routes + 16;
}

static void add_sa(world *w, nhtb_txn *txn, uint32_t i, uint64_t *rng)
{
    tunnel *t = &w->t[i];
    char name[NHTB_NAME_MAX];
    snprintf(name, sizeof name, "vpn-%u", i);
    for (size_t k = 0; k < w->alg->keymat; k++) {
        t->key_in[k] = (uint8_t)(bench_random(rng) >> 32);
        t->key_out[k] = (uint8_t)(bench_random(rng) >> 32);
    }
    t->spi_in = 0x10000 + i;
    t->path.local = v4(UINT32_C(0xc0000201));      /* 192.0.2.1 */
    t->path.remote = v4(UINT32_C(0xc6120000) + i); /* 198.18.0.0/15 */
    nhtb_manual_sa sa = {.size = sizeof sa,
                         .name = name,
                         .iface = w->st0,
                         .path = t->path,
                         .spi_in = t->spi_in,
                         .spi_out = 0x20000 + i,
                         .encr = w->alg->encr,
                         .key_bits = w->alg->key_bits,
                         .integ = w->alg->integ,
                         .key_in = {t->key_in, w->alg->keymat},
                         .key_out = {t->key_out, w->alg->keymat}};
    nhtb_binding b = {.size = sizeof b, .iface = w->st0, .next_hop = world_next_hop(i)};
    bench_must(nhtb_txn_sa(txn, &sa, &b.sa) == 0, "manual SA refused");
    bench_must(nhtb_txn_binding(txn, &b) == 0, "binding refused");
}

static void add_routes(world *w, nhtb_txn *txn)
{
    nhtb_route own = {.size = sizeof own, .kind = NHTB_ROUTE_LOCAL};
    own.prefix = (nhtb_prefix){.addr = v4(UINT32_C(0x0a800000)), .len = 9};
    bench_must(nhtb_txn_route(txn, &own) == 0, "local route refused");
    for (uint32_t i = 0; i < w->n_routes; i++) {
        nhtb_route r = {.size = sizeof r,
                        .kind = NHTB_ROUTE_TUNNEL,
                        .prefix = {.addr = v4(w->routes[i].addr), .len = w->routes[i].len},
                        .iface = w->st0,
                        .next_hop = world_next_hop(i % w->n_tunnels)};
        bench_must(nhtb_txn_route(txn, &r) == 0, "route refused");
    }
}

static void configure(world *w)
{
    uint64_t rng = 11;
    nhtb_txn *txn;
    nhtb_iface st0;
    nhtb_iface_init(&st0);
    st0.name = "st0.0";
    st0.kind = NHTB_IFACE_MULTIPOINT;
    st0.addr4.addr = v4(UINT32_C(0x0a000001));
    st0.addr4.len = 10;
    bench_must(nhtb_txn_begin(w->ctx, &txn) == 0, "no transaction");
    bench_must(nhtb_txn_iface(txn, &st0, &w->st0) == 0, "interface refused");
    for (uint32_t i = 0; i < w->n_tunnels; i++)
        add_sa(w, txn, i, &rng);
    add_routes(w, txn);
    bench_must(nhtb_txn_commit(txn, w->now) == 0, "commit refused");
}

static nhtb_crypto crypto_of(const char *vendor)
{
    nhtb_crypto c = strcmp(vendor, "mbedtls") == 0 ? nhtb_mbedtls_crypto() : nhtb_openssl_crypto();
#if defined(NHTB_HAVE_IPSECMB)
    if (strcmp(vendor, "ipsecmb") == 0)
        c.bulk = nhtb_ipsecmb_bulk();
#endif
    bench_must(strcmp(c.bulk->name, vendor) == 0, "this build has no such backend");
    return c;
}

world *world_new(const char *vendor, const bare_alg *alg, uint32_t n_tunnels, uint32_t n_routes)
{
    nhtb_settings s;
    nhtb_host host = bench_host();
    nhtb_crypto crypto = crypto_of(vendor);
    world *w = calloc(1, sizeof *w);
    bench_must(w != NULL, "no memory");
    w->alg = alg;
    w->n_tunnels = n_tunnels;
    w->n_routes = n_routes;
    w->now = 1;
    w->t = calloc(n_tunnels, sizeof *w->t);
    w->routes = bench_routes_make(n_routes, 1);
    bench_must(w->t && w->routes, "no memory");
    settings_of(&s, n_tunnels, n_routes);
    bench_heap *before = bench_heap_use(&w->heap);
    bench_must(nhtb_ctx_new(&w->ctx, &s, &host, &crypto) == 0, "no context");
    bench_must(nhtb_worker_new(&w->worker, w->ctx, 0) == 0, "no worker");
    configure(w);
    bench_heap_use(before);
    bench_must(w->heap.hook_calls > 0 && (!bench_heap_sees_vendor() || w->heap.vendor_calls > 0),
               "allocations are not seen: a count of 0 would mean nothing");
    return w;
}

void world_del(world *w)
{
    bench_heap *before = bench_heap_use(&w->heap);
    nhtb_worker_del(w->worker);
    nhtb_ctx_del(w->ctx);
    bench_heap_use(before);
    bench_must(w->heap.hook_bytes == 0, "a context leaked");
    free(w->routes);
    free(w->t);
    free(w);
}

uint32_t world_tunnel_of(const world *w, uint32_t addr)
{
    uint32_t best = w->n_tunnels;
    int len = -1;
    for (uint32_t i = 0; i < w->n_routes; i++) {
        const bench_route *r = &w->routes[i];
        if (r->len > len && ((addr ^ r->addr) >> (32 - r->len)) == 0) {
            best = i % w->n_tunnels;
            len = r->len;
        }
    }
    return best;
}
