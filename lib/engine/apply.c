/* SPDX-License-Identifier: Apache-2.0
 * The only place that acts: takes the actions ike appended and carries them to tables, output ring
 * and events. Also turns notes of db into events. Called after every call into ike; control
 * thread. House-style 3.1 rule 2. */
#include "engine/engine.h"

static void send_message(nhtb_ctx *ctx, const nhi_ike_act *a)
{
    nhi_out *o = nhi_engine_out_new(ctx, (uint32_t)a->data.n);
    if (!o) {
        nhi_engine_drop(ctx, NHTB_REASON_MEMORY); /* as if the network had lost it */
        return;
    }
    memcpy(o->data, a->data.p, a->data.n);
    o->path = a->path;
    o->kind = a->pkt_kind;
    o->verdict = NHTB_PKT_TX;
    (void)nhi_engine_out_push(ctx, o);
}

static void install(nhtb_ctx *ctx, const nhi_ike_act *a, nhtb_time now)
{
    const nhi_ike_child_sa *s = &a->sa;
    nhtb_sa_id id;
    nhi_db_sa sa = {
        .peer = a->peer,
        .child = a->child,
        .facts = s->facts,
        .esn = s->esn,
        .spi_in = s->spi_in,
        .spi_out = s->spi_out,
        .key_in = s->key_in,
        .key_out = s->key_out,
        .path = s->path,
        .path_mtu = s->path_mtu,
        .local_ts = s->local_ts,
        .remote_ts = s->remote_ts,
        .n_local_ts = s->n_local_ts,
        .n_remote_ts = s->n_remote_ts,
        .soft_bytes = s->soft_bytes,
        .hard_bytes = s->hard_bytes,
        .soft_packets = s->soft_packets,
        .hard_packets = s->hard_packets,
        .created = now,
        .rekey_at = s->rekey_at,
        .expires = s->expires,
        .use_now = s->use_now,
    };
    int err = nhi_db_sa_install(ctx->db, &sa, &id);
    if (err)
        nhi_ike_install_failed(ctx->ike, sa.spi_in, err, now);
    else
        nhi_engine_cells_watch(ctx, now);
}

/* The pair may be gone already: a peer removed by a transaction takes its tunnels along first. */
static void change_pair(nhtb_ctx *ctx, const nhi_ike_act *a)
{
    nhtb_sa_id id;
    if (!nhi_db_sa_find(ctx->db, a->spi_in, &id))
        return;
    if (a->kind == NHI_ACT_CHILD_USE)
        (void)nhi_db_sa_use(ctx->db, id);
    else if (a->kind == NHI_ACT_CHILD_DRAIN)
        (void)nhi_db_sa_drain(ctx->db, id);
    else
        (void)nhi_db_sa_remove(ctx->db, id);
    ctx->hold.recheck |= a->kind == NHI_ACT_CHILD_USE;
}

static void move(nhtb_ctx *ctx, const nhi_ike_act *a, nhtb_time now)
{
    nhtb_event ev = {
        .kind = NHTB_EVENT_PEER_MOVED, .peer = a->peer, .child = UINT16_MAX, .path = a->path};
    if (nhi_db_peer_move(ctx->db, a->peer, &a->path) == NHTB_OK)
        nhi_engine_event_put(ctx, &ev, now);
}

static nhi_relearn *relearn_slot(nhtb_ctx *ctx, nhtb_peer_id peer, uint16_t child, uint8_t family)
{
    nhi_relearn *free = NULL;
    for (size_t i = 0; i < NHI_ARRAY_LEN(ctx->relearn); i++) {
        nhi_relearn *r = &ctx->relearn[i];
        if (r->peer.id == peer.id && r->child == child && r->addr.family == family)
            return r;
        if (!r->peer.id && !free)
            free = r;
    }
    return free;
}

/* The peer announces once per exchange: what is lost for lack of memory would stay lost until the
 * next rekey. */
static void learn(nhtb_ctx *ctx, nhtb_peer_id peer, uint16_t child, const nhtb_addr *addr)
{
    nhi_relearn *r = relearn_slot(ctx, peer, child, addr->family);
    nhtb_identity who = nhi_ike_peer_identity(ctx->ike, peer);
    nhtb_detail d = nhi_db_learn_as(ctx->db, peer, child, addr, who.type ? &who : NULL,
                                    nhi_ike_peer_is_instance(ctx->ike, peer));
    if (!r)
        return;
    bool again = d == NHTB_DETAIL_MEMORY;
    *r = again ? (nhi_relearn){peer, child, *addr} : (nhi_relearn){.child = 0};
}

/* A refusal is an event; the peer has its address all the same, and a route may lead to it. */
static void assign(nhtb_ctx *ctx, const nhi_ike_act *a)
{
    nhtb_identity who = nhi_ike_peer_identity(ctx->ike, a->peer);
    (void)nhi_db_assign(ctx->db, a->peer, a->child, &a->addr, who.type ? &who : NULL);
}

void nhi_engine_relearn(nhtb_ctx *ctx, nhtb_time now)
{
    ctx->now = now;
    for (size_t i = 0; i < NHI_ARRAY_LEN(ctx->relearn); i++) {
        nhi_relearn r = ctx->relearn[i];
        if (!r.peer.id)
            continue;
        ctx->relearn[i].peer.id = 0;
        if (nhi_db_tunnel_up(ctx->db, r.peer, r.child))
            learn(ctx, r.peer, r.child, &r.addr);
    }
    nhi_engine_hold_release(ctx);
}

static void act(nhtb_ctx *ctx, const nhi_ike_act *a, nhtb_time now)
{
    switch (a->kind) {
    case NHI_ACT_SEND: send_message(ctx, a); break;
    case NHI_ACT_CHILD_INSTALL: install(ctx, a, now); break;
    case NHI_ACT_CHILD_USE:
    case NHI_ACT_CHILD_DRAIN:
    case NHI_ACT_CHILD_REMOVE: change_pair(ctx, a); break;
    case NHI_ACT_LEARN: learn(ctx, a->peer, a->child, &a->addr); break;
    case NHI_ACT_ASSIGN: assign(ctx, a); break;
    case NHI_ACT_MOVE: move(ctx, a, now); break;
    case NHI_ACT_PEER_LEFT: nhi_engine_peer_left(ctx, a->peer); break;
    case NHI_ACT_EVENT:
    case NHI_ACT_ASK: nhi_engine_event_put(ctx, &a->event, now); break;
    }
}

void nhi_engine_apply(nhtb_ctx *ctx, nhtb_time now)
{
    nhi_ike_act a;
    ctx->now = now;
    while (nhi_ike_act_next(ctx->ike, &a))
        act(ctx, &a, now);
    nhi_engine_hold_release(ctx);
}

void nhi_engine_note(void *user, const nhi_db_note *n)
{
    static const uint16_t kinds[] = {
        [NHI_DB_TUNNEL_UP] = NHTB_EVENT_TUNNEL_UP,
        [NHI_DB_TUNNEL_DOWN] = NHTB_EVENT_TUNNEL_DOWN,
        [NHI_DB_IFACE_UP] = NHTB_EVENT_IFACE_UP,
        [NHI_DB_IFACE_DOWN] = NHTB_EVENT_IFACE_DOWN,
        [NHI_DB_BINDING_ADDED] = NHTB_EVENT_BINDING_ADDED,
        [NHI_DB_BINDING_REMOVED] = NHTB_EVENT_BINDING_REMOVED,
        [NHI_DB_BINDING_REFUSED] = NHTB_EVENT_BINDING_REFUSED,
    };
    nhtb_ctx *ctx = user;
    if ((size_t)n->kind >= NHI_ARRAY_LEN(kinds))
        return;
    nhtb_event ev = {
        .kind = kinds[n->kind], .detail = (uint16_t)n->detail, .iface = n->iface, .addr = n->addr};
    bool of_iface = n->kind == NHI_DB_IFACE_UP || n->kind == NHI_DB_IFACE_DOWN;
    ev.child = UINT16_MAX;
    if (!of_iface) {
        ev.peer = n->peer;
        ev.child = n->child;
    }
    nhi_engine_event_put(ctx, &ev, ctx->now);
    ctx->hold.recheck |= n->kind == NHI_DB_TUNNEL_UP || n->kind == NHI_DB_BINDING_ADDED;
}
