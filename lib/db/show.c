/* SPDX-License-Identifier: Apache-2.0
 * Rows for `show` commands: copies of what db knows; engine adds names of peers and identities.
 * Called by engine/stats.c; control thread. */
#include "db/internal.h"

static void name_copy(char dst[NHTB_NAME_MAX], const char *src)
{
    (void)nhi_strcpy(dst, NHTB_NAME_MAX, src);
}

static void sa_iface(nhtb_sa_info *o, const nhi_db_tunnel *t)
{
    name_copy(o->vpn, t->vpn);
    o->peer.id = t->peer == NULL ? 0 : t->peer->id;
    o->child = t->child;
    o->mtu = nhi_a_load(&t->path->inner_mtu);
    const nhi_endpoint *e = nhi_a_load(&t->path->endpoint);
    if (e != NULL) {
        o->path = e->path;
        o->udp_encap = e->udp;
    }
    if (t->iface == NULL)
        return;
    o->iface.id = t->iface->id;
    name_copy(o->iface_name, t->iface->name);
}

static void sa_cells(nhtb_sa_info *o, const nhi_db_grave *g)
{
    const nhi_cell *in = g->in, *out = g->out;
    o->esn = in->esn;
    o->encr = in->facts->encr;
    o->key_bits = in->facts->key_bits;
    o->integ = in->facts->integ;
    o->replay_window = in->window;
    o->worker = in->worker;
    o->out_packets = nhi_a_load(&out->packets);
    o->out_bytes = nhi_a_load(&out->bytes);
    o->in_packets = nhi_a_load(&in->packets);
    o->in_bytes = nhi_a_load(&in->bytes);
    o->in_drops = nhi_a_load(&in->drops);
    o->seq_out = nhi_a_load(&out->seq);
    o->seq_in = nhi_a_load(&in->top);
    o->last_in = nhi_a_load(&in->last_use);
    o->last_out = nhi_a_load(&out->last_use);
}

static uint16_t ts_copy(nhtb_ts dst[4], const nhtb_ts *src, uint16_t n)
{
    for (uint16_t i = 0; i < n && i < 4; i++)
        dst[i] = src[i];
    return n;
}

bool nhi_db_sa_next(nhi_db *db, uint32_t *cursor, nhtb_sa_info *out)
{
    uint32_t id, size = out->size;
    const nhi_db_pair *p;
    do {
        p = nhi_slab_next(&db->pairs, cursor, &id);
    } while (p != NULL && p->is_new);
    if (p == NULL)
        return false;
    memset(out, 0, sizeof *out);
    out->size = size;
    out->id.id = id;
    out->spi_in = p->spi_in;
    out->spi_out = p->spi_out;
    out->current = p->tunnel->current == p;
    out->created = p->created;
    out->rekey_at = p->rekey_at;
    out->expires = p->expires;
    sa_iface(out, p->tunnel);
    sa_cells(out, p->mem);
    const nhi_sel *s = p->mem->sel;
    if (s != NULL) {
        out->n_local_ts = ts_copy(out->local_ts, s->local, s->n_local);
        out->n_remote_ts = ts_copy(out->remote_ts, s->remote, s->n_remote);
    }
    return true;
}

bool nhi_db_binding_next(nhi_db *db, uint32_t *cursor, nhtb_binding_info *out)
{
    uint32_t i = *cursor <= NHI_SLOT_LOCAL ? NHI_SLOT_LOCAL + 1 : *cursor, size = out->size;
    for (; i < db->slots_made; i++) { /* candidates are not in force: not shown */
        const nhi_db_slot *s = &db->slot[i];
        if (s->used && s->tunnel != NULL && (s->is_static || s->tunnel->up))
            break;
    }
    if (i >= db->slots_made)
        return false;
    *cursor = i + 1;
    const nhi_db_slot *s = &db->slot[i];
    memset(out, 0, sizeof *out);
    out->size = size;
    out->iface.id = s->iface->id;
    name_copy(out->iface_name, s->iface->name);
    name_copy(out->vpn, s->tunnel->vpn);
    out->next_hop = db->fib->slot[i].next_hop;
    out->is_static = s->is_static;
    out->up = s->tunnel->up;
    out->peer.id = s->tunnel->peer == NULL ? 0 : s->tunnel->peer->id;
    out->child = s->tunnel->child;
    return true;
}

/* ---- routes: the cursor counts rows; where the last call stopped is remembered ---- */

static bool walk_step(nhi_db *db, uint32_t *leaf)
{
    if (db->walk.family == 4 && nhi_lpm_next(db->fib->lpm4, db->walk.addr, &db->walk.len, leaf))
        return true;
    if (db->walk.family == 4) {
        db->walk.family = 6;
        db->walk.len = 0xff;
    }
    return nhi_lpm_next(db->fib->lpm6, db->walk.addr, &db->walk.len, leaf);
}

static bool walk_to(nhi_db *db, uint32_t cursor, uint32_t *leaf)
{
    if (cursor == 0 || db->walk.cursor != cursor) {
        db->walk.cursor = 0;
        db->walk.family = 4;
        db->walk.len = 0xff;
    }
    while (walk_step(db, leaf))
        if (db->walk.cursor++ == cursor)
            return true;
    db->walk.cursor = 0;
    return false;
}

static bool slot_reachable(const nhi_db_slot *s)
{
    const nhi_db_tunnel *t = nhi_db_slot_tunnel(s);
    if (t == NULL)
        return false;
    bool chain = s->iface->pub->kind == NHTB_IFACE_POINT_TO_POINT;
    return chain ? s->iface->n_up > 0 : t->up;
}

bool nhi_db_route_next(nhi_db *db, uint32_t *cursor, nhtb_route_info *out)
{
    uint32_t leaf, size = out->size;
    if (!walk_to(db, *cursor, &leaf))
        return false;
    *cursor = db->walk.cursor;
    memset(out, 0, sizeof *out);
    out->size = size;
    out->route.size = sizeof out->route;
    (void)nhi_addr_from_bytes(&out->route.prefix.addr, db->walk.family, db->walk.addr);
    out->route.prefix.len = (uint8_t)db->walk.len;
    if (leaf == NHI_SLOT_LOCAL) {
        out->route.kind = NHTB_ROUTE_LOCAL;
        out->reachable = true;
        return true;
    }
    const nhi_db_slot *s = &db->slot[leaf];
    out->route.kind = NHTB_ROUTE_TUNNEL;
    out->route.iface.id = s->iface->id;
    out->route.next_hop = db->fib->slot[leaf].next_hop;
    name_copy(out->iface_name, s->iface->name);
    out->reachable = slot_reachable(s);
    return true;
}

bool nhi_db_iface_next(nhi_db *db, uint32_t *cursor, nhtb_iface_info *out)
{
    uint32_t id, size = out->size;
    const nhi_db_iface *i;
    do {
        i = nhi_slab_next(&db->ifaces, cursor, &id);
    } while (i != NULL && i->is_new);
    if (i == NULL)
        return false;
    memset(out, 0, sizeof *out);
    out->size = size;
    out->id.id = id;
    name_copy(out->name, i->name);
    out->kind = i->pub->kind;
    out->up = i->n_up > 0;
    out->addr4 = i->pub->addr4;
    out->addr6 = i->pub->addr6;
    out->mtu = i->pub->mtu;
    out->tcp_mss = i->pub->tcp_mss;
    out->multicast_max = i->pub->multicast_max;
    out->tunnels = i->n_tunnels;
    out->tunnels_up = i->n_up;
    for (unsigned w = 0; w < db->env.settings->workers; w++) {
        const nhi_iface_count *c = &i->count[w];
        out->out_packets += nhi_a_load(&c->out_packets);
        out->out_bytes += nhi_a_load(&c->out_bytes);
        out->in_packets += nhi_a_load(&c->in_packets);
        out->in_bytes += nhi_a_load(&c->in_bytes);
    }
    return true;
}

void nhi_db_peer_counters(nhi_db *db, nhtb_peer_id peer, uint64_t *out_packets, uint64_t *out_bytes,
                          uint64_t *in_packets, uint64_t *in_bytes, uint16_t *tunnels_up)
{
    nhi_db_count sum = {0};
    *tunnels_up = 0;
    const nhi_db_peer *p = nhi_db_peer_get(db, peer.id);
    for (nhi_list *it = p == NULL ? NULL : p->tunnels.next; it != NULL && it != &p->tunnels;
         it = it->next) {
        const nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, peer_link);
        *tunnels_up = (uint16_t)(*tunnels_up + (t->up ? 1 : 0));
        sum.out_packets += t->total.out_packets;
        sum.out_bytes += t->total.out_bytes;
        sum.in_packets += t->total.in_packets;
        sum.in_bytes += t->total.in_bytes;
        NHI_LIST_FOR(jt, &t->pairs)
        {
            nhi_db_count_add(&sum, NHI_CONTAINER(jt, nhi_db_pair, link)->mem);
        }
    }
    *out_packets = sum.out_packets;
    *out_bytes = sum.out_bytes;
    *in_packets = sum.in_packets;
    *in_bytes = sum.in_bytes;
}

void nhi_db_stats(nhi_db *db, nhtb_stats *out)
{
    out->child_sas = (uint32_t)db->pairs.used;
    out->tunnels_up = db->n_tunnels_up;
    out->bindings = (uint32_t)db->n_bindings;
    out->routes = (uint32_t)(nhi_lpm_count(db->fib->lpm4) + nhi_lpm_count(db->fib->lpm6));
    out->ifaces = (uint32_t)db->ifaces.used;
}
