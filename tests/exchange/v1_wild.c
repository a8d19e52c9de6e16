/* SPDX-License-Identifier: Apache-2.0
 * Fifty spokes by one wildcard entry of IKEv1: by certificates in main mode, and by derived keys in
 * aggressive mode. Each reaches each other; a spoke that announces another's next hop is refused; both
 * phases rekey. As autovpn.c for IKEv2. */
#include <nhtb/psk.h>
#include <stdlib.h>
#include <time.h>

#include "exchange/common.h"

enum { N = 50, TEXT = 40 };

static const char hub_name[] = "hub.example", pattern[] = "*.spokes.example";
static const uint8_t seed[32] = "a seed of thirty-two test bytes";

/** How both sides of a way prove themselves. */
typedef struct way {
    const char *name, *crypto;
    nhtb_v1_mode mode;
    /** Sets psk, seed or pki of an entry whose names are set; what it points at lives until the next. */
    void (*prove)(nhtb_peer *p, const char *own, bool hub);
} way;

typedef struct wild {
    const way *w;
    sim *s;
    sim_node *hub, *spoke[N + 1];
    nhtb_iface_id hub_st0, st0[N + 1];
    nhtb_peer_id entry, peer[N + 1];
} wild;
static wild g;

static nhtb_span text(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

static nhtb_identity fqdn(const char *s)
{
    return (nhtb_identity){NHTB_ID_FQDN, text(s)};
}

static void derived(nhtb_peer *p, const char *own, bool hub)
{
    static uint8_t psk[NHTB_PSK_LEN];
    const nhtb_span all = {seed, sizeof seed};
    const nhtb_identity h = fqdn(hub_name), spoke = fqdn(own);
    nhtb_crypto c;
    if (hub) {
        p->seed = all;
        return;
    }
    cr_assert(sim_crypto(NULL, &c));
    cr_assert_eq(nhtb_psk_derive(&c, all, &h, &spoke, psk), 0);
    p->psk = (nhtb_span){psk, sizeof psk};
}

static const way keys = {"derived keys", NULL, NHTB_V1_AGGRESSIVE, derived};

/* ---- the world ---- */

static nhtb_peer_id add(sim_node *n, nhtb_peer *p, nhtb_iface_id st0, const char *own)
{
    nhtb_v1 v;
    nhtb_v1_init(&v);
    v.mode = (uint8_t)g.w->mode;
    p->v1 = &v;
    p->local_id = fqdn(own);
    g.w->prove(p, own, n == g.hub);
    nhtb_peer_id id;
    cr_assert_eq(sim_peer_vpn(n, p, st0, &id), 0);
    return id;
}

static void open_hub(const way *w, uint64_t number)
{
    memset(&g, 0, sizeof g);
    g.w = w;
    g.s = sim_new(number);
    sim_node_opts o = {
        .name = "hub", .addr = "192.0.2.1", .crypto = w->crypto, .settings = sim_settings(N + 1)};
    g.hub = sim_node_new(g.s, &o);
    cr_assert(g.hub);
    g.hub_st0 = sim_iface(g.hub, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/16");
    sim_local(g.hub, "192.168.0.0/24");
    nhtb_peer p;
    nhtb_peer_init(&p);
    p.name = "spokes";
    p.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    p.remote_id = fqdn(pattern);
    p.wildcard = NHTB_WILDCARD_DOMAIN;
    g.entry = add(g.hub, &p, g.hub_st0, hub_name);
}

/** Spoke i, whose tunnel address is that of spoke addr_of. */
static void open_spoke(unsigned i, unsigned addr_of)
{
    char name[TEXT], own[TEXT];
    snprintf(name, sizeof name, "spoke%u", i);
    snprintf(own, sizeof own, "198.18.0.%u", i + 1);
    sim_node_opts o = {
        .name = name, .addr = own, .crypto = g.w->crypto, .settings = sim_settings(2)};
    sim_node *n = g.spoke[i] = sim_node_new(g.s, &o);
    cr_assert(n);
    snprintf(own, sizeof own, "%s/16", sim_tunnel_addr(addr_of));
    g.st0[i] = sim_iface(n, "st0.0", NHTB_IFACE_MULTIPOINT, own);
    sim_route(n, g.st0[i], "192.168.0.0/24", "10.0.0.1");
    sim_route(n, g.st0[i], "172.16.0.0/12", "10.0.0.1");
    snprintf(own, sizeof own, "%s/24", sim_lan(i, 0));
    sim_local(n, own);
    nhtb_peer p;
    nhtb_peer_init(&p);
    p.name = "hub";
    p.establish = NHTB_ESTABLISH_IMMEDIATELY;
    p.remote_id = fqdn(hub_name);
    cr_assert_eq(nhtb_addr_parse("192.0.2.1", &p.path.remote), 0);
    snprintf(name, sizeof name, "s%u.spokes.example", i);
    g.peer[i] = add(n, &p, g.st0[i], name);
}

static void all_up(const way *w, uint64_t number)
{
    open_hub(w, number);
    uint64_t before = sim_live_bytes(g.hub);
    clock_t begin = clock();
    for (unsigned i = 0; i < N; i++) {
        char lan[TEXT];
        snprintf(lan, sizeof lan, "%s/24", sim_lan(i, 0));
        sim_route(g.hub, g.hub_st0, lan, sim_tunnel_addr(i));
        open_spoke(i, i);
    }
    sim_run_for(g.s, 20 * SIM_S);
    fprintf(stderr,
            "v1 wildcard: %u spokes by %s; both sides %.2f ms CPU and hub %.1f KiB a tunnel\n",
            (unsigned)N, w->name, (double)(clock() - begin) * 1e3 / (double)CLOCKS_PER_SEC / N,
            (double)(sim_live_bytes(g.hub) - before) / 1024.0 / N);
    sim_check(g.s, sim_tunnels_up(g.hub) == N && sim_bindings(g.hub, true) == N);
}

static unsigned instances(void)
{
    nhtb_peer_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    unsigned n = 0;
    for (; nhtb_peer_next(sim_ctx(g.hub), &cursor, &row); row.size = sizeof row)
        n += row.entry.id == g.entry.id;
    return n;
}

/** Every spoke to the one `step` further on. Returns the next tag. */
static uint32_t ring(unsigned step, uint32_t tag)
{
    for (unsigned i = 0; i < N; i++)
        sim_send(g.spoke[i], g.st0[i], sim_lan(i, 1), sim_lan((i + step) % N, 1), tag + i, 120);
    sim_run_for(g.s, 200 * SIM_MS);
    for (unsigned i = 0; i < N; i++)
        sim_check(g.s, sim_got(g.spoke[(i + step) % N], tag + i) == 1);
    return tag + N;
}

/* ---- what must hold, whichever way ---- */

static void every_spoke_reaches_every_other(const way *w)
{
    uint32_t tag = 1;
    all_up(w, 600);
    sim_check(g.s, instances() == N);
    for (unsigned step = 1; step < N; step += getenv("NHTB_QUICK") ? 7 : 1)
        tag = ring(step, tag);
    fprintf(stderr, "v1 wildcard: %u pairs of spokes tried\n", tag - 1);
    cr_assert_eq(sim_del(g.s), 0);
}

static void a_thief_is_refused(const way *w)
{
    nhtb_addr claimed;
    all_up(w, 601);
    cr_assert_eq(nhtb_addr_parse(sim_tunnel_addr(3), &claimed), 0);
    open_spoke(N, 3);
    sim_run_for(g.s, 5 * SIM_S);
    sim_check(g.s, sim_tunnels_up(g.spoke[N]) == 1 && sim_tunnels_up(g.hub) == N + 1);
    sim_check(g.s, sim_events_detail(g.hub, NHTB_EVENT_BINDING_REFUSED, NHTB_DETAIL_OWNED) == 1);
    sim_check(g.s, !memcmp(&sim_event(g.hub, NHTB_EVENT_BINDING_REFUSED)->addr, &claimed,
                           sizeof claimed));
    sim_check(g.s, sim_bindings(g.hub, false) == N);
    uint64_t had = sim_delivered(g.spoke[N]);
    (void)ring(1, 1);
    sim_send(g.hub, g.hub_st0, sim_hub_lan(7), sim_lan(3, 1), 1000, 100);
    sim_run_for(g.s, 200 * SIM_MS);
    sim_check(g.s, sim_got(g.spoke[3], 1000) == 1 && sim_delivered(g.spoke[N]) == had);
    cr_assert_eq(sim_del(g.s), 0);
}

static void rekey(nhtb_rekey what)
{
    for (unsigned i = 0; i < N; i++) {
        sim_check(g.s, !nhtb_peer_rekey(sim_ctx(g.spoke[i]), g.peer[i], what, sim_now(g.s)));
        sim_pump(g.spoke[i]);
    }
    sim_run_for(g.s, 5 * SIM_S);
}

static void rekeys_keep_each_instance(const way *w)
{
    all_up(w, 602);
    rekey(NHTB_REKEY_IKE);
    sim_check(g.s, sim_events(g.hub, NHTB_EVENT_IKE_REKEYED) == N);
    uint32_t tag = ring(1, 1);
    rekey(NHTB_REKEY_CHILD);
    sim_check(g.s, sim_events(g.hub, NHTB_EVENT_CHILD_REKEYED) == N);
    (void)ring(7, tag);
    sim_run_for(g.s, 40 * SIM_S); /* what was replaced has gone */
    sim_check(g.s, instances() == N && sim_bindings(g.hub, true) == N);
    sim_check(g.s, sim_stats(g.hub).ike_sas == N && sim_stats(g.hub).child_sas == N);
    sim_check(g.s, sim_events(g.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    cr_assert_eq(sim_del(g.s), 0);
}

Test(v1_wild, spokes_by_derived_keys_reach_every_other)
{
    every_spoke_reaches_every_other(&keys);
}

Test(v1_wild, with_derived_keys_a_spoke_cannot_take_the_next_hop_of_another)
{
    a_thief_is_refused(&keys);
}

Test(v1_wild, with_derived_keys_rekeys_keep_each_instance)
{
    rekeys_keep_each_instance(&keys);
}

/* ---- certificates ---- */

#if defined(NHTB_HAVE_OPENSSL)
#include "pki/issue.h"

static pki_ca ca;
static pki_pem root;

static void certified(nhtb_peer *p, const char *own, bool hub)
{
    static pki_pem end;
    static nhtb_pki pki;
    (void)hub;
    if (!ca.cert)
        pki_ca_new(&ca, &root);
    pki_issue(&ca, own, &end);
    nhtb_pki_init(&pki);
    pki.chain = text(end.cert);
    pki.key = text(end.key);
    pki.anchors = text(root.cert);
    p->pki = &pki;
}

static void forget(void)
{
    if (ca.cert)
        pki_ca_del(&ca);
}

static const way certs = {"certificates", "openssl", NHTB_V1_MAIN, certified};

Test(v1_wild, spokes_by_certificates_reach_every_other, .fini = forget)
{
    every_spoke_reaches_every_other(&certs);
}

Test(v1_wild, with_certificates_a_spoke_cannot_take_the_next_hop_of_another, .fini = forget)
{
    a_thief_is_refused(&certs);
}

Test(v1_wild, with_certificates_rekeys_keep_each_instance, .fini = forget)
{
    rekeys_keep_each_instance(&certs);
}

/* The name in the certificate decides, not the name a spoke says it has. */
static void of_another(nhtb_peer *p, const char *own, bool hub)
{
    certified(p, hub ? own : "s1.spokes.example", hub);
}

Test(v1_wild, another_ones_certificate_opens_nothing, .fini = forget)
{
    const way lie = {"another's certificate", "openssl", NHTB_V1_MAIN, of_another};
    open_hub(&lie, 603);
    open_spoke(1, 1);
    sim_run_for(g.s, 5 * SIM_S);
    sim_check(g.s, sim_tunnels_up(g.hub) == 1);
    open_spoke(2, 2);
    sim_run_for(g.s, 5 * SIM_S);
    sim_check(g.s, sim_tunnels_up(g.hub) == 1 && instances() == 1);
    sim_check(g.s, sim_events(g.hub, NHTB_EVENT_AUTH_FAILED) >= 1);
    cr_assert_eq(sim_del(g.s), 0);
}
#endif
