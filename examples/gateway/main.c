/* SPDX-License-Identifier: Apache-2.0
 * nhtb-gateway: options, start in order of what can fail, run, end. Each failure to start is one
 * line on standard error and an exit status that tells its kind (docs/configuration.md). */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl_server.h"
#include "jobs.h"
#include "owners.h"

enum { EXIT_FAIL = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3, EXIT_RESOURCE = 4 };

typedef struct options {
    const char *config, *control, *keylog;
    bool check, log_json;
    unsigned verbose;
    int status; /* -1: go on */
} options;

static const char USAGE[] =
    "usage: nhtb-gateway -c FILE [options]\n"
    "  -c, --config FILE    configuration (JSON, see docs/configuration.md)\n"
    "      --check FILE     check a configuration and exit\n"
    "      --control PATH   control socket (default: the configuration's, else\n"
    "                       " CTL_DEFAULT_SOCKET ")\n"
    "      --foreground     stay in the foreground (always the case)\n"
    "      --keylog DIR     DANGER: write all keys to DIR (0700, ours) for Wireshark\n"
    "      --log-json       log lines are JSON objects\n"
    "  -v, --verbose        more log; twice: debug\n"
    "      --version        version of the gateway and the library\n"
    "  -h, --help           this text\n"
    "signals: HUP reloads, TERM and INT tell the peers and end\n"
    "exit status: 0 ended as asked, 1 failed while running, 2 usage, 3 configuration,\n"
    "             4 a device, socket, port or permission is missing\n";

static int complain(int status, const char *what, const char *why)
{
    fprintf(stderr, "nhtb-gateway: %s: %s\n", what, why);
    return status;
}

static options parse(int argc, char **argv)
{
    enum { CHECK = 256, CONTROL, FOREGROUND, KEYLOG, LOG_JSON, VERSION };
    static const struct option LONG[] = {{"config", required_argument, NULL, 'c'},
                                         {"check", required_argument, NULL, CHECK},
                                         {"control", required_argument, NULL, CONTROL},
                                         {"foreground", no_argument, NULL, FOREGROUND},
                                         {"keylog", required_argument, NULL, KEYLOG},
                                         {"log-json", no_argument, NULL, LOG_JSON},
                                         {"verbose", no_argument, NULL, 'v'},
                                         {"version", no_argument, NULL, VERSION},
                                         {"help", no_argument, NULL, 'h'},
                                         {NULL, 0, NULL, 0}};
    options o = {.status = -1};
    for (int c; (c = getopt_long(argc, argv, "c:vh", LONG, NULL)) != -1;) {
        switch (c) {
        case 'c': o.config = optarg; break;
        case CHECK:
            o.config = optarg;
            o.check = true;
            break;
        case CONTROL: o.control = optarg; break;
        case FOREGROUND: break;
        case KEYLOG: o.keylog = optarg; break;
        case LOG_JSON: o.log_json = true; break;
        case 'v': o.verbose++; break;
        case VERSION:
            printf("nhtb-gateway %s (libnhtb %s)\n", NHTB_VERSION, nhtb_version());
            o.status = 0;
            return o;
        case 'h':
            fputs(USAGE, stdout);
            o.status = 0;
            return o;
        default: o.status = EXIT_USAGE; return o;
        }
    }
    if (o.config == NULL || optind < argc)
        o.status = complain(EXIT_USAGE, "usage", "nhtb-gateway -c FILE; --help tells more");
    return o;
}

static int no_socket(const char *what, int err)
{
    return complain(EXIT_RESOURCE, what,
                    err == -EADDRINUSE ? "in use; does another IKE daemon run?" : strerror(-err));
}

static int open_sockets(gw *g, const cfg *c)
{
    char what[64];
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t family = i == 0 ? 4 : 6;
        const int err = udp_open(&g->ike[i], family, 500);
        snprintf(what, sizeof what, "UDP port 500 (IPv%u)", family);
        if (err != 0)
            return no_socket(what, err);
    }
    const int err = crew_open(&g->crew, crew_limit(c), what, sizeof what);
    return err == 0 ? 0 : no_socket(what, err);
}

static void raise_limit(uint32_t *limit, uint64_t wanted)
{
    if (*limit < wanted)
        *limit = (uint32_t)wanted;
}

/* Twice what is configured, so that reloads can grow without a restart. */
static nhtb_settings settings_for(const cfg *c)
{
    nhtb_settings s = c->ipsec;
    uint64_t vpns = 0, peers = 0, owners = 0;
    for (uint32_t i = 0; i < c->n_gateways; i++) {
        const uint64_t times = 1 + (uint64_t)c->gateways[i].connection_limit;
        vpns += times * c->gateways[i].n_vpns;
        peers += times;
        owners += c->gateways[i].n_owners;
    }
    s.workers = (uint16_t)crew_limit(c);
    s.emit = NHTB_EMIT_PAYLOAD;
    raise_limit(&s.limits.held_bytes, CFG_MTU_MAX);
    raise_limit(&s.limits.ifaces, 2u * (uint64_t)c->n_ifaces);
    raise_limit(&s.limits.peers, 2 * peers);
    raise_limit(&s.limits.tunnels, 2 * vpns);
    raise_limit(&s.limits.sas, 4 * vpns);
    raise_limit(&s.limits.bindings, 2 * vpns + c->n_next_hops + owners);
    raise_limit(&s.limits.next_hops, 2 * vpns + 2u * (uint64_t)c->n_next_hops);
    raise_limit(&s.limits.routes, 2 * ((uint64_t)c->n_routes + c->n_locals + vpns) + 64);
    return s;
}

static bool names_old(const nhtb_proposal *v, unsigned n)
{
    uint32_t old = 0;
    for (unsigned i = 0; i < n; i++)
        old |= nhtb_proposal_old(&v[i]);
    return (old & (NHTB_OLD_3DES | NHTB_OLD_SHA1)) != 0;
}

/* ipsec-mb has no such algorithms: a gateway that needs them takes the next backend. */
static bool serves(const nhtb_crypto *crypto, const cfg *c)
{
    if (crypto->bulk->has(NHTB_BULK_3DES_CBC_SHA1_96))
        return true;
    for (uint32_t i = 0; i < c->n_gateways; i++) {
        const cfg_gateway *g = &c->gateways[i];
        if (names_old(g->proposals, g->n_proposals))
            return false;
        for (uint32_t k = 0; k < g->n_vpns; k++)
            if (names_old(g->vpns[k].proposals, g->vpns[k].n_proposals))
                return false;
    }
    return true;
}

static int make_context(gw *g, const cfg *c)
{
    nhtb_crypto crypto;
    const char *name;
    size_t at = 0;
    int err = NHTB_ERR_UNSUPPORTED;
    g->settings = settings_for(c);
    const nhtb_host h = host_hooks(g);
    while (crypto_choose(c->crypto, &at, &crypto, &name)) {
        if (!serves(&crypto, c))
            continue;
        err = nhtb_ctx_new(&g->ctx, &g->settings, &h, &crypto); /* tests what it is given */
        if (err != NHTB_ERR_CRYPTO)
            break;
        log_text(&g->log, NHTB_LOG_WARNING, "crypto %s failed its self-test", name);
    }
    if (err == NHTB_ERR_UNSUPPORTED)
        return complain(EXIT_CONFIG, "crypto",
                        "not in this build, not for this CPU, or without what is configured");
    if (err != 0)
        return complain(EXIT_FAIL, "libnhtb", nhtb_strerror(err));
    log_text(&g->log, NHTB_LOG_INFO, "libnhtb %s, crypto %s", nhtb_version(), name);
    return 0;
}

static int start_workers(gw *g, const cfg *c)
{
    g->offload = offload_sock(c);
    const int err = crew_fit(g, c);
    return err == 0 ? 0 : complain(EXIT_FAIL, "data plane thread", strerror(-err));
}

static int start_control(gw *g, const options *o, const cfg *c)
{
    const char *path = o->control != NULL    ? o->control
                       : c->control.path_set ? c->control.path
                                             : CTL_DEFAULT_SOCKET;
    char what[160];
    const int err = ctl_start(g, path);
    snprintf(what, sizeof what, "control socket %s", path);
    if (err == 0)
        return 0;
    return complain(EXIT_RESOURCE, what,
                    err == -EADDRINUSE ? "another gateway answers there" : strerror(-err));
}

/* Loud: whoever reads the log must see that this run keeps no secrets. */
static int start_keylog(gw *g, const options *o)
{
    char why[400];
    if (o->keylog == NULL)
        return 0;
    g->keylog = keylog_open(o->keylog, &g->log, why, sizeof why);
    if (g->keylog == NULL)
        return complain(EXIT_RESOURCE, "--keylog", why);
    log_text(&g->log, NHTB_LOG_ERROR,
             "WARNING: --keylog: ALL KEYS are written to %s; whoever reads them reads the traffic. "
             "Never use this in production",
             o->keylog);
    return 0;
}

static int start(gw *g, const options *o, cfg *c)
{
    char err[900];
    int status = start_control(g, o, c);
    if (status == 0)
        status = open_sockets(g, c);
    if (status == 0)
        status = start_keylog(g, o);
    if (status == 0)
        status = make_context(g, c);
    if (status == 0)
        status = start_workers(g, c);
    if (status == 0 && nl_open(&g->nl) != 0)
        status = complain(EXIT_RESOURCE, "netlink", strerror(errno));
    if (status != 0) {
        cfg_del(c);
        return status;
    }
    if (!apply_config(g, c, err, sizeof err))
        return complain(EXIT_RESOURCE, "start", err);
    if (!owners_load(g, err, sizeof err))
        return complain(EXIT_RESOURCE, "state_file", err);
    if (host_drop_privileges() != 0)
        return complain(EXIT_FAIL, "capabilities", "cannot give them up");
    return loop_start(g) == 0 ? 0 : complain(EXIT_FAIL, "start", "out of memory");
}

static void finish(gw *g)
{
    crew_stop(&g->crew); /* sends what still waits: the deletes */
    apply_nothing(g);
    crew_fini(&g->crew);
    nhtb_ctx_del(g->ctx);
    for (unsigned i = 0; i < 2; i++)
        sock_close(&g->ike[i]);
    nl_close(&g->nl);
    keylog_close(g->keylog);
}

static void init(gw *g, const options *o)
{
    memset(g, 0, sizeof *g);
    g->log = (gw_log){.fd = STDERR_FILENO, .level = NHTB_LOG_NOTICE, .json = o->log_json};
    g->config_path = o->config;
    g->nl.fd = -1;
    crew_init(&g->crew);
    for (unsigned i = 0; i < 2; i++)
        g->ike[i].fd = -1;
    g->wall_offset_s = (uint64_t)time(NULL) - gw_now() / NHTB_NS_PER_S;
}

static void set_log(gw *g, const options *o, const cfg *c)
{
    g->log.json = o->log_json || c->log.json;
    g->log.level = c->log.level_set ? c->log.level : NHTB_LOG_NOTICE;
    const unsigned asked = NHTB_LOG_NOTICE + o->verbose;
    if (o->verbose > 0 && asked > g->log.level)
        g->log.level = (uint8_t)(asked > NHTB_LOG_DEBUG ? NHTB_LOG_DEBUG : asked);
}

static int run(gw *g, const options *o, cfg *c)
{
    if (uv_loop_init(&g->loop) != 0) {
        cfg_del(c);
        return complain(EXIT_FAIL, "start", "no event loop");
    }
    int status = start(g, o, c);
    if (status == 0) {
        log_text(&g->log, NHTB_LOG_NOTICE, "running: %u interfaces, %u gateways",
                 g->state.cfg->n_ifaces, g->state.cfg->n_gateways);
        loop_run(g);
    }
    loop_stop(g);
    finish(g);
    if (status == 0)
        log_text(&g->log, NHTB_LOG_NOTICE, "ended");
    return status;
}

int main(int argc, char **argv)
{
    const options o = parse(argc, argv);
    cfg_error e;
    char text[900];
    if (o.status >= 0)
        return o.status;
    gw *g = calloc(1, sizeof *g);
    if (g == NULL)
        return complain(EXIT_FAIL, "start", "out of memory");
    init(g, &o);
    host_harden();
    jobs_size_pool();
    signal(SIGPIPE, SIG_IGN);
    cfg *c = cfg_load(o.config, &g->log, &e);
    int status = 0;
    if (c == NULL) {
        cfg_error_format(&e, o.config, text, sizeof text);
        fprintf(stderr, "nhtb-gateway: %s\n", text);
        status = EXIT_CONFIG;
    } else if (o.check) {
        printf("%s: good: %u interfaces, %u gateways, %u routes\n", o.config, c->n_ifaces,
               c->n_gateways, c->n_routes);
        cfg_del(c);
    } else {
        set_log(g, &o, c);
        status = run(g, &o, c);
    }
    free(g);
    return status;
}
