/* SPDX-License-Identifier: Apache-2.0
 * What strangers may cost a responder: half-open SAs by source, public-key jobs, failed
 * authentications, and answers without state, memory or amplification. */
#include "duo.h"

/** Side 0's IKE_SA_INIT request, not delivered. */
static datagram request(duo *p)
{
    duo_initiate(p, 0);
    cr_assert_eq(p->n, 1);
    datagram d = p->q[0];
    p->n = 0;
    p->cut[1] = true;
    return d;
}

/** The same from another initiator. */
static datagram other(const datagram *d, uint64_t spi, const char *from)
{
    datagram o = *d;
    nhi_put64(o.p, spi);
    if (from)
        o.path.remote = ip(from);
    return o;
}

/** Hands it to side 1 and, unless jobs shall wait, lets it work. */
static unsigned give(duo *p, const datagram *d, bool work)
{
    nhi_ike_act a;
    unsigned why = nhi_ike_recv(p->s[1].ike, &d->path, d->kind, (nhtb_span){d->p, d->n}, p->now);
    if (work)
        duo_drain(p, 1);
    else
        while (nhi_ike_act_next(p->s[1].ike, &a))
            ;
    return why;
}

/** The request again, with the cookie side 1 would ask for as its first payload. */
static datagram with_cookie(duo *p, const datagram *d)
{
    enum { N = 8 + NHI_COOKIE_LEN };
    nhi_ike_msg m;
    datagram o = *d;
    cr_assert_eq(nhi_ike_msg_parse(&m, d->p[16], d->p + 28, d->n - 28), NHI_CHAIN_OK);
    memmove(o.p + 28 + N, d->p + 28, d->n - 28);
    o.n = d->n + N;
    uint8_t *c = o.p + 28;
    c[0] = d->p[16];
    c[1] = 0;
    nhi_put16(c + 2, N);
    c[4] = c[5] = 0;
    nhi_put16(c + 6, NHI_N_COOKIE);
    nhi_cookie_make(&p->s[1].ike->cookie, nhi_ike_msg_get(&m, NHI_PL_NONCE, 0)->body, &d->path,
                    nhi_get64(d->p), c + 8);
    o.p[16] = NHI_PL_NOTIFY;
    nhi_put32(o.p + 24, (uint32_t)o.n);
    return o;
}

static void one_source(const char *const same[2], const char *elsewhere)
{
    duo *p = duo_new();
    p->s[1].settings.limits.half_open_per_source = 5;
    p->s[1].cfg.path = (nhtb_path){0};
    duo_start(p);
    datagram d = request(p);
    d.path.local = ip(strchr(elsewhere, ':') ? "2001:db8::1" : "192.0.2.2");
    for (uint64_t k = 0; k < 5; k++) {
        datagram o = other(&d, 100 + k, same[k & 1]), c = with_cookie(p, &o);
        if (k >= 3) /* the rest of its share is for who can be reached there */
            cr_assert_eq(give(p, &o, true), NHTB_REASON_IKE_COOKIE);
        cr_assert_eq(give(p, k >= 3 ? &c : &o, true), 0, "%llu", (unsigned long long)k);
    }
    datagram o = other(&d, 200, same[0]), c = with_cookie(p, &o);
    cr_assert_eq(give(p, &o, true), NHTB_REASON_IKE_SOURCE);
    cr_assert_eq(give(p, &c, true), NHTB_REASON_IKE_SOURCE);
    o = other(&d, 201, elsewhere);
    cr_assert_eq(give(p, &o, true), 0);
    cr_assert_eq(p->s[1].ike->half_open, 6);
    duo_pass(p, 31 * S);
    cr_assert_eq(p->s[1].ike->half_open, 0);
    o = other(&d, 202, same[0]);
    cr_assert_eq(give(p, &o, true), 0, "they ended, so there is room again");
    duo_end(p);
}

Test(ike_dos, half_open_sas_of_one_address_are_limited)
{
    one_source((const char *const[2]){"203.0.113.5", "203.0.113.5"}, "203.0.113.6");
}

Test(ike_dos, one_ipv6_network_of_64_bits_is_one_source)
{
    one_source((const char *const[2]){"2001:db8:1:2::5", "2001:db8:1:2:ffff::6"},
               "2001:db8:1:3::5");
}

Test(ike_dos, an_authenticated_sa_does_not_count)
{
    duo *p = duo_new();
    p->s[1].settings.limits.half_open_per_source = 1;
    duo_start(p);
    duo_initiate(p, 0);
    datagram d = p->q[0];
    duo_run(p);
    cr_assert_eq(duo_sa(p, 1)->state, NHI_SA_UP);
    datagram o = other(&d, 100, NULL), q = other(&d, 101, NULL);
    cr_assert_eq(give(p, &o, true), 0);
    cr_assert_eq(give(p, &q, true), NHTB_REASON_IKE_SOURCE);
    duo_end(p);
}

Test(ike_dos, public_key_jobs_are_bounded_and_under_load_behind_the_cookie)
{
    duo *p = duo_new();
    p->s[1].settings.limits.jobs = 2;
    p->s[1].cfg.path = (nhtb_path){0};
    duo_start(p);
    datagram d = request(p), o[3], c[3];
    static const char *const from[3] = {"203.0.113.1", "203.0.113.2", "203.0.113.3"};
    for (int i = 0; i < 3; i++) {
        o[i] = other(&d, (uint64_t)i + 100, from[i]);
        c[i] = with_cookie(p, &o[i]);
    }
    cr_assert_eq(give(p, &o[0], false), 0);
    cr_assert_eq(give(p, &o[1], false), NHTB_REASON_IKE_COOKIE);
    cr_assert_eq(give(p, &c[1], false), 0);
    cr_assert_eq(p->s[1].ike->n_jobs, 2);
    cr_assert_eq(give(p, &c[2], false), NHTB_REASON_IKE_BUSY);
    cr_assert_eq(p->s[1].ike->half_open, 2);
    duo_drain(p, 1);
    cr_assert_eq(p->s[1].ike->n_jobs, 0);
    cr_assert_eq(give(p, &o[2], true), 0);
    duo_end(p);
}

Test(ike_dos, failed_authentications_of_one_source_are_limited_and_forgiven)
{
    duo *p = duo_new();
    unsigned refused = 0;
    p->s[0].cfg.psk = str("wrong");
    duo_start(p);
    p->s[1].refuse_reason = 0;
    while (refused < 100 && p->s[1].refuse_reason != NHTB_REASON_IKE_AUTH_RATE) {
        duo_initiate(p, 0);
        duo_run(p);
        nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now);
        duo_drain(p, 0);
        duo_run(p);
        refused++;
    }
    cr_assert_eq(refused, 21, "%u: twenty at once", refused);
    cr_assert_eq(p->s[1].ike->count.auth_failed, 20);
    nhtb_path from = {.remote = ip("192.0.2.1")}, else_ = {.remote = ip("192.0.2.77")};
    cr_assert(nhi_ike_dos_may_fail(p->s[1].ike, &else_, p->now));
    cr_assert_not(nhi_ike_dos_may_fail(p->s[1].ike, &from, p->now));
    cr_assert(nhi_ike_dos_may_fail(p->s[1].ike, &from, p->now + S), "one more each second");
    duo_end(p);
}

Test(ike_dos, answers_without_state_cost_no_memory_and_never_amplify)
{
    duo *p = duo_new();
    p->s[1].settings.cookie_threshold = 0;
    duo_start(p);
    datagram init = request(p);
    uint64_t before = p->s[1].allocs, live = p->s[1].live, answers = 0;
    for (unsigned k = 0; k < 3000; k++) {
        nhi_ike_act a;
        unsigned out = 0;
        datagram d = other(&init, k + 1, NULL);
        nhi_put32(d.path.remote.b, 0x0a000000u + k);
        if (k % 3 == 1) {
            nhi_put64(d.p + 8, 77); /* an SPI nobody knows */
            d.p[18] = NHI_EX_INFORMATIONAL;
        } else if (k % 3 == 2) {
            d.p[17] = 0x30; /* a version to come */
        }
        if (k % 7 == 0 && k % 3) { /* a bare header is less than any answer */
            d.n = 28;
            nhi_put32(d.p + 24, 28);
        }
        p->now += S;
        (void)nhi_ike_recv(p->s[1].ike, &d.path, d.kind, (nhtb_span){d.p, d.n}, p->now);
        while (nhi_ike_act_next(p->s[1].ike, &a)) {
            cr_assert(a.kind == NHI_ACT_SEND && ++out == 1);
            cr_assert(a.data.n <= d.n, "%zu for %zu", a.data.n, d.n);
            answers++;
        }
    }
    cr_assert(answers > 2500, "%llu", (unsigned long long)answers);
    cr_assert_eq(p->s[1].allocs, before);
    cr_assert_eq(p->s[1].live, live);
    cr_assert_eq(p->s[1].ike->n_sas, 0);
    duo_end(p);
}

Test(ike_dos, a_request_changed_on_its_way_does_not_shut_out_the_right_one)
{
    duo *p = duo_new();
    duo_start(p);
    duo_initiate(p, 0);
    datagram d = p->q[0];
    d.p[d.n - 1] ^= 1; /* in the Vendor ID */
    cr_assert_eq(give(p, &d, true), 0);
    p->n = 1; /* its answer is lost */
    duo_run(p);
    cr_assert_eq(duo_sa(p, 0)->state, NHI_SA_UP);
    cr_assert_eq(p->s[1].ike->half_open, 1, "the responder keeps both");
    duo_end(p);
}
