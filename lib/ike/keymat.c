/* SPDX-License-Identifier: Apache-2.0
 * Key derivation of IKE and child SAs. RFC 7296 2.13, 2.14, 2.17, 2.18. Pure; called by ike/v2.
 * Every intermediate secret is wiped before return. */
#include "ike/parts.h"

static void take(const uint8_t **p, uint8_t *dst, size_t n)
{
    memcpy(dst, *p, n);
    *p += n;
}

static void take_secret(const uint8_t **p, nhi_secret *s, size_t n)
{
    s->n = (uint8_t)n;
    take(p, s->b, n);
}

/* SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr; each e* keeps its integrity key behind it,
 * the order nhi_bulk_ctx_make wants. */
static void split(nhi_ike_keys *out, const nhi_bulk_facts *f, size_t prf_len, const uint8_t *p)
{
    size_t e_len = (size_t)f->key_len + f->salt_len;
    take_secret(&p, &out->d, prf_len);
    take(&p, out->ei + e_len, f->integ_len);
    take(&p, out->er + e_len, f->integ_len);
    take(&p, out->ei, e_len);
    take(&p, out->er, e_len);
    take_secret(&p, &out->pi, prf_len);
    take_secret(&p, &out->pr, prf_len);
    out->e_len = (uint16_t)(e_len + f->integ_len);
}

static int skeyseed(const nhtb_crypto *c, uint16_t prf, nhtb_span ni, nhtb_span nr,
                    nhtb_span shared, const nhi_secret *old_d, uint16_t old_prf, nhi_secret *out)
{
    if (old_prf) {
        nhtb_span v[3] = {shared, ni, nr};
        return nhi_prf(c, old_prf, nhi_secret_span(old_d), v, 3, out);
    }
    uint8_t key[512];
    if (ni.n + nr.n > sizeof key) {
        return NHTB_ERR_INTERNAL;
    }
    memcpy(key, ni.p, ni.n);
    memcpy(key + ni.n, nr.p, nr.n);
    return nhi_prf(c, prf, (nhtb_span){key, ni.n + nr.n}, &shared, 1, out);
}

int nhi_keymat_ike(const nhtb_crypto *c, const nhi_suite *s, nhtb_span ni, nhtb_span nr,
                   nhtb_span shared, uint64_t spi_i, uint64_t spi_r, const nhi_secret *old_d,
                   uint16_t old_prf, nhi_ike_keys *out)
{
    const nhi_bulk_facts *f = nhi_bulk_find(s->encr, s->key_bits, s->integ);
    size_t prf_len = nhi_hash_len((uint16_t)nhi_prf_hash(s->prf));
    uint8_t block[3 * 64 + 2 * sizeof out->ei], spis[16];
    nhi_secret seed = {.n = 0};
    memset(out, 0, sizeof *out);
    if (!f || prf_len == 0) {
        return NHTB_ERR_UNSUPPORTED;
    }
    nhi_put64(spis, spi_i);
    nhi_put64(spis + 8, spi_r);
    nhtb_span v[3] = {ni, nr, {spis, sizeof spis}};
    int err = skeyseed(c, s->prf, ni, nr, shared, old_d, old_prf, &seed);
    if (!err) {
        err = nhi_prf_plus(c, s->prf, nhi_secret_span(&seed), v, 3, block,
                           3 * prf_len + 2 * nhi_bulk_keymat_len(f));
    }
    if (!err) {
        split(out, f, prf_len, block);
    }
    nhi_secret_wipe(&seed);
    nhi_wipe(block, sizeof block);
    return err;
}

void nhi_ike_keys_wipe(nhi_ike_keys *k)
{
    nhi_wipe(k, sizeof *k);
}

int nhi_keymat_child(const nhtb_crypto *c, uint16_t prf, const nhi_secret *d,
                     const nhi_bulk_facts *facts, nhtb_span shared, nhtb_span ni, nhtb_span nr,
                     uint8_t *i2r, uint8_t *r2i)
{
    uint8_t block[2 * sizeof((nhi_ike_keys *)0)->ei];
    size_t len = nhi_bulk_keymat_len(facts);
    nhtb_span v[3] = {shared, ni, nr};
    int err = nhi_prf_plus(c, prf, nhi_secret_span(d), v, 3, block, 2 * len);
    if (!err) {
        memcpy(i2r, block, len);
        memcpy(r2i, block + len, len);
    }
    nhi_wipe(block, sizeof block);
    return err;
}
