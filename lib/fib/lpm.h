/* SPDX-License-Identifier: Apache-2.0
 * Longest prefix match. What readers see is never changed, only replaced: a batch of changes builds
 * new parts beside the old ones and one root store publishes it (each batch is atomic for readers
 * and all-or-nothing for memory). Old parts are retired through qsbr. How it looks inside:
 * lpm_node.h. Oracle: linear scan (tests/property). */
#ifndef NHI_FIB_LPM_H
#define NHI_FIB_LPM_H

#include "base/qsbr.h"

typedef struct nhi_lpm nhi_lpm;

nhi_lpm *nhi_lpm_new(nhi_mem *mem, nhi_qsbr *q, uint8_t family, size_t max_routes);
/** Frees at once: no reader may be on-line, and the qsbr is drained. NULL allowed. */
void nhi_lpm_del(nhi_lpm *l);
/** Reader. a: 4 or 16 bytes. 0: no match. */
uint32_t nhi_lpm_get(const nhi_lpm *l, const uint8_t *a);
/** n lookups. In bulk they are several times as fast as one by one; 64 fill a group. */
void nhi_lpm_get_bulk(const nhi_lpm *l, const uint8_t *const *a, uint32_t *out, size_t n);

/* Writer: begin, any number of set, then publish or abort. */
void nhi_lpm_begin(nhi_lpm *l);
/** value 0 removes the prefix (NHTB_ERR_NOT_FOUND when absent). NHTB_ERR_MEMORY / LIMIT leave the
 *  batch as it was before this call. */
int nhi_lpm_set(nhi_lpm *l, const uint8_t *addr, unsigned len, uint32_t value);
void nhi_lpm_publish(nhi_lpm *l); /* cannot fail */
void nhi_lpm_abort(nhi_lpm *l);
/** Exact prefix in the batch being built (or the published table): its value, 0 when absent. */
uint32_t nhi_lpm_exact(const nhi_lpm *l, const uint8_t *addr, unsigned len);
/** Control iteration over prefixes by address, then length: start with *len = 0xff; false at the end.
 *  Stateless: the table may change between calls. Sees what exact sees. */
bool nhi_lpm_next(const nhi_lpm *l, uint8_t *addr, unsigned *len, uint32_t *value);
size_t nhi_lpm_count(const nhi_lpm *l);
/** Bytes that lookups may read: all but the control nodes. Walks the table. */
size_t nhi_lpm_reader_bytes(const nhi_lpm *l);
/** Upper bound of the bytes of max_routes prefixes, whatever they are. */
size_t nhi_lpm_size(uint8_t family, size_t max_routes);

#endif
