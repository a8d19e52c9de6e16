/* SPDX-License-Identifier: Apache-2.0
 * Replay window: a ring of 64-bit blocks with at least one block to spare, so that advancing clears
 * whole words and never shifts. Called by dp on the cell's own worker. RFC 4303 3.4.3 and
 * Appendix A2, RFC 6479. */
#include "fib/fib.h"

/* Number that a 32-bit low half stands for, given the highest authenticated one. 0 (never valid on
 * the wire) when the guess would lie before the first or after the last number. */
static uint64_t infer_esn(uint64_t top, uint32_t window, uint32_t seq_lo)
{
    uint32_t top_lo = (uint32_t)top, top_hi = (uint32_t)(top >> 32);
    uint32_t left = top_lo - window + 1; /* modulo 2^32 */
    uint32_t hi = top_hi;
    if (top_lo >= window - 1) {
        if (seq_lo < left && ++hi == 0)
            return 0;
    } else if (seq_lo >= left) {
        if (hi == 0)
            return 0;
        hi--;
    }
    return (uint64_t)hi << 32 | seq_lo;
}

/* Without a window an extended number still needs one to be guessed: half the range. */
static uint32_t guess_window(const nhi_cell *c)
{
    return c->window != 0 ? c->window : UINT32_C(1) << 31;
}

static unsigned judge(const nhi_cell *c, uint64_t seq, uint64_t top)
{
    if (seq == 0)
        return NHTB_REASON_REPLAY_OLD;
    if (c->window == 0 || seq > top)
        return 0;
    if (top - seq >= c->window)
        return NHTB_REASON_REPLAY_OLD;
    bool seen = (c->bits[(seq >> 6) & c->bits_mask] >> (seq & 63) & 1) != 0;
    return seen ? NHTB_REASON_REPLAY : 0;
}

unsigned nhi_cell_replay_check(const nhi_cell *c, uint32_t seq_lo, uint64_t *seq)
{
    uint64_t top = nhi_a_load(&c->top);
    *seq = c->esn ? infer_esn(top, guess_window(c), seq_lo) : seq_lo;
    return judge(c, *seq, top);
}

static void advance(nhi_cell *c, uint64_t from, uint64_t to)
{
    uint64_t words = (uint64_t)c->bits_mask + 1;
    uint64_t first = (from >> 6) + 1, last = to >> 6;
    if (last - (from >> 6) > words)
        first = last - words + 1;
    for (uint64_t w = first; w <= last; w++)
        c->bits[w & c->bits_mask] = 0;
}

unsigned nhi_cell_replay_commit(nhi_cell *c, uint64_t seq)
{
    uint64_t top = nhi_a_load(&c->top);
    unsigned reason = judge(c, seq, top);
    if (reason != 0)
        return reason;
    if (c->window != 0) {
        if (seq > top)
            advance(c, top, seq);
        c->bits[(seq >> 6) & c->bits_mask] |= UINT64_C(1) << (seq & 63);
    }
    if (seq > top)
        nhi_a_store(&c->top, seq);
    return 0;
}
