/* SPDX-License-Identifier: Apache-2.0
 * A child SA pair as responder, and the demux of CREATE_CHILD_SA requests: new child, child rekey,
 * IKE rekey. RFC 7296 1.3, 2.7, 2.9, 2.25. Called by auth_r, recv, nego. Control thread. */
#include "ike/room.h"

static bool read_ts(const nhi_ike_msg *m, uint8_t type, nhi_ts_list *out)
{
    const nhi_ike_pl *p = nhi_ike_msg_get(m, type, 0);
    size_t n = 0;
    if (!p || !nhi_ike_ts_read(p->body, out->v, NHI_TS_MAX, &n) || !n)
        return false;
    out->n = (uint16_t)(n < NHI_TS_MAX ? n : NHI_TS_MAX); /* more than we keep: narrowed */
    return true;
}

typedef struct match {
    int score; /* -1: does not fit */
    nhi_ts_list local, remote;
} match;

/** A configuration whose selectors overlap; best when it takes all that was asked, is exactly it, and
 *  is not up yet. */
static void try_match(const nhi_ike_peer *p, uint16_t i, const nhi_ts_list *tsi,
                      const nhi_ts_list *tsr, match *out)
{
    const nhtb_child *k = &p->cfg.children[i];
    nhi_ts_list local, remote;
    bool cut_l, cut_r;
    nhi_ts_from_config(&local, k->local_ts, k->n_local_ts);
    nhi_ts_from_config(&remote, k->remote_ts, k->n_remote_ts);
    out->score = -1;
    if (!nhi_ts_narrow(&out->local, tsr->v, tsr->n, local.v, local.n, &cut_l) ||
        !nhi_ts_narrow(&out->remote, tsi->v, tsi->n, remote.v, remote.n, &cut_r))
        return;
    bool exact = nhi_ts_within(&local, &out->local) && nhi_ts_within(&remote, &out->remote);
    out->score = (nhi_ike_child_live(p, i, NULL) ? 0 : 4) + (cut_l || cut_r ? 0 : 2) + exact;
}

static bool find_config(const nhi_ike_nego *x, const nhi_ts_list *tsi, const nhi_ts_list *tsr,
                        match *best, uint16_t *cfg)
{
    const nhi_ike_peer *p = x->sa->peer;
    match m;
    best->score = -1;
    for (uint16_t i = 0; i < p->cfg.n_children; i++) {
        if (x->old && x->old->cfg != i)
            continue;
        try_match(p, i, tsi, tsr, &m);
        if (m.score > best->score) {
            *best = m;
            *cfg = i;
        }
    }
    return best->score >= 0;
}

uint16_t nhi_ike_child_r_choose(nhi_ike_nego *x, const nhi_ike_msg *m, bool in_auth)
{
    nhi_ike *ike = x->sa->ike;
    nhi_ts_list tsi, tsr;
    match fit;
    uint16_t cfg = 0, method = 0;
    nhtb_span ke;
    int err = 0;
    const nhi_ike_pl *kp = nhi_ike_msg_get(m, NHI_PL_KE, 0);
    if (!read_ts(m, NHI_PL_TSI, &tsi) || !read_ts(m, NHI_PL_TSR, &tsr) ||
        !nhi_ike_sa_read(&ike->offer, nhi_ike_msg_get(m, NHI_PL_SA, 0)->body) ||
        (kp && !nhi_ike_ke_read(kp->body, &method, &ke)))
        return NHI_N_INVALID_SYNTAX;
    if (!find_config(x, &tsi, &tsr, &fit, &cfg))
        return NHI_N_TS_UNACCEPTABLE;
    const nhtb_child *k = &x->sa->peer->cfg.children[cfg];
    if (!nhi_propose_choose(&x->suite, NHTB_PROTO_ESP, k->proposals, k->n_proposals, &ike->offer,
                            method, in_auth) ||
        !x->suite.spi) {
        nhi_propose_offer(&ike->answer, NHTB_PROTO_ESP, k->proposals, k->n_proposals, NULL, 0,
                          in_auth);
        nhi_ike_explain_offers(x->sa->peer, NHTB_PROTO_ESP, &ike->answer, &ike->offer);
        return NHI_N_NO_PROPOSAL_CHOSEN;
    }
    x->cfg = cfg;
    x->child = nhi_ike_child_new(x->sa, cfg, &err);
    if (!x->child)
        return err == NHTB_ERR_LIMIT ? NHI_N_NO_ADDITIONAL_SAS : NHI_N_TEMPORARY_FAILURE;
    x->child->local = fit.local;
    x->child->remote = fit.remote;
    x->child->spi_out = x->suite.spi;
    return 0;
}

static void write_ts(nhi_ike_builder *b, uint8_t type, const nhi_ts_list *ts)
{
    nhi_ike_build_begin(b, type);
    nhi_ike_ts_write(&b->w, ts->v, ts->n);
    nhi_ike_build_end(b);
}

void nhi_ike_child_r_answer(nhi_ike_nego *x, nhi_ike_builder *b, bool in_auth)
{
    nhi_ike *ike = x->sa->ike;
    uint8_t spi[4];
    nhi_put32(spi, x->child->spi_in);
    nhi_propose_answer(&ike->answer, NHTB_PROTO_ESP, &x->suite, spi, 4);
    nhi_ike_build_begin(b, NHI_PL_SA);
    nhi_ike_sa_write(&b->w, &ike->answer);
    nhi_ike_build_end(b);
    if (!in_auth)
        nhi_ike_build_payload(b, NHI_PL_NONCE, (nhtb_span){x->ours, sizeof x->ours});
    if (!in_auth && x->suite.ke)
        nhi_ike_build_ke(b, x->suite.ke, nhi_ike_nego_pub(x));
    write_ts(b, NHI_PL_TSI, &x->child->remote);
    write_ts(b, NHI_PL_TSR, &x->child->local);
    nhi_ike_nhtb_write(x, b);
}

/* ---- CREATE_CHILD_SA ---- */

static void refuse(nhi_ike_sa *sa, uint16_t notify, nhtb_span data, nhtb_time now)
{
    nhi_ike_nego_end(&sa->x_r);
    nhi_ike_send_notify(sa, notify, data, now);
}

static void finish(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_nego *x = &sa->x_r;
    nhi_ike_child *c = x->child;
    nhi_ike_send_inner(sa->ike, &b);
    nhi_ike_child_r_answer(x, &b, false);
    if (nhi_ike_send_response(sa, &b, now)) {
        nhi_ike_nego_end(x); /* the retransmitted request starts afresh */
        return;
    }
    x->child = NULL;
    if (nhi_ike_child_install(c, x, secret, !x->old, now)) {
        nhi_ike_peer_child_failed(sa, c->cfg, NHTB_DETAIL_MEMORY, 0, now);
        nhi_ike_child_delete(c);
    } else {
        x->child = c;
        nhi_ike_nhtb_learn(x);
        x->child = NULL;
        if (x->kind == NHI_TASK_REKEY_CHILD)
            nhi_ike_rekey_child_r(sa, c, now);
        else
            nhi_ike_collide_children(c);
    }
    nhi_ike_nego_end(x);
}

static void start_key_exchange(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_r;
    const nhi_ike_pl *p = nhi_ike_msg_get(m, NHI_PL_KE, 0);
    uint16_t method = 0;
    nhtb_span ke = {NULL, 0};
    uint8_t want[2];
    nhi_put16(want, x->suite.ke);
    if (!p || !nhi_ike_ke_read(p->body, &method, &ke) || method != x->suite.ke) {
        sa->ike->count.invalid_ke++;
        refuse(sa, NHI_N_INVALID_KE_PAYLOAD, (nhtb_span){want, 2}, now);
        return;
    }
    x->peer_ke = ke.n == nhi_ke_public_len(method) ? nhi_ike_buf_new(sa->ike, ke.n) : NULL;
    if (!x->peer_ke) {
        refuse(sa, NHI_N_TEMPORARY_FAILURE, (nhtb_span){NULL, 0}, now);
        return;
    }
    memcpy(x->peer_ke->p, ke.p, ke.n);
    if (nhi_ike_nego_make(x, method))
        refuse(sa, NHI_N_TEMPORARY_FAILURE, (nhtb_span){NULL, 0}, now);
}

void nhi_ike_child_r_made(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_r;
    if (nhi_ike_nego_shared(x, (nhtb_span){x->peer_ke->p, x->peer_ke->n}))
        refuse(sa, NHI_N_TEMPORARY_FAILURE, (nhtb_span){NULL, 0}, now);
}

void nhi_ike_child_r_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now)
{
    finish(sa, secret, now);
}

/** The pair a REKEY_SA names, or the notify to answer (2.25.1). */
static uint16_t find_old(nhi_ike_sa *sa, const nhi_ike_notify *n, nhi_ike_child **old)
{
    nhi_ike_child *c = n->protocol == NHTB_PROTO_ESP && n->spi.n == 4
                           ? nhi_ike_child_by_out(sa, nhi_get32(n->spi.p))
                           : NULL;
    if (!c || c->state == NHI_CHILD_OVERLAP)
        return NHI_N_CHILD_SA_NOT_FOUND;
    if (c->state != NHI_CHILD_UP)
        return NHI_N_TEMPORARY_FAILURE; /* being deleted, or replaced already */
    if (sa->task == NHI_TASK_REKEY_CHILD && sa->x_i.old == c && !sa->out.busy)
        nhi_ike_task_end(sa); /* our request is not out yet: let the peer's be the one */
    *old = c;
    return 0;
}

static void new_child(nhi_ike_sa *sa, const nhi_ike_msg *m, nhi_ike_child *old, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_r;
    nhtb_span none = {NULL, 0};
    if (nhi_ike_nego_begin(x, sa, old ? NHI_TASK_REKEY_CHILD : NHI_TASK_CREATE, true)) {
        refuse(sa, NHI_N_TEMPORARY_FAILURE, none, now);
        return;
    }
    x->old = old;
    uint16_t notify = nhi_ike_nego_theirs(x, m, sa->suite.prf) ? nhi_ike_child_r_choose(x, m, false)
                                                               : NHI_N_INVALID_SYNTAX;
    if (notify) {
        refuse(sa, notify, none, now);
        if (notify == NHI_N_INVALID_SYNTAX) /* 2.21.3: fatal on both sides */
            nhi_ike_sa_end(sa, NHTB_DETAIL_MALFORMED, 0, true, now);
        return;
    }
    nhi_ike_nhtb_read(x, m);
    if (x->suite.ke)
        start_key_exchange(sa, m, now);
    else
        finish(sa, none, now);
}

void nhi_ike_create_r(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_notify n;
    nhi_ike_child *old = NULL;
    nhtb_span none = {NULL, 0};
    if (!nhi_ike_sa_read(&ike->offer, nhi_ike_msg_get(m, NHI_PL_SA, 0)->body) || !ike->offer.n) {
        refuse(sa, NHI_N_INVALID_SYNTAX, none, now);
        nhi_ike_sa_end(sa, NHTB_DETAIL_MALFORMED, 0, true, now);
        return;
    }
    if (sa->state != NHI_SA_UP || !sa->peer || ike->shutting) {
        refuse(sa, NHI_N_TEMPORARY_FAILURE, none, now);
        return;
    }
    if (ike->offer.p[0].protocol == NHTB_PROTO_IKE) {
        nhi_ike_rekey_ike_r(sa, m, now);
        return;
    }
    if (sa->task == NHI_TASK_REKEY_IKE || sa->rival) { /* 2.25.2 */
        refuse(sa, NHI_N_TEMPORARY_FAILURE, none, now);
        return;
    }
    uint16_t notify = 0;
    if (nhi_ike_find_notify(m, NHI_N_REKEY_SA, &n))
        notify = find_old(sa, &n, &old);
    if (notify)
        refuse(sa, notify, none, now);
    else
        new_child(sa, m, old, now);
}
