/* SPDX-License-Identifier: Apache-2.0
 * The IKE SA object: life, the only function that writes its state, its ends. Called by every file
 * of the room. RFC 7296 2.4, 2.8, 2.21. Control thread.
 *
 *   initiator                                responder
 *   LARVAL -> ASK -> INIT_KE <-> INIT_SENT   LARVAL -> R_KE -> R_HALF <-> R_ASK
 *                      -> AUTH_KE -> AUTH_SENT             |        |
 *                                      |                   v        v
 *                                      +-------> UP <------+--------+
 *   LARVAL (successor of a rekey) ---------------^ |
 *                           REKEYED <--------------+--> DELETING
 *                              +-----> LINGER <----------+
 *   every state -> DEAD. LINGER repeats the last response only; ASK and R_ASK wait for a PSK. With
 *   certificates AUTH_KE -> AUTH_SIGN -> AUTH_SENT -> AUTH_VERIFY -> UP and R_HALF -> R_VERIFY ->
 *   R_SIGN -> UP, each while a job runs. */
#include "ike/room.h"

#define BIT(s) (1u << NHI_SA_##s)

static const struct {
    const char *name;
    uint32_t next;
} states[NHI_SA_STATES] = {
    [NHI_SA_LARVAL] = {"LARVAL", BIT(ASK) | BIT(INIT_KE) | BIT(R_KE) | BIT(UP) | BIT(DEAD)},
    [NHI_SA_ASK] = {"PSK_WANTED", BIT(INIT_KE) | BIT(DEAD)},
    [NHI_SA_INIT_KE] = {"KEY_EXCHANGE", BIT(INIT_SENT) | BIT(DEAD)},
    [NHI_SA_INIT_SENT] = {"INIT_SENT", BIT(INIT_KE) | BIT(AUTH_KE) | BIT(DEAD)},
    [NHI_SA_AUTH_KE] = {"KEY_EXCHANGE", BIT(AUTH_SIGN) | BIT(AUTH_SENT) | BIT(DEAD)},
    [NHI_SA_AUTH_SIGN] = {"SIGNING", BIT(AUTH_SENT) | BIT(DEAD)},
    [NHI_SA_AUTH_SENT] = {"AUTH_SENT", BIT(AUTH_VERIFY) | BIT(UP) | BIT(DELETING) | BIT(DEAD)},
    [NHI_SA_AUTH_VERIFY] = {"VERIFYING", BIT(UP) | BIT(DELETING) | BIT(DEAD)},
    [NHI_SA_R_KE] = {"KEY_EXCHANGE", BIT(R_HALF) | BIT(DEAD)},
    [NHI_SA_R_HALF] = {"HALF_OPEN", BIT(R_ASK) | BIT(R_VERIFY) | BIT(R_SIGN) | BIT(UP) |
                                        BIT(LINGER) | BIT(DEAD)},
    [NHI_SA_R_ASK] = {"PSK_WANTED", BIT(R_HALF) | BIT(R_SIGN) | BIT(UP) | BIT(LINGER) | BIT(DEAD)},
    [NHI_SA_R_VERIFY] = {"VERIFYING", BIT(R_SIGN) | BIT(UP) | BIT(LINGER) | BIT(DEAD)},
    [NHI_SA_R_SIGN] = {"SIGNING", BIT(UP) | BIT(LINGER) | BIT(DEAD)},
    [NHI_SA_UP] = {"ESTABLISHED", BIT(REKEYED) | BIT(DELETING) | BIT(LINGER) | BIT(DEAD)},
    [NHI_SA_REKEYED] = {"REKEYED", BIT(DELETING) | BIT(LINGER) | BIT(DEAD)},
    [NHI_SA_DELETING] = {"DELETING", BIT(LINGER) | BIT(DEAD)},
    [NHI_SA_LINGER] = {"DELETED", BIT(DEAD)},
    [NHI_SA_DEAD] = {"DEAD", 0},
    /* IKEv1 has its own table (v1/state.c), and these states besides */
    [NHI_SA_V1_KE_SENT] = {"KE_SENT", 0},
    [NHI_SA_V1_R_SA] = {"HALF_OPEN", 0},
    [NHI_SA_V1_CONFIG] = {"XAUTH_CONFIG", 0},
    [NHI_SA_V1_BARE] = {"NO_IKE_SA", 0},
};

const char *nhi_ike_sa_state_name(unsigned state)
{
    return state < NHI_SA_STATES ? states[state].name : "?";
}

bool nhi_ike_sa_may(nhi_ike_state from, nhi_ike_state to)
{
    return from < NHI_SA_STATES && to < NHI_SA_STATES && (states[from].next >> to & 1);
}

static bool may(const nhi_ike_sa *sa, nhi_ike_state to)
{
    return (sa->v1 ? nhi_v1_sa_may : nhi_ike_sa_may)((nhi_ike_state)sa->state, to);
}

bool nhi_ike_sa_set_state(nhi_ike_sa *sa, nhi_ike_state to)
{
    if (!nhi_check(sa->ike->mem, may(sa, to)))
        return false;
    sa->state = (uint8_t)to;
    return true;
}

static void timers_init(nhi_ike_sa *sa)
{
    nhi_timer_init(&sa->t_retransmit, NHI_TIMER_IKE_RETRANSMIT);
    nhi_timer_init(&sa->t_half_open, NHI_TIMER_IKE_HALF_OPEN);
    nhi_timer_init(&sa->t_liveness, NHI_TIMER_IKE_LIVENESS);
    nhi_timer_init(&sa->t_rekey, NHI_TIMER_IKE_REKEY);
    nhi_timer_init(&sa->t_expire, NHI_TIMER_IKE_EXPIRE);
    nhi_timer_init(&sa->t_keepalive, NHI_TIMER_IKE_KEEPALIVE);
    nhi_timer_init(&sa->t_linger, NHI_TIMER_IKE_LINGER);
    nhi_timer_init(&sa->t_task, NHI_TIMER_IKE_TASK);
}

static void timers_cancel(nhi_ike_sa *sa)
{
    nhi_timer *v[] = {&sa->t_retransmit, &sa->t_half_open, &sa->t_liveness, &sa->t_rekey,
                      &sa->t_expire,     &sa->t_keepalive, &sa->t_linger,   &sa->t_task};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
        nhi_wheel_cancel(sa->ike->env.wheel, v[i]);
}

/** A random SPI that is not in use (2.6). */
static int own_spi(nhi_ike *ike, uint64_t *spi)
{
    for (unsigned i = 0; i < 8; i++) {
        int err = nhi_mem_random(ike->mem, spi, sizeof *spi);
        if (err)
            return err;
        if (*spi && !nhi_map_get(&ike->by_spi, spi))
            return 0;
    }
    return NHTB_ERR_RANDOM;
}

#define SA_ACTS 6 /* what its rise or end appends at most, events of both in one call included */

nhi_ike_sa *nhi_ike_sa_new(nhi_ike *ike, bool initiator, nhtb_time now, int *err)
{
    *err = ike->n_sas >= ike->max_sas ? NHTB_ERR_LIMIT : nhi_ike_act_grow(ike, SA_ACTS);
    if (*err)
        return NULL;
    nhi_ike_sa *sa = nhi_mem_alloc(ike->mem, sizeof *sa, 16);
    if (!sa) {
        nhi_ike_act_shrink(ike, SA_ACTS);
        *err = NHTB_ERR_MEMORY;
        return NULL;
    }
    sa->ike = ike;
    sa->initiator = initiator;
    sa->created = now;
    nhi_list_init(&sa->peer_link);
    nhi_list_init(&sa->children);
    nhi_list_init(&sa->link);
    timers_init(sa);
    sa->x_i.sa = sa->x_r.sa = sa;
    sa->rekey_at = sa->expires = NHTB_NEVER;
    *err = own_spi(ike, initiator ? &sa->spi_i : &sa->spi_r);
    if (!*err)
        *err = nhi_ike_table_add(sa);
    if (*err) {
        nhi_ike_act_shrink(ike, SA_ACTS);
        nhi_mem_wipe_free(ike->mem, sa, sizeof *sa);
        return NULL;
    }
    nhi_list_add_tail(&ike->sas, &sa->link);
    ike->n_sas++;
    return sa;
}

void nhi_ike_sa_attach(nhi_ike_sa *sa, nhi_ike_peer *peer)
{
    sa->peer = peer;
    sa->peer_id = peer->id;
    nhi_list_del(&sa->peer_link);
    nhi_list_add_tail(&peer->sas, &sa->peer_link);
}

static void drop_setup(nhi_ike_sa *sa)
{
    nhi_ike_buf_drop(sa->ike, &sa->init_own);
    nhi_ike_buf_drop(sa->ike, &sa->init_peer);
    nhi_ike_buf_drop(sa->ike, &sa->psk);
    nhi_ike_buf_drop(sa->ike, &sa->parked);
    nhi_ike_buf_drop(sa->ike, &sa->own_auth);
    nhi_ike_buf_drop(sa->ike, &sa->cookie);
    nhi_secret_wipe(&sa->keys.pi);
    nhi_secret_wipe(&sa->keys.pr);
    sa->question = 0;
}

static void remove_children(nhi_ike_sa *sa)
{
    NHI_LIST_FOR_SAFE(it, nx, &sa->children)
    nhi_ike_child_remove(NHI_CONTAINER(it, nhi_ike_child, link));
}

static void forget_in(nhi_ike_sa *s, const nhi_ike_sa *gone)
{
    if (s->rival == gone)
        s->rival = NULL;
    if (s->x_i.fresh == gone)
        s->x_i.fresh = NULL;
    if (s->x_r.fresh == gone)
        s->x_r.fresh = NULL;
}

/** Others may point at an SA that goes: only what a rekey made, and only SAs of its peer. Before it
 *  belongs to one, its maker may be any. */
static void forget(nhi_ike_sa *gone)
{
    if (gone->successor && gone->peer) {
        NHI_LIST_FOR(it, &gone->peer->sas)
        forget_in(NHI_CONTAINER(it, nhi_ike_sa, peer_link), gone);
    } else if (gone->successor) {
        NHI_LIST_FOR(it2, &gone->ike->sas)
        forget_in(NHI_CONTAINER(it2, nhi_ike_sa, link), gone);
    }
}

static void quiet(nhi_ike_sa *sa)
{
    nhi_ike *ike = sa->ike;
    timers_cancel(sa);
    nhi_ike_nego_end(&sa->x_i);
    nhi_ike_nego_end(&sa->x_r);
    if (sa->v1)
        nhi_v1_quiet(sa);
    remove_children(sa);
    nhi_ike_buf_drop(ike, &sa->out.msg);
    nhi_ike_frag_drop(sa, false);
    nhi_ike_frag_drop(sa, true);
    sa->out.busy = sa->in.busy = false;
    sa->task = NHI_TASK_NONE;
    sa->want = 0;
    sa->want_create = 0;
    nhi_ike_table_del_init(sa);
    drop_setup(sa);
    nhi_sk_wipe(&sa->sk, ike->mem, ike->env.crypto);
    nhi_ike_keys_wipe(&sa->keys);
    sa->have_keys = false;
}

void nhi_ike_sa_kill(nhi_ike_sa *sa)
{
    nhi_ike *ike = sa->ike;
    if (sa->state == NHI_SA_DEAD || !nhi_ike_sa_set_state(sa, NHI_SA_DEAD))
        return;
    quiet(sa);
    forget(sa);
    nhi_ike_table_del(sa);
    nhi_ike_buf_drop(ike, &sa->in.response);
    nhi_list_del(&sa->peer_link);
    if (sa->peer)
        nhi_ike_wildcard_left(sa->peer);
    nhi_list_del(&sa->link);
    nhi_list_add_tail(&ike->dead_sas, &sa->link);
    ike->n_sas--;
    nhi_ike_act_shrink(ike, SA_ACTS);
}

static bool is_attempt(const nhi_ike_sa *sa)
{
    return nhi_ike_sa_attempts((nhi_ike_state)sa->state) ||
           (sa->state == NHI_SA_V1_CONFIG && sa->initiator);
}

static bool another_attempt(const nhi_ike_peer *p, const nhi_ike_sa *not_this)
{
    NHI_LIST_FOR(it, &p->sas)
    {
        const nhi_ike_sa *s = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        if (s != not_this && is_attempt(s))
            return true;
    }
    return false;
}

static bool another_up(const nhi_ike_peer *p, const nhi_ike_sa *not_this)
{
    NHI_LIST_FOR(it, &p->sas)
    {
        const nhi_ike_sa *s = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        if (s != not_this && s->state == NHI_SA_UP)
            return true;
    }
    return false;
}

static const char *step_of(const nhi_ike_sa *sa)
{
    if (sa->state == NHI_SA_UP)
        return "ESTABLISHED";
    if (sa->v1)
        return sa->state == NHI_SA_V1_CONFIG ? "IKEv1 XAuth" : "IKEv1 phase 1";
    return sa->state <= NHI_SA_INIT_SENT ? "IKE_SA_INIT" : "IKE_AUTH";
}

/** What the end of an SA means to the host. */
static void report(nhi_ike_sa *sa, nhtb_detail detail, uint32_t code, nhtb_time now)
{
    nhi_ike_peer *p = sa->peer;
    bool attempt = is_attempt(sa);
    if (attempt || sa->state == NHI_SA_R_KE)
        sa->ike->count.failed++;
    if (!p || (!attempt && sa->state != NHI_SA_UP))
        return;
    if (attempt && (another_up(p, sa) || another_attempt(p, sa)))
        return; /* one of several: the others decide */
    p->last_detail = (uint16_t)detail;
    p->last_code = code;
    if (attempt || !another_up(p, sa)) {
        const nhi_ike_fault why = {detail, code, UINT16_MAX, !sa->initiator, step_of(sa)};
        nhi_ike_explain_note(p, &why, now);
    }
    if (attempt) {
        nhi_ike_act_event(sa->ike, NHTB_EVENT_IKE_FAILED, detail, code, p->id, UINT16_MAX,
                          &sa->path, now);
    } else if (!another_up(p, sa)) {
        p->up = false;
        nhi_ike_act_event(sa->ike, NHTB_EVENT_IKE_DOWN, detail, code, p->id, UINT16_MAX, &sa->path,
                          now);
    }
}

/** One SA less: another may carry the children, or a new attempt is planned. */
static void after(nhi_ike_peer *p, nhtb_time now)
{
    if (p)
        nhi_ike_peer_retry(p, now);
}

void nhi_ike_sa_end(nhi_ike_sa *sa, nhtb_detail detail, uint32_t code, bool answer, nhtb_time now)
{
    if (sa->state == NHI_SA_DEAD || sa->state == NHI_SA_LINGER)
        return;
    nhi_ike_peer *p = sa->peer;
    if (answer && sa->state >= NHI_SA_R_HALF && sa->state <= NHI_SA_R_SIGN)
        nhi_ike_dos_failed(sa->ike, &sa->path, now); /* refused */
    remove_children(sa);
    report(sa, detail, code, now);
    bool linger = answer && sa->in.response && may(sa, NHI_SA_LINGER);
    if (linger && nhi_ike_sa_set_state(sa, NHI_SA_LINGER)) {
        quiet(sa);
        forget(sa);
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_linger, now + NHI_IKE_LINGER_NS);
    } else {
        nhi_ike_sa_kill(sa);
    }
    after(p, now);
}

void nhi_ike_sa_bare(nhi_ike_sa *sa, nhtb_detail detail, nhtb_time now)
{
    report(sa, detail, 0, now);
    if (!nhi_ike_sa_set_state(sa, NHI_SA_V1_BARE))
        return;
    timers_cancel(sa);
    nhi_v1_quiet(sa);
    nhi_ike_table_del(sa);
    nhi_ike_buf_drop(sa->ike, &sa->in.response);
    drop_setup(sa);
    after(sa->peer, now);
}

void nhi_ike_sa_delete(nhi_ike_sa *sa, nhtb_detail detail, nhtb_time now)
{
    if (sa->v1) {
        nhi_v1_sa_delete(sa, detail, now);
        return;
    }
    if (sa->state == NHI_SA_DELETING || sa->state == NHI_SA_LINGER || sa->state == NHI_SA_DEAD)
        return;
    if (!may(sa, NHI_SA_DELETING)) {
        nhi_ike_sa_end(sa, detail, 0, false, now);
        return;
    }
    nhi_ike_peer *p = sa->peer;
    nhi_ike_task_stop(sa);
    remove_children(sa);
    report(sa, detail, 0, now);
    nhi_ike_sa_set_state(sa, NHI_SA_DELETING);
    drop_setup(sa);
    timers_cancel(sa);
    if (sa->out.busy)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_retransmit, now + sa->out.interval);
    nhi_wheel_arm(sa->ike->env.wheel, &sa->t_linger, now + NHI_IKE_DELETE_NS);
    sa->want = NHI_WANT_DELETE;
    nhi_ike_task_pump(sa, now);
    after(p, now);
}

nhtb_time nhi_ike_soft_of(nhi_ike *ike, nhtb_time life)
{
    return life / 1000 * (800 + nhi_rng_below(ike->env.jitter, 101)); /* 85 % +- 5 % */
}

void nhi_ike_sa_rearm(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    const nhtb_peer *cfg = &sa->peer->cfg;
    nhi_wheel_arm(ike->env.wheel, &sa->t_rekey, sa->rekey_at);
    nhi_wheel_arm(ike->env.wheel, &sa->t_expire, sa->expires);
    if (cfg->liveness_s != UINT32_MAX)
        nhi_wheel_arm(ike->env.wheel, &sa->t_liveness,
                      now + (nhtb_time)cfg->liveness_s * NHTB_NS_PER_S);
    uint32_t keep = ike->env.settings->nat_keepalive_s;
    if (sa->nat_local && sa->encap && keep)
        nhi_wheel_arm(ike->env.wheel, &sa->t_keepalive, now + (nhtb_time)keep * NHTB_NS_PER_S);
}

/** Attempts of ours beside the one that succeeded: those the responder cannot have taken yet go. One
 *  whose IKE_AUTH is out goes on: the responder may hold it, and is told when its answer comes. */
static void end_other_attempts(nhi_ike_sa *up)
{
    NHI_LIST_FOR_SAFE(it, nx, &up->peer->sas)
    {
        nhi_ike_sa *s = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        if (s == up || !is_attempt(s))
            continue;
        up->want_create |= s->want_create;
        if (s->state != NHI_SA_AUTH_SENT && s->state != NHI_SA_AUTH_VERIFY)
            nhi_ike_sa_kill(s);
    }
}

void nhi_ike_sa_up(nhi_ike_sa *sa, bool rekeyed, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    if (!nhi_ike_sa_set_state(sa, NHI_SA_UP))
        return;
    nhtb_time life = (nhtb_time)(sa->life_s ? sa->life_s : sa->peer->cfg.lifetime_s);
    life *= NHTB_NS_PER_S;
    sa->established = sa->last_in = now;
    sa->rekey_at = now + nhi_ike_soft_of(ike, life);
    sa->expires = now + life;
    nhi_ike_table_del_init(sa);
    drop_setup(sa);
    nhi_wheel_cancel(ike->env.wheel, &sa->t_half_open);
    nhi_ike_sa_rearm(sa, now);
    if (rekeyed)
        return;
    ike->count.established++;
    if (sa->initiator)
        end_other_attempts(sa);
    sa->peer->backoff = sa->peer->fresh_gap = sa->peer->fresh_at = 0;
    sa->peer->up = true;
    sa->peer->next_try = NHTB_NEVER;
    sa->peer->last_detail = NHTB_DETAIL_NONE;
    nhi_ike_explain_cured(sa->peer, UINT16_MAX);
    nhi_wheel_cancel(ike->env.wheel, &sa->peer->retry);
    nhi_ike_act_event(ike, NHTB_EVENT_IKE_UP, NHTB_DETAIL_NONE, 0, sa->peer_id, UINT16_MAX,
                      &sa->path, now);
}
