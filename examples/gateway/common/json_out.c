/* SPDX-License-Identifier: Apache-2.0
 * JSON writer: see json_out.h. A failed allocation is sticky and is checked once at the end. */
#include "json_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_init(json_out *w)
{
    memset(w, 0, sizeof *w);
}

void json_fini(json_out *w)
{
    free(w->p);
    memset(w, 0, sizeof *w);
}

void json_reset(json_out *w)
{
    w->n = 0;
    w->comma = false;
    w->failed = false;
}

static bool reserve(json_out *w, size_t n)
{
    if (w->failed)
        return false;
    if (w->n + n <= w->cap)
        return true;
    size_t cap = w->cap != 0 ? w->cap * 2 : 1024;
    while (cap < w->n + n)
        cap *= 2;
    char *p = realloc(w->p, cap);
    if (p == NULL) {
        w->failed = true;
        return false;
    }
    w->p = p;
    w->cap = cap;
    return true;
}

void json_raw(json_out *w, const char *s, size_t n)
{
    if (!reserve(w, n) || n == 0)
        return;
    memcpy(w->p + w->n, s, n);
    w->n += n;
}

static void raw_text(json_out *w, const char *s)
{
    json_raw(w, s, strlen(s));
}

/* high: bytes from 0x80 on pass (text is UTF-8 already) or are escaped (foreign bytes) */
static void quoted(json_out *w, const uint8_t *s, size_t n, bool high)
{
    raw_text(w, "\"");
    for (size_t i = 0; i < n; i++) {
        const uint8_t c = s[i];
        char esc[8];
        if (c == '"' || c == '\\')
            json_raw(w, (char[]){'\\', (char)c}, 2);
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !high))
            json_raw(w, esc, (size_t)snprintf(esc, sizeof esc, "\\u%04x", c));
        else
            json_raw(w, (const char *)&s[i], 1);
    }
    raw_text(w, "\"");
}

static void begin(json_out *w, const char *key)
{
    if (w->comma)
        raw_text(w, ",");
    w->comma = true;
    if (key == NULL)
        return;
    quoted(w, (const uint8_t *)key, strlen(key), true);
    raw_text(w, ":");
}

void json_open(json_out *w, const char *key, char open)
{
    begin(w, key);
    json_raw(w, &open, 1);
    w->comma = false;
}

void json_close(json_out *w, char close)
{
    json_raw(w, &close, 1);
    w->comma = true;
}

void json_str(json_out *w, const char *key, const char *value)
{
    if (value == NULL) {
        json_null(w, key);
        return;
    }
    begin(w, key);
    quoted(w, (const uint8_t *)value, strlen(value), true);
}

void json_bytes(json_out *w, const char *key, const uint8_t *value, size_t n)
{
    begin(w, key);
    quoted(w, value, n, false);
}

static void literal(json_out *w, const char *key, const char *text)
{
    begin(w, key);
    raw_text(w, text);
}

void json_u64(json_out *w, const char *key, uint64_t value)
{
    char t[24];
    snprintf(t, sizeof t, "%" PRIu64, value);
    literal(w, key, t);
}

void json_i64(json_out *w, const char *key, int64_t value)
{
    char t[24];
    snprintf(t, sizeof t, "%" PRId64, value);
    literal(w, key, t);
}

void json_bool(json_out *w, const char *key, bool value)
{
    literal(w, key, value ? "true" : "false");
}

void json_hex(json_out *w, const char *key, uint64_t value, int digits)
{
    char t[32];
    snprintf(t, sizeof t, "\"0x%0*" PRIx64 "\"", digits, value);
    literal(w, key, t);
}

void json_null(json_out *w, const char *key)
{
    literal(w, key, "null");
}
