/* SPDX-License-Identifier: Apache-2.0
 * The members of a gateway that stands for many peers: whom it admits, the seed of their keys, who
 * owns which next hop. Called by config_gateway.c. Control thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ident_text.h"
#include "common/secret_file.h"
#include "config_read.h"

static bool set_pattern(cfg_rd *r, const cJSON *v, cfg_gateway *g, uint8_t type, const char *lead)
{
    if (!cJSON_IsString(v) || v->valuestring[0] == 0)
        return rd_fail(r, "text in quotes is expected here");
    const char *t = v->valuestring + (lead[0] != 0 && v->valuestring[0] == lead[1]);
    const int n = snprintf((char *)g->remote_id.data, sizeof g->remote_id.data, "%s%s", lead, t);
    if (n < 0 || (size_t)n >= sizeof g->remote_id.data)
        return rd_fail(r, "too long");
    g->remote_id.type = type;
    g->remote_id.n = (uint8_t)n;
    return true;
}

static bool rd_domain(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_gateway *g = dst;
    (void)f;
    g->wildcard = NHTB_WILDCARD_DOMAIN;
    return set_pattern(r, v, g, NHTB_ID_FQDN, "*.");
}

static bool rd_email(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_gateway *g = dst;
    (void)f;
    g->wildcard = NHTB_WILDCARD_EMAIL;
    return set_pattern(r, v, g, NHTB_ID_RFC822, "*@");
}

static bool rd_key_id(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_gateway *g = dst;
    (void)f;
    g->wildcard = NHTB_WILDCARD_KEY_ID;
    return set_pattern(r, v, g, NHTB_ID_KEY_ID, "");
}

static bool set_dn(cfg_rd *r, const cJSON *v, cfg_gateway *g, uint8_t kind)
{
    size_t n = sizeof g->remote_id.data;
    if (!cJSON_IsString(v) || nhtb_dn_parse(v->valuestring, g->remote_id.data, &n) != 0 ||
        n > NHTB_ID_MAX)
        return rd_fail(r, "a name such as \"O=Example, OU=Spokes, CN=*\" is expected here");
    g->wildcard = kind;
    g->remote_id.type = NHTB_ID_DER_DN;
    g->remote_id.n = (uint8_t)n;
    return true;
}

static bool rd_dn(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    (void)f;
    return set_dn(r, v, dst, NHTB_WILDCARD_DN);
}

static bool rd_container(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    (void)f;
    return set_dn(r, v, dst, NHTB_WILDCARD_CONTAINER);
}

bool rd_wildcard(cfg_rd *r, const cJSON *v, void *gateway)
{
    static const cfg_field FIELDS[] = {
        {"domain_suffix", rd_domain, 0, 0, 0, NULL, false},
        {"email_domain", rd_email, 0, 0, 0, NULL, false},
        {"key_id_prefix", rd_key_id, 0, 0, 0, NULL, false},
        {"dn_wildcard", rd_dn, 0, 0, 0, NULL, false},
        {"dn_container", rd_container, 0, 0, 0, NULL, false},
    };
    if (cJSON_GetArraySize(v) != 1)
        return rd_fail(r, "one of domain_suffix, email_domain, key_id_prefix, dn_wildcard, "
                          "dn_container is expected here");
    return rd_object(r, v, gateway, FIELDS, sizeof FIELDS / sizeof *FIELDS);
}

static bool rd_seed_file(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_gateway *g = dst;
    char path[512], why[300];
    (void)f;
    if (!cJSON_IsString(v))
        return rd_fail(r, "text in quotes is expected here");
    if (!rd_path(r, v->valuestring, path, sizeof path))
        return false;
    const long n = secret_file_read(path, g->seed, sizeof g->seed, why, sizeof why);
    if (n < 0)
        return rd_fail(r, "%s", why);
    if (n < NHTB_PSK_SEED_MIN || (size_t)n > sizeof g->seed)
        return rd_fail(r, "%.160s: must hold %d to %zu random bytes", path, NHTB_PSK_SEED_MIN,
                       sizeof g->seed);
    g->seed_n = (size_t)n;
    return true;
}

bool rd_seed(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f)
{
    static const cfg_field FIELDS[] = {
        {"file", rd_seed_file, 0, 0, 0, NULL, true},
    };
    (void)f;
    return rd_object(r, v, gateway, FIELDS, sizeof FIELDS / sizeof *FIELDS);
}

static bool read_owner(cfg_rd *r, const cJSON *e, cfg_owner *o)
{
    if (nhtb_addr_parse(e->string, &o->next_hop) != 0)
        return rd_fail(r, "not an address");
    if (!cJSON_IsString(e) || !ident_text_parse(e->valuestring, &o->id.type, o->id.data, &o->id.n))
        return rd_fail(r, "an identity in quotes is expected here");
    return true;
}

bool rd_owners(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f)
{
    cfg_gateway *g = gateway;
    (void)f;
    if (!cJSON_IsObject(v))
        return rd_fail(r, "an object of addresses and identities is expected here");
    g->owners = calloc((size_t)cJSON_GetArraySize(v) + 1, sizeof *g->owners);
    if (g->owners == NULL)
        return rd_fail(r, "out of memory");
    for (const cJSON *e = v->child; e != NULL; e = e->next) {
        const size_t at = rd_push(r, e->string);
        if (!read_owner(r, e, &g->owners[g->n_owners]))
            return false;
        g->n_owners++;
        rd_pop(r, at);
    }
    return true;
}

bool check_wild(cfg_rd *r, const cfg_gateway *g)
{
    const bool wild = g->wildcard != NHTB_WILDCARD_NONE;
    const bool certs = g->pki != NULL && g->pki->anchors.n != 0;
    if (!wild && g->psk_n == 0 && g->pki == NULL)
        return rd_fail(r, "the key \"pre_shared_key\" is missing");
    if (g->wildcard >= NHTB_WILDCARD_DN && !certs)
        return rd_fail(r, "names of certificates need \"certificates\" with \"ca\"");
    if (wild && certs && (g->psk_n != 0 || g->seed_n != 0))
        return rd_fail(r, "many identities by certificate have no \"seed\" or \"pre_shared_key\"");
    if (wild && !certs && (g->psk_n != 0 || g->seed_n == 0))
        return rd_fail(r, "many identities need \"seed\" and no \"pre_shared_key\"");
    if (!wild && g->seed_n != 0)
        return rd_fail(r, "\"seed\" needs a remote_identity with a suffix, domain or prefix");
    if (wild && g->remote.family != 0)
        return rd_fail(r, "many identities need \"remote_address\": \"any\"");
    return true;
}
