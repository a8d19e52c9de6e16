/* SPDX-License-Identifier: Apache-2.0
 * Certificates for the twins: end 0 is a hub with RSA, end 1 a gateway with P-256, both trust one
 * root. The tables of the null backend, but real signatures. */
#include "unit/ike/twins.h"

#include "pki/fixture.h"

#if NHTB_HAVE_OPENSSL
#include <nhtb/backend_openssl.h>
#include <stdio.h>

static uint64_t wall(void *user)
{
    (void)user;
    return UINT64_C(1767225600); /* 2026-01-01 */
}

static nhtb_span text(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

static nhtb_identity fqdn(bool hub)
{
    return (nhtb_identity){NHTB_ID_FQDN, text(hub ? "hub.example" : "p256.example")};
}

bool twins_pki(twins_end *e, nhtb_peer *cfg)
{
    static nhtb_pki pki;
    static char chain[8192];
    bool hub = e->index == 0;
    snprintf(chain, sizeof chain, "%s%s", hub ? pki_hub : pki_p256, pki_sub);
    nhtb_pki_init(&pki);
    pki.chain = text(chain);
    pki.key = text(hub ? pki_hub_key : pki_p256_key);
    pki.anchors = text(pki_root);
    cfg->pki = &pki;
    cfg->psk = (nhtb_span){NULL, 0};
    cfg->local_id = fqdn(hub);
    cfg->remote_id = fqdn(!hub);
    e->crypto.pk = nhtb_openssl_crypto().pk;
    e->mem.host.wall_time = wall;
    return true;
}

#else

bool twins_pki(twins_end *e, nhtb_peer *cfg)
{
    (void)e, (void)cfg;
    return false;
}

#endif
