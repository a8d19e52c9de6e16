/* SPDX-License-Identifier: Apache-2.0
 * The public transaction: tables go to db's own transaction, peers to ike. A new peer gets its id
 * at once and stays inert until commit; a removed one keeps running until commit. Control thread. */
#include "engine/engine.h"

typedef struct peer_list {
    nhtb_peer_id *v;
    size_t n, cap;
} peer_list;

struct nhtb_txn {
    nhtb_ctx *ctx;
    nhi_db_txn *db;
    peer_list added, removed;
};

/* Room for one more entry, so that adding it cannot fail later. */
static int list_room(nhi_mem *mem, peer_list *l)
{
    if (l->n < l->cap)
        return NHTB_OK;
    size_t cap = l->cap ? 2 * l->cap : 16;
    nhtb_peer_id *v = nhi_mem_array(mem, cap, sizeof *v);
    if (!v)
        return NHTB_ERR_MEMORY;
    if (l->n)
        memcpy(v, l->v, l->n * sizeof *v);
    nhi_mem_free(mem, l->v, l->cap * sizeof *v);
    l->v = v;
    l->cap = cap;
    return NHTB_OK;
}

static bool list_has(const peer_list *l, nhtb_peer_id id)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].id == id.id)
            return true;
    return false;
}

static void list_drop(peer_list *l, nhtb_peer_id id)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].id == id.id) {
            l->v[i] = l->v[--l->n];
            return;
        }
}

int nhtb_txn_begin(nhtb_ctx *ctx, nhtb_txn **out)
{
    if (!ctx || !out)
        return NHTB_ERR_ARG;
    *out = NULL;
    if (ctx->txn || ctx->shutdown)
        return NHTB_ERR_STATE;
    nhtb_txn *t = nhi_mem_alloc(&ctx->mem, sizeof *t, 16);
    if (!t)
        return NHTB_ERR_MEMORY;
    t->ctx = ctx;
    int err = nhi_db_txn_begin(ctx->db, &t->db);
    if (err) {
        nhi_mem_free(&ctx->mem, t, sizeof *t);
        return err;
    }
    *out = ctx->txn = t;
    return NHTB_OK;
}

static void txn_free(nhtb_txn *t)
{
    nhi_mem *mem = &t->ctx->mem;
    t->ctx->txn = NULL;
    nhi_mem_free(mem, t->added.v, t->added.cap * sizeof *t->added.v);
    nhi_mem_free(mem, t->removed.v, t->removed.cap * sizeof *t->removed.v);
    nhi_mem_free(mem, t, sizeof *t);
}

/* A peer that was never started vanishes without a trace. */
static void drop_peer(nhtb_txn *t, nhtb_peer_id id)
{
    nhi_engine_name_end(t->ctx, id);
    nhi_ike_peer_del(t->ctx->ike, id, t->ctx->now);
    nhi_engine_apply(t->ctx, t->ctx->now);
}

/* Names that new peers took over return to the peers that stay. The map held them before, so it has
 * room and the puts cannot fail. */
static void return_names(nhtb_txn *t)
{
    for (size_t i = 0; i < t->removed.n; i++) {
        const nhtb_peer *cfg = nhi_ike_peer_config(t->ctx->ike, t->removed.v[i]);
        if (cfg && !nhi_engine_name_holder(t->ctx, cfg->name).id)
            (void)nhi_engine_name_give(t->ctx, cfg->name, t->removed.v[i]);
    }
}

static void drop_added(nhtb_txn *t)
{
    for (size_t i = 0; i < t->added.n; i++)
        drop_peer(t, t->added.v[i]);
    return_names(t);
}

void nhtb_txn_abort(nhtb_txn *t)
{
    if (!t)
        return;
    nhi_db_txn_abort(t->db);
    drop_added(t);
    txn_free(t);
}

void nhi_engine_txn_end(nhtb_ctx *ctx)
{
    nhtb_txn_abort(ctx->txn);
}

/* A peer whose remote address is open answers whoever comes: its anchor is chosen round robin. */
static int add_tunnels(nhtb_txn *t, const nhtb_peer *p, nhtb_peer_id id)
{
    bool dynamic = p->path.remote.family == 0;
    bool group = p->wildcard || (p->v1 && p->v1->shared);
    for (uint16_t i = 0; i < p->n_children; i++) {
        if (group && !nhi_db_txn_iface_known(t->db, p->children[i].iface))
            return NHTB_ERR_STALE;
        if (group)
            continue; /* its instances get them */
        int err =
            nhi_db_txn_tunnel(t->db, id, i, p->children[i].name, p->children[i].iface, dynamic);
        if (err)
            return err;
    }
    return NHTB_OK;
}

/* A name may be taken from a peer that this transaction removes. */
static int check_name(const nhtb_txn *t, const char *name)
{
    if (!name || !name[0] || nhi_strlen(name) >= NHTB_NAME_MAX)
        return NHTB_ERR_ARG;
    nhtb_peer_id holder = nhi_engine_name_holder(t->ctx, name);
    return holder.id && !list_has(&t->removed, holder) ? NHTB_ERR_EXISTS : NHTB_OK;
}

int nhtb_txn_peer(nhtb_txn *t, const nhtb_peer *p, nhtb_peer_id *out)
{
    nhtb_peer cfg;
    nhtb_peer_id id;
    if (!t || !out || nhi_engine_take(&cfg, p, sizeof cfg) || !cfg.children || !cfg.n_children)
        return NHTB_ERR_ARG;
    *out = (nhtb_peer_id){0};
    for (uint16_t i = 0; i < cfg.n_children; i++)
        if (cfg.children[i].size != sizeof cfg.children[i])
            return NHTB_ERR_ARG;
    int err = check_name(t, cfg.name);
    if (!err)
        err = list_room(&t->ctx->mem, &t->added);
    if (!err)
        err = nhi_ike_peer_new(t->ctx->ike, &cfg, &id);
    if (err)
        return err;
    err = nhi_engine_name_give(t->ctx, cfg.name, id);
    if (!err)
        err = add_tunnels(t, &cfg, id);
    if (err) {
        (void)nhi_db_txn_tunnel_del(t->db, id);
        drop_peer(t, id);
        return_names(t);
        return err;
    }
    t->added.v[t->added.n++] = id;
    *out = id;
    return NHTB_OK;
}

int nhtb_txn_peer_del(nhtb_txn *t, nhtb_peer_id id)
{
    if (!t)
        return NHTB_ERR_ARG;
    if (!nhi_ike_peer_config(t->ctx->ike, id) || list_has(&t->removed, id))
        return NHTB_ERR_STALE;
    int err = list_room(&t->ctx->mem, &t->removed);
    if (!err)
        err = nhi_db_txn_tunnel_del(t->db, id);
    if (err)
        return err;
    if (list_has(&t->added, id)) {
        list_drop(&t->added, id);
        drop_peer(t, id);
        return_names(t);
        return NHTB_OK;
    }
    t->removed.v[t->removed.n++] = id;
    return NHTB_OK;
}

int nhtb_txn_commit(nhtb_txn *t, nhtb_time now)
{
    if (!t)
        return NHTB_ERR_ARG;
    nhtb_ctx *ctx = t->ctx;
    size_t at = 0;
    ctx->now = now;
    nhi_engine_cells_collect(ctx, now);
    int err = nhi_db_txn_prepare(t->db, &at);
    if (err) { /* db has ended its part already */
        drop_added(t);
        txn_free(t);
        return err;
    }
    nhi_db_txn_commit(t->db);
    /* Tunnels of removed peers are gone from the tables; now their SAs end and they are told. */
    for (size_t i = 0; i < t->removed.n; i++) {
        nhi_engine_name_end(ctx, t->removed.v[i]);
        nhi_engine_entry_end(ctx, t->removed.v[i], now);
        nhi_ike_peer_del(ctx->ike, t->removed.v[i], now);
        nhi_engine_apply(ctx, now);
    }
    for (size_t i = 0; i < t->added.n; i++) {
        nhi_ike_peer_start(ctx->ike, t->added.v[i], now);
        nhi_engine_apply(ctx, now);
    }
    txn_free(t);
    ctx->hold.recheck = true; /* routes and bindings changed */
    nhi_engine_hold_release(ctx);
    nhi_engine_cells_watch(ctx, now);
    nhi_db_poll(ctx->db);
    return NHTB_OK;
}

/* ---- tables: checked for size, then db's own ---- */

int nhtb_txn_iface(nhtb_txn *t, const nhtb_iface *i, nhtb_iface_id *out)
{
    nhtb_iface v;
    if (!t || !out || nhi_engine_take(&v, i, sizeof v))
        return NHTB_ERR_ARG;
    return nhi_db_txn_iface(t->db, &v, out);
}

int nhtb_txn_iface_del(nhtb_txn *t, nhtb_iface_id id)
{
    return t ? nhi_db_txn_iface_del(t->db, id) : NHTB_ERR_ARG;
}

int nhtb_txn_route(nhtb_txn *t, const nhtb_route *r)
{
    nhtb_route v;
    if (!t || nhi_engine_take(&v, r, sizeof v))
        return NHTB_ERR_ARG;
    return nhi_db_txn_route(t->db, &v);
}

int nhtb_txn_route_del(nhtb_txn *t, const nhtb_prefix *p)
{
    return t && p ? nhi_db_txn_route_del(t->db, p) : NHTB_ERR_ARG;
}

int nhtb_txn_binding(nhtb_txn *t, const nhtb_binding *b)
{
    nhtb_binding v;
    if (!t || nhi_engine_take(&v, b, sizeof v))
        return NHTB_ERR_ARG;
    return nhi_db_txn_binding(t->db, &v);
}

int nhtb_txn_binding_del(nhtb_txn *t, nhtb_iface_id iface, const nhtb_addr *next_hop)
{
    return t && next_hop ? nhi_db_txn_binding_del(t->db, iface, next_hop) : NHTB_ERR_ARG;
}

int nhtb_txn_sa(nhtb_txn *t, const nhtb_manual_sa *sa, nhtb_sa_id *out)
{
    nhtb_manual_sa v;
    if (!t || !out || nhi_engine_take(&v, sa, sizeof v))
        return NHTB_ERR_ARG;
    return nhi_db_txn_sa(t->db, &v, out);
}

int nhtb_txn_sa_del(nhtb_txn *t, nhtb_sa_id id)
{
    return t ? nhi_db_txn_sa_del(t->db, id) : NHTB_ERR_ARG;
}

/* An array of rules: each carries the size of this version. */
int nhtb_txn_policy(nhtb_txn *t, nhtb_iface_id iface, const nhtb_policy *v, size_t n)
{
    if (!t || (n && !v))
        return NHTB_ERR_ARG;
    for (size_t i = 0; i < n; i++)
        if (v[i].size != sizeof v[i])
            return NHTB_ERR_ARG;
    return nhi_db_txn_policy(t->db, iface, v, n);
}
