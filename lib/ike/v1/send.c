/* SPDX-License-Identifier: Apache-2.0
 * Messages out: HASH, encryption on the right IV chain, fragments, what is kept for how long. A kept
 * message is sent bit-identical each time. RFC 2409 5.5, 5.7, appendix B. Control thread. */
#include "ike/v1/v1.h"

#define HASH_ROOM 80 /* before the payloads: HASH with its generic header, in steps of 16 */

void nhi_v1_send_inner(nhi_ike *ike, nhi_ike_builder *b)
{
    nhi_ike_build_inner(b, ike->tx + HASH_ROOM, ike->buf_n - HASH_ROOM);
}

/** Encrypts on iv, which moves on. NULL: *err. */
static nhi_ike_buf *seal(nhi_ike_sa *sa, const nhi_ike_hdr *h, uint8_t *iv, uint8_t first,
                         nhtb_span inner, int *err)
{
    nhi_ike *ike = sa->ike;
    const nhi_v1_cipher *k = &sa->v1->cipher;
    size_t body = (inner.n + k->block - 1) / k->block * k->block;
    size_t len = NHI_IKE_HDR + body;
    uint8_t next[NHI_V1_BLOCK_MAX];
    nhi_ike_buf *out = nhi_ike_buf_new(ike, NHI_IKE_MARKER + len);
    *err = out ? 0 : NHTB_ERR_MEMORY;
    if (!out)
        return NULL;
    memcpy(next, iv, sizeof next);
    *err = nhi_v1_seal(ike->env.crypto, k, &sa->v1->keys, next, h, first, inner,
                       out->p + NHI_IKE_MARKER, &len);
    if (!*err && !nhi_check(ike->mem, len + NHI_IKE_MARKER == out->n))
        *err = NHTB_ERR_INTERNAL;
    if (!*err)
        *err = nhi_v1_frag_cut(sa, &out);
    if (*err)
        nhi_ike_buf_drop(ike, &out);
    else
        memcpy(iv, next, sizeof next);
    sa->v1->bytes += *err ? 0 : len;
    return out;
}

/** The HASH of the next message of this exchange over what follows it. */
static int hash_of(const nhi_v1_x *x, nhtb_span rest, nhi_secret *out)
{
    const nhi_ike_sa *sa = x->sa;
    const nhtb_crypto *c = sa->ike->env.crypto;
    const nhi_secret *a = &sa->v1->keys.a;
    uint16_t prf = sa->suite.prf;
    bool quick = x->exchange == NHI_V1_EX_QUICK;
    if (quick && !x->initiator)
        return nhi_v1_hash2(c, prf, a, x->mid, nhi_ike_nego_ni(&x->nego), rest, out);
    if (quick && x->sent)
        return nhi_v1_hash3(c, prf, a, x->mid, nhi_ike_nego_ni(&x->nego), nhi_ike_nego_nr(&x->nego),
                            out);
    return nhi_v1_hash1(c, prf, a, x->mid, rest, out);
}

static nhi_ike_buf *protect(nhi_v1_x *x, nhi_ike_builder *b, int *err)
{
    nhi_ike_sa *sa = x->sa;
    nhi_secret h = {.n = 0};
    size_t n = nhi_ike_build_finish(b);
    *err = b->w.bad ? NHTB_ERR_SHORT : hash_of(x, (nhtb_span){b->w.p, n}, &h);
    if (*err)
        return NULL;
    uint8_t *pl = b->w.p - 4 - h.n;
    memset(pl, 0, 4);
    pl[0] = n ? b->first : NHI_V1_NONE;
    nhi_put16(pl + 2, (uint16_t)(4 + h.n));
    memcpy(pl + 4, h.b, h.n);
    const nhi_ike_hdr hdr = {.spi_i = sa->spi_i,
                             .spi_r = sa->spi_r,
                             .version = NHI_V1_VERSION,
                             .exchange = x->exchange,
                             .msg_id = x->mid};
    nhtb_span inner = {pl, 4 + h.n + n};
    nhi_secret_wipe(&h);
    return seal(sa, &hdr, x->iv, NHI_V1_HASH, inner, err);
}

static void keep(nhi_v1_x *x, nhi_ike_buf *m, nhi_v1_after after, nhtb_time now)
{
    nhi_ike *ike = x->sa->ike;
    nhi_ike_buf_drop(ike, &x->out);
    x->out = m;
    x->first = now;
    x->sends = 1;
    x->interval = (nhtb_time)ike->env.settings->retransmit_ms * NHTB_NS_PER_MS;
    /* others repeat message 2 until they have 3; a libnhtb responder is silent by rule */
    x->repeats = after == NHI_V1_LAST && x->sa->libnhtb ? NHI_V1_REPEATS : 0;
    bool over = after == NHI_V1_LAST || after == NHI_V1_ANSWER;
    x->state = over ? x->state : NHI_V1_X_WAIT;
    bool repeated = x->repeats || (after == NHI_V1_AWAIT && x->initiator);
    nhi_wheel_arm(ike->env.wheel, &x->timer, now + (repeated ? x->interval : NHI_V1_CACHE_NS));
    if (over)
        nhi_v1_x_done(x, now);
}

int nhi_v1_send(nhi_v1_x *x, nhi_ike_builder *b, nhi_v1_after after, nhtb_time now)
{
    int err = 0;
    nhi_ike_sa *sa = x->sa;
    nhi_ike_buf *m = protect(x, b, &err);
    if (!m)
        return err;
    x->sent++;
    nhi_ike_send_buf(sa, m, now);
    if (after == NHI_V1_ONCE)
        nhi_ike_buf_drop(sa->ike, &m); /* freed by the next call */
    else
        keep(x, m, after, now);
    return 0;
}

/* ---- phase 1 ---- */

static nhi_ike_buf *clear(nhi_ike_sa *sa, nhi_ike_builder *b, int *err)
{
    nhi_ike_buf *m = nhi_ike_send_keep(sa->ike, b, err);
    if (!m)
        return NULL;
    *err = nhi_v1_frag_cut(sa, &m);
    if (*err)
        nhi_ike_buf_drop(sa->ike, &m);
    return m;
}

static nhi_ike_buf *encrypted(nhi_ike_sa *sa, nhi_ike_builder *b, int *err)
{
    nhi_ike_hdr h;
    size_t n = nhi_ike_build_finish(b);
    if (!n || !nhi_ike_hdr_read(&h, b->w.p, n)) {
        *err = NHTB_ERR_SHORT;
        return NULL;
    }
    return seal(sa, &h, sa->v1->iv, b->first, (nhtb_span){b->w.p + NHI_IKE_HDR, n - NHI_IKE_HDR},
                err);
}

int nhi_v1_send_phase1(nhi_ike_sa *sa, nhi_ike_builder *b, nhi_v1_after after, nhtb_time now)
{
    int err = 0;
    bool secret = sa->have_keys && !(sa->v1->entry.mode == NHTB_V1_AGGRESSIVE && !sa->initiator) &&
                  !(sa->v1->entry.mode == NHTB_V1_MAIN && sa->state == NHI_SA_R_KE);
    nhi_ike_buf *m = secret ? encrypted(sa, b, &err) : clear(sa, b, &err);
    if (!m)
        return err;
    if (after == NHI_V1_AWAIT) {
        nhi_ike_window_sent(sa, m, 0, now);
        return 0;
    }
    nhi_ike_buf **slot = after == NHI_V1_LAST ? &sa->v1->last : &sa->in.response;
    nhi_ike_buf_drop(sa->ike, slot);
    *slot = m;
    nhi_ike_send_buf(sa, m, now);
    return 0;
}

void nhi_v1_taken(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    if (sa->initiator)
        nhi_ike_window_done(sa);
    sa->v1->in_digest = nhi_v1_digest(sa->ike, in->msg);
    sa->last_in = now;
    if (in->iv)
        memcpy(sa->v1->iv, in->iv, sizeof sa->v1->iv);
}

#define PLAIN_GAP (100 * NHTB_NS_PER_MS)

void nhi_v1_send_plain(nhi_ike *ike, const nhi_v1_in *in, uint16_t notify, nhtb_time now)
{
    nhi_ike_builder b;
    uint32_t mid;
    uint8_t *p = ike->plain + NHI_IKE_MARKER;
    bool crowd = ike->last_plain_error && now - ike->last_plain_error < PLAIN_GAP;
    if (crowd || nhi_mem_random(ike->mem, &mid, sizeof mid))
        return;
    ike->last_plain_error = now;
    const nhi_ike_hdr h = {.spi_i = in->h->spi_i,
                           .spi_r = in->h->spi_r,
                           .version = NHI_V1_VERSION,
                           .exchange = NHI_V1_EX_INFORMATIONAL,
                           .msg_id = mid ? mid : 1};
    const nhi_v1_notify n = {NHI_V1_DOI, NHI_V1_PROTO_ISAKMP, notify, {NULL, 0}, {NULL, 0}};
    nhi_ike_build_init(&b, p, sizeof ike->plain - NHI_IKE_MARKER, &h);
    nhi_v1_build_notify(&b, &n);
    size_t len = nhi_ike_build_finish(&b);
    nhi_ike_act *a = len && len <= ike->rx_len ? nhi_ike_act_add(ike, NHI_ACT_SEND, true) : NULL;
    if (!a)
        return;
    memset(ike->plain, 0, NHI_IKE_MARKER);
    bool marked = in->kind == NHTB_PKT_UDP_4500;
    a->path = *in->path;
    a->pkt_kind = in->kind;
    a->data = marked ? (nhtb_span){ike->plain, NHI_IKE_MARKER + len} : (nhtb_span){p, len};
    ike->count.messages_out++;
}
