/* SPDX-License-Identifier: Apache-2.0
 * Counters: workers' relaxed atomics summed with the control thread's own. Control thread. */
#include "engine/engine.h"

#define COUNTS(X)                                                                                  \
    X(out_packets)                                                                                 \
    X(out_bytes)                                                                                   \
    X(in_packets)                                                                                  \
    X(in_bytes)                                                                                    \
    X(transit_packets) X(multicast_copies) X(icmp_sent) X(handoffs) X(nd_answered) X(mss_clamped)

void nhi_engine_count_add(nhi_dp_count *sum, const nhi_dp_count *c)
{
    for (size_t i = 0; i < NHTB_REASON_END; i++)
        (void)nhi_a_add(&sum->reasons[i], nhi_a_load(&c->reasons[i]));
#define X(name) (void)nhi_a_add(&sum->name, nhi_a_load(&c->name));
    COUNTS(X)
#undef X
}

static void take_counts(nhtb_stats *st, const nhi_dp_count *c)
{
    for (size_t i = 0; i < NHTB_REASON_END; i++)
        st->reasons[i] += nhi_a_load(&c->reasons[i]);
#define X(name) st->name += nhi_a_load(&c->name);
    COUNTS(X)
#undef X
}

int nhtb_stats_get(nhtb_ctx *ctx, nhtb_stats *out)
{
    nhtb_stats st;
    if (!ctx || !out || out->size < sizeof out->size)
        return NHTB_ERR_ARG;
    memset(&st, 0, sizeof st);
    nhi_db_stats(ctx->db, &st);
    nhi_ike_stats(ctx->ike, &st);
    take_counts(&st, &ctx->past);
    for (unsigned i = 0; i < ctx->settings.workers; i++)
        if (ctx->workers[i])
            take_counts(&st, nhi_dp_worker_count(ctx->workers[i]));
    for (size_t i = 0; i < NHTB_REASON_END; i++)
        st.reasons[i] += ctx->reasons[i];
    uint32_t cursor = 0;
    nhtb_peer_info row = {.size = sizeof row};
    st.peers = 0;
    while (nhi_ike_peer_next(ctx->ike, &cursor, &row))
        st.peers++;
    st.held = ctx->hold.n;
    st.memory_bytes = ctx->mem.bytes;
    st.allocations_failed = ctx->mem.failed;
    st.asserts_failed = nhi_a_load(&ctx->mem.asserts_failed);
    nhi_engine_give(out, out->size, &st, sizeof st);
    return NHTB_OK;
}
