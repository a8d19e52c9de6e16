/* SPDX-License-Identifier: Apache-2.0
 * Which exchange an SA starts next, from the wishes kept as bits in it and its children (as task.c
 * for IKEv2), and what its timers do. One quick mode of ours at a time; deletes and probes are not
 * answered, so they wait for nothing. RFC 2409 5.5, 5.7. Control thread. */
#include "ike/v1/v1.h"

#define REAUTH_NS (10 * NHTB_NS_PER_S) /* between attempts to make a successor */

static void wake(nhi_ike_sa *sa, nhtb_time at)
{
    if (at < sa->t_task.due)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_task, at);
}

static void send_deletes(nhi_ike_sa *sa, nhtb_time now)
{
    NHI_LIST_FOR_SAFE(it, nx, &sa->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        if (!(c->want & NHI_WANT_DELETE))
            continue;
        c->want = 0;
        (void)nhi_v1_info_delete_child(sa, c->spi_in, now); /* lost or unsent: it expires there */
        nhi_ike_child_deleted(c, now);
    }
}

/** An older pair beside a newer one for the same configuration ends with its lifetime. */
static bool superseded(const nhi_ike_child *c)
{
    nhi_ike_child *other = nhi_ike_child_live(c->sa->peer, c->cfg, c);
    return other && other->rekey_at > c->rekey_at;
}

static nhi_ike_child *to_rekey(nhi_ike_sa *sa, nhtb_time now)
{
    NHI_LIST_FOR(it, &sa->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        if (!(c->want & NHI_WANT_REKEY))
            continue;
        if (c->state != NHI_CHILD_UP || superseded(c))
            c->want &= (uint8_t)~NHI_WANT_REKEY;
        else if (c->hold <= now)
            return c;
        else
            wake(sa, c->hold);
    }
    return NULL;
}

static void rekey(nhi_ike_sa *sa, nhi_ike_child *c, nhtb_time now)
{
    c->want &= (uint8_t)~NHI_WANT_REKEY;
    if (!nhi_v1_quick_start(sa, c->cfg, c, now))
        return;
    c->want |= NHI_WANT_REKEY;
    c->hold = now + NHTB_NS_PER_S;
    wake(sa, c->hold);
}

static void create(nhi_ike_sa *sa, nhtb_time now)
{
    for (uint16_t i = 0; i < sa->peer->cfg.n_children; i++) {
        if (!(sa->want_create >> i & 1))
            continue;
        if (nhi_ike_child_live(sa->peer, i, NULL)) {
            sa->want_create &= ~(UINT64_C(1) << i);
            continue;
        }
        int err = nhi_v1_quick_start(sa, i, NULL, now);
        if (!err || err == NHTB_ERR_UNSUPPORTED)
            sa->want_create &= ~(UINT64_C(1) << i);
        if (err == NHTB_ERR_UNSUPPORTED) { /* nothing that one pair of identities could say */
            nhi_ike_peer_child_failed(sa, i, NHTB_DETAIL_NO_SELECTORS, 0, now);
        } else if (err) {
            sa->hold_create = now + NHTB_NS_PER_S;
            wake(sa, sa->hold_create);
        }
        return;
    }
    sa->want_create = 0;
}

/** A new phase 1 beside this one, which serves until it is up. The wish stays until then. */
static void reauth(nhi_ike_sa *sa, nhtb_time now)
{
    sa->hold_rekey = now + REAUTH_NS;
    wake(sa, sa->hold_rekey);
    (void)nhi_ike_peer_beside(sa->peer, now);
}

static void pump_bare(nhi_ike_sa *sa, nhtb_time now)
{
    bool rekeys = false;
    NHI_LIST_FOR_SAFE(it, nx, &sa->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        rekeys = rekeys || (c->want & NHI_WANT_REKEY);
        if (c->want & NHI_WANT_DELETE)
            nhi_ike_child_remove(c); /* nobody can be told */
    }
    if (nhi_list_empty(&sa->children))
        nhi_ike_sa_kill(sa);
    else if (rekeys && now >= sa->hold_rekey)
        reauth(sa, now);
}

/** Kilobytes: like time, a successor is due at 85 %, and at the end the SA goes without one. Both sides
 *  count the same, so the responder waits to 95 %. */
static void count_bytes(nhi_ike_sa *sa, nhtb_time now)
{
    const nhi_v1 *v = sa->v1;
    uint64_t left = v->life_kb * (sa->initiator ? 15 : 5) / 100;
    if (!v->life_kb)
        return;
    if (v->bytes / 1024 >= v->life_kb - left)
        sa->want |= NHI_WANT_REKEY;
    if (v->bytes / 1024 >= v->life_kb)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_expire, now);
}

void nhi_v1_pump(nhi_ike_sa *sa, nhtb_time now)
{
    if (!sa->v1 || !sa->peer)
        return;
    if (sa->state == NHI_SA_V1_BARE)
        pump_bare(sa, now);
    if (sa->state != NHI_SA_UP)
        return;
    count_bytes(sa, now);
    send_deletes(sa, now);
    if (sa->want & NHI_WANT_LIVENESS) {
        sa->want &= (uint8_t)~NHI_WANT_LIVENESS;
        nhi_v1_dpd_probe(sa, now);
    }
    nhi_ike_sa *current = nhi_ike_peer_sa(sa->peer);
    nhi_ike_child *c;
    if (current != sa) {
        current->want_create |= sa->want_create;
        sa->want_create = 0;
    }
    if (current != sa || sa->ike->shutting || nhi_v1_x_running(sa, NHI_V1_EX_QUICK))
        return;
    if ((c = to_rekey(sa, now)))
        rekey(sa, c, now);
    else if (sa->want_create && sa->hold_create > now)
        wake(sa, sa->hold_create);
    else if (sa->want_create)
        create(sa, now);
    if (sa->state != NHI_SA_UP || !(sa->want & NHI_WANT_REKEY))
        return;
    if (sa->hold_rekey <= now)
        reauth(sa, now);
    else
        wake(sa, sa->hold_rekey);
}

/* ---- timers ---- */

/** No ISAKMP SA, so nothing to ask with: ESP tells, and a phase 1 of ours where we may start one. */
static void bare_liveness(nhi_ike_sa *sa, nhtb_time now)
{
    const nhtb_peer *cfg = &sa->peer->cfg;
    nhtb_time gap = (nhtb_time)cfg->liveness_s * NHTB_NS_PER_S;
    nhtb_time esp = sa->ike->env.last_in(sa->ike->env.user, sa->peer_id);
    nhtb_time heard = esp > sa->last_in ? esp : sa->last_in;
    if (now >= heard + gap * (cfg->liveness_tries + 1u)) {
        sa->ike->count.liveness_failed++;
        nhi_v1_peer_dead(sa, now);
        return;
    }
    if (now >= heard + gap && cfg->establish != NHTB_ESTABLISH_RESPONDER_ONLY)
        reauth(sa, now);
    if (sa->state == NHI_SA_V1_BARE)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_liveness,
                      now >= heard + gap ? now + gap : heard + gap);
}

static void expire(nhi_ike_sa *sa, nhtb_time now)
{
    if (sa->state != NHI_SA_UP)
        return;
    (void)nhi_v1_info_delete_isakmp(sa, now);
    nhi_v1_sa_gone(sa, NHTB_DETAIL_EXPIRED, now);
}

#define CONFIRM_NS    (2 * NHTB_NS_PER_S)
#define CONFIRM_TRIES 8

/** A successor made in aggressive mode is not known to the peer while its last message may be lost: the
 *  old SA stays until the peer is heard under the new keys. True: not yet. Never: the new one goes. */
static bool unconfirmed(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_sa *fresh = nhi_ike_peer_sa(sa->peer);
    if (!fresh || fresh == sa || !fresh->v1->last || !fresh->v1->dpd)
        return false;
    if (++fresh->v1->unheard > CONFIRM_TRIES) {
        nhi_v1_sa_gone(fresh, NHTB_DETAIL_TIMEOUT, now);
        sa->want |= NHI_WANT_REKEY;
        nhi_v1_pump(sa, now);
        return true;
    }
    nhi_ike_send_buf(fresh, fresh->v1->last, now);
    nhi_v1_dpd_probe(fresh, now);
    nhi_wheel_arm(sa->ike->env.wheel, &sa->t_linger, now + CONFIRM_NS);
    return true;
}

static void retire(nhi_ike_sa *sa, nhtb_time now)
{
    if (sa->state != NHI_SA_UP || unconfirmed(sa, now))
        return;
    (void)nhi_v1_info_delete_isakmp(sa, now);
    nhi_v1_sa_gone(sa, NHTB_DETAIL_REPLACED, now);
}

static void liveness(nhi_ike_sa *sa, nhtb_time now)
{
    if (sa->state == NHI_SA_V1_BARE && sa->peer)
        bare_liveness(sa, now);
    else
        nhi_v1_dpd_timer(sa, now);
}

void nhi_v1_timer(nhi_ike *ike, nhi_timer *t, nhtb_time now)
{
    (void)ike;
    switch (t->kind) {
    case NHI_TIMER_IKE_LIVENESS: liveness(NHI_CONTAINER(t, nhi_ike_sa, t_liveness), now); break;
    case NHI_TIMER_IKE_EXPIRE: expire(NHI_CONTAINER(t, nhi_ike_sa, t_expire), now); break;
    case NHI_TIMER_IKE_LINGER: retire(NHI_CONTAINER(t, nhi_ike_sa, t_linger), now); break;
    case NHI_TIMER_V1_EXCHANGE: nhi_v1_x_fired(NHI_CONTAINER(t, nhi_v1_x, timer), now); break;
    default: break;
    }
}
