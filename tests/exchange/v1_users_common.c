/* SPDX-License-Identifier: Apache-2.0
 * See v1_users.h. */
#include "exchange/v1_users.h"

#define GROUP "group.example"
#define PSK   "the key of the group"

static nhtb_span text(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

static void hub_v1(vu *w, nhtb_v1 *v, nhtb_v1_user users[VU_MAX])
{
    for (unsigned i = 0; i < w->n; i++) {
        snprintf(w->name[i], VU_TEXT, "user%u", i);
        snprintf(w->password[i], VU_TEXT, "secret of %u", i);
        users[i] = (nhtb_v1_user){.name = text(w->name[i]), .password = text(w->password[i])};
    }
    nhtb_v1_init(v);
    v->mode = NHTB_V1_AGGRESSIVE;
    v->xauth = v->config = NHTB_V1_SERVER;
    v->shared = true;
    v->users = users;
    v->n_users = (uint16_t)w->n;
    cr_assert_eq(nhtb_prefix_parse("10.0.8.0/24", &v->pool), 0);
}

void vu_open(vu *w, uint64_t seed, unsigned n)
{
    nhtb_v1 v;
    nhtb_v1_user users[VU_MAX];
    memset(w, 0, sizeof *w);
    cr_assert_leq(n, VU_MAX);
    w->s = sim_new(seed);
    w->n = n;
    sim_node_opts o = {.name = "hub", .addr = "192.0.2.1", .settings = sim_settings(n)};
    w->hub = sim_node_new(w->s, &o);
    cr_assert(w->hub);
    w->st0 = sim_iface(w->hub, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/16");
    sim_local(w->hub, "192.168.0.0/24");
    hub_v1(w, &v, users);
    const sim_peer_opts p = {.name = "group",
                             .local_id = "hub.example",
                             .remote_id = GROUP,
                             .psk = PSK,
                             .iface = w->st0,
                             .establish = NHTB_ESTABLISH_RESPONDER_ONLY,
                             .v1 = &v};
    cr_assert_eq(sim_peer(w->hub, &p, &w->entry), 0);
}

vu_user vu_user_new(vu *w, const vu_login *l)
{
    char outer[VU_TEXT], name[VU_TEXT];
    vu_user u = {.addr = ""};
    nhtb_v1 v;
    snprintf(outer, sizeof outer, "198.18.1.%u", l->at + 1);
    snprintf(name, sizeof name, "host%u", l->at);
    sim_node_opts o = {.name = name, .addr = outer, .settings = sim_settings(2)};
    u.n = sim_node_new(w->s, &o);
    cr_assert(u.n);
    u.st0 = sim_iface(u.n, "st0.0", NHTB_IFACE_POINT_TO_POINT, NULL);
    sim_route(u.n, u.st0, "192.168.0.0/24", NULL);
    sim_route(u.n, u.st0, "10.0.0.0/16", NULL);
    nhtb_v1_init(&v);
    v.mode = NHTB_V1_AGGRESSIVE;
    v.xauth = v.config = NHTB_V1_CLIENT;
    v.user = text(l->name);
    v.password = text(l->password);
    const sim_peer_opts p = {.name = "hub",
                             .remote = "192.0.2.1",
                             .local_id = GROUP,
                             .remote_id = "hub.example",
                             .psk = l->psk ? l->psk : PSK,
                             .iface = u.st0,
                             .establish = NHTB_ESTABLISH_ON_TRAFFIC,
                             .v1 = &v};
    cr_assert_eq(sim_peer(u.n, &p, &u.peer), 0);
    cr_assert_eq(nhtb_peer_initiate(sim_ctx(u.n), u.peer, sim_now(w->s)), 0);
    sim_pump(u.n);
    return u;
}

void vu_take_address(vu *w, vu_user *u)
{
    const nhtb_event *e = sim_event(u->n, NHTB_EVENT_ADDRESS_RECEIVED);
    nhtb_iface st0;
    nhtb_txn *t;
    if (!e)
        return;
    cr_assert_eq(e->iface.id, u->st0.id);
    snprintf(u->addr, sizeof u->addr, "%u.%u.%u.%u", e->addr.b[0], e->addr.b[1], e->addr.b[2],
             e->addr.b[3]);
    nhtb_iface_init(&st0);
    st0.name = "st0.0";
    st0.kind = NHTB_IFACE_POINT_TO_POINT;
    st0.addr4 = (nhtb_prefix){.addr = e->addr, .len = 32};
    cr_assert_eq(nhtb_txn_begin(sim_ctx(u->n), &t), 0);
    cr_assert_eq(nhtb_txn_iface(t, &st0, &u->st0), 0);
    cr_assert_eq(nhtb_txn_commit(t, sim_now(w->s)), 0);
    sim_local(u->n, u->addr);
}

void vu_all_up(vu *w)
{
    for (unsigned i = 0; i < w->n; i++)
        w->u[i] = vu_user_new(w, &(vu_login){i, w->name[i], w->password[i], NULL});
    sim_run_for(w->s, 10 * SIM_S);
    sim_check(w->s, sim_tunnels_up(w->hub) == w->n);
    for (unsigned i = 0; i < w->n; i++) {
        vu_take_address(w, &w->u[i]);
        sim_check(w->s, w->u[i].addr[0] && sim_tunnels_up(w->u[i].n) == 1);
    }
}

bool vu_binding(vu *w, const char *addr, nhtb_binding_info *row)
{
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(addr, &a), 0);
    uint32_t cursor = 0;
    for (row->size = sizeof *row; nhtb_binding_next(sim_ctx(w->hub), &cursor, row);
         row->size = sizeof *row)
        if (!memcmp(&row->next_hop, &a, sizeof a))
            return true;
    return false;
}

bool vu_peer(vu *w, const char *name, nhtb_peer_info *row)
{
    uint32_t cursor = 0;
    for (row->size = sizeof *row; nhtb_peer_next(sim_ctx(w->hub), &cursor, row);
         row->size = sizeof *row)
        if (!strcmp(row->name, name))
            return true;
    return false;
}

unsigned vu_peers(vu *w)
{
    nhtb_peer_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    unsigned n = 0;
    for (; nhtb_peer_next(sim_ctx(w->hub), &cursor, &row); row.size = sizeof row)
        n++;
    return n;
}

void vu_ping_all(vu *w, uint32_t tag)
{
    for (unsigned i = 0; i < w->n; i++) {
        sim_send(w->u[i].n, w->u[i].st0, w->u[i].addr, sim_hub_lan(7), tag + 2 * i, 100);
        sim_send(w->hub, w->st0, sim_hub_lan(7), w->u[i].addr, tag + 2 * i + 1, 100);
    }
    sim_run_for(w->s, 200 * SIM_MS);
    for (unsigned i = 0; i < w->n; i++) {
        sim_check(w->s, sim_got(w->hub, tag + 2 * i) == 1);
        sim_check(w->s, sim_got(w->u[i].n, tag + 2 * i + 1) == 1);
    }
}

void vu_end(vu *w)
{
    cr_assert_eq(sim_del(w->s), 0, "allocations leaked or freed with a wrong size");
}
