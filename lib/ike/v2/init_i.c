/* SPDX-License-Identifier: Apache-2.0
 * IKE_SA_INIT as initiator: request, cookies and other groups in any order, error hints, answer.
 * RFC 7296 1.2, 2.6, 2.7, 2.21.1, 2.23. Called by peer, nego and recv. Control thread. */
#include "ike/room.h"
#include "ike/v2/cert.h"

int nhi_ike_init_i_start(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_peer *p = sa->peer;
    if (nhi_ike_peer_uses_psk(p) && !p->psk_n && !sa->psk)
        return nhi_ike_ask(sa, NHI_SA_ASK, now);
    int err = nhi_ike_nego_begin(&sa->x_i, sa, NHI_TASK_INIT, false);
    if (!err)
        err = nhi_ike_nego_make(&sa->x_i, p->cfg.proposals[0].ke[0]);
    if (err)
        return err;
    sa->task = NHI_TASK_INIT;
    return nhi_ike_sa_set_state(sa, NHI_SA_INIT_KE) ? 0 : NHTB_ERR_INTERNAL;
}

/** Source and destination hashes (2.23). Without them the peer would see no NAT where one is, so a
 *  failure spoils the message. With force_encap the source is random, so that the peer too
 *  sees a NAT and encapsulates. */
static void build_natd(nhi_ike_sa *sa, nhi_ike_builder *b, uint64_t spi_r, bool force)
{
    nhi_ike *ike = sa->ike;
    uint8_t h[20];
    nhtb_span none = {NULL, 0}, s = {h, sizeof h};
    int err = force ? nhi_mem_random(ike->mem, h, sizeof h)
                    : nhi_natd_hash(ike->env.crypto, sa->spi_i, spi_r, &sa->path.local,
                                    sa->path.local_port, h);
    if (!err)
        nhi_ike_build_notify(b, 0, none, NHI_N_NAT_DETECTION_SOURCE_IP, s);
    if (!err)
        err = nhi_natd_hash(ike->env.crypto, sa->spi_i, spi_r, &sa->path.remote,
                            sa->path.remote_port, h);
    if (!err)
        nhi_ike_build_notify(b, 0, none, NHI_N_NAT_DETECTION_DESTINATION_IP, s);
    else
        b->w.bad = true;
}

void nhi_ike_init_build(nhi_ike_sa *sa, nhi_ike_builder *b, const nhi_ike_nego *x, bool force_encap)
{
    nhi_ike_build_ke(b, x->ke, nhi_ike_nego_pub(x));
    nhi_ike_build_payload(b, NHI_PL_NONCE, (nhtb_span){x->ours, sizeof x->ours});
    build_natd(sa, b, sa->initiator ? 0 : sa->spi_r, force_encap);
    if (sa->initiator ? sa->ike->env.settings->fragment_size != 0 : sa->frag)
        nhi_ike_build_notify(b, 0, (nhtb_span){NULL, 0}, NHI_N_FRAGMENTATION_SUPPORTED,
                             (nhtb_span){NULL, 0});
    nhi_ike_cert_build_init(sa, b);
    if (sa->ike->env.settings->vendor_id)
        nhi_ike_build_payload(b, NHI_PL_VID, (nhtb_span){nhi_vendor_id, sizeof nhi_vendor_id});
}

bool nhi_ike_init_frag(const nhi_ike *ike, const nhi_ike_msg *m)
{
    nhi_ike_notify n;
    return ike->env.settings->fragment_size &&
           nhi_ike_find_notify(m, NHI_N_FRAGMENTATION_SUPPORTED, &n);
}

bool nhi_ike_init_vendor(const nhi_ike_msg *m)
{
    const nhi_ike_pl *p;
    for (size_t k = 0; (p = nhi_ike_msg_get(m, NHI_PL_VID, k)); k++)
        if (p->body.n == sizeof nhi_vendor_id &&
            !memcmp(p->body.p, nhi_vendor_id, sizeof nhi_vendor_id))
            return true;
    return false;
}

static void offer(nhi_ike_sa *sa)
{
    nhi_propose_offer(&sa->ike->offer, NHTB_PROTO_IKE, sa->peer->cfg.proposals,
                      sa->peer->cfg.n_proposals, NULL, 0, false);
}

static int send(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_builder b;
    int err = 0;
    nhi_ike_hdr h = {.spi_i = sa->spi_i,
                     .version = NHI_IKE_VERSION,
                     .exchange = NHI_EX_SA_INIT,
                     .flags = NHI_IKE_F_INITIATOR};
    nhi_ike_build_init(&b, ike->tx, ike->buf_n, &h);
    if (sa->cookie) /* 2.6: first payload, all others unchanged */
        nhi_ike_build_notify(&b, 0, (nhtb_span){NULL, 0}, NHI_N_COOKIE,
                             (nhtb_span){sa->cookie->p, sa->cookie->n});
    offer(sa);
    nhi_ike_build_begin(&b, NHI_PL_SA);
    nhi_ike_sa_write(&b.w, &ike->offer);
    nhi_ike_build_end(&b);
    nhi_ike_init_build(sa, &b, &sa->x_i, sa->peer->cfg.force_encap);
    nhi_ike_buf *m = nhi_ike_send_keep(ike, &b, &err);
    nhi_ike_buf *own = m ? nhi_ike_buf_new(ike, m->n) : NULL;
    if (!own) {
        nhi_ike_buf_drop(ike, &m);
        return err ? err : NHTB_ERR_MEMORY;
    }
    memcpy(own->p, m->p, m->n); /* what AUTH will sign */
    nhi_ike_buf_drop(ike, &sa->init_own);
    sa->init_own = own;
    nhi_ike_window_sent(sa, m, NHI_EX_SA_INIT, now);
    return 0;
}

void nhi_ike_init_i_made(nhi_ike_sa *sa, nhtb_time now)
{
    if (!nhi_ike_sa_set_state(sa, NHI_SA_INIT_SENT))
        return;
    if (send(sa, now))
        nhi_ike_sa_end(sa, NHTB_DETAIL_MEMORY, 0, false, now);
}

static unsigned with_cookie(nhi_ike_sa *sa, nhtb_span cookie, nhtb_time now)
{
    if (!cookie.n || cookie.n > 64)
        return NHTB_REASON_IKE_MALFORMED;
    if (sa->cookie && sa->cookie->n == cookie.n && !memcmp(sa->cookie->p, cookie.p, cookie.n))
        return NHTB_REASON_IKE_UNEXPECTED; /* a late copy */
    if (++sa->init_tries > NHI_IKE_INIT_TRIES)
        return NHTB_REASON_IKE_STATE;
    nhi_ike_buf *c = nhi_ike_buf_new(sa->ike, cookie.n);
    if (!c)
        return NHTB_REASON_MEMORY;
    memcpy(c->p, cookie.p, cookie.n);
    nhi_ike_buf_drop(sa->ike, &sa->cookie);
    sa->cookie = c;
    sa->ike->count.cookies_received++;
    return send(sa, now) ? NHTB_REASON_MEMORY : NHTB_REASON_NONE;
}

/** 2.7: only a group we offered, or an attacker would choose for us. */
static unsigned with_group(nhi_ike_sa *sa, nhtb_span data, nhtb_time now)
{
    if (data.n != 2)
        return NHTB_REASON_IKE_MALFORMED;
    uint16_t group = nhi_get16(data.p);
    offer(sa);
    if (!nhi_propose_has_ke(&sa->ike->offer, group)) {
        nhi_ike_window_hint(sa, NHTB_DETAIL_KE_GROUP, group, now);
        return NHTB_REASON_NONE;
    }
    if (group == sa->x_i.ke)
        return NHTB_REASON_IKE_UNEXPECTED;
    if (++sa->init_tries > NHI_IKE_INIT_TRIES)
        return NHTB_REASON_IKE_STATE;
    sa->ike->count.invalid_ke++;
    if (nhi_ike_nego_make(&sa->x_i, group) || !nhi_ike_sa_set_state(sa, NHI_SA_INIT_KE))
        nhi_ike_sa_end(sa, NHTB_DETAIL_MEMORY, 0, false, now);
    return NHTB_REASON_NONE;
}

/** Not authenticated: remembered, never believed (2.21.1). */
static unsigned notifies_only(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike_notify n;
    if (nhi_ike_find_notify(m, NHI_N_COOKIE, &n))
        return with_cookie(sa, n.data, now);
    if (nhi_ike_find_notify(m, NHI_N_INVALID_KE_PAYLOAD, &n))
        return with_group(sa, n.data, now);
    uint16_t code = nhi_ike_find_error(m, &n);
    if (!code)
        return NHTB_REASON_IKE_MALFORMED;
    nhi_ike_window_hint(sa, nhi_ike_error_detail(code), code, now);
    return NHTB_REASON_NONE;
}

/** Checks the answer without changing anything. */
static bool acceptable(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_span *ke)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_nego *x = &sa->x_i;
    const nhi_ike_pl *pl = nhi_ike_msg_get(m, NHI_PL_SA, 0);
    const nhi_ike_pl *kp = nhi_ike_msg_get(m, NHI_PL_KE, 0);
    uint16_t method;
    nhi_suite s;
    offer(sa);
    if (!pl || !kp || !nhi_ike_sa_read(&ike->answer, pl->body) ||
        !nhi_propose_accept(&s, NHTB_PROTO_IKE, &ike->offer, &ike->answer) ||
        !nhi_ike_ke_read(kp->body, &method, ke) || method != s.ke || method != x->ke ||
        ke->n != nhi_ke_public_len(method) || !nhi_ike_nego_theirs(x, m, s.prf))
        return false;
    x->suite = s;
    return true;
}

static int find_nat(nhi_ike_sa *sa, const nhi_ike_msg *m, const nhtb_path *path)
{
    nhi_natd nat = {0};
    int err = nhi_natd_check(sa->ike->env.crypto, m, sa->spi_i, sa->spi_r, path, &nat);
    if (err)
        return err;
    if (!nat.present)
        nat.nat_local = nat.nat_remote = false;
    sa->nat_local = nat.nat_local;
    sa->nat_remote = nat.nat_remote;
    bool odd_port = sa->kind == NHTB_PKT_UDP_4500 && sa->path.remote_port != 4500;
    sa->encap = nat.nat_local || nat.nat_remote || sa->peer->cfg.force_encap || odd_port;
    if (sa->encap && sa->kind == NHTB_PKT_IKE_500) { /* 2.23: float */
        sa->kind = NHTB_PKT_UDP_4500;
        sa->path.local_port = sa->path.remote_port = 4500;
    }
    return 0;
}

unsigned nhi_ike_init_i_recv(nhi_ike_sa *sa, const nhi_ike_hdr *h, nhtb_span msg,
                             const nhtb_path *path, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_msg *m = &ike->msg;
    nhtb_span ke;
    if (nhi_ike_msg_parse(m, h->next, msg.p + NHI_IKE_HDR, msg.n - NHI_IKE_HDR) != NHI_CHAIN_OK ||
        m->unsupported || !nhi_ike_check(m, NHI_FORM_INIT_RESPONSE))
        return NHTB_REASON_IKE_MALFORMED;
    if (!nhi_ike_msg_get(m, NHI_PL_SA, 0))
        return notifies_only(sa, m, now);
    if (!h->spi_r)
        return NHTB_REASON_IKE_MALFORMED;
    if (!acceptable(sa, m, &ke)) {
        nhi_ike_window_hint(sa, NHTB_DETAIL_NO_PROPOSAL, 0, now);
        return NHTB_REASON_IKE_MALFORMED;
    }
    nhi_ike_buf *peer = nhi_ike_buf_new(ike, NHI_IKE_MARKER + msg.n);
    if (!peer)
        return NHTB_REASON_MEMORY;
    memcpy(peer->p + NHI_IKE_MARKER, msg.p, msg.n);
    sa->init_peer = peer;
    sa->spi_r = h->spi_r;
    sa->suite = sa->x_i.suite;
    sa->libnhtb = nhi_ike_init_vendor(m);
    sa->frag = nhi_ike_init_frag(ike, m);
    nhi_ike_cert_read_init(sa, m);
    sa->last_in = now;
    int err = find_nat(sa, m, path);
    nhi_ike_window_done(sa);
    sa->hint = 0;
    if (err)
        nhi_ike_sa_end(sa, NHTB_DETAIL_CRYPTO, 0, false, now);
    else if (!nhi_ike_sa_set_state(sa, NHI_SA_AUTH_KE) || nhi_ike_nego_shared(&sa->x_i, ke))
        nhi_ike_sa_end(sa, NHTB_DETAIL_MEMORY, 0, false, now);
    return NHTB_REASON_NONE;
}

void nhi_ike_init_i_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now)
{
    if (nhi_ike_nego_keys(&sa->x_i, secret))
        nhi_ike_sa_end(sa, NHTB_DETAIL_CRYPTO, 0, false, now);
    else
        nhi_ike_auth_i_send(sa, now);
}
