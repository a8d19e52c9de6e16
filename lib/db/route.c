/* SPDX-License-Identifier: Apache-2.0
 * Routes: prefix -> next-hop slot, kept in the published tries alone (they can be read back in
 * order). Changes go into the tries' open batch. Called by txn.c; control thread. */
#include "db/internal.h"

static nhi_lpm *lpm_of(const nhi_db *db, uint8_t family)
{
    return family == 4 ? db->fib->lpm4 : db->fib->lpm6;
}

static size_t routes(const nhi_db *db)
{
    return nhi_lpm_count(db->fib->lpm4) + nhi_lpm_count(db->fib->lpm6);
}

static void leaf_touch(nhi_db *db, uint32_t leaf, int delta)
{
    if (leaf > NHI_SLOT_LOCAL)
        nhi_db_slot_touch(db, leaf, delta);
}

static int leaf_of(nhi_db *db, const nhi_db_op *op, uint32_t *leaf)
{
    *leaf = NHI_SLOT_LOCAL;
    if (op->u.route.local)
        return 0;
    nhi_db_iface *i = nhi_db_iface_get(db, op->iface);
    if (i == NULL)
        return NHTB_ERR_STALE;
    if (nhi_db_iface_kind(i) == NHTB_IFACE_MULTIPOINT && op->u.route.next_hop.family == 0)
        return NHTB_ERR_ARG;
    int err = nhi_db_slot_intern(db, i, &op->u.route.next_hop, leaf);
    if (err == 0)
        nhi_db_slot_touch(db, *leaf, 0);
    return err;
}

int nhi_db_route_prepare(nhi_db *db, const nhi_db_op *op)
{
    const nhtb_prefix *p = &op->u.route.prefix;
    nhi_lpm *l = lpm_of(db, p->addr.family);
    uint32_t leaf;
    int err = leaf_of(db, op, &leaf);
    if (err != 0)
        return err;
    uint32_t old = nhi_lpm_exact(l, p->addr.b, p->len);
    if (old == 0 && routes(db) >= db->env.settings->limits.routes)
        return NHTB_ERR_LIMIT;
    err = nhi_lpm_set(l, p->addr.b, p->len, leaf);
    if (err != 0)
        return err;
    leaf_touch(db, leaf, 1);
    leaf_touch(db, old, -1);
    return 0;
}

int nhi_db_route_prepare_del(nhi_db *db, const nhi_db_op *op)
{
    const nhtb_prefix *p = &op->u.route.prefix;
    nhi_lpm *l = lpm_of(db, p->addr.family);
    uint32_t old = nhi_lpm_exact(l, p->addr.b, p->len);
    int err = nhi_lpm_set(l, p->addr.b, p->len, 0);
    if (err == 0)
        leaf_touch(db, old, -1);
    return err;
}

static int family_gone(nhi_db *db, nhi_lpm *l, uint32_t iface)
{
    uint8_t a[16] = {0};
    unsigned len = 0xff;
    uint32_t leaf;
    while (nhi_lpm_next(l, a, &len, &leaf)) {
        if (leaf <= NHI_SLOT_LOCAL || db->fib->slot[leaf].iface != iface)
            continue;
        int err = nhi_lpm_set(l, a, len, 0);
        if (err != 0)
            return err;
        leaf_touch(db, leaf, -1);
    }
    return 0;
}

int nhi_db_route_prepare_iface_gone(nhi_db *db, uint32_t iface)
{
    int err = family_gone(db, db->fib->lpm4, iface);
    return err != 0 ? err : family_gone(db, db->fib->lpm6, iface);
}
