/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 behind phase 1 under edited messages: each payload taken away, doubled, moved, cut; each bit
 * and length of a datagram changed; every allocation failed once; transaction messages nobody asked
 * for. Whatever comes, pairs that both sides use have the same keys, and memory comes back. */
#include "duo.h"
#include "v1_forge.h"

static const nhtb_v1_user users[] = {
    {{(const uint8_t *)"alice", 5}, {(const uint8_t *)"wonderland", 10}, {.family = 0}}};

typedef enum shape { PLAIN, PFS, XAUTH_PULL, XAUTH_PUSH, SHAPES } shape;

static duo *ready(shape k)
{
    static nhtb_proposal pfs;
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    nhtb_v1 *c = &p->s[0].v1, *s = &p->s[1].v1;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_ESP, "aes128gcm16-ecp256", &pfs, NULL), 0);
    for (int i = 0; i < 2; i++) {
        p->s[i].has_own = true;
        p->s[i].own = ip(i ? "10.0.0.2" : "10.0.0.1");
        p->s[i].child[0].lifetime_s = i ? 600 : 3600;
        p->s[i].child[0].proposals = k == PFS ? &pfs : NULL;
        p->s[i].child[0].n_proposals = k == PFS;
    }
    if (k < XAUTH_PULL)
        return p;
    c->xauth = c->config = NHTB_V1_CLIENT;
    s->xauth = s->config = NHTB_V1_SERVER;
    c->config_push = s->config_push = k == XAUTH_PUSH;
    c->user = str("alice");
    c->password = str("wonderland");
    s->users = users;
    s->n_users = 1;
    s->pool = (nhtb_prefix){.addr = ip("10.9.0.0"), .len = 24};
    return p;
}

static nhi_ike_sa *any_sa(duo *p, int i)
{
    nhi_list *sas = &nhi_ike_peer_get(p->s[i].ike, p->s[i].peer)->sas;
    return nhi_list_empty(sas) ? NULL : NHI_CONTAINER(sas->next, nhi_ike_sa, peer_link);
}

static bool in_config(duo *p, int i)
{
    nhi_ike_sa *sa = any_sa(p, i);
    return sa && sa->state == NHI_SA_V1_CONFIG;
}

/** Both use a pair: then it is one pair. */
static void consistent(duo *p, const char *what, unsigned a, unsigned b)
{
    for (int i = 0; i < 2; i++) {
        nhi_ike_child *c = duo_sa(p, i) ? duo_child(p, i, 0) : NULL;
        nhi_ike_sa *other = duo_sa(p, !i);
        if (!c || !c->in_use || !other)
            continue;
        nhi_ike_child *o = nhi_ike_child_by_out(other, c->spi_in);
        cr_assert(!o || o->spi_in == c->spi_out, "%s %u %u", what, a, b);
    }
}

static void same_keys(duo *p, unsigned a, unsigned b)
{
    if (p->s[0].last_spi_in == p->s[1].last_spi_out && p->s[0].last_spi_out == p->s[1].last_spi_in)
        cr_assert_eq(memcmp(p->s[0].key_in, p->s[1].key_out, p->s[0].key_n), 0, "%u %u", a, b);
}

/* ---- edits of the payload list ---- */

typedef struct edit {
    unsigned kind, at; /* of the payloads behind HASH */
    bool done;
} edit;
enum { REMOVE, DOUBLE, FORTY, SWAP, CUT, EMPTY, UNKNOWN, KINDS };

static void one(const nhi_v1_msg *m, size_t k, nhi_ike_builder *b, size_t n)
{
    nhi_ike_build_payload(b, m->pl[k].type, (nhtb_span){m->pl[k].body.p, n});
}

static void apply(void *user, const nhi_v1_msg *m, nhi_ike_builder *b)
{
    edit *e = user;
    for (size_t k = 1; k < m->n; k++) {
        size_t n = m->pl[k].body.n;
        if (k - 1 != e->at) {
            v1_copy(m, k, b);
            continue;
        }
        e->done = true;
        switch (e->kind) {
        case REMOVE: break;
        case FORTY:
            for (unsigned i = 0; i < 39; i++)
                v1_copy(m, k, b);
            v1_copy(m, k, b);
            break;
        case DOUBLE:
            v1_copy(m, k, b);
            v1_copy(m, k, b);
            break;
        case SWAP:
            if (k + 1 < m->n)
                v1_copy(m, k + 1, b);
            v1_copy(m, k, b);
            k++;
            break;
        case CUT: one(m, k, b, n / 2); break;
        case EMPTY: one(m, k, b, 0); break;
        default:
            nhi_ike_build_payload(b, 200, (nhtb_span){NULL, 0});
            v1_copy(m, k, b);
            break;
        }
    }
}

static bool is_phase2(const datagram *d)
{
    return d->p[18] == NHI_V1_EX_QUICK || d->p[18] == NHI_V1_EX_TRANSACTION;
}

/** The nth message behind phase 1 is edited. False: there is no such message or payload. */
static bool edited(shape k, unsigned nth, edit e)
{
    duo *p = ready(k);
    unsigned seen = 0;
    duo_start(p);
    duo_initiate(p, 0);
    for (unsigned i = 0; p->n && i < 100; i++) {
        datagram *d = &p->q[0];
        nhi_ike_sa *from = any_sa(p, !d->to), *to = any_sa(p, d->to);
        if (is_phase2(d) && from && to && seen++ == nth)
            cr_assert(v1_forge(from, to, d->p, &d->n, sizeof d->p, false, apply, &e));
        duo_deliver(p);
    }
    duo_run(p);
    duo_pass(p, 60 * S);
    consistent(p, "edit", nth, e.kind * 100 + e.at);
    duo_end(p);
    return e.done;
}

Test(v1_edits, no_payload_list_breaks_a_session)
{
    unsigned sessions = 0;
    for (shape k = 0; k < SHAPES; k++)
        for (unsigned nth = 0; nth < 8; nth++)
            for (unsigned at = 0; at < 8; at++)
                for (unsigned kind = 0; kind < KINDS; kind++)
                    sessions += edited(k, nth, (edit){kind, at, false});
    printf("v1 edits: %u sessions with an edit\n", sessions);
    cr_assert_gt(sessions, 300);
}

#if NHTB_HAVE_OPENSSL
/* ---- bits and lengths of datagrams ---- */

/** The nth datagram behind phase 1, changed; the retransmission after it is right again. */
static bool damaged(shape k, unsigned nth, size_t bit, size_t cut)
{
    duo *p = ready(k);
    unsigned seen = 0;
    bool hit = false;
    /* the null cipher lets a bit of the padding through */
    p->s[0].crypto = p->s[1].crypto = nhtb_openssl_crypto();
    duo_start(p);
    duo_initiate(p, 0);
    for (unsigned i = 0; p->n && i < 100; i++) {
        datagram *d = &p->q[0];
        if (is_phase2(d) && seen++ == nth) {
            hit = cut ? d->n > cut : d->n * 8 > bit;
            if (hit && cut) {
                d->n -= cut;
                if (d->n >= NHI_IKE_HDR)
                    nhi_put32(d->p + 24, (uint32_t)d->n);
            } else if (hit) {
                d->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        }
        duo_deliver(p);
    }
    duo_run(p);
    duo_pass(p, 60 * S);
    if (hit)
        cr_assert(p->s[0].installed == 1 && p->s[1].installed == 1 && duo_child(p, 0, 0) &&
                      duo_child(p, 1, 0) && duo_child(p, 0, 0)->in_use,
                  "message %u bit %zu cut %zu: %s / %s", nth, bit, cut, p->s[0].trace,
                  p->s[1].trace);
    consistent(p, "damage", nth, (unsigned)bit);
    same_keys(p, nth, (unsigned)bit);
    duo_end(p);
    return hit;
}

Test(v1_edits, a_flipped_bit_costs_a_retransmission_and_nothing_else)
{
    unsigned sessions = 0;
    for (unsigned nth = 0; nth < 2; nth++)
        for (size_t bit = 0; damaged(PLAIN, nth, bit, 0); bit += 3)
            sessions++;
    for (unsigned nth = 0; nth < 6; nth++)
        for (size_t bit = nth; damaged(XAUTH_PULL, nth, bit, 0); bit += 17)
            sessions++;
    printf("v1 bits: %u sessions\n", sessions);
    cr_assert_gt(sessions, 700);
}

Test(v1_edits, a_cut_costs_a_retransmission_and_nothing_else)
{
    unsigned sessions = 0;
    for (unsigned nth = 0; nth < 2; nth++)
        for (size_t cut = 1; damaged(PLAIN, nth, 0, cut); cut++)
            sessions++;
    for (unsigned nth = 0; nth < 6; nth++)
        for (size_t cut = 1; damaged(XAUTH_PUSH, nth, 0, cut); cut += 3)
            sessions++;
    printf("v1 cuts: %u sessions\n", sessions);
    cr_assert_gt(sessions, 300);
}

#endif

/* ---- every allocation and every random number fails once ---- */

static bool starved(shape k, int side_no, uint64_t nth, bool randomness)
{
    duo *p = ready(k);
    duo_start(p);
    duo_initiate(p, 0);
    while (p->n && !is_phase2(&p->q[0]))
        duo_deliver(p);
    side *s = &p->s[side_no];
    *(randomness ? &s->fail_random : &s->fail_alloc) = randomness ? nth : s->allocs + nth;
    duo_run(p);
    bool hit = randomness ? s->fail_random == 0 : s->allocs >= s->fail_alloc;
    s->fail_alloc = s->fail_random = 0;
    duo_pass(p, 100 * S);
    consistent(p, "starved", (unsigned)nth, (unsigned)side_no);
    same_keys(p, (unsigned)nth, (unsigned)side_no);
    if (duo_sa(p, 0) && duo_sa(p, 0)->state == NHI_SA_UP) {
        duo_initiate(p, 0);
        duo_run(p);
        duo_pass(p, 60 * S);
        cr_assert(duo_child(p, 0, 0) != NULL, "shape %d side %d nth %u: %s / %s", (int)k, side_no,
                  (unsigned)nth, p->s[0].trace, p->s[1].trace);
    }
    duo_end(p);
    return hit;
}

Test(v1_edits, memory_or_randomness_that_fails_once_leaves_no_half)
{
    unsigned points = 0;
    for (shape k = 0; k < SHAPES; k++)
        for (int i = 0; i < 2; i++) {
            for (uint64_t nth = 1; starved(k, i, nth, false); nth++)
                points++;
            for (uint64_t nth = 1; starved(k, i, nth, true); nth++)
                points++;
        }
    printf("v1 faults: %u points\n", points);
    cr_assert_gt(points, 80);
}

/* ---- transaction messages out of turn ---- */

static void inject(duo *p, int from, uint8_t type, uint16_t attr, nhtb_span value)
{
    int err = 0;
    nhi_ike_builder b;
    nhi_ike_sa *sa = any_sa(p, from);
    nhi_ike_begin(sa->ike);
    nhi_v1_x *x = nhi_v1_x_new(sa, NHI_V1_EX_TRANSACTION, p->now, &err);
    cr_assert_not_null(x);
    nhi_v1_send_inner(sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, type, 7);
    if (value.n == 2)
        nhi_v1_attr_write_short(&b.w, attr, nhi_get16(value.p));
    else
        nhi_v1_attr_write(&b.w, attr, value);
    nhi_ike_build_end(&b);
    cr_assert_eq(nhi_v1_send(x, &b, NHI_V1_ANSWER, p->now), 0);
    nhi_v1_x_kill(x);
    duo_drain(p, from);
    duo_run(p);
}

Test(v1_edits, transaction_messages_nobody_asked_for_change_nothing)
{
    static const uint8_t addr[4] = {10, 9, 9, 9}, ok[2] = {0, 1};
    static const uint16_t attrs[] = {1,     16520, 16521, 16522, 16523,
                                     16525, 16527, 16528, 28672, 999};
    unsigned cells = 0;
    for (shape k = 0; k < SHAPES; k++)
        for (int from = 0; from < 2; from++)
            for (unsigned type = 0; type < 6; type++)
                for (size_t i = 0; i < NHI_ARRAY_LEN(attrs); i++) {
                    duo *p = ready(k);
                    duo_up(p);
                    nhtb_addr had = nhi_ike_peer_get(p->s[!from].ike, p->s[!from].peer)->address;
                    bool number = attrs[i] >= 16520 && attrs[i] != 16521 && attrs[i] != 16522;
                    inject(p, from, (uint8_t)type, attrs[i],
                           number ? (nhtb_span){ok, 2} : (nhtb_span){addr, 4});
                    const nhi_ike_peer *peer = nhi_ike_peer_get(p->s[!from].ike, p->s[!from].peer);
                    bool push = k >= XAUTH_PULL && from == 1 && type == NHI_V1_CFG_SET &&
                                attrs[i] == 1; /* a server may move its client */
                    cr_assert_eq(nhtb_addr_equal(&had, &peer->address), !push,
                                 "shape %d from %d type %u attribute %u", (int)k, from, type,
                                 attrs[i]);
                    cr_assert(duo_sa(p, 0)->state == NHI_SA_UP && duo_sa(p, 1)->state == NHI_SA_UP);
                    cr_assert(p->s[0].installed == 1 && p->s[1].installed == 1);
                    cells++;
                    duo_end(p);
                }
    printf("v1 transaction cells: %u\n", cells);
}

/** While XAuth is under way nothing else opens the door. */
Test(v1_edits, before_xauth_has_passed_nothing_is_given)
{
    static const uint8_t addr[4] = {10, 9, 9, 9}, ok[2] = {0, 1};
    static const uint16_t attrs[] = {1, 16520, 16521, 16522, 16527, 28672};
    for (unsigned type = 0; type < 6; type++)
        for (size_t i = 0; i < NHI_ARRAY_LEN(attrs); i++) {
            duo *p = ready(XAUTH_PULL);
            duo_start(p);
            duo_initiate(p, 0);
            while (!in_config(p, 0) || !in_config(p, 1))
                cr_assert(duo_deliver(p));
            p->n = 0; /* the REQUEST is lost */
            p->cut[0] = true;
            inject(p, 0, (uint8_t)type, attrs[i],
                   attrs[i] == 16527 ? (nhtb_span){ok, 2} : (nhtb_span){addr, 4});
            cr_assert(!any_sa(p, 1) || in_config(p, 1), "type %u attribute %u", type, attrs[i]);
            cr_assert_eq(nhi_ike_peer_get(p->s[1].ike, p->s[1].peer)->address.family, 0);
            cr_assert_eq(p->s[1].installed, 0);
            duo_end(p);
        }
}
