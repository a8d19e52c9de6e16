/* SPDX-License-Identifier: Apache-2.0
 * IKE_AUTH as responder: finds the peer by identity and address, proves it, answers with our proof
 * and the first child. Every failure looks the same from outside: same answer, same work.
 * RFC 7296 1.2, 2.15, 2.21.2, 2.4. Called by recv and ask. Control thread. */
#include <nhtb/psk.h>

#include "ike/room.h"
#include "ike/v2/cert.h"

typedef struct claim {
    nhtb_span idi_body, auth;
    nhtb_identity idi, idr;
    uint8_t method;
} claim;

static bool read_claim(const nhi_ike_msg *m, claim *c)
{
    const nhi_ike_pl *i = nhi_ike_msg_get(m, NHI_PL_IDI, 0);
    const nhi_ike_pl *r = nhi_ike_msg_get(m, NHI_PL_IDR, 0);
    const nhi_ike_pl *a = nhi_ike_msg_get(m, NHI_PL_AUTH, 0);
    memset(c, 0, sizeof *c);
    c->idi_body = i->body;
    if (a && !nhi_ike_auth_read(a->body, &c->method, &c->auth))
        return false;
    return nhi_ike_id_read(i->body, &c->idi) && (!r || nhi_ike_id_read(r->body, &c->idr));
}

static bool proved(nhi_ike_sa *sa, const claim *c, nhtb_span psk)
{
    nhi_secret want;
    if (nhi_auth_psk(sa->ike->env.crypto, sa->suite.prf, psk, nhi_ike_buf_msg(sa->init_peer),
                     nhi_ike_nego_nr(&sa->x_r), &sa->keys.pi, c->idi_body, &want))
        return false;
    bool same = c->method == 2 && c->auth.n == want.n && nhi_equal_ct(c->auth.p, want.b, want.n);
    nhi_secret_wipe(&want);
    return same;
}

/** One answer for every cause (reliability: one error for all authentication failures). */
static void refuse(nhi_ike_sa *sa, nhtb_event_kind kind, nhtb_detail d, nhi_ike_peer *p,
                   nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_send_notify(sa, NHI_N_AUTHENTICATION_FAILED, (nhtb_span){NULL, 0}, now);
    ike->count.auth_failed++;
    if (p) {
        const nhi_ike_fault why = {d, 0, UINT16_MAX, true, "IKE_AUTH"};
        nhi_ike_explain_note(p, &why, now);
    }
    nhi_ike_act_event(ike, kind, d, 0, p ? p->id : (nhtb_peer_id){0}, UINT16_MAX, &sa->path, now);
    nhi_ike_sa_end(sa, d, 0, true, now);
}

/** A wildcard entry is one tunnel: a second identity may not push out the one that uses it. */
static bool taken_by_other(const nhi_ike_peer *p, const nhtb_identity *id)
{
    NHI_LIST_FOR(it, &p->sas)
    {
        const nhi_ike_sa *s = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        nhtb_identity have = {s->remote_id_type, {s->remote_id, s->remote_id_n}};
        if (s->state == NHI_SA_UP && !nhi_ident_match(&have, id))
            return true;
    }
    return false;
}

static int own_auth(nhi_ike_sa *sa, const nhtb_identity *id, nhtb_span psk, nhi_secret *out)
{
    uint8_t body[4 + NHTB_ID_MAX] = {id->type};
    memcpy(body + 4, id->data.p, id->data.n);
    return nhi_auth_psk(sa->ike->env.crypto, sa->suite.prf, psk, nhi_ike_buf_msg(sa->init_own),
                        nhi_ike_nego_ni(&sa->x_r), &sa->keys.pr, (nhtb_span){body, 4 + id->data.n},
                        out);
}

static nhtb_detail child_detail(uint16_t notify)
{
    return notify == NHI_N_NO_ADDITIONAL_SAS ? NHTB_DETAIL_CAPACITY : nhi_ike_error_detail(notify);
}

static void child_failed(nhi_ike_sa *sa, uint16_t notify, nhtb_time now)
{
    nhi_ike_peer_child_failed(sa, UINT16_MAX, child_detail(notify), 0, now);
}

static void answer(nhi_ike_sa *sa, nhtb_span psk, uint16_t refused, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_secret auth = {.n = 0};
    nhi_ike_nego *x = &sa->x_r;
    nhtb_span none = {NULL, 0};
    nhtb_identity id = nhi_ike_peer_local_id(sa->peer, &sa->path);
    if (!sa->own_auth && own_auth(sa, &id, psk, &auth)) {
        nhi_ike_sa_kill(sa);
        return;
    }
    nhi_ike_send_inner(sa->ike, &b);
    nhi_ike_build_id(&b, NHI_PL_IDR, &id);
    if (sa->own_auth) {
        nhi_ike_cert_build(sa, sa->peer->pki, &b);
        nhi_ike_build_payload(&b, NHI_PL_AUTH, (nhtb_span){sa->own_auth->p, sa->own_auth->n});
    } else {
        nhi_ike_build_auth(&b, 2, nhi_secret_span(&auth));
    }
    nhi_secret_wipe(&auth);
    if (refused)
        nhi_ike_build_notify(&b, 0, none, refused, none);
    else
        nhi_ike_child_r_answer(x, &b, true);
    sa->in.exchange = NHI_EX_AUTH;
    if (nhi_ike_send_response(sa, &b, now)) {
        nhi_ike_sa_kill(sa); /* nothing was installed yet: the initiator will time out and retry */
        return;
    }
    nhi_ike_child *c = x->child;
    nhi_ike_sa_up(sa, false, now);
    nhi_ike_collide_sas(sa, now);
    if (sa->state != NHI_SA_UP)
        return;
    if (c && nhi_ike_child_install(c, x, none, true, now) == 0) {
        nhi_ike_nhtb_learn(x);
        x->child = NULL;
        nhi_ike_collide_children(c);
    } else if (c) {
        x->child = NULL;
        nhi_ike_child_delete(c); /* agreed but not possible here: the peer is told */
        child_failed(sa, NHI_N_NO_ADDITIONAL_SAS, now);
    } else {
        child_failed(sa, refused, now);
    }
    nhi_ike_nego_end(x);
}

/** Does the session of this identity that is up stay? Then it is asked whether it still lives. */
static bool second_refused(nhi_ike_sa *sa, const nhi_ike_peer *entry, nhi_ike_peer *p, bool contact,
                           nhtb_time now)
{
    nhi_ike_sa *old = nhi_ike_peer_sa(p);
    if (!old || old->state != NHI_SA_UP ||
        (contact && entry->cfg.second_session == NHTB_SECOND_REPLACE))
        return false;
    refuse(sa, NHTB_EVENT_LIMIT, NHTB_DETAIL_SECOND_SESSION, p, now);
    old->want |= NHI_WANT_LIVENESS;
    nhi_ike_task_pump(old, now);
    return true;
}

/** The instance of an identity that has proved itself; NULL: refused, and the answer is out. */
static nhi_ike_peer *instance(nhi_ike_sa *sa, nhi_ike_peer *entry, const nhi_ike_msg *m,
                              const claim *c, nhtb_time now)
{
    nhi_ike_notify n;
    int err = 0;
    bool contact = nhi_ike_find_notify(m, NHI_N_INITIAL_CONTACT, &n);
    nhi_ike_peer *p = nhi_ike_wildcard_find(entry, &c->idi);
    if (p)
        return second_refused(sa, entry, p, contact, now) ? NULL : p;
    uint32_t most = entry->cfg.connection_limit;
    if (!most || entry->n_instances < most)
        p = nhi_ike_wildcard_spawn(entry, &c->idi, &err);
    if (!p)
        refuse(sa, NHTB_EVENT_LIMIT,
               err == NHTB_ERR_MEMORY ? NHTB_DETAIL_MEMORY : NHTB_DETAIL_CAPACITY, entry, now);
    return p;
}

static void accepted(nhi_ike_sa *sa, nhi_ike_peer *p, const nhi_ike_msg *m, const claim *c,
                     nhtb_span psk, nhtb_time now)
{
    nhi_ike_notify n;
    nhi_ike_nego *x = &sa->x_r;
    if (p->cfg.wildcard) {
        p = instance(sa, p, m, c, now);
        if (!p)
            return;
    } else if (taken_by_other(p, &c->idi)) {
        refuse(sa, NHTB_EVENT_LIMIT, NHTB_DETAIL_CAPACITY, p, now);
        return;
    }
    nhi_ike_sa_attach(sa, p);
    sa->remote_id_type = c->idi.type;
    sa->remote_id_n = (uint8_t)c->idi.data.n;
    memcpy(sa->remote_id, c->idi.data.p, c->idi.data.n);
    sa->contact = nhi_ike_find_notify(m, NHI_N_INITIAL_CONTACT, &n);
    x->kind = NHI_TASK_AUTH;
    uint16_t refused = nhi_ike_child_r_choose(x, m, true);
    nhi_ike_nhtb_read(x, m);
    answer(sa, psk, refused, now);
}

/** Proved by whatever counts for this entry; our own signature comes before the answer. */
static void proven(nhi_ike_sa *sa, nhi_ike_peer *p, const nhi_ike_msg *m, const claim *c,
                   nhtb_span psk, nhtb_time now)
{
    if (!p->pki || !p->pki->key.n || sa->own_auth) {
        accepted(sa, p, m, c, psk, now);
        return;
    }
    nhtb_identity id = nhi_ike_peer_local_id(p, &sa->path);
    sa->peer_id = p->id;
    if (!nhi_ike_park(sa, m) || nhi_ike_cert_sign(sa, p->pki, &id) ||
        !nhi_ike_sa_set_state(sa, NHI_SA_R_SIGN))
        nhi_ike_sa_kill(sa); /* nothing was told yet: the initiator will time out and retry */
}

static void verify_cert(nhi_ike_sa *sa, nhi_ike_peer *p, const nhi_ike_msg *m, const claim *c,
                        nhtb_time now)
{
    nhi_ike_claim q = {c->idi_body, c->auth, c->idi, c->method};
    sa->peer_id = p->id;
    nhtb_detail d =
        nhi_ike_park(sa, m) ? nhi_ike_cert_verify(sa, p->pki, m, &q) : NHTB_DETAIL_MEMORY;
    if (d == NHTB_DETAIL_MEMORY) {
        nhi_ike_buf_drop(sa->ike, &sa->parked);
        sa->in.busy = false; /* the retransmission tries again */
    } else if (d != NHTB_DETAIL_NONE) {
        refuse(sa, NHTB_EVENT_AUTH_FAILED, d, p, now);
    } else if (!nhi_ike_sa_set_state(sa, NHI_SA_R_VERIFY)) {
        nhi_ike_sa_kill(sa);
    }
}

/** The peer's entry and message after a job; NULL: one is gone. */
static nhi_ike_peer *back(nhi_ike_sa *sa, const nhi_ike_msg **m, claim *c)
{
    nhi_ike_peer *p = nhi_ike_peer_get(sa->ike, sa->peer_id);
    *m = p && p->started ? nhi_ike_unpark(sa) : NULL;
    return *m && read_claim(*m, c) ? p : NULL;
}

void nhi_ike_auth_r_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now)
{
    const nhi_ike_msg *m;
    claim c;
    nhi_ike_peer *p = back(sa, &m, &c);
    if (!p)
        nhi_ike_sa_kill(sa);
    else if (d != NHTB_DETAIL_NONE)
        refuse(sa, NHTB_EVENT_AUTH_FAILED, d, p, now);
    else
        proven(sa, p, m, &c, (nhtb_span){p->psk, p->psk_n}, now);
}

void nhi_ike_auth_r_signed(nhi_ike_sa *sa, bool good, nhtb_time now)
{
    const nhi_ike_msg *m;
    claim c;
    nhi_ike_peer *p = good ? back(sa, &m, &c) : NULL;
    if (p)
        accepted(sa, p, m, &c, (nhtb_span){p->psk, p->psk_n}, now);
    else
        nhi_ike_sa_kill(sa);
}

static void park(nhi_ike_sa *sa, nhi_ike_peer *p, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    if (!nhi_ike_park(sa, m)) {
        sa->in.busy = false; /* the retransmission tries again */
        return;
    }
    sa->peer_id = p->id;
    if (nhi_ike_ask(sa, NHI_SA_R_ASK, now)) {
        nhi_ike_buf_drop(ike, &sa->parked);
        sa->in.busy = false;
    }
}

/** The key of the identity that was presented. While there is any wildcard entry, each IKE_AUTH pays
 *  for one derivation, whoever asks: time tells nobody which identities are known. */
static bool derive(const nhi_ike_sa *sa, const nhi_ike_peer *p, const nhtb_identity *id,
                   uint8_t psk[NHTB_PSK_LEN])
{
    static const uint8_t zero[NHTB_PSK_SEED_MIN] = {0}, dash[1] = {'-'};
    nhtb_identity hub = {NHTB_ID_FQDN, {dash, sizeof dash}};
    nhtb_span seed = {zero, sizeof zero};
    memset(psk, 0, NHTB_PSK_LEN);
    if (!sa->ike->n_seeded)
        return false;
    bool real = p && p->cfg.wildcard;
    if (real) {
        hub = nhi_ike_peer_local_id(p, &sa->path);
        seed = (nhtb_span){p->psk, p->psk_n};
    }
    const nhtb_identity *spoke = nhi_ident_valid(id) ? id : &hub;
    return nhtb_psk_derive(sa->ike->env.crypto, seed, &hub, spoke, psk) == 0 && real;
}

static void judge_key(nhi_ike_sa *sa, const nhi_ike_msg *m, const nhtb_span *answered,
                      nhi_ike_peer *p, const claim *c, nhtb_span psk, nhtb_time now)
{
    if (!psk.n && !answered && !p->cfg.wildcard) {
        park(sa, p, m, now);
        return;
    }
    bool ok = psk.n ? proved(sa, c, psk) : false;
    if (!psk.n)
        refuse(sa, NHTB_EVENT_AUTH_FAILED, NHTB_DETAIL_NO_PSK, p, now);
    else if (!ok)
        refuse(sa, NHTB_EVENT_AUTH_FAILED, NHTB_DETAIL_AUTHENTICATION, p, now);
    else
        proven(sa, p, m, c, psk, now);
}

static void judge(nhi_ike_sa *sa, const nhi_ike_msg *m, const nhtb_span *answered, nhtb_time now)
{
    static const uint8_t nobody[32] = {0};
    uint8_t derived[NHTB_PSK_LEN];
    claim c;
    if (!read_claim(m, &c)) {
        nhi_ike_send_notify(sa, NHI_N_INVALID_SYNTAX, (nhtb_span){NULL, 0}, now);
        nhi_ike_sa_end(sa, NHTB_DETAIL_MALFORMED, 0, true, now);
        return;
    }
    nhi_ike_peer *p = nhi_ike_peer_find(sa->ike, sa, &c.idi, &c.idr);
    bool known = derive(sa, p, &c.idi, derived);
    if (!p) {
        (void)proved(sa, &c, (nhtb_span){nobody, sizeof nobody}); /* the same work */
        refuse(sa, NHTB_EVENT_UNKNOWN_PEER, NHTB_DETAIL_IDENTITY, NULL, now);
        return;
    }
    if (p->pki && p->pki->n_anchors) { /* then nothing but a signature counts */
        nhi_wipe(derived, sizeof derived);
        verify_cert(sa, p, m, &c, now);
        return;
    }
    nhtb_span psk = answered ? *answered : (nhtb_span){p->psk, p->psk_n};
    if (p->cfg.wildcard)
        psk = (nhtb_span){derived, known ? sizeof derived : 0};
    judge_key(sa, m, answered, p, &c, psk, now);
    nhi_wipe(derived, sizeof derived);
}

void nhi_ike_auth_r_recv(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    judge(sa, m, NULL, now);
}

void nhi_ike_auth_r_resume(nhi_ike_sa *sa, nhtb_span psk, nhtb_time now)
{
    const nhi_ike_msg *m = nhi_ike_unpark(sa);
    if (!m) {
        nhi_ike_sa_kill(sa);
        return;
    }
    judge(sa, m, &psk, now);
    nhi_ike_task_pump(sa, now);
}
