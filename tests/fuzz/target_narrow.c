/* SPDX-License-Identifier: Apache-2.0
 * Traffic selector narrowing (RFC 7296 2.9): the result lies within both lists, and every flow that
 * both allow is in the result unless there are more pairs than a list holds. Input: two short lists over few values. */
#include "fuzz/fuzz.h"
#include "ike/parts.h"

static const uint16_t ports[] = {0, 1, 22, 80, 443, 1023, 65534, 65535};

static nhtb_ts selector(fuzz_in *in)
{
    nhtb_ts t = {.proto = (uint8_t)(fuzz_below(in, 3) * 6)};
    uint8_t family = fuzz_below(in, 4) == 0 ? 6 : 4;
    unsigned a = fuzz_u8(in), b = fuzz_u8(in);
    t.lo.family = t.hi.family = family;
    size_t last = family == 4 ? 3 : 15;
    t.lo.b[0] = t.hi.b[0] = 10;
    t.lo.b[last] = (uint8_t)((a < b ? a : b) & (b & 128 ? 0x1f : 0xff));
    t.hi.b[last] = (uint8_t)(a < b ? b : a);
    if (a == b && a == 0) {
        t.lo.b[0] = 0;
        memset(t.hi.b, 0xff, last + 1);
    }
    unsigned kind = fuzz_below(in, 4), x = fuzz_below(in, 8), y = fuzz_below(in, 8);
    t.port_lo = kind == 0 ? 65535 : kind == 1 ? 0 : ports[x < y ? x : y];
    t.port_hi = kind == 0 ? 0 : kind == 1 ? 65535 : ports[x < y ? y : x];
    return t;
}

static bool opaque(const nhtb_ts *t)
{
    return t->port_lo == 65535 && t->port_hi == 0;
}

static bool holds(const nhtb_ts *t, const nhtb_addr *a, uint8_t proto, uint16_t port)
{
    return t->lo.family == a->family && nhi_addr_cmp(a, &t->lo) >= 0 &&
           nhi_addr_cmp(a, &t->hi) <= 0 && (t->proto == 0 || t->proto == proto) &&
           (opaque(t) ? false : port >= t->port_lo && port <= t->port_hi);
}

static bool any_holds(const nhtb_ts *v, size_t n, const nhtb_addr *a, uint8_t proto, uint16_t port)
{
    for (size_t i = 0; i < n; i++)
        if (holds(&v[i], a, proto, port))
            return true;
    return false;
}

static void flow(const nhi_ts_list *out, const nhi_ts_list *p, const nhi_ts_list *own,
                 const nhtb_addr *a, unsigned k)
{
    uint8_t proto = (uint8_t)(k / 8 * 6);
    uint16_t port = ports[k % 8];
    bool both = any_holds(p->v, p->n, a, proto, port) && any_holds(own->v, own->n, a, proto, port);
    bool got = any_holds(out->v, out->n, a, proto, port);
    fuzz_check(!got || both);
    fuzz_check(got || !both || p->n * own->n > NHI_TS_MAX);
}

static void flows(const nhi_ts_list *out, const nhi_ts_list *p, const nhi_ts_list *own)
{
    for (unsigned i = 0; i < p->n; i++)
        for (unsigned k = 0; k < 24; k++) {
            flow(out, p, own, &p->v[i].lo, k);
            flow(out, p, own, &p->v[i].hi, k);
        }
    for (unsigned i = 0; i < own->n; i++)
        for (unsigned k = 0; k < 24; k++) {
            flow(out, p, own, &own->v[i].lo, k);
            flow(out, p, own, &own->v[i].hi, k);
        }
}

static nhi_ts_list list(fuzz_in *in, unsigned most)
{
    nhi_ts_list l;
    memset(&l, 0, sizeof l);
    l.n = (uint16_t)fuzz_below(in, most + 1);
    for (unsigned i = 0; i < l.n; i++)
        l.v[i] = selector(in);
    return l;
}

int fuzz_narrow(const uint8_t *p, size_t n)
{
    fuzz_in in = {p, n};
    nhi_ts_list proposed = list(&in, NHI_TS_MAX), conf = list(&in, NHI_TS_MAX), own, out;
    bool narrowed;
    nhi_ts_from_config(&own, conf.v, conf.n);
    bool some = nhi_ts_narrow(&out, proposed.v, proposed.n, conf.v, conf.n, &narrowed);
    fuzz_check(some == (out.n > 0) && out.n <= NHI_TS_MAX);
    fuzz_check(nhi_ts_within(&out, &proposed) && nhi_ts_within(&out, &own));
    fuzz_check(narrowed == !nhi_ts_within(&proposed, &out));
    flows(&out, &proposed, &own);
    if (!some || proposed.n * own.n > NHI_TS_MAX)
        return 0;
    nhi_ts_list again; /* what was narrowed once is allowed as it is */
    fuzz_check(nhi_ts_narrow(&again, out.v, out.n, conf.v, conf.n, &narrowed) && !narrowed);
    return 0;
}
