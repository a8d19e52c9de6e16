/* SPDX-License-Identifier: Apache-2.0
 * Bounded big-endian reader and writer with a sticky error: any overrun sets bad, later reads give
 * zero, and the caller checks once at the end. The only way peer bytes are parsed. Any thread. */
#ifndef NHI_BASE_CURSOR_H
#define NHI_BASE_CURSOR_H

#include "base/base.h"

typedef struct nhi_rd {
    const uint8_t *p, *end;
    bool bad;
} nhi_rd;

void nhi_rd_init(nhi_rd *r, const uint8_t *p, size_t n);
static inline size_t nhi_rd_left(const nhi_rd *r)
{
    return (size_t)(r->end - r->p);
}
uint8_t nhi_rd_u8(nhi_rd *r);
uint16_t nhi_rd_u16(nhi_rd *r);
uint32_t nhi_rd_u32(nhi_rd *r);
uint64_t nhi_rd_u64(nhi_rd *r);
/** Copies n bytes; zeroes dst when they are not there. */
void nhi_rd_bytes(nhi_rd *r, void *dst, size_t n);
/** Borrows the next n bytes; {NULL, 0} when they are not there. */
nhtb_span nhi_rd_span(nhi_rd *r, size_t n);
/** All that is left. */
nhtb_span nhi_rd_rest(nhi_rd *r);
void nhi_rd_skip(nhi_rd *r, size_t n);
/** A reader over the next n bytes, which are consumed; a bad reader when they are not there. */
nhi_rd nhi_rd_sub(nhi_rd *r, size_t n);

typedef struct nhi_wr {
    uint8_t *p;
    size_t cap, n;
    bool bad;
} nhi_wr;

void nhi_wr_init(nhi_wr *w, uint8_t *p, size_t cap);
void nhi_wr_u8(nhi_wr *w, unsigned v);
void nhi_wr_u16(nhi_wr *w, unsigned v);
void nhi_wr_u32(nhi_wr *w, uint32_t v);
void nhi_wr_u64(nhi_wr *w, uint64_t v);
void nhi_wr_bytes(nhi_wr *w, const void *src, size_t n);
void nhi_wr_span(nhi_wr *w, nhtb_span s);
void nhi_wr_zero(nhi_wr *w, size_t n);
/** Reserves n zeroed bytes and returns where they start, NULL (and bad) when they do not fit. */
uint8_t *nhi_wr_take(nhi_wr *w, size_t n);
/** Overwrites what was written at offset `at`; bad when it was not. */
void nhi_wr_patch8(nhi_wr *w, size_t at, unsigned v);
void nhi_wr_patch16(nhi_wr *w, size_t at, unsigned v);
void nhi_wr_patch32(nhi_wr *w, size_t at, uint32_t v);

#endif
