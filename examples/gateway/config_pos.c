/* SPDX-License-Identifier: Apache-2.0
 * JSON scan for positions: see config_pos.h. Called by config.c before cJSON parses (so what cJSON
 * sees is valid and shallow) and once more for each error found later. RFC 8259, RFC 6901. */
#include "config_pos.h"

#include <stdio.h>
#include <string.h>

typedef struct level {
    bool object;
    unsigned index;
    size_t key, key_n; /* raw key text inside the quotes */
} level;

typedef struct scan {
    const char *s;
    size_t n, i;
    level at[CFG_DEPTH_MAX];
    unsigned depth;
    const char *why;
    const char *want; /* pointer looked for, NULL: none */
    size_t found;     /* offset of the best match */
    size_t found_n;   /* its pointer's length */
} scan;

static cfg_pos place(const char *s, size_t n, size_t off)
{
    cfg_pos p = {1, 1};
    for (size_t i = 0; i < off && i < n; i++) {
        p.column++;
        if (s[i] == '\n') {
            p.line++;
            p.column = 1;
        }
    }
    return p;
}

void cfg_pointer_push(char *pointer, const char *token, size_t n)
{
    size_t len = strlen(pointer);
    if (len + 2 >= CFG_POINTER_MAX)
        return;
    pointer[len++] = '/';
    for (size_t i = 0; i < n && len + 3 < CFG_POINTER_MAX; i++) {
        const char c = token[i];
        if (c == '~' || c == '/') {
            pointer[len++] = '~';
            pointer[len++] = c == '~' ? '0' : '1';
        } else {
            pointer[len++] = c;
        }
    }
    pointer[len] = 0;
}

static void pointer_now(const scan *c, char *dst)
{
    dst[0] = 0;
    for (unsigned d = 0; d < c->depth; d++) {
        const level *l = &c->at[d];
        char num[16];
        if (l->object)
            cfg_pointer_push(dst, c->s + l->key, l->key_n);
        else
            cfg_pointer_push(dst, num, (size_t)snprintf(num, sizeof num, "%u", l->index));
    }
}

static void skip_space(scan *c)
{
    while (c->i < c->n && strchr(" \t\r\n", c->s[c->i]) != NULL && c->s[c->i] != 0)
        c->i++;
}

static bool fail(scan *c, const char *why)
{
    c->why = why;
    return false;
}

static bool is_hex(char x)
{
    return (x >= '0' && x <= '9') || (x >= 'a' && x <= 'f') || (x >= 'A' && x <= 'F');
}

static bool scan_escape(scan *c)
{
    if (++c->i >= c->n)
        return fail(c, "the text ends inside a string");
    if (strchr("\"\\/bfnrt", c->s[c->i]) != NULL && c->s[c->i] != 0) {
        c->i++;
        return true;
    }
    if (c->s[c->i] != 'u' || c->n - c->i < 5)
        return fail(c, "unknown escape in a string");
    bool zero = true;
    for (size_t k = 1; k <= 4; k++) {
        if (!is_hex(c->s[c->i + k]))
            return fail(c, "\\u needs four hexadecimal digits");
        zero = zero && c->s[c->i + k] == '0';
    }
    if (zero)
        return fail(c, "\\u0000 is not allowed");
    c->i += 5;
    return true;
}

static bool scan_string(scan *c, size_t *start, size_t *len)
{
    *start = ++c->i;
    *len = 0; /* a failure's pointer looks at it */
    while (c->i < c->n && c->s[c->i] != '"') {
        if ((unsigned char)c->s[c->i] < 0x20)
            return fail(c, "control character in a string");
        if (c->s[c->i] != '\\')
            c->i++;
        else if (!scan_escape(c))
            return false;
    }
    if (c->i >= c->n)
        return fail(c, "the text ends inside a string");
    *len = c->i++ - *start;
    return true;
}

static bool scan_digits(scan *c)
{
    const size_t from = c->i;
    while (c->i < c->n && c->s[c->i] >= '0' && c->s[c->i] <= '9')
        c->i++;
    return c->i > from ? true : fail(c, "digit expected");
}

static bool scan_number(scan *c)
{
    if (c->s[c->i] == '-')
        c->i++;
    const size_t first = c->i;
    if (!scan_digits(c))
        return false;
    if (c->s[first] == '0' && c->i - first > 1)
        return fail(c, "a number must not start with 0");
    if (c->i < c->n && c->s[c->i] == '.') {
        c->i++;
        if (!scan_digits(c))
            return false;
    }
    if (c->i < c->n && (c->s[c->i] == 'e' || c->s[c->i] == 'E')) {
        c->i++;
        if (c->i < c->n && (c->s[c->i] == '+' || c->s[c->i] == '-'))
            c->i++;
        return scan_digits(c);
    }
    return true;
}

static bool scan_scalar(scan *c)
{
    static const char *const WORDS[] = {"true", "false", "null"};
    size_t a, b;
    if (c->s[c->i] == '"')
        return scan_string(c, &a, &b);
    for (size_t k = 0; k < 3; k++) {
        const size_t n = strlen(WORDS[k]);
        if (c->n - c->i >= n && memcmp(c->s + c->i, WORDS[k], n) == 0) {
            c->i += n;
            return true;
        }
    }
    if (c->s[c->i] == '-' || (c->s[c->i] >= '0' && c->s[c->i] <= '9'))
        return scan_number(c);
    return fail(c, "value expected");
}

/* Remembers the value when its pointer is the wanted one or its longest parent so far. */
static void note(scan *c)
{
    char now[CFG_POINTER_MAX];
    if (c->want == NULL)
        return;
    pointer_now(c, now);
    const size_t n = strlen(now);
    const bool fits = strncmp(now, c->want, n) == 0 && (c->want[n] == 0 || c->want[n] == '/');
    if (!fits || (n <= c->found_n && n != 0))
        return;
    c->found = c->i;
    c->found_n = n;
}

static bool scan_key(scan *c)
{
    level *l = &c->at[c->depth - 1];
    skip_space(c);
    if (c->i >= c->n || c->s[c->i] != '"')
        return fail(c, "member name in quotes expected");
    if (!scan_string(c, &l->key, &l->key_n))
        return false;
    skip_space(c);
    if (c->i >= c->n || c->s[c->i] != ':')
        return fail(c, "':' expected");
    c->i++;
    return true;
}

/* After '{' or '['. *empty: the container closed at once. */
static bool enter(scan *c, bool *empty)
{
    const bool object = c->s[c->i++] == '{';
    *empty = false;
    skip_space(c);
    if (c->i < c->n && c->s[c->i] == (object ? '}' : ']')) {
        c->i++;
        *empty = true;
        return true;
    }
    if (c->depth >= CFG_DEPTH_MAX)
        return fail(c, "nested too deeply");
    c->at[c->depth++] = (level){.object = object};
    return object ? scan_key(c) : true;
}

/* After a value: commas and closing brackets. True: another value follows, or all is done. */
static bool leave(scan *c, bool *done)
{
    *done = false;
    while (c->depth > 0) {
        level *l = &c->at[c->depth - 1];
        skip_space(c);
        if (c->i >= c->n)
            return fail(c, "the text ends too early");
        if (c->s[c->i] == ',') {
            c->i++;
            l->index++;
            return l->object ? scan_key(c) : true;
        }
        if (c->s[c->i] != (l->object ? '}' : ']'))
            return fail(c, l->object ? "',' or '}' expected" : "',' or ']' expected");
        c->i++;
        c->depth--;
    }
    *done = true;
    return true;
}

static bool scan_all(scan *c)
{
    for (bool done = false; !done;) {
        bool empty = true;
        skip_space(c);
        if (c->i >= c->n)
            return fail(c, "the text ends too early");
        note(c);
        if (c->s[c->i] != '{' && c->s[c->i] != '[') {
            if (!scan_scalar(c))
                return false;
        } else if (!enter(c, &empty)) {
            return false;
        }
        if (empty && !leave(c, &done))
            return false;
    }
    skip_space(c);
    return c->i == c->n ? true : fail(c, "text after the end");
}

bool cfg_pos_check(const char *text, size_t n, cfg_pos *pos, char *pointer, const char **why)
{
    scan c = {.s = text, .n = n};
    if (scan_all(&c))
        return true;
    *pos = place(text, n, c.i);
    pointer_now(&c, pointer);
    *why = c.why;
    return false;
}

cfg_pos cfg_pos_find(const char *text, size_t n, const char *pointer)
{
    scan c = {.s = text, .n = n, .want = pointer};
    (void)scan_all(&c);
    return place(text, n, c.found);
}
