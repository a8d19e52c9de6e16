/* SPDX-License-Identifier: Apache-2.0
 * handoff.c: packets cross between two workers in order, whole and once, also over the end of the ring
 * and under a thread each; what has no room is refused. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handoff.h"

static const nhtb_path PATH = {.local = {.family = 4, .b = {203, 0, 113, 1}},
                               .remote = {.family = 4, .b = {203, 0, 113, 2}},
                               .local_port = 4500,
                               .remote_port = 4501};

static uint32_t length_of(uint32_t i)
{
    return 1 + i * 37 % 1500;
}

/* Packet number i: its bytes follow from the number. */
static bool put(gw_handoff *h, uint32_t i)
{
    uint8_t b[16 + 1500];
    const uint32_t len = length_of(i);
    for (uint32_t k = 0; k < len; k++)
        b[16 + k] = (uint8_t)(i + k);
    const nhtb_pkt p = {.buf = b,
                        .cap = sizeof b,
                        .off = 16,
                        .len = len,
                        .kind = NHTB_PKT_UDP_4500,
                        .tos = (uint8_t)i,
                        .path = &PATH};
    return handoff_put(h, &p);
}

static bool is_number(const nhtb_pkt *p, uint32_t i)
{
    bool same = p->len == length_of(i) && p->cap == p->len && p->off == 0 &&
                p->kind == NHTB_PKT_UDP_4500 && p->tos == (uint8_t)i &&
                memcmp(p->path, &PATH, sizeof PATH) == 0;
    for (uint32_t k = 0; same && k < p->len; k++)
        same = p->buf[k] == (uint8_t)(i + k);
    return same;
}

Test(handoff, carries_packets_in_order_over_the_end_many_times)
{
    gw_handoff *h = handoff_new(-1);
    nhtb_pkt v[64];
    uint32_t in = 0, out = 0;
    while (out < 50000) { /* about 20 times around */
        for (uint32_t k = 0; k < 1 + in % 90 && put(h, in); k++)
            in++;
        const unsigned n = handoff_take(h, v, 64);
        for (unsigned k = 0; k < n; k++)
            cr_assert(is_number(&v[k], out++));
        handoff_release(h);
    }
    while (out < in) {
        cr_assert_eq(handoff_take(h, v, 1), 1);
        cr_assert(is_number(v, out++));
        handoff_release(h);
    }
    cr_assert_eq(handoff_take(h, v, 64), 0);
    handoff_del(h);
}

Test(handoff, refuses_when_full_until_something_is_released)
{
    gw_handoff *h = handoff_new(-1);
    nhtb_pkt v[64];
    uint32_t n = 0, more = 0;
    while (put(h, n))
        n++;
    cr_assert_gt(n, HANDOFF_BYTES / (1500 + 128));
    cr_assert_eq(handoff_take(h, v, 64), 64);
    cr_assert_not(put(h, n)); /* taken is not released: the bytes are still read */
    for (uint32_t i = 0; i < 64; i++)
        cr_assert(is_number(&v[i], i));
    handoff_release(h);
    while (put(h, n + more))
        more++;
    cr_assert_gt(more, 16);
    for (uint32_t i = 64; i < n + more; i++) {
        cr_assert_eq(handoff_take(h, v, 1), 1);
        cr_assert(is_number(v, i));
        handoff_release(h);
    }
    cr_assert_eq(handoff_take(h, v, 1), 0);
    handoff_del(h);
}

Test(handoff, refuses_what_it_cannot_carry)
{
    gw_handoff *h = handoff_new(-1);
    static uint8_t b[HANDOFF_BYTES];
    nhtb_pkt p = {.buf = b, .cap = sizeof b, .len = HANDOFF_BYTES / 2 + 1, .path = &PATH};
    cr_assert_not(handoff_put(h, &p));
    p.len = 100;
    p.path = NULL;
    cr_assert_not(handoff_put(h, &p));
    p.path = &PATH;
    p.len = 0;
    cr_assert_not(handoff_put(h, &p));
    p.len = 65535; /* an outer packet that came in fragments */
    cr_assert(handoff_put(h, &p));
    handoff_del(h);
}

enum { MANY = 200000 };

static void *produce(void *arg)
{
    for (uint32_t i = 0; i < MANY;)
        i += put(arg, i);
    return NULL;
}

Test(handoff, one_thread_puts_while_another_takes)
{
    gw_handoff *h = handoff_new(-1);
    pthread_t t;
    nhtb_pkt v[64];
    uint32_t out = 0;
    bool good = true;
    cr_assert_eq(pthread_create(&t, NULL, produce, h), 0);
    while (out < MANY) {
        const unsigned n = handoff_take(h, v, 64);
        for (unsigned k = 0; k < n; k++)
            good = is_number(&v[k], out++) && good;
        handoff_release(h);
    }
    pthread_join(t, NULL);
    cr_assert(good);
    handoff_del(h);
}

Test(mesh, has_rings_both_ways_between_those_that_joined_and_wakes_the_right_one)
{
    static gw_mesh m;
    uint64_t count;
    mesh_init(&m);
    cr_assert_eq(mesh_join(&m, 0), 0);
    cr_assert_null(mesh_ring(&m, 0, 1));
    cr_assert_eq(mesh_join(&m, 1), 0);
    cr_assert_eq(mesh_join(&m, 5), 0);
    gw_handoff *const h = mesh_ring(&m, 5, 0);
    cr_assert(h != NULL && mesh_ring(&m, 0, 5) != NULL && mesh_ring(&m, 1, 5) != NULL);
    cr_assert_null(mesh_ring(&m, 0, 0));
    cr_assert_null(mesh_ring(&m, 0, 2));
    cr_assert_null(mesh_ring(&m, GW_WORKERS_MAX, 0));
    cr_assert_eq(mesh_join(&m, 5), 0); /* a second attempt finds what the first one made */
    cr_assert_eq(mesh_ring(&m, 5, 0), h);
    handoff_wake(h);
    cr_assert_eq(read(m.wake_fd[0], &count, sizeof count), sizeof count);
    cr_assert_eq(count, 1);
    cr_assert_lt(read(m.wake_fd[5], &count, sizeof count), 0);
    mesh_fini(&m);
    cr_assert(m.wake_fd[0] < 0 && mesh_ring(&m, 5, 0) == NULL);
}
