/* SPDX-License-Identifier: Apache-2.0
 * Bricks every room may use: memory through the host, wiping, constant-time compare, assertions,
 * secrets. Any thread unless a line says otherwise. */
#ifndef NHI_BASE_BASE_H
#define NHI_BASE_BASE_H

#include <nhtb/host.h>
#include <nhtb/types.h>

#include "base/atomic.h"

/* The only libc functions of the core (freestanding: the host links its own). */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#define NHI_ARRAY_LEN(a)                 (sizeof(a) / sizeof((a)[0]))
#define NHI_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define NHI_CACHE_LINE                   64

/** Memory of one context: the host's allocator with counts. Control thread only. */
typedef struct nhi_mem {
    nhtb_host host; /* copy */
    uint64_t bytes; /* handed out now */
    uint64_t failed;
    NHI_ATOMIC(uint64_t) asserts_failed; /* any thread */
} nhi_mem;

/** n zeroed bytes aligned to align (a power of two), or NULL (counted). n 0 gives NULL. */
void *nhi_mem_alloc(nhi_mem *m, size_t n, size_t align);
/** count * size zeroed bytes aligned to 16; NULL also on overflow. */
void *nhi_mem_array(nhi_mem *m, size_t count, size_t size);
/** n: the size asked for. p may be NULL. Does not wipe. */
void nhi_mem_free(nhi_mem *m, void *p, size_t n);
/** As nhi_mem_free, but wipes first (key material). */
void nhi_mem_wipe_free(nhi_mem *m, void *p, size_t n);
/** Wrapper of nhtb_host.random: 0 or NHTB_ERR_RANDOM with dst zeroed. Control thread. */
int nhi_mem_random(nhi_mem *m, void *dst, size_t n);

/** Overwrites memory in a way the compiler keeps. */
void nhi_wipe(void *p, size_t n);
/** Constant-time equality. */
bool nhi_equal_ct(const void *a, const void *b, size_t n);

/** Our own invariants only, never peer-derived values. Debug and fuzz builds abort; release counts
 *  and yields false so that the caller ends the operation:
 *      if (!nhi_check(mem, sa->state == S)) return NHTB_ERR_INTERNAL;  */
#if defined(NHTB_DEBUG_ASSERT)
#define nhi_check(m, cond)                                                                         \
    ((cond) ? true : (nhi_check_failed((m), #cond, __FILE__, __LINE__), false))
#else
#define nhi_check(m, cond) ((cond) ? true : (nhi_check_failed((m), "", "", 0), false))
#endif
/** Counts; traps (__builtin_trap) in NHTB_DEBUG_ASSERT builds. m may be NULL. */
void nhi_check_failed(nhi_mem *m, const char *cond, const char *file, int line);

/** Key material of at most 64 bytes with its length. Wiped by its owner (nhi_secret_wipe). */
typedef struct nhi_secret {
    uint8_t b[64];
    uint8_t n;
} nhi_secret;
static inline nhtb_span nhi_secret_span(const nhi_secret *s)
{
    return (nhtb_span){s->b, s->n};
}
static inline void nhi_secret_wipe(nhi_secret *s)
{
    nhi_wipe(s, sizeof *s);
}

/* Unaligned big-endian access; the caller has checked the bounds. Peer bytes go through cursor. */
static inline uint16_t nhi_get16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}
static inline uint32_t nhi_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t nhi_get64(const uint8_t *p)
{
    return (uint64_t)nhi_get32(p) << 32 | nhi_get32(p + 4);
}
static inline void nhi_put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void nhi_put32(uint8_t *p, uint32_t v)
{
    nhi_put16(p, v >> 16);
    nhi_put16(p + 2, v & 0xffff);
}
static inline void nhi_put64(uint8_t *p, uint64_t v)
{
    nhi_put32(p, (uint32_t)(v >> 32));
    nhi_put32(p + 4, (uint32_t)v);
}

/** Asks for a cache line that will be needed soon. Any address may be given, also NULL. */
static inline void nhi_fetch(const void *p)
{
    __builtin_prefetch(p);
}

/* addr.c */
/** As nhtb_addr_equal, for the hot paths: unused bytes are zero by contract. */
static inline bool nhi_addr_same(const nhtb_addr *a, const nhtb_addr *b)
{
    uint64_t x[2], y[2];
    uint32_t u, v;
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    memcpy(&u, a->b + 12, sizeof u);
    memcpy(&v, b->b + 12, sizeof v);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (uint64_t)(u ^ v)) == 0;
}
static inline size_t nhi_addr_len(const nhtb_addr *a)
{
    return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}
bool nhi_addr_from_bytes(nhtb_addr *out, uint8_t family, const uint8_t *b);
/** memcmp order within a family. */
int nhi_addr_cmp(const nhtb_addr *a, const nhtb_addr *b);
bool nhi_addr_in(const nhtb_prefix *p, const nhtb_addr *a);
/** nhi_addr_in, without the call for IPv4. */
static inline bool nhi_addr_in_hot(const nhtb_prefix *p, const nhtb_addr *a)
{
    if (p->addr.family != a->family)
        return false;
    if (a->family != 4)
        return nhi_addr_in(p, a);
    return (uint64_t)(nhi_get32(a->b) ^ nhi_get32(p->addr.b)) >> (32 - p->len) == 0;
}
static inline bool nhi_addr_is_multicast(const nhtb_addr *a)
{
    return (a->family == 4 && (a->b[0] & 0xf0) == 0xe0) || (a->family == 6 && a->b[0] == 0xff);
}
/** Not 0/8, 127/8, 224/3 (multicast, class E), ::, ::1, ff00::/8. */
bool nhi_addr_is_unicast(const nhtb_addr *a);
bool nhi_path_equal(const nhtb_path *a, const nhtb_path *b);
/** Clears host bits; false when len is out of range for the family. */
bool nhi_prefix_normalize(nhtb_prefix *p);

/* fmt.c: stdio-free text. Appends to a bounded buffer that is always terminated. */
typedef struct nhi_fmt {
    char *p;
    size_t cap, n; /* n: length that would be needed, without the terminator */
} nhi_fmt;
void nhi_fmt_init(nhi_fmt *f, char *dst, size_t cap);
void nhi_fmt_str(nhi_fmt *f, const char *s);
void nhi_fmt_u64(nhi_fmt *f, uint64_t v);
void nhi_fmt_hex(nhi_fmt *f, uint64_t v, unsigned digits);
void nhi_fmt_addr(nhi_fmt *f, const nhtb_addr *a);
/** Peer bytes: printable ASCII without quotes and backslash as is, the rest as \xNN. */
void nhi_fmt_bytes(nhi_fmt *f, const uint8_t *p, size_t n);

/** Emits one record through the host's hook (may be none). peer_name may be NULL. */
void nhi_log(const nhi_mem *m, nhtb_log_level level, const char *room, const char *text,
             nhtb_peer_id peer, const char *peer_name, uint64_t spi_i, uint64_t spi_r);

size_t nhi_strlen(const char *s);
/** Copies at most cap-1 characters and terminates; false when it did not fit. */
bool nhi_strcpy(char *dst, size_t cap, const char *s);

#endif
