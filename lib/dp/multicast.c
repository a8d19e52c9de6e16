/* SPDX-License-Identifier: Apache-2.0
 * Multicast out of an interface: every live tunnel of a multipoint one, the first fitting tunnel of
 * a point-to-point one. The place in the list is an index, so it survives rest and changes of the
 * list. Called by resolve.c and fanout.c; worker thread. */
#include "dp/room.h"

/** Points the item at the next tunnel that takes it, at or after *target. False: no more. */
bool nhi_dp_multicast_next(nhi_dp_item *it, uint32_t *target)
{
    nhi_path_list *l = nhi_a_load_acq(&it->iface->live);
    uint32_t n = l != NULL ? nhi_a_load_acq(&l->n) : 0;
    for (; *target < n; ++*target) {
        nhi_path *p = nhi_a_load_acq(&l->v[*target]);
        if (p != NULL && nhi_dp_use_path(it, p) && nhi_sel_match_out(it->cell->sel, &it->flow))
            return true;
    }
    return false;
}

nhi_path *nhi_dp_multicast_first(nhi_dp_item *it)
{
    uint32_t target = 0;
    return nhi_dp_multicast_next(it, &target) ? it->path : NULL;
}
