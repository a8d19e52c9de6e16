/* SPDX-License-Identifier: Apache-2.0
 * Which entry a message belongs to: by path, by suite, by both identities; and how an entry starts.
 * RFC 7296 2.1, 3.5; RFC 4301 4.4.3. */
#include <nhtb/psk.h>

#include "duo.h"

static duo *p;
static nhi_ike *ike;

static void setup(void)
{
    p = duo_new();
    p->s[0].cfg.name = NULL; /* entries are made by the tests */
    duo_start_side(p, 0);
    p->s[1].cfg.name = NULL;
    duo_start_side(p, 1);
    ike = p->s[0].ike;
    p->s[0].cfg.name = "x";
    p->s[0].cfg.establish = NHTB_ESTABLISH_ON_TRAFFIC;
}

static void teardown(void)
{
    duo_end(p);
}

TestSuite(ike_peer, .init = setup, .fini = teardown);

static nhtb_identity fqdn(const char *text)
{
    return (nhtb_identity){NHTB_ID_FQDN, str(text)};
}

/** Like the side's own configuration but for what a test changes. */
static nhtb_peer_id add(const char *name, const nhtb_peer *like, bool start)
{
    nhtb_peer c = *like;
    nhtb_peer_id id = {0};
    c.name = name;
    cr_assert_eq(nhi_ike_peer_new(ike, &c, &id), 0, "%s", name);
    if (start)
        nhi_ike_peer_start(ike, id, p->now);
    return id;
}

static nhtb_path path(const char *local, const char *remote, uint32_t scope)
{
    return (nhtb_path){.local = ip(local), .remote = ip(remote), .scope = scope};
}

static const char *for_init(const nhtb_path *from, const char *offer, bool *known)
{
    nhtb_proposal prop;
    nhi_suite suite;
    nhi_ike_peer *k;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_IKE, offer, &prop, NULL), 0);
    nhi_propose_offer(&ike->offer, NHTB_PROTO_IKE, &prop, 1, NULL, 0, false);
    nhi_ike_peer *q = nhi_ike_peer_for_init(ike, from, prop.ke[0], &suite, &k);
    *known = k != NULL;
    return q ? q->cfg.name : "";
}

Test(ike_peer, a_first_message_belongs_to_the_most_specific_entry_that_has_its_suite)
{
    nhtb_peer any = p->s[0].cfg, near = any, exact = any, other = any;
    nhtb_proposal gcm, chacha;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_IKE, "aes256gcm16-prfsha256-x25519", &gcm, NULL),
                 0);
    cr_assert_eq(
        nhtb_proposal_parse(NHTB_PROTO_IKE, "chacha20poly1305-prfsha256-x25519", &chacha, NULL), 0);
    any.path = near.path = (nhtb_path){.scope = 0};
    near.path.local = ip("192.0.2.1");
    other.path.scope = 7;
    any.proposals = near.proposals = &gcm;
    exact.proposals = &chacha;
    any.n_proposals = near.n_proposals = exact.n_proposals = 1;
    add("exact", &exact, true);
    add("any", &any, true);
    add("near", &near, true);
    add("scope 7", &other, true);
    add("not started", &exact, false);
    static const char *const c = "chacha20poly1305-prfsha256-x25519";
    static const char *const g = "aes256gcm16-prfsha256-x25519";
    const struct {
        const char *local, *remote, *offer, *want;
        uint32_t scope;
        bool known;
    } v[] = {
        {"192.0.2.1", "192.0.2.2", c, "exact", 0, true},
        {"192.0.2.1", "192.0.2.2", g, "near", 0, true},
        {"192.0.2.1", "192.0.2.9", g, "near", 0, true},
        {"192.0.2.1", "192.0.2.9", c, "", 0, true},
        {"192.0.2.77", "192.0.2.2", g, "any", 0, true},
        {"192.0.2.77", "192.0.2.2", c, "", 0, true},
        {"192.0.2.1", "192.0.2.2", g, "scope 7", 7, true},
        {"192.0.2.1", "192.0.2.9", g, "", 7, false},
        {"192.0.2.1", "192.0.2.2", g, "", 8, false},
        {"192.0.2.1", "192.0.2.2", "aes128gcm16-prfsha256-x25519", "", 0, true},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhtb_path from = path(v[i].local, v[i].remote, v[i].scope);
        bool known;
        cr_assert_str_eq(for_init(&from, v[i].offer, &known), v[i].want, "%zu", i);
        cr_assert_eq(known, v[i].known, "%zu", i);
    }
}

static const char *find(const nhi_ike_sa *sa, const char *idi, const char *idr)
{
    nhtb_identity i = fqdn(idi), r = idr ? fqdn(idr) : (nhtb_identity){0};
    nhi_ike_peer *q = nhi_ike_peer_find(ike, sa, &i, &r);
    return q ? q->cfg.name : "";
}

Test(ike_peer, identities_choose_among_entries_and_a_definite_one_wins)
{
    static uint8_t seed[NHTB_PSK_SEED_MIN];
    nhtb_peer exact = p->s[0].cfg, wild = exact, open = exact;
    exact.path.remote = wild.path.remote = open.path.remote = (nhtb_addr){0};
    exact.remote_id = fqdn("a.one.example");
    open.remote_id = (nhtb_identity){0};
    wild.psk = (nhtb_span){NULL, 0};
    wild.seed = (nhtb_span){seed, sizeof seed};
    wild.wildcard = NHTB_WILDCARD_DOMAIN;
    wild.remote_id = fqdn("*.one.example");
    nhtb_peer longer = wild;
    longer.remote_id = fqdn("*.sub.one.example");
    add("short", &wild, true);
    add("long", &longer, true);
    add("exact", &exact, true);
    add("asleep", &exact, false);
    nhi_ike_sa sa = {.path = path("192.0.2.1", "198.51.100.9", 0),
                     .suite = {.encr = 20, .key_bits = 256, .prf = 5, .ke = 31}};
    cr_assert_str_eq(find(&sa, "a.one.example", NULL), "exact");
    cr_assert_str_eq(find(&sa, "a.one.example", "a"), "exact", "it asks for us");
    cr_assert_str_eq(find(&sa, "a.one.example", "someone.else"), "");
    cr_assert_str_eq(find(&sa, "b.one.example", NULL), "short");
    cr_assert_str_eq(find(&sa, "b.sub.one.example", NULL), "long");
    cr_assert_str_eq(find(&sa, "b.two.example", NULL), "");
    add("anyone", &open, true);
    cr_assert_str_eq(find(&sa, "b.two.example", NULL), "anyone");
    cr_assert_str_eq(find(&sa, "b.one.example", NULL), "short");
    sa.path.scope = 3;
    cr_assert_str_eq(find(&sa, "a.one.example", NULL), "");
}

Test(ike_peer, the_suite_of_the_first_message_must_be_one_of_the_entrys_own)
{
    nhtb_proposal v[2];
    nhtb_peer c = p->s[0].cfg;
    c.path.remote = (nhtb_addr){0};
    c.remote_id = fqdn("a");
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_IKE, "aes128-sha256-prfsha256-x25519", &v[0], NULL),
                 0);
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_IKE, "aes256gcm16-prfsha384-ecp256", &v[1], NULL),
                 0);
    c.proposals = v;
    c.n_proposals = 2;
    add("two", &c, true);
    static const struct {
        nhi_suite suite;
        bool ok;
    } s[] = {
        {{.encr = 12, .key_bits = 128, .integ = 12, .prf = 5, .ke = 31}, true},
        {{.encr = 12, .key_bits = 128, .integ = 13, .prf = 5, .ke = 31}, false},
        {{.encr = 12, .key_bits = 256, .integ = 12, .prf = 5, .ke = 31}, false},
        {{.encr = 12, .key_bits = 128, .integ = 12, .prf = 6, .ke = 31}, false},
        {{.encr = 12, .key_bits = 128, .integ = 12, .prf = 5, .ke = 19}, false},
        {{.encr = 20, .key_bits = 256, .prf = 6, .ke = 19}, true},
        {{.encr = 20, .key_bits = 256, .prf = 6, .ke = 31}, false},
        {{.encr = 28, .key_bits = 256, .prf = 6, .ke = 19}, false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(s); i++) {
        nhi_ike_sa sa = {.path = path("192.0.2.1", "198.51.100.9", 0), .suite = s[i].suite};
        cr_assert_str_eq(find(&sa, "a", NULL), s[i].ok ? "two" : "", "%zu", i);
    }
}

Test(ike_peer, without_an_identity_of_its_own_an_entry_is_its_address)
{
    nhtb_peer c = p->s[0].cfg;
    c.local_id = (nhtb_identity){0};
    nhi_ike_peer *q = nhi_ike_peer_get(ike, add("x", &c, true));
    nhtb_path v4 = path("192.0.2.1", "192.0.2.2", 0), v6 = path("2001:db8::1", "2001:db8::2", 0);
    nhtb_identity id = nhi_ike_peer_local_id(q, &v4);
    cr_assert(id.type == NHTB_ID_IPV4 && id.data.n == 4 && id.data.p == v4.local.b);
    id = nhi_ike_peer_local_id(q, &v6);
    cr_assert(id.type == NHTB_ID_IPV6 && id.data.n == 16);
}

Test(ike_peer, a_port_of_its_own_is_used_from_the_first_message_on)
{
    static const struct {
        uint16_t local, remote, want_local, want_remote;
        uint8_t kind;
    } v[] = {{0, 0, 500, 500, NHTB_PKT_IKE_500},
             {0, 500, 500, 500, NHTB_PKT_IKE_500},
             {0, 4500, 4500, 4500, NHTB_PKT_UDP_4500},
             {0, 12345, 4500, 12345, NHTB_PKT_UDP_4500},
             {4501, 12345, 4501, 12345, NHTB_PKT_UDP_4500}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhtb_peer c = p->s[0].cfg;
        c.path.local_port = v[i].local;
        c.path.remote_port = v[i].remote;
        nhtb_peer_id id = add("x", &c, true);
        cr_assert_eq(nhi_ike_initiate(ike, id, p->now), 0);
        const nhi_ike_sa *sa = NHI_CONTAINER(ike->sas.next, nhi_ike_sa, link);
        cr_assert_eq(sa->path.local_port, v[i].want_local, "%zu", i);
        cr_assert_eq(sa->path.remote_port, v[i].want_remote, "%zu", i);
        cr_assert_eq(sa->kind, v[i].kind);
        nhi_ike_peer_del(ike, id, p->now);
        duo_drain(p, 0);
        p->n = 0;
    }
}

Test(ike_peer, a_start_that_fails_says_why_and_is_tried_again)
{
    nhtb_peer c = p->s[0].cfg;
    c.establish = NHTB_ESTABLISH_IMMEDIATELY;
    nhtb_peer_id id = add("x", &c, false);
    p->s[0].fail_alloc = p->s[0].allocs + 1;
    nhi_ike_peer_start(ike, id, p->now);
    duo_drain(p, 0);
    p->s[0].fail_alloc = 0;
    cr_assert_not_null(strstr(p->s[0].trace, "ike_failed:memory"), "%s", p->s[0].trace);
    duo_clear(p);
    p->s[0].fail_random = 1;
    duo_pass(p, 2 * S);
    cr_assert_not_null(strstr(p->s[0].trace, "ike_failed:random"), "%s", p->s[0].trace);
    duo_clear(p);
    ike->max_sas = 0;
    duo_pass(p, 4 * S);
    cr_assert_not_null(strstr(p->s[0].trace, "ike_failed:capacity"), "%s", p->s[0].trace);
    ike->max_sas = 64;
    duo_clear(p);
    duo_pass(p, 10 * S);
    cr_assert_eq(ike->n_sas, 1);
}

/* ---- peers that a pattern admits ---- */

static nhi_ike_peer *entry(void)
{
    static uint8_t seed[NHTB_PSK_SEED_MIN] = {1};
    nhtb_peer c = p->s[0].cfg;
    c.psk = (nhtb_span){NULL, 0};
    c.seed = (nhtb_span){seed, sizeof seed};
    c.wildcard = NHTB_WILDCARD_KEY_ID;
    c.remote_id = (nhtb_identity){NHTB_ID_KEY_ID, str("s-")};
    c.path.remote = (nhtb_addr){0};
    return nhi_ike_peer_get(ike, add("entry", &c, true));
}

static nhtb_identity key_id(const char *text)
{
    return (nhtb_identity){NHTB_ID_KEY_ID, str(text)};
}

Test(ike_peer, an_admitted_peer_has_the_name_of_its_identity_where_that_is_one)
{
    nhi_ike_peer *e = entry();
    static const struct {
        const char *id, *begins;
        bool whole;
    } v[] = {
        {"s-17", "s-17", true},
        {"s-with space", "s-with?space~", false},
        {"s-\x01\xff", "s-??~", false},
        {"s-abcdefghijklmnopqrstuvwxyz01", "s-abcdefghijklmnopqrstuvwxyz01", true},
        {"s-abcdefghijklmnopqrstuvwxyz0123456789", "s-abcdefghij", false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        int err;
        nhtb_identity id = key_id(v[i].id);
        nhi_ike_peer *q = nhi_ike_wildcard_spawn(e, &id, &err);
        cr_assert(q && err == 0, "%s: %d", v[i].id, err);
        cr_assert_eq(strncmp(q->cfg.name, v[i].begins, strlen(v[i].begins)), 0, "%s", q->cfg.name);
        cr_assert_eq(strcmp(q->cfg.name, v[i].id) == 0, v[i].whole, "%s", q->cfg.name);
        cr_assert_lt(strlen(q->cfg.name), (size_t)NHTB_NAME_MAX);
        cr_assert_eq(nhi_ike_wildcard_find(e, &id), q);
        cr_assert(nhi_ike_peer_is_instance(ike, q->id));
        nhi_ike_peer_drop(ike, q->id);
        cr_assert_null(nhi_ike_wildcard_find(e, &id));
    }
    cr_assert_eq(e->n_instances, 0);
}

static unsigned taken; /* names the engine has given away already */

static int join_after(void *user, nhtb_peer_id id)
{
    (void)user;
    (void)id;
    return taken && taken-- ? NHTB_ERR_EXISTS : 0;
}

Test(ike_peer, a_name_that_is_taken_gets_a_hash_and_after_eight_there_is_none)
{
    nhi_ike_peer *e = entry();
    nhtb_identity id = key_id("s-1");
    int err;
    ike->env.peer_join = join_after;
    for (unsigned n = 0; n < 10; n++) {
        taken = n;
        nhi_ike_peer *q = nhi_ike_wildcard_spawn(e, &id, &err);
        cr_assert_eq(q != NULL, n < 8, "%u", n);
        cr_assert_eq(err, n < 8 ? 0 : NHTB_ERR_EXISTS);
        if (!q)
            continue;
        cr_assert_eq(strncmp(q->cfg.name, "s-1~", 4) == 0, n > 0, "%s", q->cfg.name);
        nhi_ike_peer_drop(ike, q->id);
    }
    cr_assert_eq(e->n_instances, 0);
}

static int refuse_join(void *user, nhtb_peer_id id)
{
    (void)user;
    (void)id;
    return NHTB_ERR_LIMIT;
}

Test(ike_peer, what_the_engine_refuses_is_not_admitted)
{
    nhi_ike_peer *e = entry();
    nhtb_identity id = key_id("s-1");
    int err = 0;
    uint64_t live = p->s[0].live;
    ike->env.peer_join = refuse_join;
    cr_assert_null(nhi_ike_wildcard_spawn(e, &id, &err));
    cr_assert_eq(err, NHTB_ERR_LIMIT);
    ike->env.peer_join = NULL;
    for (uint64_t k = 1; k < 4; k++) {
        p->s[0].fail_alloc = p->s[0].allocs + k;
        if (nhi_ike_wildcard_spawn(e, &id, &err))
            break;
        cr_assert_eq(err, NHTB_ERR_MEMORY);
        cr_assert(e->n_instances == 0 && p->s[0].live <= live + 1, "a table may have grown");
    }
    p->s[0].fail_alloc = 0;
}

Test(ike_peer, only_admitted_peers_leave_and_they_leave_once)
{
    nhi_ike_peer *e = entry();
    nhtb_identity id = key_id("s-1");
    nhtb_peer_id none = {0x7fffffff};
    int err;
    nhi_ike_peer *q = nhi_ike_wildcard_spawn(e, &id, &err);
    cr_assert_not_null(q);
    nhtb_peer_id qid = q->id, eid = e->id;
    cr_assert_eq(nhi_ike_wildcard_first(ike, eid).id, qid.id);
    cr_assert_eq(nhi_ike_wildcard_first(ike, (nhtb_peer_id){0}).id, 0);
    cr_assert_not(nhi_ike_peer_idle(ike, none));
    cr_assert_not(nhi_ike_peer_idle(ike, eid));
    cr_assert_not(nhi_ike_peer_is_instance(ike, none) || nhi_ike_peer_is_instance(ike, eid));
    nhi_ike_peer_drop(ike, none);
    nhi_ike_peer_drop(ike, eid);
    cr_assert_eq(nhi_ike_peer_get(ike, eid), e);
    nhi_ike_wildcard_left(e);
    nhi_ike_wildcard_left(q);
    nhi_ike_wildcard_left(q);
    duo_drain(p, 0);
    EXPECT(p, 0, "left");
    cr_assert(nhi_ike_peer_idle(ike, qid));
    nhi_ike_peer_drop(ike, qid);
    cr_assert_null(nhi_ike_peer_get(ike, qid));
    cr_assert_eq(nhi_ike_wildcard_first(ike, eid).id, 0);
}
