/* SPDX-License-Identifier: Apache-2.0
 * Wiping that the compiler keeps and comparison without secret-dependent time. Called wherever key
 * material ends or is compared. Any thread. */
#include "base/base.h"

void nhi_wipe(void *p, size_t n)
{
    if (n == 0) {
        return;
    }
    memset(p, 0, n);
    /* The barrier claims to read what p points to, so the stores above are not dead. */
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

bool nhi_equal_ct(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    unsigned diff = 0;
    for (size_t i = 0; i < n; i++) {
        diff |= (unsigned)(x[i] ^ y[i]);
    }
    return diff == 0;
}
