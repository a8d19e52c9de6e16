/* SPDX-License-Identifier: Apache-2.0
 * SPI tables: whole-number compare, manual entries under churn while a reader looks. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "fib/fib.h"
#include "property/prop.h"

static nhtb_settings small(void)
{
    nhtb_settings s = {.size = sizeof s, .workers = 3};
    s.limits = (nhtb_limits){.ifaces = 5, .sas = 16, .routes = 100, .next_hops = 10};
    return s;
}

Test(spi, init_rounds_sizes_and_gives_everything_back)
{
    prop_mem pm;
    nhi_fib f;
    nhtb_settings s = small();
    cr_assert_eq(nhi_fib_init(&f, prop_mem_init(&pm), &s), 0);
    cr_assert_eq(f.worker_bits, 2u);
    cr_assert_eq(f.spi_mask, 127u);
    cr_assert_eq(f.iface_mask, 7u);
    cr_assert_leq(pm.mem.bytes, nhi_fib_size(&s));
    nhi_fib_fini(&f);
    cr_assert_eq(pm.mem.bytes, 0u);
    cr_assert_eq(pm.live, 0u);
}

Test(spi, init_fails_cleanly_at_every_allocation)
{
    nhtb_settings s = small();
    int err = NHTB_ERR_MEMORY;
    for (int64_t n = 0; err != 0; n++) {
        prop_mem pm;
        nhi_fib f;
        nhi_mem *m = prop_mem_init(&pm);
        pm.fail_in = n;
        err = nhi_fib_init(&f, m, &s);
        if (err == 0)
            nhi_fib_fini(&f);
        else
            cr_assert_eq(err, NHTB_ERR_MEMORY);
        cr_assert_eq(pm.live, 0u);
    }
}

Test(spi, dynamic_lookup_compares_the_whole_number)
{
    prop_mem pm;
    nhi_fib f;
    nhtb_settings s = small();
    cr_assert_eq(nhi_fib_init(&f, prop_mem_init(&pm), &s), 0);
    static nhi_cell c;
    c.spi = 0x00010005;
    nhi_fib_spi_set(&f, c.spi, &c);
    cr_assert_eq(nhi_fib_cell(&f, 0x00010005), &c);
    cr_assert_null(nhi_fib_cell(&f, 0x00020005), "another generation of the slot");
    cr_assert_null(nhi_fib_cell(&f, 0));
    nhi_fib_spi_set(&f, c.spi, NULL);
    cr_assert_null(nhi_fib_cell(&f, c.spi));
    nhi_fib_fini(&f);
}

Test(spi, manual_table_agrees_with_a_set_and_never_fills_with_leftovers)
{
    prop_mem pm;
    nhi_fib f;
    nhtb_settings s = small();
    cr_assert_eq(nhi_fib_init(&f, prop_mem_init(&pm), &s), 0);
    static nhi_cell c[64];
    bool in[64] = {false};
    size_t n = 0;
    prop_rng g = {7};
    for (unsigned i = 0; i < 64; i++)
        c[i].spi = 256 + i * 32; /* many share a home */
    for (unsigned step = 0; step < 20000; step++) {
        size_t i = (size_t)prop_below(&g, 64);
        if (in[i]) {
            nhi_fib_manual_del(&f, c[i].spi);
            n--;
            in[i] = false;
        } else {
            int err = nhi_fib_manual_add(&f, &c[i]);
            cr_assert_eq(err, n < 16 ? 0 : NHTB_ERR_LIMIT);
            in[i] = err == 0;
            n += err == 0;
        }
        for (unsigned k = 0; k < 64; k++)
            cr_assert_eq(nhi_fib_cell(&f, c[k].spi), in[k] ? &c[k] : NULL);
    }
    nhi_fib_manual_del(&f, 99999);
    for (unsigned k = 0; k < 64; k++)
        nhi_fib_manual_del(&f, c[k].spi);
    uint32_t gone = 0;
    for (uint32_t k = 0; k <= f.manual_mask; k++)
        gone += nhi_a_load(&nhi_a_load(&f.manual)->v[k]) != NULL;
    cr_assert_eq(gone, f.n_gone);
    cr_assert_leq(gone, f.manual_mask / 4, "leftovers are swept");
    nhi_qsbr_drain(&f.qsbr);
    nhi_fib_fini(&f);
}

typedef struct hunt {
    nhi_fib f;
    nhi_cell stay, come[15]; /* far more than the table can forget in place */
    NHI_ATOMIC(bool) stop;
    NHI_ATOMIC(uint64_t) missed, looked;
} hunt;

static void *hunter(void *p)
{
    hunt *h = p;
    while (!nhi_a_load(&h->stop)) {
        nhi_qsbr_online(&h->f.qsbr, 0);
        if (nhi_fib_cell(&h->f, h->stay.spi) != &h->stay)
            (void)nhi_a_add(&h->missed, 1);
        (void)nhi_a_add(&h->looked, 1);
        nhi_qsbr_offline(&h->f.qsbr, 0);
    }
    return NULL;
}

Test(spi, a_present_manual_entry_is_found_while_others_come_and_go)
{
    prop_mem pm;
    hunt *h = calloc(1, sizeof *h);
    nhtb_settings s = small();
    cr_assert_eq(nhi_fib_init(&h->f, prop_mem_init(&pm), &s), 0);
    for (unsigned i = 0; i < 15; i++) {
        h->come[i].spi = 300 + i;
        cr_assert_eq(nhi_fib_manual_add(&h->f, &h->come[i]), 0);
    }
    h->stay.spi = 299;
    cr_assert_eq(nhi_fib_manual_add(&h->f, &h->stay), 0);
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, hunter, h), 0);
    prop_rng g = {3};
    for (unsigned step = 0; step < 200000 || nhi_a_load(&h->looked) < 1000; step++) {
        nhi_cell *c = &h->come[prop_below(&g, 15)];
        if (nhi_fib_manual_get(&h->f, c->spi) != NULL)
            nhi_fib_manual_del(&h->f, c->spi);
        else
            cr_assert_eq(nhi_fib_manual_add(&h->f, c), 0);
        (void)nhi_qsbr_poll(&h->f.qsbr);
    }
    nhi_a_store(&h->stop, true);
    pthread_join(t, NULL);
    cr_assert_eq(nhi_a_load(&h->missed), 0u);
    nhi_qsbr_drain(&h->f.qsbr);
    nhi_fib_fini(&h->f);
    free(h);
}
