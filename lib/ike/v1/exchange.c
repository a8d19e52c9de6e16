/* SPDX-License-Identifier: Apache-2.0
 * Exchanges by message ID: made, repeated, over. The initiator of one repeats its message until the
 * answer comes; a responder answers copies from its cache and says nothing by itself. Each chains its
 * IV alone. RFC 2408 4.6, 5.1; RFC 2409 5.5, appendix B. Called by recv, send, timers. */
#include "ike/v1/v1.h"

bool nhi_v1_mid_used(const nhi_ike_sa *sa, uint32_t mid)
{
    for (size_t i = 0; i < NHI_V1_MIDS; i++)
        if (sa->v1->mids[i] == mid)
            return true;
    return false;
}

void nhi_v1_mid_note(nhi_ike_sa *sa, uint32_t mid)
{
    sa->v1->mids[sa->v1->next_mid] = mid;
    sa->v1->next_mid = (uint8_t)((sa->v1->next_mid + 1) % NHI_V1_MIDS);
}

void nhi_v1_mid_forget(nhi_ike_sa *sa, uint32_t mid)
{
    for (size_t i = 0; i < NHI_V1_MIDS; i++)
        if (sa->v1->mids[i] == mid)
            sa->v1->mids[i] = 0;
}

/** A finished one makes room; one that still waits does not. */
static void make_room(nhi_ike_sa *sa)
{
    if (sa->v1->n_xs < NHI_V1_EXCHANGES)
        return;
    NHI_LIST_FOR(it, &sa->v1->xs)
    {
        nhi_v1_x *x = NHI_CONTAINER(it, nhi_v1_x, link);
        if (x->state == NHI_V1_X_DONE && !x->repeats) {
            nhi_v1_x_kill(x);
            return;
        }
    }
}

static nhi_v1_x *make(nhi_ike_sa *sa, uint8_t exchange, uint32_t mid, bool initiator, nhtb_time now,
                      int *err)
{
    nhi_ike *ike = sa->ike;
    make_room(sa);
    *err = sa->v1->n_xs >= NHI_V1_EXCHANGES ? NHTB_ERR_LIMIT : 0;
    nhi_v1_x *x = *err ? NULL : nhi_mem_alloc(ike->mem, sizeof *x, 16);
    if (!x) {
        *err = *err ? *err : NHTB_ERR_MEMORY;
        return NULL;
    }
    x->sa = x->nego.sa = sa;
    x->exchange = exchange;
    x->mid = mid;
    x->initiator = initiator;
    x->first = now;
    nhi_timer_init(&x->timer, NHI_TIMER_V1_EXCHANGE);
    nhi_list_init(&x->link);
    *err = nhi_v1_iv_phase2(ike->env.crypto, sa->suite.prf, sa->v1->iv, mid, sa->v1->cipher.block,
                            x->iv);
    if (*err) {
        nhi_mem_wipe_free(ike->mem, x, sizeof *x);
        return NULL;
    }
    nhi_list_add_tail(&sa->v1->xs, &x->link);
    sa->v1->n_xs++;
    return x;
}

int nhi_v1_new_mid(nhi_ike_sa *sa, uint32_t *mid)
{
    for (unsigned i = 0; i < 8; i++) {
        int err = nhi_mem_random(sa->ike->mem, mid, sizeof *mid);
        if (err)
            return err;
        if (*mid && !nhi_v1_x_find(sa, *mid) && !nhi_v1_mid_used(sa, *mid))
            return 0;
    }
    return NHTB_ERR_RANDOM;
}

nhi_v1_x *nhi_v1_x_new(nhi_ike_sa *sa, uint8_t exchange, nhtb_time now, int *err)
{
    uint32_t mid;
    *err = sa->have_keys ? nhi_v1_new_mid(sa, &mid) : NHTB_ERR_STATE;
    return *err ? NULL : make(sa, exchange, mid, true, now, err);
}

nhi_v1_x *nhi_v1_x_take(nhi_ike_sa *sa, uint8_t exchange, uint32_t mid, nhtb_time now)
{
    int err = 0;
    nhi_v1_x *x = make(sa, exchange, mid, false, now, &err);
    if (x)
        nhi_v1_mid_note(sa, mid);
    return x;
}

nhi_v1_x *nhi_v1_x_find(const nhi_ike_sa *sa, uint32_t mid)
{
    NHI_LIST_FOR(it, &sa->v1->xs)
    {
        nhi_v1_x *x = NHI_CONTAINER(it, nhi_v1_x, link);
        if (x->mid == mid)
            return x;
    }
    return NULL;
}

nhi_v1_x *nhi_v1_x_running(const nhi_ike_sa *sa, uint8_t exchange)
{
    NHI_LIST_FOR(it, &sa->v1->xs)
    {
        nhi_v1_x *x = NHI_CONTAINER(it, nhi_v1_x, link);
        if (x->initiator && x->exchange == exchange && x->state != NHI_V1_X_DONE)
            return x;
    }
    return NULL;
}

static void drop(nhi_v1_x *x)
{
    nhi_ike_nego_end(&x->nego);
    nhi_ike_buf_drop(x->sa->ike, &x->own);
}

void nhi_v1_x_done(nhi_v1_x *x, nhtb_time now)
{
    if (x->state >= NHI_V1_X_DONE)
        return;
    x->state = NHI_V1_X_DONE;
    drop(x);
    if (!x->repeats)
        nhi_wheel_arm(x->sa->ike->env.wheel, &x->timer, now + NHI_V1_CACHE_NS);
}

void nhi_v1_x_kill(nhi_v1_x *x)
{
    nhi_ike *ike = x->sa->ike;
    if (x->state == NHI_V1_X_DEAD)
        return;
    x->state = NHI_V1_X_DEAD;
    nhi_wheel_cancel(ike->env.wheel, &x->timer);
    drop(x);
    nhi_ike_buf_drop(ike, &x->out);
    nhi_list_del(&x->link);
    nhi_list_add_tail(&ike->dead_xs, &x->link);
    x->sa->v1->n_xs--;
}

void nhi_v1_begin(nhi_ike *ike)
{
    NHI_LIST_FOR_SAFE(it, nx, &ike->dead_xs)
    {
        nhi_list_del(it);
        nhi_mem_wipe_free(ike->mem, NHI_CONTAINER(it, nhi_v1_x, link), sizeof(nhi_v1_x));
    }
}

void nhi_v1_x_heard(nhi_v1_x *x, nhtb_span msg, const uint8_t *iv, nhtb_time now)
{
    (void)now;
    memcpy(x->iv, iv, sizeof x->iv);
    x->in_digest = nhi_v1_digest(x->sa->ike, msg);
    x->received++;
    x->state = NHI_V1_X_BUSY;
    nhi_wheel_cancel(x->sa->ike->env.wheel, &x->timer);
}

/** Is our last message the answer to the peer's last one? Anything else is not said again to a copy:
 *  two sides that do would never stop. */
static bool answered(const nhi_v1_x *x)
{
    return x->initiator ? x->received && x->sent > x->received : x->sent == x->received;
}

void nhi_v1_x_repeat(nhi_v1_x *x, const nhtb_path *path, uint8_t kind, nhtb_time now)
{
    if (!x->out || !answered(x))
        return;
    x->sa->last_out = now;
    nhi_ike_send_to(x->sa->ike, x->sa->peer_id, path, kind, x->out);
}

/** Nobody answered. A transaction exchange has no end of its own: while the SA depends on one, the SA's
 *  time for all of them (t_half_open) is over first; while it is up, nothing depends on one. */
static void gave_up(nhi_v1_x *x, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    if (x->exchange == NHI_V1_EX_QUICK)
        nhi_v1_quick_failed(x, NHTB_DETAIL_TIMEOUT, 0, now);
    nhi_v1_x_kill(x);
    if (sa->state != NHI_SA_DEAD)
        nhi_v1_pump(sa, now);
}

static void again(nhi_v1_x *x, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    nhi_ike *ike = sa->ike;
    nhtb_time cap = (nhtb_time)ike->env.settings->retransmit_cap_ms * NHTB_NS_PER_MS;
    ike->count.retransmitted++;
    if (sa->v1->last) /* the peer may not have seen the end of aggressive mode */
        nhi_ike_send_buf(sa, sa->v1->last, now);
    nhi_ike_send_buf(sa, x->out, now);
    x->sends++;
    x->interval += x->interval / 2;
    if (x->interval > cap)
        x->interval = cap;
    nhi_wheel_arm(ike->env.wheel, &x->timer, now + x->interval);
}

void nhi_v1_x_fired(nhi_v1_x *x, nhtb_time now)
{
    nhtb_time total = (nhtb_time)x->sa->ike->env.settings->retransmit_total_s * NHTB_NS_PER_S;
    if (x->state == NHI_V1_X_DONE && x->repeats) {
        again(x, now);
        if (!--x->repeats)
            nhi_wheel_arm(x->sa->ike->env.wheel, &x->timer, now + NHI_V1_CACHE_NS);
    } else if (x->state == NHI_V1_X_DONE) {
        nhi_v1_x_kill(x);
    } else if (x->state == NHI_V1_X_WAIT && x->initiator && now < x->first + total) {
        again(x, now);
    } else if (x->state == NHI_V1_X_WAIT) {
        gave_up(x, now);
    }
}

static void seen_in(nhi_ike_sa *sa, const nhi_ike_child *c, nhtb_time now)
{
    NHI_LIST_FOR_SAFE(it, nx, &sa->v1->xs)
    {
        nhi_v1_x *x = NHI_CONTAINER(it, nhi_v1_x, link);
        if (x->made != c->spi_in)
            continue;
        x->repeats = 0;
        if (x->state == NHI_V1_X_DONE) {
            x->made = 0; /* known to both: quick.c */
            nhi_wheel_arm(sa->ike->env.wheel, &x->timer, now + NHI_V1_CACHE_NS);
        } else if (x->state == NHI_V1_X_WAIT && !x->initiator) {
            nhi_v1_quick_confirmed(x, now);
            nhi_v1_x_done(x, now);
        }
    }
}

/** A pair may have moved to a newer SA than the one that made it. */
void nhi_v1_child_seen(nhi_ike_child *c, nhtb_time now)
{
    if (c->doubt)
        nhi_wheel_arm(c->sa->ike->env.wheel, &c->expire, c->expires);
    c->doubt = false;
    NHI_LIST_FOR(it, &c->sa->peer->sas)
    {
        nhi_ike_sa *sa = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        if (sa->v1)
            seen_in(sa, c, now);
    }
}
