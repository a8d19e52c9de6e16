/* SPDX-License-Identifier: Apache-2.0
 * Anchors: load factors with weights, workers that come and are emptied, moving on request. */
#include "property/tables.h"

static unsigned anchor(tables *t, uint32_t peer)
{
    return nhi_db_anchor(t->db, (nhtb_peer_id){peer});
}

/* A peer with a tunnel, anchored as its first SPI does it. */
static unsigned join(tables *t, uint32_t peer, nhtb_iface_id i, bool dynamic)
{
    tb_tunnel(t, peer, 0, i, dynamic);
    return anchor(t, peer);
}

static nhtb_worker_info unit(const tables *t, unsigned w)
{
    nhtb_worker_info info = {.size = sizeof info};
    nhi_db_unit_info(t->db, w, &info);
    return info;
}

static size_t moved(tables *t)
{
    size_t cursor = 0, n = 0;
    nhtb_peer_id peer;
    while (nhi_db_moved_next(t->db, &cursor, &peer))
        n++;
    return n;
}

static nhtb_sa_id install(tables *t, uint32_t peer, uint32_t spi)
{
    nhi_db_sa sa;
    uint8_t keys[2][36];
    nhtb_sa_id id;
    tb_sa_fill(t, &sa, keys, peer, 0);
    sa.spi_in = spi;
    cr_assert_eq(nhi_db_sa_install(t->db, &sa, &id), 0);
    return id;
}

static nhtb_iface_id start(tables *t, uint16_t workers)
{
    tb_up(t, workers);
    return tb_iface(t, "st0.0", NHTB_IFACE_MULTIPOINT);
}

Test(db_anchor, the_load_factor_counts_the_weight)
{
    static tables t;
    nhtb_iface_id i = start(&t, 2);
    nhi_db_unit_weight(t.db, 1, 3);
    for (uint32_t p = 1; p <= 8; p++)
        (void)join(&t, p, i, false);
    cr_assert_eq(unit(&t, 0).gateways, 2u);
    cr_assert_eq(unit(&t, 1).gateways, 6u);
    tb_down(&t);
}

Test(db_anchor, only_workers_that_exist_and_have_a_weight_take_new_tunnels)
{
    static tables t;
    nhtb_iface_id i = start(&t, 4);
    nhi_db_unit_present(t.db, 1, true);
    nhi_db_unit_present(t.db, 3, true);
    nhi_db_unit_present(t.db, 3, true); /* told twice */
    for (uint32_t p = 1; p <= 4; p++)
        cr_assert_eq(join(&t, p, i, false) & 1u, 1u);
    cr_assert_eq(join(&t, 5, i, true), 1u, "in turn, among those that exist");
    cr_assert_eq(join(&t, 6, i, true), 3u);
    cr_assert_eq(join(&t, 7, i, true), 1u);
    nhi_db_unit_weight(t.db, 3, 0);
    for (uint32_t p = 8; p <= 11; p++)
        cr_assert_eq(join(&t, p, i, p & 1), 1u);
    nhi_db_unit_present(t.db, 1, false);
    cr_assert_eq(join(&t, 12, i, false), 0u, "nobody takes it: it must live somewhere");
    cr_assert_eq(join(&t, 13, i, true), 0u);
    tb_down(&t);
}

Test(db_anchor, a_worker_that_comes_moves_nothing_until_it_is_asked_for)
{
    static tables t;
    nhtb_iface_id i = start(&t, 3);
    nhi_db_unit_present(t.db, 0, true);
    for (uint32_t p = 1; p <= 12; p++)
        cr_assert_eq(join(&t, p, i, p > 9), 0u);
    nhi_db_unit_present(t.db, 1, true);
    nhi_db_unit_present(t.db, 2, true);
    cr_assert_eq(moved(&t), 0u);
    cr_assert_eq(unit(&t, 0).gateways, 9u);
    cr_assert_eq(nhi_db_rebalance(t.db, 2), 2u, "as many as asked for");
    cr_assert_eq(moved(&t), 2u);
    cr_assert_eq(moved(&t), 0u, "each is told once");
    while (nhi_db_rebalance(t.db, 100) != 0)
        ;
    for (unsigned w = 0; w < 3; w++) {
        cr_assert_eq(unit(&t, w).gateways, 3u);
        cr_assert_eq(unit(&t, w).dynamic_peers, 1u);
    }
    tb_down(&t);
}

Test(db_anchor, a_number_leads_to_the_worker_it_was_reserved_for)
{
    static tables t;
    nhtb_iface_id i = start(&t, 2);
    nhi_db_unit_present(t.db, 0, true);
    tb_tunnel(&t, 1, 0, i, false);
    tb_tunnel(&t, 2, 0, i, false);
    uint32_t spi[2];
    for (uint32_t p = 0; p < 2; p++)
        cr_assert_eq(nhi_db_spi_reserve(t.db, (nhtb_peer_id){p + 1}, &spi[p]), 0);
    nhi_db_unit_present(t.db, 1, true);
    cr_assert_eq(nhi_db_rebalance(t.db, 9), 1u);
    uint32_t p = anchor(&t, 1) == 1 ? 1 : 2;
    nhtb_sa_id old = install(&t, p, spi[p - 1]);
    cr_assert_eq(nhi_db_sa_cell(t.db, old, true)->worker, 0u, "reserved before the move");
    uint32_t cursor = 0, next;
    nhtb_anchor_info row = {.size = sizeof row};
    bool found = false;
    while (nhi_db_anchor_next(t.db, &cursor, &row)) {
        found |= row.peer.id == p && row.worker == 1 && row.sas == 1 && row.elsewhere == 1;
        row = (nhtb_anchor_info){.size = sizeof row};
    }
    cr_assert(found);
    cr_assert_eq(nhi_db_spi_reserve(t.db, (nhtb_peer_id){p}, &next), 0);
    cr_assert_eq(next & 1u, 1u, "the next one follows the anchor");
    cr_assert_eq(nhi_db_sa_cell(t.db, install(&t, p, next), true)->worker, 1u);
    cr_assert_eq(unit(&t, 0).sas + unit(&t, 1).sas, 2u);
    cr_assert_eq(nhi_db_sa_remove(t.db, old), 0);
    cr_assert_eq(unit(&t, 0).sas, 0u);
    tb_down(&t);
}

Test(db_anchor, peers_of_one_pair_of_gateways_move_together_or_not_at_all)
{
    static tables t;
    nhtb_iface_id i = start(&t, 2);
    nhtb_path pair = {.local = tb_addr("192.0.2.1"), .remote = tb_addr("198.51.100.9")};
    nhi_db_unit_present(t.db, 0, true);
    for (uint32_t p = 1; p <= 3; p++) {
        tb_tunnel(&t, p, 0, i, false);
        nhi_db_peer_gateway(t.db, (nhtb_peer_id){p}, &pair);
        cr_assert_eq(anchor(&t, p), 0u);
    }
    nhi_db_unit_present(t.db, 1, true);
    cr_assert_eq(nhi_db_rebalance(t.db, 9), 0u, "three of three on the other side are no gain");
    cr_assert_eq(join(&t, 4, i, false), 1u);
    nhi_db_unit_weight(t.db, 0, 0); /* is to be stopped: all leave */
    cr_assert_eq(nhi_db_rebalance(t.db, 9), 3u);
    for (uint32_t p = 1; p <= 3; p++)
        cr_assert_eq(anchor(&t, p), 1u);
    cr_assert_eq(unit(&t, 0).gateways, 0u);
    cr_assert_eq(unit(&t, 1).gateways, 4u);
    tb_tunnel(&t, 5, 0, i, false);
    nhi_db_peer_gateway(t.db, (nhtb_peer_id){5}, &pair);
    cr_assert_eq(anchor(&t, 5), 1u, "who comes later finds the pair at its new place");
    tb_down(&t);
}
