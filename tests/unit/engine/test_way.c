/* SPDX-License-Identifier: Apache-2.0
 * The chain of one destination: each place where it can end, and every value along it. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/sim.h"

static sim_topo t;

static void open_with(nhtb_iface_kind kind)
{
    sim_topo_opts o = {
        .n = 2, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}, .spoke_kind = kind};
    sim *s = sim_new(1);
    sim_topo_new(&t, s, &o);
    cr_assert(sim_run_until(s, sim_topo_up, &t, 5 * SIM_S));
}

static void setup(void)
{
    open_with(NHTB_IFACE_MULTIPOINT);
}

static void teardown(void)
{
    sim *s = t.s;
    sim_topo_del(&t);
    cr_assert_eq(sim_del(s), 0);
}

TestSuite(way, .init = setup, .fini = teardown);

static nhtb_way way(sim_node *n, const char *dst)
{
    nhtb_way w = {.size = sizeof w};
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(dst, &a), 0);
    cr_assert_eq(nhtb_way_find(sim_ctx(n), &a, &w), 0);
    return w;
}

static void text_is(const nhtb_addr *a, const char *want)
{
    char got[NHTB_ADDR_TEXT];
    cr_assert_str_eq(nhtb_addr_format(a, got, sizeof got), want);
}

static void check_spoke1(const nhtb_way *w)
{
    nhtb_sa_info sa = {.size = sizeof sa};
    cr_assert_eq(w->end, NHTB_WAY_SA);
    cr_assert_eq(w->iface_kind, NHTB_IFACE_MULTIPOINT);
    cr_assert_str_eq(w->iface_name, "st0.0");
    text_is(&w->next_hop, sim_tunnel_addr(1));
    cr_assert_eq(w->source, NHTB_BINDING_LEARNT);
    cr_assert_eq(w->peer.id, t.hub_peer[1].id);
    cr_assert_eq(w->path.remote.b[3], sim_addr(t.spoke[1])->b[3]);
    for (uint32_t cursor = 0; nhtb_sa_next(sim_ctx(t.hub), &cursor, &sa); sa.size = sizeof sa)
        if (sa.peer.id == w->peer.id)
            break;
    cr_assert_eq(sa.peer.id, w->peer.id);
    cr_assert_eq(w->spi_in, sa.spi_in);
    cr_assert_eq(w->spi_out, sa.spi_out);
    cr_assert_eq(w->mtu, sa.mtu);
    cr_assert_str_eq(w->vpn, sa.vpn);
    cr_assert_str_eq(w->peer_name, sa.peer_name);
}

Test(way, a_lan_behind_a_spoke)
{
    nhtb_way w = way(t.hub, sim_lan(1, 77));
    char p[NHTB_ADDR_TEXT + 4];
    check_spoke1(&w);
    cr_assert_not(w.on_link);
    cr_assert_str_eq(nhtb_prefix_format(&w.prefix, p, sizeof p), "172.16.1.0/24");
}

Test(way, an_address_on_the_interfaces_subnet_is_its_own_next_hop)
{
    nhtb_way w = way(t.hub, sim_tunnel_addr(1));
    char p[NHTB_ADDR_TEXT + 4];
    check_spoke1(&w);
    cr_assert(w.on_link);
    cr_assert_str_eq(nhtb_prefix_format(&w.prefix, p, sizeof p), "10.0.0.0/16");
}

Test(way, ends_where_something_is_missing)
{
    cr_assert_eq(way(t.hub, "203.0.113.1").end, NHTB_WAY_NO_ROUTE);
    cr_assert_eq(way(t.hub, "2001:db8::1").end, NHTB_WAY_NO_ROUTE);
    cr_assert_eq(way(t.hub, sim_hub_lan(3)).end, NHTB_WAY_LOCAL);
    sim_route(t.hub, t.hub_st0, "10.77.0.0/16", "10.0.0.200");
    nhtb_way w = way(t.hub, "10.77.1.1");
    cr_assert_eq(w.end, NHTB_WAY_NO_BINDING);
    text_is(&w.next_hop, "10.0.0.200");
    cr_assert_eq(w.peer.id, 0);
    cr_assert_eq(sim_binding(t.hub, t.hub_st0, "10.0.0.200", t.hub_peer[0]), 0);
    w = way(t.hub, "10.77.1.1");
    cr_assert_eq(w.end, NHTB_WAY_SA);
    cr_assert_eq(w.source, NHTB_BINDING_STATIC);
    cr_assert_eq(nhtb_peer_clear(sim_ctx(t.hub), t.hub_peer[0], sim_now(t.s)), 0);
    w = way(t.hub, "10.77.1.1");
    cr_assert_eq(w.end, NHTB_WAY_NO_SA);
    cr_assert_eq(w.spi_out, 0);
    cr_assert_eq(w.peer.id, t.hub_peer[0].id);
}

Test(way_alone, point_to_point_needs_no_binding, .fini = teardown)
{
    open_with(NHTB_IFACE_POINT_TO_POINT);
    nhtb_way w = way(t.spoke[0], sim_hub_lan(3));
    cr_assert_eq(w.end, NHTB_WAY_SA);
    cr_assert_eq(w.iface_kind, NHTB_IFACE_POINT_TO_POINT);
    cr_assert_eq(w.next_hop.family, 0, "the route names the interface alone");
    nhtb_iface_id lonely = sim_iface(t.spoke[0], "st0.7", NHTB_IFACE_POINT_TO_POINT, "10.7.0.1/24");
    sim_route(t.spoke[0], lonely, "10.77.0.0/16", NULL);
    w = way(t.spoke[0], "10.77.0.1");
    cr_assert_eq(w.end, NHTB_WAY_NO_TUNNEL);
    cr_assert_str_eq(w.iface_name, "st0.7");
}

Test(way, checks_its_arguments)
{
    nhtb_way w = {.size = sizeof w};
    nhtb_addr none = {0}, a;
    cr_assert_eq(nhtb_addr_parse("10.0.0.1", &a), 0);
    cr_assert_eq(nhtb_way_find(NULL, &a, &w), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_way_find(sim_ctx(t.hub), NULL, &w), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_way_find(sim_ctx(t.hub), &none, &w), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_way_find(sim_ctx(t.hub), &a, NULL), NHTB_ERR_ARG);
    w.size = 0;
    cr_assert_eq(nhtb_way_find(sim_ctx(t.hub), &a, &w), NHTB_ERR_ARG);
}
