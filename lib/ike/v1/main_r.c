/* SPDX-License-Identifier: Apache-2.0
 * Main mode as responder. Each answer is sent once and kept: a copy of the request gets it again, and
 * nothing else does. RFC 2409 5.4. Called by recv and phase1. Control thread. */
#include "ike/v1/v1.h"

unsigned nhi_v1_main_r_first(nhi_ike *ike, const nhi_v1_in *in, nhtb_time now)
{
    nhi_v1_sa_pl offer;
    nhi_v1_phase1 c;
    nhi_ike_peer *known;
    nhi_ike_builder b;
    if (!nhi_v1_sa_read(&offer, nhi_v1_msg_get(in->m, NHI_V1_SA, 0)->body))
        return NHTB_REASON_IKE_MALFORMED;
    nhi_ike_peer *p = nhi_v1_peer_for(ike, in->path, NHTB_V1_MAIN, &offer, NULL, &c, &known);
    if (!p)
        return nhi_v1_no_proposal(ike, in, known, &offer, now);
    unsigned why = nhi_v1_gate(ike, in, p, now);
    if (why)
        return why;
    nhi_ike_sa *sa = nhi_v1_open_half(ike, in, p, &c, now);
    if (!sa)
        return NHTB_REASON_MEMORY;
    nhi_v1_build_head(sa, &b);
    nhi_ike_build_begin(&b, NHI_V1_SA);
    nhi_v1_propose_answer(&b.w, &c.pick, (nhtb_span){NULL, 0});
    nhi_ike_build_end(&b);
    nhi_v1_vids_build(sa, &b);
    if (nhi_v1_send_phase1(sa, &b, NHI_V1_ANSWER, now) ||
        !nhi_ike_sa_set_state(sa, NHI_SA_V1_R_SA)) {
        nhi_ike_sa_kill(sa);
        return NHTB_REASON_MEMORY;
    }
    return NHTB_REASON_NONE;
}

/** Message 3: its sender has our cookie, so it can be reached. */
static unsigned take_ke(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    const nhtb_limits *l = &ike->env.settings->limits;
    if (l->jobs && ike->n_jobs >= l->jobs)
        return NHTB_REASON_IKE_BUSY;
    if (!nhi_v1_cert_used(sa) &&
        !nhi_v1_psk(sa).n) { /* asked; the copy that comes meanwhile goes on */
        int err = nhi_ike_ask(sa, NHI_SA_R_ASK, now);
        return err ? NHTB_REASON_MEMORY : NHTB_REASON_NONE;
    }
    if (!nhi_v1_read_ke(sa, in->m))
        return NHTB_REASON_IKE_MALFORMED;
    int err = nhi_v1_natd_read(sa, in->m, in->path);
    nhi_v1_cert_read_request(sa, in->m);
    nhi_v1_taken(sa, in, now);
    nhi_wheel_arm(ike->env.wheel, &sa->t_half_open,
                  now + (nhtb_time)ike->env.settings->half_open_timeout_s * NHTB_NS_PER_S);
    if (!err)
        err = nhi_ike_nego_make(&sa->x_r, sa->suite.ke);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_R_KE))
        nhi_v1_broken(sa, err, now);
    return NHTB_REASON_NONE;
}

void nhi_v1_resume(nhi_ike_sa *sa, nhtb_span psk, nhtb_time now)
{
    if (!psk.n) {
        nhi_v1_auth_failed(sa, nhi_ike_peer_get(sa->ike, sa->peer_id), NHTB_DETAIL_NO_PSK, now);
        return;
    }
    sa->psk = nhi_v1_copy(sa->ike, psk);
    if (!sa->psk) {
        nhi_v1_broken(sa, NHTB_ERR_MEMORY, now);
    } else if (sa->v1->entry.mode == NHTB_V1_MAIN) {
        nhi_ike_sa_set_state(sa, NHI_SA_V1_R_SA);
    } else {
        int err = nhi_ike_nego_make(&sa->x_r, sa->suite.ke);
        if (err || !nhi_ike_sa_set_state(sa, NHI_SA_R_KE))
            nhi_v1_broken(sa, err, now);
    }
}

void nhi_v1_main_r_ready(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_build_head(sa, &b);
    nhi_v1_build_ke(sa, &b);
    nhi_v1_natd_build(sa, &b);
    nhi_v1_cert_build_request(sa, &b);
    int err = nhi_v1_send_phase1(sa, &b, NHI_V1_ANSWER, now);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_R_HALF))
        nhi_v1_broken(sa, err, now);
}

/** Is the entry's tunnel used by another identity? (as in IKEv2) */
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

nhi_ike_peer *nhi_v1_admit(nhi_ike_sa *sa, const nhtb_identity *id, nhtb_time now)
{
    nhi_ike_peer *p = nhi_v1_peer_proved(sa, id);
    if (!p) {
        nhi_v1_auth_failed(sa, nhi_ike_peer_get(sa->ike, sa->peer_id), NHTB_DETAIL_IDENTITY, now);
        return NULL;
    }
    if (p->cfg.wildcard) {
        p = nhi_v1_instance(sa, p, id, now);
        if (!p) {
            nhi_ike_sa_end(sa, NHTB_DETAIL_CAPACITY, 0, false, now);
            return NULL;
        }
    } else if (taken_by_other(p, id)) {
        nhi_v1_auth_failed(sa, p, NHTB_DETAIL_CAPACITY, now);
        return NULL;
    }
    nhi_v1_remember_id(sa, id);
    nhi_ike_sa_attach(sa, p);
    sa->v1->entry = *p->cfg.v1;
    return p;
}

/** Message 6. */
static void answer(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_build_head(sa, &b);
    int err = nhi_v1_build_id_own(sa, &b);
    if (!err)
        err = (nhi_v1_cert_used(sa) ? nhi_v1_cert_build : nhi_v1_build_auth)(sa, &b);
    if (!err)
        nhi_v1_build_contact(sa, &b);
    if (!err)
        err = nhi_v1_send_phase1(sa, &b, NHI_V1_ANSWER, now);
    if (err)
        nhi_v1_broken(sa, err, now);
    else
        nhi_v1_phase1_done(sa, now);
}

void nhi_v1_main_r_signed(nhi_ike_sa *sa, nhtb_time now)
{
    answer(sa, now);
}

void nhi_v1_main_r_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now)
{
    nhi_ike_builder b;
    uint8_t text[NHTB_ID_MAX];
    const nhtb_identity id = {sa->remote_id_type, {text, sa->remote_id_n}};
    memcpy(text, sa->remote_id, sa->remote_id_n);
    if (d != NHTB_DETAIL_NONE) {
        nhi_v1_auth_failed(sa, nhi_ike_peer_get(sa->ike, sa->peer_id), d, now);
        return;
    }
    if (!nhi_v1_admit(sa, &id, now))
        return;
    nhi_v1_build_head(sa, &b);
    int err = nhi_v1_build_id_own(sa, &b); /* what is signed covers it */
    if (!err)
        err = nhi_v1_cert_sign(sa);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_R_SIGN))
        nhi_v1_broken(sa, err, now);
}

/** Message 5 with a signature: by the certificates of the entry that has this identity. An identity that
 *  none has is judged by those of the entry it was believed to be: it costs the same and ends the same,
 *  so neither time nor answer tells who is known. */
static unsigned take_signature(nhi_ike_sa *sa, const nhi_v1_in *in, const nhtb_identity *id,
                               nhtb_time now)
{
    nhi_ike_peer *p = nhi_v1_peer_proved(sa, id);
    p = p ? p : nhi_ike_peer_get(sa->ike, sa->peer_id);
    nhtb_detail d = p ? nhi_v1_cert_verify(sa, p->pki, in->m, id) : NHTB_DETAIL_IDENTITY;
    if (d != NHTB_DETAIL_NONE)
        return nhi_v1_unproved(sa, d, in->path, now);
    nhi_v1_taken(sa, in, now);
    nhi_ike_follow(sa, in->path, in->kind);
    nhi_v1_remember_id(sa, id);
    sa->contact = nhi_v1_has_contact(in->m);
    if (!nhi_ike_sa_set_state(sa, NHI_SA_R_VERIFY))
        nhi_v1_broken(sa, NHTB_ERR_INTERNAL, now);
    return NHTB_REASON_NONE;
}

/** Message 5. Without the key nobody can write it, but anybody can write garbage: that is counted and
 *  costs the source, the SA waits on. */
static unsigned take_auth(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    nhtb_identity id;
    if (!nhi_v1_peer_id(sa, in->m, &id))
        return NHTB_REASON_IKE_MALFORMED;
    if (nhi_v1_cert_used(sa))
        return take_signature(sa, in, &id, now);
    if (nhi_v1_auth_verify(sa, in->m) != NHTB_DETAIL_NONE)
        return nhi_v1_unproved(sa, NHTB_DETAIL_AUTHENTICATION, in->path, now);
    nhi_v1_taken(sa, in, now);
    nhi_ike_follow(sa, in->path, in->kind);
    sa->contact = nhi_v1_has_contact(in->m);
    if (nhi_v1_admit(sa, &id, now))
        answer(sa, now);
    return NHTB_REASON_NONE;
}

unsigned nhi_v1_main_r_recv(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    return sa->state == NHI_SA_V1_R_SA ? take_ke(sa, in, now) : take_auth(sa, in, now);
}
