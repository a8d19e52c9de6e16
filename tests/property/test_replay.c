/* SPDX-License-Identifier: Apache-2.0
 * The replay window against a set: every number accepted at most once, none inside the window
 * refused, and the high half inferred right at every offset around the ends of 32 bits. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "fib/fib.h"
#include "property/prop.h"

/* What was accepted among the newest numbers: a ring far larger than any window. */
enum { RING = 1 << 18 };
typedef struct model {
    uint64_t *seen; /* the number + 1 that last used the place */
    uint64_t top;
} model;

static nhi_cell *make(uint32_t window, bool esn, uint64_t top)
{
    static nhi_fib f;
    size_t n = nhi_cell_size(window, true);
    void *mem = aligned_alloc(64, n);
    memset(mem, 0, n);
    nhi_cell *c = nhi_cell_init(mem, &f, window, true);
    c->esn = esn;
    nhi_a_store(&c->top, top);
    return c;
}

static unsigned model_offer(model *m, uint32_t window, uint64_t seq)
{
    if (seq == 0 || (seq <= m->top && m->top - seq >= window))
        return NHTB_REASON_REPLAY_OLD;
    uint64_t *place = &m->seen[seq % RING];
    if (*place == seq + 1)
        return NHTB_REASON_REPLAY;
    *place = seq + 1;
    m->top = seq > m->top ? seq : m->top;
    return 0;
}

/* A sender's next number: mostly onward, often late, sometimes a jump. */
static uint64_t pick(prop_rng *g, const model *m, uint32_t window)
{
    uint64_t r = prop_below(g, 100);
    if (r < 45)
        return m->top + 1 + prop_below(g, 3);
    if (r < 85) {
        uint64_t back = prop_below(g, window + window / 4 + 2);
        return m->top > back ? m->top - back : 1;
    }
    if (r < 99)
        return m->top + 1 + prop_below(g, 2 * window);
    return m->top + 1 + prop_below(g, 100000);
}

static void walk(uint32_t window, bool esn, uint64_t start, unsigned steps, unsigned round)
{
    prop_rng g = {window * 31u + esn + start + (uint64_t)round * 1000003};
    model m = {.seen = calloc(RING, sizeof *m.seen), .top = start};
    nhi_cell *c = make(window, esn, start);
    for (unsigned i = 0; i < steps; i++) {
        uint64_t seq = pick(&g, &m, window), inferred;
        if (!esn && seq > UINT32_MAX)
            break;
        /* A number behind the window is, with ESN, taken for one of the next cycle: the ICV tells. */
        bool behind = seq <= m.top && m.top - seq >= window;
        unsigned got = nhi_cell_replay_check(c, (uint32_t)seq, &inferred);
        if (esn && behind) {
            cr_assert(inferred != seq || got == NHTB_REASON_REPLAY_OLD);
            continue;
        }
        cr_assert_eq(inferred, seq);
        if (got == 0 && prop_below(&g, 20) == 0)
            continue; /* the ICV was wrong: nothing may change */
        unsigned want = model_offer(&m, window, seq);
        cr_assert_eq(got, want, "window %u step %u seq %lu", window, i, (unsigned long)seq);
        if (got == 0)
            cr_assert_eq(nhi_cell_replay_commit(c, seq), 0u);
        cr_assert_eq(nhi_a_load(&c->top), m.top);
    }
    free(m.seen);
    free(c);
}

/* Ten million steps; NHTB_LONG: a thousand million. */
Test(replay_model, millions_of_steps_of_each_window_agree_with_a_set)
{
    static const uint32_t windows[] = {64, 128, 192, 1024};
    unsigned rounds = getenv("NHTB_LONG") != NULL ? 100 : 1;
    for (size_t k = 0; k < rounds * NHI_ARRAY_LEN(windows); k++) {
        uint32_t window = windows[k % NHI_ARRAY_LEN(windows)];
        unsigned round = (unsigned)(k / NHI_ARRAY_LEN(windows));
        walk(window, false, 0, 1000000, round);
        walk(window, true, 0, 1000000, round);
        walk(window, true, UINT64_C(0xffff0000), 300000, round);
        walk(window, true, UINT64_C(0x7fffffff0000), 300000, round);
    }
}

/* All offsets of window +- 2 around each side of a multiple of 2^32, for every top there. */
static void ends(uint32_t window, uint64_t middle)
{
    nhi_cell *c = make(window, true, 0);
    uint64_t lo = middle - window - 2, hi = middle + window + 2;
    for (uint64_t top = lo; top <= hi; top += window > 128 ? 7 : 1) {
        nhi_a_store(&c->top, top);
        for (uint64_t seq = top - window + 1; seq <= top + window; seq++) {
            uint64_t inferred;
            (void)nhi_cell_replay_check(c, (uint32_t)seq, &inferred);
            cr_assert_eq(inferred, seq, "top %lx seq %lx", (unsigned long)top, (unsigned long)seq);
        }
    }
    free(c);
}

Test(replay_model, the_high_half_is_right_at_every_offset_around_the_wraps)
{
    static const uint32_t windows[] = {64, 128, 1024};
    for (size_t k = 0; k < sizeof windows / sizeof windows[0]; k++) {
        ends(windows[k], UINT64_C(1) << 32);
        ends(windows[k], UINT64_C(2) << 32);
        ends(windows[k], UINT64_C(0xfffffffe) << 32);
    }
}

Test(replay_model, without_esn_the_last_number_is_the_end)
{
    nhi_cell *c = make(64, false, UINT32_MAX - 10);
    uint64_t seq;
    for (uint32_t s = UINT32_MAX - 9; s != 0; s++) {
        cr_assert_eq(nhi_cell_replay_check(c, s, &seq), 0u);
        cr_assert_eq(nhi_cell_replay_commit(c, seq), 0u);
    }
    for (uint32_t s = 0; s < 2000; s++)
        cr_assert_eq(nhi_cell_replay_check(c, s, &seq), (unsigned)NHTB_REASON_REPLAY_OLD);
    free(c);
}
