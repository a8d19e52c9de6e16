/* SPDX-License-Identifier: Apache-2.0
 * What the modes of phase 1 share: the IKEv1 side of an SA, offers, KE and nonce, keys.
 * RFC 2409 5, RFC 2408 4. Called by main_*, aggr_*, nego. Control thread. */
#include "ike/v1/v1.h"

int nhi_v1_make(nhi_ike_sa *sa, const nhtb_peer *cfg)
{
    nhi_v1 *v = nhi_mem_alloc(sa->ike->mem, sizeof *v, 16);
    if (!v)
        return NHTB_ERR_MEMORY;
    v->sa = sa;
    v->entry = *cfg->v1;
    v->probe.out = 1;
    nhi_list_init(&v->xs);
    sa->v1 = v;
    sa->force_encap = cfg->force_encap && v->entry.nat_t;
    return 0;
}

#define KB_MIN 64 /* a handful of exchanges */

/** Kilobytes as they are offered and kept: 0, or no less than a phase 1 needs itself several times. */
static uint32_t kilobytes(uint64_t v)
{
    if (v > UINT32_MAX)
        return UINT32_MAX;
    return (uint32_t)(v && v < KB_MIN ? KB_MIN : v);
}

nhi_v1_policy1 nhi_v1_policy(const nhi_ike_peer *p, bool initiator, uint16_t auths[4])
{
    const nhtb_peer *cfg = &p->cfg;
    auths[0] = nhi_v1_conf_auth(cfg, initiator, nhi_v1_cert_method(p->pki));
    return (nhi_v1_policy1){.v = cfg->proposals,
                            .n = cfg->n_proposals,
                            .auths = auths,
                            .n_auths = 1,
                            .life_s = cfg->lifetime_s,
                            .life_kb = kilobytes(cfg->v1->lifetime_kb)};
}

nhi_ike_nego *nhi_v1_nego(nhi_ike_sa *sa)
{
    return sa->initiator ? &sa->x_i : &sa->x_r;
}

nhi_ike_buf *nhi_v1_copy(nhi_ike *ike, nhtb_span s)
{
    nhi_ike_buf *b = nhi_ike_buf_new(ike, s.n);
    if (b && s.n)
        memcpy(b->p, s.p, s.n);
    return b;
}

void nhi_v1_build_head(nhi_ike_sa *sa, nhi_ike_builder *b)
{
    nhi_ike_hdr h = {.spi_i = sa->spi_i,
                     .spi_r = sa->spi_r,
                     .version = NHI_V1_VERSION,
                     .exchange = sa->v1->entry.mode == NHTB_V1_AGGRESSIVE ? NHI_V1_EX_AGGRESSIVE
                                                                          : NHI_V1_EX_MAIN};
    nhi_ike_build_init(b, sa->ike->tx, sa->ike->buf_n, &h);
}

int nhi_v1_offer(nhi_ike_sa *sa, nhi_ike_builder *b)
{
    uint16_t auths[4];
    nhi_v1_policy1 own = nhi_v1_policy(sa->peer, true, auths);
    own.ke = sa->v1->entry.mode == NHTB_V1_AGGRESSIVE ? sa->x_i.ke : 0;
    sa->v1->auth = auths[0]; /* the only one; aggressive mode builds on it before it is agreed */
    nhi_ike_build_begin(b, NHI_V1_SA);
    size_t at = b->w.n;
    if (!nhi_v1_propose1_offer(&b->w, &own))
        return NHTB_ERR_UNSUPPORTED;
    nhi_ike_buf_drop(sa->ike, &sa->v1->sai);
    sa->v1->sai = nhi_v1_copy(sa->ike, (nhtb_span){b->w.p + at, b->w.n - at});
    nhi_ike_build_end(b);
    return sa->v1->sai ? 0 : NHTB_ERR_MEMORY;
}

void nhi_v1_agree(nhi_ike_sa *sa, const nhi_v1_phase1 *c)
{
    sa->suite = (nhi_suite){.encr = c->encr, .key_bits = c->key_bits, .prf = c->prf, .ke = c->ke};
    sa->v1->auth = c->auth;
    const nhi_ike_peer *p = sa->peer ? sa->peer : nhi_ike_peer_get(sa->ike, sa->peer_id);
    uint32_t own = p ? p->cfg.lifetime_s : UINT32_MAX;
    sa->life_s = c->life_s && c->life_s < own ? (uint32_t)c->life_s : own;
    uint64_t kb = sa->v1->entry.lifetime_kb;
    sa->v1->life_kb = kilobytes(c->life_kb && (!kb || c->life_kb < kb) ? c->life_kb : kb);
}

void nhi_v1_build_ke(nhi_ike_sa *sa, nhi_ike_builder *b)
{
    const nhi_ike_nego *x = nhi_v1_nego(sa);
    nhi_ike_build_payload(b, NHI_V1_KE, nhi_ike_nego_pub(x));
    nhi_ike_build_payload(b, NHI_V1_NONCE, (nhtb_span){x->ours, sizeof x->ours});
}

static int keep(nhi_ike *ike, nhi_ike_buf **dst, nhtb_span s)
{
    nhi_ike_buf_drop(ike, dst);
    *dst = nhi_v1_copy(ike, s);
    return *dst ? 0 : NHTB_ERR_MEMORY;
}

bool nhi_v1_read_ke(nhi_ike_sa *sa, const nhi_v1_msg *m)
{
    nhi_ike_nego *x = nhi_v1_nego(sa);
    const nhi_v1_pl *ke = nhi_v1_msg_get(m, NHI_V1_KE, 0);
    const nhi_v1_pl *nonce = nhi_v1_msg_get(m, NHI_V1_NONCE, 0);
    if (!ke || !nonce || ke->body.n != nhi_ke_public_len(sa->suite.ke) || nonce->body.n < 8 ||
        nonce->body.n > NHI_IKE_NONCE_MAX)
        return false;
    memcpy(x->theirs, nonce->body.p, nonce->body.n);
    x->theirs_n = (uint16_t)nonce->body.n;
    return !keep(sa->ike, sa->initiator ? &sa->v1->gr : &sa->v1->gi, ke->body);
}

nhtb_span nhi_v1_psk(const nhi_ike_sa *sa)
{
    if (sa->psk)
        return (nhtb_span){sa->psk->p, sa->psk->n};
    const nhi_ike_peer *p = sa->peer ? sa->peer : nhi_ike_peer_get(sa->ike, sa->peer_id);
    bool own = p && !p->cfg.wildcard; /* a pattern has a seed instead */
    return own ? (nhtb_span){p->psk, p->psk_n} : (nhtb_span){NULL, 0};
}

static int skeyid(nhi_ike_sa *sa, nhtb_span secret)
{
    const nhi_ike_nego *x = nhi_v1_nego(sa);
    if (nhi_v1_cert_used(sa))
        return nhi_v1_skeyid_sig(sa->ike->env.crypto, sa->suite.prf, nhi_ike_nego_ni(x),
                                 nhi_ike_nego_nr(x), secret, &sa->v1->keys.skeyid);
    nhtb_span psk = nhi_v1_psk(sa);
    if (!psk.n)
        return NHTB_ERR_STATE;
    return nhi_v1_skeyid_psk(sa->ike->env.crypto, sa->suite.prf, psk, nhi_ike_nego_ni(x),
                             nhi_ike_nego_nr(x), &sa->v1->keys.skeyid);
}

int nhi_v1_derive(nhi_ike_sa *sa, nhtb_span secret)
{
    nhi_v1 *v = sa->v1;
    nhi_ike *ike = sa->ike;
    const nhtb_crypto *c = ike->env.crypto;
    int err = keep(ike, sa->initiator ? &v->gi : &v->gr, nhi_ike_nego_pub(nhi_v1_nego(sa)));
    if (!err && !nhi_v1_cipher_find(c, sa->suite.encr, sa->suite.key_bits, &v->cipher))
        err = NHTB_ERR_UNSUPPORTED;
    if (!err)
        err = skeyid(sa, secret);
    if (!err)
        err = nhi_v1_keymat(c, sa->suite.prf, secret, sa->spi_i, sa->spi_r, v->cipher.key_len,
                            &v->keys);
    if (!err)
        err = nhi_v1_iv_phase1(c, sa->suite.prf, (nhtb_span){v->gi->p, v->gi->n},
                               (nhtb_span){v->gr->p, v->gr->n}, v->cipher.block, v->iv);
    sa->have_keys = !err;
    if (!err)
        nhi_ike_keylog_v1(sa, (nhtb_span){v->keys.key, v->keys.key_len});
    return err;
}

void nhi_v1_broken(nhi_ike_sa *sa, int err, nhtb_time now)
{
    nhtb_detail d = err == NHTB_ERR_MEMORY   ? NHTB_DETAIL_MEMORY
                    : err == NHTB_ERR_RANDOM ? NHTB_DETAIL_RANDOM
                    : err == NHTB_ERR_STATE  ? NHTB_DETAIL_NO_PSK
                    : err == NHTB_ERR_LIMIT  ? NHTB_DETAIL_CAPACITY
                                             : NHTB_DETAIL_CRYPTO;
    nhi_ike_sa_end(sa, d, 0, false, now);
}

int nhi_v1_start(nhi_ike_sa *sa, nhtb_time now)
{
    int err = sa->v1 ? 0 : nhi_v1_make(sa, &sa->peer->cfg);
    if (err)
        return err;
    if (!sa->peer->pki && !nhi_v1_psk(sa).n)
        return nhi_ike_ask(sa, NHI_SA_ASK, now);
    err = nhi_ike_nego_begin(&sa->x_i, sa, NHI_TASK_INIT, false);
    if (err)
        return err;
    sa->task = NHI_TASK_INIT;
    return sa->v1->entry.mode == NHTB_V1_AGGRESSIVE ? nhi_v1_aggr_i_start(sa, now)
                                                    : nhi_v1_main_i_start(sa, now);
}

static bool is_phase1(const nhi_ike_nego *x)
{
    return x == &x->sa->x_i || x == &x->sa->x_r;
}

/** A responder has the peer's public value already: on to the secret. */
static void r_made(nhi_ike_sa *sa, nhtb_time now)
{
    const nhi_ike_buf *gi = sa->v1->gi;
    int err = gi ? nhi_ike_nego_shared(&sa->x_r, (nhtb_span){gi->p, gi->n}) : NHTB_ERR_INTERNAL;
    if (err)
        nhi_v1_broken(sa, err, now);
}

void nhi_v1_made(nhi_ike_nego *x, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    if (!is_phase1(x))
        nhi_v1_quick_made(NHI_CONTAINER(x, nhi_v1_x, nego), now);
    else if (!sa->initiator)
        r_made(sa, now);
    else
        (sa->v1->entry.mode == NHTB_V1_AGGRESSIVE ? nhi_v1_aggr_i_made : nhi_v1_main_i_made)(sa,
                                                                                             now);
}

static void phase1_shared(nhi_ike_sa *sa, nhtb_span secret, nhtb_time now)
{
    int err = nhi_v1_derive(sa, secret);
    bool aggressive = sa->v1->entry.mode == NHTB_V1_AGGRESSIVE;
    if (err)
        nhi_v1_broken(sa, err, now);
    else if (sa->initiator)
        (aggressive ? nhi_v1_aggr_i_ready : nhi_v1_main_i_ready)(sa, now);
    else
        (aggressive ? nhi_v1_aggr_r_ready : nhi_v1_main_r_ready)(sa, now);
}

void nhi_v1_shared(nhi_ike_nego *x, nhtb_span secret, nhtb_time now)
{
    if (is_phase1(x))
        phase1_shared(x->sa, secret, now);
    else
        nhi_v1_quick_shared(NHI_CONTAINER(x, nhi_v1_x, nego), secret, now);
}

void nhi_v1_job_failed(nhi_ike_nego *x, int status, bool by_peer, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    nhtb_detail d = by_peer                     ? NHTB_DETAIL_MALFORMED
                    : status == NHTB_ERR_MEMORY ? NHTB_DETAIL_MEMORY
                                                : NHTB_DETAIL_CRYPTO;
    if (is_phase1(x)) {
        nhi_ike_sa_end(sa, d, 0, false, now);
        return;
    }
    nhi_v1_x *q = NHI_CONTAINER(x, nhi_v1_x, nego);
    nhi_v1_quick_failed(q, d, 0, now);
    nhi_v1_x_kill(q);
    nhi_v1_pump(sa, now);
}
