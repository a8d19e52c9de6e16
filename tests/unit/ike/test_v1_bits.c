/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 under damage: each bit of each message inverted, each message cut at every byte, every message
 * of a session in every state, payloads removed, doubled, multiplied, turned round; and 1,000 sessions
 * over a network that loses, copies and reorders. What is protected changes nothing when it was
 * altered; what is not may cost an attempt, never more. All by key and by signatures.
 * RFC 2408 5; bug classes A to F. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "ike/v1/v1.h"
#include "unit/ike/twins_script.h"

/** A way through phase 1. Messages that carry certificates are long, and signatures cost time: what is
 *  tried of them is every stride-th bit. */
typedef struct way {
    unsigned v1, messages; /* as twins_opts; of phase 1 */
    bool certs;
    size_t stride;
    const char *name;
} way;

static const way ways[] = {
    {1, 6, false, 7, "main mode"},
    {2, 3, false, 7, "aggressive mode"},
#if NHTB_HAVE_OPENSSL
    {1, 6, true, 61, "main mode, signed"},
    {2, 3, true, 61, "aggressive mode, signed"},
#endif
};
enum { WAYS = NHI_ARRAY_LEN(ways) };

/** Signatures cost time: of their sessions every fifth, or all with NHTB_LONG in the environment. With
 *  NHTB_QUICK (sanitizers) a fifth of that. */
static unsigned thinned(const way *w)
{
    if (getenv("NHTB_LONG"))
        return 1;
    return (w->certs ? 5U : 1U) * (getenv("NHTB_QUICK") ? 5U : 1U);
}

static bool settles(twins *p, nhtb_time most)
{
    for (nhtb_time end = p->now + most; p->now < end;) {
        twins_run(p, 7 * NHTB_NS_PER_S);
        if (!twins_v1_fault(p))
            return true;
    }
    return false;
}

static bool is_protected(const twins_dgram *d)
{
    return (d->b[19] & NHI_V1_F_ENCRYPT) && nhi_get32(d->b + 20);
}

typedef struct before {
    uint64_t print[2];
    unsigned flight;
} before;

static before remember(const twins *p)
{
    return (before){{twins_print(p, 0), twins_print(p, 1)}, p->n_flight};
}

static void unchanged(twins *p, const before *b, const twins_dgram *d, size_t where)
{
    while (p->n_flight > b->flight) /* of another version: told in the clear */
        twins_deliver(p, b->flight);
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(twins_print(p, i), b->print[i], "exchange %u altered at %zu changes end %u",
                     d->b[18], where, i);
}

/* ---- protected messages ---- */

typedef struct tally {
    unsigned messages, flips, cuts,
        step; /* step: odd, so that every bit of an octet has its turn */
} tally;

/** The commit bit means nothing to us (protocol-facts 4.5), and nothing authenticates the header. Nor
 *  the padding, which is where the null cipher leaves an inverted bit of the last block. */
static bool means_nothing(const twins_dgram *d, size_t bit)
{
    return bit == 19 * 8 + 1 || bit / 8 > d->n - NHI_V1_BLOCK_MAX;
}

static bool protected_hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    tally *t = user;
    (void)number;
    if (!is_protected(d))
        return false;
    before b = remember(p);
    t->messages++;
    for (size_t bit = 0; bit < d->n * 8; bit += t->step) {
        if (means_nothing(d, bit))
            continue;
        twins_dgram x = twins_copy(d);
        x.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert(twins_feed(p, &x, x.b, x.n), "exchange %u with bit %zu inverted is accepted",
                  d->b[18], bit);
        unchanged(p, &b, d, bit);
        free(x.b);
        t->flips++;
    }
    for (size_t n = 0; n < d->n; n += t->step) {
        twins_dgram x = twins_copy(d);
        cr_assert(twins_feed(p, &x, x.b, n));
        if (n >= NHI_IKE_HDR) {
            nhi_put32(x.b + 24, (uint32_t)n);
            cr_assert(twins_feed(p, &x, x.b, n), "exchange %u cut to %zu", d->b[18], n);
        }
        unchanged(p, &b, d, n);
        free(x.b);
        t->cuts++;
    }
    return false;
}

Test(v1_bits, an_altered_protected_message_changes_nothing_and_the_true_one_still_works)
{
    static twins p;
    tally t = {0};
    for (unsigned k = 0; k < 2 * WAYS; k++) {
        const way *w = &ways[k / 2];
        t.step = thinned(w);
        twins_script s = {
            .o = {.seed = 5, .children = 2, .pfs = k & 1, .v1 = w->v1, .certs = w->certs},
            protected_hook,
            &t,
            0};
        twins_script_play(&p, &s);
        cr_assert(settles(&p, 600 * NHTB_NS_PER_S), "%s: %s", w->name, twins_v1_fault(&p));
        twins_finish(&p);
    }
    fprintf(stderr, "v1 bits: %u protected messages, %u inverted bits, %u cuts\n", t.messages,
            t.flips, t.cuts);
    cr_assert(t.messages >= 40 && t.flips >= 30000 / thinned(&ways[0]));
}

/* ---- phase 1 ---- */

typedef struct damage {
    unsigned message;
    size_t bit;
    bool hit;
} damage;

static bool damage_hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    damage *t = user;
    if (number != t->message || is_protected(d) || t->bit >= d->n * 8)
        return false;
    twins_dgram x = twins_copy(d);
    x.b[t->bit / 8] ^= (uint8_t)(1 << t->bit % 8);
    (void)twins_feed(p, &x, x.b, x.n);
    free(x.b);
    t->hit = true;
    return true; /* the true one is lost */
}

/** False: there is no such bit of that message. *late: it took more than 30 s to come back. */
static bool damaged(const way *w, unsigned message, size_t bit, bool *late)
{
    static twins p;
    damage t = {message, bit, false};
    twins_script s = {.o = {.seed = bit, .v1 = w->v1, .certs = w->certs}, damage_hook, &t, 0};
    twins_script_play(&p, &s);
    if (!t.hit) {
        twins_close(&p);
        return false;
    }
    for (unsigned i = 0; i < 2; i++)
        nhi_ike_peer_get(p.e[i].ike, p.e[i].peer)->cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    *late = !settles(&p, 30 * NHTB_NS_PER_S);
    cr_assert(settles(&p, 600 * NHTB_NS_PER_S), "%s, message %u bit %zu: %s", w->name, message, bit,
              twins_v1_fault(&p));
    twins_finish(&p);
    return true;
}

static unsigned damage_phase_1(const way *w)
{
    unsigned sessions = 0, lates = 0;
    bool late;
    for (unsigned message = 0; message < w->messages; message++)
        for (size_t bit = 0; damaged(w, message, bit, &late); bit += w->stride * thinned(w)) {
            sessions++;
            lates += late;
        }
    fprintf(stderr, "v1 bits, %s: %u damaged phase 1 messages, %u needed more than 30 s\n", w->name,
            sessions, lates);
    return sessions;
}

Test(v1_bits, damage_in_phase_1_costs_an_attempt_at_most)
{
    unsigned sessions = 0;
    for (unsigned k = 0; k < 2; k++)
        sessions += damage_phase_1(&ways[k]);
    cr_assert_gt(sessions, 1000 / thinned(&ways[0]));
}

#if NHTB_HAVE_OPENSSL
Test(v1_bits, damage_in_a_signed_main_mode_costs_an_attempt_at_most)
{
    cr_assert_gt(damage_phase_1(&ways[2]), 400 / thinned(&ways[2]));
}

Test(v1_bits, damage_in_a_signed_aggressive_mode_costs_an_attempt_at_most)
{
    cr_assert_gt(damage_phase_1(&ways[3]), 400 / thinned(&ways[3]));
}
#endif

/* ---- payloads of phase 1 messages in the clear ---- */

enum { REMOVE, DOUBLE, FORTY, REVERSE, EDITS };

/** The message with its payload list edited; 0: not possible. */
static size_t edited(const twins_dgram *d, unsigned edit, size_t k, uint8_t *out, size_t cap)
{
    static nhi_v1_msg m;
    nhi_ike_hdr h;
    nhi_ike_builder b;
    if (!nhi_ike_hdr_read(&h, d->b, d->n) || (h.flags & NHI_V1_F_ENCRYPT) ||
        nhi_v1_msg_parse(&m, h.next, d->b + NHI_IKE_HDR, d->n - NHI_IKE_HDR, false) || k >= m.n)
        return 0;
    nhi_ike_build_init(&b, out, cap, &h);
    for (size_t i = 0; i < m.n; i++) {
        const nhi_v1_pl *pl = &m.pl[edit == REVERSE ? m.n - 1 - i : i];
        unsigned times = i != k           ? 1
                         : edit == REMOVE ? 0
                         : edit == DOUBLE ? 2
                         : edit == FORTY  ? 40
                                          : 1;
        while (times--)
            nhi_ike_build_payload(&b, pl->type, pl->body);
    }
    return nhi_ike_build_finish(&b);
}

typedef struct edit_case {
    unsigned message, edit;
    size_t k;
    bool hit;
} edit_case;

static bool edit_hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    static uint8_t out[TWINS_MSG];
    edit_case *t = user;
    if (number != t->message)
        return false;
    size_t n = edited(d, t->edit, t->k, out, sizeof out);
    if (!n)
        return false;
    t->hit = true;
    (void)twins_feed(p, d, out, n);
    return true;
}

/** False: there is no such payload of that message. */
static bool edited_session(const way *w, unsigned message, unsigned edit, size_t k)
{
    static twins p;
    edit_case t = {message, edit, k, false};
    twins_script s = {.o = {.seed = k, .v1 = w->v1, .certs = w->certs}, edit_hook, &t, 0};
    twins_script_play(&p, &s);
    if (!t.hit) {
        twins_close(&p);
        return false;
    }
    cr_assert(settles(&p, 600 * NHTB_NS_PER_S), "%s, message %u edit %u/%zu: %s", w->name, message,
              edit, k, twins_v1_fault(&p));
    twins_finish(&p);
    return true;
}

Test(v1_bits, edited_payload_lists_are_dropped_or_cost_an_attempt)
{
    for (unsigned i = 0; i < WAYS; i++) {
        unsigned sessions = 0;
        for (unsigned message = 0; message < 4; message++)
            for (unsigned edit = 0; edit < EDITS; edit++)
                for (size_t k = 0; edited_session(&ways[i], message, edit, k); k++)
                    sessions++;
        fprintf(stderr, "v1 payloads, %s: %u edited sessions\n", ways[i].name, sessions);
        cr_assert_gt(sessions, 50);
    }
}

/* ---- every message in every state ---- */

enum { RECORD = 64 };
typedef struct record {
    twins_dgram d[RECORD];
    unsigned n, stop;
} record;

static bool record_hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    record *r = user;
    (void)p;
    (void)number;
    if (r->n < RECORD)
        r->d[r->n++] = twins_copy(d);
    return false;
}

static bool stop_hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    (void)p;
    (void)d;
    return number == ((record *)user)->stop;
}

/** In the state before message `at` another message of the same session, to either end: one that was
 *  taken already is a copy (answered at most), one that is to come is not due. Neither installs, nor
 *  makes an SA established, nor changes one that is; and the session goes on. */
static bool cross(const record *all, unsigned at, unsigned k, unsigned to, const way *w)
{
    static twins p;
    record r = {.stop = at};
    twins_script s = {
        .o = {.seed = 9, .v1 = w->v1, .certs = w->certs, .children = 2}, stop_hook, &r, 0};
    twins_script_play(&p, &s);
    /* whoever has keys may begin an exchange whenever it likes: that is no wrong state */
    bool due = k > at && is_protected(&all->d[k]) && twins_sa(&p, to, NHI_SA_UP);
    if (due) {
        twins_close(&p);
        return false;
    }
    twins_dgram x = twins_copy(&all->d[k]);
    x.to = to;
    x.path = p.e[to].path;
    unsigned installs[2] = {p.e[0].installs, p.e[1].installs}, had = p.n_flight;
    uint64_t up = twins_print_up(&p, to);
    (void)twins_feed(&p, &x, x.b, x.n);
    cr_assert_leq(p.n_flight, had + 1, "message %u before %u: too many answers", k, at);
    cr_assert(p.e[0].installs == installs[0] && p.e[1].installs == installs[1],
              "message %u before %u installs", k, at);
    cr_assert_eq(twins_print_up(&p, to), up, "message %u before %u to end %u", k, at, to);
    free(x.b);
    for (unsigned i = 0; i < 2; i++) {
        nhi_ike_peer_get(p.e[i].ike, p.e[i].peer)->cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
        twins_initiate(&p, i);
    }
    cr_assert(settles(&p, 900 * NHTB_NS_PER_S), "%s: message %u before %u: %s", w->name, k, at,
              twins_v1_fault(&p));
    twins_finish(&p);
    return true;
}

static unsigned matrix(const way *w)
{
    static twins p;
    unsigned cells = 0;
    record all = {.n = 0};
    twins_script s = {
        .o = {.seed = 9, .v1 = w->v1, .certs = w->certs, .children = 2}, record_hook, &all, 0};
    twins_script_play(&p, &s);
    twins_close(&p);
    for (unsigned at = 0; at < all.n && at < 20; at++)
        for (unsigned k = 0; k < all.n && k < 20; k++)
            for (unsigned to = 0; to < 2; to++)
                if (k != at && k != at + 1 && (3 * at + k + to) % thinned(w) == 0)
                    cells += cross(&all, at, k, to, w);
    for (unsigned i = 0; i < all.n; i++)
        free(all.d[i].b);
    fprintf(stderr, "v1 matrix, %s: %u cells\n", w->name, cells);
    return cells;
}

Test(v1_bits, every_message_in_every_state_of_a_session)
{
    cr_assert_gt(matrix(&ways[0]) + matrix(&ways[1]), 800 / thinned(&ways[0]));
}

#if NHTB_HAVE_OPENSSL
Test(v1_bits, every_message_in_every_state_of_a_session_with_signed_main_mode)
{
    cr_assert_gt(matrix(&ways[2]), 200 / thinned(&ways[2]));
}

Test(v1_bits, every_message_in_every_state_of_a_session_with_signed_aggressive_mode)
{
    cr_assert_gt(matrix(&ways[3]), 200 / thinned(&ways[3]));
}
#endif

/* ---- a bad network ---- */

static uint32_t next(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    return *s ^= *s << 5;
}

/** 20 % lost, 10 % twice, any order, for a while; then all that was sent arrives. */
static void storm(twins *p, uint32_t *seed, nhtb_time span)
{
    for (nhtb_time end = p->now + span; p->now < end;) {
        while (p->n_flight) {
            unsigned k = next(seed) % p->n_flight, what = next(seed) % 10;
            if (what < 2) {
                twins_drop(p, k);
            } else if (what == 2) {
                twins_dgram d = twins_copy(&p->flight[k]);
                twins_feed(p, &d, d.b, d.n);
                free(d.b);
            } else {
                twins_deliver(p, k);
            }
        }
        nhtb_time due = twins_deadline(p);
        twins_clock(p, due < end ? due : end);
    }
}

Test(v1_bits, a_thousand_sessions_over_a_bad_network)
{
    static twins p;
    unsigned most = 0;
    for (uint32_t seed = 1; seed <= 1000; seed++) {
        uint32_t r = seed * 2654435761u;
        const twins_opts o = {.seed = seed,
                              .v1 = 1 + seed % 2,
                              .pfs = seed % 3 == 0,
                              .immediately = seed % 5 == 0,
                              .children = 1 + seed % 2};
        twins_open(&p, &o);
        twins_initiate(&p, seed % 2);
        storm(&p, &r, 20 * NHTB_NS_PER_S);
        for (unsigned i = 0; i < 2; i++) {
            (void)nhi_ike_rekey(p.e[i].ike, p.e[i].peer, r & 1 ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD,
                                p.now);
            twins_settle(&p, i);
            storm(&p, &r, 20 * NHTB_NS_PER_S);
        }
        nhtb_time start = p.now;
        for (unsigned i = 0; i < 2; i++) {
            nhi_ike_peer_get(p.e[i].ike, p.e[i].peer)->cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
            twins_initiate(&p, i);
        }
        cr_assert(settles(&p, 600 * NHTB_NS_PER_S), "seed %u: %s", seed, twins_v1_fault(&p));
        unsigned took = (unsigned)((p.now - start) / NHTB_NS_PER_S);
        most = took > most ? took : most;
        twins_finish(&p);
    }
    fprintf(stderr, "v1 network: 1000 sessions, at most %u s after the storm\n", most);
}
