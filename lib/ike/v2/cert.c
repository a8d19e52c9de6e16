/* SPDX-License-Identifier: Apache-2.0
 * Certificates in IKE_SA_INIT and IKE_AUTH, and AUTH by signature as jobs: which hashes the peer
 * takes, whom we trust, our chain, making our signature, proving the peer's. Called by init_*,
 * auth_* and nego. RFC 7296 2.15, 3.6, 3.7, 3.8; RFC 7427; RFC 4754. Control thread. */
#include "crypto/sig.h"
#include "ike/room.h"
#include "ike/v2/cert.h"

#define X509_SIGNATURE 4  /* certificate encoding (3.6) */
#define CAS_MAX        16 /* key hashes of one CERTREQ: IKE_SA_INIT is not fragmented */
#define OCTETS_MAX     NHI_SIG_BYTES

enum { METHOD_RSA = 1, METHOD_P256 = 9, METHOD_P384 = 10, METHOD_P521 = 11, METHOD_DIGITAL = 14 };

/* ---- IKE_SA_INIT ---- */

static bool takes_signatures(const nhi_ike_sa *sa)
{
    return sa->initiator ? sa->peer && sa->peer->pki : sa->ike->n_pki != 0;
}

/** As responder we do not know yet who it is: whatever one of the entries takes. */
static uint32_t hashes_of(const nhi_ike_sa *sa)
{
    uint32_t cursor = 0, id, hashes = 0;
    const nhi_ike_peer *p;
    if (sa->initiator)
        return sa->peer->pki->hashes;
    while ((p = nhi_slab_next(&sa->ike->peers, &cursor, &id)))
        if (p->started && !p->entry.id && p->pki)
            hashes |= p->pki->hashes;
    return hashes;
}

/** RFC 7427 4. */
static void hashes_build(const nhi_ike_sa *sa, nhi_ike_builder *b)
{
    uint32_t hashes = hashes_of(sa);
    uint8_t list[8];
    size_t n = 0;
    for (unsigned id = NHTB_HASH_SHA256; id <= NHTB_HASH_SHA512; id++) {
        if (hashes >> id & 1) {
            nhi_put16(list + n, id); /* our numbers are those of the registry */
            n += 2;
        }
    }
    nhi_ike_build_notify(b, 0, (nhtb_span){NULL, 0}, NHI_N_SIGNATURE_HASH_ALGORITHMS,
                         (nhtb_span){list, n});
}

static size_t cas_add(const nhi_pki *p, uint8_t *list, size_t n)
{
    for (size_t i = 0; i < p->n_anchors && n < CAS_MAX; i++) {
        bool there = false;
        for (size_t k = 0; k < n; k++)
            there |= !memcmp(list + k * NHI_KEY_HASH, p->anchor_hash[i], NHI_KEY_HASH);
        if (!there)
            memcpy(list + n++ * NHI_KEY_HASH, p->anchor_hash[i], NHI_KEY_HASH);
    }
    return n;
}

static void certreq_build(nhi_ike_builder *b, const uint8_t *list, size_t n)
{
    if (!n)
        return;
    nhi_ike_build_begin(b, NHI_PL_CERTREQ);
    nhi_wr_u8(&b->w, X509_SIGNATURE);
    nhi_wr_bytes(&b->w, list, n * NHI_KEY_HASH);
    nhi_ike_build_end(b);
}

/** The anchors of every entry it could be. */
static void certreq_build_any(const nhi_ike_sa *sa, nhi_ike_builder *b)
{
    uint8_t list[CAS_MAX * NHI_KEY_HASH];
    uint32_t cursor = 0, id;
    size_t n = 0;
    nhi_ike_peer *p;
    while ((p = nhi_slab_next(&sa->ike->peers, &cursor, &id)))
        if (p->started && !p->entry.id && p->pki && p->pki->send_certreq)
            n = cas_add(p->pki, list, n);
    certreq_build(b, list, n);
}

void nhi_ike_cert_build_init(nhi_ike_sa *sa, nhi_ike_builder *b)
{
    if (!takes_signatures(sa))
        return;
    hashes_build(sa, b);
    if (!sa->initiator)
        certreq_build_any(sa, b);
}

static void certreq_read(nhi_ike_sa *sa, const nhi_ike_msg *m)
{
    const nhi_ike_pl *p;
    for (size_t k = 0; (p = nhi_ike_msg_get(m, NHI_PL_CERTREQ, k)); k++)
        sa->asked_cert |= p->body.n && p->body.p[0] == X509_SIGNATURE;
}

void nhi_ike_cert_read_init(nhi_ike_sa *sa, const nhi_ike_msg *m)
{
    nhi_ike_notify n;
    sa->peer_hashes = 0;
    certreq_read(sa, m);
    if (!nhi_ike_find_notify(m, NHI_N_SIGNATURE_HASH_ALGORITHMS, &n) || n.data.n % 2)
        return;
    for (size_t i = 0; i < n.data.n; i += 2) {
        uint16_t id = nhi_get16(n.data.p + i);
        if (id < 32)
            sa->peer_hashes |= 1u << id;
    }
}

/* ---- IKE_AUTH ---- */

void nhi_ike_cert_build(nhi_ike_sa *sa, const nhi_pki *p, nhi_ike_builder *b)
{
    uint8_t list[CAS_MAX * NHI_KEY_HASH];
    bool send = p->send_cert_always || sa->asked_cert;
    for (size_t i = 0; send && i < p->n_chain; i++) {
        nhi_ike_build_begin(b, NHI_PL_CERT);
        nhi_wr_u8(&b->w, X509_SIGNATURE);
        nhi_wr_span(&b->w, p->chain[i]);
        nhi_ike_build_end(b);
    }
    if (sa->initiator && p->send_certreq)
        certreq_build(b, list, cas_add(p, list, 0));
}

/** InitiatorSignedOctets or ResponderSignedOctets (2.15). NULL: *err says why. */
static nhi_ike_buf *octets(nhi_ike_sa *sa, bool own, nhtb_span id_body, int *err)
{
    bool by_initiator = own == sa->initiator;
    const nhi_ike_nego *x = sa->initiator ? &sa->x_i : &sa->x_r;
    nhtb_span msg = nhi_ike_buf_msg(own ? sa->init_own : sa->init_peer);
    nhtb_span nonce = by_initiator ? nhi_ike_nego_nr(x) : nhi_ike_nego_ni(x);
    nhi_secret maced = {.n = 0};
    *err =
        nhi_prf(sa->ike->env.crypto, sa->suite.prf,
                nhi_secret_span(by_initiator ? &sa->keys.pi : &sa->keys.pr), &id_body, 1, &maced);
    nhi_ike_buf *b = *err ? NULL : nhi_ike_buf_new(sa->ike, msg.n + nonce.n + maced.n);
    if (!*err && !b)
        *err = NHTB_ERR_MEMORY;
    if (b) {
        memcpy(b->p, msg.p, msg.n);
        memcpy(b->p + msg.n, nonce.p, nonce.n);
        memcpy(b->p + msg.n + nonce.n, maced.b, maced.n);
    }
    nhi_secret_wipe(&maced);
    return b;
}

/** The strength of a curve's own hash where the peer takes it; RSA starts at SHA2-256. */
static uint16_t hash_for(nhi_key_kind kind, uint32_t common)
{
    uint16_t first = kind == NHI_KEY_P384   ? NHTB_HASH_SHA384
                     : kind == NHI_KEY_P521 ? NHTB_HASH_SHA512
                                            : NHTB_HASH_SHA256;
    if (common >> first & 1)
        return first;
    for (uint16_t h = NHTB_HASH_SHA256; h <= NHTB_HASH_SHA512; h++)
        if (common >> h & 1)
            return h;
    return NHTB_HASH_NONE;
}

/** Method 14 with who knows RFC 7427, else the method of the key. 0: no hash in common. */
static uint8_t own_method(const nhi_ike_sa *sa, const nhi_pki *p, nhi_sig_how *how)
{
    bool rsa = p->key_kind == NHI_KEY_RSA;
    *how = (nhi_sig_how){rsa ? NHTB_SIG_RSA_PKCS1 : NHTB_SIG_ECDSA, NHTB_HASH_SHA256, false};
    if (sa->peer_hashes) {
        how->hash = hash_for(p->key_kind, sa->peer_hashes & p->hashes);
        if (rsa && p->pss)
            how->alg = NHTB_SIG_RSA_PSS;
        return how->hash ? METHOD_DIGITAL : 0;
    }
    how->plain = true;
    how->hash = hash_for(p->key_kind, NHTB_SIGN_DEFAULT);
    switch (p->key_kind) {
    case NHI_KEY_P256: return METHOD_P256;
    case NHI_KEY_P384: return METHOD_P384;
    case NHI_KEY_P521: return METHOD_P521;
    default: return METHOD_RSA;
    }
}

int nhi_ike_cert_sign(nhi_ike_sa *sa, nhi_pki *p, const nhtb_identity *id)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_nego *x = sa->initiator ? &sa->x_i : &sa->x_r;
    uint8_t body[4 + NHTB_ID_MAX] = {id->type};
    nhi_sig_work w = {.pki = p};
    int err = 0;
    sa->own_method = own_method(sa, p, &w.how);
    if (!sa->own_method)
        return NHTB_ERR_UNSUPPORTED;
    memcpy(body + 4, id->data.p, id->data.n);
    nhi_ike_buf *o = octets(sa, true, (nhtb_span){body, 4 + id->data.n}, &err);
    if (!o)
        return err;
    w.message = (nhtb_span){o->p, o->n};
    nhtb_job *j = nhi_job_sign(ike->mem, ike->env.crypto, &w, x, &err);
    nhi_ike_buf_drop(ike, &o);
    return nhi_ike_nego_queue(x, j, err);
}

/** The AUTH payload's body; false: out of memory. */
static bool keep_auth(nhi_ike_sa *sa, const nhi_sig_work *w)
{
    uint8_t id[NHI_SIG_ALG_MAX];
    size_t n = 0;
    if (sa->own_method == METHOD_DIGITAL) {
        n = nhi_sig_alg_write(w->how.alg, w->how.hash, id);
        if (!n)
            return false;
    }
    nhi_ike_buf *b = nhi_ike_buf_new(sa->ike, 4 + (n ? n + 1 : 0) + w->out_n);
    if (!b)
        return false;
    uint8_t *at = b->p + 4;
    memset(b->p, 0, 4);
    b->p[0] = sa->own_method;
    if (n) {
        *at++ = (uint8_t)n;
        memcpy(at, id, n);
        at += n;
    }
    memcpy(at, w->out, w->out_n);
    nhi_ike_buf_drop(sa->ike, &sa->own_auth);
    sa->own_auth = b;
    return true;
}

/** What the peer's AUTH payload says about itself. */
static bool their_how(const nhi_pki *p, uint8_t method, nhtb_span data, nhi_sig_work *w)
{
    static const uint16_t curve_hash[] = {NHTB_HASH_SHA256, NHTB_HASH_SHA384, NHTB_HASH_SHA512};
    w->sig = data;
    if (method == METHOD_RSA) {
        w->how = (nhi_sig_how){NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA256, true};
        w->any_hash = true; /* the signature itself names it */
        return true;
    }
    if (method >= METHOD_P256 && method <= METHOD_P521) {
        w->how = (nhi_sig_how){NHTB_SIG_ECDSA, curve_hash[method - METHOD_P256], true};
        return true;
    }
    size_t n = data.n ? data.p[0] : 0;
    if (method != METHOD_DIGITAL || n < 2 || data.n < n + 2)
        return false;
    nhi_rd r;
    nhi_rd_init(&r, data.p + 1, n);
    nhtb_span alg = nhi_der_get(&r, NHI_DER_SEQUENCE);
    w->sig = (nhtb_span){data.p + 1 + n, data.n - 1 - n};
    return nhi_der_done(&r) && nhi_sig_alg_read(alg, &w->how.alg, &w->how.hash) &&
           (p->hashes >> w->how.hash & 1);
}

static void certs_read(const nhi_ike_msg *m, nhi_sig_work *w)
{
    const nhi_ike_pl *p;
    for (size_t k = 0; (p = nhi_ike_msg_get(m, NHI_PL_CERT, k)); k++)
        if (w->n_certs < NHTB_PKI_CERTS && p->body.n > 1 && p->body.p[0] == X509_SIGNATURE)
            w->certs[w->n_certs++] = (nhtb_span){p->body.p + 1, p->body.n - 1};
}

nhtb_detail nhi_ike_cert_verify(nhi_ike_sa *sa, nhi_pki *p, const nhi_ike_msg *m,
                                const nhi_ike_claim *c)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_nego *x = sa->initiator ? &sa->x_i : &sa->x_r;
    nhi_sig_work w = {.pki = p, .id = c->id};
    int err = 0;
    certreq_read(sa, m);
    if (!their_how(p, c->method, c->auth, &w))
        return NHTB_DETAIL_AUTHENTICATION;
    certs_read(m, &w);
    if (!w.n_certs)
        return NHTB_DETAIL_CERT_UNTRUSTED;
    w.at = (int64_t)ike->mem->host.wall_time(ike->mem->host.user);
    nhi_ike_buf *o = octets(sa, false, c->id_body, &err);
    if (!o)
        return err == NHTB_ERR_MEMORY ? NHTB_DETAIL_MEMORY : NHTB_DETAIL_CRYPTO;
    w.message = (nhtb_span){o->p, o->n};
    nhtb_job *j = nhi_job_verify(ike->mem, ike->env.crypto, &w, x, &err);
    nhi_ike_buf_drop(ike, &o);
    if (!nhi_ike_nego_queue(x, j, err))
        return NHTB_DETAIL_NONE;
    return err == NHTB_ERR_ARG ? NHTB_DETAIL_MALFORMED : NHTB_DETAIL_MEMORY;
}

nhtb_detail nhi_ike_cert_detail(const nhi_sig_work *w)
{
    switch (w->chain) {
    case NHI_X509_MALFORMED: return NHTB_DETAIL_MALFORMED;
    case NHI_X509_UNTRUSTED: return NHTB_DETAIL_CERT_UNTRUSTED;
    case NHI_X509_EXPIRED: return NHTB_DETAIL_CERT_EXPIRED;
    case NHI_X509_REVOKED: return NHTB_DETAIL_CERT_REVOKED;
    case NHI_X509_NO_STATUS: return NHTB_DETAIL_CERT_STATUS;
    case NHI_X509_WEAK: return NHTB_DETAIL_CERT_WEAK;
    case NHI_X509_GOOD: break;
    }
    if (w->chain == NHI_X509_GOOD && !w->id_held)
        return NHTB_DETAIL_CERT_NAME;
    return w->chain == NHI_X509_GOOD && w->verdict == NHTB_SIG_GOOD ? NHTB_DETAIL_NONE
                                                                    : NHTB_DETAIL_AUTHENTICATION;
}

void nhi_ike_cert_done(nhi_ike_nego *x, nhtb_job *j, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    bool ran = j->state == NHI_JOB_RUN && !j->status;
    if (j->kind == NHI_JOB_SIGN) {
        bool kept = ran && keep_auth(sa, j->sig);
        (sa->initiator ? nhi_ike_auth_i_signed : nhi_ike_auth_r_signed)(sa, kept, now);
        return;
    }
    nhtb_detail d = ran ? nhi_ike_cert_detail(j->sig) : NHTB_DETAIL_CRYPTO;
    (sa->initiator ? nhi_ike_auth_i_verified : nhi_ike_auth_r_verified)(sa, d, now);
}

/* ---- the message that waits for a job ---- */

bool nhi_ike_park(nhi_ike_sa *sa, const nhi_ike_msg *m)
{
    nhi_ike *ike = sa->ike;
    size_t n = (size_t)(m->pl[m->n - 1].body.p + m->pl[m->n - 1].body.n - ike->rx);
    nhi_ike_buf_drop(ike, &sa->parked);
    sa->parked = nhi_ike_buf_new(ike, n);
    if (!sa->parked)
        return false;
    memcpy(sa->parked->p, ike->rx, n);
    sa->parked_first = m->pl[0].type;
    return true;
}

const nhi_ike_msg *nhi_ike_unpark(nhi_ike_sa *sa)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_buf *b = sa->parked;
    if (!b || b->n > ike->buf_n)
        return NULL;
    memcpy(ike->rx, b->p, b->n);
    return nhi_ike_msg_parse(&ike->msg, sa->parked_first, ike->rx, b->n) == NHI_CHAIN_OK ? &ike->msg
                                                                                         : NULL;
}
