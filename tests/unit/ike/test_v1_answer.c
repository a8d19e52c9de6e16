/* SPDX-License-Identifier: Apache-2.0
 * Quick mode's messages 1 and 2 with other identities, nonces, keys and SPIs than they had: what is
 * agreement, what is narrowed, what is refused and told. RFC 2409 5.5, RFC 2407 4.6.2. */
#include "duo.h"
#include "v1_forge.h"

typedef struct change {
    uint8_t type;          /* payloads of this type are left out */
    const nhtb_ts *ids[3]; /* and these identities put at the end */
    size_t nonce;          /* a nonce of this length instead; 0: none */
    bool ke;               /* a KE payload nobody asked for */
    int spi;               /* another SPI; -1: as it is */
} change;

static void edit(void *user, const nhi_v1_msg *m, nhi_ike_builder *b)
{
    static uint8_t body[600];
    const change *c = user;
    for (size_t k = 1; k < m->n; k++) {
        nhtb_span s = m->pl[k].body;
        if (m->pl[k].type == c->type)
            continue;
        if (m->pl[k].type == NHI_V1_SA && c->spi >= 0) {
            memcpy(body, s.p, s.n);
            nhi_put32(body + 16, (uint32_t)c->spi);
            s.p = body;
        }
        nhi_ike_build_payload(b, m->pl[k].type, s);
    }
    if (c->nonce)
        nhi_ike_build_payload(b, NHI_V1_NONCE, (nhtb_span){body, c->nonce});
    if (c->ke)
        nhi_ike_build_payload(b, NHI_V1_KE, (nhtb_span){body, 32});
    for (size_t i = 0; i < 3 && c->ids[i]; i++) {
        nhi_ike_build_begin(b, NHI_V1_ID);
        cr_assert(nhi_v1_id_write_ts(&b->w, c->ids[i]));
        nhi_ike_build_end(b);
    }
}

static void selectors(side *s, const nhtb_ts *local, const nhtb_ts *remote)
{
    s->child[0].local_ts = local;
    s->child[0].remote_ts = remote;
    s->child[0].n_local_ts = local != NULL;
    s->child[0].n_remote_ts = remote != NULL;
}

/** Until quick mode's message n (from 1) has been changed; side 0 asks for net to net. */
static duo *changed(unsigned n, change c, const nhtb_ts *net)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    selectors(&p->s[0], net, net);
    duo_start(p);
    duo_initiate(p, 0);
    for (unsigned i = 0; i < 100; i++) {
        datagram *d = &p->q[0];
        cr_assert(p->n);
        if (d->p[18] == NHI_V1_EX_QUICK && --n == 0)
            break;
        duo_deliver(p);
    }
    datagram *d = &p->q[0];
    cr_assert(
        v1_forge(duo_sa(p, !d->to), duo_sa(p, d->to), d->p, &d->n, sizeof d->p, false, edit, &c));
    p->s[d->to].refuse_reason = 0;
    duo_deliver(p);
    return p;
}

static bool same(const nhtb_ts *a, const nhtb_ts *b)
{
    return nhtb_addr_equal(&a->lo, &b->lo) && nhtb_addr_equal(&a->hi, &b->hi);
}

Test(v1_answer, without_identities_message_1_is_about_the_two_hosts)
{
    duo *p = changed(1, (change){.type = NHI_V1_ID, .spi = -1}, NULL);
    duo_run(p);
    nhtb_ts us = net4("192.0.2.2", 32), them = net4("192.0.2.1", 32);
    cr_assert_eq(p->s[1].installed, 1, "%s", p->s[1].trace);
    cr_assert(same(&p->s[1].local_ts, &us) && same(&p->s[1].remote_ts, &them));
    duo_end(p);
}

Test(v1_answer, one_or_three_identities_are_none)
{
    nhtb_ts net = net4("10.0.0.0", 8);
    for (unsigned n = 1; n < 4; n += 2)
        for (unsigned message = 1; message < 3; message++) {
            change c = {.type = NHI_V1_ID, .ids = {&net}, .spi = -1};
            if (n == 3)
                c.ids[1] = c.ids[2] = &net;
            duo *p = changed(message, c, &net);
            cr_assert_eq(p->s[message == 1].installed, 0);
            duo_run(p);
            /* three do not even have the form of a message: as if it had been lost */
            cr_assert_eq(strstr(p->s[0].trace, "child_failed:") != NULL, n == 1,
                         "%u identities in message %u: %s", n, message, p->s[0].trace);
            cr_assert_eq(p->s[0].installed, 0);
            duo_end(p);
        }
}

Test(v1_answer, an_answer_may_narrow_or_say_nothing_but_not_widen)
{
    nhtb_ts net = net4("10.0.0.0", 8), sub = net4("10.5.0.0", 16), all = net4("0.0.0.0", 0),
            other = net4("172.16.0.0", 12);
    const struct {
        const nhtb_ts *local, *remote, *got_local, *got_remote; /* got NULL: refused */
    } v[] = {
        {NULL, NULL, &net, &net},   {&net, &net, &net, &net},   {&sub, &net, &sub, &net},
        {&net, &sub, &net, &sub},   {&all, &net, NULL, NULL},   {&net, &all, NULL, NULL},
        {&other, &net, NULL, NULL}, {&net, &other, NULL, NULL},
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        change c = {.type = NHI_V1_ID, .ids = {v[k].local, v[k].remote}, .spi = -1};
        duo *p = changed(2, c, &net);
        if (v[k].got_local) {
            cr_assert_eq(p->s[0].installed, 1, "%zu: %s", k, p->s[0].trace);
            cr_assert(same(&p->s[0].local_ts, v[k].got_local), "%zu", k);
            cr_assert(same(&p->s[0].remote_ts, v[k].got_remote), "%zu", k);
        } else {
            EXPECT(p, 0, "ike_up child_failed:no_selectors");
            cr_assert_eq(p->s[0].installed, 0);
            duo_run(p);
            cr_assert_eq(p->s[1].installed, 0, "its half is deleted: %s", p->s[1].trace);
        }
        duo_end(p);
    }
}

Test(v1_answer, an_answer_that_is_none_is_told_and_undone)
{
    static const struct {
        change c;
        const char *told;
    } v[] = {
        {{.type = NHI_V1_NONCE, .nonce = 7, .spi = -1}, "malformed"},
        {{.type = NHI_V1_NONCE, .nonce = 257, .spi = -1}, "malformed"},
        {{.ke = true, .spi = -1}, "malformed"}, /* PFS that was not asked for */
        {{.spi = 5}, "no_proposal"},            /* a reserved SPI */
        {{.spi = 0}, "no_proposal"},
        {{.type = NHI_V1_NONCE, .nonce = 8, .spi = -1}, NULL},
        {{.type = NHI_V1_NONCE, .nonce = 256, .spi = -1}, NULL},
    };
    nhtb_ts net = net4("10.0.0.0", 8);
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = changed(2, v[k].c, &net);
        cr_assert_eq(p->s[0].installed, v[k].told == NULL, "%zu: %s", k, p->s[0].trace);
        if (v[k].told) {
            const char *at = strstr(p->s[0].trace, "child_failed:");
            cr_assert(at && !strncmp(at + 13, v[k].told, strlen(v[k].told)), "%zu: %s", k,
                      p->s[0].trace);
            duo_run(p);
            cr_assert_eq(p->s[1].installed, 0, "its half is deleted: %s", p->s[1].trace);
        }
        duo_end(p);
    }
}

Test(v1_answer, a_first_message_that_is_none_changes_nothing)
{
    static const change v[] = {
        {.type = NHI_V1_NONCE, .nonce = 7, .spi = -1},
        {.type = NHI_V1_NONCE, .nonce = 257, .spi = -1},
        {.spi = 5},
        {.spi = 255},
        {.ke = true, .spi = -1}, /* a key of no group in the offer */
    };
    nhtb_ts net = net4("10.0.0.0", 8);
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = changed(1, v[k], &net);
        cr_assert_eq(p->s[1].installed, 0, "%zu: %s", k, p->s[1].trace);
        cr_assert_not_null(duo_sa(p, 1));
        cr_assert_null(nhi_v1_x_running(duo_sa(p, 1), NHI_V1_EX_QUICK), "%zu", k);
        duo_end(p);
    }
}

Test(v1_answer, selectors_that_no_pair_of_identities_can_say_are_told)
{
    nhtb_ts v4 = net4("10.0.0.0", 8), ports = v4;
    nhtb_prefix six = {.addr = ip("2001:db8::"), .len = 32};
    nhtb_ts v6 = nhtb_ts_from_prefix(&six);
    ports.proto = 17;
    ports.port_lo = 100;
    ports.port_hi = 200;
    const nhtb_ts *const remote[] = {&v6, &ports}; /* another family, a range of ports */
    for (size_t k = 0; k < NHI_ARRAY_LEN(remote); k++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        selectors(&p->s[0], &v4, remote[k]);
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        EXPECT(p, 0, "ike_up child_failed:no_selectors");
        cr_assert_eq(p->s[0].installed, 0);
        duo_end(p);
    }
}
