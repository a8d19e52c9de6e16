/* SPDX-License-Identifier: Apache-2.0
 * Collisions, systematically: two exchanges started from both sides (or one after another) under
 * every order of delivery, with up to one datagram lost and one doubled. Schedules are enumerated by
 * how often they depart from first-in first-out: all with one departure, then all with two, ...
 * until the quota. Whatever happened, at the end both ends agree. RFC 7296 2.8, 2.25. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/ike/twins.h"

enum act { REKEY_CHILD, REKEY_IKE, DELETE_CHILD, DELETE_IKE, CREATE_CHILD, ACTS };
static const char *const names[ACTS] = {"rekey child", "rekey IKE", "delete child", "delete IKE",
                                        "create child"};

enum { DEEP = 7, BRANCH = 40 };

/** A schedule: when the second act starts (after so many deliveries), and where it departs from
 *  taking the oldest datagram. */
typedef struct schedule {
    uint8_t delay, n;
    uint8_t at[DEEP], choice[DEEP];
} schedule;

typedef struct scenario {
    enum act a, b; /* by end 0, by end 1 */
    bool immediately;
    uint64_t seed;
} scenario;

typedef struct outcome {
    unsigned steps, deliveries; /* the latter before the second act started */
    uint8_t choices[BRANCH];
} outcome;

static void start(twins *p, unsigned end, enum act a)
{
    nhi_ike *ike = p->e[end].ike;
    nhtb_peer_id id = p->e[end].peer;
    nhi_ike_child *c = twins_child(p, end, 0);
    switch (a) {
    case REKEY_CHILD: (void)nhi_ike_rekey(ike, id, NHTB_REKEY_CHILD, p->now); break;
    case REKEY_IKE: (void)nhi_ike_rekey(ike, id, NHTB_REKEY_IKE, p->now); break;
    case DELETE_CHILD:
        if (c)
            nhi_ike_child_hard(ike, c->spi_in, p->now);
        break;
    case DELETE_IKE: (void)nhi_ike_clear(ike, id, p->now); break;
    case CREATE_CHILD: nhi_ike_on_traffic(ike, id, 1, p->now); break;
    default: break;
    }
    twins_settle(p, end);
}

/** Second child missing, so that it can be created by an act. */
static void prepare(twins *p, const scenario *s)
{
    twins_opts o = {.seed = s->seed, .children = 2, .immediately = false};
    bool second = s->a != CREATE_CHILD && s->b != CREATE_CHILD;
    twins_open(p, &o);
    if (second)
        twins_initiate(p, 0);
    else
        nhi_ike_on_traffic(p->e[0].ike, p->e[0].peer, 0, p->now);
    twins_settle(p, 0);
    twins_drain(p);
    for (unsigned i = 0; i < 2; i++) {
        nhi_ike_peer *peer = nhi_ike_peer_get(p->e[i].ike, p->e[i].peer);
        if (s->immediately)
            peer->cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    }
    cr_assert(twins_check_mirror(p, !second));
}

typedef struct budget {
    bool lost, doubled;
} budget;

/** What can be done with n datagrams in flight: deliver any, lose any, double any. */
static unsigned options(unsigned n, budget b)
{
    return n + (b.lost ? 0 : n) + (b.doubled ? 0 : n);
}

static void choose(twins *p, unsigned choice, budget *b)
{
    unsigned n = p->n_flight;
    if (choice < n) {
        twins_deliver(p, choice);
        return;
    }
    choice -= n;
    if (!b->lost && choice < n) {
        b->lost = true;
        twins_drop(p, choice);
        return;
    }
    choice -= b->lost ? 0 : n;
    b->doubled = true; /* one copy arrives now, the other is still under way */
    twins_dgram d = twins_copy(&p->flight[choice]);
    twins_feed(p, &d, d.b, d.n);
    free(d.b);
}

static unsigned chosen(const schedule *s, unsigned step)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->at[i] == step)
            return s->choice[i];
    return 0;
}

static bool deletes(const scenario *s)
{
    return s->a == DELETE_CHILD || s->a == DELETE_IKE || s->b == DELETE_CHILD || s->b == DELETE_IKE;
}

static void tell(const scenario *s, const schedule *k, const char *what)
{
    char text[200];
    int n = snprintf(text, sizeof text, "%s x %s seed %u %s delay %u:", names[s->a], names[s->b],
                     (unsigned)s->seed, s->immediately ? "immediately" : "on traffic", k->delay);
    for (unsigned i = 0; i < k->n && n < 180; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " {%u, %u}", k->at[i], k->choice[i]);
    fprintf(stderr, "%s: %s\n", text, what);
}

static const char *play(const scenario *s, const schedule *k, outcome *out)
{
    static twins p;
    budget b = {false, false};
    bool second = false;
    memset(out, 0, sizeof *out);
    prepare(&p, s);
    nhtb_time end = p.now + 150 * NHTB_NS_PER_S;
    start(&p, 0, s->a);
    for (unsigned guard = 0; guard < 3000; guard++) {
        if (!second && (out->deliveries >= k->delay || !p.n_flight)) {
            start(&p, 1, s->b);
            second = true;
        }
        if (!p.n_flight) {
            nhtb_time next = twins_deadline(&p);
            if (next >= end)
                break;
            twins_clock(&p, next > p.now ? next : p.now + NHTB_NS_PER_MS);
            continue;
        }
        unsigned step = out->steps++;
        if (step < BRANCH)
            out->choices[step] = (uint8_t)options(p.n_flight, b);
        unsigned c = step < BRANCH ? chosen(k, step) : 0;
        out->deliveries += !second;
        choose(&p, c < options(p.n_flight, b) ? c : 0, &b);
    }
    twins_run(&p, 250 * NHTB_NS_PER_S);
    bool none = (deletes(s) && !s->immediately);
    const char *fault = twins_fault(&p, none);
    if (fault)
        tell(s, k, fault);
    if (!fault)
        twins_finish(&p);
    return fault;
}

typedef struct search {
    schedule *v;
    size_t n, head, cap;
} search;

static void push(search *q, const schedule *s)
{
    if (q->n < q->cap)
        q->v[q->n++] = *s;
}

/** One more departure, after the last one. */
static void extend(search *q, const schedule *s, const outcome *o)
{
    if (s->n == DEEP)
        return;
    unsigned from = s->n ? s->at[s->n - 1] + 1u : 0;
    for (unsigned step = from; step < o->steps && step < BRANCH; step++)
        for (unsigned c = 1; c < o->choices[step]; c++) {
            schedule x = *s;
            x.at[x.n] = (uint8_t)step;
            x.choice[x.n++] = (uint8_t)c;
            push(q, &x);
        }
}

/** Returns how many schedules were played; *faults counts the bad ones. */
static size_t explore(const scenario *s, size_t quota, unsigned *faults, bool *all)
{
    search q = {calloc(quota, sizeof(schedule)), 0, 0, quota};
    outcome o;
    schedule first = {0};
    push(&q, &first);
    for (; q.head < q.n; q.head++) {
        schedule k = q.v[q.head];
        *faults += play(s, &k, &o) != NULL;
        if (!k.n && o.deliveries == k.delay && k.delay < 6) {
            schedule later = {.delay = (uint8_t)(k.delay + 1)};
            push(&q, &later);
        }
        extend(&q, &k, &o);
        if (*faults > 20)
            break;
    }
    *all = q.n < quota;
    free(q.v);
    return q.head;
}

static void all_pairs(bool immediately)
{
    bool lengthy = getenv("NHTB_LONG") != NULL, all;
    size_t quota = lengthy ? 1100 : 52, total = 0;
    unsigned faults = 0, pairs = 0, whole = 0;
    for (unsigned a = 0; a < ACTS; a++)
        for (unsigned b = 0; b < ACTS; b++)
            for (uint64_t seed = 1; seed <= 2; seed++) {
                scenario s = {(enum act)a, (enum act)b, immediately, seed};
                total += explore(&s, quota, &faults, &all);
                whole += all;
                pairs += seed == 1;
            }
    fprintf(stderr, "schedules (%s): %zu distinct over %u scenario pairs, %u searched whole\n",
            immediately ? "immediately" : "on traffic", total, pairs, whole);
    cr_assert_eq(faults, 0, "%u schedules end wrong", faults);
    cr_assert(total >= (lengthy ? 50000u : 2500u));
}

/* Each ended wrong once. */
static const struct {
    scenario s;
    schedule k;
} once[] = {
    /* the delete of a new pair overtakes the answer that makes it */
    {{REKEY_CHILD, DELETE_CHILD, false, 1}, {1, 1, {1}, {1}}},
    {{REKEY_CHILD, DELETE_CHILD, true, 1}, {1, 1, {1}, {1}}},
    {{REKEY_CHILD, DELETE_CHILD, true, 2}, {1, 1, {1}, {2}}},
};

Test(schedules, those_that_ended_wrong_once_end_well)
{
    outcome o;
    for (size_t i = 0; i < NHI_ARRAY_LEN(once); i++)
        cr_expect_null(play(&once[i].s, &once[i].k, &o), "schedule %zu", i);
}

Test(schedules, both_ends_agree_after_any_order_of_crossing_exchanges)
{
    all_pairs(false);
}

Test(schedules, peers_that_establish_by_themselves_have_all_children_again)
{
    all_pairs(true);
}
