/* SPDX-License-Identifier: Apache-2.0
 * Builds, seals and keeps messages, and appends SEND actions. A message is kept once, with the
 * non-ESP marker before it, and sent bit-identical each time. RFC 7296 2.1, 2.23. Control thread. */
#include "ike/room.h"

void nhi_ike_send_inner(nhi_ike *ike, nhi_ike_builder *b)
{
    nhi_ike_build_inner(b, ike->tx, ike->buf_n);
}

nhi_ike_buf *nhi_ike_send_keep(nhi_ike *ike, nhi_ike_builder *b, int *err)
{
    size_t n = nhi_ike_build_finish(b);
    if (!n || b->w.bad) {
        *err = NHTB_ERR_SHORT;
        return NULL;
    }
    nhi_ike_buf *out = nhi_ike_buf_new(ike, NHI_IKE_MARKER + n);
    *err = out ? 0 : NHTB_ERR_MEMORY;
    if (out)
        memcpy(out->p + NHI_IKE_MARKER, b->w.p, n);
    return out;
}

/** The buffer may hold several datagrams, the fragments of one message: each header tells where the
 *  next one starts. */
void nhi_ike_send_to(nhi_ike *ike, nhtb_peer_id peer, const nhtb_path *path, uint8_t kind,
                     const nhi_ike_buf *b)
{
    size_t skip = kind == NHTB_PKT_UDP_4500 ? 0 : NHI_IKE_MARKER;
    for (size_t at = 0; at + NHI_IKE_MARKER + NHI_IKE_HDR <= b->n;) {
        const uint8_t *p = b->p + at;
        size_t n = NHI_IKE_MARKER + nhi_get32(p + NHI_IKE_MARKER + NHI_IKE_HDR - 4);
        if (!nhi_check(ike->mem, n >= NHI_IKE_MARKER + NHI_IKE_HDR && n <= b->n - at))
            return;
        nhi_ike_act *a = nhi_ike_act_add(ike, NHI_ACT_SEND, false);
        if (!a)
            return; /* as a lost datagram: retransmission repairs it */
        a->peer = peer;
        a->path = *path;
        a->pkt_kind = kind;
        a->data = (nhtb_span){p + skip, n - skip};
        ike->count.messages_out++;
        at += n;
    }
}

void nhi_ike_send_buf(nhi_ike_sa *sa, nhi_ike_buf *b, nhtb_time now)
{
    sa->last_out = now;
    nhi_ike_send_to(sa->ike, sa->peer_id, &sa->path, sa->kind, b);
}

static nhi_ike_buf *seal(nhi_ike_sa *sa, uint8_t exchange, bool response, uint32_t id,
                         nhi_ike_builder *b, int *err)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_build_finish(b);
    if (b->w.bad || !sa->have_keys) {
        *err = b->w.bad ? NHTB_ERR_SHORT : NHTB_ERR_INTERNAL;
        return NULL;
    }
    nhi_ike_hdr h = {.spi_i = sa->spi_i,
                     .spi_r = sa->spi_r,
                     .version = NHI_IKE_VERSION,
                     .exchange = exchange,
                     .flags = (uint8_t)((sa->initiator ? NHI_IKE_F_INITIATOR : 0) |
                                        (response ? NHI_IKE_F_RESPONSE : 0)),
                     .msg_id = id};
    uint8_t first = b->w.n ? b->first : NHI_PL_NONE;
    if (nhi_ike_frag_needed(sa, b->w.n))
        return nhi_ike_frag_seal(sa, &h, first, (nhtb_span){b->w.p, b->w.n}, err);
    size_t len = nhi_sk_message_len(sa->sk.facts, b->w.n);
    nhi_ike_buf *out = nhi_ike_buf_new(ike, NHI_IKE_MARKER + len);
    if (!out) {
        *err = NHTB_ERR_MEMORY;
        return NULL;
    }
    *err = nhi_sk_seal(&sa->sk, ike->mem, ike->env.crypto, &ike->lane, &h, first,
                       (nhtb_span){b->w.p, b->w.n}, out->p + NHI_IKE_MARKER, &len);
    if (!*err && !nhi_check(ike->mem, len + NHI_IKE_MARKER == out->n))
        *err = NHTB_ERR_INTERNAL;
    if (*err)
        nhi_ike_buf_drop(ike, &out);
    return out;
}

int nhi_ike_send_request(nhi_ike_sa *sa, uint8_t exchange, nhi_ike_builder *b, nhtb_time now)
{
    int err = 0;
    if (!nhi_check(sa->ike->mem, !sa->out.busy))
        return NHTB_ERR_INTERNAL;
    if (sa->out.next == UINT32_MAX) /* 2.2: identifiers never wrap */
        return NHTB_ERR_LIMIT;
    nhi_ike_buf *m = seal(sa, exchange, false, sa->out.next, b, &err);
    if (!m)
        return err;
    nhi_ike_window_sent(sa, m, exchange, now);
    return 0;
}

int nhi_ike_send_response(nhi_ike_sa *sa, nhi_ike_builder *b, nhtb_time now)
{
    int err = 0;
    nhi_ike_buf *m = seal(sa, sa->in.exchange, true, sa->in.next, b, &err);
    sa->in.busy = false;
    if (!m)
        return err; /* the request will come again and be handled afresh */
    nhi_ike_buf_drop(sa->ike, &sa->in.response);
    sa->in.response = m;
    sa->in.next++;
    sa->last_out = now;
    nhi_ike_send_to(sa->ike, sa->peer_id, &sa->in.path, sa->in.kind, m);
    return 0;
}

int nhi_ike_send_notify(nhi_ike_sa *sa, uint16_t type, nhtb_span data, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_send_inner(sa->ike, &b);
    if (type)
        nhi_ike_build_notify(&b, 0, (nhtb_span){NULL, 0}, type, data);
    return nhi_ike_send_response(sa, &b, now);
}

void nhi_ike_send_plain(nhi_ike *ike, const nhtb_path *path, uint8_t kind, const nhi_ike_hdr *req,
                        uint16_t notify, nhtb_span data)
{
    nhi_ike_builder b;
    nhi_ike_hdr h = {.spi_i = req->spi_i,
                     .spi_r = req->spi_r,
                     .version = NHI_IKE_VERSION,
                     .exchange = req->exchange,
                     .flags =
                         (uint8_t)(NHI_IKE_F_RESPONSE |
                                   (req->flags & NHI_IKE_F_INITIATOR ? 0 : NHI_IKE_F_INITIATOR)),
                     .msg_id = req->msg_id};
    uint8_t *p = ike->plain + NHI_IKE_MARKER;
    nhi_ike_build_init(&b, p, sizeof ike->plain - NHI_IKE_MARKER, &h);
    nhi_ike_build_notify(&b, 0, (nhtb_span){NULL, 0}, notify, data);
    size_t n = nhi_ike_build_finish(&b);
    if (n > ike->rx_len) /* never more than came: nobody is flooded through us */
        return;
    nhi_ike_act *a = n ? nhi_ike_act_add(ike, NHI_ACT_SEND, true) : NULL;
    if (!a)
        return;
    memset(ike->plain, 0, NHI_IKE_MARKER);
    bool marked = kind == NHTB_PKT_UDP_4500;
    a->path = *path;
    a->pkt_kind = kind;
    a->data = marked ? (nhtb_span){ike->plain, NHI_IKE_MARKER + n} : (nhtb_span){p, n};
    ike->count.messages_out++;
}
