/* SPDX-License-Identifier: Apache-2.0
 * Questions: a peer without a configured PSK authenticates, the host is asked and answers later.
 * Called by init_i and auth_r; answers come through nhi_ike_answer. Control thread. */
#include "ike/room.h"

static uint32_t next_question(nhi_ike *ike)
{
    ike->next_question++;
    if (!ike->next_question)
        ike->next_question = 1;
    return ike->next_question;
}

int nhi_ike_ask(nhi_ike_sa *sa, nhi_ike_state state, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_act *a = nhi_ike_act_add(ike, NHI_ACT_ASK, false);
    if (!a)
        return NHTB_ERR_MEMORY;
    nhi_ike_sa_set_state(sa, state);
    sa->question = next_question(ike);
    a->path = a->event.path = sa->path;
    a->event.size = (uint32_t)sizeof a->event;
    a->event.kind = NHTB_EVENT_QUESTION;
    a->event.time = now;
    a->event.count = 1;
    a->peer = a->event.peer = sa->peer_id;
    a->event.child = UINT16_MAX;
    a->event.question = sa->question;
    if (state == NHI_SA_ASK)
        nhi_wheel_arm(ike->env.wheel, &sa->t_half_open,
                      now + (nhtb_time)ike->env.settings->retransmit_total_s * NHTB_NS_PER_S);
    return 0;
}

static nhi_ike_sa *asker(nhi_ike *ike, uint32_t question)
{
    NHI_LIST_FOR(it, &ike->sas)
    {
        nhi_ike_sa *sa = NHI_CONTAINER(it, nhi_ike_sa, link);
        if (question && sa->question == question)
            return sa;
    }
    return NULL;
}

int nhi_ike_answer(nhi_ike *ike, uint32_t question, nhtb_span psk, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_sa *sa = asker(ike, question);
    if (!sa)
        return NHTB_ERR_STALE;
    if (sa->state == NHI_SA_R_ASK) {
        sa->question = 0;
        (sa->v1 ? nhi_v1_resume : nhi_ike_auth_r_resume)(sa, psk, now);
        return 0;
    }
    if (!psk.n) {
        nhi_ike_sa_end(sa, NHTB_DETAIL_NO_PSK, 0, false, now);
        return 0;
    }
    nhi_ike_buf *b = nhi_ike_buf_new(ike, psk.n);
    if (!b)
        return NHTB_ERR_MEMORY; /* the question stays open */
    memcpy(b->p, psk.p, psk.n);
    sa->psk = b;
    sa->question = 0;
    nhi_wheel_cancel(ike->env.wheel, &sa->t_half_open);
    if ((sa->v1 ? nhi_v1_start : nhi_ike_init_i_start)(sa, now))
        nhi_ike_sa_end(sa, NHTB_DETAIL_MEMORY, 0, false, now);
    return 0;
}
