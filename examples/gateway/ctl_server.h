/* SPDX-License-Identifier: Apache-2.0
 * The control socket: UNIX stream, mode 0600, only uid 0 and the gateway's own uid. A frame is a
 * 4-byte big-endian length (1..65536) and that many bytes of JSON. One request object is answered
 * by an object frame {"ok":...}; a table adds array frames of rows and a closing {"ok":true,
 * "end":true}. docs/nhtbctl.md describes it. Control thread. */
#ifndef GATEWAY_CTL_SERVER_H
#define GATEWAY_CTL_SERVER_H

#include "gateway.h"
#include "show.h"

#define CTL_FRAME_MAX      65536
#define CTL_CLIENTS        16
#define CTL_IDLE_MS        30000
#define CTL_DEFAULT_SOCKET "/run/nhtb-gateway.sock"

typedef struct ctl_server ctl_server;

/** Listens on path. 0 or -errno; -EADDRINUSE when another gateway answers there. */
int ctl_start(gw *g, const char *path);
/** Stops listening, removes the socket, drops the clients; the loop must run once more. */
void ctl_stop(gw *g);

/** What a request asks for: an answer at once (written to w as one object), or a table. */
typedef struct ctl_answer {
    show_row table; /* NULL: no rows follow */
    show_place at;
    bool monitor; /* events follow until the client goes */
} ctl_answer;
/** One event, a JSON object, to every client that monitors. */
void ctl_event(gw *g, const char *object, size_t n);

/** commands.c: handles one request text and writes the first frame's object. */
void ctl_command(gw *g, const char *text, size_t n, json_out *w, ctl_answer *out);
/** {"ok":false,"end":true,"code":...,"error":...} */
void ctl_refuse(json_out *w, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
