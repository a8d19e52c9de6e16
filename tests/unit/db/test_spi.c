/* SPDX-License-Identifier: Apache-2.0
 * SPI numbers and anchors. */
#include "property/tables.h"

Test(db_spi, numbers_name_their_anchor_and_are_not_small)
{
    static tables t;
    tb_up(&t, 3);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    for (uint32_t p = 1; p <= 6; p++) {
        tb_tunnel(&t, p, 0, i, false);
        uint32_t spi;
        cr_assert_eq(nhi_db_spi_reserve(t.db, (nhtb_peer_id){p}, &spi), 0);
        cr_assert_geq(spi, 0x10000u);
        cr_assert_eq(spi & 3u, nhi_db_anchor(t.db, (nhtb_peer_id){p}));
        cr_assert_eq(spi & 3u, (p - 1) % 3, "the least loaded worker");
    }
    tb_down(&t);
}

Test(db_spi, a_slot_is_reused_last_and_with_another_generation)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    nhtb_peer_id peer = {1};
    uint32_t first, spi;
    cr_assert_eq(nhi_db_spi_reserve(t.db, peer, &first), 0);
    nhi_db_spi_release(t.db, first);
    nhi_db_spi_release(t.db, first); /* a second time is harmless */
    uint32_t slots = t.fib.spi_mask + 1, met = 0;
    for (uint32_t k = 0; k < slots; k++) {
        cr_assert_eq(nhi_db_spi_reserve(t.db, peer, &spi), 0);
        cr_assert_neq(spi, first);
        if ((spi & t.fib.spi_mask) == (first & t.fib.spi_mask)) {
            met++;
            cr_assert_eq(k, slots - 1, "oldest first");
        }
    }
    cr_assert_eq(met, 1u);
    cr_assert_eq(nhi_db_spi_reserve(t.db, peer, &spi), NHTB_ERR_LIMIT);
    tb_down(&t);
}

Test(db_spi, allocation_skips_manual_numbers)
{
    static tables t;
    memset(&t, 0, sizeof t);
    (void)prop_mem_init(&t.pm);
    tb_settings(&t.set, 1);
    t.set.limits.sas = 4;
    cr_assert_eq(tb_start(&t), 0);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    uint32_t spi, slots = t.fib.spi_mask + 1;
    cr_assert_eq(nhi_db_spi_reserve(t.db, (nhtb_peer_id){1}, &spi), 0);
    nhi_db_spi_release(t.db, spi);
    uint8_t keys[2][36];
    nhtb_manual_sa m = tb_manual(&t, i, spi + slots, keys); /* the slot's next generation */
    nhi_db_txn *x = tb_begin(&t);
    nhtb_sa_id id;
    cr_assert_eq(nhi_db_txn_sa(x, &m, &id), 0);
    cr_assert_eq(tb_commit(x), 0);
    for (uint32_t k = 0; k < slots; k++) {
        uint32_t s;
        cr_assert_eq(nhi_db_spi_reserve(t.db, (nhtb_peer_id){1}, &s), 0);
        cr_assert_neq(s, m.spi_in);
        cr_assert_geq(s, 0x10000u);
    }
    tb_down(&t);
}

Test(db_spi, dynamic_peers_go_round_and_the_same_gateways_share_a_worker)
{
    static tables t;
    tb_up(&t, 4);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    for (uint32_t p = 1; p <= 8; p++) {
        tb_tunnel(&t, p, 0, i, true);
        cr_assert_eq(nhi_db_anchor(t.db, (nhtb_peer_id){p}), (p - 1) % 4);
    }
    nhtb_path same = {.local = tb_addr("192.0.2.1"), .remote = tb_addr("198.51.100.9")};
    uint32_t spi;
    for (uint32_t p = 11; p <= 14; p++) {
        tb_tunnel(&t, p, 0, i, false);
        nhi_db_peer_gateway(t.db, (nhtb_peer_id){p}, &same);
        cr_assert_eq(nhi_db_spi_reserve(t.db, (nhtb_peer_id){p}, &spi), 0);
        cr_assert_eq(spi & 3u, 0u);
    }
    tb_tunnel(&t, 20, 0, i, false);
    cr_assert_eq(nhi_db_anchor(t.db, (nhtb_peer_id){20}), 1u, "another pair: the least loaded");
    cr_assert_eq(nhi_db_anchor(t.db, (nhtb_peer_id){999}), 0u);
    tb_down(&t);
}
