/* SPDX-License-Identifier: Apache-2.0
 * JSON rows of the tables: see show.h. Names of members are stable. Never key material: the rows
 * come from the library's snapshots, which hold none. Called by ctl_server.c. Control thread. */
#include "show.h"

#include <string.h>

#include "jobs.h"
#include "port500.h"

/* ---- parts ---- */

void show_addr(json_out *w, const char *key, const nhtb_addr *a)
{
    char t[NHTB_ADDR_TEXT];
    json_str(w, key, a->family != 0 ? nhtb_addr_format(a, t, sizeof t) : NULL);
}

static void put_prefix(json_out *w, const char *key, const nhtb_prefix *p)
{
    char t[NHTB_ADDR_TEXT + 4];
    json_str(w, key, p->addr.family != 0 ? nhtb_prefix_format(p, t, sizeof t) : NULL);
}

static void put_path(json_out *w, const nhtb_path *p)
{
    show_addr(w, "local_address", &p->local);
    json_u64(w, "local_port", p->local_port);
    show_addr(w, "remote_address", &p->remote);
    json_u64(w, "remote_port", p->remote_port);
}

static void put_identity(json_out *w, const char *key, uint8_t type, const uint8_t *data, size_t n)
{
    nhtb_addr a = {.family = type == NHTB_ID_IPV4 ? 4 : 6};
    if (type == NHTB_ID_NONE) {
        json_null(w, key);
        return;
    }
    if ((type == NHTB_ID_IPV4 && n == 4) || (type == NHTB_ID_IPV6 && n == 16)) {
        memcpy(a.b, data, n);
        show_addr(w, key, &a);
        return;
    }
    char name[1024];
    if (type == NHTB_ID_DER_DN) {
        (void)nhtb_dn_format((nhtb_span){data, n}, name, sizeof name);
        json_str(w, key, name);
        return;
    }
    json_bytes(w, key, data, n);
}

void show_left(json_out *w, const char *key, nhtb_time at)
{
    const nhtb_time now = gw_now();
    if (at == NHTB_NEVER || at == 0)
        json_null(w, key);
    else
        json_u64(w, key, at > now ? (at - now) / NHTB_NS_PER_S : 0);
}

static void put_wall(json_out *w, const char *key, const gw *g, nhtb_time at)
{
    if (at == NHTB_NEVER || at == 0)
        json_null(w, key);
    else
        json_u64(w, key, g->wall_offset_s + at / NHTB_NS_PER_S);
}

static void put_suite(json_out *w, nhtb_protocol proto, const nhtb_proposal *p)
{
    char t[96];
    nhtb_proposal_format(proto, p, t, sizeof t);
    json_str(w, "algorithm", t);
}

static void put_ts(json_out *w, const char *key, const nhtb_ts *v, uint16_t n)
{
    json_open(w, key, '[');
    for (uint16_t i = 0; i < n && i < 4; i++) {
        json_open(w, NULL, '{');
        show_addr(w, "from", &v[i].lo);
        show_addr(w, "to", &v[i].hi);
        json_u64(w, "protocol", v[i].proto);
        json_u64(w, "port_from", v[i].port_lo);
        json_u64(w, "port_to", v[i].port_hi);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_traffic(json_out *w, uint64_t out_packets, uint64_t out_bytes, uint64_t in_packets,
                        uint64_t in_bytes)
{
    json_u64(w, "out_packets", out_packets);
    json_u64(w, "out_bytes", out_bytes);
    json_u64(w, "in_packets", in_packets);
    json_u64(w, "in_bytes", in_bytes);
}

/* ---- rows ---- */

/* Junos' words. */
static const char *mode_name(const nhtb_ike_sa_info *i)
{
    if (i->version != 1)
        return "IKEv2";
    return i->v1_mode == NHTB_V1_AGGRESSIVE ? "Aggressive" : "Main";
}

static bool row_ike_sa(gw *g, show_place *at, json_out *w)
{
    nhtb_ike_sa_info i = {.size = sizeof i};
    if (!nhtb_ike_sa_next(g->ctx, &at->cursor, &i))
        return false;
    nhtb_proposal p = {.n_encr = 1, .n_prf = 1, .n_ke = 1, .n_integ = i.integ != 0};
    p.encr[0].id = i.encr;
    p.encr[0].key_bits = i.key_bits;
    p.prf[0] = i.prf;
    p.integ[0] = i.integ;
    p.ke[0] = i.ke;
    json_open(w, NULL, '{');
    json_u64(w, "index", i.peer.id);
    json_str(w, "peer", i.peer_name);
    json_str(w, "state", i.state);
    json_bool(w, "up", strcmp(i.state, "ESTABLISHED") == 0);
    json_hex(w, "initiator_cookie", i.spi_i, 16);
    json_hex(w, "responder_cookie", i.spi_r, 16);
    json_str(w, "role", i.initiator ? "initiator" : "responder");
    json_u64(w, "version", i.version);
    json_str(w, "mode", mode_name(&i));
    put_path(w, &i.path);
    json_bool(w, "nat_local", i.nat_local);
    json_bool(w, "nat_remote", i.nat_remote);
    put_identity(w, "remote_identity", i.remote_id_type, i.remote_id, i.remote_id_len);
    if (i.encr != 0)
        put_suite(w, NHTB_PROTO_IKE, &p);
    else
        json_null(w, "algorithm");
    json_bool(w, "libnhtb_peer", i.libnhtb_peer);
    put_wall(w, "established_at", g, i.established);
    show_left(w, "rekey_in_s", i.rekey_at);
    show_left(w, "expires_in_s", i.expires);
    json_u64(w, "children", i.children);
    json_close(w, '}');
    return true;
}

static void put_sa_life(json_out *w, const gw *g, const nhtb_sa_info *i)
{
    json_u64(w, "seq_out", i->seq_out);
    json_u64(w, "seq_in", i->seq_in);
    json_u64(w, "in_drops", i->in_drops);
    put_wall(w, "created_at", g, i->created);
    show_left(w, "rekey_in_s", i->rekey_at);
    show_left(w, "expires_in_s", i->expires);
    put_wall(w, "last_in_at", g, i->last_in);
    put_wall(w, "last_out_at", g, i->last_out);
    put_ts(w, "local_ts", i->local_ts, i->n_local_ts);
    put_ts(w, "remote_ts", i->remote_ts, i->n_remote_ts);
}

static bool row_ipsec_sa(gw *g, show_place *at, json_out *w)
{
    nhtb_sa_info i = {.size = sizeof i};
    if (!nhtb_sa_next(g->ctx, &at->cursor, &i))
        return false;
    nhtb_proposal p = {.n_encr = 1, .n_integ = i.integ != 0, .n_esn = 1};
    p.encr[0].id = i.encr;
    p.encr[0].key_bits = i.key_bits;
    p.integ[0] = i.integ;
    p.esn[0] = i.esn;
    json_open(w, NULL, '{');
    json_u64(w, "id", i.id.id);
    json_str(w, "peer", i.peer.id != 0 ? i.peer_name : NULL);
    json_str(w, "vpn", i.vpn);
    json_str(w, "interface", i.iface_name);
    json_hex(w, "spi_in", i.spi_in, 8);
    json_hex(w, "spi_out", i.spi_out, 8);
    json_bool(w, "current", i.current);
    json_bool(w, "esn", i.esn);
    json_bool(w, "udp_encapsulation", i.udp_encap);
    put_suite(w, NHTB_PROTO_ESP, &p);
    put_path(w, &i.path);
    json_u64(w, "mtu", i.mtu);
    json_u64(w, "replay_window", i.replay_window);
    json_u64(w, "worker", i.worker);
    put_traffic(w, i.out_packets, i.out_bytes, i.in_packets, i.in_bytes);
    put_sa_life(w, g, &i);
    json_close(w, '}');
    return true;
}

const char *show_source_name(unsigned source)
{
    static const char *const NAMES[] = {"static", "assigned", "notify"};
    return source < 3 ? NAMES[source] : NULL;
}

static bool row_binding(gw *g, show_place *at, json_out *w)
{
    nhtb_binding_info i = {.size = sizeof i};
    do {
        if (!nhtb_binding_next(g->ctx, &at->cursor, &i))
            return false;
    } while (at->iface[0] != 0 && strcmp(at->iface, i.iface_name) != 0);
    json_open(w, NULL, '{');
    show_addr(w, "next_hop", &i.next_hop);
    json_str(w, "interface", i.iface_name);
    json_str(w, "vpn", i.vpn);
    json_str(w, "peer", i.peer.id != 0 ? i.peer_name : NULL);
    json_str(w, "flag", i.is_static ? "Static" : "Auto");
    json_bool(w, "up", i.up);
    json_str(w, "source", show_source_name(i.source));
    put_identity(w, "ike_id", i.remote_id_type, i.remote_id, i.remote_id_len);
    json_str(w, "xauth_user", i.user[0] != 0 ? i.user : NULL);
    json_close(w, '}');
    return true;
}

static bool row_owner(gw *g, show_place *at, json_out *w)
{
    nhtb_owner o = {.size = sizeof o};
    if (!nhtb_owner_next(g->ctx, &at->cursor, &o))
        return false;
    json_open(w, NULL, '{');
    show_addr(w, "next_hop", &o.next_hop);
    json_str(w, "interface", gw_iface_name(g, o.iface));
    put_identity(w, "owner", o.id_type, o.id, o.id_n);
    json_bool(w, "configured", o.fixed);
    json_close(w, '}');
    return true;
}

static bool row_route(gw *g, show_place *at, json_out *w)
{
    nhtb_route_info i = {.size = sizeof i};
    if (!nhtb_route_next(g->ctx, &at->cursor, &i))
        return false;
    const bool local = i.route.kind == NHTB_ROUTE_LOCAL;
    json_open(w, NULL, '{');
    put_prefix(w, "prefix", &i.route.prefix);
    json_str(w, "kind", local ? "local" : "tunnel");
    json_str(w, "interface", local ? NULL : i.iface_name);
    show_addr(w, "next_hop", &i.route.next_hop);
    json_bool(w, "reachable", i.reachable);
    json_str(w, "kernel", routes_kernel_state(g, &i.route.prefix));
    json_close(w, '}');
    return true;
}

static void put_offload(json_out *w, const char *key, uint32_t bits, const char *(*name)(unsigned))
{
    json_open(w, key, '[');
    for (unsigned i = 0; name(i) != NULL; i++)
        if ((bits >> i & 1) != 0)
            json_str(w, NULL, name(i));
    json_close(w, ']');
}

/* The sockets serve every interface alike. */
static void put_sockets(json_out *w, const gw *g)
{
    static const char *const NAMES[GW_SOCKS] = {"udp4", "udp6", "esp4", "esp6"};
    json_open(w, "sockets", '{');
    for (unsigned i = 0; i < GW_SOCKS; i++)
        if (g->crew.sock[0][i].fd >= 0)
            put_offload(w, NAMES[i], g->crew.sock[0][i].offload, sock_offload_name);
    json_close(w, '}');
}

static bool row_iface(gw *g, show_place *at, json_out *w)
{
    nhtb_iface_info i = {.size = sizeof i};
    if (!nhtb_iface_next(g->ctx, &at->cursor, &i))
        return false;
    const gw_tun *tun = NULL;
    for (uint32_t k = 0; k < g->state.cfg->n_ifaces; k++)
        if (g->state.ifaces[k].id.id == i.id.id)
            tun = &g->state.ifaces[k].tun;
    json_open(w, NULL, '{');
    json_str(w, "name", i.name);
    json_str(w, "kind", i.kind == NHTB_IFACE_MULTIPOINT ? "multipoint" : "point-to-point");
    json_bool(w, "up", i.up);
    json_bool(w, "carrier", tun != NULL && tun->carrier);
    put_prefix(w, "address4", &i.addr4);
    put_prefix(w, "address6", &i.addr6);
    json_u64(w, "mtu", i.mtu);
    if (i.tcp_mss <= NHTB_MSS_AUTO)
        json_str(w, "tcp_mss", i.tcp_mss == NHTB_MSS_AUTO ? "auto" : "off");
    else
        json_u64(w, "tcp_mss", i.tcp_mss);
    json_u64(w, "multicast_max", i.multicast_max);
    json_u64(w, "tunnels", i.tunnels);
    json_u64(w, "tunnels_up", i.tunnels_up);
    put_traffic(w, i.out_packets, i.out_bytes, i.in_packets, i.in_bytes);
    put_offload(w, "offload", tun != NULL ? tun->offload : 0, tun_offload_name);
    put_sockets(w, g);
    json_close(w, '}');
    return true;
}

void show_entry(json_out *w, const gw *g, const nhtb_peer_info *i)
{
    const bool entry = i->wildcard != NHTB_WILDCARD_NONE || i->shared;
    json_str(w, "entry", i->entry.id != 0 ? gw_peer_name(g, i->entry) : NULL);
    if (entry)
        json_u64(w, "connections", i->instances);
    else
        json_null(w, "connections");
    if (entry && i->connection_limit != 0)
        json_u64(w, "connection_limit", i->connection_limit);
    else
        json_null(w, "connection_limit");
}

static bool row_peer(gw *g, show_place *at, json_out *w)
{
    nhtb_peer_info i = {.size = sizeof i};
    if (!nhtb_peer_next(g->ctx, &at->cursor, &i))
        return false;
    json_open(w, NULL, '{');
    json_str(w, "name", i.name);
    show_entry(w, g, &i);
    json_bool(w, "up", i.up);
    put_path(w, &i.path);
    json_u64(w, "vpns", i.n_children);
    json_u64(w, "vpns_up", i.children_up);
    json_str(w, "last_error", i.last_detail != 0 ? nhtb_detail_name(i.last_detail) : NULL);
    json_str(w, "last_error_text", i.last_detail != 0 ? nhtb_detail_text(i.last_detail) : NULL);
    json_u64(w, "last_code", i.last_code);
    show_left(w, "next_try_in_s", i.next_try);
    put_traffic(w, i.out_packets, i.out_bytes, i.in_packets, i.in_bytes);
    json_close(w, '}');
    return true;
}

static void put_reasons(json_out *w, const nhtb_stats *s)
{
    json_open(w, "reasons", '{');
    for (unsigned r = 1; r < NHTB_REASON_END; r++)
        json_u64(w, nhtb_reason_name(r), s->reasons[r]);
    json_close(w, '}');
    json_open(w, "ike", '{');
#define X(n) json_u64(w, #n, s->ike_##n);
    NHTB_IKE_COUNTERS(X)
#undef X
    json_close(w, '}');
}

static void put_host(json_out *w, const gw *g)
{
    const char *text, *name;
    const port500_stats *k = port500_get_stats(g->port500);
    json_open(w, "host", '{');
    for (unsigned i = 0; (name = worker_stat_name(i, &text)) != NULL; i++)
        json_u64(w, name, crew_stat(&g->crew, i));
    json_u64(w, "port500_received", k->received);
    json_u64(w, "port500_sent", k->sent);
    json_u64(w, "port500_truncated", k->truncated);
    json_u64(w, "port500_receive_errors", k->receive_errors);
    json_u64(w, "port500_send_errors", k->send_errors);
    for (unsigned i = 0; (name = cpu_name(i)) != NULL; i++)
        json_u64(w, name, g->cpu.longest_ns[i] / 1000);
    json_u64(w, "jobs_done", jobs_done(g->jobs));
    json_u64(w, "reloads", g->reloads);
    json_u64(w, "reloads_failed", g->reloads_failed);
    json_u64(w, "route_errors", g->route_errors);
    json_close(w, '}');
}

static bool row_statistics(gw *g, show_place *at, json_out *w)
{
    nhtb_stats s = {.size = sizeof s};
    if (at->cursor++ != 0 || nhtb_stats_get(g->ctx, &s) != 0)
        return false;
    json_open(w, NULL, '{');
    put_traffic(w, s.out_packets, s.out_bytes, s.in_packets, s.in_bytes);
    json_u64(w, "transit_packets", s.transit_packets);
    json_u64(w, "multicast_copies", s.multicast_copies);
    json_u64(w, "icmp_sent", s.icmp_sent);
    json_u64(w, "nd_answered", s.nd_answered);
    json_u64(w, "mss_clamped", s.mss_clamped);
    json_u64(w, "handoffs", s.handoffs);
    json_u64(w, "allocations_failed", s.allocations_failed);
    json_u64(w, "asserts_failed", s.asserts_failed);
    json_u64(w, "ike_sas", s.ike_sas);
    json_u64(w, "half_open", s.half_open);
    json_u64(w, "child_sas", s.child_sas);
    json_u64(w, "tunnels_up", s.tunnels_up);
    json_u64(w, "bindings", s.bindings);
    json_u64(w, "routes", s.routes);
    json_u64(w, "interfaces", s.ifaces);
    json_u64(w, "peers", s.peers);
    json_u64(w, "held", s.held);
    json_u64(w, "memory_bytes", s.memory_bytes);
    put_reasons(w, &s);
    put_host(w, g);
    json_close(w, '}');
    return true;
}

static void put_limits(json_out *w, const nhtb_settings *s)
{
    const nhtb_limits *l = &s->limits;
    json_u64(w, "half_open_limit", l->half_open);
    json_u64(w, "half_open_per_source", l->half_open_per_source);
    json_u64(w, "half_open_timeout_s", s->half_open_timeout_s);
    json_u64(w, "cookie_threshold", s->cookie_threshold);
    json_u64(w, "jobs_limit", l->jobs);
    json_u64(w, "ike_message_bytes", l->ike_message);
    json_u64(w, "fragment_size", s->fragment_size);
    json_u64(w, "peers_limit", l->peers);
    json_u64(w, "tunnels_limit", l->tunnels);
    json_u64(w, "sas_limit", l->sas);
    json_u64(w, "bindings_limit", l->bindings);
    json_u64(w, "held_limit", l->held);
    json_u64(w, "hold_ms", s->hold_ms);
    json_u64(w, "retransmit_ms", s->retransmit_ms);
    json_u64(w, "retransmit_cap_ms", s->retransmit_cap_ms);
    json_u64(w, "retransmit_total_s", s->retransmit_total_s);
    json_u64(w, "nat_keepalive_s", s->nat_keepalive_s);
    json_u64(w, "overlap_s", s->overlap_s);
    json_u64(w, "replay_window", s->replay_window);
}

/* What protects against floods, and how much of it is used. */
static bool row_security(gw *g, show_place *at, json_out *w)
{
    nhtb_stats s = {.size = sizeof s};
    if (at->cursor++ != 0 || nhtb_stats_get(g->ctx, &s) != 0)
        return false;
    json_open(w, NULL, '{');
    put_limits(w, &g->settings);
    json_u64(w, "half_open", s.half_open);
    json_bool(w, "cookies_demanded", s.half_open >= g->settings.cookie_threshold);
    json_u64(w, "cookies_sent", s.ike_cookies_sent);
    json_u64(w, "cookies_received", s.ike_cookies_received);
    json_u64(w, "auth_failed", s.ike_auth_failed);
    json_u64(w, "ike_sas", s.ike_sas);
    json_u64(w, "peers", s.peers);
    json_u64(w, "tunnels_up", s.tunnels_up);
    json_u64(w, "child_sas", s.child_sas);
    json_u64(w, "bindings", s.bindings);
    json_u64(w, "held", s.held);
    json_u64(w, "memory_bytes", s.memory_bytes);
    json_bool(w, "keylog", g->keylog != NULL);
    put_reasons(w, &s);
    json_close(w, '}');
    return true;
}

show_row show_find(const char *table)
{
    static const struct {
        const char *name;
        show_row row;
    } TABLES[] = {
        {"ike sa", row_ike_sa},
        {"ipsec sa", row_ipsec_sa},
        {"ipsec next-hop-tunnels", row_binding},
        {"route", row_route},
        {"interfaces", row_iface},
        {"statistics", row_statistics},
        {"peers", row_peer},
        {"security", row_security},
        {"ipsec next-hop-owners", row_owner},
        {"security pki", show_row_pki},
        {"tunnel-map", show_row_map},
        {"tunnel-distribution", show_row_distribution},
    };
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++)
        if (strcmp(TABLES[i].name, table) == 0)
            return TABLES[i].row;
    return NULL;
}
