/* SPDX-License-Identifier: Apache-2.0
 * Bounded DER on the cursor: elements with short or minimal long lengths, times, small numbers, and
 * PEM around it. Nothing recursive, nothing allocated. Any thread. X.690 10, RFC 7468. */
#ifndef NHI_CRYPTO_DER_H
#define NHI_CRYPTO_DER_H

#include "base/cursor.h"

enum {
    NHI_DER_BOOLEAN = 0x01,
    NHI_DER_INTEGER = 0x02,
    NHI_DER_BIT_STRING = 0x03,
    NHI_DER_OCTET_STRING = 0x04,
    NHI_DER_NULL = 0x05,
    NHI_DER_OID = 0x06,
    NHI_DER_UTC_TIME = 0x17,
    NHI_DER_TIME = 0x18,
    NHI_DER_SEQUENCE = 0x30,
    NHI_DER_SET = 0x31,
    NHI_DER_CONTEXT = 0x80,    /* [n], primitive */
    NHI_DER_CONSTRUCTED = 0xa0 /* [n], constructed */
};

static inline nhi_rd nhi_der_open(nhtb_span s)
{
    nhi_rd r;
    nhi_rd_init(&r, s.p, s.n);
    return r;
}
/** The next element; *whole (may be NULL) with its header. False and r bad when there is none. */
bool nhi_der_next(nhi_rd *r, uint8_t *tag, nhtb_span *body, nhtb_span *whole);
/** The next element must have this tag: its body; {NULL, 0} and r bad otherwise. */
nhtb_span nhi_der_get(nhi_rd *r, uint8_t tag);
nhtb_span nhi_der_whole(nhi_rd *r, uint8_t tag);
/** Is the next element of this tag? Never moves. */
bool nhi_der_is(const nhi_rd *r, uint8_t tag);
/** Takes the next element when it has this tag; false: it has not (r stays good). */
bool nhi_der_maybe(nhi_rd *r, uint8_t tag, nhtb_span *body);
/** Are all elements read, and were they all well-formed? */
static inline bool nhi_der_done(const nhi_rd *r)
{
    return !r->bad && nhi_rd_left(r) == 0;
}
/** A non-negative INTEGER body below 2^31; -1: not one. */
int32_t nhi_der_small(nhtb_span body);
/** UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 wants it, in seconds since 1970. */
bool nhi_der_time(nhi_rd *r, int64_t *out);
bool nhi_der_equal(nhtb_span a, nhtb_span b);

/** The next block of a PEM text, or the whole when it starts like DER: *text moves behind it. label
 *  gets what stands after BEGIN. *n in: room, out: octets. 1: a block, 0: no more, else NHTB_ERR_ARG
 *  (not PEM) or NHTB_ERR_SHORT. */
#define NHI_PEM_LABEL 40
int nhi_pem_next(nhtb_span *text, char label[NHI_PEM_LABEL], uint8_t *out, size_t *n);

#endif
