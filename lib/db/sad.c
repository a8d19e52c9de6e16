/* SPDX-License-Identifier: Apache-2.0
 * SA pairs: install, use, drain, remove, moves of the outer endpoints; manual pairs by transaction.
 * Called by engine (dynamic) and txn.c (manual); control thread. RFC 4301 4.4.2, RFC 7296 2.8.
 *
 *   installed --use--> current --another used--> installed --drain--> receiving only --remove--> gone */
#include "db/internal.h"

static void set_current(nhi_db_tunnel *t, nhi_db_pair *p)
{
    t->current = p;
    nhi_a_store_rel(&t->path->out, p == NULL ? NULL : p->mem->out);
    nhi_path_update_mtu(t->path);
}

static nhi_db_pair *newest_other(const nhi_db_tunnel *t, const nhi_db_pair *not_this)
{
    for (nhi_list *it = t->pairs.prev; it != &t->pairs; it = it->prev) {
        nhi_db_pair *p = NHI_CONTAINER(it, nhi_db_pair, link);
        if (p != not_this && !p->draining)
            return p;
    }
    return NULL;
}

static void move_to(nhi_db *db, nhi_db_tunnel *t, nhi_endpoint *e)
{
    nhi_db_endpoint_swap(db, t->path, e);
}

/* Receives from here on. Nothing in here can fail. */
void nhi_db_pair_start(nhi_db *db, nhi_db_pair *p, nhi_endpoint *e, bool use_now)
{
    nhi_db_tunnel *t = p->tunnel;
    nhi_list_add_tail(&t->pairs, &p->link);
    p->is_new = false;
    db->unit[p->mem->in->worker].sas++;
    if (e != NULL)
        move_to(db, t, e);
    if (p->manual)
        (void)nhi_fib_manual_add(db->fib, p->mem->in);
    else
        nhi_fib_spi_set(db->fib, p->spi_in, p->mem->in);
    if (use_now || t->current == NULL)
        set_current(t, p);
    if (!t->up)
        nhi_db_tunnel_set_up(db, t, true);
}

void nhi_db_pair_end(nhi_db *db, nhi_db_pair *p)
{
    nhi_db_tunnel *t = p->tunnel;
    if (t->current == p)
        set_current(t, newest_other(t, p));
    db->unit[p->mem->in->worker].sas--;
    if (p->manual) {
        nhi_fib_manual_del(db->fib, p->spi_in); /* its key stays known: never again */
        db->unit[p->mem->in->worker].gateways--;
    } else {
        nhi_fib_spi_set(db->fib, p->spi_in, NULL);
        nhi_db_key_forget(db, p);
        nhi_db_spi_release(db, p->spi_in);
    }
    (void)nhi_map_del(&db->pairs_by_spi, &p->spi_in);
    nhi_list_del(&p->link);
    nhi_db_pair_bury(db, p);
    (void)nhi_slab_del(&db->pairs, p->id);
    if (nhi_list_empty(&t->pairs))
        nhi_db_tunnel_set_up(db, t, false);
}

int nhi_db_pair_new(nhi_db *db, bool manual, nhi_db_pair **out)
{
    uint32_t id;
    nhi_db_pair *p = nhi_slab_new(&db->pairs, &id);
    if (p == NULL)
        return db->pairs.used >= db->pairs.max ? NHTB_ERR_LIMIT : NHTB_ERR_MEMORY;
    p->id = id;
    p->manual = manual;
    p->is_new = true;
    nhi_list_init(&p->link);
    *out = p;
    return 0;
}

/* Checks the keys, builds the cells and enters the pair in the maps: all that needs memory. */
int nhi_db_pair_enter(nhi_db *db, nhi_db_pair *p, nhi_db_tunnel *t, const nhi_db_sa *sa,
                      uint16_t anchor)
{
    nhi_db_key_print(db, sa->key_out, p->key_print[0]);
    nhi_db_key_print(db, sa->key_in, p->key_print[1]);
    if (nhi_db_key_seen(db, p) || nhi_map_get(&db->pairs_by_spi, &sa->spi_in) != NULL)
        return NHTB_ERR_CONFLICT;
    int err = nhi_db_pair_build(db, p, t, sa, anchor);
    if (err != 0)
        return err;
    err = nhi_map_reserve(&db->pairs_by_spi, 1);
    if (err == 0)
        err = nhi_db_key_remember(db, p);
    if (err != 0) {
        nhi_db_pair_unbuild(db, p);
        return err;
    }
    return nhi_map_put(&db->pairs_by_spi, &p->spi_in, p);
}

void nhi_db_pair_leave(nhi_db *db, nhi_db_pair *p)
{
    (void)nhi_map_del(&db->pairs_by_spi, &p->spi_in);
    nhi_db_key_forget(db, p);
    nhi_db_pair_unbuild(db, p);
}

/* A new endpoint object when the tunnel's present one does not say the same. */
static int endpoint_for(nhi_db *db, const nhi_db_tunnel *t, const nhi_db_sa *sa, nhi_endpoint **out)
{
    const nhi_endpoint *have = nhi_a_load(&t->path->endpoint);
    uint32_t mtu = sa->path_mtu != 0 ? sa->path_mtu : 1500;
    *out = NULL;
    if (have != NULL && nhi_path_equal(&have->path, &sa->path) && have->path_mtu <= mtu)
        return 0; /* a smaller MTU that was learnt outlives the rekey */
    *out = nhi_db_endpoint_make(db, &sa->path, mtu);
    return *out == NULL ? NHTB_ERR_MEMORY : 0;
}

int nhi_db_sa_install(nhi_db *db, const nhi_db_sa *sa, nhtb_sa_id *out)
{
    out->id = 0;
    nhi_db_tunnel *t = nhi_db_tunnel_find(db, sa->peer.id, sa->child);
    if (t == NULL)
        return NHTB_ERR_NOT_FOUND;
    if (sa->facts == NULL || sa->spi_out == 0 ||
        !nhi_db_spi_reserved_by(db, sa->spi_in, sa->peer.id))
        return NHTB_ERR_ARG;
    nhi_db_pair *p;
    nhi_endpoint *e;
    int err = nhi_db_pair_new(db, false, &p);
    if (err != 0)
        return err;
    err = endpoint_for(db, t, sa, &e);
    if (err == 0)
        err = nhi_db_pair_enter(db, p, t, sa, nhi_db_spi_worker(db, sa->spi_in));
    if (err != 0) {
        nhi_db_endpoint_free(db, e);
        (void)nhi_slab_del(&db->pairs, p->id);
        return err;
    }
    t->mtu_start = sa->path_mtu != 0 ? sa->path_mtu : 1500;
    nhi_db_spi_claim(db, sa->spi_in);
    nhi_db_anchor_gateway(db, t->peer, &sa->path);
    nhi_db_pair_start(db, p, e, sa->use_now);
    out->id = p->id;
    return 0;
}

static nhi_db_pair *live_pair(const nhi_db *db, nhtb_sa_id id)
{
    nhi_db_pair *p = nhi_slab_get(&db->pairs, id.id);
    return p == NULL || p->is_new ? NULL : p;
}

int nhi_db_sa_use(nhi_db *db, nhtb_sa_id id)
{
    nhi_db_pair *p = live_pair(db, id);
    if (p == NULL)
        return NHTB_ERR_STALE;
    p->draining = false;
    set_current(p->tunnel, p);
    return 0;
}

int nhi_db_sa_remove(nhi_db *db, nhtb_sa_id id)
{
    nhi_db_pair *p = live_pair(db, id);
    if (p == NULL)
        return NHTB_ERR_STALE;
    nhi_db_pair_end(db, p);
    return 0;
}

int nhi_db_sa_drain(nhi_db *db, nhtb_sa_id id)
{
    nhi_db_pair *p = live_pair(db, id);
    if (p == NULL)
        return NHTB_ERR_STALE;
    p->draining = true;
    if (p->tunnel->current == p)
        set_current(p->tunnel, newest_other(p->tunnel, p));
    return 0;
}

bool nhi_db_sa_find(nhi_db *db, uint32_t spi_in, nhtb_sa_id *out)
{
    const nhi_db_pair *p = nhi_map_get(&db->pairs_by_spi, &spi_in);
    if (p == NULL || p->is_new)
        return false;
    out->id = p->id;
    return true;
}

nhi_cell *nhi_db_sa_cell(nhi_db *db, nhtb_sa_id id, bool inbound)
{
    const nhi_db_pair *p = live_pair(db, id);
    if (p == NULL)
        return NULL;
    return inbound ? p->mem->in : p->mem->out;
}

bool nhi_db_sa_owner(nhi_db *db, nhtb_sa_id id, nhtb_peer_id *peer, uint16_t *child)
{
    const nhi_db_pair *p = live_pair(db, id);
    if (p == NULL)
        return false;
    peer->id = p->tunnel->peer == NULL ? 0 : p->tunnel->peer->id;
    *child = p->tunnel->child;
    return true;
}

/* ---- outer endpoints ---- */

static void moves_free(nhi_db *db, nhi_endpoint **v, size_t n)
{
    for (size_t k = 0; k < n; k++)
        nhi_db_endpoint_free(db, v[k]);
}

static size_t list_len(const nhi_list *l)
{
    size_t n = 0;
    for (const nhi_list *it = l->next; it != l; it = it->next)
        n++;
    return n;
}

static uint32_t mtu_of(const nhi_db_tunnel *t)
{
    const nhi_endpoint *e = nhi_a_load(&t->path->endpoint);
    return e == NULL ? 0 : e->path_mtu;
}

int nhi_db_peer_move(nhi_db *db, nhtb_peer_id peer, const nhtb_path *path)
{
    nhi_db_peer *p = nhi_db_peer_get(db, peer.id);
    if (p == NULL)
        return NHTB_ERR_NOT_FOUND;
    size_t n = list_len(&p->tunnels), made = 0;
    nhi_endpoint **v = nhi_mem_array(db->mem, n, sizeof *v);
    if (v == NULL)
        return NHTB_ERR_MEMORY;
    NHI_LIST_FOR(it, &p->tunnels)
    {
        const nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, peer_link);
        v[made] = nhi_db_endpoint_make(db, path, mtu_of(t));
        if (v[made] == NULL)
            break;
        made++;
    }
    if (made == n) {
        size_t k = 0;
        NHI_LIST_FOR(it, &p->tunnels)
        {
            move_to(db, NHI_CONTAINER(it, nhi_db_tunnel, peer_link), v[k++]);
        }
    } else {
        moves_free(db, v, made);
    }
    nhi_mem_free(db->mem, v, n * sizeof *v);
    return made == n ? 0 : NHTB_ERR_MEMORY;
}

static bool same_outer(const nhi_endpoint *e, const nhtb_path *p)
{
    return nhtb_addr_equal(&e->path.remote, &p->remote) &&
           (p->local.family == 0 || nhtb_addr_equal(&e->path.local, &p->local));
}

/* A new endpoint with another MTU. False: no memory, the present one stays. */
static bool remake(nhi_db *db, nhi_db_tunnel *t, uint32_t mtu)
{
    const nhi_endpoint *e = nhi_a_load(&t->path->endpoint);
    nhi_endpoint *fresh = nhi_db_endpoint_make(db, &e->path, mtu);
    if (fresh != NULL)
        move_to(db, t, fresh);
    return fresh != NULL;
}

size_t nhi_db_mtu_forget(nhi_db *db, nhtb_time before)
{
    uint32_t cursor = 0, id;
    size_t left = 0;
    nhi_db_tunnel *t;
    while ((t = nhi_slab_next(&db->tunnels, &cursor, &id)) != NULL) {
        if (t->is_new || t->mtu_at == 0 || nhi_a_load(&t->path->endpoint) == NULL)
            continue;
        if (t->mtu_at > before || (mtu_of(t) < t->mtu_start && !remake(db, t, t->mtu_start)))
            left++;
        else
            t->mtu_at = 0;
    }
    return left;
}

size_t nhi_db_path_mtu(nhi_db *db, const nhtb_path *path, uint32_t mtu, nhtb_time now)
{
    uint32_t floor = path->remote.family == 6 ? 1280 : 576, cursor = 0, id;
    size_t changed = 0;
    nhi_db_tunnel *t;
    mtu = mtu < floor ? floor : mtu;
    while ((t = nhi_slab_next(&db->tunnels, &cursor, &id)) != NULL) {
        const nhi_endpoint *e = nhi_a_load(&t->path->endpoint);
        if (t->is_new || e == NULL || !same_outer(e, path) || e->path_mtu == mtu)
            continue;
        if (!remake(db, t, mtu))
            return changed;
        t->mtu_at = mtu < t->mtu_start ? now : 0;
        changed++;
    }
    return changed;
}

/* ---- liveness ---- */

static nhtb_time last_use(const nhi_db *db, uint32_t peer, bool inbound)
{
    const nhi_db_peer *p = nhi_db_peer_get(db, peer);
    nhtb_time newest = 0;
    if (p == NULL)
        return 0;
    NHI_LIST_FOR(it, &p->tunnels)
    {
        const nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, peer_link);
        NHI_LIST_FOR(jt, &t->pairs)
        {
            const nhi_db_pair *q = NHI_CONTAINER(jt, nhi_db_pair, link);
            nhtb_time at = nhi_a_load(inbound ? &q->mem->in->last_use : &q->mem->out->last_use);
            newest = at > newest ? at : newest;
        }
    }
    return newest;
}

nhtb_time nhi_db_peer_last_in(nhi_db *db, nhtb_peer_id peer)
{
    return last_use(db, peer.id, true);
}

nhtb_time nhi_db_peer_last_out(nhi_db *db, nhtb_peer_id peer)
{
    return last_use(db, peer.id, false);
}
