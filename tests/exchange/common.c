/* SPDX-License-Identifier: Apache-2.0
 * See common.h. */
#include "exchange/common.h"

sim_topo xch_start(uint64_t seed, const sim_topo_opts *o)
{
    sim_topo t;
    sim *s = sim_new(seed);
    sim_topo_new(&t, s, o);
    return t;
}

sim_topo xch_up(uint64_t seed, const sim_topo_opts *o, nhtb_time most)
{
    sim_topo t = xch_start(seed, o);
    bool up = sim_run_until(t.s, sim_topo_up, &t, most);
    if (!up)
        xch_show(&t);
    sim_check(t.s, up);
    /* The responder is up one flight before the initiator. */
    sim_run_for(t.s, 100 * SIM_MS);
    return t;
}

void xch_ping(sim_topo *t, unsigned i, uint32_t tag)
{
    sim_send(t->spoke[i], t->spoke_st0[i], sim_lan(i, 9), sim_hub_lan(7), tag, 100);
    sim_send(t->hub, t->hub_st0, sim_hub_lan(7), sim_lan(i, 9), tag + 1, 100);
    sim_run_for(t->s, 200 * SIM_MS);
    sim_check(t->s, sim_got(t->hub, tag) == 1);
    sim_check(t->s, sim_got(t->spoke[i], tag + 1) == 1);
}

void xch_end(sim_topo *t)
{
    sim *s = t->s;
    sim_topo_del(t);
    cr_assert_eq(sim_del(s), 0, "allocations leaked or freed with a wrong size");
}

static void show_node(sim_node *n)
{
    nhtb_ike_sa_info row;
    uint32_t cursor = 0;
    fprintf(stderr, "%s: tunnels up %u, bindings %u\n", sim_name(n), sim_tunnels_up(n),
            sim_bindings(n, false));
    for (row.size = sizeof row; nhtb_ike_sa_next(sim_ctx(n), &cursor, &row); row.size = sizeof row)
        fprintf(stderr, "  IKE SA %016llx %016llx %s %s children %u\n",
                (unsigned long long)row.spi_i, (unsigned long long)row.spi_r, row.state,
                row.initiator ? "initiator" : "responder", row.children);
    for (unsigned k = 1; k < NHTB_EVENT_END; k++) {
        const nhtb_event *e = sim_event(n, (nhtb_event_kind)k);
        if (e)
            fprintf(stderr, "  event %s x%u %s\n", nhtb_event_name(k),
                    sim_events(n, (nhtb_event_kind)k), nhtb_detail_name(e->detail));
    }
    nhtb_stats st = sim_stats(n);
    for (unsigned r = 1; r < NHTB_REASON_END; r++)
        if (st.reasons[r])
            fprintf(stderr, "  reason %s %llu\n", nhtb_reason_name(r),
                    (unsigned long long)st.reasons[r]);
}

void xch_show(sim_topo *t)
{
    show_node(t->hub);
    for (unsigned i = 0; i < t->n && i < 4; i++)
        show_node(t->spoke[i]);
}
