/* SPDX-License-Identifier: Apache-2.0
 * Table-driven readers: see config_read.h. Called by config.c and config_gateway.c. */
#include "config_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool rd_fail(cfg_rd *r, const char *fmt, ...)
{
    va_list ap;
    if (r->err->text[0] != 0)
        return false;
    va_start(ap, fmt);
    vsnprintf(r->err->text, sizeof r->err->text, fmt, ap);
    va_end(ap);
    snprintf(r->err->pointer, sizeof r->err->pointer, "%s", r->pointer);
    return false;
}

size_t rd_push(cfg_rd *r, const char *token)
{
    const size_t at = strlen(r->pointer);
    cfg_pointer_push(r->pointer, token, strlen(token));
    return at;
}

size_t rd_push_index(cfg_rd *r, unsigned i)
{
    char num[16];
    snprintf(num, sizeof num, "%u", i);
    return rd_push(r, num);
}

void rd_pop(cfg_rd *r, size_t to)
{
    r->pointer[to] = 0;
}

static bool known(const char *key, const cfg_field *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(f[i].key, key) == 0)
            return true;
    return false;
}

static bool check_members(cfg_rd *r, const cJSON *v, const cfg_field *f, size_t n)
{
    for (const cJSON *m = v->child; m != NULL; m = m->next) {
        const size_t at = rd_push(r, m->string);
        if (!known(m->string, f, n))
            return rd_fail(r, "unknown key \"%.64s\"", m->string);
        for (const cJSON *o = v->child; o != m; o = o->next)
            if (strcmp(o->string, m->string) == 0)
                return rd_fail(r, "key \"%.64s\" appears twice", m->string);
        rd_pop(r, at);
    }
    return true;
}

bool rd_object(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f, size_t n)
{
    if (!cJSON_IsObject(v))
        return rd_fail(r, "an object is expected here");
    if (!check_members(r, v, f, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        const cJSON *m = cJSON_GetObjectItemCaseSensitive(v, f[i].key);
        if (m == NULL && f[i].required)
            return rd_fail(r, "key \"%s\" is missing", f[i].key);
        if (m == NULL)
            continue;
        const size_t at = rd_push(r, f[i].key);
        if (!f[i].read(r, m, (uint8_t *)dst + f[i].offset, &f[i]))
            return false;
        rd_pop(r, at);
    }
    return true;
}

bool rd_array(cfg_rd *r, const cJSON *v, void **items, uint32_t *n, size_t elem_size, uint32_t max,
              bool (*each)(cfg_rd *r, const cJSON *v, void *items, uint32_t index))
{
    if (!cJSON_IsArray(v))
        return rd_fail(r, "an array is expected here");
    const int count = cJSON_GetArraySize(v);
    if (count < 0 || (uint32_t)count > max)
        return rd_fail(r, "more than %u entries", max);
    *items = calloc(count != 0 ? (size_t)count : 1, elem_size);
    if (*items == NULL)
        return rd_fail(r, "out of memory");
    for (const cJSON *e = v->child; e != NULL; e = e->next) {
        const size_t at = rd_push_index(r, *n);
        const uint32_t index = (*n)++; /* counted first: a half-read entry is freed too */
        if (!each(r, e, *items, index))
            return false;
        rd_pop(r, at);
    }
    return true;
}

bool rd_bool(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    (void)f;
    if (!cJSON_IsBool(v))
        return rd_fail(r, "true or false is expected here");
    *(bool *)dst = cJSON_IsTrue(v);
    return true;
}

static bool number(cfg_rd *r, const cJSON *v, const cfg_field *f, uint64_t *out)
{
    if (!cJSON_IsNumber(v))
        return rd_fail(r, "a number is expected here");
    if (v->valuedouble < (double)f->lo || v->valuedouble > (double)f->hi)
        return rd_fail(r, "must be from %llu to %llu", (unsigned long long)f->lo,
                       (unsigned long long)f->hi);
    *out = (uint64_t)v->valuedouble;
    if ((double)*out < v->valuedouble || (double)*out > v->valuedouble)
        return rd_fail(r, "a whole number is expected here");
    return true;
}

bool rd_u8(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    uint64_t x = 0;
    if (!number(r, v, f, &x))
        return false;
    *(uint8_t *)dst = (uint8_t)x;
    return true;
}

bool rd_u16(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    uint64_t x = 0;
    if (!number(r, v, f, &x))
        return false;
    *(uint16_t *)dst = (uint16_t)x;
    return true;
}

bool rd_u32(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    uint64_t x = 0;
    if (!number(r, v, f, &x))
        return false;
    *(uint32_t *)dst = (uint32_t)x;
    return true;
}

bool rd_u64(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    return number(r, v, f, dst);
}

bool rd_name(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    if (!cJSON_IsString(v))
        return rd_fail(r, "text in quotes is expected here");
    const size_t n = strlen(v->valuestring);
    if (n == 0 || n > f->hi)
        return rd_fail(r, "must have 1 to %llu characters", (unsigned long long)f->hi);
    for (size_t i = 0; i < n; i++)
        if (v->valuestring[i] <= ' ' || v->valuestring[i] > '~')
            return rd_fail(r, "only printable characters without blanks are allowed");
    memcpy(dst, v->valuestring, n + 1);
    return true;
}

bool rd_word(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    char all[160] = "";
    size_t used = 0;
    for (uint8_t i = 0; f->words[i] != NULL; i++) {
        if (cJSON_IsString(v) && strcmp(v->valuestring, f->words[i]) == 0) {
            *(uint8_t *)dst = i;
            return true;
        }
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i != 0 ? ", " : "",
                                 f->words[i]);
        if (used >= sizeof all)
            used = sizeof all - 1;
    }
    return rd_fail(r, "must be one of: %s", all);
}

bool rd_addr(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    (void)f;
    if (!cJSON_IsString(v) || nhtb_addr_parse(v->valuestring, dst) != 0)
        return rd_fail(r, "an IPv4 or IPv6 address is expected here");
    return true;
}

bool rd_addr_any(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    if (cJSON_IsString(v) && strcmp(v->valuestring, "any") == 0) {
        memset(dst, 0, sizeof(nhtb_addr));
        return true;
    }
    if (!rd_addr(r, v, dst, f)) {
        snprintf(r->err->text, sizeof r->err->text,
                 "an IPv4 or IPv6 address or \"any\" is expected");
        return false;
    }
    return true;
}

bool rd_prefix(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    nhtb_prefix p;
    (void)f;
    if (!cJSON_IsString(v) || !cfg_parse_address(v->valuestring, &p))
        return rd_fail(r, "a prefix such as 192.168.2.0/24 is expected here");
    if (nhtb_prefix_parse(v->valuestring, dst) != 0)
        return rd_fail(r, "the prefix has host bits set");
    return true;
}

bool rd_ignore(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    (void)dst;
    (void)f;
    return cJSON_IsString(v) ? true : rd_fail(r, "text in quotes is expected here");
}

bool cfg_parse_address(const char *text, nhtb_prefix *out)
{
    char addr[NHTB_ADDR_TEXT];
    const char *slash = strchr(text, '/');
    const size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
    memset(out, 0, sizeof *out);
    if (n >= sizeof addr)
        return false;
    memcpy(addr, text, n);
    addr[n] = 0;
    if (nhtb_addr_parse(addr, &out->addr) != 0)
        return false;
    const unsigned max = out->addr.family == 4 ? 32 : 128;
    out->len = (uint8_t)max;
    if (slash == NULL)
        return true;
    char *end;
    if (slash[1] < '0' || slash[1] > '9')
        return false;
    const unsigned long len = strtoul(slash + 1, &end, 10);
    out->len = (uint8_t)len;
    return *end == 0 && len <= max;
}
