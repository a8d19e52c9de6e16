/* SPDX-License-Identifier: Apache-2.0
 * One pair takes over from another, also when both sides rekeyed it at once. RFC 7296 2.8, 2.8.1.
 * Called by child_i and child_r after the new pair is installed. Control thread. */
#include "ike/room.h"

bool nhi_ike_rekey_child_loses(const nhi_ike_nego *x)
{
    uint8_t mine[NHI_IKE_NONCE_KEPT];
    uint16_t n;
    if (!x->rival)
        return false;
    nhi_ike_collide_keep(x, mine, &n);
    return nhi_ike_collide_cmp(mine, n, x->rival->nonce, x->rival->nonce_n) < 0;
}

static void rekeyed(nhi_ike_child *fresh, nhtb_time now)
{
    nhi_ike_sa *sa = fresh->sa;
    sa->ike->count.child_rekeyed++;
    nhi_ike_act_event(sa->ike, NHTB_EVENT_CHILD_REKEYED, NHTB_DETAIL_NONE, fresh->spi_in,
                      sa->peer_id, fresh->cfg, &sa->path, now);
}

/** Our replacement stands: send on it at once, delete the old pair. A rival that lost waits for its
 *  creator's delete. */
void nhi_ike_rekey_child_i(nhi_ike_sa *sa, nhi_ike_child *fresh, nhtb_time now)
{
    nhi_ike_nego *x = &sa->x_i;
    nhi_ike_child *old = x->old, *rival = x->rival;
    if (rival) {
        rival->older = NULL; /* the end of the old pair must not bring it into use */
        nhi_ike_child_replaced(rival, fresh);
    }
    if (old) {
        nhi_ike_child_replaced(old, fresh);
        nhi_ike_child_delete(old);
    }
    rekeyed(fresh, now);
}

/** The peer replaced a pair: we send on the new one once the peer is seen on it. */
void nhi_ike_rekey_child_r(nhi_ike_sa *sa, nhi_ike_child *fresh, nhtb_time now)
{
    nhi_ike_child *old = sa->x_r.old;
    if (old && sa->x_i.kind == NHI_TASK_REKEY_CHILD && sa->x_i.old == old) {
        sa->x_i.rival = fresh;
        sa->ike->count.collisions++;
    }
    if (old)
        nhi_ike_child_replaced(old, fresh);
    rekeyed(fresh, now);
}
