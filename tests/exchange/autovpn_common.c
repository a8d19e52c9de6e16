/* SPDX-License-Identifier: Apache-2.0
 * See autovpn.h. */
#include "exchange/autovpn.h"

static const uint8_t seed[32] = "a seed of thirty-two test bytes";

static nhtb_span text(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

static nhtb_identity fqdn(const char *s)
{
    return (nhtb_identity){NHTB_ID_FQDN, text(s)};
}

av_hub av_hub_new(sim *s, unsigned n, uint32_t limit, uint8_t second)
{
    sim_node_opts o = {.name = "hub", .addr = "192.0.2.1", .settings = sim_settings(n)};
    av_hub h = {.n = sim_node_new(s, &o)};
    cr_assert(h.n);
    h.st0 = sim_iface(h.n, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/16");
    sim_local(h.n, "192.168.0.0/24");
    nhtb_peer p;
    nhtb_peer_init(&p);
    p.name = "spokes";
    p.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    p.local_id = fqdn("hub.example");
    p.remote_id = fqdn("*.spokes.example");
    p.wildcard = NHTB_WILDCARD_DOMAIN;
    p.seed = (nhtb_span){seed, sizeof seed};
    p.connection_limit = limit;
    p.second_session = second;
    cr_assert_eq(sim_peer_vpn(h.n, &p, h.st0, &h.entry), 0);
    return h;
}

av_spoke av_spoke_new(sim *s, unsigned i, const char *id, const char *key_of, const char *addr)
{
    char outer[32], name[32], own[48];
    uint8_t psk[NHTB_PSK_LEN];
    nhtb_crypto c;
    snprintf(outer, sizeof outer, "198.18.%u.%u", (i + 1) >> 8, (i + 1) & 255);
    snprintf(name, sizeof name, "spoke%u", i);
    snprintf(own, sizeof own, "%s/16", addr);
    sim_node_opts o = {.name = name, .addr = outer, .settings = sim_settings(2)};
    av_spoke sp = {.n = sim_node_new(s, &o)};
    cr_assert(sp.n && sim_crypto(NULL, &c));
    sp.st0 = sim_iface(sp.n, "st0.0", NHTB_IFACE_MULTIPOINT, own);
    sim_route(sp.n, sp.st0, "192.168.0.0/24", "10.0.0.1");
    sim_route(sp.n, sp.st0, "172.16.0.0/12", "10.0.0.1");
    snprintf(own, sizeof own, "172.%u.%u.0/24", 16 + (i >> 8), i & 255);
    sim_local(sp.n, own);
    nhtb_identity hub = fqdn("hub.example"), whose = fqdn(key_of);
    cr_assert_eq(nhtb_psk_derive(&c, (nhtb_span){seed, sizeof seed}, &hub, &whose, psk), 0);
    nhtb_peer p;
    nhtb_peer_init(&p);
    p.name = "hub";
    p.establish = NHTB_ESTABLISH_IMMEDIATELY;
    p.local_id = fqdn(id);
    p.remote_id = hub;
    p.psk = (nhtb_span){psk, sizeof psk};
    cr_assert_eq(nhtb_addr_parse("192.0.2.1", &p.path.remote), 0);
    cr_assert_eq(sim_peer_vpn(sp.n, &p, sp.st0, &sp.peer), 0);
    return sp;
}

static unsigned rows(sim_node *n, nhtb_peer_id *last)
{
    nhtb_peer_info row;
    uint32_t cursor = 0;
    unsigned count = 0;
    for (row.size = sizeof row; nhtb_peer_next(sim_ctx(n), &cursor, &row); row.size = sizeof row) {
        count++;
        if (strcmp(row.name, "spokes"))
            *last = row.id;
    }
    return count;
}

unsigned av_peers(sim_node *n)
{
    nhtb_peer_id last;
    return rows(n, &last);
}

nhtb_peer_id av_instance(sim_node *hub)
{
    nhtb_peer_id last = {0};
    (void)rows(hub, &last);
    return last;
}
