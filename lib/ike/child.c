/* SPDX-License-Identifier: Apache-2.0
 * Child SA pairs: made (SPI reserved), agreed (INSTALL), used, replaced, deleted. The only writer of
 * a pair's state. RFC 7296 1.3, 1.4.1, 2.8, 2.17. Called by v2, task and timer. Control thread.
 *
 *   LARVAL -> UP -> REPLACED -> DELETING -> OVERLAP -> DEAD
 *      |       +--------------^    ^           ^
 *      +---------------------------+           |     LARVAL -> DELETING: agreed by the peer alone
 *              UP, REPLACED -------------------+     (or the loser of a collision), must be told
 *   REPLACED -> UP: its replacement was given up by who made it; every state -> DEAD */
#include "ike/room.h"

#define BIT(s)     (1u << NHI_CHILD_##s)
#define CHILD_ACTS 7 /* INSTALL or USE, LEARN, ASSIGN, DRAIN, REMOVE, USE of another, an event */

static const uint32_t next_of[NHI_CHILD_STATES] = {
    [NHI_CHILD_LARVAL] = BIT(UP) | BIT(DELETING) | BIT(DEAD),
    [NHI_CHILD_UP] = BIT(REPLACED) | BIT(DELETING) | BIT(OVERLAP) | BIT(DEAD),
    [NHI_CHILD_REPLACED] = BIT(UP) | BIT(DELETING) | BIT(OVERLAP) | BIT(DEAD),
    [NHI_CHILD_DELETING] = BIT(OVERLAP) | BIT(DEAD),
    [NHI_CHILD_OVERLAP] = BIT(DEAD),
    [NHI_CHILD_DEAD] = 0,
};

bool nhi_ike_child_may(nhi_ike_child_state from, nhi_ike_child_state to)
{
    return from < NHI_CHILD_STATES && to < NHI_CHILD_STATES && (next_of[from] >> to & 1);
}

bool nhi_ike_child_set_state(nhi_ike_child *c, nhi_ike_child_state to)
{
    if (!nhi_check(c->sa->ike->mem, nhi_ike_child_may((nhi_ike_child_state)c->state, to)))
        return false;
    c->state = (uint8_t)to;
    return true;
}

const nhtb_child *nhi_ike_child_cfg(const nhi_ike_child *c)
{
    return &c->sa->peer->cfg.children[c->cfg];
}

nhi_ike_child *nhi_ike_child_new(nhi_ike_sa *sa, uint16_t cfg, int *err)
{
    nhi_ike *ike = sa->ike;
    *err = sa->n_children >= NHI_IKE_CHILDREN ? NHTB_ERR_LIMIT : nhi_ike_act_grow(ike, CHILD_ACTS);
    if (*err)
        return NULL;
    nhi_ike_child *c = nhi_mem_alloc(ike->mem, sizeof *c, 16);
    *err = c ? ike->env.spi_reserve(ike->env.user, sa->peer_id, &c->spi_in) : NHTB_ERR_MEMORY;
    if (!*err) {
        *err = nhi_map_put(&ike->by_child, &c->spi_in, c);
        if (*err)
            ike->env.spi_release(ike->env.user, c->spi_in);
    }
    if (*err) {
        nhi_mem_free(ike->mem, c, sizeof *c);
        nhi_ike_act_shrink(ike, CHILD_ACTS);
        return NULL;
    }
    c->sa = sa;
    c->cfg = cfg;
    c->rekey_at = c->expires = NHTB_NEVER;
    nhi_timer_init(&c->rekey, NHI_TIMER_CHILD_REKEY);
    nhi_timer_init(&c->expire, NHI_TIMER_CHILD_EXPIRE);
    nhi_timer_init(&c->overlap, NHI_TIMER_CHILD_OVERLAP);
    nhi_list_init(&c->link);
    nhi_list_add_tail(&sa->children, &c->link);
    sa->n_children++;
    ike->n_children++;
    return c;
}

static nhi_ike_act *act(nhi_ike_child *c, nhi_ike_act_kind kind)
{
    nhi_ike_act *a = nhi_ike_act_add(c->sa->ike, kind, true);
    if (a) {
        a->peer = c->sa->peer_id;
        a->child = c->cfg;
        a->spi_in = c->spi_in;
    }
    return a;
}

static void forget_in(nhi_ike_nego *x, const nhi_ike_child *c)
{
    if (x->old == c)
        x->old = NULL;
    if (x->rival == c)
        x->rival = NULL;
    if (x->child == c)
        x->child = NULL;
}

static void forget(nhi_ike_child *c)
{
    nhi_ike_sa *sa = c->sa;
    forget_in(&sa->x_i, c);
    forget_in(&sa->x_r, c);
    if (sa->task_child == c)
        sa->task_child = NULL;
    NHI_LIST_FOR(it, &sa->children)
    {
        nhi_ike_child *o = NHI_CONTAINER(it, nhi_ike_child, link);
        if (o->older == c)
            o->older = c->older;
    }
    if (sa->v1)
        nhi_v1_child_gone(sa, c);
}

static void timers_cancel(nhi_ike_child *c)
{
    nhi_wheel_cancel(c->sa->ike->env.wheel, &c->rekey);
    nhi_wheel_cancel(c->sa->ike->env.wheel, &c->expire);
    nhi_wheel_cancel(c->sa->ike->env.wheel, &c->overlap);
}

void nhi_ike_child_uninstall(nhi_ike_child *c)
{
    nhi_ike *ike = c->sa->ike;
    if (nhi_map_get(&ike->by_child, &c->spi_in) != c)
        return; /* done before */
    nhi_map_del(&ike->by_child, &c->spi_in);
    if (c->installed)
        act(c, NHI_ACT_CHILD_REMOVE);
    else
        ike->env.spi_release(ike->env.user, c->spi_in);
    c->installed = false;
    timers_cancel(c);
    bool used = c->in_use;
    c->in_use = false;
    nhi_ike_child *other = used && c->sa->peer ? nhi_ike_child_live(c->sa->peer, c->cfg, c) : NULL;
    if (other) { /* said again even when known: the data plane must not be left without */
        other->in_use = false;
        nhi_ike_child_use(other);
    }
}

void nhi_ike_child_remove(nhi_ike_child *c)
{
    nhi_ike *ike = c->sa->ike;
    if (c->state == NHI_CHILD_DEAD || !nhi_ike_child_set_state(c, NHI_CHILD_DEAD))
        return;
    nhi_ike_child_uninstall(c);
    forget(c);
    nhi_list_del(&c->link);
    nhi_list_add_tail(&ike->dead_children, &c->link);
    c->sa->n_children--;
    ike->n_children--;
    nhi_ike_act_shrink(ike, CHILD_ACTS);
}

void nhi_ike_child_abort(nhi_ike_child *c)
{
    nhi_ike_child_remove(c);
}

typedef struct delivery { /* what an INSTALL action borrows */
    uint8_t i2r[128], r2i[128];
    nhi_ts_list local, remote;
} delivery;

static void set_limits(const nhi_ike_child *c, nhi_ike_child_sa *s)
{
    const nhtb_child *cfg = nhi_ike_child_cfg(c);
    uint64_t most = UINT64_C(1) << 32;
    if (!c->esn)
        most -= UINT64_C(1) << 16;
    s->hard_bytes = cfg->lifetime_bytes && cfg->lifetime_bytes < c->facts->hard_bytes
                        ? cfg->lifetime_bytes
                        : c->facts->hard_bytes;
    if (c->life_bytes && c->life_bytes < s->hard_bytes)
        s->hard_bytes = c->life_bytes;
    s->soft_bytes = s->hard_bytes / 100 * 85;
    if (s->soft_bytes > c->facts->soft_bytes)
        s->soft_bytes = c->facts->soft_bytes;
    s->hard_packets = cfg->lifetime_packets ? cfg->lifetime_packets : most;
    if (!c->esn && s->hard_packets > most)
        s->hard_packets = most;
    s->soft_packets = s->hard_packets / 100 * 85;
}

static void fill(nhi_ike_child *c, nhi_ike_child_sa *s, const delivery *d, bool responder)
{
    uint32_t n = nhi_bulk_keymat_len(c->facts);
    s->facts = c->facts;
    s->esn = c->esn;
    s->use_now = c->in_use;
    s->spi_in = c->spi_in;
    s->spi_out = c->spi_out;
    s->key_in = (nhtb_span){responder ? d->i2r : d->r2i, n};
    s->key_out = (nhtb_span){responder ? d->r2i : d->i2r, n};
    s->local_ts = d->local.v;
    s->n_local_ts = d->local.n;
    s->remote_ts = d->remote.v;
    s->n_remote_ts = d->remote.n;
    s->path = c->sa->path;
    if (!c->sa->encap)
        s->path.local_port = s->path.remote_port = 0;
    s->path_mtu = c->sa->peer->cfg.path_mtu;
    set_limits(c, s);
    s->rekey_at = c->rekey_at;
    s->expires = c->expires;
}

static void start_timers(nhi_ike_child *c, nhtb_time now)
{
    nhi_ike *ike = c->sa->ike;
    nhtb_time life = (nhtb_time)nhi_ike_child_cfg(c)->lifetime_s * NHTB_NS_PER_S;
    if (c->life_s && c->life_s * NHTB_NS_PER_S < life)
        life = c->life_s * NHTB_NS_PER_S;
    c->rekey_at = now + nhi_ike_soft_of(ike, life);
    c->expires = now + life;
    nhi_wheel_arm(ike->env.wheel, &c->rekey, c->rekey_at);
    nhi_wheel_arm(ike->env.wheel, &c->expire, c->expires);
}

int nhi_ike_child_install(nhi_ike_child *c, const nhi_ike_nego *x, nhtb_span shared, bool use_now,
                          nhtb_time now)
{
    nhi_ike_sa *sa = c->sa;
    nhi_ike *ike = sa->ike;
    c->facts = nhi_bulk_find(x->suite.encr, x->suite.key_bits, x->suite.integ);
    if (!c->facts)
        return NHTB_ERR_UNSUPPORTED;
    nhi_ike_buf *b = nhi_ike_buf_new(ike, sizeof(delivery));
    if (!b)
        return NHTB_ERR_MEMORY;
    delivery *d = (delivery *)(void *)b->p;
    int err = sa->v1
                  ? nhi_v1_child_keys(c, x, shared, d->i2r, d->r2i)
                  : nhi_keymat_child(ike->env.crypto, sa->suite.prf, &sa->keys.d, c->facts, shared,
                                     nhi_ike_nego_ni(x), nhi_ike_nego_nr(x), d->i2r, d->r2i);
    nhi_ike_act *a = err ? NULL : act(c, NHI_ACT_CHILD_INSTALL);
    if (!a) {
        nhi_ike_buf_drop(ike, &b);
        return err ? err : NHTB_ERR_MEMORY;
    }
    d->local = c->local;
    d->remote = c->remote;
    c->esn = x->suite.esn;
    c->spi_out = x->suite.spi;
    c->creator = !x->responder;
    c->in_use = use_now;
    c->installed = true;
    nhi_ike_collide_keep(x, c->nonce, &c->nonce_n);
    nhi_ike_child_set_state(c, NHI_CHILD_UP);
    start_timers(c, now);
    fill(c, &a->sa, d, x->responder);
    nhi_ike_keylog_child(ike, &a->sa);
    nhi_ike_buf_drop(ike, &b); /* freed by the next call */
    ike->count.child_created++;
    sa->peer->child_tries = 0;
    nhi_ike_explain_cured(sa->peer, c->cfg);
    return 0;
}

static bool is_older(const nhi_ike_child *old, const nhi_ike_child *c)
{
    for (c = c->older; c && c != old; c = c->older) {
    }
    return c == old;
}

/* Rekeys follow one another faster than lost deletes: the end of a pair two generations back must
 * not bring its successor into use again when that one has a successor itself. */
static bool overtaken(const nhi_ike_child *c)
{
    NHI_LIST_FOR(it, &c->sa->children)
    {
        const nhi_ike_child *o = NHI_CONTAINER(it, nhi_ike_child, link);
        if (o->in_use && is_older(c, o))
            return true;
    }
    return false;
}

/* One pair sends. A pair may be replaced before its first use, with the one before it still in use. */
static void drain_from(nhi_ike_child *c)
{
    for (; c; c = c->older)
        if (c->in_use && c->installed) {
            c->in_use = false;
            act(c, NHI_ACT_CHILD_DRAIN);
        }
}

void nhi_ike_child_use(nhi_ike_child *c)
{
    if (c->in_use || !c->installed || overtaken(c))
        return;
    c->in_use = true;
    act(c, NHI_ACT_CHILD_USE);
    drain_from(c->older);
}

void nhi_ike_child_replaced(nhi_ike_child *c, nhi_ike_child *by)
{
    if (c->state == NHI_CHILD_UP)
        nhi_ike_child_set_state(c, NHI_CHILD_REPLACED);
    c->want &= (uint8_t)~NHI_WANT_REKEY;
    nhi_wheel_cancel(c->sa->ike->env.wheel, &c->rekey);
    if (!by)
        return;
    by->older = c;
    if (by->in_use)
        drain_from(c);
}

void nhi_ike_child_revive(nhi_ike_child *c)
{
    if (!c || c->state != NHI_CHILD_REPLACED || !nhi_ike_child_set_state(c, NHI_CHILD_UP))
        return;
    nhi_wheel_arm(c->sa->ike->env.wheel, &c->rekey, c->rekey_at);
}

void nhi_ike_child_delete(nhi_ike_child *c)
{
    if (nhi_ike_child_may((nhi_ike_child_state)c->state, NHI_CHILD_DELETING))
        nhi_ike_child_set_state(c, NHI_CHILD_DELETING);
    if (c->state == NHI_CHILD_DELETING)
        c->want = NHI_WANT_DELETE;
    nhi_wheel_cancel(c->sa->ike->env.wheel, &c->rekey);
}

void nhi_ike_child_deleted(nhi_ike_child *c, nhtb_time now)
{
    nhi_ike_sa *sa = c->sa;
    nhi_ike *ike = sa->ike;
    if (c->state == NHI_CHILD_OVERLAP || c->state == NHI_CHILD_DEAD)
        return; /* deletes that crossed: the timer ends it */
    ike->count.child_deleted++;
    nhi_ike_child *newer = NULL;
    NHI_LIST_FOR(it, &sa->children)
    {
        nhi_ike_child *o = NHI_CONTAINER(it, nhi_ike_child, link);
        if (o->older == c)
            newer = o;
    }
    if (!newer || !c->installed) {
        nhi_ike_child_remove(c);
        return;
    }
    nhi_ike_child_use(newer);
    if (sa->v1 && newer->in_use)
        nhi_ike_child_revive(newer); /* it had given way to c: rekeyed again, found again */
    timers_cancel(c);
    c->want = 0;
    nhi_ike_child_set_state(c, NHI_CHILD_OVERLAP);
    nhi_wheel_arm(ike->env.wheel, &c->overlap,
                  now + (nhtb_time)ike->env.settings->overlap_s * NHTB_NS_PER_S);
}

void nhi_ike_child_move(nhi_ike_child *c, nhi_ike_sa *to)
{
    nhi_ike_sa *from = c->sa;
    if (from->task_child == c)
        from->task_child = NULL;
    nhi_list_del(&c->link);
    from->n_children--;
    c->sa = to;
    nhi_list_add_tail(&to->children, &c->link);
    to->n_children++;
}

nhi_ike_child *nhi_ike_child_by_out(const nhi_ike_sa *sa, uint32_t spi_out)
{
    NHI_LIST_FOR(it, &sa->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        if (c->state != NHI_CHILD_LARVAL && c->spi_out == spi_out)
            return c;
    }
    return NULL;
}

nhi_ike_child *nhi_ike_child_live(const nhi_ike_peer *peer, uint16_t cfg,
                                  const nhi_ike_child *not_this)
{
    nhi_ike_child *best = NULL;
    NHI_LIST_FOR(it, &peer->sas)
    {
        const nhi_ike_sa *sa = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        NHI_LIST_FOR(ct, &sa->children)
        {
            nhi_ike_child *c = NHI_CONTAINER(ct, nhi_ike_child, link);
            if (c != not_this && c->cfg == cfg && c->state == NHI_CHILD_UP)
                best = c;
        }
    }
    return best;
}
