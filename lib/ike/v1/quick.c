/* SPDX-License-Identifier: Apache-2.0
 * Quick mode, what both roles share: selectors, lifetimes, keys of a pair, which pair takes over,
 * failures. RFC 2409 5.5; RFC 2407 4.5; protocol-facts 4.5. Called by quick_i, quick_r, exchange and
 * life. Control thread.
 *
 * A rekey is a quick mode for selectors that have a pair already: nothing on the wire says so. The new
 * pair takes over at once; who began the exchange deletes the old one some time later, so that packets
 * under way and a lost message 3 cost nothing. Of two quick modes that crossed nothing is deleted early:
 * a side cannot always see that they did, nor know what the other made of it, and a delete may be lost.
 * Each side sends on one of them (the one with the higher nonce where the crossing shows), both
 * receive on both, and the next rekey leaves one. */
#include "ike/v1/conf.h"
#include "ike/v1/quick.h"

static nhtb_ts host(const nhtb_addr *a)
{
    return (nhtb_ts){.lo = *a, .hi = *a, .port_hi = 65535};
}

bool nhi_v1_quick_ids(const nhi_ike_peer *p, uint16_t cfg, nhtb_ts *local, nhtb_ts *remote)
{
    const nhtb_child *k = &p->cfg.children[cfg];
    nhi_ts_list l, r;
    nhi_ts_from_config(&l, k->local_ts, k->n_local_ts);
    nhi_ts_from_config(&r, k->remote_ts, k->n_remote_ts);
    bool client = p->cfg.v1->config == NHTB_V1_CLIENT && p->address.family && !k->n_local_ts;
    if (client) { /* what mode config gave us is what we speak for */
        l.n = 1;
        l.v[0] = host(&p->address);
    }
    for (uint16_t i = 0; i < l.n; i++)
        for (uint16_t n = 0; n < r.n; n++)
            if (l.v[i].lo.family == r.v[n].lo.family) {
                *local = l.v[i];
                *remote = r.v[n];
                return true;
            }
    return false;
}

static uint16_t mode_of(const nhi_ike_sa *sa)
{
    if (!sa->encap)
        return NHI_V1_MODE_TUNNEL;
    return sa->v1->natt == NHI_V1_NATT_RFC ? NHI_V1_MODE_UDP_TUNNEL : NHI_V1_MODE_UDP_TUNNEL_DRAFT;
}

static uint32_t kilobytes(uint64_t bytes)
{
    return bytes / 1024 < UINT32_MAX ? (uint32_t)(bytes / 1024) : 0;
}

nhi_v1_policy2 nhi_v1_quick_policy(const nhi_ike_sa *sa, uint16_t cfg)
{
    const nhtb_child *k = &sa->peer->cfg.children[cfg];
    return (nhi_v1_policy2){.v = k->proposals,
                            .n = k->n_proposals,
                            .mode = mode_of(sa),
                            .life_s = k->lifetime_s,
                            .life_kb = kilobytes(k->lifetime_bytes)};
}

static uint64_t smaller(uint64_t own, uint64_t theirs, uint64_t least)
{
    uint64_t v = theirs && theirs < own ? theirs : own;
    return v > least ? v : least;
}

void nhi_v1_quick_lives(nhi_ike_child *c, uint64_t life_s, uint64_t life_kb)
{
    const nhtb_child *cfg = nhi_ike_child_cfg(c);
    uint64_t own_s = c->life_s ? c->life_s : cfg->lifetime_s;
    uint64_t own_bytes = c->life_bytes ? c->life_bytes : cfg->lifetime_bytes;
    uint64_t most_kb = own_bytes ? own_bytes / 1024 : UINT64_MAX / 1024;
    c->life_s = (uint32_t)smaller(own_s, life_s, NHI_V1_LIFE_MIN_S);
    if (life_kb || own_bytes)
        c->life_bytes = smaller(most_kb, life_kb, NHI_V1_LIFE_MIN_KB) * 1024;
}

bool nhi_v1_quick_theirs(nhi_ike_nego *x, const nhi_v1_msg *m)
{
    const nhi_v1_pl *n = nhi_v1_msg_get(m, NHI_V1_NONCE, 0);
    if (!n || n->body.n < NHI_V1_NONCE_MIN || n->body.n > NHI_IKE_NONCE_MAX)
        return false;
    memcpy(x->theirs, n->body.p, n->body.n);
    x->theirs_n = (uint16_t)n->body.n;
    return true;
}

bool nhi_v1_quick_ke(nhi_ike_nego *x, nhtb_span ke)
{
    nhi_ike_buf_drop(x->sa->ike, &x->peer_ke);
    x->peer_ke = nhi_ike_buf_new(x->sa->ike, ke.n);
    if (x->peer_ke)
        memcpy(x->peer_ke->p, ke.p, ke.n);
    return x->peer_ke != NULL;
}

bool nhi_v1_quick_selectors(const nhi_ike_sa *sa, const nhi_v1_msg *m, nhtb_ts *idci, nhtb_ts *idcr)
{
    size_t n = nhi_v1_msg_count(m, NHI_V1_ID);
    nhi_v1_id id;
    if (n == 0) {
        *idci = host(sa->initiator ? &sa->path.local : &sa->path.remote);
        *idcr = host(sa->initiator ? &sa->path.remote : &sa->path.local);
        return true;
    }
    return n == 2 && nhi_v1_id_read(&id, nhi_v1_msg_get(m, NHI_V1_ID, 0)->body) &&
           nhi_v1_id_to_ts(idci, &id) &&
           nhi_v1_id_read(&id, nhi_v1_msg_get(m, NHI_V1_ID, 1)->body) && nhi_v1_id_to_ts(idcr, &id);
}

int nhi_v1_child_keys(const nhi_ike_child *c, const nhi_ike_nego *x, nhtb_span shared, uint8_t *i2r,
                      uint8_t *r2i)
{
    const nhi_ike_sa *sa = c->sa;
    const nhi_secret *d = &sa->v1->keys.d;
    uint32_t spi_i = x->responder ? x->suite.spi : c->spi_in;
    uint32_t spi_r = x->responder ? c->spi_in : x->suite.spi;
    nhtb_span ni = nhi_ike_nego_ni(x), nr = nhi_ike_nego_nr(x);
    int err = nhi_v1_keymat_child(sa->ike->env.crypto, sa->suite.prf, d, c->facts, shared,
                                  NHI_V1_PROTO_ESP, spi_r, ni, nr, i2r);
    return err ? err
               : nhi_v1_keymat_child(sa->ike->env.crypto, sa->suite.prf, d, c->facts, shared,
                                     NHI_V1_PROTO_ESP, spi_i, ni, nr, r2i);
}

/* ---- which pair is used ---- */

bool nhi_v1_quick_same(const nhi_ike_child *c, const nhi_ts_list *local, const nhi_ts_list *remote)
{
    return nhi_ts_within(local, &c->local) && nhi_ts_within(&c->local, local) &&
           nhi_ts_within(remote, &c->remote) && nhi_ts_within(&c->remote, remote);
}

/** by takes over. early: both sides know it, so the old pair is deleted in a while; else it stays to its
 *  end, since the peer may still send on it. */
static void retire(nhi_ike_child *c, nhi_ike_child *by, bool early, nhtb_time now)
{
    nhi_ike_child_replaced(c, by);
    if (early && now + NHI_V1_OLD_NS < c->expires)
        nhi_wheel_arm(c->sa->ike->env.wheel, &c->expire, now + NHI_V1_OLD_NS);
}

static const nhi_v1_x *maker(const nhi_ike_child *c)
{
    NHI_LIST_FOR(it, &c->sa->v1->xs)
    {
        const nhi_v1_x *x = NHI_CONTAINER(it, const nhi_v1_x, link);
        if (x->exchange == NHI_V1_EX_QUICK && x->made == c->spi_in)
            return x;
    }
    return NULL;
}

#define OVERLAPS 1 /* x->step: another quick mode was under way at the same time */

void nhi_v1_quick_begin(nhi_v1_x *x)
{
    NHI_LIST_FOR(it, &x->sa->v1->xs)
    {
        nhi_v1_x *o = NHI_CONTAINER(it, nhi_v1_x, link);
        if (o == x || o->exchange != NHI_V1_EX_QUICK || o->state == NHI_V1_X_DONE)
            continue;
        o->step = x->step = OVERLAPS;
    }
}

/** Message 3 may be on its way still: such a pair has proved nothing yet and settles when it has. */
static bool unconfirmed(const nhi_ike_child *c)
{
    const nhi_v1_x *x = maker(c);
    return x && !x->initiator && x->state == NHI_V1_X_WAIT;
}

/** Is c the one whose exchange began later? */
static bool is_later(const nhi_ike_child *c, const nhi_ike_child *than)
{
    NHI_LIST_FOR(it, &c->sa->children)
    {
        const nhi_ike_child *k = NHI_CONTAINER(it, const nhi_ike_child, link);
        if (k == c || k == than)
            return k == than;
    }
    return true;
}

/** Pairs that one side made follow one another, whatever comes when. Those of two sides crossed when
 *  their exchanges overlapped here. Where they may have overlapped at the peer alone (its message 1 came
 *  when ours was over) the later one is used: the peer deletes ours early if it saw no overlap, and
 *  keeps both if it did. */
static bool crossed(const nhi_v1_x *x, const nhi_ike_child *c, const nhi_ike_child *o)
{
    const nhi_v1_x *m = maker(o);
    if (c->creator == o->creator)
        return false;
    return !is_later(c, o) || (m && m->step && x->step);
}

/** May c's maker delete o early? Only if the peer surely sends on c: of the peer's own pair not when
 *  any exchange overlapped this one, since the peer may remember an overlap that we forgot. */
static bool ends_early(const nhi_v1_x *x, const nhi_ike_child *c, const nhi_ike_child *o)
{
    return x->initiator && !crossed(x, c, o) && (c->creator == o->creator || !x->step);
}

static bool beats(const nhi_v1_x *x, const nhi_ike_child *o, const nhi_ike_child *c)
{
    if (unconfirmed(o))
        return false;
    if (!crossed(x, c, o))
        return !is_later(c, o);
    c->sa->ike->count.collisions++;
    return nhi_ike_collide_cmp(o->nonce, o->nonce_n, c->nonce, c->nonce_n) > 0;
}

static bool is_rival(const nhi_ike_child *o, const nhi_ike_child *c)
{
    return o != c && o->cfg == c->cfg && o->state == NHI_CHILD_UP &&
           nhi_v1_quick_same(o, &c->local, &c->remote);
}

/** The pair for the same traffic that c gives way to; NULL: none. */
static nhi_ike_child *winner(const nhi_v1_x *x, const nhi_ike_child *c)
{
    NHI_LIST_FOR(it, &c->sa->children)
    {
        nhi_ike_child *o = NHI_CONTAINER(it, nhi_ike_child, link);
        if (is_rival(o, c) && beats(x, o, c))
            return o;
    }
    return NULL;
}

/** Stays, unused; should the peer delete the other, it is there. */
static void give_way(nhi_ike_child *c, nhi_ike_child *to, nhtb_time now)
{
    nhi_ike_child *chain = to->older;
    retire(c, to, false, now);
    to->older = chain;
    c->older = to;
}

/** All of them, in one chain behind c: what they replaced themselves is long drained, and a pair that was
 *  revived would close a ring. */
static void take_over(const nhi_v1_x *x, nhi_ike_child *c, nhtb_time now)
{
    nhi_ike_child *last = c;
    NHI_LIST_FOR(it, &c->sa->children)
    {
        nhi_ike_child *o = NHI_CONTAINER(it, nhi_ike_child, link);
        if (!is_rival(o, c))
            continue;
        o->older = NULL;
        retire(o, last, ends_early(x, c, o), now);
        last = o;
    }
}

static void rekeyed(nhi_ike_child *c, nhtb_time now)
{
    nhi_ike_sa *sa = c->sa;
    sa->ike->count.child_rekeyed++;
    nhi_ike_act_event(sa->ike, NHTB_EVENT_CHILD_REKEYED, NHTB_DETAIL_NONE, c->spi_in, sa->peer_id,
                      c->cfg, &sa->path, now);
}

void nhi_v1_quick_settle(nhi_v1_x *x, nhi_ike_child *c, nhtb_time now)
{
    nhi_ike_child *other = winner(x, c);
    if (other) {
        give_way(c, other, now);
        return;
    }
    take_over(x, c, now);
    if (x->replaces)
        rekeyed(c, now);
    nhi_ike_child_use(c);
}

nhi_ike_child *nhi_v1_quick_pair(const nhi_v1_x *x, uint32_t spi_in)
{
    nhi_ike_child *c = spi_in ? nhi_map_get(&x->sa->ike->by_child, &spi_in) : NULL;
    return c && c->sa->peer == x->sa->peer ? c : NULL;
}

/* ---- entries ---- */

unsigned nhi_v1_quick_recv(nhi_v1_x *x, const nhi_v1_msg *m, nhtb_time now)
{
    if (x->initiator)
        return nhi_v1_quick_i_recv(x, m, now);
    if (!x->made)
        return nhi_v1_quick_r_first(x, m, now);
    nhi_v1_announce_ignore(x->sa->ike, m);
    nhi_v1_quick_confirmed(x, now);
    nhi_v1_x_done(x, now);
    return NHTB_REASON_NONE;
}

void nhi_v1_quick_made(nhi_v1_x *x, nhtb_time now)
{
    (x->initiator ? nhi_v1_quick_i_made : nhi_v1_quick_r_made)(x, now);
}

void nhi_v1_quick_shared(nhi_v1_x *x, nhtb_span secret, nhtb_time now)
{
    (x->initiator ? nhi_v1_quick_i_shared : nhi_v1_quick_r_shared)(x, secret, now);
}

void nhi_v1_quick_confirmed(nhi_v1_x *x, nhtb_time now)
{
    nhi_ike_child *c = nhi_v1_quick_pair(x, x->made);
    if (c && c->state == NHI_CHILD_UP && !c->in_use)
        nhi_v1_quick_settle(x, c, now);
}

/** Message 3 can come no more. The peer has the pair, or gave it up with its SA: ESP will tell, and until
 *  then it is used only when there is nothing better. */
void nhi_v1_quick_doubt(const nhi_v1_x *x, nhtb_time now)
{
    nhi_ike_child *c = nhi_v1_quick_pair(x, x->made);
    if (!c || c->state != NHI_CHILD_UP || c->in_use)
        return;
    bool alone = true;
    NHI_LIST_FOR(it, &c->sa->children)
    alone = alone && !is_rival(NHI_CONTAINER(it, const nhi_ike_child, link), c);
    c->doubt = true;
    if (now + NHI_V1_CACHE_NS < c->expires)
        nhi_wheel_arm(c->sa->ike->env.wheel, &c->expire, now + NHI_V1_CACHE_NS);
    if (alone)
        nhi_ike_child_use(c);
}

static nhtb_detail detail_of(uint16_t notify)
{
    switch (notify) {
    case NHI_V1_N_NO_PROPOSAL_CHOSEN: return NHTB_DETAIL_NO_PROPOSAL;
    case NHI_V1_N_INVALID_ID: return NHTB_DETAIL_NO_SELECTORS;
    default: return NHTB_DETAIL_PEER_ERROR;
    }
}

#define TRIES_MAX 10 /* then the lifetime decides */
#define DOUBT     3  /* refusals in a row until another phase 1 is tried, once */

/** Of ours: the host is told, and what can be tried again is. */
static void plan_again(nhi_ike_sa *sa, nhi_ike_child *old, nhtb_time now)
{
    if (!old || old->state != NHI_CHILD_UP || old->tries >= TRIES_MAX)
        return;
    old->want |= NHI_WANT_REKEY;
    old->hold = nhi_ike_task_hold(sa->ike, ++old->tries, now);
    if (old->hold < sa->t_task.due)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_task, old->hold);
}

void nhi_v1_quick_failed(nhi_v1_x *x, nhtb_detail d, uint32_t code, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    if (x->initiator) {
        nhi_ike_child *old = nhi_v1_quick_pair(x, x->replaces);
        nhi_ike_peer_child_failed(sa, x->nego.cfg, d, code, now);
        if (sa->state == NHI_SA_UP)
            plan_again(sa, old, now);
        /* phase 1 authenticates neither NAT-D nor vendor IDs: perhaps they were altered on their way */
        if (sa->state == NHI_SA_UP && sa->peer->child_tries == DOUBT)
            sa->want |= NHI_WANT_REKEY;
        return;
    }
    nhi_ike_child *c = nhi_v1_quick_pair(x, x->made);
    if (!c || c->in_use || c->state != NHI_CHILD_UP)
        return;
    nhi_ike_child_delete(c);           /* should the initiator have it after all, it is told */
    nhi_ike_peer_retry(sa->peer, now); /* while it was there nothing was missing */
}

void nhi_v1_quick_error(nhi_ike_sa *sa, uint32_t mid_or_spi, uint16_t type, nhtb_time now)
{
    nhi_v1_x *x = nhi_v1_x_running(sa, NHI_V1_EX_QUICK), *named = nhi_v1_x_find(sa, mid_or_spi);
    if (named && named->exchange == NHI_V1_EX_QUICK && named->initiator)
        x = named;
    if (!x || x->state != NHI_V1_X_WAIT)
        return; /* we asked nothing that this can mean */
    nhi_v1_quick_failed(x, detail_of(type), type, now);
    nhi_v1_x_kill(x);
}
