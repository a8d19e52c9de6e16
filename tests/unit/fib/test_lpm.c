/* SPDX-License-Identifier: Apache-2.0
 * Prefix trie: batches, limits, edges (the linear-scan oracle is in tests/property). */
#include <criterion/criterion.h>

#include "fib/fib.h"
#include "fib/lpm.h"
#include "property/prop.h"

typedef struct fx {
    prop_mem pm;
    nhi_qsbr q;
    nhi_lpm *l;
} fx;

static void up(fx *x, uint8_t family, size_t max)
{
    nhi_mem *m = prop_mem_init(&x->pm);
    nhi_qsbr_init(&x->q);
    x->l = nhi_lpm_new(m, &x->q, family, max);
    cr_assert_not_null(x->l);
}

static void down(fx *x)
{
    nhi_qsbr_drain(&x->q);
    nhi_lpm_del(x->l);
    cr_assert_eq(x->pm.live, 0u);
}

static int set(fx *x, const char *prefix, uint32_t value)
{
    nhtb_prefix p;
    cr_assert_eq(nhtb_prefix_parse(prefix, &p), 0, "%s", prefix);
    return nhi_lpm_set(x->l, p.addr.b, p.len, value);
}

static uint32_t get(const fx *x, const char *addr)
{
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(addr, &a), 0);
    return nhi_lpm_get(x->l, a.b);
}

Test(lpm_unit, default_route_host_routes_and_holes)
{
    fx x;
    up(&x, 4, 10);
    cr_assert_eq(get(&x, "10.0.0.1"), 0u);
    nhi_lpm_begin(x.l);
    cr_assert_eq(set(&x, "10.1.2.3/32", 5), 0);
    cr_assert_eq(set(&x, "0.0.0.0/0", 2), 0);
    cr_assert_eq(set(&x, "10.0.0.0/8", 3), 0);
    cr_assert_eq(set(&x, "10.1.0.0/16", 4), 0);
    nhi_lpm_publish(x.l);
    cr_assert_eq(get(&x, "10.1.2.3"), 5u);
    cr_assert_eq(get(&x, "10.1.2.2"), 4u);
    cr_assert_eq(get(&x, "10.2.2.2"), 3u);
    cr_assert_eq(get(&x, "255.255.255.255"), 2u);
    nhi_lpm_begin(x.l);
    cr_assert_eq(set(&x, "10.1.0.0/16", 0), 0);
    cr_assert_eq(set(&x, "10.1.0.0/16", 0), NHTB_ERR_NOT_FOUND);
    nhi_lpm_publish(x.l);
    cr_assert_eq(get(&x, "10.1.2.2"), 3u);
    down(&x);
}

Test(lpm_unit, a_batch_is_invisible_until_published_and_after_abort)
{
    fx x;
    up(&x, 6, 10);
    nhi_lpm_begin(x.l);
    cr_assert_eq(set(&x, "2001:db8::/32", 7), 0);
    cr_assert_eq(get(&x, "2001:db8::1"), 0u);
    nhtb_prefix p;
    cr_assert_eq(nhtb_prefix_parse("2001:db8::/32", &p), 0);
    cr_assert_eq(nhi_lpm_exact(x.l, p.addr.b, 32), 7u, "exact sees the open batch");
    nhi_lpm_abort(x.l);
    cr_assert_eq(nhi_lpm_count(x.l), 0u);
    cr_assert_leq(x.pm.live, 2u + 4u, "the head, its directory and at most four spans are left");
    nhi_lpm_begin(x.l);
    cr_assert_eq(set(&x, "2001:db8::1/128", 9), 0);
    nhi_lpm_publish(x.l);
    cr_assert_eq(get(&x, "2001:db8::1"), 9u);
    cr_assert_eq(get(&x, "2001:db8::"), 0u);
    down(&x);
}

Test(lpm_unit, usage_and_limits)
{
    fx x;
    up(&x, 4, 2);
    uint8_t a[4] = {1, 2, 3, 4};
    cr_assert_eq(nhi_lpm_set(x.l, a, 8, 1), NHTB_ERR_STATE);
    nhi_lpm_begin(x.l);
    cr_assert_eq(nhi_lpm_set(x.l, a, 33, 1), NHTB_ERR_ARG);
    cr_assert_eq(nhi_lpm_set(x.l, a, 8, 1), 0);
    cr_assert_eq(nhi_lpm_set(x.l, a, 16, 1), 0);
    cr_assert_eq(nhi_lpm_set(x.l, a, 24, 1), NHTB_ERR_LIMIT);
    cr_assert_eq(nhi_lpm_set(x.l, a, 16, 2), 0, "a replacement is no new route");
    nhi_lpm_publish(x.l);
    cr_assert_eq(nhi_lpm_count(x.l), 2u);
    down(&x);
}

Test(lpm_unit, memory_stays_within_the_stated_bound)
{
    fx x;
    up(&x, 6, 2000);
    prop_rng g = {5};
    nhi_lpm_begin(x.l);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t a[16];
        for (unsigned k = 0; k < 16; k++)
            a[k] = (uint8_t)prop_u64(&g);
        cr_assert_eq(nhi_lpm_set(x.l, a, 128, i + 1), 0);
    }
    nhi_lpm_publish(x.l);
    cr_assert_leq(x.pm.mem.bytes, nhi_lpm_size(6, 2000));
    down(&x);
}
