/* SPDX-License-Identifier: Apache-2.0
 * Policy rules of an interface: the whole list is one immutable object, replaced by one store.
 * Called by txn.c; control thread. */
#include "db/internal.h"

static bool rule_ok(const nhtb_policy *r)
{
    return r->action <= NHTB_DENY && r->direction != 0 &&
           (r->direction & ~(NHTB_POLICY_OUT | NHTB_POLICY_IN)) == 0 &&
           r->sport_lo <= r->sport_hi && r->dport_lo <= r->dport_hi &&
           r->src.len <= (r->src.addr.family == 6 ? 128 : 32) &&
           r->dst.len <= (r->dst.addr.family == 6 ? 128 : 32);
}

int nhi_db_policy_record(nhi_db *db, const nhtb_policy *v, size_t n, nhi_policy_set **out)
{
    *out = NULL;
    if (n > db->env.settings->limits.policies)
        return NHTB_ERR_LIMIT;
    for (size_t k = 0; k < n; k++)
        if (!rule_ok(&v[k]))
            return NHTB_ERR_ARG;
    if (n == 0)
        return 0;
    size_t size = sizeof(nhi_policy_set) + n * (sizeof(uint64_t) + sizeof(nhtb_policy));
    nhi_policy_set *s = nhi_mem_alloc(db->mem, size, 16);
    if (s == NULL)
        return NHTB_ERR_MEMORY;
    s->size = size;
    s->n = (uint32_t)n;
    s->hits = (void *)(s + 1);
    s->rules = (void *)(s->hits + n);
    memcpy(s->rules, v, n * sizeof *v);
    *out = s;
    return 0;
}

int nhi_db_policy_prepare(nhi_db *db, const nhi_db_op *op)
{
    nhi_db_iface *i = nhi_db_iface_get(db, op->iface);
    if (i == NULL)
        return NHTB_ERR_STALE;
    const nhi_policy_set *old = i->s_has_policies ? i->s_policies : i->policies;
    int64_t d = (op->u.policies == NULL ? 0 : (int64_t)op->u.policies->n) -
                (old == NULL ? 0 : (int64_t)old->n);
    i->s_has_policies = true;
    i->s_policies = op->u.policies;
    db->txn.d_policies += d;
    return 0;
}

void nhi_db_policy_free(nhi_db *db, nhi_policy_set *s)
{
    if (s != NULL)
        nhi_mem_free(db->mem, s, s->size);
}

static void reclaim(void *user, void *obj)
{
    nhi_db_policy_free(user, obj);
}

void nhi_db_policy_retire(nhi_db *db, nhi_policy_set *s)
{
    nhi_qsbr_retire(&db->fib->qsbr, &s->retired, reclaim, db, s);
}

void nhi_db_policy_commit(nhi_db *db, const nhi_db_op *op)
{
    nhi_db_iface *i = nhi_slab_get(&db->ifaces, op->iface);
    if (!i->s_has_policies || i->s_policies != op->u.policies) {
        nhi_db_policy_free(db, op->u.policies); /* a later operation replaced it */
        return;
    }
    nhi_policy_set *old = i->policies;
    i->policies = i->s_policies;
    i->s_policies = NULL;
    i->s_has_policies = false;
    nhi_a_store_rel(&i->pub->policies, i->policies);
    if (old != NULL)
        nhi_db_policy_retire(db, old);
}
