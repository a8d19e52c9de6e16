/* SPDX-License-Identifier: Apache-2.0
 * PEM blocks to octets, one after another; a text that starts like DER is one block. Configuration
 * only, never a peer's bytes; all the same bounded. Called by ike/pki; any thread. RFC 7468. */
#include "crypto/der.h"

static bool starts(nhtb_span s, const char *with)
{
    size_t n = nhi_strlen(with);
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

static void skip(nhtb_span *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

/* Behind the next "-----BEGIN " at the start of a line; false: there is none. */
static bool find_begin(nhtb_span *s)
{
    bool line = true;
    for (; s->n != 0; skip(s, 1)) {
        if (line && starts(*s, "-----BEGIN ")) {
            skip(s, 11);
            return true;
        }
        line = s->p[0] == '\n' || s->p[0] == '\r';
    }
    return false;
}

static bool read_label(nhtb_span *s, char label[NHI_PEM_LABEL])
{
    size_t n = 0;
    while (s->n != 0 && !starts(*s, "-----")) {
        if (n + 1 >= NHI_PEM_LABEL || s->p[0] < ' ' || s->p[0] > '~')
            return false;
        label[n++] = (char)s->p[0];
        skip(s, 1);
    }
    label[n] = '\0';
    if (s->n == 0)
        return false;
    skip(s, 5);
    return true;
}

static int sextet(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Base 64 up to the dashes of the END line. */
static int body_read(nhtb_span *s, uint8_t *out, size_t room, size_t *n)
{
    uint32_t acc = 0;
    unsigned bits = 0, padding = 0;
    for (*n = 0; s->n != 0 && s->p[0] != '-'; skip(s, 1)) {
        uint8_t c = s->p[0];
        int v = sextet(c);
        if (blank(c))
            continue;
        if (c == '=' && ++padding <= 2)
            continue;
        if (v < 0 || padding != 0)
            return NHTB_ERR_ARG;
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        if (*n >= room)
            return NHTB_ERR_SHORT;
        out[(*n)++] = (uint8_t)(acc >> bits);
    }
    bool whole = bits < 6 && (acc & ((1u << bits) - 1)) == 0;
    return s->n != 0 && whole ? 0 : NHTB_ERR_ARG;
}

int nhi_pem_next(nhtb_span *text, char label[NHI_PEM_LABEL], uint8_t *out, size_t *n)
{
    size_t room = *n;
    label[0] = '\0';
    *n = 0;
    if (text->n != 0 && text->p[0] == NHI_DER_SEQUENCE) {
        if (text->n > room)
            return NHTB_ERR_SHORT;
        memcpy(out, text->p, text->n);
        *n = text->n;
        skip(text, text->n);
        return 1;
    }
    if (!find_begin(text))
        return 0;
    if (!read_label(text, label))
        return NHTB_ERR_ARG;
    int err = body_read(text, out, room, n);
    if (err != 0)
        return err;
    if (!starts(*text, "-----END "))
        return NHTB_ERR_ARG;
    skip(text, 9);
    return *n != 0 ? 1 : NHTB_ERR_ARG;
}
