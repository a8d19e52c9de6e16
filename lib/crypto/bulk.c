/* SPDX-License-Identifier: Apache-2.0
 * Makes and wipes key contexts and lanes of the bulk table in memory that the library owns.
 * Called by db (child SAs), ike (SK payloads) and engine (lanes); control thread. RFC 7296 2.17:
 * the integrity key follows the encryption key, the salt belongs to the encryption key. */
#include "crypto/bulk.h"

static void ctx_release(nhi_bulk_ctx *b, nhi_mem *mem)
{
    nhi_mem_wipe_free(mem, b->mem, b->size);
    *b = (nhi_bulk_ctx){0};
}

static nhtb_bulk_key key_split(const nhi_bulk_facts *f, nhtb_span keymat, bool seal)
{
    nhtb_bulk_key k = {.alg = f->alg, .seal = seal, .enc = {keymat.p, f->key_len}};
    memcpy(k.salt, keymat.p + f->key_len, f->salt_len);
    k.integ = (nhtb_span){keymat.p + f->key_len + f->salt_len, f->integ_len};
    return k;
}

int nhi_bulk_ctx_make(nhi_bulk_ctx *b, nhi_mem *mem, const nhtb_crypto *c,
                      const nhi_bulk_facts *facts, nhtb_span keymat, bool seal, unsigned lanes,
                      uint64_t lane_mask)
{
    *b = (nhi_bulk_ctx){0};
    if (facts == NULL || keymat.n != nhi_bulk_keymat_len(facts) || lanes == 0 || lanes > 64)
        return NHTB_ERR_ARG;
    if (c->bulk == NULL || !c->bulk->has(facts->alg))
        return NHTB_ERR_UNSUPPORTED;
    b->size = c->bulk->key_size(facts->alg, lanes);
    b->mem = nhi_mem_alloc(mem, b->size, 64);
    if (b->mem == NULL) {
        b->size = 0;
        return NHTB_ERR_MEMORY;
    }
    nhtb_bulk_key k = key_split(facts, keymat, seal);
    int err = c->bulk->key_init(b->mem, &k, lanes, lane_mask);
    nhi_wipe(&k, sizeof k);
    if (err != 0) {
        ctx_release(b, mem);
        return err;
    }
    b->facts = facts;
    b->seal = seal;
    return 0;
}

void nhi_bulk_ctx_wipe(nhi_bulk_ctx *b, nhi_mem *mem, const nhtb_crypto *c)
{
    if (b->mem == NULL)
        return;
    c->bulk->key_wipe(b->mem);
    ctx_release(b, mem);
}

int nhi_bulk_lane_make(nhi_bulk_lane *l, nhi_mem *mem, const nhtb_crypto *c, unsigned index)
{
    *l = (nhi_bulk_lane){.index = index};
    if (c->bulk == NULL)
        return NHTB_ERR_UNSUPPORTED;
    l->size = c->bulk->lane_size();
    if (l->size == 0)
        return 0;
    l->mem = nhi_mem_alloc(mem, l->size, 64);
    if (l->mem == NULL) {
        l->size = 0;
        return NHTB_ERR_MEMORY;
    }
    int err = c->bulk->lane_init(l->mem);
    if (err != 0) {
        nhi_mem_wipe_free(mem, l->mem, l->size);
        *l = (nhi_bulk_lane){0};
    }
    return err;
}

void nhi_bulk_lane_wipe(nhi_bulk_lane *l, nhi_mem *mem, const nhtb_crypto *c)
{
    if (l->mem != NULL) {
        c->bulk->lane_wipe(l->mem);
        nhi_mem_wipe_free(mem, l->mem, l->size);
    }
    *l = (nhi_bulk_lane){0};
}
