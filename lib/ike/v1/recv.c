/* SPDX-License-Identifier: Apache-2.0
 * A version 1 datagram's way in: SA, copy or not, decryption, payload counts, HASH, handler. Nothing
 * changes before a message has proved itself, but for phase 1's own first steps. Called by
 * ike/recv.c, which dispatches on the major version alone. RFC 2408 5, RFC 2409 5. Control thread. */
#include "ike/v1/v1.h"

uint64_t nhi_v1_digest(const nhi_ike *ike, nhtb_span msg)
{
    return nhi_siphash(ike->by_init.seed, msg.p, msg.n);
}

nhi_ike_sa *nhi_v1_find(nhi_ike *ike, const nhi_ike_hdr *h)
{
    nhi_ike_sa *sa = nhi_map_get(&ike->by_spi, &h->spi_i);
    if (sa && sa->v1 && sa->initiator) {
        bool first = !sa->spi_r && sa->state == NHI_SA_INIT_SENT && h->spi_r;
        return sa->spi_r == h->spi_r || first ? sa : NULL;
    }
    sa = h->spi_r ? nhi_map_get(&ike->by_spi, &h->spi_r) : NULL;
    return sa && sa->v1 && !sa->initiator && sa->spi_i == h->spi_i ? sa : NULL;
}

/* ---- phase 1 ---- */

static unsigned first(nhi_ike *ike, nhi_v1_in *in, nhi_v1_msg *m, nhtb_time now)
{
    bool main_mode = in->h->exchange == NHI_V1_EX_MAIN;
    nhi_ike_sa *sa = nhi_ike_table_find_init(ike, in->h->spi_i, in->path, in->msg);
    if (sa) {
        bool again = sa->v1 && (sa->state == NHI_SA_V1_R_SA || sa->state == NHI_SA_R_HALF) &&
                     sa->v1->in_digest == nhi_v1_digest(ike, in->msg);
        if (again)
            nhi_ike_window_repeat(sa, in->path, in->kind, now);
        return sa->v1 ? NHTB_REASON_NONE : NHTB_REASON_IKE_STATE;
    }
    if (ike->shutting)
        return NHTB_REASON_IKE_STATE;
    if (in->h->flags & NHI_V1_F_ENCRYPT ||
        nhi_v1_msg_parse(m, in->h->next, in->msg.p + NHI_IKE_HDR, in->msg.n - NHI_IKE_HDR, false) !=
            NHI_CHAIN_OK ||
        !nhi_v1_check_form(m, main_mode ? NHI_V1_FORM_MAIN_SA : NHI_V1_FORM_AGGR_1))
        return NHTB_REASON_IKE_MALFORMED;
    return main_mode ? nhi_v1_main_r_first(ike, in, now) : nhi_v1_aggr_r_first(ike, in, now);
}

typedef enum secrecy { CLEAR, ENCRYPTED, EITHER } secrecy;
typedef struct expected {
    nhi_v1_form form;
    secrecy how;
} expected;

/** What this state waits for; form NHI_V1_FORMS: nothing. */
static expected expects(const nhi_ike_sa *sa)
{
    bool aggressive = sa->v1->entry.mode == NHTB_V1_AGGRESSIVE;
    switch (sa->state) {
    case NHI_SA_INIT_SENT:
        return (expected){aggressive ? NHI_V1_FORM_AGGR_2 : NHI_V1_FORM_MAIN_SA, CLEAR};
    case NHI_SA_V1_KE_SENT:
    case NHI_SA_V1_R_SA: return (expected){NHI_V1_FORM_MAIN_KE, CLEAR};
    case NHI_SA_AUTH_SENT: return (expected){NHI_V1_FORM_MAIN_AUTH, ENCRYPTED};
    case NHI_SA_R_HALF:
        return aggressive ? (expected){NHI_V1_FORM_AGGR_3, EITHER}
                          : (expected){NHI_V1_FORM_MAIN_AUTH, ENCRYPTED};
    default: return (expected){NHI_V1_FORMS, CLEAR};
    }
}

static unsigned decrypt(nhi_ike_sa *sa, nhtb_span msg, uint8_t *iv, size_t *n)
{
    nhi_ike *ike = sa->ike;
    *n = ike->buf_n;
    return nhi_v1_open(ike->env.crypto, &sa->v1->cipher, &sa->v1->keys, iv, msg, ike->rx, n);
}

/** The payloads of a phase 1 message; in->iv is set when it was encrypted. */
static unsigned unwrap(nhi_ike_sa *sa, const nhi_v1_in *in, nhi_v1_msg *m, uint8_t *iv, expected e)
{
    bool encrypted = in->h->flags & NHI_V1_F_ENCRYPT;
    const uint8_t *p = in->msg.p + NHI_IKE_HDR;
    size_t n = in->msg.n - NHI_IKE_HDR;
    if (e.how != EITHER && encrypted != (e.how == ENCRYPTED))
        return NHTB_REASON_IKE_MALFORMED;
    if (encrypted) {
        memcpy(iv, sa->v1->iv, NHI_V1_BLOCK_MAX);
        unsigned why = decrypt(sa, in->msg, iv, &n);
        if (why)
            return why;
        p = sa->ike->rx;
    }
    bool ok = nhi_v1_msg_parse(m, in->h->next, p, n, encrypted) == NHI_CHAIN_OK &&
              nhi_v1_check_form(m, e.form);
    return ok ? NHTB_REASON_NONE : NHTB_REASON_IKE_MALFORMED;
}

static unsigned handle(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    bool aggressive = sa->v1->entry.mode == NHTB_V1_AGGRESSIVE;
    if (sa->initiator)
        return (aggressive ? nhi_v1_aggr_i_recv : nhi_v1_main_i_recv)(sa, in, now);
    return (aggressive ? nhi_v1_aggr_r_recv : nhi_v1_main_r_recv)(sa, in, now);
}

/** Message 3 of aggressive mode was lost: the responder says its 2 again. */
static void repeat(nhi_ike_sa *sa, const nhi_v1_in *in, nhtb_time now)
{
    bool working = sa->state == NHI_SA_R_KE || sa->state == NHI_SA_R_VERIFY ||
                   sa->state == NHI_SA_R_SIGN || sa->state == NHI_SA_R_ASK;
    if (!sa->initiator && !working)
        nhi_ike_window_repeat(sa, in->path, in->kind, now);
    else if (sa->v1->last)
        nhi_ike_send_buf(sa, sa->v1->last, now);
}

static unsigned phase1(nhi_ike *ike, nhi_v1_in *in, nhi_v1_msg *m, nhtb_time now)
{
    uint8_t iv[NHI_V1_BLOCK_MAX];
    if (in->h->msg_id)
        return NHTB_REASON_IKE_MALFORMED;
    if (!in->h->spi_r)
        return first(ike, in, m, now);
    nhi_ike_sa *sa = nhi_v1_find(ike, in->h);
    if (!sa)
        return NHTB_REASON_IKE_UNKNOWN_SA;
    if (sa->v1->in_digest == nhi_v1_digest(ike, in->msg)) {
        repeat(sa, in, now);
        return NHTB_REASON_NONE;
    }
    expected e = expects(sa);
    bool main_mode = sa->v1->entry.mode == NHTB_V1_MAIN;
    if (e.form == NHI_V1_FORMS || (in->h->exchange == NHI_V1_EX_MAIN) != main_mode)
        return NHTB_REASON_IKE_STATE;
    if (sa->state == NHI_SA_R_HALF && !nhi_ike_dos_may_fail(ike, in->path, now))
        return NHTB_REASON_IKE_AUTH_RATE;
    unsigned why = unwrap(sa, in, m, iv, e);
    if (why && sa->state == NHI_SA_R_HALF && in->h->flags & NHI_V1_F_ENCRYPT)
        return nhi_v1_unproved(sa, NHTB_DETAIL_AUTHENTICATION, in->path,
                               now); /* a wrong key decrypts to garbage */
    if (why)
        return why;
    in->iv = in->h->flags & NHI_V1_F_ENCRYPT ? iv : NULL;
    return handle(sa, in, now);
}

/* ---- phase 2, informational, transaction ---- */

static nhi_v1_form form_of(const nhi_v1_x *x, uint8_t exchange)
{
    switch (exchange) {
    case NHI_V1_EX_QUICK:
        return !x ? NHI_V1_FORM_QUICK_1 : x->initiator ? NHI_V1_FORM_QUICK_2 : NHI_V1_FORM_QUICK_3;
    case NHI_V1_EX_TRANSACTION: return NHI_V1_FORM_TRANS;
    default: return NHI_V1_FORM_INFO;
    }
}

/** HASH is the first payload and right: (1), (2) or (3) of quick mode, else as (1). */
static bool proved(const nhi_ike_sa *sa, const nhi_v1_x *x, const nhi_v1_in *in)
{
    const nhtb_crypto *c = sa->ike->env.crypto;
    const nhi_secret *a = &sa->v1->keys.a;
    const nhi_v1_msg *m = in->m;
    nhtb_span rest = nhi_v1_msg_after(m, 0);
    uint16_t prf = sa->suite.prf;
    nhi_secret want;
    int err;
    if (!m->n || m->pl[0].type != NHI_V1_HASH)
        return false;
    if (x && x->exchange == NHI_V1_EX_QUICK && x->initiator)
        err = nhi_v1_hash2(c, prf, a, in->h->msg_id, nhi_ike_nego_ni(&x->nego), rest, &want);
    else if (x && x->exchange == NHI_V1_EX_QUICK)
        err = nhi_v1_hash3(c, prf, a, in->h->msg_id, nhi_ike_nego_ni(&x->nego),
                           nhi_ike_nego_nr(&x->nego), &want);
    else
        err = nhi_v1_hash1(c, prf, a, in->h->msg_id, rest, &want);
    bool same = !err && nhi_v1_hash_equal(&want, m->pl[0].body);
    nhi_secret_wipe(&want);
    return same;
}

static bool may_begin(const nhi_ike_sa *sa, uint8_t exchange)
{
    if (exchange == NHI_V1_EX_QUICK)
        return sa->state == NHI_SA_UP && !sa->ike->shutting;
    return sa->state == NHI_SA_UP || sa->state == NHI_SA_V1_CONFIG;
}

static unsigned dispatch(nhi_ike_sa *sa, nhi_v1_x *x, const nhi_v1_in *in, nhtb_time now)
{
    unsigned why = x->exchange == NHI_V1_EX_TRANSACTION ? nhi_v1_trans_recv(x, in->m, now)
                                                        : nhi_v1_quick_recv(x, in->m, now);
    if (why == NHTB_REASON_MEMORY && !x->initiator && x->received == 1)
        nhi_v1_mid_forget(sa, x->mid);
    if (why && x->state != NHI_V1_X_DONE)
        nhi_v1_x_kill(x);
    nhi_v1_pump(sa, now);
    return why;
}

/** The message is authentic: its exchange goes on, or begins. */
static unsigned accept(nhi_ike_sa *sa, nhi_v1_x *x, const nhi_v1_in *in, nhtb_time now)
{
    sa->last_in = now;
    sa->v1->bytes += in->msg.n;
    nhi_ike_buf_drop(sa->ike, &sa->v1->last); /* the peer is past aggressive mode */
    nhi_ike_follow(sa, in->path, in->kind);
    if (in->h->exchange == NHI_V1_EX_INFORMATIONAL) {
        nhi_v1_mid_note(sa, in->h->msg_id);
        nhi_v1_info_recv(sa, in->m, now);
        return NHTB_REASON_NONE;
    }
    if (!x)
        x = nhi_v1_x_take(sa, in->h->exchange, in->h->msg_id, now);
    if (!x)
        return NHTB_REASON_MEMORY;
    nhi_v1_x_heard(x, in->msg, in->iv, now);
    return dispatch(sa, x, in, now);
}

/** Keys of phase 1, the chain of this exchange. */
static int chain(const nhi_ike_sa *sa, const nhi_v1_x *x, uint32_t mid, uint8_t *iv)
{
    if (x) {
        memcpy(iv, x->iv, NHI_V1_BLOCK_MAX);
        return 0;
    }
    return nhi_v1_iv_phase2(sa->ike->env.crypto, sa->suite.prf, sa->v1->iv, mid,
                            sa->v1->cipher.block, iv);
}

static unsigned protected_message(nhi_ike_sa *sa, nhi_v1_in *in, nhi_v1_msg *m, nhtb_time now)
{
    uint8_t iv[NHI_V1_BLOCK_MAX];
    size_t n;
    uint8_t exchange = in->h->exchange;
    nhi_v1_x *x = nhi_v1_x_find(sa, in->h->msg_id);
    if (x && x->in_digest == nhi_v1_digest(sa->ike, in->msg)) {
        nhi_v1_x_repeat(x, in->path, in->kind, now);
        return NHTB_REASON_NONE;
    }
    if (x && (x->state != NHI_V1_X_WAIT || x->exchange != exchange))
        return NHTB_REASON_IKE_STATE;
    if (!x && nhi_v1_mid_used(sa, in->h->msg_id))
        return NHTB_REASON_IKE_MESSAGE_ID;
    if (!x && !may_begin(sa, exchange))
        return NHTB_REASON_IKE_STATE;
    if (chain(sa, x, in->h->msg_id, iv))
        return NHTB_REASON_CRYPTO;
    unsigned why = decrypt(sa, in->msg, iv, &n);
    if (why)
        return why;
    in->iv = iv;
    if (nhi_v1_msg_parse(m, in->h->next, sa->ike->rx, n, true) != NHI_CHAIN_OK ||
        !proved(sa, x, in))
        return NHTB_REASON_IKE_INTEGRITY;
    if (!nhi_v1_check_form(m, form_of(x, exchange)))
        return NHTB_REASON_IKE_MALFORMED;
    return accept(sa, x, in, now);
}

static unsigned phase2(nhi_ike *ike, nhi_v1_in *in, nhi_v1_msg *m, nhtb_time now)
{
    nhi_ike_sa *sa = nhi_v1_find(ike, in->h);
    if (!sa)
        return NHTB_REASON_IKE_UNKNOWN_SA;
    if (in->h->flags & NHI_V1_F_ENCRYPT) {
        bool ready = sa->state == NHI_SA_UP || sa->state == NHI_SA_V1_CONFIG;
        if (!in->h->msg_id)
            return NHTB_REASON_IKE_MALFORMED;
        return ready ? protected_message(sa, in, m, now) : NHTB_REASON_IKE_STATE;
    }
    if (in->h->exchange != NHI_V1_EX_INFORMATIONAL ||
        nhi_v1_msg_parse(m, in->h->next, in->msg.p + NHI_IKE_HDR, in->msg.n - NHI_IKE_HDR, false) !=
            NHI_CHAIN_OK ||
        !nhi_v1_check_form(m, NHI_V1_FORM_INFO))
        return NHTB_REASON_IKE_MALFORMED;
    return nhi_v1_info_hint(sa, m, now);
}

unsigned nhi_v1_recv_whole(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                           uint8_t kind, nhtb_time now)
{
    nhi_v1_msg *m = &ike->v1_msg;
    nhi_v1_in in = {h, msg, path, kind, m, NULL};
    if (h->flags & ~(unsigned)(NHI_V1_F_ENCRYPT | NHI_V1_F_COMMIT))
        return NHTB_REASON_IKE_MALFORMED;
    switch (h->exchange) {
    case NHI_V1_EX_MAIN:
    case NHI_V1_EX_AGGRESSIVE: return phase1(ike, &in, m, now);
    case NHI_V1_EX_INFORMATIONAL:
    case NHI_V1_EX_TRANSACTION:
    case NHI_V1_EX_QUICK: return phase2(ike, &in, m, now);
    default: return NHTB_REASON_IKE_MALFORMED;
    }
}

unsigned nhi_v1_recv(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                     uint8_t kind, nhtb_time now)
{
    if (!ike->n_v1 || h->version != NHI_V1_VERSION)
        return NHTB_REASON_IKE_VERSION; /* nobody here speaks it; no minor version but 0 exists */
    if (h->next == NHI_V1_FRAGMENT)
        return nhi_v1_frag_in(ike, h, msg, path, kind, now);
    return nhi_v1_recv_whole(ike, h, msg, path, kind, now);
}
