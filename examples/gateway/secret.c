/* SPDX-License-Identifier: Apache-2.0
 * Pre-shared keys: from a file only its owner can read, or inline (with a warning). Called by
 * config_gateway.c. The rules for files stand in common/secret_file.c. */
#define _GNU_SOURCE
#include "common/secret_file.h"
#include "config_read.h"

#include <stdio.h>
#include <string.h>

#define PSK_SHORT 20

void cfg_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

/* A name relative to the configuration's folder. */
bool rd_path(cfg_rd *r, const char *name, char *path, size_t room)
{
    const int n = name[0] == '/' ? snprintf(path, room, "%s", name)
                                 : snprintf(path, room, "%s/%s", r->dir, name);
    return n >= 0 && (size_t)n < room ? true : rd_fail(r, "the file name is too long");
}

/* A line of at most `most` bytes; *len gets its length. */
static bool line_file(cfg_rd *r, const char *name, uint8_t *dst, size_t most, size_t *len)
{
    char path[512], why[300];
    uint8_t buf[CFG_PSK_MAX + 2];
    if (!rd_path(r, name, path, sizeof path))
        return false;
    const long got = secret_file_read(path, buf, sizeof buf, why, sizeof why);
    size_t n = got > 0 ? (size_t)got : 0;
    if (n > 0 && n <= sizeof buf && buf[n - 1] == '\n')
        n--;
    if (n > 0 && n <= sizeof buf && buf[n - 1] == '\r')
        n--;
    const bool fits = n > 0 && n <= most;
    if (fits) {
        memcpy(dst, buf, n);
        *len = n;
    }
    cfg_wipe(buf, sizeof buf);
    if (got < 0)
        return rd_fail(r, "%s", why);
    return fits ? true : rd_fail(r, "%.160s: must hold 1 to %zu bytes", path, most);
}

static bool psk_file(cfg_rd *r, const char *name, cfg_gateway *g)
{
    return line_file(r, name, g->psk, CFG_PSK_MAX, &g->psk_n);
}

bool rd_secret(cfg_rd *r, const cJSON *v, void *secret, const cfg_field *f)
{
    cfg_secret *s = secret;
    const cJSON *m = cJSON_IsObject(v) && cJSON_GetArraySize(v) == 1 ? v->child : NULL;
    const bool is_file = m != NULL && strcmp(m->string, "file") == 0;
    (void)f;
    if (!cJSON_IsString(m) || (!is_file && strcmp(m->string, "text") != 0))
        return rd_fail(r, "{\"file\": NAME} or {\"text\": PASSWORD} is expected here");
    rd_push(r, m->string);
    if (is_file)
        return line_file(r, m->valuestring, s->p, sizeof s->p - 1, &s->n);
    s->n = strlen(m->valuestring);
    if (s->n == 0 || s->n >= sizeof s->p)
        return rd_fail(r, "must have 1 to %zu bytes", sizeof s->p - 1);
    memcpy(s->p, m->valuestring, s->n);
    log_text(r->log, NHTB_LOG_WARNING, "a password stands in the configuration; a file is safer");
    return true;
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits in place of themselves; false: not an even number of them. */
static bool psk_from_hex(cfg_rd *r, cfg_gateway *g)
{
    for (size_t i = 0; i + 1 < g->psk_n; i += 2) {
        const int hi = digit(g->psk[i]), lo = digit(g->psk[i + 1]);
        if (hi < 0 || lo < 0)
            return rd_fail(r, "hexadecimal digits are expected");
        g->psk[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    if (g->psk_n % 2 != 0)
        return rd_fail(r, "an even number of hexadecimal digits is expected");
    g->psk_n /= 2;
    cfg_wipe(g->psk + g->psk_n, g->psk_n);
    return true;
}

static bool psk_text(cfg_rd *r, const char *text, cfg_gateway *g)
{
    const size_t n = strlen(text);
    if (n == 0 || n > CFG_PSK_MAX)
        return rd_fail(r, "must have 1 to %d bytes", CFG_PSK_MAX);
    memcpy(g->psk, text, n);
    g->psk_n = n;
    log_text(r->log, NHTB_LOG_WARNING,
             "gateway %s: the pre-shared key stands in the configuration; a file is safer",
             g->name);
    return true;
}

bool rd_psk(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f)
{
    cfg_gateway *g = gateway;
    (void)f;
    if (!cJSON_IsObject(v) || cJSON_GetArraySize(v) != 1)
        return rd_fail(r, "{\"file\": NAME}, {\"hex_file\": NAME}, {\"text\": KEY} or {\"hex\": "
                          "DIGITS} is expected here");
    const cJSON *m = v->child;
    const bool hex = strncmp(m->string, "hex", 3) == 0;
    const bool is_file = strcmp(m->string, "file") == 0 || strcmp(m->string, "hex_file") == 0;
    rd_push(r, m->string);
    if (!is_file && strcmp(m->string, "text") != 0 && strcmp(m->string, "hex") != 0)
        return rd_fail(r, "unknown key \"%.64s\"", m->string);
    if (!cJSON_IsString(m))
        return rd_fail(r, "text in quotes is expected here");
    if (!(is_file ? psk_file(r, m->valuestring, g) : psk_text(r, m->valuestring, g)) ||
        (hex && !psk_from_hex(r, g)))
        return false;
    if (g->psk_n < PSK_SHORT)
        log_text(r->log, NHTB_LOG_WARNING, "gateway %s: the pre-shared key has only %zu bytes",
                 g->name, g->psk_n);
    return true;
}
