/* SPDX-License-Identifier: Apache-2.0
 * IKE fragments (RFC 7383) between two rooms: each lost, doubled, in every order, with each bit
 * inverted; and what authenticated fragments may not do. */
#include "duo.h"

#define SIZE 440 /* the engine allows no less than 576 */

static char long_a[241], long_b[241];

/** Identities so long that IKE_AUTH needs two fragments each way. */
static duo *start(uint16_t size_0, uint16_t size_1)
{
    duo *p = duo_new();
    memset(long_a, 'a', sizeof long_a - 1);
    memset(long_b, 'b', sizeof long_b - 1);
    nhtb_identity a = {NHTB_ID_FQDN, str(long_a)}, b = {NHTB_ID_FQDN, str(long_b)};
    p->s[0].cfg.local_id = p->s[1].cfg.remote_id = a;
    p->s[1].cfg.local_id = p->s[0].cfg.remote_id = b;
    p->s[0].settings.fragment_size = size_0;
    p->s[1].settings.fragment_size = size_1;
    duo_start(p);
    return p;
}

static void expect_up(duo *p)
{
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(duo_sas(p, i), 1);
        cr_assert_eq(duo_sa(p, i)->state, NHI_SA_UP);
        cr_assert_eq(p->s[i].installed, 1);
        cr_assert_null(duo_sa(p, i)->frags[0]);
        cr_assert_null(duo_sa(p, i)->frags[1]);
    }
}

static bool is_fragment(const datagram *d)
{
    size_t skip = d->kind == NHTB_PKT_UDP_4500 ? 4 : 0;
    return d->n > skip + 28 && d->p[skip + 16] == NHI_PL_SKF;
}

/** Until IKE_AUTH's fragments are on the way and nothing else. */
static void to_fragments(duo *p)
{
    while (p->n && !is_fragment(&p->q[0]))
        cr_assert(duo_deliver(p));
    cr_assert(p->n >= 2, "%zu", p->n);
    for (size_t i = 0; i < p->n; i++) {
        cr_assert(is_fragment(&p->q[i]));
        cr_assert(p->q[i].n <= SIZE - 28, "%zu", p->q[i].n);
    }
}

Test(ike_frag, a_long_auth_exchange_is_fragmented_both_ways)
{
    duo *p = start(SIZE, SIZE);
    duo_initiate(p, 0);
    to_fragments(p);
    size_t n = p->n;
    while (n--)
        duo_deliver(p);
    to_fragments(p); /* the answer */
    duo_run(p);
    expect_up(p);
    duo_end(p);
}

Test(ike_frag, without_the_notify_of_both_sides_nothing_is_fragmented)
{
    for (int who = 0; who < 3; who++) {
        duo *p = start(who & 1 ? SIZE : 0, who & 2 ? SIZE : 0);
        duo_initiate(p, 0);
        while (p->n) {
            cr_assert_not(is_fragment(&p->q[0]));
            duo_deliver(p);
        }
        expect_up(p);
        cr_assert_not(duo_sa(p, 0)->frag || duo_sa(p, 1)->frag);
        duo_end(p);
    }
}

Test(ike_frag, any_lost_fragment_is_repaired_by_sending_all_again)
{
    for (unsigned to = 0; to < 2; to++)
        for (unsigned k = 0; k < 6; k++) {
            duo *p = start(SIZE, SIZE);
            p->lose[to] = UINT64_C(1) << k;
            duo_initiate(p, 0);
            duo_run(p);
            duo_pass(p, 6 * S);
            expect_up(p);
            duo_end(p);
        }
}

Test(ike_frag, order_and_doubles_do_not_matter)
{
    for (unsigned order = 0; order < 32; order++) {
        duo *p = start(SIZE, SIZE);
        duo_initiate(p, 0);
        to_fragments(p);
        p->q[p->n] = p->q[order & 1]; /* one twice */
        p->n++;
        for (unsigned step = 0; p->n && step < 40; step++)
            duo_deliver_at(p, order >> (step % 5) & 1 ? p->n - 1 : 0);
        expect_up(p);
        duo_pass(p, 20 * S);
        expect_up(p);
        duo_end(p);
    }
}

Test(ike_frag, no_inverted_bit_is_taken)
{
    duo *p = start(SIZE, SIZE);
    duo_initiate(p, 0);
    to_fragments(p);
    datagram good[4];
    size_t n = p->n;
    cr_assert(n >= 2 && n <= 4);
    memcpy(good, p->q, n * sizeof *good);
    p->n = 0;
    unsigned tried = 0;
    for (size_t k = 0; k < n; k++) {
        size_t skip = good[k].kind == NHTB_PKT_UDP_4500 ? 4 : 0;
        for (size_t bit = 0; bit < (good[k].n - skip) * 8; bit++, tried++) {
            datagram d = good[k];
            d.p[skip + bit / 8] ^= (uint8_t)(1u << bit % 8);
            p->now += S; /* answers in the clear are rare */
            (void)nhi_ike_recv(p->s[1].ike, &d.path, d.kind, (nhtb_span){d.p + skip, d.n - skip},
                               p->now);
            duo_drain(p, 1);
            p->n = 0;
            cr_assert_null(NHI_CONTAINER(p->s[1].ike->sas.next, nhi_ike_sa, link)->frags[0],
                           "bit %zu", bit);
        }
    }
    cr_assert(tried > 6000);
    memcpy(p->q, good, n * sizeof *good);
    p->n = n;
    duo_run(p);
    expect_up(p);
    duo_end(p);
}

/* ---- authenticated fragments that break the rules ---- */

typedef struct part {
    unsigned number, total;
    size_t n;
} part;

/** Feeds side 1 a fragment of side 0's next request, an INFORMATIONAL with a Vendor ID of `all` bytes;
 *  broken: its ICV is wrong. */
static unsigned feed_as(duo *p, const part *q, size_t all, bool broken)
{
    side *s = &p->s[0];
    nhi_ike_sa *sa = duo_sa(p, 0);
    uint8_t inner[2048] = {0}, out[2200];
    size_t len = sizeof out;
    nhi_ike_hdr h = {.spi_i = sa->spi_i,
                     .spi_r = sa->spi_r,
                     .version = NHI_IKE_VERSION,
                     .exchange = NHI_EX_INFORMATIONAL,
                     .flags = NHI_IKE_F_INITIATOR,
                     .msg_id = sa->out.next};
    nhi_ike_frag f = {.number = (uint16_t)q->number,
                      .total = (uint16_t)q->total,
                      .first = q->number == 1 ? NHI_PL_VID : NHI_PL_NONE};
    if (q->number == 1)
        nhi_put16(inner + 2, (unsigned)all);
    cr_assert_eq(nhi_sk_seal_fragment(&sa->sk, &s->mem, &s->crypto, &s->ike->lane, &h, &f,
                                      (nhtb_span){inner, q->n}, out, &len),
                 0);
    out[len - 1] ^= broken;
    nhtb_path back = {.local = ip("192.0.2.2"),
                      .remote = ip("192.0.2.1"),
                      .local_port = sa->path.remote_port,
                      .remote_port = sa->path.local_port};
    unsigned why = nhi_ike_recv(p->s[1].ike, &back, sa->kind, (nhtb_span){out, len}, p->now);
    duo_drain(p, 1);
    return why;
}

/** A right one; all parts are equally long. */
static unsigned feed(duo *p, const part *q)
{
    return feed_as(p, q, q->n * q->total, false);
}

static const nhi_ike_frags *set(duo *p)
{
    return duo_sa(p, 1)->frags[0];
}

static duo *up(void)
{
    duo *p = start(SIZE, SIZE);
    duo_initiate(p, 0);
    duo_run(p);
    expect_up(p);
    return p;
}

Test(ike_frag, numbers_that_cannot_be_are_dropped_without_a_trace)
{
    static const part bad[] = {{0, 2, 40}, {3, 2, 40}, {0, 0, 40}, {1, 65, 40}, {65, 65, 40}};
    duo *p = up();
    for (size_t i = 0; i < NHI_ARRAY_LEN(bad); i++) {
        cr_assert_eq(feed(p, &bad[i]), NHTB_REASON_IKE_FRAGMENT, "%zu", i);
        cr_assert_null(set(p));
    }
    expect_up(p);
    duo_end(p);
}

Test(ike_frag, a_smaller_total_and_a_double_are_dropped_a_larger_total_begins_anew)
{
    duo *p = up();
    cr_assert_eq(feed(p, &(part){1, 3, 40}), 0);
    cr_assert_eq(feed(p, &(part){1, 3, 40}), NHTB_REASON_IKE_FRAGMENT, "double");
    cr_assert_eq(feed(p, &(part){2, 2, 40}), NHTB_REASON_IKE_FRAGMENT, "smaller total");
    cr_assert_eq(set(p)->got, 1);
    cr_assert_eq(feed(p, &(part){2, 4, 30}), 0);
    cr_assert(set(p)->got == 1 && set(p)->total == 4 && !set(p)->part[0]);
    cr_assert_eq(feed(p, &(part){4, 4, 30}), 0);
    cr_assert_eq(feed(p, &(part){3, 4, 30}), 0);
    uint32_t before = duo_sa(p, 1)->in.next;
    cr_assert_eq(feed(p, &(part){1, 4, 30}), 0);
    cr_assert_null(set(p));
    cr_assert_eq(duo_sa(p, 1)->in.next, before + 1, "answered");
    expect_up(p);
    duo_end(p);
}

Test(ike_frag, sixty_four_fragments_are_one_message_and_its_bytes_are_bounded)
{
    duo *p = up();
    for (unsigned k = 64; k > 0; k--)
        cr_assert_eq(feed(p, &(part){k, 64, 50}), 0, "%u", k);
    cr_assert_null(set(p));
    duo_sa(p, 0)->out.next++;
    cr_assert_eq(feed(p, &(part){1, 3, 2000}), 0);
    cr_assert_eq(feed(p, &(part){2, 3, 2000}), 0);
    cr_assert_eq(feed(p, &(part){3, 3, 2000}), NHTB_REASON_IKE_FRAGMENT, "4,096 bytes at most");
    cr_assert_eq(set(p)->bytes, 4000);
    cr_assert_eq(duo_sa(p, 1)->state, NHI_SA_UP);
    duo_end(p);
}

Test(ike_frag, only_the_first_fragment_of_the_last_request_repeats_the_answer)
{
    duo *p = up();
    uint64_t before = p->s[1].ike->count.messages_out;
    cr_assert_eq(feed(p, &(part){1, 2, 40}), 0);
    cr_assert_eq(feed(p, &(part){2, 2, 40}), 0);
    cr_assert_eq(p->s[1].ike->count.messages_out, before + 1);
    cr_assert_eq(feed(p, &(part){2, 2, 40}), NHTB_REASON_IKE_MESSAGE_ID);
    cr_assert_eq(feed(p, &(part){1, 4, 20}), 0, "cut anew by its sender");
    cr_assert_eq(p->s[1].ike->count.messages_out, before + 2);
    expect_up(p);
    duo_end(p);
}

Test(ike_frag, an_empty_part_counts_and_without_the_notify_none_is_taken)
{
    duo *p = up();
    cr_assert_eq(feed(p, &(part){2, 2, 0}), 0);
    cr_assert(set(p)->got == 1 && set(p)->bytes == 0);
    cr_assert_eq(feed_as(p, &(part){1, 2, 40}, 40, false), NHTB_REASON_NONE);
    cr_assert_null(set(p));
    expect_up(p);
    duo_end(p);
    p = start(0, 0);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(feed(p, &(part){1, 2, 40}), NHTB_REASON_IKE_FRAGMENT);
    cr_assert_null(set(p));
    expect_up(p);
    duo_end(p);
}

Test(ike_frag, without_memory_a_fragment_is_lost_and_comes_again)
{
    duo *p = up();
    for (unsigned k = 1; k <= 2; k++) { /* the set, the part */
        p->s[1].fail_alloc = p->s[1].allocs + k;
        cr_assert_eq(feed(p, &(part){1, 2, 40}), NHTB_REASON_MEMORY, "%u", k);
        cr_assert(!set(p) || set(p)->got == 0);
    }
    p->s[1].fail_alloc = 0;
    cr_assert_eq(feed(p, &(part){1, 2, 40}), 0);
    cr_assert_eq(feed(p, &(part){2, 2, 40}), 0);
    cr_assert_null(set(p));
    expect_up(p);
    duo_end(p);
}

Test(ike_frag, what_looks_like_the_last_request_cut_anew_must_be_it)
{
    static const part bad[] = {{0, 2, 40}, {2, 4, 20}, {1, 65, 20}};
    for (unsigned frag = 0; frag < 2; frag++) {
        duo *p = frag ? up() : start(0, 0);
        if (!frag) {
            duo_initiate(p, 0);
            duo_run(p);
        }
        uint64_t before = p->s[1].ike->count.messages_out;
        duo_sa(p, 0)->out.next--; /* what side 1 has answered */
        for (size_t i = 0; i < NHI_ARRAY_LEN(bad); i++)
            cr_assert_eq(feed(p, &bad[i]), NHTB_REASON_IKE_MESSAGE_ID, "%zu", i);
        cr_assert_eq(feed_as(p, &(part){1, 4, 20}, 80, true), NHTB_REASON_IKE_MESSAGE_ID);
        cr_assert_eq(feed(p, &(part){1, 4, 20}),
                     frag ? NHTB_REASON_NONE : NHTB_REASON_IKE_MESSAGE_ID);
        cr_assert_eq(p->s[1].ike->count.messages_out > before, frag, "answered again");
        duo_sa(p, 0)->out.next++;
        expect_up(p);
        duo_end(p);
    }
}

Test(ike_frag, a_fragment_before_there_are_keys_is_dropped)
{
    duo *p = start(SIZE, SIZE);
    duo_initiate(p, 0);
    datagram d = p->q[0];
    cr_assert_eq(nhi_ike_recv(p->s[1].ike, &d.path, d.kind, (nhtb_span){d.p, d.n}, p->now), 0);
    nhi_ike_sa *sa = NHI_CONTAINER(p->s[1].ike->sas.next, nhi_ike_sa, link);
    cr_assert(sa->state == NHI_SA_R_KE && !sa->have_keys); /* its job is under way */
    uint8_t m[80] = {0};
    nhi_ike_hdr h = {.spi_i = sa->spi_i,
                     .spi_r = sa->spi_r,
                     .next = NHI_PL_SKF,
                     .version = NHI_IKE_VERSION,
                     .exchange = NHI_EX_INFORMATIONAL,
                     .flags = NHI_IKE_F_INITIATOR,
                     .length = sizeof m};
    nhi_ike_hdr_write(m, &h);
    nhi_put16(m + 30, sizeof m - 28);
    m[33] = m[35] = 1;
    for (uint32_t id = UINT32_MAX; id != 3; id++) { /* the first would be the one before 0 */
        nhi_put32(m + 20, id);
        cr_assert_neq(nhi_ike_recv(p->s[1].ike, &d.path, d.kind, (nhtb_span){m, sizeof m}, p->now),
                      0);
        cr_assert(sa->state == NHI_SA_R_KE && !sa->frags[0]);
    }
    duo_drain(p, 1);
    duo_run(p);
    expect_up(p);
    duo_end(p);
}

Test(ike_frag, more_than_sixty_four_parts_are_sent_whole)
{
    duo *p = up();
    nhi_ike_sa *sa = duo_sa(p, 0);
    size_t n = 800;
    while (nhi_ike_frag_needed(sa, n * 2))
        n *= 2;
    cr_assert(n >= 12800 && n < 64 * SIZE, "%zu", n);
    cr_assert_not(nhi_ike_frag_needed(sa, 64 * SIZE));
    cr_assert_not(nhi_ike_frag_needed(sa, 100));
    duo_end(p);
}

/* ---- what fails while fragments are made ---- */

static bool settles(duo *p)
{
    for (unsigned i = 0; i < 40; i++) {
        duo_run(p);
        if (duo_sas(p, 0) == 1 && duo_sas(p, 1) == 1 && duo_sa(p, 0)->state == NHI_SA_UP &&
            duo_sa(p, 1)->state == NHI_SA_UP && p->s[0].installed == 1 && p->s[1].installed == 1)
            return true;
        duo_pass(p, 10 * S);
        (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
        duo_drain(p, 0);
    }
    return false;
}

static unsigned each_failure(bool cbc, bool random)
{
    nhtb_proposal ike;
    unsigned points = 0;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_IKE,
                                     cbc ? "aes128-sha256-x25519" : "aes256gcm16-prfsha256-x25519",
                                     &ike, NULL),
                 0);
    for (int who = 0; who < 2; who++)
        for (uint64_t k = 1; k < 200; k++) {
            duo *p = start(SIZE, SIZE);
            side *s = &p->s[who];
            nhi_ike_del(p->s[0].ike);
            nhi_ike_del(p->s[1].ike);
            for (int i = 0; i < 2; i++) {
                p->s[i].cfg.proposals = &ike;
                p->s[i].cfg.n_proposals = 1;
            }
            duo_start(p);
            s->fail_random = random ? k : 0;
            s->fail_alloc = random ? 0 : s->allocs + k;
            (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
            duo_drain(p, 0);
            duo_run(p);
            bool hit = random ? s->fail_random == 0 : s->allocs >= s->fail_alloc;
            s->fail_random = s->fail_alloc = 0;
            cr_assert(settles(p), "side %d, %s %llu", who, random ? "random" : "allocation",
                      (unsigned long long)k);
            expect_up(p);
            duo_end(p);
            points += hit;
            if (!hit)
                break;
        }
    return points;
}

Test(ike_frag, each_failure_in_a_fragmented_exchange_is_repaired)
{
    unsigned gcm = each_failure(false, false), cbc = each_failure(true, false);
    unsigned random = each_failure(true, true);
    fprintf(stderr,
            "fragmented establishment: %u allocations, %u draws of randomness failed once\n",
            gcm + cbc, random);
    cr_assert(gcm >= 40 && cbc >= 40 && random >= 8, "%u %u %u", gcm, cbc, random);
}
