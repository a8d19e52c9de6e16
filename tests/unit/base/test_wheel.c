/* SPDX-License-Identifier: Apache-2.0
 * The timer wheel against an exact oracle. */
#include <criterion/criterion.h>

#include "base/wheel.h"
#include "mem_host.h"

#define YEAR_NS (UINT64_C(365) * 86400 * NHTB_NS_PER_S)

Test(wheel, an_idle_wheel_has_no_deadline)
{
    static nhi_wheel w;
    nhi_wheel_init(&w);
    cr_assert_eq(nhi_wheel_deadline(&w), NHTB_NEVER);
    cr_assert_null(nhi_wheel_pop(&w, 0));
    cr_assert_null(nhi_wheel_pop(&w, 100 * YEAR_NS));
    cr_assert_null(nhi_wheel_pop(&w, UINT64_MAX - 1));
}

Test(wheel, fires_at_the_very_nanosecond_and_not_before)
{
    static const nhtb_time due[] = {0,
                                    1,
                                    (1u << 20) - 1,
                                    1u << 20,
                                    (1u << 20) + 1,
                                    NHTB_NS_PER_S,
                                    64 * NHTB_NS_PER_S + 7,
                                    YEAR_NS + 123456789,
                                    500 * YEAR_NS};
    for (size_t i = 0; i < NHI_ARRAY_LEN(due); i++) {
        static nhi_wheel w;
        nhi_timer t;
        nhi_wheel_init(&w);
        nhi_timer_init(&t, 5);
        nhi_wheel_arm(&w, &t, due[i]);
        cr_assert(nhi_timer_armed(&t));
        cr_assert_leq(nhi_wheel_deadline(&w), due[i]);
        cr_assert(due[i] == 0 || nhi_wheel_pop(&w, due[i] - 1) == NULL);
        cr_assert_eq(nhi_wheel_deadline(&w), due[i]);
        cr_assert_eq(nhi_wheel_pop(&w, due[i]), &t);
        cr_assert_eq(t.kind, 5);
        cr_assert_not(nhi_timer_armed(&t));
        cr_assert_eq(w.armed, 0);
    }
}

Test(wheel, cancelled_and_never_armed_timers_do_not_fire)
{
    static nhi_wheel w;
    nhi_timer a, b, c;
    nhi_wheel_init(&w);
    nhi_timer_init(&a, 1);
    nhi_timer_init(&b, 2);
    nhi_timer_init(&c, 3);
    nhi_wheel_cancel(&w, &a);
    nhi_wheel_arm(&w, &a, 1000);
    nhi_wheel_arm(&w, &b, NHTB_NS_PER_S);
    nhi_wheel_arm(&w, &c, 1000);
    nhi_wheel_cancel(&w, &a);
    nhi_wheel_arm(&w, &b, NHTB_NEVER);
    cr_assert_eq(w.armed, 1);
    cr_assert_eq(nhi_wheel_pop(&w, YEAR_NS), &c);
    cr_assert_null(nhi_wheel_pop(&w, YEAR_NS));
    cr_assert_eq(nhi_wheel_deadline(&w), NHTB_NEVER);
}

Test(wheel, a_due_time_in_the_past_fires_at_the_next_pop)
{
    static nhi_wheel w;
    nhi_timer t;
    nhi_wheel_init(&w);
    nhi_timer_init(&t, 1);
    cr_assert_null(nhi_wheel_pop(&w, YEAR_NS));
    nhi_wheel_arm(&w, &t, 5);
    cr_assert_leq(nhi_wheel_deadline(&w), YEAR_NS);
    cr_assert_eq(nhi_wheel_pop(&w, YEAR_NS), &t);
}

Test(wheel, a_timer_waiting_to_be_popped_can_be_cancelled_and_moved)
{
    static nhi_wheel w;
    nhi_timer a, b, c;
    nhi_wheel_init(&w);
    nhi_timer_init(&a, 1);
    nhi_timer_init(&b, 2);
    nhi_timer_init(&c, 3);
    nhi_wheel_arm(&w, &a, 10);
    nhi_wheel_arm(&w, &b, 10);
    nhi_wheel_arm(&w, &c, 10);
    const nhi_timer *first = nhi_wheel_pop(&w, NHTB_NS_PER_S);
    cr_assert_eq(first, &a);
    nhi_wheel_cancel(&w, &b);
    nhi_wheel_arm(&w, &c, 2 * NHTB_NS_PER_S);
    cr_assert_null(nhi_wheel_pop(&w, NHTB_NS_PER_S));
    cr_assert_eq(nhi_wheel_pop(&w, 2 * NHTB_NS_PER_S), &c);
}

Test(wheel, following_the_deadline_takes_few_wake_ups)
{
    static nhi_wheel w;
    nhi_timer t;
    nhi_wheel_init(&w);
    nhi_timer_init(&t, 1);
    nhtb_time now = 17 * YEAR_NS + 3;
    nhi_wheel_pop(&w, now);
    nhi_wheel_arm(&w, &t, now + 30 * 86400 * NHTB_NS_PER_S);
    unsigned wakes = 0;
    while (t.due != NHTB_NEVER) {
        nhtb_time next = nhi_wheel_deadline(&w);
        cr_assert_gt(next, now, "a deadline that has passed makes the host spin");
        now = next;
        nhi_wheel_pop(&w, now);
        wakes++;
    }
    cr_assert_leq(wakes, NHI_WHEEL_LEVELS);
}

enum { TIMERS = 300, OPS = 100000 };
typedef struct oracle {
    nhi_wheel w;
    nhi_timer t[TIMERS];
    nhtb_time due[TIMERS];
    uint64_t seed;
    nhtb_time now;
} oracle;

static nhtb_time random_span(uint64_t *seed)
{
    unsigned bits = (unsigned)(test_rand(seed) % 58);
    return test_rand(seed) & ((UINT64_C(1) << bits) - 1);
}

static void check_deadline(const oracle *o)
{
    nhtb_time least = NHTB_NEVER;
    for (unsigned i = 0; i < TIMERS; i++) {
        least = o->due[i] < least ? o->due[i] : least;
    }
    nhtb_time d = nhi_wheel_deadline(&o->w);
    cr_assert_leq(d, least);
    cr_assert_eq(d == NHTB_NEVER, least == NHTB_NEVER);
    cr_assert(d > o->now || least <= o->now, "a deadline in the past, but nothing due");
}

static void pop_all(oracle *o)
{
    for (nhi_timer *t; (t = nhi_wheel_pop(&o->w, o->now));) {
        size_t i = (size_t)(t - o->t);
        cr_assert_leq(o->due[i], o->now, "fired early");
        o->due[i] = NHTB_NEVER;
    }
    for (unsigned i = 0; i < TIMERS; i++) {
        cr_assert(o->due[i] == NHTB_NEVER || o->due[i] > o->now, "missed");
    }
}

static void step(oracle *o)
{
    size_t i = test_rand(&o->seed) % TIMERS;
    unsigned op = (unsigned)(test_rand(&o->seed) % 10);
    if (op < 6) {
        bool past = test_rand(&o->seed) % 16 == 0;
        nhtb_time d = random_span(&o->seed);
        o->due[i] = past ? (d < o->now ? o->now - d : 0) : o->now + d;
        nhi_wheel_arm(&o->w, &o->t[i], o->due[i]);
    } else if (op == 6) {
        nhi_wheel_cancel(&o->w, &o->t[i]);
        o->due[i] = NHTB_NEVER;
    } else if (op == 7) {
        o->now += random_span(&o->seed) >> (test_rand(&o->seed) % 40);
        pop_all(o);
        check_deadline(o);
    } else {
        nhtb_time d = nhi_wheel_deadline(&o->w);
        o->now = d != NHTB_NEVER && d > o->now ? d : o->now;
        pop_all(o);
        check_deadline(o);
    }
}

Test(wheel, a_hundred_thousand_random_steps_agree_with_the_oracle)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        static oracle o;
        o.seed = seed;
        o.now = seed == 1 ? 0 : YEAR_NS * seed;
        nhi_wheel_init(&o.w);
        for (unsigned i = 0; i < TIMERS; i++) {
            nhi_timer_init(&o.t[i], (uint16_t)i);
            o.due[i] = NHTB_NEVER;
        }
        for (unsigned s = 0; s < OPS; s++) {
            step(&o);
        }
        size_t armed = 0;
        for (unsigned i = 0; i < TIMERS; i++) {
            armed += o.due[i] != NHTB_NEVER;
            cr_assert_eq(nhi_timer_armed(&o.t[i]), o.due[i] != NHTB_NEVER);
        }
        cr_assert_eq(o.w.armed, armed);
    }
}
