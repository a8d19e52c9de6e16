/* SPDX-License-Identifier: Apache-2.0
 * Certificates for the sides of a duo: tables of the null backend, but OpenSSL's signatures. Include
 * only with NHTB_HAVE_OPENSSL. */
#ifndef NHI_TEST_DUO_PKI_H
#define NHI_TEST_DUO_PKI_H

#include "duo.h"

#include "crypto/sig.h"
#include "pki/fixture.h"

static nhtb_pki pki[2]; /* of side 0 and 1, changed by tests before duo_start */
static char chains[2][8192];

static inline uint64_t pki_wall(void *user)
{
    (void)user;
    return UINT64_C(1767225600); /* 2026-01-01 */
}

static inline void pki_give(duo *p, int i, const char *cert, const char *issuer, const char *key,
                            const char *anchors)
{
    side *s = &p->s[i];
    nhtb_pki_init(&pki[i]);
    snprintf(chains[i], sizeof chains[i], "%s%s", cert, issuer);
    pki[i].chain = str(chains[i]);
    pki[i].key = str(key);
    pki[i].anchors = str(anchors);
    s->cfg.pki = &pki[i];
    s->cfg.psk = (nhtb_span){NULL, 0};
    s->crypto.pk = nhtb_openssl_crypto().pk;
    s->mem.host.wall_time = pki_wall;
}

static inline nhtb_identity pki_name(const char *name)
{
    return (nhtb_identity){NHTB_ID_FQDN, str(name)};
}

#endif
