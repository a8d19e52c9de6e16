/* SPDX-License-Identifier: Apache-2.0
 * Bounded big-endian reader and writer with a sticky error. Called by every codec of wire/ and by
 * whoever reads peer bytes; nothing else does. Any thread. */
#include "base/cursor.h"

static const uint8_t nothing[1];

void nhi_rd_init(nhi_rd *r, const uint8_t *p, size_t n)
{
    r->bad = !p && n != 0;
    r->p = p ? p : nothing;
    r->end = p ? p + n : nothing;
}

static void rd_fail(nhi_rd *r)
{
    r->bad = true;
    r->p = r->end;
}

/** Where n bytes are, consumed; NULL and bad when they are not there. */
static const uint8_t *rd_take(nhi_rd *r, size_t n)
{
    if (r->bad || nhi_rd_left(r) < n) {
        rd_fail(r);
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    return p;
}

uint8_t nhi_rd_u8(nhi_rd *r)
{
    const uint8_t *p = rd_take(r, 1);
    return p ? p[0] : 0;
}

uint16_t nhi_rd_u16(nhi_rd *r)
{
    const uint8_t *p = rd_take(r, 2);
    return p ? nhi_get16(p) : 0;
}

uint32_t nhi_rd_u32(nhi_rd *r)
{
    const uint8_t *p = rd_take(r, 4);
    return p ? nhi_get32(p) : 0;
}

uint64_t nhi_rd_u64(nhi_rd *r)
{
    const uint8_t *p = rd_take(r, 8);
    return p ? nhi_get64(p) : 0;
}

void nhi_rd_bytes(nhi_rd *r, void *dst, size_t n)
{
    const uint8_t *p = rd_take(r, n);
    if (n == 0) {
        return;
    }
    if (p) {
        memcpy(dst, p, n);
    } else {
        memset(dst, 0, n);
    }
}

nhtb_span nhi_rd_span(nhi_rd *r, size_t n)
{
    const uint8_t *p = rd_take(r, n);
    return (nhtb_span){p, p ? n : 0};
}

nhtb_span nhi_rd_rest(nhi_rd *r)
{
    return nhi_rd_span(r, nhi_rd_left(r));
}

void nhi_rd_skip(nhi_rd *r, size_t n)
{
    (void)rd_take(r, n);
}

nhi_rd nhi_rd_sub(nhi_rd *r, size_t n)
{
    nhi_rd sub = {nothing, nothing, true};
    const uint8_t *p = rd_take(r, n);
    if (p) {
        nhi_rd_init(&sub, p, n);
    }
    return sub;
}

void nhi_wr_init(nhi_wr *w, uint8_t *p, size_t cap)
{
    *w = (nhi_wr){p, cap, 0, false};
}

/** Where the next n bytes go; NULL and bad when they do not fit. */
static uint8_t *wr_room(nhi_wr *w, size_t n)
{
    if (w->bad || w->cap - w->n < n) {
        w->bad = true;
        return NULL;
    }
    uint8_t *p = w->p + w->n;
    w->n += n;
    return p;
}

void nhi_wr_u8(nhi_wr *w, unsigned v)
{
    uint8_t *p = wr_room(w, 1);
    if (p) {
        p[0] = (uint8_t)v;
    }
}

void nhi_wr_u16(nhi_wr *w, unsigned v)
{
    uint8_t *p = wr_room(w, 2);
    if (p) {
        nhi_put16(p, v);
    }
}

void nhi_wr_u32(nhi_wr *w, uint32_t v)
{
    uint8_t *p = wr_room(w, 4);
    if (p) {
        nhi_put32(p, v);
    }
}

void nhi_wr_u64(nhi_wr *w, uint64_t v)
{
    uint8_t *p = wr_room(w, 8);
    if (p) {
        nhi_put64(p, v);
    }
}

void nhi_wr_bytes(nhi_wr *w, const void *src, size_t n)
{
    uint8_t *p = n == 0 ? NULL : wr_room(w, n);
    if (p) {
        memcpy(p, src, n);
    }
}

void nhi_wr_span(nhi_wr *w, nhtb_span s)
{
    nhi_wr_bytes(w, s.p, s.n);
}

void nhi_wr_zero(nhi_wr *w, size_t n)
{
    if (n != 0) {
        (void)nhi_wr_take(w, n);
    }
}

uint8_t *nhi_wr_take(nhi_wr *w, size_t n)
{
    uint8_t *p = wr_room(w, n);
    if (p && n != 0) {
        memset(p, 0, n);
    }
    return p;
}

/** Where n written bytes at offset `at` are; NULL and bad when they were not all written. */
static uint8_t *wr_written(nhi_wr *w, size_t at, size_t n)
{
    if (w->bad || at > w->n || w->n - at < n) {
        w->bad = true;
        return NULL;
    }
    return w->p + at;
}

void nhi_wr_patch8(nhi_wr *w, size_t at, unsigned v)
{
    uint8_t *p = wr_written(w, at, 1);
    if (p) {
        p[0] = (uint8_t)v;
    }
}

void nhi_wr_patch16(nhi_wr *w, size_t at, unsigned v)
{
    uint8_t *p = wr_written(w, at, 2);
    if (p) {
        nhi_put16(p, v);
    }
}

void nhi_wr_patch32(nhi_wr *w, size_t at, uint32_t v)
{
    uint8_t *p = wr_written(w, at, 4);
    if (p) {
        nhi_put32(p, v);
    }
}
