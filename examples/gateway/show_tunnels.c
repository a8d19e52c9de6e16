/* SPDX-License-Identifier: Apache-2.0
 * The tables "tunnel-map" (which worker a gateway is anchored on) and "tunnel-distribution" (what each
 * worker has). Called by commands.c through show.c; control thread. */
#include "show.h"

bool show_row_map(gw *g, show_place *at, json_out *w)
{
    nhtb_anchor_info a = {.size = sizeof a};
    if (!nhtb_anchor_next(g->ctx, &at->cursor, &a))
        return false;
    json_open(w, NULL, '{');
    json_str(w, "gateway", a.peer_name);
    json_u64(w, "worker", a.worker);
    json_str(w, "kind", a.dynamic ? "dynamic" : "site-to-site");
    show_addr(w, "local_address", &a.local);
    show_addr(w, "remote_address", &a.remote);
    json_u64(w, "tunnels", a.tunnels);
    json_u64(w, "sas", a.sas);
    json_u64(w, "sas_elsewhere", a.elsewhere);
    json_u64(w, "out_packets", a.out_packets);
    json_u64(w, "in_packets", a.in_packets);
    json_close(w, '}');
    return true;
}

/* Percent: of the packets that this worker received for an SA. */
static void put_handoffs(json_out *w, const gw *g, const nhtb_worker_info *i)
{
    const gw_io_stats *s = worker_stats(g->crew.worker[i->index]);
    const uint64_t taken = atomic_load_explicit(&s->handoffs_taken, memory_order_relaxed);
    const uint64_t own = i->in_packets > taken ? i->in_packets - taken : 0;
    json_u64(w, "handoffs", i->handoffs);
    json_u64(w, "handoffs_taken", taken);
    json_u64(w, "handoffs_dropped",
             atomic_load_explicit(&s->handoffs_dropped, memory_order_relaxed));
    json_u64(w, "handoff_percent", i->handoffs != 0 ? i->handoffs * 100 / (own + i->handoffs) : 0);
}

bool show_row_distribution(gw *g, show_place *at, json_out *w)
{
    nhtb_worker_info i;
    do {
        i = (nhtb_worker_info){.size = sizeof i};
        if (!nhtb_worker_next(g->ctx, &at->cursor, &i))
            return false;
    } while (!i.running || i.index >= g->crew.n); /* those that a reload could add */
    const uint64_t anchored = (uint64_t)i.gateways + i.dynamic_peers;
    json_open(w, NULL, '{');
    json_u64(w, "worker", i.index);
    json_bool(w, "running", i.running);
    json_u64(w, "weight", i.weight);
    json_u64(w, "gateways", i.gateways);
    json_u64(w, "dynamic_peers", i.dynamic_peers);
    if (i.weight != 0)
        json_u64(w, "load_percent", anchored * 100 / i.weight);
    else
        json_null(w, "load_percent");
    json_u64(w, "sas", i.sas);
    json_u64(w, "out_packets", i.out_packets);
    json_u64(w, "in_packets", i.in_packets);
    put_handoffs(w, g, &i);
    json_close(w, '}');
    return true;
}
