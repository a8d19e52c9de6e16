/* SPDX-License-Identifier: Apache-2.0
 * Quick mode as initiator: message 1 (after a key pair job with PFS), message 2 taken, message 3.
 * RFC 2409 5.5. Called by quick.c and by the pump. Control thread. */
#include "ike/v1/conf.h"
#include "ike/v1/quick.h"

static int build_ids(nhi_ike_nego *x, nhi_ike_builder *b)
{
    const nhtb_ts *v[2] = {&x->child->local.v[0], &x->child->remote.v[0]};
    for (size_t i = 0; i < 2; i++) {
        nhi_ike_build_begin(b, NHI_V1_ID);
        if (!nhi_v1_id_write_ts(&b->w, v[i]))
            return NHTB_ERR_UNSUPPORTED; /* a range of ports */
        nhi_ike_build_end(b);
    }
    return 0;
}

static int send_first(nhi_v1_x *x, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_nego *g = &x->nego;
    nhi_v1_policy2 own = nhi_v1_quick_policy(x->sa, g->cfg);
    own.ke = g->ke;
    own.spi = g->child->spi_in;
    nhi_v1_send_inner(x->sa->ike, &b);
    nhi_ike_build_begin(&b, NHI_V1_SA);
    if (!nhi_v1_propose2_offer(&b.w, &own))
        return NHTB_ERR_UNSUPPORTED;
    nhi_ike_build_end(&b);
    nhi_ike_build_payload(&b, NHI_V1_NONCE, (nhtb_span){g->ours, sizeof g->ours});
    if (g->ke)
        nhi_ike_build_payload(&b, NHI_V1_KE, nhi_ike_nego_pub(g));
    int err = build_ids(g, &b);
    if (err)
        return err;
    nhi_v1_announce_write(x, &b);
    x->state = NHI_V1_X_WAIT;
    return nhi_v1_send(x, &b, NHI_V1_AWAIT, now);
}

/** Pair and selectors of what is asked for. */
static int prepare(nhi_v1_x *x, uint16_t cfg, nhi_ike_child *old)
{
    nhi_ike_nego *g = &x->nego;
    int err = nhi_ike_nego_begin(g, x->sa, old ? NHI_TASK_REKEY_CHILD : NHI_TASK_CREATE, false);
    if (err)
        return err;
    g->cfg = cfg;
    x->replaces = old ? old->spi_in : 0;
    g->child = nhi_ike_child_new(x->sa, cfg, &err);
    if (!g->child)
        return err;
    if (old) { /* what the peer agreed to, which may be less than configured */
        g->child->local = old->local;
        g->child->remote = old->remote;
        return 0;
    }
    g->child->local.n = g->child->remote.n = 1;
    return nhi_v1_quick_ids(x->sa->peer, cfg, &g->child->local.v[0], &g->child->remote.v[0])
               ? 0
               : NHTB_ERR_UNSUPPORTED;
}

int nhi_v1_quick_start(nhi_ike_sa *sa, uint16_t cfg, nhi_ike_child *old, nhtb_time now)
{
    int err = 0;
    nhi_v1_x *x = nhi_v1_x_new(sa, NHI_V1_EX_QUICK, now, &err);
    if (!x)
        return err;
    nhi_v1_quick_begin(x);
    err = prepare(x, cfg, old);
    const nhtb_proposal *p = &sa->peer->cfg.children[cfg].proposals[0];
    if (!err && p->n_ke) {
        x->state = NHI_V1_X_BUSY;
        err = nhi_ike_nego_make(&x->nego, p->ke[0]);
    } else if (!err) {
        err = send_first(x, now);
    }
    if (err)
        nhi_v1_x_kill(x);
    return err;
}

static void broken(nhi_v1_x *x, int err, nhtb_time now)
{
    nhtb_detail d = err == NHTB_ERR_MEMORY   ? NHTB_DETAIL_MEMORY
                    : err == NHTB_ERR_RANDOM ? NHTB_DETAIL_RANDOM
                                             : NHTB_DETAIL_CRYPTO;
    nhi_v1_quick_failed(x, d, 0, now);
    nhi_v1_x_kill(x);
}

void nhi_v1_quick_i_made(nhi_v1_x *x, nhtb_time now)
{
    int err = send_first(x, now);
    if (err)
        broken(x, err, now);
}

/** RESPONDER-LIFETIME (RFC 2407 4.6.3.1): the responder takes less than the transform says. */
static void read_lifetimes(nhi_ike_child *c, const nhi_v1_msg *m)
{
    const nhi_v1_pl *p;
    nhi_v1_notify n;
    uint64_t s, kb;
    for (size_t k = 0; (p = nhi_v1_msg_get(m, NHI_V1_NOTIFY, k)); k++)
        if (nhi_v1_notify_read(&n, p->body) && n.type == NHI_V1_N_RESPONDER_LIFETIME &&
            nhi_v1_lifetimes_read(n.data, &s, &kb))
            nhi_v1_quick_lives(c, s, kb);
}

static bool same(const nhtb_ts *a, const nhtb_ts *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/** The responder repeats our identities; some leave them out, which means agreement just as well when
 *  SA and KE fit. One that is narrower is taken, one that is wider is not. */
static bool selectors_fit(nhi_ike_child *c, const nhi_v1_msg *m)
{
    nhi_ts_list l = {.n = 1}, r = {.n = 1};
    if (nhi_v1_msg_count(m, NHI_V1_ID) == 0)
        return true;
    if (!nhi_v1_quick_selectors(c->sa, m, &l.v[0], &r.v[0]))
        return false;
    if (same(&l.v[0], &c->local.v[0]) && same(&r.v[0], &c->remote.v[0]))
        return true;
    if (!nhi_ts_within(&l, &c->local) || !nhi_ts_within(&r, &c->remote))
        return false;
    c->local = l;
    c->remote = r;
    return true;
}

/** NONE, or why message 2 is no answer to our message 1. */
static nhtb_detail take_answer(nhi_v1_x *x, const nhi_v1_msg *m)
{
    nhi_ike_nego *g = &x->nego;
    const nhi_v1_pl *sa = nhi_v1_msg_get(m, NHI_V1_SA, 0), *ke = nhi_v1_msg_get(m, NHI_V1_KE, 0);
    nhi_v1_policy2 own = nhi_v1_quick_policy(x->sa, g->cfg);
    nhi_v1_sa_pl answer;
    nhi_v1_phase2 got;
    own.ke = g->ke;
    own.ke_len = g->ke ? nhi_ke_public_len(g->ke) : 0;
    if (!sa || !nhi_v1_sa_read(&answer, sa->body) || !nhi_v1_quick_theirs(g, m) ||
        (ke != NULL) != (g->ke != 0) || (ke && ke->body.n != own.ke_len))
        return NHTB_DETAIL_MALFORMED;
    if (!nhi_v1_propose2_accept(&got, &own, &answer))
        return NHTB_DETAIL_NO_PROPOSAL;
    if (!selectors_fit(g->child, m))
        return NHTB_DETAIL_NO_SELECTORS;
    g->suite = got.suite;
    g->child->spi_out = got.suite.spi;
    nhi_v1_quick_lives(g->child, got.life_s ? got.life_s : NHI_V1_LIFE_S, got.life_kb);
    read_lifetimes(g->child, m);
    return NHTB_DETAIL_NONE;
}

/** The peer holds its half of a pair we cannot have: it is told, so that it sends nothing there. */
static void undo(nhi_v1_x *x, nhtb_detail d, nhtb_time now)
{
    uint32_t spi = x->nego.child ? x->nego.child->spi_in : 0;
    if (spi)
        (void)nhi_v1_info_delete_child(x->sa, spi, now);
    nhi_v1_quick_failed(x, d, 0, now);
    nhi_v1_x_kill(x);
}

static void finish(nhi_v1_x *x, nhtb_span secret, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_nego *g = &x->nego;
    nhi_ike_child *c = g->child;
    int err = nhi_ike_child_install(c, g, secret, false, now);
    if (err) {
        undo(x, err == NHTB_ERR_MEMORY ? NHTB_DETAIL_MEMORY : NHTB_DETAIL_CRYPTO, now);
        return;
    }
    nhi_ike_nhtb_learn(g);
    nhi_v1_modecfg_bind(c);
    g->child = NULL;
    x->made = c->spi_in;
    nhi_v1_send_inner(x->sa->ike, &b);
    (void)nhi_v1_send(x, &b, NHI_V1_LAST, now); /* unsent: ESP on the pair says as much */
    nhi_v1_quick_settle(x, c, now);
    nhi_v1_x_done(x, now);
}

unsigned nhi_v1_quick_i_recv(nhi_v1_x *x, const nhi_v1_msg *m, nhtb_time now)
{
    nhi_ike_nego *g = &x->nego;
    if (!g->child)
        return NHTB_REASON_IKE_STATE; /* message 4: CONNECTED of a commit bit we never set */
    nhtb_detail d = take_answer(x, m);
    if (d != NHTB_DETAIL_NONE) {
        undo(x, d, now);
        return d == NHTB_DETAIL_MALFORMED ? NHTB_REASON_IKE_MALFORMED : NHTB_REASON_NONE;
    }
    nhi_v1_announce_read(x, m);
    if (!g->ke) {
        finish(x, (nhtb_span){NULL, 0}, now);
        return NHTB_REASON_NONE;
    }
    x->state = NHI_V1_X_BUSY;
    nhtb_span ke = nhi_v1_msg_get(m, NHI_V1_KE, 0)->body;
    if (!nhi_v1_quick_ke(g, ke) || nhi_ike_nego_shared(g, ke))
        undo(x, NHTB_DETAIL_MEMORY, now);
    return NHTB_REASON_NONE;
}

void nhi_v1_quick_i_shared(nhi_v1_x *x, nhtb_span secret, nhtb_time now)
{
    finish(x, secret, now);
}
