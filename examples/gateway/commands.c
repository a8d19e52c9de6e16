/* SPDX-License-Identifier: Apache-2.0
 * Requests of the control socket: {"command": ..., arguments}. Each is checked completely before
 * anything is done; unknown members are refused like unknown configuration keys. Called by
 * ctl_server.c. Control thread. */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config_pos.h"
#include "ctl_server.h"
#include "owners.h"

typedef struct call {
    gw *g;
    const cJSON *request;
    json_out *w;
    ctl_answer *out;
} call;

void ctl_refuse(json_out *w, const char *code, const char *fmt, ...)
{
    char text[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_open(w, NULL, '{');
    json_bool(w, "ok", false);
    json_bool(w, "end", true);
    json_str(w, "code", code);
    json_str(w, "error", text);
    json_close(w, '}');
}

static void done(const call *c, const char *message)
{
    json_open(c->w, NULL, '{');
    json_bool(c->w, "ok", true);
    json_bool(c->w, "end", true);
    json_str(c->w, "message", message);
    json_close(c->w, '}');
}

static const char *text_of(const call *c, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->request, key);
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

/* The chain of one destination instead of the whole table of routes. */
static void show_way(const call *c, const char *address)
{
    nhtb_addr a;
    if (nhtb_addr_parse(address, &a) != 0)
        ctl_refuse(c->w, "bad_argument", "not an address: %.64s", address);
    else
        way_show(c->g, &a, c->w);
}

static bool limit_to(const call *c, const char *iface)
{
    const cfg *f = c->g->state.cfg;
    for (uint32_t i = 0; i < f->n_ifaces; i++)
        if (strcmp(f->ifaces[i].name, iface) == 0)
            return snprintf(c->out->at.iface, sizeof c->out->at.iface, "%s", iface) > 0;
    ctl_refuse(c->w, "not_found", "no interface is named \"%.64s\"", iface);
    return false;
}

static void do_show(const call *c)
{
    const char *table = text_of(c, "table"), *address = text_of(c, "address");
    const char *iface = text_of(c, "interface");
    const bool bindings = table != NULL && strcmp(table, "ipsec next-hop-tunnels") == 0;
    const bool routes = table != NULL && strcmp(table, "route") == 0;
    if ((address != NULL && !routes) || (iface != NULL && !bindings)) {
        ctl_refuse(c->w, "unknown_argument", "this table takes no %s",
                   address != NULL ? "address" : "interface");
        return;
    }
    if (address != NULL) {
        show_way(c, address);
        return;
    }
    if (iface != NULL && !limit_to(c, iface))
        return;
    c->out->table = table != NULL ? show_find(table) : NULL;
    if (c->out->table == NULL) {
        ctl_refuse(c->w, "unknown_table", "no such table: %.64s", table != NULL ? table : "(none)");
        return;
    }
    json_open(c->w, NULL, '{');
    json_bool(c->w, "ok", true);
    json_bool(c->w, "end", false);
    json_str(c->w, "table", table);
    json_close(c->w, '}');
}

/* What the name of a peer stands for. */
enum {
    ALSO_ALL = 1,       /* "all": every peer */
    ALSO_INSTANCES = 2, /* an entry for many: the identities it admitted; it has no SAs itself */
};

typedef int (*action)(gw *g, nhtb_peer_id id, const call *c, nhtb_time now);

static bool is_meant(const nhtb_peer_info *row, const nhtb_peer_info *named, unsigned also)
{
    const bool entry = row->wildcard != NHTB_WILDCARD_NONE || row->shared;
    if ((also & ALSO_INSTANCES) != 0 && entry)
        return false;
    return named == NULL || row->id.id == named->id.id ||
           ((also & ALSO_INSTANCES) != 0 && row->entry.id == named->id.id && row->up);
}

static void act_on(const call *c, const nhtb_peer_info *named, unsigned also, action act)
{
    nhtb_peer_info row = {.size = sizeof row};
    uint32_t cursor = 0, n = 0;
    char message[96];
    while (nhtb_peer_next(c->g->ctx, &cursor, &row)) {
        if (is_meant(&row, named, also)) {
            const int err = act(c->g, row.id, c, gw_now());
            if (err != 0) {
                ctl_refuse(c->w, "failed", "%s: %s", row.name, nhtb_strerror(err));
                return;
            }
            n++;
        }
        row.size = sizeof row;
    }
    snprintf(message, sizeof message, "%u peer%s", n, n == 1 ? "" : "s");
    done(c, message);
}

static void each_peer(const call *c, unsigned also, action act)
{
    const char *name = text_of(c, "peer");
    nhtb_peer_info named;
    if (name == NULL)
        ctl_refuse(c->w, "missing", "the name of a peer is missing");
    else if ((also & ALSO_ALL) != 0 && strcmp(name, "all") == 0)
        act_on(c, NULL, also, act);
    else if (!gw_peer_find(c->g, name, &named))
        ctl_refuse(c->w, "not_found", "no peer is named \"%.64s\"", name);
    else
        act_on(c, &named, also, act);
}

static int act_initiate(gw *g, nhtb_peer_id id, const call *c, nhtb_time now)
{
    (void)c;
    return nhtb_peer_initiate(g->ctx, id, now);
}

static int act_clear(gw *g, nhtb_peer_id id, const call *c, nhtb_time now)
{
    (void)c;
    return nhtb_peer_clear(g->ctx, id, now);
}

static int act_rekey(gw *g, nhtb_peer_id id, const call *c, nhtb_time now)
{
    const char *what = text_of(c, "what");
    const bool child = what != NULL && strcmp(what, "child") == 0;
    return nhtb_peer_rekey(g->ctx, id, child ? NHTB_REKEY_CHILD : NHTB_REKEY_IKE, now);
}

static void do_initiate(const call *c)
{
    each_peer(c, 0, act_initiate);
}

/* Who owns which next hop is forgotten; the next to announce one gets it. */
static void clear_owners(const call *c)
{
    const char *address = text_of(c, "address");
    nhtb_addr a;
    char message[64];
    if (strcmp(text_of(c, "table"), "ipsec next-hop-tunnels") != 0) {
        ctl_refuse(c->w, "unknown_table", "only ipsec next-hop-tunnels can be cleared");
        return;
    }
    if (address != NULL && nhtb_addr_parse(address, &a) != 0) {
        ctl_refuse(c->w, "bad_argument", "not an address: %.64s", address);
        return;
    }
    const size_t n = owners_clear(c->g, address != NULL ? &a : NULL);
    snprintf(message, sizeof message, "%zu next hop%s without an owner", n, n == 1 ? "" : "s");
    done(c, message);
}

static void do_clear(const call *c)
{
    if (text_of(c, "table") != NULL) {
        clear_owners(c);
        return;
    }
    each_peer(c, ALSO_ALL | ALSO_INSTANCES, act_clear);
}

static void do_rekey(const call *c)
{
    const char *what = text_of(c, "what");
    if (what != NULL && strcmp(what, "ike") != 0 && strcmp(what, "child") != 0) {
        ctl_refuse(c->w, "bad_argument", "rekey what: \"ike\" or \"child\"");
        return;
    }
    each_peer(c, ALSO_INSTANCES, act_rekey);
}

/* Rows follow as events come; the answer has no end. */
static void do_monitor(const call *c)
{
    c->out->monitor = true;
    json_open(c->w, NULL, '{');
    json_bool(c->w, "ok", true);
    json_bool(c->w, "end", false);
    json_str(c->w, "table", "events");
    json_close(c->w, '}');
}

static void do_explain(const call *c)
{
    const char *name = text_of(c, "peer");
    nhtb_peer_info named;
    if (name == NULL || !gw_peer_find(c->g, name, &named))
        ctl_refuse(c->w, "not_found", "no peer is named \"%.64s\"", name != NULL ? name : "");
    else if (!explain_peer(c->g, &named, c->w))
        ctl_refuse(c->w, "failed", "%.64s is being changed", name);
}

/* From workers with more tunnels to those with less: a hundred peers at a time, so that their rekeys do
 * not come all at once. */
static void do_rebalance(const call *c)
{
    size_t n = 0;
    char message[96] = "nothing to move";
    const int err = nhtb_rebalance(c->g->ctx, 100, gw_now(), &n);
    if (n != 0)
        snprintf(message, sizeof message, "%zu gateway%s move with the next rekey, under way", n,
                 n == 1 ? "" : "s");
    if (err != 0)
        ctl_refuse(c->w, "failed", "%s", nhtb_strerror(err));
    else
        done(c, message);
}

static void do_reload(const call *c)
{
    char err[900];
    if (loop_reload(c->g, err, sizeof err))
        done(c, "configuration loaded");
    else
        ctl_refuse(c->w, "bad_configuration", "%s", err);
}

static const struct {
    const char *name;
    void (*run)(const call *c);
    const char *arguments[3];
} COMMANDS[] = {
    {"show", do_show, {"table", "address", "interface"}},
    {"initiate", do_initiate, {"peer", NULL, NULL}},
    {"clear", do_clear, {"peer", "table", "address"}},
    {"rekey", do_rekey, {"peer", "what", NULL}},
    {"explain", do_explain, {"peer", NULL, NULL}},
    {"monitor", do_monitor, {NULL, NULL, NULL}},
    {"rebalance", do_rebalance, {NULL, NULL, NULL}},
    {"reload", do_reload, {NULL, NULL, NULL}},
};

static bool allowed(const char *key, const char *const *arguments)
{
    if (strcmp(key, "command") == 0)
        return true;
    for (size_t i = 0; i < 3 && arguments[i] != NULL; i++)
        if (strcmp(arguments[i], key) == 0)
            return true;
    return false;
}

static void run(const call *c)
{
    const char *name = text_of(c, "command");
    for (size_t i = 0; name != NULL && i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        if (strcmp(COMMANDS[i].name, name) != 0)
            continue;
        for (const cJSON *m = c->request->child; m != NULL; m = m->next) {
            if (allowed(m->string, COMMANDS[i].arguments))
                continue;
            ctl_refuse(c->w, "unknown_argument", "%s takes no \"%.64s\"", name, m->string);
            return;
        }
        COMMANDS[i].run(c);
        return;
    }
    ctl_refuse(c->w, "unknown_command", "no such command: %.64s", name != NULL ? name : "(none)");
}

void ctl_command(gw *g, const char *text, size_t n, json_out *w, ctl_answer *out)
{
    char pointer[CFG_POINTER_MAX] = "";
    const char *why = NULL;
    cfg_pos pos;
    memset(out, 0, sizeof *out);
    if (!cfg_pos_check(text, n, &pos, pointer, &why)) {
        ctl_refuse(w, "bad_request", "not a JSON request: %s (byte %u)", why, pos.column);
        return;
    }
    cJSON *j = cJSON_ParseWithLength(text, n);
    const call c = {g, j, w, out};
    if (cJSON_IsObject(j))
        run(&c);
    else
        ctl_refuse(w, "bad_request", "a request is a JSON object");
    cJSON_Delete(j);
}
