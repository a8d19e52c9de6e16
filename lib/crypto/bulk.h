/* SPDX-License-Identifier: Apache-2.0
 * Façade over the bulk table: key contexts made and wiped, lanes, checked single operations for SK
 * payloads. The data plane calls ops->seal / ops->open on bursts itself. */
#ifndef NHI_CRYPTO_BULK_H
#define NHI_CRYPTO_BULK_H

#include "crypto/suite.h"

/** A key context made by the control thread. */
typedef struct nhi_bulk_ctx {
    void *mem;
    size_t size;
    const nhi_bulk_facts *facts;
    bool seal;
} nhi_bulk_ctx;
/** keymat: key | salt | integrity key, exactly nhi_bulk_keymat_len bytes. lanes: workers + 1. */
int nhi_bulk_ctx_make(nhi_bulk_ctx *b, nhi_mem *mem, const nhtb_crypto *c,
                      const nhi_bulk_facts *facts, nhtb_span keymat, bool seal, unsigned lanes,
                      uint64_t lane_mask);
void nhi_bulk_ctx_wipe(nhi_bulk_ctx *b, nhi_mem *mem, const nhtb_crypto *c);

/** Per-lane scratch of the backend. */
typedef struct nhi_bulk_lane {
    void *mem;
    size_t size;
    unsigned index;
} nhi_bulk_lane;
int nhi_bulk_lane_make(nhi_bulk_lane *l, nhi_mem *mem, const nhtb_crypto *c, unsigned index);
void nhi_bulk_lane_wipe(nhi_bulk_lane *l, nhi_mem *mem, const nhtb_crypto *c);

#endif
