/* SPDX-License-Identifier: Apache-2.0
 * Pre-shared keys: from a file only its owner can read, or inline (with a warning). Called by
 * config_gateway.c. Symbolic links are refused, so a key is exactly the file that was named. */
#define _GNU_SOURCE
#include "config_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PSK_SHORT 20

void cfg_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

static bool check_mode(cfg_rd *r, int fd, const char *path)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return rd_fail(r, "%.160s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return rd_fail(r, "%.160s: not a regular file", path);
    if (st.st_uid != geteuid())
        return rd_fail(r, "%.160s: belongs to user %u, not to the gateway's user %u", path,
                       (unsigned)st.st_uid, (unsigned)geteuid());
    if ((st.st_mode & 077) != 0)
        return rd_fail(r, "%.160s: mode %04o lets others read it; chmod 600", path,
                       (unsigned)(st.st_mode & 07777));
    return true;
}

static bool read_key(cfg_rd *r, int fd, const char *path, cfg_gateway *g)
{
    uint8_t buf[CFG_PSK_MAX + 3];
    const ssize_t got = read(fd, buf, sizeof buf);
    size_t n = got > 0 ? (size_t)got : 0;
    if (n > 0 && buf[n - 1] == '\n')
        n--;
    if (n > 0 && buf[n - 1] == '\r')
        n--;
    const bool fits = got >= 0 && n > 0 && n <= CFG_PSK_MAX;
    if (fits) {
        memcpy(g->psk, buf, n);
        g->psk_n = n;
    }
    cfg_wipe(buf, sizeof buf);
    if (got < 0)
        return rd_fail(r, "%.160s: %s", path, strerror(errno));
    return fits ? true : rd_fail(r, "%.160s: must hold 1 to %d bytes", path, CFG_PSK_MAX);
}

static bool psk_file(cfg_rd *r, const char *name, cfg_gateway *g)
{
    char path[512];
    const int n = name[0] == '/' ? snprintf(path, sizeof path, "%s", name)
                                 : snprintf(path, sizeof path, "%s/%s", r->dir, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return rd_fail(r, "the file name is too long");
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return rd_fail(r, "%.160s: %s", path,
                       errno == ELOOP ? "is a symbolic link" : strerror(errno));
    const bool ok = check_mode(r, fd, path) && read_key(r, fd, path, g);
    close(fd);
    return ok;
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
        return rd_fail(r, "{\"file\": NAME} or {\"text\": KEY} is expected here");
    const cJSON *m = v->child;
    const bool is_file = strcmp(m->string, "file") == 0;
    rd_push(r, m->string);
    if (!is_file && strcmp(m->string, "text") != 0)
        return rd_fail(r, "unknown key \"%.64s\"", m->string);
    if (!cJSON_IsString(m))
        return rd_fail(r, "text in quotes is expected here");
    if (!(is_file ? psk_file(r, m->valuestring, g) : psk_text(r, m->valuestring, g)))
        return false;
    if (g->psk_n < PSK_SHORT)
        log_text(r->log, NHTB_LOG_WARNING, "gateway %s: the pre-shared key has only %zu bytes",
                 g->name, g->psk_n);
    return true;
}
