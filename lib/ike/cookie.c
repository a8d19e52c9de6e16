/* SPDX-License-Identifier: Apache-2.0
 * Stateless cookies: version | two SipHash-2-4 of (Ni | IPi | port | SPIi) under secret keys: 128 bits
 * that cannot be guessed, and neither we nor a crypto library allocate for them. RFC 7296 2.6. Called by
 * ike/v2/init_r; the secret rotates by timer, the previous one is honoured once more. */
#include "base/map.h"
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

static void compute(const nhi_cookie *k, uint8_t version, nhtb_span nonce, const nhtb_path *path,
                    uint64_t spi_i, uint8_t out[NHI_COOKIE_LEN])
{
    const uint8_t *secret = k->secret[version & 1];
    uint8_t text[256 + 16 + 2 + 8];
    size_t n = nonce.n < 256 ? nonce.n : 256, addr = nhi_addr_len(&path->remote);
    memcpy(text, nonce.p, n);
    memcpy(text + n, path->remote.b, addr);
    nhi_put16(text + n + addr, path->remote_port);
    nhi_put64(text + n + addr + 2, spi_i);
    out[0] = version;
    for (size_t i = 0; i < 2; i++)
        nhi_put64(out + 1 + 8 * i, nhi_siphash(secret + 16 * i, text, n + addr + 10));
}

void nhi_cookie_make(const nhi_cookie *k, nhtb_span nonce, const nhtb_path *path, uint64_t spi_i,
                     uint8_t out[NHI_COOKIE_LEN])
{
    compute(k, k->version, nonce, path, spi_i, out);
}

bool nhi_cookie_valid(const nhi_cookie *k, nhtb_span cookie, nhtb_span nonce, const nhtb_path *path,
                      uint64_t spi_i)
{
    uint8_t want[NHI_COOKIE_LEN];
    if (cookie.n != NHI_COOKIE_LEN || (uint8_t)(k->version - cookie.p[0]) > 1) {
        return false;
    }
    compute(k, cookie.p[0], nonce, path, spi_i, want);
    return nhi_equal_ct(want, cookie.p, NHI_COOKIE_LEN);
}
