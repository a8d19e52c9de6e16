/* SPDX-License-Identifier: Apache-2.0
 * The prefix trie against a linear scan: random adds, removals, batches that abort, lookups, order;
 * failing allocations; readers in threads while batches are published. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fib/lpm.h"
#include "property/prop.h"

typedef struct route {
    uint8_t addr[16];
    unsigned len;
    uint32_t value;
} route;

typedef struct oracle {
    route *v;
    size_t n, cap;
    unsigned bits;
} oracle;

static bool bit_of(const uint8_t *a, unsigned i)
{
    return (a[i / 8] >> (7 - i % 8) & 1) != 0;
}

static bool covers(const route *r, const uint8_t *a)
{
    for (unsigned i = 0; i < r->len; i++)
        if (bit_of(r->addr, i) != bit_of(a, i))
            return false;
    return true;
}

static size_t oracle_find(const oracle *o, const uint8_t *addr, unsigned len)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->v[i].len == len && memcmp(o->v[i].addr, addr, 16) == 0)
            return i;
    return SIZE_MAX;
}

static uint32_t oracle_get(const oracle *o, const uint8_t *a)
{
    const route *best = NULL;
    for (size_t i = 0; i < o->n; i++)
        if ((best == NULL || o->v[i].len > best->len) && covers(&o->v[i], a))
            best = &o->v[i];
    return best == NULL ? 0 : best->value;
}

static void oracle_set(oracle *o, const uint8_t *addr, unsigned len, uint32_t value)
{
    size_t i = oracle_find(o, addr, len);
    if (value == 0) {
        o->v[i] = o->v[--o->n];
        return;
    }
    if (i == SIZE_MAX) {
        i = o->n++;
        memcpy(o->v[i].addr, addr, 16);
        o->v[i].len = len;
    }
    o->v[i].value = value;
}

/* Addresses cluster: a few bases, low entropy below, so that prefixes nest and share paths. */
static void random_addr(prop_rng *g, unsigned bits, uint8_t *a)
{
    memset(a, 0, 16);
    for (unsigned i = 0; i < bits / 8; i++) {
        uint64_t r = prop_u64(g);
        a[i] = (uint8_t)((r & 7) < 5 ? (r >> 8 & 1) * 0x80 + (r >> 9 & 1) : r >> 16);
    }
}

static unsigned random_prefix(prop_rng *g, unsigned bits, uint8_t *a)
{
    random_addr(g, bits, a);
    unsigned len = (unsigned)prop_below(g, bits + 1);
    for (unsigned i = len; i < bits; i++)
        a[i / 8] = (uint8_t)(a[i / 8] & ~(0x80 >> (i % 8)));
    return len;
}

static int route_order(const void *a, const void *b)
{
    const route *x = a, *y = b;
    int c = memcmp(x->addr, y->addr, 16);
    return c != 0 ? c : (int)x->len - (int)y->len;
}

static void check_order(const nhi_lpm *l, oracle *o)
{
    qsort(o->v, o->n, sizeof *o->v, route_order);
    uint8_t a[16] = {0};
    unsigned len = 0xff;
    uint32_t value;
    for (size_t i = 0; i < o->n; i++) {
        cr_assert(nhi_lpm_next(l, a, &len, &value));
        cr_assert(memcmp(a, o->v[i].addr, o->bits / 8) == 0 && len == o->v[i].len);
        cr_assert_eq(value, o->v[i].value);
    }
    cr_assert_not(nhi_lpm_next(l, a, &len, &value));
    cr_assert_eq(nhi_lpm_count(l), o->n);
}

/* The successor of a prefix that is not in the table. */
static void check_successor(prop_rng *g, const nhi_lpm *l, const oracle *o)
{
    route from = {.value = 0}, *best = NULL;
    from.len = random_prefix(g, o->bits, from.addr);
    for (size_t i = 0; i < o->n; i++)
        if (route_order(&o->v[i], &from) > 0 && (best == NULL || route_order(&o->v[i], best) < 0))
            best = &o->v[i];
    uint32_t value;
    bool found = nhi_lpm_next(l, from.addr, &from.len, &value);
    cr_assert_eq(found, best != NULL);
    if (found)
        cr_assert(route_order(&from, best) == 0 && value == best->value);
}

/* All at once gives what one by one gives. */
static void check_bulk(prop_rng *g, const nhi_lpm *l, const oracle *o)
{
    enum { N = 100 }; /* more than a group */
    uint8_t a[N][16];
    const uint8_t *v[N];
    uint32_t got[N];
    size_t n = (size_t)prop_below(g, N + 1);
    for (size_t i = 0; i < N; i++) {
        random_addr(g, o->bits, a[i]);
        v[i] = a[i];
    }
    nhi_lpm_get_bulk(l, v, got, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(got[i], oracle_get(o, a[i]));
}

/* Answers of 16 bits are kept apart from longer ones. */
static uint32_t random_value(prop_rng *g)
{
    return (uint32_t)prop_below(g, prop_below(g, 4) != 0 ? 1000 : UINT32_MAX - 1) + 1;
}

enum { PLAIN = 400, DIRECT = 70000 }; /* room of a table without direct levels, and with them */

static unsigned many(unsigned batches)
{
    return getenv("NHTB_LONG") != NULL ? batches * 100 : batches;
}

static void churn(uint8_t family, uint64_t seed, size_t room, unsigned batches, unsigned per_batch)
{
    prop_mem pm;
    nhi_mem *mem = prop_mem_init(&pm);
    nhi_qsbr q;
    nhi_qsbr_init(&q);
    prop_rng g = {seed};
    unsigned bits = family == 4 ? 32 : 128;
    route *space = calloc(2048, sizeof *space), *saved = calloc(2048, sizeof *saved);
    oracle o = {.v = space, .cap = 2048, .bits = bits};
    nhi_lpm *l = nhi_lpm_new(mem, &q, family, room);
    cr_assert_not_null(l);
    for (unsigned b = 0; b < batches; b++) {
        size_t saved_n = o.n;
        memcpy(saved, o.v, o.n * sizeof *o.v);
        nhi_lpm_begin(l);
        for (unsigned i = 0; i < per_batch; i++) {
            uint8_t a[16];
            unsigned len = random_prefix(&g, bits, a);
            bool removal = prop_below(&g, 100) < (o.n > 300 ? 70 : 35);
            if (removal && o.n > 0 && prop_below(&g, 8) != 0) {
                const route *r = &o.v[prop_below(&g, o.n)];
                memcpy(a, r->addr, 16);
                len = r->len;
            }
            uint32_t value = removal ? 0 : random_value(&g);
            bool present = oracle_find(&o, a, len) != SIZE_MAX;
            cr_assert_eq(nhi_lpm_exact(l, a, len) != 0, present);
            if (prop_below(&g, 16) == 0) { /* memory ends somewhere inside this call */
                pm.fail_in = (int64_t)prop_below(&g, 6);
            }
            int err = nhi_lpm_set(l, a, len, value);
            pm.fail_in = -1;
            if (removal && !present)
                cr_assert_eq(err, NHTB_ERR_NOT_FOUND);
            else if (!removal && !present && o.n >= room)
                cr_assert_eq(err, NHTB_ERR_LIMIT);
            else
                cr_assert(err == 0 || err == NHTB_ERR_MEMORY);
            if (err == 0)
                oracle_set(&o, a, len, value);
        }
        if (prop_below(&g, 5) == 0) {
            nhi_lpm_abort(l);
            memcpy(o.v, saved, saved_n * sizeof *o.v);
            o.n = saved_n;
        } else {
            nhi_lpm_publish(l);
        }
        nhi_qsbr_poll(&q);
        for (unsigned i = 0; i < 20; i++) {
            uint8_t a[16];
            random_addr(&g, bits, a);
            cr_assert_eq(nhi_lpm_get(l, a), oracle_get(&o, a), "seed %lx batch %u",
                         (unsigned long)seed, b);
        }
        if (b % 4 == 0)
            check_bulk(&g, l, &o);
        for (unsigned i = 0; i < 2; i++)
            check_successor(&g, l, &o);
        if (b % 64 == 0)
            check_order(l, &o);
    }
    check_order(l, &o);
    nhi_lpm_begin(l);
    while (o.n > 0) {
        route r = o.v[0];
        cr_assert_eq(nhi_lpm_set(l, r.addr, r.len, 0), 0);
        oracle_set(&o, r.addr, r.len, 0);
    }
    nhi_lpm_publish(l);
    nhi_qsbr_drain(&q);
    cr_assert_eq(nhi_lpm_count(l), 0u);
    nhi_lpm_del(l);
    cr_assert_eq(pm.mem.bytes, 0u, "leak of %lu bytes", (unsigned long)pm.mem.bytes);
    cr_assert_eq(pm.live, 0u);
    free(space);
    free(saved);
}

Test(lpm, ipv4_agrees_with_a_linear_scan)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        churn(4, seed, PLAIN, many(2000), 12);
}

Test(lpm, ipv6_agrees_with_a_linear_scan)
{
    for (uint64_t seed = 11; seed <= 14; seed++)
        churn(6, seed, PLAIN, many(1500), 12);
}

Test(lpm, ipv4_with_direct_levels_agrees_with_a_linear_scan)
{
    for (uint64_t seed = 21; seed <= 24; seed++)
        churn(4, seed, DIRECT, many(2000), 12);
}

Test(lpm, ipv6_with_direct_levels_agrees_with_a_linear_scan)
{
    for (uint64_t seed = 31; seed <= 34; seed++)
        churn(6, seed, DIRECT, many(1500), 12);
}

/* Every batch rewrites all prefixes with its own number, so a reader must see one number only. */
enum { SHARED_PREFIXES = 64, SHARED_BATCHES = 3000, READERS = 3 };
typedef struct shared {
    nhi_lpm *l;
    nhi_qsbr q;
    NHI_ATOMIC(bool) stop;
    NHI_ATOMIC(uint64_t) torn, looked;
} shared;
typedef struct reader_arg {
    shared *s;
    unsigned index;
} reader_arg;

static void address_of(unsigned i, uint8_t *a)
{
    a[0] = 10;
    a[1] = (uint8_t)(i * 37);
    a[2] = (uint8_t)(i * 11);
    a[3] = (uint8_t)i;
}

static void *reader(void *p)
{
    reader_arg *r = p;
    shared *s = r->s;
    uint8_t raw[SHARED_PREFIXES][4];
    const uint8_t *a[SHARED_PREFIXES];
    uint32_t out[SHARED_PREFIXES];
    for (unsigned i = 0; i < SHARED_PREFIXES; i++) {
        address_of(i, raw[i]);
        a[i] = raw[i];
    }
    while (!nhi_a_load(&s->stop)) {
        nhi_qsbr_online(&s->q, r->index);
        nhi_lpm_get_bulk(s->l, a, out, SHARED_PREFIXES);
        for (unsigned i = 1; i < SHARED_PREFIXES; i++)
            if (out[i] != out[0])
                (void)nhi_a_add(&s->torn, 1);
        (void)nhi_a_add(&s->looked, 1);
        nhi_qsbr_offline(&s->q, r->index);
    }
    return NULL;
}

static void readers_see_whole_batches(size_t room)
{
    prop_mem pm;
    shared *s = calloc(1, sizeof *s);
    nhi_qsbr_init(&s->q);
    s->l = nhi_lpm_new(prop_mem_init(&pm), &s->q, 4, room);
    pthread_t t[READERS];
    reader_arg arg[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        arg[i] = (reader_arg){s, i};
        cr_assert_eq(pthread_create(&t[i], NULL, reader, &arg[i]), 0);
    }
    for (uint32_t b = 1; b <= SHARED_BATCHES || nhi_a_load(&s->looked) < 100; b++) {
        nhi_lpm_begin(s->l);
        for (unsigned i = 0; i < SHARED_PREFIXES; i++) {
            uint8_t a[4];
            address_of(i, a);
            cr_assert_eq(nhi_lpm_set(s->l, a, 24 + i % 9, b), 0);
        }
        nhi_lpm_publish(s->l);
        (void)nhi_qsbr_poll(&s->q);
    }
    nhi_a_store(&s->stop, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(t[i], NULL);
    cr_assert_eq(nhi_a_load(&s->torn), 0u);
    nhi_qsbr_drain(&s->q);
    nhi_lpm_del(s->l);
    cr_assert_eq(pm.mem.bytes, 0u);
    free(s);
}

Test(lpm, readers_see_each_batch_whole_while_batches_are_published)
{
    readers_see_whole_batches(1000);
}

Test(lpm, readers_of_direct_levels_see_each_batch_whole)
{
    readers_see_whole_batches(DIRECT);
}
