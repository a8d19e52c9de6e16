/* SPDX-License-Identifier: Apache-2.0
 * INFORMATIONAL both ways: deletes, liveness. RFC 7296 1.4, 1.4.1, 2.4, 2.25. Called by task and
 * recv. Control thread. */
#include "ike/room.h"

static void later(nhi_ike_sa *sa, nhi_ike_child *c, nhtb_time now)
{
    nhi_ike_task_end(sa);
    nhtb_time at = now + NHTB_NS_PER_S;
    if (c)
        c->hold = at;
    if (at < sa->t_task.due)
        nhi_wheel_arm(sa->ike->env.wheel, &sa->t_task, at);
}

void nhi_ike_info_delete_child(nhi_ike_sa *sa, nhi_ike_child *c, nhtb_time now)
{
    nhi_ike_builder b;
    uint8_t spi[4];
    nhi_put32(spi, c->spi_in);
    nhi_ike_send_inner(sa->ike, &b);
    nhi_ike_build_delete(&b, NHTB_PROTO_ESP, 4, 1, (nhtb_span){spi, 4});
    if (nhi_ike_send_request(sa, NHI_EX_INFORMATIONAL, &b, now))
        later(sa, c, now);
    else
        c->want = 0;
}

void nhi_ike_info_delete_ike(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_send_inner(sa->ike, &b);
    nhi_ike_build_delete(&b, NHTB_PROTO_IKE, 0, 0, (nhtb_span){NULL, 0});
    if (nhi_ike_send_request(sa, NHI_EX_INFORMATIONAL, &b, now)) {
        nhi_ike_sa_kill(sa);
        return;
    }
    sa->want = 0;
}

void nhi_ike_info_liveness(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    sa->want &= (uint8_t)~NHI_WANT_LIVENESS;
    nhi_ike_send_inner(sa->ike, &b);
    if (nhi_ike_send_request(sa, NHI_EX_INFORMATIONAL, &b, now))
        later(sa, NULL, now); /* its timer asks again */
    else
        sa->ike->count.liveness_sent++;
}

void nhi_ike_info_done(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    (void)m; /* the answer's delete payload names the halves we know; unknown ones do not matter */
    nhi_ike_child *c = sa->task_child;
    uint8_t task = sa->task;
    nhi_ike_task_end(sa);
    if (task == NHI_TASK_DELETE_IKE)
        nhi_ike_sa_kill(sa);
    else if (task == NHI_TASK_DELETE_CHILD && c)
        nhi_ike_child_deleted(c, now);
}

/* ---- responder ---- */

typedef struct doomed {
    bool ike, lost_child;
    uint16_t n;
    uint8_t spis[NHI_IKE_CHILDREN * 4];
} doomed;

/** The delete of a pair that we ask for overtook the answer to us: the answer must not revive it. */
static void remember(nhi_ike_nego *x, uint32_t spi)
{
    bool child = x->kind == NHI_TASK_CREATE || x->kind == NHI_TASK_REKEY_CHILD;
    if (child && x->n_early < NHI_IKE_EARLY)
        x->early[x->n_early++] = spi;
}

static void delete_one(nhi_ike_sa *sa, uint32_t spi, doomed *d, nhtb_time now)
{
    nhi_ike_child *c = nhi_ike_child_by_out(sa, spi);
    if (!c)
        remember(&sa->x_i, spi);
    if (!c || c->state == NHI_CHILD_OVERLAP || d->n >= NHI_IKE_CHILDREN)
        return; /* unknown ones are left out of the answer (1.4.1) */
    bool crossing = sa->task == NHI_TASK_DELETE_CHILD && sa->task_child == c;
    if (!crossing)
        nhi_put32(d->spis + 4 * d->n++, c->spi_in);
    if (!c->creator)
        nhi_ike_child_revive(c->older);
    d->lost_child = d->lost_child || c->state == NHI_CHILD_UP;
    nhi_ike_child_deleted(c, now);
}

static bool read_deletes(nhi_ike_sa *sa, const nhi_ike_msg *m, doomed *d, nhtb_time now)
{
    const nhi_ike_pl *p;
    for (size_t k = 0; (p = nhi_ike_msg_get(m, NHI_PL_DELETE, k)); k++) {
        uint8_t proto, len;
        uint16_t n;
        nhtb_span spis;
        if (!nhi_ike_delete_read(p->body, &proto, &len, &n, &spis))
            return false;
        if (proto == NHTB_PROTO_IKE)
            d->ike = true;
        for (size_t i = 0; proto == NHTB_PROTO_ESP && len == 4 && i < n; i++)
            delete_one(sa, nhi_get32(spis.p + 4 * i), d, now);
    }
    return true;
}

static void answer(nhi_ike_sa *sa, const doomed *d, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_send_inner(sa->ike, &b);
    if (d->n && !d->ike)
        nhi_ike_build_delete(&b, NHTB_PROTO_ESP, 4, d->n, (nhtb_span){d->spis, (size_t)d->n * 4});
    (void)nhi_ike_send_response(sa, &b, now); /* unsent: as lost, the request comes again */
}

void nhi_ike_info_r(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    nhi_ike_notify n;
    doomed d;
    memset(&d, 0, sizeof d);
    if (!read_deletes(sa, m, &d, now)) {
        nhi_ike_send_notify(sa, NHI_N_INVALID_SYNTAX, (nhtb_span){NULL, 0}, now);
        nhi_ike_sa_end(sa, NHTB_DETAIL_MALFORMED, 0, true, now);
        return;
    }
    answer(sa, &d, now);
    bool refused = nhi_ike_find_notify(m, NHI_N_AUTHENTICATION_FAILED, &n);
    if (d.ike || refused) {
        if (d.ike)
            (void)nhi_ike_rekey_ike_yield(sa, now);
        nhi_ike_sa_end(sa, refused ? NHTB_DETAIL_AUTHENTICATION : NHTB_DETAIL_DELETED_BY_PEER,
                       refused ? NHI_N_AUTHENTICATION_FAILED : 0, true, now);
        return;
    }
    if (d.lost_child && sa->peer && sa->state == NHI_SA_UP)
        nhi_ike_peer_retry(sa->peer, now);
}
