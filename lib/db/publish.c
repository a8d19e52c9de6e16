/* SPDX-License-Identifier: Apache-2.0
 * db -> fib: the single stores by which workers learn of paths, endpoints and live tunnels, and the
 * retirement of what they replace. Called by the other files of db; control thread. House-style 3.5. */
#include "db/internal.h"

void nhi_db_note_tunnel(nhi_db *db, nhi_db_note_kind kind, const nhi_db_tunnel *t,
                        nhtb_detail detail, const nhtb_addr *addr)
{
    if (db->quiet || db->env.note == NULL)
        return;
    nhi_db_note n = {.kind = kind, .detail = detail, .child = t->child};
    if (t->iface != NULL)
        n.iface.id = t->iface->id;
    if (t->peer != NULL)
        n.peer.id = t->peer->id;
    if (addr != NULL)
        n.addr = *addr;
    db->env.note(db->env.user, &n);
}

void nhi_db_publish_chain(nhi_db *db, nhi_db_iface *i)
{
    if (i->pub->kind != NHTB_IFACE_POINT_TO_POINT)
        return;
    NHI_LIST_FOR(it, &i->tunnels)
    {
        nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, iface_link);
        nhi_db_tunnel *next = NHI_CONTAINER(it->next, nhi_db_tunnel, iface_link);
        nhi_a_store_rel(&t->path->alt, it->next == &i->tunnels ? NULL : next->path);
    }
    NHI_LIST_FOR(it, &i->slots)
    {
        nhi_db_slot *s = NHI_CONTAINER(it, nhi_db_slot, iface_link);
        nhi_db_slot_publish(db, nhi_db_slot_index(db, s));
    }
}

void nhi_db_live_add(nhi_db *db, nhi_db_tunnel *t)
{
    if (t->iface == NULL)
        return;
    nhi_path_list *l = t->iface->live;
    uint32_t n = nhi_a_load(&l->n), k = 0;
    while (k < n && nhi_a_load(&l->v[k]) != NULL)
        k++;
    if (!nhi_check(db->mem, k < l->cap))
        return;
    nhi_a_store_rel(&l->v[k], t->path);
    if (k == n)
        nhi_a_store_rel(&l->n, n + 1);
    t->live_index = k;
}

void nhi_db_live_del(nhi_db *db, nhi_db_tunnel *t)
{
    (void)db;
    if (t->iface == NULL || t->live_index == NHI_DB_NOT_LIVE)
        return;
    nhi_path_list *l = t->iface->live;
    nhi_a_store_rel(&l->v[t->live_index], (nhi_path *)NULL);
    t->live_index = NHI_DB_NOT_LIVE;
    uint32_t n = nhi_a_load(&l->n);
    while (n > 0 && nhi_a_load(&l->v[n - 1]) == NULL)
        n--;
    nhi_a_store_rel(&l->n, n);
}

nhi_endpoint *nhi_db_endpoint_make(nhi_db *db, const nhtb_path *p, uint32_t path_mtu)
{
    nhi_endpoint *e = nhi_mem_alloc(db->mem, sizeof *e, NHI_CACHE_LINE);
    if (e != NULL)
        nhi_endpoint_fill(e, p, path_mtu != 0 ? path_mtu : 1500);
    return e;
}

void nhi_db_endpoint_free(nhi_db *db, nhi_endpoint *e)
{
    nhi_mem_free(db->mem, e, sizeof *e);
}

static void endpoint_reclaim(void *user, void *obj)
{
    nhi_db_endpoint_free(user, obj);
}

void nhi_db_endpoint_swap(nhi_db *db, nhi_path *path, nhi_endpoint *e)
{
    nhi_endpoint *old = nhi_a_load(&path->endpoint);
    nhi_a_store_rel(&path->endpoint, e);
    nhi_path_update_mtu(path);
    if (old != NULL)
        nhi_qsbr_retire(&db->fib->qsbr, &old->retired, endpoint_reclaim, db, old);
}

static void path_reclaim(void *user, void *obj)
{
    nhi_db *db = user;
    nhi_path *p = obj;
    nhi_db_endpoint_free(db, nhi_a_load(&p->endpoint));
    nhi_mem_free(db->mem, p, sizeof *p);
}

void nhi_db_path_retire(nhi_db *db, nhi_path *p)
{
    nhi_qsbr_retire(&db->fib->qsbr, &p->retired, path_reclaim, db, p);
}
