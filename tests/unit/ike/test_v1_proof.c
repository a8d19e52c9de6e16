/* SPDX-License-Identifier: Apache-2.0
 * Phase 1 messages of one who has all keys but not the right HASH: the encryption alone proves
 * nothing. RFC 2409 5. */
#include "duo.h"
#include "ike/v1/v1.h"

/** Inverts a bit of HASH in a protected phase 1 message and protects it anew. */
static datagram forged(nhi_ike_sa *from, const nhi_ike_sa *to, const datagram *d, size_t bit)
{
    static uint8_t plain[4096];
    static nhi_v1_msg m;
    const nhtb_crypto *c = from->ike->env.crypto;
    uint8_t iv[16], next[16];
    nhi_ike_hdr h;
    datagram out = *d;
    size_t len = 0;
    cr_assert(nhi_ike_hdr_read(&h, d->p, d->n));
    cr_assert(h.flags & NHI_V1_F_ENCRYPT);
    memcpy(iv, to->v1->iv, sizeof iv);
    memcpy(next, iv, sizeof next);
    cr_assert_eq(nhi_v1_open(c, &from->v1->cipher, &from->v1->keys, next, (nhtb_span){d->p, d->n},
                             plain, &len),
                 0);
    cr_assert_eq(nhi_v1_msg_parse(&m, h.next, plain, len, true), NHI_CHAIN_OK);
    const nhi_v1_pl *hash = nhi_v1_msg_get(&m, NHI_V1_HASH, 0);
    cr_assert_not_null(hash);
    plain[(size_t)(hash->body.p - plain) + bit / 8] ^= (uint8_t)(1u << bit % 8);
    uint8_t first = h.next;
    h.flags = 0;
    out.n = sizeof out.p;
    cr_assert_eq(nhi_v1_seal(c, &from->v1->cipher, &from->v1->keys, iv, &h, first,
                             (nhtb_span){plain, len}, out.p, &out.n),
                 0);
    return out;
}

static nhi_ike_sa *only_sa(duo *p, int i)
{
    cr_assert_eq(p->s[i].ike->n_sas, 1);
    return NHI_CONTAINER(p->s[i].ike->sas.next, nhi_ike_sa, link);
}

/** Delivers until message n (from 1) is the next one. */
static duo *before(nhtb_v1_mode mode, unsigned n)
{
    duo *p = duo_new_v1(mode);
    duo_start(p);
    duo_initiate(p, 0);
    for (unsigned i = 1; i < n; i++)
        cr_assert(duo_deliver(p));
    cr_assert(p->n);
    return p;
}

Test(v1_proof, a_responder_believes_the_hash_and_waits_for_the_right_one)
{
    static const size_t bits[] = {0, 7, 100, 255};
    for (size_t k = 0; k < 2 * NHI_ARRAY_LEN(bits); k++) {
        nhtb_v1_mode mode = k & 1 ? NHTB_V1_AGGRESSIVE : NHTB_V1_MAIN;
        duo *p = before(mode, mode == NHTB_V1_MAIN ? 5 : 3);
        nhi_ike_sa *i = only_sa(p, 0), *r = only_sa(p, 1);
        size_t left = p->n;
        for (unsigned again = 0; again < 2; again++) {
            datagram bad = forged(i, r, &p->q[0], bits[k / 2]);
            cr_assert_eq(
                nhi_ike_recv(p->s[1].ike, &bad.path, bad.kind, (nhtb_span){bad.p, bad.n}, p->now),
                NHTB_REASON_IKE_INTEGRITY);
            duo_drain(p, 1);
            const char *told = strstr(p->s[1].trace, "auth_failed:authentication");
            cr_assert_not_null(told);
            cr_assert_null(strstr(told + 1, "auth_failed"), "told once");
            cr_assert_neq(r->state, NHI_SA_UP);
            cr_assert_eq(p->n, left, "and not a word to the sender");
        }
        cr_assert_eq(p->s[1].ike->count.auth_failed, 1);
        duo_run(p);
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1), "the true one is still welcome");
        duo_end(p);
    }
}

Test(v1_proof, an_initiator_waits_for_the_right_hash_too)
{
    static const size_t bits[] = {0, 7, 100, 255};
    for (size_t k = 0; k < NHI_ARRAY_LEN(bits); k++) {
        duo *p = before(NHTB_V1_MAIN, 6);
        nhi_ike_sa *i = only_sa(p, 0), *r = only_sa(p, 1);
        datagram bad = forged(r, i, &p->q[0], bits[k]);
        cr_assert_eq(
            nhi_ike_recv(p->s[0].ike, &bad.path, bad.kind, (nhtb_span){bad.p, bad.n}, p->now),
            NHTB_REASON_IKE_INTEGRITY);
        duo_drain(p, 0);
        EXPECT(p, 0, "");
        cr_assert_neq(i->state, NHI_SA_UP);
        duo_run(p);
        cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
        duo_end(p);
    }
}
