/* SPDX-License-Identifier: Apache-2.0
 * Informational exchanges: one message, not answered, each with a message ID of its own. In: deletes,
 * DPD, INITIAL-CONTACT, errors. What is not protected is a hint at most. RFC 2409 5.7, RFC 2408 3.14,
 * 3.15, RFC 2407 4.6.3. Called by recv, pump and quick mode. Control thread. */
#include "ike/v1/v1.h"

static int send(nhi_ike_sa *sa, nhi_ike_builder *b, nhtb_time now)
{
    nhi_v1_x x;
    memset(&x, 0, sizeof x);
    x.sa = sa;
    x.exchange = NHI_V1_EX_INFORMATIONAL;
    x.initiator = true;
    int err = nhi_v1_new_mid(sa, &x.mid);
    nhi_v1_mid_note(sa, x.mid); /* it may come back to us: nothing in it says whose it is */
    if (!err)
        err = nhi_v1_iv_phase2(sa->ike->env.crypto, sa->suite.prf, sa->v1->iv, x.mid,
                               sa->v1->cipher.block, x.iv);
    return err ? err : nhi_v1_send(&x, b, NHI_V1_ONCE, now);
}

int nhi_v1_info_notify(nhi_ike_sa *sa, uint8_t protocol, nhtb_span spi, uint16_t type,
                       nhtb_span data, nhtb_time now)
{
    nhi_ike_builder b;
    const nhi_v1_notify n = {NHI_V1_DOI, protocol, type, spi, data};
    if (!sa->have_keys)
        return NHTB_ERR_STATE;
    nhi_v1_send_inner(sa->ike, &b);
    nhi_v1_build_notify(&b, &n);
    return send(sa, &b, now);
}

static int send_delete(nhi_ike_sa *sa, uint8_t protocol, uint16_t n, nhtb_span spis, nhtb_time now)
{
    nhi_ike_builder b;
    const nhi_v1_delete d = {NHI_V1_DOI, protocol, (uint8_t)(spis.n / n), n, spis};
    if (!sa->have_keys)
        return NHTB_ERR_STATE;
    nhi_v1_send_inner(sa->ike, &b);
    nhi_v1_build_delete(&b, &d);
    return send(sa, &b, now);
}

int nhi_v1_info_delete_child(nhi_ike_sa *sa, uint32_t spi_in, nhtb_time now)
{
    uint8_t spi[4];
    nhi_put32(spi, spi_in);
    return send_delete(sa, NHI_V1_PROTO_ESP, 1, (nhtb_span){spi, sizeof spi}, now);
}

int nhi_v1_info_delete_children(nhi_ike_sa *sa, const uint8_t *spis, uint16_t n, nhtb_time now)
{
    return send_delete(sa, NHI_V1_PROTO_ESP, n, (nhtb_span){spis, 4u * n}, now);
}

int nhi_v1_info_delete_isakmp(nhi_ike_sa *sa, nhtb_time now)
{
    uint8_t spi[16];
    nhi_put64(spi, sa->spi_i);
    nhi_put64(spi + 8, sa->spi_r);
    return send_delete(sa, NHI_V1_PROTO_ISAKMP, 1, (nhtb_span){spi, sizeof spi}, now);
}

int nhi_v1_info_contact(nhi_ike_sa *sa, nhtb_time now)
{
    uint8_t spi[16];
    nhi_put64(spi, sa->spi_i);
    nhi_put64(spi + 8, sa->spi_r);
    return nhi_v1_info_notify(sa, NHI_V1_PROTO_ISAKMP, (nhtb_span){spi, sizeof spi},
                              NHI_V1_N_INITIAL_CONTACT, (nhtb_span){NULL, 0}, now);
}

/* ---- in ---- */

nhtb_detail nhi_v1_error_detail(uint16_t type)
{
    switch (type) {
    case NHI_V1_N_NO_PROPOSAL_CHOSEN: return NHTB_DETAIL_NO_PROPOSAL;
    case NHI_V1_N_INVALID_ID: return NHTB_DETAIL_IDENTITY;
    case NHI_V1_N_INVALID_HASH:
    case NHI_V1_N_AUTHENTICATION_FAILED: return NHTB_DETAIL_AUTHENTICATION;
    default: return NHTB_DETAIL_PEER_ERROR;
    }
}

/** A pair of this peer, whichever of its SAs holds it. */
static nhi_ike_child *child_by_out(const nhi_ike_sa *sa, uint32_t spi_out)
{
    NHI_LIST_FOR(it, &sa->peer->sas)
    {
        nhi_ike_child *c = nhi_ike_child_by_out(NHI_CONTAINER(it, nhi_ike_sa, peer_link), spi_out);
        if (c)
            return c;
    }
    return NULL;
}

/** The peer gave up what it made: what that replaced serves again. Not when it had been replaced itself,
 *  nor when a pair that gave way to it takes its place. */
static void give_back(const nhi_ike_child *c)
{
    if (c->creator || c->state != NHI_CHILD_UP)
        return;
    NHI_LIST_FOR(it, &c->sa->children)
    {
        if (NHI_CONTAINER(it, const nhi_ike_child, link)->older == c)
            return;
    }
    nhi_ike_child_revive(c->older);
}

static void delete_children(nhi_ike_sa *sa, const nhi_v1_delete *d, nhtb_time now)
{
    for (size_t i = 0; i < d->n && sa->state != NHI_SA_DEAD; i++) {
        nhi_ike_child *c = child_by_out(sa, nhi_get32(d->spis.p + 4 * i));
        if (!c)
            continue;
        bool was_up = c->state == NHI_CHILD_UP;
        give_back(c);
        nhi_ike_child_deleted(c, now);
        if (was_up && sa->peer)
            nhi_ike_peer_retry(sa->peer, now);
    }
}

static bool is_proved(const nhi_ike_sa *sa)
{
    return sa->state == NHI_SA_UP || sa->state == NHI_SA_V1_CONFIG;
}

/** Of this SA, or of another one of the same peer (after a reauthentication). */
static void delete_isakmp(nhi_ike_sa *sa, const nhi_v1_delete *d, nhtb_time now)
{
    for (size_t i = 0; i < d->n; i++) {
        uint64_t spi_i = nhi_get64(d->spis.p + 16 * i), spi_r = nhi_get64(d->spis.p + 16 * i + 8);
        NHI_LIST_FOR_SAFE(it, nx, &sa->peer->sas)
        {
            nhi_ike_sa *o = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
            if (o->v1 && is_proved(o) && o->spi_i == spi_i && o->spi_r == spi_r)
                nhi_v1_sa_gone(o, NHTB_DETAIL_DELETED_BY_PEER, now);
        }
        if (sa->state == NHI_SA_DEAD)
            return;
    }
}

static void take_delete(nhi_ike_sa *sa, nhtb_span body, nhtb_time now)
{
    nhi_v1_delete d;
    if (!nhi_v1_delete_read(&d, body) || !is_proved(sa) || !sa->peer)
        return;
    if (d.protocol == NHI_V1_PROTO_ESP && d.spi_len == 4)
        delete_children(sa, &d, now);
    else if (d.protocol == NHI_V1_PROTO_ISAKMP && d.spi_len == 16)
        delete_isakmp(sa, &d, now);
}

static void take_notify(nhi_ike_sa *sa, nhtb_span body, nhtb_time now)
{
    nhi_v1_notify n;
    if (!nhi_v1_notify_read(&n, body) || n.doi > NHI_V1_DOI)
        return;
    if (n.type == NHI_V1_N_R_U_THERE || n.type == NHI_V1_N_R_U_THERE_ACK)
        nhi_v1_dpd_recv(sa, &n, now);
    else if (n.type == NHI_V1_N_INITIAL_CONTACT && sa->state == NHI_SA_UP)
        nhi_v1_contact(sa, now);
    else if (n.type && n.type < NHI_V1_N_CONNECTED && sa->state == NHI_SA_UP)
        nhi_v1_quick_error(sa, n.spi.n == 4 ? nhi_get32(n.spi.p) : 0, n.type, now);
}

void nhi_v1_info_recv(nhi_ike_sa *sa, const nhi_v1_msg *m, nhtb_time now)
{
    const nhi_v1_pl *p;
    for (size_t k = 0; (p = nhi_v1_msg_get(m, NHI_V1_NOTIFY, k)); k++)
        if (sa->state != NHI_SA_DEAD)
            take_notify(sa, p->body, now);
    for (size_t k = 0; (p = nhi_v1_msg_get(m, NHI_V1_DELETE, k)); k++)
        take_delete(sa, p->body, now);
    nhi_v1_pump(sa, now);
}

unsigned nhi_v1_info_hint(nhi_ike_sa *sa, const nhi_v1_msg *m, nhtb_time now)
{
    nhi_v1_notify n;
    const nhi_v1_pl *p = nhi_v1_msg_get(m, NHI_V1_NOTIFY, 0);
    if (!p || !nhi_v1_notify_read(&n, p->body) || !n.type || n.type >= NHI_V1_N_CONNECTED)
        return NHTB_REASON_IKE_UNEXPECTED;
    if (!sa->initiator || !sa->out.busy || sa->state == NHI_SA_UP)
        return NHTB_REASON_IKE_UNEXPECTED; /* anybody could have sent it */
    nhi_ike_window_hint(sa, nhi_v1_error_detail(n.type), n.type, now);
    return NHTB_REASON_NONE;
}
