/* SPDX-License-Identifier: Apache-2.0
 * Traffic selectors of an SA pair and policy rules of an interface against a packet's flow.
 * Called by dp on workers (hits are counted relaxed). RFC 4301 4.4.1.1 and 5.2, RFC 7296 3.13.1. */
#include "fib/fib.h"

static bool addr_between(const nhtb_addr *a, const nhtb_addr *lo, const nhtb_addr *hi)
{
    return a->family == lo->family && memcmp(a->b, lo->b, sizeof a->b) >= 0 &&
           memcmp(a->b, hi->b, sizeof a->b) <= 0;
}

/* Only ANY and OPAQUE fit a packet whose ports cannot be seen; OPAQUE fits no other. */
static bool port_fits(uint16_t port, bool known, uint16_t lo, uint16_t hi)
{
    if (lo == 0 && hi == UINT16_MAX)
        return true;
    if (lo > hi)
        return !known && lo == UINT16_MAX && hi == 0;
    return known && port >= lo && port <= hi;
}

static bool side_fits(const nhtb_ts *v, unsigned n, const nhtb_addr *a, uint16_t port,
                      const nhi_flow *f)
{
    for (unsigned i = 0; i < n; i++) {
        const nhtb_ts *t = &v[i];
        if ((t->proto == 0 || t->proto == f->proto) && addr_between(a, &t->lo, &t->hi) &&
            port_fits(port, f->has_ports, t->port_lo, t->port_hi))
            return true;
    }
    return n == 0;
}

bool nhi_sel_fits_out(const nhi_sel *s, const nhi_flow *f)
{
    return side_fits(s->local, s->n_local, &f->src, f->sport, f) &&
           side_fits(s->remote, s->n_remote, &f->dst, f->dport, f);
}

bool nhi_sel_fits_in(const nhi_sel *s, const nhi_flow *f)
{
    return side_fits(s->remote, s->n_remote, &f->src, f->sport, f) &&
           side_fits(s->local, s->n_local, &f->dst, f->dport, f);
}

static bool rule_fits(const nhtb_policy *r, unsigned direction, const nhi_flow *f)
{
    if ((r->direction & direction) == 0 || (r->proto != 0 && r->proto != f->proto))
        return false;
    if (r->src.addr.family != 0 && !nhi_addr_in(&r->src, &f->src))
        return false;
    if (r->dst.addr.family != 0 && !nhi_addr_in(&r->dst, &f->dst))
        return false;
    return port_fits(f->sport, f->has_ports, r->sport_lo, r->sport_hi) &&
           port_fits(f->dport, f->has_ports, r->dport_lo, r->dport_hi);
}

nhtb_action nhi_policy_check(nhi_policy_set *set, unsigned direction, const nhi_flow *f)
{
    for (uint32_t i = 0; set != NULL && i < set->n; i++) {
        if (!rule_fits(&set->rules[i], direction, f))
            continue;
        (void)nhi_a_add(&set->hits[i], 1);
        return (nhtb_action)set->rules[i].action;
    }
    return NHTB_PERMIT;
}
