/* SPDX-License-Identifier: Apache-2.0
 * SA cells: the sequence counter and the way from workers to control (flags, the stack of flagged
 * cells, seqlocked notes). Called by dp on workers; take and collect by engine on the control
 * thread. RFC 4303 3.3.3; house-style 3.5. */
#include "fib/fib.h"

_Static_assert(sizeof(nhtb_path) <= sizeof(uint64_t) * 7, "a path fits the candidate words");
_Static_assert(offsetof(nhi_cell, fib) == 2 * NHI_CACHE_LINE, "packets touch two lines");
_Static_assert(sizeof(nhtb_addr) <= sizeof(uint64_t) * 3, "an address fits the spoof words");

static uint32_t ring_words(uint32_t window)
{
    uint32_t words = 2;
    while (words < window / 64 + 1)
        words *= 2;
    return words;
}

size_t nhi_cell_size(uint32_t window, bool inbound)
{
    size_t ring = inbound && window != 0 ? ring_words(window) * sizeof(uint64_t) : 0;
    return sizeof(nhi_cell) + (ring + NHI_CACHE_LINE - 1) / NHI_CACHE_LINE * NHI_CACHE_LINE;
}

nhi_cell *nhi_cell_init(void *mem, nhi_fib *fib, uint32_t window, bool inbound)
{
    nhi_cell *c = mem;
    c->fib = fib;
    c->inbound = inbound;
    c->size = nhi_cell_size(window, inbound);
    c->soft_seq = c->hard_seq = c->soft_bytes = c->hard_bytes = UINT64_MAX;
    if (inbound && window != 0) {
        c->window = window;
        c->bits = (uint64_t *)(void *)(c + 1);
        c->bits_mask = ring_words(window) - 1;
    }
    return c;
}

static bool crosses(uint64_t before, uint64_t after, uint64_t limit)
{
    return before < limit && after >= limit;
}

/* Overshoot by racing claims stays below workers * UINT32_MAX because nobody adds once the limit is
 * seen, so a hard limit clamped this far below 2^64 can never be passed by a wrap. */
static uint64_t hard_limit(const nhi_cell *c)
{
    const uint64_t most = UINT64_MAX - (UINT64_C(1) << 40);
    return c->hard_seq < most ? c->hard_seq : most;
}

uint32_t nhi_cell_claim(nhi_cell *c, uint32_t n, uint64_t *first)
{
    uint64_t hard = hard_limit(c);
    *first = 0;
    if (n == 0 || nhi_a_load(&c->seq) >= hard || nhi_a_load(&c->bytes) >= c->hard_bytes)
        return 0;
    uint64_t before = nhi_a_add(&c->seq, n), after = before + n;
    uint32_t flags = 0;
    if (crosses(before, after, c->soft_seq))
        flags |= NHI_CELL_SOFT;
    if (crosses(before, after, hard))
        flags |= NHI_CELL_HARD;
    if (flags != 0)
        nhi_cell_flag(c->fib, c, flags);
    if (before >= hard)
        return 0;
    *first = before + 1;
    return after <= hard ? n : (uint32_t)(hard - before);
}

static uint32_t inbound_flags(const nhi_cell *c, uint64_t before, uint64_t after)
{
    uint32_t flags = before == 0 ? NHI_CELL_FIRST_USE : 0;
    if (crosses(before, after, c->soft_seq))
        flags |= NHI_CELL_SOFT;
    if (crosses(before, after, c->hard_seq))
        flags |= NHI_CELL_HARD;
    return flags;
}

/* An inbound cell has one writer: no locked operation is needed. */
static uint64_t add(const nhi_cell *c, NHI_ATOMIC(uint64_t) * to, uint64_t n)
{
    if (!c->inbound)
        return nhi_a_add(to, n);
    uint64_t before = nhi_a_load(to);
    nhi_a_store(to, before + n);
    return before;
}

void nhi_cell_account(nhi_cell *c, uint32_t packets, uint64_t bytes, nhtb_time now)
{
    if (packets == 0)
        return;
    uint64_t p = add(c, &c->packets, packets);
    uint64_t b = add(c, &c->bytes, bytes);
    nhi_a_store(&c->last_use, now);
    uint32_t flags = 0;
    if (crosses(b, b + bytes, c->soft_bytes))
        flags |= NHI_CELL_SOFT;
    if (crosses(b, b + bytes, c->hard_bytes))
        flags |= NHI_CELL_HARD;
    if (c->inbound) /* outbound numbers are judged by the claim */
        flags |= inbound_flags(c, p, p + packets);
    if (flags != 0)
        nhi_cell_flag(c->fib, c, flags);
}

/* Whoever turns the flags from 0 to non-zero owns flag_next until control has collected them. */
void nhi_cell_flag(nhi_fib *f, nhi_cell *c, uint32_t flags)
{
    uint32_t old = nhi_a_load(&c->flags);
    while (!nhi_a_cas_ptr(&c->flags, &old, old | flags)) {
    }
    if (old != 0)
        return;
    nhi_cell *head = nhi_a_load(&f->flagged);
    do {
        c->flag_next = head;
    } while (!nhi_a_cas_ptr(&f->flagged, &head, c));
}

nhi_cell *nhi_fib_take_flagged(nhi_fib *f)
{
    nhi_cell *head = nhi_a_load(&f->flagged);
    while (!nhi_a_cas_ptr(&f->flagged, &head, (nhi_cell *)NULL)) {
    }
    return head;
}

/* Seqlock without fences: every data word is a release store after the odd number and an acquire
 * load before the second look, so a reader that saw any new word also sees the number move. */
static void note_words(nhi_cell *c, NHI_ATOMIC(uint64_t) * dst, size_t words, const void *src,
                       size_t n)
{
    uint64_t w[7] = {0};
    memcpy(w, src, n);
    uint32_t s = nhi_a_load(&c->cand_seq);
    nhi_a_store(&c->cand_seq, s + 1);
    for (size_t i = 0; i < words; i++)
        nhi_a_store_rel(&dst[i], w[i]);
    nhi_a_store_rel(&c->cand_seq, s + 2);
}

static void read_words(NHI_ATOMIC(uint64_t) * src, size_t words, void *dst, size_t n)
{
    uint64_t w[7];
    for (size_t i = 0; i < words; i++)
        w[i] = nhi_a_load_acq(&src[i]);
    memcpy(dst, w, n);
}

void nhi_cell_note_source(nhi_fib *f, nhi_cell *c, const nhtb_path *seen)
{
    note_words(c, c->cand, NHI_ARRAY_LEN(c->cand), seen, sizeof *seen);
    nhi_cell_flag(f, c, NHI_CELL_NEW_SOURCE);
}

void nhi_cell_note_spoof(nhi_fib *f, nhi_cell *c, const nhtb_addr *src)
{
    if ((nhi_a_load(&c->flags) & NHI_CELL_SPOOF) != 0)
        return; /* the first offender is kept until control has read it */
    note_words(c, c->spoof, NHI_ARRAY_LEN(c->spoof), src, sizeof *src);
    nhi_cell_flag(f, c, NHI_CELL_SPOOF);
}

uint32_t nhi_cell_collect(nhi_cell *c, nhtb_path *cand, nhtb_addr *spoof)
{
    uint32_t flags = nhi_a_load(&c->flags);
    while (!nhi_a_cas_ptr(&c->flags, &flags, 0u)) {
    }
    uint32_t before = nhi_a_load_acq(&c->cand_seq);
    read_words(c->cand, NHI_ARRAY_LEN(c->cand), cand, sizeof *cand);
    read_words(c->spoof, NHI_ARRAY_LEN(c->spoof), spoof, sizeof *spoof);
    /* A note being written right now is flagged again by its writer: leave it for then. */
    if ((before & 1) != 0 || nhi_a_load(&c->cand_seq) != before)
        flags &= ~(uint32_t)(NHI_CELL_NEW_SOURCE | NHI_CELL_SPOOF);
    return flags;
}
