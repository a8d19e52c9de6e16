/* SPDX-License-Identifier: Apache-2.0
 * Memory of a prefix table: small blocks named by 32-bit positions, in spans of one size class each,
 * spans in chunks from the host. A span without blocks serves any class again; a chunk without
 * blocks goes back to the host. Readers turn positions into addresses; the rest is control's. */
#ifndef NHI_FIB_LPM_POOL_H
#define NHI_FIB_LPM_POOL_H

#include "base/qsbr.h"

#define NHI_LPM_UNIT      8u /* bytes that one position stands for */
#define NHI_LPM_POSITIONS (UINT32_C(1) << 27)
#define NHI_LPM_CLASSES   26u   /* up to 1,280 bytes; class 0: a whole span */
#define NHI_LPM_PAGE      2048u /* units of a span of a large pool: a direct page fits it exactly */
#define NHI_LPM_LARGE     15u   /* shift of a large pool, 8 that of a small one */

/** Kept behind the spans of a chunk. Lists hold span numbers, 0: end. */
typedef struct nhi_lpm_span {
    uint32_t prev, next; /* of the class's spans with room, or of the empty ones */
    uint16_t used, made; /* blocks in use; blocks ever cut off */
    uint16_t free;       /* first free block's unit in the span + 1, 0: none */
    uint8_t class_no, spare;
} nhi_lpm_span;

/** Where the chunks are. Replaced by a longer one when there are more. */
typedef struct nhi_lpm_chunks {
    nhi_retired retired;
    uint32_t cap;
    uint8_t *v[]; /* the first is no chunk: position 0 is nothing, readable for two words */
} nhi_lpm_chunks;

typedef struct nhi_lpm_pool {
    /* readers */
    NHI_ATOMIC(nhi_lpm_chunks *) chunks;
    unsigned shift; /* position >> shift: its chunk */
    /* control */
    unsigned span_units, spans; /* of a chunk */
    nhi_mem *mem;
    nhi_qsbr *qsbr;
    uint32_t last_chunk, hole;      /* every chunk lies up to last, every gap from hole on */
    uint32_t n_empty;               /* spans */
    uint32_t head[NHI_LPM_CLASSES]; /* [0]: empty spans */
} nhi_lpm_pool;

/** large: chunks of 16 spans of 16 KiB, else one of 2 KiB. */
int nhi_lpm_pool_init(nhi_lpm_pool *p, nhi_mem *mem, nhi_qsbr *q, bool large);
void nhi_lpm_pool_fini(nhi_lpm_pool *p);
/** Makes sure that n allocations of any size cannot fail. */
bool nhi_lpm_pool_reserve(nhi_lpm_pool *p, uint32_t n);
unsigned nhi_lpm_pool_class(size_t bytes);
/** Not zeroed; class 0: a span. 0 only when less was reserved. */
uint32_t nhi_lpm_pool_new(nhi_lpm_pool *p, unsigned class_no);
void nhi_lpm_pool_free(nhi_lpm_pool *p, uint32_t at, unsigned class_no);
/** Nothing is reserved any more: a small pool gives back what it can. */
void nhi_lpm_pool_trim(nhi_lpm_pool *p);

/** Readers load `chunks` once per lookup, after what led them to the position. */
static inline void *nhi_lpm_pool_in(const nhi_lpm_chunks *c, unsigned shift, uint32_t at)
{
    uint32_t mask = (UINT32_C(1) << shift) - 1;
    return c->v[at >> shift] + (size_t)(at & mask) * NHI_LPM_UNIT;
}
static inline void *nhi_lpm_pool_at(const nhi_lpm_pool *p, uint32_t at)
{
    return nhi_lpm_pool_in(nhi_a_load(&p->chunks), p->shift, at);
}

#endif
