/* SPDX-License-Identifier: Apache-2.0
 * Basic types of libnhtb: error codes, ids, addresses, spans, time.
 * Every other public header includes this one; it includes only freestanding C headers. */
#ifndef NHTB_TYPES_H
#define NHTB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(NHTB_STATIC) || !defined(__GNUC__)
#define NHTB_API
#else
#define NHTB_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Monotonic time in nanoseconds, given by the host with every stateful call. It never goes back. */
typedef uint64_t nhtb_time;
#define NHTB_NEVER     UINT64_MAX
#define NHTB_NS_PER_S  UINT64_C(1000000000)
#define NHTB_NS_PER_MS UINT64_C(1000000)

/** Error codes: 0 is success, every failure is negative. What a peer sends is never an error
 *  return: it becomes a counter, an event or an IKE notify. */
enum {
    NHTB_OK = 0,
    /* usage: the caller broke the contract; nothing changed */
    NHTB_ERR_ARG = -1,         /* NULL, bad value, or a struct whose size member is wrong */
    NHTB_ERR_STALE = -2,       /* the id names an object that is gone */
    NHTB_ERR_STATE = -3,       /* not allowed now (for example a second open transaction) */
    NHTB_ERR_EXISTS = -4,      /* the same key exists already */
    NHTB_ERR_NOT_FOUND = -5,   /* no such object */
    NHTB_ERR_CONFLICT = -6,    /* contradicts another object (a manual SPI in use, reused keys) */
    NHTB_ERR_UNSUPPORTED = -7, /* this build or these backends cannot do it */
    NHTB_ERR_SHORT = -8,       /* a buffer given by the caller is too small */
    /* resource: try again later or with larger limits; nothing changed */
    NHTB_ERR_MEMORY = -32, /* the host's allocator returned NULL */
    NHTB_ERR_LIMIT = -33,  /* a capacity in nhtb_settings is used up */
    NHTB_ERR_BUSY = -34,   /* a bounded queue is full */
    /* backend: a plugged-in part failed; the operation was not done */
    NHTB_ERR_RANDOM = -64, /* nhtb_host.random failed; nothing weaker is ever used instead */
    NHTB_ERR_CRYPTO = -65, /* a crypto backend failed or did not pass its self-test */
    /* fatal: an internal invariant failed; the operation was ended, the context keeps running */
    NHTB_ERR_INTERNAL = -96
};
typedef enum nhtb_err_kind {
    NHTB_ERR_CLASS_NONE,
    NHTB_ERR_CLASS_USAGE,
    NHTB_ERR_CLASS_RESOURCE,
    NHTB_ERR_CLASS_BACKEND,
    NHTB_ERR_CLASS_FATAL
} nhtb_err_kind;

/** Class of an error code; never fails. Any thread. */
NHTB_API nhtb_err_kind nhtb_err_class(int err);
/** Static English text for an error code; never NULL. Any thread. */
NHTB_API const char *nhtb_strerror(int err);

/** Ids name objects that may die behind the caller's back: index + generation. 0 means none; the
 *  id of a dead object is answered with NHTB_ERR_STALE. */
typedef struct nhtb_peer_id {
    uint32_t id;
} nhtb_peer_id;
typedef struct nhtb_iface_id {
    uint32_t id;
} nhtb_iface_id;
typedef struct nhtb_sa_id {
    uint32_t id;
} nhtb_sa_id;

/** Borrowed bytes. */
typedef struct nhtb_span {
    const uint8_t *p;
    size_t n;
} nhtb_span;

/** An IPv4 (family 4, first 4 bytes of b) or IPv6 (family 6) address in network order.
 *  family 0: none / any. Unused bytes are zero, so addresses compare with memcmp. */
typedef struct nhtb_addr {
    uint8_t family;
    uint8_t reserved[3];
    uint8_t b[16];
} nhtb_addr;

typedef struct nhtb_prefix {
    nhtb_addr addr; /* host bits zero */
    uint8_t len;    /* 0..32 or 0..128 */
    uint8_t reserved[3];
} nhtb_prefix;

/** One traffic selector: an address range, a protocol (0: any) and a port range (RFC 7296 3.13.1).
 *  Ports in host order; for ICMP type*256+code. ANY is 0..65535, OPAQUE is lo 65535 / hi 0. */
typedef struct nhtb_ts {
    nhtb_addr lo, hi; /* inclusive, same family */
    uint16_t port_lo, port_hi;
    uint8_t proto;
    uint8_t reserved[3];
} nhtb_ts;

/** Outer endpoints of a tunnel. Ports are host order; both 0: native ESP (IP protocol 50).
 *  scope: host's own meaning (an interface index, a VRF), compared and handed back, never read. */
typedef struct nhtb_path {
    nhtb_addr local, remote;
    uint16_t local_port, remote_port;
    uint32_t scope;
} nhtb_path;

/** Text of an address ("10.0.0.1", "2001:db8::1", "-" for none) into dst; always terminated.
 *  n: at least NHTB_ADDR_TEXT. Returns dst. Any thread. */
#define NHTB_ADDR_TEXT 46
NHTB_API char *nhtb_addr_format(const nhtb_addr *a, char *dst, size_t n);
/** Parses "10.0.0.1" or "2001:db8::1". NHTB_ERR_ARG when the text is not exactly an address. */
NHTB_API int nhtb_addr_parse(const char *text, nhtb_addr *out);
/** Parses "10.0.0.0/8", "::/0" or a plain address (host prefix). NHTB_ERR_ARG also when host bits
 *  are set. */
NHTB_API int nhtb_prefix_parse(const char *text, nhtb_prefix *out);
/** Text of a prefix; n at least NHTB_ADDR_TEXT + 4. Returns dst. */
NHTB_API char *nhtb_prefix_format(const nhtb_prefix *p, char *dst, size_t n);
NHTB_API bool nhtb_addr_equal(const nhtb_addr *a, const nhtb_addr *b);
/** The selector that covers a prefix, any protocol, any port. */
NHTB_API nhtb_ts nhtb_ts_from_prefix(const nhtb_prefix *p);

#ifdef __cplusplus
}
#endif
#endif
