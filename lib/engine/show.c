/* SPDX-License-Identifier: Apache-2.0
 * Public iterators over the tables: each row is joined from what db and ike know. Rows are copies.
 * Control thread. */
#include "engine/engine.h"

static bool row_ok(const nhtb_ctx *ctx, const uint32_t *cursor, const void *out)
{
    uint32_t size;
    if (!ctx || !cursor || !out)
        return false;
    memcpy(&size, out, sizeof size);
    return size >= sizeof size;
}

static void name_of(const nhtb_ctx *ctx, nhtb_peer_id id, char dst[NHTB_NAME_MAX])
{
    const nhtb_peer *cfg = id.id ? nhi_ike_peer_config(ctx->ike, id) : NULL;
    dst[0] = 0;
    if (cfg && cfg->name)
        (void)nhi_strcpy(dst, NHTB_NAME_MAX, cfg->name);
}

bool nhtb_ike_sa_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_ike_sa_info *out)
{
    nhtb_ike_sa_info row = {.size = sizeof row};
    if (!row_ok(ctx, cursor, out) || !nhi_ike_sa_next(ctx->ike, cursor, &row))
        return false;
    name_of(ctx, row.peer, row.peer_name);
    nhi_engine_give(out, out->size, &row, sizeof row);
    return true;
}

bool nhtb_sa_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_sa_info *out)
{
    nhtb_sa_info row = {.size = sizeof row};
    if (!row_ok(ctx, cursor, out) || !nhi_db_sa_next(ctx->db, cursor, &row))
        return false;
    name_of(ctx, row.peer, row.peer_name);
    nhi_engine_give(out, out->size, &row, sizeof row);
    return true;
}

bool nhtb_binding_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_binding_info *out)
{
    nhtb_binding_info row = {.size = sizeof row};
    if (!row_ok(ctx, cursor, out) || !nhi_db_binding_next(ctx->db, cursor, &row))
        return false;
    name_of(ctx, row.peer, row.peer_name);
    if (row.peer.id) {
        nhtb_identity id = nhi_ike_peer_identity(ctx->ike, row.peer);
        size_t n = id.data.n < NHTB_ID_MAX ? id.data.n : NHTB_ID_MAX;
        row.remote_id_type = id.type;
        row.remote_id_len = id.type ? (uint8_t)n : 0;
        if (row.remote_id_len)
            memcpy(row.remote_id, id.data.p, n);
        (void)nhi_strcpy(row.user, sizeof row.user, nhi_ike_peer_user(ctx->ike, row.peer));
    }
    nhi_engine_give(out, out->size, &row, sizeof row);
    return true;
}

bool nhtb_route_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_route_info *out)
{
    nhtb_route_info row = {.size = sizeof row};
    if (!row_ok(ctx, cursor, out) || !nhi_db_route_next(ctx->db, cursor, &row))
        return false;
    nhi_engine_give(out, out->size, &row, sizeof row);
    return true;
}

int nhtb_way_find(nhtb_ctx *ctx, const nhtb_addr *dst, nhtb_way *out)
{
    const uint32_t cursor = 0;
    nhtb_way way = {.size = sizeof way};
    if (!row_ok(ctx, &cursor, out) || !dst || (dst->family != 4 && dst->family != 6))
        return NHTB_ERR_ARG;
    nhi_db_way(ctx->db, dst, &way);
    name_of(ctx, way.peer, way.peer_name);
    nhi_engine_give(out, out->size, &way, sizeof way);
    return NHTB_OK;
}

bool nhtb_iface_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_iface_info *out)
{
    nhtb_iface_info row = {.size = sizeof row};
    if (!row_ok(ctx, cursor, out) || !nhi_db_iface_next(ctx->db, cursor, &row))
        return false;
    nhi_engine_give(out, out->size, &row, sizeof row);
    return true;
}

int nhtb_peer_explain(nhtb_ctx *ctx, nhtb_peer_id id, nhtb_explain *out)
{
    const uint32_t cursor = 0;
    nhtb_explain e = {.size = sizeof e};
    if (!row_ok(ctx, &cursor, out))
        return NHTB_ERR_ARG;
    int err = nhi_ike_explain(ctx->ike, id, &e);
    if (!err)
        nhi_engine_give(out, out->size, &e, sizeof e);
    return err;
}

bool nhtb_peer_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_peer_info *out)
{
    nhtb_peer_info row = {.size = sizeof row};
    if (!row_ok(ctx, cursor, out) || !nhi_ike_peer_next(ctx->ike, cursor, &row))
        return false;
    nhi_db_peer_counters(ctx->db, row.id, &row.out_packets, &row.out_bytes, &row.in_packets,
                         &row.in_bytes, &row.children_up);
    nhi_engine_give(out, out->size, &row, sizeof row);
    return true;
}

bool nhtb_anchor_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_anchor_info *out)
{
    nhtb_anchor_info row = {.size = sizeof row};
    uint64_t bytes;
    uint16_t up;
    if (!row_ok(ctx, cursor, out) || !nhi_db_anchor_next(ctx->db, cursor, &row))
        return false;
    name_of(ctx, row.peer, row.peer_name);
    nhi_db_peer_counters(ctx->db, row.peer, &row.out_packets, &bytes, &row.in_packets, &bytes, &up);
    nhi_engine_give(out, out->size, &row, sizeof row);
    return true;
}

bool nhtb_worker_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_worker_info *out)
{
    nhtb_worker_info row = {.size = sizeof row};
    if (!row_ok(ctx, cursor, out) || *cursor >= ctx->settings.workers)
        return false;
    row.index = (uint16_t)(*cursor)++;
    nhi_db_unit_info(ctx->db, row.index, &row);
    const nhtb_worker *w = ctx->workers[row.index];
    if (w) {
        const nhi_dp_count *c = nhi_dp_worker_count(w);
        row.out_packets = nhi_a_load(&c->out_packets);
        row.in_packets = nhi_a_load(&c->in_packets);
        row.handoffs = nhi_a_load(&c->handoffs);
    }
    nhi_engine_give(out, out->size, &row, sizeof row);
    return true;
}
