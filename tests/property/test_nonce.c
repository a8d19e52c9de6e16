/* SPDX-License-Identifier: Apache-2.0
 * No nonce repeats: a number is never given twice under one key, whatever control does meanwhile
 * (rekeys, moves, rebinding, clone attempts, byte and packet limits) and however many workers send. */
#include <pthread.h>

#include "property/tables.h"

enum { SENDERS = 3, MAX_CELLS = 512, HARD = 60000 };

/* One bit per number and key. The key stands in its context, as the backend would use it. */
typedef struct ledger {
    NHI_ATOMIC(uint64_t) used[(HARD + 64) / 64 + 64];
} ledger;

typedef struct scene {
    tables t;
    ledger *led; /* [MAX_CELLS], by the serial in the key */
    nhi_path *path;
    NHI_ATOMIC(bool) stop;
    NHI_ATOMIC(uint64_t) repeats, beyond, sent;
} scene;
typedef struct sender_arg {
    scene *s;
    unsigned w;
} sender_arg;

static void book(scene *s, const nhi_cell *c, uint64_t first, uint32_t n)
{
    uint32_t serial;
    memcpy(&serial, c->key, sizeof serial);
    ledger *l = &s->led[serial % MAX_CELLS];
    for (uint64_t q = first; q < first + n; q++) {
        if (q == 0 || q > c->hard_seq) {
            (void)nhi_a_add(&s->beyond, 1);
            continue;
        }
        uint64_t bit = UINT64_C(1) << (q % 64);
        if ((nhi_a_or(&l->used[q / 64], bit) & bit) != 0)
            (void)nhi_a_add(&s->repeats, 1);
    }
}

static void *sender(void *p)
{
    sender_arg *a = p;
    scene *s = a->s;
    prop_rng g = {a->w + 77};
    while (!nhi_a_load(&s->stop)) {
        nhi_qsbr_online(&s->t.fib.qsbr, a->w);
        nhi_path *path = tb_path_to(&s->t, "10.9.0.1");
        nhi_cell *c = path == NULL ? NULL : nhi_a_load_acq(&path->out);
        for (int k = 0; c != NULL && k < 8; k++) {
            uint64_t first;
            uint32_t n = nhi_cell_claim(c, 1 + (uint32_t)prop_below(&g, 64), &first);
            book(s, c, first, n);
            nhi_cell_account(c, n, n * 100u, 1);
            (void)nhi_a_add(&s->sent, n);
        }
        nhi_qsbr_offline(&s->t.fib.qsbr, a->w);
    }
    return NULL;
}

static void collect(scene *s)
{
    nhtb_path p;
    nhtb_addr a;
    nhi_cell *c = nhi_fib_take_flagged(&s->t.fib);
    while (c != NULL) {
        nhi_cell *next = c->flag_next;
        (void)nhi_cell_collect(c, &p, &a);
        c = next;
    }
    nhi_db_poll(s->t.db);
}

static nhtb_sa_id install(scene *s, nhtb_sa_id live, uint32_t peer)
{
    nhi_db_sa sa;
    uint8_t keys[2][36];
    nhtb_sa_id id, clone;
    tb_sa_fill(&s->t, &sa, keys, peer, 0);
    sa.hard_packets = HARD;
    sa.hard_bytes = s->t.key_serial % 3 == 0 ? 1000000 : 0;
    cr_assert_eq(nhi_db_spi_reserve(s->t.db, sa.peer, &sa.spi_in), 0);
    cr_assert_eq(nhi_db_sa_install(s->t.db, &sa, &id), 0);
    /* The same keys again, under another SPI: never a second counter. */
    cr_assert_eq(nhi_db_spi_reserve(s->t.db, sa.peer, &sa.spi_in), 0);
    cr_assert_eq(nhi_db_sa_install(s->t.db, &sa, &clone), NHTB_ERR_CONFLICT);
    nhi_db_spi_release(s->t.db, sa.spi_in);
    if (live.id != 0)
        cr_assert_eq(nhi_db_sa_drain(s->t.db, live), 0);
    return id;
}

static void manual_clone(scene *s, nhtb_iface_id i, const nhi_db_sa *live)
{
    nhi_db_txn *x = tb_begin(&s->t);
    nhtb_manual_sa m = {.size = sizeof m,
                        .name = "clone",
                        .iface = i,
                        .path = live->path,
                        .spi_in = 300,
                        .spi_out = 301,
                        .encr = 20,
                        .key_bits = 256,
                        .key_in = live->key_in,
                        .key_out = live->key_out};
    nhtb_sa_id id;
    cr_assert_eq(nhi_db_txn_sa(x, &m, &id), 0);
    cr_assert_eq(nhi_db_txn_prepare(x, NULL), NHTB_ERR_CONFLICT);
}

Test(nonce, none_repeats_over_rekeys_moves_rebinding_clones_and_limits)
{
    scene *s = calloc(1, sizeof *s);
    s->led = calloc(MAX_CELLS, sizeof *s->led);
    tb_up(&s->t, SENDERS);
    nhtb_iface_id i = tb_iface(&s->t, "st0.0", NHTB_IFACE_MULTIPOINT);
    nhtb_addr nh = tb_host(9);
    tb_tunnel(&s->t, 1, 0, i, false);
    tb_tunnel(&s->t, 2, 0, i, false);
    cr_assert_eq(tb_bind(&s->t, i, nh, 1, 0), 0);
    cr_assert_eq(tb_route(&s->t, "10.9.0.0/16", i, &nh), 0);
    pthread_t th[SENDERS];
    sender_arg arg[SENDERS];
    for (unsigned w = 0; w < SENDERS; w++) {
        arg[w] = (sender_arg){s, w};
        cr_assert_eq(pthread_create(&th[w], NULL, sender, &arg[w]), 0);
    }
    nhtb_sa_id sa[2] = {{0}, {0}}, old[2] = {{0}, {0}};
    prop_rng g = {5};
    for (unsigned round = 0; round < 160; round++) {
        unsigned p = round & 1;
        nhtb_sa_id fresh = install(s, sa[p], p + 1);
        if (old[p].id != 0)
            cr_assert_eq(nhi_db_sa_remove(s->t.db, old[p]), 0);
        old[p] = sa[p];
        sa[p] = fresh;
        nhtb_path to = {.local = tb_addr("192.0.2.1"),
                        .remote = tb_addr("198.51.100.1"),
                        .local_port = 4500,
                        .remote_port = (uint16_t)(4500 + round)};
        cr_assert_eq(nhi_db_peer_move(s->t.db, (nhtb_peer_id){p + 1}, &to), 0);
        cr_assert_eq(tb_bind(&s->t, i, nh, 1 + (uint32_t)prop_below(&g, 2), 0), 0);
        if (old[p].id != 0 && prop_below(&g, 2) == 0)
            cr_assert_eq(nhi_db_sa_use(s->t.db, old[p]),
                         0); /* back to the older pair and on again */
        uint64_t sent = nhi_a_load(&s->sent);
        for (unsigned spin = 0; spin < 200000 && nhi_a_load(&s->sent) < sent + 2000; spin++)
            if (spin % 1000 == 0)
                collect(s);
        cr_assert_eq(nhi_db_sa_use(s->t.db, fresh), 0);
    }
    nhi_a_store(&s->stop, true);
    for (unsigned w = 0; w < SENDERS; w++)
        pthread_join(th[w], NULL);
    cr_assert_eq(nhi_a_load(&s->repeats), 0u);
    cr_assert_eq(nhi_a_load(&s->beyond), 0u);
    cr_assert_gt(nhi_a_load(&s->sent), 100000u);
    collect(s);
    tb_down(&s->t);
    free(s->led);
    free(s);
}

Test(nonce, manual_keys_of_any_live_or_past_pair_are_refused)
{
    scene *s = calloc(1, sizeof *s);
    tb_up(&s->t, 1);
    nhtb_iface_id i = tb_iface(&s->t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&s->t, 1, 0, i, false);
    nhi_db_sa sa;
    uint8_t keys[2][36];
    nhtb_sa_id id;
    tb_sa_fill(&s->t, &sa, keys, 1, 0);
    cr_assert_eq(nhi_db_spi_reserve(s->t.db, sa.peer, &sa.spi_in), 0);
    cr_assert_eq(nhi_db_sa_install(s->t.db, &sa, &id), 0);
    manual_clone(s, i, &sa);
    tb_down(&s->t);
    free(s);
}

/* All workers race for the last numbers of one key. */
typedef struct race {
    nhi_fib f;
    nhi_cell *c;
    NHI_ATOMIC(uint64_t) granted, sum;
} race;

static void *racer(void *p)
{
    race *r = p;
    for (int k = 0; k < 20000; k++) {
        uint64_t first;
        uint32_t n = nhi_cell_claim(r->c, 7, &first);
        (void)nhi_a_add(&r->granted, n);
        for (uint32_t q = 0; q < n; q++)
            (void)nhi_a_add(&r->sum, first + q);
    }
    return NULL;
}

Test(nonce, racing_workers_share_exactly_the_numbers_up_to_the_limit)
{
    race *r = calloc(1, sizeof *r);
    size_t n = nhi_cell_size(0, false);
    void *mem = aligned_alloc(64, n);
    memset(mem, 0, n);
    r->c = nhi_cell_init(mem, &r->f, 0, false);
    r->c->hard_seq = 100003;
    pthread_t th[4];
    for (int k = 0; k < 4; k++)
        cr_assert_eq(pthread_create(&th[k], NULL, racer, r), 0);
    for (int k = 0; k < 4; k++)
        pthread_join(th[k], NULL);
    cr_assert_eq(nhi_a_load(&r->granted), 100003u);
    cr_assert_eq(nhi_a_load(&r->sum), UINT64_C(100003) * 100004 / 2, "each number once");
    nhtb_path p;
    nhtb_addr a;
    cr_assert_eq(nhi_fib_take_flagged(&r->f), r->c);
    cr_assert_eq(nhi_cell_collect(r->c, &p, &a), (uint32_t)NHI_CELL_HARD);
    free(mem);
    free(r);
}
