/* SPDX-License-Identifier: Apache-2.0
 * The control socket: see ctl_server.h. A client has one request in work at a time; rows are
 * produced when the socket takes them, so a slow reader costs one chunk and blocks nobody. */
#define _GNU_SOURCE
#include "ctl_server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK   32768 /* rows are added until a frame has this many bytes */
#define BACKLOG 60000 /* events that wait for a slow client; more are counted and left out */

typedef struct client {
    uv_pipe_t pipe;
    uv_timer_t idle;
    uv_write_t write;
    struct ctl_server *server;
    struct client *next;
    json_out out;
    ctl_answer answer;
    bool writing, table_open, close_after, closing, monitor;
    json_out waiting; /* events, separated by commas */
    uint64_t lost;
    unsigned handles; /* not yet closed */
    size_t n_in;
    char in[4 + CTL_FRAME_MAX];
} client;

struct ctl_server {
    gw *g;
    uv_pipe_t pipe;
    char path[108];
    client *clients;
    unsigned n_clients;
};

static void serve(client *c);
static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b);
static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

/* ---- life of a client ---- */

static void client_closed(uv_handle_t *h)
{
    client *c = h->data;
    if (--c->handles > 0)
        return;
    json_fini(&c->out);
    json_fini(&c->waiting);
    free(c);
}

static void client_close(client *c)
{
    if (c->closing)
        return;
    c->closing = true;
    for (client **at = &c->server->clients; *at != NULL; at = &(*at)->next) {
        if (*at != c)
            continue;
        *at = c->next;
        c->server->n_clients--;
        break;
    }
    uv_close((uv_handle_t *)&c->pipe, client_closed);
    uv_close((uv_handle_t *)&c->idle, client_closed);
}

static void on_idle(uv_timer_t *t)
{
    client_close(t->data);
}

static void touch(client *c)
{
    if (c->monitor && !c->writing)
        uv_timer_stop(&c->idle); /* it waits for us, not we for it */
    else
        uv_timer_start(&c->idle, on_idle, CTL_IDLE_MS, 0);
}

/* ---- answers ---- */

static void on_written(uv_write_t *req, int status)
{
    client *c = req->data;
    c->writing = false;
    if (status < 0 || (c->close_after && !c->table_open)) {
        client_close(c);
        return;
    }
    touch(c);
    serve(c);
}

/* The text in c->out was begun with four bytes for its length. */
static void send_frame(client *c)
{
    if (c->out.failed) {
        client_close(c);
        return;
    }
    const uint32_t n = (uint32_t)(c->out.n - 4);
    for (unsigned i = 0; i < 4; i++)
        c->out.p[i] = (char)(uint8_t)(n >> (24 - 8 * i));
    uv_buf_t b = uv_buf_init(c->out.p, (unsigned)c->out.n);
    c->writing = true;
    c->write.data = c;
    uv_read_stop((uv_stream_t *)&c->pipe); /* one request at a time */
    if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &b, 1, on_written) != 0)
        client_close(c);
}

static void begin_frame(client *c)
{
    json_reset(&c->out);
    json_raw(&c->out, "\0\0\0\0", 4);
}

static void send_rows(client *c)
{
    bool more = true;
    begin_frame(c);
    json_open(&c->out, NULL, '[');
    while (c->out.n < CHUNK && more)
        more = c->answer.table(c->server->g, &c->answer.at, &c->out);
    json_close(&c->out, ']');
    if (c->out.n > 4 + 2) { /* "[]" is not worth a frame */
        if (!more)
            c->answer.table = NULL;
        send_frame(c);
        return;
    }
    c->answer.table = NULL;
    serve(c);
}

static void send_events(client *c)
{
    char lost[64];
    begin_frame(c);
    json_open(&c->out, NULL, '[');
    json_raw(&c->out, c->waiting.p, c->waiting.n);
    if (c->lost > 0) {
        const int n = snprintf(lost, sizeof lost, "%s{\"event\":\"lost\",\"count\":%" PRIu64 "}",
                               c->waiting.n > 0 ? "," : "", c->lost);
        json_raw(&c->out, lost, (size_t)n);
    }
    json_close(&c->out, ']');
    json_reset(&c->waiting);
    c->lost = 0;
    send_frame(c);
}

void ctl_event(gw *g, const char *object, size_t n)
{
    client *next;
    for (client *c = g->ctl != NULL ? g->ctl->clients : NULL; c != NULL; c = next) {
        next = c->next; /* a client that fails leaves the list */
        if (!c->monitor || c->closing)
            continue;
        if (c->waiting.n + n + 1 > BACKLOG || c->waiting.failed) {
            c->lost++;
            continue;
        }
        if (c->waiting.n > 0)
            json_raw(&c->waiting, ",", 1);
        json_raw(&c->waiting, object, n);
        serve(c);
    }
}

static void send_end(client *c)
{
    begin_frame(c);
    json_open(&c->out, NULL, '{');
    json_bool(&c->out, "ok", true);
    json_bool(&c->out, "end", true);
    if (c->server->g->keylog != NULL)
        json_bool(&c->out, "keylog", true);
    json_close(&c->out, '}');
    c->table_open = false;
    send_frame(c);
}

static void send_refusal(client *c, const char *code, const char *text)
{
    begin_frame(c);
    ctl_refuse(&c->out, code, "%s", text);
    c->close_after = true;
    send_frame(c);
}

/* ---- requests ---- */

static bool take_request(client *c)
{
    if (c->n_in < 4)
        return false;
    uint32_t n = 0;
    for (unsigned i = 0; i < 4; i++)
        n = n << 8 | (uint8_t)c->in[i];
    if (n == 0 || n > CTL_FRAME_MAX) {
        send_refusal(c, "frame_size", "a frame has 1 to 65536 bytes");
        return true;
    }
    if (c->n_in < 4 + (size_t)n)
        return false;
    begin_frame(c);
    ctl_command(c->server->g, c->in + 4, n, &c->out, &c->answer);
    c->table_open = c->answer.table != NULL;
    c->monitor = c->answer.monitor;
    c->n_in -= 4 + (size_t)n;
    memmove(c->in, c->in + 4 + n, c->n_in);
    send_frame(c);
    return true;
}

/* Whatever comes next for this client: rows, the end of a table, or the next request. */
static void serve(client *c)
{
    if (c->writing || c->closing)
        return;
    if (c->monitor && (c->waiting.n > 0 || c->lost > 0))
        send_events(c);
    else if (c->monitor)
        uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read); /* to see it go */
    else if (c->answer.table != NULL)
        send_rows(c);
    else if (c->table_open)
        send_end(c);
    else if (!c->close_after && !take_request(c))
        uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    client *c = h->data;
    (void)suggested;
    *b = uv_buf_init(c->in + c->n_in, (unsigned)(sizeof c->in - c->n_in));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    client *c = s->data;
    (void)b;
    if (n < 0 || (n > 0 && c->monitor)) { /* who monitors has nothing more to say */
        client_close(c);
        return;
    }
    c->n_in += (size_t)n;
    touch(c);
    serve(c);
}

static bool trusted(uv_pipe_t *p, uid_t *uid)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    uv_os_fd_t fd;
    *uid = (uid_t)-1;
    if (uv_fileno((uv_handle_t *)p, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
        return false;
    *uid = cred.uid;
    return cred.uid == 0 || cred.uid == geteuid();
}

static void admit(client *c)
{
    ctl_server *s = c->server;
    uid_t uid;
    touch(c);
    if (!trusted(&c->pipe, &uid)) {
        log_text(&s->g->log, NHTB_LOG_WARNING, "control: user %u refused", (unsigned)uid);
        send_refusal(c, "not_allowed", "only root and the gateway's own user may use this socket");
        return;
    }
    if (s->n_clients > CTL_CLIENTS) {
        send_refusal(c, "too_many_clients", "too many clients");
        return;
    }
    serve(c);
}

static void on_connection(uv_stream_t *listener, int status)
{
    ctl_server *s = listener->data;
    client *c = status == 0 ? calloc(1, sizeof *c) : NULL;
    if (c == NULL)
        return;
    c->server = s;
    c->handles = 2;
    json_init(&c->out);
    json_init(&c->waiting);
    uv_pipe_init(&s->g->loop, &c->pipe, 0);
    uv_timer_init(&s->g->loop, &c->idle);
    c->pipe.data = c->idle.data = c;
    c->next = s->clients;
    s->clients = c;
    s->n_clients++;
    if (uv_accept(listener, (uv_stream_t *)&c->pipe) != 0)
        client_close(c);
    else
        admit(c);
}

/* ---- life of the server ---- */

/* A socket file nobody answers on is left from a killed gateway. */
static int clear_path(const char *path)
{
    struct stat st;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    strncpy(un.sun_path, path, sizeof un.sun_path - 1);
    const bool alive = connect(fd, (struct sockaddr *)&un, sizeof un) == 0;
    close(fd);
    if (alive)
        return -EADDRINUSE;
    return unlink(path) != 0 ? -errno : 0;
}

int ctl_start(gw *g, const char *path)
{
    int err = strlen(path) < sizeof((ctl_server *)0)->path ? clear_path(path) : -ENAMETOOLONG;
    ctl_server *s = err == 0 ? calloc(1, sizeof *s) : NULL;
    if (s == NULL)
        return err != 0 ? err : -ENOMEM;
    s->g = g;
    strcpy(s->path, path);
    uv_pipe_init(&g->loop, &s->pipe, 0);
    s->pipe.data = s;
    const mode_t old = umask(0177); /* never open to others, not even for a moment */
    err = uv_pipe_bind(&s->pipe, path);
    umask(old);
    if (err == 0)
        err = uv_listen((uv_stream_t *)&s->pipe, CTL_CLIENTS, on_connection);
    g->ctl = s;
    if (err != 0)
        ctl_stop(g);
    return err;
}

static void server_closed(uv_handle_t *h)
{
    free(h->data);
}

void ctl_stop(gw *g)
{
    ctl_server *s = g->ctl;
    if (s == NULL)
        return;
    while (s->clients != NULL)
        client_close(s->clients);
    g->ctl = NULL;
    uv_close((uv_handle_t *)&s->pipe, server_closed); /* removes the socket file too */
}
