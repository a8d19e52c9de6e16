/* SPDX-License-Identifier: Apache-2.0
 * Next hops by interface and address: against a plain list under random adds and removals, on-link
 * preference, and a reader that never misses a present entry. */
#include <criterion/criterion.h>

#include "fib/fib.h"
#include "fib/lpm.h"
#include "property/prop.h"

enum { N = 400 };

static void set_slot(nhi_fib *f, uint32_t i)
{
    f->slot[i].iface = 1 + i % 3;
    f->slot[i].next_hop =
        (nhtb_addr){.family = 4, .b = {10, 0, (uint8_t)(i >> 6), (uint8_t)(i * 4)}};
}

static void open_fib(nhi_fib *f, prop_mem *pm)
{
    nhtb_settings s = {.size = sizeof s, .workers = 1};
    s.limits = (nhtb_limits){.ifaces = 5, .sas = 16, .routes = 100, .next_hops = N};
    cr_assert_eq(nhi_fib_init(f, prop_mem_init(pm), &s), 0);
    for (uint32_t i = 2; i < N; i++)
        set_slot(f, i);
}

Test(next_hop, agrees_with_a_list_under_random_churn)
{
    static prop_mem pm;
    static nhi_fib f;
    bool in[N] = {false};
    uint32_t x = 7;
    open_fib(&f, &pm);
    for (unsigned round = 0; round < 20000; round++) {
        x = x * 1664525 + 1013904223;
        uint32_t i = 2 + (x >> 8) % (N - 2), k = 2 + (x >> 4) % (N - 2);
        if (in[i])
            nhi_fib_next_hop_del(&f, i);
        else
            nhi_fib_next_hop_add(&f, i);
        in[i] = !in[i];
        cr_assert_eq(nhi_fib_next_hop(&f, f.slot[k].iface, &f.slot[k].next_hop), in[k] ? k : 0u);
    }
    for (uint32_t k = 2; k < N; k++) {
        cr_assert_eq(nhi_fib_next_hop(&f, f.slot[k].iface, &f.slot[k].next_hop), in[k] ? k : 0u);
        cr_assert_eq(nhi_fib_next_hop(&f, 9, &f.slot[k].next_hop), 0u, "another interface");
        if (in[k])
            nhi_fib_next_hop_del(&f, k);
        nhi_fib_next_hop_del(&f, k);
    }
    cr_assert_leq(f.n_next_hop_gone, f.next_hop_mask / 4, "leftovers are swept");
    nhi_qsbr_drain(&f.qsbr);
    nhi_fib_fini(&f);
    cr_assert_eq(pm.live, 0u);
}

Test(next_hop, an_on_link_address_is_its_own_next_hop_and_others_are_routed)
{
    static prop_mem pm;
    static nhi_fib f;
    open_fib(&f, &pm);
    nhi_iface_pub i = {.id = 2, .kind = NHTB_IFACE_MULTIPOINT};
    i.addr4 = (nhtb_prefix){.addr = {4, {0}, {10, 0, 0, 1}}, .len = 16};
    uint8_t any[4] = {0};
    nhi_lpm_begin(f.lpm4);
    cr_assert_eq(nhi_lpm_set(f.lpm4, any, 0, 77), 0);
    nhi_lpm_publish(f.lpm4);
    nhi_fib_next_hop_add(&f, 4);
    nhtb_addr bound = f.slot[4].next_hop, far = {4, {0}, {172, 16, 0, 1}}, none = {6, {0}, {0xfd}};
    cr_assert_eq(nhi_fib_resolve(&f, &i, &bound), 4u);
    cr_assert_eq(nhi_fib_resolve(&f, &i, &f.slot[7].next_hop), 77u, "not bound: the route");
    cr_assert_eq(nhi_fib_resolve(&f, &i, &far), 77u);
    cr_assert_eq(nhi_fib_resolve(&f, NULL, &bound), 77u);
    cr_assert_eq(nhi_fib_resolve(&f, &i, &none), 0u);
    i.kind = NHTB_IFACE_POINT_TO_POINT;
    cr_assert_eq(nhi_fib_resolve(&f, &i, &bound), 77u);
    nhi_fib_fini(&f);
    cr_assert_eq(pm.live, 0u);
}
