/* SPDX-License-Identifier: Apache-2.0
 * Reads one element of "gateways" with its VPNs. Called by config.c; the words follow Junos
 * (establish-tunnels, dead-peer-detection, traffic-selectors) and RFC 7296. Control thread. */
#include "common/ident_text.h"
#include "config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ESTABLISH[] = {"on-traffic", "immediately", "responder-only", NULL};
static const char *const NOTIFY[] = {"auto", "on", "off", NULL};

/* ---- identities ---- */

static bool rd_identity(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_id *id = dst;
    (void)f;
    if (!cJSON_IsString(v))
        return rd_fail(r, "an identity in quotes is expected here");
    const char *t = v->valuestring;
    if (strcmp(t, "any") == 0) {
        memset(id, 0, sizeof *id);
        return true;
    }
    if (!ident_text_parse(t, &id->type, id->data, &id->n))
        return rd_fail(r, "an identity has 1 to %d bytes", NHTB_ID_MAX);
    return true;
}

/* ---- proposals ---- */

static bool rd_proposals(cfg_rd *r, const cJSON *v, nhtb_protocol proto, nhtb_proposal *out,
                         uint16_t *n)
{
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > CFG_PROPOSALS)
        return rd_fail(r, "an array of at most %d proposals is expected here", CFG_PROPOSALS);
    for (const cJSON *e = v->child; e != NULL; e = e->next) {
        const char *bad = NULL;
        const size_t at = rd_push_index(r, *n);
        if (!cJSON_IsString(e))
            return rd_fail(r, "a proposal in quotes is expected here");
        if (nhtb_proposal_parse(proto, e->valuestring, &out[*n], &bad) != 0)
            return rd_fail(r, "unknown or missing word in the proposal at \"%.40s\"",
                           bad != NULL ? bad : e->valuestring);
        (*n)++;
        rd_pop(r, at);
    }
    return true;
}

static bool rd_ike_proposals(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_gateway *g = dst;
    (void)f;
    return rd_proposals(r, v, NHTB_PROTO_IKE, g->proposals, &g->n_proposals);
}

static bool rd_esp_proposals(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_vpn *p = dst;
    (void)f;
    return rd_proposals(r, v, NHTB_PROTO_ESP, p->proposals, &p->n_proposals);
}

/* ---- traffic selectors ---- */

typedef struct selectors {
    nhtb_ts v[CFG_SELECTORS];
    uint16_t n;
} selectors;

static bool rd_ts_list(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    selectors *s = dst;
    (void)f;
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > CFG_SELECTORS)
        return rd_fail(r, "an array of at most %d prefixes is expected here", CFG_SELECTORS);
    for (const cJSON *e = v->child; e != NULL; e = e->next) {
        nhtb_prefix p;
        const size_t at = rd_push_index(r, s->n);
        if (!rd_prefix(r, e, &p, NULL))
            return false;
        s->v[s->n++] = nhtb_ts_from_prefix(&p);
        rd_pop(r, at);
    }
    return true;
}

static bool rd_selectors(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    struct both {
        selectors local, remote;
    } *b = calloc(1, sizeof *b);
    static const cfg_field FIELDS[] = {
        {"local", rd_ts_list, offsetof(struct both, local), 0, 0, NULL, false},
        {"remote", rd_ts_list, offsetof(struct both, remote), 0, 0, NULL, false},
    };
    cfg_vpn *p = dst;
    (void)f;
    if (b == NULL)
        return rd_fail(r, "out of memory");
    const bool ok = rd_object(r, v, b, FIELDS, sizeof FIELDS / sizeof *FIELDS);
    memcpy(p->local_ts, b->local.v, sizeof p->local_ts);
    memcpy(p->remote_ts, b->remote.v, sizeof p->remote_ts);
    p->n_local_ts = b->local.n;
    p->n_remote_ts = b->remote.n;
    free(b);
    return ok;
}

/* ---- VPNs ---- */

static bool among(const cfg_gateway *g, const cfg_vpn *v)
{
    return g->vpns != NULL && v >= g->vpns && v < g->vpns + g->n_vpns;
}

/* A point-to-point interface has one peer: a VPN, or several that their selectors tell apart. */
static bool check_one_peer(cfg_rd *r, uint32_t iface, const cfg_vpn *self)
{
    const cfg *c = r->c;
    if (c->ifaces[iface].multipoint)
        return true;
    for (uint32_t g = 0; g < c->n_gateways; g++)
        for (uint32_t v = 0; !among(&c->gateways[g], self) && v < c->gateways[g].n_vpns; v++)
            if (c->gateways[g].vpns[v].iface == iface)
                return rd_fail(r, "%s is point-to-point and has a VPN already; set \"multipoint\"",
                               c->ifaces[iface].name);
    return true;
}

static bool rd_bind(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_vpn *p = dst;
    return rd_iface_ref(r, v, &p->iface, f) && check_one_peer(r, p->iface, p);
}

static const cfg_field VPN_FIELDS[] = {
    {"name", rd_name, offsetof(cfg_vpn, name), 1, NHTB_NAME_MAX - 1, NULL, true},
    {"bind_interface", rd_bind, 0, 0, 0, NULL, true},
    {"traffic_selectors", rd_selectors, 0, 0, 0, NULL, false},
    {"proposals", rd_esp_proposals, 0, 0, 0, NULL, false},
    {"lifetime_seconds", rd_u32, offsetof(cfg_vpn, lifetime_s), 30, 86400, NULL, false},
    {"lifetime_bytes", rd_u64, offsetof(cfg_vpn, lifetime_bytes), 65536, UINT64_C(1) << 40, NULL,
     false},
    {"lifetime_packets", rd_u64, offsetof(cfg_vpn, lifetime_packets), 1000, UINT64_C(1) << 40, NULL,
     false},
};

static bool rd_vpn(cfg_rd *r, const cJSON *v, void *items, uint32_t index)
{
    cfg_vpn *all = items, *p = &all[index];
    if (!rd_object(r, v, p, VPN_FIELDS, sizeof VPN_FIELDS / sizeof *VPN_FIELDS))
        return false;
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(all[i].name, p->name) != 0)
            continue;
        rd_push(r, "name");
        return rd_fail(r, "the name \"%s\" is used twice", p->name);
    }
    return true;
}

static bool rd_vpns(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_gateway *g = dst;
    uint32_t n = 0;
    (void)f;
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) < 1 || cJSON_GetArraySize(v) > 64)
        return rd_fail(r, "an array of 1 to 64 VPNs is expected here");
    /* visible to check_one_peer while it is filled */
    g->vpns = calloc((size_t)cJSON_GetArraySize(v), sizeof *g->vpns);
    if (g->vpns == NULL)
        return rd_fail(r, "out of memory");
    g->n_vpns = (uint32_t)cJSON_GetArraySize(v);
    for (const cJSON *e = v->child; e != NULL; e = e->next, n++) {
        const size_t at = rd_push_index(r, n);
        if (!rd_vpn(r, e, g->vpns, n))
            return false;
        rd_pop(r, at);
    }
    return true;
}

/* ---- gateways ---- */

typedef struct liveness {
    uint32_t interval, threshold;
    bool enabled;
} liveness;

static bool rd_liveness(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    static const cfg_field FIELDS[] = {
        {"enabled", rd_bool, offsetof(liveness, enabled), 0, 0, NULL, false},
        {"interval", rd_u32, offsetof(liveness, interval), 1, 3600, NULL, false},
        {"threshold", rd_u32, offsetof(liveness, threshold), 1, 20, NULL, false},
    };
    cfg_gateway *g = dst;
    liveness l = {10, 3, true};
    (void)f;
    if (!rd_object(r, v, &l, FIELDS, sizeof FIELDS / sizeof *FIELDS))
        return false;
    g->liveness_s = l.interval;
    g->liveness_tries = l.threshold;
    g->liveness_off = !l.enabled;
    return true;
}

/* Text: one identity. An object: any number of them. */
static bool rd_remote_identity(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_gateway *g = dst;
    return cJSON_IsObject(v) ? rd_wildcard(r, v, g) : rd_identity(r, v, &g->remote_id, f);
}

static const char *const SECOND[] = {"replace", "keep", NULL};

static const cfg_field GATEWAY_FIELDS[] = {
    {"name", rd_name, offsetof(cfg_gateway, name), 1, NHTB_NAME_MAX - 1, NULL, true},
    {"local_address", rd_addr_any, offsetof(cfg_gateway, local), 0, 0, NULL, false},
    {"remote_address", rd_addr_any, offsetof(cfg_gateway, remote), 0, 0, NULL, true},
    {"local_identity", rd_identity, offsetof(cfg_gateway, local_id), 0, 0, NULL, false},
    {"remote_identity", rd_remote_identity, 0, 0, 0, NULL, false},
    {"seed", rd_seed, 0, 0, 0, NULL, false},
    {"connection_limit", rd_u32, offsetof(cfg_gateway, connection_limit), 1, 100000, NULL, false},
    {"second_session", rd_word, offsetof(cfg_gateway, second_session), 0, 0, SECOND, false},
    {"next_hop_owners", rd_owners, 0, 0, 0, NULL, false},
    {"pre_shared_key", rd_psk, 0, 0, 0, NULL, false},
    {"certificates", rd_certificates, 0, 0, 0, NULL, false},
    {"proposals", rd_ike_proposals, 0, 0, 0, NULL, false},
    {"establish_tunnels", rd_word, offsetof(cfg_gateway, establish), 0, 0, ESTABLISH, false},
    {"nhtb_notify", rd_word, offsetof(cfg_gateway, announce), 0, 0, NOTIFY, false},
    {"dead_peer_detection", rd_liveness, 0, 0, 0, NULL, false},
    {"force_encapsulation", rd_bool, offsetof(cfg_gateway, force_encap), 0, 0, NULL, false},
    {"initial_contact", rd_bool, offsetof(cfg_gateway, initial_contact), 0, 0, NULL, false},
    {"lifetime_seconds", rd_u32, offsetof(cfg_gateway, lifetime_s), 60, 604800, NULL, false},
    {"path_mtu", rd_u32, offsetof(cfg_gateway, path_mtu), 576, 9216, NULL, false},
    {"ike_version", rd_u32, offsetof(cfg_gateway, ike_version), 1, 2, NULL, false},
    {"ikev1", rd_ikev1, 0, 0, 0, NULL, false},
    {"vpns", rd_vpns, 0, 0, 0, NULL, true},
};

static bool check_gateway(cfg_rd *r, const cfg_gateway *all, uint32_t index)
{
    const cfg_gateway *g = &all[index];
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(all[i].name, g->name) != 0)
            continue;
        rd_push(r, "name");
        return rd_fail(r, "the name \"%s\" is used twice", g->name);
    }
    if (!check_wild(r, g) || !check_v1(r, g) || !check_pki(r, g))
        return false;
    if (g->establish == NHTB_ESTABLISH_IMMEDIATELY && g->remote.family == 0) {
        rd_push(r, "establish_tunnels");
        return rd_fail(r, "\"immediately\" needs a remote_address");
    }
    if (g->local.family != 0 && g->remote.family != 0 && g->local.family != g->remote.family) {
        rd_push(r, "local_address");
        return rd_fail(r, "local and remote address are of different families");
    }
    return true;
}

bool rd_gateway(cfg_rd *r, const cJSON *v, void *items, uint32_t index)
{
    cfg_gateway *all = items, *g = &all[index];
    g->initial_contact = true;
    g->liveness_s = 10;
    g->liveness_tries = 3;
    g->ike_version = 2;
    if (!rd_object(r, v, g, GATEWAY_FIELDS, sizeof GATEWAY_FIELDS / sizeof *GATEWAY_FIELDS))
        return false;
    g->canon = cJSON_PrintUnformatted(v);
    return g->canon != NULL ? check_gateway(r, all, index) : rd_fail(r, "out of memory");
}
