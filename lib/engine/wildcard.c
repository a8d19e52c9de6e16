/* SPDX-License-Identifier: Apache-2.0
 * What instances of wildcard entries need outside ike: a name and tunnels when they come, their end,
 * and the public calls on owners of next hops. Called by ike (hook), apply.c, txn.c and the host;
 * control thread. */
#include "engine/engine.h"

int nhi_engine_peer_join(void *user, nhtb_peer_id id)
{
    nhtb_ctx *ctx = user;
    const nhtb_peer *cfg = nhi_ike_peer_config(ctx->ike, id);
    if (!cfg)
        return NHTB_ERR_INTERNAL;
    if (nhi_engine_name_holder(ctx, cfg->name).id)
        return NHTB_ERR_EXISTS;
    int err = nhi_engine_name_give(ctx, cfg->name, id);
    for (uint16_t i = 0; !err && i < cfg->n_children; i++)
        err = nhi_db_tunnel_add(ctx->db, id, i, cfg->children[i].name, cfg->children[i].iface);
    if (err) {
        nhi_db_tunnel_drop(ctx->db, id);
        nhi_engine_name_end(ctx, id);
    }
    return err;
}

void nhi_engine_peer_left(nhtb_ctx *ctx, nhtb_peer_id id)
{
    if (!nhi_ike_peer_idle(ctx->ike, id))
        return;
    nhi_engine_name_end(ctx, id);
    nhi_ike_peer_drop(ctx->ike, id);
    nhi_db_tunnel_drop(ctx->db, id);
}

void nhi_engine_entry_end(nhtb_ctx *ctx, nhtb_peer_id entry, nhtb_time now)
{
    nhtb_peer_id id;
    while ((id = nhi_ike_wildcard_first(ctx->ike, entry)).id) {
        nhi_engine_name_end(ctx, id);
        nhi_ike_peer_del(ctx->ike, id, now);
        nhi_engine_apply(ctx, now);
        nhi_db_tunnel_drop(ctx->db, id);
    }
}

/* ---- owners ---- */

int nhtb_owner_set(nhtb_ctx *ctx, const nhtb_owner *o)
{
    nhtb_owner v;
    if (!ctx || nhi_engine_take(&v, o, sizeof v))
        return NHTB_ERR_ARG;
    return nhi_db_owner_set(ctx->db, &v);
}

bool nhtb_owner_next(nhtb_ctx *ctx, uint32_t *cursor, nhtb_owner *out)
{
    nhtb_owner row = {.size = sizeof row};
    if (!ctx || !cursor || !out || out->size < sizeof out->size ||
        !nhi_db_owner_next(ctx->db, cursor, &row))
        return false;
    nhi_engine_give(out, out->size, &row, sizeof row);
    return true;
}

size_t nhtb_owner_clear(nhtb_ctx *ctx, nhtb_iface_id iface, const nhtb_addr *next_hop, bool fixed)
{
    return ctx ? nhi_db_owner_clear(ctx->db, iface.id, next_hop, fixed) : 0;
}
