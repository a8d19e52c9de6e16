/* SPDX-License-Identifier: Apache-2.0
 * The next-hop announcement: who is told our tunnel address, and whose word is taken. A stranger
 * (no Vendor ID of ours) never gets the notify unless the peer's entry says ON. Read only where the
 * peer is authenticated. protocol-facts 1.4 item 5, 1.5. Called by auth_* and child_*. */
#include "ike/room.h"

void nhi_ike_nhtb_write(nhi_ike_nego *x, nhi_ike_builder *b)
{
    nhi_ike_sa *sa = x->sa;
    nhi_ike *ike = sa->ike;
    nhi_ike_own own;
    uint8_t data[16];
    uint8_t mode = sa->peer->cfg.announce;
    if (mode == NHTB_ANNOUNCE_OFF || (mode == NHTB_ANNOUNCE_AUTO && !sa->libnhtb))
        return;
    if (!x->child || !ike->env.own_addr(ike->env.user, sa->peer_id, x->child->cfg, &own))
        return;
    size_t n = nhi_nhtb_data_write(data, &own.addr);
    if (!n)
        return;
    nhi_ike_build_notify(b, 0, (nhtb_span){NULL, 0}, ike->env.settings->nhtb_notify,
                         (nhtb_span){data, n});
    ike->count.notify_nhtb_sent++;
}

void nhi_ike_nhtb_read(nhi_ike_nego *x, const nhi_ike_msg *m)
{
    nhi_ike *ike = x->sa->ike;
    nhi_ike_notify n;
    memset(&x->learnt, 0, sizeof x->learnt);
    if (!nhi_ike_find_notify(m, ike->env.settings->nhtb_notify, &n))
        return;
    if (x->sa->peer->cfg.announce == NHTB_ANNOUNCE_OFF || !nhi_nhtb_data_read(n.data, &x->learnt)) {
        memset(&x->learnt, 0, sizeof x->learnt);
        ike->count.notify_nhtb_ignored++;
        return;
    }
    ike->count.notify_nhtb_received++;
}

void nhi_ike_nhtb_learn(const nhi_ike_nego *x)
{
    if (!x->learnt.family || !x->child)
        return;
    nhi_ike_act *a = nhi_ike_act_add(x->sa->ike, NHI_ACT_LEARN, true);
    if (!a)
        return;
    a->peer = x->sa->peer_id;
    a->child = x->child->cfg;
    a->addr = x->learnt;
}
