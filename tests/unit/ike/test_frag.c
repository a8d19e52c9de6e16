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

/** Feeds side 1 a fragment of side 0's next request, an INFORMATIONAL with an unknown notify. */
static unsigned feed(duo *p, const part *q)
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
    if (q->number == 1) /* a Vendor ID over all parts, each q->n bytes long */
        nhi_put16(inner + 2, (unsigned)(q->n * q->total));
    cr_assert_eq(nhi_sk_seal_fragment(&sa->sk, &s->mem, &s->crypto, &s->ike->lane, &h, &f,
                                      (nhtb_span){inner, q->n}, out, &len),
                 0);
    nhtb_path back = {.local = ip("192.0.2.2"),
                      .remote = ip("192.0.2.1"),
                      .local_port = sa->path.remote_port,
                      .remote_port = sa->path.local_port};
    unsigned why = nhi_ike_recv(p->s[1].ike, &back, sa->kind, (nhtb_span){out, len}, p->now);
    duo_drain(p, 1);
    return why;
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
