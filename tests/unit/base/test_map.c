/* SPDX-License-Identifier: Apache-2.0
 * The seeded map: SipHash vectors, limits, and random life against a plain list. */
#include <criterion/criterion.h>

#include "base/map.h"
#include "mem_host.h"

static const uint8_t seed16[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

Test(siphash, gives_the_published_values)
{
    /* Reference vectors of SipHash-2-4: key 00..0f, message 00..(n-1). */
    static const struct {
        size_t n;
        uint64_t out;
    } v[] = {{0, UINT64_C(0x726fdb47dd0e0e31)},
             {1, UINT64_C(0x74f839c593dc67fd)},
             {8, UINT64_C(0x93f5f5799a932462)},
             {15, UINT64_C(0xa129ca6149be45e5)}};
    uint8_t key[16], msg[16];
    for (uint8_t i = 0; i < 16; i++) {
        key[i] = msg[i] = i;
    }
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        cr_assert_eq(nhi_siphash(key, msg, v[i].n), v[i].out, "length %zu", v[i].n);
    }
}

Test(map, an_empty_map_answers_without_memory)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_map map;
    nhi_map_init(&map, &m, 4, 100, seed16);
    size_t cursor = 0;
    cr_assert_null(nhi_map_get(&map, "abcd"));
    cr_assert_null(nhi_map_del(&map, "abcd"));
    cr_assert_null(nhi_map_next(&map, &cursor));
    cr_assert_eq(h.calls, 0);
    nhi_map_fini(&map);
}

Test(map, put_replaces_and_del_returns_the_value)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_map map;
    int a, b;
    nhi_map_init(&map, &m, 3, 100, seed16);
    cr_assert_eq(nhi_map_put(&map, "key", &a), NHTB_OK);
    cr_assert_eq(nhi_map_put(&map, "key", &b), NHTB_OK);
    cr_assert_eq(map.used, 1);
    cr_assert_eq(nhi_map_get(&map, "key"), &b);
    cr_assert_null(nhi_map_get(&map, "kez"));
    cr_assert_eq(nhi_map_del(&map, "key"), &b);
    cr_assert_null(nhi_map_del(&map, "key"));
    nhi_map_fini(&map);
    cr_assert_eq(h.blocks, 0);
}

Test(map, the_limit_holds_but_replacing_still_works)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_map map;
    int v;
    nhi_map_init(&map, &m, 4, 1000, seed16);
    for (uint32_t k = 0; k < 1000; k++) {
        cr_assert_eq(nhi_map_put(&map, &k, &v), NHTB_OK);
    }
    uint32_t k = 1000;
    cr_assert_eq(nhi_map_put(&map, &k, &v), NHTB_ERR_LIMIT);
    cr_assert_eq(nhi_map_reserve(&map, 1), NHTB_ERR_LIMIT);
    cr_assert_eq(nhi_map_reserve(&map, 0), NHTB_OK);
    k = 999;
    cr_assert_eq(nhi_map_put(&map, &k, &v), NHTB_OK);
    nhi_map_fini(&map);
}

Test(map, after_reserve_puts_need_no_memory)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_map map;
    int v;
    nhi_map_init(&map, &m, 4, 5000, seed16);
    cr_assert_eq(nhi_map_reserve(&map, 3000), NHTB_OK);
    size_t calls = h.calls;
    for (uint32_t k = 0; k < 3000; k++) {
        cr_assert_eq(nhi_map_put(&map, &k, &v), NHTB_OK);
    }
    cr_assert_eq(h.calls, calls);
    nhi_map_fini(&map);
}

Test(map, out_of_memory_while_growing_keeps_all_entries)
{
    mem_host h = {.fail_at = 2};
    nhi_mem m = mem_of(&h);
    nhi_map map;
    int v;
    uint32_t k = 0;
    nhi_map_init(&map, &m, 4, 5000, seed16);
    while (nhi_map_put(&map, &k, &v) == NHTB_OK) {
        k++;
    }
    cr_assert_eq(k, map.used);
    for (uint32_t i = 0; i < k; i++) {
        cr_assert_eq(nhi_map_get(&map, &i), &v);
    }
    cr_assert_eq(nhi_map_put(&map, &k, &v), NHTB_OK);
    nhi_map_fini(&map);
    cr_assert_eq(h.blocks, 0);
}

typedef struct entry {
    uint8_t key[20];
    bool in;
} entry;

static void check_all(const nhi_map *map, entry *e, size_t n, size_t in)
{
    size_t cursor = 0, met = 0;
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(nhi_map_get(map, e[i].key), e[i].in ? &e[i] : NULL);
    }
    for (const entry *it; (it = nhi_map_next(map, &cursor)); met++) {
        cr_assert(it->in);
    }
    cr_assert_eq(met, in);
    cr_assert_eq(map->used, in);
}

static void live_randomly(size_t key_len, size_t n, unsigned steps)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_map map;
    entry *e = calloc(n, sizeof *e);
    uint64_t seed = key_len;
    size_t in = 0;
    nhi_map_init(&map, &m, key_len, n, seed16);
    for (size_t i = 0; i < n; i++) {
        uint64_t r = test_rand(&seed) | 1;
        memcpy(e[i].key, &i, key_len < 8 ? key_len : 8);
        memcpy(e[i].key + 12, &r, 8);
    }
    for (unsigned s = 0; s < steps; s++) {
        entry *it = &e[test_rand(&seed) % n];
        if (it->in) {
            cr_assert_eq(nhi_map_del(&map, it->key), it);
            in--;
        } else {
            cr_assert_eq(nhi_map_put(&map, it->key, it), NHTB_OK);
            in++;
        }
        it->in = !it->in;
        if (s % (steps / 20) == 0) {
            check_all(&map, e, n, in);
        }
    }
    check_all(&map, e, n, in);
    nhi_map_fini(&map);
    cr_assert_eq(h.blocks, 0);
    free(e);
}

Test(map, random_life_agrees_with_a_plain_list)
{
    live_randomly(4, 12, 20000); /* one small table that is nearly full: deletions wrap around */
    live_randomly(4, 700, 40000);
    live_randomly(16, 3000, 60000);
    live_randomly(20, 1500, 60000);
}
