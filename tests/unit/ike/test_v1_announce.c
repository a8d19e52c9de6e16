/* SPDX-License-Identifier: Apache-2.0
 * The next-hop announcement over quick mode: every framing of protocol-facts 1.5 is learnt and
 * mirrored, whatever is not covered by a HASH is not, and nothing of it fails an exchange. */
#include "duo.h"
#include "v1_forge.h"

static const char own0[] = "10.0.0.1", own1[] = "10.0.0.2";

static duo *ready(void)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    for (int i = 0; i < 2; i++) {
        p->s[i].has_own = true;
        p->s[i].own = ip(i ? own1 : own0);
        p->s[i].v1.announce_protocol = 3;
    }
    return p;
}

/** Phase 1, then the datagram with message 1 of quick mode waits at the head of the queue. */
static void until_quick(duo *p)
{
    duo_start(p);
    duo_initiate(p, 0);
    while (!p->n || p->q[0].p[18] != NHI_V1_EX_QUICK)
        cr_assert(duo_deliver(p));
}

static bool forge(duo *p, bool keep_hash, v1_edit edit, void *user)
{
    datagram *d = &p->q[0];
    return v1_forge(duo_sa(p, !d->to), duo_sa(p, d->to), d->p, &d->n, sizeof d->p, keep_hash, edit,
                    user);
}

typedef struct framing {
    uint32_t doi;
    uint8_t protocol, spi_n;
    uint8_t n, data[24];
    const char *learnt; /* NULL: ignored */
    uint8_t mirror_n, mirror[8];
} framing;

static bool is_nhtb(const nhi_v1_pl *pl, nhi_v1_notify *n)
{
    return pl->type == NHI_V1_NOTIFY && nhi_v1_notify_read(n, pl->body) && n->type == 40001;
}

/** Everything but the announcement, then one of our own making. */
static void reframe(void *user, const nhi_v1_msg *m, nhi_ike_builder *b)
{
    const framing *f = user;
    static const uint8_t spi[16] = {1, 2, 3, 4};
    nhi_v1_notify n;
    for (size_t k = 1; k < m->n; k++)
        if (!is_nhtb(&m->pl[k], &n))
            v1_copy(m, k, b);
    n = (nhi_v1_notify){f->doi, f->protocol, 40001, {spi, f->spi_n}, {f->data, f->n}};
    nhi_v1_build_notify(b, &n);
}

static framing seen;
static size_t seen_at, seen_of;

static void look(void *user, const nhi_v1_msg *m, nhi_ike_builder *b)
{
    nhi_v1_notify n;
    v1_copy_all(user, m, b);
    seen_of = m->n;
    for (size_t k = 1; k < m->n; k++)
        if (is_nhtb(&m->pl[k], &n)) {
            seen = (framing){.doi = n.doi,
                             .protocol = n.protocol,
                             .spi_n = (uint8_t)n.spi.n,
                             .n = (uint8_t)n.data.n};
            memcpy(seen.data, n.data.p, n.data.n < 24 ? n.data.n : 24);
            seen_at = k;
        }
}

static void read_first(duo *p)
{
    memset(&seen, 0, sizeof seen);
    seen_at = 0;
    cr_assert(forge(p, false, look, NULL));
}

Test(v1_announce, it_is_the_last_payload_of_messages_1_and_2)
{
    duo *p = ready();
    until_quick(p);
    read_first(p);
    cr_assert(seen_at > 0 && seen_at == seen_of - 1, "behind IDci and IDcr");
    cr_assert(seen.doi == 1 && seen.protocol == 3 && seen.spi_n == 4 && seen.n == 4);
    cr_assert_eq(memcmp(seen.data, p->s[0].own.b, 4), 0);
    cr_assert(duo_deliver(p));
    read_first(p);
    cr_assert(seen_at > 0 && seen_at == seen_of - 1);
    cr_assert_eq(memcmp(seen.data, p->s[1].own.b, 4), 0);
    duo_run(p);
    EXPECT(p, 0, "ike_up install0 learn0 use0");
    EXPECT(p, 1, "ike_up install0 learn0 use0");
    nhtb_addr a = ip(own0), b = ip(own1);
    cr_assert(nhtb_addr_equal(&p->s[0].learnt, &b) && nhtb_addr_equal(&p->s[1].learnt, &a));
    duo_end(p);
}

static const framing framings[] = {
    {1, 3, 4, 4, {10, 0, 0, 9}, "10.0.0.9", 4, {10, 0, 0, 2}},
    {0, 3, 4, 4, {10, 0, 0, 9}, "10.0.0.9", 4, {10, 0, 0, 2}},
    {1, 0, 0, 4, {10, 0, 0, 9}, "10.0.0.9", 4, {10, 0, 0, 2}},
    {1, 1, 16, 4, {10, 0, 0, 9}, "10.0.0.9", 4, {10, 0, 0, 2}},
    {1, 255, 8, 4, {10, 0, 0, 9}, "10.0.0.9", 4, {10, 0, 0, 2}},
    {1, 3, 4, 8, {0, 1, 0, 4, 10, 0, 0, 9}, "10.0.0.9", 8, {0, 1, 0, 4, 10, 0, 0, 2}},
    {1, 3, 4, 8, {10, 0, 0, 9, 255, 255, 0, 0}, "10.0.0.9", 8, {10, 0, 0, 2, 255, 255, 0, 0}},
    {1, 3, 4, 5, {10, 0, 0, 9, 16}, "10.0.0.9", 5, {10, 0, 0, 2, 16}},
    {1, 3, 4, 12, {10, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8}, "10.0.0.9", 4, {10, 0, 0, 2}},
    {1,
     3,
     4,
     16,
     {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9},
     "2001:db8::9",
     4,
     {10, 0, 0, 2}},
    {1,
     3,
     4,
     17,
     {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 64},
     "2001:db8::9",
     4,
     {10, 0, 0, 2}},
    {1,
     3,
     4,
     20,
     {0, 1, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9},
     "2001:db8::9",
     4,
     {10, 0, 0, 2}},
    /* none of the forms, or not to be believed in form */
    {1, 3, 4, 0, {0}, NULL, 0, {0}},
    {1, 3, 4, 3, {10, 0, 0}, NULL, 0, {0}},
    {1, 3, 4, 8, {10, 0, 0, 9, 255, 0, 255, 0}, NULL, 0, {0}},
    {1, 3, 4, 5, {10, 0, 0, 9, 33}, NULL, 0, {0}},
    {1, 3, 4, 6, {10, 0, 0, 9, 0, 0}, NULL, 0, {0}},
    {2, 3, 4, 4, {10, 0, 0, 9}, NULL, 0, {0}},
};

static void framed(const framing *f)
{
    duo *p = ready();
    until_quick(p);
    cr_assert(forge(p, false, reframe, (void *)(uintptr_t)f));
    cr_assert(duo_deliver(p));
    read_first(p);
    cr_assert_eq(seen_at != 0, f->learnt != NULL, "%u bytes", f->n);
    if (f->learnt) {
        nhtb_addr a = ip(f->learnt);
        cr_assert(nhtb_addr_equal(&p->s[1].learnt, &a), "%u bytes", f->n);
        cr_assert(seen.protocol == f->protocol && seen.spi_n == f->spi_n, "%u bytes", f->n);
        cr_assert(seen.n == f->mirror_n && memcmp(seen.data, f->mirror, seen.n) == 0);
    }
    duo_run(p);
    EXPECT(p, 1, f->learnt ? "ike_up install0 learn0 use0" : "ike_up install0 use0");
    cr_assert_eq(p->s[1].ike->count.notify_nhtb_ignored, f->learnt ? 0 : 1);
    cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0), "an exchange never fails for it");
    duo_end(p);
}

Test(v1_announce, every_framing_is_learnt_and_mirrored)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(framings); i++)
        framed(&framings[i]);
}

Test(v1_announce, an_initiator_mirrors_what_message_2_showed)
{
    duo *p = ready();
    const framing tlv = {1, 2, 0, 8, {0, 1, 0, 4, 10, 0, 0, 9}, NULL, 0, {0}};
    until_quick(p);
    cr_assert(duo_deliver(p));
    cr_assert(forge(p, false, reframe, (void *)(uintptr_t)&tlv));
    duo_run(p);
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now), 0);
    duo_drain(p, 0);
    read_first(p);
    cr_assert(seen.n == 8 && seen.protocol == 2 && seen.spi_n == 0);
    cr_assert_eq(memcmp(seen.data, "\0\1\0\4\x0a\0\0\1", 8), 0);
    duo_run(p);
    duo_end(p);
}

Test(v1_announce, the_entry_says_how_before_anything_was_seen)
{
    static const struct {
        uint8_t form, n;
        uint8_t data[8];
    } forms[] = {{NHTB_V1_FORM_PLAIN, 4, {10, 0, 0, 1}},
                 {NHTB_V1_FORM_TLV, 8, {0, 1, 0, 4, 10, 0, 0, 1}},
                 {NHTB_V1_FORM_MASK, 8, {10, 0, 0, 1, 255, 255, 255, 0}},
                 {NHTB_V1_FORM_PREFIX, 5, {10, 0, 0, 1, 24}}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(forms); i++) {
        duo *p = ready();
        p->s[0].v1.announce_form = forms[i].form;
        p->s[0].v1.announce_protocol = 0;
        p->s[0].v1.announce_no_spi = true;
        until_quick(p);
        read_first(p);
        cr_assert(seen.n == forms[i].n && memcmp(seen.data, forms[i].data, seen.n) == 0);
        cr_assert(seen.protocol == 0 && seen.spi_n == 0);
        duo_run(p);
        EXPECT(p, 1, "ike_up install0 learn0 use0");
        duo_end(p);
    }
}

static void count_notifies(uint8_t mode0, uint8_t mode1, bool in_1, bool in_2, bool multipoint)
{
    duo *p = ready();
    p->s[1].multipoint = multipoint;
    p->s[0].cfg.announce = mode0;
    p->s[1].cfg.announce = mode1;
    until_quick(p);
    read_first(p);
    cr_assert_eq(seen_at != 0, in_1, "message 1, modes %u %u", mode0, mode1);
    cr_assert(duo_deliver(p));
    read_first(p);
    cr_assert_eq(seen_at != 0, in_2, "message 2, modes %u %u", mode0, mode1);
    duo_run(p);
    cr_assert_eq(strstr(p->s[1].trace, "learn") != NULL, in_1 && mode1 != NHTB_ANNOUNCE_OFF);
    duo_end(p);
}

Test(v1_announce, auto_on_and_off_mean_what_they_say)
{
    count_notifies(NHTB_ANNOUNCE_AUTO, NHTB_ANNOUNCE_AUTO, true, true, false);
    count_notifies(NHTB_ANNOUNCE_OFF, NHTB_ANNOUNCE_AUTO, false, false, false);
    count_notifies(NHTB_ANNOUNCE_OFF, NHTB_ANNOUNCE_AUTO, false, true, true);
    count_notifies(NHTB_ANNOUNCE_OFF, NHTB_ANNOUNCE_ON, false, true, false);
    count_notifies(NHTB_ANNOUNCE_AUTO, NHTB_ANNOUNCE_OFF, true, false, true);
}

Test(v1_announce, without_a_tunnel_address_nothing_is_said)
{
    duo *p = ready();
    p->s[0].has_own = false;
    until_quick(p);
    read_first(p);
    cr_assert_eq(seen_at, 0);
    duo_run(p);
    duo_end(p);
}

Test(v1_announce, an_ipv6_address_is_told_only_on_request)
{
    for (uint8_t mode = 0; mode < 2; mode++) {
        duo *p = ready();
        p->s[0].own = ip("2001:db8::1");
        p->s[0].cfg.announce = mode;
        until_quick(p);
        read_first(p);
        cr_assert_eq(seen.n, mode == NHTB_ANNOUNCE_ON ? 16 : 0);
        duo_run(p);
        duo_end(p);
    }
}

Test(v1_announce, in_message_3_it_counts_as_not_there)
{
    duo *p = ready();
    const framing f = {1, 3, 4, 4, {10, 0, 0, 77}, NULL, 0, {0}};
    p->s[0].cfg.announce = NHTB_ANNOUNCE_OFF;
    until_quick(p);
    cr_assert(duo_deliver(p) && duo_deliver(p));
    cr_assert_eq(p->q[0].to, 1);
    cr_assert(forge(p, true, reframe, (void *)(uintptr_t)&f), "HASH(3) does not cover it");
    duo_run(p);
    EXPECT(p, 1, "ike_up install0 use0");
    cr_assert_eq(p->s[1].ike->count.notify_nhtb_ignored, 1);
    duo_end(p);
}

Test(v1_announce, before_its_hash_is_right_nothing_is_learnt)
{
    for (unsigned message = 1; message <= 2; message++) {
        duo *p = ready();
        const framing f = {1, 3, 4, 4, {10, 0, 0, 77}, NULL, 0, {0}};
        until_quick(p);
        if (message == 2)
            cr_assert(duo_deliver(p));
        int to = p->q[0].to;
        datagram right = p->q[0];
        cr_assert(forge(p, true, reframe, (void *)(uintptr_t)&f), "with the HASH of another one");
        p->s[to].refuse_reason = 0;
        cr_assert(duo_deliver(p));
        cr_assert_neq(p->s[to].refuse_reason, 0);
        cr_assert(strstr(p->s[to].trace, "learn") == NULL && p->s[to].learnt.family == 0);
        (void)right;
        duo_end(p);
    }
}

Test(v1_announce, an_unprotected_informational_teaches_nothing)
{
    duo *p = ready();
    duo_up(p);
    nhi_ike_sa *sa = duo_sa(p, 1);
    nhi_ike_builder b;
    datagram *d = &p->q[p->n++];
    const nhi_ike_hdr h = {.spi_i = sa->spi_i,
                           .spi_r = sa->spi_r,
                           .version = NHI_V1_VERSION,
                           .exchange = NHI_V1_EX_INFORMATIONAL,
                           .msg_id = 7};
    const nhi_v1_notify n = {1, 3, 40001, {NULL, 0}, {(const uint8_t *)"\x0a\0\0\x4d", 4}};
    d->to = 1;
    d->kind = NHTB_PKT_IKE_500;
    d->path = sa->path;
    nhi_ike_build_init(&b, d->p, sizeof d->p, &h);
    nhi_v1_build_notify(&b, &n);
    d->n = nhi_ike_build_finish(&b);
    duo_run(p);
    EXPECT(p, 1, "");
    cr_assert_neq(p->s[1].refuse_reason, 0);
    duo_end(p);
}
