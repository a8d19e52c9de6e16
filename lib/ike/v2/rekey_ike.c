/* SPDX-License-Identifier: Apache-2.0
 * A new IKE SA from an old one; children move over; both at once is settled by nonces.
 * RFC 7296 1.3.2, 2.8.1, 2.18, 2.25.2. Called by task, recv, nego, child_r. Control thread. */
#include "ike/room.h"

int nhi_ike_rekey_ike_start(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_i;
    int err = nhi_ike_nego_begin(x, sa, NHI_TASK_REKEY_IKE, false);
    if (err)
        return err;
    x->fresh = nhi_ike_sa_new(sa->ike, true, now, &err);
    if (x->fresh)
        x->fresh->successor = true;
    return x->fresh ? nhi_ike_nego_make(x, sa->suite.ke) : err;
}

static void offer(nhi_ike_sa *sa)
{
    uint8_t spi[8];
    nhi_put64(spi, sa->x_i.fresh->spi_i);
    nhi_propose_offer(&sa->ike->offer, NHTB_PROTO_IKE, sa->peer->cfg.proposals,
                      sa->peer->cfg.n_proposals, spi, 8, false);
}

static void build(nhi_ike_builder *b, const nhi_ike_sa_pl *pl, const nhi_ike_nego *x, uint16_t ke)
{
    nhi_ike_build_begin(b, NHI_PL_SA);
    nhi_ike_sa_write(&b->w, pl);
    nhi_ike_build_end(b);
    nhi_ike_build_payload(b, NHI_PL_NONCE, (nhtb_span){x->ours, sizeof x->ours});
    nhi_ike_build_ke(b, ke, nhi_ike_nego_pub(x));
}

void nhi_ike_rekey_ike_made(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_send_inner(sa->ike, &b);
    offer(sa);
    build(&b, &sa->ike->offer, &sa->x_i, sa->x_i.ke);
    if (nhi_ike_send_request(sa, NHI_EX_CREATE_CHILD, &b, now))
        nhi_ike_task_failed(sa, NHI_N_TEMPORARY_FAILURE, NHTB_DETAIL_MEMORY, now);
}

static bool other_group(nhi_ike_sa *sa, const nhi_ike_msg *m)
{
    nhi_ike_nego *x = &sa->x_i;
    nhi_ike_notify n;
    if (!nhi_ike_find_notify(m, NHI_N_INVALID_KE_PAYLOAD, &n) || n.data.n != 2 || x->tries++ > 2)
        return false;
    uint16_t group = nhi_get16(n.data.p);
    offer(sa);
    if (group == x->ke || !nhi_propose_has_ke(&sa->ike->offer, group))
        return false;
    sa->ike->count.invalid_ke++;
    return nhi_ike_nego_make(x, group) == 0;
}

static bool acceptable(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_span *ke)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_nego *x = &sa->x_i;
    const nhi_ike_pl *p = nhi_ike_msg_get(m, NHI_PL_SA, 0), *kp = nhi_ike_msg_get(m, NHI_PL_KE, 0);
    uint16_t method;
    offer(sa);
    return p && kp && nhi_ike_sa_read(&ike->answer, p->body) &&
           nhi_propose_accept(&x->suite, NHTB_PROTO_IKE, &ike->offer, &ike->answer) &&
           x->suite.ike_spi && nhi_ike_ke_read(kp->body, &method, ke) && method == x->ke &&
           method == x->suite.ke && ke->n == nhi_ke_public_len(method) &&
           nhi_ike_nego_theirs(x, m, x->suite.prf);
}

void nhi_ike_rekey_ike_done(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike_notify n;
    nhtb_span ke;
    uint16_t code = nhi_ike_find_error(m, &n);
    if (code == NHI_N_INVALID_KE_PAYLOAD && other_group(sa, m))
        return;
    if (code)
        nhi_ike_task_failed(sa, code, nhi_ike_error_detail(code), now);
    else if (!acceptable(sa, m, &ke)) /* the peer has a successor that we refuse: start over */
        nhi_ike_sa_delete(sa, NHTB_DETAIL_MALFORMED, now);
    else if (nhi_ike_nego_shared(&sa->x_i, ke))
        nhi_ike_sa_delete(sa, NHTB_DETAIL_MEMORY, now);
}

static int derive(nhi_ike_sa *old, nhi_ike_sa *fresh, const nhi_ike_nego *x, nhtb_span secret)
{
    nhi_ike *ike = old->ike;
    fresh->suite = x->suite;
    int err = nhi_keymat_ike(ike->env.crypto, &fresh->suite, nhi_ike_nego_ni(x), nhi_ike_nego_nr(x),
                             secret, fresh->spi_i, fresh->spi_r, &old->keys.d, old->suite.prf,
                             &fresh->keys);
    if (!err)
        err = nhi_sk_make(&fresh->sk, ike->mem, ike->env.crypto, &fresh->suite, &fresh->keys,
                          fresh->initiator, ike->env.settings->workers + 1u);
    if (!err)
        nhi_ike_keylog_sa(fresh);
    nhi_wipe(fresh->keys.ei, sizeof fresh->keys.ei);
    nhi_wipe(fresh->keys.er, sizeof fresh->keys.er);
    fresh->have_keys = !err;
    return err;
}

/** The successor inherits who, where and how; identifiers and window start anew. */
static void inherit(const nhi_ike_sa *old, nhi_ike_sa *fresh, const nhi_ike_nego *x, nhtb_time now)
{
    fresh->path = old->path;
    fresh->kind = old->kind;
    fresh->nat_local = old->nat_local;
    fresh->nat_remote = old->nat_remote;
    fresh->encap = old->encap;
    fresh->libnhtb = old->libnhtb;
    fresh->frag = old->frag;
    fresh->remote_id_type = old->remote_id_type;
    fresh->remote_id_n = old->remote_id_n;
    memcpy(fresh->remote_id, old->remote_id, sizeof fresh->remote_id);
    nhi_ike_collide_keep(x, fresh->nonce, &fresh->nonce_n);
    nhi_ike_sa_attach(fresh, old->peer);
    nhi_ike_sa_up(fresh, true, now);
}

/* The creator of the successor deletes what was replaced. While it still repeats its request, the
 * answer was lost and it uses the old SA: a delete by us would end its tunnels. */
static nhtb_time orphan_ns(const nhi_ike *ike)
{
    return (nhtb_time)ike->env.settings->retransmit_total_s * NHTB_NS_PER_S + NHI_IKE_ORPHAN_NS;
}

void nhi_ike_rekey_ike_move(nhi_ike_sa *from, nhi_ike_sa *to, nhtb_time now)
{
    nhi_ike *ike = from->ike;
    NHI_LIST_FOR_SAFE(it, nx, &from->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        if (c->state != NHI_CHILD_LARVAL)
            nhi_ike_child_move(c, to);
    }
    to->want_create |= from->want_create;
    from->want_create = 0;
    from->want = 0;
    from->rival = NULL;
    nhi_timer *v[] = {&from->t_rekey, &from->t_expire, &from->t_liveness, &from->t_keepalive,
                      &from->t_task};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
        nhi_wheel_cancel(ike->env.wheel, v[i]);
    nhi_ike_sa_set_state(from, NHI_SA_REKEYED);
    nhi_wheel_arm(ike->env.wheel, &from->t_linger, now + orphan_ns(ike));
    ike->count.rekeyed++;
    nhi_ike_act_event(ike, NHTB_EVENT_IKE_REKEYED, NHTB_DETAIL_NONE, 0, to->peer_id, UINT16_MAX,
                      &to->path, now);
}

bool nhi_ike_rekey_ike_yield(nhi_ike_sa *sa, nhtb_time now)
{
    if (sa->state != NHI_SA_UP || !sa->rival || sa->rival->state != NHI_SA_UP)
        return false;
    nhi_ike_task_stop(sa);
    nhi_ike_rekey_ike_move(sa, sa->rival, now);
    return true;
}

/** A successor that lost: no children, its creator deletes it; a timer when it does not. */
static void retire(nhi_ike_sa *sa, nhtb_time now)
{
    sa->t_linger.due = NHTB_NEVER;
    nhi_ike_sa_set_state(sa, NHI_SA_REKEYED);
    nhi_wheel_cancel(sa->ike->env.wheel, &sa->t_rekey);
    nhi_wheel_cancel(sa->ike->env.wheel, &sa->t_expire);
    nhi_wheel_cancel(sa->ike->env.wheel, &sa->t_liveness);
    nhi_wheel_cancel(sa->ike->env.wheel, &sa->t_keepalive);
    nhi_wheel_arm(sa->ike->env.wheel, &sa->t_linger, now + NHI_IKE_ORPHAN_NS);
}

void nhi_ike_rekey_ike_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_i;
    nhi_ike_sa *fresh = x->fresh, *rival = sa->rival;
    if (!fresh) {
        nhi_ike_sa_delete(sa, NHTB_DETAIL_INTERNAL, now);
        return;
    }
    fresh->spi_r = x->suite.ike_spi;
    if (derive(sa, fresh, x, secret)) {
        nhi_ike_sa_delete(sa, NHTB_DETAIL_CRYPTO, now);
        return;
    }
    inherit(sa, fresh, x, now);
    x->fresh = NULL;
    nhi_ike_task_end(sa);
    if (rival && rival->state == NHI_SA_UP &&
        nhi_ike_collide_cmp(fresh->nonce, fresh->nonce_n, rival->nonce, rival->nonce_n) < 0) {
        nhi_ike_rekey_ike_move(sa, rival, now); /* the peer deletes the old one */
        nhi_ike_sa_delete(fresh, NHTB_DETAIL_REPLACED, now);
        nhi_ike_task_pump(rival, now);
        return;
    }
    nhi_ike_rekey_ike_move(sa, fresh, now);
    if (rival && rival->state == NHI_SA_UP)
        retire(rival, now);
    nhi_ike_sa_delete(sa, NHTB_DETAIL_REPLACED, now);
    nhi_ike_task_pump(fresh, now);
}

/* ---- responder ---- */

static void refuse(nhi_ike_sa *sa, uint16_t notify, nhtb_span data, nhtb_time now)
{
    nhi_ike_nego_end(&sa->x_r);
    nhi_ike_send_notify(sa, notify, data, now);
}

static bool child_busy(const nhi_ike_sa *sa)
{
    return sa->task == NHI_TASK_CREATE || sa->task == NHI_TASK_REKEY_CHILD ||
           sa->task == NHI_TASK_DELETE_CHILD;
}

/** 0, or the notify to answer; room->offer holds the request's SA payload. */
static uint16_t choose(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_span *ke)
{
    nhi_ike_nego *x = &sa->x_r;
    const nhtb_peer *cfg = &sa->peer->cfg;
    const nhi_ike_pl *kp = nhi_ike_msg_get(m, NHI_PL_KE, 0);
    uint16_t method;
    if (!kp || !nhi_ike_ke_read(kp->body, &method, ke))
        return NHI_N_INVALID_SYNTAX;
    if (!nhi_propose_choose(&x->suite, NHTB_PROTO_IKE, cfg->proposals, cfg->n_proposals,
                            &sa->ike->offer, method, false) ||
        !x->suite.ike_spi)
        return NHI_N_NO_PROPOSAL_CHOSEN;
    if (x->suite.ke != method)
        return NHI_N_INVALID_KE_PAYLOAD;
    if (ke->n != nhi_ke_public_len(method) || !nhi_ike_nego_theirs(x, m, x->suite.prf))
        return NHI_N_INVALID_SYNTAX;
    return 0;
}

void nhi_ike_rekey_ike_r(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_r;
    nhtb_span ke, none = {NULL, 0};
    uint8_t want[2];
    int err = 0;
    if (child_busy(sa) || sa->rival || nhi_ike_nego_begin(x, sa, NHI_TASK_REKEY_IKE, true)) {
        refuse(sa, NHI_N_TEMPORARY_FAILURE, none, now); /* 2.25.2 */
        return;
    }
    uint16_t notify = choose(sa, m, &ke);
    nhi_put16(want, x->suite.ke);
    if (notify) {
        refuse(sa, notify, notify == NHI_N_INVALID_KE_PAYLOAD ? (nhtb_span){want, 2} : none, now);
        if (notify == NHI_N_INVALID_SYNTAX)
            nhi_ike_sa_end(sa, NHTB_DETAIL_MALFORMED, 0, true, now);
        return;
    }
    x->fresh = nhi_ike_sa_new(sa->ike, false, now, &err);
    if (x->fresh)
        x->fresh->successor = true;
    x->peer_ke = nhi_ike_buf_new(sa->ike, ke.n);
    if (x->peer_ke)
        memcpy(x->peer_ke->p, ke.p, ke.n);
    if (!x->fresh || !x->peer_ke || nhi_ike_nego_make(x, x->suite.ke))
        refuse(sa, NHI_N_TEMPORARY_FAILURE, none, now);
}

void nhi_ike_rekey_ike_r_made(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_r;
    if (nhi_ike_nego_shared(x, (nhtb_span){x->peer_ke->p, x->peer_ke->n}))
        refuse(sa, NHI_N_TEMPORARY_FAILURE, (nhtb_span){NULL, 0}, now);
}

void nhi_ike_rekey_ike_r_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_r;
    nhi_ike_sa *fresh = x->fresh;
    nhi_ike_builder b;
    uint8_t spi[8];
    if (!fresh) {
        refuse(sa, NHI_N_TEMPORARY_FAILURE, (nhtb_span){NULL, 0}, now);
        return;
    }
    fresh->spi_i = x->suite.ike_spi;
    if (derive(sa, fresh, x, secret)) {
        refuse(sa, NHI_N_TEMPORARY_FAILURE, (nhtb_span){NULL, 0}, now);
        return;
    }
    nhi_put64(spi, fresh->spi_r);
    nhi_propose_answer(&sa->ike->answer, NHTB_PROTO_IKE, &x->suite, spi, 8);
    nhi_ike_send_inner(sa->ike, &b);
    build(&b, &sa->ike->answer, x, x->suite.ke);
    if (nhi_ike_send_response(sa, &b, now)) {
        nhi_ike_nego_end(x);
        return;
    }
    inherit(sa, fresh, x, now);
    x->fresh = NULL;
    nhi_ike_nego_end(x);
    bool out = sa->out.busy || sa->x_i.suite.ike_spi; /* asked, or answered already */
    if (sa->task == NHI_TASK_REKEY_IKE && out) {
        sa->rival = fresh; /* both at once: the end of our own exchange decides */
        sa->ike->count.collisions++;
        return;
    }
    if (sa->task == NHI_TASK_REKEY_IKE)
        nhi_ike_task_end(sa);
    nhi_ike_rekey_ike_move(sa, fresh, now);
    nhi_ike_task_pump(fresh, now);
}
