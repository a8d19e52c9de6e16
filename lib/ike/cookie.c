/* SPDX-License-Identifier: Apache-2.0
 * Stateless cookies: version | HMAC-SHA256(secret, Ni | IPi | port | SPIi). RFC 7296 2.6. Called by
 * ike/v2/init_r; the secret rotates by timer, the previous one is honoured once more. */
#include "ike/parts.h"

int nhi_cookie_init(nhi_cookie *k, nhi_mem *mem)
{
    k->version = 0;
    return nhi_mem_random(mem, k->secret, sizeof k->secret);
}

int nhi_cookie_rotate(nhi_cookie *k, nhi_mem *mem)
{
    uint8_t fresh[32];
    int err = nhi_mem_random(mem, fresh, sizeof fresh);
    if (!err) {
        k->version++;
        memcpy(k->secret[k->version & 1], fresh, sizeof fresh);
    }
    nhi_wipe(fresh, sizeof fresh);
    return err;
}

static int compute(const nhi_cookie *k, const nhtb_crypto *c, uint8_t version, nhtb_span nonce,
                   const nhtb_path *path, uint64_t spi_i, uint8_t out[NHI_COOKIE_LEN])
{
    uint8_t tail[16 + 2 + 8];
    size_t n = nhi_addr_len(&path->remote);
    memcpy(tail, path->remote.b, n);
    nhi_put16(tail + n, path->remote_port);
    nhi_put64(tail + n + 2, spi_i);
    nhtb_span v[2] = {nonce, {tail, n + 10}};
    nhtb_span key = {k->secret[version & 1], 32};
    out[0] = version;
    return c->kdf->hmac(NHTB_HASH_SHA256, key, v, 2, out + 1);
}

int nhi_cookie_make(const nhi_cookie *k, const nhtb_crypto *c, nhtb_span nonce,
                    const nhtb_path *path, uint64_t spi_i, uint8_t out[NHI_COOKIE_LEN])
{
    return compute(k, c, k->version, nonce, path, spi_i, out);
}

bool nhi_cookie_valid(const nhi_cookie *k, const nhtb_crypto *c, nhtb_span cookie, nhtb_span nonce,
                      const nhtb_path *path, uint64_t spi_i)
{
    uint8_t want[NHI_COOKIE_LEN];
    if (cookie.n != NHI_COOKIE_LEN || (uint8_t)(k->version - cookie.p[0]) > 1) {
        return false;
    }
    if (compute(k, c, cookie.p[0], nonce, path, spi_i, want)) {
        return false;
    }
    return nhi_equal_ct(want, cookie.p, NHI_COOKIE_LEN);
}
