/* SPDX-License-Identifier: Apache-2.0
 * Fragments of IKEv1 (payload 132): each is a whole datagram with a header of its own; nothing
 * authenticates it. So one message at a time for each SA, for a bounded time and size, and what does
 * not fit starts over. Only for SAs whose peer said that it knows them. protocol-facts 4.7. */
#include "ike/v1/v1.h"

#define FRAG_HEAD (NHI_IKE_HDR + 8) /* header, generic header, id, number, flags */

struct nhi_v1_frags {
    uint16_t id;
    uint8_t last; /* its number, 0: not seen */
    uint8_t got;
    size_t bytes;
    nhi_ike_buf *part[NHI_V1_FRAGS];
};

void nhi_v1_frag_drop(nhi_ike_sa *sa)
{
    nhi_v1_frags *f = sa->v1->frags;
    if (!f)
        return;
    for (size_t i = 0; i < NHI_V1_FRAGS; i++)
        nhi_ike_buf_drop(sa->ike, &f->part[i]);
    nhi_mem_free(sa->ike->mem, f, sizeof *f);
    sa->v1->frags = NULL;
}

static nhi_v1_frags *frags_of(nhi_ike_sa *sa, uint16_t id)
{
    if (sa->v1->frags && sa->v1->frags->id != id)
        nhi_v1_frag_drop(sa);
    if (!sa->v1->frags)
        sa->v1->frags = nhi_mem_alloc(sa->ike->mem, sizeof *sa->v1->frags, 16);
    if (sa->v1->frags)
        sa->v1->frags->id = id;
    return sa->v1->frags;
}

/** Does it agree with what came before? */
static bool fits(const nhi_ike_sa *sa, const nhi_v1_frags *f, const nhi_v1_frag *in)
{
    if (f->last && (in->number > f->last || (in->last && in->number != f->last)))
        return false;
    for (size_t i = in->last ? in->number : NHI_V1_FRAGS; i < NHI_V1_FRAGS; i++)
        if (f->part[i])
            return false; /* one behind the last */
    return f->bytes + in->data.n <= sa->ike->buf_n;
}

static unsigned add(nhi_ike_sa *sa, const nhi_v1_frag *in)
{
    nhi_v1_frags *f = frags_of(sa, in->id);
    if (!f)
        return NHTB_REASON_MEMORY;
    if (f->part[in->number - 1])
        return NHTB_REASON_NONE; /* a copy: the first stands */
    if (!fits(sa, f, in)) {
        nhi_v1_frag_drop(sa);
        return NHTB_REASON_IKE_FRAGMENT;
    }
    nhi_ike_buf *b = nhi_v1_copy(sa->ike, in->data);
    if (!b)
        return NHTB_REASON_MEMORY;
    f->part[in->number - 1] = b;
    f->bytes += b->n;
    f->got++;
    if (in->last)
        f->last = in->number;
    return NHTB_REASON_NONE;
}

/** All of it behind one another in a buffer that lives until the next call; NULL: no memory. */
static nhi_ike_buf *join(nhi_ike_sa *sa)
{
    const nhi_v1_frags *f = sa->v1->frags;
    nhi_ike_buf *b = nhi_ike_buf_new(sa->ike, f->bytes);
    size_t at = 0;
    for (size_t i = 0; b && i < f->last; i++) {
        memcpy(b->p + at, f->part[i]->p, f->part[i]->n);
        at += f->part[i]->n;
    }
    return b;
}

static unsigned whole(nhi_ike_sa *sa, const nhi_ike_hdr *outer, const nhtb_path *path, uint8_t kind,
                      nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_hdr h;
    nhi_ike_buf *b = join(sa);
    nhi_v1_frag_drop(sa);
    if (!b)
        return NHTB_REASON_MEMORY;
    nhtb_span msg = {b->p, b->n};
    bool ok = nhi_ike_hdr_read(&h, msg.p, msg.n) && h.version == NHI_V1_VERSION &&
              h.next != NHI_V1_FRAGMENT && h.spi_i == outer->spi_i && h.spi_r == outer->spi_r;
    nhi_ike_buf_drop(ike, &b); /* freed by the next call */
    return ok ? nhi_v1_recv_whole(ike, &h, msg, path, kind, now) : NHTB_REASON_IKE_FRAGMENT;
}

unsigned nhi_v1_frag_in(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                        uint8_t kind, nhtb_time now)
{
    nhi_v1_frag f;
    nhi_v1_msg *m = &ike->v1_msg;
    nhi_ike_sa *sa = nhi_v1_find(ike, h);
    if (!sa)
        return NHTB_REASON_IKE_UNKNOWN_SA;
    bool first = sa->state == NHI_SA_INIT_SENT && sa->v1->entry.mode == NHTB_V1_AGGRESSIVE;
    if (!sa->v1->frag && !(first && sa->v1->entry.fragmentation))
        return NHTB_REASON_IKE_STATE;
    if (nhi_v1_msg_parse(m, h->next, msg.p + NHI_IKE_HDR, msg.n - NHI_IKE_HDR, false) !=
            NHI_CHAIN_OK ||
        m->n != 1 || !nhi_v1_frag_read(&f, m->pl[0].body))
        return NHTB_REASON_IKE_FRAGMENT;
    unsigned why = add(sa, &f);
    const nhi_v1_frags *v = sa->v1->frags;
    if (why || !v || !v->last || v->got < v->last)
        return why;
    return whole(sa, h, path, kind, now);
}

static size_t room_of(const nhi_ike_sa *sa)
{
    size_t ip = sa->path.remote.family == 6 ? 40 : 20, over = ip + 8 + NHI_IKE_MARKER + FRAG_HEAD;
    size_t most = sa->ike->env.settings->fragment_size;
    return most > over + 64 ? most - over : 0;
}

int nhi_v1_frag_cut(nhi_ike_sa *sa, nhi_ike_buf **msg)
{
    nhi_ike *ike = sa->ike;
    nhtb_span all = nhi_ike_buf_msg(*msg);
    size_t room = room_of(sa), n = room ? (all.n + room - 1) / room : 1;
    nhi_ike_hdr h;
    bool agreed = sa->v1->frag && sa->state != NHI_SA_LARVAL; /* message 2 tells that we can */
    if (!agreed || n < 2 || all.n <= room + FRAG_HEAD)
        return 0;
    if (n > NHI_V1_FRAGS || !nhi_ike_hdr_read(&h, all.p, all.n))
        return NHTB_ERR_LIMIT;
    nhi_ike_buf *out = nhi_ike_buf_new(ike, all.n + n * (NHI_IKE_MARKER + FRAG_HEAD));
    if (!out)
        return NHTB_ERR_MEMORY;
    h.flags = 0;
    h.msg_id = 0;
    sa->v1->next_frag++;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        nhi_ike_builder b;
        size_t from = i * room, len = all.n - from < room ? all.n - from : room;
        const nhi_v1_frag f = {
            sa->v1->next_frag, (uint8_t)(i + 1), i + 1 == n, {all.p + from, len}};
        memset(out->p + at, 0, NHI_IKE_MARKER);
        nhi_ike_build_init(&b, out->p + at + NHI_IKE_MARKER, out->n - at - NHI_IKE_MARKER, &h);
        nhi_v1_build_fragment(&b, &f);
        at += NHI_IKE_MARKER + nhi_ike_build_finish(&b);
    }
    nhi_ike_buf_drop(ike, msg);
    *msg = out;
    return nhi_check(ike->mem, at == out->n) ? 0 : NHTB_ERR_INTERNAL;
}
