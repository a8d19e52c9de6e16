/* SPDX-License-Identifier: Apache-2.0
 * Keys, IVs and hashes of IKEv1. RFC 2409 5, 5.5, Appendix B. Pure; called by ike/v1. Every
 * intermediate secret is wiped before return. */
#include "ike/v1/parts.h"

#define NONCES_MAX 512 /* two of 256 */

int nhi_v1_skeyid_psk(const nhtb_crypto *c, uint16_t prf, nhtb_span psk, nhtb_span ni, nhtb_span nr,
                      nhi_secret *skeyid)
{
    const nhtb_span v[2] = {ni, nr};
    return nhi_prf(c, prf, psk, v, 2, skeyid);
}

int nhi_v1_skeyid_sig(const nhtb_crypto *c, uint16_t prf, nhtb_span ni, nhtb_span nr,
                      nhtb_span shared, nhi_secret *skeyid)
{
    uint8_t key[NONCES_MAX];
    if (ni.n + nr.n > sizeof key)
        return NHTB_ERR_INTERNAL;
    memcpy(key, ni.p, ni.n);
    memcpy(key + ni.n, nr.p, nr.n);
    return nhi_prf(c, prf, (nhtb_span){key, ni.n + nr.n}, &shared, 1, skeyid);
}

/* SKEYID_d, _a, _e: prf(SKEYID, the one before | g^xy | CKY-I | CKY-R | 0, 1, 2). */
static int derive(const nhtb_crypto *c, uint16_t prf, const nhi_secret *skeyid,
                  const nhi_secret *before, nhtb_span shared, const uint8_t cookies[16],
                  uint8_t number, nhi_secret *out)
{
    const nhtb_span v[4] = {nhi_secret_span(before), shared, {cookies, 16}, {&number, 1}};
    return nhi_prf(c, prf, nhi_secret_span(skeyid), v, 4, out);
}

/* A cipher key longer than SKEYID_e: K1 = prf(SKEYID_e, 0), Kn = prf(SKEYID_e, Kn-1). */
static int cipher_key(const nhtb_crypto *c, uint16_t prf, nhi_v1_keys *k)
{
    const uint8_t zero = 0;
    nhi_secret block = {.n = 0};
    if (k->key_len <= k->e.n) {
        memcpy(k->key, k->e.b, k->key_len);
        return 0;
    }
    int err = 0;
    for (size_t at = 0; at < k->key_len && !err; at += block.n) {
        nhtb_span seed = at ? nhi_secret_span(&block) : (nhtb_span){&zero, 1};
        nhi_secret next;
        err = nhi_prf(c, prf, nhi_secret_span(&k->e), &seed, 1, &next);
        if (!err) {
            size_t left = k->key_len - at;
            memcpy(k->key + at, next.b, left < next.n ? left : next.n);
            block = next;
        }
        nhi_secret_wipe(&next);
    }
    nhi_secret_wipe(&block);
    return err;
}

int nhi_v1_keymat(const nhtb_crypto *c, uint16_t prf, nhtb_span shared, uint64_t cky_i,
                  uint64_t cky_r, uint8_t key_len, nhi_v1_keys *keys)
{
    uint8_t cookies[16];
    const nhi_secret none = {.n = 0};
    if (key_len > sizeof keys->key)
        return NHTB_ERR_UNSUPPORTED;
    nhi_put64(cookies, cky_i);
    nhi_put64(cookies + 8, cky_r);
    keys->key_len = key_len;
    int err = derive(c, prf, &keys->skeyid, &none, shared, cookies, 0, &keys->d);
    if (!err)
        err = derive(c, prf, &keys->skeyid, &keys->d, shared, cookies, 1, &keys->a);
    if (!err)
        err = derive(c, prf, &keys->skeyid, &keys->a, shared, cookies, 2, &keys->e);
    if (!err)
        err = cipher_key(c, prf, keys);
    if (err)
        nhi_v1_keys_wipe(keys);
    return err;
}

void nhi_v1_keys_wipe(nhi_v1_keys *keys)
{
    nhi_wipe(keys, sizeof *keys);
}

static int iv_of(const nhtb_crypto *c, uint16_t prf, nhtb_span a, nhtb_span b, size_t block,
                 uint8_t *iv)
{
    uint16_t hash = (uint16_t)nhi_prf_hash(prf);
    const nhtb_span v[2] = {a, b};
    uint8_t digest[64];
    if (block > NHI_V1_BLOCK_MAX || nhi_hash_len(hash) < block)
        return NHTB_ERR_UNSUPPORTED;
    int err = nhi_hash(c, hash, v, 2, digest);
    if (!err)
        memcpy(iv, digest, block);
    return err;
}

int nhi_v1_iv_phase1(const nhtb_crypto *c, uint16_t prf, nhtb_span gxi, nhtb_span gxr, size_t block,
                     uint8_t *iv)
{
    return iv_of(c, prf, gxi, gxr, block, iv);
}

int nhi_v1_iv_phase2(const nhtb_crypto *c, uint16_t prf, const uint8_t *last, uint32_t msg_id,
                     size_t block, uint8_t *iv)
{
    uint8_t id[4];
    nhi_put32(id, msg_id);
    return iv_of(c, prf, (nhtb_span){last, block}, (nhtb_span){id, sizeof id}, block, iv);
}

int nhi_v1_hash_auth(const nhtb_crypto *c, uint16_t prf, const nhi_secret *skeyid, nhtb_span own,
                     nhtb_span other, uint64_t cky_own, uint64_t cky_other, nhtb_span sai_b,
                     nhtb_span id_b, nhi_secret *out)
{
    uint8_t cookies[16];
    nhi_put64(cookies, cky_own);
    nhi_put64(cookies + 8, cky_other);
    const nhtb_span v[5] = {own, other, {cookies, sizeof cookies}, sai_b, id_b};
    return nhi_prf(c, prf, nhi_secret_span(skeyid), v, 5, out);
}

int nhi_v1_hash1(const nhtb_crypto *c, uint16_t prf, const nhi_secret *a, uint32_t msg_id,
                 nhtb_span rest, nhi_secret *out)
{
    return nhi_v1_hash2(c, prf, a, msg_id, (nhtb_span){NULL, 0}, rest, out);
}

int nhi_v1_hash2(const nhtb_crypto *c, uint16_t prf, const nhi_secret *a, uint32_t msg_id,
                 nhtb_span ni, nhtb_span rest, nhi_secret *out)
{
    uint8_t id[4];
    nhi_put32(id, msg_id);
    const nhtb_span v[3] = {{id, sizeof id}, ni, rest};
    return nhi_prf(c, prf, nhi_secret_span(a), v, 3, out);
}

int nhi_v1_hash3(const nhtb_crypto *c, uint16_t prf, const nhi_secret *a, uint32_t msg_id,
                 nhtb_span ni, nhtb_span nr, nhi_secret *out)
{
    uint8_t id[5] = {0};
    nhi_put32(id + 1, msg_id);
    const nhtb_span v[3] = {{id, sizeof id}, ni, nr};
    return nhi_prf(c, prf, nhi_secret_span(a), v, 3, out);
}

bool nhi_v1_hash_equal(const nhi_secret *want, nhtb_span got)
{
    return want->n > 0 && got.n == want->n && nhi_equal_ct(want->b, got.p, want->n);
}

int nhi_v1_keymat_child(const nhtb_crypto *c, uint16_t prf, const nhi_secret *d,
                        const nhi_bulk_facts *facts, nhtb_span shared, uint8_t protocol,
                        uint32_t spi, nhtb_span ni, nhtb_span nr, uint8_t *out)
{
    uint8_t id[5] = {protocol};
    nhi_secret block = {.n = 0};
    size_t len = nhi_bulk_keymat_len(facts);
    int err = 0;
    nhi_put32(id + 1, spi);
    for (size_t at = 0; at < len && !err; at += block.n) {
        nhi_secret next;
        const nhtb_span v[5] = {nhi_secret_span(&block), shared, {id, sizeof id}, ni, nr};
        err = nhi_prf(c, prf, nhi_secret_span(d), v, 5, &next);
        if (!err) {
            memcpy(out + at, next.b, len - at < next.n ? len - at : next.n);
            block = next;
        }
        nhi_secret_wipe(&next);
    }
    nhi_secret_wipe(&block);
    if (err)
        nhi_wipe(out, len);
    return err;
}
