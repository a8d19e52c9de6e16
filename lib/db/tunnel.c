/* SPDX-License-Identifier: Apache-2.0
 * Tunnels: one child configuration of one peer (or one manual SA), bound to an interface. A tunnel
 * is up while it has an SA pair. Called by txn.c and sad.c; control thread.
 *
 *   down --first SA pair--> up --last SA pair gone--> down */
#include "db/internal.h"

nhi_db_peer *nhi_db_peer_get(const nhi_db *db, uint32_t peer)
{
    return nhi_map_get(&db->peers, &peer);
}

nhi_db_tunnel *nhi_db_tunnel_find(const nhi_db *db, uint32_t peer, uint16_t child)
{
    const nhi_db_peer *p = nhi_db_peer_get(db, peer);
    if (p == NULL)
        return NULL;
    NHI_LIST_FOR(it, &p->tunnels)
    {
        nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, peer_link);
        if (t->child == child && !t->s_dead)
            return t;
    }
    return NULL;
}

static nhi_db_peer *peer_make(nhi_db *db, uint32_t peer)
{
    nhi_db_peer *p = nhi_mem_alloc(db->mem, sizeof *p, 16);
    if (p == NULL)
        return NULL;
    p->id = peer;
    p->anchor = NHI_DB_NO_ANCHOR;
    nhi_list_init(&p->tunnels);
    if (nhi_map_put(&db->peers, &peer, p) == 0)
        return p;
    nhi_mem_free(db->mem, p, sizeof *p);
    return NULL;
}

static void peer_free_if_idle(nhi_db *db, nhi_db_peer *p)
{
    if (p == NULL || !nhi_list_empty(&p->tunnels))
        return;
    nhi_db_anchor_drop(db, p);
    (void)nhi_map_del(&db->peers, &p->id);
    nhi_mem_free(db->mem, p, sizeof *p);
}

static int join_peer(nhi_db *db, nhi_db_tunnel *t, uint32_t peer)
{
    if (peer == 0)
        return 0;
    if (db->n_peer_tunnels >= db->env.settings->limits.tunnels)
        return NHTB_ERR_LIMIT;
    nhi_db_peer *p = nhi_db_peer_get(db, peer);
    if (p == NULL)
        p = peer_make(db, peer);
    if (p == NULL)
        return NHTB_ERR_MEMORY;
    t->peer = p;
    nhi_list_add_tail(&p->tunnels, &t->peer_link);
    db->n_peer_tunnels++;
    return 0;
}

int nhi_db_tunnel_make(nhi_db *db, uint32_t peer, uint16_t child, const char *vpn, uint32_t iface,
                       nhi_db_tunnel **out)
{
    nhi_db_iface *i = nhi_db_iface_get(db, iface);
    if (i == NULL)
        return NHTB_ERR_STALE;
    uint32_t id;
    nhi_db_tunnel *t = nhi_slab_new(&db->tunnels, &id);
    if (t == NULL)
        return db->tunnels.used >= db->tunnels.max ? NHTB_ERR_LIMIT : NHTB_ERR_MEMORY;
    *t = (nhi_db_tunnel){.id = id, .child = child, .is_new = true, .live_index = NHI_DB_NOT_LIVE};
    (void)nhi_strcpy(t->vpn, sizeof t->vpn, vpn);
    nhi_list_init(&t->iface_link);
    nhi_list_init(&t->peer_link);
    nhi_list_init(&t->pairs);
    nhi_list_init(&t->slots);
    int err = nhi_db_iface_room(db, i);
    if (err == 0) {
        t->iface = i;
        err = join_peer(db, t, peer);
    }
    t->path = err == 0 ? nhi_mem_alloc(db->mem, sizeof *t->path, NHI_CACHE_LINE) : NULL;
    if (t->path == NULL) {
        nhi_db_tunnel_unmake(db, t);
        return err != 0 ? err : NHTB_ERR_MEMORY;
    }
    t->path->tunnel = id;
    *out = t;
    return 0;
}

static void leave_peer(nhi_db *db, nhi_db_tunnel *t)
{
    nhi_db_peer *p = t->peer;
    if (p == NULL)
        return;
    nhi_list_del(&t->peer_link);
    db->n_peer_tunnels--;
    t->peer = NULL;
    peer_free_if_idle(db, p);
}

void nhi_db_tunnel_unmake(nhi_db *db, nhi_db_tunnel *t)
{
    if (t->iface != NULL)
        t->iface->s_tunnels--;
    leave_peer(db, t);
    if (t->path != NULL) {
        nhi_db_endpoint_free(db, nhi_a_load(&t->path->endpoint));
        nhi_mem_free(db->mem, t->path, sizeof *t->path);
    }
    (void)nhi_slab_del(&db->tunnels, t->id);
}

int nhi_db_tunnel_prepare(nhi_db *db, nhi_db_op *op)
{
    if (nhi_db_tunnel_find(db, op->id, op->u.tunnel.child) != NULL)
        return NHTB_ERR_EXISTS;
    int err =
        nhi_db_tunnel_make(db, op->id, op->u.tunnel.child, op->u.tunnel.vpn, op->iface, &op->made);
    if (err == 0 && op->u.tunnel.dynamic)
        op->made->peer->dynamic = true;
    return err;
}

int nhi_db_tunnel_add(nhi_db *db, nhtb_peer_id peer, uint16_t child, const char *vpn,
                      nhtb_iface_id iface)
{
    nhi_db_tunnel *t;
    const nhi_db_iface *i = nhi_db_iface_get(db, iface.id);
    if (i == NULL || i->is_new)
        return NHTB_ERR_STALE;
    int err = nhi_db_tunnel_make(db, peer.id, child, vpn, iface.id, &t);
    if (err != 0)
        return err;
    t->peer->dynamic = true;
    nhi_db_tunnel_commit(db, t);
    return 0;
}

void nhi_db_tunnel_drop(nhi_db *db, nhtb_peer_id peer)
{
    const nhi_db_peer *p;
    while ((p = nhi_db_peer_get(db, peer.id)) != NULL) { /* it goes with its last tunnel */
        nhi_db_tunnel *t = NHI_CONTAINER(p->tunnels.next, nhi_db_tunnel, peer_link);
        nhi_db_binding_drop(db, t);
        nhi_db_tunnel_commit_del(db, t);
    }
}

/* Bindings of the tunnel end with the transaction, whichever way they came. */
void nhi_db_tunnel_stage_del(nhi_db *db, nhi_db_tunnel *t)
{
    NHI_LIST_FOR(it, &t->slots)
    {
        nhi_db_slot *s = NHI_CONTAINER(it, nhi_db_slot, tunnel_link);
        if (nhi_db_slot_next_tunnel(s) == t)
            nhi_db_binding_stage_none(db, nhi_db_slot_index(db, s));
    }
    NHI_LIST_FOR(it, &db->txn.touched)
    {
        nhi_db_slot *s = NHI_CONTAINER(it, nhi_db_slot, touched_link);
        if (s->staged && s->s_tunnel == t)
            nhi_db_binding_stage_none(db, nhi_db_slot_index(db, s));
    }
    t->s_dead = true;
}

void nhi_db_tunnel_stage_del_peer(nhi_db *db, uint32_t peer, bool dead)
{
    const nhi_db_peer *p = nhi_db_peer_get(db, peer);
    if (p == NULL)
        return;
    NHI_LIST_FOR(it, &p->tunnels)
    {
        nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, peer_link);
        if (dead && !t->s_dead)
            nhi_db_tunnel_stage_del(db, t);
        t->s_dead = dead;
    }
}

void nhi_db_tunnel_commit(nhi_db *db, nhi_db_tunnel *t)
{
    nhi_db_iface *i = t->iface;
    nhi_db_iface_commit_live(db, i);
    t->is_new = false;
    i->n_tunnels++;
    nhi_list_add_tail(&i->tunnels, &t->iface_link);
    nhi_a_store_rel(&t->path->iface, i->pub);
    nhi_path_update_mtu(t->path);
    nhi_db_publish_chain(db, i);
}

void nhi_db_tunnel_detach(nhi_db *db, nhi_db_tunnel *t)
{
    nhi_db_iface *i = t->iface;
    if (i == NULL)
        return;
    nhi_db_live_del(db, t);
    nhi_list_del(&t->iface_link);
    i->n_tunnels--;
    if (t->up && --i->n_up == 0)
        nhi_db_note_tunnel(db, NHI_DB_IFACE_DOWN, t, NHTB_DETAIL_DELETED_BY_US, NULL);
    nhi_a_store_rel(&t->path->iface, (nhi_iface_pub *)NULL);
    t->iface = NULL;
    nhi_db_publish_chain(db, i);
}

void nhi_db_tunnel_commit_del(nhi_db *db, nhi_db_tunnel *t)
{
    while (!nhi_list_empty(&t->pairs))
        nhi_db_pair_end(db, NHI_CONTAINER(t->pairs.next, nhi_db_pair, link));
    nhi_db_binding_forget(db, t);
    nhi_db_tunnel_detach(db, t);
    leave_peer(db, t);
    nhi_db_path_retire(db, t->path);
    (void)nhi_slab_del(&db->tunnels, t->id);
}

static nhi_db_tunnel *dead_tunnel(const nhi_db *db, uint32_t peer)
{
    const nhi_db_peer *p = nhi_db_peer_get(db, peer);
    for (nhi_list *it = p == NULL ? NULL : p->tunnels.next; it != NULL && it != &p->tunnels;
         it = it->next) {
        nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, peer_link);
        if (t->s_dead)
            return t;
    }
    return NULL;
}

/* The same transaction may have given the peer new tunnels: those stay. */
void nhi_db_tunnel_commit_del_peer(nhi_db *db, uint32_t peer)
{
    nhi_db_tunnel *t;
    while ((t = dead_tunnel(db, peer)) != NULL) /* the peer goes with its last tunnel */
        nhi_db_tunnel_commit_del(db, t);
}

static void iface_follows(nhi_db *db, nhi_db_tunnel *t, bool up)
{
    nhi_db_iface *i = t->iface;
    if (i == NULL)
        return;
    if (up && i->n_up++ == 0)
        nhi_db_note_tunnel(db, NHI_DB_IFACE_UP, t, NHTB_DETAIL_NONE, NULL);
    if (!up && --i->n_up == 0)
        nhi_db_note_tunnel(db, NHI_DB_IFACE_DOWN, t, NHTB_DETAIL_NONE, NULL);
}

/* Learnt entries: candidates become current, or all end. */
static void bindings_follow(nhi_db *db, nhi_db_tunnel *t)
{
    NHI_LIST_FOR(it, &t->slots)
    {
        nhi_db_slot *s = NHI_CONTAINER(it, nhi_db_slot, tunnel_link);
        uint32_t index = nhi_db_slot_index(db, s);
        nhi_db_slot_publish(db, index);
        if (!s->is_static)
            nhi_db_note_tunnel(db, NHI_DB_BINDING_ADDED, t, NHTB_DETAIL_NONE,
                               &db->fib->slot[index].next_hop);
    }
}

void nhi_db_tunnel_set_up(nhi_db *db, nhi_db_tunnel *t, bool up)
{
    if (!nhi_check(db->mem, t->up != up))
        return;
    if (!up)
        nhi_db_binding_forget(db, t); /* while it still counts as current */
    t->up = up;
    if (up) {
        db->n_tunnels_up++;
        nhi_db_live_add(db, t);
    } else {
        db->n_tunnels_up--;
        nhi_db_live_del(db, t);
    }
    nhi_db_note_tunnel(db, up ? NHI_DB_TUNNEL_UP : NHI_DB_TUNNEL_DOWN, t, NHTB_DETAIL_NONE, NULL);
    iface_follows(db, t, up);
    if (up)
        bindings_follow(db, t);
}

bool nhi_db_tunnel_up(nhi_db *db, nhtb_peer_id peer, uint16_t child)
{
    const nhi_db_tunnel *t = nhi_db_tunnel_find(db, peer.id, child);
    return t != NULL && t->up;
}
