/* SPDX-License-Identifier: Apache-2.0
 * Which crypto backend serves the gateway: the configuration's word against what this build has.
 * "auto" prefers OpenSSL (fastest on servers), then mbedTLS. Called once by main.c. */
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

static const struct {
    cfg_crypto choice;
    const char *name;
    nhtb_crypto (*tables)(void);
} BACKENDS[] = {
    {CFG_CRYPTO_OPENSSL, "openssl", OPENSSL_TABLES},
    {CFG_CRYPTO_MBEDTLS, "mbedtls", MBEDTLS_TABLES},
};

bool crypto_choose(unsigned choice, nhtb_crypto *out, const char **name)
{
    for (size_t i = 0; i < sizeof BACKENDS / sizeof *BACKENDS; i++) {
        if (BACKENDS[i].tables == NULL)
            continue;
        if (choice != CFG_CRYPTO_AUTO && choice != BACKENDS[i].choice)
            continue;
        *out = BACKENDS[i].tables();
        *name = BACKENDS[i].name;
        return true;
    }
    return false;
}
