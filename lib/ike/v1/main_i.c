/* SPDX-License-Identifier: Apache-2.0
 * Main mode as initiator: SA, then KE and nonce, then ID and HASH. RFC 2409 5.4, RFC 3947 3, 4.
 * Called by phase1 and recv. Control thread. */
#include "ike/v1/v1.h"

int nhi_v1_main_i_start(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_build_head(sa, &b);
    int err = nhi_v1_offer(sa, &b);
    if (!err)
        nhi_v1_vids_build(sa, &b);
    if (!err)
        err = nhi_v1_send_phase1(sa, &b, NHI_V1_AWAIT, now);
    return err ? err : nhi_ike_sa_set_state(sa, NHI_SA_INIT_SENT) ? 0 : NHTB_ERR_INTERNAL;
}

/** Message 2. Nobody has proved anything: what does not fit is a hint. */
static unsigned take_sa(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    nhi_v1_sa_pl answer;
    nhi_v1_phase1 c;
    uint16_t auths[4];
    nhi_v1_policy1 own = nhi_v1_policy(sa->peer, true, auths);
    if (!nhi_v1_sa_read(&answer, nhi_v1_msg_get(in->m, NHI_V1_SA, 0)->body) ||
        !nhi_v1_propose1_accept(&c, &own, &answer)) {
        nhi_ike_window_hint(sa, NHTB_DETAIL_NO_PROPOSAL, 0, now);
        return NHTB_REASON_IKE_MALFORMED;
    }
    nhi_v1_agree(sa, &c);
    nhi_v1_vids_read(sa, in->m);
    sa->spi_r = in->h->spi_r;
    nhi_v1_taken(sa, in, now);
    int err = nhi_ike_nego_make(&sa->x_i, sa->suite.ke);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_INIT_KE))
        nhi_v1_broken(sa, err, now);
    return NHTB_REASON_NONE;
}

void nhi_v1_main_i_made(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_build_head(sa, &b);
    nhi_v1_build_ke(sa, &b);
    nhi_v1_natd_build(sa, &b);
    nhi_v1_cert_build_request(sa, &b);
    int err = nhi_v1_send_phase1(sa, &b, NHI_V1_AWAIT, now);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_V1_KE_SENT))
        nhi_v1_broken(sa, err, now);
}

/** Message 4. */
static unsigned take_ke(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    if (!nhi_v1_read_ke(sa, in->m))
        return NHTB_REASON_IKE_MALFORMED;
    int err = nhi_v1_natd_read(sa, in->m, in->path);
    nhi_v1_cert_read_request(sa, in->m);
    nhi_v1_taken(sa, in, now);
    if (!err)
        err = nhi_ike_nego_shared(&sa->x_i, (nhtb_span){sa->v1->gr->p, sa->v1->gr->n});
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_AUTH_KE))
        nhi_v1_broken(sa, err, now);
    return NHTB_REASON_NONE;
}

/** What is signed covers our ID: it is written down first. */
static void sign(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_build_head(sa, &b);
    int err = nhi_v1_build_id_own(sa, &b);
    if (!err)
        err = nhi_v1_cert_sign(sa);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_AUTH_SIGN))
        nhi_v1_broken(sa, err, now);
}

void nhi_v1_main_i_ready(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_v1_natd_float(sa);
    if (nhi_v1_cert_used(sa))
        sign(sa, now);
    else
        nhi_v1_main_i_signed(sa, now);
}

/** Message 5. */
void nhi_v1_main_i_signed(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_build_head(sa, &b);
    int err = nhi_v1_build_id_own(sa, &b);
    if (!err)
        err = (nhi_v1_cert_used(sa) ? nhi_v1_cert_build : nhi_v1_build_auth)(sa, &b);
    if (!err)
        nhi_v1_build_contact(sa, &b);
    if (!err)
        err = nhi_v1_send_phase1(sa, &b, NHI_V1_AWAIT, now);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_AUTH_SENT))
        nhi_v1_broken(sa, err, now);
}

/** Message 6. A wrong HASH may be anybody's: the right answer is still waited for. */
static unsigned take_auth(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    nhtb_identity id;
    if (!nhi_v1_peer_id(sa, in->m, &id))
        return NHTB_REASON_IKE_MALFORMED;
    bool certs = nhi_v1_cert_used(sa);
    nhtb_detail d =
        certs ? nhi_v1_cert_verify(sa, sa->peer->pki, in->m, &id) : nhi_v1_auth_verify(sa, in->m);
    if (d != NHTB_DETAIL_NONE) {
        nhi_ike_window_hint(sa, d, 0, now);
        return NHTB_REASON_IKE_INTEGRITY;
    }
    nhi_v1_taken(sa, in, now);
    if (!nhi_ident_match(&sa->peer->cfg.remote_id, &id)) {
        (void)nhi_v1_info_delete_isakmp(sa, now); /* the responder believes it is up */
        nhi_v1_auth_failed(sa, sa->peer, NHTB_DETAIL_IDENTITY, now);
        return NHTB_REASON_NONE;
    }
    nhi_v1_remember_id(sa, &id);
    sa->contact = nhi_v1_has_contact(in->m);
    if (!certs)
        nhi_v1_phase1_done(sa, now);
    else if (!nhi_ike_sa_set_state(sa, NHI_SA_AUTH_VERIFY))
        nhi_v1_broken(sa, NHTB_ERR_INTERNAL, now);
    return NHTB_REASON_NONE;
}

void nhi_v1_main_i_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now)
{
    if (d == NHTB_DETAIL_NONE) {
        nhi_v1_phase1_done(sa, now);
        return;
    }
    (void)nhi_v1_info_delete_isakmp(sa, now);
    nhi_v1_auth_failed(sa, sa->peer, d, now);
}

unsigned nhi_v1_main_i_recv(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    switch (sa->state) {
    case NHI_SA_INIT_SENT: return take_sa(sa, in, now);
    case NHI_SA_V1_KE_SENT: return take_ke(sa, in, now);
    default: return take_auth(sa, in, now);
    }
}
