/* SPDX-License-Identifier: Apache-2.0
 * From the decided set to the live set: policy, owed checksum, room for headers, or fan-out, ICMP,
 * PUNT. The first stage that changes packets; called per item by both pipelines. Worker thread.
 * House-style 3.4, burst contract of nhtb/pkt.h. */
#include "dp/room.h"

uint32_t nhi_dp_head_need(const nhtb_worker *w, const nhi_dp_item *it)
{
    uint32_t esp = NHI_ESP_HDR + (uint32_t)it->cell->facts->iv_len;
    return w->emit == NHTB_EMIT_IP ? esp + it->ep->hdr_len : esp;
}

uint32_t nhi_dp_tail_need(const nhi_dp_item *it, uint32_t len)
{
    const nhi_bulk_facts *f = it->cell->facts;
    return nhi_esp_pad(len, nhi_bulk_align(f)) + 2 + f->icv_len;
}

/** At most one per interval passes; several workers race for it with one exchange. */
static bool may_punt(nhtb_worker *w, NHI_ATOMIC(uint64_t) * last)
{
    uint64_t old = nhi_a_load(last), now = w->now != 0 ? w->now : 1;
    if (old != 0 && now - old < NHI_DP_PUNT_NS)
        return false;
    return nhi_a_cas_ptr(last, &old, now);
}

/* The engine keeps a held packet without its descriptor: a checksum owed is paid here. */
static void hold(nhtb_worker *w, nhi_dp_item *it)
{
    unsigned reason = it->reason;
    NHI_ATOMIC(uint64_t) *last = it->path != NULL ? &it->path->last_punt : &it->slot->last_punt;
    if (!nhi_dp_is_super(it) && !nhi_dp_finish_csum(it))
        nhi_dp_drop(it, NHTB_REASON_BAD_LENGTH);
    else if (w->hold && may_punt(w, last))
        nhi_dp_final(it, NHTB_PKT_PUNT, NHTB_REASON_HELD);
    else
        nhi_dp_drop(it, reason);
    nhi_dp_push(w, it);
}

static bool room_in_place(const nhtb_pkt *p, uint32_t head, uint32_t tail)
{
    return p->off >= head && p->cap - p->off - p->len >= tail;
}

static bool denied(const nhi_dp_item *it)
{
    nhi_policy_set *set = nhi_a_load_acq(&it->iface->policies);
    return set != NULL && nhi_policy_check(set, NHTB_POLICY_OUT, &it->flow) == NHTB_DENY;
}

static void finish(nhtb_worker *w, nhi_dp_item *it, unsigned reason)
{
    nhi_dp_drop(it, reason);
    nhi_dp_push(w, it);
}

/** Spares were given and all are used: an outbound packet can come again with the next call. */
static bool try_later(const nhtb_worker *w, const nhi_dp_item *it)
{
    return !it->transit && w->b->used_spare != 0 && w->b->used_spare == w->b->n_spare;
}

static void send_copy(nhtb_worker *w, nhi_dp_item *it, uint32_t head, uint32_t tail)
{
    bool none = false;
    nhi_dp_item copy = *it;
    copy.pkt = nhi_dp_spare(w, head, it->pkt->len, tail, &none);
    if (copy.pkt == NULL) {
        finish(w, it, none ? NHTB_REASON_NO_HEADROOM : NHTB_REASON_NO_SPARE);
        return;
    }
    memcpy(nhi_dp_data(&copy), nhi_dp_data(it), it->pkt->len);
    copy.pkt->iface = it->pkt->iface;
    copy.spare = true;
    nhi_dp_push_made(w, &copy);
    finish(w, it, NHTB_REASON_CONTINUED);
}

static nhi_dp_admitted send(nhtb_worker *w, nhi_dp_item *it)
{
    nhtb_pkt *p = it->pkt;
    uint32_t len = it->v.total_len;
    uint32_t head = nhi_dp_head_need(w, it), tail = nhi_dp_tail_need(it, len);
    p->len = len; /* without what the host's link padded behind the packet */
    bool here = room_in_place(p, head, tail);
    bool moved = !here && (uint64_t)head + len + tail <= p->cap;
    if (!here && !moved && try_later(w, it))
        return NHI_DP_ADMIT_LATER;
    if (denied(it)) {
        finish(w, it, NHTB_REASON_POLICY);
        return NHI_DP_ADMIT_DONE;
    }
    if (nhi_dp_is_super(it))
        nhi_dp_segment_single(it);
    if ((p->flags & NHTB_PKT_NEEDS_CSUM) != 0 && !nhi_dp_finish_csum(it)) {
        finish(w, it, NHTB_REASON_BAD_LENGTH);
        return NHI_DP_ADMIT_DONE;
    }
    if (it->v.proto == NHI_IPPROTO_TCP)
        nhi_dp_mss_out(w, it);
    if (!here && !moved) {
        send_copy(w, it, head, tail);
        return NHI_DP_ADMIT_DONE;
    }
    if (moved) {
        memmove(p->buf + head, p->buf + p->off, len);
        p->off = head;
    }
    nhi_dp_push(w, it);
    return NHI_DP_ADMIT_DONE;
}

static nhi_dp_admitted fan_out(nhtb_worker *w, nhi_dp_item *it)
{
    unsigned reason = 0;
    if (denied(it))
        reason = NHTB_REASON_POLICY;
    else if (!nhi_dp_is_super(it) && !nhi_dp_finish_csum(it))
        reason = NHTB_REASON_BAD_LENGTH;
    else if (w->wait.pkt != NULL || (it->transit && w->b->n_spare == 0))
        reason = NHTB_REASON_NO_SPARE; /* transit: one waits already, or would wait for ever */
    if (reason == 0)
        return nhi_dp_fanout_start(w, it);
    finish(w, it, reason);
    return NHI_DP_ADMIT_DONE;
}

/* Kept apart from the straight way, which needs none of its stack. */
__attribute__((noinline)) static nhi_dp_admitted admit(nhtb_worker *w, nhi_dp_item *it)
{
    switch (it->step) {
    case NHI_DP_STEP_SEND: return send(w, it);
    case NHI_DP_STEP_PIECES:
    case NHI_DP_STEP_MULTICAST: return fan_out(w, it);
    case NHI_DP_STEP_HOLD: hold(w, it); return NHI_DP_ADMIT_DONE;
    case NHI_DP_STEP_TOO_BIG:
        if (denied(it))
            finish(w, it, NHTB_REASON_POLICY);
        else
            nhi_dp_error(w, it);
        return NHI_DP_ADMIT_DONE;
    case NHI_DP_STEP_TTL: nhi_dp_error(w, it); return NHI_DP_ADMIT_DONE;
    default: nhi_dp_push(w, it); return NHI_DP_ADMIT_DONE;
    }
}

/** A packet that owes nothing and has its room: only its link's padding is cut off. */
static bool goes_as_it_is(const nhtb_worker *w, nhi_dp_item *it)
{
    nhtb_pkt *p = it->pkt;
    if (it->step != NHI_DP_STEP_SEND || it->v.proto == NHI_IPPROTO_TCP || nhi_dp_is_super(it) ||
        (p->flags & NHTB_PKT_NEEDS_CSUM) != 0 || nhi_a_load_acq(&it->iface->policies) != NULL)
        return false;
    uint32_t len = it->v.total_len, room = p->cap - p->off - len;
    if (p->off < nhi_dp_head_need(w, it) || room < nhi_dp_tail_need(it, len))
        return false;
    p->len = len;
    return true;
}

nhi_dp_admitted nhi_dp_admit(nhtb_worker *w, nhi_dp_item *it)
{
    if (!goes_as_it_is(w, it))
        return admit(w, it);
    nhi_dp_push(w, it);
    return NHI_DP_ADMIT_DONE;
}
