/* SPDX-License-Identifier: Apache-2.0
 * Next-hop slots: (interface, next hop) interned to a number that routes hold as their leaf. Counted
 * by routes and bindings; a slot nobody refers to rests until readers have moved on. Called by the
 * other files of db; control thread. House-style 3.5. */
#include "db/internal.h"

typedef struct slot_key {
    uint32_t iface;
    nhtb_addr next_hop;
} slot_key;
_Static_assert(sizeof(slot_key) == 24, "no padding in a map key");

static slot_key key_of(uint32_t iface, const nhtb_addr *next_hop)
{
    slot_key k = {.iface = iface};
    (void)nhi_addr_from_bytes(&k.next_hop, next_hop->family, next_hop->b);
    return k;
}

uint32_t nhi_db_slot_find(const nhi_db *db, uint32_t iface, const nhtb_addr *next_hop)
{
    slot_key k = key_of(iface, next_hop);
    return (uint32_t)(uintptr_t)nhi_map_get(&db->slots_by_key, &k);
}

static uint32_t pick(nhi_db *db)
{
    if (db->slots_made < db->fib->n_slots)
        return db->slots_made++;
    if (db->slot_free_head == 0)
        nhi_db_poll(db); /* some may only wait for a look at the readers */
    uint32_t i = db->slot_free_head;
    if (i == 0)
        return 0;
    db->slot_free_head = db->slot[i].next_free;
    if (db->slot_free_head == 0)
        db->slot_free_tail = 0;
    return i;
}

static void put_back(void *user, void *obj)
{
    nhi_db *db = user;
    nhi_db_slot *s = obj;
    uint32_t i = nhi_db_slot_index(db, s);
    memset(s, 0, sizeof *s);
    if (db->slot_free_tail != 0)
        db->slot[db->slot_free_tail].next_free = i;
    else
        db->slot_free_head = i;
    db->slot_free_tail = i;
}

int nhi_db_slot_intern(nhi_db *db, nhi_db_iface *i, const nhtb_addr *next_hop, uint32_t *index)
{
    *index = nhi_db_slot_find(db, i->id, next_hop);
    if (*index != 0)
        return 0;
    int err = nhi_map_reserve(&db->slots_by_key, 1);
    if (err != 0)
        return err;
    *index = pick(db);
    if (*index == 0)
        return NHTB_ERR_LIMIT;
    slot_key k = key_of(i->id, next_hop);
    nhi_slot *pub = &db->fib->slot[*index];
    pub->iface = i->id; /* not reachable yet: no route and no next hop leads here */
    pub->next_hop = k.next_hop;
    nhi_a_store(&pub->path, (nhi_path *)NULL);
    nhi_fib_next_hop_add(db->fib, *index);
    nhi_db_slot *s = &db->slot[*index];
    s->used = true;
    s->iface = i;
    nhi_list_init(&s->tunnel_link);
    nhi_list_add_tail(&i->slots, &s->iface_link);
    (void)nhi_map_put(&db->slots_by_key, &k, (void *)(uintptr_t)*index);
    db->slots_used++;
    return 0;
}

void nhi_db_slot_touch(nhi_db *db, uint32_t index, int delta)
{
    nhi_db_slot *s = &db->slot[index];
    if (!s->touched) {
        s->touched = true;
        nhi_list_add_tail(&db->txn.touched, &s->touched_link);
    }
    s->delta += delta;
}

void nhi_db_slot_release(nhi_db *db, uint32_t index)
{
    nhi_db_slot *s = &db->slot[index];
    if (!s->used || s->refs != 0 || s->touched)
        return;
    nhi_slot *pub = &db->fib->slot[index];
    slot_key k = key_of(pub->iface, &pub->next_hop);
    (void)nhi_map_del(&db->slots_by_key, &k);
    nhi_list_del(&s->iface_link);
    nhi_fib_next_hop_del(db->fib, index);
    nhi_a_store_rel(&pub->path, (nhi_path *)NULL);
    s->used = false;
    s->iface = NULL;
    db->slots_used--;
    nhi_qsbr_retire(&db->fib->qsbr, &s->retired, put_back, db, s);
}

void nhi_db_slot_bind(nhi_db *db, uint32_t index, nhi_db_tunnel *t, bool is_static)
{
    nhi_db_slot *s = &db->slot[index];
    if (s->tunnel != NULL && !s->is_static && s->tunnel->peer != NULL)
        s->tunnel->peer->n_learnt--;
    nhi_list_del(&s->tunnel_link);
    s->tunnel = t;
    s->is_static = is_static;
    s->assigned = false;
    if (t != NULL)
        nhi_list_add_tail(&t->slots, &s->tunnel_link);
    if (t != NULL && !is_static && t->peer != NULL)
        t->peer->n_learnt++;
    nhi_db_slot_publish(db, index);
}

nhi_db_tunnel *nhi_db_slot_tunnel(const nhi_db_slot *s)
{
    if (s->iface == NULL || s->iface->pub == NULL)
        return NULL;
    if (s->iface->pub->kind == NHTB_IFACE_POINT_TO_POINT) {
        const nhi_list *l = &s->iface->tunnels;
        return nhi_list_empty(l) ? NULL : NHI_CONTAINER(l->next, nhi_db_tunnel, iface_link);
    }
    bool current = s->tunnel != NULL && (s->is_static || s->tunnel->up);
    return current ? s->tunnel : NULL;
}

void nhi_db_slot_publish(nhi_db *db, uint32_t index)
{
    nhi_db_tunnel *t = nhi_db_slot_tunnel(&db->slot[index]);
    nhi_path *want = t == NULL ? NULL : t->path;
    nhi_slot *pub = &db->fib->slot[index];
    if (nhi_a_load(&pub->path) != want)
        nhi_a_store_rel(&pub->path, want);
}
