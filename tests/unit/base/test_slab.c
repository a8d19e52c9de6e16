/* SPDX-License-Identifier: Apache-2.0
 * Slab pools: ids, staleness, order of reuse, limits. */
#include <criterion/criterion.h>

#include "base/slab.h"
#include "mem_host.h"

typedef struct thing {
    uint64_t value;
    uint8_t more[40];
} thing;

Test(slab, gives_zeroed_objects_and_ids_that_are_never_zero)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_slab s;
    nhi_slab_init(&s, &m, sizeof(thing), 500);
    cr_assert_eq(h.calls, 0);
    for (unsigned i = 0; i < 500; i++) {
        uint32_t id = 0;
        thing *t = nhi_slab_new(&s, &id);
        cr_assert_not_null(t);
        cr_assert_neq(id, 0);
        cr_assert_eq(t->value, 0);
        t->value = id;
        cr_assert_eq(nhi_slab_get(&s, id), t);
    }
    uint32_t id;
    cr_assert_null(nhi_slab_new(&s, &id), "the maximum holds");
    cr_assert_eq(s.used, 500);
    nhi_slab_fini(&s);
    cr_assert_eq(h.blocks, 0);
    cr_assert_eq(m.bytes, 0);
}

Test(slab, a_freed_id_is_stale_for_ever_and_its_object_wiped)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_slab s;
    nhi_slab_init(&s, &m, sizeof(thing), 1);
    uint32_t first, id;
    thing *t = nhi_slab_new(&s, &first);
    t->value = 42;
    cr_assert(nhi_slab_del(&s, first));
    cr_assert_eq(t->value, 0);
    cr_assert_not(nhi_slab_del(&s, first));
    for (unsigned i = 0; i < 100000; i++) {
        cr_assert_not_null(nhi_slab_new(&s, &id));
        cr_assert_neq(id, first);
        cr_assert_null(nhi_slab_get(&s, first));
        cr_assert(nhi_slab_del(&s, id));
    }
    nhi_slab_fini(&s);
}

Test(slab, foreign_ids_are_answered_with_null)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_slab s;
    nhi_slab_init(&s, &m, sizeof(thing), 100);
    uint32_t id;
    cr_assert_null(nhi_slab_get(&s, 0));
    cr_assert_null(nhi_slab_get(&s, UINT32_MAX));
    cr_assert_not_null(nhi_slab_new(&s, &id));
    uint64_t seed = 3;
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t other = (uint32_t)test_rand(&seed);
        cr_assert(other == id || !nhi_slab_get(&s, other));
    }
    cr_assert_null(nhi_slab_get(&s, 0));
    nhi_slab_fini(&s);
    cr_assert_null(nhi_slab_get(&s, id));
}

Test(slab, slots_are_reused_first_in_first_out)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_slab s;
    nhi_slab_init(&s, &m, sizeof(thing), 8);
    uint32_t id[8];
    void *obj[8];
    for (unsigned i = 0; i < 8; i++) {
        obj[i] = nhi_slab_new(&s, &id[i]);
    }
    static const unsigned order[] = {3, 0, 7, 5};
    for (unsigned i = 0; i < 4; i++) {
        cr_assert(nhi_slab_del(&s, id[order[i]]));
    }
    for (unsigned i = 0; i < 4; i++) {
        uint32_t again;
        cr_assert_eq(nhi_slab_new(&s, &again), obj[order[i]]);
        cr_assert_neq(again, id[order[i]]);
    }
    nhi_slab_fini(&s);
}

Test(slab, iteration_meets_every_live_object_once)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_slab s;
    nhi_slab_init(&s, &m, sizeof(thing), 300);
    uint32_t id, n = 0, cursor = 0;
    for (unsigned i = 0; i < 300; i++) {
        thing *t = nhi_slab_new(&s, &id);
        t->value = i % 3;
        if (t->value == 0) {
            cr_assert(nhi_slab_del(&s, id));
        }
    }
    for (thing *t; (t = nhi_slab_next(&s, &cursor, &id)); n++) {
        cr_assert_neq(t->value, 0);
        cr_assert_eq(nhi_slab_get(&s, id), t);
    }
    cr_assert_eq(n, s.used);
    nhi_slab_fini(&s);
}

Test(slab, out_of_memory_changes_nothing)
{
    for (size_t at = 1; at <= 2; at++) {
        mem_host h = {.fail_at = at};
        nhi_mem m = mem_of(&h);
        nhi_slab s;
        nhi_slab_init(&s, &m, sizeof(thing), 100);
        uint32_t id;
        cr_assert_null(nhi_slab_new(&s, &id));
        cr_assert_eq(s.used, 0);
        cr_assert_not_null(nhi_slab_new(&s, &id));
        nhi_slab_fini(&s);
        cr_assert_eq(h.blocks, 0);
    }
}

Test(slab, large_objects_come_in_small_chunks_and_keep_cache_lines)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_slab s;
    nhi_slab_init(&s, &m, 64 * 1024, 1u << 20);
    uint32_t id;
    for (unsigned i = 0; i < 5; i++) {
        cr_assert_eq((uintptr_t)nhi_slab_new(&s, &id) % 64, 0);
    }
    cr_assert_lt(h.bytes, (size_t)(1u << 20) * sizeof(void *) + 6 * 65 * 1024);
    nhi_slab_fini(&s);
}

Test(slab, random_life_agrees_with_a_list_of_ids)
{
    enum { MAX = 77 };
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_slab s;
    nhi_slab_init(&s, &m, sizeof(thing), MAX);
    uint32_t live[MAX], dead[1000];
    size_t n = 0, nd = 0;
    uint64_t seed = 9;
    for (unsigned step = 0; step < 50000; step++) {
        if (test_rand(&seed) % 2 && n < MAX) {
            thing *t = nhi_slab_new(&s, &live[n]);
            cr_assert_not_null(t);
            t->value = live[n++];
        } else if (n > 0) {
            size_t k = test_rand(&seed) % n;
            cr_assert(nhi_slab_del(&s, live[k]));
            dead[nd++ % 1000] = live[k];
            live[k] = live[--n];
        }
        cr_assert_eq(s.used, n);
        if (n > 0) {
            uint32_t id = live[test_rand(&seed) % n];
            const thing *t = nhi_slab_get(&s, id);
            cr_assert_not_null(t);
            cr_assert_eq(t->value, id);
        }
        if (nd > 0) {
            size_t have = nd < 1000 ? nd : 1000;
            cr_assert_null(nhi_slab_get(&s, dead[test_rand(&seed) % have]));
        }
    }
    nhi_slab_fini(&s);
}
