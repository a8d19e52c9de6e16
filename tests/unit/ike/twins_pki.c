/* SPDX-License-Identifier: Apache-2.0
 * Certificates for the twins: end 0 is the hub of pki/ends.h. The tables of the null backend, but real
 * signatures. */
#include "unit/ike/twins.h"

#if NHTB_HAVE_OPENSSL
#include "pki/ends.h"

bool twins_pki(twins_end *e, nhtb_peer *cfg)
{
    static nhtb_pki pki;
    static char chain[PKI_CHAIN_MAX];
    pki_end(e->index == 0, &pki, chain, cfg);
    e->crypto.pk = nhtb_openssl_crypto().pk;
    e->mem.host.wall_time = pki_wall;
    return true;
}

#else

bool twins_pki(twins_end *e, nhtb_peer *cfg)
{
    (void)e, (void)cfg;
    return false;
}

#endif
