/* SPDX-License-Identifier: Apache-2.0
 * Frames on the gateway's control socket: one client or two send what the fuzzer likes, cut anywhere,
 * while events happen. Each answer is whole frames of JSON that say whether they worked and when they
 * end, a client that breaks the rules is told once and dropped, and nothing stays behind. The gateway
 * has a configuration, tables and a context, and no devices. Input: steps. docs/nhtbctl.md. */
#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl_server.h"
#include "fuzz/fuzz_side.h"
#include "port500.h"

enum { CLIENTS = 2, ANSWER = 1 << 17 };

#define GATEWAY(name, remote)                                                                      \
    "{\"name\":\"" name "\",\"local_address\":\"192.0.2.1\",\"remote_address\":\"" remote "\","    \
    "\"local_identity\":\"hub.example\",\"remote_identity\":\"" name ".example\","                 \
    "\"pre_shared_key\":{\"text\":\"a secret of thirty-two octets ..\"},"                          \
    "\"vpns\":[{\"name\":\"v\",\"bind_interface\":\"st0.0\"}]}"

static const char CONFIG[] =
    "{\"interfaces\":[{\"name\":\"st0.0\",\"multipoint\":true,\"address\":[\"10.0.0.1/24\"]}],"
    "\"gateways\":[" GATEWAY("a", "192.0.2.2") "," GATEWAY("b", "any") "]}";

typedef struct client {
    int fd;
    bool ended; /* by the gateway */
    size_t n;
    uint8_t in[ANSWER];
} client;

typedef struct state {
    gw g;
    gw_iface iface;
    nhtb_peer_id peers[2];
    fuzz_side s;
    client c[CLIENTS];
    char path[64];
} state;

/* ---- what lives as long as the program ---- */

static cfg *configuration(const gw_log *log)
{
    static cfg *c;
    cfg_error err;
    char path[64];
    if (c)
        return c;
    int fd = memfd_create("config", 0);
    fuzz_check(fd >= 0 && write(fd, CONFIG, sizeof CONFIG - 1) == (ssize_t)sizeof CONFIG - 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    c = cfg_load(path, log, &err);
    close(fd);
    if (!c)
        fprintf(stderr, "%s: %s\n", err.pointer, err.text);
    fuzz_check(c != NULL);
    return c;
}

/* Without sockets or devices; it never gets a packet. "show statistics" reads its counters. */
static gw_worker *idle_worker(void)
{
    static fuzz_side side;
    static gw_worker *w;
    gw_sock none[GW_SOCKS];
    if (w)
        return w;
    for (unsigned i = 0; i < GW_SOCKS; i++)
        none[i] = (gw_sock){.fd = -1};
    fuzz_side_init(&side, 9, "192.0.2.9");
    fuzz_side_open(&side);
    fuzz_check(worker_start(&w, side.w, none, NULL, 0) == 0);
    return w;
}

/* Never receives or sends. "show statistics" reads its counters. */
static port500 *idle_port500(gw *g)
{
    static port500 *p;
    if (p == NULL)
        fuzz_check(port500_new(&p, g, 1) == 0);
    return p;
}

/* ---- the gateway ---- */

static void open_gateway(state *st)
{
    nhtb_txn *t;
    gw *g = &st->g;
    fuzz_iface_opts i = {.kind = NHTB_IFACE_MULTIPOINT};
    g->log = (gw_log){.fd = -1};
    fuzz_side_init(&st->s, 4, "192.0.2.1");
    fuzz_side_open(&st->s);
    fuzz_side_iface(&st->s, 1, &i);
    g->ctx = st->s.ctx;
    g->settings = st->s.settings;
    g->config_path = "/nonexistent/nhtb.json"; /* "reload" has nothing to load */
    crew_init(&g->crew);                       /* no sockets: "show interfaces" lists open ones */
    g->crew.worker[0] = idle_worker();
    g->crew.n = 1;
    g->port500 = idle_port500(g);
    g->ike[0].fd = g->ike[1].fd = g->nl.fd = -1;
    st->iface = (gw_iface){.id = st->s.st0, .tun = {.fd = -1}};
    g->state = (gw_state){.cfg = configuration(&g->log), .ifaces = &st->iface, .peers = st->peers};
    fuzz_check(nhtb_txn_begin(g->ctx, &t) == 0);
    for (uint32_t k = 0; k < g->state.cfg->n_gateways; k++)
        fuzz_check(apply_peer(t, &g->state, k, &st->peers[k]) == 0);
    fuzz_check(nhtb_txn_commit(t, st->s.now) == 0);
    snprintf(st->path, sizeof st->path, "/tmp/nhtb-fuzz-%ld.sock", (long)getpid());
    fuzz_check(uv_loop_init(&g->loop) == 0 && ctl_start(g, st->path) == 0);
}

static void close_gateway(state *st)
{
    gw *g = &st->g;
    ctl_stop(g);
    while (uv_run(&g->loop, UV_RUN_NOWAIT) != 0)
        continue;
    fuzz_check(uv_loop_close(&g->loop) == 0 && access(st->path, F_OK) != 0);
    fuzz_side_pump(&st->s, NULL, NULL);
    fuzz_side_close(&st->s);
}

/* ---- answers ---- */

static void check_frame(const uint8_t *p, size_t n)
{
    cJSON *j = cJSON_ParseWithLength((const char *)p, n);
    const cJSON *ok = cJSON_GetObjectItemCaseSensitive(j, "ok");
    fuzz_check(j != NULL && (cJSON_IsArray(j) || cJSON_IsObject(j)));
    if (cJSON_IsObject(j)) {
        fuzz_check(cJSON_IsBool(ok) && cJSON_HasObjectItem(j, "end"));
        fuzz_check(cJSON_IsTrue(ok) || cJSON_HasObjectItem(j, "code"));
    }
    cJSON_Delete(j);
}

static void take_frames(client *c)
{
    size_t at = 0;
    while (c->n - at >= 4) {
        uint32_t n = nhi_get32(c->in + at);
        fuzz_check(n >= 2 && n <= CTL_FRAME_MAX);
        if (c->n - at - 4 < n)
            break;
        check_frame(c->in + at + 4, n);
        at += 4 + n;
    }
    c->n -= at;
    memmove(c->in, c->in + at, c->n);
}

static bool hear(client *c)
{
    if (c->fd < 0 || c->ended)
        return false;
    fuzz_check(c->n < ANSWER);
    ssize_t n = recv(c->fd, c->in + c->n, ANSWER - c->n, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    c->ended = n <= 0;
    c->n += n > 0 ? (size_t)n : 0;
    take_frames(c);
    fuzz_check(!c->ended || n < 0 || c->n == 0); /* no half frame is the last one */
    return true;
}

/* Until nobody has anything more to do. */
static void turn(state *st)
{
    for (unsigned quiet = 0; quiet < 2; quiet++) {
        uv_run(&st->g.loop, UV_RUN_NOWAIT);
        for (unsigned i = 0; i < CLIENTS; i++)
            if (hear(&st->c[i]))
                quiet = 0;
    }
}

/* ---- clients ---- */

static void leave(client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    *c = (client){.fd = -1};
}

/* The gateway accepts at once: its backlog is short. */
static void come(state *st, client *c)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    leave(c);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(un.sun_path, st->path, strlen(st->path));
    fuzz_check(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&un, sizeof un) == 0);
    turn(st);
}

static void say(client *c, nhtb_span s)
{
    if (c->fd >= 0 && !c->ended && s.n > 0)
        (void)!send(c->fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say_frame(client *c, nhtb_span text)
{
    uint8_t head[4];
    nhi_put32(head, (uint32_t)text.n);
    say(c, (nhtb_span){head, 4});
    say(c, text);
}

static void step(state *st, fuzz_in *in)
{
    static const char event[] = "{\"event\":\"tunnel_up\",\"peer\":\"a\"}";
    unsigned op = fuzz_u8(in);
    client *c = &st->c[op >> 3 & 1];
    switch (op & 7) {
    case 0:
    case 1:
    case 2: say_frame(c, fuzz_take(in, fuzz_u8(in))); break;
    case 3: say(c, fuzz_take(in, fuzz_u8(in))); break; /* a piece of something */
    case 4: come(st, c); break;
    case 5: leave(c); break;
    case 6:
        for (unsigned i = 1 + (op >> 4); i > 0; i--)
            ctl_event(&st->g, event, sizeof event - 1);
        break;
    default: break;
    }
    if (op & 0x80 || (op & 7) == 7)
        turn(st);
}

int fuzz_control(const uint8_t *p, size_t n)
{
    static state st;
    fuzz_in in = {p, n};
    if (n > 4000)
        return 0;
    signal(SIGPIPE, SIG_IGN); /* as the gateway does */
    memset(&st, 0, sizeof st);
    open_gateway(&st);
    for (unsigned i = 0; i < CLIENTS; i++)
        st.c[i].fd = -1;
    come(&st, &st.c[0]);
    while (in.n > 0)
        step(&st, &in);
    turn(&st);
    for (unsigned i = 0; i < CLIENTS; i++)
        leave(&st.c[i]);
    turn(&st);
    close_gateway(&st);
    return 0;
}
