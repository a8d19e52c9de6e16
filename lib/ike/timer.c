/* SPDX-License-Identifier: Apache-2.0
 * What each timer of the room does when it fires. Called by engine/timer.c. RFC 7296 2.4, 2.8, 2.23.
 * Control thread. */
#include "ike/room.h"

static nhtb_time later(nhtb_time a, nhtb_time b)
{
    return a > b ? a : b;
}

/** Idle: ask. Asked in vain for tries * interval: the peer is gone. Any exchange of ours that waits
 *  for its answer is as good a question as an empty INFORMATIONAL (2.4). */
/** Is it the only IKE SA of its peer that is up? ESP is counted by peer: beside a second one it does
 *  not say that the other end of this one lives (the peer may have given it up). */
static bool alone(const nhi_ike_sa *sa)
{
    NHI_LIST_FOR(it, &sa->peer->sas)
    {
        const nhi_ike_sa *o = NHI_CONTAINER(it, const nhi_ike_sa, peer_link);
        if (o != sa && o->state == NHI_SA_UP)
            return false;
    }
    return true;
}

static void liveness(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    if (sa->state != NHI_SA_UP || !sa->peer)
        return;
    const nhtb_peer *cfg = &sa->peer->cfg;
    nhtb_time gap = (nhtb_time)cfg->liveness_s * NHTB_NS_PER_S;
    nhtb_time heard = sa->last_in;
    if (alone(sa))
        heard = later(heard, ike->env.last_in(ike->env.user, sa->peer_id));
    nhtb_time due = heard + gap;
    if (due > now) {
        nhi_wheel_arm(ike->env.wheel, &sa->t_liveness, due);
        return;
    }
    if (!sa->out.busy) {
        sa->want |= NHI_WANT_LIVENESS;
        nhi_ike_task_pump(sa, now);
        if (sa->state != NHI_SA_UP)
            return;
    }
    nhtb_time asked = sa->out.busy ? sa->out.first : now;
    due = later(asked, heard) + gap * cfg->liveness_tries;
    if (sa->out.busy && due <= now) {
        ike->count.liveness_failed++;
        nhi_ike_sa_end(sa, NHTB_DETAIL_LIVENESS, 0, false, now);
        return;
    }
    nhi_wheel_arm(ike->env.wheel, &sa->t_liveness, due > now ? due : now + gap);
}

static void keepalive(nhi_ike_sa *sa, nhtb_time now)
{
    static const uint8_t one = 0xff;
    nhi_ike *ike = sa->ike;
    if (sa->state != NHI_SA_UP)
        return;
    nhtb_time gap = (nhtb_time)ike->env.settings->nat_keepalive_s * NHTB_NS_PER_S;
    nhtb_time sent = later(sa->last_out, ike->env.last_out(ike->env.user, sa->peer_id));
    if (sent + gap <= now) {
        nhi_ike_act *a = nhi_ike_act_add(ike, NHI_ACT_SEND, false);
        if (a) {
            a->peer = sa->peer_id;
            a->path = sa->path;
            a->pkt_kind = NHTB_PKT_UDP_4500;
            a->data = (nhtb_span){&one, 1};
        }
        sent = now;
    }
    nhi_wheel_arm(ike->env.wheel, &sa->t_keepalive, sent + gap);
}

static void half_open(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_sa_end(sa, sa->state == NHI_SA_ASK ? NHTB_DETAIL_NO_PSK : NHTB_DETAIL_TIMEOUT, 0, false,
                   now);
}

static void sa_rekey(nhi_ike_sa *sa, nhtb_time now)
{
    if (sa->state != NHI_SA_UP)
        return;
    sa->want |= NHI_WANT_REKEY;
    nhi_ike_task_pump(sa, now);
}

static void child_rekey(nhi_ike_child *c, nhtb_time now)
{
    if (c->state != NHI_CHILD_UP)
        return;
    c->want |= NHI_WANT_REKEY;
    nhi_ike_task_pump(c->sa, now);
}

static void cookie_secret(nhi_ike *ike, nhtb_time now)
{
    if (!ike->cookie_used)
        return;
    ike->cookie_used = false;
    if (nhi_cookie_rotate(&ike->cookie, ike->mem))
        nhi_wheel_arm(ike->env.wheel, &ike->t_cookie, now + NHTB_NS_PER_S);
}

/** The SA behind a timer that IKEv1 treats in its own way; NULL: there is none. */
static const nhi_ike_sa *v1_of(nhi_timer *t)
{
    switch (t->kind) {
    case NHI_TIMER_IKE_LIVENESS: return NHI_CONTAINER(t, nhi_ike_sa, t_liveness);
    case NHI_TIMER_IKE_EXPIRE: return NHI_CONTAINER(t, nhi_ike_sa, t_expire);
    case NHI_TIMER_IKE_LINGER: return NHI_CONTAINER(t, nhi_ike_sa, t_linger);
    default: return NULL;
    }
}

static bool is_v1(nhi_timer *t)
{
    const nhi_ike_sa *sa = v1_of(t);
    return t->kind == NHI_TIMER_V1_EXCHANGE || (sa && sa->v1);
}

static void child_timer(nhi_ike *ike, nhi_timer *t, nhtb_time now)
{
    switch (t->kind) {
    case NHI_TIMER_CHILD_REKEY: child_rekey(NHI_CONTAINER(t, nhi_ike_child, rekey), now); break;
    case NHI_TIMER_CHILD_EXPIRE:
        nhi_ike_child_hard(ike, NHI_CONTAINER(t, nhi_ike_child, expire)->spi_in, now);
        break;
    case NHI_TIMER_CHILD_OVERLAP:
        nhi_ike_child_remove(NHI_CONTAINER(t, nhi_ike_child, overlap));
        break;
    default: break;
    }
}

void nhi_ike_timer(nhi_ike *ike, nhi_timer *t, nhtb_time now)
{
    nhi_ike_begin(ike);
    if (is_v1(t)) {
        nhi_v1_timer(ike, t, now);
        return;
    }
    switch (t->kind) {
    case NHI_TIMER_IKE_RETRANSMIT:
        nhi_ike_window_fired(NHI_CONTAINER(t, nhi_ike_sa, t_retransmit), now);
        break;
    case NHI_TIMER_IKE_HALF_OPEN: half_open(NHI_CONTAINER(t, nhi_ike_sa, t_half_open), now); break;
    case NHI_TIMER_IKE_LIVENESS: liveness(NHI_CONTAINER(t, nhi_ike_sa, t_liveness), now); break;
    case NHI_TIMER_IKE_REKEY: sa_rekey(NHI_CONTAINER(t, nhi_ike_sa, t_rekey), now); break;
    case NHI_TIMER_IKE_EXPIRE:
        nhi_ike_sa_delete(NHI_CONTAINER(t, nhi_ike_sa, t_expire), NHTB_DETAIL_EXPIRED, now);
        break;
    case NHI_TIMER_IKE_KEEPALIVE: keepalive(NHI_CONTAINER(t, nhi_ike_sa, t_keepalive), now); break;
    case NHI_TIMER_IKE_LINGER: {
        nhi_ike_sa *sa = NHI_CONTAINER(t, nhi_ike_sa, t_linger);
        if (sa->state == NHI_SA_REKEYED)
            nhi_ike_sa_delete(sa, NHTB_DETAIL_EXPIRED, now);
        else
            nhi_ike_sa_kill(sa);
        break;
    }
    case NHI_TIMER_IKE_RETRY:
        nhi_ike_peer_retry_fired(NHI_CONTAINER(t, nhi_ike_peer, retry), now);
        break;
    case NHI_TIMER_IKE_TASK: nhi_ike_task_pump(NHI_CONTAINER(t, nhi_ike_sa, t_task), now); break;
    case NHI_TIMER_COOKIE_SECRET: cookie_secret(ike, now); break;
    default: child_timer(ike, t, now); break;
    }
}
