/* SPDX-License-Identifier: Apache-2.0
 * Uses the C++ handles as a program outside the tree would: context, transaction, worker, tables.
 * Built and run by tests/downstream/run.sh; also proves that the umbrella header is C++17. */
#include <nhtb/nhtb.hpp>

#if defined(DOWNSTREAM_MBEDTLS)
#include <nhtb/backend_mbedtls.h>
#define BACKEND nhtb_mbedtls_crypto
#else
#include <nhtb/backend_openssl.h>
#define BACKEND nhtb_openssl_crypto
#endif

#include <cstdio>
#include <cstring>
#include <type_traits>

static_assert(!std::is_copy_constructible_v<nhtb::context>, "a context has one owner");
static_assert(std::is_nothrow_move_constructible_v<nhtb::txn>, "handles move without failing");

static int failures;

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                        \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static int random_bytes(void *, uint8_t *dst, size_t n)
{
    FILE *f = std::fopen("/dev/urandom", "rb");
    const size_t got = f != nullptr ? std::fread(dst, 1, n, f) : 0;
    if (f != nullptr)
        std::fclose(f);
    return got == n ? 0 : -1;
}

static nhtb_settings small_settings()
{
    nhtb_settings s = nhtb::init<nhtb_settings>();
    s.workers = 1;
    s.limits.ifaces = 4;
    s.limits.peers = 4;
    s.limits.tunnels = 4;
    s.limits.sas = 16;
    s.limits.routes = 64;
    s.limits.next_hops = 32;
    s.limits.bindings = 16;
    s.limits.half_open = 4;
    s.limits.held = 4;
    return s;
}

static nhtb_iface iface_named(const char *name)
{
    nhtb_iface i = nhtb::init<nhtb_iface>();
    i.name = name;
    i.kind = NHTB_IFACE_MULTIPOINT;
    i.addr4.addr = nhtb::parse_addr("10.9.0.1").value();
    i.addr4.len = 24;
    return i;
}

static size_t count_ifaces(nhtb::context &ctx, const char *name)
{
    size_t hits = 0;
    ctx.each<nhtb_iface_info>(nhtb_iface_next, [&](const nhtb_iface_info &row) {
        hits += std::strcmp(row.name, name) == 0 ? 1u : 0u;
    });
    return hits;
}

static void use(nhtb::context ctx)
{
    { /* left without commit: nothing changed */
        auto t = ctx.begin();
        CHECK(t);
        CHECK(t->iface(iface_named("st0.7")));
    }
    CHECK(count_ifaces(ctx, "st0.7") == 0);

    nhtb::txn t = std::move(ctx.begin()).value();
    auto id = t.iface(iface_named("st0.1"));
    CHECK(id);
    nhtb_route r = nhtb::init<nhtb_route>();
    r.kind = NHTB_ROUTE_TUNNEL;
    r.iface = *id;
    r.prefix = nhtb::parse_prefix("192.0.2.0/24").value();
    r.next_hop = nhtb::parse_addr("10.9.0.2").value();
    CHECK(!t.route(r));
    CHECK(!t.commit(0));
    CHECK(count_ifaces(ctx, "st0.1") == 1);

    auto w = ctx.make_worker(0);
    CHECK(w);
    if (w)
        w->rest();
    auto stats = ctx.stats();
    CHECK(stats && stats->ifaces == 1 && stats->routes == 1);
    CHECK(!ctx.timeout(NHTB_NS_PER_S));
}

int main()
{
    CHECK(std::strcmp(nhtb_version(), NHTB_VERSION) == 0);
    CHECK(nhtb::parse_addr("no address").error().code() == NHTB_ERR_ARG);

    auto heap = nhtb::context::make(small_settings(), nhtb::heap_host(random_bytes), BACKEND());
    CHECK(heap);
    if (heap)
        use(std::move(heap).value());

    static nhtb::arena<8u << 20> memory;
    CHECK(memory);
    auto fixed =
        nhtb::context::make(small_settings(), nhtb::arena_host(memory, random_bytes), BACKEND());
    CHECK(fixed);
    if (fixed)
        use(std::move(fixed).value());
    CHECK(memory.used() == 0 && memory.peak() > 0);

    std::printf("cpp_test: %s\n", failures == 0 ? "passed" : "FAILED");
    return failures == 0 ? 0 : 1;
}
