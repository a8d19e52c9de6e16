/* SPDX-License-Identifier: Apache-2.0
 * Replay window: the cases of RFC 4303 3.4.3 and the high half of Appendix A2. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fib/fib.h"

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

static unsigned offer(nhi_cell *c, uint32_t lo)
{
    uint64_t seq;
    unsigned r = nhi_cell_replay_check(c, lo, &seq);
    return r != 0 ? r : nhi_cell_replay_commit(c, seq);
}

Test(replay, number_zero_is_never_accepted)
{
    nhi_cell *c = make(64, false, 0);
    cr_assert_eq(offer(c, 0), (unsigned)NHTB_REASON_REPLAY_OLD);
    c->esn = true;
    cr_assert_eq(offer(c, 0), (unsigned)NHTB_REASON_REPLAY_OLD);
    free(c);
}

Test(replay, accepts_a_late_packet_inside_the_window_once)
{
    nhi_cell *c = make(64, false, 0);
    cr_assert_eq(offer(c, 100), 0u);
    cr_assert_eq(offer(c, 37), 0u, "100 - 63 is the left edge");
    cr_assert_eq(offer(c, 37), (unsigned)NHTB_REASON_REPLAY);
    cr_assert_eq(offer(c, 36), (unsigned)NHTB_REASON_REPLAY_OLD);
    cr_assert_eq(offer(c, 100), (unsigned)NHTB_REASON_REPLAY);
    free(c);
}

Test(replay, check_alone_changes_nothing)
{
    nhi_cell *c = make(64, false, 0);
    uint64_t seq;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(nhi_cell_replay_check(c, 5, &seq), 0u);
    cr_assert_eq(nhi_a_load(&c->top), 0u);
    cr_assert_eq(nhi_cell_replay_commit(c, seq), 0u);
    cr_assert_eq(nhi_cell_replay_commit(c, seq), (unsigned)NHTB_REASON_REPLAY,
                 "duplicates inside one burst");
    free(c);
}

Test(replay, a_jump_over_the_whole_ring_forgets_everything_before)
{
    nhi_cell *c = make(128, false, 0);
    for (uint32_t i = 1; i <= 200; i++)
        cr_assert_eq(offer(c, i), 0u);
    cr_assert_eq(offer(c, 100000), 0u);
    for (uint32_t i = 100000 - 127; i < 100000; i++)
        cr_assert_eq(offer(c, i), 0u);
    cr_assert_eq(offer(c, 200), (unsigned)NHTB_REASON_REPLAY_OLD);
    free(c);
}

Test(replay, without_a_window_everything_but_zero_passes)
{
    nhi_cell *c = make(0, false, 0);
    cr_assert_eq(offer(c, 5), 0u);
    cr_assert_eq(offer(c, 5), 0u);
    cr_assert_eq(offer(c, 0), (unsigned)NHTB_REASON_REPLAY_OLD);
    cr_assert_eq(nhi_a_load(&c->top), 5u);
    free(c);
}

Test(replay, high_half_is_inferred_as_in_appendix_a)
{
    static const struct {
        uint64_t top;
        uint32_t lo;
        uint64_t want;
    } t[] = {
        {0, 1, 1},
        {0, 0xffffffff, 0}, /* would lie before the first number */
        {62, 0xffffffff, 0},
        {0xffffffff, 0, 0x100000000},
        {0xffffffff, 0xffffffc0, 0xffffffc0},
        {0xffffffff, 0xffffffbf, 0x1ffffffbf}, /* below the window: the next cycle */
        {0x100000000, 0xffffffff, 0xffffffff},
        {0x10000003e, 0xffffffff, 0xffffffff},
        {0x10000003f, 0xffffffff, 0x1ffffffff}, /* out of the window on the left: ahead */
        {0x10000003f, 0, 0x100000000},
        {0x200000010, 5, 0x200000005},
        {UINT64_MAX, 0xffffffbf, 0}, /* no number after the last */
        {UINT64_MAX, 0xffffffc0, 0xffffffffffffffc0},
    };
    nhi_cell *c = make(64, true, 0);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        uint64_t seq;
        nhi_a_store(&c->top, t[i].top);
        (void)nhi_cell_replay_check(c, t[i].lo, &seq);
        cr_assert_eq(seq, t[i].want, "case %zu", i);
    }
    free(c);
}

/* xorshift: the property must repeat */
static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Against a model that remembers every number: a number passes exactly once, and only while it is
 * less than `window` behind the highest one. */
static void compare_with_model(uint32_t window)
{
    enum { SPAN = 1 << 20, OFFERS = 400000 };
    static uint8_t seen[SPAN];
    uint64_t x = UINT64_C(0x9e3779b97f4a7c15) + window, top = 0;
    unsigned passed = 0, old = 0, again = 0;
    nhi_cell *c = make(window, false, 0);
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < OFFERS; i++) {
        uint64_t r = next_random(&x), reach = window + window / 2;
        uint64_t ahead = r % 64 == 0 ? (r >> 8) % 97 : r % 3;
        uint64_t n = r >> 40 & 1 ? top + ahead : top - (r >> 8) % (top < reach ? top + 1 : reach);
        if (n == 0 || n >= SPAN)
            continue;
        unsigned got = offer(c, (uint32_t)n);
        unsigned want = n + window <= top ? NHTB_REASON_REPLAY_OLD
                        : seen[n]         ? NHTB_REASON_REPLAY
                                          : 0;
        cr_assert_eq(got, want, "window %u, number %llu, top %llu: %u, not %u", window,
                     (unsigned long long)n, (unsigned long long)top, got, want);
        passed += !got;
        again += got == NHTB_REASON_REPLAY;
        old += got == NHTB_REASON_REPLAY_OLD;
        if (!got) {
            seen[n] = 1;
            top = n > top ? n : top;
        }
    }
    cr_assert(passed > 1000 && again > 1000 && old > 0, "%u %u %u", passed, again, old);
    free(c);
}

Test(replay, windows_of_every_size_agree_with_a_model)
{
    static const uint32_t windows[] = {64, 1024, 4096, 65536};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        compare_with_model(windows[i]);
}
