/* SPDX-License-Identifier: Apache-2.0
 * Next-hop tunnel binding over IKEv1 quick mode, on the virtual network: learnt as with IKEv2, and each
 * lie of an authenticated peer is refused with an event. protocol-facts 1.3 - 1.5. */
#include "engine/engine.h"
#include "exchange/nhtb_common.h"
#include "unit/ike/v1_forge.h"

static nhtb_v1 main_mode;

static sim_topo waiting(uint64_t seed)
{
    nhtb_v1_init(&main_mode);
    return xch_nhtb_waiting(seed, NHTB_ANNOUNCE_AUTO, &main_mode);
}

Test(v1_nhtb, hub_and_spokes_learn_each_other)
{
    sim_topo t = waiting(1);
    xch_nhtb_begin(&t, 0);
    xch_nhtb_begin(&t, 1);
    sim_check(t.s, sim_bindings(t.hub, true) == 2);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_BINDING_ADDED) == 2);
    sim_check(t.s, sim_bindings(t.spoke[0], true) == 1);
    sim_check(t.s, sim_stats(t.hub).ike_notify_nhtb_received == 2);
    sim_check(t.s, sim_stats(t.hub).ike_notify_nhtb_sent == 2);
    xch_ping(&t, 0, 1);
    xch_ping(&t, 1, 3);
    xch_end(&t);
}

static void refused(uint64_t seed, const char *addr_len, nhtb_detail why)
{
    nhtb_v1_init(&main_mode);
    xch_nhtb_refused(seed, &main_mode, addr_len, why);
}

Test(v1_nhtb, a_peer_cannot_take_the_next_hop_of_another)
{
    refused(2, "10.0.0.2/16", NHTB_DETAIL_TAKEN);
}

Test(v1_nhtb, a_peer_cannot_take_our_own_address)
{
    refused(3, "10.0.0.1/16", NHTB_DETAIL_OWN_ADDRESS);
}

Test(v1_nhtb, a_next_hop_outside_the_subnet_is_refused)
{
    refused(4, "10.99.0.1/16", NHTB_DETAIL_OUT_OF_SUBNET);
}

Test(v1_nhtb, a_static_entry_wins_over_an_announcement)
{
    sim_topo t = waiting(5);
    sim_check(t.s, sim_binding(t.hub, t.hub_st0, "10.0.0.3", t.hub_peer[0]) == 0);
    xch_nhtb_begin(&t, 0);
    xch_nhtb_begin(&t, 1);
    sim_check(t.s,
              sim_events_detail(t.hub, NHTB_EVENT_BINDING_REFUSED, NHTB_DETAIL_STATIC_WINS) == 1);
    xch_end(&t);
}

/* ---- crafted messages ---- */

typedef struct liar {
    sim_topo *t;
    uint8_t claim[4];
    bool keep_hash, message_3;
    unsigned forged;
} liar;

static void claim(void *user, const nhi_v1_msg *m, nhi_ike_builder *b)
{
    const liar *l = user;
    nhi_v1_notify n;
    for (size_t k = 1; k < m->n; k++)
        if (m->pl[k].type != NHI_V1_NOTIFY || !nhi_v1_notify_read(&n, m->pl[k].body) ||
            n.type != 40001)
            v1_copy(m, k, b);
    n = (nhi_v1_notify){1, 3, 40001, {NULL, 0}, {l->claim, 4}};
    nhi_v1_build_notify(b, &n);
}

static nhi_ike_sa *sa_of(nhtb_ctx *ctx, uint64_t spi)
{
    return nhi_map_get(&ctx->ike->by_spi, &spi);
}

/** Spoke 1 is a liar: its message 1 (or 3) of quick mode says what l->claim wants. */
static sim_fate lie(void *user, sim_datagram *d)
{
    liar *l = user;
    nhi_ike_hdr h;
    uint8_t p[2048];
    size_t n = d->len;
    if (l->forged || d->from != l->t->spoke[1] || d->proto != 17 || d->len > 1500 ||
        !nhi_ike_hdr_read(&h, d->data, d->len) || h.exchange != NHI_V1_EX_QUICK)
        return SIM_PASS;
    nhi_ike_sa *from = sa_of(sim_ctx(l->t->spoke[1]), h.spi_i);
    nhi_ike_sa *to = sa_of(sim_ctx(l->t->hub), h.spi_r);
    if (!from || !to || (nhi_v1_x_find(to, h.msg_id) != NULL) != l->message_3)
        return SIM_PASS;
    memcpy(p, d->data, n);
    if (!v1_forge(from, to, p, &n, sizeof p, l->keep_hash, claim, l))
        return SIM_PASS;
    l->forged++;
    sim_datagram other = *d;
    other.data = p;
    other.len = n;
    sim_wire_send(l->t->s, &other);
    return SIM_DROP;
}

static sim_topo crafted(uint64_t seed, liar *l)
{
    sim_topo t = waiting(seed);
    xch_nhtb_begin(&t, 0);
    l->t = &t;
    sim_on_wire(t.s, lie, l);
    sim_check(t.s, nhtb_peer_initiate(sim_ctx(t.spoke[1]), t.spoke_peer[1], sim_now(t.s)) == 0);
    sim_pump(t.spoke[1]);
    sim_run_for(t.s, 5 * SIM_S);
    sim_on_wire(t.s, NULL, NULL);
    sim_check(t.s, l->forged == 1);
    return t;
}

static void crafted_refused(uint64_t seed, const uint8_t c[4], nhtb_detail why)
{
    liar l = {.claim = {c[0], c[1], c[2], c[3]}};
    sim_topo t = crafted(seed, &l);
    sim_check(t.s, sim_events_detail(t.hub, NHTB_EVENT_BINDING_REFUSED, why) == 1);
    sim_check(t.s, sim_bindings(t.hub, true) == 1);
    sim_check(t.s, sim_tunnels_up(t.hub) == 2); /* the exchange goes on */
    xch_end(&t);
}

Test(v1_nhtb, lies_in_message_1_are_refused_with_an_event)
{
    crafted_refused(11, (const uint8_t[4]){10, 0, 0, 2}, NHTB_DETAIL_TAKEN);
    crafted_refused(12, (const uint8_t[4]){10, 0, 0, 1}, NHTB_DETAIL_OWN_ADDRESS);
    crafted_refused(13, (const uint8_t[4]){10, 99, 0, 1}, NHTB_DETAIL_OUT_OF_SUBNET);
    crafted_refused(14, (const uint8_t[4]){224, 0, 0, 5}, NHTB_DETAIL_NOT_UNICAST);
    crafted_refused(15, (const uint8_t[4]){127, 0, 0, 1}, NHTB_DETAIL_NOT_UNICAST);
    crafted_refused(16, (const uint8_t[4]){0, 0, 0, 0}, NHTB_DETAIL_NOT_UNICAST);
}

Test(v1_nhtb, a_claim_in_message_3_changes_nothing)
{
    liar l = {.claim = {10, 0, 0, 77}, .message_3 = true, .keep_hash = true};
    sim_topo t = crafted(17, &l);
    sim_check(t.s, sim_bindings(t.hub, true) == 2); /* of message 1 */
    sim_check(t.s, sim_stats(t.hub).ike_notify_nhtb_ignored == 1);
    xch_ping(&t, 1, 1);
    xch_end(&t);
}

Test(v1_nhtb, a_claim_that_its_hash_does_not_cover_is_not_even_read)
{
    liar l = {.claim = {10, 0, 0, 77}, .keep_hash = true};
    sim_topo t = crafted(18, &l);
    sim_check(t.s, sim_reason(t.hub, NHTB_REASON_IKE_INTEGRITY) >= 1);
    sim_check(t.s, sim_stats(t.hub).ike_notify_nhtb_received <= 2);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_BINDING_REFUSED) == 0);
    xch_end(&t);
}
