/* SPDX-License-Identifier: Apache-2.0
 * See nhtb_common.h. */
#include "exchange/nhtb_common.h"

#include <stdlib.h>

sim_topo xch_nhtb_waiting(uint64_t seed, uint8_t announce, const nhtb_v1 *v1)
{
    const sim_topo_opts o = {
        .n = 2,
        .peer = {.establish = NHTB_ESTABLISH_ON_TRAFFIC, .announce = announce, .v1 = v1},
        .spoke_kind = NHTB_IFACE_MULTIPOINT,
        .transit_routes = true};
    return xch_start(seed, &o);
}

void xch_nhtb_begin(sim_topo *t, unsigned i)
{
    sim_check(t->s, nhtb_peer_initiate(sim_ctx(t->spoke[i]), t->spoke_peer[i], sim_now(t->s)) == 0);
    sim_pump(t->spoke[i]);
    sim_run_for(t->s, 2 * SIM_S);
    if (sim_tunnels_up(t->spoke[i]) != 1)
        xch_show(t);
    sim_check(t->s, sim_tunnels_up(t->spoke[i]) == 1);
}

void xch_nhtb_readdress(sim_topo *t, unsigned i, const char *addr_len)
{
    nhtb_txn *x;
    nhtb_iface st0;
    char text[32];
    nhtb_iface_init(&st0);
    st0.name = "st0.0";
    st0.kind = NHTB_IFACE_MULTIPOINT;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(addr_len, "/"), addr_len);
    st0.addr4.len = (uint8_t)atoi(strchr(addr_len, '/') + 1);
    sim_check(t->s, nhtb_addr_parse(text, &st0.addr4.addr) == 0);
    sim_check(t->s, nhtb_txn_begin(sim_ctx(t->spoke[i]), &x) == 0);
    sim_check(t->s, nhtb_txn_iface(x, &st0, &t->spoke_st0[i]) == 0);
    sim_check(t->s, nhtb_txn_commit(x, sim_now(t->s)) == 0);
}

void xch_nhtb_refused(uint64_t seed, const nhtb_v1 *v1, const char *addr_len, nhtb_detail why)
{
    sim_topo t = xch_nhtb_waiting(seed, NHTB_ANNOUNCE_AUTO, v1);
    xch_nhtb_begin(&t, 0);
    xch_nhtb_readdress(&t, 1, addr_len);
    xch_nhtb_begin(&t, 1);
    if (sim_events_detail(t.hub, NHTB_EVENT_BINDING_REFUSED, why) != 1)
        xch_show(&t);
    sim_check(t.s, sim_events_detail(t.hub, NHTB_EVENT_BINDING_REFUSED, why) == 1);
    sim_check(t.s, sim_event(t.hub, NHTB_EVENT_BINDING_REFUSED)->peer.id == t.hub_peer[1].id);
    sim_check(t.s, sim_bindings(t.hub, true) == 1);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}
