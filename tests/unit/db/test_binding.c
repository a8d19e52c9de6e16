/* SPDX-License-Identifier: Apache-2.0
 * NHTB bindings: trust rules of a learnt next hop, candidate and current, static entries, slots. */
#include "property/tables.h"

static nhtb_detail learn(tables *t, uint32_t peer, uint16_t child, nhtb_addr a)
{
    return nhi_db_learn(t->db, (nhtb_peer_id){peer}, child, &a);
}

static nhi_path *bound(tables *t, nhtb_iface_id i, const char *prefix, const char *dst,
                       nhtb_addr nh)
{
    cr_assert_eq(tb_route(t, prefix, i, &nh), 0);
    return tb_path_to(t, dst);
}

Test(binding, learnt_is_candidate_until_its_tunnel_is_up_and_ends_with_it)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    cr_assert_eq(learn(&t, 1, 0, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_null(bound(&t, i, "10.9.0.0/16", "10.9.0.1", tb_host(2)), "a candidate");
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_ADDED), 0u);
    nhtb_sa_id a = tb_sa(&t, 1, 0);
    cr_assert_not_null(tb_path_to(&t, "10.9.0.1"));
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_ADDED), 1u);
    nhtb_sa_id b = tb_sa(&t, 1, 0);
    cr_assert_eq(nhi_db_sa_remove(t.db, a), 0);
    cr_assert_eq(learn(&t, 1, 0, tb_host(2)), NHTB_DETAIL_NONE, "again in the rekey");
    cr_assert_not_null(tb_path_to(&t, "10.9.0.1"), "an entry lives through rekeys");
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_REMOVED), 0u);
    cr_assert_eq(nhi_db_sa_remove(t.db, b), 0);
    cr_assert_null(tb_path_to(&t, "10.9.0.1"));
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_REMOVED), 1u);
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_ADDED), 1u);
    tb_down(&t);
}

Test(binding, claims_that_must_be_refused)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    tb_tunnel(&t, 2, 0, i, false);
    (void)tb_sa(&t, 1, 0);
    (void)tb_sa(&t, 2, 0);
    cr_assert_eq(tb_bind(&t, i, tb_host(50), 2, 0), 0);
    cr_assert_eq(learn(&t, 2, 0, tb_host(60)), NHTB_DETAIL_NONE);
    static const struct {
        const char *addr;
        nhtb_detail want;
    } v[] = {
        {"10.0.0.1", NHTB_DETAIL_OWN_ADDRESS},   {"fd00::1", NHTB_DETAIL_OWN_ADDRESS},
        {"10.1.0.2", NHTB_DETAIL_OUT_OF_SUBNET}, {"fd01::2", NHTB_DETAIL_OUT_OF_SUBNET},
        {"224.0.0.5", NHTB_DETAIL_NOT_UNICAST},  {"ff02::1", NHTB_DETAIL_NOT_UNICAST},
        {"127.0.0.1", NHTB_DETAIL_NOT_UNICAST},  {"0.0.0.0", NHTB_DETAIL_NOT_UNICAST},
        {"10.0.0.0", NHTB_DETAIL_NOT_UNICAST},   {"10.0.255.255", NHTB_DETAIL_NOT_UNICAST},
        {"10.0.0.50", NHTB_DETAIL_STATIC_WINS},  {"10.0.0.60", NHTB_DETAIL_TAKEN},
    };
    t.n_notes = 0;
    for (size_t k = 0; k < sizeof v / sizeof v[0]; k++) {
        cr_assert_eq(learn(&t, 1, 0, tb_addr(v[k].addr)), v[k].want, "%s", v[k].addr);
        cr_assert_eq(t.n_notes, k + 1);
        cr_assert(t.note[k].kind == NHI_DB_BINDING_REFUSED && t.note[k].detail == v[k].want);
        nhtb_addr a = tb_addr(v[k].addr);
        cr_assert(nhtb_addr_equal(&t.note[k].addr, &a) && t.note[k].peer.id == 1);
    }
    nhtb_addr none = {0};
    cr_assert_eq(nhi_db_learn(t.db, (nhtb_peer_id){1}, 0, &none), NHTB_DETAIL_NOT_UNICAST);
    cr_assert_eq(learn(&t, 9, 0, tb_host(3)), NHTB_DETAIL_INTERNAL, "no such tunnel");
    cr_assert_eq(learn(&t, 2, 0, tb_host(50)), NHTB_DETAIL_NONE, "its own static entry");
    tb_down(&t);
}

Test(binding, another_address_replaces_the_tunnels_old_one)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    (void)tb_sa(&t, 1, 0);
    cr_assert_eq(learn(&t, 1, 0, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_eq(learn(&t, 1, 0, tb_addr("fd00::2")), NHTB_DETAIL_NONE, "one of each family");
    cr_assert_eq(learn(&t, 1, 0, tb_host(3)), NHTB_DETAIL_NONE);
    cr_assert_null(bound(&t, i, "10.8.0.0/16", "10.8.0.1", tb_host(2)));
    cr_assert_not_null(bound(&t, i, "10.9.0.0/16", "10.9.0.1", tb_host(3)));
    cr_assert_not_null(bound(&t, i, "2001:db8::/32", "2001:db8::1", tb_addr("fd00::2")));
    nhtb_stats s;
    memset(&s, 0, sizeof s);
    nhi_db_stats(t.db, &s);
    cr_assert_eq(s.bindings, 2u);
    tb_down(&t);
}

Test(binding, a_candidate_gives_way_but_a_live_holder_does_not)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    tb_tunnel(&t, 2, 0, i, false);
    cr_assert_eq(learn(&t, 1, 0, tb_host(2)), NHTB_DETAIL_NONE);
    (void)tb_sa(&t, 2, 0);
    cr_assert_eq(learn(&t, 2, 0, tb_host(2)), NHTB_DETAIL_NONE);
    (void)tb_sa(&t, 1, 0);
    cr_assert_eq(learn(&t, 1, 0, tb_host(2)), NHTB_DETAIL_TAKEN);
    nhi_path *p = bound(&t, i, "10.9.0.0/16", "10.9.0.1", tb_host(2));
    cr_assert_eq(nhi_a_load(&p->endpoint)->path.remote.b[3], 2, "the live holder keeps it");
    tb_down(&t);
}

Test(binding, at_most_sixteen_learnt_entries_per_peer)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    for (uint16_t c = 0; c < 17; c++) {
        tb_tunnel(&t, 1, c, i, false);
        nhtb_detail want = c < 16 ? NHTB_DETAIL_NONE : NHTB_DETAIL_TOO_MANY;
        cr_assert_eq(learn(&t, 1, c, tb_host(100u + c)), want);
    }
    tb_down(&t);
}

Test(binding, capacity_is_a_refusal)
{
    static tables t;
    memset(&t, 0, sizeof t);
    (void)prop_mem_init(&t.pm);
    tb_settings(&t.set, 1);
    t.set.limits.bindings = 1;
    cr_assert_eq(tb_start(&t), 0);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    tb_tunnel(&t, 2, 0, i, false);
    cr_assert_eq(learn(&t, 1, 0, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_eq(learn(&t, 2, 0, tb_host(3)), NHTB_DETAIL_CAPACITY);
    cr_assert_eq(learn(&t, 1, 0, tb_host(4)), NHTB_DETAIL_NONE, "a replacement needs no room");
    tb_down(&t);
}

Test(binding, a_static_entry_displaces_a_learnt_one_and_is_published_while_down)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    tb_tunnel(&t, 2, 0, i, false);
    (void)tb_sa(&t, 1, 0);
    cr_assert_eq(learn(&t, 1, 0, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_eq(tb_bind(&t, i, tb_host(2), 2, 0), 0);
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_REMOVED), 1u);
    cr_assert_eq(t.note[t.n_notes - 1].detail, NHTB_DETAIL_STATIC_WINS);
    nhi_path *p = bound(&t, i, "10.9.0.0/16", "10.9.0.1", tb_host(2));
    cr_assert_not_null(p);
    cr_assert_null(nhi_a_load(&p->out), "bound, but without an SA");
    nhtb_peer_id peer;
    uint16_t child;
    nhtb_addr dst = tb_addr("10.9.0.1");
    cr_assert(nhi_db_resolve(t.db, i, &dst, &peer, &child));
    cr_assert(peer.id == 2 && child == 0);
    cr_assert_not(nhi_db_resolve(t.db, (nhtb_iface_id){i.id + 1}, &dst, &peer, &child));
    nhi_db_txn *x = tb_begin(&t);
    nhtb_addr nh = tb_host(2);
    cr_assert_eq(nhi_db_txn_binding_del(x, i, &nh), 0);
    cr_assert_eq(nhi_db_txn_binding_del(x, i, &nh), 0);
    size_t at;
    cr_assert_eq(nhi_db_txn_prepare(x, &at), NHTB_ERR_NOT_FOUND);
    cr_assert_eq(at, 1u);
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_binding_del(x, i, &nh), 0);
    size_t added = tb_count(&t, NHI_DB_BINDING_ADDED);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_not_null(tb_path_to(&t, "10.9.0.1"), "what the live peer had announced counts again");
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_ADDED), added + 1);
    cr_assert(nhi_db_resolve(t.db, i, &dst, &peer, &child));
    cr_assert(peer.id == 1 && child == 0);
    tb_down(&t);
}

Test(binding, a_second_child_of_the_same_peer_is_no_conflict)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    tb_tunnel(&t, 1, 1, i, false);
    (void)tb_sa(&t, 1, 0);
    (void)tb_sa(&t, 1, 1);
    cr_assert_eq(learn(&t, 1, 0, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_eq(learn(&t, 1, 1, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_ADDED), 1u);
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_REFUSED), 0u);
    tb_down(&t);
}

Test(binding, wrong_interface_own_address_and_unknown_tunnels_are_refused)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    nhtb_iface_id j = tb_iface(&t, "st0.1", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    cr_assert_eq(tb_bind(&t, j, tb_host(2), 1, 0), NHTB_ERR_CONFLICT);
    cr_assert_eq(tb_bind(&t, i, tb_host(1), 1, 0), NHTB_ERR_CONFLICT);
    cr_assert_eq(tb_bind(&t, i, tb_host(2), 1, 5), NHTB_ERR_NOT_FOUND);
    cr_assert_eq(tb_bind(&t, i, tb_host(2), 7, 0), NHTB_ERR_NOT_FOUND);
    cr_assert_eq(tb_route(&t, "10.9.0.0/16", i, NULL), NHTB_ERR_ARG, "multipoint needs a next hop");
    nhtb_addr own;
    bool many = false;
    cr_assert(nhi_db_own_addr(t.db, (nhtb_peer_id){1}, 0, &own, &many) && many);
    nhtb_addr want = tb_host(1);
    cr_assert(nhtb_addr_equal(&own, &want));
    cr_assert_not(nhi_db_own_addr(t.db, (nhtb_peer_id){2}, 0, &own, &many));
    tb_down(&t);
}

Test(binding, point_to_point_slots_follow_the_first_tunnel_and_chain_the_others)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_POINT_TO_POINT);
    cr_assert_eq(tb_route(&t, "10.9.0.0/16", i, NULL), 0);
    nhtb_addr nh = tb_host(9);
    cr_assert_eq(tb_route(&t, "10.8.0.0/16", i, &nh), 0);
    cr_assert_null(tb_path_to(&t, "10.9.0.1"));
    tb_tunnel(&t, 1, 0, i, false);
    nhi_path *first = tb_path_to(&t, "10.9.0.1");
    cr_assert_not_null(first);
    cr_assert_eq(tb_path_to(&t, "10.8.0.1"), first);
    tb_tunnel(&t, 2, 0, i, false);
    tb_tunnel(&t, 3, 0, i, false);
    cr_assert_eq(tb_path_to(&t, "10.9.0.1"), first);
    nhi_path *second = nhi_a_load(&first->alt);
    cr_assert_not_null(second);
    cr_assert_not_null(nhi_a_load(&second->alt));
    cr_assert_null(nhi_a_load(&nhi_a_load(&second->alt)->alt));
    nhi_db_txn *x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_tunnel_del(x, (nhtb_peer_id){1}), 0);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_eq(tb_path_to(&t, "10.9.0.1"), second);
    tb_down(&t);
}
