/* SPDX-License-Identifier: Apache-2.0
 * IKEv1, the rest: what a first message may say about its sender, entries that take anybody, keys the
 * host does not have, messages of no meaning, addresses that stay with their client, ends in the
 * middle. RFC 2408, RFC 2409, RFC 2407 4.6.2. */
#include "duo.h"
#include "ike/v1/conf.h"
#include "v1_forge.h"

static nhi_ike_sa *first_sa(duo *p, int i)
{
    return nhi_list_empty(&p->s[i].ike->sas)
               ? NULL
               : NHI_CONTAINER(p->s[i].ike->sas.next, nhi_ike_sa, link);
}

static unsigned give(duo *p, int to, const datagram *d)
{
    unsigned why = nhi_ike_recv(p->s[to].ike, &d->path, d->kind, (nhtb_span){d->p, d->n}, p->now);
    duo_drain(p, to);
    return why;
}

/* ---- first messages ---- */

/** Aggressive message 1 with one payload's body replaced. */
static unsigned aggressive_with(uint8_t type, const uint8_t *body, size_t n)
{
    duo *p = duo_new_v1(NHTB_V1_AGGRESSIVE);
    static nhi_v1_msg m;
    nhi_ike_builder b;
    nhi_ike_hdr h;
    duo_start(p);
    duo_initiate(p, 0);
    datagram d = p->q[0], out = d;
    p->n = 0;
    cr_assert(nhi_ike_hdr_read(&h, d.p, d.n));
    cr_assert_eq(nhi_v1_msg_parse(&m, h.next, d.p + NHI_IKE_HDR, d.n - NHI_IKE_HDR, false),
                 NHI_CHAIN_OK);
    nhi_ike_build_init(&b, out.p, sizeof out.p, &h);
    for (size_t k = 0; k < m.n; k++)
        nhi_ike_build_payload(&b, m.pl[k].type,
                              m.pl[k].type == type ? (nhtb_span){body, n} : m.pl[k].body);
    out.n = nhi_ike_build_finish(&b);
    unsigned why = give(p, 1, &out);
    cr_assert_eq(p->n != 0, why == 0, "it is answered or nothing is");
    cr_assert_eq(p->s[1].ike->n_sas, why == 0);
    duo_end(p);
    return why;
}

Test(v1_more, an_identity_has_the_port_of_ike_or_none)
{
    static const struct {
        uint8_t id[5]; /* type, protocol, port, "a" */
        size_t n;
        bool good;
    } v[] = {
        {{2, 0, 0, 0, 'a'}, 5, true},
        {{2, 17, 1, 0xf4, 'a'}, 5, true},    /* 500 */
        {{2, 17, 0x11, 0x94, 'a'}, 5, true}, /* 4500 */
        {{2, 17, 0, 0, 'a'}, 5, true},
        {{2, 17, 1, 0xf5, 'a'}, 5, false},
        {{2, 6, 1, 0xf4, 'a'}, 5, false},
        {{2, 0, 1, 0xf4, 'a'}, 5, false},
        {{2, 0, 0, 0}, 4, false},
        {{1, 0, 0, 0, 'a'}, 5, false}, /* no address */
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        unsigned why = aggressive_with(NHI_V1_ID, v[k].id, v[k].n);
        cr_expect_eq(why == 0, v[k].good, "%zu: %s", k, nhtb_reason_name(why));
    }
}

Test(v1_more, keys_and_nonces_have_their_lengths)
{
    static const uint8_t b[300] = {4};
    static const struct {
        uint8_t type;
        size_t n;
        bool good;
    } v[] = {{NHI_V1_NONCE, 7, false},   {NHI_V1_NONCE, 8, true}, {NHI_V1_NONCE, 256, true},
             {NHI_V1_NONCE, 257, false}, {NHI_V1_KE, 31, false},  {NHI_V1_KE, 300, false}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        unsigned why = aggressive_with(v[k].type, b, v[k].n);
        cr_expect_eq(why == 0, v[k].good, "%zu: %s", k, nhtb_reason_name(why));
    }
}

Test(v1_more, a_host_that_shuts_down_begins_nothing)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    duo_start(p);
    duo_initiate(p, 0);
    datagram d = p->q[0];
    p->n = 0;
    nhi_ike_shutdown(p->s[1].ike, p->now);
    cr_assert_eq(give(p, 1, &d), NHTB_REASON_IKE_STATE);
    cr_assert_eq(p->s[1].ike->n_sas, 0);
    duo_end(p);
}

Test(v1_more, public_key_work_waits_while_the_queue_is_full)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[1].settings.limits.jobs = 1;
    duo_start(p);
    duo_initiate(p, 0);
    duo_deliver(p);
    duo_deliver(p);
    datagram d = p->q[0]; /* message 3 */
    p->n = 0;
    p->s[1].ike->n_jobs = 1; /* of somebody else */
    cr_assert_eq(give(p, 1, &d), NHTB_REASON_IKE_BUSY);
    p->s[1].ike->n_jobs = 0;
    cr_assert_eq(give(p, 1, &d), 0, "its copy is served");
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    duo_end(p);
}

/* ---- entries ---- */

Test(v1_more, an_entry_for_anybody_is_one_tunnel)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[1].cfg.remote_id = (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
    p->s[1].cfg.path.remote = (nhtb_addr){0};
    p->s[1].cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(p->s[1].installed, 1);
    duo_clear(p);
    nhtb_peer second = p->s[0].cfg;
    nhtb_peer_id id;
    second.name = "second";
    second.local_id = (nhtb_identity){NHTB_ID_FQDN, str("c")};
    cr_assert_eq(nhi_ike_peer_new(p->s[0].ike, &second, &id), 0);
    nhi_ike_peer_start(p->s[0].ike, id, p->now);
    cr_assert_eq(nhi_ike_initiate(p->s[0].ike, id, p->now), 0);
    duo_drain(p, 0);
    duo_run(p);
    cr_assert_not_null(strstr(p->s[1].trace, "auth_failed:capacity"), "%s", p->s[1].trace);
    cr_assert_eq(p->s[1].installed, 1, "the first one keeps it");
    duo_end(p);
}

Test(v1_more, without_a_key_from_the_host_nobody_comes_in)
{
    for (int mode = 0; mode < 2; mode++) {
        duo *p = duo_new_v1((nhtb_v1_mode)mode);
        p->s[1].cfg.psk = (nhtb_span){NULL, 0};
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        EXPECT(p, 1, mode ? "ask weak:aggressive_mode" : "ask");
        cr_assert_eq(nhi_ike_answer(p->s[1].ike, p->s[1].question, str(""), p->now), 0);
        duo_drain(p, 1);
        cr_assert_not_null(strstr(p->s[1].trace, "auth_failed:no_psk"), "%s", p->s[1].trace);
        cr_assert_eq(p->s[1].ike->n_sas, 0);
        duo_end(p);
    }
}

Test(v1_more, rows_tell_version_and_mode)
{
    for (int mode = 0; mode < 2; mode++) {
        duo *p = duo_new_v1((nhtb_v1_mode)mode);
        nhtb_ike_sa_info row = {.size = sizeof row};
        uint32_t cursor = 0;
        p->s[1].v1.dpd = mode != 0;
        duo_up(p);
        cr_assert(nhi_ike_sa_next(p->s[0].ike, &cursor, &row));
        cr_assert_eq(row.v1_mode, mode);
        cr_assert_eq(row.dpd, mode != 0, "both must know it");
        cr_assert_not(nhi_ike_sa_next(p->s[0].ike, &cursor, &row));
        duo_end(p);
    }
}

Test(v1_more, entries_that_cannot_be_are_refused)
{
    static char big[300];
    static const nhtb_prefix six[] = {{.addr = {.family = 6}, .len = 16}};
    static const nhtb_prefix long_[] = {{.addr = {.family = 4}, .len = 33}};
    static nhtb_v1_user u[1];
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    nhtb_v1 *v = &p->s[0].v1;
    const nhtb_v1 good = *v;
    const nhtb_v1_user fine = {str("a"), str("b"), {.family = 4, .b = {10, 0, 0, 1}}};
    nhtb_peer_id id;
    duo_start_side(p, 1);
    p->s[0].cfg.name = "c";
    v->users = u;
#define CASE(want, change)                                                                         \
    do {                                                                                           \
        *v = good;                                                                                 \
        u[0] = fine;                                                                               \
        v->users = u;                                                                              \
        v->n_users = 1;                                                                            \
        change;                                                                                    \
        cr_expect_eq(nhi_ike_peer_new(p->s[1].ike, &p->s[0].cfg, &id), want, #change);             \
    } while (0)
    CASE(NHTB_ERR_ARG, u[0].name = str(""));
    CASE(NHTB_ERR_ARG, u[0].name = ((nhtb_span){NULL, 1}));
    CASE(NHTB_ERR_ARG, u[0].name = ((nhtb_span){(uint8_t *)big, 256}));
    CASE(NHTB_ERR_ARG, u[0].password = ((nhtb_span){(uint8_t *)big, 256}));
    CASE(NHTB_ERR_ARG, u[0].address.family = 6);
    CASE(NHTB_ERR_ARG, v->size--);
    CASE(NHTB_ERR_ARG, v->mode = NHTB_V1_AGGRESSIVE + 1);
    CASE(NHTB_ERR_ARG, v->reserved[0] = 1);
    CASE(NHTB_ERR_ARG, v->reserved[1] = 1);
    CASE(NHTB_ERR_ARG, (v->n_split = 1, v->split = six));
    CASE(NHTB_ERR_ARG, (v->n_split = 1, v->split = long_));
    CASE(NHTB_ERR_ARG, v->domain = ((nhtb_span){(uint8_t *)big, 256}));
    CASE(0, u[0].address.family = 0);
#undef CASE
    duo_start_side(p, 0);
    duo_end(p);
}

/* ---- messages of no meaning ---- */

static unsigned informational(duo *p, uint8_t type, const uint8_t *body, size_t n)
{
    nhi_ike_builder b;
    nhi_v1_x x = {.sa = duo_sa(p, 1), .exchange = NHI_V1_EX_INFORMATIONAL, .initiator = true};
    nhi_ike_begin(x.sa->ike);
    cr_assert_eq(nhi_v1_new_mid(x.sa, &x.mid), 0);
    cr_assert_eq(nhi_v1_iv_phase2(x.sa->ike->env.crypto, x.sa->suite.prf, x.sa->v1->iv, x.mid,
                                  x.sa->v1->cipher.block, x.iv),
                 0);
    nhi_v1_send_inner(x.sa->ike, &b);
    nhi_ike_build_payload(&b, type, (nhtb_span){body, n});
    cr_assert_eq(nhi_v1_send(&x, &b, NHI_V1_ONCE, p->now), 0);
    duo_drain(p, 1);
    p->s[0].refuse_reason = 0;
    duo_run(p);
    return p->s[0].refuse_reason;
}

Test(v1_more, notifies_and_deletes_that_cannot_be_read_change_nothing)
{
    static const struct {
        uint8_t type;
        uint8_t body[32];
        size_t n;
    } v[] = {
        {NHI_V1_NOTIFY, {0, 0, 0, 1, 1, 0, 0}, 7},
        {NHI_V1_NOTIFY, {0, 0, 0, 1, 1, 16, 0, 14}, 8},  /* the SPI is missing */
        {NHI_V1_NOTIFY, {0, 0, 0, 2, 1, 0, 0x60, 2}, 8}, /* of another DOI */
        {NHI_V1_DELETE, {0, 0, 0, 1, 3, 4, 0}, 7},
        {NHI_V1_DELETE, {0, 0, 0, 1, 3, 4, 0, 2, 0, 0, 0, 1}, 12}, /* two are said */
        {NHI_V1_DELETE, {0, 0, 0, 1, 3, 4, 0, 0}, 8},              /* none is */
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        duo_up(p);
        (void)informational(p, v[k].type, v[k].body, v[k].n);
        EXPECT(p, 0, "");
        cr_assert(duo_sa(p, 0) && duo_child(p, 0, 0), "%zu", k);
        duo_end(p);
    }
}

Test(v1_more, a_protected_message_has_an_id_and_an_sa_with_keys)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    uint8_t spi[16] = {0};
    duo_start(p);
    duo_initiate(p, 0);
    nhi_ike_sa *sa = first_sa(p, 0);
    cr_assert_eq(nhi_v1_info_notify(sa, NHI_V1_PROTO_ISAKMP, (nhtb_span){NULL, 0},
                                    NHI_V1_N_R_U_THERE, (nhtb_span){NULL, 0}, p->now),
                 NHTB_ERR_STATE);
    cr_assert_eq(nhi_v1_info_delete_isakmp(sa, p->now), NHTB_ERR_STATE, "no keys yet");
    cr_assert_eq(nhi_v1_info_delete_children(sa, spi, 1, p->now), NHTB_ERR_STATE);
    duo_run(p);
    nhi_v1_dpd_probe(duo_sa(p, 0), p->now);
    duo_drain(p, 0);
    datagram d = p->q[0];
    p->n = 0;
    nhi_put32(d.p + 20, 0);
    cr_assert_eq(give(p, 1, &d), NHTB_REASON_IKE_MALFORMED);
    duo_end(p);
}

/* ---- mode config ---- */

static duo *with_config(void)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].v1.config = NHTB_V1_CLIENT;
    p->s[1].v1.config = NHTB_V1_SERVER;
    p->s[1].v1.pool = (nhtb_prefix){.addr = ip("10.9.0.0"), .len = 24};
    return p;
}

Test(v1_more, a_client_that_comes_back_has_its_address_still)
{
    duo *p = with_config();
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    nhtb_addr a = p->s[1].learnt;
    cr_assert_eq(nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now), 0);
    duo_run(p);
    duo_clear(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(nhtb_addr_equal(&p->s[1].learnt, &a), "%s", p->s[1].trace);
    EXPECT(p, 0, "ike_up install0 use0");
    EXPECT(p, 1, "ike_up install0 assign0 use0"); /* which is no news */
    duo_end(p);
}

Test(v1_more, a_unity_client_gets_what_there_is)
{
    duo *p = with_config();
    duo_start(p);
    duo_initiate(p, 0);
    while (p->n && p->q[0].p[18] != NHI_V1_EX_TRANSACTION)
        duo_deliver(p);
    first_sa(p, 1)->v1->vids |= NHI_V1_VID_UNITY;
    duo_run(p);
    cr_assert_eq(p->s[0].installed, 1, "no banner, no domain, no networks: %s", p->s[0].trace);
    duo_end(p);
}

Test(v1_more, a_session_cleared_in_the_middle_is_told_to_the_peer)
{
    duo *p = with_config();
    duo_start(p);
    duo_initiate(p, 0);
    while (p->n && p->q[0].p[18] != NHI_V1_EX_TRANSACTION)
        duo_deliver(p);
    cr_assert_eq(first_sa(p, 0)->state, NHI_SA_V1_CONFIG);
    p->n = 0;
    cr_assert_eq(nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now), 0);
    duo_drain(p, 0);
    cr_assert_eq(p->n, 1, "a delete");
    duo_run(p);
    cr_assert_eq(p->s[0].ike->n_sas + p->s[1].ike->n_sas, 0, "%s", p->s[1].trace);
    duo_end(p);
}

/* ---- questions ---- */

static duo *asking(void)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].v1.xauth = NHTB_V1_CLIENT;
    p->s[1].v1.xauth = NHTB_V1_SERVER;
    p->s[1].v1.n_users = 0;
    duo_start(p);
    p->s[0].ike->next_question = UINT32_MAX;
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 0, "ask");
    return p;
}

Test(v1_more, a_users_answer_is_bounded_and_a_question_has_a_number)
{
    static char big[NHI_V1_SECRET_MAX + 1];
    memset(big, 'x', sizeof big);
    const nhtb_span much = {(uint8_t *)big, sizeof big}, most = {(uint8_t *)big, sizeof big - 1};
    const struct {
        nhtb_span user, password;
        bool good;
    } v[] = {{most, most, true},
             {much, most, false},
             {most, much, false},
             {{NULL, 0}, most, false},
             {most, {NULL, 0}, true}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        duo *p = asking();
        nhtb_span user, password;
        cr_assert_neq(p->s[0].question, 0, "0 is none");
        cr_assert_eq(nhi_ike_question(p->s[0].ike, p->s[0].question, &user, &password), 0);
        cr_assert(user.n == 0 && password.n == 0, "the client's host says them");
        cr_assert_eq(nhi_ike_question(p->s[0].ike, 0, &user, &password), NHTB_ERR_STALE);
        nhtb_reply r = {.user = v[k].user, .password = v[k].password};
        cr_assert_eq(nhi_ike_answer_user(p->s[0].ike, p->s[0].question, &r, p->now), 0);
        duo_drain(p, 0);
        duo_run(p);
        cr_assert_eq(strstr(p->s[0].trace, "ike_failed:xauth") == NULL, v[k].good, "%zu: %s", k,
                     p->s[0].trace);
        cr_assert_eq(strstr(p->s[1].trace, "ask") != NULL, v[k].good, "%zu: %s", k, p->s[1].trace);
        duo_end(p);
    }
}

/* ---- many SAs ---- */

Test(v1_more, of_many_sas_with_one_peer_the_oldest_go)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    duo_up(p);
    for (unsigned i = 0; i < 8; i++) {
        p->now += S;
        cr_assert_eq(nhi_ike_peer_beside(nhi_ike_peer_get(p->s[0].ike, p->s[0].peer), p->now), 0);
        duo_drain(p, 0);
        duo_run(p);
    }
    cr_assert_leq(duo_sas(p, 0), 5);
    cr_assert_leq(duo_sas(p, 1), 5);
    cr_assert(duo_child(p, 0, 0) && duo_child(p, 0, 0)->sa == duo_sa(p, 0),
              "the newest has the pair");
    cr_assert_eq(p->s[0].installed, 1);
    duo_end(p);
}
