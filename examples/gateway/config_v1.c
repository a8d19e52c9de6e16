/* SPDX-License-Identifier: Apache-2.0
 * The members of a gateway that speaks IKEv1, and the warnings that go with it: what a peer needs may
 * still be what nobody should use. Called by config_gateway.c. Control thread. */
#include <stdlib.h>
#include <string.h>

#include "config_read.h"

static const char *const MODE[] = {"main", "aggressive", NULL};
static const char *const FORM[] = {"address", "tlv", "mask", "prefix", NULL};
static const char *const ROLE[] = {"none", "client", "server", NULL};

#define V(member) (offsetof(cfg_v1, v) + offsetof(nhtb_v1, member))

/* ---- texts, users ---- */

static bool rd_text(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    if (!cJSON_IsString(v) || v->valuestring[0] == 0)
        return rd_fail(r, "text in quotes is expected here");
    if (strlen(v->valuestring) > f->hi)
        return rd_fail(r, "must have at most %u characters", (unsigned)f->hi);
    memcpy(dst, v->valuestring, strlen(v->valuestring) + 1);
    return true;
}

static bool rd_user(cfg_rd *r, const cJSON *v, void *items, uint32_t index)
{
    static const cfg_field FIELDS[] = {
        {"name", rd_text, offsetof(cfg_user, name), 1, CFG_TEXT - 1, NULL, true},
        {"password", rd_secret, offsetof(cfg_user, password), 0, 0, NULL, false},
        {"address", rd_addr, offsetof(cfg_user, address), 0, 0, NULL, false},
    };
    cfg_user *all = items, *u = &all[index];
    if (!rd_object(r, v, u, FIELDS, sizeof FIELDS / sizeof *FIELDS))
        return false;
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(all[i].name, u->name) != 0)
            continue;
        rd_push(r, "name");
        return rd_fail(r, "the name \"%.64s\" is used twice", u->name);
    }
    return true;
}

static bool rd_users(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_v1 *c = dst;
    (void)f;
    return rd_array(r, v, (void **)&c->users, &c->n_users, sizeof *c->users, 4096, rd_user);
}

/* ---- mode config ---- */

static bool rd_dns(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_v1 *c = dst;
    unsigned n = 0;
    (void)f;
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > 2)
        return rd_fail(r, "an array of at most 2 addresses is expected here");
    for (const cJSON *e = v->child; e != NULL; e = e->next, n++) {
        const size_t at = rd_push_index(r, n);
        if (!rd_addr(r, e, &c->v.dns[n], NULL))
            return false;
        rd_pop(r, at);
    }
    return true;
}

static bool rd_networks(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_v1 *c = dst;
    (void)f;
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > 16)
        return rd_fail(r, "an array of at most 16 prefixes is expected here");
    for (const cJSON *e = v->child; e != NULL; e = e->next) {
        const size_t at = rd_push_index(r, c->v.n_split);
        if (!rd_prefix(r, e, &c->split[c->v.n_split], NULL))
            return false;
        if (c->split[c->v.n_split].addr.family != 4)
            return rd_fail(r, "an IPv4 prefix is expected here");
        c->v.n_split++;
        rd_pop(r, at);
    }
    return true;
}

static bool rd_pool(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    const nhtb_prefix *p = dst;
    if (!rd_prefix(r, v, dst, f))
        return false;
    return p->addr.family == 4 && p->len >= 8
               ? true
               : rd_fail(r, "an IPv4 prefix of length 8 or more is expected here");
}

static bool rd_mode_config(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    static const cfg_field FIELDS[] = {
        {"role", rd_word, V(config), 0, 0, ROLE, true},
        {"push", rd_bool, V(config_push), 0, 0, NULL, false},
        {"pool", rd_pool, V(pool), 0, 0, NULL, false},
        {"dns", rd_dns, 0, 0, 0, NULL, false},
        {"networks", rd_networks, 0, 0, 0, NULL, false},
        {"banner", rd_text, offsetof(cfg_v1, banner), 1, CFG_TEXT - 1, NULL, false},
        {"domain", rd_text, offsetof(cfg_v1, domain), 1, CFG_TEXT - 1, NULL, false},
    };
    (void)f;
    return rd_object(r, v, dst, FIELDS, sizeof FIELDS / sizeof *FIELDS);
}

static bool rd_no_spi(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    bool spi = true;
    if (!rd_bool(r, v, &spi, f))
        return false;
    *(bool *)dst = !spi;
    return true;
}

bool rd_ikev1(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f)
{
    static const cfg_field FIELDS[] = {
        {"mode", rd_word, V(mode), 0, 0, MODE, false},
        {"nat_traversal", rd_bool, V(nat_t), 0, 0, NULL, false},
        {"nat_traversal_drafts", rd_bool, V(nat_t_drafts), 0, 0, NULL, false},
        {"dead_peer_detection", rd_bool, V(dpd), 0, 0, NULL, false},
        {"fragmentation", rd_bool, V(fragmentation), 0, 0, NULL, false},
        {"responder_lifetime", rd_bool, V(responder_lifetime), 0, 0, NULL, false},
        {"lifetime_kilobytes", rd_u64, V(lifetime_kb), 64, UINT32_MAX, NULL, false},
        {"nhtb_form", rd_word, V(announce_form), 0, 0, FORM, false},
        {"nhtb_protocol", rd_u8, V(announce_protocol), 0, 255, NULL, false},
        {"nhtb_spi", rd_no_spi, V(announce_no_spi), 0, 0, NULL, false},
        {"xauth", rd_word, V(xauth), 0, 0, ROLE, false},
        {"user", rd_text, offsetof(cfg_v1, user), 1, CFG_TEXT - 1, NULL, false},
        {"password", rd_secret, offsetof(cfg_v1, password), 0, 0, NULL, false},
        {"users", rd_users, 0, 0, 0, NULL, false},
        {"shared", rd_bool, V(shared), 0, 0, NULL, false},
        {"mode_config", rd_mode_config, 0, 0, 0, NULL, false},
    };
    cfg_gateway *g = gateway;
    (void)f;
    g->v1 = calloc(1, sizeof *g->v1);
    if (g->v1 == NULL)
        return rd_fail(r, "out of memory");
    nhtb_v1_init(&g->v1->v);
    return rd_object(r, v, g->v1, FIELDS, sizeof FIELDS / sizeof *FIELDS);
}

void cfg_v1_del(cfg_v1 *c)
{
    if (c == NULL)
        return;
    if (c->users != NULL)
        cfg_wipe(c->users, c->n_users * sizeof *c->users);
    free(c->users);
    cfg_wipe(c, sizeof *c);
    free(c);
}

/* ---- warnings ---- */

/* What old peers need and nobody else should have; never in a built-in list. */
static void warn_legacy(const cfg_rd *r, const char *name, const nhtb_proposal *v, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        const uint32_t old = nhtb_proposal_old(&v[i]);
        if (old != 0)
            log_text(r->log, NHTB_LOG_WARNING,
                     "%s: proposal %u names algorithms for old peers only:%s%s%s", name, i + 1u,
                     old & NHTB_OLD_3DES ? " 3DES" : "",
                     old & (NHTB_OLD_SHA1 | NHTB_OLD_PRF_SHA1) ? " SHA-1" : "",
                     old & NHTB_OLD_GROUP ? " MODP-1024 or MODP-1536" : "");
    }
}

/* ---- what the members ask of each other ---- */

/* An address of the pool becomes a next hop of the interface, so it must lie on its subnet. */
static bool pool_on_link(const cfg_rd *r, const cfg_gateway *g)
{
    const nhtb_prefix *pool = &g->v1->v.pool;
    for (uint32_t i = 0; i < g->n_vpns; i++) {
        const cfg_iface *f = &r->c->ifaces[g->vpns[i].iface];
        nhtb_prefix net = f->addr4;
        if (!f->multipoint)
            continue;
        for (unsigned bit = net.len; bit < 32; bit++)
            net.addr.b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
        nhtb_prefix low = *pool;
        for (unsigned bit = net.len; bit < 32; bit++)
            low.addr.b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
        if (net.addr.family != 4 || pool->len < net.len || !nhtb_addr_equal(&low.addr, &net.addr))
            return false;
    }
    return true;
}

static bool check_roles(cfg_rd *r, const cfg_gateway *g)
{
    const cfg_v1 *c = g->v1;
    if (c->v.xauth == NHTB_V1_CLIENT && (c->user[0] == 0 || c->password.n == 0)) {
        rd_push(r, "xauth");
        return rd_fail(r, "\"client\" needs \"user\" and \"password\"");
    }
    if (c->v.xauth == NHTB_V1_SERVER && c->n_users == 0) {
        rd_push(r, "xauth");
        return rd_fail(r, "\"server\" needs \"users\"");
    }
    for (uint32_t i = 0; c->v.xauth == NHTB_V1_SERVER && i < c->n_users; i++)
        if (c->users[i].password.n == 0) {
            rd_push(r, "users");
            rd_push_index(r, i);
            return rd_fail(r, "the key \"password\" is missing");
        }
    if (c->v.shared && (c->v.xauth != NHTB_V1_SERVER || g->remote.family != 0 ||
                        g->wildcard != NHTB_WILDCARD_NONE)) {
        rd_push(r, "shared");
        return rd_fail(r, "needs \"xauth\": \"server\", \"remote_address\": \"any\" and one "
                          "remote_identity");
    }
    if (c->v.pool.addr.family != 0 && !pool_on_link(r, g)) {
        rd_push(r, "mode_config");
        rd_push(r, "pool");
        return rd_fail(r, "must lie inside the subnet of the VPN's multipoint interface");
    }
    return true;
}

bool check_v1(cfg_rd *r, const cfg_gateway *g)
{
    warn_legacy(r, g->name, g->proposals, g->n_proposals);
    for (uint32_t i = 0; i < g->n_vpns; i++)
        warn_legacy(r, g->name, g->vpns[i].proposals, g->vpns[i].n_proposals);
    if (g->v1 != NULL && g->ike_version != 1) {
        rd_push(r, "ikev1");
        return rd_fail(r, "needs \"ike_version\": 1");
    }
    if (g->ike_version != 1)
        return true;
    log_text(r->log, NHTB_LOG_WARNING,
             "gateway %s: IKEv1 is deprecated (RFC 9395); use it for peers that know no IKEv2 only",
             g->name);
    if (g->v1 != NULL && g->v1->v.mode == NHTB_V1_AGGRESSIVE)
        log_text(r->log, NHTB_LOG_WARNING,
                 "gateway %s: AGGRESSIVE MODE shows the identities and lets anybody who asks once "
                 "try keys off-line: use main mode, or a random key of 32 bytes",
                 g->name);
    const bool seeded = g->wildcard != NHTB_WILDCARD_NONE && g->seed_n != 0;
    if (seeded && (g->v1 == NULL || g->v1->v.mode != NHTB_V1_AGGRESSIVE)) {
        rd_push(r, "remote_identity");
        return rd_fail(r, "IKEv1 derives keys from a seed in aggressive mode only: main mode needs "
                          "them before it shows an identity");
    }
    if (g->v1 == NULL)
        return true;
    const size_t at = rd_push(r, "ikev1");
    const bool ok = check_roles(r, g);
    if (ok)
        rd_pop(r, at);
    return ok;
}
