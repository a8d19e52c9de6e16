/* SPDX-License-Identifier: Apache-2.0
 * Who bound a next hop first keeps it, over disconnects and restarts. The rows live in the library;
 * this file writes them down after each change and reads them at start. A crash leaves the old file
 * or the new one, never a mixture. Called by main.c, loop.c, apply.c and commands.c. */
#define _GNU_SOURCE
#include "owners.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/secret_file.h"

#define STATE_MAX ((size_t)16 << 20)

/* ---- writing ---- */

static void put_row(json_out *w, const gw *g, const nhtb_owner *o)
{
    char a[NHTB_ADDR_TEXT], hex[2 * NHTB_ID_MAX + 1];
    for (uint16_t i = 0; i < o->id_n; i++)
        snprintf(hex + 2 * i, 3, "%02x", o->id[i]);
    hex[2 * o->id_n] = 0;
    json_open(w, NULL, '{');
    json_str(w, "interface", gw_iface_name(g, o->iface));
    json_str(w, "next_hop", nhtb_addr_format(&o->next_hop, a, sizeof a));
    json_u64(w, "identity_type", o->id_type);
    json_str(w, "identity_hex", hex);
    json_close(w, '}');
}

static void put_rows(json_out *w, const gw *g)
{
    nhtb_owner o = {.size = sizeof o};
    uint32_t cursor = 0;
    json_open(w, NULL, '{');
    json_open(w, "owners", '[');
    while (nhtb_owner_next(g->ctx, &cursor, &o)) {
        if (!o.fixed)
            put_row(w, g, &o);
        o.size = sizeof o;
    }
    json_close(w, ']');
    json_close(w, '}');
    json_raw(w, "\n", 1);
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        const ssize_t r = write(fd, p, n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return false;
        p += r;
        n -= (size_t)r;
    }
    return true;
}

static bool sync_folder(const char *path)
{
    char dir[512];
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool replace_file(const char *path, const json_out *w)
{
    char fresh[600];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    (void)unlink(fresh); /* of a crash */
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    const bool written = write_all(fd, w->p, w->n) && fsync(fd) == 0;
    const bool ok = close(fd) == 0 && written && rename(fresh, path) == 0 && sync_folder(path);
    if (!ok)
        (void)unlink(fresh);
    return ok;
}

void owners_save(gw *g)
{
    const char *path = g->state.cfg->state_file;
    json_out w;
    g->owners_dirty = false;
    if (path[0] == 0)
        return;
    json_init(&w);
    put_rows(&w, g);
    if (w.failed || !replace_file(path, &w))
        log_text(&g->log, NHTB_LOG_ERROR, "state file %s: %s", path,
                 w.failed ? "out of memory" : strerror(errno));
    json_fini(&w);
}

/* ---- reading ---- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(nhtb_owner *o, const char *hex)
{
    const size_t n = strlen(hex);
    if (n == 0 || n % 2 != 0 || n / 2 > NHTB_ID_MAX)
        return false;
    for (size_t i = 0; i < n / 2; i++) {
        const int hi = digit(hex[2 * i]), lo = digit(hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        o->id[i] = (uint8_t)(hi << 4 | lo);
    }
    o->id_n = (uint16_t)(n / 2);
    return true;
}

static const char *text_of(const cJSON *row, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(row, key);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static bool take_row(gw *g, const cJSON *row)
{
    nhtb_owner o = {.size = sizeof o};
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(row, "identity_type");
    if (!cJSON_IsNumber(type) || nhtb_addr_parse(text_of(row, "next_hop"), &o.next_hop) != 0 ||
        !take_hex(&o, text_of(row, "identity_hex")))
        return false;
    o.id_type = (uint8_t)type->valueint;
    for (uint32_t i = 0; i < g->state.cfg->n_ifaces; i++)
        if (strcmp(g->state.cfg->ifaces[i].name, text_of(row, "interface")) == 0)
            o.iface = g->state.ifaces[i].id;
    if (o.iface.id == 0)
        return true; /* an interface that was taken out of the configuration */
    return nhtb_owner_set(g->ctx, &o) == 0;
}

static bool take_text(gw *g, const char *text, size_t n)
{
    cJSON *j = cJSON_ParseWithLength(text, n);
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(j, "owners");
    bool ok = cJSON_IsArray(rows);
    for (const cJSON *row = ok ? rows->child : NULL; row != NULL && ok; row = row->next)
        ok = take_row(g, row);
    cJSON_Delete(j);
    return ok;
}

bool owners_load(gw *g, char *why, size_t n)
{
    const char *path = g->state.cfg->state_file;
    struct stat st;
    if (path[0] == 0 || (lstat(path, &st) != 0 && errno == ENOENT))
        return true;
    uint8_t *text = malloc(STATE_MAX);
    if (text == NULL) {
        snprintf(why, n, "out of memory");
        return false;
    }
    const long got = secret_file_read(path, text, STATE_MAX, why, n);
    const bool ok =
        got >= 0 && (size_t)got <= STATE_MAX && take_text(g, (const char *)text, (size_t)got);
    free(text);
    if (!ok && got >= 0)
        snprintf(why, n, "%.160s: not a state file of nhtb-gateway", path);
    return ok;
}

/* ---- configuration and command ---- */

static nhtb_owner row_of(const gw_state *s, const cfg_gateway *c, const cfg_owner *o)
{
    nhtb_owner row = {.size = sizeof row, .next_hop = o->next_hop, .fixed = true};
    row.iface = s->ifaces[c->vpns[0].iface].id;
    row.id_type = o->id.type;
    row.id_n = o->id.n;
    memcpy(row.id, o->id.data, o->id.n);
    return row;
}

void owners_configure(gw *g, const gw_state *old, const gw_state *next)
{
    for (uint32_t i = 0; old->cfg != NULL && i < old->cfg->n_gateways; i++)
        for (uint32_t k = 0; k < old->cfg->gateways[i].n_owners; k++) {
            const nhtb_owner row =
                row_of(old, &old->cfg->gateways[i], &old->cfg->gateways[i].owners[k]);
            (void)nhtb_owner_clear(g->ctx, row.iface, &row.next_hop, true);
        }
    for (uint32_t i = 0; i < next->cfg->n_gateways; i++)
        for (uint32_t k = 0; k < next->cfg->gateways[i].n_owners; k++) {
            const nhtb_owner row =
                row_of(next, &next->cfg->gateways[i], &next->cfg->gateways[i].owners[k]);
            const int err = nhtb_owner_set(g->ctx, &row);
            if (err != 0)
                log_text(&g->log, NHTB_LOG_ERROR, "next_hop_owners of %s: %s",
                         next->cfg->gateways[i].name, nhtb_strerror(err));
        }
}

size_t owners_clear(gw *g, const nhtb_addr *address)
{
    const size_t n = nhtb_owner_clear(g->ctx, (nhtb_iface_id){0}, address, false);
    owners_save(g);
    return n;
}
