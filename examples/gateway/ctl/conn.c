/* SPDX-License-Identifier: Apache-2.0
 * nhtbctl's connection: one request, frames until one says "end". Rows are passed through as text,
 * so 64-bit counters lose nothing. Blocking, with a time limit. */
#define _GNU_SOURCE
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define FRAME_MAX  65536
#define PATIENCE_S 30

static int dial(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    if (strlen(path) >= sizeof un.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(un.sun_path, path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&un, sizeof un) == 0)
        return fd;
    const int err = errno;
    close(fd);
    errno = err;
    return -1;
}

static bool put_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        const ssize_t r = send(fd, p, n, MSG_NOSIGNAL);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return false;
        p += r;
        n -= (size_t)r;
    }
    return true;
}

static bool get_all(int fd, char *p, size_t n)
{
    while (n > 0) {
        const ssize_t r = recv(fd, p, n, 0);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return false;
        p += r;
        n -= (size_t)r;
    }
    return true;
}

static bool put_frame(int fd, const json_out *w)
{
    char head[4];
    for (unsigned i = 0; i < 4; i++)
        head[i] = (char)(uint8_t)(w->n >> (24 - 8 * i));
    return put_all(fd, head, sizeof head) && put_all(fd, w->p, w->n);
}

/* The frame's text, terminated; NULL: the connection ended or broke the rules. */
static char *get_frame(int fd, size_t *n)
{
    char head[4];
    *n = 0;
    if (!get_all(fd, head, sizeof head))
        return NULL;
    for (unsigned i = 0; i < 4; i++)
        *n = *n << 8 | (uint8_t)head[i];
    if (*n < 2 || *n > FRAME_MAX)
        return NULL;
    char *text = malloc(*n + 1);
    if (text == NULL || !get_all(fd, text, *n)) {
        free(text);
        return NULL;
    }
    text[*n] = 0;
    return text;
}

static void add_rows(json_out *rows, const char *text, size_t n)
{
    if (rows->n > 1)
        json_raw(rows, ",", 1);
    json_raw(rows, text + 1, n - 2);
}

/* One answer; *last is the object that ended it. */
static int collect(int fd, json_out *rows, cJSON **last)
{
    for (;;) {
        size_t n;
        char *text = get_frame(fd, &n);
        if (text == NULL)
            return CTL_PROTOCOL;
        if (text[0] == '[') {
            add_rows(rows, text, n);
            free(text);
            continue;
        }
        cJSON_Delete(*last);
        *last = cJSON_ParseWithLength(text, n);
        free(text);
        if (!cJSON_IsObject(*last))
            return CTL_PROTOCOL;
        if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(*last, "ok")))
            return CTL_REFUSED;
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(*last, "end")))
            return CTL_OK;
    }
}

int conn_ask(const char *socket_path, const json_out *request, json_out *rows, cJSON **last)
{
    *last = NULL;
    const int fd = dial(socket_path);
    if (fd < 0) {
        fprintf(stderr, "nhtbctl: %s: %s\n", socket_path, strerror(errno));
        return CTL_UNREACHABLE;
    }
    json_raw(rows, "[", 1);
    /* a refused connection is answered before our request is read: look for that answer anyway */
    (void)put_frame(fd, request);
    const int status = collect(fd, rows, last);
    json_raw(rows, "]", 1);
    close(fd);
    if (status == CTL_PROTOCOL)
        fprintf(stderr, "nhtbctl: %s: the answer broke off\n", socket_path);
    return rows->failed ? CTL_PROTOCOL : status;
}

static int stream(int fd, bool (*row)(void *user, const cJSON *event), void *user)
{
    bool more = true;
    int status = CTL_OK;
    while (more && status == CTL_OK) {
        size_t n;
        char *text = get_frame(fd, &n);
        cJSON *v = text != NULL ? cJSON_ParseWithLength(text, n) : NULL;
        free(text);
        if (v == NULL)
            status = CTL_PROTOCOL;
        else if (cJSON_IsObject(v) && !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(v, "ok")))
            status = CTL_REFUSED;
        for (const cJSON *e = cJSON_IsArray(v) ? v->child : NULL; e != NULL && more; e = e->next)
            more = row(user, e);
        cJSON_Delete(v);
    }
    return status;
}

int conn_stream(const char *socket_path, const json_out *request,
                bool (*row)(void *user, const cJSON *event), void *user)
{
    const struct timeval forever = {0};
    const int fd = dial(socket_path);
    if (fd < 0) {
        fprintf(stderr, "nhtbctl: %s: %s\n", socket_path, strerror(errno));
        return CTL_UNREACHABLE;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever);
    (void)put_frame(fd, request);
    const int status = stream(fd, row, user);
    close(fd);
    if (status != CTL_OK)
        fprintf(stderr, "nhtbctl: %s: %s\n", socket_path,
                status == CTL_REFUSED ? "refused" : "the gateway ended");
    return status;
}
