/* SPDX-License-Identifier: Apache-2.0
 * Allocator over one static buffer, for hosts without a heap: free lists by size class over a bump
 * pointer. Plugged into nhtb_host by the host; frees are sized, so blocks carry no header. When the
 * bump region is used up, a larger free block is cut. Control thread. */
#include "base/base.h"

#define GRAIN         16u
#define SMALL_CLASSES 16u /* 16, 32 .. 256 */
#define DOUBLINGS     24u /* four classes each: 320, 384, 448, 512 .. 2^32 */
#define CLASSES       (SMALL_CLASSES + 4u * DOUBLINGS)
#define LOOK          16 /* free blocks of one class tried for an unusual alignment */

typedef struct free_block {
    struct free_block *next;
} free_block;

struct nhtb_arena {
    uint8_t *bump, *end;
    size_t used, peak;
    free_block *list[CLASSES];
};

static uint64_t class_size(unsigned c)
{
    if (c < SMALL_CLASSES) {
        return (uint64_t)GRAIN * (c + 1);
    }
    unsigned k = c - SMALL_CLASSES;
    return ((uint64_t)(k % 4 + 5) * 64) << (k / 4);
}

/** The smallest class that holds n bytes; CLASSES when none does. */
static unsigned class_for(size_t n)
{
    if (n <= GRAIN * SMALL_CLASSES) {
        return n == 0 ? 0 : (unsigned)((n - 1) / GRAIN);
    }
    uint64_t scaled = (uint64_t)(n - 1) >> 6; /* in units of 64: 4.. */
    unsigned doubling = 0;
    while (scaled >= 8) {
        scaled >>= 1;
        doubling++;
    }
    return doubling < DOUBLINGS ? SMALL_CLASSES + 4 * doubling + (unsigned)scaled - 4 : CLASSES;
}

static void push(nhtb_arena *a, unsigned c, uint8_t *p)
{
    free_block *b = (free_block *)(void *)p;
    b->next = a->list[c];
    a->list[c] = b;
}

/** Gives a left-over region (a multiple of GRAIN) to the lists, largest pieces first. */
static void donate(nhtb_arena *a, uint8_t *p, size_t n)
{
    while (n >= GRAIN) {
        unsigned c = class_for(n);
        if (c == CLASSES || class_size(c) > n) {
            c--;
        }
        push(a, c, p);
        p += (size_t)class_size(c);
        n -= (size_t)class_size(c);
    }
}

static size_t pad_to(const uint8_t *p, size_t align)
{
    return (size_t)(-(uintptr_t)p & (align - 1));
}

/** A free block of class c that has room for `need` bytes at the alignment, unlinked, or NULL. */
static uint8_t *unlink_fitting(nhtb_arena *a, unsigned c, size_t need, size_t align)
{
    free_block **at = &a->list[c];
    for (unsigned i = 0; *at && i < LOOK; i++, at = &(*at)->next) {
        uint8_t *p = (uint8_t *)*at;
        if (pad_to(p, align) + need <= class_size(c)) {
            *at = (*at)->next;
            return p;
        }
    }
    return NULL;
}

static uint8_t *take_free(nhtb_arena *a, unsigned first, size_t need, size_t align)
{
    for (unsigned c = first; c < CLASSES; c++) {
        uint8_t *p = a->list[c] ? unlink_fitting(a, c, need, align) : NULL;
        if (p) {
            size_t pad = pad_to(p, align);
            donate(a, p, pad);
            donate(a, p + pad + need, (size_t)class_size(c) - pad - need);
            return p + pad;
        }
    }
    return NULL;
}

static uint8_t *take_bump(nhtb_arena *a, size_t need, size_t align)
{
    size_t pad = pad_to(a->bump, align);
    size_t left = (size_t)(a->end - a->bump);
    if (left < pad || left - pad < need) {
        return NULL;
    }
    donate(a, a->bump, pad);
    uint8_t *p = a->bump + pad;
    a->bump = p + need;
    return p;
}

nhtb_arena *nhtb_arena_init(void *mem, size_t n)
{
    if (!mem || ((uintptr_t)mem & (GRAIN - 1)) != 0 || n < sizeof(nhtb_arena)) {
        return NULL;
    }
    nhtb_arena *a = mem;
    memset(a, 0, sizeof *a);
    size_t header = (sizeof *a + GRAIN - 1) & ~(size_t)(GRAIN - 1);
    size_t size = n & ~(size_t)(GRAIN - 1);
    if (size < header) {
        return NULL;
    }
    a->bump = (uint8_t *)mem + header;
    a->end = (uint8_t *)mem + size;
    return a;
}

void *nhtb_arena_alloc(void *arena, size_t n, size_t align)
{
    nhtb_arena *a = arena;
    unsigned c = class_for(n);
    if (!a || n == 0 || c == CLASSES || (align & (align - 1)) != 0 || class_size(c) > SIZE_MAX) {
        return NULL;
    }
    size_t need = (size_t)class_size(c);
    align = align < GRAIN ? GRAIN : align;
    uint8_t *p = unlink_fitting(a, c, need, align);
    if (!p) {
        p = take_bump(a, need, align);
    }
    if (!p) {
        p = take_free(a, c, need, align);
    }
    if (p) {
        a->used += need;
        a->peak = a->used > a->peak ? a->used : a->peak;
    }
    return p;
}

void nhtb_arena_free(void *arena, void *p, size_t n)
{
    nhtb_arena *a = arena;
    unsigned c = class_for(n);
    if (!a || !p || n == 0 || c == CLASSES) {
        return;
    }
    size_t size = (size_t)class_size(c);
    a->used -= size;
    if ((uint8_t *)p + size == a->bump) {
        a->bump = p; /* the newest block goes back whole */
        return;
    }
    push(a, c, p);
}

size_t nhtb_arena_used(const nhtb_arena *a)
{
    return a->used;
}

size_t nhtb_arena_peak(const nhtb_arena *a)
{
    return a->peak;
}
