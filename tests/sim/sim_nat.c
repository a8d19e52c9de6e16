/* SPDX-License-Identifier: Apache-2.0
 * NAT boxes: one mapping per (inner address and port, far address and port), inbound only from the
 * far end that was contacted (RFC 4787 "address and port-dependent"). Rebinding makes all mappings
 * dead, so the next outbound datagram gets another public port. */
#include "sim/sim_int.h"

sim_nat *sim_nat_new(sim *s, const char *public_addr)
{
    sim_nat *nat = calloc(1, sizeof *nat);
    if (!nat)
        abort();
    nat->s = s;
    nat->next_port = 20000;
    if (nhtb_addr_parse(public_addr, &nat->pub))
        sim_die(s, "NAT address", NHTB_ERR_ARG);
    sim_map_add(s, &nat->pub, NULL, nat);
    nat->next = s->nats;
    s->nats = nat;
    return nat;
}

void sim_node_nat(sim_node *n, sim_nat *nat)
{
    n->nat = nat;
    /* From outside only the mapping reaches it. */
    sim_map_drop(n->s, &n->addr);
}

void sim_nat_rebind(sim_nat *nat, const char *addr)
{
    for (size_t i = 0; i < nat->n; i++)
        nat->map[i].dead = true;
    nat->next_port = (uint16_t)(nat->next_port + 1000);
    if (!addr)
        return;
    sim_map_drop(nat->s, &nat->pub);
    if (nhtb_addr_parse(addr, &nat->pub))
        sim_die(nat->s, "NAT address", NHTB_ERR_ARG);
    sim_map_add(nat->s, &nat->pub, NULL, nat);
}

static bool same_flow(const sim_mapping *m, const sim_node *n, const sim_datagram *d)
{
    return !m->dead && m->node == n && m->inner_port == d->sport && m->peer_port == d->dport &&
           nhtb_addr_equal(&m->inner, &d->src) && nhtb_addr_equal(&m->peer, &d->dst);
}

bool sim_nat_out(sim_nat *nat, sim_node *n, sim_datagram *d)
{
    if (d->proto != SIM_UDP)
        return false;
    size_t i = 0;
    while (i < nat->n && !same_flow(&nat->map[i], n, d))
        i++;
    if (i == nat->n) {
        if (nat->n == nat->cap) {
            nat->cap = nat->cap ? 2 * nat->cap : 16;
            nat->map = realloc(nat->map, nat->cap * sizeof *nat->map);
            if (!nat->map)
                abort();
        }
        nat->map[nat->n++] = (sim_mapping){.inner = d->src,
                                           .peer = d->dst,
                                           .inner_port = d->sport,
                                           .peer_port = d->dport,
                                           .public_port = nat->next_port++,
                                           .node = n};
    }
    d->src = nat->pub;
    d->sport = nat->map[i].public_port;
    return true;
}

sim_node *sim_nat_in(sim_nat *nat, sim_datagram *d)
{
    for (size_t i = 0; i < nat->n; i++) {
        sim_mapping *m = &nat->map[i];
        if (m->dead || d->proto != SIM_UDP || m->public_port != d->dport ||
            m->peer_port != d->sport || !nhtb_addr_equal(&m->peer, &d->src))
            continue;
        d->dst = m->inner;
        d->dport = m->inner_port;
        return m->node;
    }
    return NULL;
}
