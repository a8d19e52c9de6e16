/* SPDX-License-Identifier: Apache-2.0
 * Manual SAs: two nodes with static keys, bound by static entries, no IKE. Keys are never used
 * twice. RFC 4301 4.5.1, RFC 4303 3.3.3. */
#include "exchange/common.h"

typedef struct manual {
    sim *s;
    sim_node *n[2];
    nhtb_iface_id st0[2];
    nhtb_sa_id sa[2];
} manual;

static int add(manual *m, int i, const uint8_t *keys, nhtb_sa_id *id)
{
    nhtb_txn *t;
    nhtb_binding b = {.size = sizeof b, .iface = m->st0[i]};
    nhtb_manual_sa sa = {.size = sizeof sa,
                         .name = "static",
                         .iface = m->st0[i],
                         .spi_in = i ? 3000 : 2000,
                         .spi_out = i ? 2000 : 3000,
                         .encr = 20,
                         .key_bits = 128,
                         .key_in = {keys + (i ? 20 : 0), 20},
                         .key_out = {keys + (i ? 0 : 20), 20}};
    sa.path.local = *sim_addr(m->n[i]);
    sa.path.remote = *sim_addr(m->n[!i]);
    int err = nhtb_txn_begin(sim_ctx(m->n[i]), &t);
    if (!err)
        err = nhtb_txn_sa(t, &sa, id);
    nhtb_addr_parse(i ? "10.0.0.1" : "10.0.0.2", &b.next_hop);
    b.sa = *id;
    if (!err)
        err = nhtb_txn_binding(t, &b);
    if (err) {
        nhtb_txn_abort(t);
        return err;
    }
    return nhtb_txn_commit(t, sim_now(m->s));
}

static manual pair(const uint8_t *keys)
{
    static const char *const addr[] = {"192.0.2.1", "192.0.2.2"};
    static const char *const name[] = {"a", "b"};
    manual m = {.s = sim_new(1)};
    for (int i = 0; i < 2; i++) {
        sim_node_opts o = {.name = name[i], .addr = addr[i]};
        m.n[i] = sim_node_new(m.s, &o);
        m.st0[i] =
            sim_iface(m.n[i], "st0.0", NHTB_IFACE_MULTIPOINT, i ? "10.0.0.2/24" : "10.0.0.1/24");
        sim_route(m.n[i], m.st0[i], i ? "192.168.1.0/24" : "192.168.2.0/24",
                  i ? "10.0.0.1" : "10.0.0.2");
        sim_local(m.n[i], i ? "192.168.2.0/24" : "192.168.1.0/24");
    }
    for (int i = 0; i < 2; i++)
        sim_check(m.s, add(&m, i, keys, &m.sa[i]) == 0);
    return m;
}

Test(manual, traffic_both_ways_without_ike)
{
    uint8_t keys[40];
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (uint8_t)(i * 7);
    manual m = pair(keys);
    for (uint32_t i = 0; i < 100; i++) {
        sim_send(m.n[0], m.st0[0], "192.168.1.5", "192.168.2.5", i, 80 + i);
        sim_send(m.n[1], m.st0[1], "192.168.2.5", "192.168.1.5", i, 80 + i);
    }
    sim_run_for(m.s, SIM_S);
    for (uint32_t i = 0; i < 100; i++)
        sim_check(m.s, sim_got(m.n[0], i) == 1 && sim_got(m.n[1], i) == 1);
    sim_check(m.s, sim_tunnels_up(m.n[0]) == 1);
    cr_assert_eq(sim_del(m.s), 0);
}

Test(manual, keys_that_were_used_are_refused_even_after_removal)
{
    uint8_t keys[40];
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (uint8_t)(i * 11);
    manual m = pair(keys);
    nhtb_txn *t;
    nhtb_sa_id again;
    int err = add(&m, 0, keys, &again);
    sim_check(m.s, err == NHTB_ERR_CONFLICT || err == NHTB_ERR_EXISTS);
    sim_check(m.s, nhtb_txn_begin(sim_ctx(m.n[0]), &t) == 0);
    sim_check(m.s, nhtb_txn_sa_del(t, m.sa[0]) == 0);
    sim_check(m.s, nhtb_txn_commit(t, sim_now(m.s)) == 0);
    sim_run_for(m.s, SIM_S);
    sim_check(m.s, sim_tunnels_up(m.n[0]) == 0);
    sim_check(m.s, add(&m, 0, keys, &again) == NHTB_ERR_CONFLICT);
    cr_assert_eq(sim_del(m.s), 0);
}
