/* SPDX-License-Identifier: Apache-2.0
 * Phase 1 with signatures: certificate requests, our chain, SIG over HASH_I or HASH_R as a job, and
 * the proof of the peer's. The HASH itself is signed, without another hash around it. RFC 2409 5.1,
 * RFC 4754 (ECDSA), RFC 2408 3.9, 3.10, 3.12. Called by main_*, aggr_* and nego. Control thread. */
#include "crypto/sig.h"
#include "ike/v1/v1.h"

#define X509_SIGNATURE 4 /* certificate encoding */

static nhi_pki *pki_of(const nhi_ike_sa *sa)
{
    const nhi_ike_peer *p = sa->peer ? sa->peer : nhi_ike_peer_get(sa->ike, sa->peer_id);
    return p ? p->pki : NULL;
}

uint16_t nhi_v1_cert_method(const nhi_pki *p)
{
    switch (p ? p->key_kind : NHI_KEY_NONE) {
    case NHI_KEY_RSA: return NHI_V1_AUTH_RSA;
    case NHI_KEY_P256: return NHI_V1_AUTH_ECDSA256;
    case NHI_KEY_P384: return NHI_V1_AUTH_ECDSA384;
    case NHI_KEY_P521: return NHI_V1_AUTH_ECDSA521;
    default: return NHI_V1_AUTH_PSK;
    }
}

bool nhi_v1_cert_used(const nhi_ike_sa *sa)
{
    uint16_t a = sa->v1->auth;
    return a == NHI_V1_AUTH_RSA || a == NHI_V1_AUTH_XAUTH_RSA ||
           (a >= NHI_V1_AUTH_ECDSA256 && a <= NHI_V1_AUTH_ECDSA521);
}

void nhi_v1_cert_build_request(const nhi_ike_sa *sa, nhi_ike_builder *b)
{
    const nhi_pki *p = nhi_v1_cert_used(sa) ? pki_of(sa) : NULL;
    for (size_t i = 0; p && p->send_certreq && i < p->n_anchors; i++) {
        nhi_cert ca;
        if (nhi_cert_read(&ca, p->anchors[i]))
            nhi_v1_build_cert(b, NHI_V1_CR, X509_SIGNATURE, ca.subject);
    }
}

void nhi_v1_cert_read_request(nhi_ike_sa *sa, const nhi_v1_msg *m)
{
    const nhi_v1_pl *p;
    uint8_t encoding;
    nhtb_span name;
    for (size_t k = 0; (p = nhi_v1_msg_get(m, NHI_V1_CR, k)); k++)
        sa->asked_cert |= nhi_v1_cert_read(p->body, &encoding, &name) && encoding == X509_SIGNATURE;
}

static nhi_sig_how how_of(const nhi_ike_sa *sa)
{
    uint16_t a = sa->v1->auth;
    bool rsa = a == NHI_V1_AUTH_RSA || a == NHI_V1_AUTH_XAUTH_RSA;
    return (nhi_sig_how){rsa ? NHTB_SIG_RSA_PKCS1 : NHTB_SIG_ECDSA, NHTB_HASH_NONE, true};
}

int nhi_v1_cert_sign(nhi_ike_sa *sa)
{
    nhi_ike *ike = sa->ike;
    nhi_sig_work w = {.pki = pki_of(sa), .how = how_of(sa)};
    nhi_secret h;
    int err = w.pki ? nhi_v1_hash(sa, sa->initiator, &h) : NHTB_ERR_STATE;
    if (err)
        return err;
    w.message = nhi_secret_span(&h);
    nhtb_job *j = nhi_job_sign(ike->mem, ike->env.crypto, &w, nhi_v1_nego(sa), &err);
    nhi_secret_wipe(&h);
    return nhi_ike_nego_queue(nhi_v1_nego(sa), j, err);
}

nhtb_detail nhi_v1_cert_verify(nhi_ike_sa *sa, nhi_pki *pki, const nhi_v1_msg *m,
                               const nhtb_identity *id)
{
    nhi_ike *ike = sa->ike;
    nhi_sig_work w = {.pki = pki, .how = how_of(sa), .id = *id};
    const nhi_v1_pl *p, *sig = nhi_v1_msg_get(m, NHI_V1_SIG, 0);
    uint8_t encoding;
    nhtb_span der;
    nhi_secret h;
    int err = 0;
    for (size_t k = 0; (p = nhi_v1_msg_get(m, NHI_V1_CERT, k)); k++)
        if (nhi_v1_cert_read(p->body, &encoding, &der) && encoding == X509_SIGNATURE && der.n &&
            w.n_certs < NHTB_PKI_CERTS)
            w.certs[w.n_certs++] = der;
    if (!sig || !pki || !pki->n_anchors)
        return NHTB_DETAIL_AUTHENTICATION;
    if (!w.n_certs)
        return NHTB_DETAIL_CERT_UNTRUSTED;
    if (nhi_v1_hash(sa, !sa->initiator, &h))
        return NHTB_DETAIL_CRYPTO;
    w.sig = sig->body;
    w.message = nhi_secret_span(&h);
    w.at = (int64_t)ike->mem->host.wall_time(ike->mem->host.user);
    nhtb_job *j = nhi_job_verify(ike->mem, ike->env.crypto, &w, nhi_v1_nego(sa), &err);
    nhi_secret_wipe(&h);
    if (!nhi_ike_nego_queue(nhi_v1_nego(sa), j, err))
        return NHTB_DETAIL_NONE;
    return err == NHTB_ERR_ARG ? NHTB_DETAIL_MALFORMED : NHTB_DETAIL_MEMORY;
}

/** SIG from the job, behind our certificates when they are wanted. */
int nhi_v1_cert_build(nhi_ike_sa *sa, nhi_ike_builder *b)
{
    const nhi_pki *p = pki_of(sa);
    const nhi_ike_buf *sig = sa->own_auth;
    if (!p || !sig)
        return NHTB_ERR_STATE;
    bool send = p->send_cert_always || sa->asked_cert;
    for (size_t i = 0; send && i < p->n_chain; i++)
        nhi_v1_build_cert(b, NHI_V1_CERT, X509_SIGNATURE, p->chain[i]);
    nhi_ike_build_payload(b, NHI_V1_SIG, (nhtb_span){sig->p, sig->n});
    return 0;
}

static bool keep(nhi_ike_sa *sa, const nhi_sig_work *w)
{
    nhi_ike_buf_drop(sa->ike, &sa->own_auth);
    sa->own_auth = nhi_v1_copy(sa->ike, (nhtb_span){w->out, w->out_n});
    return sa->own_auth != NULL;
}

/** What follows a job, by mode and by who is the initiator. */
static const struct {
    void (*made)(nhi_ike_sa *sa, nhtb_time now);
    void (*judged)(nhi_ike_sa *sa, nhtb_detail d, nhtb_time now);
} next[2][2] = {
    [NHTB_V1_MAIN] = {{nhi_v1_main_r_signed, nhi_v1_main_r_verified},
                      {nhi_v1_main_i_signed, nhi_v1_main_i_verified}},
    [NHTB_V1_AGGRESSIVE] = {{nhi_v1_aggr_r_signed, nhi_v1_aggr_r_verified},
                            {nhi_v1_aggr_i_signed, nhi_v1_aggr_i_verified}},
};

void nhi_v1_cert_done(nhi_ike_nego *x, nhtb_job *j, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    bool ran = j->state == NHI_JOB_RUN && !j->status;
    if (j->kind == NHI_JOB_SIGN) {
        bool good = ran && keep(sa, j->sig);
        if (good)
            next[sa->v1->entry.mode][sa->initiator].made(sa, now);
        else
            nhi_v1_broken(sa, NHTB_ERR_CRYPTO, now);
        return;
    }
    nhtb_detail d = ran ? nhi_ike_cert_detail(j->sig) : NHTB_DETAIL_CRYPTO;
    next[sa->v1->entry.mode][sa->initiator].judged(sa, d, now);
}
