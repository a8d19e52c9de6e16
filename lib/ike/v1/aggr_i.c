/* SPDX-License-Identifier: Apache-2.0
 * Aggressive mode as initiator. Message 2 proves its sender with keys that are not there yet: it is kept
 * until they are. Our last message is not answered: it is sent again before each quick mode message of
 * ours until the peer is heard under the new keys. RFC 2409 5.1, 5.4. Control thread. */
#include "ike/v1/v1.h"

int nhi_v1_aggr_i_start(nhi_ike_sa *sa, nhtb_time now)
{
    (void)now;
    int err = nhi_ike_nego_make(&sa->x_i, sa->peer->cfg.proposals[0].ke[0]);
    return err ? err : nhi_ike_sa_set_state(sa, NHI_SA_INIT_KE) ? 0 : NHTB_ERR_INTERNAL;
}

void nhi_v1_aggr_i_made(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_build_head(sa, &b);
    int err = nhi_v1_offer(sa, &b);
    if (!err) {
        nhi_v1_build_ke(sa, &b);
        err = nhi_v1_build_id_own(sa, &b);
    }
    if (!err) {
        nhi_v1_cert_build_request(sa, &b);
        nhi_v1_vids_build(sa, &b);
        err = nhi_v1_send_phase1(sa, &b, NHI_V1_AWAIT, now);
    }
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_INIT_SENT))
        nhi_v1_broken(sa, err, now);
    else
        nhi_v1_aggr_warn(sa, now);
}

/** Checks the answer as far as it goes without the shared secret; nothing is believed yet. */
static bool acceptable(nhi_ike_sa *sa, const nhi_v1_msg *m, nhi_v1_phase1 *c)
{
    nhi_v1_sa_pl answer;
    uint16_t auths[4];
    nhtb_identity id;
    nhi_v1_policy1 own = nhi_v1_policy(sa->peer, true, auths);
    own.ke = sa->x_i.ke;
    uint8_t proof = nhi_v1_cert_used(sa) ? NHI_V1_SIG : NHI_V1_HASH;
    return nhi_v1_sa_read(&answer, nhi_v1_msg_get(m, NHI_V1_SA, 0)->body) &&
           nhi_v1_propose1_accept(c, &own, &answer) && nhi_v1_msg_get(m, proof, 0) &&
           nhi_v1_peer_id(sa, m, &id) && nhi_ident_match(&sa->peer->cfg.remote_id, &id);
}

unsigned nhi_v1_aggr_i_recv(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    nhi_v1_phase1 c;
    nhtb_identity id;
    if (!acceptable(sa, in->m, &c)) {
        nhi_ike_window_hint(sa, NHTB_DETAIL_NO_PROPOSAL, 0, now);
        return NHTB_REASON_IKE_MALFORMED;
    }
    nhi_v1_agree(sa, &c);
    if (!nhi_v1_read_ke(sa, in->m))
        return NHTB_REASON_IKE_MALFORMED;
    (void)nhi_v1_peer_id(sa, in->m, &id);
    nhi_v1_remember_id(sa, &id);
    nhi_v1_vids_read(sa, in->m);
    sa->spi_r = in->h->spi_r;
    nhi_v1_cert_read_request(sa, in->m);
    sa->v1->proof = nhi_v1_copy(sa->ike, in->msg);
    int err = sa->v1->proof ? nhi_v1_natd_read(sa, in->m, in->path) : NHTB_ERR_MEMORY;
    nhi_v1_taken(sa, in, now);
    if (!err)
        err = nhi_ike_nego_shared(&sa->x_i, (nhtb_span){sa->v1->gr->p, sa->v1->gr->n});
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_AUTH_KE))
        nhi_v1_broken(sa, err, now);
    return NHTB_REASON_NONE;
}

/** Message 2 again. NULL: it is gone. */
static const nhi_v1_msg *unpark(nhi_ike_sa *sa)
{
    nhi_ike_hdr h;
    const nhi_ike_buf *b = sa->v1->proof;
    nhi_v1_msg *m = &sa->ike->v1_msg;
    bool ok =
        b && nhi_ike_hdr_read(&h, b->p, b->n) &&
        nhi_v1_msg_parse(m, h.next, b->p + NHI_IKE_HDR, b->n - NHI_IKE_HDR, false) == NHI_CHAIN_OK;
    return ok ? m : NULL;
}

void nhi_v1_aggr_i_ready(nhi_ike_sa *sa, nhtb_time now)
{
    const nhi_v1_msg *m = unpark(sa);
    const nhtb_identity id = {sa->remote_id_type, {sa->remote_id, sa->remote_id_n}};
    bool certs = nhi_v1_cert_used(sa);
    nhtb_detail d = !m      ? NHTB_DETAIL_INTERNAL
                    : certs ? nhi_v1_cert_verify(sa, sa->peer->pki, m, &id)
                            : nhi_v1_auth_verify(sa, m);
    nhi_ike_buf_drop(sa->ike, &sa->v1->proof);
    if (d != NHTB_DETAIL_NONE)
        nhi_v1_auth_failed(sa, sa->peer, d, now);
    else if (!certs)
        nhi_v1_aggr_i_signed(sa, now);
    else if (!nhi_ike_sa_set_state(sa, NHI_SA_AUTH_VERIFY))
        nhi_v1_broken(sa, NHTB_ERR_INTERNAL, now);
}

void nhi_v1_aggr_i_verified(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now)
{
    if (d != NHTB_DETAIL_NONE) {
        nhi_v1_auth_failed(sa, sa->peer, d, now);
        return;
    }
    int err = nhi_v1_cert_sign(sa);
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_AUTH_SIGN))
        nhi_v1_broken(sa, err, now);
}

/** Message 3. */
void nhi_v1_aggr_i_signed(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_natd_float(sa);
    nhi_v1_build_head(sa, &b);
    int err = (nhi_v1_cert_used(sa) ? nhi_v1_cert_build : nhi_v1_build_auth)(sa, &b);
    if (!err) {
        nhi_v1_natd_build(sa, &b);
        nhi_v1_build_contact(sa, &b);
        err = nhi_v1_send_phase1(sa, &b, NHI_V1_LAST, now);
    }
    if (err)
        nhi_v1_broken(sa, err, now);
    else
        nhi_v1_phase1_done(sa, now);
}
