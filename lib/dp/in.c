/* SPDX-License-Identifier: Apache-2.0
 * The inbound pipeline: ESP to inner packets, delivered or sent on through another tunnel; one call
 * per stage over the whole array. Public nhtb_worker_in; worker thread. House-style 3.4, RFC 4303
 * 3.4, RFC 4301 5.2. */
#include "dp/room.h"

/* Decrypted packets cannot be given back: the batch in which one begins to wait is finished. */
static void admit(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_set; i++)
        (void)nhi_dp_admit(w, &w->set[i]);
}

void nhtb_worker_in(nhtb_worker *w, nhtb_burst *b, nhtb_time now)
{
    if (!nhi_dp_begin(w, b, now))
        return;
    (void)nhi_dp_fanout_run(w);
    /* An outbound packet that waits for spares must not stop what comes in. */
    while (w->wait.pkt == NULL || !w->wait.transit) {
        nhi_dp_take(w);
        if (w->n_set == 0)
            break;
        nhi_dp_demux(w);
        nhi_dp_open(w);
        nhi_dp_unwrap(w);
        nhi_dp_decap_ecn(w);
        nhi_dp_nd(w);
        nhi_dp_inpol(w);
        nhi_dp_mss_in(w);
        nhi_dp_transit(w);
        nhi_dp_gro(w);
        admit(w);
        nhi_dp_flush(w);
    }
    nhi_dp_end(w);
}
