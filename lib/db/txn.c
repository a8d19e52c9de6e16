/* SPDX-License-Identifier: Apache-2.0
 * Transactions: operations are recorded, prepare checks each against the state that the earlier ones
 * leave and takes all memory, commit only stores. What prepare stages lives in fields named s_* and
 * in the tries' open batches; abort drops it. Called by engine; control thread. House-style 3.5. */
#include "db/internal.h"

int nhi_db_txn_begin(nhi_db *db, nhi_db_txn **out)
{
    *out = NULL;
    if (db->txn.open)
        return NHTB_ERR_STATE;
    db->txn = (nhi_db_txn){.db = db, .open = true};
    nhi_list_init(&db->txn.touched);
    *out = &db->txn;
    return 0;
}

/* ---- recording ---- */

static nhi_db_op *op_new(nhi_db_txn *t, nhi_db_op_kind kind, uint32_t iface)
{
    if (t->n == t->cap) {
        size_t cap = t->cap == 0 ? 16 : t->cap * 2;
        nhi_db_op *v = nhi_mem_array(t->db->mem, cap, sizeof *v);
        if (v == NULL)
            return NULL;
        if (t->n != 0)
            memcpy(v, t->op, t->n * sizeof *v);
        nhi_mem_free(t->db->mem, t->op, t->cap * sizeof *v);
        t->op = v;
        t->cap = cap;
    }
    nhi_db_op *op = &t->op[t->n++];
    *op = (nhi_db_op){.kind = kind, .iface = iface};
    return op;
}

static bool iface_known(const nhi_db_txn *t, nhtb_iface_id id)
{
    return nhi_db_iface_get(t->db, id.id) != NULL;
}

int nhi_db_txn_iface(nhi_db_txn *t, const nhtb_iface *i, nhtb_iface_id *out)
{
    nhi_db_iface *o;
    nhi_db_op *op = op_new(t, NHI_DB_OP_IFACE, 0);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    int err = nhi_db_iface_record(t->db, i, &o, &op->u.pub);
    if (err != 0) {
        t->n--;
        return err;
    }
    op->iface = o->id;
    out->id = o->id;
    return 0;
}

int nhi_db_txn_iface_del(nhi_db_txn *t, nhtb_iface_id id)
{
    if (!iface_known(t, id))
        return NHTB_ERR_STALE;
    if (op_new(t, NHI_DB_OP_IFACE_DEL, id.id) == NULL)
        return NHTB_ERR_MEMORY;
    nhi_db_iface_get(t->db, id.id)->r_del = true;
    return 0;
}

static bool prefix_ok(const nhtb_prefix *p)
{
    nhtb_prefix n = *p;
    return nhi_prefix_normalize(&n) && nhtb_addr_equal(&n.addr, &p->addr);
}

int nhi_db_txn_route(nhi_db_txn *t, const nhtb_route *r)
{
    bool local = r->kind == NHTB_ROUTE_LOCAL;
    if (r->kind > NHTB_ROUTE_LOCAL || !prefix_ok(&r->prefix))
        return NHTB_ERR_ARG;
    if (!local && r->next_hop.family != 0 && !nhi_addr_is_unicast(&r->next_hop))
        return NHTB_ERR_ARG;
    if (!local && !iface_known(t, r->iface))
        return NHTB_ERR_STALE;
    nhi_db_op *op = op_new(t, NHI_DB_OP_ROUTE, r->iface.id);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    op->u.route.prefix = r->prefix;
    op->u.route.next_hop = r->next_hop;
    op->u.route.local = local;
    return 0;
}

int nhi_db_txn_route_del(nhi_db_txn *t, const nhtb_prefix *p)
{
    if (!prefix_ok(p))
        return NHTB_ERR_ARG;
    nhi_db_op *op = op_new(t, NHI_DB_OP_ROUTE_DEL, 0);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    op->u.route.prefix = *p;
    return 0;
}

int nhi_db_txn_binding(nhi_db_txn *t, const nhtb_binding *b)
{
    if (!nhi_addr_is_unicast(&b->next_hop) || (b->peer.id == 0) == (b->sa.id == 0))
        return NHTB_ERR_ARG;
    if (!iface_known(t, b->iface))
        return NHTB_ERR_STALE;
    nhi_db_op *op = op_new(t, NHI_DB_OP_BINDING, b->iface.id);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    op->u.binding.next_hop = b->next_hop;
    op->u.binding.peer = b->peer.id;
    op->u.binding.child = b->child;
    op->u.binding.sa = b->sa.id;
    return 0;
}

int nhi_db_txn_binding_del(nhi_db_txn *t, nhtb_iface_id iface, const nhtb_addr *next_hop)
{
    if (!iface_known(t, iface))
        return NHTB_ERR_STALE;
    nhi_db_op *op = op_new(t, NHI_DB_OP_BINDING_DEL, iface.id);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    op->u.binding.next_hop = *next_hop;
    return 0;
}

int nhi_db_txn_sa(nhi_db_txn *t, const nhtb_manual_sa *sa, nhtb_sa_id *out)
{
    if (!iface_known(t, sa->iface))
        return NHTB_ERR_STALE;
    nhi_db_op *op = op_new(t, NHI_DB_OP_SA, sa->iface.id);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    int err = nhi_db_manual_record(t->db, sa, op);
    if (err != 0) {
        t->n--;
        return err;
    }
    out->id = op->id;
    return 0;
}

int nhi_db_txn_sa_del(nhi_db_txn *t, nhtb_sa_id id)
{
    if (nhi_slab_get(&t->db->pairs, id.id) == NULL)
        return NHTB_ERR_STALE;
    nhi_db_op *op = op_new(t, NHI_DB_OP_SA_DEL, 0);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    op->id = id.id;
    return 0;
}

int nhi_db_txn_policy(nhi_db_txn *t, nhtb_iface_id iface, const nhtb_policy *v, size_t n)
{
    if (!iface_known(t, iface))
        return NHTB_ERR_STALE;
    nhi_db_op *op = op_new(t, NHI_DB_OP_POLICY, iface.id);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    int err = nhi_db_policy_record(t->db, v, n, &op->u.policies);
    if (err != 0)
        t->n--;
    return err;
}

bool nhi_db_txn_iface_known(const nhi_db_txn *t, nhtb_iface_id iface)
{
    return iface_known(t, iface);
}

int nhi_db_txn_tunnel(nhi_db_txn *t, nhtb_peer_id peer, uint16_t child, const char *vpn,
                      nhtb_iface_id iface, bool dynamic)
{
    if (peer.id == 0 || vpn == NULL || nhi_strlen(vpn) >= NHTB_NAME_MAX)
        return NHTB_ERR_ARG;
    if (!iface_known(t, iface))
        return NHTB_ERR_STALE;
    nhi_db_op *op = op_new(t, NHI_DB_OP_TUNNEL, iface.id);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    op->id = peer.id;
    op->u.tunnel.child = child;
    op->u.tunnel.dynamic = dynamic;
    (void)nhi_strcpy(op->u.tunnel.vpn, sizeof op->u.tunnel.vpn, vpn);
    return 0;
}

int nhi_db_txn_tunnel_del(nhi_db_txn *t, nhtb_peer_id peer)
{
    nhi_db_op *op = op_new(t, NHI_DB_OP_TUNNEL_DEL, 0);
    if (op == NULL)
        return NHTB_ERR_MEMORY;
    op->id = peer.id;
    return 0;
}

/* ---- prepare ---- */

static int op_prepare(nhi_db *db, nhi_db_op *op)
{
    switch (op->kind) {
    case NHI_DB_OP_IFACE: return nhi_db_iface_prepare(db, op);
    case NHI_DB_OP_IFACE_DEL: return nhi_db_iface_prepare_del(db, op);
    case NHI_DB_OP_ROUTE: return nhi_db_route_prepare(db, op);
    case NHI_DB_OP_ROUTE_DEL: return nhi_db_route_prepare_del(db, op);
    case NHI_DB_OP_BINDING: return nhi_db_binding_prepare(db, op);
    case NHI_DB_OP_BINDING_DEL: return nhi_db_binding_prepare_del(db, op);
    case NHI_DB_OP_SA: return nhi_db_manual_prepare(db, op);
    case NHI_DB_OP_SA_DEL: return nhi_db_manual_prepare_del(db, op);
    case NHI_DB_OP_POLICY: return nhi_db_policy_prepare(db, op);
    case NHI_DB_OP_TUNNEL: return nhi_db_tunnel_prepare(db, op);
    case NHI_DB_OP_TUNNEL_DEL: nhi_db_tunnel_stage_del_peer(db, op->id, true); return 0;
    }
    return NHTB_ERR_INTERNAL;
}

static nhi_db_slot *touched_slot(nhi_list *it)
{
    return NHI_CONTAINER(it, nhi_db_slot, touched_link);
}

static bool slot_unused_after(const nhi_db_slot *s)
{
    return (int64_t)s->refs + s->delta == 0;
}

/* Limits hold for what the whole transaction leaves, not for its steps. */
static int check_totals(nhi_db *db)
{
    const nhtb_limits *l = &db->env.settings->limits;
    const nhi_db_txn *t = &db->txn;
    size_t going = 0;
    NHI_LIST_FOR(it, &db->txn.touched)
    {
        going += slot_unused_after(touched_slot(it)) ? 1 : 0;
    }
    bool ok = db->slots_used - going <= l->next_hops &&
              (int64_t)db->n_bindings + t->d_bindings <= (int64_t)l->bindings &&
              (int64_t)db->n_policies + t->d_policies <= (int64_t)l->policies;
    return ok ? 0 : NHTB_ERR_LIMIT;
}

int nhi_db_txn_prepare(nhi_db_txn *t, size_t *at)
{
    nhi_db *db = t->db;
    size_t i = 0;
    int err = 0;
    t->prepared = true;
    nhi_lpm_begin(db->fib->lpm4);
    nhi_lpm_begin(db->fib->lpm6);
    while (i < t->n && (err = op_prepare(db, &t->op[i])) == 0)
        i++;
    if (err == 0)
        err = check_totals(db);
    if (err == 0)
        return 0;
    if (at != NULL)
        *at = i;
    nhi_db_txn_abort(t);
    return err;
}

/* ---- end ---- */

static void txn_close(nhi_db_txn *t)
{
    nhi_mem_free(t->db->mem, t->op, t->cap * sizeof *t->op);
    *t = (nhi_db_txn){.db = t->db};
}

static void op_commit_new(nhi_db *db, nhi_db_op *op)
{
    switch (op->kind) {
    case NHI_DB_OP_SA: nhi_db_manual_commit(db, op); break;
    case NHI_DB_OP_POLICY: nhi_db_policy_commit(db, op); break;
    case NHI_DB_OP_TUNNEL: nhi_db_tunnel_commit(db, op->made); break;
    default: break;
    }
}

static void op_commit_old(nhi_db *db, const nhi_db_op *op)
{
    if (op->kind == NHI_DB_OP_TUNNEL_DEL)
        nhi_db_tunnel_commit_del_peer(db, op->id);
    if (op->kind == NHI_DB_OP_SA_DEL) {
        const nhi_db_pair *p = nhi_slab_get(&db->pairs, op->id);
        if (p != NULL)
            nhi_db_tunnel_commit_del(db, p->tunnel);
    }
}

static void slots_commit(nhi_db *db)
{
    NHI_LIST_FOR(it, &db->txn.touched)
    {
        nhi_db_slot *s = touched_slot(it);
        uint32_t index = nhi_db_slot_index(db, s);
        s->refs = (uint32_t)((int64_t)s->refs + s->delta);
        s->delta = 0;
        nhi_db_binding_commit(db, index);
        nhi_db_slot_publish(db, index);
    }
    db->n_bindings = (size_t)((int64_t)db->n_bindings + db->txn.d_bindings);
    db->n_policies = (size_t)((int64_t)db->n_policies + db->txn.d_policies);
}

static void slots_sweep(nhi_db *db)
{
    NHI_LIST_FOR_SAFE(it, next, &db->txn.touched)
    {
        nhi_db_slot *s = touched_slot(it);
        nhi_list_del(it);
        s->touched = s->staged = false;
        s->delta = 0;
        nhi_db_slot_release(db, nhi_db_slot_index(db, s));
    }
}

/* New things first, then what leads to them, then the old things go: packets in flight always find
 * either. Interfaces go last, because slots and tunnels hang on them. */
void nhi_db_txn_commit(nhi_db_txn *t)
{
    nhi_db *db = t->db;
    for (size_t i = 0; i < t->n; i++) /* first: an interface set twice is published by the last */
        if (t->op[i].kind == NHI_DB_OP_IFACE)
            nhi_db_iface_commit(db, &t->op[i]);
    for (size_t i = 0; i < t->n; i++)
        op_commit_new(db, &t->op[i]);
    slots_commit(db);
    nhi_lpm_publish(db->fib->lpm4);
    nhi_lpm_publish(db->fib->lpm6);
    nhi_fib_ways_changed(db->fib);
    for (size_t i = 0; i < t->n; i++)
        op_commit_old(db, &t->op[i]);
    slots_sweep(db);
    for (size_t i = 0; i < t->n; i++)
        if (t->op[i].kind == NHI_DB_OP_IFACE_DEL)
            nhi_db_iface_commit_del(db, nhi_slab_get(&db->ifaces, t->op[i].iface));
    nhi_db_binding_reclaim(db);
    txn_close(t);
    nhi_db_poll(db);
}

static void op_abort_staged(nhi_db *db, const nhi_db_op *op)
{
    nhi_db_iface *i = nhi_slab_get(&db->ifaces, op->iface);
    const nhi_db_pair *p = op->kind == NHI_DB_OP_SA_DEL ? nhi_slab_get(&db->pairs, op->id) : NULL;
    if (i != NULL)
        i->s_dead = i->r_del = i->s_has_policies = false;
    if (p != NULL && p->tunnel != NULL)
        p->tunnel->s_dead = false;
    if (op->kind == NHI_DB_OP_TUNNEL_DEL)
        nhi_db_tunnel_stage_del_peer(db, op->id, false);
}

static void op_abort(nhi_db *db, nhi_db_op *op)
{
    switch (op->kind) {
    case NHI_DB_OP_IFACE: nhi_db_iface_abort(db, op); break;
    case NHI_DB_OP_SA: nhi_db_manual_abort(db, op); break;
    case NHI_DB_OP_POLICY: nhi_db_policy_free(db, op->u.policies); break;
    case NHI_DB_OP_TUNNEL:
        if (op->made != NULL)
            nhi_db_tunnel_unmake(db, op->made);
        break;
    default: break;
    }
}

void nhi_db_txn_abort(nhi_db_txn *t)
{
    nhi_db *db = t->db;
    if (t->prepared) {
        nhi_lpm_abort(db->fib->lpm4);
        nhi_lpm_abort(db->fib->lpm6);
    }
    slots_sweep(db);
    for (size_t i = 0; i < t->n; i++)
        op_abort_staged(db, &t->op[i]);
    for (size_t i = t->n; i-- > 0;)
        op_abort(db, &t->op[i]);
    txn_close(t);
}
