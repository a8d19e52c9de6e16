/* SPDX-License-Identifier: Apache-2.0
 * The gateway's choice of crypto backends: fastest first, only what this build and CPU have, and each
 * candidate passes its self-test. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

static void *host_alloc(void *user, size_t n, size_t align)
{
    (void)user;
    return aligned_alloc(align, (n + align - 1) / align * align);
}

static void host_free(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    free(p);
}

static int host_random(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    memset(dst, 7, n);
    return 0;
}

Test(crypto_choice, every_candidate_of_auto_makes_a_context)
{
    nhtb_host h = {.size = sizeof h, .alloc = host_alloc, .free = host_free, .random = host_random};
    nhtb_settings s;
    nhtb_crypto c;
    const char *name;
    size_t at = 0, n = 0;
    nhtb_settings_init(&s);
    for (; crypto_choose(CFG_CRYPTO_AUTO, &at, &c, &name); n++) {
        nhtb_ctx *ctx;
        cr_assert_eq(nhtb_ctx_new(&ctx, &s, &h, &c), 0, "%s", name);
        cr_assert(c.kdf != NULL && c.pk != NULL, "%s", name);
        nhtb_ctx_del(ctx);
    }
    cr_assert_gt(n, 0);
}

Test(crypto_choice, a_named_backend_is_the_only_candidate)
{
    static const struct {
        unsigned choice;
        const char *bulk;
    } named[] = {{CFG_CRYPTO_OPENSSL, "openssl"},
                 {CFG_CRYPTO_MBEDTLS, "mbedtls"},
                 {CFG_CRYPTO_IPSECMB, "ipsecmb"}};
    for (size_t i = 0; i < 3; i++) {
        nhtb_crypto c;
        const char *name;
        size_t at = 0;
        while (crypto_choose(named[i].choice, &at, &c, &name))
            cr_assert_str_eq(c.bulk->name, named[i].bulk);
    }
}

/* ---- a backend that computes wrong ---- */

static const nhtb_bulk_ops *true_bulk;

static void seal_wrong(void *lane, unsigned index, nhtb_bulk_job *jobs, size_t n)
{
    true_bulk->seal(lane, index, jobs, n);
    for (size_t i = 0; i < n; i++)
        jobs[i].icv[0] ^= 1;
}

static void open_anything(void *lane, unsigned index, nhtb_bulk_job *jobs, size_t n)
{
    true_bulk->open(lane, index, jobs, n);
    for (size_t i = 0; i < n; i++)
        jobs[i].status = NHTB_BULK_OK;
}

/* NHTB_ERR_CRYPTO sends the gateway to its next candidate (main.c, make_context). */
Test(crypto_choice, a_candidate_that_computes_wrong_is_passed_over)
{
    nhtb_host h = {.size = sizeof h, .alloc = host_alloc, .free = host_free, .random = host_random};
    nhtb_settings s;
    nhtb_crypto c;
    const char *name;
    nhtb_settings_init(&s);
    for (size_t at = 0; crypto_choose(CFG_CRYPTO_AUTO, &at, &c, &name);)
        for (int lie = 0; lie < 2; lie++) {
            nhtb_ctx *ctx = NULL;
            nhtb_crypto bad = c;
            nhtb_bulk_ops ops = *c.bulk;
            true_bulk = c.bulk;
            if (lie == 0)
                ops.seal = seal_wrong;
            else
                ops.open = open_anything;
            bad.bulk = &ops;
            cr_assert_eq(nhtb_ctx_new(&ctx, &s, &h, &bad), NHTB_ERR_CRYPTO, "%s, lie %d", name,
                         lie);
            cr_assert_null(ctx);
        }
}

#if defined(NHTB_HAVE_IPSECMB) && defined(NHTB_HAVE_OPENSSL)
#include <nhtb/backend_ipsecmb.h>

Test(crypto_choice, auto_takes_ipsec_mb_where_the_cpu_has_aes)
{
    nhtb_crypto c;
    const char *name;
    size_t at = 0;
    cr_assert(crypto_choose(CFG_CRYPTO_AUTO, &at, &c, &name));
    bool fast = nhtb_ipsecmb_bulk()->has(NHTB_BULK_AES128_GCM16);
    cr_assert_str_eq(c.bulk->name, fast ? "ipsecmb" : "openssl");
    cr_assert_str_eq(c.kdf->name, "openssl");
}
#endif
