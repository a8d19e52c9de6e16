/* SPDX-License-Identifier: Apache-2.0
 * Log lines: see log.h. Time is UTC with milliseconds. Key material never reaches this file. */
#define _GNU_SOURCE
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const LEVELS[] = {"error", "warning", "notice", "info", "debug"};

static const char *level_name(unsigned level)
{
    return level < sizeof LEVELS / sizeof *LEVELS ? LEVELS[level] : "?";
}

static void stamp(char dst[40])
{
    struct timespec ts;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    const size_t n = strftime(dst, 24, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(dst + n, 40 - n, ".%03ldZ", ts.tv_nsec / 1000000);
}

static void put(int fd, const char *p, size_t n)
{
    while (n > 0) {
        const ssize_t r = write(fd, p, n);
        if (r <= 0)
            return;
        p += r;
        n -= (size_t)r;
    }
}

static void line_json(const gw_log *l, unsigned level, const char *event, const char *text,
                      const json_out *members)
{
    char at[40];
    json_out w;
    stamp(at);
    json_init(&w);
    json_open(&w, NULL, '{');
    json_str(&w, "time", at);
    json_str(&w, "level", level_name(level));
    json_str(&w, "event", event);
    json_str(&w, "message", text);
    if (members != NULL && members->n > 0 && !members->failed) {
        json_raw(&w, ",", 1);
        json_raw(&w, members->p, members->n);
    }
    json_close(&w, '}');
    json_raw(&w, "\n", 1);
    if (!w.failed)
        put(l->fd, w.p, w.n);
    json_fini(&w);
}

static void line_text(const gw_log *l, unsigned level, const char *text)
{
    char at[40], line[1024];
    stamp(at);
    int n = snprintf(line, sizeof line - 1, "%s %-7s %s", at, level_name(level), text);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof line - 1)
        n = (int)sizeof line - 2;
    line[n] = '\n';
    put(l->fd, line, (size_t)n + 1);
}

void log_event(const gw_log *l, unsigned level, const char *event, const char *text,
               const json_out *members)
{
    if (level > l->level)
        return;
    if (l->json)
        line_json(l, level, event, text, members);
    else
        line_text(l, level, text);
}

void log_text(const gw_log *l, unsigned level, const char *fmt, ...)
{
    char text[900];
    va_list ap;
    if (level > l->level)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_event(l, level, "log", text, NULL);
}

void log_record(const gw_log *l, const nhtb_log *rec)
{
    char text[900];
    json_out m;
    if (rec->level > l->level)
        return;
    json_init(&m);
    json_str(&m, "room", rec->room);
    if (rec->peer_name != NULL)
        json_str(&m, "peer", rec->peer_name);
    if (rec->spi_i != 0) {
        json_hex(&m, "spi_i", rec->spi_i, 16);
        json_hex(&m, "spi_r", rec->spi_r, 16);
    }
    snprintf(text, sizeof text, "%s: %s%s%s", rec->room,
             rec->peer_name != NULL ? rec->peer_name : "", rec->peer_name != NULL ? ": " : "",
             rec->text);
    log_event(l, rec->level, "log", text, &m);
    json_fini(&m);
}
