/* SPDX-License-Identifier: Apache-2.0
 * The members of a gateway that speaks IKEv1, and the warnings that go with it: what a peer needs may
 * still be what nobody should use. Called by config_gateway.c. Control thread. */
#include <string.h>

#include "config_read.h"

static const char *const MODE[] = {"main", "aggressive", NULL};

bool rd_ikev1(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f)
{
    static const cfg_field FIELDS[] = {
        {"mode", rd_word, offsetof(nhtb_v1, mode), 0, 0, MODE, false},
        {"nat_traversal", rd_bool, offsetof(nhtb_v1, nat_t), 0, 0, NULL, false},
        {"nat_traversal_drafts", rd_bool, offsetof(nhtb_v1, nat_t_drafts), 0, 0, NULL, false},
        {"dead_peer_detection", rd_bool, offsetof(nhtb_v1, dpd), 0, 0, NULL, false},
        {"fragmentation", rd_bool, offsetof(nhtb_v1, fragmentation), 0, 0, NULL, false},
        {"responder_lifetime", rd_bool, offsetof(nhtb_v1, responder_lifetime), 0, 0, NULL, false},
        {"lifetime_kilobytes", rd_u64, offsetof(nhtb_v1, lifetime_kb), 64, UINT32_MAX, NULL, false},
    };
    cfg_gateway *g = gateway;
    (void)f;
    g->has_v1 = true;
    return rd_object(r, v, &g->v1, FIELDS, sizeof FIELDS / sizeof *FIELDS);
}

/* ---- warnings ---- */

enum { ENCR_3DES = 3, PRF_SHA1 = 2, INTEG_SHA1 = 2, KE_MODP1024 = 2, KE_MODP1536 = 5 };

static bool has(const uint16_t *v, unsigned n, unsigned id)
{
    for (unsigned i = 0; i < n; i++)
        if (v[i] == id)
            return true;
    return false;
}

/* What old peers need and nobody else should have; never in a built-in list. */
static void warn_legacy(const cfg_rd *r, const char *name, const nhtb_proposal *v, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        const nhtb_proposal *p = &v[i];
        bool des = false;
        for (unsigned k = 0; k < p->n_encr; k++)
            des = des || p->encr[k].id == ENCR_3DES;
        const bool sha1 = has(p->prf, p->n_prf, PRF_SHA1) || has(p->integ, p->n_integ, INTEG_SHA1);
        const bool small = has(p->ke, p->n_ke, KE_MODP1024) || has(p->ke, p->n_ke, KE_MODP1536);
        if (des || sha1 || small)
            log_text(r->log, NHTB_LOG_WARNING,
                     "%s: proposal %u names algorithms for old peers only:%s%s%s", name, i + 1u,
                     des ? " 3DES" : "", sha1 ? " SHA-1" : "",
                     small ? " MODP-1024 or MODP-1536" : "");
    }
}

bool check_v1(cfg_rd *r, const cfg_gateway *g)
{
    warn_legacy(r, g->name, g->proposals, g->n_proposals);
    for (uint32_t i = 0; i < g->n_vpns; i++)
        warn_legacy(r, g->name, g->vpns[i].proposals, g->vpns[i].n_proposals);
    if (g->has_v1 && g->ike_version != 1) {
        rd_push(r, "ikev1");
        return rd_fail(r, "needs \"ike_version\": 1");
    }
    if (g->ike_version != 1)
        return true;
    log_text(r->log, NHTB_LOG_WARNING,
             "gateway %s: IKEv1 is deprecated (RFC 9395); use it for peers that know no IKEv2 only",
             g->name);
    if (g->v1.mode == NHTB_V1_AGGRESSIVE)
        log_text(r->log, NHTB_LOG_WARNING,
                 "gateway %s: AGGRESSIVE MODE shows the identities and lets anybody who asks once "
                 "try keys off-line: use main mode, or a random key of 32 bytes",
                 g->name);
    if (g->wildcard != NHTB_WILDCARD_NONE) {
        rd_push(r, "remote_identity");
        return rd_fail(r, "IKEv1 entries stand for one identity each");
    }
    return true;
}
