/* SPDX-License-Identifier: Apache-2.0
 * Message identifiers, window of one each way, retransmission (0.5 s x 1.5, cap 10 s, about 165 s in
 * all, from the settings) and the cached last response. RFC 7296 2.1 - 2.4. Control thread. */
#include "ike/room.h"

static nhtb_time ms(uint32_t v)
{
    return (nhtb_time)v * NHTB_NS_PER_MS;
}

static nhtb_time limit_of(const nhi_ike_sa *sa)
{
    nhtb_time end =
        sa->out.first + (nhtb_time)sa->ike->env.settings->retransmit_total_s * NHTB_NS_PER_S;
    bool early = sa->state == NHI_SA_INIT_SENT || sa->state == NHI_SA_V1_KE_SENT ||
                 sa->state == NHI_SA_AUTH_SENT;
    if (early && sa->hint) {
        nhtb_time soon = sa->hint_at + NHI_IKE_HINT_NS;
        return soon < end ? soon : end;
    }
    return end;
}

static void arm(nhi_ike_sa *sa, nhtb_time now)
{
    nhtb_time due = now + sa->out.interval, end = limit_of(sa);
    nhi_wheel_arm(sa->ike->env.wheel, &sa->t_retransmit, due < end ? due : end);
}

void nhi_ike_window_sent(nhi_ike_sa *sa, nhi_ike_buf *msg, uint8_t exchange, nhtb_time now)
{
    nhi_ike_buf_drop(sa->ike, &sa->out.msg);
    sa->out.msg = msg;
    sa->out.exchange = exchange;
    sa->out.sends = 1;
    sa->out.interval = ms(sa->ike->env.settings->retransmit_ms);
    if (!sa->out.busy)
        sa->out.first = now;
    sa->out.busy = true;
    nhi_ike_send_buf(sa, msg, now);
    arm(sa, now);
}

void nhi_ike_window_done(nhi_ike_sa *sa)
{
    nhi_wheel_cancel(sa->ike->env.wheel, &sa->t_retransmit);
    nhi_ike_buf_drop(sa->ike, &sa->out.msg);
    nhi_ike_frag_drop(sa, true);
    sa->out.busy = false;
    sa->out.next++;
    sa->hint = 0;
}

/** An error that anybody could have sent: a better answer is waited for, but not for ever. */
void nhi_ike_window_hint(nhi_ike_sa *sa, nhtb_detail d, uint32_t code, nhtb_time now)
{
    if (sa->hint)
        return;
    sa->hint = (uint16_t)d;
    sa->hint_code = code;
    sa->hint_at = now;
    nhtb_time soon = now + NHI_IKE_HINT_NS;
    if (sa->t_retransmit.due > soon)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_retransmit, soon);
}

/** An IKE_SA_INIT that was damaged on its way gives the two sides different keys, and nothing says so:
 *  IKE_AUTH is never answered. After this many sends another attempt is made beside this one. */
#define AUTH_SENDS 5

/* A peer that replaced the SA too need not answer any more: it may use its successor already. Then the
 * old SA waits for its delete. */
static void gave_up(nhi_ike_sa *sa, nhtb_time now)
{
    if (nhi_ike_rekey_ike_yield(sa, now)) {
        nhi_ike_window_done(sa);
        nhi_ike_task_end(sa);
    } else if (sa->hint)
        nhi_ike_sa_end(sa, (nhtb_detail)sa->hint, sa->hint_code, false, now);
    else
        nhi_ike_sa_end(sa, NHTB_DETAIL_TIMEOUT, 0, false, now);
}

void nhi_ike_window_fired(nhi_ike_sa *sa, nhtb_time now)
{
    if (!sa->out.busy || !sa->out.msg)
        return;
    if (now >= limit_of(sa)) {
        gave_up(sa, now);
        return;
    }
    bool deaf = sa->state == NHI_SA_AUTH_SENT || sa->state == NHI_SA_V1_KE_SENT;
    if (deaf && sa->out.sends >= AUTH_SENDS)
        nhi_ike_peer_afresh(sa, now);
    if (!sa->out.busy)
        return; /* it was one attempt too many */
    sa->out.sends = sa->out.sends < UINT8_MAX ? (uint8_t)(sa->out.sends + 1) : UINT8_MAX;
    sa->ike->count.retransmitted++;
    nhi_ike_send_buf(sa, sa->out.msg, now);
    nhtb_time cap = ms(sa->ike->env.settings->retransmit_cap_ms);
    sa->out.interval += sa->out.interval / 2;
    if (sa->out.interval > cap)
        sa->out.interval = cap;
    arm(sa, now);
}

/* A true retransmission is bit-identical (2.1); length and ICV tell without any crypto. */
bool nhi_ike_window_same(const nhi_ike_sa *sa, nhtb_span msg)
{
    return msg.n == sa->in.len &&
           !memcmp(msg.p + msg.n - sizeof sa->in.tail, sa->in.tail, sizeof sa->in.tail);
}

nhi_ike_window nhi_ike_window_request(const nhi_ike_sa *sa, uint32_t id, nhtb_span msg)
{
    if (id == sa->in.next)
        return sa->in.next == UINT32_MAX ? NHI_WINDOW_OUTSIDE : NHI_WINDOW_NEW;
    if (id + 1 != sa->in.next || !sa->in.response)
        return NHI_WINDOW_OUTSIDE;
    return nhi_ike_window_same(sa, msg) ? NHI_WINDOW_REPEATED : NHI_WINDOW_OUTSIDE;
}

void nhi_ike_window_note(nhi_ike_sa *sa, nhtb_span msg, uint8_t exchange)
{
    const nhi_ike_frags *f = sa->frags[0];
    bool cut = msg.p[NHI_IKE_HDR - 12] == NHI_PL_SKF && f; /* its first fragment stands for it */
    sa->in.exchange = exchange;
    sa->in.len = cut ? f->len : msg.n;
    memcpy(sa->in.tail, cut ? f->tail : msg.p + msg.n - sizeof sa->in.tail, sizeof sa->in.tail);
    nhi_ike_frag_drop(sa, false);
}

/** To where the request came from (2.11): its NAT mapping may be another by now. The SA itself does
 *  not move for a repetition. */
void nhi_ike_window_repeat(nhi_ike_sa *sa, const nhtb_path *path, uint8_t kind, nhtb_time now)
{
    if (!sa->in.response)
        return;
    sa->last_out = now;
    nhi_ike_send_to(sa->ike, sa->peer_id, path, kind, sa->in.response);
}
