/* SPDX-License-Identifier: Apache-2.0
 * One packet to many: segments, fragments, a copy per tunnel, each written into a spare. The place is
 * kept in the worker's single continuation slot as numbers; route, tunnel and MTU are looked up
 * afresh whenever it goes on, because rest may have come between. Called by admit.c and at the
 * start of both pipelines; worker thread. Burst contract of nhtb/pkt.h. */
#include "dp/room.h"

enum piece { PIECE_MORE, PIECE_LAST, PIECE_WAIT, PIECE_TOO_BIG, PIECE_NO_SPARE };

static enum piece advance(nhi_dp_wait *at, const nhi_dp_cut *c, uint32_t upper, uint32_t n)
{
    at->sent++;
    at->frag_off += n;
    if (at->frag_off < upper)
        return PIECE_MORE;
    at->frag_off = 0;
    at->seg_off += c->data_len;
    at->seg_no++;
    return c->last ? PIECE_LAST : PIECE_MORE;
}

static bool fits_whole(const nhi_dp_item *it, uint32_t len)
{
    return len <= it->limit || (it->v.version == 6 && len <= NHI_DP_V6_MIN);
}

/** Makes the next piece for the item's path: a whole datagram, or a fragment of it. */
static enum piece make_piece(nhtb_worker *w, const nhi_dp_item *it)
{
    nhi_dp_wait *at = &w->wait;
    nhi_dp_item out = *it;
    nhi_dp_cut c;
    uint8_t hdr[60];
    bool none = false;
    uint32_t ip_len = it->v.ip_len, h = ip_len;
    nhi_dp_segment_cut(w, it, &c);
    uint32_t upper = c.head_len + c.data_len - ip_len, n = upper;
    bool whole = at->frag_off == 0 && fits_whole(it, ip_len + upper);
    if (!whole)
        n = it->v.df ? 0 : nhi_dp_frag_make(hdr, &h, &c, ip_len, at->frag_off, it->limit);
    if (!whole && n == 0)
        return PIECE_TOO_BIG;
    out.pkt = nhi_dp_spare(w, nhi_dp_head_need(w, it), h + n, nhi_dp_tail_need(it, h + n), &none);
    if (out.pkt == NULL)
        return none ? PIECE_WAIT : PIECE_NO_SPARE;
    uint8_t *dst = nhi_dp_data(&out);
    memcpy(dst, whole ? c.head : hdr, h);
    nhi_dp_frag_copy(dst + h, &c, ip_len, at->frag_off, n);
    out.pkt->iface = it->pkt->iface;
    out.step = NHI_DP_STEP_SEND;
    out.spare = true;
    nhi_dp_push_made(w, &out);
    return advance(at, &c, upper, n);
}

/** The waiting packet's own buffer comes back, last of all. */
static void release(nhtb_worker *w, nhi_dp_item *it, unsigned reason)
{
    w->wait = (nhi_dp_wait){0};
    nhi_dp_drop(it, reason);
    nhi_dp_push_made(w, it);
}

/** Point the item at what the waiting packet needs now; 0 or why it cannot go on. */
static unsigned reload(nhtb_worker *w, nhi_dp_item *it)
{
    nhi_dp_start(it, w->wait.pkt);
    it->transit = w->wait.transit;
    unsigned reason = nhi_dp_inspect(it);
    if (reason != 0)
        return reason;
    it->iface = nhi_fib_iface(w->fib, it->pkt->iface);
    if (it->iface == NULL)
        return NHTB_REASON_NO_IFACE;
    nhi_dp_route(w, it);
    return it->step == NHI_DP_STEP_HOLD || !nhi_dp_alive(it) ? it->reason : 0;
}

static bool run_unicast(nhtb_worker *w, nhi_dp_item *it)
{
    enum piece r;
    do {
        r = make_piece(w, it);
    } while (r == PIECE_MORE);
    if (r == PIECE_WAIT)
        return false;
    unsigned reason = r == PIECE_TOO_BIG    ? NHTB_REASON_TOO_BIG_SILENT
                      : r == PIECE_NO_SPARE ? NHTB_REASON_NO_SPARE
                                            : NHTB_REASON_CONTINUED;
    release(w, it, reason);
    return true;
}

static void next_target(nhi_dp_wait *at)
{
    at->target++;
    at->copies++;
    at->seg_off = at->seg_no = at->frag_off = 0;
}

/** Is there a live tunnel more than the interface allows? Counted once per packet. */
static bool capped(nhtb_worker *w, const nhi_dp_item *it)
{
    uint32_t most = it->iface->multicast_max;
    if (most == 0 || w->wait.copies < most)
        return false;
    nhi_dp_count_reason(w, NHTB_REASON_MULTICAST_MAX);
    return true;
}

static bool run_multicast(nhtb_worker *w, nhi_dp_item *it)
{
    while (nhi_dp_multicast_next(it, &w->wait.target)) {
        if (capped(w, it))
            break;
        enum piece r = make_piece(w, it);
        if (r == PIECE_WAIT)
            return false;
        if (r == PIECE_NO_SPARE) {
            release(w, it, NHTB_REASON_NO_SPARE);
            return true;
        }
        if (r == PIECE_TOO_BIG)
            nhi_dp_count_reason(w, NHTB_REASON_TOO_BIG_SILENT); /* this tunnel only */
        else
            nhi_dp_bump(&w->count.multicast_copies, r == PIECE_LAST ? 1 : 0);
        if (r != PIECE_MORE)
            next_target(&w->wait);
    }
    release(w, it, w->wait.sent != 0 ? NHTB_REASON_CONTINUED : NHTB_REASON_MULTICAST_NONE);
    return true;
}

bool nhi_dp_fanout_run(nhtb_worker *w)
{
    nhi_dp_item it;
    if (w->wait.pkt == NULL)
        return true;
    unsigned reason = reload(w, &it);
    /* A host that gives no spares must not stall its tunnels for a packet in transit. */
    if (reason == 0 && w->wait.transit && w->b->n_spare == 0)
        reason = NHTB_REASON_NO_SPARE;
    if (reason != 0) {
        release(w, &it, reason);
        return true;
    }
    return it.step == NHI_DP_STEP_MULTICAST ? run_multicast(w, &it) : run_unicast(w, &it);
}

nhi_dp_admitted nhi_dp_fanout_start(nhtb_worker *w, const nhi_dp_item *it)
{
    w->wait = (nhi_dp_wait){.pkt = it->pkt, .transit = it->transit};
    return nhi_dp_fanout_run(w) ? NHI_DP_ADMIT_DONE : NHI_DP_ADMIT_WAIT;
}
