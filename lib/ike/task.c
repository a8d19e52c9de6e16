/* SPDX-License-Identifier: Apache-2.0
 * Which exchange an IKE SA starts next: one at a time, chosen from the wishes kept as bits in the SA
 * and its children, so the queue is bounded and never needs memory. RFC 7296 2.3, 2.25. */
#include "ike/room.h"

nhtb_time nhi_ike_task_hold(nhi_ike *ike, uint8_t tries, nhtb_time now)
{
    uint8_t shift = tries > 5 ? 5 : tries;
    nhtb_time wait = NHTB_NS_PER_S << shift; /* 2 s, 4 s, ... 32 s */
    return now + wait + nhi_rng_below(ike->env.jitter, wait / 2);
}

void nhi_ike_task_end(nhi_ike_sa *sa)
{
    sa->task = NHI_TASK_NONE;
    sa->task_child = NULL;
    nhi_ike_nego_end(&sa->x_i);
}

void nhi_ike_task_stop(nhi_ike_sa *sa)
{
    bool out = sa->out.busy;
    nhi_ike_task_end(sa);
    nhi_ike_nego_end(&sa->x_r);
    sa->in.busy = false;
    sa->want = 0;
    sa->want_create = 0;
    if (out)
        sa->task = NHI_TASK_FORGOTTEN;
}

#define TRIES_MAX 10 /* then the lifetime decides */

static void again(nhi_ike_sa *sa, uint8_t *tries, nhtb_time *hold, nhtb_time now)
{
    *hold = nhi_ike_task_hold(sa->ike, ++*tries, now);
    if (*hold < sa->t_task.due)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_task, *hold);
}

static void child_event(nhi_ike_sa *sa, uint16_t cfg, uint16_t notify, nhtb_detail d, nhtb_time now)
{
    nhi_ike_peer_child_failed(sa, cfg, d, notify, now);
}

static void create_failed(nhi_ike_sa *sa, uint16_t cfg, uint16_t notify, nhtb_detail d,
                          nhtb_time now)
{
    if (notify != NHI_N_TEMPORARY_FAILURE || sa->create_tries >= TRIES_MAX) {
        sa->create_tries = 0;
        child_event(sa, cfg, notify, d, now);
    } else {
        sa->want_create |= UINT64_C(1) << cfg;
        again(sa, &sa->create_tries, &sa->hold_create, now);
    }
}

static void rekey_failed(nhi_ike_sa *sa, nhi_ike_child *old, uint16_t cfg, uint16_t notify,
                         nhtb_detail d, nhtb_time now)
{
    /* The peer made this pair and our request may have overtaken our answer to its own: asked again
     * a little later, it knows. */
    bool early = old && old->state == NHI_CHILD_UP && !old->creator && old->tries < 3;
    if (notify == NHI_N_CHILD_SA_NOT_FOUND && early)
        notify = NHI_N_TEMPORARY_FAILURE;
    if (notify == NHI_N_CHILD_SA_NOT_FOUND) { /* 2.25.1: the peer has forgotten it */
        if (old && old->state != NHI_CHILD_OVERLAP)
            nhi_ike_child_deleted(old, now);
        if (!nhi_ike_child_live(sa->peer, cfg, NULL))
            sa->want_create |= UINT64_C(1) << cfg;
        return;
    }
    if (notify != NHI_N_TEMPORARY_FAILURE)
        child_event(sa, cfg, notify, d, now);
    if (!old || old->state != NHI_CHILD_UP || old->tries >= TRIES_MAX)
        return; /* replaced or deleted by the peer meanwhile */
    old->want |= NHI_WANT_REKEY;
    again(sa, &old->tries, &old->hold, now);
}

void nhi_ike_task_failed(nhi_ike_sa *sa, uint16_t notify, nhtb_detail detail, nhtb_time now)
{
    uint8_t task = sa->task;
    nhi_ike_child *old = sa->x_i.old;
    uint16_t cfg = sa->x_i.cfg;
    nhi_ike_task_end(sa);
    if (sa->state != NHI_SA_UP)
        return;
    if (task == NHI_TASK_CREATE) {
        create_failed(sa, cfg, notify, detail, now);
    } else if (task == NHI_TASK_REKEY_CHILD) {
        rekey_failed(sa, old, cfg, notify, detail, now);
    } else if (sa->rival && sa->rival->state == NHI_SA_UP) {
        nhi_ike_rekey_ike_move(sa, sa->rival, now);
    } else if (sa->rekey_tries < TRIES_MAX) {
        sa->want |= NHI_WANT_REKEY;
        again(sa, &sa->rekey_tries, &sa->hold_rekey, now);
    }
}

static nhi_ike_child *wanting(const nhi_ike_sa *sa, uint8_t what, nhtb_time now, nhtb_time *next)
{
    NHI_LIST_FOR(it, &sa->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        if (!(c->want & what))
            continue;
        if (c->hold <= now)
            return c;
        if (c->hold < *next)
            *next = c->hold;
    }
    return NULL;
}

static bool ready(bool wanted, nhtb_time hold, nhtb_time now, nhtb_time *next)
{
    if (!wanted)
        return false;
    if (hold > now && hold < *next)
        *next = hold;
    return hold <= now;
}

static void begin(nhi_ike_sa *sa, nhi_ike_task task, nhi_ike_child *c)
{
    sa->task = (uint8_t)task;
    sa->task_child = c;
}

/** Starting failed for lack of something of ours: the wish stays and waits. */
static void retry_later(nhi_ike_sa *sa, nhi_ike_child *c, nhtb_time now)
{
    nhi_ike_task_end(sa);
    nhtb_time at = now + NHTB_NS_PER_S;
    if (c)
        c->hold = at;
    else
        sa->hold_create = sa->hold_rekey = at;
    if (at < sa->t_task.due)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_task, at);
}

static uint16_t lowest(uint64_t bits)
{
    uint16_t i = 0;
    while (!(bits >> i & 1))
        i++;
    return i;
}

static bool start_create(nhi_ike_sa *sa, nhtb_time now)
{
    uint16_t cfg = lowest(sa->want_create);
    sa->want_create &= ~(UINT64_C(1) << cfg);
    if (cfg >= sa->peer->cfg.n_children || nhi_ike_child_live(sa->peer, cfg, NULL))
        return false; /* came into being meanwhile: look again */
    begin(sa, NHI_TASK_CREATE, NULL);
    if (nhi_ike_child_i_start(sa, cfg, NULL, now)) {
        sa->want_create |= UINT64_C(1) << cfg;
        retry_later(sa, NULL, now);
    }
    return true;
}

static void start_child(nhi_ike_sa *sa, nhi_ike_child *c, nhtb_time now)
{
    begin(sa, NHI_TASK_REKEY_CHILD, c);
    c->want &= (uint8_t)~NHI_WANT_REKEY;
    if (nhi_ike_child_i_start(sa, c->cfg, c, now)) {
        c->want |= NHI_WANT_REKEY;
        retry_later(sa, c, now);
    }
}

/** One step; true: something changed without an exchange, look again. */
static bool step_up(nhi_ike_sa *sa, nhtb_time now, nhtb_time *next)
{
    nhi_ike_child *c;
    if ((c = wanting(sa, NHI_WANT_DELETE, now, next))) {
        begin(sa, NHI_TASK_DELETE_CHILD, c);
        nhi_ike_info_delete_child(sa, c, now);
    } else if (sa->want & NHI_WANT_LIVENESS) {
        begin(sa, NHI_TASK_LIVENESS, NULL);
        nhi_ike_info_liveness(sa, now);
    } else if ((c = wanting(sa, NHI_WANT_REKEY, now, next))) {
        if (c->state == NHI_CHILD_UP) {
            start_child(sa, c, now);
            return false;
        }
        c->want &= (uint8_t)~NHI_WANT_REKEY;
        return true;
    } else if (ready(sa->want_create != 0, sa->hold_create, now, next)) {
        return !start_create(sa, now);
    } else if (ready(sa->want & NHI_WANT_REKEY, sa->hold_rekey, now, next)) {
        sa->want &= (uint8_t)~NHI_WANT_REKEY;
        begin(sa, NHI_TASK_REKEY_IKE, NULL);
        if (nhi_ike_rekey_ike_start(sa, now)) {
            sa->want |= NHI_WANT_REKEY;
            retry_later(sa, NULL, now);
        }
    }
    return false;
}

void nhi_ike_task_pump(nhi_ike_sa *sa, nhtb_time now)
{
    nhtb_time next = NHTB_NEVER;
    if (sa->v1) {
        nhi_v1_pump(sa, now);
        return;
    }
    if (sa->state == NHI_SA_DEAD || sa->task != NHI_TASK_NONE || sa->out.busy)
        return;
    if (sa->state == NHI_SA_DELETING && (sa->want & NHI_WANT_DELETE)) {
        begin(sa, NHI_TASK_DELETE_IKE, NULL);
        nhi_ike_info_delete_ike(sa, now);
        return;
    }
    if (sa->state != NHI_SA_UP || !sa->peer || sa->in.busy)
        return; /* while we owe an answer its outcome may decide what is to be done */
    for (unsigned i = 0; i < 2 * NHI_IKE_CHILDREN && step_up(sa, now, &next); i++)
        ;
    if (sa->state == NHI_SA_UP && sa->task == NHI_TASK_NONE && next < sa->t_task.due)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_task, next);
}
