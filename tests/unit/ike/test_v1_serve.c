/* SPDX-License-Identifier: Apache-2.0
 * What a mode-config server gives to whom, and what XAuth and mode config do with messages that say
 * something else: side 0 is the client, side 1 the server. draft-beaulieu-ike-xauth-02, draft-dukes-
 * ike-mode-cfg-02. */
#include "duo.h"
#include "ike/v1/conf.h"
#include "v1_forge.h"

static const nhtb_v1_user users[] = {
    {{(const uint8_t *)"alice", 5}, {(const uint8_t *)"wonderland", 10}, {.family = 0}}};

static duo *with_xauth(void)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    nhtb_v1 *c = &p->s[0].v1, *s = &p->s[1].v1;
    c->xauth = NHTB_V1_CLIENT;
    s->xauth = NHTB_V1_SERVER;
    c->user = str("alice");
    c->password = str("wonderland");
    s->users = users;
    s->n_users = 1;
    return p;
}

static duo *with_config(bool push)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].v1.config = NHTB_V1_CLIENT;
    p->s[1].v1.config = NHTB_V1_SERVER;
    p->s[0].v1.config_push = p->s[1].v1.config_push = push;
    p->s[1].v1.pool = (nhtb_prefix){.addr = ip("10.9.0.0"), .len = 24};
    return p;
}

static nhi_ike_sa *any_sa(duo *p, int i)
{
    nhi_list *sas = &nhi_ike_peer_get(p->s[i].ike, p->s[i].peer)->sas;
    return nhi_list_empty(sas) ? NULL : NHI_CONTAINER(sas->next, nhi_ike_sa, peer_link);
}

/** Runs until the nth transaction message (from 0) is about to be delivered. */
static datagram *transaction(duo *p, unsigned nth)
{
    duo_start(p);
    duo_initiate(p, 0);
    for (unsigned i = 0; p->n && i < 100; i++) {
        if (p->q[0].p[18] == NHI_V1_EX_TRANSACTION && nth-- == 0)
            return &p->q[0];
        duo_deliver(p);
    }
    cr_assert_fail("there is no such message");
    return NULL;
}

static void edit_at(duo *p, unsigned nth, v1_edit edit, void *user)
{
    datagram *d = transaction(p, nth);
    cr_assert(
        v1_forge(any_sa(p, !d->to), any_sa(p, d->to), d->p, &d->n, sizeof d->p, false, edit, user));
}

/* ---- what is given ---- */

typedef struct seen {
    uint8_t attrs[512];
    size_t n;
} seen;

static void look(void *user, const nhi_v1_msg *m, nhi_ike_builder *b)
{
    seen *s = user;
    nhi_v1_cfg c;
    cr_assert(nhi_v1_cfg_read(&c, nhi_v1_msg_get(m, NHI_V1_ATTR, 0)->body));
    cr_assert_leq(c.attrs.n, sizeof s->attrs);
    memcpy(s->attrs, c.attrs.p, c.attrs.n);
    s->n = c.attrs.n;
    v1_copy_all(NULL, m, b);
}

static nhtb_span attr(const seen *s, uint16_t type)
{
    nhi_v1_attr a;
    return nhi_v1_conf_attr((nhtb_span){s->attrs, s->n}, type, &a) ? a.value : (nhtb_span){NULL, 0};
}

static bool is(nhtb_span s, const void *p, size_t n)
{
    return s.n == n && memcmp(s.p, p, n) == 0;
}

Test(v1_serve, a_unity_client_gets_banner_domain_and_networks_too)
{
    static const nhtb_prefix split[] = {{.addr = {.family = 4, .b = {10, 1, 0, 0}}, .len = 16},
                                        {.addr = {.family = 4, .b = {0}}, .len = 0}};
    static const uint8_t networks[28] = {10, 1, 0, 0, 255, 255};
    for (unsigned unity = 0; unity < 2; unity++) {
        duo *p = with_config(false);
        seen s;
        nhtb_v1 *v = &p->s[1].v1;
        v->banner = str("hello");
        v->domain = str("example.org");
        v->split = split;
        v->n_split = 2;
        v->dns[0] = ip("10.9.0.53");
        v->dns[1] = ip("2001:db8::53");
        (void)transaction(p, 0);
        nhi_v1 *to = any_sa(p, 1)->v1;
        to->vids = (uint16_t)(unity ? to->vids | NHI_V1_VID_UNITY : to->vids & 0xff7f);
        duo_deliver(p);
        datagram *d = &p->q[0];
        cr_assert(v1_forge(any_sa(p, 1), any_sa(p, 0), d->p, &d->n, sizeof d->p, false, look, &s));
        cr_assert(is(attr(&s, NHI_V1_MC_IP4_ADDRESS), "\x0a\x09\x00\x01", 4));
        cr_assert(is(attr(&s, NHI_V1_MC_IP4_NETMASK), "\xff\xff\xff\xff", 4));
        cr_assert(is(attr(&s, NHI_V1_MC_IP4_DNS), "\x0a\x09\x00\x35", 4));
        cr_assert_eq(is(attr(&s, NHI_V1_MC_BANNER), "hello", 5), unity == 1);
        cr_assert_eq(is(attr(&s, NHI_V1_MC_DOMAIN), "example.org", 11), unity == 1);
        cr_assert_eq(is(attr(&s, NHI_V1_MC_SPLIT_INCLUDE), networks, sizeof networks), unity == 1);
        duo_run(p);
        cr_assert_eq(p->s[0].installed, 1);
        duo_end(p);
    }
}

Test(v1_serve, a_pool_of_one_and_of_two_gives_all_it_has)
{
    for (uint8_t len = 31; len <= 32; len++) {
        duo *p = with_config(false);
        nhtb_addr first = ip("10.9.0.8");
        p->s[1].v1.pool = (nhtb_prefix){.addr = first, .len = len};
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert(nhtb_addr_equal(&p->s[1].learnt, &first), "%s", p->s[1].trace);
        duo_end(p);
    }
}

/** A second client of side 0 with an entry of its own on side 1. */
static nhtb_peer_id second_client(duo *p)
{
    nhtb_peer_id id[2];
    for (int i = 0; i < 2; i++) {
        nhtb_peer c = p->s[i].cfg;
        c.name = "second";
        *(i ? &c.remote_id : &c.local_id) = (nhtb_identity){NHTB_ID_FQDN, str("c")};
        cr_assert_eq(nhi_ike_peer_new(p->s[i].ike, &c, &id[i]), 0);
        nhi_ike_peer_start(p->s[i].ike, id[i], p->now);
    }
    cr_assert_eq(nhi_ike_initiate(p->s[0].ike, id[0], p->now), 0);
    duo_drain(p, 0);
    duo_run(p);
    return id[1];
}

Test(v1_serve, two_clients_never_have_one_address)
{
    static const struct {
        uint8_t len;
        const char *second; /* NULL: there is none left */
    } v[] = {{24, "10.9.0.2"}, {31, "10.9.0.1"}, {32, NULL}, {30, "10.9.0.2"}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = with_config(false);
        p->s[1].v1.pool.len = v[k].len;
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert_eq(p->s[1].installed, 1, "%s", p->s[1].trace);
        duo_clear(p);
        nhtb_peer_id id = second_client(p);
        const nhi_ike_peer *q = nhi_ike_peer_get(p->s[1].ike, id);
        cr_assert_eq(q->address_given, v[k].second != NULL, "%u: %s", v[k].len, p->s[1].trace);
        if (v[k].second) {
            nhtb_addr a = ip(v[k].second);
            cr_assert(nhtb_addr_equal(&q->address, &a), "%u", v[k].len);
        } else {
            cr_assert_not_null(strstr(p->s[1].trace, "limit:capacity"), "%s", p->s[1].trace);
        }
        duo_end(p);
    }
}

Test(v1_serve, an_address_fixed_for_an_identity_is_not_given_twice)
{
    static const nhtb_v1_user fixed[] = {
        {{(const uint8_t *)"b", 1}, {NULL, 0}, {.family = 4, .b = {10, 9, 0, 66}}},
        {{(const uint8_t *)"c", 1}, {NULL, 0}, {.family = 4, .b = {10, 9, 0, 77}}},
        {{(const uint8_t *)"a", 1}, {NULL, 0}, {.family = 4, .b = {10, 9, 0, 77}}}};
    duo *p = with_config(false);
    p->s[1].v1.users = fixed;
    p->s[1].v1.n_users = 3;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    nhtb_addr a = ip("10.9.0.77");
    cr_assert(nhtb_addr_equal(&p->s[1].learnt, &a));
    duo_clear(p);
    nhtb_peer_id id = second_client(p);
    cr_assert_not(nhi_ike_peer_get(p->s[1].ike, id)->address_given);
    cr_assert_not_null(strstr(p->s[1].trace, "limit:capacity"), "%s", p->s[1].trace);
    duo_end(p);
}

/* ---- what a client takes ---- */

typedef struct says {
    uint8_t type;
    uint16_t attr[3];
    const char *value[3];
    size_t n[3]; /* 0 with a value: a short one, of its first two octets */
} says;

static void say(void *user, const nhi_v1_msg *m, nhi_ike_builder *b)
{
    const says *s = user;
    nhi_v1_cfg c;
    cr_assert(nhi_v1_cfg_read(&c, nhi_v1_msg_get(m, NHI_V1_ATTR, 0)->body));
    nhi_v1_build_cfg_begin(b, s->type ? s->type : c.type, c.id);
    for (size_t i = 0; i < 3 && s->attr[i]; i++) {
        const uint8_t *v = (const uint8_t *)s->value[i];
        if (v && !s->n[i])
            nhi_v1_attr_write_short(&b->w, s->attr[i], nhi_get16(v));
        else
            nhi_v1_attr_write(&b->w, s->attr[i], (nhtb_span){v, s->n[i]});
    }
    nhi_ike_build_end(b);
}

#define MC(v, len)                                                                                 \
    {                                                                                              \
        0, {NHI_V1_MC_IP4_ADDRESS}, {v},                                                           \
        {                                                                                          \
            len                                                                                    \
        }                                                                                          \
    }

Test(v1_serve, a_client_takes_one_host_address_or_gives_up)
{
    static const struct {
        says s;
        bool good;
    } v[] = {{MC("\x0a\x09\x00\x07", 4), true},
             {MC("\xe0\x00\x00\x01", 4), false},
             {MC("\x00\x00\x00\x00", 4), false},
             {MC("\xff\xff\xff\xff", 4), false},
             {MC("\x0a\x09\x00", 3), false},
             {MC("\x0a\x09\x00\x07\x00", 5), false},
             {MC(NULL, 0), false},
             {{0, {0}, {NULL}, {0}}, false},
             {{0, {7, 1}, {"\x0a", "\x0a\x09\x00\x07"}, {1, 4}}, true}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = with_config(false);
        says s = v[k].s;
        edit_at(p, 1, say, &s); /* the REPLY */
        duo_run(p);
        cr_assert_eq(strstr(p->s[0].trace, "address_received") != NULL, v[k].good, "%zu: %s", k,
                     p->s[0].trace);
        cr_assert_eq(strstr(p->s[0].trace, "ike_failed:capacity") != NULL, !v[k].good, "%zu: %s", k,
                     p->s[0].trace);
        duo_end(p);
    }
}

/** The message of the other kind, or of none, is no answer. */
Test(v1_serve, an_answer_has_the_kind_that_was_asked_for)
{
    for (uint8_t type = 1; type < 6; type++)
        for (unsigned push = 0; push < 2; push++) {
            duo *p = with_config(push != 0);
            uint8_t right = push ? NHI_V1_CFG_ACK : NHI_V1_CFG_REPLY;
            says s = {type, {NHI_V1_MC_IP4_ADDRESS}, {"\x0a\x09\x00\x07"}, {4}};
            edit_at(p, 1, say, &s);
            int to = p->q[0].to;
            p->s[to].refuse_reason = 0;
            duo_deliver(p);
            cr_assert_eq(p->s[to].refuse_reason, type == right ? 0u : NHTB_REASON_IKE_STATE,
                         "type %u push %u: %u", type, push, p->s[to].refuse_reason);
            duo_run(p);
            duo_end(p);
        }
}

/* ---- XAuth ---- */

#define GENERIC NHI_V1_XA_TYPE, NHI_V1_XA_USER, NHI_V1_XA_PASSWORD

Test(v1_serve, a_client_answers_what_it_can_and_says_so_where_it_cannot)
{
    enum { UP, PASSCODE, GIVES_UP, BAD };
    static const struct {
        says s;
        int then;
    } v[] = {
        {{0, {GENERIC}, {"\0\0"}, {0}}, UP},
        {{0, {NHI_V1_XA_USER, NHI_V1_XA_PASSWORD}, {NULL}, {0}}, UP},
        {{0, {NHI_V1_XA_USER, NHI_V1_XA_PASSCODE}, {NULL}, {0}}, PASSCODE},
        {{0, {NHI_V1_XA_USER, NHI_V1_XA_PASSCODE, NHI_V1_XA_PASSWORD}, {NULL}, {0}}, UP},
        {{0, {NHI_V1_XA_TYPE, NHI_V1_XA_USER}, {"\0\2"}, {0}}, GIVES_UP}, /* one-time passwords */
        {{0, {NHI_V1_XA_TYPE, NHI_V1_XA_CHALLENGE}, {"\0\0", "x"}, {0, 1}}, GIVES_UP},
        {{0, {NHI_V1_XA_NEXT_PIN}, {NULL}, {0}}, GIVES_UP},
        {{0, {NHI_V1_XA_STATUS}, {"\0\1"}, {0}}, GIVES_UP},
        {{0, {NHI_V1_XA_TYPE}, {"\0\0\0\0\0\0\0\0\0"}, {9}}, BAD}, /* a number too long */
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = with_xauth();
        says s = v[k].s;
        seen got = {.n = 0};
        edit_at(p, 0, say, &s);
        p->s[0].refuse_reason = 0;
        duo_deliver(p);
        cr_assert_eq(p->s[0].refuse_reason, v[k].then == BAD ? NHTB_REASON_IKE_MALFORMED : 0u,
                     "%zu", k);
        if (v[k].then == BAD) {
            duo_end(p);
            continue;
        }
        datagram *d = &p->q[0];
        if (v[k].then != GIVES_UP)
            cr_assert(
                v1_forge(any_sa(p, 0), any_sa(p, 1), d->p, &d->n, sizeof d->p, false, look, &got));
        if (v[k].then == PASSCODE) {
            cr_assert(is(attr(&got, NHI_V1_XA_PASSCODE), "wonderland", 10), "%zu", k);
            cr_assert_null(attr(&got, NHI_V1_XA_PASSWORD).p);
        }
        duo_run(p);
        cr_assert_eq(strstr(p->s[0].trace, "ike_up") != NULL, v[k].then == UP, "%zu: %s", k,
                     p->s[0].trace);
        if (v[k].then == GIVES_UP) {
            EXPECT(p, 0, "ike_failed:xauth");
            cr_assert_not_null(strstr(p->s[1].trace, "auth_failed:xauth"), "%s", p->s[1].trace);
        }
        cr_assert_eq(p->s[1].installed, v[k].then == UP, "%zu", k);
        duo_end(p);
    }
}

Test(v1_serve, a_server_wants_a_name_and_a_password_of_bounded_length)
{
    static char big[NHI_V1_SECRET_MAX + 1];
    memset(big, 'x', sizeof big);
    const says v[] = {
        {0, {NHI_V1_XA_USER}, {"alice"}, {5}},
        {0, {NHI_V1_XA_PASSWORD}, {"wonderland"}, {10}},
        {0, {NHI_V1_XA_USER, NHI_V1_XA_PASSWORD}, {"", "wonderland"}, {0, 10}},
        {0, {NHI_V1_XA_USER, NHI_V1_XA_PASSWORD}, {big, "wonderland"}, {sizeof big, 10}},
        {0, {NHI_V1_XA_USER, NHI_V1_XA_PASSWORD}, {"alice", big}, {5, sizeof big}},
        {0, {NHI_V1_XA_STATUS}, {"\0\0"}, {0}}, /* the client gives up */
        {0,
         {NHI_V1_XA_STATUS, NHI_V1_XA_USER, NHI_V1_XA_PASSWORD},
         {"\0\1", "alice", "wonderland"},
         {0, 5, 10}},
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = with_xauth();
        says s = v[k];
        if (k == 2)
            s.value[0] = NULL;
        edit_at(p, 1, say, &s);
        duo_run(p);
        cr_assert_not_null(strstr(p->s[1].trace, "auth_failed:xauth"), "%zu: %s", k, p->s[1].trace);
        cr_assert_eq(p->s[1].installed, 0);
        cr_assert_eq(duo_sas(p, 1), 0, "%zu", k);
        duo_end(p);
    }
}

Test(v1_serve, a_status_says_yes_or_no)
{
    static const struct {
        says s;
        unsigned reason;
        const char *then;
    } v[] = {
        {{0, {NHI_V1_XA_STATUS}, {"\0\1"}, {0}}, 0, "ike_up"},
        {{0, {NHI_V1_XA_STATUS}, {"\0\0"}, {0}}, 0, "ike_failed:xauth"},
        {{0, {NHI_V1_XA_STATUS}, {"\0\2"}, {0}}, 0, "ike_failed:xauth"},
        {{0, {NHI_V1_XA_MESSAGE}, {"no"}, {2}}, NHTB_REASON_IKE_MALFORMED, ""},
        {{0, {NHI_V1_XA_STATUS}, {"\0\0\0\0\0\0\0\0\1"}, {9}}, NHTB_REASON_IKE_MALFORMED, ""},
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = with_xauth();
        says s = v[k].s;
        edit_at(p, 2, say, &s); /* SET */
        p->s[0].refuse_reason = 0;
        duo_deliver(p);
        cr_assert_eq(p->s[0].refuse_reason, v[k].reason, "%zu: %u", k, p->s[0].refuse_reason);
        cr_assert_eq(strncmp(p->s[0].trace, v[k].then, strlen(v[k].then)), 0, "%zu: %s", k,
                     p->s[0].trace);
        duo_end(p);
    }
}

Test(v1_serve, who_leaves_without_a_word_after_a_no_was_refused)
{
    duo *p = with_xauth();
    p->s[0].v1.password = str("wrong");
    (void)transaction(p, 2); /* SET FAIL is on its way */
    p->n = 0;
    p->cut[0] = p->cut[1] = true;
    duo_pass(p, 300 * S);
    cr_assert_eq(duo_sas(p, 1), 0);
    cr_assert_not_null(strstr(p->s[1].trace, "auth_failed:xauth"), "%s", p->s[1].trace);
    cr_assert_null(strstr(p->s[1].trace, "ike_up"));
    duo_end(p);
}

Test(v1_serve, names_are_shown_without_what_terminals_would_obey)
{
    static const nhtb_v1_user odd[] = {
        {{(const uint8_t *)"a\x1b[31m \xff", 8}, {(const uint8_t *)"pw", 2}, {.family = 0}}};
    duo *p = with_xauth();
    p->s[1].v1.users = odd;
    p->s[0].v1.user = odd[0].name;
    p->s[0].v1.password = str("pw");
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_str_eq(nhi_ike_peer_get(p->s[1].ike, p->s[1].peer)->user, "a.[31m..");
    duo_end(p);
}
