/* SPDX-License-Identifier: Apache-2.0
 * Cells: claims against limits, flags and their stack, notes for control. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "fib/fib.h"

static nhi_cell *make(nhi_fib *f, uint32_t window, bool inbound)
{
    size_t n = nhi_cell_size(window, inbound);
    void *mem = aligned_alloc(64, n);
    memset(mem, 0, n);
    return nhi_cell_init(mem, f, window, inbound);
}

Test(cell, first_claim_starts_at_one_and_blocks_follow_each_other)
{
    static nhi_fib f;
    nhi_cell *c = make(&f, 0, false);
    uint64_t first;
    cr_assert_eq(nhi_cell_claim(c, 3, &first), 3u);
    cr_assert_eq(first, 1u);
    cr_assert_eq(nhi_cell_claim(c, 1, &first), 1u);
    cr_assert_eq(first, 4u);
    cr_assert_eq(nhi_cell_claim(c, 0, &first), 0u);
    free(c);
}

Test(cell, hard_limit_grants_a_part_and_then_nothing_for_ever)
{
    static nhi_fib f;
    nhi_cell *c = make(&f, 0, false);
    c->soft_seq = 5;
    c->hard_seq = 10;
    uint64_t first;
    cr_assert_eq(nhi_cell_claim(c, 8, &first), 8u);
    cr_assert_eq(nhi_a_load(&c->flags), (uint32_t)NHI_CELL_SOFT);
    cr_assert_eq(nhi_cell_claim(c, 8, &first), 2u);
    cr_assert_eq(first, 9u);
    cr_assert_eq(nhi_a_load(&c->flags), (uint32_t)(NHI_CELL_SOFT | NHI_CELL_HARD));
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(nhi_cell_claim(c, UINT32_MAX, &first), 0u);
    cr_assert_lt(nhi_a_load(&c->seq), 100u, "the counter must not run on towards a wrap");
    free(c);
}

Test(cell, a_claim_at_the_end_of_64_bits_never_wraps)
{
    static nhi_fib f;
    nhi_cell *c = make(&f, 0, false);
    nhi_a_store(&c->seq, UINT64_MAX - (UINT64_C(1) << 40) - 2);
    uint64_t first, total = 0;
    for (int i = 0; i < 100; i++)
        total += nhi_cell_claim(c, 64, &first);
    cr_assert_eq(total, 2u);
    cr_assert_gt(nhi_a_load(&c->seq), UINT64_MAX - (UINT64_C(1) << 41));
    free(c);
}

Test(cell, bytes_limit_stops_claims_and_raises_flags_once)
{
    static nhi_fib f;
    nhi_cell *c = make(&f, 0, false);
    c->soft_bytes = 1000;
    c->hard_bytes = 2000;
    uint64_t first;
    nhtb_path p;
    nhtb_addr a;
    nhi_cell_account(c, 1, 999, 7);
    cr_assert_eq(nhi_a_load(&c->flags), 0u);
    nhi_cell_account(c, 1, 1, 8);
    cr_assert_eq(nhi_cell_collect(nhi_fib_take_flagged(&f), &p, &a), (uint32_t)NHI_CELL_SOFT);
    nhi_cell_account(c, 1, 100, 9);
    cr_assert_eq(nhi_a_load(&c->flags), 0u, "the limit is crossed once");
    cr_assert_eq(nhi_cell_claim(c, 1, &first), 1u);
    nhi_cell_account(c, 1, 1000, 10);
    cr_assert_eq(nhi_a_load(&c->flags), (uint32_t)NHI_CELL_HARD);
    cr_assert_eq(nhi_cell_claim(c, 1, &first), 0u);
    cr_assert_eq(nhi_a_load(&c->last_use), 10u);
    cr_assert_eq(nhi_a_load(&c->packets), 4u);
    free(c);
}

Test(cell, inbound_first_use_and_packet_limits_are_flagged)
{
    static nhi_fib f;
    nhi_cell *c = make(&f, 64, true);
    c->soft_seq = 3;
    c->hard_seq = 5;
    nhi_cell_account(c, 0, 0, 1);
    cr_assert_eq(nhi_a_load(&c->flags), 0u);
    nhi_cell_account(c, 1, 10, 1);
    cr_assert_eq(nhi_a_load(&c->flags), (uint32_t)NHI_CELL_FIRST_USE);
    nhi_cell_account(c, 4, 10, 1);
    cr_assert_eq(nhi_a_load(&c->flags),
                 (uint32_t)(NHI_CELL_FIRST_USE | NHI_CELL_SOFT | NHI_CELL_HARD));
    free(c);
}

Test(cell, flagged_cells_are_taken_once_with_their_notes)
{
    static nhi_fib f;
    nhi_cell *a = make(&f, 64, true), *b = make(&f, 64, true);
    nhtb_path seen = {.remote_port = 4501, .scope = 3}, got;
    seen.remote.family = 4;
    seen.remote.b[0] = 192;
    nhtb_addr bad = {.family = 6}, second = {.family = 4}, spoof;
    bad.b[15] = 9;
    nhi_cell_note_source(&f, a, &seen);
    nhi_cell_note_spoof(&f, a, &bad);
    nhi_cell_note_spoof(&f, a, &second);
    nhi_cell_flag(&f, b, NHI_CELL_SOFT);
    nhi_cell *list = nhi_fib_take_flagged(&f);
    cr_assert_eq(list, b);
    cr_assert_eq(list->flag_next, a);
    cr_assert_null(a->flag_next);
    cr_assert_null(nhi_fib_take_flagged(&f));
    cr_assert_eq(nhi_cell_collect(a, &got, &spoof),
                 (uint32_t)(NHI_CELL_NEW_SOURCE | NHI_CELL_SPOOF));
    cr_assert(nhi_path_equal(&got, &seen));
    cr_assert(nhtb_addr_equal(&spoof, &bad), "the first offender is reported");
    cr_assert_eq(nhi_cell_collect(a, &got, &spoof), 0u);
    free(a);
    free(b);
}

Test(cell, a_note_half_written_is_left_for_its_writer)
{
    static nhi_fib f;
    nhi_cell *c = make(&f, 64, true);
    nhtb_path seen = {.remote_port = 1}, got;
    nhtb_addr spoof;
    nhi_cell_note_source(&f, c, &seen);
    nhi_a_store(&c->cand_seq, nhi_a_load(&c->cand_seq) + 1);
    nhi_cell_flag(&f, c, NHI_CELL_SOFT);
    cr_assert_eq(nhi_cell_collect(c, &got, &spoof), (uint32_t)NHI_CELL_SOFT);
    free(c);
}

/* Several workers flag many cells and note sources while control collects. */
enum { CELLS = 16, WORKERS = 3, ROUNDS = 20000 };
typedef struct arena {
    nhi_fib f;
    nhi_cell *cell[WORKERS][CELLS];
    NHI_ATOMIC(uint32_t) done;
} arena;
typedef struct arg {
    arena *a;
    unsigned w;
} arg;

static void *flagger(void *p)
{
    arg *g = p;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        nhi_cell *c = g->a->cell[g->w][i % CELLS];
        nhtb_path seen = {.remote_port = (uint16_t)i, .local_port = (uint16_t)i, .scope = i};
        nhi_cell_note_source(&g->a->f, c, &seen);
        nhi_cell_flag(&g->a->f, g->a->cell[(g->w + 1) % WORKERS][i % CELLS], NHI_CELL_SOFT);
    }
    (void)nhi_a_add(&g->a->done, 1);
    return NULL;
}

Test(cell, collection_under_load_gives_whole_notes_and_loses_no_last_one)
{
    arena *a = calloc(1, sizeof *a);
    uint32_t last[WORKERS][CELLS] = {{0}};
    for (unsigned w = 0; w < WORKERS; w++)
        for (unsigned i = 0; i < CELLS; i++) {
            a->cell[w][i] = make(&a->f, 64, true);
            a->cell[w][i]->worker = (uint16_t)w;
            a->cell[w][i]->spi = i;
        }
    pthread_t t[WORKERS];
    arg args[WORKERS];
    for (unsigned w = 0; w < WORKERS; w++) {
        args[w] = (arg){a, w};
        cr_assert_eq(pthread_create(&t[w], NULL, flagger, &args[w]), 0);
    }
    for (bool end = false; !end;) {
        end = nhi_a_load_acq(&a->done) == WORKERS;
        nhi_cell *c = nhi_fib_take_flagged(&a->f);
        while (c != NULL) {
            nhi_cell *next = c->flag_next;
            nhtb_path got;
            nhtb_addr spoof;
            if ((nhi_cell_collect(c, &got, &spoof) & NHI_CELL_NEW_SOURCE) != 0) {
                cr_assert_eq(got.remote_port, got.local_port);
                cr_assert_eq((uint16_t)got.scope, got.remote_port, "torn note");
                cr_assert_geq(got.scope, last[c->worker][c->spi]);
                last[c->worker][c->spi] = got.scope;
            }
            c = next;
        }
    }
    for (unsigned w = 0; w < WORKERS; w++)
        pthread_join(t[w], NULL);
    for (unsigned w = 0; w < WORKERS; w++)
        for (unsigned i = 0; i < CELLS; i++) {
            cr_assert_gt(last[w][i], ROUNDS - CELLS - 1, "the newest note was lost");
            free(a->cell[w][i]);
        }
    free(a);
}
