/* SPDX-License-Identifier: Apache-2.0
 * What the crypto tests share: the list of backends in this build, key contexts in plain heap
 * memory, single jobs, a seeded random generator, hexadecimal text. Tests only. */
#ifndef NHTB_TESTS_VECTORS_SUPPORT_H
#define NHTB_TESTS_VECTORS_SUPPORT_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nhtb/nhtb.h>

#include "crypto/bulk.h"
#include "crypto/kdf.h"

#if defined(NHTB_HAVE_MBEDTLS)
#include <nhtb/backend_mbedtls.h>
#endif
#if defined(NHTB_HAVE_OPENSSL)
#include <nhtb/backend_openssl.h>
#endif
#if defined(NHTB_HAVE_IPSECMB)
#include <nhtb/backend_ipsecmb.h>
#endif
#if defined(NHTB_HAVE_NULL)
#include <nhtb/backend_null.h>
#endif

typedef nhtb_crypto (*backend_fn)(void);

#if defined(NHTB_HAVE_IPSECMB) && (defined(NHTB_HAVE_OPENSSL) || defined(NHTB_HAVE_MBEDTLS))
#define TEST_IPSECMB 1
/* Bulk only: the rest is another backend's. */
static inline nhtb_crypto test_ipsecmb(void)
{
#if defined(NHTB_HAVE_OPENSSL)
    nhtb_crypto c = nhtb_openssl_crypto();
#else
    nhtb_crypto c = nhtb_mbedtls_crypto();
#endif
    c.bulk = nhtb_ipsecmb_bulk();
    return c;
}
#endif

/* Backends that must give the published answers. */
static const backend_fn real_backends[] = {
#if defined(NHTB_HAVE_MBEDTLS)
    nhtb_mbedtls_crypto,
#endif
#if defined(NHTB_HAVE_OPENSSL)
    nhtb_openssl_crypto,
#endif
#if defined(TEST_IPSECMB)
    test_ipsecmb,
#endif
};
#define N_REAL (sizeof real_backends / sizeof real_backends[0])

/* ... and those that must keep the contract. */
static const backend_fn all_backends[] = {
#if defined(NHTB_HAVE_MBEDTLS)
    nhtb_mbedtls_crypto,
#endif
#if defined(NHTB_HAVE_OPENSSL)
    nhtb_openssl_crypto,
#endif
#if defined(TEST_IPSECMB)
    test_ipsecmb,
#endif
#if defined(NHTB_HAVE_NULL)
    nhtb_null_crypto,
#endif
};
#define N_ALL (sizeof all_backends / sizeof all_backends[0])

static const uint16_t ke_methods[] = {NHTB_KE_MODP1024, NHTB_KE_MODP1536, NHTB_KE_MODP2048,
                                      NHTB_KE_MODP3072, NHTB_KE_MODP4096, NHTB_KE_P256,
                                      NHTB_KE_P384,     NHTB_KE_P521,     NHTB_KE_X25519};

/* ---- hexadecimal ---- */

static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Spaces are skipped; returns the number of bytes. */
static inline size_t unhex(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;
    int high = -1;
    for (; *text != '\0'; text++) {
        int d = hex_digit(*text);
        if (d < 0) {
            cr_assert_eq(*text, ' ', "not hexadecimal: %s", text);
            continue;
        }
        if (high < 0) {
            high = d;
            continue;
        }
        cr_assert_lt(n, cap, "hexadecimal text too long");
        out[n++] = (uint8_t)(high << 4 | d);
        high = -1;
    }
    cr_assert_lt(high, 0, "odd number of digits");
    return n;
}

/* ---- memory ---- */

static inline void *test_alloc(void *user, size_t n, size_t align)
{
    size_t *left = user; /* allocations that still succeed; NULL: all */
    if (left != NULL && (*left)-- == 0) {
        *left = 0;
        return NULL;
    }
    return aligned_alloc(align, (n + align - 1) / align * align);
}

static inline void test_free(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    free(p);
}

static inline nhi_mem test_mem(size_t *allocations_left)
{
    nhi_mem m = {.host = {.size = sizeof(nhtb_host), .user = allocations_left}};
    m.host.alloc = test_alloc;
    m.host.free = test_free;
    return m;
}

/* ---- bulk keys and jobs ---- */

typedef struct test_key {
    const nhtb_bulk_ops *ops;
    void *mem;
    size_t size;
} test_key;

static inline void *zeroed(size_t n)
{
    void *p = aligned_alloc(64, n == 0 ? 64 : n);
    cr_assert_not_null(p);
    memset(p, 0, n);
    return p;
}

/* The lanes of a backend, made once per test program: a vendor may test itself in each. */
static inline void *test_lane(const nhtb_bulk_ops *ops, unsigned index)
{
    static struct {
        const nhtb_bulk_ops *ops;
        void *lane[65];
    } made[8];
    size_t i = 0;
    while (made[i].ops != NULL && made[i].ops != ops)
        i++;
    cr_assert_lt(i, 8);
    cr_assert_lt(index, 65);
    made[i].ops = ops;
    if (made[i].lane[index] == NULL) {
        made[i].lane[index] = zeroed(ops->lane_size());
        cr_assert_eq(ops->lane_init(made[i].lane[index]), 0, "%s: lane_init", ops->name);
    }
    return made[i].lane[index];
}

static inline test_key test_key_make(const nhtb_bulk_ops *ops, const nhi_bulk_facts *f,
                                     const uint8_t *keymat, bool seal, unsigned lanes)
{
    nhtb_bulk_key k = {.alg = f->alg, .seal = seal, .enc = {keymat, f->key_len}};
    memcpy(k.salt, keymat + f->key_len, f->salt_len);
    k.integ = (nhtb_span){keymat + f->key_len + f->salt_len, f->integ_len};
    test_key t = {.ops = ops, .size = ops->key_size(f->alg, lanes)};
    cr_assert_eq(t.size % 64, 0);
    t.mem = zeroed(t.size);
    for (unsigned i = 0; i < lanes; i++) /* before a test's threads ask for them */
        (void)test_lane(ops, i);
    uint64_t mask = lanes == 64 ? UINT64_MAX : (UINT64_C(1) << lanes) - 1;
    cr_assert_eq(ops->key_init(t.mem, &k, lanes, mask), 0, "%s: key_init %s", ops->name, f->name);
    return t;
}

static inline void test_key_free(test_key *t)
{
    t->ops->key_wipe(t->mem);
    free(t->mem);
}

static inline int test_seal(const test_key *t, unsigned lane, nhtb_bulk_job *j)
{
    j->key = t->mem;
    j->status = -1;
    t->ops->seal(test_lane(t->ops, lane), lane, j, 1);
    return j->status;
}

static inline int test_open(const test_key *t, unsigned lane, nhtb_bulk_job *j)
{
    j->key = t->mem;
    j->status = -1;
    t->ops->open(test_lane(t->ops, lane), lane, j, 1);
    return j->status;
}

/* ---- random, repeatable ---- */

static inline uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline void test_fill(uint64_t *state, uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)test_random(state);
}

/* ---- Diffie-Hellman ---- */

typedef struct test_dh {
    const nhtb_pk_ops *pk;
    uint16_t method;
    void *ctx;
    uint8_t pub[NHTB_KE_PUBLIC_MAX];
    size_t pub_len;
} test_dh;

static inline int test_dh_make(test_dh *d, const nhtb_pk_ops *pk, uint16_t method,
                               const uint8_t seed[NHTB_KE_SEED])
{
    *d = (test_dh){.pk = pk, .method = method, .pub_len = sizeof d->pub};
    d->ctx = zeroed((pk->dh_size(method) + 63) / 64 * 64);
    return pk->dh_make(method, d->ctx, seed, d->pub, &d->pub_len);
}

static inline int test_dh_shared(test_dh *d, const uint8_t *peer, size_t peer_len,
                                 uint8_t secret[NHTB_KE_SECRET_MAX], size_t *n)
{
    *n = NHTB_KE_SECRET_MAX;
    return d->pk->dh_shared(d->method, d->ctx, (nhtb_span){peer, peer_len}, secret, n);
}

static inline void test_dh_free(test_dh *d)
{
    d->pk->dh_wipe(d->method, d->ctx);
    free(d->ctx);
}

static inline bool is_ecp(uint16_t method)
{
    return method == NHTB_KE_P256 || method == NHTB_KE_P384 || method == NHTB_KE_P521;
}

/* Leading bytes of the seed that make the private key (contract of nhtb_pk_ops). */
static inline size_t test_seed_width(uint16_t method)
{
    switch (method) {
    case NHTB_KE_X25519: return 32;
    case NHTB_KE_P256: return 48;
    case NHTB_KE_P521: return 80;
    default: return 64;
    }
}

/* The seed that makes dh_make use exactly this private key. */
static inline void test_dh_seed(uint16_t method, const uint8_t *priv, size_t n, uint8_t *seed)
{
    size_t width = test_seed_width(method);
    memset(seed, 0x5c, NHTB_KE_SEED);
    memset(seed, 0, width);
    while (n > width && priv[0] == 0) {
        priv++;
        n--;
    }
    cr_assert_leq(n, width);
    memcpy(seed + width - n, priv, n);
    for (size_t i = width; is_ecp(method) && i-- > 0;) {
        if (seed[i]-- != 0) /* d - 1, with borrow */
            break;
    }
}

#endif
