/* SPDX-License-Identifier: Apache-2.0
 * The chain for one destination, for people: route -> next hop -> binding -> tunnel -> SA, each step
 * as the workers take it. Called by engine/show.c; control thread. */
#include "db/internal.h"

static const nhi_db_iface *on_link_of(const nhi_db *db, const nhtb_addr *dst)
{
    uint32_t cursor = 0, id;
    const nhi_db_iface *i;
    while ((i = nhi_slab_next(&db->ifaces, &cursor, &id)) != NULL)
        if (i->pub != NULL && nhi_fib_on_link(i->pub, dst))
            return i;
    return NULL;
}

/* The trie answers with a leaf only; which prefix led there is asked afterwards. */
static uint32_t match(const nhi_db *db, const nhtb_addr *dst, nhtb_prefix *p)
{
    const nhi_lpm *l = dst->family == 4 ? db->fib->lpm4 : db->fib->lpm6;
    for (unsigned len = dst->family == 4 ? 33 : 129; len-- > 0;) {
        *p = (nhtb_prefix){.addr = *dst, .len = (uint8_t)len};
        (void)nhi_prefix_normalize(p);
        uint32_t leaf = nhi_lpm_exact(l, p->addr.b, len);
        if (leaf != NHI_SLOT_NONE)
            return leaf;
    }
    *p = (nhtb_prefix){.len = 0};
    return NHI_SLOT_NONE;
}

static void put_iface(nhtb_way *o, const nhi_db_iface *i)
{
    o->iface.id = i->id;
    o->iface_kind = i->pub->kind;
    (void)nhi_strcpy(o->iface_name, sizeof o->iface_name, i->name);
}

/* The first of a chain that can send, else the first. */
static const nhi_db_tunnel *first_up(const nhi_db_iface *i)
{
    const nhi_db_tunnel *first = NULL;
    NHI_LIST_FOR(it, &i->tunnels)
    {
        const nhi_db_tunnel *t = NHI_CONTAINER(it, nhi_db_tunnel, iface_link);
        if (t->current != NULL)
            return t;
        first = first != NULL ? first : t;
    }
    return first;
}

static void put_tunnel(nhtb_way *o, const nhi_db_tunnel *t)
{
    const nhi_endpoint *e = nhi_a_load(&t->path->endpoint);
    o->peer.id = t->peer == NULL ? 0 : t->peer->id;
    o->child = t->child;
    (void)nhi_strcpy(o->vpn, sizeof o->vpn, t->vpn);
    o->end = NHTB_WAY_NO_SA;
    if (t->current == NULL || e == NULL)
        return;
    o->end = NHTB_WAY_SA;
    o->spi_in = t->current->spi_in;
    o->spi_out = t->current->spi_out;
    o->mtu = nhi_a_load(&t->path->inner_mtu);
    o->path = e->path;
}

static void put_slot(const nhi_db *db, nhtb_way *o, uint32_t index)
{
    const nhi_db_slot *s = &db->slot[index];
    put_iface(o, s->iface);
    o->next_hop = db->fib->slot[index].next_hop;
    bool chain = o->iface_kind == NHTB_IFACE_POINT_TO_POINT;
    const nhi_db_tunnel *t = chain ? first_up(s->iface) : nhi_db_slot_tunnel(s);
    o->end = chain ? NHTB_WAY_NO_TUNNEL : NHTB_WAY_NO_BINDING;
    if (t == NULL)
        return;
    if (!chain)
        o->source = nhi_db_slot_source(s);
    put_tunnel(o, t);
}

void nhi_db_way(const nhi_db *db, const nhtb_addr *dst, nhtb_way *out)
{
    const nhi_db_iface *i = on_link_of(db, dst);
    uint32_t index = i != NULL ? nhi_db_slot_find(db, i->id, dst) : NHI_SLOT_NONE;
    if (index != NHI_SLOT_NONE) {
        out->on_link = true;
        out->prefix = dst->family == 4 ? i->pub->addr4 : i->pub->addr6;
        (void)nhi_prefix_normalize(&out->prefix);
        put_slot(db, out, index);
        return;
    }
    index = match(db, dst, &out->prefix);
    if (index == NHI_SLOT_LOCAL)
        out->end = NHTB_WAY_LOCAL;
    else if (index != NHI_SLOT_NONE)
        put_slot(db, out, index);
}
