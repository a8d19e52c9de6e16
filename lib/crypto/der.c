/* SPDX-License-Identifier: Apache-2.0
 * DER elements and times. Lengths are minimal, at most three octets long; tags are one octet.
 * Called by the certificate files of this room; any thread. X.690 8.1, 10.1, RFC 5280 4.1.2.5. */
#include "crypto/der.h"

static size_t length_read(nhi_rd *r)
{
    size_t n = nhi_rd_u8(r), v = 0;
    if (n < 0x80)
        return n;
    n &= 0x7f;
    if (n == 0 || n > 3) {
        r->bad = true;
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        v = v << 8 | nhi_rd_u8(r);
    if (v < 0x80 || v >> 8 * (n - 1) == 0)
        r->bad = true; /* not the shortest form */
    return v;
}

bool nhi_der_next(nhi_rd *r, uint8_t *tag, nhtb_span *body, nhtb_span *whole)
{
    const uint8_t *start = r->p;
    *tag = nhi_rd_u8(r);
    if ((*tag & 0x1f) == 0x1f)
        r->bad = true; /* long tags: nothing here has them */
    size_t n = length_read(r);
    *body = r->bad ? (nhtb_span){NULL, 0} : nhi_rd_span(r, n);
    if (whole != NULL)
        *whole = r->bad ? (nhtb_span){NULL, 0} : (nhtb_span){start, (size_t)(r->p - start)};
    return !r->bad;
}

nhtb_span nhi_der_get(nhi_rd *r, uint8_t tag)
{
    uint8_t got;
    nhtb_span body;
    if (!nhi_der_next(r, &got, &body, NULL))
        return body;
    if (got == tag)
        return body;
    r->bad = true;
    return (nhtb_span){NULL, 0};
}

nhtb_span nhi_der_whole(nhi_rd *r, uint8_t tag)
{
    uint8_t got;
    nhtb_span body, whole;
    if (nhi_der_next(r, &got, &body, &whole) && got == tag)
        return whole;
    r->bad = true;
    return (nhtb_span){NULL, 0};
}

bool nhi_der_is(const nhi_rd *r, uint8_t tag)
{
    return !r->bad && nhi_rd_left(r) != 0 && *r->p == tag;
}

bool nhi_der_maybe(nhi_rd *r, uint8_t tag, nhtb_span *body)
{
    if (!nhi_der_is(r, tag))
        return false;
    *body = nhi_der_get(r, tag);
    return !r->bad;
}

int32_t nhi_der_small(nhtb_span body)
{
    uint32_t v = 0;
    if (body.n == 0 || body.n > 4 || body.p[0] & 0x80)
        return -1;
    for (size_t i = 0; i < body.n; i++)
        v = v << 8 | body.p[i];
    return (int32_t)v;
}

bool nhi_der_equal(nhtb_span a, nhtb_span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static int digits(const uint8_t *p, size_t n)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

/* Days since 1970 of a date in the Gregorian calendar, years 0 to 9999; no tables of years. */
static int64_t days_of(int y, int m, int d)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t past = y - 1;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    int64_t n = past * 365 + past / 4 - past / 100 + past / 400 + before[m - 1] + d - 1;
    return n + (leap && m > 2) - INT64_C(719162);
}

static int month_days(int y, int m)
{
    static const uint8_t n[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return n[m - 1] + (leap && m == 2);
}

bool nhi_der_time(nhi_rd *r, int64_t *out)
{
    uint8_t tag;
    nhtb_span b;
    if (!nhi_der_next(r, &tag, &b, NULL))
        return false;
    size_t year = tag == NHI_DER_UTC_TIME ? 2 : 4;
    if ((tag != NHI_DER_UTC_TIME && tag != NHI_DER_TIME) || b.n != year + 11 || b.p[b.n - 1] != 'Z')
        return false;
    const uint8_t *p = b.p + year;
    int y = digits(b.p, year), mo = digits(p, 2), d = digits(p + 2, 2), h = digits(p + 4, 2);
    int mi = digits(p + 6, 2), s = digits(p + 8, 2);
    if (year == 2 && y >= 0)
        y += y < 50 ? 2000 : 1900;
    if (y < 1 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h < 0 || h > 23 || mi < 0 ||
        mi > 59 || s < 0 || s > 59)
        return false;
    *out = ((days_of(y, mo, d) * 24 + h) * 60 + mi) * 60 + s;
    return true;
}
