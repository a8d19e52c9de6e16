/* SPDX-License-Identifier: Apache-2.0
 * Map, slab and timer wheel against arrays. Input: one byte that chooses, then operations. */
#include "base/map.h"
#include "base/slab.h"
#include "base/wheel.h"
#include "fuzz/fuzz.h"

/* ---- map ---- */
enum { KEYS = 64 };

static void map_check(const nhi_map *m, int *const model[KEYS], size_t n)
{
    size_t cursor = 0, seen = 0;
    for (const void *v; (v = nhi_map_next(m, &cursor)) != NULL; seen++)
        fuzz_check(model[*(const int *)v] == v);
    fuzz_check(seen == n && m->used == n);
}

static void map_ops(fuzz_in in, fuzz_host *h)
{
    static int value[KEYS];
    int *model[KEYS] = {0};
    nhi_mem mem = fuzz_host_mem(h);
    nhi_map m;
    uint8_t seed[16], key[12] = {0};
    size_t n = 0, promised = 0, max = 1 + fuzz_below(&in, 60), len = 1 + fuzz_below(&in, 12);
    fuzz_bytes(&in, seed, sizeof seed);
    nhi_map_init(&m, &mem, len, max, seed);
    while (in.n > 0) {
        unsigned op = fuzz_below(&in, 8);
        unsigned k = fuzz_below(&in, KEYS);
        key[0] = (uint8_t)k;
        value[k] = (int)k;
        int *had = model[k];
        fuzz_check(nhi_map_get(&m, key) == had);
        if (op < 4) {
            int err = nhi_map_put(&m, key, &value[k]);
            fuzz_check(err == 0 || err == NHTB_ERR_MEMORY || err == NHTB_ERR_LIMIT);
            fuzz_check(err != NHTB_ERR_LIMIT || (n == max && !had));
            fuzz_check(err == 0 || (!had && promised == 0) || err == NHTB_ERR_LIMIT);
            n += err == 0 && !had;
            promised -= err == 0 && !had && promised > 0;
            model[k] = err == 0 ? &value[k] : had;
        } else if (op < 7) {
            fuzz_check(nhi_map_del(&m, key) == had);
            n -= had != NULL;
            model[k] = NULL;
        } else {
            promised = nhi_map_reserve(&m, k) == 0 ? k : 0;
            fuzz_check(promised == 0 || n + promised <= max);
        }
    }
    map_check(&m, model, n);
    nhi_map_fini(&m);
}

/* ---- slab ---- */
static void slab_ops(fuzz_in in, fuzz_host *h)
{
    enum { IDS = 64 };
    uint32_t id[IDS] = {0}, dead[IDS] = {0};
    uint8_t *obj[IDS] = {0};
    nhi_mem mem = fuzz_host_mem(h);
    nhi_slab s;
    size_t n = 0, max = 1 + fuzz_below(&in, IDS), size = 1 + fuzz_below(&in, 100);
    nhi_slab_init(&s, &mem, size, max);
    while (in.n > 0) {
        unsigned op = fuzz_below(&in, 4), k = fuzz_below(&in, IDS);
        fuzz_check(nhi_slab_get(&s, id[k]) == obj[k]);
        fuzz_check(dead[k] == 0 || nhi_slab_get(&s, dead[k]) == NULL);
        if (op < 2 && !obj[k]) {
            obj[k] = nhi_slab_new(&s, &id[k]);
            fuzz_check(obj[k] ? id[k] != 0 && n < max : n == max || h->fail_at != 0);
            for (size_t i = 0; obj[k] && i < size; i++)
                fuzz_check(obj[k][i] == 0);
            if (obj[k])
                memset(obj[k], (int)k + 1, size);
            else
                id[k] = 0;
            n += obj[k] != NULL;
        } else if (op == 2) {
            fuzz_check(nhi_slab_del(&s, id[k]) == (obj[k] != NULL));
            n -= obj[k] != NULL;
            dead[k] = obj[k] ? id[k] : dead[k];
            obj[k] = NULL;
            id[k] = 0;
        } else {
            fuzz_check(!nhi_slab_del(&s, dead[k]));
        }
    }
    for (size_t k = 0; k < IDS; k++)
        for (size_t i = 0; obj[k] && i < size; i++)
            fuzz_check(obj[k][i] == k + 1);
    uint32_t cursor = 0, at;
    size_t seen = 0;
    while (nhi_slab_next(&s, &cursor, &at))
        seen++;
    fuzz_check(seen == n);
    nhi_slab_fini(&s);
}

/* ---- wheel ---- */
enum { TIMERS = 16 };

static nhtb_time earliest(const nhi_timer *t)
{
    nhtb_time least = NHTB_NEVER;
    for (int i = 0; i < TIMERS; i++)
        least = t[i].due < least ? t[i].due : least;
    return least;
}

/* A span of time from one byte: from nothing to years. */
static nhtb_time span_of(fuzz_in *in)
{
    unsigned b = fuzz_u8(in);
    return (nhtb_time)(b & 7) << (b >> 3) * 2 % 56;
}

static void wheel_fire(nhi_wheel *w, nhi_timer *t, nhtb_time *due, nhtb_time now)
{
    for (nhi_timer *got; (got = nhi_wheel_pop(w, now)) != NULL;) {
        size_t i = (size_t)(got - t);
        fuzz_check(i < TIMERS && due[i] <= now && !nhi_timer_armed(got));
        due[i] = NHTB_NEVER;
    }
    for (int i = 0; i < TIMERS; i++)
        fuzz_check(due[i] == t[i].due && due[i] > now);
}

static void wheel_ops(fuzz_in in)
{
    static nhi_wheel w;
    nhi_timer t[TIMERS];
    nhtb_time due[TIMERS], now = 0;
    nhi_wheel_init(&w);
    for (int i = 0; i < TIMERS; i++) {
        nhi_timer_init(&t[i], (uint16_t)i);
        due[i] = NHTB_NEVER;
    }
    while (in.n > 0) {
        unsigned op = fuzz_below(&in, 4), i = fuzz_below(&in, TIMERS);
        if (op < 2) {
            nhtb_time d = span_of(&in);
            due[i] = op == 0 ? now + d : now > d ? now - d : 0;
            nhi_wheel_arm(&w, &t[i], due[i]);
        } else if (op == 2) {
            nhi_wheel_cancel(&w, &t[i]);
            due[i] = NHTB_NEVER;
        } else {
            nhtb_time to = i & 1 ? nhi_wheel_deadline(&w) : now + span_of(&in);
            now = to != NHTB_NEVER && to > now ? to : now;
            wheel_fire(&w, t, due, now);
        }
        nhtb_time least = earliest(t), deadline = nhi_wheel_deadline(&w);
        fuzz_check(deadline <= least || (least <= now && deadline <= now));
        fuzz_check((deadline == NHTB_NEVER) == (least == NHTB_NEVER));
    }
    size_t armed = 0;
    for (int i = 0; i < TIMERS; i++)
        armed += due[i] != NHTB_NEVER;
    fuzz_check(w.armed == armed);
}

int fuzz_containers(const uint8_t *p, size_t n)
{
    fuzz_in in = {p, n};
    fuzz_host h = {.rng = 1};
    if (n > 2000)
        return 0;
    unsigned opt = fuzz_u8(&in);
    h.fail_at = opt & 4 ? 1 + fuzz_u8(&in) % 16 : 0;
    if (opt % 4 == 0)
        map_ops(in, &h);
    else if (opt % 4 == 1)
        slab_ops(in, &h);
    else
        wheel_ops(in);
    fuzz_check(h.blocks == 0);
    return 0;
}
