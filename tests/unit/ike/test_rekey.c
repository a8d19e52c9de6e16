/* SPDX-License-Identifier: Apache-2.0
 * Rekeying children and IKE SAs, alone and from both sides at once. RFC 7296 2.8, 2.25. */
#include "duo.h"

static void rekey(duo *p, int i, nhtb_rekey what)
{
    cr_assert_eq(nhi_ike_rekey(p->s[i].ike, p->s[i].peer, what, p->now), 0);
    duo_drain(p, i);
}

static void pfs(duo *p, nhtb_proposal *q, const char *text)
{
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_ESP, text, q, NULL), 0);
    for (int i = 0; i < 2; i++) {
        p->s[i].child[0].proposals = q;
        p->s[i].child[0].n_proposals = 1;
    }
}

/** One live pair on each side, and it is the same one. */
static void one_pair(duo *p)
{
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(duo_sas(p, i), 1, "side %d: %zu SAs, %s", i, duo_sas(p, i), p->s[i].trace);
        cr_assert_eq(p->s[i].installed, 1, "side %d: %s", i, p->s[i].trace);
        cr_assert_eq(p->s[i].reserved, 1);
    }
    nhi_ike_child *a = duo_child(p, 0, 0), *b = duo_child(p, 1, 0);
    cr_assert(a && b, "%s / %s", p->s[0].trace, p->s[1].trace);
    cr_assert_eq(a->spi_in, b->spi_out);
    cr_assert_eq(a->spi_out, b->spi_in);
    cr_assert(a->in_use && b->in_use);
    cr_assert_eq(duo_sa(p, 0)->spi_i, duo_sa(p, 1)->spi_i);
}

Test(ike_rekey, child_make_before_break_from_either_side)
{
    for (int who = 0; who < 2; who++) {
        duo *p = duo_new();
        duo_up(p);
        uint32_t before = p->s[who].last_spi_in;
        rekey(p, who, NHTB_REKEY_CHILD);
        duo_run(p);
        EXPECT(p, who, "install0+ drain0 child_rekeyed");
        EXPECT(p, !who, "install0 child_rekeyed use0 drain0");
        cr_assert_neq(p->s[who].last_spi_in, before);
        cr_assert_eq(p->s[0].installed, 2, "the old inbound half overlaps");
        duo_pass(p, 6 * S);
        EXPECT(p, who, "install0+ drain0 child_rekeyed remove0");
        one_pair(p);
        duo_end(p);
    }
}

Test(ike_rekey, responder_sends_on_the_new_pair_after_its_first_use)
{
    duo *p = duo_new();
    duo_up(p);
    rekey(p, 0, NHTB_REKEY_CHILD);
    duo_deliver(p);
    EXPECT(p, 1, "install0 child_rekeyed");
    nhi_ike_child_first_use(p->s[1].ike, p->s[1].last_spi_in, p->now);
    duo_drain(p, 1);
    EXPECT(p, 1, "install0 child_rekeyed use0 drain0");
    duo_pass(p, 10 * S);
    one_pair(p);
    duo_end(p);
}

Test(ike_rekey, child_with_perfect_forward_secrecy)
{
    duo *p = duo_new();
    nhtb_proposal q;
    pfs(p, &q, "aes256gcm16-x25519-noesn");
    duo_up(p);
    rekey(p, 0, NHTB_REKEY_CHILD);
    duo_pass(p, 10 * S);
    one_pair(p);
    cr_assert_eq(memcmp(p->s[0].key_in, p->s[1].key_out, p->s[0].key_n), 0);
    duo_end(p);
}

Test(ike_rekey, invalid_ke_in_a_child_rekey_is_followed)
{
    duo *p = duo_new();
    nhtb_proposal a, b;
    pfs(p, &a, "aes256gcm16-x25519-ecp256-noesn");
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_ESP, "aes256gcm16-ecp256-noesn", &b, NULL), 0);
    p->s[1].child[0].proposals = &b;
    duo_up(p);
    rekey(p, 0, NHTB_REKEY_CHILD);
    duo_pass(p, 10 * S);
    one_pair(p);
    cr_assert_eq(p->s[0].ike->count.invalid_ke, 1);
    duo_end(p);
}

Test(ike_rekey, ike_sa_moves_its_children)
{
    for (int who = 0; who < 2; who++) {
        duo *p = duo_new();
        duo_up(p);
        nhi_ike_sa *old = duo_sa(p, 0);
        uint64_t spi = old->spi_i;
        rekey(p, who, NHTB_REKEY_IKE);
        duo_run(p);
        EXPECT(p, 0, "ike_rekeyed");
        EXPECT(p, 1, "ike_rekeyed");
        cr_assert_neq(duo_sa(p, 0)->spi_i, spi);
        one_pair(p);
        duo_clear(p);
        rekey(p, !who, NHTB_REKEY_CHILD); /* and the new SA works */
        duo_pass(p, 10 * S);
        one_pair(p);
        duo_pass(p, 60 * S);
        cr_assert_eq(p->s[0].ike->n_sas, 1);
        cr_assert_eq(p->s[1].ike->n_sas, 1);
        duo_end(p);
    }
}

Test(ike_rekey, lifetimes_rekey_without_a_gap)
{
    duo *p = duo_new();
    for (int i = 0; i < 2; i++) {
        p->s[i].child[0].lifetime_s = 60;
        p->s[i].cfg.lifetime_s = 200;
    }
    duo_up(p);
    for (int t = 0; t < 1000; t++) {
        duo_pass(p, S);
        cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0), "at %d s", t);
    }
    cr_assert_geq(p->s[0].ike->count.child_rekeyed, 16);
    cr_assert_geq(p->s[0].ike->count.rekeyed, 4);
    cr_assert_eq(strstr(p->s[0].trace, "down"), NULL);
    duo_end(p);
}

Test(ike_rekey, soft_limit_of_the_data_plane_rekeys)
{
    duo *p = duo_new();
    duo_up(p);
    nhi_ike_child_soft(p->s[1].ike, p->s[1].last_spi_in, p->now);
    duo_pass(p, 10 * S);
    one_pair(p);
    cr_assert_eq(p->s[1].ike->count.child_rekeyed, 1);
    duo_end(p);
}

Test(ike_rekey, both_rekey_the_child_at_once)
{
    unsigned collisions = 0;
    for (unsigned order = 0; order < 256; order++) {
        duo *p = duo_new();
        srand(order);
        duo_up(p);
        rekey(p, 0, NHTB_REKEY_CHILD);
        rekey(p, 1, NHTB_REKEY_CHILD);
        for (unsigned step = 0; p->n && step < 100; step++)
            duo_deliver_at(p, order >> (step % 8) & 1 ? p->n - 1 : 0);
        duo_pass(p, 30 * S);
        one_pair(p);
        collisions += p->s[0].ike->count.collisions > 0;
        duo_end(p);
    }
    cr_assert_gt(collisions, 100);
}

Test(ike_rekey, both_rekey_the_ike_sa_at_once)
{
    for (unsigned order = 0; order < 256; order++) {
        duo *p = duo_new();
        srand(order);
        duo_up(p);
        rekey(p, 0, NHTB_REKEY_IKE);
        rekey(p, 1, NHTB_REKEY_IKE);
        for (unsigned step = 0; p->n && step < 100; step++)
            duo_deliver_at(p, order >> (step % 8) & 1 ? p->n - 1 : 0);
        duo_pass(p, 60 * S);
        one_pair(p);
        cr_assert_eq(p->s[0].ike->n_sas, 1);
        cr_assert_eq(p->s[1].ike->n_sas, 1);
        cr_assert_eq(strstr(p->s[0].trace, "down"), NULL, "order %u: %s", order, p->s[0].trace);
        duo_end(p);
    }
}

/** Every pair of commands, every order of the first datagrams, one datagram lost each way. */
static void command(duo *p, int i, int what)
{
    side *s = &p->s[i];
    switch (what) {
    case 0: nhi_ike_rekey(s->ike, s->peer, NHTB_REKEY_CHILD, p->now); break;
    case 1: nhi_ike_rekey(s->ike, s->peer, NHTB_REKEY_IKE, p->now); break;
    case 2: nhi_ike_child_hard(s->ike, s->last_spi_in, p->now); break;
    default: nhi_ike_clear(s->ike, s->peer, p->now); break;
    }
    duo_drain(p, i);
}

static void crossing(int a, int b, unsigned order, unsigned lost)
{
    duo *p = duo_new();
    srand(order * 7 + lost);
    for (int i = 0; i < 2; i++)
        p->s[i].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    p->s[1].cfg.establish = NHTB_ESTABLISH_ON_TRAFFIC;
    duo_start(p);
    duo_run(p);
    duo_clear(p);
    p->sent[0] = p->sent[1] = 0;
    if (lost)
        p->lose[lost & 1] = UINT64_C(1) << (lost >> 1);
    command(p, 0, a);
    command(p, 1, b);
    for (unsigned step = 0; p->n && step < 100; step++)
        duo_deliver_at(p, order >> (step % 4) & 1 ? p->n - 1 : 0);
    duo_pass(p, 200 * S);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(duo_sas(p, i), 1, "%d x %d order %u lost %u side %d: %s", a, b, order, lost, i,
                     p->s[i].trace);
        cr_assert_eq(p->s[i].installed, 1, "%d x %d order %u lost %u side %d: %s", a, b, order,
                     lost, i, p->s[i].trace);
        cr_assert_eq(p->s[i].reserved, 1, "%d x %d order %u lost %u", a, b, order, lost);
    }
    cr_assert_eq(duo_child(p, 0, 0)->spi_in, duo_child(p, 1, 0)->spi_out);
    duo_end(p);
}

Test(ike_rekey, crossing_commands_converge_in_every_order_and_with_losses)
{
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++)
            for (unsigned order = 0; order < 16; order++)
                for (unsigned lost = 0; lost < 8; lost++)
                    crossing(a, b, order, lost);
}

Test(ike_rekey, an_unknown_child_is_answered_and_made_anew)
{
    duo *p = duo_new();
    duo_up(p);
    nhi_ike_child *c = duo_child(p, 1, 0);
    nhi_ike_child_remove(c); /* side 1 lost it without telling */
    duo_drain(p, 1);
    duo_clear(p);
    rekey(p, 0, NHTB_REKEY_CHILD);
    duo_pass(p, 10 * S);
    one_pair(p);
    duo_end(p);
}

Test(ike_rekey, nonces_compare_octet_by_octet_and_a_prefix_is_lower)
{
    static const uint8_t a[] = {1, 2, 3}, b[] = {1, 2, 4}, c[] = {1, 2};
    cr_assert_lt(nhi_ike_collide_cmp(a, 3, b, 3), 0);
    cr_assert_gt(nhi_ike_collide_cmp(b, 3, a, 3), 0);
    cr_assert_lt(nhi_ike_collide_cmp(c, 2, a, 3), 0);
    cr_assert_gt(nhi_ike_collide_cmp(a, 3, c, 2), 0);
    cr_assert_eq(nhi_ike_collide_cmp(a, 3, a, 3), 0);
}
