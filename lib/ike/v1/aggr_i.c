/* SPDX-License-Identifier: Apache-2.0
 * Aggressive mode as initiator. Its last message is not answered: it is sent again before each quick
 * mode message of ours until the peer is heard under the new keys. RFC 2409 5.4. Control thread. */
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
        nhi_v1_vids_build(sa, &b);
        err = nhi_v1_send_phase1(sa, &b, NHI_V1_AWAIT, now);
    }
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_INIT_SENT))
        nhi_v1_broken(sa, err, now);
}

/** Checks the answer as far as it goes without the shared secret; nothing is believed yet. */
static bool acceptable(nhi_ike_sa *sa, const nhi_v1_msg *m, nhi_v1_phase1 *c)
{
    nhi_v1_sa_pl answer;
    uint16_t auths[4];
    nhtb_identity id;
    nhi_v1_policy1 own = nhi_v1_policy(sa->peer, true, auths);
    own.ke = sa->x_i.ke;
    return nhi_v1_sa_read(&answer, nhi_v1_msg_get(m, NHI_V1_SA, 0)->body) &&
           nhi_v1_propose1_accept(c, &own, &answer) && nhi_v1_msg_get(m, NHI_V1_HASH, 0) &&
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
    sa->v1->proof = nhi_v1_copy(sa->ike, nhi_v1_msg_get(in->m, NHI_V1_HASH, 0)->body);
    int err = sa->v1->proof ? nhi_v1_natd_read(sa, in->m, in->path) : NHTB_ERR_MEMORY;
    nhi_v1_taken(sa, in, now);
    if (!err)
        err = nhi_ike_nego_shared(&sa->x_i, (nhtb_span){sa->v1->gr->p, sa->v1->gr->n});
    if (err || !nhi_ike_sa_set_state(sa, NHI_SA_AUTH_KE))
        nhi_v1_broken(sa, err, now);
    return NHTB_REASON_NONE;
}

void nhi_v1_aggr_i_ready(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_secret want;
    bool same = !nhi_v1_hash(sa, false, &want) &&
                nhi_v1_hash_equal(&want, (nhtb_span){sa->v1->proof->p, sa->v1->proof->n});
    nhi_secret_wipe(&want);
    if (!same) {
        nhi_v1_auth_failed(sa, sa->peer, NHTB_DETAIL_AUTHENTICATION, now);
        return;
    }
    nhi_v1_natd_float(sa);
    nhi_v1_build_head(sa, &b);
    int err = nhi_v1_build_auth(sa, &b);
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
