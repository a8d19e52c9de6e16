/* SPDX-License-Identifier: Apache-2.0
 * Two sides did the same at once: who gives way. Rekeys follow RFC 7296 2.8.1 and 2.8.2 (lowest nonce
 * loses, its creator deletes). Crossing first contacts have no rule there; ours is below and in
 * docs/ike-states.md. Called by auth_*, child_*, rekey_*. Control thread. */
#include "ike/room.h"

int nhi_ike_collide_cmp(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
    int d = memcmp(a, b, an < bn ? an : bn);
    if (d)
        return d;
    return an < bn ? -1 : an > bn;
}

void nhi_ike_collide_keep(const nhi_ike_nego *x, uint8_t kept[NHI_IKE_NONCE_KEPT], uint16_t *n)
{
    nhtb_span a = {x->ours, sizeof x->ours}, b = {x->theirs, x->theirs_n};
    nhtb_span low = nhi_ike_collide_cmp(a.p, a.n, b.p, b.n) < 0 ? a : b;
    *n = (uint16_t)(low.n < NHI_IKE_NONCE_KEPT ? low.n : NHI_IKE_NONCE_KEPT);
    memcpy(kept, low.p, *n);
}

void nhi_ike_collide_children(nhi_ike_child *fresh)
{
    nhi_ike_sa *sa = fresh->sa;
    NHI_LIST_FOR(it, &sa->children)
    {
        nhi_ike_child *o = NHI_CONTAINER(it, nhi_ike_child, link);
        if (o == fresh || o->cfg != fresh->cfg || o->state != NHI_CHILD_UP)
            continue;
        sa->ike->count.collisions++;
        bool fresh_loses =
            nhi_ike_collide_cmp(fresh->nonce, fresh->nonce_n, o->nonce, o->nonce_n) < 0;
        nhi_ike_child *loser = fresh_loses ? fresh : o;
        if (loser->creator)
            nhi_ike_child_delete(loser);
        if (loser == fresh)
            return;
    }
}

/** Were both being set up at the same time? Then neither replaces the other by being newer. */
static bool crossed(const nhi_ike_sa *a, const nhi_ike_sa *b)
{
    return a->established >= b->created && b->established >= a->created;
}

/** Two attempts of one side, the older given up too early: the older is the duplicate, and only its
 *  initiator knows which that is. Crossing: the one with the lower initiator SPI is the duplicate, its initiator deletes it. Both
 *  sides see the same SPIs, so both decide alike. */
static void settle_crossing(nhi_ike_sa *a, nhi_ike_sa *b, nhtb_time now)
{
    nhi_ike_sa *loser = a->spi_i < b->spi_i ? a : b;
    if (a->initiator == b->initiator)
        loser = a->created < b->created ? a : b;
    a->ike->count.collisions++;
    if (loser->initiator)
        nhi_ike_sa_delete(loser, NHTB_DETAIL_REPLACED, now);
}

void nhi_ike_collide_sas(nhi_ike_sa *fresh, nhtb_time now)
{
    NHI_LIST_FOR_SAFE_BACK(it, pv, &fresh->peer->sas)
    {
        nhi_ike_sa *o = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        if (o == fresh || o->state != NHI_SA_UP)
            continue;
        if (crossed(o, fresh))
            settle_crossing(o, fresh, now);
        else if (fresh->contact) /* the peer knows of no other: nobody is left to tell */
            nhi_ike_sa_end(o, NHTB_DETAIL_REPLACED, 0, false, now);
        else if (!fresh->initiator)
            nhi_ike_sa_delete(o, NHTB_DETAIL_REPLACED, now);
        if (fresh->state != NHI_SA_UP)
            return;
    }
}
