/* SPDX-License-Identifier: Apache-2.0
 * MSS clamp: a TCP SYN that crosses an interface announces no more than a segment that its tunnel
 * carries whole. Of packets that leave: by the path they take; of those that came in: by the path
 * that answers will take; in transit both, so the smaller one wins. Called by admit.c (outbound) and
 * as a stage (inbound); worker thread. RFC 9293 3.7.1, RFC 8200 5. */
#include "dp/room.h"
#include "wire/tcp.h"

enum { TCP_MIN = 20, IP4 = 20, IP6 = 40 };

/** Largest segment; 0: leave it. */
static uint32_t largest(const nhi_iface_pub *i, uint8_t version, uint32_t mtu)
{
    uint32_t hdr = (version == 4 ? IP4 : IP6) + TCP_MIN;
    if (version == 6 && mtu != 0 && mtu < NHI_DP_V6_MIN)
        mtu = NHI_DP_V6_MIN;
    uint32_t fits = mtu > hdr ? mtu - hdr : 0;
    if (i->tcp_mss == NHTB_MSS_AUTO)
        return fits;
    return fits != 0 && fits < i->tcp_mss ? fits : i->tcp_mss;
}

static void clamp(nhtb_worker *w, const nhi_dp_item *it, const nhi_iface_pub *i, uint32_t mtu)
{
    const nhi_ip_view *v = &it->v;
    if (v->proto != NHI_IPPROTO_TCP || v->fragment || i->tcp_mss == NHTB_MSS_OFF)
        return;
    uint32_t most = largest(i, v->version, mtu);
    if (most != 0 &&
        nhi_tcp_clamp_mss(nhi_dp_data(it) + v->hdr_len, v->total_len - v->hdr_len, most))
        nhi_dp_bump(&w->count.mss_clamped, 1);
}

void nhi_dp_mss_out(nhtb_worker *w, const nhi_dp_item *it)
{
    clamp(w, it, it->iface, it->limit);
}

void nhi_dp_mss_in(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_set; i++) {
        const nhi_dp_item *it = &w->set[i];
        if (nhi_dp_alive(it) && it->v.proto == NHI_IPPROTO_TCP)
            clamp(w, it, it->in_iface, nhi_a_load(&it->in_path->inner_mtu));
    }
}
