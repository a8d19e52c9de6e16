/* SPDX-License-Identifier: Apache-2.0
 * Dead peer detection (RFC 3706): only when both sides said that they know it. A probe is repeated
 * with its number; its answer must repeat it; a number of the peer that goes backwards is a replay.
 * And pairs that we alone have: deletes are not acknowledged (RFC 2408 3.15), a lost one leaves us
 * sending into nothing while the peer lives. Called by info, pump and timers. Control thread. */
#include "ike/v1/v1.h"

static nhtb_time gap_of(const nhi_ike_sa *sa)
{
    return (nhtb_time)sa->peer->cfg.liveness_s * NHTB_NS_PER_S;
}

static int send(nhi_ike_sa *sa, uint16_t type, uint32_t number, nhtb_time now)
{
    uint8_t spi[16], data[4];
    nhi_put64(spi, sa->spi_i);
    nhi_put64(spi + 8, sa->spi_r);
    nhi_put32(data, number);
    return nhi_v1_info_notify(sa, NHI_V1_PROTO_ISAKMP, (nhtb_span){spi, sizeof spi}, type,
                              (nhtb_span){data, sizeof data}, now);
}

void nhi_v1_dpd_probe(nhi_ike_sa *sa, nhtb_time now)
{
    if (!sa->v1->dpd || sa->state != NHI_SA_UP)
        return;
    if (!sa->v1->probe.waiting) {
        sa->v1->probe.since = now;
        sa->v1->probe.waiting = true;
    }
    if (send(sa, NHI_V1_N_R_U_THERE, sa->v1->probe.out, now) == 0)
        sa->ike->count.liveness_sent++;
}

static bool names_us(const nhi_ike_sa *sa, const nhi_v1_notify *n)
{
    /* some leave the cookies out; wrong ones are another SA's */
    return !n->spi.n || (n->spi.n == 16 && nhi_get64(n->spi.p) == sa->spi_i &&
                         nhi_get64(n->spi.p + 8) == sa->spi_r);
}

void nhi_v1_dpd_recv(nhi_ike_sa *sa, const nhi_v1_notify *n, nhtb_time now)
{
    if (!sa->v1->dpd || n->data.n != 4 || !names_us(sa, n))
        return;
    uint32_t number = nhi_get32(n->data.p);
    if (n->type == NHI_V1_N_R_U_THERE_ACK) {
        if (sa->v1->probe.waiting && number == sa->v1->probe.out) {
            sa->v1->probe.waiting = false;
            sa->v1->probe.out++;
        }
        return;
    }
    if (sa->v1->probe.heard && (int32_t)(number - sa->v1->probe.in) < 0)
        return;
    sa->v1->probe.heard = true;
    sa->v1->probe.in = number;
    (void)send(sa, NHI_V1_N_R_U_THERE_ACK, number, now); /* unsent: as lost, it asks again */
}

/** Is it the only IKE SA of its peer that is up? ESP is counted by peer. */
static bool alone(const nhi_ike_sa *sa)
{
    NHI_LIST_FOR(it, &sa->peer->sas)
    {
        const nhi_ike_sa *o = NHI_CONTAINER(it, const nhi_ike_sa, peer_link);
        if (o != sa && o->state == NHI_SA_UP)
            return false;
    }
    return true;
}

static nhtb_time heard(const nhi_ike_sa *sa)
{
    nhtb_time esp = alone(sa) ? sa->ike->env.last_in(sa->ike->env.user, sa->peer_id) : 0;
    return esp > sa->last_in ? esp : sa->last_in;
}

#define SILENT_GAPS 3                      /* of liveness_s: sent on, nothing came back */
#define SILENT_MAX  (3600 * NHTB_NS_PER_S) /* between two tries, which double from SILENT_GAPS */

static void renew_pairs(nhi_ike_sa *sa, nhtb_time now)
{
    bool any = false;
    NHI_LIST_FOR(it, &sa->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        if (c->state != NHI_CHILD_UP || !c->in_use)
            continue;
        c->want |= NHI_WANT_REKEY;
        any = true;
    }
    if (!any)
        return;
    sa->ike->count.silent_rekeys++;
    nhi_v1_pump(sa, now);
}

/** We send and hear nothing: either the traffic goes one way, or the peer lost its end of the pair. A
 *  quick mode settles it: now, and ever less often while the silence lasts. */
static void look_at_silence(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhtb_time gap = gap_of(sa), in = ike->env.last_in(ike->env.user, sa->peer_id);
    nhtb_time out = ike->env.last_out(ike->env.user, sa->peer_id);
    nhtb_time last = in > sa->established ? in : sa->established;
    bool again = sa->v1->silence.tried >= last; /* in the same silence */
    nhtb_time since = again ? sa->v1->silence.tried : last;
    nhtb_time wait = again ? sa->v1->silence.wait : SILENT_GAPS * gap;
    if (out <= last || out + gap < now || now < since + wait)
        return;
    sa->v1->silence.tried = now;
    sa->v1->silence.wait = 2 * wait < SILENT_MAX ? 2 * wait : SILENT_MAX;
    renew_pairs(sa, now);
}

#define PROBE_NS (2 * NHTB_NS_PER_S) /* between the copies of one probe */

void nhi_v1_dpd_timer(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_wheel *w = sa->ike->env.wheel;
    if (sa->state != NHI_SA_UP || !sa->peer)
        return;
    look_at_silence(sa, now);
    if (sa->state != NHI_SA_UP)
        return;
    nhtb_time gap = gap_of(sa), last = heard(sa);
    if (!sa->v1->dpd) {
        nhi_wheel_arm(w, &sa->t_liveness, now + gap);
        return;
    }
    nhtb_time since = sa->v1->probe.since;
    if (sa->v1->probe.waiting && last > since) { /* it lives, whatever became of the answer */
        sa->v1->probe.waiting = false;
        sa->v1->probe.out++;
    }
    if (!sa->v1->probe.waiting && last + gap > now) {
        nhi_wheel_arm(w, &sa->t_liveness, last + gap);
        return;
    }
    if (sa->v1->probe.waiting && now >= since + gap * sa->peer->cfg.liveness_tries) {
        sa->ike->count.liveness_failed++;
        nhi_v1_peer_dead(sa, now);
        return;
    }
    nhi_v1_dpd_probe(sa, now);
    nhtb_time end = sa->v1->probe.since + gap * sa->peer->cfg.liveness_tries;
    nhtb_time next = now + (gap < PROBE_NS ? gap : PROBE_NS);
    nhi_wheel_arm(w, &sa->t_liveness, next < end ? next : end);
}
