/* SPDX-License-Identifier: Apache-2.0
 * Tunnel interfaces (st0 units): settings are an immutable published object that is replaced as a
 * whole; tunnels, slots and counters stay with the control object. Called by txn.c; control. */
#include "db/internal.h"

enum { LIVE_CAP_MIN = 4 };

nhi_db_iface *nhi_db_iface_get(const nhi_db *db, uint32_t id)
{
    nhi_db_iface *i = nhi_slab_get(&db->ifaces, id);
    return i == NULL || i->s_dead ? NULL : i;
}

static size_t live_bytes(uint32_t cap)
{
    return sizeof(nhi_path_list) + cap * sizeof(void *);
}

static nhi_path_list *live_make(nhi_db *db, uint32_t cap)
{
    nhi_path_list *l = nhi_mem_alloc(db->mem, live_bytes(cap), 16);
    if (l != NULL) {
        l->cap = cap;
        l->size = live_bytes(cap);
    }
    return l;
}

static void live_free(nhi_db *db, nhi_path_list *l)
{
    if (l != NULL)
        nhi_mem_free(db->mem, l, l->size);
}

static void live_reclaim(void *user, void *obj)
{
    live_free(user, obj);
}

static void live_retire(nhi_db *db, nhi_path_list *l)
{
    nhi_qsbr_retire(&db->fib->qsbr, &l->retired, live_reclaim, db, l);
}

static nhi_db_iface *find_name(const nhi_db *db, const char *name)
{
    uint32_t cursor = 0, id;
    nhi_db_iface *i;
    size_t n = nhi_strlen(name) + 1;
    while ((i = nhi_slab_next(&db->ifaces, &cursor, &id)) != NULL)
        if (!i->r_del && memcmp(i->name, name, n) == 0)
            return i;
    return NULL;
}

static size_t count_bytes(const nhi_db *db)
{
    return db->env.settings->workers * sizeof(nhi_iface_count);
}

static void iface_free(nhi_db *db, nhi_db_iface *i)
{
    live_free(db, i->live);
    live_free(db, i->s_live);
    nhi_mem_free(db->mem, i->count, count_bytes(db));
    (void)nhi_slab_del(&db->ifaces, i->id);
}

static int iface_make(nhi_db *db, const char *name, nhi_db_iface **out)
{
    uint32_t id;
    nhi_db_iface *i = nhi_slab_new(&db->ifaces, &id);
    if (i == NULL)
        return db->ifaces.used >= db->ifaces.max ? NHTB_ERR_LIMIT : NHTB_ERR_MEMORY;
    i->id = id;
    i->is_new = true;
    nhi_list_init(&i->tunnels);
    nhi_list_init(&i->slots);
    (void)nhi_strcpy(i->name, sizeof i->name, name);
    i->live = live_make(db, LIVE_CAP_MIN);
    i->count = nhi_mem_alloc(db->mem, count_bytes(db), NHI_CACHE_LINE);
    if (i->live == NULL || i->count == NULL) {
        iface_free(db, i);
        return NHTB_ERR_MEMORY;
    }
    *out = i;
    return 0;
}

static bool own_prefix_ok(const nhtb_prefix *p, uint8_t family)
{
    if (p->addr.family == 0)
        return true;
    return p->addr.family == family && p->len <= (family == 4 ? 32 : 128) &&
           nhi_addr_is_unicast(&p->addr);
}

static bool settings_ok(const nhtb_iface *c)
{
    return c->name != NULL && c->name[0] != 0 && nhi_strlen(c->name) < NHTB_NAME_MAX &&
           c->kind <= NHTB_IFACE_MULTIPOINT && c->transit <= NHTB_TRANSIT_HOST &&
           c->df <= NHTB_DF_SET && (c->dscp == 0xff || c->dscp < 64) && c->mtu <= UINT16_MAX &&
           (c->mtu == 0 || c->mtu >= 68) && (c->tcp_mss <= NHTB_MSS_AUTO || c->tcp_mss >= 88) &&
           own_prefix_ok(&c->addr4, 4) && own_prefix_ok(&c->addr6, 6);
}

static nhi_iface_pub *pub_make(nhi_db *db, const nhtb_iface *c, const nhi_db_iface *i)
{
    nhi_iface_pub *p = nhi_mem_alloc(db->mem, sizeof *p, 16);
    if (p == NULL)
        return NULL;
    p->id = i->id;
    p->kind = c->kind;
    p->transit = c->transit;
    p->df = c->df;
    p->ttl = c->ttl == 0 ? 64 : c->ttl;
    p->dscp = c->dscp;
    p->rpf = c->rpf;
    p->copy_outer_dscp = c->copy_outer_dscp;
    p->ecn_compat = c->ecn_compat;
    p->mtu = c->mtu;
    p->multicast_max = c->multicast_max;
    p->tcp_mss = c->tcp_mss;
    p->addr4 = c->addr4;
    p->addr6 = c->addr6;
    p->count = i->count;
    return p;
}

void nhi_db_iface_free_pub(nhi_db *db, nhi_iface_pub *p)
{
    nhi_mem_free(db->mem, p, sizeof *p);
}

static void pub_reclaim(void *user, void *obj)
{
    nhi_db_iface_free_pub(user, obj);
}

static void last_pub_reclaim(void *user, void *obj)
{
    nhi_db *db = user;
    nhi_iface_pub *p = obj;
    nhi_mem_free(db->mem, p->count, count_bytes(db));
    nhi_db_iface_free_pub(db, p);
}

int nhi_db_iface_record(nhi_db *db, const nhtb_iface *cfg, nhi_db_iface **out, nhi_iface_pub **pub)
{
    if (!settings_ok(cfg))
        return NHTB_ERR_ARG;
    nhi_db_iface *i = find_name(db, cfg->name);
    bool known = i != NULL;
    int err = known ? 0 : iface_make(db, cfg->name, &i);
    if (err != 0)
        return err;
    *pub = pub_make(db, cfg, i);
    if (*pub == NULL) {
        if (!known)
            iface_free(db, i);
        return NHTB_ERR_MEMORY;
    }
    *out = i;
    return 0;
}

int nhi_db_iface_prepare(nhi_db *db, const nhi_db_op *op)
{
    nhi_db_iface *i = nhi_db_iface_get(db, op->iface);
    if (i == NULL)
        return NHTB_ERR_STALE;
    bool used = i->n_tunnels + i->s_tunnels > 0;
    if (used && op->u.pub->kind != nhi_db_iface_kind(i))
        return NHTB_ERR_STATE;
    i->s_pub = op->u.pub; /* a later operation on the same interface wins */
    return 0;
}

/* So that a tunnel coming up never needs memory. */
int nhi_db_iface_room(nhi_db *db, nhi_db_iface *i)
{
    uint32_t need = i->n_tunnels + i->s_tunnels + 1;
    const nhi_path_list *have = i->s_live != NULL ? i->s_live : i->live;
    if (need > have->cap) {
        nhi_path_list *more = live_make(db, need > have->cap * 2 ? need : have->cap * 2);
        if (more == NULL)
            return NHTB_ERR_MEMORY;
        live_free(db, i->s_live);
        i->s_live = more;
    }
    i->s_tunnels++;
    return 0;
}

int nhi_db_iface_prepare_del(nhi_db *db, const nhi_db_op *op)
{
    nhi_db_iface *i = nhi_db_iface_get(db, op->iface);
    if (i == NULL)
        return NHTB_ERR_STALE;
    int err = nhi_db_route_prepare_iface_gone(db, i->id);
    if (err != 0)
        return err;
    NHI_LIST_FOR(it, &i->slots)
    {
        nhi_db_slot *s = NHI_CONTAINER(it, nhi_db_slot, iface_link);
        nhi_db_binding_stage_none(db, nhi_db_slot_index(db, s));
    }
    const nhi_policy_set *rules = i->s_has_policies ? i->s_policies : i->policies;
    db->txn.d_policies -= rules == NULL ? 0 : rules->n;
    i->s_dead = true;
    return 0;
}

static void pub_publish(nhi_db *db, nhi_db_iface *i, nhi_iface_pub *p)
{
    nhi_iface_pub *old = i->pub;
    nhi_a_store(&p->policies, i->policies);
    nhi_a_store(&p->live, i->live);
    i->pub = p;
    nhi_a_store_rel(&db->fib->iface[i->id & db->fib->iface_mask], p);
    nhi_fib_ways_changed(db->fib);
    NHI_LIST_FOR(it, &i->tunnels)
    {
        nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, iface_link);
        nhi_a_store_rel(&t->path->iface, p);
        nhi_path_update_mtu(t->path);
    }
    if (old != NULL)
        nhi_qsbr_retire(&db->fib->qsbr, &old->retired, pub_reclaim, db, old);
}

void nhi_db_iface_commit(nhi_db *db, const nhi_db_op *op)
{
    nhi_db_iface *i = nhi_slab_get(&db->ifaces, op->iface);
    if (i->s_pub != op->u.pub) { /* an earlier operation on it: superseded */
        nhi_db_iface_free_pub(db, op->u.pub);
        return;
    }
    i->s_pub = NULL;
    i->is_new = false;
    pub_publish(db, i, op->u.pub);
}

void nhi_db_iface_commit_live(nhi_db *db, nhi_db_iface *i)
{
    nhi_path_list *more = i->s_live, *old = i->live;
    i->s_tunnels = 0;
    if (more == NULL)
        return;
    uint32_t n = nhi_a_load(&old->n);
    for (uint32_t k = 0; k < n; k++)
        nhi_a_store(&more->v[k], nhi_a_load(&old->v[k]));
    nhi_a_store(&more->n, n);
    i->s_live = NULL;
    i->live = more;
    nhi_a_store_rel(&i->pub->live, more);
    live_retire(db, old);
}

void nhi_db_iface_commit_del(nhi_db *db, nhi_db_iface *i)
{
    (void)nhi_db_owner_clear(db, i->id, NULL, true);
    NHI_LIST_FOR_SAFE(it, next, &i->tunnels)
    {
        nhi_db_tunnel_detach(db, NHI_CONTAINER(it, nhi_db_tunnel, iface_link));
    }
    nhi_a_store_rel(&db->fib->iface[i->id & db->fib->iface_mask], (nhi_iface_pub *)NULL);
    nhi_fib_ways_changed(db->fib);
    if (i->policies != NULL)
        nhi_db_policy_retire(db, i->policies);
    live_retire(db, i->live);
    live_free(db, i->s_live);
    nhi_qsbr_retire(&db->fib->qsbr, &i->pub->retired, last_pub_reclaim, db, i->pub);
    (void)nhi_slab_del(&db->ifaces, i->id);
}

void nhi_db_iface_abort(nhi_db *db, const nhi_db_op *op)
{
    nhi_db_iface_free_pub(db, op->u.pub);
    nhi_db_iface *i = nhi_slab_get(&db->ifaces, op->iface);
    if (i == NULL)
        return; /* an earlier operation made it and already ended it */
    i->s_pub = NULL;
    if (i->is_new)
        iface_free(db, i);
}
