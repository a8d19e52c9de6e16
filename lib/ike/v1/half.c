/* SPDX-License-Identifier: Apache-2.0
 * A stranger's first message: limits, and the half-open SA it may cost. IKEv1 has no cookies that
 * cost nothing, but main mode's message 3 proves that its sender can be reached: until then there is
 * no public-key work, and the time is short. RFC 2408 2.5.3; docs/dos.md. Control thread. */
#include "ike/v1/v1.h"

#define UNPROVED_NS (10 * NHTB_NS_PER_S)

/** Threshold 0 asks IKEv2's strangers for a cookie always. Here that would serve some entries never: half
 *  of the room must be taken. */
static uint32_t threshold(const nhtb_settings *set)
{
    return set->cookie_threshold ? set->cookie_threshold : (set->limits.half_open + 1) / 2;
}

unsigned nhi_v1_gate(nhi_ike *ike, const nhi_v1_in *in, const nhi_ike_peer *p, nhtb_time now)
{
    unsigned why = nhi_ike_dos_gate(ike, in->path, now);
    if (why || !nhi_ike_dos_crowded(ike, in->path, threshold(ike->env.settings)))
        return why;
    /* where IKEv2 asks for a cookie: only who has a definite address in the configuration */
    return p->cfg.path.remote.family && p->cfg.v1->mode == NHTB_V1_MAIN ? NHTB_REASON_NONE
                                                                        : NHTB_REASON_IKE_BUSY;
}

static int fill(nhi_ike_sa *sa, const nhi_v1_in *in, const nhi_ike_peer *p, const nhi_v1_phase1 *c)
{
    nhi_ike *ike = sa->ike;
    int err = nhi_v1_make(sa, &p->cfg);
    if (err)
        return err;
    sa->spi_i = in->h->spi_i;
    sa->path = *in->path;
    sa->kind = in->kind;
    sa->peer_id = p->id;
    nhi_v1_agree(sa, c);
    nhi_v1_vids_read(sa, in->m);
    sa->v1->sai = nhi_v1_copy(ike, nhi_v1_msg_get(in->m, NHI_V1_SA, 0)->body);
    sa->init_peer = nhi_ike_buf_new(ike, NHI_IKE_MARKER + in->msg.n);
    if (!sa->v1->sai || !sa->init_peer)
        return NHTB_ERR_MEMORY;
    memcpy(sa->init_peer->p + NHI_IKE_MARKER, in->msg.p, in->msg.n);
    err = nhi_ike_table_add_init(sa);
    return err ? err : nhi_ike_nego_begin(&sa->x_r, sa, NHI_TASK_INIT, true);
}

nhi_ike_sa *nhi_v1_open_half(nhi_ike *ike, const nhi_v1_in *in, nhi_ike_peer *p,
                             const nhi_v1_phase1 *c, nhtb_time now)
{
    int err = 0;
    nhi_ike_sa *sa = nhi_ike_sa_new(ike, false, now, &err);
    if (!sa)
        return NULL;
    if (fill(sa, in, p, c)) {
        nhi_ike_sa_kill(sa);
        return NULL;
    }
    ike->count.responded++;
    sa->last_in = now;
    sa->v1->in_digest = nhi_v1_digest(ike, in->msg);
    nhi_wheel_arm(ike->env.wheel, &sa->t_half_open, now + UNPROVED_NS);
    return sa;
}

unsigned nhi_v1_no_proposal(nhi_ike *ike, const nhi_v1_in *in, nhi_ike_peer *known,
                            const nhi_v1_sa_pl *offer, nhtb_time now)
{
    nhi_v1_send_plain(ike, in, NHI_V1_N_NO_PROPOSAL_CHOSEN, now);
    ike->count.failed++;
    if (!known) {
        nhi_ike_act_event(ike, NHTB_EVENT_UNKNOWN_PEER, NHTB_DETAIL_NONE, 0, (nhtb_peer_id){0},
                          UINT16_MAX, in->path, now);
        return NHTB_REASON_IKE_NO_PEER;
    }
    const nhi_ike_fault why = {NHTB_DETAIL_NO_PROPOSAL, 0, UINT16_MAX, true, "IKEv1 phase 1"};
    nhi_v1_explain_offers(known, UINT16_MAX, NULL, offer);
    nhi_ike_explain_note(known, &why, now);
    known->last_detail = NHTB_DETAIL_NO_PROPOSAL;
    nhi_ike_act_event(ike, NHTB_EVENT_IKE_FAILED, NHTB_DETAIL_NO_PROPOSAL, 0, known->id, UINT16_MAX,
                      in->path, now);
    return NHTB_REASON_IKE_STATE;
}
