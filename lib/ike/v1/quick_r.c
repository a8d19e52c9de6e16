/* SPDX-License-Identifier: Apache-2.0
 * Quick mode as responder: message 1 judged, message 2 built (after key jobs with PFS), the pair
 * installed inbound; it is used once message 3 or ESP on it proves that the initiator has it. RFC
 * 2409 5.5. Called by quick.c. Control thread. */
#include "ike/v1/conf.h"
#include "ike/v1/quick.h"

/** What of message 1 is needed until message 2 goes out: the bodies of SA, IDci and IDcr. */
typedef struct answer {
    uint32_t sa_n, idi_n, idr_n; /* idi_n 0: no identities */
    bool shorter;                /* our lifetime is: RESPONDER-LIFETIME */
    uint8_t p[];
} answer;

/** The newest pair for exactly this traffic. */
static nhi_ike_child *pair_for(const nhi_ike_sa *sa, uint16_t cfg, const nhi_ts_list *local,
                               const nhi_ts_list *remote)
{
    nhi_ike_child *best = NULL;
    NHI_LIST_FOR(ct, &sa->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(ct, nhi_ike_child, link);
        if (c->cfg == cfg && c->state == NHI_CHILD_UP && nhi_v1_quick_same(c, local, remote))
            best = c;
    }
    return best;
}

typedef struct match {
    int score; /* -1: does not fit */
    uint16_t cfg;
    nhi_ike_child *old; /* the pair for exactly this traffic */
} match;

/** IKEv1 has no narrowing: what is asked must lie within a configuration. Best is one with exactly
 *  these selectors: a rekey when its pair is up. */
static match try_match(const nhi_ike_sa *sa, uint16_t i, const nhi_ts_list *local,
                       const nhi_ts_list *remote)
{
    const nhtb_child *k = &sa->peer->cfg.children[i];
    match m = {.score = -1, .cfg = i};
    nhi_ts_list l, r;
    nhi_ts_from_config(&l, k->local_ts, k->n_local_ts);
    nhi_ts_from_config(&r, k->remote_ts, k->n_remote_ts);
    if (!nhi_ts_within(local, &l) || !nhi_ts_within(remote, &r))
        return m;
    bool exact = nhi_ts_within(&l, local) && nhi_ts_within(&r, remote);
    m.old = pair_for(sa, i, local, remote);
    m.score = (exact ? 4 : 0) + (m.old ? 2 : 0) + (nhi_ike_child_live(sa->peer, i, NULL) ? 0 : 1);
    return m;
}

static match find_config(const nhi_ike_sa *sa, const nhi_ts_list *local, const nhi_ts_list *remote)
{
    match best = {.score = -1};
    for (uint16_t i = 0; i < sa->peer->cfg.n_children; i++) {
        match m = try_match(sa, i, local, remote);
        if (m.score > best.score)
            best = m;
    }
    return best;
}

static bool is_shorter(const nhi_v1_phase2 *c, const nhi_v1_policy2 *own)
{
    uint64_t s = c->life_s ? c->life_s : NHI_V1_LIFE_S;
    return own->life_s < s || (own->life_kb && (!c->life_kb || own->life_kb < c->life_kb));
}

#define SA_HEADERS 64 /* DOI, situation, proposal with its SPI, transform: 28 */

static int keep_answer(nhi_v1_x *x, const nhi_v1_msg *m, const nhi_v1_phase2 *c)
{
    const nhi_v1_pl *idi = nhi_v1_msg_get(m, NHI_V1_ID, 0), *idr = nhi_v1_msg_get(m, NHI_V1_ID, 1);
    nhtb_span none = {NULL, 0}, i = idi && idr ? idi->body : none, r = i.n ? idr->body : none;
    size_t n = c->pick.transform.attrs.n + SA_HEADERS + i.n + r.n;
    uint8_t spi[4];
    nhi_wr w;
    x->own = nhi_ike_buf_new(x->sa->ike, sizeof(answer) + n);
    if (!x->own)
        return NHTB_ERR_MEMORY;
    answer *a = (answer *)(void *)x->own->p;
    nhi_put32(spi, x->nego.child->spi_in);
    nhi_wr_init(&w, a->p, n);
    nhi_v1_propose_answer(&w, &c->pick, (nhtb_span){spi, sizeof spi});
    a->sa_n = (uint32_t)w.n;
    a->idi_n = (uint32_t)i.n;
    a->idr_n = (uint32_t)r.n;
    nhi_wr_span(&w, i);
    nhi_wr_span(&w, r);
    return w.bad ? NHTB_ERR_INTERNAL : 0;
}

/* ---- message 1 ---- */

/** Refused: the peer is told in an informational exchange, the operator sees why. */
static void refuse(nhi_v1_x *x, uint16_t notify, nhtb_detail d, uint32_t spi, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    uint8_t b[4];
    nhi_put32(b, spi);
    const nhi_ike_fault why = {d, 0, x->nego.cfg, true, "quick mode"};
    nhi_ike_explain_note(sa->peer, &why, now);
    (void)nhi_v1_info_notify(sa, NHI_V1_PROTO_ESP, (nhtb_span){b, spi ? sizeof b : 0}, notify,
                             (nhtb_span){NULL, 0}, now);
    nhi_v1_x_kill(x);
}

/** Message 1 comes again; with more memory, perhaps. */
static unsigned starve(nhi_v1_x *x)
{
    nhi_v1_mid_forget(x->sa, x->mid);
    nhi_v1_x_kill(x);
    return NHTB_REASON_MEMORY;
}

/** The pair of what was agreed. */
static int make_pair(nhi_v1_x *x, const nhi_v1_phase2 *c, const nhi_ts_list *local,
                     const nhi_ts_list *remote)
{
    nhi_ike_nego *g = &x->nego;
    int err = 0;
    g->suite = c->suite;
    g->ke = c->suite.ke;
    g->child = nhi_ike_child_new(x->sa, g->cfg, &err);
    if (!g->child)
        return err;
    g->child->local = *local;
    g->child->remote = *remote;
    g->child->spi_out = c->suite.spi;
    nhi_v1_quick_lives(g->child, c->life_s ? c->life_s : NHI_V1_LIFE_S, c->life_kb);
    return 0;
}

static unsigned respond(nhi_v1_x *x, nhtb_span secret, nhtb_time now);

/** What of message 1 decides: selectors, then the proposal of the configuration they fit. */
static unsigned judge(nhi_v1_x *x, const nhi_v1_msg *m, const nhi_v1_sa_pl *offer, nhtb_time now)
{
    const nhi_v1_pl *ke = nhi_v1_msg_get(m, NHI_V1_KE, 0);
    nhi_ts_list local = {.n = 1}, remote = {.n = 1};
    nhi_v1_phase2 c;
    if (!nhi_v1_quick_selectors(x->sa, m, &remote.v[0], &local.v[0])) {
        refuse(x, NHI_V1_N_INVALID_ID, NHTB_DETAIL_NO_SELECTORS, 0, now);
        return NHTB_REASON_NONE;
    }
    match fit = find_config(x->sa, &local, &remote);
    if (fit.score < 0 || !nhi_v1_modecfg_allows(x->sa->peer, &remote.v[0])) {
        refuse(x, NHI_V1_N_INVALID_ID, NHTB_DETAIL_NO_SELECTORS, 0, now);
        return NHTB_REASON_NONE;
    }
    x->nego.cfg = fit.cfg;
    x->replaces = fit.old ? fit.old->spi_in : 0;
    nhi_v1_policy2 own = nhi_v1_quick_policy(x->sa, fit.cfg);
    own.ke_len = ke ? ke->body.n : 0;
    if (!nhi_v1_propose2_choose(&c, &own, offer)) {
        nhi_v1_explain_offers(x->sa->peer, fit.cfg, x->sa, offer);
        refuse(x, NHI_V1_N_NO_PROPOSAL_CHOSEN, NHTB_DETAIL_NO_PROPOSAL, 0, now);
        return NHTB_REASON_NONE;
    }
    if (make_pair(x, &c, &local, &remote) || keep_answer(x, m, &c))
        return starve(x);
    ((answer *)(void *)x->own->p)->shorter = is_shorter(&c, &own);
    nhi_v1_announce_read(x, m);
    if (!ke)
        return respond(x, (nhtb_span){NULL, 0}, now);
    x->state = NHI_V1_X_BUSY;
    if (!nhi_v1_quick_ke(&x->nego, ke->body) || nhi_ike_nego_make(&x->nego, c.suite.ke))
        return starve(x);
    return NHTB_REASON_NONE;
}

unsigned nhi_v1_quick_r_first(nhi_v1_x *x, const nhi_v1_msg *m, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    const nhi_v1_pl *p = nhi_v1_msg_get(m, NHI_V1_SA, 0);
    nhi_v1_sa_pl offer;
    if (sa->state != NHI_SA_UP || !sa->peer || sa->ike->shutting || x->nego.child)
        return NHTB_REASON_IKE_STATE;
    nhi_v1_quick_begin(x);
    if (nhi_ike_nego_begin(&x->nego, sa, NHI_TASK_CREATE, true))
        return starve(x);
    if (!p || !nhi_v1_quick_theirs(&x->nego, m)) {
        refuse(x, NHI_V1_N_PAYLOAD_MALFORMED, NHTB_DETAIL_MALFORMED, 0, now);
        return NHTB_REASON_IKE_MALFORMED;
    }
    if (!nhi_v1_sa_read(&offer, p->body)) {
        refuse(x, NHI_V1_N_PAYLOAD_MALFORMED, NHTB_DETAIL_MALFORMED, 0, now);
        return NHTB_REASON_IKE_MALFORMED;
    }
    if (nhi_v1_msg_count(m, NHI_V1_SA) >
        1) { /* RFC 2409 5.5: several at once; one is all we make */
        refuse(x, NHI_V1_N_NO_PROPOSAL_CHOSEN, NHTB_DETAIL_NO_PROPOSAL, 0, now);
        return NHTB_REASON_NONE;
    }
    return judge(x, m, &offer, now);
}

/* ---- message 2 ---- */

static void build_lifetime(const nhi_v1_x *x, nhi_ike_builder *b)
{
    nhi_v1_policy2 own = nhi_v1_quick_policy(x->sa, x->nego.cfg);
    uint8_t spi[4], attrs[24];
    nhi_wr w;
    nhi_put32(spi, x->nego.child->spi_in);
    nhi_wr_init(&w, attrs, sizeof attrs);
    nhi_v1_lifetimes_write(&w, own.life_s, own.life_kb);
    const nhi_v1_notify n = {
        NHI_V1_DOI, NHI_V1_PROTO_ESP, NHI_V1_N_RESPONDER_LIFETIME, {spi, sizeof spi}, {attrs, w.n}};
    nhi_v1_build_notify(b, &n);
}

static int send_second(nhi_v1_x *x, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_nego *g = &x->nego;
    const answer *a = (const answer *)(const void *)x->own->p;
    nhi_v1_send_inner(x->sa->ike, &b);
    nhi_ike_build_payload(&b, NHI_V1_SA, (nhtb_span){a->p, a->sa_n});
    nhi_ike_build_payload(&b, NHI_V1_NONCE, (nhtb_span){g->ours, sizeof g->ours});
    if (g->ke)
        nhi_ike_build_payload(&b, NHI_V1_KE, nhi_ike_nego_pub(g));
    if (a->idi_n) {
        nhi_ike_build_payload(&b, NHI_V1_ID, (nhtb_span){a->p + a->sa_n, a->idi_n});
        nhi_ike_build_payload(&b, NHI_V1_ID, (nhtb_span){a->p + a->sa_n + a->idi_n, a->idr_n});
    }
    if (a->shorter && x->sa->peer->cfg.v1->responder_lifetime)
        build_lifetime(x, &b);
    nhi_v1_announce_write(x, &b);
    x->state = NHI_V1_X_WAIT;
    return nhi_v1_send(x, &b, NHI_V1_AWAIT, now);
}

/** The pair is there before message 2 is: the initiator may send on it at once. */
static unsigned respond(nhi_v1_x *x, nhtb_span secret, nhtb_time now)
{
    nhi_ike_child *c = x->nego.child;
    if (nhi_ike_child_install(c, &x->nego, secret, false, now))
        return starve(x);
    if (send_second(x, now)) {
        nhi_ike_child_remove(c);
        return starve(x);
    }
    nhi_ike_nhtb_learn(&x->nego);
    nhi_v1_modecfg_bind(c);
    x->nego.child = NULL;
    x->made = c->spi_in;
    return NHTB_REASON_NONE;
}

void nhi_v1_quick_r_made(nhi_v1_x *x, nhtb_time now)
{
    nhi_ike_nego *g = &x->nego;
    (void)now;
    if (nhi_ike_nego_shared(g, (nhtb_span){g->peer_ke->p, g->peer_ke->n}))
        (void)starve(x);
}

void nhi_v1_quick_r_shared(nhi_v1_x *x, nhtb_span secret, nhtb_time now)
{
    (void)respond(x, secret, now);
}
