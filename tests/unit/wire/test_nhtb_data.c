/* SPDX-License-Identifier: Apache-2.0
 * Data of the next-hop announcement: every form, every other length. */
#include "mutate.h"

#include "wire/ike.h"

typedef struct form {
    const char *hex_name;
    uint8_t n, b[20];
    const char *want; /* NULL: refused */
} form;

static const form forms[] = {
    {"plain IPv4", 4, {10, 1, 2, 3}, "10.1.2.3"},
    {"IPv4 and prefix length", 5, {10, 1, 2, 3, 24}, "10.1.2.3"},
    {"prefix length 0", 5, {10, 1, 2, 3, 0}, "10.1.2.3"},
    {"prefix length 32", 5, {10, 1, 2, 3, 32}, "10.1.2.3"},
    {"prefix length 33", 5, {10, 1, 2, 3, 33}, NULL},
    {"attribute style", 8, {0, 1, 0, 4, 10, 1, 2, 3}, "10.1.2.3"},
    {"IPv4 and netmask", 8, {10, 1, 2, 3, 255, 255, 255, 0}, "10.1.2.3"},
    {"netmask of ones", 8, {10, 1, 2, 3, 255, 255, 255, 255}, "10.1.2.3"},
    {"netmask /9", 8, {10, 1, 2, 3, 255, 128, 0, 0}, "10.1.2.3"},
    {"netmask with a hole", 8, {10, 1, 2, 3, 255, 0, 255, 0}, NULL},
    {"two addresses", 8, {10, 1, 2, 3, 10, 1, 2, 4}, NULL},
    {"three addresses", 12, {10, 1, 2, 3, 10, 1, 2, 4, 10, 1, 2, 5}, "10.1.2.3"},
    {"plain IPv6", 16, {0x20, 1, 0x0d, 0xb8, [15] = 1}, "2001:db8::1"},
    {"IPv6 and prefix length", 17, {0x20, 1, 0x0d, 0xb8, [15] = 1, 64}, "2001:db8::1"},
    {"IPv6 prefix length 128", 17, {0x20, 1, 0x0d, 0xb8, [15] = 1, 128}, "2001:db8::1"},
    {"IPv6 prefix length 129", 17, {0x20, 1, 0x0d, 0xb8, [15] = 1, 129}, NULL},
    {"IPv6 attribute", 20, {0, 5, 0, 16, 0x20, 1, 0x0d, 0xb8, [19] = 1}, "2001:db8::1"},
    {"IPv6 attribute of another length", 20, {0, 5, 0, 15, 0x20, 1, [19] = 1}, NULL},
    {"IPv6 attribute of another type", 20, {1, 5, 0, 16, 0x20, 1, [19] = 1}, NULL},
};

Test(nhtb_data, every_form_is_read)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(forms); i++) {
        const form *f = &forms[i];
        nhtb_addr a = {0}, want;
        uint8_t *c = exact_copy(f->b, f->n);
        cr_assert_eq(nhi_nhtb_data_read((nhtb_span){c, f->n}, &a), f->want != NULL, "%s",
                     f->hex_name);
        if (f->want) {
            cr_assert_eq(nhtb_addr_parse(f->want, &want), NHTB_OK);
            cr_assert(nhtb_addr_equal(&a, &want), "%s", f->hex_name);
        }
        free(c);
    }
}

Test(nhtb_data, other_lengths_are_refused)
{
    for (size_t n = 0; n <= 300; n++) {
        bool known = n == 4 || n == 5 || n == 8 || n == 12 || n == 16 || n == 17 || n == 20;
        uint8_t *p = calloc(n + 1, 1);
        nhtb_addr a;
        cr_assert(known || !nhi_nhtb_data_read((nhtb_span){p, n}, &a), "%zu bytes", n);
        free(p);
    }
    nhtb_addr a;
    cr_assert_not(nhi_nhtb_data_read((nhtb_span){NULL, 0}, &a));
}

static void read_any(const uint8_t *p, size_t n)
{
    nhtb_addr a = {0};
    if (nhi_nhtb_data_read((nhtb_span){p, n}, &a)) {
        cr_assert_eq(a.family, n >= 16 ? 6 : 4);
    }
}

Test(nhtb_data, damaged_data_never_overruns)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(forms); i++) {
        mutate_lengths(read_any, forms[i].b, forms[i].n);
        mutate_bits(read_any, forms[i].b, forms[i].n);
    }
}

Test(nhtb_data, what_is_written_is_read_back)
{
    static const char *const v[] = {"10.1.2.3", "2001:db8::1"};
    for (size_t i = 0; i < 2; i++) {
        nhtb_addr a, b;
        uint8_t p[16];
        nhtb_addr_parse(v[i], &a);
        size_t n = nhi_nhtb_data_write(p, &a);
        cr_assert_eq(n, i == 0 ? 4 : 16);
        cr_assert(nhi_nhtb_data_read((nhtb_span){p, n}, &b));
        cr_assert(nhtb_addr_equal(&a, &b));
    }
    nhtb_addr none = {0};
    uint8_t p[16];
    cr_assert_eq(nhi_nhtb_data_write(p, &none), 0);
}
