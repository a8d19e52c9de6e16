/* SPDX-License-Identifier: Apache-2.0
 * XAuth and mode config between two rooms: side 0 is the client, side 1 the server. */
#include "duo.h"
#include "v1_forge.h"

static const nhtb_v1_user users[] = {
    {{(const uint8_t *)"bob", 3}, {(const uint8_t *)"builder", 7}, {.family = 0}},
    {{(const uint8_t *)"alice", 5},
     {(const uint8_t *)"wonderland", 10},
     {.family = 4, .b = {10, 9, 0, 77}}},
};

static duo *ready(nhtb_v1_mode mode)
{
    duo *p = duo_new_v1(mode);
    nhtb_v1 *c = &p->s[0].v1, *s = &p->s[1].v1;
    c->xauth = NHTB_V1_CLIENT;
    c->user = str("alice");
    c->password = str("wonderland");
    s->xauth = NHTB_V1_SERVER;
    s->users = users;
    s->n_users = 2;
    return p;
}

static void go(duo *p)
{
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
}

Test(v1_conf, the_right_user_comes_up)
{
    for (int mode = 0; mode < 2; mode++) {
        duo *p = ready((nhtb_v1_mode)mode);
        go(p);
        cr_assert(strstr(p->s[0].trace, "ike_up install0 use0"), "%s", p->s[0].trace);
        cr_assert(strstr(p->s[1].trace, "ike_up install0 use0"), "%s", p->s[1].trace);
        cr_assert_eq(duo_sa(p, 1)->v1->auth, NHI_V1_AUTH_XAUTH_PSK);
        cr_assert_str_eq(nhi_ike_peer_get(p->s[1].ike, p->s[1].peer)->user, "alice");
        duo_end(p);
    }
}

static void wrong(const char *user, const char *password)
{
    duo *p = ready(NHTB_V1_MAIN);
    p->s[0].v1.user = str(user);
    p->s[0].v1.password = str(password);
    go(p);
    EXPECT(p, 0, "ike_failed:xauth");
    cr_assert(strstr(p->s[1].trace, "auth_failed:xauth") == p->s[1].trace, "%s", p->s[1].trace);
    cr_assert(p->s[0].installed == 0 && p->s[1].installed == 0);
    cr_assert(duo_sas(p, 0) == 0 && duo_sas(p, 1) == 0, "%zu %zu", duo_sas(p, 0), duo_sas(p, 1));
    cr_assert_eq(p->s[1].ike->count.auth_failed, 1);
    duo_end(p);
}

Test(v1_conf, anything_but_the_right_pair_is_refused)
{
    wrong("alice", "wonderlane");
    wrong("alice", "wonderlan");
    wrong("alice", "wonderland ");
    wrong("alice", "builder");
    wrong("bob", "wonderland");
    wrong("alic", "wonderland");
    wrong("mallory", "wonderland");
    wrong("alice", "");
}

Test(v1_conf, a_user_without_a_password_is_no_user)
{
    static const nhtb_v1_user fixed[] = {
        {{(const uint8_t *)"alice", 5}, {NULL, 0}, {.family = 4, .b = {10, 9, 0, 1}}}};
    duo *p = ready(NHTB_V1_MAIN);
    p->s[1].v1.users = fixed;
    p->s[1].v1.n_users = 1;
    p->s[0].v1.password = str("");
    go(p);
    EXPECT(p, 0, "ike_failed:xauth");
    duo_end(p);
}

Test(v1_conf, who_does_not_want_xauth_finds_no_proposal)
{
    duo *p = ready(NHTB_V1_MAIN);
    p->s[0].v1.xauth = NHTB_V1_NO;
    go(p);
    cr_assert_eq(p->s[1].installed, 0, "%s", p->s[1].trace);
    duo_end(p);
    p = ready(NHTB_V1_MAIN);
    p->s[1].v1.xauth = NHTB_V1_NO;
    go(p);
    cr_assert_eq(p->s[1].installed, 0);
    duo_end(p);
}

/* ---- the host is asked ---- */

static void answer(duo *p, int i, const nhtb_reply *r)
{
    cr_assert_eq(nhi_ike_answer_user(p->s[i].ike, p->s[i].question, r, p->now), 0);
    duo_drain(p, i);
    duo_run(p);
}

Test(v1_conf, a_host_may_judge)
{
    for (int yes = 0; yes < 2; yes++) {
        duo *p = ready(NHTB_V1_MAIN);
        nhtb_span user, password;
        p->s[1].v1.n_users = 0;
        go(p);
        EXPECT(p, 1, "ask");
        cr_assert_eq(nhi_ike_question(p->s[1].ike, p->s[1].question, &user, &password), 0);
        cr_assert(user.n == 5 && memcmp(user.p, "alice", 5) == 0);
        cr_assert(password.n == 10 && memcmp(password.p, "wonderland", 10) == 0);
        answer(p, 1, &(nhtb_reply){.accept = yes != 0});
        EXPECT(p, 0, yes ? "ike_up install0 use0" : "ike_failed:xauth");
        nhtb_reply again = {.accept = true};
        cr_assert_eq(nhi_ike_answer_user(p->s[1].ike, p->s[1].question, &again, p->now),
                     NHTB_ERR_STALE);
        cr_assert_eq(nhi_ike_question(p->s[1].ike, p->s[1].question, &user, &password),
                     yes ? NHTB_ERR_STALE : NHTB_ERR_STALE);
        duo_end(p);
    }
}

Test(v1_conf, a_client_may_ask_its_user)
{
    for (int yes = 0; yes < 2; yes++) {
        duo *p = ready(NHTB_V1_MAIN);
        p->s[0].v1.user = (nhtb_span){NULL, 0};
        go(p);
        EXPECT(p, 0, "ask");
        answer(p, 0, &(nhtb_reply){.user = str(yes ? "alice" : ""), .password = str("wonderland")});
        EXPECT(p, 0, yes ? "ask ike_up install0 use0" : "ask ike_failed:xauth");
        duo_end(p);
    }
}

Test(v1_conf, a_question_nobody_answers_ends)
{
    duo *p = ready(NHTB_V1_MAIN);
    p->s[1].v1.n_users = 0;
    go(p);
    duo_pass(p, 400 * S);
    cr_assert(duo_sas(p, 1) == 0 || duo_sa(p, 1)->state != NHI_SA_UP, "%s", p->s[1].trace);
    cr_assert_eq(nhi_ike_answer_user(p->s[1].ike, 1, &(nhtb_reply){.accept = true}, p->now),
                 NHTB_ERR_STALE);
    duo_end(p);
}

/* ---- mode config ---- */

static duo *config(bool push)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].v1.config = NHTB_V1_CLIENT;
    p->s[1].v1.config = NHTB_V1_SERVER;
    p->s[0].v1.config_push = p->s[1].v1.config_push = push;
    p->s[1].v1.pool = (nhtb_prefix){.addr = ip("10.9.0.0"), .len = 24};
    p->s[1].v1.dns[0] = ip("10.9.0.53");
    return p;
}

Test(v1_conf, the_client_gets_an_address_and_speaks_for_it)
{
    for (int push = 0; push < 2; push++) {
        duo *p = config(push != 0);
        nhtb_addr a = ip("10.9.0.1");
        go(p);
        EXPECT(p, 0, "address_received ike_up install0 use0");
        cr_assert_str_eq(p->s[1].trace, push ? "address_given ike_up install0 assign0 use0"
                                             : "ike_up address_given install0 assign0 use0");
        cr_assert(nhtb_addr_equal(&p->s[1].learnt, &a), "binds as next hop");
        cr_assert(nhtb_addr_equal(&p->s[0].local_ts.lo, &a) &&
                  nhtb_addr_equal(&p->s[0].local_ts.hi, &a));
        cr_assert(nhtb_addr_equal(&p->s[1].remote_ts.lo, &a));
        duo_end(p);
    }
}

Test(v1_conf, users_and_hosts_may_have_their_own_addresses)
{
    duo *p = ready(NHTB_V1_AGGRESSIVE);
    p->s[0].v1.config = NHTB_V1_CLIENT;
    p->s[1].v1.config = NHTB_V1_SERVER;
    go(p);
    nhtb_addr a = ip("10.9.0.77");
    cr_assert(nhtb_addr_equal(&p->s[1].learnt, &a), "%s", p->s[1].trace);
    duo_end(p);
    p = config(false);
    static const nhtb_v1_user fixed[] = {
        {{(const uint8_t *)"a", 1}, {NULL, 0}, {.family = 4, .b = {10, 9, 0, 88}}}};
    p->s[1].v1.users = fixed;
    p->s[1].v1.n_users = 1;
    go(p);
    a = ip("10.9.0.88");
    cr_assert(nhtb_addr_equal(&p->s[1].learnt, &a), "by identity: %s", p->s[1].trace);
    duo_end(p);
}

Test(v1_conf, an_empty_pool_is_told_and_the_client_gives_up)
{
    for (int push = 0; push < 2; push++) {
        duo *p = config(push != 0);
        memset(&p->s[1].v1.pool, 0, sizeof p->s[1].v1.pool);
        go(p);
        cr_assert(strstr(p->s[1].trace, "limit:capacity"), "%s", p->s[1].trace);
        cr_assert(strstr(p->s[0].trace, "ike_failed"), "%s", p->s[0].trace);
        cr_assert_eq(p->s[0].installed, 0);
        duo_end(p);
    }
}

Test(v1_conf, our_own_address_is_not_given)
{
    duo *p = config(false);
    p->s[1].has_own = true;
    p->s[1].own = ip("10.9.0.1");
    p->s[1].cfg.announce = NHTB_ANNOUNCE_OFF;
    go(p);
    nhtb_addr a = ip("10.9.0.2");
    cr_assert(nhtb_addr_equal(&p->s[1].learnt, &a));
    duo_end(p);
}

Test(v1_conf, a_client_cannot_claim_anothers_address_of_the_pool)
{
    duo *p = config(false);
    nhtb_ts other = net4("10.9.0.9", 32);
    p->s[0].child[0].local_ts = &other;
    p->s[0].child[0].n_local_ts = 1;
    go(p);
    cr_assert(strstr(p->s[0].trace, "child_failed:no_selectors"), "%s", p->s[0].trace);
    cr_assert_eq(p->s[1].installed, 0);
    duo_end(p);
    p = config(false);
    nhtb_ts outside = net4("10.200.0.0", 16);
    p->s[0].child[0].local_ts = &outside;
    p->s[0].child[0].n_local_ts = 1;
    go(p);
    cr_assert_eq(p->s[1].installed, 1, "what is not of the pool is the selectors' business");
    duo_end(p);
}

Test(v1_conf, nobody_asks_a_server_without_mode_config)
{
    duo *p = config(false);
    p->s[1].v1.config = NHTB_V1_NO;
    go(p);
    duo_pass(p, 200 * S);
    cr_assert_eq(p->s[0].installed, 0, "%s", p->s[0].trace);
    duo_end(p);
}

Test(v1_conf, the_address_stays_through_phase_1_rekeys)
{
    duo *p = config(false);
    go(p);
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_IKE, p->now), 0);
    duo_run(p);
    duo_pass(p, 30 * S);
    cr_assert(strstr(p->s[0].trace, "ike_rekeyed"), "%s", p->s[0].trace);
    cr_assert(!strstr(p->s[0].trace + 20, "address_received"), "%s", p->s[0].trace);
    cr_assert(p->s[0].installed == 1 && p->s[1].installed == 1);
    duo_end(p);
}

/* Losses of every single datagram. */
static void lost(bool push, unsigned to, unsigned k)
{
    duo *p = ready(NHTB_V1_MAIN);
    p->s[0].v1.config = NHTB_V1_CLIENT;
    p->s[1].v1.config = NHTB_V1_SERVER;
    p->s[0].v1.config_push = p->s[1].v1.config_push = push;
    p->s[1].v1.pool = (nhtb_prefix){.addr = ip("10.9.0.0"), .len = 24};
    p->lose[to] = UINT64_C(1) << k;
    go(p);
    duo_pass(p, 60 * S);
    cr_assert(p->s[0].installed == 1 && p->s[1].installed == 1, "push %d, to %u, %u: %s / %s", push,
              to, k, p->s[0].trace, p->s[1].trace);
    duo_end(p);
}

Test(v1_conf, every_lost_message_is_made_up_for)
{
    for (unsigned push = 0; push < 2; push++)
        for (unsigned k = 0; k < 9; k++) {
            lost(push != 0, 0, k);
            lost(push != 0, 1, k);
        }
}

Test(v1_conf, entries_are_checked)
{
    duo *p = ready(NHTB_V1_MAIN);
    nhtb_v1 *v = &p->s[0].v1;
    nhtb_peer_id id;
    duo_start_side(p, 1);
    nhi_ike *ike = p->s[1].ike;
    const nhtb_v1 good = *v;
    p->s[0].cfg.name = "c";
#define BAD(change)                                                                                \
    do {                                                                                           \
        *v = good;                                                                                 \
        change;                                                                                    \
        cr_assert_eq(nhi_ike_peer_new(ike, &p->s[0].cfg, &id), NHTB_ERR_ARG, #change);             \
    } while (0)
    BAD(v->xauth = 3);
    BAD(v->config = 3);
    BAD(v->announce_form = 4);
    BAD(v->reserved[1] = 1);
    BAD(v->user = ((nhtb_span){NULL, 3}));
    BAD(v->password.n = 256);
    BAD(v->banner = ((nhtb_span){(const uint8_t *)"", 256}));
    BAD(v->n_users = 1);
    BAD(v->n_users = 4097; v->users = users);
    BAD(v->n_split = 17);
    BAD(v->n_split = 1);
    BAD(v->pool = ((nhtb_prefix){.addr = ip("10.0.0.1"), .len = 24}));
    BAD(v->pool = ((nhtb_prefix){.addr = ip("10.0.0.0"), .len = 7}));
    BAD(v->pool = ((nhtb_prefix){.addr = ip("2001:db8::"), .len = 64}));
#undef BAD
    *v = good;
    p->s[0].cfg.name = "b2";
    cr_assert_eq(nhi_ike_peer_new(ike, &p->s[0].cfg, &id), 0);
    duo_start_side(p, 0);
    duo_end(p);
}
