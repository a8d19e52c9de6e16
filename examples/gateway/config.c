/* SPDX-License-Identifier: Apache-2.0
 * Reads the configuration file: text -> scan (positions, depth) -> cJSON -> cfg. Called at start, by
 * --check and by reload; nothing outside the new cfg is touched. Control thread. */
#define _GNU_SOURCE
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_read.h"

#define MAX_IFACES   4096
#define MAX_GATEWAYS 100000
#define MAX_ROUTES   1000000

static const char *const TRANSIT[] = {"library", "host", NULL};
static const char *const DF[] = {"clear", "copy", "set", NULL};
static const char *const CRYPTO[] = {"auto", "openssl", "mbedtls", "ipsecmb", NULL};
static const char *const LEVELS[] = {"error", "warning", "notice", "info", "debug", NULL};

/* ---- interfaces ---- */

static bool rd_addresses(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_iface *i = dst;
    unsigned n = 0;
    (void)f;
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > 2)
        return rd_fail(r, "an array of at most one IPv4 and one IPv6 address is expected here");
    for (const cJSON *e = v->child; e != NULL; e = e->next, n++) {
        nhtb_prefix p;
        const size_t at = rd_push_index(r, n);
        if (!cJSON_IsString(e) || !cfg_parse_address(e->valuestring, &p))
            return rd_fail(r, "an address such as 10.11.11.10/24 is expected here");
        nhtb_prefix *slot = p.addr.family == 4 ? &i->addr4 : &i->addr6;
        if (slot->addr.family != 0)
            return rd_fail(r, "the interface has an IPv%u address already", p.addr.family);
        *slot = p;
        rd_pop(r, at);
    }
    return true;
}

static bool rd_rpf(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_iface *i = dst;
    i->rpf_set = true;
    return rd_bool(r, v, &i->rpf, f);
}

static bool rd_dscp(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    if (cJSON_IsString(v) && strcmp(v->valuestring, "copy") == 0) {
        *(uint8_t *)dst = 0xff;
        return true;
    }
    return rd_u8(r, v, dst, f);
}

/* "auto", "off" or a number. */
static bool rd_mss(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    uint32_t n = 0;
    const char *word = cJSON_IsString(v) ? v->valuestring : "";
    const bool named = strcmp(word, "auto") == 0 || strcmp(word, "off") == 0;
    if (!named && cJSON_IsString(v))
        return rd_fail(r, "\"auto\", \"off\" or a number is expected here");
    if (!named && !rd_u32(r, v, &n, f))
        return false;
    *(uint16_t *)dst = (uint16_t)(!named ? n : word[0] == 'a' ? NHTB_MSS_AUTO : NHTB_MSS_OFF);
    return true;
}

static const cfg_field IFACE_FIELDS[] = {
    {"name", rd_name, offsetof(cfg_iface, name), 1, CFG_IFNAME - 1, NULL, true},
    {"multipoint", rd_bool, offsetof(cfg_iface, multipoint), 0, 0, NULL, false},
    {"address", rd_addresses, 0, 0, 0, NULL, false},
    {"mtu", rd_u32, offsetof(cfg_iface, mtu), 576, CFG_MTU_MAX, NULL, false},
    {"transit", rd_word, offsetof(cfg_iface, transit), 0, 0, TRANSIT, false},
    {"df_bit", rd_word, offsetof(cfg_iface, df), 0, 0, DF, false},
    {"source_check", rd_rpf, 0, 0, 0, NULL, false},
    {"copy_outer_dscp", rd_bool, offsetof(cfg_iface, copy_outer_dscp), 0, 0, NULL, false},
    {"ecn_compatibility", rd_bool, offsetof(cfg_iface, ecn_compat), 0, 0, NULL, false},
    {"outer_ttl", rd_u8, offsetof(cfg_iface, ttl), 1, 255, NULL, false},
    {"outer_dscp", rd_dscp, offsetof(cfg_iface, dscp), 0, 63, NULL, false},
    {"tcp_mss", rd_mss, offsetof(cfg_iface, tcp_mss), 88, 65535, NULL, false},
    {"multicast_max", rd_u32, offsetof(cfg_iface, multicast_max), 0, 1000000, NULL, false},
};

static bool rd_iface(cfg_rd *r, const cJSON *v, void *items, uint32_t index)
{
    cfg_iface *all = items, *i = &all[index];
    i->dscp = 0xff;
    i->mtu = 1400;
    i->tcp_mss = NHTB_MSS_AUTO;
    if (!rd_object(r, v, i, IFACE_FIELDS, sizeof IFACE_FIELDS / sizeof *IFACE_FIELDS))
        return false;
    if (strchr(i->name, '/') != NULL || strcmp(i->name, ".") == 0 || strcmp(i->name, "..") == 0) {
        rd_push(r, "name");
        return rd_fail(r, "not usable as a device name");
    }
    for (uint32_t k = 0; k < index; k++) {
        if (strcmp(all[k].name, i->name) != 0)
            continue;
        rd_push(r, "name");
        return rd_fail(r, "the name \"%s\" is used twice", i->name);
    }
    i->canon = cJSON_PrintUnformatted(v);
    return i->canon != NULL ? true : rd_fail(r, "out of memory");
}

bool rd_iface_ref(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    (void)f;
    if (!cJSON_IsString(v))
        return rd_fail(r, "an interface name in quotes is expected here");
    for (uint32_t i = 0; i < r->c->n_ifaces; i++) {
        if (strcmp(r->c->ifaces[i].name, v->valuestring) == 0) {
            *(uint32_t *)dst = i;
            return true;
        }
    }
    return rd_fail(r, "no interface is named \"%.64s\"", v->valuestring);
}

/* ---- next-hop tunnels ---- */

static bool rd_vpn_ref(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_next_hop *h = dst;
    (void)f;
    if (!cJSON_IsString(v))
        return rd_fail(r, "\"GATEWAY/VPN\" is expected here");
    const char *slash = strchr(v->valuestring, '/');
    const size_t n = slash != NULL ? (size_t)(slash - v->valuestring) : strlen(v->valuestring);
    for (uint32_t g = 0; g < r->c->n_gateways; g++) {
        const cfg_gateway *gw = &r->c->gateways[g];
        if (strlen(gw->name) != n || memcmp(gw->name, v->valuestring, n) != 0)
            continue;
        for (uint32_t k = 0; k < gw->n_vpns; k++) {
            if (slash == NULL ? gw->n_vpns != 1 : strcmp(gw->vpns[k].name, slash + 1) != 0)
                continue;
            h->gateway = g;
            h->vpn = k;
            return true;
        }
    }
    return rd_fail(r, "no VPN is named \"%.64s\"", v->valuestring);
}

static const cfg_field NEXT_HOP_FIELDS[] = {
    {"interface", rd_iface_ref, offsetof(cfg_next_hop, iface), 0, 0, NULL, true},
    {"next_hop", rd_addr, offsetof(cfg_next_hop, next_hop), 0, 0, NULL, true},
    {"vpn", rd_vpn_ref, 0, 0, 0, NULL, true},
};

static bool rd_next_hop(cfg_rd *r, const cJSON *v, void *items, uint32_t index)
{
    cfg_next_hop *all = items, *h = &all[index];
    if (!rd_object(r, v, h, NEXT_HOP_FIELDS, sizeof NEXT_HOP_FIELDS / sizeof *NEXT_HOP_FIELDS))
        return false;
    if (!r->c->ifaces[h->iface].multipoint) {
        rd_push(r, "interface");
        return rd_fail(r, "%s is point-to-point: it has no next-hop tunnel table",
                       r->c->ifaces[h->iface].name);
    }
    if (r->c->gateways[h->gateway].vpns[h->vpn].iface != h->iface) {
        rd_push(r, "vpn");
        return rd_fail(r, "this VPN is bound to another interface");
    }
    for (uint32_t k = 0; k < index; k++) {
        if (all[k].iface != h->iface || !nhtb_addr_equal(&all[k].next_hop, &h->next_hop))
            continue;
        rd_push(r, "next_hop");
        return rd_fail(r, "this next hop has an entry already");
    }
    return true;
}

/* ---- routes ---- */

static const cfg_field ROUTE_FIELDS[] = {
    {"prefix", rd_prefix, offsetof(cfg_route, prefix), 0, 0, NULL, true},
    {"interface", rd_iface_ref, offsetof(cfg_route, iface), 0, 0, NULL, true},
    {"next_hop", rd_addr, offsetof(cfg_route, next_hop), 0, 0, NULL, false},
    {"backup_path", rd_bool, offsetof(cfg_route, backup_path), 0, 0, NULL, false},
    {"metric", rd_u32, offsetof(cfg_route, metric), 0, 100000000, NULL, false},
};

static bool rd_route(cfg_rd *r, const cJSON *v, void *items, uint32_t index)
{
    cfg_route *all = items, *t = &all[index];
    if (!rd_object(r, v, t, ROUTE_FIELDS, sizeof ROUTE_FIELDS / sizeof *ROUTE_FIELDS))
        return false;
    const bool multipoint = r->c->ifaces[t->iface].multipoint;
    if (multipoint && t->next_hop.family == 0)
        return rd_fail(r, "a route over a multipoint interface needs \"next_hop\"");
    if (!multipoint && t->next_hop.family != 0) {
        rd_push(r, "next_hop");
        return rd_fail(r, "%s is point-to-point: its routes take no next_hop",
                       r->c->ifaces[t->iface].name);
    }
    return true;
}

static bool rd_local(cfg_rd *r, const cJSON *v, void *items, uint32_t index)
{
    return rd_prefix(r, v, &((nhtb_prefix *)items)[index], NULL);
}

static int prefix_order(const void *a, const void *b)
{
    const cfg_route *x = *(const cfg_route *const *)a, *y = *(const cfg_route *const *)b;
    const int d = memcmp(&x->prefix, &y->prefix, sizeof x->prefix);
    return d != 0 ? d : (x > y) - (x < y);
}

/* The library holds one route per prefix; sorted, so a million routes are checked in one pass. */
static bool check_routes(cfg_rd *r)
{
    const cfg_route **v = calloc(r->c->n_routes + 1, sizeof *v);
    bool ok = v != NULL ? true : rd_fail(r, "out of memory");
    for (uint32_t i = 0; ok && i < r->c->n_routes; i++)
        v[i] = &r->c->routes[i];
    if (ok)
        qsort(v, r->c->n_routes, sizeof *v, prefix_order);
    for (uint32_t i = 1; ok && i < r->c->n_routes; i++) {
        if (memcmp(&v[i]->prefix, &v[i - 1]->prefix, sizeof v[i]->prefix) != 0)
            continue;
        rd_push_index(r, (unsigned)(v[i] - r->c->routes));
        rd_push(r, "prefix");
        ok = rd_fail(r, "this prefix has a route already");
    }
    free(v);
    return ok;
}

/* ---- top level ---- */

static bool rd_ifaces(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg *c = dst;
    (void)f;
    return rd_array(r, v, (void **)&c->ifaces, &c->n_ifaces, sizeof *c->ifaces, MAX_IFACES,
                    rd_iface);
}

static bool rd_gateways(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg *c = dst;
    (void)f;
    return rd_array(r, v, (void **)&c->gateways, &c->n_gateways, sizeof *c->gateways, MAX_GATEWAYS,
                    rd_gateway);
}

static bool rd_next_hops(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg *c = dst;
    (void)f;
    return rd_array(r, v, (void **)&c->next_hops, &c->n_next_hops, sizeof *c->next_hops,
                    MAX_GATEWAYS, rd_next_hop);
}

static bool rd_routes(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg *c = dst;
    (void)f;
    return rd_array(r, v, (void **)&c->routes, &c->n_routes, sizeof *c->routes, MAX_ROUTES,
                    rd_route) &&
           check_routes(r);
}

static bool rd_locals(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg *c = dst;
    (void)f;
    return rd_array(r, v, (void **)&c->locals, &c->n_locals, sizeof *c->locals, MAX_IFACES,
                    rd_local);
}

static bool rd_control_path(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_control *k = dst;
    k->path_set = true;
    return rd_name(r, v, k->path, f);
}

static bool rd_control(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    static const cfg_field FIELDS[] = {
        {"socket", rd_control_path, 0, 1, 107, NULL, false},
    };
    (void)f;
    return rd_object(r, v, dst, FIELDS, sizeof FIELDS / sizeof *FIELDS);
}

static bool rd_level(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_logging *l = dst;
    l->level_set = true;
    return rd_word(r, v, &l->level, f);
}

static bool rd_log(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    static const cfg_field FIELDS[] = {
        {"level", rd_level, 0, 0, 0, LEVELS, false},
        {"json", rd_bool, offsetof(cfg_logging, json), 0, 0, NULL, false},
    };
    (void)f;
    return rd_object(r, v, dst, FIELDS, sizeof FIELDS / sizeof *FIELDS);
}

static bool rd_state_file(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg *c = dst;
    (void)f;
    if (!cJSON_IsString(v) || v->valuestring[0] == 0)
        return rd_fail(r, "text in quotes is expected here");
    return rd_path(r, v->valuestring, c->state_file, sizeof c->state_file - 8);
}

static bool rd_weights(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg *c = dst;
    uint32_t n = 0, sum = 0;
    if (!cJSON_IsArray(v) || (uint32_t)cJSON_GetArraySize(v) != c->workers)
        return rd_fail(r, "an array of %u numbers is expected here, one for each worker",
                       c->workers);
    for (const cJSON *e = v->child; e != NULL; e = e->next) {
        const size_t at = rd_push_index(r, n);
        if (!rd_u16(r, e, &c->weight[n], f))
            return false;
        sum += c->weight[n++];
        rd_pop(r, at);
    }
    return sum != 0 ? true : rd_fail(r, "at least one worker needs a weight");
}

static const cfg_field TOP_FIELDS[] = {
    {"$schema", rd_ignore, 0, 0, 0, NULL, false},
    {"crypto", rd_word, offsetof(cfg, crypto), 0, 0, CRYPTO, false},
    {"offload", rd_bool, offsetof(cfg, offload), 0, 0, NULL, false},
    {"workers", rd_u32, offsetof(cfg, workers), 1, CFG_WORKERS, NULL, false},
    {"worker_weights", rd_weights, 0, 0, 1000, NULL, false},
    {"log", rd_log, offsetof(cfg, log), 0, 0, NULL, false},
    {"control", rd_control, offsetof(cfg, control), 0, 0, NULL, false},
    {"ipsec", rd_ipsec, offsetof(cfg, ipsec), 0, 0, NULL, false},
    {"interfaces", rd_ifaces, 0, 0, 0, NULL, true},
    {"gateways", rd_gateways, 0, 0, 0, NULL, true},
    {"next_hop_tunnels", rd_next_hops, 0, 0, 0, NULL, false},
    {"routes", rd_routes, 0, 0, 0, NULL, false},
    {"local_networks", rd_locals, 0, 0, 0, NULL, false},
    {"state_file", rd_state_file, 0, 0, 0, NULL, false},
};

/* ---- the file ---- */

static char *fail_file(cfg_error *err, const char *why)
{
    snprintf(err->text, sizeof err->text, "%s", why);
    return NULL;
}

static char *read_fd(int fd, size_t *n, cfg_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return fail_file(err, "not a regular file");
    if ((size_t)st.st_size > CFG_FILE_MAX)
        return fail_file(err, "larger than 16 MiB");
    char *text = malloc((size_t)st.st_size + 1);
    if (text == NULL)
        return fail_file(err, "out of memory");
    *n = 0;
    while (*n < (size_t)st.st_size) {
        const ssize_t r = read(fd, text + *n, (size_t)st.st_size - *n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        *n += (size_t)r;
    }
    text[*n] = 0;
    return text;
}

static char *read_file(const char *path, size_t *n, cfg_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_file(err, strerror(errno));
    char *text = read_fd(fd, n, err);
    close(fd);
    return text;
}

static void directory_of(const char *path, char *dst, size_t n)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(dst, n, ".");
    else
        snprintf(dst, n, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static void defaults(cfg *c)
{
    nhtb_settings_init(&c->ipsec);
    c->log.level = NHTB_LOG_NOTICE;
    c->offload = true;
    c->workers = 1;
    for (unsigned i = 0; i < CFG_WORKERS; i++)
        c->weight[i] = 1;
}

static bool read_text(cfg_rd *r, const char *text, size_t n)
{
    const char *why = NULL;
    if (!cfg_pos_check(text, n, &r->err->pos, r->pointer, &why))
        return rd_fail(r, "%s", why);
    cJSON *j = cJSON_ParseWithLength(text, n);
    if (j == NULL)
        return rd_fail(r, "not a JSON text");
    const bool ok = rd_object(r, j, r->c, TOP_FIELDS, sizeof TOP_FIELDS / sizeof *TOP_FIELDS);
    cJSON_Delete(j);
    if (!ok)
        r->err->pos = cfg_pos_find(text, n, r->err->pointer);
    return ok;
}

cfg *cfg_load(const char *path, const gw_log *log, cfg_error *err)
{
    char dir[512];
    size_t n = 0;
    memset(err, 0, sizeof *err);
    char *text = read_file(path, &n, err);
    cfg *c = text != NULL ? calloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        free(text);
        return NULL;
    }
    directory_of(path, dir, sizeof dir);
    defaults(c);
    cfg_rd r = {.err = err, .c = c, .dir = dir, .log = log};
    const bool ok = read_text(&r, text, n);
    cfg_wipe(text, n);
    free(text);
    if (ok)
        return c;
    cfg_del(c);
    return NULL;
}

void cfg_del(cfg *c)
{
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->n_ifaces; i++)
        cJSON_free(c->ifaces[i].canon);
    for (uint32_t i = 0; c->gateways != NULL && i < c->n_gateways; i++) {
        cfg_gateway *g = &c->gateways[i];
        cfg_wipe(g->psk, sizeof g->psk);
        cfg_wipe(g->seed, sizeof g->seed);
        cfg_v1_del(g->v1);
        cfg_pki_del(g->pki);
        free(g->owners);
        free(g->vpns);
        if (g->canon != NULL) /* an inline key stands in it */
            cfg_wipe(g->canon, strlen(g->canon));
        cJSON_free(g->canon);
    }
    free(c->ifaces);
    free(c->gateways);
    free(c->next_hops);
    free(c->routes);
    free(c->locals);
    free(c);
}

void cfg_error_format(const cfg_error *e, const char *path, char *dst, size_t n)
{
    if (e->pos.line == 0)
        snprintf(dst, n, "%s: %s", path, e->text);
    else
        snprintf(dst, n, "%s:%u:%u: %s: %s", path, e->pos.line, e->pos.column,
                 e->pointer[0] != 0 ? e->pointer : "/", e->text);
    for (char *p = dst; n > 0 && *p != 0; p++) /* keys and values of the file may hold anything */
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
}
