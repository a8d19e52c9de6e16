/* SPDX-License-Identifier: Apache-2.0
 * nhtbctl: words of the command line to one request, the answer to text or JSON. Exit statuses are
 * stable: 0 done, 1 refused, 2 usage, 3 gateway unreachable, 4 broken answer. */
#define _GNU_SOURCE
#include "derive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_SOCKET "/run/nhtb-gateway.sock"

static const char USAGE[] =
    "usage: nhtbctl [--socket PATH] [--json] [--watch SECONDS] COMMAND\n"
    "  show ike sa [detail]             IKE security associations\n"
    "  show ipsec sa [detail]           IPsec security associations\n"
    "  show ipsec next-hop-tunnels [interface-name NAME]\n"
    "                                   next-hop tunnel bindings (NHTB)\n"
    "  show ipsec next-hop-owners       which identity a next hop belongs to\n"
    "  show route                       routes into tunnels and to own networks\n"
    "  show route ADDRESS               route, next hop, binding, tunnel and SA of a destination\n"
    "  show interfaces                  tunnel interfaces\n"
    "  show peers                       configured gateways\n"
    "  show statistics [detail]         counters; without detail those that are not 0\n"
    "  show security [detail]           limits, half-open counts, cookies, drops by reason\n"
    "  show security pki                configured certificates, validity, fingerprints\n"
    "  show tunnel-map [summary]        the worker each gateway is anchored on\n"
    "  show tunnel-distribution         what each worker has, hand-offs\n"
    "  explain PEER                     why its tunnels are not up\n"
    "  monitor                          events as they come, until interrupted\n"
    "  initiate PEER                    start the tunnels of a gateway\n"
    "  clear PEER|all                   delete the SAs (the peer is told)\n"
    "  clear ipsec next-hop-tunnels [ADDRESS]\n"
    "                                   forget who owns learnt next hops\n"
    "  rekey PEER [ike|child]           fresh keys now\n"
    "  rebalance                        move tunnels to workers with less load\n"
    "  reload                           read the configuration again\n"
    "  psk-derive --seed-file FILE --hub-id ID --id ID\n"
    "                                   a spoke's key from the hub's seed, off-line\n"
    "options:\n"
    "  --socket PATH    control socket (default: $NHTB_CONTROL, else " DEFAULT_SOCKET ")\n"
    "  --json           print the gateway's JSON: {\"ok\":...,\"rows\":[...]}\n"
    "  --watch SECONDS  repeat until interrupted\n"
    "  --help           this text\n"
    "exit status: 0 done, 1 refused by the gateway, 2 usage, 3 no gateway, 4 broken answer\n";

#define WORDS 6

typedef struct options {
    const char *socket;
    bool json, detail, help;
    unsigned watch;
    derive_options derive;
    const char *word[WORDS];
    const char *iface, *address; /* of show */
    unsigned n_words;
    const char *bad; /* what cannot be understood */
} options;

static bool take_watch(options *o, const char *text)
{
    char *end;
    const unsigned long n = text != NULL ? strtoul(text, &end, 10) : 0;
    if (text == NULL || *end != 0 || n < 1 || n > 86400)
        return false;
    o->watch = (unsigned)n;
    return true;
}

/* Options of psk-derive; where the value goes, or NULL. */
static const char **derive_option(options *o, const char *a)
{
    if (o->n_words == 0 || strcmp(o->word[0], "psk-derive") != 0)
        return NULL;
    if (strcmp(a, "--seed-file") == 0)
        return &o->derive.seed_file;
    if (strcmp(a, "--hub-id") == 0)
        return &o->derive.hub_id;
    return strcmp(a, "--id") == 0 ? &o->derive.id : NULL;
}

static options parse(int argc, char **argv)
{
    options o = {.socket = getenv("NHTB_CONTROL")};
    if (o.socket == NULL || o.socket[0] == 0)
        o.socket = DEFAULT_SOCKET;
    for (int i = 1; i < argc && o.bad == NULL; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--json") == 0)
            o.json = true;
        else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0)
            o.help = true;
        else if (strcmp(a, "--socket") == 0 && i + 1 < argc)
            o.socket = argv[++i];
        else if (strcmp(a, "--watch") == 0 && take_watch(&o, i + 1 < argc ? argv[i + 1] : NULL))
            i++;
        else if (derive_option(&o, a) != NULL && i + 1 < argc)
            *derive_option(&o, a) = argv[++i];
        else if (a[0] == '-' || o.n_words == WORDS)
            o.bad = a;
        else
            o.word[o.n_words++] = a;
    }
    return o;
}

static bool words_are(const options *o, unsigned from, const char *a, const char *b)
{
    const unsigned n = b != NULL ? 2 : 1;
    return o->n_words == from + n && strcmp(o->word[from], a) == 0 &&
           (b == NULL || strcmp(o->word[from + 1], b) == 0);
}

/* "show ..." to the gateway's table name; NULL: no such table. */
static const char *table_of(options *o)
{
    static const struct {
        const char *a, *b, *table;
    } T[] = {
        {"ike", "sa", "ike sa"},
        {"ipsec", "sa", "ipsec sa"},
        {"ipsec", "next-hop-tunnels", "ipsec next-hop-tunnels"},
        {"ipsec", "next-hop-owners", "ipsec next-hop-owners"},
        {"route", NULL, "route"},
        {"interfaces", NULL, "interfaces"},
        {"statistics", NULL, "statistics"},
        {"peers", NULL, "peers"},
        {"security", NULL, "security"},
        {"security", "pki", "security pki"},
        {"tunnel-map", NULL, "tunnel-map"},
        {"tunnel-map", "summary", "tunnel-distribution"},
        {"tunnel-distribution", NULL, "tunnel-distribution"},
    };
    if (o->n_words > 2 && strcmp(o->word[o->n_words - 1], "detail") == 0) {
        o->detail = true;
        o->n_words--;
    }
    if (o->n_words == 5 && strcmp(o->word[3], "interface-name") == 0) {
        o->iface = o->word[4];
        o->n_words = 3;
    }
    if (o->n_words == 3 && strcmp(o->word[1], "route") == 0)
        o->address = o->word[--o->n_words];
    for (size_t i = 0; i < sizeof T / sizeof *T; i++)
        if (words_are(o, 1, T[i].a, T[i].b))
            return T[i].table;
    return NULL;
}

static bool build(options *o, json_out *w, const char **table)
{
    const char *c = o->n_words > 0 ? o->word[0] : "";
    *table = strcmp(c, "show") == 0 ? table_of(o) : NULL;
    const bool rekey = strcmp(c, "rekey") == 0 && (o->n_words == 2 || o->n_words == 3);
    const bool on_peer =
        rekey || (o->n_words == 2 && (strcmp(c, "initiate") == 0 || strcmp(c, "clear") == 0 ||
                                      strcmp(c, "explain") == 0));
    const bool owners = (o->n_words == 3 || o->n_words == 4) && strcmp(c, "clear") == 0 &&
                        strcmp(o->word[1], "ipsec") == 0 &&
                        strcmp(o->word[2], "next-hop-tunnels") == 0;
    const bool reload = o->n_words == 1 && (strcmp(c, "reload") == 0 || strcmp(c, "monitor") == 0 ||
                                            strcmp(c, "rebalance") == 0);
    if (*table == NULL && !on_peer && !reload && !owners)
        return false;
    json_open(w, NULL, '{');
    json_str(w, "command", c);
    if (*table != NULL)
        json_str(w, "table", *table);
    if (o->iface != NULL)
        json_str(w, "interface", o->iface);
    if (o->address != NULL) {
        json_str(w, "address", o->address);
        *table = NULL; /* one object answers */
    }
    if (owners)
        json_str(w, "table", "ipsec next-hop-tunnels");
    if (owners && o->n_words == 4)
        json_str(w, "address", o->word[3]);
    if (on_peer)
        json_str(w, "peer", o->word[1]);
    if (rekey && o->n_words == 3)
        json_str(w, "what", o->word[2]);
    json_close(w, '}');
    return true;
}

static bool keylog_on(const cJSON *last)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(last, "keylog"));
}

static void print_json(const char *table, const json_out *rows, const cJSON *last, int status)
{
    char *text = table == NULL || status != CTL_OK ? cJSON_PrintUnformatted(last) : NULL;
    if (text != NULL)
        puts(text);
    else if (table != NULL && status == CTL_OK)
        printf("{\"ok\":true,\"table\":\"%s\",%s\"rows\":%.*s}\n", table,
               keylog_on(last) ? "\"keylog\":true," : "", (int)rows->n, rows->p);
    cJSON_free(text);
}

static void print_text(const options *o, const char *table, const json_out *rows, const cJSON *last,
                       int status)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(last, status == CTL_OK ? "message" : "error");
    if (status == CTL_REFUSED)
        fprintf(stderr, "nhtbctl: %s\n", cJSON_IsString(m) ? m->valuestring : "refused");
    if (status != CTL_OK)
        return;
    if (o->address != NULL) {
        way_print(last);
        return;
    }
    if (table == NULL && strcmp(o->word[0], "explain") == 0) {
        explain_print(last);
        return;
    }
    if (table == NULL) {
        puts(cJSON_IsString(m) ? m->valuestring : "done");
        return;
    }
    if (keylog_on(last))
        puts("WARNING: this gateway writes ALL KEYS to disk (--keylog)");
    cJSON *v = cJSON_ParseWithLength(rows->p, rows->n);
    if (cJSON_IsArray(v))
        tables_print(table, v, o->detail);
    cJSON_Delete(v);
}

static int ask(const options *o, const json_out *request, const char *table)
{
    json_out rows;
    cJSON *last;
    json_init(&rows);
    const int status = conn_ask(o->socket, request, &rows, &last);
    if (last != NULL && o->json)
        print_json(table, &rows, last, status);
    if (last != NULL && (!o->json || status == CTL_REFUSED))
        print_text(o, table, &rows, last, status);
    cJSON_Delete(last);
    json_fini(&rows);
    return fflush(stdout) == 0 ? status : CTL_PROTOCOL;
}

static bool print_event(void *user, const cJSON *e)
{
    const options *o = user;
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(e, "at");
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(e, "text");
    char *json = o->json ? cJSON_PrintUnformatted(e) : NULL;
    const time_t when = cJSON_IsNumber(at) ? (time_t)at->valuedouble : 0;
    struct tm tm;
    char stamp[32] = "-";
    if (when != 0 && gmtime_r(&when, &tm) != NULL)
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (json != NULL)
        puts(json);
    else
        printf("%s %s\n", stamp, cJSON_IsString(text) ? text->valuestring : "(events lost)");
    cJSON_free(json);
    return fflush(stdout) == 0;
}

static int watch(const options *o, const json_out *request, const char *table)
{
    for (;;) {
        const struct timespec pause = {.tv_sec = o->watch};
        const int status = ask(o, request, table);
        if (status != CTL_OK || o->watch == 0)
            return status;
        nanosleep(&pause, NULL);
        if (!o->json)
            puts("");
    }
}

int main(int argc, char **argv)
{
    options o = parse(argc, argv);
    const char *table;
    json_out request;
    if (o.help) {
        fputs(USAGE, stdout);
        return CTL_OK;
    }
    if (o.bad == NULL && o.n_words == 1 && strcmp(o.word[0], "psk-derive") == 0)
        return derive_run(&o.derive);
    json_init(&request);
    if (o.bad != NULL || !build(&o, &request, &table)) {
        fprintf(stderr, "nhtbctl: %s%s; --help lists the commands\n",
                o.bad != NULL ? "cannot use " : "no such command", o.bad != NULL ? o.bad : "");
        json_fini(&request);
        return CTL_USAGE;
    }
    const int status = strcmp(o.word[0], "monitor") == 0
                           ? conn_stream(o.socket, &request, print_event, &o)
                           : watch(&o, &request, table);
    json_fini(&request);
    return status;
}
