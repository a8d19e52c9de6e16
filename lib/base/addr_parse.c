/* SPDX-License-Identifier: Apache-2.0
 * Text to addresses and prefixes: dotted quads without leading zeros, RFC 4291 2.2 forms of IPv6
 * (also with a dotted tail), no zones. Called by hosts through the public functions; any thread. */
#include "base/base.h"

/** Decimal number of at most `max`, without leading zeros; false when there is none. */
static bool parse_number(const char **s, unsigned max, unsigned *out)
{
    const char *p = *s;
    unsigned v = 0;
    while (*p >= '0' && *p <= '9') {
        v = v * 10 + (unsigned)(*p++ - '0');
        if (v > max) {
            return false;
        }
    }
    if (p == *s || (**s == '0' && p - *s > 1)) {
        return false;
    }
    *s = p;
    *out = v;
    return true;
}

static bool parse_ip4(const char **s, uint8_t b[4])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned v;
        if (i > 0 && *(*s)++ != '.') {
            return false;
        }
        if (!parse_number(s, 255, &v)) {
            return false;
        }
        b[i] = (uint8_t)v;
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/** One to four hex digits. */
static bool parse_group(const char **s, uint8_t b[2])
{
    unsigned v = 0, n = 0;
    for (; n < 4 && hex_value(**s) >= 0; n++, (*s)++) {
        v = v << 4 | (unsigned)hex_value(**s);
    }
    nhi_put16(b, v);
    return n > 0 && hex_value(**s) < 0;
}

static bool dotted_next(const char *s)
{
    while (hex_value(*s) >= 0) {
        s++;
    }
    return *s == '.';
}

#define NO_GAP 17

/** What stands behind a group: nothing, ":" or the one "::" allowed. */
static bool parse_colons(const char **s, size_t n, size_t *gap)
{
    if ((*s)[1] == ':') {
        bool first = *gap == NO_GAP;
        *gap = n;
        *s += 2;
        return first;
    }
    *s += 1;
    return n < 16;
}

/** Groups of an IPv6 address into b; *n bytes were written, *gap is where "::" was. */
static bool parse_groups(const char **s, uint8_t b[16], size_t *n, size_t *gap)
{
    if ((*s)[0] == ':' && (*s)[1] == ':') {
        *gap = 0;
        *s += 2;
    }
    while (*n < 16) {
        if (hex_value(**s) < 0) {
            return *gap == *n; /* only "::" may end the text */
        }
        if (*n <= 12 && dotted_next(*s)) {
            *n += 4;
            return parse_ip4(s, b + *n - 4);
        }
        if (!parse_group(s, b + *n)) {
            return false;
        }
        *n += 2;
        if (**s != ':') {
            return true;
        }
        if (!parse_colons(s, *n, gap)) {
            return false;
        }
    }
    return true;
}

static bool parse_ip6(const char **s, uint8_t out[16])
{
    uint8_t b[16] = {0};
    size_t n = 0, gap = NO_GAP;
    if (!parse_groups(s, b, &n, &gap)) {
        return false;
    }
    if (gap == NO_GAP) {
        memcpy(out, b, 16);
        return n == 16;
    }
    if (n == 16) {
        return false; /* "::" stands for at least one group */
    }
    memset(out, 0, 16);
    memcpy(out, b, gap);
    memcpy(out + 16 - (n - gap), b + gap, n - gap);
    return true;
}

static bool has_colon(const char *s)
{
    while (*s != '\0' && *s != ':' && *s != '/') {
        s++;
    }
    return *s == ':';
}

static bool parse_addr(const char **s, nhtb_addr *out)
{
    nhtb_addr a = {0};
    bool v6 = has_colon(*s);
    a.family = v6 ? 6 : 4;
    if (v6 ? !parse_ip6(s, a.b) : !parse_ip4(s, a.b)) {
        return false;
    }
    *out = a;
    return true;
}

int nhtb_addr_parse(const char *text, nhtb_addr *out)
{
    nhtb_addr a;
    if (!text || !out || !parse_addr(&text, &a) || *text != '\0') {
        return NHTB_ERR_ARG;
    }
    *out = a;
    return NHTB_OK;
}

int nhtb_prefix_parse(const char *text, nhtb_prefix *out)
{
    nhtb_prefix p = {0};
    if (!text || !out || !parse_addr(&text, &p.addr)) {
        return NHTB_ERR_ARG;
    }
    unsigned max = (unsigned)nhi_addr_len(&p.addr) * 8;
    unsigned len = max;
    if (*text == '/') {
        text++;
        if (!parse_number(&text, max, &len)) {
            return NHTB_ERR_ARG;
        }
    }
    p.len = (uint8_t)len;
    nhtb_prefix plain = p;
    if (*text != '\0' || !nhi_prefix_normalize(&plain) || !nhtb_addr_equal(&plain.addr, &p.addr)) {
        return NHTB_ERR_ARG;
    }
    *out = p;
    return NHTB_OK;
}
