/* SPDX-License-Identifier: Apache-2.0
 * NHTB bindings: (interface, next hop) -> tunnel. Static ones come by transaction and win; learnt
 * ones come from an authenticated peer, are candidates until their tunnel is up, current while it
 * is, and end with it. Called by txn.c, tunnel.c and engine (learn); control thread.
 * Trust rules: protocol-facts 1.5.
 *
 *   none --learn, tunnel down--> candidate --tunnel up--> current --tunnel down--> none
 *   none --learn, tunnel up----> current        any learnt --static entry--> static */
#include "db/internal.h"

static nhi_db_tunnel *target(nhi_db *db, const nhi_db_op *op)
{
    if (op->u.binding.peer != 0)
        return nhi_db_tunnel_find(db, op->u.binding.peer, op->u.binding.child);
    nhi_db_pair *p = nhi_slab_get(&db->pairs, op->u.binding.sa);
    return p == NULL || p->tunnel == NULL || p->tunnel->s_dead ? NULL : p->tunnel;
}

static bool own_address(const nhi_iface_pub *p, const nhtb_addr *a)
{
    return nhtb_addr_equal(&p->addr4.addr, a) || nhtb_addr_equal(&p->addr6.addr, a);
}

static void stage(nhi_db *db, uint32_t index, nhi_db_tunnel *t)
{
    nhi_db_slot *s = &db->slot[index];
    int d = (t != NULL) - (nhi_db_slot_next_tunnel(s) != NULL);
    db->txn.d_bindings += d;
    nhi_db_slot_touch(db, index, d);
    s->staged = true;
    s->s_tunnel = t;
    s->s_static = t != NULL;
}

void nhi_db_binding_stage_none(nhi_db *db, uint32_t index)
{
    if (nhi_db_slot_next_tunnel(&db->slot[index]) != NULL)
        stage(db, index, NULL);
}

int nhi_db_binding_prepare(nhi_db *db, const nhi_db_op *op)
{
    nhi_db_iface *i = nhi_db_iface_get(db, op->iface);
    if (i == NULL)
        return NHTB_ERR_STALE;
    nhi_db_tunnel *t = target(db, op);
    if (t == NULL)
        return NHTB_ERR_NOT_FOUND;
    if (t->iface != i || own_address(i->s_pub != NULL ? i->s_pub : i->pub, &op->u.binding.next_hop))
        return NHTB_ERR_CONFLICT;
    uint32_t index;
    int err = nhi_db_slot_intern(db, i, &op->u.binding.next_hop, &index);
    if (err == 0)
        stage(db, index, t);
    return err;
}

int nhi_db_binding_prepare_del(nhi_db *db, const nhi_db_op *op)
{
    if (nhi_db_iface_get(db, op->iface) == NULL)
        return NHTB_ERR_STALE;
    uint32_t index = nhi_db_slot_find(db, op->iface, &op->u.binding.next_hop);
    if (index == 0)
        return NHTB_ERR_NOT_FOUND;
    const nhi_db_slot *s = &db->slot[index];
    bool is_static = s->staged ? s->s_static : s->is_static;
    if (nhi_db_slot_next_tunnel(s) == NULL || !is_static)
        return NHTB_ERR_NOT_FOUND;
    stage(db, index, NULL);
    return 0;
}

static void note_learnt(nhi_db *db, nhi_db_note_kind kind, uint32_t index, const nhi_db_tunnel *t,
                        nhtb_detail detail)
{
    nhi_db_note_tunnel(db, kind, t, detail, &db->fib->slot[index].next_hop);
}

void nhi_db_binding_commit(nhi_db *db, uint32_t index)
{
    nhi_db_slot *s = &db->slot[index];
    if (!s->staged)
        return;
    s->staged = false;
    nhi_db_tunnel *old = s->tunnel;
    bool was_current = old != NULL && !s->is_static && old->up;
    db->txn.unbound |= s->is_static && s->s_tunnel == NULL;
    nhi_db_slot_bind(db, index, s->s_tunnel, s->s_static);
    if (was_current)
        note_learnt(db, NHI_DB_BINDING_REMOVED, index, old,
                    s->tunnel != NULL ? NHTB_DETAIL_STATIC_WINS : NHTB_DETAIL_DELETED_BY_US);
}

/* ---- learnt entries ---- */

static void unlearn(nhi_db *db, uint32_t index, nhtb_detail detail)
{
    nhi_db_slot *s = &db->slot[index];
    nhi_db_tunnel *t = s->tunnel;
    nhi_db_slot_bind(db, index, NULL, false);
    s->refs--;
    db->n_bindings--;
    if (t->up)
        note_learnt(db, NHI_DB_BINDING_REMOVED, index, t, detail);
    nhi_db_slot_release(db, index);
}

void nhi_db_binding_forget(nhi_db *db, nhi_db_tunnel *t)
{
    memset(t->claim, 0, sizeof t->claim);
    NHI_LIST_FOR_SAFE(it, next, &t->slots)
    {
        nhi_db_slot *s = NHI_CONTAINER(it, nhi_db_slot, tunnel_link);
        if (!s->is_static)
            unlearn(db, nhi_db_slot_index(db, s), NHTB_DETAIL_NONE);
    }
}

void nhi_db_binding_drop(nhi_db *db, nhi_db_tunnel *t)
{
    nhi_db_binding_forget(db, t);
    NHI_LIST_FOR_SAFE(it, next, &t->slots)
    {
        nhi_db_slot *s = NHI_CONTAINER(it, nhi_db_slot, tunnel_link);
        uint32_t index = nhi_db_slot_index(db, s);
        nhi_db_slot_bind(db, index, NULL, false);
        s->refs--;
        db->n_bindings--;
        nhi_db_slot_release(db, index);
    }
}

/* Network and broadcast address of an IPv4 subnet name no host (RFC 1122 3.2.1.3, RFC 3021). */
static bool subnet_edge(const nhtb_prefix *p, const nhtb_addr *a)
{
    if (a->family != 4 || p->len > 30)
        return false;
    uint32_t host = nhi_get32(a->b) & UINT32_MAX >> p->len;
    return host == 0 || host == UINT32_MAX >> p->len;
}

static nhtb_detail judge_addr(const nhi_iface_pub *p, const nhtb_addr *a)
{
    if (!nhi_addr_is_unicast(a))
        return NHTB_DETAIL_NOT_UNICAST;
    if (own_address(p, a))
        return NHTB_DETAIL_OWN_ADDRESS;
    const nhtb_prefix *own = a->family == 4 ? &p->addr4 : &p->addr6;
    if (own->addr.family == 0) /* unnumbered: harmless where the value is only shown */
        return p->kind == NHTB_IFACE_POINT_TO_POINT ? NHTB_DETAIL_NONE : NHTB_DETAIL_OUT_OF_SUBNET;
    nhtb_prefix net = *own; /* checked when the interface came */
    (void)nhi_prefix_normalize(&net);
    if (!nhi_addr_in(&net, a))
        return NHTB_DETAIL_OUT_OF_SUBNET;
    return subnet_edge(&net, a) ? NHTB_DETAIL_NOT_UNICAST : NHTB_DETAIL_NONE;
}

/* The tunnel's present entry of a family that was learnt, or given to the peer; 0: none. */
static uint32_t entry_of(const nhi_db *db, const nhi_db_tunnel *t, uint8_t family, bool assigned)
{
    NHI_LIST_FOR(it, &t->slots)
    {
        nhi_db_slot *s = NHI_CONTAINER(it, nhi_db_slot, tunnel_link);
        uint32_t index = nhi_db_slot_index(db, s);
        if (!s->is_static && s->assigned == assigned &&
            db->fib->slot[index].next_hop.family == family)
            return index;
    }
    return 0;
}

static nhtb_detail judge_holder(const nhi_db *db, const nhi_db_tunnel *t, uint32_t index,
                                uint32_t mine, bool assigned)
{
    const nhi_db_slot *s = &db->slot[index];
    nhi_db_tunnel *holder = index == 0 ? NULL : s->tunnel;
    if (holder != NULL && s->is_static)
        return NHTB_DETAIL_STATIC_WINS;
    if (holder != NULL && holder != t && holder->up && (!assigned || s->assigned))
        return NHTB_DETAIL_TAKEN;
    if (mine != 0)
        return NHTB_DETAIL_NONE; /* it replaces one of its own */
    if (t->peer->n_learnt >= NHI_DB_LEARNT_MAX)
        return NHTB_DETAIL_TOO_MANY;
    bool full = db->n_bindings >= db->env.settings->limits.bindings ||
                (index == 0 && db->slots_used >= db->env.settings->limits.next_hops);
    return full && holder == NULL ? NHTB_DETAIL_CAPACITY : NHTB_DETAIL_NONE;
}

/* The slot becomes the tunnel's; what held it, and the tunnel's entry that it replaces, end. */
static nhtb_detail hold(nhi_db *db, nhi_db_tunnel *t, const nhtb_addr *a, uint32_t mine,
                        bool assigned)
{
    uint32_t index;
    int err = nhi_db_slot_intern(db, t->iface, a, &index);
    if (err != 0)
        return err == NHTB_ERR_LIMIT ? NHTB_DETAIL_CAPACITY : NHTB_DETAIL_MEMORY;
    nhi_db_slot *s = &db->slot[index];
    s->refs++; /* before the old entry goes: both may be one slot's last reference */
    if (s->tunnel != NULL)
        unlearn(db, index, NHTB_DETAIL_REPLACED);
    if (mine !=
        0) /* never this slot: what the tunnel has there already is no news to the callers */
        unlearn(db, mine, NHTB_DETAIL_REPLACED);
    db->n_bindings++;
    nhi_db_slot_bind(db, index, t, false);
    s->assigned = assigned;
    if (t->up)
        note_learnt(db, NHI_DB_BINDING_ADDED, index, t, NHTB_DETAIL_NONE);
    return NHTB_DETAIL_NONE;
}

static nhtb_detail learn(nhi_db *db, nhi_db_tunnel *t, const nhtb_addr *a, const nhtb_identity *who,
                         bool own)
{
    nhtb_detail d = judge_addr(t->iface->pub, a);
    if (d != NHTB_DETAIL_NONE)
        return d;
    uint32_t index = nhi_db_slot_find(db, t->iface->id, a),
             mine = entry_of(db, t, a->family, false);
    const nhi_db_tunnel *holder = index != 0 ? db->slot[index].tunnel : NULL;
    if (holder == t || (holder != NULL && holder->peer == t->peer && holder->up)) {
        t->claim[a->family == 6] = *a;
        return NHTB_DETAIL_NONE; /* a rekey, a second child, or what a static entry says already */
    }
    d = nhi_db_owner_judge(db, t->iface->id, a, who);
    if (d == NHTB_DETAIL_NONE)
        d = judge_holder(db, t, index, mine, false);
    if (d == NHTB_DETAIL_NONE && own && who != NULL)
        d = nhi_db_owner_take(db, t->iface->id, a, who);
    if (d == NHTB_DETAIL_NONE || d == NHTB_DETAIL_STATIC_WINS)
        t->claim[a->family == 6] = *a;
    return d != NHTB_DETAIL_NONE ? d : hold(db, t, a, mine, false);
}

/* What the tunnel announced itself becomes assigned; an address of a sibling is already its own. */
static nhtb_detail assign(nhi_db *db, nhi_db_tunnel *t, const nhtb_addr *a,
                          const nhtb_identity *who)
{
    nhtb_detail d = judge_addr(t->iface->pub, a);
    if (d != NHTB_DETAIL_NONE)
        return d;
    uint32_t index = nhi_db_slot_find(db, t->iface->id, a);
    uint32_t mine = entry_of(db, t, a->family, true);
    const nhi_db_slot *s = &db->slot[index];
    if (index != 0 && s->tunnel == t && (s->is_static || s->assigned))
        return NHTB_DETAIL_NONE;
    if (index != 0 && s->tunnel != NULL && s->tunnel->peer == t->peer && s->assigned)
        return NHTB_DETAIL_NONE;
    d = nhi_db_owner_judge(db, t->iface->id, a, who);
    if (d == NHTB_DETAIL_NONE)
        d = judge_holder(db, t, index, mine, true);
    return d != NHTB_DETAIL_NONE ? d : hold(db, t, a, mine, true);
}

nhtb_detail nhi_db_assign(nhi_db *db, nhtb_peer_id peer, uint16_t child, const nhtb_addr *given,
                          const nhtb_identity *who)
{
    nhi_db_tunnel *t = nhi_db_tunnel_find(db, peer.id, child);
    if (t == NULL || t->iface == NULL)
        return NHTB_DETAIL_INTERNAL;
    nhtb_addr a;
    nhtb_detail d = NHTB_DETAIL_NOT_UNICAST;
    if (nhi_addr_from_bytes(&a, given->family, given->b))
        d = assign(db, t, &a, who);
    if (d != NHTB_DETAIL_NONE)
        nhi_db_note_tunnel(db, NHI_DB_BINDING_REFUSED, t, d, &a);
    return d;
}

void nhi_db_binding_reclaim(nhi_db *db)
{
    uint32_t cursor = 0, id;
    nhi_db_tunnel *t;
    if (!db->txn.unbound)
        return;
    while ((t = nhi_slab_next(&db->tunnels, &cursor, &id)) != NULL) {
        for (size_t k = 0; t->up && t->iface != NULL && k < NHI_ARRAY_LEN(t->claim); k++) {
            const nhtb_addr a = t->claim[k];
            uint32_t index = a.family != 0 ? nhi_db_slot_find(db, t->iface->id, &a) : 0;
            if (a.family != 0 && (index == 0 || db->slot[index].tunnel == NULL))
                (void)learn(db, t, &a, NULL, false); /* an owned one waits for its owner's word */
        }
    }
}

nhtb_detail nhi_db_learn(nhi_db *db, nhtb_peer_id peer, uint16_t child, const nhtb_addr *next_hop)
{
    return nhi_db_learn_as(db, peer, child, next_hop, NULL, false);
}

nhtb_detail nhi_db_learn_as(nhi_db *db, nhtb_peer_id peer, uint16_t child,
                            const nhtb_addr *next_hop, const nhtb_identity *who, bool own)
{
    nhi_db_tunnel *t = nhi_db_tunnel_find(db, peer.id, child);
    if (t == NULL || t->iface == NULL)
        return NHTB_DETAIL_INTERNAL;
    nhtb_addr a;
    nhtb_detail d = NHTB_DETAIL_NOT_UNICAST;
    if (nhi_addr_from_bytes(&a, next_hop->family, next_hop->b))
        d = learn(db, t, &a, who, own);
    if (d != NHTB_DETAIL_NONE)
        nhi_db_note_tunnel(db, NHI_DB_BINDING_REFUSED, t, d, &a);
    return d;
}

bool nhi_db_own_addr(nhi_db *db, nhtb_peer_id peer, uint16_t child, nhtb_addr *out,
                     bool *multipoint)
{
    const nhi_db_tunnel *t = nhi_db_tunnel_find(db, peer.id, child);
    if (t == NULL || t->iface == NULL)
        return false;
    const nhi_iface_pub *p = t->iface->pub;
    *out = p->addr4.addr.family != 0 ? p->addr4.addr : p->addr6.addr;
    *multipoint = p->kind == NHTB_IFACE_MULTIPOINT;
    return out->family != 0;
}

bool nhi_db_resolve(nhi_db *db, nhtb_iface_id iface, const nhtb_addr *dst, nhtb_peer_id *peer,
                    uint16_t *child)
{
    uint32_t index = nhi_fib_resolve(db->fib, nhi_fib_iface(db->fib, iface), dst);
    if (index <= NHI_SLOT_LOCAL || db->fib->slot[index].iface != iface.id)
        return false;
    const nhi_db_tunnel *t = nhi_db_slot_tunnel(&db->slot[index]);
    if (t == NULL || t->peer == NULL)
        return false;
    *peer = (nhtb_peer_id){t->peer->id};
    *child = t->child;
    return true;
}
