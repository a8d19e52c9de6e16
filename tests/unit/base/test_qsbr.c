/* SPDX-License-Identifier: Apache-2.0
 * Quiescent reclamation: the rules one by one, then readers in threads (also run under TSan). */
#include <criterion/criterion.h>
#include <pthread.h>

#include "base/qsbr.h"
#include "mem_host.h"

static void count_up(void *user, void *obj)
{
    (void)obj;
    ++*(unsigned *)user;
}

Test(qsbr, without_readers_everything_goes_at_the_next_poll)
{
    static nhi_qsbr q;
    nhi_retired r[3];
    unsigned n = 0;
    nhi_qsbr_init(&q);
    cr_assert_eq(nhi_qsbr_poll(&q), 0);
    for (unsigned i = 0; i < 3; i++) {
        nhi_qsbr_retire(&q, &r[i], count_up, &n, NULL);
    }
    cr_assert_eq(n, 0);
    cr_assert_eq(nhi_qsbr_poll(&q), 0);
    cr_assert_eq(n, 3);
}

Test(qsbr, a_reader_on_line_since_before_holds_it_until_its_next_batch)
{
    static nhi_qsbr q;
    nhi_retired a, b;
    unsigned n = 0;
    nhi_qsbr_init(&q);
    nhi_qsbr_online(&q, 5);
    nhi_qsbr_retire(&q, &a, count_up, &n, NULL);
    cr_assert_eq(nhi_qsbr_poll(&q), 1);
    nhi_qsbr_online(&q, 63); /* later: cannot have seen a */
    cr_assert_eq(nhi_qsbr_poll(&q), 1);
    nhi_qsbr_online(&q, 5);
    nhi_qsbr_retire(&q, &b, count_up, &n, NULL);
    cr_assert_eq(nhi_qsbr_poll(&q), 1);
    cr_assert_eq(n, 1);
    nhi_qsbr_offline(&q, 5);
    cr_assert_eq(nhi_qsbr_poll(&q), 1, "reader 63 still holds b");
    nhi_qsbr_offline(&q, 63);
    cr_assert_eq(nhi_qsbr_poll(&q), 0);
    cr_assert_eq(n, 2);
}

Test(qsbr, a_sleeping_reader_never_delays)
{
    static nhi_qsbr q;
    nhi_retired r;
    unsigned n = 0;
    nhi_qsbr_init(&q);
    nhi_qsbr_online(&q, 0);
    nhi_qsbr_offline(&q, 0);
    for (unsigned i = 0; i < 100000; i++) {
        nhi_qsbr_retire(&q, &r, count_up, &n, NULL);
        cr_assert_eq(nhi_qsbr_poll(&q), 0);
    }
    cr_assert_eq(n, 100000);
}

typedef struct chain {
    nhi_qsbr *q;
    nhi_retired r;
    unsigned left;
} chain;
static void retire_again(void *user, void *obj)
{
    chain *c = obj;
    (void)user;
    if (c->left-- > 0) {
        nhi_qsbr_retire(c->q, &c->r, retire_again, NULL, c);
    }
}

Test(qsbr, reclaiming_may_retire_more_and_drain_takes_all)
{
    static nhi_qsbr q;
    nhi_qsbr_init(&q);
    chain c = {.q = &q, .left = 10};
    nhi_qsbr_retire(&q, &c.r, retire_again, NULL, &c);
    nhi_qsbr_drain(&q);
    cr_assert_eq(q.waiting, 0);
    cr_assert_null(q.head);
    cr_assert_null(q.tail);
    cr_assert_eq(c.left, UINT32_MAX);
}

enum { READERS = 3, UPDATES = 30000 };
typedef struct object {
    nhi_retired r;
    uint64_t a, b; /* b == ~a while it lives */
} object;
typedef struct shared {
    nhi_qsbr q;
    NHI_ATOMIC(object *) current;
    NHI_ATOMIC(uint64_t) stop, torn, batches;
} shared;
typedef struct reader_arg {
    shared *s;
    unsigned index;
} reader_arg;

static void *read_loop(void *arg)
{
    const reader_arg *ra = arg;
    shared *s = ra->s;
    for (unsigned n = 0; nhi_a_load(&s->stop) == 0; n++) {
        nhi_qsbr_online(&s->q, ra->index);
        for (unsigned i = 0; i < 4; i++) {
            const object *o = nhi_a_load_acq(&s->current);
            if (o->a != ~o->b) {
                nhi_a_add(&s->torn, UINT64_C(1));
            }
        }
        nhi_a_add(&s->batches, UINT64_C(1));
        if (n % 3 == 0) {
            nhi_qsbr_offline(&s->q, ra->index);
        }
    }
    nhi_qsbr_offline(&s->q, ra->index);
    return NULL;
}

static void spoil_and_free(void *user, void *obj)
{
    object *o = obj;
    ++*(unsigned *)user;
    o->a = o->b = 0;
    free(o);
}

static object *make(uint64_t v)
{
    object *o = malloc(sizeof *o);
    o->a = v;
    o->b = ~v;
    return o;
}

Test(qsbr, readers_in_threads_never_see_reclaimed_memory)
{
    static shared s;
    pthread_t thread[READERS];
    reader_arg arg[READERS];
    unsigned reclaimed = 0;
    nhi_qsbr_init(&s.q);
    nhi_a_store_rel(&s.current, make(0));
    for (unsigned i = 0; i < READERS; i++) {
        arg[i] = (reader_arg){&s, i};
        cr_assert_eq(pthread_create(&thread[i], NULL, read_loop, &arg[i]), 0);
    }
    uint64_t v = 1; /* go on until the readers had their share, too */
    for (; v <= UPDATES || nhi_a_load(&s.batches) < UPDATES; v++) {
        object *old = nhi_a_load(&s.current);
        nhi_a_store_rel(&s.current, make(v));
        nhi_qsbr_retire(&s.q, &old->r, spoil_and_free, &reclaimed, old);
        nhi_qsbr_poll(&s.q);
    }
    nhi_a_store(&s.stop, UINT64_C(1));
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(thread[i], NULL);
    }
    cr_assert_eq(nhi_a_load(&s.torn), 0);
    cr_assert_eq(nhi_qsbr_poll(&s.q), 0);
    cr_assert_eq(reclaimed, v - 1);
    free(nhi_a_load(&s.current));
}
