/* SPDX-License-Identifier: Apache-2.0
 * See duo_cert.h. */
#include "duo_cert.h"

#include "pki/now.h"

#if NHTB_HAVE_OPENSSL

nhtb_pki duo_pki[2];
static char chains[2][8192];

void duo_cert(duo *p, int i, const char *cert, const char *issuer, const char *key,
              const char *anchors)
{
    side *s = &p->s[i];
    nhtb_pki_init(&duo_pki[i]);
    snprintf(chains[i], sizeof chains[i], "%s%s", cert, issuer);
    duo_pki[i].chain = str(chains[i]);
    duo_pki[i].key = str(key);
    duo_pki[i].anchors = str(anchors);
    s->cfg.pki = &duo_pki[i];
    s->crypto.pk = nhtb_openssl_crypto().pk;
    s->mem.host.wall_time = pki_wall;
}

#endif
