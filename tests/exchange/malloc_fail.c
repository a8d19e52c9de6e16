/* SPDX-License-Identifier: Apache-2.0
 * Every allocation of one node fails once, while it is made, configured, establishes, passes traffic
 * and deletes: no crash, no leak, and a second try works. */
#include <stdlib.h>

#include "exchange/common.h"

/* A hub and a spoke by hand; `subject` 0: the hub's allocations fail, 1: the spoke's. */
typedef struct pair {
    sim *s;
    sim_node *n[2];
    nhtb_iface_id st0[2];
    nhtb_peer_id peer[2];
} pair;

static int configure(pair *p, int i)
{
    nhtb_txn *t;
    nhtb_iface st0;
    nhtb_route far = {.size = sizeof far, .kind = NHTB_ROUTE_TUNNEL};
    nhtb_route own = {.size = sizeof own, .kind = NHTB_ROUTE_LOCAL};
    int err = nhtb_txn_begin(sim_ctx(p->n[i]), &t);
    if (err)
        return err;
    nhtb_iface_init(&st0);
    st0.name = "st0.0";
    st0.kind = NHTB_IFACE_MULTIPOINT;
    st0.addr4.len = 24;
    nhtb_addr_parse(i ? "10.0.0.2" : "10.0.0.1", &st0.addr4.addr);
    nhtb_addr_parse(i ? "10.0.0.1" : "10.0.0.2", &far.next_hop);
    nhtb_prefix_parse(i ? "192.168.1.0/24" : "192.168.2.0/24", &far.prefix);
    nhtb_prefix_parse(i ? "192.168.2.0/24" : "192.168.1.0/24", &own.prefix);
    err = nhtb_txn_iface(t, &st0, &p->st0[i]);
    far.iface = p->st0[i];
    sim_peer_opts po = {.name = i ? "hub" : "spoke",
                        .remote = i ? "192.0.2.1" : NULL,
                        .local_id = i ? "spoke" : "hub",
                        .remote_id = i ? "hub" : "spoke",
                        .psk = "key",
                        .iface = p->st0[i],
                        .establish =
                            i ? NHTB_ESTABLISH_IMMEDIATELY : NHTB_ESTABLISH_RESPONDER_ONLY};
    if (!err)
        err = nhtb_txn_route(t, &far);
    if (!err)
        err = nhtb_txn_route(t, &own);
    if (!err)
        err = sim_peer_txn(t, p->n[i], &po, &p->peer[i]);
    if (err) {
        nhtb_txn_abort(t);
        return err;
    }
    err = nhtb_txn_commit(t, sim_now(p->s));
    sim_pump(p->n[i]);
    return err;
}

static bool both_up(void *user)
{
    pair *p = user;
    return sim_tunnels_up(p->n[0]) && sim_tunnels_up(p->n[1]);
}

static bool ping(pair *p, uint32_t tag)
{
    sim_send(p->n[1], p->st0[1], "192.168.2.9", "192.168.1.9", tag, 100);
    sim_send(p->n[0], p->st0[0], "192.168.1.9", "192.168.2.9", tag + 1, 100);
    sim_run_for(p->s, SIM_S);
    return sim_got(p->n[0], tag) && sim_got(p->n[1], tag + 1);
}

/* One life in which allocation `nth` of the subject fails. Returns how many it made. */
static uint64_t life(int subject, uint64_t nth)
{
    static const char *const addr[] = {"192.0.2.1", "192.0.2.2"};
    static const char *const name[] = {"hub", "spoke"};
    pair p = {.s = sim_new(11)};
    for (int i = 0; i < 2; i++) {
        sim_node_opts o = {.name = name[i],
                           .addr = addr[i],
                           .settings = sim_settings(2),
                           .fail_alloc = i == subject ? nth : 0};
        p.n[i] = sim_node_new(p.s, &o);
        if (!p.n[i]) {
            cr_assert_eq(sim_node_error(p.s), NHTB_ERR_MEMORY, "allocation %llu: error %d",
                         (unsigned long long)nth, sim_node_error(p.s));
            o.fail_alloc = 0;
            p.n[i] = sim_node_new(p.s, &o);
        }
        cr_assert(p.n[i] != NULL);
        int err = configure(&p, i);
        if (err) {
            cr_assert_eq(err, NHTB_ERR_MEMORY, "allocation %llu: error %d", (unsigned long long)nth,
                         err);
            cr_assert_eq(configure(&p, i), 0);
        }
    }
    bool up = sim_run_until(p.s, both_up, &p, 300 * SIM_S);
    cr_assert(up, "subject %d: allocation %llu failing once kept the tunnel down", subject,
              (unsigned long long)nth);
    sim_run_for(p.s, SIM_S);
    if (!ping(&p, 1)) { /* a rekey, a binding or a pair may have been given up: it comes back */
        sim_run_for(p.s, 200 * SIM_S);
        cr_assert(ping(&p, 10), "subject %d: allocation %llu failing once stopped traffic", subject,
                  (unsigned long long)nth);
    }
    nhtb_peer_rekey(sim_ctx(p.n[subject]), p.peer[subject], NHTB_REKEY_CHILD, sim_now(p.s));
    sim_pump(p.n[subject]);
    sim_run_for(p.s, 10 * SIM_S);
    nhtb_peer_rekey(sim_ctx(p.n[subject]), p.peer[subject], NHTB_REKEY_IKE, sim_now(p.s));
    sim_pump(p.n[subject]);
    sim_run_for(p.s, 10 * SIM_S);
    if (!ping(&p, 20)) {
        sim_run_for(p.s, 300 * SIM_S);
        cr_assert(ping(&p, 30), "subject %d: allocation %llu failing once broke a rekey", subject,
                  (unsigned long long)nth);
    }
    nhtb_shutdown(sim_ctx(p.n[subject]), sim_now(p.s));
    sim_pump(p.n[subject]);
    sim_run_for(p.s, 10 * SIM_S);
    uint64_t made = sim_allocs(p.n[subject]);
    cr_assert_eq(sim_del(p.s), 0, "subject %d: allocation %llu failing once leaked", subject,
                 (unsigned long long)nth);
    return made;
}

static void every_allocation(int subject)
{
    const char *only = getenv("NHTB_SIM_ALLOC"); /* one number, to look at a failure */
    uint64_t most = only ? strtoull(only, NULL, 0) : life(subject, 0);
    for (uint64_t nth = only ? most : 1; nth <= most; nth++)
        life(subject, nth);
    fprintf(stderr, "malloc_fail: %llu allocations of the %s failed once each\n",
            (unsigned long long)most, subject ? "spoke" : "hub");
}

Test(malloc_fail, every_allocation_of_the_responder_may_fail_once)
{
    every_allocation(0);
}

Test(malloc_fail, every_allocation_of_the_initiator_may_fail_once)
{
    every_allocation(1);
}
