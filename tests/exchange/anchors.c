/* SPDX-License-Identifier: Apache-2.0
 * Workers that come and are emptied while traffic flows: new tunnels go to them, old ones move on
 * request by child rekeys, and no packet is lost or comes twice. */
#include "exchange/common.h"

enum { SPOKES = 40, WORKERS = 4 };

typedef struct traffic {
    uint32_t tag;
    unsigned sent;
} traffic;

static void weights(sim_topo *t, uint16_t first, uint16_t second)
{
    for (unsigned w = 0; w < WORKERS; w++)
        sim_check(t->s, nhtb_worker_weight(sim_ctx(t->hub), w, w < 2 ? first : second) == 0);
}

static unsigned anchored(sim_topo *t, unsigned worker, unsigned *elsewhere)
{
    nhtb_anchor_info a = {.size = sizeof a};
    unsigned n = 0;
    for (uint32_t at = 0; nhtb_anchor_next(sim_ctx(t->hub), &at, &a); a.size = sizeof a) {
        n += a.worker == worker;
        *elsewhere += a.elsewhere;
        sim_check(t->s, a.dynamic && a.tunnels == 1 && a.sas >= 1 && a.peer_name[0] != 0);
    }
    nhtb_worker_info w = {.size = sizeof w};
    uint32_t at = worker;
    sim_check(t->s, nhtb_worker_next(sim_ctx(t->hub), &at, &w) && at == worker + 1);
    sim_check(t->s, w.index == worker && w.running && w.dynamic_peers == n);
    return n;
}

/* What a host's filters rely on: SPIs that were negotiated name their worker. */
static void spis_name_workers(sim_topo *t)
{
    nhtb_sa_info i = {.size = sizeof i};
    uint32_t mask = (UINT32_C(1) << nhtb_worker_bits(sim_ctx(t->hub))) - 1;
    sim_check(t->s, mask == WORKERS - 1 && nhtb_worker_bits(NULL) == 0);
    for (uint32_t at = 0; nhtb_sa_next(sim_ctx(t->hub), &at, &i); i.size = sizeof i)
        sim_check(t->s, (i.spi_in & mask) == i.worker);
}

/* One packet each way per spoke and step, numbered; all must have come exactly once at the end. */
static void flow(sim_topo *t, traffic *f, unsigned steps)
{
    for (unsigned k = 0; k < steps; k++, f->sent++) {
        for (unsigned i = 0; i < t->n; i++) {
            sim_send(t->spoke[i], t->spoke_st0[i], sim_lan(i, 1), sim_hub_lan(1), f->tag++, 200);
            sim_send(t->hub, t->hub_st0, sim_hub_lan(1), sim_lan(i, 1), f->tag++, 200);
        }
        sim_run_for(t->s, 20 * SIM_MS);
    }
}

static void nothing_lost(sim_topo *t, const traffic *f)
{
    sim_run_for(t->s, SIM_S);
    for (uint32_t tag = 0; tag < f->tag; tag++) {
        unsigned spoke = tag / 2 % t->n;
        sim_check(t->s, sim_got(tag & 1 ? t->spoke[spoke] : t->hub, tag) == 1);
    }
}

/* Rebalances a few at a time while traffic flows, until nothing is left to move and SAs followed. */
static unsigned rebalance(sim_topo *t, traffic *f)
{
    unsigned all = 0;
    size_t moved = 1;
    while (moved) {
        sim_check(t->s, nhtb_rebalance(sim_ctx(t->hub), 8, sim_now(t->s), &moved) == 0);
        sim_pump(t->hub);
        all += (unsigned)moved;
        flow(t, f, 3);
    }
    flow(t, f, 50);
    sim_run_for(t->s, 10 * SIM_S); /* old SAs end after the overlap */
    return all;
}

Test(anchors, workers_come_and_go_under_traffic)
{
    nhtb_settings st = sim_settings(SPOKES);
    st.workers = WORKERS;
    sim_topo_opts o = {.n = SPOKES,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY},
                       .spoke_kind = NHTB_IFACE_MULTIPOINT,
                       .settings = &st};
    sim_topo t = xch_start(77, &o);
    traffic f = {0};
    unsigned elsewhere = 0;
    weights(&t, 1, 0);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 30 * SIM_S));
    for (unsigned w = 0; w < WORKERS; w++)
        sim_check(t.s, anchored(&t, w, &elsewhere) == (w < 2 ? SPOKES / 2 : 0));
    weights(&t, 1, 1);
    flow(&t, &f, 5);
    sim_check(t.s, anchored(&t, 3, &elsewhere) == 0 && elsewhere == 0);

    sim_check(t.s, rebalance(&t, &f) == SPOKES / 2);
    for (unsigned w = 0; w < WORKERS; w++)
        sim_check(t.s, anchored(&t, w, &elsewhere) == SPOKES / WORKERS && elsewhere == 0);
    spis_name_workers(&t);

    weights(&t, 0, 1); /* the first two are to be stopped */
    sim_check(t.s, rebalance(&t, &f) == SPOKES / 2);
    for (unsigned w = 0; w < WORKERS; w++)
        sim_check(t.s, anchored(&t, w, &elsewhere) == (w < 2 ? 0 : SPOKES / 2) && elsewhere == 0);
    nothing_lost(&t, &f);
    sim_check(t.s, sim_stats(t.hub).handoffs > 0); /* datagrams came to any worker */
    sim_check(t.s, nhtb_worker_weight(sim_ctx(t.hub), WORKERS, 1) == NHTB_ERR_ARG);
    sim_check(t.s, nhtb_rebalance(NULL, 1, sim_now(t.s), NULL) == NHTB_ERR_ARG);
    xch_end(&t);
}
