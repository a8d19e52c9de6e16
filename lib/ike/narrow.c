/* SPDX-License-Identifier: Apache-2.0
 * Traffic selector narrowing: intersections of address, protocol and port ranges. RFC 7296 2.9,
 * 3.13.1. Pure; called by ike/v2/child_*. */
#include "ike/parts.h"

static bool port_any(const nhtb_ts *t)
{
    return t->port_lo == 0 && t->port_hi == 65535;
}

static bool port_opaque(const nhtb_ts *t)
{
    return t->port_lo == 65535 && t->port_hi == 0;
}

static bool ports_meet(nhtb_ts *out, const nhtb_ts *a, const nhtb_ts *b)
{
    if (port_opaque(a) || port_opaque(b)) {
        if (!(port_opaque(a) || port_any(a)) || !(port_opaque(b) || port_any(b))) {
            return false;
        }
        out->port_lo = 65535;
        out->port_hi = 0;
        return true;
    }
    out->port_lo = a->port_lo > b->port_lo ? a->port_lo : b->port_lo;
    out->port_hi = a->port_hi < b->port_hi ? a->port_hi : b->port_hi;
    return out->port_lo <= out->port_hi;
}

static bool meet(nhtb_ts *out, const nhtb_ts *a, const nhtb_ts *b)
{
    memset(out, 0, sizeof *out);
    if (a->lo.family != b->lo.family || (a->proto && b->proto && a->proto != b->proto)) {
        return false;
    }
    out->proto = a->proto ? a->proto : b->proto;
    out->lo = nhi_addr_cmp(&a->lo, &b->lo) > 0 ? a->lo : b->lo;
    out->hi = nhi_addr_cmp(&a->hi, &b->hi) < 0 ? a->hi : b->hi;
    return nhi_addr_cmp(&out->lo, &out->hi) <= 0 && ports_meet(out, a, b);
}

static bool ports_inside(const nhtb_ts *a, const nhtb_ts *b)
{
    if (port_any(b)) {
        return true;
    }
    if (port_opaque(a) || port_opaque(b)) {
        return port_opaque(a) && port_opaque(b);
    }
    return a->port_lo >= b->port_lo && a->port_hi <= b->port_hi;
}

static bool inside(const nhtb_ts *a, const nhtb_ts *b)
{
    return a->lo.family == b->lo.family && (b->proto == 0 || a->proto == b->proto) &&
           nhi_addr_cmp(&a->lo, &b->lo) >= 0 && nhi_addr_cmp(&a->hi, &b->hi) <= 0 &&
           ports_inside(a, b);
}

static bool inside_any(const nhtb_ts *t, const nhtb_ts *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (inside(t, &v[i])) {
            return true;
        }
    }
    return false;
}

/* Keeps the list free of selectors that others cover. */
static void insert(nhi_ts_list *l, const nhtb_ts *t)
{
    if (inside_any(t, l->v, l->n)) {
        return;
    }
    uint16_t kept = 0;
    for (uint16_t i = 0; i < l->n; i++) {
        if (!inside(&l->v[i], t)) {
            l->v[kept++] = l->v[i];
        }
    }
    l->n = kept;
    if (l->n < NHI_TS_MAX) {
        l->v[l->n++] = *t;
    }
}

void nhi_ts_from_config(nhi_ts_list *out, const nhtb_ts *v, size_t n)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < n && out->n < NHI_TS_MAX; i++) {
        out->v[out->n++] = v[i];
    }
    if (n == 0) {
        nhtb_prefix any4 = {.addr.family = 4}, any6 = {.addr.family = 6};
        out->v[0] = nhtb_ts_from_prefix(&any4);
        out->v[1] = nhtb_ts_from_prefix(&any6);
        out->n = 2;
    }
}

bool nhi_ts_narrow(nhi_ts_list *out, const nhtb_ts *proposed, size_t n, const nhtb_ts *allowed,
                   size_t n_allowed, bool *narrowed)
{
    nhi_ts_list own;
    nhi_ts_from_config(&own, allowed, n_allowed);
    memset(out, 0, sizeof *out);
    bool less = false;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < own.n; k++) {
            nhtb_ts t;
            if (meet(&t, &proposed[i], &own.v[k])) {
                insert(out, &t);
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        less = less || !inside_any(&proposed[i], out->v, out->n);
    }
    if (narrowed) {
        *narrowed = less;
    }
    return out->n > 0;
}

bool nhi_ts_within(const nhi_ts_list *a, const nhi_ts_list *b)
{
    for (uint16_t i = 0; i < a->n; i++) {
        if (!inside_any(&a->v[i], b->v, b->n)) {
            return false;
        }
    }
    return true;
}
