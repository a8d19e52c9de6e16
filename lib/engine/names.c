/* SPDX-License-Identifier: Apache-2.0
 * Names of peers: unique within a context. Called by txn.c; control thread. */
#include "engine/engine.h"

static nhi_engine_name key_of(const char *name)
{
    nhi_engine_name k;
    memset(&k, 0, sizeof k);
    (void)nhi_strcpy(k.text, sizeof k.text, name);
    return k;
}

nhtb_peer_id nhi_engine_name_holder(const nhtb_ctx *ctx, const char *name)
{
    nhi_engine_name k = key_of(name);
    const void *v = nhi_map_get(&ctx->names, &k);
    return (nhtb_peer_id){(uint32_t)(uintptr_t)v};
}

int nhi_engine_name_give(nhtb_ctx *ctx, const char *name, nhtb_peer_id id)
{
    nhi_engine_name k = key_of(name);
    return nhi_map_put(&ctx->names, &k, (void *)(uintptr_t)id.id);
}

void nhi_engine_name_end(nhtb_ctx *ctx, nhtb_peer_id id)
{
    const nhtb_peer *cfg = nhi_ike_peer_config(ctx->ike, id);
    if (!cfg || nhi_engine_name_holder(ctx, cfg->name).id != id.id)
        return;
    nhi_engine_name k = key_of(cfg->name);
    (void)nhi_map_del(&ctx->names, &k);
}
