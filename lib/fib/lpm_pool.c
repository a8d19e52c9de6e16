/* SPDX-License-Identifier: Apache-2.0
 * Memory of a prefix table: spans of one size class each, taken from the host in chunks. Called by
 * the lpm files; control thread. Free blocks are chained inside their span, so a span that becomes
 * empty leaves no trace elsewhere and can serve another class. */
#include "fib/lpm_pool.h"

enum {
    LARGE_SPANS = 16,
    SMALL_UNITS = 256,
    LINEAR = 8,
    KEEP = 64,
    KEEP_SMALL = 4,
    EMPTY = 255,
    FIRST_CHUNKS = 16
};

/* Classes 1..8 are so many units; from there on four steps to each power of two. */
static unsigned class_units(unsigned class_no)
{
    if (class_no <= LINEAR)
        return class_no;
    unsigned k = class_no - LINEAR - 1, p = 3 + k / 4;
    return (1u << p) + ((k % 4 + 1) << (p - 2));
}

unsigned nhi_lpm_pool_class(size_t bytes)
{
    unsigned units = (unsigned)((bytes + NHI_LPM_UNIT - 1) / NHI_LPM_UNIT), p = 3;
    if (units <= LINEAR)
        return units;
    while ((units - 1) >> (p + 1) != 0)
        p++;
    return LINEAR + 1 + (p - 3) * 4 + ((units - 1 - (1u << p)) >> (p - 2));
}

/* Position 0 as a block: one answer for all chunks, which is none. */
static const uint64_t nothing[2] = {1, 0};

static size_t chunks_bytes(uint32_t cap)
{
    return sizeof(nhi_lpm_chunks) + cap * sizeof(uint8_t *);
}

static nhi_lpm_chunks *chunks_new(nhi_lpm_pool *p, uint32_t cap)
{
    nhi_lpm_chunks *c = nhi_mem_alloc(p->mem, chunks_bytes(cap), NHI_CACHE_LINE);
    if (c == NULL)
        return NULL;
    c->cap = cap;
    c->v[0] = (uint8_t *)(uintptr_t)nothing;
    return c;
}

int nhi_lpm_pool_init(nhi_lpm_pool *p, nhi_mem *mem, nhi_qsbr *q, bool large)
{
    memset(p, 0, sizeof *p);
    p->mem = mem;
    p->qsbr = q;
    p->spans = large ? LARGE_SPANS : 1;
    p->span_units = large ? NHI_LPM_PAGE : SMALL_UNITS;
    p->shift = large ? NHI_LPM_LARGE : 8;
    p->hole = 1;
    nhi_lpm_chunks *c = chunks_new(p, FIRST_CHUNKS);
    nhi_a_store(&p->chunks, c);
    return c == NULL ? NHTB_ERR_MEMORY : 0;
}

static nhi_lpm_chunks *chunks_of(const nhi_lpm_pool *p)
{
    return nhi_a_load(&p->chunks);
}

static size_t chunk_bytes(const nhi_lpm_pool *p)
{
    return p->spans * (p->span_units * NHI_LPM_UNIT + sizeof(nhi_lpm_span));
}

void nhi_lpm_pool_fini(nhi_lpm_pool *p)
{
    nhi_lpm_chunks *c = chunks_of(p);
    for (uint32_t i = 1; i <= p->last_chunk; i++)
        nhi_mem_free(p->mem, c->v[i], chunk_bytes(p));
    if (c != NULL)
        nhi_mem_free(p->mem, c, chunks_bytes(c->cap));
    memset(p, 0, sizeof *p);
}

/* Span numbers count from the first chunk, which is never used; so 0 is none. */
static nhi_lpm_span *span_at(const nhi_lpm_pool *p, uint32_t no)
{
    uint8_t *chunk = chunks_of(p)->v[no / p->spans];
    nhi_lpm_span *first = (nhi_lpm_span *)(void *)(chunk + p->spans * p->span_units * NHI_LPM_UNIT);
    return first + no % p->spans;
}

static void list_add(nhi_lpm_pool *p, unsigned list, uint32_t no)
{
    nhi_lpm_span *s = span_at(p, no);
    s->prev = 0;
    s->next = p->head[list];
    if (s->next != 0)
        span_at(p, s->next)->prev = no;
    p->head[list] = no;
}

static void list_del(nhi_lpm_pool *p, unsigned list, uint32_t no)
{
    nhi_lpm_span *s = span_at(p, no);
    if (s->next != 0)
        span_at(p, s->next)->prev = s->prev;
    if (s->prev != 0)
        span_at(p, s->prev)->next = s->next;
    else
        p->head[list] = s->next;
}

static void chunks_reclaim(void *user, void *obj)
{
    nhi_lpm_pool *p = user;
    nhi_lpm_chunks *c = obj;
    nhi_mem_free(p->mem, c, chunks_bytes(c->cap));
}

static bool chunks_grow(nhi_lpm_pool *p)
{
    nhi_lpm_chunks *old = chunks_of(p);
    if (old->cap > NHI_LPM_POSITIONS >> p->shift >> 1)
        return false;
    nhi_lpm_chunks *c = chunks_new(p, old->cap * 2);
    if (c == NULL)
        return false;
    memcpy(c->v + 1, old->v + 1, (old->cap - 1) * sizeof c->v[0]);
    nhi_a_store_rel(&p->chunks, c);
    nhi_qsbr_retire(p->qsbr, &old->retired, chunks_reclaim, p, old);
    return true;
}

static bool chunk_add(nhi_lpm_pool *p)
{
    uint32_t i = p->hole;
    while (i <= p->last_chunk && chunks_of(p)->v[i] != NULL)
        i++;
    if (i == chunks_of(p)->cap && !chunks_grow(p))
        return false;
    uint8_t *chunk = nhi_mem_alloc(p->mem, chunk_bytes(p), NHI_CACHE_LINE);
    if (chunk == NULL)
        return false;
    chunks_of(p)->v[i] = chunk;
    p->last_chunk = i > p->last_chunk ? i : p->last_chunk;
    p->hole = i + 1;
    for (unsigned k = p->spans; k-- > 0;) {
        list_add(p, 0, i * p->spans + k);
        span_at(p, i * p->spans + k)->class_no = EMPTY;
    }
    p->n_empty += p->spans;
    return true;
}

bool nhi_lpm_pool_reserve(nhi_lpm_pool *p, uint32_t n)
{
    while (p->n_empty < n)
        if (!chunk_add(p))
            return false;
    return true;
}

/* An empty span for the class. */
static uint32_t span_take(nhi_lpm_pool *p, unsigned class_no)
{
    uint32_t no = p->head[0];
    if (no == 0)
        return 0;
    list_del(p, 0, no);
    p->n_empty--;
    nhi_lpm_span *s = span_at(p, no);
    s->used = s->made = s->free = 0;
    s->class_no = (uint8_t)class_no;
    if (class_no != 0)
        list_add(p, class_no, no);
    return no;
}

static uint32_t block_take(nhi_lpm_pool *p, uint32_t no)
{
    nhi_lpm_span *s = span_at(p, no);
    unsigned units = class_units(s->class_no);
    uint32_t first = no * p->span_units, at = first + s->made * units;
    if (s->free != 0) {
        at = first + s->free - 1;
        s->free = *(const uint16_t *)nhi_lpm_pool_at(p, at);
    } else {
        s->made++;
    }
    s->used++;
    if (s->free == 0 && (s->made + 1u) * units > p->span_units)
        list_del(p, s->class_no, no);
    return at;
}

uint32_t nhi_lpm_pool_new(nhi_lpm_pool *p, unsigned class_no)
{
    uint32_t no = class_no == 0 ? 0 : p->head[class_no];
    if (no == 0)
        no = span_take(p, class_no);
    if (no == 0 || class_no == 0)
        return no * p->span_units;
    return block_take(p, no);
}

static bool chunk_empty(const nhi_lpm_pool *p, uint32_t i)
{
    for (unsigned k = 0; k < p->spans; k++)
        if (span_at(p, i * p->spans + k)->class_no != EMPTY)
            return false;
    return true;
}

static void chunk_release(nhi_lpm_pool *p, uint32_t i)
{
    for (unsigned k = 0; k < p->spans; k++)
        list_del(p, 0, i * p->spans + k);
    p->n_empty -= p->spans;
    nhi_mem_free(p->mem, chunks_of(p)->v[i], chunk_bytes(p));
    chunks_of(p)->v[i] = NULL;
    while (p->last_chunk > 0 && chunks_of(p)->v[p->last_chunk] == NULL)
        p->last_chunk--;
    p->hole = i < p->hole ? i : p->hole;
}

/* KEEP is more than is ever reserved: giving a chunk back never breaks a reservation. */
static void span_back(nhi_lpm_pool *p, uint32_t no)
{
    span_at(p, no)->class_no = EMPTY;
    list_add(p, 0, no);
    p->n_empty++;
    if (p->n_empty >= KEEP + p->spans && chunk_empty(p, no / p->spans))
        chunk_release(p, no / p->spans);
}

void nhi_lpm_pool_trim(nhi_lpm_pool *p)
{
    while (p->spans == 1 && p->n_empty > KEEP_SMALL)
        chunk_release(p, p->head[0]);
}

void nhi_lpm_pool_free(nhi_lpm_pool *p, uint32_t at, unsigned class_no)
{
    uint32_t no = at / p->span_units;
    if (class_no == 0) {
        span_back(p, no);
        return;
    }
    nhi_lpm_span *s = span_at(p, no);
    bool full = s->free == 0 && (s->made + 1u) * class_units(class_no) > p->span_units;
    *(uint16_t *)nhi_lpm_pool_at(p, at) = s->free;
    s->free = (uint16_t)(at - no * p->span_units + 1);
    s->used--;
    if (full)
        list_add(p, class_no, no);
    if (s->used == 0) {
        list_del(p, class_no, no);
        span_back(p, no);
    }
}
