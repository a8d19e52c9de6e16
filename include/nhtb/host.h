/* SPDX-License-Identifier: Apache-2.0
 * What the host plugs in: memory, randomness, wall time, log. Everything else is pulled by the host
 * (packets, events, jobs, one deadline). All hooks are called on the control thread only, except
 * where nhtb_arena documents otherwise. */
#ifndef NHTB_HOST_H
#define NHTB_HOST_H

#include <nhtb/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nhtb_log_level {
    NHTB_LOG_ERROR,
    NHTB_LOG_WARNING,
    NHTB_LOG_NOTICE,
    NHTB_LOG_INFO,
    NHTB_LOG_DEBUG
} nhtb_log_level;

/** A structured log record. Never holds key material. Strings are borrowed for the call. */
typedef struct nhtb_log {
    uint32_t size;
    uint8_t level;         /* nhtb_log_level */
    const char *room;      /* "ike", "engine", ... */
    const char *text;      /* one line, ASCII, peer bytes already escaped */
    nhtb_peer_id peer;     /* 0: none */
    const char *peer_name; /* NULL: none */
    uint64_t spi_i, spi_r; /* IKE SPIs, 0: none */
} nhtb_log;

/** Keys for a packet dissector. Only a host that sets the hook below gets them, and only from a
 *  library built with NHTB_KEYLOG: never set it in production. Spans are borrowed for the call. */
typedef enum nhtb_keylog_kind {
    NHTB_KEYLOG_IKE = 1,
    NHTB_KEYLOG_ESP = 2,
    NHTB_KEYLOG_IKEV1 = 3 /* encr_key[0]: the key of both directions */
} nhtb_keylog_kind;
typedef struct nhtb_keylog {
    uint32_t size;
    uint8_t kind;                   /* nhtb_keylog_kind */
    bool esn;                       /* ESP: extended sequence numbers */
    uint16_t encr, key_bits, integ; /* IANA numbers; integ 0 with an AEAD */
    uint64_t spi_i, spi_r;          /* IKE */
    uint32_t spi;                   /* ESP: one direction per call */
    nhtb_addr from, to;             /* ESP: outer addresses */
    nhtb_span encr_key[2];          /* key and salt; IKE: SK_ei, SK_er; ESP: the first only */
    nhtb_span integ_key[2];         /* likewise; empty with an AEAD */
} nhtb_keylog;

typedef struct nhtb_host {
    uint32_t size; /* sizeof(nhtb_host) */
    void *user;    /* handed back to every hook */
    /** n bytes aligned to align (a power of two), or NULL. Not zeroed. */
    void *(*alloc)(void *user, size_t n, size_t align);
    /** n: the size given to alloc. p may be NULL. */
    void (*free)(void *user, void *p, size_t n);
    /** Fills dst with n cryptographically secure bytes; 0 on success. A failure makes the
     *  operation fail (NHTB_ERR_RANDOM); nothing weaker is used. */
    int (*random)(void *user, uint8_t *dst, size_t n);
    /** Unix seconds, for certificates and display; may be NULL. */
    uint64_t (*wall_time)(void *user);
    /** May be NULL. Must not call back into the library. */
    void (*log)(void *user, const nhtb_log *rec);
    /** May be NULL and should be: hands out keys (nhtb_keylog). Must not call back. */
    void (*keylog)(void *user, const nhtb_keylog *rec);
} nhtb_host;

/** An allocator over one static buffer, for hosts without a heap. Size-class free lists; never
 *  returns memory to anyone. Control thread only. */
typedef struct nhtb_arena nhtb_arena;
/** Lays an arena into mem (aligned to 16, n bytes, kept until the arena is no longer used).
 *  Returns NULL when n is too small for the arena's own header. */
NHTB_API nhtb_arena *nhtb_arena_init(void *mem, size_t n);
/** Hooks for nhtb_host.alloc / .free with user = the arena. */
NHTB_API void *nhtb_arena_alloc(void *arena, size_t n, size_t align);
NHTB_API void nhtb_arena_free(void *arena, void *p, size_t n);
/** Bytes handed out now, and the most that ever were (high-water mark). */
NHTB_API size_t nhtb_arena_used(const nhtb_arena *a);
NHTB_API size_t nhtb_arena_peak(const nhtb_arena *a);

#ifdef __cplusplus
}
#endif
#endif
