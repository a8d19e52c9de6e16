/* SPDX-License-Identifier: Apache-2.0
 * DER from readable text, and certificates and lists put together from such texts, so that one part
 * of them can be anything. Hexadecimal digits are octets, 'quoted' is text, a brace opens a body whose
 * length is found at the closing brace: "30{06{550403} 0c{'hub'}}". Tests only. */
#ifndef NHTB_TESTS_DER_TEXT_H
#define NHTB_TESTS_DER_TEXT_H

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "crypto/cert.h"

#define DER_TEXT_MAX 4096

typedef struct der_buf {
    uint8_t b[DER_TEXT_MAX];
    nhtb_span span;
} der_buf;

/** Puts the length of what lies behind `at` in front of it; the new end. */
static inline size_t der_close(uint8_t *b, size_t at, size_t n)
{
    size_t len = n - at, head = len < 0x80 ? 1 : len < 0x100 ? 2 : 3;
    memmove(b + at + head, b + at, len);
    if (head > 1)
        b[at] = (uint8_t)(0x80 + head - 1);
    if (head > 2)
        b[at + 1] = (uint8_t)(len >> 8);
    b[at + head - 1] = (uint8_t)len;
    return n + head;
}

static inline uint8_t der_nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static inline nhtb_span der_text(der_buf *d, const char *text)
{
    size_t open[16], depth = 0, n = 0;
    for (; *text; text++) {
        cr_assert(n + 4 < sizeof d->b && depth < 16, "too long or too deep");
        if (*text == ' ')
            continue;
        if (*text == '{') {
            open[depth++] = n;
        } else if (*text == '}') {
            n = der_close(d->b, open[--depth], n);
        } else if (*text == '\'') {
            while (*++text != '\'')
                d->b[n++] = (uint8_t)*text;
        } else {
            d->b[n++] = (uint8_t)(der_nibble(text[0]) << 4 | der_nibble(text[1]));
            text++;
        }
    }
    cr_assert_eq(depth, 0, "an open brace");
    return d->span = (nhtb_span){d->b, n};
}

/* ---- certificates ---- */

#define DER_CN(name)  "30{31{30{06{550403}0c{'" name "'}}}}"
#define DER_ECDSA     "06{2a8648ce3d040302}"
#define DER_P256_SPKI "30{30{06{2a8648ce3d0201}06{2a8648ce3d030107}}03{0004}}"
#define DER_TIMES     "30{17{'200101000000Z'}17{'400101000000Z'}}"
/** id-ce extension: last arc, FLAG "01{ff}" or "", value. */
#define DER_EXT(arc, flag, value) "30{06{551d" arc "}" flag "04{" value "}}"

enum {
    CERT_VERSION,
    CERT_SERIAL,
    CERT_INNER, /* the algorithm's body, inside and outside */
    CERT_ISSUER,
    CERT_TIMES,
    CERT_SUBJECT,
    CERT_SPKI,
    CERT_MORE, /* unique identifiers and extensions */
    CERT_OUTER,
    CERT_BITS,
    CERT_PARTS
};

/** A good certificate but for the parts that are given. */
static inline nhtb_span der_cert(der_buf *d, const char *const with[CERT_PARTS])
{
    static const char *const good[CERT_PARTS] = {
        "a0{02{02}}",   "02{07}",      DER_ECDSA, DER_CN("ca"), DER_TIMES,
        DER_CN("leaf"), DER_P256_SPKI, "",        DER_ECDSA,    "00aa",
    };
    const char *p[CERT_PARTS];
    char text[DER_TEXT_MAX];
    for (size_t i = 0; i < CERT_PARTS; i++)
        p[i] = with[i] ? with[i] : good[i];
    int n = snprintf(text, sizeof text, "30{30{%s%s30{%s}%s%s%s%s%s}30{%s}03{%s}}", p[0], p[1],
                     p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9]);
    cr_assert_lt((size_t)n, sizeof text);
    return der_text(d, text);
}

/** With these extensions. */
static inline nhtb_span der_cert_ext(der_buf *d, const char *extensions)
{
    char text[DER_TEXT_MAX];
    int n = snprintf(text, sizeof text, "a3{30{%s}}", extensions);
    cr_assert_lt((size_t)n, sizeof text);
    return der_cert(d, (const char *const[CERT_PARTS]){[CERT_MORE] = text});
}

#endif
