/* SPDX-License-Identifier: Apache-2.0
 * Neighbour solicitations out of a tunnel: who is answered, by which tunnel, and who is not. */
#include "rig.h"
#include "wire/nd.h"

typedef struct net {
    rig hub, s[2];
    nhi_iface_pub *ih, *is[2];
    nhi_path *ph[2], *ps[2];
} net;

static const char *const OWN = "fd00:ff::1";
static const char *const TUN[2] = {"fd00:ff::11", "fd00:ff::12"};

static void net_open(net *t, uint8_t kind, nhtb_emit emit)
{
    rig_open(&t->hub, NULL, emit, false);
    t->ih = rig_iface(&t->hub, 1, kind, "10.255.0.1", OWN);
    for (size_t i = 0; i < 2; i++) {
        rig_open(&t->s[i], NULL, emit, false);
        t->is[i] = rig_iface(&t->s[i], 1, NHTB_IFACE_POINT_TO_POINT, NULL, TUN[i]);
        t->ph[i] =
            rig_tunnel(&t->hub, t->ih, "192.0.2.1", i ? "192.0.2.12" : "192.0.2.11", 4500, 1500);
        t->ps[i] = rig_tunnel(&t->s[i], t->is[i], i ? "192.0.2.12" : "192.0.2.11", "192.0.2.1",
                              4500, 1500);
        (void)rig_bind(&t->hub, t->ih, t->ph[i], TUN[i]);
        rig_route(&t->s[i], "::/0", rig_slot(&t->s[i], t->is[i], t->ps[i]));
        rig_pair(&t->s[i], t->ps[i], &t->hub, t->ph[i], 0x10000 + (uint32_t)i * 16, &GCM);
    }
}

static void net_close(net *t)
{
    rig_close(&t->hub);
    rig_close(&t->s[0]);
    rig_close(&t->s[1]);
}

static nhtb_pkt *solicit(const char *src, const char *target)
{
    nhtb_addr t = addr(target), d = addr("ff02::1:ff00:0"), s = addr(src);
    memcpy(d.b + 13, t.b + 13, 3);
    nhtb_pkt *p =
        inner(&(inner_spec){.src = "fd00::1", .dst = "fd00::2", .proto = 58, .payload = 16}, 1);
    uint8_t *ip = p->buf + p->off;
    cr_assert_eq(p->len, 64);
    nhi_ip6_write(ip, &s, &d, NHI_IPPROTO_ICMP6, 0, 255, 0, 64);
    memset(ip + 40, 0, 24);
    ip[40] = 135;
    memcpy(ip + 48, t.b, 16);
    uint64_t sum = nhi_ip_pseudo_sum(ip, NHI_IPPROTO_ICMP6, 24);
    nhi_put16(ip + 42, nhi_csum_fold(nhi_csum_add(sum, ip + 40, 24)));
    return p;
}

/* From spoke 0 to the hub; the hub's result. */
static nhtb_pkt *at_hub(net *t, nhtb_pkt *p, nhtb_path *seen)
{
    p = one(&t->s[0], false, p);
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %u", p->reason);
    cross(p, seen);
    return one(&t->hub, true, p);
}

/* The hub answered: back at spoke 0 it is an advertisement of this target to `to`. */
static void check_answered(net *t, const char *src, const char *target, const char *to)
{
    nhtb_path seen;
    nhtb_addr from, dst, want = addr(target), want_to = addr(to);
    const nhi_dp_count *c = nhi_dp_worker_count(t->hub.w[0]);
    uint64_t answered = nhi_a_load(&c->nd_answered), transit = nhi_a_load(&c->transit_packets),
             in = nhi_a_load(&c->in_packets);
    nhtb_pkt *p = at_hub(t, solicit(src, target), &seen);
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %u", p->reason);
    cr_assert_eq(p->path->remote.b[3], 11, "back into the tunnel it came by");
    cr_assert_eq(nhi_a_load(&c->nd_answered), answered + 1);
    cr_assert_eq(nhi_a_load(&c->transit_packets), transit, "an answer is no transit");
    cr_assert_eq(nhi_a_load(&c->in_packets), in + 1);
    cross(p, &seen);
    p = one(&t->s[0], true, p);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
    const uint8_t *ip = p->buf + p->off;
    cr_assert(sound(ip, p->len));
    nhi_ip_addrs(ip, &from, &dst);
    cr_assert(nhtb_addr_equal(&from, &want) && nhtb_addr_equal(&dst, &want_to));
    cr_assert_eq(ip[40], 136);
    cr_assert_eq(p->len, 64, "no link-layer option");
    box_free(p);
}

Test(nd, our_address_and_bound_ones_of_other_tunnels_are_answered)
{
    for (unsigned emit = 0; emit < 2; emit++) {
        net t;
        net_open(&t, NHTB_IFACE_MULTIPOINT, (nhtb_emit)emit);
        check_answered(&t, TUN[0], OWN, TUN[0]);
        check_answered(&t, "fe80::5", OWN, "fe80::5");
        check_answered(&t, "::", OWN, "ff02::1");
        check_answered(&t, TUN[0], TUN[1], TUN[0]);
        check_answered(&t, "::", TUN[1], "ff02::1");
        net_close(&t);
    }
}

Test(nd, point_to_point_answers_for_its_own_address_only)
{
    net t;
    nhtb_path seen;
    net_open(&t, NHTB_IFACE_POINT_TO_POINT, NHTB_EMIT_PAYLOAD);
    check_answered(&t, TUN[0], OWN, TUN[0]);
    nhtb_pkt *p = at_hub(&t, solicit(TUN[0], TUN[1]), &seen);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
    box_free(p);
    net_close(&t);
}

Test(nd, strangers_addresses_and_the_askers_own_are_not)
{
    net t;
    nhtb_path seen;
    net_open(&t, NHTB_IFACE_MULTIPOINT, NHTB_EMIT_PAYLOAD);
    nhtb_pkt *p = at_hub(&t, solicit(TUN[0], "fd00:ff::99"), &seen);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "the host's, reason %u", p->reason);
    box_free(p);
    p = at_hub(&t, solicit("::", TUN[0]), &seen); /* duplicate address detection of its own */
    check_drop(p, RPF);
    box_free(p);
    nhi_a_store(&t.ph[1]->out, (nhi_cell *)NULL); /* the other tunnel is down */
    p = at_hub(&t, solicit(TUN[0], TUN[1]), &seen);
    cr_assert_eq(p->verdict, NHTB_PKT_DELIVER, "reason %u", p->reason);
    box_free(p);
    cr_assert_eq(nhi_a_load(&nhi_dp_worker_count(t.hub.w[0])->nd_answered), 0);
    net_close(&t);
}

Test(nd, invalid_ones_are_dropped_and_counted)
{
    net t;
    nhtb_path seen;
    net_open(&t, NHTB_IFACE_MULTIPOINT, NHTB_EMIT_PAYLOAD);
    nhtb_pkt *p = solicit(TUN[0], OWN);
    p->buf[p->off + 7] = 64;
    uint64_t drops = nhi_a_load(&rig_cell(&t.hub, 0x10000, true)->drops);
    p = at_hub(&t, p, &seen);
    check_drop(p, ND_INVALID);
    cr_assert_eq(rig_reason(&t.hub, NHTB_REASON_ND_INVALID), 1);
    cr_assert_eq(nhi_a_load(&rig_cell(&t.hub, 0x10000, true)->drops), drops + 1);
    box_free(p);
    net_close(&t);
}

Test(nd, selectors_policies_and_a_missing_way_back_are_respected)
{
    net t;
    nhtb_path seen;
    net_open(&t, NHTB_IFACE_MULTIPOINT, NHTB_EMIT_PAYLOAD);
    nhi_cell *in = rig_cell(&t.hub, 0x10000, true), *out = nhi_a_load(&t.ph[0]->out);
    in->sel = rig_sel(&t.hub, "fd00:1::/32", NULL);
    nhtb_pkt *p = at_hub(&t, solicit(TUN[0], OWN), &seen);
    check_drop(p, SELECTOR_IN);
    box_free(p);
    in->sel = NULL;
    out->sel = rig_sel(&t.hub, "fd00:1::/32", NULL);
    p = at_hub(&t, solicit(TUN[0], OWN), &seen);
    check_drop(p, SELECTOR_OUT);
    box_free(p);
    out->sel = NULL;
    nhi_a_store(&t.ph[0]->out, (nhi_cell *)NULL);
    p = at_hub(&t, solicit(TUN[0], OWN), &seen);
    check_drop(p, NO_SA);
    box_free(p);
    nhi_a_store(&t.ph[0]->out, out);
    rig_policy(&t.hub, t.ih, NHTB_POLICY_IN, NHI_IPPROTO_ICMP6);
    p = at_hub(&t, solicit(TUN[0], OWN), &seen);
    check_drop(p, POLICY);
    box_free(p);
    net_close(&t);
}
