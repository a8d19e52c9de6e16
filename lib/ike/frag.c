/* SPDX-License-Identifier: Apache-2.0
 * IKE fragmentation: cuts a message into sealed fragments, and puts together what authenticated
 * fragments of the one expected message bring. At most NHI_IKE_FRAGS parts and limits.ike_message
 * bytes, one message for each direction. Called by send and recv. RFC 7383 2.5, 2.6. Control thread. */
#include "ike/room.h"

/** IP, UDP and the marker, which is reserved for although port 500 has none. */
static size_t room_of(const nhi_ike_sa *sa)
{
    size_t around = (sa->path.remote.family == 6 ? 40u : 20u) + 8 + NHI_IKE_MARKER;
    return sa->ike->env.settings->fragment_size - around;
}

bool nhi_ike_frag_needed(const nhi_ike_sa *sa, size_t inner)
{
    return sa->frag && /* so there is a size */
           nhi_sk_message_len(sa->sk.facts, inner) > room_of(sa) &&
           inner <= NHI_IKE_FRAGS * nhi_sk_fragment_room(sa->sk.facts, room_of(sa));
}

nhi_ike_buf *nhi_ike_frag_seal(nhi_ike_sa *sa, const nhi_ike_hdr *h, uint8_t first, nhtb_span inner,
                               int *err)
{
    nhi_ike *ike = sa->ike;
    size_t most = nhi_sk_fragment_room(sa->sk.facts, room_of(sa));
    size_t total = (inner.n + most - 1) / most, size = 0, at = 0;
    size_t last = inner.n - (total - 1) * most;
    size = (total - 1) * (NHI_IKE_MARKER + nhi_sk_fragment_len(sa->sk.facts, most)) +
           NHI_IKE_MARKER + nhi_sk_fragment_len(sa->sk.facts, last);
    nhi_ike_buf *out = nhi_ike_buf_new(ike, size);
    *err = out ? 0 : NHTB_ERR_MEMORY;
    for (size_t k = 0; !*err && k < total; k++) {
        nhi_ike_frag f = {.number = (uint16_t)(k + 1),
                          .total = (uint16_t)total,
                          .first = k ? NHI_PL_NONE : first};
        nhtb_span part = {inner.p + k * most, k + 1 < total ? most : last};
        memset(out->p + at, 0, NHI_IKE_MARKER);
        at += NHI_IKE_MARKER;
        size_t len = size - at;
        *err = nhi_sk_seal_fragment(&sa->sk, ike->mem, ike->env.crypto, &ike->lane, h, &f, part,
                                    out->p + at, &len);
        at += len;
    }
    if (!*err && !nhi_check(ike->mem, at == size))
        *err = NHTB_ERR_INTERNAL;
    if (*err && out)
        nhi_ike_buf_drop(ike, &out);
    return *err ? NULL : out;
}

void nhi_ike_frag_drop(nhi_ike_sa *sa, bool response)
{
    nhi_ike_frags *s = sa->frags[response];
    if (!s)
        return;
    for (size_t i = 0; i < NHI_IKE_FRAGS; i++)
        nhi_ike_buf_drop(sa->ike, &s->part[i]);
    nhi_mem_free(sa->ike->mem, s, sizeof *s);
    sa->frags[response] = NULL;
}

/** What two fragments of one message must agree in (2.6): a larger total is a new cut of the message
 *  after the path proved too narrow, a smaller one is left over from the old cut. */
static unsigned misfit(const nhi_ike_frags *s, const nhi_ike_frag *f)
{
    if (!s || f->total > s->total)
        return NHTB_REASON_NONE;
    return f->total < s->total || s->part[f->number - 1] ? NHTB_REASON_IKE_FRAGMENT
                                                         : NHTB_REASON_NONE;
}

/** The set this authenticated fragment belongs to, made or begun anew. NULL: no memory. The window
 *  lets one message id in and drops the set when it moves on. */
static nhi_ike_frags *set_for(nhi_ike_sa *sa, bool response, const nhi_ike_frag *f)
{
    nhi_ike_frags *s = sa->frags[response];
    if (s && s->total == f->total)
        return s;
    nhi_ike_frag_drop(sa, response);
    s = nhi_mem_alloc(sa->ike->mem, sizeof *s, 16);
    if (!s)
        return NULL;
    memset(s, 0, sizeof *s);
    s->total = f->total;
    sa->frags[response] = s;
    return s;
}

static unsigned keep(nhi_ike_sa *sa, nhi_ike_frags *s, const nhi_ike_frag *f, nhtb_span msg,
                     size_t n, uint8_t first)
{
    nhi_ike *ike = sa->ike;
    if (s->bytes + n > ike->buf_n)
        return NHTB_REASON_IKE_FRAGMENT;
    nhi_ike_buf *b = nhi_ike_buf_new(ike, n);
    if (!b)
        return NHTB_REASON_MEMORY;
    if (n)
        memcpy(b->p, ike->rx, n);
    s->part[f->number - 1] = b;
    s->bytes += n;
    s->got++;
    if (f->number == 1) { /* the one that stands for the message (2.6.1) */
        s->first = first;
        s->len = msg.n;
        memcpy(s->tail, msg.p + msg.n - sizeof s->tail, sizeof s->tail);
    }
    return NHTB_REASON_NONE;
}

static size_t join(const nhi_ike_frags *s, uint8_t *to)
{
    size_t n = 0;
    for (size_t i = 0; i < s->total; i++) {
        memcpy(to + n, s->part[i]->p, s->part[i]->n);
        n += s->part[i]->n;
    }
    return n;
}

static unsigned open_one(nhi_ike_sa *sa, nhtb_span msg, size_t *n, uint8_t *first)
{
    nhi_ike *ike = sa->ike;
    *n = ike->buf_n;
    return nhi_sk_open_fragment(&sa->sk, ike->env.crypto, &ike->lane, msg, ike->rx, n, first);
}

unsigned nhi_ike_frag_in(nhi_ike_sa *sa, const nhi_ike_hdr *h, nhtb_span msg, uint8_t *first,
                         size_t *n, bool *whole)
{
    bool response = h->flags & NHI_IKE_F_RESPONSE;
    nhi_ike_frag f;
    size_t len;
    uint8_t type;
    *whole = false;
    if (!sa->frag || !nhi_ike_frag_read(&f, msg))
        return NHTB_REASON_IKE_FRAGMENT;
    unsigned why = misfit(sa->frags[response], &f);
    if (!why)
        why = open_one(sa, msg, &len, &type);
    if (why)
        return why;
    nhi_ike_frags *s = set_for(sa, response, &f);
    why = s ? keep(sa, s, &f, msg, len, type) : NHTB_REASON_MEMORY;
    if (why || s->got < s->total)
        return why;
    *n = join(s, sa->ike->rx);
    *first = s->first;
    *whole = true;
    return NHTB_REASON_NONE;
}

bool nhi_ike_frag_recut(nhi_ike_sa *sa, nhtb_span msg)
{
    nhi_ike_frag f;
    size_t len;
    uint8_t type;
    return sa->frag && sa->have_keys && nhi_ike_frag_read(&f, msg) && f.number == 1 &&
           open_one(sa, msg, &len, &type) == NHTB_REASON_NONE;
}
