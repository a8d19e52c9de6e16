/* SPDX-License-Identifier: Apache-2.0
 * What no state accepts: transitions, message identifiers, headers, payload counts, mutations.
 * RFC 7296 2.2, 2.5, 2.21; bug classes A to F. */
#include "duo.h"

Test(ike_state, transitions_are_exactly_the_diagram)
{
    static const char *const legal[NHI_SA_STATES] = {
        [NHI_SA_LARVAL] = "A K R U D", [NHI_SA_ASK] = "K D",
        [NHI_SA_INIT_KE] = "S D",      [NHI_SA_INIT_SENT] = "K k D",
        [NHI_SA_AUTH_KE] = "g s D",    [NHI_SA_AUTH_SENT] = "v U X D",
        [NHI_SA_R_KE] = "H D",         [NHI_SA_R_HALF] = "a V G U L D",
        [NHI_SA_R_ASK] = "H G U L D",  [NHI_SA_UP] = "Y X L D",
        [NHI_SA_REKEYED] = "X L D",    [NHI_SA_DELETING] = "L D",
        [NHI_SA_LINGER] = "D",         [NHI_SA_DEAD] = "",
        [NHI_SA_V1_KE_SENT] = "",      [NHI_SA_V1_R_SA] = "",
        [NHI_SA_V1_CONFIG] = "",       [NHI_SA_V1_BARE] = "",
        [NHI_SA_AUTH_SIGN] = "s D",    [NHI_SA_AUTH_VERIFY] = "U X D",
        [NHI_SA_R_VERIFY] = "G U L D", [NHI_SA_R_SIGN] = "U L D",
    };
    static const char letter[NHI_SA_STATES] = {
        [NHI_SA_LARVAL] = '0',    [NHI_SA_ASK] = 'A',         [NHI_SA_INIT_KE] = 'K',
        [NHI_SA_INIT_SENT] = 'S', [NHI_SA_AUTH_KE] = 'k',     [NHI_SA_AUTH_SENT] = 's',
        [NHI_SA_R_KE] = 'R',      [NHI_SA_R_HALF] = 'H',      [NHI_SA_R_ASK] = 'a',
        [NHI_SA_UP] = 'U',        [NHI_SA_REKEYED] = 'Y',     [NHI_SA_DELETING] = 'X',
        [NHI_SA_LINGER] = 'L',    [NHI_SA_DEAD] = 'D',        [NHI_SA_V1_KE_SENT] = '1',
        [NHI_SA_V1_R_SA] = '1',   [NHI_SA_V1_CONFIG] = '1',   [NHI_SA_V1_BARE] = '1',
        [NHI_SA_AUTH_SIGN] = 'g', [NHI_SA_AUTH_VERIFY] = 'v', [NHI_SA_R_VERIFY] = 'V',
        [NHI_SA_R_SIGN] = 'G',
    };
    for (unsigned from = 0; from < NHI_SA_STATES; from++)
        for (unsigned to = 0; to < NHI_SA_STATES; to++)
            cr_assert_eq(nhi_ike_sa_may(from, to), strchr(legal[from], letter[to]) != NULL,
                         "%s -> %s", nhi_ike_sa_state_name(from), nhi_ike_sa_state_name(to));
    cr_assert_not(nhi_ike_sa_may(NHI_SA_STATES, NHI_SA_UP));
}

Test(ike_state, no_way_leads_to_established_without_authentication)
{
    for (unsigned from = 0; from < NHI_SA_STATES; from++) {
        bool may = nhi_ike_sa_may(from, NHI_SA_UP);
        bool known = from == NHI_SA_AUTH_SENT || from == NHI_SA_R_HALF || from == NHI_SA_R_ASK ||
                     from == NHI_SA_AUTH_VERIFY || from == NHI_SA_R_VERIFY ||
                     from == NHI_SA_R_SIGN ||
                     from == NHI_SA_LARVAL; /* a successor inside an authenticated SA */
        cr_assert_eq(may, known);
    }
    for (unsigned from = 0; from < NHI_CHILD_STATES; from++)
        cr_assert_eq(nhi_ike_child_may(from, NHI_CHILD_UP),
                     from == NHI_CHILD_LARVAL || from == NHI_CHILD_REPLACED); /* agreed before */
}

static unsigned give(duo *p, int to, const uint8_t *b, size_t n)
{
    nhtb_path path = {.local = p->s[to].cfg.path.local,
                      .remote = p->s[!to].cfg.path.local,
                      .local_port = 500,
                      .remote_port = 500};
    uint8_t *exact = malloc(n ? n : 1);
    memcpy(exact, b, n);
    unsigned why =
        nhi_ike_recv(p->s[to].ike, &path, NHTB_PKT_IKE_500, (nhtb_span){exact, n}, p->now);
    free(exact);
    duo_drain(p, to);
    return why;
}

Test(ike_state, versions_and_lengths_are_judged_first)
{
    duo *p = duo_new();
    duo_start(p);
    duo_initiate(p, 0);
    datagram d = p->q[0];
    p->n = 0;
    d.p[17] = 0x10;
    cr_assert_eq(give(p, 1, d.p, d.n), NHTB_REASON_IKE_VERSION);
    cr_assert_eq(p->n, 0, "IKEv1 is not answered");
    d.p[17] = 0x30;
    cr_assert_eq(give(p, 1, d.p, d.n), NHTB_REASON_IKE_VERSION);
    cr_assert_eq(p->n, 1, "a higher version is told");
    cr_assert_eq(p->q[0].p[18], NHI_EX_SA_INIT);
    d.p[17] = 0x21; /* a higher minor version is fine (2.5) */
    for (size_t n = 0; n < d.n; n++)
        cr_assert_eq(give(p, 1, d.p, n), NHTB_REASON_IKE_MALFORMED, "%zu octets", n);
    cr_assert_eq(give(p, 1, d.p, d.n), 0);
    duo_end(p);
}

Test(ike_state, unknown_spis_are_counted_and_told_sparingly)
{
    duo *p = duo_new();
    duo_up(p);
    nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now);
    duo_drain(p, 0);
    datagram d = p->q[0];
    p->n = 0;
    d.p[8] ^= 1;
    for (int i = 0; i < 10; i++)
        cr_assert_eq(give(p, 1, d.p, d.n), NHTB_REASON_IKE_UNKNOWN_SA);
    cr_assert_eq(p->n, 1);
    datagram told = p->q[0]; /* and what it says is never acted on */
    p->n = 0;
    give(p, 0, told.p, told.n);
    cr_assert(duo_sa(p, 0) && duo_child(p, 0, 0));
    duo_pass(p, 10 * S);
    duo_end(p);
}

Test(ike_state, every_flipped_bit_of_a_protected_message_is_refused)
{
    duo *p = duo_new();
#if NHTB_HAVE_OPENSSL
    p->s[0].crypto = p->s[1].crypto = nhtb_openssl_crypto();
#endif
    duo_up(p);
    nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now);
    duo_drain(p, 0);
    datagram d = p->q[0];
    p->n = 0;
    for (size_t bit = 0; bit < d.n * 8; bit++) {
        d.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        unsigned why = give(p, 1, d.p, d.n);
        d.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert(why != 0 || bit / 8 == 17, "bit %zu", bit);
        p->n = 0;
    }
    EXPECT(p, 1, "");
    cr_assert_eq(give(p, 1, d.p, d.n), 0);
    duo_run(p);
    duo_end(p);
}

Test(ike_state, a_window_of_one)
{
    duo *p = duo_new();
    duo_up(p);
    nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now);
    duo_drain(p, 0);
    datagram first = p->q[0];
    duo_pass(p, 10 * S); /* rekey and delete are through: two identifiers later */
    duo_clear(p);
    cr_assert_eq(give(p, 1, first.p, first.n), NHTB_REASON_IKE_MESSAGE_ID);
    EXPECT(p, 1, "");
    cr_assert_eq(p->n, 0);
    duo_end(p);
}

Test(ike_state, a_response_nobody_asked_for_is_dropped)
{
    duo *p = duo_new();
    duo_up(p);
    nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now);
    duo_drain(p, 0);
    duo_deliver(p);
    datagram answer = p->q[0];
    duo_pass(p, 10 * S);
    duo_clear(p);
    cr_assert_eq(give(p, 0, answer.p, answer.n), NHTB_REASON_IKE_UNEXPECTED);
    EXPECT(p, 0, "");
    duo_end(p);
}

/* ---- any message in any state, with valid keys ---- */

typedef struct shape {
    uint8_t exchange;
    bool response;
} shape;

/** Sends an authentic message of side 0 with given inner payloads, past its own rules. */
static unsigned forge(duo *p, nhi_ike_sa *sa, shape f, uint32_t id, uint8_t first, nhtb_span inner)
{
    uint8_t out[4096];
    size_t len = nhi_sk_message_len(sa->sk.facts, inner.n);
    nhi_ike_hdr h = {.spi_i = sa->spi_i,
                     .spi_r = sa->spi_r,
                     .version = NHI_IKE_VERSION,
                     .exchange = f.exchange,
                     .flags = (uint8_t)((sa->initiator ? NHI_IKE_F_INITIATOR : 0) |
                                        (f.response ? NHI_IKE_F_RESPONSE : 0)),
                     .msg_id = id};
    nhi_ike *ike = sa->ike;
    cr_assert_eq(
        nhi_sk_seal(&sa->sk, ike->mem, ike->env.crypto, &ike->lane, &h, first, inner, out, &len),
        0);
    return give(p, 1, out, len);
}

Test(ike_state, default_of_every_exchange_in_every_state_is_to_drop)
{
    static const uint8_t exchanges[] = {0, 1, 33, 34, 35, 36, 37, 38, 43, 44, 255};
    for (unsigned steps = 1; steps <= 3; steps++)
        for (size_t e = 0; e < sizeof exchanges; e++)
            for (int response = 0; response < 2; response++) {
                duo *p = duo_new();
                duo_start(p);
                duo_initiate(p, 0);
                for (unsigned i = 0; i < steps; i++)
                    duo_deliver(p);
                nhi_ike_peer *q = nhi_ike_peer_get(p->s[0].ike, p->s[0].peer);
                nhi_ike_sa *sa = nhi_ike_peer_sa(q);
                bool fits =
                    exchanges[e] == (steps == 3 ? 36 : 35) || (steps == 3 && exchanges[e] == 37);
                if (sa && sa->have_keys && !(fits && !response)) {
                    duo_clear(p);
                    shape f = {exchanges[e], response};
                    uint32_t installed = p->s[1].installed;
                    unsigned why = forge(p, sa, f, steps == 3 ? 2 : 1, 0, (nhtb_span){NULL, 0});
                    cr_assert_neq(why, 0, "exchange %u response %d after %u", exchanges[e],
                                  response, steps);
                    EXPECT(p, 1, "");
                    cr_assert_eq(p->s[1].installed, installed);
                }
                duo_run(p);
                duo_end(p);
            }
}

Test(ike_state, create_child_before_authentication_installs_nothing)
{
    duo *p = duo_new();
    duo_start(p);
    duo_initiate(p, 0);
    duo_deliver(p);
    duo_deliver(p); /* side 0 has keys, side 1 waits for IKE_AUTH */
    nhi_ike_sa *sa = nhi_ike_peer_sa(nhi_ike_peer_get(p->s[0].ike, p->s[0].peer));
    shape create = {NHI_EX_CREATE_CHILD, false}, info = {NHI_EX_INFORMATIONAL, false};
    cr_assert_eq(forge(p, sa, create, 1, 0, (nhtb_span){NULL, 0}), NHTB_REASON_IKE_STATE);
    cr_assert_eq(forge(p, sa, info, 1, 0, (nhtb_span){NULL, 0}), NHTB_REASON_IKE_STATE);
    EXPECT(p, 1, "");
    duo_run(p);
    EXPECT(p, 1, "ike_up install0+");
    duo_end(p);
}

/** The inner payloads of side 0's next request, plain. */
static size_t capture(duo *p, uint8_t *first, uint8_t *dst)
{
    nhi_ike_sa *sa = duo_sa(p, 1);
    nhi_ike *ike = sa ? sa->ike : p->s[1].ike;
    if (!sa) {
        NHI_LIST_FOR(it, &ike->sas)
        sa = NHI_CONTAINER(it, nhi_ike_sa, link);
    }
    size_t n = 4096;
    cr_assert_eq(nhi_sk_open(&sa->sk, ike->env.crypto, &ike->lane,
                             (nhtb_span){p->q[0].p, p->q[0].n}, dst, &n, first),
                 0);
    return n;
}

static size_t rebuild(const nhi_ike_msg *m, size_t skip, size_t twice, unsigned times, uint8_t *dst,
                      uint8_t *first)
{
    nhi_ike_builder b;
    nhi_ike_build_inner(&b, dst, 4000);
    for (size_t i = 0; i < m->n; i++) {
        for (unsigned k = 0; i != skip && k < (i == twice ? times : 1); k++)
            nhi_ike_build_payload(&b, m->pl[i].type, m->pl[i].body);
    }
    nhi_ike_build_finish(&b);
    *first = b.w.n ? b.first : 0;
    return b.w.bad ? 0 : b.w.n;
}

typedef enum target { T_AUTH, T_CREATE, T_REKEY, T_REKEY_IKE, T_TARGETS } target;

static duo *reach(target t)
{
    duo *p = duo_new();
    p->s[0].cfg.n_children = p->s[1].cfg.n_children = 2;
    if (t == T_AUTH) {
        duo_start(p);
        duo_initiate(p, 0);
        duo_deliver(p);
        duo_deliver(p);
        return p;
    }
    duo_start(p);
    nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 0, p->now);
    duo_run(p);
    duo_clear(p);
    if (t == T_CREATE)
        nhi_ike_on_traffic(p->s[0].ike, p->s[0].peer, 1, p->now);
    else
        nhi_ike_rekey(p->s[0].ike, p->s[0].peer, t == T_REKEY ? NHTB_REKEY_CHILD : NHTB_REKEY_IKE,
                      p->now);
    duo_drain(p, 0);
    return p;
}

/** Removes, doubles or multiplies each payload: no crash, no leak, and what it needs is missed. */
Test(ike_state, each_payload_missing_doubled_or_many_times)
{
    static const unsigned times[] = {0, 2, 40};
    for (int t = 0; t < T_TARGETS; t++)
        for (size_t at = 0; at < 16; at++)
            for (size_t k = 0; k < 3; k++) {
                duo *p = reach((target)t);
                uint8_t inner[4096], again[4096], first;
                nhi_ike_msg m;
                size_t n = capture(p, &first, inner);
                cr_assert_eq(nhi_ike_msg_parse(&m, first, inner, n), NHI_CHAIN_OK);
                if (at < m.n) {
                    uint8_t type = m.pl[at].type;
                    size_t len = rebuild(&m, times[k] ? SIZE_MAX : at, at, times[k], again, &first);
                    nhi_ike_sa *sa = nhi_ike_peer_sa(nhi_ike_peer_get(p->s[0].ike, p->s[0].peer));
                    shape f = {t == T_AUTH ? NHI_EX_AUTH : NHI_EX_CREATE_CHILD, false};
                    duo_clear(p);
                    uint32_t installed = p->s[1].installed;
                    if (len) {
                        forge(p, sa, f, sa->out.next, first, (nhtb_span){again, len});
                        bool optional =
                            type == NHI_PL_NOTIFY || type == NHI_PL_IDR || type == NHI_PL_VID;
                        if (!optional)
                            cr_assert_leq(p->s[1].installed, installed,
                                          "target %d payload %u x %u: %s", t, type, times[k],
                                          p->s[1].trace);
                    }
                }
                p->n = 0;
                duo_end(p);
            }
}

Test(ike_state, truncated_inner_payloads_end_the_sa_on_both_sides)
{
    for (int t = 0; t < T_TARGETS; t++) {
        duo *probe = reach((target)t);
        uint8_t inner[4096], first;
        size_t n = capture(probe, &first, inner);
        probe->n = 0;
        duo_end(probe);
        for (size_t cut = 1; cut < n; cut += 3) {
            duo *p = reach((target)t);
            n = capture(p, &first, inner);
            nhi_ike_sa *sa = nhi_ike_peer_sa(nhi_ike_peer_get(p->s[0].ike, p->s[0].peer));
            shape f = {t == T_AUTH ? NHI_EX_AUTH : NHI_EX_CREATE_CHILD, false};
            uint32_t installed = p->s[1].installed;
            p->n = 0;
            cr_assert_eq(forge(p, sa, f, sa->out.next, first, (nhtb_span){inner, n - cut}),
                         NHTB_REASON_IKE_MALFORMED);
            cr_assert_leq(p->s[1].installed, installed);
            duo_run(p);
            cr_assert_eq(duo_sas(p, 0), 0);
            cr_assert_eq(duo_sas(p, 1), 0);
            duo_end(p);
        }
    }
}

Test(ike_state, an_unknown_critical_payload_is_named_and_the_sa_lives)
{
    duo *p = duo_new();
    duo_up(p);
    static const uint8_t inner[] = {0, 0x80, 0, 4};
    nhi_ike_sa *sa = duo_sa(p, 0);
    shape f = {NHI_EX_INFORMATIONAL, false};
    cr_assert_eq(forge(p, sa, f, sa->out.next, 200, (nhtb_span){inner, 4}),
                 NHTB_REASON_IKE_MALFORMED);
    cr_assert_eq(p->n, 1);
    cr_assert(duo_sa(p, 1) != NULL);
    static const uint8_t harmless[] = {0, 0, 0, 4};
    cr_assert_eq(forge(p, sa, f, sa->out.next + 1, 200, (nhtb_span){harmless, 4}), 0);
    p->n = 0;
    duo_end(p);
}

Test(ike_state, hostile_deletes_remove_only_what_they_name)
{
    duo *p = duo_new();
    duo_up(p);
    nhi_ike_sa *sa = duo_sa(p, 0);
    uint8_t buf[600], spis[400];
    memset(spis, 0x77, sizeof spis);
    shape f = {NHI_EX_INFORMATIONAL, false};
    nhi_ike_builder b;
    nhi_ike_build_inner(&b, buf, sizeof buf);
    nhi_ike_build_delete(&b, NHTB_PROTO_ESP, 4, 100, (nhtb_span){spis, 400});
    nhi_ike_build_notify(&b, 0, (nhtb_span){NULL, 0}, NHI_N_INITIAL_CONTACT, (nhtb_span){NULL, 0});
    nhi_ike_build_finish(&b);
    cr_assert_eq(forge(p, sa, f, sa->out.next, b.first, (nhtb_span){buf, b.w.n}), 0);
    EXPECT(p, 1, "");
    nhi_put32(spis, p->s[0].last_spi_in);
    nhi_put32(spis + 4, p->s[0].last_spi_in);
    nhi_ike_build_inner(&b, buf, sizeof buf);
    nhi_ike_build_delete(&b, NHTB_PROTO_ESP, 4, 2, (nhtb_span){spis, 8});
    nhi_ike_build_delete(&b, NHTB_PROTO_ESP, 4, 2, (nhtb_span){spis, 8});
    nhi_ike_build_finish(&b);
    cr_assert_eq(forge(p, sa, f, sa->out.next + 1, b.first, (nhtb_span){buf, b.w.n}), 0);
    EXPECT(p, 1, "remove0");
    p->n = 0;
    duo_end(p);
}

/* ---- failures of our own ---- */

static void life(int who, uint64_t alloc, uint64_t random)
{
    duo *p = duo_new();
    duo_start(p);
    p->s[who].allocs = 0;
    p->s[who].fail_alloc = alloc;
    p->s[who].fail_random = random;
    nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
    duo_run(p);
    nhi_ike_rekey(p->s[who].ike, p->s[who].peer, NHTB_REKEY_CHILD, p->now);
    duo_pass(p, 10 * S);
    nhi_ike_rekey(p->s[who].ike, p->s[who].peer, NHTB_REKEY_IKE, p->now);
    duo_pass(p, 60 * S);
    for (int i = 0; i < 2; i++) {
        size_t live = 0;
        NHI_LIST_FOR(it, &p->s[i].ike->sas)
        live += NHI_CONTAINER(it, nhi_ike_sa, link)->n_children;
        cr_assert_leq(p->s[i].installed, 1, "who %d allocation %llu random %llu: %s", who,
                      (unsigned long long)alloc, (unsigned long long)random, p->s[i].trace);
        cr_assert_eq(p->s[i].reserved, live, "who %d allocation %llu random %llu side %d: %s", who,
                     (unsigned long long)alloc, (unsigned long long)random, i, p->s[i].trace);
    }
    duo_end(p);
}

Test(ike_state, any_allocation_or_random_failure_leaves_nothing_half_made)
{
    for (int who = 0; who < 2; who++) {
        for (uint64_t n = 1; n < 140; n++)
            life(who, n, 0);
        for (uint64_t n = 1; n < 40; n++)
            life(who, 0, n);
    }
}

Test(ike_state, bad_peer_configurations_are_refused_whole)
{
    duo *p = duo_new();
    duo_start(p);
    nhtb_peer good = p->s[0].cfg, bad;
    nhtb_peer_id id;
    nhtb_child kid = p->s[0].child[0];
    nhtb_ts reversed = {.lo = ip("10.0.0.9"), .hi = ip("10.0.0.1"), .port_hi = 65535};
    good.name = "x";
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        bad = good;                                                                                \
        kid = p->s[0].child[0];                                                                    \
        bad.children = &kid;                                                                       \
        change;                                                                                    \
        cr_assert_eq(nhi_ike_peer_new(p->s[0].ike, &bad, &id), NHTB_ERR_ARG, #change);             \
        cr_assert_eq(id.id, 0);                                                                    \
    } while (0)
    REFUSED(bad.size = 1);
    REFUSED(bad.name = NULL);
    REFUSED(bad.name = "a name that is longer than thirty-one characters");
    REFUSED(bad.n_children = 0);
    REFUSED(bad.n_children = 65);
    REFUSED(bad.children = NULL);
    REFUSED(bad.establish = 9);
    REFUSED(bad.announce = 9);
    REFUSED(bad.path.remote = ip("2001:db8::1"));
    REFUSED(bad.path.remote.family = 0; bad.establish = NHTB_ESTABLISH_IMMEDIATELY);
    REFUSED(bad.local_id = ((nhtb_identity){NHTB_ID_IPV4, str("abc")}));
    REFUSED(bad.n_proposals = 9);
    REFUSED(kid.size = 0);
    REFUSED(kid.name = "");
    REFUSED(kid.n_local_ts = 17);
    REFUSED(kid.local_ts = &reversed; kid.n_local_ts = 1);
#undef REFUSED
    duo_end(p);
}
