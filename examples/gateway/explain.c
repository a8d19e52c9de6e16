/* SPDX-License-Identifier: Apache-2.0
 * `nhtbctl explain PEER`: why a tunnel is not up, as one JSON object; nhtbctl makes sentences of it.
 * Called by commands.c. Control thread. */
#include <string.h>

#include "show.h"

static const char *establish_name(unsigned e)
{
    static const char *const NAMES[] = {"on-traffic", "immediately", "responder-only"};
    return e < 3 ? NAMES[e] : NULL;
}

static const char *some(const char *text)
{
    return text[0] != 0 ? text : NULL;
}

static void put_failure(json_out *w, const gw *g, const nhtb_explain *e, const cfg_gateway *c)
{
    const bool of_vpn = c != NULL && e->child < c->n_vpns;
    if (e->step[0] == 0) {
        json_null(w, "failure");
        return;
    }
    const nhtb_time now = gw_now();
    json_open(w, "failure", '{');
    json_str(w, "vpn", of_vpn ? c->vpns[e->child].name : NULL);
    json_str(w, "step", e->step);
    json_str(w, "role", e->responder ? "responder" : "initiator");
    json_str(w, "check", nhtb_detail_name(e->detail));
    json_str(w, "text", nhtb_detail_text(e->detail));
    json_u64(w, "code", e->code);
    json_u64(w, "at", g->wall_offset_s + e->failed_at / NHTB_NS_PER_S);
    json_u64(w, "ago_s", now > e->failed_at ? (now - e->failed_at) / NHTB_NS_PER_S : 0);
    json_close(w, '}');
}

bool explain_peer(gw *g, const nhtb_peer_info *peer, json_out *w)
{
    const uint32_t index = gw_peer_index(g, peer->id);
    const cfg_gateway *c = index != UINT32_MAX ? &g->state.cfg->gateways[index] : NULL;
    char remote[NHTB_ADDR_TEXT];
    nhtb_explain e = {.size = sizeof e};
    if (nhtb_peer_explain(g->ctx, peer->id, &e) != 0)
        return false;
    json_open(w, NULL, '{');
    json_bool(w, "ok", true);
    json_bool(w, "end", true);
    json_str(w, "peer", e.name);
    show_entry(w, g, peer);
    json_bool(w, "up", e.up);
    json_str(w, "state", some(e.state));
    json_u64(w, "vpns", e.n_children);
    json_u64(w, "vpns_up", e.children_up);
    json_str(w, "establish_tunnels", establish_name(e.establish));
    json_str(w, "remote_address",
             e.path.remote.family != 0 ? nhtb_addr_format(&e.path.remote, remote, sizeof remote)
                                       : NULL);
    put_failure(w, g, &e, c);
    show_left(w, "next_try_in_s", e.next_try);
    json_str(w, "our_proposals", some(e.ours));
    json_str(w, "peer_proposals", some(e.theirs));
    json_str(w, "first_difference", some(e.differs));
    json_close(w, '}');
    return true;
}
