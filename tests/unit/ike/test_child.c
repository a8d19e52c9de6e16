/* SPDX-License-Identifier: Apache-2.0
 * Child SA pairs: selectors, several configurations, failures that leave the IKE SA alone.
 * RFC 7296 1.3, 2.9, 2.21. */
#include "duo.h"

static void selectors(duo *p, int i, int child, const nhtb_ts *local, const nhtb_ts *remote)
{
    nhtb_child *c = &p->s[i].child[child];
    c->local_ts = local;
    c->remote_ts = remote;
    c->n_local_ts = local != NULL;
    c->n_remote_ts = remote != NULL;
}

Test(ike_child, responder_narrows_to_its_own_selectors)
{
    duo *p = duo_new();
    nhtb_ts all = net4("0.0.0.0", 0), mine = net4("10.2.0.0", 16), yours = net4("10.1.0.0", 16);
    selectors(p, 0, 0, &all, &all);
    selectors(p, 1, 0, &mine, &yours);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0+");
    cr_assert(nhtb_addr_equal(&p->s[0].remote_ts.lo, &mine.lo));
    cr_assert(nhtb_addr_equal(&p->s[0].local_ts.hi, &yours.hi));
    cr_assert(nhtb_addr_equal(&p->s[1].local_ts.hi, &mine.hi));
    duo_end(p);
}

Test(ike_child, selectors_without_overlap_fail_the_child_only)
{
    duo *p = duo_new();
    nhtb_ts a = net4("10.1.0.0", 16), b = net4("10.2.0.0", 16), x = net4("10.9.0.0", 16);
    selectors(p, 0, 0, &a, &b);
    selectors(p, 1, 0, &b, &x);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up child_failed:no_selectors");
    EXPECT(p, 1, "ike_up child_failed:no_selectors");
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    cr_assert_eq(p->s[0].reserved + p->s[1].reserved, 0);
    duo_end(p);
}

Test(ike_child, esp_proposals_without_overlap_fail_the_child_only)
{
    duo *p = duo_new();
    nhtb_proposal a, b;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_ESP, "aes256gcm16-noesn", &a, NULL), 0);
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_ESP, "aes128-sha256-noesn", &b, NULL), 0);
    p->s[0].child[0].proposals = &a;
    p->s[1].child[0].proposals = &b;
    p->s[0].child[0].n_proposals = p->s[1].child[0].n_proposals = 1;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up child_failed:no_proposal");
    EXPECT(p, 1, "ike_up child_failed:no_proposal");
    cr_assert_eq(p->s[0].reserved + p->s[1].reserved, 0);
    duo_end(p);
}

static void three(duo *p, nhtb_ts net[2][3])
{
    for (uint8_t k = 0; k < 3; k++) {
        char a[20], b[20];
        snprintf(a, sizeof a, "10.1.%u.0", k);
        snprintf(b, sizeof b, "10.2.%u.0", k);
        net[0][k] = net4(a, 24);
        net[1][k] = net4(b, 24);
    }
    for (int i = 0; i < 2; i++) {
        p->s[i].cfg.n_children = 3;
        for (int k = 0; k < 3; k++)
            selectors(p, i, i ? 2 - k : k, &net[i][k], &net[!i][k]);
    }
}

Test(ike_child, several_configurations_find_their_counterparts_in_any_order)
{
    duo *p = duo_new();
    nhtb_ts net[2][3];
    three(p, net);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0+ install1+ install2+");
    EXPECT(p, 1, "ike_up install2+ install1+ install0+");
    cr_assert_eq(duo_sas(p, 0), 1);
    duo_end(p);
}

Test(ike_child, equal_configurations_are_filled_one_after_the_other)
{
    duo *p = duo_new();
    p->s[0].cfg.n_children = p->s[1].cfg.n_children = 2;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0+ install1+");
    EXPECT(p, 1, "ike_up install0+ install1+");
    duo_end(p);
}

Test(ike_child, traffic_for_one_child_brings_up_that_one)
{
    duo *p = duo_new();
    nhtb_ts net[2][3];
    three(p, net);
    duo_start(p);
    nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 1, p->now);
    duo_run(p);
    EXPECT(p, 0, "ike_up install1+");
    nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 2, p->now);
    duo_run(p);
    EXPECT(p, 0, "ike_up install1+ install2+");
    nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 2, p->now);
    duo_run(p);
    EXPECT(p, 0, "ike_up install1+ install2+");
    duo_end(p);
}

Test(ike_child, traffic_never_makes_a_responder_only_peer_start)
{
    duo *p = duo_new();
    p->s[0].cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    duo_start(p);
    nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 0, p->now);
    duo_run(p);
    cr_assert_eq(p->sent[1], 0);
    duo_end(p);
}

Test(ike_child, traffic_does_not_hammer_after_a_failure)
{
    duo *p = duo_new();
    p->s[1].cfg.psk = str("other");
    duo_start(p);
    nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 0, p->now);
    duo_run(p);
    unsigned sent = p->sent[1];
    for (int i = 0; i < 50; i++) {
        nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 0, p->now);
        duo_run(p);
    }
    cr_assert_eq(p->sent[1], sent);
    p->now += 3 * S;
    nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 0, p->now);
    duo_run(p);
    cr_assert_gt(p->sent[1], sent);
    duo_end(p);
}

Test(ike_child, both_create_the_same_child_at_once_and_keep_one_pair)
{
    for (unsigned order = 0; order < 32; order++) {
        duo *p = duo_new();
        srand(order);
        nhtb_ts net[2][3];
        three(p, net);
        p->s[0].cfg.n_children = p->s[1].cfg.n_children = 3;
        duo_start(p);
        nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 0, p->now);
        duo_run(p);
        duo_clear(p);
        nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 1, p->now);
        duo_drain(p, 0);
        nhi_ike_on_traffic(p->s[1].ike, p->s[1].peer, 1, p->now);
        duo_drain(p, 1);
        for (unsigned step = 0; p->n && step < 100; step++)
            duo_deliver_at(p, order >> (step % 5) & 1 ? p->n - 1 : 0);
        duo_pass(p, 20 * S);
        cr_assert_eq(p->s[0].installed, 2, "order %u: %s", order, p->s[0].trace);
        cr_assert_eq(p->s[1].installed, 2, "order %u: %s", order, p->s[1].trace);
        cr_assert_eq(duo_child(p, 0, 1)->spi_in, duo_child(p, 1, 1)->spi_out);
        duo_end(p);
    }
}

Test(ike_child, no_inbound_spi_fails_cleanly_on_either_side)
{
    for (int who = 0; who < 2; who++) {
        duo *p = duo_new();
        p->s[who].spi_fail = true;
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        EXPECT(p, who, who ? "ike_up child_failed:capacity" : "ike_failed:capacity");
        cr_assert_eq(p->s[0].reserved + p->s[1].reserved, 0);
        duo_end(p);
    }
}

Test(ike_child, a_failed_install_is_told_to_the_peer)
{
    for (int who = 0; who < 2; who++) {
        duo *p = duo_new();
        p->s[who].install_fail = true;
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        EXPECT(p, who, "ike_up install0+ child_failed:memory");
        EXPECT(p, !who, "ike_up install0+ remove0");
        cr_assert_eq(p->s[0].reserved + p->s[1].reserved, 0, "%u %u", p->s[0].reserved,
                     p->s[1].reserved);
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
        duo_end(p);
    }
}

Test(ike_child, limits_follow_configuration_and_sequence_numbers)
{
    duo *p = duo_new();
    p->s[0].child[0].lifetime_s = 100;
    p->s[0].child[0].lifetime_packets = 1000;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    nhi_ike_child *c = duo_child(p, 0, 0);
    cr_assert_eq(c->expires, p->now + 100 * S);
    cr_assert(c->rekey_at >= p->now + 80 * S && c->rekey_at <= p->now + 91 * S);
    duo_end(p);
}
