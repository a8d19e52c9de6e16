/* SPDX-License-Identifier: Apache-2.0
 * Life of the db room and reclamation. Called by engine; control thread. */
#include "db/internal.h"

static void maps_init(nhi_db *db)
{
    const nhtb_limits *l = &db->env.settings->limits;
    const uint8_t *seed = db->env.map_seed;
    nhi_map_init(&db->peers, db->mem, sizeof(uint32_t), l->peers, seed);
    nhi_map_init(&db->slots_by_key, db->mem, 24, db->fib->n_slots, seed);
    nhi_map_init(&db->pairs_by_spi, db->mem, sizeof(uint32_t), l->sas, seed);
    nhi_map_init(&db->key_prints, db->mem, 16, (size_t)l->sas * 6, seed);
    nhi_map_init(&db->gateways, db->mem, 40, l->peers, seed);
    nhi_db_owner_init(db);
}

static void tables_fini(nhi_db *db)
{
    nhi_map_fini(&db->peers);
    nhi_map_fini(&db->slots_by_key);
    nhi_map_fini(&db->pairs_by_spi);
    nhi_map_fini(&db->key_prints);
    nhi_map_fini(&db->gateways);
    nhi_db_owner_fini(db);
    nhi_slab_fini(&db->ifaces);
    nhi_slab_fini(&db->tunnels);
    nhi_slab_fini(&db->pairs);
    nhi_db_spi_fini(db);
    nhi_db_anchor_fini(db);
    nhi_mem_free(db->mem, db->slot, db->fib->n_slots * sizeof *db->slot);
    nhi_wipe(db->env.map_seed, sizeof db->env.map_seed);
    nhi_mem_free(db->mem, db, sizeof *db);
}

int nhi_db_new(nhi_db **out, const nhi_db_env *env)
{
    *out = NULL;
    nhi_db *db = nhi_mem_alloc(env->mem, sizeof *db, 16);
    if (db == NULL)
        return NHTB_ERR_MEMORY;
    const nhtb_limits *l = &env->settings->limits;
    db->env = *env;
    db->mem = env->mem;
    db->fib = env->fib;
    db->slots_made = NHI_SLOT_LOCAL + 1;
    nhi_list_init(&db->limbo);
    maps_init(db);
    nhi_slab_init(&db->ifaces, db->mem, sizeof(nhi_db_iface), l->ifaces);
    nhi_slab_init(&db->tunnels, db->mem, sizeof(nhi_db_tunnel), (size_t)l->tunnels + l->sas);
    nhi_slab_init(&db->pairs, db->mem, sizeof(nhi_db_pair), l->sas);
    db->slot = nhi_mem_array(db->mem, db->fib->n_slots, sizeof *db->slot);
    if (db->slot == NULL || nhi_db_spi_init(db) != 0 || nhi_db_anchor_init(db) != 0) {
        tables_fini(db);
        return NHTB_ERR_MEMORY;
    }
    *out = db;
    return 0;
}

/* Bindings, tunnels with their SAs, slots, interfaces: each before what it hangs on. */
static void unpublish_all(nhi_db *db)
{
    uint32_t cursor = 0, id;
    for (uint32_t s = NHI_SLOT_LOCAL + 1; s < db->slots_made; s++)
        if (db->slot[s].used && db->slot[s].tunnel != NULL)
            nhi_db_slot_bind(db, s, NULL, false);
    nhi_db_tunnel *t;
    while ((t = nhi_slab_next(&db->tunnels, &cursor, &id)) != NULL)
        nhi_db_tunnel_commit_del(db, t);
    for (uint32_t s = NHI_SLOT_LOCAL + 1; s < db->slots_made; s++) {
        db->slot[s].refs = 0;
        nhi_db_slot_release(db, s);
    }
    nhi_db_iface *i;
    cursor = 0;
    while ((i = nhi_slab_next(&db->ifaces, &cursor, &id)) != NULL)
        nhi_db_iface_commit_del(db, i);
}

static void drop_flags(nhi_db *db)
{
    nhtb_path path;
    nhtb_addr addr;
    nhi_cell *c = nhi_fib_take_flagged(db->fib);
    while (c != NULL) {
        nhi_cell *next = c->flag_next;
        (void)nhi_cell_collect(c, &path, &addr);
        c = next;
    }
}

void nhi_db_del(nhi_db *db)
{
    if (db == NULL)
        return;
    if (db->txn.open)
        nhi_db_txn_abort(&db->txn);
    db->quiet = true;
    drop_flags(db);
    unpublish_all(db);
    nhi_qsbr_drain(&db->fib->qsbr);
    nhi_db_limbo_poll(db);
    tables_fini(db);
}

void nhi_db_poll(nhi_db *db)
{
    nhi_db_limbo_poll(db);
    (void)nhi_qsbr_poll(&db->fib->qsbr);
}
