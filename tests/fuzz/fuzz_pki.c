/* SPDX-License-Identifier: Apache-2.0
 * Certificates for the session targets, where the build has OpenSSL. See fuzz_side.h. */
#include "fuzz/fuzz_side.h"

#if NHTB_HAVE_OPENSSL
#include "pki/ends.h"

bool fuzz_signs(nhtb_host *host, nhtb_crypto *crypto)
{
    host->wall_time = pki_wall;
    crypto->pk = nhtb_openssl_crypto().pk;
    return true;
}

void fuzz_pki(bool hub, nhtb_peer *cfg)
{
    static nhtb_pki pki;
    static char chain[PKI_CHAIN_MAX];
    pki_end(hub, &pki, chain, cfg);
}

#else

bool fuzz_signs(nhtb_host *host, nhtb_crypto *crypto)
{
    (void)host, (void)crypto;
    return false;
}

void fuzz_pki(bool hub, nhtb_peer *cfg)
{
    (void)hub, (void)cfg;
}

#endif
