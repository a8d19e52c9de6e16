/* SPDX-License-Identifier: Apache-2.0
 * Aggressive mode as responder, for entries that ask for it alone: it does a key exchange for whoever
 * knows a configured identity, and hands out a hash of the key, or signs. RFC 2409 5.1, 5.4;
 * docs/ikev1.md tells why that is weak. Called by recv, phase1 and cert. Control thread. */
#include <nhtb/psk.h>

#include "ike/v1/v1.h"

static bool read_id(const nhi_v1_msg *m, nhtb_identity *id)
{
    nhi_v1_id v;
    if (!nhi_v1_id_read(&v, nhi_v1_msg_get(m, NHI_V1_ID, 0)->body))
        return false;
    *id = (nhtb_identity){v.type, v.data};
    return nhi_ident_valid(id);
}

void nhi_v1_aggr_warn(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_act_event(sa->ike, NHTB_EVENT_WEAK, NHTB_DETAIL_AGGRESSIVE_MODE, 0, sa->peer_id,
                      UINT16_MAX, &sa->path, now);
}

/** The key of this identity, from the seed of a wildcard entry. */
static int derive_key(nhi_ike_sa *sa, const nhtb_identity *id)
{
    const nhi_ike_peer *p = nhi_ike_peer_get(sa->ike, sa->peer_id);
    uint8_t psk[NHTB_PSK_LEN];
    if (!p || !p->cfg.wildcard || nhi_v1_cert_used(sa))
        return 0;
    nhtb_identity hub = nhi_ike_peer_local_id(p, &sa->path);
    nhtb_span seed = {p->psk, p->psk_n};
    int err = nhtb_psk_derive(sa->ike->env.crypto, seed, &hub, id, psk);
    if (!err)
        sa->psk = nhi_v1_copy(sa->ike, (nhtb_span){psk, sizeof psk});
    nhi_wipe(psk, sizeof psk);
    return err ? err : sa->psk ? 0 : NHTB_ERR_MEMORY;
}

static int begin(nhi_ike_sa *sa, const nhi_v1_in *in, const nhi_v1_phase1 *c, nhtb_time now)
{
    nhtb_identity id;
    sa->v1->answer = nhi_ike_buf_new(sa->ike, 512);
    nhi_wr w;
    if (!sa->v1->answer)
        return NHTB_ERR_MEMORY;
    nhi_wr_init(&w, sa->v1->answer->p, sa->v1->answer->n);
    nhi_v1_propose_answer(&w, &c->pick, (nhtb_span){NULL, 0});
    sa->v1->answer_n = (uint16_t)w.n;
    if (w.bad || !nhi_v1_peer_id(sa, in->m, &id) || !nhi_v1_read_ke(sa, in->m))
        return NHTB_ERR_ARG;
    nhi_v1_remember_id(sa, &id);
    nhi_v1_cert_read_request(sa, in->m);
    int err = derive_key(sa, &id);
    if (err)
        return err;
    if (!nhi_v1_cert_used(sa) && !nhi_v1_psk(sa).n)
        return nhi_ike_ask(sa, NHI_SA_R_ASK, now);
    err = nhi_ike_nego_make(&sa->x_r, sa->suite.ke);
    return err ? err : nhi_ike_sa_set_state(sa, NHI_SA_R_KE) ? 0 : NHTB_ERR_INTERNAL;
}

unsigned nhi_v1_aggr_r_first(nhi_ike *ike, const nhi_v1_in *in, nhtb_time now)
{
    nhi_v1_sa_pl offer;
    nhi_v1_phase1 c;
    nhtb_identity id;
    nhi_ike_peer *known;
    if (!nhi_v1_sa_read(&offer, nhi_v1_msg_get(in->m, NHI_V1_SA, 0)->body) || !read_id(in->m, &id))
        return NHTB_REASON_IKE_MALFORMED;
    nhi_ike_peer *p = nhi_v1_peer_for(ike, in->path, NHTB_V1_AGGRESSIVE, &offer, &id, &c, &known);
    if (!p)
        return nhi_v1_no_proposal(ike, in, known, &offer, now);
    unsigned why = nhi_v1_gate(ike, in, p, now);
    if (why)
        return why;
    nhi_ike_sa *sa = nhi_v1_open_half(ike, in, p, &c, now);
    if (!sa)
        return NHTB_REASON_MEMORY;
    int err = begin(sa, in, &c, now);
    if (err) {
        nhi_ike_sa_kill(sa);
        return err == NHTB_ERR_ARG ? NHTB_REASON_IKE_MALFORMED : NHTB_REASON_MEMORY;
    }
    nhi_v1_aggr_warn(sa, now);
    return NHTB_REASON_NONE;
}

/** What is signed covers our ID: it is written down first. */
void nhi_v1_aggr_r_ready(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    if (!nhi_v1_cert_used(sa)) {
        nhi_v1_aggr_r_signed(sa, now);
        return;
    }
    nhi_v1_build_head(sa, &b);
    int err = nhi_v1_build_id_own(sa, &b);
    if (!err)
        err = nhi_v1_cert_sign(sa);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_R_SIGN))
        nhi_v1_broken(sa, err, now);
}

/** Message 2. */
void nhi_v1_aggr_r_signed(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_build_head(sa, &b);
    nhi_ike_build_payload(&b, NHI_V1_SA, (nhtb_span){sa->v1->answer->p, sa->v1->answer_n});
    nhi_v1_build_ke(sa, &b);
    int err = nhi_v1_build_id_own(sa, &b);
    if (!err)
        err = (nhi_v1_cert_used(sa) ? nhi_v1_cert_build : nhi_v1_build_auth)(sa, &b);
    if (!err) {
        nhi_v1_cert_build_request(sa, &b);
        nhi_v1_natd_build(sa, &b);
        nhi_v1_vids_build(sa, &b);
        err = nhi_v1_send_phase1(sa, &b, NHI_V1_ANSWER, now);
    }
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_R_HALF))
        nhi_v1_broken(sa, err, now);
}

static nhtb_identity claimed(const nhi_ike_sa *sa, uint8_t text[NHTB_ID_MAX])
{
    memcpy(text, sa->remote_id, sa->remote_id_n);
    return (nhtb_identity){sa->remote_id_type, {text, sa->remote_id_n}};
}

static void proved(nhi_ike_sa *sa, nhtb_time now)
{
    uint8_t text[NHTB_ID_MAX];
    const nhtb_identity id = claimed(sa, text);
    nhi_ike_buf_drop(sa->ike, &sa->in.response); /* a copy of 3 gets nothing */
    if (nhi_v1_admit(sa, &id, now))
        nhi_v1_phase1_done(sa, now);
}

/** A wrong signature may be anybody's, message 3 need not even be encrypted: the right one is still
 *  waited for, where we were before. */
void nhi_v1_aggr_r_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now)
{
    nhi_v1 *v = sa->v1;
    if (d == NHTB_DETAIL_NONE) {
        proved(sa, now);
        return;
    }
    (void)nhi_v1_unproved(sa, d, &sa->path, now);
    memcpy(v->iv, v->before.iv, sizeof v->iv);
    v->in_digest = v->before.in_digest;
    sa->path = v->before.path;
    sa->kind = v->before.kind;
    if (!nhi_ike_sa_set_state(sa, NHI_SA_R_HALF))
        nhi_v1_broken(sa, NHTB_ERR_INTERNAL, now);
}

static void remember(nhi_ike_sa *sa)
{
    nhi_v1 *v = sa->v1;
    memcpy(v->before.iv, v->iv, sizeof v->iv);
    v->before.in_digest = v->in_digest;
    v->before.path = sa->path;
    v->before.kind = sa->kind;
}

/** Message 3. */
unsigned nhi_v1_aggr_r_recv(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    uint8_t text[NHTB_ID_MAX];
    const nhtb_identity id = claimed(sa, text);
    const nhi_ike_peer *p = nhi_ike_peer_get(sa->ike, sa->peer_id);
    bool certs = nhi_v1_cert_used(sa);
    nhtb_detail d = !p      ? NHTB_DETAIL_IDENTITY
                    : certs ? nhi_v1_cert_verify(sa, p->pki, in->m, &id)
                            : nhi_v1_auth_verify(sa, in->m);
    if (d != NHTB_DETAIL_NONE)
        return nhi_v1_unproved(sa, d, in->path, now);
    remember(sa);
    int err = nhi_v1_natd_read(sa, in->m, in->path);
    nhi_v1_taken(sa, in, now);
    nhi_ike_follow(sa, in->path, in->kind);
    sa->contact = nhi_v1_has_contact(in->m);
    if (err || (certs && !nhi_ike_sa_set_state(sa, NHI_SA_R_VERIFY)))
        nhi_v1_broken(sa, err, now);
    else if (!certs)
        proved(sa, now);
    return NHTB_REASON_NONE;
}
