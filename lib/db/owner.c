/* SPDX-License-Identifier: Apache-2.0
 * Owners of next hops learnt under wildcard entries: the identity that bound an address first keeps
 * it while it is away, until the host clears the row or names another owner. Called by binding.c,
 * iface.c and engine; control thread. Trust rules: protocol-facts 1.5. */
#include "db/internal.h"

typedef struct owner_key {
    uint32_t iface;
    nhtb_addr next_hop;
} owner_key;
_Static_assert(sizeof(owner_key) == 24, "no padding in a map key");

struct nhi_db_owner {
    owner_key key;
    uint32_t self;
    bool fixed;
    uint8_t type;
    uint16_t n;
    uint8_t *id;
};

void nhi_db_owner_init(nhi_db *db)
{
    size_t most = db->env.settings->limits.bindings;
    nhi_map_init(&db->owners_by_key, db->mem, sizeof(owner_key), most, db->env.map_seed);
    nhi_slab_init(&db->owners, db->mem, sizeof(nhi_db_owner), most);
}

static void remove_row(nhi_db *db, nhi_db_owner *o)
{
    (void)nhi_map_del(&db->owners_by_key, &o->key);
    nhi_mem_free(db->mem, o->id, o->n);
    (void)nhi_slab_del(&db->owners, o->self);
}

void nhi_db_owner_fini(nhi_db *db)
{
    (void)nhi_db_owner_clear(db, 0, NULL, true);
    nhi_map_fini(&db->owners_by_key);
    nhi_slab_fini(&db->owners);
}

static owner_key key_of(uint32_t iface, const nhtb_addr *a)
{
    owner_key k = {.iface = iface};
    (void)nhi_addr_from_bytes(&k.next_hop, a->family, a->b);
    return k;
}

static uint8_t fold(uint8_t type, uint8_t c)
{
    bool text = type == NHTB_ID_FQDN || type == NHTB_ID_RFC822;
    return text && c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool same(const nhi_db_owner *o, const nhtb_identity *id)
{
    if (o->type != id->type || o->n != id->data.n)
        return false;
    for (size_t i = 0; i < o->n; i++)
        if (o->id[i] != fold(id->type, id->data.p[i]))
            return false;
    return true;
}

static unsigned rows_of(const nhi_db *db, const nhtb_identity *id)
{
    uint32_t cursor = 0, at;
    unsigned n = 0;
    const nhi_db_owner *o;
    while ((o = nhi_slab_next(&db->owners, &cursor, &at)) != NULL)
        n += !o->fixed && same(o, id) ? 1 : 0;
    return n;
}

static int add(nhi_db *db, const owner_key *k, const nhtb_identity *id, bool fixed)
{
    uint32_t at;
    int err = nhi_map_reserve(&db->owners_by_key, 1);
    if (err != 0)
        return err;
    nhi_db_owner *o = nhi_slab_new(&db->owners, &at); /* the map has the same limit */
    if (o == NULL)
        return NHTB_ERR_MEMORY;
    o->id = nhi_mem_alloc(db->mem, id->data.n, 1);
    if (o->id == NULL) {
        (void)nhi_slab_del(&db->owners, at);
        return NHTB_ERR_MEMORY;
    }
    o->self = at;
    o->key = *k;
    o->fixed = fixed;
    o->type = id->type;
    o->n = (uint16_t)id->data.n;
    for (size_t i = 0; i < o->n; i++)
        o->id[i] = fold(id->type, id->data.p[i]);
    (void)nhi_map_put(&db->owners_by_key, &o->key, o);
    return 0;
}

nhtb_detail nhi_db_owner_judge(const nhi_db *db, uint32_t iface, const nhtb_addr *a,
                               const nhtb_identity *who)
{
    owner_key k = key_of(iface, a);
    const nhi_db_owner *o = nhi_map_get(&db->owners_by_key, &k);
    return o != NULL && (who == NULL || !same(o, who)) ? NHTB_DETAIL_OWNED : NHTB_DETAIL_NONE;
}

nhtb_detail nhi_db_owner_take(nhi_db *db, uint32_t iface, const nhtb_addr *a,
                              const nhtb_identity *who)
{
    owner_key k = key_of(iface, a);
    if (nhi_map_get(&db->owners_by_key, &k) != NULL)
        return NHTB_DETAIL_NONE; /* judged before: it is who's */
    if (rows_of(db, who) >= NHI_DB_LEARNT_MAX)
        return NHTB_DETAIL_TOO_MANY; /* nobody may take the subnet one address at a time */
    int err = add(db, &k, who, false);
    if (err == 0)
        return NHTB_DETAIL_NONE;
    return err == NHTB_ERR_LIMIT ? NHTB_DETAIL_CAPACITY : NHTB_DETAIL_MEMORY;
}

int nhi_db_owner_set(nhi_db *db, const nhtb_owner *v)
{
    nhtb_identity id = {v->id_type, {v->id, v->id_n}};
    if (nhi_db_iface_get(db, v->iface.id) == NULL)
        return NHTB_ERR_STALE;
    owner_key k = key_of(v->iface.id, &v->next_hop);
    if (v->id_n == 0 || v->id_n > NHTB_ID_MAX || !nhi_addr_is_unicast(&k.next_hop))
        return NHTB_ERR_ARG;
    nhi_db_owner *old = nhi_map_get(&db->owners_by_key, &k);
    if (old != NULL && same(old, &id)) {
        old->fixed = v->fixed;
        return 0;
    }
    if (old != NULL)
        remove_row(db, old);
    return add(db, &k, &id, v->fixed);
}

bool nhi_db_owner_next(const nhi_db *db, uint32_t *cursor, nhtb_owner *out)
{
    uint32_t at;
    const nhi_db_owner *o = nhi_slab_next(&db->owners, cursor, &at);
    if (o == NULL)
        return false;
    out->iface.id = o->key.iface;
    out->next_hop = o->key.next_hop;
    out->fixed = o->fixed;
    out->id_type = o->type;
    out->id_n = o->n;
    memcpy(out->id, o->id, o->n);
    return true;
}

size_t nhi_db_owner_clear(nhi_db *db, uint32_t iface, const nhtb_addr *next_hop, bool fixed)
{
    uint32_t cursor = 0, at;
    size_t n = 0;
    nhi_db_owner *o;
    while ((o = nhi_slab_next(&db->owners, &cursor, &at)) != NULL) {
        if ((o->fixed && !fixed) || (iface != 0 && o->key.iface != iface) ||
            (next_hop != NULL && !nhtb_addr_equal(&o->key.next_hop, next_hop)))
            continue;
        remove_row(db, o);
        n++;
    }
    return n;
}
