/* SPDX-License-Identifier: Apache-2.0
 * Rekeys one after another under traffic both ways: ESP arrives up to 64 packets out of order, 30 %
 * of the IKE datagrams are lost, and no data packet is. Both sides start rekeys in turn. The normal
 * run does 1,000 child and 100 IKE rekeys, NHTB_LONG=1 ten times that, NHTB_QUICK=1 a tenth.
 * RFC 7296 1.3.2, 1.3.3, 2.8. */
#include <stdlib.h>

#include "exchange/rekey_load.h"

/* One packet each way every GAP; a late one waits up to 64 gaps more. Slow packets with a wide spread
 * exercise the window as fast ones with a narrow spread do. */
#define GAP   (4 * SIM_MS)
#define DELAY (DEPTH * GAP / 20)
enum { DEPTH = 64, IKE_LOSS = 300 };

typedef struct load {
    sim_topo t;
    sim_link esp, ike;
    uint32_t tag, checked;
    unsigned rekeys, refused;
    uint64_t lost, doubled;
    uint64_t ike_seen;
} load;

/* Each kind of datagram gets its own link: the dice are thrown after this hook. */
static sim_fate by_kind(void *user, sim_datagram *d)
{
    load *l = user;
    bool esp = d->proto == SIM_ESP;
    l->ike_seen += !esp;
    if (d->from)
        sim_node_link(d->from, esp ? &l->esp : &l->ike);
    return SIM_PASS;
}

static void stream(load *l, nhtb_time d)
{
    sim_topo *t = &l->t;
    nhtb_time end = sim_now(t->s) + d;
    while (sim_now(t->s) < end) {
        sim_send(t->spoke[0], t->spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), l->tag, 64);
        sim_send(t->hub, t->hub_st0, sim_hub_lan(7), sim_lan(0, 9), l->tag, 64);
        l->tag++;
        sim_run_for(t->s, GAP);
    }
}

/* All packets sent so long ago that nothing can hold them any more. */
static void check(load *l, uint32_t young)
{
    uint32_t settled = l->tag > young ? l->tag - young : 0;
    for (; l->checked < settled; l->checked++) {
        unsigned at_hub = sim_got(l->t.hub, l->checked);
        unsigned at_spoke = sim_got(l->t.spoke[0], l->checked);
        if ((!at_hub || !at_spoke) && l->lost < 5)
            fprintf(stderr, "rekey_load: packet %u lost (hub %u, spoke %u) before t=%.3f\n",
                    l->checked, at_hub, at_spoke, (double)sim_now(l->t.s) / 1e9);
        l->lost += (unsigned)!at_hub + (unsigned)!at_spoke;
        l->doubled += (unsigned)(at_hub > 1) + (unsigned)(at_spoke > 1);
    }
}

static bool rekey_once(load *l, nhtb_rekey what, bool hub)
{
    sim_topo *t = &l->t;
    sim_node *n = hub ? t->hub : t->spoke[0];
    nhtb_event_kind k = what == NHTB_REKEY_IKE ? NHTB_EVENT_IKE_REKEYED : NHTB_EVENT_CHILD_REKEYED;
    unsigned a = sim_events(t->hub, k), b = sim_events(t->spoke[0], k);
    int err =
        nhtb_peer_rekey(sim_ctx(n), hub ? t->hub_peer[0] : t->spoke_peer[0], what, sim_now(t->s));
    sim_pump(n);
    nhtb_time end = sim_now(t->s) + 200 * SIM_S;
    while (!err && sim_now(t->s) < end &&
           (sim_events(t->hub, k) == a || sim_events(t->spoke[0], k) == b))
        stream(l, 20 * SIM_MS);
    if (err)
        stream(l, 20 * SIM_MS);
    return !err && sim_now(t->s) < end;
}

void rekey_load_run(uint64_t seed, nhtb_rekey what, unsigned wanted, const nhtb_v1 *v1)
{
    load l = {.esp = {.reorder = 500, .delay = DELAY},
              .ike = {.loss = IKE_LOSS, .delay = 5 * SIM_MS}};
    const char *name = v1 ? "IKEv1 child" : what == NHTB_REKEY_IKE ? "IKE" : "child";
    nhtb_settings st = sim_settings(2);
    st.limits.sas = 64; /* old pairs overlap for 5 s, rekeys follow one another at once */
    sim_topo_opts o = {
        .n = 1, .settings = &st, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY, .v1 = v1}};
    if (v1) { /* a pair whose delete was lost stays to its end */
        o.peer.child_lifetime_s = 300;
        st.limits.sas = 128;
    }
    l.t = xch_up(seed, &o, 5 * SIM_S);
    sim_on_wire(l.t.s, by_kind, &l);
    nhtb_time begin = sim_now(l.t.s);
    for (unsigned tries = 0; l.rekeys < wanted && tries < 4 * wanted; tries++) {
        bool done = rekey_once(&l, what, sim_rand(l.t.s) & 1);
        l.rekeys += done;
        l.refused += !done;
        stream(&l, (nhtb_time)(sim_rand(l.t.s) % 50) * SIM_MS);
        if (v1) /* its old pairs overlap for 30 s and more */
            stream(&l, 2 * SIM_S);
        check(&l, 2 * DEPTH);
    }
    stream(&l, SIM_S);
    sim_run_for(l.t.s, 20 * SIM_S);
    check(&l, 0);
    fprintf(stderr,
            "rekey_load: %u %s rekeys, %u tries refused, %u packets each way, %llu lost, %llu "
            "doubled, %llu IKE datagrams (30 %% lost), %.0f s of virtual time\n",
            l.rekeys, name, l.refused, l.tag, (unsigned long long)l.lost,
            (unsigned long long)l.doubled, (unsigned long long)l.ike_seen,
            (double)(sim_now(l.t.s) - begin) / 1e9);
    if (l.lost)
        xch_show(&l.t);
    sim_check(l.t.s, l.rekeys == wanted);
    sim_check(l.t.s, l.lost == 0 && l.doubled == 0);
    sim_check(l.t.s, sim_events(l.t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    sim_check(l.t.s, sim_events(l.t.spoke[0], NHTB_EVENT_TUNNEL_DOWN) == 0);
    sim_link good = {.delay = 5 * SIM_MS};
    sim_on_wire(l.t.s, NULL, NULL);
    sim_node_link(l.t.hub, &good);
    sim_node_link(l.t.spoke[0], &good);
    sim_run_for(l.t.s,
                (v1 ? 900 : 240) * SIM_S); /* an answer that was lost may still be asked for */
    if (v1) {
        sim_check(l.t.s, sim_stats(l.t.hub).child_sas - 1 < 3);
        sim_check(l.t.s, sim_stats(l.t.spoke[0]).child_sas - 1 < 3);
        xch_end(&l.t);
        return;
    }
    sim_check(l.t.s, sim_stats(l.t.hub).child_sas == 1 && sim_stats(l.t.hub).ike_sas == 1);
    sim_check(l.t.s,
              sim_stats(l.t.spoke[0]).child_sas == 1 && sim_stats(l.t.spoke[0]).ike_sas == 1);
    xch_end(&l.t);
}

unsigned rekey_load_scaled(unsigned normal)
{
    return getenv("NHTB_LONG") ? 10 * normal : getenv("NHTB_QUICK") ? normal / 10 : normal;
}

Test(rekey_load, child_rekeys_lose_no_packet)
{
    rekey_load_run(1, NHTB_REKEY_CHILD, rekey_load_scaled(1000), NULL);
}

Test(rekey_load, ike_rekeys_lose_no_packet)
{
    rekey_load_run(2, NHTB_REKEY_IKE, rekey_load_scaled(100), NULL);
}
