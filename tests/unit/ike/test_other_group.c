/* SPDX-License-Identifier: Apache-2.0
 * INVALID_KE_PAYLOAD while an IKE SA is rekeyed: the other group is taken when we offered it, and
 * every answer that could lead in circles or out of our offer is refused. RFC 7296 1.3.2, 2.18. */
#include "duo.h"

static nhtb_proposal prop[2];

static duo *up(void)
{
    duo *p = duo_new();
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_IKE, "aes256gcm16-prfsha256-x25519-ecp256",
                                         &prop[i], NULL),
                     0);
        p->s[i].cfg.proposals = &prop[i];
        p->s[i].cfg.n_proposals = 1;
    }
    duo_up(p);
    cr_assert_eq(duo_sa(p, 0)->suite.ke, 31);
    return p;
}

/** From now on the side offers and accepts this group only. */
static void only(duo *p, int i, uint16_t ke)
{
    nhi_ike_peer *q = nhi_ike_peer_get(p->s[i].ike, p->s[i].peer);
    nhtb_proposal *v = (nhtb_proposal *)q->cfg.proposals;
    v->n_ke = 1;
    v->ke[0] = ke;
}

Test(ike_other_group, a_rekey_goes_on_with_the_group_the_peer_wants)
{
    duo *p = up();
    only(p, 1, 19);
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_IKE, p->now), 0);
    duo_drain(p, 0);
    duo_run(p);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(duo_sa(p, i)->state, NHI_SA_UP);
        cr_assert_eq(duo_sa(p, i)->suite.ke, 19);
        cr_assert_eq(p->s[i].installed, 1);
    }
    cr_assert_eq(p->s[0].ike->count.invalid_ke, 1);
    duo_end(p);
}

Test(ike_other_group, nothing_in_common_is_no_proposal_and_the_old_sa_stays)
{
    duo *p = up();
    only(p, 0, 31);
    only(p, 1, 19);
    nhi_ike_sa *was = duo_sa(p, 0);
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_IKE, p->now), 0);
    duo_drain(p, 0);
    duo_run(p);
    cr_assert_eq(duo_sa(p, 0), was);
    cr_assert(was->state == NHI_SA_UP && p->s[0].installed == 1);
    cr_assert_eq(p->s[0].ike->count.invalid_ke, 0);
    duo_end(p);
}

/* ---- answers of a peer that knows the keys ---- */

/** Side 1 answers side 0's request with one error notify. */
static unsigned answer(duo *p, uint16_t notify, nhtb_span data)
{
    side *s = &p->s[1];
    nhi_ike_sa *own = duo_sa(p, 1), *sa = duo_sa(p, 0);
    uint8_t inner[100], out[300];
    size_t n = sizeof out;
    nhi_ike_builder b;
    nhi_ike_build_inner(&b, inner, sizeof inner);
    nhi_ike_build_notify(&b, 0, (nhtb_span){NULL, 0}, notify, data);
    size_t len = nhi_ike_build_finish(&b);
    nhi_ike_hdr h = {.spi_i = own->spi_i,
                     .spi_r = own->spi_r,
                     .version = NHI_IKE_VERSION,
                     .exchange = sa->out.exchange,
                     .flags = NHI_IKE_F_RESPONSE,
                     .msg_id = sa->out.next};
    cr_assert_eq(nhi_sk_seal(&own->sk, &s->mem, &s->crypto, &s->ike->lane, &h, b.first,
                             (nhtb_span){inner, len}, out, &n),
                 0);
    nhtb_path at = {.local = sa->path.local,
                    .remote = sa->path.remote,
                    .local_port = sa->path.local_port,
                    .remote_port = sa->path.remote_port};
    unsigned why = nhi_ike_recv(p->s[0].ike, &at, sa->kind, (nhtb_span){out, n}, p->now);
    duo_drain(p, 0);
    return why;
}

/** Side 0 asks for a rekey; its requests go nowhere. */
static duo *asking(nhtb_rekey what)
{
    duo *p = up();
    p->cut[1] = true;
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, what, p->now), 0);
    duo_drain(p, 0);
    cr_assert(duo_sa(p, 0)->out.busy);
    return p;
}

Test(ike_other_group, only_a_group_we_offered_and_have_not_tried_is_taken)
{
    static const struct {
        const char *what;
        uint8_t data[3], n;
        bool taken;
    } v[] = {
        {"ecp256", {0, 19}, 2, true},       {"the same", {0, 31}, 2, false},
        {"not offered", {0, 14}, 2, false}, {"unknown", {0xff, 0xff}, 2, false},
        {"none", {0, 0}, 2, false},         {"short", {19}, 1, false},
        {"long", {0, 19, 0}, 3, false},     {"empty", {0}, 0, false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        duo *p = asking(NHTB_REKEY_IKE);
        nhi_ike_sa *sa = duo_sa(p, 0);
        uint32_t id = sa->out.next;
        cr_assert_eq(answer(p, NHI_N_INVALID_KE_PAYLOAD, (nhtb_span){v[i].data, v[i].n}), 0);
        cr_assert(sa->state == NHI_SA_UP && p->s[0].installed == 1, "%s", v[i].what);
        cr_assert_eq(sa->out.next, id + 1);
        cr_assert_eq(sa->out.busy, v[i].taken, "%s: asks again at once", v[i].what);
        cr_assert_eq(p->s[0].ike->count.invalid_ke, v[i].taken);
        duo_end(p);
    }
}

Test(ike_other_group, a_peer_that_sends_us_to_and_fro_is_asked_a_few_times_only)
{
    static const uint8_t groups[2][2] = {{0, 19}, {0, 31}};
    duo *p = asking(NHTB_REKEY_IKE);
    nhi_ike_sa *sa = duo_sa(p, 0);
    unsigned times = 0;
    while (sa->out.busy && times < 20)
        cr_assert_eq(answer(p, NHI_N_INVALID_KE_PAYLOAD, (nhtb_span){groups[times++ & 1], 2}), 0);
    cr_assert(times >= 2 && times <= 5, "%u", times);
    cr_assert(sa->state == NHI_SA_UP && p->s[0].installed == 1);
    duo_end(p);
}

Test(ike_other_group, other_errors_leave_the_old_sa)
{
    static const uint16_t v[] = {NHI_N_NO_PROPOSAL_CHOSEN, NHI_N_TEMPORARY_FAILURE,
                                 NHI_N_NO_ADDITIONAL_SAS};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        duo *p = asking(NHTB_REKEY_IKE);
        nhi_ike_sa *sa = duo_sa(p, 0);
        cr_assert_eq(answer(p, v[i], (nhtb_span){NULL, 0}), 0);
        cr_assert(sa->state == NHI_SA_UP && !sa->out.busy && p->s[0].installed == 1, "%zu", i);
        duo_end(p);
    }
}
