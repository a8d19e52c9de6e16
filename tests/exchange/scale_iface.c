/* SPDX-License-Identifier: Apache-2.0
 * One multipoint interface with 10,000 tunnels: what limits their number is tunnels and routes, not
 * interfaces. Ten nodes play the spokes, each with a thousand point-to-point st0 units of its own.
 * Prints time and memory per tunnel. */
#include <time.h>

#include "exchange/common.h"

enum { NODES = 10, UNITS = 1000, N = NODES * UNITS };

typedef struct world {
    sim *s;
    sim_node *hub, *node[NODES];
    nhtb_iface_id hub_st0, unit[N];
} world;

/* head.X.Ytail, X and Y the two low bytes of i. */
static void text(char dst[32], const char *head, unsigned i, const char *tail)
{
    snprintf(dst, 32, "%.8s.%u.%u%.8s", head, i >> 8 & 255, i & 255, tail);
}

static nhtb_settings settings(unsigned n, unsigned ifaces)
{
    nhtb_settings s = sim_settings(n);
    s.limits.ifaces = ifaces;
    s.limits.half_open_per_source = 0; /* a thousand spokes behind one address */
    s.cookie_threshold = 2 * N;
    return s;
}

static void must(const world *w, int err, const char *what)
{
    cr_assert_eq(err, 0, "%s: %s (seed %llu)", what, nhtb_strerror(err),
                 (unsigned long long)sim_seed(w->s));
}

static void put_route(const world *w, nhtb_txn *t, nhtb_iface_id iface, const char *prefix,
                      const char *next_hop)
{
    nhtb_route r = {.size = sizeof r, .kind = NHTB_ROUTE_TUNNEL, .iface = iface};
    must(w, nhtb_prefix_parse(prefix, &r.prefix), prefix);
    if (next_hop != NULL)
        must(w, nhtb_addr_parse(next_hop, &r.next_hop), next_hop);
    must(w, nhtb_txn_route(t, &r), "route");
}

static void put_peer(const world *w, nhtb_txn *t, const sim_node *n, unsigned i, bool at_hub)
{
    char name[32], id[32];
    nhtb_peer_id peer;
    snprintf(name, sizeof name, "spoke%u", i);
    snprintf(id, sizeof id, "spoke%u.example", i);
    sim_peer_opts o = {.name = name, .psk = "0123456789abcdef0123456789abcdef"};
    o.iface = at_hub ? w->hub_st0 : w->unit[i];
    o.remote = at_hub ? NULL : "192.0.2.1";
    o.local_id = at_hub ? "hub.example" : id;
    o.remote_id = at_hub ? id : "hub.example";
    o.establish = at_hub ? NHTB_ESTABLISH_RESPONDER_ONLY : NHTB_ESTABLISH_ON_TRAFFIC;
    o.liveness_s = UINT32_MAX;
    must(w, sim_peer_txn(t, n, &o, &peer), name);
}

static void hub_new(world *w)
{
    nhtb_settings s = settings(N, 1);
    nhtb_txn *t;
    sim_node_opts o = {.name = "hub", .addr = "192.0.2.1", .settings = s};
    w->hub = sim_node_new(w->s, &o);
    cr_assert_not_null(w->hub);
    w->hub_st0 = sim_iface(w->hub, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/16");
    must(w, nhtb_txn_begin(sim_ctx(w->hub), &t), "begin");
    for (unsigned i = 0; i < N; i++) {
        char lan[32], next_hop[32];
        put_peer(w, t, w->hub, i, true);
        text(lan, "172", (16u << 8) + i, ".0/24");
        text(next_hop, "10.0", i + 2, "");
        put_route(w, t, w->hub_st0, lan, next_hop);
    }
    must(w, nhtb_txn_commit(t, sim_now(w->s)), "commit");
    sim_pump(w->hub);
}

static void node_new(world *w, unsigned k)
{
    char outer[32];
    nhtb_txn *t;
    text(outer, "198.18", k + 1, "");
    sim_node_opts o = {.name = "node", .addr = outer, .settings = settings(UNITS, UNITS)};
    sim_node *n = w->node[k] = sim_node_new(w->s, &o);
    cr_assert_not_null(n);
    must(w, nhtb_txn_begin(sim_ctx(n), &t), "begin");
    for (unsigned i = k * UNITS; i < (k + 1) * UNITS; i++) {
        nhtb_iface c;
        char name[32], addr[32], prefix[32];
        nhtb_iface_init(&c);
        snprintf(name, sizeof name, "st0.%u", i);
        text(addr, "10.0", i + 2, "");
        c.name = name;
        c.addr4.len = 16;
        must(w, nhtb_addr_parse(addr, &c.addr4.addr), addr);
        must(w, nhtb_txn_iface(t, &c, &w->unit[i]), name);
        put_peer(w, t, n, i, false);
        text(prefix, "192", (168u << 8) + i % UNITS, ".0/24");
        put_route(w, t, w->unit[i], prefix, NULL);
    }
    must(w, nhtb_txn_commit(t, sim_now(w->s)), "commit");
    sim_pump(n);
}

static bool all_up(void *user)
{
    world *w = user;
    return sim_tunnels_up(w->hub) == N && sim_bindings(w->hub, true) == N;
}

static double cpu(clock_t since)
{
    return (double)(clock() - since) / (double)CLOCKS_PER_SEC;
}

/* The first packet of each unit starts its tunnel: a few at a time, as sites come up. */
static void bring_up(world *w)
{
    for (unsigned i = 0; i < N; i++) {
        char dst[32], src[32];
        text(dst, "192", (168u << 8) + i % UNITS, ".1");
        text(src, "172", (16u << 8) + i, ".9");
        sim_send(w->node[i / UNITS], w->unit[i], src, dst, i, 60);
        if (i % 100 == 99)
            sim_run_for(w->s, 100 * SIM_MS);
    }
    sim_check(w->s, sim_run_until(w->s, all_up, w, 60 * SIM_S));
}

Test(scale, ten_thousand_tunnels_on_one_interface)
{
    static world w;
    char dst[32];
    nhtb_iface_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    w.s = sim_new(10000);
    hub_new(&w);
    for (unsigned k = 0; k < NODES; k++)
        node_new(&w, k);
    uint64_t before = sim_live_bytes(w.hub);
    clock_t begin = clock();
    bring_up(&w);
    double up = cpu(begin);
    uint64_t bytes = sim_live_bytes(w.hub) - before;
    cr_assert(nhtb_iface_next(sim_ctx(w.hub), &cursor, &row));
    cr_assert_eq(row.tunnels, N);
    cr_assert_eq(row.tunnels_up, N);
    row.size = sizeof row;
    cr_assert_not(nhtb_iface_next(sim_ctx(w.hub), &cursor, &row), "one interface only");
    begin = clock();
    for (unsigned i = 0; i < N; i++) {
        text(dst, "172", (16u << 8) + i, ".7");
        sim_send(w.hub, w.hub_st0, "192.168.0.1", dst, 100000 + i, 60);
        if (i % 500 == 499)
            sim_run_for(w.s, 50 * SIM_MS);
    }
    for (unsigned i = 0; i < N; i++)
        sim_check(w.s, sim_got(w.node[i / UNITS], 100000 + i) == 1);
    fprintf(stderr,
            "scale: %u tunnels on one st0: %.1f s CPU both sides (%.2f ms a tunnel), a packet to "
            "each %.2f s; hub %.0f bytes configured and %.0f more up, a tunnel\n",
            (unsigned)N, up, up * 1e3 / N, cpu(begin), (double)before / N, (double)bytes / N);
    cr_assert_eq(sim_del(w.s), 0);
}
