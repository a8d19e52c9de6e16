/* SPDX-License-Identifier: Apache-2.0
 * Bounds of an ISAKMP SA: exchanges at once, message IDs, jobs that fail, fragments of strangers,
 * paths that change, keys that belong to another entry. RFC 2408, RFC 2409. */
#include "duo.h"
#include "v1_forge.h"

static duo *up(nhtb_v1_mode mode)
{
    duo *p = duo_new_v1(mode);
    duo_up(p);
    return p;
}

/* ---- exchanges, message IDs ---- */

Test(v1_bounds, exchanges_are_few_and_a_finished_one_makes_room)
{
    duo *p = up(NHTB_V1_MAIN);
    nhi_ike_sa *sa = duo_sa(p, 1);
    nhi_v1_x *x[NHI_V1_EXCHANGES] = {NULL};
    int err = 0;
    nhi_ike_begin(sa->ike);
    while (!nhi_list_empty(&sa->v1->xs)) /* those of coming up */
        nhi_v1_x_kill(NHI_CONTAINER(sa->v1->xs.next, nhi_v1_x, link));
    for (uint32_t i = 0; i < NHI_V1_EXCHANGES; i++) {
        x[i] = nhi_v1_x_take(sa, NHI_V1_EX_QUICK, 1000 + i, p->now);
        cr_assert_not_null(x[i]);
    }
    cr_assert_null(nhi_v1_x_take(sa, NHI_V1_EX_QUICK, 5000, p->now));
    cr_assert_null(nhi_v1_x_new(sa, NHI_V1_EX_QUICK, p->now, &err));
    cr_assert_eq(err, NHTB_ERR_LIMIT);
    cr_assert_eq(sa->v1->n_xs, NHI_V1_EXCHANGES);
    x[3]->repeats = 1; /* its last message may have to be said again */
    nhi_v1_x_done(x[3], p->now);
    cr_assert_null(nhi_v1_x_take(sa, NHI_V1_EX_QUICK, 5000, p->now));
    nhi_v1_x_done(x[5], p->now);
    cr_assert_not_null(nhi_v1_x_take(sa, NHI_V1_EX_QUICK, 5000, p->now));
    cr_assert_null(nhi_v1_x_find(sa, 1005));
    cr_assert_not_null(nhi_v1_x_find(sa, 1003));
    duo_end(p);
}

static uint32_t drawn; /* what the host's generator says */

static int fixed(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    memset(dst, 0, n);
    if (n == 4)
        memcpy(dst, &drawn, 4);
    return 0;
}

Test(v1_bounds, a_message_id_is_neither_zero_nor_used_before)
{
    duo *p = up(NHTB_V1_MAIN);
    nhi_ike_sa *sa = duo_sa(p, 0);
    uint32_t mid = 0;
    int (*before)(void *, uint8_t *, size_t) = p->s[0].mem.host.random;
    p->s[0].mem.host.random = fixed;
    drawn = 0;
    cr_assert_eq(nhi_v1_new_mid(sa, &mid), NHTB_ERR_RANDOM);
    drawn = 77;
    cr_assert_eq(nhi_v1_new_mid(sa, &mid), 0);
    cr_assert_eq(mid, 77);
    nhi_ike_begin(sa->ike);
    nhi_v1_x *x = nhi_v1_x_take(sa, NHI_V1_EX_QUICK, 77, p->now);
    cr_assert_not_null(x);
    cr_assert_eq(nhi_v1_new_mid(sa, &mid), NHTB_ERR_RANDOM, "it runs");
    nhi_v1_x_kill(x);
    cr_assert_eq(nhi_v1_new_mid(sa, &mid), NHTB_ERR_RANDOM, "it was");
    p->s[0].mem.host.random = before;
    duo_end(p);
}

/* ---- jobs ---- */

/** Hands back the first job of a side without or with a failed result. */
static void fail_job(duo *p, int i, bool ran)
{
    nhtb_job *j = nhi_ike_job_next(p->s[i].ike);
    cr_assert_not_null(j);
    if (ran) {
        nhtb_job_run(j);
        j->status = NHTB_ERR_CRYPTO;
    }
    nhi_ike_job_done(p->s[i].ike, j, p->now);
    duo_drain(p, i);
}

static void give(duo *p, const datagram *d)
{
    (void)nhi_ike_recv(p->s[d->to].ike, &d->path, d->kind, (nhtb_span){d->p, d->n}, p->now);
}

Test(v1_bounds, a_failed_key_exchange_ends_the_attempt)
{
    for (unsigned n = 3; n < 5; n++) /* message 3: both jobs of the responder; 4: the secret */
        for (unsigned ran = 0; ran < 2; ran++) {
            duo *p = duo_new_v1(NHTB_V1_MAIN);
            duo_start(p);
            duo_initiate(p, 0);
            for (unsigned i = 1; i < n; i++)
                duo_deliver(p);
            datagram d = p->q[0];
            p->n = 0;
            give(p, &d);
            fail_job(p, d.to, ran);
            cr_assert_eq(duo_sas(p, d.to), 0);
            cr_assert_eq(p->s[d.to].ike->n_sas, 0, "message %u: %s", n, p->s[d.to].trace);
            if (d.to == 0)
                EXPECT(p, 0, ran ? "ike_failed:malformed" : "ike_failed:crypto");
            duo_end(p);
        }
}

Test(v1_bounds, a_failed_key_exchange_of_quick_mode_costs_the_pair_alone)
{
    static nhtb_proposal pfs;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_ESP, "aes128gcm16-ecp256", &pfs, NULL), 0);
    for (int who = 0; who < 2; who++)
        for (unsigned ran = 0; ran < 2; ran++) {
            duo *p = duo_new_v1(NHTB_V1_MAIN);
            for (int i = 0; i < 2; i++) {
                p->s[i].child[0].proposals = &pfs;
                p->s[i].child[0].n_proposals = 1;
            }
            duo_start(p);
            duo_initiate(p, 0);
            while (p->n && p->q[0].p[18] != NHI_V1_EX_QUICK)
                duo_deliver(p);
            if (who == 0)
                duo_deliver(p);
            datagram d = p->q[0];
            cr_assert_eq(d.to, who);
            p->n = 0;
            give(p, &d);
            fail_job(p, who, ran);
            cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "the ISAKMP SA stays");
            cr_assert_eq(p->s[who].installed, 0);
            if (who == 0)
                cr_assert_not_null(
                    strstr(p->s[0].trace, ran ? "child_failed:malformed" : "child_failed:crypto"),
                    "%s", p->s[0].trace);
            duo_pass(p, 30 * S);
            (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
            duo_drain(p, 0);
            duo_run(p);
            duo_pass(p, 200 * S);
            (void)nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now);
            duo_drain(p, 0);
            duo_run(p);
            cr_assert_not_null(duo_child(p, 0, 0), "side %d: %s", who, p->s[0].trace);
            duo_end(p);
        }
}

/* ---- fragments ---- */

/** The bytes of a message as one fragment between these cookies, to side 1. */
static unsigned in_one(duo *p, uint64_t spi_i, uint64_t spi_r, const uint8_t *msg, size_t n)
{
    static uint16_t id = 100;
    uint8_t b[512];
    nhi_ike_builder w;
    const nhi_ike_hdr h = {
        .spi_i = spi_i, .spi_r = spi_r, .version = NHI_V1_VERSION, .exchange = NHI_V1_EX_QUICK};
    const nhi_v1_frag f = {++id, 1, true, {msg, n}};
    nhtb_path path = {.local = ip("192.0.2.2"), .remote = ip("192.0.2.1"), 500, 500, 0};
    nhi_ike_build_init(&w, b, sizeof b, &h);
    nhi_v1_build_fragment(&w, &f);
    size_t len = nhi_ike_build_finish(&w);
    unsigned why = nhi_ike_recv(p->s[1].ike, &path, NHTB_PKT_IKE_500, (nhtb_span){b, len}, p->now);
    duo_drain(p, 1);
    return why;
}

Test(v1_bounds, fragments_are_for_sas_that_agreed_and_hold_a_message_of_the_same_sa)
{
    duo *p = duo_new_v1(NHTB_V1_MAIN);
    p->s[0].settings.fragment_size = p->s[1].settings.fragment_size = 200;
    duo_up(p);
    nhi_ike_sa *sa = duo_sa(p, 1);
    uint64_t i = sa->spi_i, r = sa->spi_r;
    uint8_t m[28 + 4] = {0};
    nhi_put64(m, i);
    nhi_put64(m + 8, r);
    m[16] = NHI_V1_HASH;
    m[17] = NHI_V1_VERSION;
    m[18] = NHI_V1_EX_INFORMATIONAL;
    nhi_put32(m + 24, sizeof m);
    cr_assert_eq(in_one(p, i, r ^ 1, m, sizeof m), NHTB_REASON_IKE_UNKNOWN_SA);
    unsigned fine = in_one(p, i, r, m, sizeof m);
    cr_assert(fine != NHTB_REASON_IKE_FRAGMENT && fine != NHTB_REASON_IKE_STATE,
              "it is looked at like any other: %s", nhtb_reason_name(fine));
    static const struct {
        unsigned at;
        uint8_t value;
    } bad[] = {{0, 0xff}, {15, 0xff}, {17, 0x20}, {16, NHI_V1_FRAGMENT}, {27, 1}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(bad); k++) {
        uint8_t was = m[bad[k].at];
        m[bad[k].at] = bad[k].at == 0 || bad[k].at == 15 ? was ^ bad[k].value : bad[k].value;
        unsigned why = in_one(p, i, r, m, sizeof m);
        cr_assert_eq(why, NHTB_REASON_IKE_FRAGMENT, "%zu: %s", k, nhtb_reason_name(why));
        m[bad[k].at] = was;
    }
    cr_assert_eq(in_one(p, i, r, m, 10), NHTB_REASON_IKE_FRAGMENT, "not even a header");
    sa->v1->frag = false;
    cr_assert_eq(in_one(p, i, r, m, sizeof m), NHTB_REASON_IKE_STATE);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    duo_end(p);
}

/* ---- paths ---- */

Test(v1_bounds, a_peer_behind_nat_is_followed_by_what_it_protects_alone)
{
    for (unsigned nat = 0; nat < 2; nat++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        p->nat = nat != 0;
        if (nat)
            p->s[0].cfg.path.remote = ip("198.51.100.7");
        p->s[0].cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
        duo_start(p);
        duo_initiate(p, 1);
        duo_run(p);
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
        duo_clear(p);
        nhi_v1_dpd_probe(duo_sa(p, 1), p->now);
        duo_drain(p, 1);
        cr_assert_eq(p->n, 1);
        datagram d = p->q[0], forged = d;
        p->n = 0;
        d.path.remote_port = forged.path.remote_port = 40000;
        forged.p[40] ^= 1; /* in HASH */
        give(p, &forged);
        duo_drain(p, 0);
        cr_assert_neq(duo_sa(p, 0)->path.remote_port, 40000, "anybody could have sent it");
        give(p, &d);
        duo_drain(p, 0);
        cr_assert_eq(duo_sa(p, 0)->path.remote_port == 40000, nat == 1);
        cr_assert_eq(strstr(p->s[0].trace, "move") != NULL, nat == 1, "%s", p->s[0].trace);
        if (nat)
            cr_assert_eq(p->s[0].moved.remote_port, 40000);
        duo_end(p);
    }
}

/* ---- entries ---- */

/** Two entries of one address: who has the key of the first is not the second. */
Test(v1_bounds, an_identity_needs_the_key_of_its_own_entry)
{
    for (unsigned same = 0; same < 2; same++) {
        duo *p = duo_new_v1(NHTB_V1_MAIN);
        p->s[0].cfg.local_id = (nhtb_identity){NHTB_ID_FQDN, str("c")};
        duo_start(p);
        nhtb_peer c = p->s[1].cfg;
        nhtb_peer_id id;
        c.name = "c";
        c.remote_id = (nhtb_identity){NHTB_ID_FQDN, str("c")};
        c.psk = str(same ? "secret" : "of c's own");
        cr_assert_eq(nhi_ike_peer_new(p->s[1].ike, &c, &id), 0);
        nhi_ike_peer_start(p->s[1].ike, id, p->now);
        duo_initiate(p, 0);
        duo_run(p);
        bool in = strstr(p->s[1].trace, "ike_up") != NULL;
        cr_assert_eq(in, same == 1, "%s", p->s[1].trace);
        if (!same)
            cr_assert_not_null(strstr(p->s[1].trace, "auth_failed:"), "%s", p->s[1].trace);
        else
            cr_assert_not(nhi_list_empty(&nhi_ike_peer_get(p->s[1].ike, id)->sas));
        duo_end(p);
    }
}
