/* SPDX-License-Identifier: Apache-2.0
 * From phase 1's end to the SA's: up, reauthentication, children that outlive their ISAKMP SA, ends.
 * There is no continuous channel: a child belongs to the peer, and to an SA only so that it can be
 * negotiated about. Of several SAs with a peer the newest serves; the others answer until they end.
 * RFC 2409 5.5; protocol-facts 4.5. Called by the modes, info, timers. Control thread. */
#include "ike/v1/quick.h"

#define RETIRE_NS (2 * NHTB_NS_PER_S) /* what was replaced still answers so long */
#define SAS_MAX   4                   /* of one peer that are up; the oldest goes */

static void forget_phase1(nhi_ike_sa *sa)
{
    nhi_ike *ike = sa->ike;
    nhi_v1 *v = sa->v1;
    nhi_ike_buf **all[] = {&v->sai, &v->gi, &v->gr, &v->idi, &v->idr, &v->proof, &v->answer};
    for (size_t i = 0; i < NHI_ARRAY_LEN(all); i++)
        nhi_ike_buf_drop(ike, all[i]);
}

void nhi_v1_phase1_done(nhi_ike_sa *sa, nhtb_time now)
{
    sa->task = NHI_TASK_NONE;
    nhi_ike_nego_end(nhi_v1_nego(sa));
    forget_phase1(sa);
    if (!nhi_v1_conf_begin(sa, now))
        nhi_v1_up(sa, now);
}

static nhi_ike_sa *another(const nhi_ike_sa *sa)
{
    nhi_ike_sa *best = NULL;
    NHI_LIST_FOR(it, &sa->peer->sas)
    {
        nhi_ike_sa *o = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        bool up = o != sa && o->v1 && o->state == NHI_SA_UP;
        if (up && (!best || o->established >= best->established))
            best = o;
    }
    return best;
}

static void hand_over(nhi_ike_sa *from, nhi_ike_sa *to)
{
    NHI_LIST_FOR_SAFE(it, nx, &from->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        if (c->state == NHI_CHILD_LARVAL)
            continue;
        nhi_ike_child_move(c, to);
        c->adopted = true;
    }
    to->want_create |= from->want_create;
    from->want_create = 0;
}

/** Everything the peer's other SAs hold comes here; what we reauthenticated for goes soon. */
static void adopt(nhi_ike_sa *sa, nhtb_time now)
{
    unsigned up = 0;
    NHI_LIST_FOR_SAFE_BACK(it, pv, &sa->peer->sas)
    {
        nhi_ike_sa *o = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        if (o == sa || !o->v1 || (o->state != NHI_SA_UP && o->state != NHI_SA_V1_BARE))
            continue;
        hand_over(o, sa);
        if (o->state == NHI_SA_V1_BARE || ++up >= SAS_MAX) {
            nhi_ike_sa_kill(o);
        } else if (sa->initiator && (o->want & NHI_WANT_REKEY)) {
            o->want = 0;
            nhi_wheel_arm(sa->ike->env.wheel, &o->t_linger, now + RETIRE_NS);
        }
    }
}

/** Exchanges end with their SA. A pair of the peer's making whose message 3 never came is doubtful. What
 *  we asked for is wanted still. */
static void wind_up(nhi_ike_sa *sa, nhi_ike_sa *other, nhtb_time now)
{
    NHI_LIST_FOR_SAFE(it, nx, &sa->v1->xs)
    {
        nhi_v1_x *x = NHI_CONTAINER(it, nhi_v1_x, link);
        bool open = x->exchange == NHI_V1_EX_QUICK && x->state < NHI_V1_X_DONE;
        if (open && !x->initiator && x->made)
            nhi_v1_quick_doubt(x, now);
        nhi_ike_child *old = open && x->initiator ? nhi_v1_quick_pair(x, x->replaces) : NULL;
        if (old)
            old->want |= NHI_WANT_REKEY;
        else if (open && x->initiator && other)
            other->want_create |= UINT64_C(1) << x->nego.cfg;
        nhi_v1_x_kill(x);
    }
}

static nhtb_time born(const nhi_ike_child *c)
{
    return c->expires - (nhtb_time)c->life_s * NHTB_NS_PER_S;
}

/** Pairs that came here from SAs before this one; what was made under it is as old as it at most. */
static void drop_adopted(nhi_ike_sa *sa, nhtb_time now)
{
    NHI_LIST_FOR_SAFE(it, nx, &sa->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        if (c->installed && c->adopted && born(c) <= sa->established)
            nhi_ike_child_remove(c);
    }
    nhi_ike_peer_retry(sa->peer, now);
}

void nhi_v1_contact(nhi_ike_sa *sa, nhtb_time now)
{
    NHI_LIST_FOR_SAFE_BACK(it, pv, &sa->peer->sas)
    {
        nhi_ike_sa *o = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        bool before = o->state == NHI_SA_UP && o->established < sa->created;
        if (o == sa || !o->v1 || !(before || o->state == NHI_SA_V1_BARE))
            continue;
        wind_up(o, sa->state == NHI_SA_UP ? sa : NULL, now);
        nhi_ike_sa_end(o, NHTB_DETAIL_REPLACED, 0, false, now);
    }
    if (sa->state == NHI_SA_UP)
        drop_adopted(sa, now);
}

static void renewed(nhi_ike_sa *sa, nhtb_time now)
{
    sa->ike->count.rekeyed++;
    nhi_ike_act_event(sa->ike, NHTB_EVENT_IKE_REKEYED, NHTB_DETAIL_NONE, 0, sa->peer_id, UINT16_MAX,
                      &sa->path, now);
}

void nhi_v1_up(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_peer *p = sa->peer;
    if (sa->contact)
        nhi_v1_contact(sa, now);
    bool again = another(sa) != NULL;
    bool alone = !sa->initiator && sa->v1->entry.mode == NHTB_V1_AGGRESSIVE && nhi_v1_is_first(sa);
    nhi_ike_sa_attach(sa, p); /* last in the list: of those as new as this one it is the newest */
    nhi_ike_sa_up(sa, again, now);
    if (sa->state != NHI_SA_UP)
        return;
    if (again)
        renewed(sa, now);
    adopt(sa, now);
    if (alone)
        (void)nhi_v1_info_contact(sa, now);
    if (sa->initiator && sa->first_child < p->cfg.n_children &&
        !nhi_ike_child_live(p, sa->first_child, NULL))
        sa->want_create |= UINT64_C(1) << sa->first_child;
    /* a successor came with no wish for pairs, and what it was to succeed may be gone */
    if (p->cfg.establish == NHTB_ESTABLISH_IMMEDIATELY)
        nhi_ike_peer_retry(p, now);
    nhi_v1_pump(sa, now);
}

void nhi_v1_refuse(nhi_ike_sa *sa, nhtb_detail d, uint32_t code, nhtb_time now)
{
    (void)nhi_v1_info_delete_isakmp(sa, now);
    nhi_ike_sa_end(sa, d, code, false, now);
}

static bool has_pairs(const nhi_ike_sa *sa)
{
    NHI_LIST_FOR(it, &sa->children)
    {
        if (NHI_CONTAINER(it, const nhi_ike_child, link)->installed)
            return true;
    }
    return false;
}

void nhi_v1_sa_gone(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now)
{
    nhi_ike_sa *other = sa->peer ? another(sa) : NULL;
    if (sa->peer)
        wind_up(sa, other, now);
    if (other)
        hand_over(sa, other);
    if (other || !sa->peer || !has_pairs(sa)) {
        nhi_ike_sa_end(sa, d, 0, false, now);
        return;
    }
    nhi_ike_sa_bare(sa, d, now);
    if (sa->peer->cfg.liveness_s != UINT32_MAX)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_liveness,
                      now + (nhtb_time)sa->peer->cfg.liveness_s * NHTB_NS_PER_S);
}

void nhi_v1_peer_dead(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_sa_end(sa, NHTB_DETAIL_LIVENESS, 0, false, now);
}

/** One delete that names every pair, and one of the SA itself. Lost ones are what DPD is for. */
static void say_goodbye(nhi_ike_sa *sa, nhtb_time now)
{
    uint8_t spis[4 * NHI_IKE_CHILDREN];
    uint16_t n = 0;
    NHI_LIST_FOR(it, &sa->children)
    {
        const nhi_ike_child *c = NHI_CONTAINER(it, const nhi_ike_child, link);
        if (c->installed && c->state != NHI_CHILD_OVERLAP && n < NHI_IKE_CHILDREN)
            nhi_put32(spis + 4 * n++, c->spi_in);
    }
    if (n)
        (void)nhi_v1_info_delete_children(sa, spis, n, now);
    (void)nhi_v1_info_delete_isakmp(sa, now);
}

void nhi_v1_sa_delete(nhi_ike_sa *sa, nhtb_detail detail, nhtb_time now)
{
    if (sa->state == NHI_SA_UP)
        say_goodbye(sa, now);
    else if (sa->state == NHI_SA_V1_CONFIG)
        (void)nhi_v1_info_delete_isakmp(sa, now);
    nhi_ike_sa_end(sa, detail, 0, false, now);
}

/* ---- ends of memory ---- */

void nhi_v1_quiet(nhi_ike_sa *sa)
{
    nhi_v1 *v = sa->v1;
    NHI_LIST_FOR_SAFE(it, nx, &v->xs)
    nhi_v1_x_kill(NHI_CONTAINER(it, nhi_v1_x, link));
    nhi_v1_frag_drop(sa);
    forget_phase1(sa);
    nhi_ike_buf_drop(sa->ike, &v->last);
    nhi_v1_keys_wipe(&v->keys);
    nhi_v1_conf_free(sa);
    sa->have_keys = false;
}

void nhi_v1_free(nhi_ike_sa *sa)
{
    if (sa->v1)
        nhi_mem_wipe_free(sa->ike->mem, sa->v1, sizeof *sa->v1);
    sa->v1 = NULL;
}

static void forget_in(nhi_ike_sa *o, const nhi_ike_child *c)
{
    NHI_LIST_FOR(it, &o->children)
    {
        nhi_ike_child *k = NHI_CONTAINER(it, nhi_ike_child, link);
        if (k->older == c)
            k->older = c->older;
    }
    NHI_LIST_FOR(xt, &o->v1->xs)
    {
        nhi_ike_nego *n = &NHI_CONTAINER(xt, nhi_v1_x, link)->nego;
        n->old = n->old == c ? NULL : n->old;
        n->child = n->child == c ? NULL : n->child;
        n->rival = n->rival == c ? NULL : n->rival;
    }
}

void nhi_v1_child_gone(nhi_ike_sa *sa, const nhi_ike_child *c)
{
    if (!sa->peer) {
        forget_in(sa, c);
        return;
    }
    NHI_LIST_FOR(it, &sa->peer->sas)
    {
        nhi_ike_sa *o = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        if (o->v1)
            forget_in(o, c);
    }
}
