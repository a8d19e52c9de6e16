/* SPDX-License-Identifier: Apache-2.0
 * `nhtbctl show route ADDRESS`: route -> next hop -> binding -> tunnel -> SA of one destination, as one
 * JSON object; nhtbctl draws the arrows. Called by commands.c. Control thread. */
#include <string.h>

#include "show.h"

static const char *end_name(unsigned end)
{
    static const char *const NAMES[] = {"no_route",  "local", "no_binding",
                                        "no_tunnel", "no_sa", "sa"};
    return end < sizeof NAMES / sizeof *NAMES ? NAMES[end] : NULL;
}

static void put_route(json_out *w, gw *g, const nhtb_way *v)
{
    char t[NHTB_ADDR_TEXT + 4];
    if (v->end == NHTB_WAY_NO_ROUTE) {
        json_null(w, "route");
        return;
    }
    json_open(w, "route", '{');
    json_str(w, "prefix", nhtb_prefix_format(&v->prefix, t, sizeof t));
    json_bool(w, "on_link", v->on_link);
    json_str(w, "interface", v->iface_name[0] != 0 ? v->iface_name : NULL);
    show_addr(w, "next_hop", &v->next_hop);
    json_str(w, "kernel", v->on_link ? NULL : routes_kernel_state(g, &v->prefix));
    json_close(w, '}');
}

static void put_tunnel(json_out *w, const nhtb_way *v)
{
    const bool bound = v->end >= NHTB_WAY_NO_SA && v->iface_kind == NHTB_IFACE_MULTIPOINT;
    json_str(w, "binding", bound ? show_source_name(v->source) : NULL);
    if (v->end < NHTB_WAY_NO_SA) {
        json_null(w, "tunnel");
        return;
    }
    json_open(w, "tunnel", '{');
    json_str(w, "peer", v->peer.id != 0 ? v->peer_name : NULL);
    json_str(w, "vpn", v->vpn);
    json_bool(w, "up", v->end == NHTB_WAY_SA);
    json_close(w, '}');
}

static void put_sa(json_out *w, const nhtb_way *v)
{
    if (v->end != NHTB_WAY_SA) {
        json_null(w, "sa");
        return;
    }
    json_open(w, "sa", '{');
    json_hex(w, "spi_out", v->spi_out, 8);
    json_hex(w, "spi_in", v->spi_in, 8);
    show_addr(w, "local_address", &v->path.local);
    show_addr(w, "remote_address", &v->path.remote);
    json_u64(w, "remote_port", v->path.remote_port);
    json_u64(w, "mtu", v->mtu);
    json_close(w, '}');
}

void way_show(gw *g, const nhtb_addr *dst, json_out *w)
{
    nhtb_way v = {.size = sizeof v};
    if (nhtb_way_find(g->ctx, dst, &v) != 0)
        v.end = NHTB_WAY_NO_ROUTE;
    json_open(w, NULL, '{');
    json_bool(w, "ok", true);
    json_bool(w, "end", true);
    show_addr(w, "destination", dst);
    put_route(w, g, &v);
    put_tunnel(w, &v);
    put_sa(w, &v);
    json_str(w, "result", end_name(v.end));
    json_close(w, '}');
}
