/* SPDX-License-Identifier: Apache-2.0
 * Who the two sides are and that they are: ID payloads, HASH_I, HASH_R, INITIAL-CONTACT.
 * RFC 2409 5, RFC 2407 4.6.2, 4.6.3.3. Called by the last messages of both modes. Control thread. */
#include "ike/v1/v1.h"

static nhi_ike_buf **id_slot(nhi_ike_sa *sa, bool of_initiator)
{
    return of_initiator ? &sa->v1->idi : &sa->v1->idr;
}

static int keep_id(nhi_ike_sa *sa, bool of_initiator, nhtb_span body)
{
    nhi_ike_buf **slot = id_slot(sa, of_initiator);
    nhi_ike_buf_drop(sa->ike, slot);
    *slot = nhi_v1_copy(sa->ike, body);
    return *slot ? 0 : NHTB_ERR_MEMORY;
}

int nhi_v1_build_id_own(nhi_ike_sa *sa, nhi_ike_builder *b)
{
    const nhi_ike_peer *p = sa->peer ? sa->peer : nhi_ike_peer_get(sa->ike, sa->peer_id);
    if (!p)
        return NHTB_ERR_STATE;
    /* an address as identity: the one phase 1 began with, the float changes ports only */
    nhtb_identity own = nhi_ike_peer_local_id(p, &sa->path);
    const nhi_v1_id id = {own.type, 0, 0, own.data};
    size_t at = b->w.n + 4;
    nhi_v1_build_id(b, &id);
    return b->w.bad ? NHTB_ERR_SHORT
                    : keep_id(sa, sa->initiator, (nhtb_span){b->w.p + at, b->w.n - at});
}

bool nhi_v1_peer_id(nhi_ike_sa *sa, const nhi_v1_msg *m, nhtb_identity *out)
{
    const nhi_v1_pl *p = nhi_v1_msg_get(m, NHI_V1_ID, 0);
    nhi_v1_id id;
    if (!p || !nhi_v1_id_read(&id, p->body))
        return false;
    /* RFC 2407 4.6.2: 0 and 0, or UDP and 500; behind a NAT some say 4500 or 0 */
    bool any = !id.proto && !id.port;
    bool udp = id.proto == 17 && (id.port == 500 || id.port == 4500 || !id.port);
    *out = (nhtb_identity){id.type, id.data};
    return (any || udp) && nhi_ident_valid(out) && !keep_id(sa, !sa->initiator, p->body);
}

static nhtb_span span_of(const nhi_ike_buf *b)
{
    return b ? (nhtb_span){b->p, b->n} : (nhtb_span){NULL, 0};
}

int nhi_v1_hash(nhi_ike_sa *sa, bool of_initiator, nhi_secret *out)
{
    const nhi_v1 *v = sa->v1;
    nhtb_span gi = span_of(v->gi), gr = span_of(v->gr);
    return nhi_v1_hash_auth(sa->ike->env.crypto, sa->suite.prf, &v->keys.skeyid,
                            of_initiator ? gi : gr, of_initiator ? gr : gi,
                            of_initiator ? sa->spi_i : sa->spi_r,
                            of_initiator ? sa->spi_r : sa->spi_i, span_of(v->sai),
                            span_of(of_initiator ? v->idi : v->idr), out);
}

int nhi_v1_build_auth(nhi_ike_sa *sa, nhi_ike_builder *b)
{
    nhi_secret h;
    int err = nhi_v1_hash(sa, sa->initiator, &h);
    if (!err)
        nhi_ike_build_payload(b, NHI_V1_HASH, nhi_secret_span(&h));
    nhi_secret_wipe(&h);
    return err;
}

nhtb_detail nhi_v1_auth_verify(nhi_ike_sa *sa, const nhi_v1_msg *m)
{
    const nhi_v1_pl *p = nhi_v1_msg_get(m, NHI_V1_HASH, 0);
    nhi_secret want;
    if (!p || nhi_v1_hash(sa, !sa->initiator, &want))
        return NHTB_DETAIL_AUTHENTICATION;
    bool same = nhi_v1_hash_equal(&want, p->body);
    nhi_secret_wipe(&want);
    return same ? NHTB_DETAIL_NONE : NHTB_DETAIL_AUTHENTICATION;
}

void nhi_v1_remember_id(nhi_ike_sa *sa, const nhtb_identity *id)
{
    sa->remote_id_type = id->type;
    sa->remote_id_n = (uint8_t)id->data.n;
    memcpy(sa->remote_id, id->data.p, sa->remote_id_n);
}

void nhi_v1_auth_failed(nhi_ike_sa *sa, nhi_ike_peer *p, nhtb_detail d, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    ike->count.auth_failed++;
    if (p && !sa->initiator) {
        const nhi_ike_fault why = {d, 0, UINT16_MAX, true, "IKEv1 phase 1"};
        nhi_ike_explain_note(p, &why, now);
    }
    if (!sa->initiator)
        nhi_ike_dos_failed(ike, &sa->path, now);
    nhi_ike_act_event(ike, NHTB_EVENT_AUTH_FAILED, d, 0, p ? p->id : (nhtb_peer_id){0}, UINT16_MAX,
                      &sa->path, now);
    nhi_ike_sa_end(sa, d, 0, false, now);
}

/** What should prove the initiator does not. It may be anybody's: told once, paid for by its source,
 *  and the SA waits on. */
unsigned nhi_v1_unproved(nhi_ike_sa *sa, nhtb_detail d, const nhtb_path *path, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_peer *p = nhi_ike_peer_get(ike, sa->peer_id);
    nhi_ike_dos_failed(ike, path, now);
    if (sa->v1->told)
        return NHTB_REASON_IKE_INTEGRITY;
    sa->v1->told = true;
    ike->count.auth_failed++;
    const nhi_ike_fault why = {d, 0, UINT16_MAX, true, "IKEv1 phase 1"};
    if (p)
        nhi_ike_explain_note(p, &why, now);
    nhi_ike_act_event(ike, NHTB_EVENT_AUTH_FAILED, d, 0, sa->peer_id, UINT16_MAX, path, now);
    return NHTB_REASON_IKE_INTEGRITY;
}

bool nhi_v1_is_first(const nhi_ike_sa *sa)
{
    NHI_LIST_FOR(it, &sa->peer->sas)
    {
        const nhi_ike_sa *o = NHI_CONTAINER(it, const nhi_ike_sa, peer_link);
        if (o != sa && (o->state == NHI_SA_UP || o->state == NHI_SA_V1_BARE))
            return false;
    }
    return sa->peer->cfg.initial_contact;
}

void nhi_v1_build_contact(nhi_ike_sa *sa, nhi_ike_builder *b)
{
    uint8_t spi[16];
    if (!nhi_v1_is_first(sa))
        return;
    nhi_put64(spi, sa->spi_i);
    nhi_put64(spi + 8, sa->spi_r);
    const nhi_v1_notify n = {
        NHI_V1_DOI, NHI_V1_PROTO_ISAKMP, NHI_V1_N_INITIAL_CONTACT, {spi, sizeof spi}, {NULL, 0}};
    nhi_v1_build_notify(b, &n);
}

bool nhi_v1_has_contact(const nhi_v1_msg *m)
{
    const nhi_v1_pl *p;
    nhi_v1_notify n;
    for (size_t k = 0; (p = nhi_v1_msg_get(m, NHI_V1_NOTIFY, k)); k++)
        if (nhi_v1_notify_read(&n, p->body) && n.type == NHI_V1_N_INITIAL_CONTACT)
            return true;
    return false;
}
