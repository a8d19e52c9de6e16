/* SPDX-License-Identifier: Apache-2.0
 * IKE_SA_INIT as responder: stateless until the cookie (when asked) and the proposal are good, then
 * one half-open SA. RFC 7296 1.2, 2.6, 2.7, 2.23. Called by recv and nego. Control thread. */
#include "ike/room.h"
#include "ike/v2/cert.h"

/** A copy of a request we know: repeat the answer, or go on working (2.1). */
static unsigned repeated(nhi_ike_sa *sa, nhtb_span msg, const nhtb_path *path, uint8_t kind,
                         nhtb_time now)
{
    nhtb_span first = sa->init_peer ? nhi_ike_buf_msg(sa->init_peer) : (nhtb_span){NULL, 0};
    if (first.n != msg.n || memcmp(first.p, msg.p, msg.n) != 0)
        return NHTB_REASON_IKE_STATE;
    if (sa->state == NHI_SA_R_HALF)
        nhi_ike_window_repeat(sa, path, kind, now);
    return NHTB_REASON_NONE;
}

static unsigned demand_cookie(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span nonce,
                              const nhtb_path *path, uint8_t kind, nhtb_time now)
{
    uint8_t c[NHI_COOKIE_LEN];
    nhi_cookie_make(&ike->cookie, nonce, path, h->spi_i, c);
    nhi_ike_send_plain(ike, path, kind, h, NHI_N_COOKIE, (nhtb_span){c, sizeof c});
    ike->count.cookies_sent++;
    ike->cookie_used = true;
    if (!nhi_timer_armed(&ike->t_cookie))
        nhi_wheel_arm(ike->env.wheel, &ike->t_cookie, now + 60 * NHTB_NS_PER_S);
    return NHTB_REASON_IKE_COOKIE;
}

/** 0: go on. */
static unsigned cookie_gate(nhi_ike *ike, const nhi_ike_hdr *h, const nhi_ike_msg *m,
                            const nhtb_path *path, uint8_t kind, nhtb_time now)
{
    nhi_ike_notify n;
    nhtb_span nonce = nhi_ike_msg_get(m, NHI_PL_NONCE, 0)->body;
    unsigned why = nhi_ike_dos_gate(ike, path, now);
    if (why || !nhi_ike_dos_crowded(ike, path, ike->env.settings->cookie_threshold))
        return why;
    if (m->pl[0].type == NHI_PL_NOTIFY && nhi_ike_notify_read(&n, m->pl[0].body) &&
        n.type == NHI_N_COOKIE && nhi_cookie_valid(&ike->cookie, n.data, nonce, path, h->spi_i))
        return NHTB_REASON_NONE;
    return demand_cookie(ike, h, nonce, path, kind, now);
}

typedef struct choice {
    nhi_ike_peer *peer; /* a candidate by address; IKE_AUTH decides */
    nhi_suite suite;
    nhtb_span ke;
} choice;

static unsigned no_proposal(nhi_ike *ike, const nhi_ike_hdr *h, const nhtb_path *path, uint8_t kind,
                            nhi_ike_peer *known, nhtb_time now)
{
    nhi_ike_send_plain(ike, path, kind, h, NHI_N_NO_PROPOSAL_CHOSEN, (nhtb_span){NULL, 0});
    ike->count.failed++;
    if (!known) {
        nhi_ike_act_event(ike, NHTB_EVENT_UNKNOWN_PEER, NHTB_DETAIL_NONE, 0, (nhtb_peer_id){0},
                          UINT16_MAX, path, now);
        return NHTB_REASON_IKE_NO_PEER;
    }
    const nhi_ike_fault why = {NHTB_DETAIL_NO_PROPOSAL, 0, UINT16_MAX, true, "IKE_SA_INIT"};
    nhi_propose_offer(&ike->answer, NHTB_PROTO_IKE, known->cfg.proposals, known->cfg.n_proposals,
                      NULL, 0, false);
    nhi_ike_explain_offers(known, NHTB_PROTO_IKE, &ike->answer, &ike->offer);
    nhi_ike_explain_note(known, &why, now);
    known->last_detail = NHTB_DETAIL_NO_PROPOSAL;
    nhi_ike_act_event(ike, NHTB_EVENT_IKE_FAILED, NHTB_DETAIL_NO_PROPOSAL, 0, known->id, UINT16_MAX,
                      path, now);
    return NHTB_REASON_IKE_STATE;
}

/** 0: chosen; else answered without state. */
static unsigned choose(nhi_ike *ike, const nhi_ike_hdr *h, const nhi_ike_msg *m,
                       const nhtb_path *path, uint8_t kind, choice *c, nhtb_time now)
{
    uint16_t method;
    nhi_ike_peer *known;
    if (!nhi_ike_sa_read(&ike->offer, nhi_ike_msg_get(m, NHI_PL_SA, 0)->body) ||
        !nhi_ike_ke_read(nhi_ike_msg_get(m, NHI_PL_KE, 0)->body, &method, &c->ke))
        return NHTB_REASON_IKE_MALFORMED;
    c->peer = nhi_ike_peer_for_init(ike, path, method, &c->suite, &known);
    if (!c->peer)
        return no_proposal(ike, h, path, kind, known, now);
    if (c->suite.ke != method) {
        uint8_t want[2];
        nhi_put16(want, c->suite.ke);
        nhi_ike_send_plain(ike, path, kind, h, NHI_N_INVALID_KE_PAYLOAD, (nhtb_span){want, 2});
        ike->count.invalid_ke++;
        return NHTB_REASON_IKE_STATE;
    }
    return c->ke.n == nhi_ke_public_len(method) ? NHTB_REASON_NONE : NHTB_REASON_IKE_MALFORMED;
}

static int find_nat(nhi_ike_sa *sa, const nhi_ike_msg *m, bool force_encap)
{
    nhi_natd nat = {0};
    int err = nhi_natd_check(sa->ike->env.crypto, m, sa->spi_i, 0, &sa->path, &nat);
    if (err)
        return err;
    if (!nat.present)
        nat.nat_local = nat.nat_remote = false;
    bool odd_port = sa->kind == NHTB_PKT_UDP_4500 && sa->path.local_port != 4500;
    sa->nat_local = nat.nat_local;
    sa->nat_remote = nat.nat_remote;
    sa->encap = nat.nat_local || nat.nat_remote || force_encap || odd_port;
    return 0;
}

static nhi_ike_buf *copy(nhi_ike *ike, size_t before, nhtb_span s)
{
    nhi_ike_buf *b = nhi_ike_buf_new(ike, before + s.n);
    if (b)
        memcpy(b->p + before, s.p, s.n);
    return b;
}

static int open_half(nhi_ike_sa *sa, const nhi_ike_hdr *h, const nhi_ike_msg *m, nhtb_span msg,
                     const choice *c)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_nego *x = &sa->x_r;
    sa->spi_i = h->spi_i;
    sa->suite = c->suite;
    int err = nhi_ike_nego_begin(x, sa, NHI_TASK_INIT, true);
    if (err)
        return err;
    if (!nhi_ike_nego_theirs(x, m, c->suite.prf))
        return NHTB_ERR_ARG;
    sa->init_peer = copy(ike, NHI_IKE_MARKER, msg);
    x->peer_ke = copy(ike, 0, c->ke);
    if (!sa->init_peer || !x->peer_ke)
        return NHTB_ERR_MEMORY;
    sa->libnhtb = nhi_ike_init_vendor(m);
    sa->frag = nhi_ike_init_frag(ike, m);
    nhi_ike_cert_read_init(sa, m);
    sa->force_encap = c->peer->cfg.force_encap; /* asked for again when the answer is built */
    err = find_nat(sa, m, c->peer->cfg.force_encap);
    if (!err)
        err = nhi_ike_table_add_init(sa);
    return err ? err : nhi_ike_nego_make(x, c->suite.ke);
}

unsigned nhi_ike_init_r_recv(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg,
                             const nhtb_path *path, uint8_t kind, nhtb_time now)
{
    nhi_ike_msg *m = &ike->msg;
    choice c;
    int err = 0;
    nhi_ike_sa *sa = nhi_ike_table_find_init(ike, h->spi_i, path, msg);
    if (sa)
        return repeated(sa, msg, path, kind, now);
    if (ike->shutting)
        return NHTB_REASON_IKE_STATE;
    if (nhi_ike_msg_parse(m, h->next, msg.p + NHI_IKE_HDR, msg.n - NHI_IKE_HDR) != NHI_CHAIN_OK ||
        m->unsupported || !nhi_ike_check(m, NHI_FORM_INIT_REQUEST))
        return NHTB_REASON_IKE_MALFORMED;
    unsigned why = cookie_gate(ike, h, m, path, kind, now);
    if (!why)
        why = choose(ike, h, m, path, kind, &c, now);
    if (why)
        return why;
    sa = nhi_ike_sa_new(ike, false, now, &err);
    if (!sa)
        return NHTB_REASON_MEMORY;
    sa->path = *path;
    sa->kind = kind;
    err = open_half(sa, h, m, msg, &c);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_R_KE)) {
        nhi_ike_sa_kill(sa);
        return err == NHTB_ERR_ARG ? NHTB_REASON_IKE_MALFORMED : NHTB_REASON_MEMORY;
    }
    ike->count.responded++;
    sa->last_in = now;
    nhi_wheel_arm(ike->env.wheel, &sa->t_half_open,
                  now + (nhtb_time)ike->env.settings->half_open_timeout_s * NHTB_NS_PER_S);
    return NHTB_REASON_NONE;
}

void nhi_ike_init_r_made(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_r;
    if (nhi_ike_nego_shared(x, (nhtb_span){x->peer_ke->p, x->peer_ke->n}))
        nhi_ike_sa_end(sa, NHTB_DETAIL_MEMORY, 0, false, now);
}

static int answer(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_builder b;
    int err = 0;
    nhi_ike_hdr h = {.spi_i = sa->spi_i,
                     .spi_r = sa->spi_r,
                     .version = NHI_IKE_VERSION,
                     .exchange = NHI_EX_SA_INIT,
                     .flags = NHI_IKE_F_RESPONSE};
    nhi_ike_build_init(&b, ike->tx, ike->buf_n, &h);
    nhi_propose_answer(&ike->answer, NHTB_PROTO_IKE, &sa->suite, NULL, 0);
    nhi_ike_build_begin(&b, NHI_PL_SA);
    nhi_ike_sa_write(&b.w, &ike->answer);
    nhi_ike_build_end(&b);
    nhi_ike_init_build(sa, &b, &sa->x_r, sa->force_encap);
    nhi_ike_buf *m = nhi_ike_send_keep(ike, &b, &err);
    if (!m)
        return err;
    sa->init_own = copy(ike, 0, (nhtb_span){m->p, m->n});
    if (!sa->init_own) {
        nhi_ike_buf_drop(ike, &m);
        return NHTB_ERR_MEMORY;
    }
    sa->in.response = m;
    sa->in.next = 1;
    nhi_ike_send_buf(sa, m, now);
    return 0;
}

void nhi_ike_init_r_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now)
{
    int err = nhi_ike_nego_keys(&sa->x_r, secret);
    if (!err)
        err = answer(sa, now);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_R_HALF))
        nhi_ike_sa_end(sa, NHTB_DETAIL_CRYPTO, 0, false, now);
}
