/* SPDX-License-Identifier: Apache-2.0
 * A peer's configuration at its edges: each part is checked alone, a refusal keeps nothing; and what
 * commands say to peers that are not there. RFC 7296 3.5, 3.13.1. */
#include "duo.h"

static duo *p;
static nhtb_ts ts[20];
static nhtb_proposal prop[9];

static void setup(void)
{
    p = duo_new();
    duo_start(p);
    for (size_t i = 0; i < 20; i++)
        ts[i] = net4("10.0.0.0", 8);
    memset(prop, 0, sizeof prop);
}

static void teardown(void)
{
    duo_end(p);
}

TestSuite(ike_config, .init = setup, .fini = teardown);

static int offer(const nhtb_peer *cfg)
{
    nhtb_peer_id id = {77};
    uint64_t live = p->s[0].live;
    int err = nhi_ike_peer_new(p->s[0].ike, cfg, &id);
    cr_expect_eq(err == 0, id.id != 0);
    if (!err) {
        nhi_ike_peer_del(p->s[0].ike, id, p->now);
        duo_drain(p, 0);
    } else {
        cr_expect_eq(p->s[0].live, live, "a refusal keeps %d", err);
    }
    return err;
}

#define TRY(want, change)                                                                          \
    do {                                                                                           \
        nhtb_peer cfg = p->s[0].cfg;                                                               \
        nhtb_child kid = p->s[0].child[0];                                                         \
        cfg.name = "other";                                                                        \
        cfg.children = &kid;                                                                       \
        change;                                                                                    \
        cr_expect_eq(offer(&cfg), want, #change);                                                  \
    } while (0)

static const char *const name31 = "abcdefghijklmnopqrstuvwxyz01234";
static const char *const name32 = "abcdefghijklmnopqrstuvwxyz012345";

Test(ike_config, names_counts_and_enums)
{
    TRY(0, (void)0);
    TRY(0, cfg.name = name31);
    TRY(NHTB_ERR_ARG, cfg.name = name32);
    TRY(NHTB_ERR_ARG, cfg.name = NULL);
    TRY(NHTB_ERR_ARG, cfg.name = "");
    TRY(NHTB_ERR_ARG, cfg.size = 4);
    TRY(NHTB_ERR_ARG, cfg.children = NULL);
    TRY(NHTB_ERR_ARG, cfg.n_children = 0);
    TRY(NHTB_ERR_ARG, cfg.n_children = NHI_IKE_CHILDREN + 1);
    TRY(NHTB_ERR_ARG, cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY + 1);
    TRY(NHTB_ERR_ARG, cfg.announce = NHTB_ANNOUNCE_OFF + 1);
    TRY(NHTB_ERR_ARG, cfg.psk = ((nhtb_span){NULL, 3}));
    TRY(NHTB_ERR_ARG, cfg.psk.n = 4097);
    TRY(NHTB_ERR_ARG, kid.size = 4);
    TRY(NHTB_ERR_ARG, kid.name = NULL);
    TRY(NHTB_ERR_ARG, kid.name = name32);
    nhtb_peer_id id = {5};
    cr_expect_eq(nhi_ike_peer_new(p->s[0].ike, NULL, &id), NHTB_ERR_ARG);
    cr_expect_eq(id.id, 0);
}

Test(ike_config, addresses)
{
    nhtb_addr odd = ip("192.0.2.9"), none = {0};
    odd.family = 5;
    TRY(NHTB_ERR_ARG, cfg.path.local = odd);
    TRY(NHTB_ERR_ARG, cfg.path.remote = odd);
    TRY(NHTB_ERR_ARG, cfg.path.remote = ip("2001:db8::1"));
    TRY(0, cfg.path.remote = none);
    TRY(0, cfg.path.local = none);
    TRY(NHTB_ERR_ARG, (cfg.path.remote = none, cfg.establish = NHTB_ESTABLISH_IMMEDIATELY));
    TRY(NHTB_ERR_ARG, (cfg.path.local = none, cfg.establish = NHTB_ESTABLISH_IMMEDIATELY));
    TRY(0, cfg.establish = NHTB_ESTABLISH_IMMEDIATELY);
}

static nhtb_identity id_of(uint8_t type, const char *text, size_t n)
{
    return (nhtb_identity){type, {(const uint8_t *)text, n}};
}

Test(ike_config, identities)
{
    static char big[NHTB_ID_MAX + 1];
    memset(big, 'a', sizeof big);
    TRY(0, cfg.remote_id = id_of(NHTB_ID_NONE, NULL, 0));
    TRY(0, cfg.remote_id = id_of(NHTB_ID_IPV4, "\1\2\3\4", 4));
    TRY(NHTB_ERR_ARG, cfg.remote_id = id_of(NHTB_ID_IPV4, "\1\2\3\4", 3));
    TRY(0, cfg.remote_id = id_of(NHTB_ID_IPV6, "0123456789abcdef", 16));
    TRY(NHTB_ERR_ARG, cfg.remote_id = id_of(NHTB_ID_IPV6, "0123456789abcdef", 15));
    TRY(0, cfg.remote_id = id_of(NHTB_ID_RFC822, "a@b", 3));
    TRY(0, cfg.remote_id = id_of(NHTB_ID_FQDN, big, NHTB_ID_MAX));
    TRY(NHTB_ERR_ARG, cfg.remote_id = id_of(NHTB_ID_FQDN, big, NHTB_ID_MAX + 1));
    TRY(NHTB_ERR_ARG, cfg.remote_id = id_of(NHTB_ID_FQDN, "", 0));
    TRY(NHTB_ERR_ARG, cfg.remote_id = id_of(NHTB_ID_FQDN, "a b", 3));
    TRY(NHTB_ERR_ARG, cfg.remote_id = id_of(NHTB_ID_FQDN, "a\x7f", 2));
    TRY(0, cfg.remote_id = id_of(NHTB_ID_KEY_ID, "\0\xff", 2));
    TRY(NHTB_ERR_ARG, cfg.remote_id = id_of(NHTB_ID_KEY_ID, "", 0));
    TRY(NHTB_ERR_ARG, cfg.remote_id = id_of(NHTB_ID_KEY_ID, big, NHTB_ID_MAX + 1));
    TRY(NHTB_ERR_ARG, cfg.remote_id = id_of(9, "x", 1));
    TRY(NHTB_ERR_ARG, cfg.local_id = id_of(NHTB_ID_FQDN, "", 0));
    TRY(0, cfg.local_id = id_of(NHTB_ID_NONE, NULL, 0));
}

Test(ike_config, selectors)
{
    TRY(0, (kid.local_ts = ts, kid.n_local_ts = 16));
    TRY(NHTB_ERR_ARG, (kid.local_ts = ts, kid.n_local_ts = 17));
    TRY(NHTB_ERR_ARG, kid.n_local_ts = 1);
    TRY(NHTB_ERR_ARG, kid.n_remote_ts = 1);
    TRY(NHTB_ERR_ARG, (kid.remote_ts = ts, kid.n_remote_ts = 17));
#define TS(want, change)                                                                           \
    TRY(want, {                                                                                    \
        ts[1] = net4("10.0.0.0", 8);                                                               \
        change;                                                                                    \
        kid.remote_ts = ts;                                                                        \
        kid.n_remote_ts = 2;                                                                       \
    })
    TS(0, ts[1].port_lo = ts[1].port_hi = 22);
    TS(0, (ts[1].port_lo = 65535, ts[1].port_hi = 0)); /* OPAQUE */
    TS(NHTB_ERR_ARG, (ts[1].port_lo = 65535, ts[1].port_hi = 1));
    TS(NHTB_ERR_ARG, (ts[1].port_lo = 9, ts[1].port_hi = 0));
    TS(NHTB_ERR_ARG, ts[1].lo.family = 0);
    TS(NHTB_ERR_ARG, ts[1].hi = ip("2001:db8::1"));
    TS(NHTB_ERR_ARG, (ts[1].lo = ip("10.0.0.9"), ts[1].hi = ip("10.0.0.8")));
#undef TS
}

Test(ike_config, proposals_that_no_backend_can_do_are_told_apart_from_malformed_ones)
{
    TRY(NHTB_ERR_ARG, cfg.n_proposals = 1);
    TRY(NHTB_ERR_ARG, (cfg.proposals = prop, cfg.n_proposals = 9));
    TRY(NHTB_ERR_ARG, kid.n_proposals = 1);
    TRY(NHTB_ERR_UNSUPPORTED, (cfg.proposals = prop, cfg.n_proposals = 8));
    TRY(NHTB_ERR_UNSUPPORTED, (kid.proposals = prop, kid.n_proposals = 1));
#define COUNT(member)                                                                              \
    TRY(NHTB_ERR_ARG, {                                                                            \
        memset(prop, 0, sizeof prop);                                                              \
        prop[0].member = NHTB_PROPOSAL_MAX + 1;                                                    \
        cfg.proposals = prop;                                                                      \
        cfg.n_proposals = 1;                                                                       \
    })
    COUNT(n_encr);
    COUNT(n_prf);
    COUNT(n_integ);
    COUNT(n_ke);
    COUNT(n_esn);
#undef COUNT
}

Test(ike_config, commands_to_peers_that_are_not_there)
{
    nhi_ike *ike = p->s[0].ike;
    nhtb_peer_id dead = {12345}, not_started;
    nhtb_peer cfg = p->s[0].cfg;
    cr_expect_eq(nhi_ike_initiate(ike, dead, p->now), NHTB_ERR_STALE);
    cr_expect_eq(nhi_ike_rekey(ike, dead, NHTB_REKEY_IKE, p->now), NHTB_ERR_STALE);
    cr_expect_eq(nhi_ike_clear(ike, dead, p->now), NHTB_ERR_STALE);
    nhi_ike_on_traffic(ike, dead, 0, p->now);
    nhi_ike_on_traffic(ike, p->s[0].peer, 1, p->now);
    nhi_ike_peer_del(ike, dead, p->now);
    nhi_ike_peer_start(ike, dead, p->now);
    nhi_ike_peer_start(ike, p->s[0].peer, p->now); /* a second time */
    nhi_ike_child_soft(ike, 4711, p->now);
    nhi_ike_child_hard(ike, 4711, p->now);
    nhi_ike_child_first_use(ike, 4711, p->now);
    nhi_ike_child_moved(ike, 4711, &cfg.path, p->now);
    nhi_ike_install_failed(ike, 4711, NHTB_ERR_MEMORY, p->now);
    duo_drain(p, 0);
    EXPECT(p, 0, "");
    cr_expect_eq(p->n, 0, "nothing was sent");
    cfg.name = "later";
    cr_assert_eq(nhi_ike_peer_new(ike, &cfg, &not_started), 0);
    nhtb_explain e = {.size = sizeof e};
    cr_expect_eq(nhi_ike_explain(ike, not_started, &e), NHTB_ERR_STALE, "inert until it starts");
    nhi_ike_peer_del(ike, not_started, p->now);
    nhi_ike_del(NULL);
}

Test(ike_config, a_responder_only_peer_never_starts_by_traffic)
{
    duo *q = duo_new();
    q->s[0].cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    duo_start(q);
    nhi_ike_on_traffic(q->s[0].ike, q->s[0].peer, 0, q->now);
    duo_drain(q, 0);
    cr_assert_eq(q->n, 0);
    nhi_ike_on_traffic(q->s[1].ike, q->s[1].peer, 0, q->now);
    duo_run(q);
    cr_assert(duo_child(q, 0, 0) && duo_child(q, 1, 0), "the other side may");
    duo_end(q);
}

Test(ike_config, a_hard_limit_ends_a_child_and_an_immediate_peer_makes_another)
{
    duo *q = duo_new();
    for (int i = 0; i < 2; i++)
        q->s[i].cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    duo_start(q);
    duo_pass(q, 60 * S);
    cr_assert(duo_child(q, 0, 0));
    uint32_t old = duo_child(q, 0, 0)->spi_in;
    duo_clear(q);
    nhi_ike_child_hard(q->s[0].ike, old, q->now);
    duo_run(q);
    cr_assert(strstr(q->s[0].trace, "remove0"), "%s", q->s[0].trace);
    duo_pass(q, 120 * S);
    cr_assert(duo_child(q, 0, 0) && duo_child(q, 1, 0));
    cr_assert_neq(duo_child(q, 0, 0)->spi_in, old);
    cr_assert_eq(q->s[0].installed, q->s[1].installed);
    duo_end(q);
}

/** A right wildcard entry; tests change one thing. */
static void pattern(nhtb_peer *cfg)
{
    static const uint8_t seed[64] = {1};
    cfg->wildcard = NHTB_WILDCARD_DOMAIN;
    cfg->remote_id = (nhtb_identity){NHTB_ID_FQDN, str("*.spokes.example")};
    cfg->seed = (nhtb_span){seed, 32};
    cfg->psk = (nhtb_span){NULL, 0};
    cfg->path.remote = (nhtb_addr){0};
    cfg->establish = NHTB_ESTABLISH_RESPONDER_ONLY;
}

Test(ike_config, a_pattern_has_a_seed_and_nobody_to_start_to)
{
    TRY(0, pattern(&cfg));
    TRY(0, (pattern(&cfg), cfg.connection_limit = 3, cfg.second_session = NHTB_SECOND_KEEP));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.remote_id.data = str("spokes.example")));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.seed.p = NULL));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.seed.n = 31));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.seed.n = 4097));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.psk = str("secret")));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.path.remote = ip("192.0.2.9")));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.second_session = NHTB_SECOND_KEEP + 1));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.reserved = 1));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.wildcard = NHTB_WILDCARD_KEY_ID + 1));
    TRY(NHTB_ERR_ARG, (pattern(&cfg), cfg.establish = NHTB_ESTABLISH_IMMEDIATELY));
}

Test(ike_config, what_belongs_to_patterns_is_refused_elsewhere)
{
    TRY(NHTB_ERR_ARG, cfg.seed = str("thirty-two octets of a seed......"));
    TRY(NHTB_ERR_ARG, cfg.connection_limit = 1);
    TRY(NHTB_ERR_ARG, cfg.second_session = NHTB_SECOND_KEEP);
    TRY(NHTB_ERR_ARG, cfg.reserved = 1);
}
