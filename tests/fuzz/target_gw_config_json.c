/* SPDX-License-Identifier: Apache-2.0
 * The gateway's configuration reader: whatever the text, it is read as a whole or refused with a
 * position inside it. Input: the file. Secrets in files are not followed beyond what the reader
 * itself allows. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "fuzz/fuzz.h"

static void check_error(const cfg_error *e, const uint8_t *p, size_t n)
{
    char line[2048];
    unsigned lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += p[i] == '\n';
    fuzz_check(e->text[0] != 0 && e->pos.line <= lines);
    fuzz_check(e->pos.line == 0 || (e->pos.column >= 1 && e->pos.column <= n + 1));
    fuzz_check(memchr(e->pointer, 0, sizeof e->pointer) && memchr(e->text, 0, sizeof e->text));
    cfg_error_format(e, "f.json", line, sizeof line);
    fuzz_check(memchr(line, 0, sizeof line) != NULL && strchr(line, '\n') == NULL);
}

static void check_positions(const uint8_t *p, size_t n)
{
    char pointer[CFG_POINTER_MAX] = "";
    const char *why = NULL;
    cfg_pos pos = {0, 0};
    char *text = (char *)fuzz_dup(p, n);
    if (!cfg_pos_check(text, n, &pos, pointer, &why))
        fuzz_check(why && pos.line >= 1 && pos.column >= 1);
    else
        pos = cfg_pos_find(text, n, "/gateways/0/vpns/0/name");
    free(text);
}

int fuzz_config_json(const uint8_t *p, size_t n)
{
    static const gw_log log = {.fd = -1};
    char path[64];
    cfg_error err;
    memset(&err, 0, sizeof err);
    check_positions(p, n);
    int fd = memfd_create("config", 0);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    cfg *c = cfg_load(path, &log, &err);
    close(fd);
    if (!c)
        check_error(&err, p, n);
    else
        fuzz_check(c->n_ifaces <= 4096 && (c->n_next_hops == 0 || c->n_ifaces > 0));
    cfg_del(c);
    return 0;
}
