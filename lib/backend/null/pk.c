/* SPDX-License-Identifier: Apache-2.0
 * pk table of the null backend: two Diffie-Hellman exchanges over the 31-bit prime 2^31 - 1 side by
 * side, stretched to the lengths of the real methods. Commutative, deterministic from the seed,
 * microseconds per call, and trivially broken. For tests, simulation and fuzzing; any thread. */
#include <nhtb/backend_null.h>

#include <string.h>

#define P         UINT64_C(0x7fffffff)
#define GENERATOR 7 /* a primitive root of 2^31 - 1 */

typedef struct dh_ctx {
    uint64_t x[2];
} dh_ctx;

static size_t public_len(uint16_t method)
{
    switch (method) {
    case NHTB_KE_MODP1024: return 128;
    case NHTB_KE_MODP1536: return 192;
    case NHTB_KE_MODP2048: return 256;
    case NHTB_KE_MODP3072: return 384;
    case NHTB_KE_MODP4096: return 512;
    case NHTB_KE_P256: return 64;
    case NHTB_KE_P384: return 96;
    case NHTB_KE_P521: return 132;
    case NHTB_KE_X25519: return 32;
    default: return 0;
    }
}

/* ECP: x alone, half of the public value; else as long as it. */
static size_t secret_len_of(uint16_t method)
{
    bool ecp = method == NHTB_KE_P256 || method == NHTB_KE_P384 || method == NHTB_KE_P521;
    return ecp ? public_len(method) / 2 : public_len(method);
}

static bool has(uint16_t method)
{
    return public_len(method) != 0;
}

static size_t dh_size(uint16_t method)
{
    (void)method;
    return sizeof(dh_ctx);
}

static uint64_t power(uint64_t base, uint64_t exponent)
{
    uint64_t r = 1;
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1)
            r = r * base % P;
        base = base * base % P;
    }
    return r;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* The two values, then filler that depends on them: every byte of the result varies. */
static void stretch(const uint64_t v[2], uint8_t *out, size_t n)
{
    uint64_t h = v[0] << 32 | v[1];
    put32(out, (uint32_t)v[0]);
    put32(out + 4, (uint32_t)v[1]);
    for (size_t i = 8; i < n; i++) {
        h = h * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(h >> 56);
    }
}

/* 2 .. P-2, so that the public value is never refused. */
static uint64_t exponent_from(const uint8_t *seed)
{
    uint64_t h = 0;
    for (int i = 0; i < 32; i += 4)
        h = (h ^ get32(seed + i)) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    return 2 + (h >> 16) % (P - 4);
}

static bool acceptable(uint64_t y)
{
    return y > 1 && y < P - 1;
}

static int dh_make(uint16_t method, void *ctx, const uint8_t seed[NHTB_KE_SEED], uint8_t *pub,
                   size_t *pub_len)
{
    dh_ctx *dh = ctx;
    uint64_t y[2];
    if (!has(method))
        return NHTB_ERR_UNSUPPORTED;
    if (*pub_len < public_len(method))
        return NHTB_ERR_SHORT;
    for (int i = 0; i < 2; i++) {
        dh->x[i] = exponent_from(seed + 32 * i);
        y[i] = power(GENERATOR, dh->x[i]);
        if (!acceptable(y[i])) {
            dh->x[i] = 2;
            y[i] = GENERATOR * GENERATOR;
        }
    }
    *pub_len = public_len(method);
    stretch(y, pub, *pub_len);
    return 0;
}

static int dh_shared(uint16_t method, void *ctx, nhtb_span peer, uint8_t *secret,
                     size_t *secret_len)
{
    const dh_ctx *dh = ctx;
    uint64_t z[2];
    if (!has(method))
        return NHTB_ERR_UNSUPPORTED;
    if (*secret_len < secret_len_of(method))
        return NHTB_ERR_SHORT;
    if (peer.n != public_len(method))
        return NHTB_ERR_CRYPTO;
    for (int i = 0; i < 2; i++) {
        uint64_t y = get32(peer.p + 4 * i);
        if (!acceptable(y))
            return NHTB_ERR_CRYPTO;
        z[i] = power(y, dh->x[i]);
    }
    *secret_len = secret_len_of(method);
    stretch(z, secret, *secret_len);
    return 0;
}

static void dh_wipe(uint16_t method, void *ctx)
{
    volatile uint8_t *p = ctx;
    (void)method;
    for (size_t i = 0; i < sizeof(dh_ctx); i++)
        p[i] = 0;
}

static const nhtb_pk_ops ops = {
    .size = sizeof(nhtb_pk_ops),
    .name = "null",
    .has = has,
    .dh_size = dh_size,
    .dh_make = dh_make,
    .dh_shared = dh_shared,
    .dh_wipe = dh_wipe,
};

const nhtb_pk_ops *nhtb_null_pk(void)
{
    return &ops;
}

nhtb_crypto nhtb_null_crypto(void)
{
    return (nhtb_crypto){nhtb_null_bulk(), nhtb_null_kdf(), nhtb_null_pk()};
}
