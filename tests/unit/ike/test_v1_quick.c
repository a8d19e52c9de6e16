/* SPDX-License-Identifier: Apache-2.0
 * Quick mode between two rooms: pairs, PFS, several configurations, refusals, rekeys, lost messages,
 * crossing exchanges. RFC 2409 5.5; protocol-facts 4.5. */
#include "duo.h"
#include "ike/v1/v1.h"

static duo *ready(void)
{
    return duo_new_v1(NHTB_V1_MAIN);
}

static nhtb_proposal esp(const char *text)
{
    nhtb_proposal p;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_ESP, text, &p, NULL), 0, "%s", text);
    return p;
}

/** Keys of the newest pair are each other's. */
static void keys_agree(duo *p)
{
    cr_assert_eq(p->s[0].last_spi_in, p->s[1].last_spi_out);
    cr_assert_eq(p->s[1].last_spi_in, p->s[0].last_spi_out);
    cr_assert(p->s[0].key_n > 0 && p->s[0].key_n == p->s[1].key_n);
    cr_assert_eq(memcmp(p->s[0].key_in, p->s[1].key_out, p->s[0].key_n), 0);
    cr_assert_eq(memcmp(p->s[0].key_out, p->s[1].key_in, p->s[0].key_n), 0);
    cr_assert_neq(memcmp(p->s[0].key_in, p->s[0].key_out, p->s[0].key_n), 0);
}

Test(v1_quick, a_pair_comes_up_and_both_send_on_it)
{
    duo *p = ready();
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0 use0");
    EXPECT(p, 1, "ike_up install0 use0");
    keys_agree(p);
    duo_end(p);
}

static void agree_on(const char *text, size_t key_n)
{
    duo *p = ready();
    nhtb_proposal v = esp(text);
    for (int i = 0; i < 2; i++) {
        p->s[i].child[0].proposals = &v;
        p->s[i].child[0].n_proposals = 1;
    }
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0 use0");
    EXPECT(p, 1, "ike_up install0 use0");
    keys_agree(p);
    cr_assert_eq(p->s[0].key_n, key_n, "%s", text);
    duo_end(p);
}

Test(v1_quick, ciphers_and_groups_are_agreed)
{
    agree_on("aes256gcm16", 36);
    agree_on("aes128gcm16-modp2048", 20);
    agree_on("aes128-sha256-ecp256", 48);
    agree_on("aes256-sha512", 96);
    agree_on("aes128gcm16-esn", 20);
}

Test(v1_quick, pfs_makes_other_keys_than_none)
{
    duo *p = ready();
    nhtb_proposal v = esp("aes128gcm16-ecp256");
    p->s[0].child[0].proposals = p->s[1].child[0].proposals = &v;
    p->s[0].child[0].n_proposals = p->s[1].child[0].n_proposals = 1;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    keys_agree(p);
    uint8_t first[96];
    memcpy(first, p->s[0].key_in, sizeof first);
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_run(p);
    keys_agree(p);
    cr_assert_neq(memcmp(first, p->s[0].key_in, p->s[0].key_n), 0);
    duo_end(p);
}

static void refused(const char *own, const char *theirs)
{
    duo *p = ready();
    nhtb_proposal a = esp(own), b = esp(theirs);
    p->s[0].child[0].proposals = &a;
    p->s[1].child[0].proposals = &b;
    p->s[0].child[0].n_proposals = p->s[1].child[0].n_proposals = 1;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up child_failed:no_proposal");
    EXPECT(p, 1, "ike_up");
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "the ISAKMP SA stays");
    cr_assert(p->s[0].reserved == 0 && p->s[1].reserved == 0);
    duo_end(p);
}

Test(v1_quick, nothing_in_common_is_told)
{
    refused("aes128gcm16", "aes256gcm16");
    refused("aes128gcm16-modp2048", "aes128gcm16");
    refused("aes128gcm16", "aes128gcm16-modp2048");
    refused("aes128gcm16-modp2048", "aes128gcm16-ecp256");
    refused("aes128-sha256", "aes128-sha512");
}

static void selectors(side *s, unsigned k, const nhtb_ts *local, const nhtb_ts *remote)
{
    s->child[k].local_ts = local;
    s->child[k].remote_ts = remote;
    s->child[k].n_local_ts = s->child[k].n_remote_ts = 1;
}

Test(v1_quick, several_proxy_ids_are_several_pairs)
{
    duo *p = ready();
    nhtb_ts a[4], b[4];
    for (unsigned k = 0; k < 4; k++) {
        char text[32];
        snprintf(text, sizeof text, "10.%u.0.0", k);
        a[k] = net4(text, 16);
        snprintf(text, sizeof text, "172.16.%u.0", k);
        b[k] = net4(text, 24);
        selectors(&p->s[0], k, &a[k], &b[k]);
        selectors(&p->s[1], 3 - k, &b[k], &a[k]); /* in another order */
    }
    p->s[0].cfg.n_children = p->s[1].cfg.n_children = 4;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0 use0 install1 use1 install2 use2 install3 use3");
    EXPECT(p, 1, "ike_up install3 use3 install2 use2 install1 use1 install0 use0");
    cr_assert(p->s[0].installed == 4 && p->s[1].installed == 4);
    duo_end(p);
}

Test(v1_quick, what_lies_outside_the_configuration_is_refused)
{
    duo *p = ready();
    nhtb_ts all = net4("0.0.0.0", 0), net = net4("10.0.0.0", 8), sub = net4("10.5.0.0", 16);
    selectors(&p->s[0], 0, &all, &all);
    selectors(&p->s[1], 0, &net, &all);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up child_failed:no_selectors");
    EXPECT(p, 1, "ike_up");
    duo_end(p);
    p = ready(); /* what lies inside is taken as it is asked */
    selectors(&p->s[0], 0, &all, &sub);
    selectors(&p->s[1], 0, &net, &all);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 1, "ike_up install0 use0");
    cr_assert_eq(memcmp(&p->s[1].local_ts, &sub, sizeof sub), 0);
    duo_end(p);
}

Test(v1_quick, protocols_and_ports_are_proxy_ids_too)
{
    duo *p = ready();
    nhtb_ts a = net4("10.1.0.1", 32), b = net4("10.2.0.0", 16);
    a.proto = b.proto = 6;
    b.port_lo = b.port_hi = 22;
    selectors(&p->s[0], 0, &a, &b);
    selectors(&p->s[1], 0, &b, &a);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 1, "ike_up install0 use0");
    cr_assert_eq(memcmp(&p->s[1].local_ts, &b, sizeof b), 0);
    cr_assert_eq(memcmp(&p->s[1].remote_ts, &a, sizeof a), 0);
    duo_end(p);
}

static uint32_t life_of(duo *p, int i)
{
    return duo_child(p, i, 0)->life_s;
}

Test(v1_quick, the_shorter_lifetime_counts_and_is_told)
{
    duo *p = ready();
    p->s[0].child[0].lifetime_s = 3600;
    p->s[1].child[0].lifetime_s = 600;
    p->s[0].child[0].lifetime_bytes = UINT64_C(1) << 30;
    p->s[1].child[0].lifetime_bytes = UINT64_C(1) << 32;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(life_of(p, 0) == 600 && life_of(p, 1) == 600, "RESPONDER-LIFETIME");
    cr_assert_eq(duo_child(p, 0, 0)->life_bytes, UINT64_C(1) << 30);
    cr_assert_eq(duo_child(p, 1, 0)->life_bytes, UINT64_C(1) << 30);
    duo_end(p);
    p = ready();
    p->s[0].child[0].lifetime_s = 3600;
    p->s[1].child[0].lifetime_s = 600;
    p->s[1].v1.responder_lifetime = false;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(life_of(p, 0) == 3600 && life_of(p, 1) == 600);
    duo_end(p);
}

Test(v1_quick, lifetimes_have_floors)
{
    duo *p = ready();
    p->s[0].child[0].lifetime_s = 1;
    p->s[0].child[0].lifetime_bytes = 2048;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(life_of(p, 1), 60);
    cr_assert_eq(duo_child(p, 1, 0)->life_bytes, 1 << 20);
    duo_end(p);
}

Test(v1_quick, a_rekey_moves_sending_at_once_and_deletes_the_old_pair_later)
{
    duo *p = ready();
    duo_up(p);
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_run(p);
    EXPECT(p, 0, "install0 child_rekeyed use0 drain0");
    EXPECT(p, 1, "install0 child_rekeyed use0 drain0");
    cr_assert(p->s[0].installed == 2 && p->s[1].installed == 2);
    keys_agree(p);
    duo_clear(p);
    duo_pass(p, 29 * S);
    EXPECT(p, 0, "");
    duo_pass(p, 10 * S);
    EXPECT(p, 0, "remove0");
    cr_assert(p->s[0].installed == 1 && p->s[1].installed == 1, "%s", p->s[1].trace);
    duo_end(p);
}

Test(v1_quick, the_responder_may_rekey)
{
    duo *p = ready();
    duo_up(p);
    nhi_ike_child_first_use(p->s[0].ike, p->s[0].last_spi_in, p->now);
    cr_assert_eq(nhi_ike_rekey(p->s[1].ike, p->s[1].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_run(p);
    EXPECT(p, 1, "install0 child_rekeyed use0 drain0");
    EXPECT(p, 0, "install0 child_rekeyed use0 drain0");
    duo_pass(p, 60 * S);
    cr_assert(p->s[0].installed == 1 && p->s[1].installed == 1);
    duo_end(p);
}

/* Messages to the responder: main mode 1, 3, 5, quick mode 1, 3; to the initiator: 2, 4, 6, 2. */
static void lost(uint64_t to_initiator, uint64_t to_responder)
{
    duo *p = ready();
    p->lose[0] = to_initiator;
    p->lose[1] = to_responder;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    duo_pass(p, 60 * S);
    cr_assert_eq(p->s[0].installed, 1, "%llx %llx: %s", (unsigned long long)to_initiator,
                 (unsigned long long)to_responder, p->s[0].trace);
    cr_assert_eq(p->s[1].installed, 1, "%s", p->s[1].trace);
    cr_assert(duo_child(p, 0, 0)->in_use && duo_child(p, 1, 0)->in_use, "%s", p->s[1].trace);
    keys_agree(p);
    duo_end(p);
}

Test(v1_quick, every_lost_message_is_made_up_for)
{
    for (unsigned a = 0; a < 6; a++)
        for (unsigned b = 0; b < 7; b++)
            lost(UINT64_C(1) << a, UINT64_C(1) << b);
    lost(0, 1u << 3 | 1u << 4 | 1u << 5);
    lost(1u << 3 | 1u << 4, 1u << 4);
}

/* Message 3 and its four copies are lost, and no ESP comes: the initiator believes in its pair. */
Test(v1_quick, an_initiator_learns_that_its_pair_was_never_confirmed)
{
    duo *p = ready();
    p->lose[1] = 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0 use0");
    duo_pass(p, 60 * S);
    EXPECT(p, 0, "ike_up install0 use0 remove0");
    EXPECT(p, 1, "ike_up install0 remove0");
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    duo_end(p);
}

Test(v1_quick, esp_on_the_new_pair_stands_for_a_lost_message_3)
{
    duo *p = ready();
    p->lose[1] = 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 1, "ike_up install0");
    nhi_ike_child_first_use(p->s[1].ike, p->s[1].last_spi_in, p->now);
    duo_drain(p, 1);
    EXPECT(p, 1, "ike_up install0 use0");
    duo_pass(p, 60 * S);
    cr_assert_eq(p->s[1].installed, 1);
    duo_end(p);
}

Test(v1_quick, a_pair_nobody_confirms_goes)
{
    duo *p = ready();
    duo_start(p);
    duo_initiate(p, 0);
    while (p->s[1].installed == 0)
        cr_assert(duo_deliver(p));
    p->n = 0;
    p->cut[0] = p->cut[1] = true;
    duo_pass(p, 40 * S);
    cr_assert_eq(p->s[1].installed, 0, "%s", p->s[1].trace);
    duo_end(p);
}

/* While it was there the entry lacked nothing, so nothing was planned. */
Test(v1_quick, an_entry_that_establishes_by_itself_replaces_a_pair_nobody_confirmed)
{
    duo *p = ready();
    duo_start(p);
    duo_initiate(p, 0);
    while (p->s[1].installed == 0)
        cr_assert(duo_deliver(p));
    nhi_ike_peer_get(p->s[1].ike, p->s[1].peer)->cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    p->n = 0;
    p->cut[0] = p->cut[1] = true;
    duo_pass(p, 29 * S);
    p->cut[0] = false; /* side 0's own message 1 stays lost */
    p->cut[1] = false;
    nhi_v1_x_kill(nhi_v1_x_running(duo_sa(p, 0), NHI_V1_EX_QUICK));
    duo_pass(p, 20 * S);
    cr_assert_eq(p->s[1].installed, 1, "%s", p->s[1].trace);
    cr_assert_eq(p->s[0].installed, 1, "%s", p->s[0].trace);
    duo_end(p);
}

/* The peer begins quick mode and is cleared before message 3: it never had the pair we installed. */
Test(v1_quick, a_pair_that_outlives_its_sa_unconfirmed_is_doubtful)
{
    for (unsigned heard = 0; heard < 2; heard++) {
        duo *p = ready();
        duo_start(p);
        duo_initiate(p, 0);
        while (p->s[1].installed == 0)
            cr_assert(duo_deliver(p));
        cr_assert_eq(nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now), 0);
        duo_run(p);
        EXPECT(p, 1, "ike_up install0 use0 ike_down:deleted_by_peer");
        if (heard)
            nhi_ike_child_first_use(p->s[1].ike, p->s[1].last_spi_in, p->now);
        p->cut[0] = true;
        duo_pass(p, 40 * S);
        cr_assert_eq(p->s[1].installed, heard, "%s", p->s[1].trace);
        duo_end(p);
    }
}

Test(v1_quick, message_1_without_an_answer_is_given_up)
{
    duo *p = ready();
    duo_up(p);
    p->cut[1] = true;
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_run(p);
    duo_pass(p, 180 * S);
    cr_assert(strstr(p->s[0].trace, "child_failed:timeout"), "%s", p->s[0].trace);
    cr_assert_eq(p->s[0].installed, 1, "the old pair serves on");
    duo_end(p);
}

/** What one side sends on, the other has; deletes change nothing about it. After one more rekey both
 *  are on one pair. */
static void settles(duo *p, unsigned order)
{
    for (unsigned k = 0; k < 4; k++) {
        for (int i = 0; i < 2; i++) {
            nhi_ike_child *c = duo_child(p, i, 0);
            cr_assert(c && c->in_use, "order %x, side %d: %s", order, i, p->s[i].trace);
            nhi_ike_child *o = nhi_ike_child_by_out(duo_sa(p, !i), c->spi_in);
            cr_assert(o && o->installed && o->spi_in == c->spi_out, "order %x, side %d", order, i);
        }
        duo_pass(p, 40 * S);
    }
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_run(p);
    nhi_ike_child *a = duo_child(p, 0, 0), *b = duo_child(p, 1, 0);
    cr_assert(a && b && a->in_use && b->in_use, "order %x", order);
    cr_assert(a->spi_in == b->spi_out && a->spi_out == b->spi_in, "order %x", order);
}

#define DRAWS 16 /* of nonces: which one is higher decides */

/** Both rekey at once; messages are delivered in the order of the bits. */
static void crossing(unsigned order)
{
    duo *p = ready();
    srand(order);
    duo_up(p);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(nhi_ike_rekey(p->s[i].ike, p->s[i].peer, NHTB_REKEY_CHILD, p->now), 0);
        duo_drain(p, i);
    }
    for (unsigned k = 0; p->n; k++)
        duo_deliver_at(p, (order % 64 >> k & 1) % p->n);
    settles(p, order);
    duo_end(p);
}

Test(v1_quick, crossing_rekeys_leave_pairs_that_both_receive_on)
{
    for (unsigned order = 0; order < 64 * DRAWS; order++)
        crossing(order);
}

/* Nothing was seen on the pair that the peer replaces: for all we know the peer's exchange crossed ours. */
Test(v1_quick, a_rekey_right_after_the_first_pair_leaves_pairs_that_both_receive_on)
{
    for (unsigned k = 0; k < DRAWS; k++) {
        duo *p = ready();
        srand(k);
        duo_up(p);
        cr_assert_eq(nhi_ike_rekey(p->s[1].ike, p->s[1].peer, NHTB_REKEY_CHILD, p->now), 0);
        duo_run(p);
        settles(p, k);
        duo_end(p);
    }
}

/* The delete of the old pair is said once and may be lost: the peer must not be sending there. */
Test(v1_quick, a_lost_delete_of_the_old_pair_cuts_nobody_off)
{
    for (unsigned k = 0; k < DRAWS; k++) {
        duo *p = ready();
        srand(k);
        duo_up(p);
        cr_assert_eq(nhi_ike_rekey(p->s[1].ike, p->s[1].peer, NHTB_REKEY_CHILD, p->now), 0);
        duo_run(p);
        p->cut[0] = p->cut[1] = true;
        duo_pass(p, 35 * S);
        p->cut[0] = p->cut[1] = false;
        settles(p, k);
        duo_end(p);
    }
}

Test(v1_quick, crossing_first_pairs_leave_pairs_that_both_receive_on)
{
    for (unsigned k = 0; k < DRAWS; k++) {
        duo *p = ready();
        srand(k);
        duo_start(p);
        duo_initiate(p, 0);
        while (!duo_sa(p, 1) || duo_sa(p, 1)->state != NHI_SA_UP)
            cr_assert(duo_deliver(p));
        duo_initiate(p, 1);
        duo_run(p);
        settles(p, k);
        duo_end(p);
    }
}

/* Message 3 of one rekey is late, the next rekey of the same side is done before it comes. */
Test(v1_quick, an_earlier_pair_confirmed_late_does_not_come_into_use)
{
    duo *p = ready();
    duo_up(p);
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_drain(p, 0);
    cr_assert(duo_deliver(p) && duo_deliver(p));
    datagram third = p->q[0];
    p->n = 0;
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_run(p);
    uint32_t newest = duo_child(p, 0, 0)->spi_out;
    p->q[p->n++] = third;
    duo_run(p);
    NHI_LIST_FOR(it, &duo_sa(p, 1)->children)
    {
        const nhi_ike_child *c = NHI_CONTAINER(it, const nhi_ike_child, link);
        cr_assert_eq(c->in_use, c->spi_in == newest);
    }
    duo_end(p);
}

Test(v1_quick, behind_nat_the_pair_is_encapsulated)
{
    duo *p = ready();
    p->nat = true;
    p->s[0].cfg.path.remote.family = 0;
    memset(&p->s[0].cfg.path.remote, 0, sizeof p->s[0].cfg.path.remote);
    duo_start(p);
    duo_initiate(p, 1);
    duo_run(p);
    EXPECT(p, 1, "ike_up install0 use0");
    cr_assert_neq(p->s[0].child_path.remote_port, 0);
    cr_assert_neq(p->s[1].child_path.remote_port, 0);
    keys_agree(p);
    duo_end(p);
}
