/* SPDX-License-Identifier: Apache-2.0
 * Between phase 1 and quick mode: XAuth (the client proves a user), then mode config (it gets an
 * address). Each is due or not by the entry; SA and peer wait in state CONFIG. Transaction exchanges
 * carry one payload, REQUEST answered by REPLY, SET by ACK. draft-beaulieu-ike-xauth-02, draft-dukes-
 * ike-mode-cfg-02. Called by life, recv, exchange, engine. Control thread. */
#include "ike/v1/conf.h"

const nhtb_v1 *nhi_v1_conf_entry(const nhi_ike_sa *sa)
{
    return sa->peer->cfg.v1;
}

uint16_t nhi_v1_conf_auth(const nhtb_peer *cfg, bool initiator, uint16_t plain)
{
    /* XAuthInit*: the initiator is the client; the reverse has no configuration here */
    uint8_t role = initiator ? NHTB_V1_CLIENT : NHTB_V1_SERVER;
    if (!cfg->v1 || cfg->v1->xauth != role)
        return plain;
    if (plain == NHI_V1_AUTH_PSK)
        return NHI_V1_AUTH_XAUTH_PSK;
    return plain == NHI_V1_AUTH_RSA ? NHI_V1_AUTH_XAUTH_RSA : plain;
}

static bool is_xauth(const nhi_ike_sa *sa)
{
    return sa->v1->auth == NHI_V1_AUTH_XAUTH_PSK || sa->v1->auth == NHI_V1_AUTH_XAUTH_RSA;
}

bool nhi_v1_conf_serves(const nhi_ike_sa *sa)
{
    return is_xauth(sa) && !sa->initiator;
}

struct nhi_v1_conf *nhi_v1_conf_get(nhi_ike_sa *sa)
{
    if (!sa->v1->conf)
        sa->v1->conf = nhi_mem_alloc(sa->ike->mem, sizeof *sa->v1->conf, 16);
    return sa->v1->conf;
}

void nhi_v1_conf_free(nhi_ike_sa *sa)
{
    struct nhi_v1_conf *k = sa->v1->conf;
    if (!k)
        return;
    nhi_ike_buf_drop(sa->ike, &k->user);
    nhi_ike_buf_drop(sa->ike, &k->password);
    nhi_mem_wipe_free(sa->ike->mem, k, sizeof *k);
    sa->v1->conf = NULL;
}

void nhi_v1_conf_broken(nhi_ike_sa *sa, int err, nhtb_time now)
{
    nhtb_detail d = err == NHTB_ERR_MEMORY   ? NHTB_DETAIL_MEMORY
                    : err == NHTB_ERR_RANDOM ? NHTB_DETAIL_RANDOM
                                             : NHTB_DETAIL_INTERNAL;
    nhi_v1_refuse(sa, d, 0, now);
}

/** Has this peer its address already (a reauthentication, a pull while up)? */
static bool wants_config(const nhi_ike_sa *sa)
{
    const nhtb_v1 *e = nhi_v1_conf_entry(sa);
    return e->config == NHTB_V1_CLIENT || (e->config == NHTB_V1_SERVER && e->config_push);
}

void nhi_v1_conf_next(nhi_ike_sa *sa, nhtb_time now)
{
    struct nhi_v1_conf *k = sa->v1->conf;
    const nhtb_v1 *e = nhi_v1_conf_entry(sa);
    int err = 0;
    if (k->xauth_due) {
        err = sa->initiator ? 0 : nhi_v1_xauth_ask(sa, now);
    } else if (k->config_due && e->config == NHTB_V1_SERVER) {
        err = nhi_v1_modecfg_push(sa, now);
    } else if (k->config_due) {
        err = e->config_push ? 0 : nhi_v1_modecfg_pull(sa, now);
    } else {
        nhi_v1_up(sa, now);
        return;
    }
    if (err)
        nhi_v1_conf_broken(sa, err, now);
}

bool nhi_v1_conf_begin(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    bool xauth = is_xauth(sa), config = wants_config(sa);
    if (!xauth && !config)
        return false;
    if (!nhi_ike_sa_set_state(sa, NHI_SA_V1_CONFIG))
        return true;
    struct nhi_v1_conf *k = nhi_v1_conf_get(sa);
    if (!k) {
        nhi_v1_conf_broken(sa, NHTB_ERR_MEMORY, now);
        return true;
    }
    k->xauth_due = xauth;
    k->config_due = config;
    nhi_wheel_arm(ike->env.wheel, &sa->t_half_open,
                  now + (nhtb_time)ike->env.settings->retransmit_total_s * NHTB_NS_PER_S);
    nhi_v1_conf_next(sa, now);
    return true;
}

int nhi_v1_conf_send(nhi_v1_x *x, nhi_ike_builder *b, nhi_v1_after after, nhtb_time now)
{
    nhi_ike_build_end(b);
    if (after == NHI_V1_AWAIT)
        x->state = NHI_V1_X_WAIT;
    return nhi_v1_send(x, b, after, now);
}

bool nhi_v1_conf_attr(nhtb_span attrs, uint16_t type, nhi_v1_attr *out)
{
    nhi_rd r;
    nhi_rd_init(&r, attrs.p, attrs.n);
    while (nhi_v1_attr_next(&r, out))
        if (out->type == type)
            return true;
    return false;
}

/* ---- messages ---- */

static unsigned first_message(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now)
{
    bool xauth = nhi_v1_xauth_is(c->attrs);
    if (c->type == NHI_V1_CFG_REQUEST)
        return (xauth ? nhi_v1_xauth_asked : nhi_v1_modecfg_asked)(x, c, now);
    if (c->type == NHI_V1_CFG_SET)
        return (xauth ? nhi_v1_xauth_status : nhi_v1_modecfg_set)(x, c, now);
    return NHTB_REASON_IKE_STATE;
}

/** The answer to a message of ours: REPLY to REQUEST, ACK to SET. */
static unsigned answer(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    bool asked = x->step == NHI_V1_STEP_XAUTH || x->step == NHI_V1_STEP_PULL;
    if (c->type != (asked ? NHI_V1_CFG_REPLY : NHI_V1_CFG_ACK))
        return NHTB_REASON_IKE_STATE;
    switch (x->step) {
    case NHI_V1_STEP_XAUTH: return nhi_v1_xauth_reply(x, c, now);
    case NHI_V1_STEP_PULL: return nhi_v1_modecfg_reply(x, c, now);
    case NHI_V1_STEP_STATUS:
        nhi_v1_x_done(x, now);
        nhi_v1_xauth_acked(sa, now);
        return NHTB_REASON_NONE;
    default:
        nhi_v1_x_done(x, now);
        sa->v1->conf->config_due = false;
        if (sa->state == NHI_SA_V1_CONFIG)
            nhi_v1_conf_next(sa, now);
        return NHTB_REASON_NONE;
    }
}

unsigned nhi_v1_trans_recv(nhi_v1_x *x, const nhi_v1_msg *m, nhtb_time now)
{
    const nhi_v1_pl *p = nhi_v1_msg_get(m, NHI_V1_ATTR, 0);
    nhi_v1_cfg c;
    if (!p || !nhi_v1_cfg_read(&c, p->body))
        return NHTB_REASON_IKE_MALFORMED;
    if (!x->sa->peer || !nhi_v1_conf_get(x->sa))
        return NHTB_REASON_MEMORY;
    if (x->initiator)
        return answer(x, &c, now);
    x->id = c.id;
    return first_message(x, &c, now);
}

/* ---- questions to the host ---- */

int nhi_v1_conf_ask(nhi_v1_x *x, nhtb_detail what, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    nhi_ike *ike = sa->ike;
    nhi_ike_act *a = nhi_ike_act_add(ike, NHI_ACT_ASK, false);
    if (!a)
        return NHTB_ERR_MEMORY;
    if (!++ike->next_question)
        ike->next_question = 1;
    sa->v1->conf->question = ike->next_question;
    sa->v1->conf->mid = x->mid;
    x->state = NHI_V1_X_BUSY;
    a->path = a->event.path = sa->path;
    a->peer = a->event.peer = sa->peer_id;
    a->event.size = (uint32_t)sizeof a->event;
    a->event.kind = NHTB_EVENT_QUESTION;
    a->event.detail = (uint16_t)what;
    a->event.time = now;
    a->event.count = 1;
    a->event.child = UINT16_MAX;
    a->event.question = sa->v1->conf->question;
    return 0;
}

static nhi_ike_sa *asker(nhi_ike *ike, uint32_t question)
{
    NHI_LIST_FOR(it, &ike->sas)
    {
        nhi_ike_sa *sa = NHI_CONTAINER(it, nhi_ike_sa, link);
        if (question && sa->v1 && sa->v1->conf && sa->v1->conf->question == question)
            return sa;
    }
    return NULL;
}

int nhi_ike_question(nhi_ike *ike, uint32_t question, nhtb_span *user, nhtb_span *password)
{
    nhi_ike_sa *sa = asker(ike, question);
    if (!sa)
        return NHTB_ERR_STALE;
    const struct nhi_v1_conf *k = sa->v1->conf;
    *user = k->user ? (nhtb_span){k->user->p, k->user->n} : (nhtb_span){NULL, 0};
    *password = k->password ? (nhtb_span){k->password->p, k->password->n} : (nhtb_span){NULL, 0};
    return 0;
}

int nhi_ike_answer_user(nhi_ike *ike, uint32_t question, const nhtb_reply *r, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_sa *sa = asker(ike, question);
    if (!sa)
        return NHTB_ERR_STALE;
    struct nhi_v1_conf *k = sa->v1->conf;
    nhi_v1_x *x = nhi_v1_x_find(sa, k->mid);
    k->question = 0;
    if (nhi_v1_conf_serves(sa)) {
        k->address = r->address;
        nhi_v1_xauth_judged(sa, r->accept, now);
        return 0;
    }
    if (!x || !r->user.n || r->user.n > NHI_V1_SECRET_MAX || r->password.n > NHI_V1_SECRET_MAX) {
        nhi_v1_refuse(sa, NHTB_DETAIL_XAUTH, 0, now);
        return 0;
    }
    int err = nhi_v1_xauth_tell(x, r->user, r->password, now);
    if (err)
        nhi_v1_conf_broken(sa, err, now);
    return 0;
}
