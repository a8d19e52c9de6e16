/* SPDX-License-Identifier: Apache-2.0
 * IKEv1: memory that runs out in fragments and between phase 1 and quick mode, hints that are none,
 * methods of XAuth, lifetimes as attributes, what a client may ask for. */
#include "duo.h"
#include "ike/v1/conf.h"
#include "ike/v1/parts.h"
#include "v1_forge.h"

static const nhtb_v1_user users[] = {
    {{(const uint8_t *)"alice", 5}, {(const uint8_t *)"wonderland", 10}, {.family = 0}}};

/* ---- fragments ---- */

/** A message of these payload octets with a header that says fragment, to side 1. */
static unsigned raw(duo *p, uint8_t next, const uint8_t *payloads, size_t n)
{
    uint8_t b[400] = {0};
    const nhi_ike_sa *sa = duo_sa(p, 1);
    nhtb_path path = sa->path;
    nhi_put64(b, sa->spi_i);
    nhi_put64(b + 8, sa->spi_r);
    b[16] = next;
    b[17] = NHI_V1_VERSION;
    b[18] = NHI_V1_EX_QUICK;
    nhi_put32(b + 24, (uint32_t)(28 + n));
    memcpy(b + 28, payloads, n);
    unsigned why = nhi_ike_recv(p->s[1].ike, &path, sa->kind, (nhtb_span){b, 28 + n}, p->now);
    duo_drain(p, 1);
    return why;
}

static duo *fragmenting(void)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].settings.fragment_size = p->s[1].settings.fragment_size = 200;
    duo_up(p);
    return p;
}

Test(v1_rest, a_fragment_stands_alone_and_is_well_formed)
{
    static const uint8_t one[] = {0, 0, 0, 12, 0, 7, 1, 0, 1, 2, 3, 4};
    static const uint8_t two[] = {10, 0, 0, 12, 0, 7, 1, 0, 1, 2, 3, 4, 0, 0, 0, 8, 1, 2, 3, 4};
    static const uint8_t cut[] = {0, 0, 0, 40, 0, 7, 1, 0};
    duo *p = fragmenting();
    cr_assert_eq(raw(p, NHI_V1_FRAGMENT, two, sizeof two), NHTB_REASON_IKE_FRAGMENT);
    cr_assert_eq(raw(p, NHI_V1_FRAGMENT, cut, sizeof cut), NHTB_REASON_IKE_FRAGMENT);
    cr_assert_null(duo_sa(p, 1)->v1->frags);
    cr_assert_eq(raw(p, NHI_V1_FRAGMENT, one, sizeof one), 0);
    cr_assert_not_null(duo_sa(p, 1)->v1->frags);
    duo_end(p);
}

Test(v1_rest, without_memory_a_fragment_did_not_come)
{
    static const uint8_t last[] = {0, 0, 0, 12, 0, 7, 1, 1, 1, 2, 3, 4};
    for (uint64_t k = 1; k <= 3; k++) { /* the list, the copy, the whole */
        duo *p = fragmenting();
        side *s = &p->s[1];
        s->fail_alloc = s->allocs + k;
        cr_assert_eq(raw(p, NHI_V1_FRAGMENT, last, sizeof last), NHTB_REASON_MEMORY, "%llu",
                     (unsigned long long)k);
        s->fail_alloc = 0;
        cr_assert_eq(raw(p, NHI_V1_FRAGMENT, last, sizeof last), NHTB_REASON_IKE_FRAGMENT,
                     "whole, but no message");
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
        duo_end(p);
    }
}

/* ---- hints ---- */

static unsigned clear_info(duo *p, int to, uint8_t type, const uint8_t *body, size_t n)
{
    uint8_t b[128];
    nhi_ike_builder w;
    const nhi_ike_sa *sa = NHI_CONTAINER(p->s[to].ike->sas.next, nhi_ike_sa, link);
    const nhi_ike_hdr h = {.spi_i = sa->spi_i,
                           .spi_r = sa->spi_r,
                           .version = NHI_V1_VERSION,
                           .exchange = NHI_V1_EX_INFORMATIONAL,
                           .msg_id = 9};
    nhtb_path path = sa->path;
    nhi_ike_build_init(&w, b, sizeof b, &h);
    nhi_ike_build_payload(&w, type, (nhtb_span){body, n});
    size_t len = nhi_ike_build_finish(&w);
    unsigned why = nhi_ike_recv(p->s[to].ike, &path, sa->kind, (nhtb_span){b, len}, p->now);
    duo_drain(p, to);
    return why;
}

Test(v1_rest, only_who_waits_for_an_answer_takes_a_hint)
{
    static const uint8_t refused[] = {0, 0, 0, 1, 1, 0, 0, 14}, cut[] = {0, 0, 0, 1, 1, 9, 0, 14};
    static const uint8_t del[] = {0, 0, 0, 1, 3, 4, 0, 1, 0, 0, 1, 0};
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    duo_start(p);
    duo_initiate(p, 0);
    duo_deliver(p);
    cr_assert_neq(clear_info(p, 1, NHI_V1_NOTIFY, refused, 8), 0, "a responder asks nothing");
    cr_assert_neq(clear_info(p, 0, NHI_V1_NOTIFY, cut, 8), 0);
    cr_assert_neq(clear_info(p, 0, NHI_V1_DELETE, del, 12), 0);
    cr_assert_eq(clear_info(p, 0, NHI_V1_NOTIFY, refused, 8), 0);
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "a hint changes nothing: %s", p->s[0].trace);
    cr_assert_neq(clear_info(p, 0, NHI_V1_NOTIFY, refused, 8), 0, "what is up waits for nothing");
    duo_end(p);
}

/* ---- between phase 1 and quick mode ---- */

static duo *with_xauth(bool asks)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    nhtb_v1 *c = &p->s[0].v1, *s = &p->s[1].v1;
    c->xauth = c->config = NHTB_V1_CLIENT;
    s->xauth = s->config = NHTB_V1_SERVER;
    s->config_push = c->config_push = asks;
    c->user = asks ? (nhtb_span){NULL, 0} : str("alice");
    c->password = str("wonderland");
    s->users = users;
    s->n_users = asks ? 0 : 1;
    s->pool = (nhtb_prefix){.addr = ip("10.9.0.0"), .len = 24};
    return p;
}

static void answer(duo *p, int i, uint32_t *seen)
{
    const nhtb_reply r = {.accept = true, .user = str("alice"), .password = str("wonderland")};
    if (p->s[i].question == *seen)
        return;
    *seen = p->s[i].question;
    (void)nhi_ike_answer_user(p->s[i].ike, *seen, &r, p->now);
    duo_drain(p, i);
    duo_run(p);
}

/** False: there is no k-th allocation. */
static bool starved(bool asks, int who, uint64_t k)
{
    duo *p = with_xauth(asks);
    uint32_t seen[2] = {0, 0};
    duo_start(p);
    p->s[who].fail_alloc = p->s[who].allocs + k;
    for (unsigned tries = 0; tries < 40 && !(duo_child(p, 0, 0) && duo_child(p, 1, 0)); tries++) {
        (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
        duo_drain(p, 0);
        duo_run(p);
        for (unsigned i = 0; i < 4; i++)
            answer(p, (int)(i & 1), &seen[i & 1]);
        if (!(duo_child(p, 0, 0) && duo_child(p, 1, 0)))
            duo_pass(p, 30 * S);
    }
    bool hit = p->s[who].allocs >= p->s[who].fail_alloc;
    cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0), "asks %d side %d allocation %llu: %s / %s",
              asks, who, (unsigned long long)k, p->s[0].trace, p->s[1].trace);
    duo_end(p);
    return hit;
}

Test(v1_rest, every_allocation_of_a_session_with_xauth_and_mode_config_may_fail_once)
{
    unsigned points = 0;
    for (int asks = 0; asks < 2; asks++)
        for (int who = 0; who < 2; who++)
            for (uint64_t k = 1; k < 200 && starved(asks != 0, who, k); k++)
                points++;
    printf("v1 xauth: %u allocations\n", points);
    cr_assert_gt(points, 60);
}

Test(v1_rest, xauth_has_a_method_for_keys_and_for_rsa)
{
    nhtb_v1 v = {.xauth = NHTB_V1_CLIENT};
    nhtb_peer cfg = {.v1 = &v};
    cr_assert_eq(nhi_v1_conf_auth(&cfg, true, NHI_V1_AUTH_PSK), NHI_V1_AUTH_XAUTH_PSK);
    cr_assert_eq(nhi_v1_conf_auth(&cfg, true, NHI_V1_AUTH_RSA), NHI_V1_AUTH_XAUTH_RSA);
    cr_assert_eq(nhi_v1_conf_auth(&cfg, true, NHI_V1_AUTH_ECDSA256), NHI_V1_AUTH_ECDSA256);
    cr_assert_eq(nhi_v1_conf_auth(&cfg, false, NHI_V1_AUTH_PSK), NHI_V1_AUTH_PSK, "a client asks");
    v.xauth = NHTB_V1_SERVER;
    cr_assert_eq(nhi_v1_conf_auth(&cfg, false, NHI_V1_AUTH_RSA), NHI_V1_AUTH_XAUTH_RSA);
    cr_assert_eq(nhi_v1_conf_auth(&cfg, true, NHI_V1_AUTH_RSA), NHI_V1_AUTH_RSA);
    cfg.v1 = NULL;
    cr_assert_eq(nhi_v1_conf_auth(&cfg, true, NHI_V1_AUTH_PSK), NHI_V1_AUTH_PSK);
}

/** Entries without a key of their own: the identity decides among them too. */
Test(v1_rest, entries_whose_key_the_host_has_are_told_apart_by_identity)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].cfg.local_id = (nhtb_identity){NHTB_ID_FQDN, str("c")};
    p->s[1].cfg.psk = (nhtb_span){NULL, 0};
    duo_start(p);
    nhtb_peer c = p->s[1].cfg;
    nhtb_peer_id id;
    c.name = "c";
    c.remote_id = (nhtb_identity){NHTB_ID_FQDN, str("c")};
    cr_assert_eq(nhi_ike_peer_new(p->s[1].ike, &c, &id), 0);
    nhi_ike_peer_start(p->s[1].ike, id, p->now);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(nhi_ike_answer(p->s[1].ike, p->s[1].question, str("secret"), p->now), 0);
    duo_drain(p, 1);
    duo_pass(p, 10 * S);
    cr_assert_not_null(duo_sa(p, 0));
    cr_assert_not(nhi_list_empty(&nhi_ike_peer_get(p->s[1].ike, id)->sas), "%s", p->s[1].trace);
    duo_end(p);
}

/* ---- selectors of a client ---- */

Test(v1_rest, of_the_pool_a_client_may_ask_for_its_own_address_alone)
{
    static const struct {
        const char *lo, *hi;
        bool pool, in;
    } v[] = {
        {"10.9.0.1", "10.9.0.1", true, true},     {"10.9.0.1", "10.9.0.2", true, false},
        {"10.9.0.0", "10.9.0.1", true, false},    {"10.9.0.9", "10.9.0.9", true, false},
        {"10.8.0.0", "10.9.0.1", true, false},    {"10.9.0.255", "10.10.0.1", true, false},
        {"10.8.0.0", "10.8.255.255", true, true}, {"10.10.0.0", "10.10.0.1", true, true},
        {"10.9.0.9", "10.9.0.9", false, true}, /* without a pool nothing is of it */
    };
    static const nhtb_v1_user fixed[] = {
        {{(const uint8_t *)"a", 1}, {NULL, 0}, {.family = 4, .b = {10, 9, 0, 1}}}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        nhtb_ts want = {.lo = ip(v[k].lo), .hi = ip(v[k].hi), .port_hi = 65535};
        p->s[0].v1.config = NHTB_V1_CLIENT;
        p->s[1].v1.config = NHTB_V1_SERVER;
        p->s[1].v1.users = fixed;
        p->s[1].v1.n_users = 1;
        if (v[k].pool)
            p->s[1].v1.pool = (nhtb_prefix){.addr = ip("10.9.0.0"), .len = 24};
        p->s[0].child[0].local_ts = &want;
        p->s[0].child[0].n_local_ts = 1;
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        cr_expect_eq(p->s[1].installed, v[k].in, "%zu: %s", k, p->s[0].trace);
        duo_end(p);
    }
}

/* ---- lifetimes as attributes ---- */

Test(v1_rest, lifetimes_are_pairs_of_type_and_number)
{
    enum { TYPE = 1, LIFE = 2 };
    static const struct {
        uint16_t attr[4], value[4];
        bool good;
        uint64_t s, kb;
    } v[] = {
        {{TYPE, LIFE}, {1, 600}, true, 600, 0},
        {{TYPE, LIFE, TYPE, LIFE}, {1, 600, 2, 5000}, true, 600, 5000},
        {{TYPE, LIFE, TYPE, LIFE}, {2, 5000, 1, 600}, true, 600, 5000},
        {{TYPE, LIFE}, {3, 600}, false, 0, 0},                     /* no unit */
        {{LIFE}, {600}, false, 0, 0},                              /* of what? */
        {{TYPE, TYPE}, {1, 2}, false, 0, 0},                       /* no number between */
        {{TYPE, LIFE, TYPE, LIFE}, {1, 600, 1, 700}, false, 0, 0}, /* said twice */
        {{TYPE, LIFE, 5}, {1, 600, 1}, false, 0, 0},               /* something else */
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        uint8_t b[64];
        uint64_t s = 9, kb = 9;
        nhi_wr w;
        nhi_wr_init(&w, b, sizeof b);
        for (size_t i = 0; i < 4 && v[k].attr[i]; i++)
            nhi_v1_attr_write_short(&w, v[k].attr[i], v[k].value[i]);
        cr_expect_eq(nhi_v1_lifetimes_read((nhtb_span){b, w.n}, &s, &kb), v[k].good, "%zu", k);
        if (v[k].good)
            cr_expect(s == v[k].s && kb == v[k].kb, "%zu", k);
    }
}
