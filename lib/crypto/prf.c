/* SPDX-License-Identifier: Apache-2.0
 * prf, prf+ (RFC 7296 2.13) and plain hashes over the backend's kdf table.
 * Called by ike for key material, AUTH and NAT detection; stateless, any thread. */
#include "crypto/kdf.h"

/* Spans of one prf+ seed: g^ir, Ni, Nr, SPIi, SPIr and room for additional exchanges. */
#define SEED_SPANS_MAX 8

static bool usable(const nhtb_crypto *c, uint16_t hash)
{
    return hash != NHTB_HASH_NONE && c->kdf != NULL && c->kdf->has(hash);
}

int nhi_prf(const nhtb_crypto *c, uint16_t prf, nhtb_span key, const nhtb_span *v, size_t n,
            nhi_secret *out)
{
    uint16_t hash = (uint16_t)nhi_prf_hash(prf);
    nhi_secret_wipe(out);
    if (!usable(c, hash))
        return NHTB_ERR_UNSUPPORTED;
    int err = c->kdf->hmac(hash, key, v, n, out->b);
    if (err != 0) {
        nhi_secret_wipe(out);
        return err;
    }
    out->n = (uint8_t)nhi_hash_len(hash);
    return 0;
}

/* T(i) = prf(K, T(i-1) | S | i), with T(0) empty: spans[0] is T(i-1), the last one the counter. */
static int expand(const nhtb_crypto *c, uint16_t hash, nhtb_span key, nhtb_span *spans, size_t n,
                  uint8_t *out, size_t len)
{
    size_t block = nhi_hash_len(hash);
    uint8_t t[64], counter = 1;
    int err = 0;
    spans[0] = (nhtb_span){t, 0};
    spans[n - 1] = (nhtb_span){&counter, 1};
    for (size_t done = 0; done < len && err == 0; counter++) {
        uint8_t next[64];
        err = c->kdf->hmac(hash, key, spans, n, next);
        size_t take = len - done < block ? len - done : block;
        memcpy(t, next, block);
        nhi_wipe(next, sizeof next);
        memcpy(out + done, t, take);
        spans[0].n = block;
        done += take;
    }
    nhi_wipe(t, sizeof t);
    return err;
}

int nhi_prf_plus(const nhtb_crypto *c, uint16_t prf, nhtb_span key, const nhtb_span *v, size_t n,
                 uint8_t *out, size_t len)
{
    uint16_t hash = (uint16_t)nhi_prf_hash(prf);
    nhtb_span spans[SEED_SPANS_MAX + 2];
    if (!usable(c, hash))
        return NHTB_ERR_UNSUPPORTED;
    if (n > SEED_SPANS_MAX || len > 255 * nhi_hash_len(hash))
        return NHTB_ERR_ARG;
    for (size_t i = 0; i < n; i++)
        spans[i + 1] = v[i];
    int err = expand(c, hash, key, spans, n + 2, out, len);
    if (err != 0)
        nhi_wipe(out, len);
    return err;
}

int nhi_hash(const nhtb_crypto *c, uint16_t hash, const nhtb_span *v, size_t n, uint8_t *out)
{
    if (!usable(c, hash))
        return NHTB_ERR_UNSUPPORTED;
    return c->kdf->hash(hash, v, n, out);
}
