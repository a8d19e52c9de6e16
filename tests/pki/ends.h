/* SPDX-License-Identifier: Apache-2.0
 * Two ends that prove themselves with certificates of the fixture: one a hub with RSA, the other a
 * gateway with P-256; both trust one root. For tests over the tables of the null backend with real
 * signatures (OpenSSL's). */
#ifndef NHTB_TESTS_PKI_ENDS_H
#define NHTB_TESTS_PKI_ENDS_H

#include <nhtb/backend_openssl.h>
#include <nhtb/nhtb.h>
#include <stdio.h>
#include <string.h>

#include "pki/fixture.h"
#include "pki/now.h"

enum { PKI_CHAIN_MAX = 8192 };

static inline nhtb_span pki_end_text(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

static inline nhtb_identity pki_end_id(bool hub)
{
    return (nhtb_identity){NHTB_ID_FQDN, pki_end_text(hub ? "hub.example" : "p256.example")};
}

/** Makes the entry prove itself and its peer by certificates. IKEv1 (cfg->v1) has no method for keys of
 *  two kinds: both ends use the hub's then. pki and chain (PKI_CHAIN_MAX bytes) live until the entry
 *  was taken. */
static inline void pki_end(bool is_hub, nhtb_pki *pki, char *chain, nhtb_peer *cfg)
{
    bool hub = is_hub || cfg->v1;
    snprintf(chain, PKI_CHAIN_MAX, "%s%s", hub ? pki_hub : pki_p256, pki_sub);
    nhtb_pki_init(pki);
    pki->chain = pki_end_text(chain);
    pki->key = pki_end_text(hub ? pki_hub_key : pki_p256_key);
    pki->anchors = pki_end_text(pki_root);
    cfg->pki = pki;
    cfg->psk = (nhtb_span){NULL, 0};
    cfg->local_id = pki_end_id(hub);
    cfg->remote_id = pki_end_id(!is_hub || cfg->v1);
}

#endif
