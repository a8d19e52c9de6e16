/* SPDX-License-Identifier: Apache-2.0
 * A datagram's way in: header, version, SA, window, integrity, payload counts, then its handler.
 * Whatever does not fit is dropped with a named reason; nothing here trusts a peer. Called by the
 * engine through nhi_ike_recv. RFC 7296 2.1, 2.5, 2.21, 2.23, 3.1. Control thread. */
#include "ike/room.h"

#define PLAIN_ERROR_GAP (100 * NHTB_NS_PER_MS)

/** An answer to something without an SA: at most ten each second. */
static void plain_error(nhi_ike *ike, const nhtb_path *path, uint8_t kind, const nhi_ike_hdr *h,
                        uint16_t notify, nhtb_time now)
{
    if (ike->last_plain_error && now - ike->last_plain_error < PLAIN_ERROR_GAP)
        return;
    ike->last_plain_error = now;
    nhi_ike_send_plain(ike, path, kind, h, notify, (nhtb_span){NULL, 0});
}

void nhi_ike_follow(nhi_ike_sa *sa, const nhtb_path *path, uint8_t kind)
{
    if (nhi_path_equal(&sa->path, path) && sa->kind == kind)
        return;
    if (sa->state == NHI_SA_R_HALF) { /* the float to 4500 */
        sa->path = *path;
        sa->kind = kind;
        return;
    }
    if (sa->state != NHI_SA_UP || !sa->nat_remote || kind != sa->kind)
        return;
    sa->path = *path;
    nhi_ike_act *a = nhi_ike_act_add(sa->ike, NHI_ACT_MOVE, false);
    if (a) {
        a->peer = sa->peer_id;
        a->path = *path;
    }
}

/** Is a request of this exchange meaningful in this state? Everything else is dropped. */
static bool request_fits(const nhi_ike_sa *sa, uint8_t exchange)
{
    switch (sa->state) {
    case NHI_SA_R_HALF: return exchange == NHI_EX_AUTH;
    case NHI_SA_UP:
    case NHI_SA_REKEYED:
    case NHI_SA_DELETING:
        return exchange == NHI_EX_CREATE_CHILD || exchange == NHI_EX_INFORMATIONAL;
    default: return false;
    }
}

static bool response_fits(const nhi_ike_sa *sa, const nhi_ike_hdr *h)
{
    return sa->out.busy && h->msg_id == sa->out.next && h->exchange == sa->out.exchange &&
           sa->have_keys;
}

static unsigned open_message(nhi_ike_sa *sa, nhtb_span msg, uint8_t *first, size_t *n)
{
    nhi_ike *ike = sa->ike;
    *n = ike->buf_n;
    return nhi_sk_open(&sa->sk, ike->env.crypto, &ike->lane, msg, ike->rx, n, first);
}

/** A whole message, or a fragment. whole: the payloads are in rx, *n bytes. */
static unsigned take(nhi_ike_sa *sa, const nhi_ike_hdr *h, nhtb_span msg, uint8_t *first, size_t *n,
                     bool *whole)
{
    if (h->next == NHI_PL_SKF)
        return nhi_ike_frag_in(sa, h, msg, first, n, whole);
    *whole = true;
    return open_message(sa, msg, first, n);
}

/** Not in the window, but perhaps the last request cut into smaller fragments (RFC 7383 2.5.2). */
static unsigned outside(nhi_ike_sa *sa, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                        uint8_t kind, nhtb_time now)
{
    if (h->next != NHI_PL_SKF || h->msg_id + 1 != sa->in.next || !nhi_ike_frag_recut(sa, msg))
        return NHTB_REASON_IKE_MESSAGE_ID;
    nhi_ike_window_repeat(sa, path, kind, now);
    return NHTB_REASON_NONE;
}

static void handle_request(nhi_ike_sa *sa, const nhi_ike_msg *m, uint8_t exchange, nhtb_time now)
{
    switch (exchange) {
    case NHI_EX_AUTH: nhi_ike_auth_r_recv(sa, m, now); break;
    case NHI_EX_CREATE_CHILD: nhi_ike_create_r(sa, m, now); break;
    default: nhi_ike_info_r(sa, m, now); break;
    }
}

/** 2.21.3: a badly formed authenticated request is answered and ends the SA on both sides. */
static unsigned malformed_request(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_send_notify(sa, NHI_N_INVALID_SYNTAX, (nhtb_span){NULL, 0}, now);
    nhi_ike_sa_end(sa, NHTB_DETAIL_MALFORMED, 0, true, now);
    return NHTB_REASON_IKE_MALFORMED;
}

static unsigned request(nhi_ike_sa *sa, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                        uint8_t kind, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    uint8_t first;
    size_t n;
    bool whole;
    switch (nhi_ike_window_request(sa, h->msg_id, msg)) {
    case NHI_WINDOW_REPEATED: nhi_ike_window_repeat(sa, path, kind, now); return NHTB_REASON_NONE;
    case NHI_WINDOW_OUTSIDE: return outside(sa, h, msg, path, kind, now);
    case NHI_WINDOW_NEW: break;
    }
    if (sa->in.busy)
        return nhi_ike_window_same(sa, msg) ? NHTB_REASON_NONE /* what we are working on */
                                            : NHTB_REASON_IKE_STATE;
    if (!sa->have_keys || !request_fits(sa, h->exchange))
        return NHTB_REASON_IKE_STATE;
    if (sa->state == NHI_SA_R_HALF && !nhi_ike_dos_may_fail(ike, path, now))
        return NHTB_REASON_IKE_AUTH_RATE;
    unsigned why = take(sa, h, msg, &first, &n, &whole);
    if (why || !whole)
        return why;
    sa->last_in = now;
    nhi_ike_follow(sa, path, kind);
    sa->in.path = *path;
    sa->in.kind = kind;
    nhi_ike_window_note(sa, msg, h->exchange);
    nhi_ike_form form = nhi_ike_check_form(h->exchange, false);
    if (nhi_ike_msg_parse(&ike->msg, first, ike->rx, n) != NHI_CHAIN_OK)
        return malformed_request(sa, now);
    if (ike->msg.unsupported) {
        nhi_ike_send_notify(sa, NHI_N_UNSUPPORTED_CRITICAL, (nhtb_span){&ike->msg.unsupported, 1},
                            now);
        if (sa->state == NHI_SA_R_HALF)
            nhi_ike_sa_end(sa, NHTB_DETAIL_MALFORMED, 0, true, now);
        return NHTB_REASON_IKE_MALFORMED;
    }
    if (!nhi_ike_check(&ike->msg, form))
        return malformed_request(sa, now);
    sa->in.busy = true;
    handle_request(sa, &ike->msg, h->exchange, now);
    nhi_ike_task_pump(sa, now);
    return NHTB_REASON_NONE;
}

static void handle_response(nhi_ike_sa *sa, const nhi_ike_msg *m, nhtb_time now)
{
    switch (sa->task) {
    case NHI_TASK_AUTH: nhi_ike_auth_i_done(sa, m, now); break;
    case NHI_TASK_CREATE:
    case NHI_TASK_REKEY_CHILD: nhi_ike_child_i_done(sa, m, now); break;
    case NHI_TASK_REKEY_IKE: nhi_ike_rekey_ike_done(sa, m, now); break;
    case NHI_TASK_DELETE_CHILD:
    case NHI_TASK_DELETE_IKE:
    case NHI_TASK_LIVENESS: nhi_ike_info_done(sa, m, now); break;
    default: nhi_ike_task_end(sa); break; /* forgotten meanwhile */
    }
}

/** The responder has forgotten the SA before we were done (2.21.4): a hint, as in IKE_SA_INIT. */
static bool forgotten(nhi_ike_sa *sa, const nhi_ike_hdr *h, nhtb_span msg, nhtb_time now)
{
    nhi_ike_msg *m = &sa->ike->msg;
    nhi_ike_notify n;
    if (sa->state != NHI_SA_AUTH_SENT || h->next != NHI_PL_NOTIFY ||
        nhi_ike_msg_parse(m, h->next, msg.p + NHI_IKE_HDR, msg.n - NHI_IKE_HDR) != NHI_CHAIN_OK ||
        !nhi_ike_find_notify(m, NHI_N_INVALID_IKE_SPI, &n))
        return false;
    nhi_ike_window_hint(sa, NHTB_DETAIL_PEER_ERROR, NHI_N_INVALID_IKE_SPI, now);
    return true;
}

static unsigned response(nhi_ike_sa *sa, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                         uint8_t kind, nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    uint8_t first;
    size_t n;
    bool whole;
    if (!response_fits(sa, h))
        return NHTB_REASON_IKE_UNEXPECTED;
    if (forgotten(sa, h, msg, now))
        return NHTB_REASON_NONE;
    unsigned why = take(sa, h, msg, &first, &n, &whole);
    if (why || !whole)
        return why;
    sa->last_in = now;
    nhi_ike_follow(sa, path, kind);
    nhi_ike_window_done(sa);
    bool ok = nhi_ike_msg_parse(&ike->msg, first, ike->rx, n) == NHI_CHAIN_OK &&
              !ike->msg.unsupported &&
              nhi_ike_check(&ike->msg, nhi_ike_check_form(h->exchange, true));
    nhi_ike_notify note;
    if (!ok ||
        (sa->state == NHI_SA_UP && nhi_ike_find_notify(&ike->msg, NHI_N_INVALID_SYNTAX, &note))) {
        nhi_ike_sa_end(sa, ok ? NHTB_DETAIL_PEER_ERROR : NHTB_DETAIL_MALFORMED,
                       ok ? NHI_N_INVALID_SYNTAX : 0, false, now);
        return ok ? NHTB_REASON_NONE : NHTB_REASON_IKE_MALFORMED;
    }
    handle_response(sa, &ike->msg, now);
    nhi_ike_task_pump(sa, now);
    return NHTB_REASON_NONE;
}

static unsigned init_message(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg,
                             const nhtb_path *path, uint8_t kind, nhtb_time now)
{
    bool is_response = h->flags & NHI_IKE_F_RESPONSE;
    bool from_i = h->flags & NHI_IKE_F_INITIATOR;
    if (h->msg_id || is_response == from_i)
        return NHTB_REASON_IKE_MALFORMED;
    if (is_response) {
        nhi_ike_sa *sa = nhi_ike_table_find(ike, h);
        if (!sa)
            return NHTB_REASON_IKE_UNKNOWN_SA;
        if (sa->state != NHI_SA_INIT_SENT)
            return NHTB_REASON_IKE_STATE;
        return nhi_ike_init_i_recv(sa, h, msg, path, now);
    }
    if (h->spi_r)
        return NHTB_REASON_IKE_MALFORMED;
    return nhi_ike_init_r_recv(ike, h, msg, path, kind, now);
}

static unsigned receive(nhi_ike *ike, const nhtb_path *path, uint8_t kind, nhtb_span msg,
                        nhtb_time now)
{
    nhi_ike_hdr h;
    if (msg.n > ike->buf_n || !nhi_ike_hdr_read(&h, msg.p, msg.n) || !h.spi_i)
        return NHTB_REASON_IKE_MALFORMED;
    if (h.version >> 4 == NHI_V1_VERSION >> 4)
        return nhi_v1_recv(ike, &h, msg, path, kind, now);
    if (h.version >> 4 != NHI_IKE_VERSION >> 4) {
        /* 2.5: only a higher major version is told */
        if (h.version >> 4 > NHI_IKE_VERSION >> 4 && !(h.flags & NHI_IKE_F_RESPONSE))
            plain_error(ike, path, kind, &h, NHI_N_INVALID_MAJOR_VERSION, now);
        return NHTB_REASON_IKE_VERSION;
    }
    if (h.exchange == NHI_EX_SA_INIT)
        return init_message(ike, &h, msg, path, kind, now);
    if (nhi_ike_check_form(h.exchange, false) == NHI_FORMS || !h.spi_r)
        return NHTB_REASON_IKE_MALFORMED;
    nhi_ike_sa *sa = nhi_ike_table_find(ike, &h);
    if (!sa) {
        /* one-way, limited, and worth nothing to who receives it alone (2.21.4) */
        if (!(h.flags & NHI_IKE_F_RESPONSE))
            plain_error(ike, path, kind, &h, NHI_N_INVALID_IKE_SPI, now);
        return NHTB_REASON_IKE_UNKNOWN_SA;
    }
    if (h.flags & NHI_IKE_F_RESPONSE)
        return response(sa, &h, msg, path, kind, now);
    return request(sa, &h, msg, path, kind, now);
}

unsigned nhi_ike_recv(nhi_ike *ike, const nhtb_path *path, uint8_t kind, nhtb_span msg,
                      nhtb_time now)
{
    nhi_ike_begin(ike);
    ike->count.messages_in++;
    ike->rx_len = msg.n;
    return receive(ike, path, kind, msg, now);
}
