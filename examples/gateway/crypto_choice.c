/* SPDX-License-Identifier: Apache-2.0
 * Which crypto backends serve the gateway: the configuration's word against what this build and this
 * CPU have. "auto" takes the fastest whose known-answer self-test passes when the context is made:
 * ipsec-mb for packets, then OpenSSL, then mbedTLS. Called by main.c at start. */
#include "gateway.h"

#include <string.h>

#if defined(NHTB_HAVE_OPENSSL)
#include <nhtb/backend_openssl.h>
#define OPENSSL_TABLES nhtb_openssl_crypto
#else
#define OPENSSL_TABLES NULL
#endif
#if defined(NHTB_HAVE_MBEDTLS)
#include <nhtb/backend_mbedtls.h>
#define MBEDTLS_TABLES nhtb_mbedtls_crypto
#else
#define MBEDTLS_TABLES NULL
#endif
#if defined(NHTB_HAVE_IPSECMB)
#include <nhtb/backend_ipsecmb.h>
#define IPSECMB_BULK nhtb_ipsecmb_bulk
#else
#define IPSECMB_BULK NULL
#endif

typedef const nhtb_bulk_ops *(*bulk_fn)(void);
typedef nhtb_crypto (*tables_fn)(void);

static const struct {
    cfg_crypto choice;
    const char *name;
    bulk_fn bulk; /* NULL: the tables' own */
    tables_fn tables;
} BACKENDS[] = {
    {CFG_CRYPTO_IPSECMB, "ipsecmb and openssl", IPSECMB_BULK, OPENSSL_TABLES},
    {CFG_CRYPTO_IPSECMB, "ipsecmb and mbedtls", IPSECMB_BULK, MBEDTLS_TABLES},
    {CFG_CRYPTO_OPENSSL, "openssl", NULL, OPENSSL_TABLES},
    {CFG_CRYPTO_MBEDTLS, "mbedtls", NULL, MBEDTLS_TABLES},
};
enum { N_BACKENDS = sizeof BACKENDS / sizeof *BACKENDS };

/* Bulk tables offer nothing on a CPU without the instructions they need. */
static bool offered(size_t i)
{
    if (BACKENDS[i].tables == NULL)
        return false;
    return BACKENDS[i].choice != CFG_CRYPTO_IPSECMB ||
           (BACKENDS[i].bulk != NULL && BACKENDS[i].bulk()->has(NHTB_BULK_AES128_GCM16));
}

bool crypto_choose(unsigned choice, size_t *at, nhtb_crypto *out, const char **name)
{
    for (; *at < N_BACKENDS; ++*at) {
        if (!offered(*at) || (choice != CFG_CRYPTO_AUTO && choice != BACKENDS[*at].choice))
            continue;
        *out = BACKENDS[*at].tables();
        if (BACKENDS[*at].bulk != NULL)
            out->bulk = BACKENDS[*at].bulk();
        *name = BACKENDS[*at].name;
        ++*at;
        return true;
    }
    return false;
}
