/* SPDX-License-Identifier: Apache-2.0
 * Seeded hash map from fixed-length keys to pointers: open addressing, SipHash-2-4, so a peer that
 * chooses keys cannot choose collisions. Grows by doubling up to a limit. Control thread. */
#ifndef NHI_BASE_MAP_H
#define NHI_BASE_MAP_H

#include "base/base.h"

uint64_t nhi_siphash(const uint8_t key[16], const void *data, size_t n);

typedef struct nhi_map {
    nhi_mem *mem;
    uint8_t *slots; /* [cap] of { void *value; uint8_t key[key_len] }, stride bytes each */
    size_t key_len, stride, cap, used, max;
    uint8_t seed[16];
} nhi_map;

/** Nothing is allocated before the first put. max: most entries. seed: random. */
void nhi_map_init(nhi_map *m, nhi_mem *mem, size_t key_len, size_t max, const uint8_t seed[16]);
void nhi_map_fini(nhi_map *m);
void *nhi_map_get(const nhi_map *m, const void *key);
/** Adds or replaces; value must not be NULL. NHTB_ERR_LIMIT at max entries, NHTB_ERR_MEMORY. */
int nhi_map_put(nhi_map *m, const void *key, void *value);
/** Makes room for n more entries, so that the next n puts of new keys cannot fail. */
int nhi_map_reserve(nhi_map *m, size_t n);
/** Returns the value that was removed, or NULL. */
void *nhi_map_del(nhi_map *m, const void *key);
/** Iteration: start with *cursor = 0; order is stable while the map is not changed. NULL at the end. */
void *nhi_map_next(const nhi_map *m, size_t *cursor);

#endif
