/* SPDX-License-Identifier: Apache-2.0
 * Pool of equal objects named by id = generation (high bits) | index (low bits). Chunks are
 * allocated as needed up to a maximum and never move. A freed id is stale; slots are reused
 * first-in first-out with the next generation. Control thread. */
#ifndef NHI_BASE_SLAB_H
#define NHI_BASE_SLAB_H

#include "base/base.h"

typedef struct nhi_slab {
    nhi_mem *mem;
    void **chunks; /* each of 2^chunk_bits objects */
    size_t obj_size, max, n_chunks, used, made;
    uint32_t free_head, free_tail; /* index + 1, 0: none */
    unsigned index_bits, chunk_bits;
} nhi_slab;

/** max: most objects, < 2^24. Allocates only the chunk table (lazily, on first use). */
void nhi_slab_init(nhi_slab *s, nhi_mem *mem, size_t obj_size, size_t max);
/** Frees all chunks; objects must have been ended by their owner. */
void nhi_slab_fini(nhi_slab *s);
/** A zeroed object and its id (never 0), or NULL (max reached or no memory). */
void *nhi_slab_new(nhi_slab *s, uint32_t *id);
/** The live object of an id, or NULL when stale or never given. */
void *nhi_slab_get(const nhi_slab *s, uint32_t id);
/** Wipes the object and retires the id; false when it was stale. */
bool nhi_slab_del(nhi_slab *s, uint32_t id);
/** Next live object at or after *cursor (an index; start 0), or NULL; gives its id. */
void *nhi_slab_next(const nhi_slab *s, uint32_t *cursor, uint32_t *id);

#endif
