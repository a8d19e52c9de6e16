/* SPDX-License-Identifier: Apache-2.0
 * Text without stdio: numbers, addresses (RFC 5952), escaped peer bytes, into a bounded buffer that
 * is always terminated. Called by log lines and the public format functions; any thread. */
#include "base/base.h"

static const char digits_of[] = "0123456789abcdef";

void nhi_fmt_init(nhi_fmt *f, char *dst, size_t cap)
{
    *f = (nhi_fmt){dst, cap, 0};
    if (cap > 0) {
        dst[0] = '\0';
    }
}

static void put(nhi_fmt *f, char c)
{
    if (f->cap > 0 && f->n < f->cap - 1) {
        f->p[f->n] = c;
        f->p[f->n + 1] = '\0';
    }
    f->n++;
}

void nhi_fmt_str(nhi_fmt *f, const char *s)
{
    while (*s != '\0') {
        put(f, *s++);
    }
}

void nhi_fmt_u64(nhi_fmt *f, uint64_t v)
{
    char text[20];
    size_t n = 0;
    do {
        text[n++] = digits_of[v % 10];
        v /= 10;
    } while (v != 0);
    while (n > 0) {
        put(f, text[--n]);
    }
}

void nhi_fmt_hex(nhi_fmt *f, uint64_t v, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        put(f, i > 16 ? '0' : digits_of[v >> (4 * (i - 1)) & 15]);
    }
}

static void fmt_ip4(nhi_fmt *f, const uint8_t *b)
{
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0) {
            put(f, '.');
        }
        nhi_fmt_u64(f, b[i]);
    }
}

static void fmt_group(nhi_fmt *f, const uint8_t *b)
{
    unsigned v = nhi_get16(b);
    unsigned digits = v > 0xfff ? 4 : v > 0xff ? 3 : v > 0xf ? 2 : 1;
    nhi_fmt_hex(f, v, digits);
}

/** Length in groups of the zero run that starts at group i of n. */
static unsigned zero_run(const uint8_t *b, unsigned i, unsigned n)
{
    unsigned k = 0;
    while (i + k < n && nhi_get16(b + 2 * (i + k)) == 0) {
        k++;
    }
    return k;
}

/** n groups; the longest run of two or more zero groups becomes "::", the first of equals (RFC 5952
 *  4.2). */
static void fmt_groups(nhi_fmt *f, const uint8_t *b, unsigned n)
{
    unsigned at = n, len = 1;
    for (unsigned i = 0; i < n; i++) {
        unsigned run = zero_run(b, i, n);
        if (run > len) {
            at = i;
            len = run;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (i == at) {
            nhi_fmt_str(f, "::");
            i += len - 1;
            continue;
        }
        if (i > 0 && i != at + len) {
            put(f, ':');
        }
        fmt_group(f, b + 2 * i);
    }
}

static void fmt_ip6(nhi_fmt *f, const uint8_t *b)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(b, mapped, sizeof mapped) == 0) { /* RFC 5952 5 */
        nhi_fmt_str(f, "::ffff:");
        fmt_ip4(f, b + 12);
        return;
    }
    fmt_groups(f, b, 8);
}

void nhi_fmt_addr(nhi_fmt *f, const nhtb_addr *a)
{
    if (a->family == 4) {
        fmt_ip4(f, a->b);
    } else if (a->family == 6) {
        fmt_ip6(f, a->b);
    } else {
        put(f, '-');
    }
}

void nhi_fmt_bytes(nhi_fmt *f, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool plain = p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\'' && p[i] != '\\';
        if (plain) {
            put(f, (char)p[i]);
        } else {
            nhi_fmt_str(f, "\\x");
            nhi_fmt_hex(f, p[i], 2);
        }
    }
}

char *nhtb_addr_format(const nhtb_addr *a, char *dst, size_t n)
{
    nhi_fmt f;
    nhi_fmt_init(&f, dst, n);
    nhi_fmt_addr(&f, a);
    return dst;
}

char *nhtb_prefix_format(const nhtb_prefix *p, char *dst, size_t n)
{
    nhi_fmt f;
    nhi_fmt_init(&f, dst, n);
    nhi_fmt_addr(&f, &p->addr);
    if (p->addr.family != 0) {
        put(&f, '/');
        nhi_fmt_u64(&f, p->len);
    }
    return dst;
}
