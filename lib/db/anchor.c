/* SPDX-License-Identifier: Apache-2.0
 * Anchors: on which worker the inbound SAs of a peer live. A site-to-site gateway goes to the worker
 * with the least load factor (anchored gateways and manual tunnels / weight), a dynamic peer to the
 * next one in turn; peers with the same pair of gateways share a worker. An anchor is chosen at a
 * peer's first SPI and kept while it has one; only nhi_db_rebalance moves it, and then SAs follow
 * with their next rekey. Called by engine, spi.c, sad.c, manual.c; control thread. House-style 3.5. */
#include "db/internal.h"

int nhi_db_anchor_init(nhi_db *db)
{
    unsigned n = db->env.settings->workers;
    db->unit = nhi_mem_array(db->mem, n, sizeof *db->unit);
    for (unsigned w = 0; db->unit != NULL && w < n; w++)
        db->unit[w].weight = 1;
    return db->unit != NULL ? 0 : NHTB_ERR_MEMORY;
}

void nhi_db_anchor_fini(nhi_db *db)
{
    nhi_mem_free(db->mem, db->unit, db->env.settings->workers * sizeof *db->unit);
}

/* ---- which worker ---- */

/* While a host has made no worker yet, all that it may make count. */
static bool usable(const nhi_db *db, unsigned w)
{
    const nhi_db_unit *u = &db->unit[w];
    return u->weight != 0 && (u->present || db->n_units == 0);
}

static uint32_t *share_of(const nhi_db *db, unsigned w, bool dynamic)
{
    return dynamic ? &db->unit[w].dynamic : &db->unit[w].gateways;
}

/* Would n + extra on a be a smaller load factor than m on b? */
static bool lighter(const nhi_db *db, unsigned a, unsigned b, bool dynamic, uint32_t extra)
{
    uint64_t na = *share_of(db, a, dynamic) + (uint64_t)extra, nb = *share_of(db, b, dynamic);
    return na * db->unit[b].weight < nb * db->unit[a].weight;
}

static uint16_t least_loaded(const nhi_db *db, bool dynamic)
{
    uint16_t best = UINT16_MAX;
    for (uint16_t w = 0; w < db->env.settings->workers; w++)
        if (usable(db, w) && (best == UINT16_MAX || lighter(db, w, best, dynamic, 0)))
            best = w;
    return best != UINT16_MAX ? best : 0; /* all are being emptied: somewhere it must live */
}

static uint16_t next_in_turn(nhi_db *db)
{
    for (uint16_t n = 0; n < db->env.settings->workers; n++) {
        uint16_t w = (uint16_t)(db->next_dynamic++ % db->env.settings->workers);
        if (usable(db, w))
            return w;
    }
    return 0;
}

/* ---- pairs of gateways ---- */

typedef struct gateway_key {
    nhtb_addr local, remote;
} gateway_key;
_Static_assert(sizeof(gateway_key) == 40, "no padding in a map key");

static gateway_key key_of(const nhi_db_peer *p)
{
    return (gateway_key){p->gateway[0], p->gateway[1]};
}

/* Map value: how many anchored peers share the pair of gateways, and their worker. */
static uintptr_t gateway_get(const nhi_db *db, const nhi_db_peer *p)
{
    gateway_key k = key_of(p);
    return p->has_gateway ? (uintptr_t)nhi_map_get(&db->gateways, &k) : 0;
}

static void gateway_enter(nhi_db *db, nhi_db_peer *p)
{
    if (!p->has_gateway || p->dynamic || p->in_gateways || p->anchor == NHI_DB_NO_ANCHOR)
        return;
    uintptr_t v = gateway_get(db, p);
    if (v != 0 && (v & 0xff) != p->anchor)
        return; /* learnt too late: what is anchored stays */
    gateway_key k = key_of(p);
    uintptr_t next = v == 0 ? (UINT32_C(1) << 8 | p->anchor) : v + (1u << 8);
    p->in_gateways = nhi_map_put(&db->gateways, &k, (void *)next) == 0;
}

static void gateway_leave(nhi_db *db, nhi_db_peer *p)
{
    if (!p->in_gateways)
        return;
    p->in_gateways = false;
    gateway_key k = key_of(p);
    uintptr_t v = gateway_get(db, p) - (1u << 8);
    if (v >> 8 == 0)
        (void)nhi_map_del(&db->gateways, &k);
    else
        (void)nhi_map_put(&db->gateways, &k, (void *)v);
}

void nhi_db_anchor_gateway(nhi_db *db, nhi_db_peer *p, const nhtb_path *path)
{
    if (p->in_gateways)
        return; /* the pair it was anchored by is kept until it has no SA */
    p->gateway[0] = path->local;
    p->gateway[1] = path->remote;
    p->has_gateway = path->remote.family != 0;
    gateway_enter(db, p);
}

void nhi_db_peer_gateway(nhi_db *db, nhtb_peer_id peer, const nhtb_path *path)
{
    nhi_db_peer *p = nhi_db_peer_get(db, peer.id);
    if (p != NULL)
        nhi_db_anchor_gateway(db, p, path);
}

/* ---- a peer's anchor ---- */

uint16_t nhi_db_anchor_of(nhi_db *db, nhi_db_peer *p)
{
    if (p->anchor != NHI_DB_NO_ANCHOR)
        return p->anchor;
    uintptr_t v = p->dynamic ? 0 : gateway_get(db, p);
    if (p->dynamic)
        p->anchor = next_in_turn(db);
    else
        p->anchor = v != 0 ? (uint16_t)(v & 0xff) : least_loaded(db, false);
    ++*share_of(db, p->anchor, p->dynamic);
    gateway_enter(db, p);
    return p->anchor;
}

void nhi_db_anchor_drop(nhi_db *db, nhi_db_peer *p)
{
    if (p->anchor == NHI_DB_NO_ANCHOR)
        return;
    gateway_leave(db, p);
    --*share_of(db, p->anchor, p->dynamic);
    p->anchor = NHI_DB_NO_ANCHOR;
    p->moved = false;
}

unsigned nhi_db_anchor(nhi_db *db, nhtb_peer_id peer)
{
    nhi_db_peer *p = nhi_db_peer_get(db, peer.id);
    return p != NULL ? nhi_db_anchor_of(db, p) : 0;
}

/* ---- workers come, go and are moved to ---- */

void nhi_db_unit_present(nhi_db *db, unsigned w, bool present)
{
    if (db->unit[w].present == present)
        return;
    db->unit[w].present = present;
    db->n_units += present ? 1 : UINT32_MAX;
}

void nhi_db_unit_weight(nhi_db *db, unsigned w, uint16_t weight)
{
    db->unit[w].weight = weight;
}

/* With p all that share its gateways. */
static size_t move(nhi_db *db, nhi_db_peer *p, uint16_t to)
{
    size_t cursor = 0, n = 0, group = p->in_gateways ? gateway_get(db, p) >> 8 : 1;
    gateway_key key = key_of(p);
    bool shared = p->in_gateways;
    nhi_db_peer *q = group == 1 ? p : nhi_map_next(&db->peers, &cursor);
    for (; q != NULL; q = group == 1 ? NULL : nhi_map_next(&db->peers, &cursor)) {
        gateway_key k = key_of(q);
        if (q != p && (!q->in_gateways || memcmp(&k, &key, sizeof key) != 0))
            continue;
        --*share_of(db, q->anchor, q->dynamic);
        ++*share_of(db, to, q->dynamic);
        q->anchor = to;
        q->moved = true;
        n++;
    }
    if (shared) /* the key is there: a put cannot fail */
        (void)nhi_map_put(&db->gateways, &key, (void *)((uintptr_t)group << 8 | to));
    return n;
}

size_t nhi_db_rebalance(nhi_db *db, size_t most)
{
    size_t cursor = 0, n = 0;
    nhi_db_peer *p;
    while (n < most && (p = nhi_map_next(&db->peers, &cursor)) != NULL) {
        if (p->anchor == NHI_DB_NO_ANCHOR)
            continue;
        uint16_t to = least_loaded(db, p->dynamic);
        uint32_t group = p->in_gateways ? (uint32_t)(gateway_get(db, p) >> 8) : 1;
        bool leave = !usable(db, p->anchor) && usable(db, to);
        if (to != p->anchor && (leave || lighter(db, to, p->anchor, p->dynamic, group)))
            n += move(db, p, to);
    }
    return n;
}

bool nhi_db_moved_next(nhi_db *db, size_t *cursor, nhtb_peer_id *peer)
{
    nhi_db_peer *p;
    while ((p = nhi_map_next(&db->peers, cursor)) != NULL) {
        if (!p->moved)
            continue;
        p->moved = false;
        peer->id = p->id;
        return true;
    }
    return false;
}

/* ---- display ---- */

static void count_sas(const nhi_db_tunnel *t, nhtb_anchor_info *out)
{
    NHI_LIST_FOR(it, &t->pairs)
    {
        const nhi_cell *in = NHI_CONTAINER(it, nhi_db_pair, link)->mem->in;
        out->sas++;
        out->elsewhere += in->worker != out->worker;
    }
}

bool nhi_db_anchor_next(const nhi_db *db, uint32_t *cursor, nhtb_anchor_info *out)
{
    size_t at = *cursor;
    const nhi_db_peer *p;
    do {
        p = nhi_map_next(&db->peers, &at);
    } while (p != NULL && p->anchor == NHI_DB_NO_ANCHOR);
    if (p == NULL)
        return false;
    *cursor = (uint32_t)at;
    out->peer.id = p->id;
    out->worker = p->anchor;
    out->dynamic = p->dynamic;
    out->local = p->gateway[0];
    out->remote = p->gateway[1];
    NHI_LIST_FOR(it, &p->tunnels)
    {
        const nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, peer_link);
        out->tunnels++;
        count_sas(t, out);
    }
    return true;
}

void nhi_db_unit_info(const nhi_db *db, unsigned w, nhtb_worker_info *out)
{
    const nhi_db_unit *u = &db->unit[w];
    out->weight = u->weight;
    out->running = u->present;
    out->gateways = u->gateways;
    out->dynamic_peers = u->dynamic;
    out->sas = u->sas;
}
