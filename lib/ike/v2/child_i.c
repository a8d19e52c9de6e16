/* SPDX-License-Identifier: Apache-2.0
 * A child SA pair as initiator: what is offered and what of an answer is taken, in IKE_AUTH and in
 * CREATE_CHILD_SA (new or rekey, with a key exchange when configured). RFC 7296 1.2, 1.3, 2.9, 2.17.
 * Called by auth_i, task, nego, recv. Control thread. */
#include "ike/room.h"

static void offer(const nhi_ike_nego *x, bool in_auth)
{
    const nhtb_child *cfg = nhi_ike_child_cfg(x->child);
    uint8_t spi[4];
    nhi_put32(spi, x->child->spi_in);
    nhi_propose_offer(&x->sa->ike->offer, NHTB_PROTO_ESP, cfg->proposals, cfg->n_proposals, spi, 4,
                      in_auth);
}

static void write_ts(nhi_ike_builder *b, uint8_t type, const nhi_ts_list *ts)
{
    nhi_ike_build_begin(b, type);
    nhi_ike_ts_write(&b->w, ts->v, ts->n);
    nhi_ike_build_end(b);
}

void nhi_ike_child_i_offer(nhi_ike_nego *x, nhi_ike_builder *b, bool in_auth)
{
    const nhtb_child *cfg = nhi_ike_child_cfg(x->child);
    nhi_ts_list local, remote;
    offer(x, in_auth);
    nhi_ike_build_begin(b, NHI_PL_SA);
    nhi_ike_sa_write(&b->w, &x->sa->ike->offer);
    nhi_ike_build_end(b);
    if (!in_auth)
        nhi_ike_build_payload(b, NHI_PL_NONCE, (nhtb_span){x->ours, sizeof x->ours});
    if (!in_auth && x->ke)
        nhi_ike_build_ke(b, x->ke, nhi_ike_nego_pub(x));
    nhi_ts_from_config(&local, cfg->local_ts, cfg->n_local_ts);
    nhi_ts_from_config(&remote, cfg->remote_ts, cfg->n_remote_ts);
    write_ts(b, NHI_PL_TSI, &local);
    write_ts(b, NHI_PL_TSR, &remote);
    nhi_ike_nhtb_write(x, b);
}

static bool read_ts(const nhi_ike_msg *m, uint8_t type, nhi_ts_list *out)
{
    const nhi_ike_pl *p = nhi_ike_msg_get(m, type, 0);
    size_t n = 0;
    if (!p || !nhi_ike_ts_read(p->body, out->v, NHI_TS_MAX, &n) || !n || n > NHI_TS_MAX)
        return false;
    out->n = (uint16_t)n;
    return true;
}

static bool selectors_fit(nhi_ike_child *c, const nhi_ike_msg *m)
{
    const nhtb_child *cfg = nhi_ike_child_cfg(c);
    nhi_ts_list local, remote;
    nhi_ts_from_config(&local, cfg->local_ts, cfg->n_local_ts);
    nhi_ts_from_config(&remote, cfg->remote_ts, cfg->n_remote_ts);
    return read_ts(m, NHI_PL_TSI, &c->local) && read_ts(m, NHI_PL_TSR, &c->remote) &&
           nhi_ts_within(&c->local, &local) && nhi_ts_within(&c->remote, &remote);
}

static bool key_exchange_fits(nhi_ike_nego *x, const nhi_ike_msg *m)
{
    const nhi_ike_pl *p = nhi_ike_msg_get(m, NHI_PL_KE, 0);
    uint16_t method;
    nhtb_span ke;
    if (!x->suite.ke)
        return !p;
    if (!p || x->suite.ke != x->ke || !nhi_ike_ke_read(p->body, &method, &ke) || method != x->ke ||
        ke.n != nhi_ke_public_len(method))
        return false;
    nhi_ike_buf_drop(x->sa->ike, &x->peer_ke);
    x->peer_ke = nhi_ike_buf_new(x->sa->ike, ke.n);
    if (x->peer_ke)
        memcpy(x->peer_ke->p, ke.p, ke.n);
    return x->peer_ke != NULL;
}

nhtb_detail nhi_ike_child_i_accept(nhi_ike_nego *x, const nhi_ike_msg *m, bool in_auth)
{
    nhi_ike *ike = x->sa->ike;
    const nhi_ike_pl *p = nhi_ike_msg_get(m, NHI_PL_SA, 0);
    offer(x, in_auth);
    if (!p || !nhi_ike_sa_read(&ike->answer, p->body))
        return NHTB_DETAIL_MALFORMED;
    if (!nhi_propose_accept(&x->suite, NHTB_PROTO_ESP, &ike->offer, &ike->answer) || !x->suite.spi)
        return NHTB_DETAIL_NO_PROPOSAL;
    x->child->spi_out = x->suite.spi;
    if (!in_auth && (!nhi_ike_nego_theirs(x, m, x->sa->suite.prf) || !key_exchange_fits(x, m)))
        return NHTB_DETAIL_MALFORMED;
    return selectors_fit(x->child, m) ? NHTB_DETAIL_NONE : NHTB_DETAIL_NO_SELECTORS;
}

/* ---- CREATE_CHILD_SA ---- */

static int send(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_nego *x = &sa->x_i;
    uint8_t spi[4];
    nhi_ike_send_inner(sa->ike, &b);
    if (x->kind == NHI_TASK_REKEY_CHILD) {
        if (!x->old || x->old->state != NHI_CHILD_UP)
            return NHTB_ERR_STATE;
        nhi_put32(spi, x->old->spi_in);
        nhi_ike_build_notify(&b, NHTB_PROTO_ESP, (nhtb_span){spi, 4}, NHI_N_REKEY_SA,
                             (nhtb_span){NULL, 0});
    }
    nhi_ike_child_i_offer(x, &b, false);
    return nhi_ike_send_request(sa, NHI_EX_CREATE_CHILD, &b, now);
}

int nhi_ike_child_i_start(nhi_ike_sa *sa, uint16_t cfg, nhi_ike_child *old, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_i;
    int err = nhi_ike_nego_begin(x, sa, old ? NHI_TASK_REKEY_CHILD : NHI_TASK_CREATE, false);
    if (err)
        return err;
    x->cfg = cfg;
    x->old = old;
    x->child = nhi_ike_child_new(sa, cfg, &err);
    if (!x->child)
        return err;
    const nhtb_proposal *p = &nhi_ike_child_cfg(x->child)->proposals[0];
    return p->n_ke ? nhi_ike_nego_make(x, p->ke[0]) : send(sa, now);
}

void nhi_ike_child_i_made(nhi_ike_sa *sa, nhtb_time now)
{
    if (send(sa, now))
        nhi_ike_task_failed(sa, NHI_N_TEMPORARY_FAILURE, NHTB_DETAIL_MEMORY, now);
}

/** 1.3: the responder wants another group of our offer. */
static bool other_group(nhi_ike_sa *sa, const nhi_ike_msg *m)
{
    nhi_ike_nego *x = &sa->x_i;
    nhi_ike_notify n;
    if (!nhi_ike_find_notify(m, NHI_N_INVALID_KE_PAYLOAD, &n) || n.data.n != 2 || x->tries++ > 2)
        return false;
    uint16_t group = nhi_get16(n.data.p);
    offer(x, false);
    if (group == x->ke || !nhi_propose_has_ke(&sa->ike->offer, group))
        return false;
    sa->ike->count.invalid_ke++;
    return nhi_ike_nego_make(x, group) == 0;
}

/** The peer made its half, we cannot make ours: it must be told. */
static void undo(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now)
{
    nhi_ike_child *c = sa->x_i.child;
    sa->x_i.child = NULL;
    nhi_ike_task_failed(sa, 0, d, now);
    nhi_ike_child_delete(c);
}

static bool deleted_early(const nhi_ike_nego *x)
{
    for (uint8_t i = 0; i < x->n_early; i++)
        if (x->early[i] == x->suite.spi)
            return true;
    return false;
}

static void finish(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_i;
    nhi_ike_child *c = x->child;
    bool rekey = x->kind == NHI_TASK_REKEY_CHILD, gone = deleted_early(x);
    if (rekey && nhi_ike_rekey_child_loses(x)) {
        x->child = NULL;
        nhi_ike_task_end(sa);
        nhi_ike_child_delete(c); /* never used */
        return;
    }
    int err = nhi_ike_child_install(c, x, secret, true, now);
    if (err) {
        undo(sa, err == NHTB_ERR_MEMORY ? NHTB_DETAIL_MEMORY : NHTB_DETAIL_CRYPTO, now);
        return;
    }
    nhi_ike_nhtb_learn(x);
    x->child = NULL;
    sa->create_tries = 0;
    if (rekey)
        nhi_ike_rekey_child_i(sa, c, now);
    else
        nhi_ike_collide_children(c);
    nhi_ike_task_end(sa);
    if (gone) {
        nhi_ike_child_deleted(c, now);
        nhi_ike_peer_retry(sa->peer, now);
    }
}

void nhi_ike_child_i_done(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_i;
    nhi_ike_notify n;
    uint16_t code = nhi_ike_find_error(m, &n);
    if (code == NHI_N_INVALID_KE_PAYLOAD && other_group(sa, m))
        return; /* the same task, with a new key pair */
    if (code) {
        nhi_ike_task_failed(sa, code, nhi_ike_error_detail(code), now);
        return;
    }
    nhi_ike_nhtb_read(x, m);
    nhtb_detail d = nhi_ike_child_i_accept(x, m, false);
    if (d != NHTB_DETAIL_NONE)
        undo(sa, d, now);
    else if (!x->suite.ke)
        finish(sa, (nhtb_span){NULL, 0}, now);
    else if (nhi_ike_nego_shared(x, (nhtb_span){x->peer_ke->p, x->peer_ke->n}))
        undo(sa, NHTB_DETAIL_MEMORY, now);
}

void nhi_ike_child_i_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now)
{
    finish(sa, secret, now);
}
