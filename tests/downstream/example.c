/* SPDX-License-Identifier: Apache-2.0
 * The smallest user of libnhtb: makes a context and ends it. Built outside the tree by
 * tests/downstream/run.sh in every way a user may build. */
#include <nhtb/nhtb.h>
#if defined(DOWNSTREAM_MBEDTLS)
#include <nhtb/backend_mbedtls.h>
#define BACKEND nhtb_mbedtls_crypto
#else
#include <nhtb/backend_openssl.h>
#define BACKEND nhtb_openssl_crypto
#endif

#if defined(DOWNSTREAM_IPSECMB)
#include <nhtb/backend_ipsecmb.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *host_alloc(void *user, size_t n, size_t align)
{
    (void)user;
    (void)align;
    return aligned_alloc(64, (n + 63) / 64 * 64);
}

static void host_free(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    free(p);
}

static int host_random(void *user, uint8_t *dst, size_t n)
{
    FILE *f = fopen("/dev/urandom", "rb");
    size_t got = f != NULL ? fread(dst, 1, n, f) : 0;

    (void)user;
    if (f != NULL)
        fclose(f);
    return got == n ? 0 : -1;
}

int main(void)
{
    nhtb_settings settings;
    nhtb_host host;
    nhtb_crypto crypto = BACKEND();
    nhtb_ctx *ctx;
    int err;

    memset(&host, 0, sizeof host);
    host.size = (uint32_t)sizeof host;
    host.alloc = host_alloc;
    host.free = host_free;
    host.random = host_random;
    nhtb_settings_init(&settings);
#if defined(DOWNSTREAM_IPSECMB)
    crypto.bulk = nhtb_ipsecmb_bulk();
#endif
    err = nhtb_ctx_new(&ctx, &settings, &host, &crypto);
    printf("libnhtb %s: %s\n", nhtb_version(), nhtb_strerror(err));
    nhtb_ctx_del(ctx);
    return err == NHTB_OK && strcmp(nhtb_version(), NHTB_VERSION) == 0 ? 0 : 1;
}
