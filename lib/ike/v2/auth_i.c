/* SPDX-License-Identifier: Apache-2.0
 * IKE_AUTH as initiator with a pre-shared key or certificates, and the first child in it.
 * RFC 7296 1.2, 2.15, 2.21.2. Called by init_i and recv. Control thread. */
#include "ike/room.h"
#include "ike/v2/cert.h"

static nhtb_span psk_of(const nhi_ike_sa *sa)
{
    return sa->psk ? (nhtb_span){sa->psk->p, sa->psk->n}
                   : (nhtb_span){sa->peer->psk, sa->peer->psk_n};
}

static size_t id_body(uint8_t dst[4 + NHTB_ID_MAX], const nhtb_identity *id)
{
    memset(dst, 0, 4);
    dst[0] = id->type;
    memcpy(dst + 4, id->data.p, id->data.n);
    return 4 + id->data.n;
}

static int own_auth(nhi_ike_sa *sa, const nhtb_identity *id, nhi_secret *out)
{
    uint8_t body[4 + NHTB_ID_MAX];
    size_t n = id_body(body, id);
    return nhi_auth_psk(sa->ike->env.crypto, sa->suite.prf, psk_of(sa),
                        nhi_ike_buf_msg(sa->init_own), nhi_ike_nego_nr(&sa->x_i), &sa->keys.pi,
                        (nhtb_span){body, n}, out);
}

static bool first_contact(const nhi_ike_sa *sa)
{
    if (!sa->peer->cfg.initial_contact)
        return false;
    NHI_LIST_FOR(it, &sa->peer->sas)
    {
        if (NHI_CONTAINER(it, nhi_ike_sa, peer_link)->state == NHI_SA_UP)
            return false;
    }
    return true;
}

static int send(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_secret auth = {.n = 0};
    nhtb_identity id = nhi_ike_peer_local_id(sa->peer, &sa->path);
    int err = sa->own_auth ? 0 : own_auth(sa, &id, &auth);
    if (err)
        return err;
    nhi_ike_send_inner(sa->ike, &b);
    nhi_ike_build_id(&b, NHI_PL_IDI, &id);
    if (sa->peer->pki)
        nhi_ike_cert_build(sa, sa->peer->pki, &b);
    if (sa->peer->cfg.remote_id.type != NHTB_ID_NONE)
        nhi_ike_build_id(&b, NHI_PL_IDR, &sa->peer->cfg.remote_id);
    if (sa->own_auth)
        nhi_ike_build_payload(&b, NHI_PL_AUTH, (nhtb_span){sa->own_auth->p, sa->own_auth->n});
    else
        nhi_ike_build_auth(&b, 2, nhi_secret_span(&auth)); /* 2: shared key integrity code */
    nhi_secret_wipe(&auth);
    if (first_contact(sa))
        nhi_ike_build_notify(&b, 0, (nhtb_span){NULL, 0}, NHI_N_INITIAL_CONTACT,
                             (nhtb_span){NULL, 0});
    nhi_ike_child_i_offer(&sa->x_i, &b, true);
    return nhi_ike_send_request(sa, NHI_EX_AUTH, &b, now);
}

/** Our signature first: it needs the keys, and IKE_AUTH needs it. */
static bool signing(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_pki *p = sa->peer->pki;
    if (!p || !p->key.n || sa->own_auth)
        return false;
    nhtb_identity id = nhi_ike_peer_local_id(sa->peer, &sa->path);
    if (nhi_ike_cert_sign(sa, p, &id) || !nhi_ike_sa_set_state(sa, NHI_SA_AUTH_SIGN))
        nhi_ike_sa_end(sa, NHTB_DETAIL_CRYPTO, 0, false, now);
    return true;
}

void nhi_ike_auth_i_signed(nhi_ike_sa *sa, bool good, nhtb_time now)
{
    if (good)
        nhi_ike_auth_i_send(sa, now);
    else
        nhi_ike_sa_end(sa, NHTB_DETAIL_CRYPTO, 0, false, now);
}

void nhi_ike_auth_i_send(nhi_ike_sa *sa, nhtb_time now)
{
    int err = 0;
    if (signing(sa, now))
        return;
    sa->x_i.kind = NHI_TASK_AUTH;
    sa->x_i.child = nhi_ike_child_new(sa, sa->first_child, &err);
    if (!err)
        err = send(sa, now);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_AUTH_SENT)) {
        nhi_ike_sa_end(sa, err == NHTB_ERR_LIMIT ? NHTB_DETAIL_CAPACITY : NHTB_DETAIL_MEMORY, 0,
                       false, now);
        return;
    }
    sa->task = NHI_TASK_AUTH;
}

static bool read_claim(const nhi_ike_msg *m, nhi_ike_claim *c)
{
    const nhi_ike_pl *ip = nhi_ike_msg_get(m, NHI_PL_IDR, 0);
    const nhi_ike_pl *ap = nhi_ike_msg_get(m, NHI_PL_AUTH, 0);
    memset(c, 0, sizeof *c);
    if (!ip || !ap)
        return false;
    c->id_body = ip->body;
    return nhi_ike_id_read(ip->body, &c->id) && nhi_ike_auth_read(ap->body, &c->method, &c->auth);
}

static nhtb_detail verify_psk(nhi_ike_sa *sa, const nhi_ike_claim *c)
{
    nhi_secret want;
    if (c->method != 2 ||
        nhi_auth_psk(sa->ike->env.crypto, sa->suite.prf, psk_of(sa), nhi_ike_buf_msg(sa->init_peer),
                     nhi_ike_nego_ni(&sa->x_i), &sa->keys.pr, c->id_body, &want))
        return NHTB_DETAIL_AUTHENTICATION;
    bool same = c->auth.n == want.n && nhi_equal_ct(c->auth.p, want.b, want.n);
    nhi_secret_wipe(&want);
    return same ? NHTB_DETAIL_NONE : NHTB_DETAIL_AUTHENTICATION;
}

/** Is the responder, who has proved what it claims, the one we configured? */
static nhtb_detail identity(nhi_ike_sa *sa, const nhi_ike_claim *c)
{
    if (!nhi_ident_match(&sa->peer->cfg.remote_id, &c->id))
        return NHTB_DETAIL_IDENTITY;
    sa->remote_id_type = c->id.type;
    sa->remote_id_n = (uint8_t)c->id.data.n;
    memcpy(sa->remote_id, c->id.data.p, c->id.data.n);
    return NHTB_DETAIL_NONE;
}

/** With trusted certificates nothing but a signature counts. NONE: the job runs. */
static nhtb_detail verify_cert(nhi_ike_sa *sa, const nhi_ike_msg *m, const nhi_ike_claim *c)
{
    if (!nhi_ike_park(sa, m))
        return NHTB_DETAIL_MEMORY;
    nhtb_detail d = nhi_ike_cert_verify(sa, sa->peer->pki, m, c);
    if (d == NHTB_DETAIL_NONE && !nhi_ike_sa_set_state(sa, NHI_SA_AUTH_VERIFY))
        d = NHTB_DETAIL_INTERNAL;
    return d;
}

static void child_failed(nhi_ike_sa *sa, nhtb_detail d, uint32_t code, nhtb_time now)
{
    nhi_ike_peer_child_failed(sa, sa->first_child, d, code, now);
}

/** The first child stands or falls alone; the IKE SA stays (1.2, 2.21.2). */
static void first_child(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_i;
    nhi_ike_notify n;
    nhi_ike_child *c = x->child;
    uint16_t code = nhi_ike_find_error(m, &n);
    if (code || !c) {
        child_failed(sa, nhi_ike_error_detail(code), code, now);
        return;
    }
    nhtb_detail d = nhi_ike_child_i_accept(x, m, true);
    if (d == NHTB_DETAIL_NONE) {
        int err = nhi_ike_child_install(c, x, (nhtb_span){NULL, 0}, true, now);
        if (!err) {
            nhi_ike_nhtb_learn(x);
            x->child = NULL;
            nhi_ike_collide_children(c);
            return;
        }
        d = err == NHTB_ERR_MEMORY ? NHTB_DETAIL_MEMORY : NHTB_DETAIL_CRYPTO;
    }
    child_failed(sa, d, 0, now);
    x->child = NULL; /* no refusal came, so the peer may have its half: tell it */
    nhi_ike_child_delete(c);
}

static void refused(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now)
{
    sa->ike->count.auth_failed++;
    nhi_ike_act_event(sa->ike, NHTB_EVENT_AUTH_FAILED, d, 0, sa->peer_id, UINT16_MAX, &sa->path,
                      now);
    nhi_ike_sa_delete(sa, d, now); /* the responder believes it is up */
}

static void proved(nhi_ike_sa *sa, const nhi_ike_msg *m, const nhi_ike_claim *c, nhtb_time now)
{
    nhi_ike_notify n;
    nhtb_detail d = identity(sa, c);
    if (d != NHTB_DETAIL_NONE) {
        refused(sa, d, now);
        return;
    }
    nhi_ike_sa_up(sa, false, now);
    nhi_ike_nhtb_read(&sa->x_i, m);
    first_child(sa, m, now);
    sa->contact = nhi_ike_find_notify(m, NHI_N_INITIAL_CONTACT, &n);
    nhi_ike_task_end(sa);
    nhi_ike_collide_sas(sa, now);
}

void nhi_ike_auth_i_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now)
{
    nhi_ike_claim c;
    const nhi_ike_msg *m = nhi_ike_unpark(sa);
    if (d == NHTB_DETAIL_NONE && (!m || !read_claim(m, &c)))
        d = NHTB_DETAIL_INTERNAL;
    if (d != NHTB_DETAIL_NONE)
        refused(sa, d, now);
    else
        proved(sa, m, &c, now);
}

void nhi_ike_auth_i_done(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_notify n;
    nhi_ike_claim c;
    uint16_t code = nhi_ike_find_error(m, &n);
    if (!nhi_ike_msg_get(m, NHI_PL_AUTH, 0)) {
        if (code == NHI_N_AUTHENTICATION_FAILED) {
            ike->count.auth_failed++;
            nhi_ike_act_event(ike, NHTB_EVENT_AUTH_FAILED, NHTB_DETAIL_AUTHENTICATION, code,
                              sa->peer_id, UINT16_MAX, &sa->path, now);
        }
        nhi_ike_sa_end(sa, code ? nhi_ike_error_detail(code) : NHTB_DETAIL_MALFORMED, code, false,
                       now);
        return;
    }
    bool cert = sa->peer->pki && sa->peer->pki->n_anchors;
    nhtb_detail d = !read_claim(m, &c) ? NHTB_DETAIL_MALFORMED
                    : cert             ? verify_cert(sa, m, &c)
                                       : verify_psk(sa, &c);
    if (d != NHTB_DETAIL_NONE)
        refused(sa, d, now);
    else if (!cert)
        proved(sa, m, &c, now);
}
