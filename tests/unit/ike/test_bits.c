/* SPDX-License-Identifier: Apache-2.0
 * Each single bit of each message of a session inverted, and each message cut at every byte. What
 * is protected changes nothing when it was altered; what is not (IKE_SA_INIT) may cost an attempt,
 * but never gives a wrong establishment nor harms an established SA. RFC 7296 2.4, 2.6, 2.21. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/ike/twins_script.h"

/* ---- protected messages: all in one session ---- */

typedef struct tally {
    unsigned messages, flips, cuts;
} tally;

static bool is_init(const twins_dgram *d)
{
    return d->b[18] == NHI_EX_SA_INIT;
}

typedef struct before {
    uint64_t print[2];
    unsigned flight;
} before;

static before remember(const twins *p)
{
    return (before){{twins_print(p, 0), twins_print(p, 1)}, p->n_flight};
}

/** Answers to the altered message (plain errors) must not change anything either. */
static void unchanged(twins *p, const before *b, const twins_dgram *d, size_t where)
{
    while (p->n_flight > b->flight)
        twins_deliver(p, b->flight);
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(twins_print(p, i), b->print[i], "%s altered at %zu changes end %u",
                     twins_script_name(d), where, i);
}

static void flip_all(twins *p, const twins_dgram *d, bool fresh, tally *t)
{
    before b = remember(p);
    twins_dgram x = twins_copy(d);
    for (size_t bit = 0; bit < d->n * 8; bit++) {
        x.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        unsigned why = twins_feed(p, &x, x.b, x.n);
        cr_assert(why || !fresh, "%s with bit %zu inverted is accepted", twins_script_name(d), bit);
        unchanged(p, &b, d, bit);
        x.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        t->flips++;
    }
    free(x.b);
}

static void cut_all(twins *p, const twins_dgram *d, tally *t)
{
    before b = remember(p);
    twins_dgram x = twins_copy(d);
    for (size_t n = 0; n < d->n; n++) {
        cr_assert(twins_feed(p, d, d->b, n), "%s cut to %zu is accepted", twins_script_name(d), n);
        unchanged(p, &b, d, n);
        if (n >= NHI_IKE_HDR) {
            nhi_put32(x.b + 24, (uint32_t)n);
            cr_assert(twins_feed(p, &x, x.b, n), "%s cut to %zu is accepted", twins_script_name(d),
                      n);
            unchanged(p, &b, d, n);
        }
        t->cuts += 2;
    }
    free(x.b);
}

/** The altered ones first, then the true one by the script: it still counts. */
static bool protected_hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    tally *t = user;
    (void)number;
    if (is_init(d))
        return false;
    t->messages++;
    flip_all(p, d, true, t);
    cut_all(p, d, t);
    return false;
}

Test(bits, an_altered_protected_message_changes_nothing_and_the_true_one_still_works)
{
    static twins p;
    tally t = {0};
    for (unsigned pfs = 0; pfs < 2; pfs++) {
        twins_script s = {.o = {.seed = 5, .children = 2, .pfs = pfs}, protected_hook, &t, 0};
        twins_script_play(&p, &s);
        cr_assert(twins_script_settles(&p, 600 * NHTB_NS_PER_S));
        twins_finish(&p);
    }
    fprintf(stderr, "bits: %u protected messages, %u inverted bits, %u cuts\n", t.messages, t.flips,
            t.cuts);
    cr_assert(t.messages >= 60 && t.flips >= 50000);
}

/* The last request may come again altered: its answer is repeated at most. */
static bool afterwards_hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    (void)number;
    if (is_init(d))
        return false;
    twins_feed(p, d, d->b, d->n);
    unsigned had = p->n_flight;
    twins_dgram hold[TWINS_FLIGHT];
    for (unsigned i = 0; i < had; i++)
        hold[i] = twins_take(p, 0);
    before b = remember(p);
    for (size_t bit = 0; bit < d->n * 8; bit++) {
        twins_dgram x = twins_copy(d);
        x.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        twins_feed(p, &x, x.b, x.n);
        free(x.b);
        while (p->n_flight)
            twins_drop(p, 0);
        cr_assert_eq(twins_print(p, d->to), b.print[d->to]);
        ((tally *)user)->flips++;
    }
    for (unsigned i = 0; i < had; i++)
        p->flight[p->n_flight++] = hold[i];
    /* the script delivers it once more: a true repetition */
    return false;
}

Test(bits, an_altered_repetition_of_the_last_request_changes_nothing)
{
    static twins p;
    tally t = {0};
    twins_script s = {.o = {.seed = 6, .children = 2}, afterwards_hook, &t, 0};
    twins_script_play(&p, &s);
    cr_assert(twins_script_settles(&p, 600 * NHTB_NS_PER_S));
    twins_finish(&p);
    cr_assert(t.flips > 20000);
}

/* ---- IKE_SA_INIT: a session for each altered bit ---- */

typedef struct victim {
    unsigned number;
    size_t bit;  /* or SIZE_MAX: cut to `cut` */
    size_t cut;  /* patched length */
    size_t size; /* out: of that message, 0: no such message */
} victim;

static bool init_hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    victim *v = user;
    if (!is_init(d))
        return true; /* the time that follows delivers it */
    if (number != v->number)
        return false;
    v->size = d->n;
    twins_dgram x = twins_copy(d);
    if (v->bit != SIZE_MAX)
        x.b[v->bit / 8] ^= (uint8_t)(1 << v->bit % 8);
    else
        nhi_put32(x.b + 24, (uint32_t)v->cut);
    if (v->bit != SIZE_MAX || v->cut <= d->n)
        twins_feed(p, &x, x.b, v->bit == SIZE_MAX ? v->cut : x.n);
    free(x.b);
    return false; /* then the true one */
}

typedef struct init_tally {
    unsigned sessions, at_once, later, worst_s;
} init_tally;

static void init_session(const twins_opts *o, victim *v, init_tally *t)
{
    static twins p;
    twins_script s = {*o, init_hook, v, 0};
    v->size = 0;
    twins_script_play(&p, &s);
    nhtb_time from = p.now;
    twins_run(&p, NHTB_NS_PER_S);
    twins_check_keys(&p);
    bool now = !twins_fault(&p, false);
    cr_assert(now || twins_script_settles(&p, 600 * NHTB_NS_PER_S), "message %u bit %zu cut %zu",
              v->number, v->bit, v->cut);
    unsigned took = (unsigned)((p.now - from) / NHTB_NS_PER_S);
    t->worst_s = took > t->worst_s ? took : t->worst_s;
    t->at_once += now;
    t->later += !now;
    t->sessions++;
    twins_finish(&p);
}

static void init_messages(twins_opts o, const char *what)
{
    init_tally t = {0};
    victim v = {.bit = SIZE_MAX, .cut = SIZE_MAX};
    o.seed = 9;
    for (;; v.number++) {
        v.bit = SIZE_MAX;
        v.cut = SIZE_MAX;
        init_session(&o, &v, &t);
        size_t n = v.size;
        if (!n)
            break;
        for (v.bit = 0; v.bit < n * 8; v.bit++)
            init_session(&o, &v, &t);
        v.bit = SIZE_MAX;
        for (v.cut = NHI_IKE_HDR; v.cut < n; v.cut++)
            init_session(&o, &v, &t);
    }
    fprintf(stderr,
            "bits: IKE_SA_INIT %s: %u messages, %u sessions, %u established at once, %u by a "
            "retransmission or a fresh try, at most after %u s\n",
            what, v.number, t.sessions, t.at_once, t.later, t.worst_s);
    cr_assert(v.number >= 2);
}

Test(bits, an_altered_first_message_costs_an_attempt_at_most)
{
    init_messages((twins_opts){.children = 1}, "plain");
}

Test(bits, an_altered_cookie_exchange_costs_an_attempt_at_most)
{
    init_messages((twins_opts){.children = 1, .cookie = true}, "with a cookie");
}

Test(bits, an_altered_other_group_costs_an_attempt_at_most)
{
    init_messages((twins_opts){.children = 1, .other_group = true}, "with another group");
}

/* ---- an established SA and unprotected messages ---- */

typedef struct recording {
    twins_dgram v[8];
    unsigned n;
} recording;

static bool record_hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    recording *r = user;
    (void)p, (void)number;
    if (is_init(d) && r->n < 8)
        r->v[r->n++] = twins_copy(d);
    return twins_sa(p, 0, NHI_SA_UP) && twins_sa(p, 1, NHI_SA_UP) && !is_init(d);
}

Test(bits, unprotected_messages_never_touch_an_established_sa)
{
    static twins p;
    recording r = {.n = 0};
    twins_script s = {.o = {.seed = 5, .cookie = true}, record_hook, &r, 0};
    twins_script_play(&p, &s);
    twins_run(&p, 20 * NHTB_NS_PER_S);
    cr_assert(twins_check_mirror(&p, false) == 1);
    uint64_t print[2] = {twins_print_up(&p, 0), twins_print_up(&p, 1)};
    for (unsigned k = 0; k < r.n; k++)
        for (size_t bit = 0; bit < r.v[k].n * 8; bit++) {
            r.v[k].b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            twins_feed(&p, &r.v[k], r.v[k].b, r.v[k].n);
            r.v[k].b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            twins_drain(&p);
            for (unsigned i = 0; i < 2; i++)
                cr_assert_eq(twins_print_up(&p, i), print[i], "message %u bit %zu", k, bit);
        }
    twins_run(&p, 400 * NHTB_NS_PER_S);
    cr_assert(twins_check_mirror(&p, false) == 1);
    for (unsigned k = 0; k < r.n; k++)
        free(r.v[k].b);
    twins_finish(&p);
}
