/* SPDX-License-Identifier: Apache-2.0
 * The worker object: life (control thread, called by engine), rest, and what both pipelines share:
 * taking packets and spares, and giving results in order (worker thread). Each taken packet owns
 * one entry of out[], so the capacity can never be passed. House-style 3.3, 3.5. */
#include "dp/room.h"

_Static_assert(NHI_DP_BATCH <= 255, "group and job indices are bytes");

size_t nhi_dp_worker_size(const nhtb_crypto *c)
{
    return sizeof(nhtb_worker) + (c->bulk != NULL ? c->bulk->lane_size() : 0);
}

int nhi_dp_worker_new(nhtb_worker **out, const nhi_dp_env *env)
{
    *out = NULL;
    nhtb_worker *w = nhi_mem_alloc(env->mem, sizeof *w, NHI_CACHE_LINE);
    if (w == NULL)
        return NHTB_ERR_MEMORY;
    int err = nhi_bulk_lane_make(&w->lane, env->mem, env->crypto, env->index);
    if (err != 0) {
        nhi_mem_free(env->mem, w, sizeof *w);
        return err;
    }
    w->mem = env->mem;
    w->fib = env->fib;
    w->crypto = env->crypto;
    w->emit = env->emit;
    w->hold = env->hold;
    w->index = env->index;
    w->owner = env->owner;
    nhi_rng_init(&w->rng, env->rng_seed);
    w->ip_id = (uint16_t)nhi_rng_u64(&w->rng);
    *out = w;
    return 0;
}

void nhi_dp_worker_del(nhtb_worker *w)
{
    if (w == NULL)
        return;
    nhtb_worker_rest(w);
    nhi_bulk_lane_wipe(&w->lane, w->mem, w->crypto);
    nhi_mem_wipe_free(w->mem, w, sizeof *w);
}

void *nhi_dp_worker_owner(const nhtb_worker *w)
{
    return w->owner;
}

unsigned nhi_dp_worker_index(const nhtb_worker *w)
{
    return w->index;
}

const nhi_dp_count *nhi_dp_worker_count(const nhtb_worker *w)
{
    return &w->count;
}

void nhtb_worker_rest(nhtb_worker *w)
{
    if (w->online)
        nhi_qsbr_offline(&w->fib->qsbr, w->index);
    w->online = false;
}

/* Already on-line stays as it is: paths given out by earlier calls are valid until rest. */
bool nhi_dp_begin(nhtb_worker *w, nhtb_burst *b, nhtb_time now)
{
    size_t owed = w->wait.pkt != NULL ? 1 : 0;
    b->used_in = b->used_spare = b->n_out = 0;
    b->more = owed != 0;
    if (b->cap_out < owed)
        return false;
    if (!w->online)
        nhi_qsbr_online(&w->fib->qsbr, w->index);
    w->online = true;
    w->b = b;
    w->now = now;
    w->free_out = b->cap_out - owed;
    w->n_set = w->n_live = 0;
    uint64_t ways = nhi_a_load_acq(&w->fib->ways);
    if (ways != w->ways)
        memset(w->memo, 0, sizeof w->memo);
    w->ways = ways;
    return true;
}

/* One batch ahead: its descriptors. What they point to is asked for when it is taken. */
static void fetch_next(const nhtb_burst *b)
{
    size_t left = b->n_in - b->used_in, n = left < NHI_DP_BATCH ? left : NHI_DP_BATCH;
    for (size_t i = 0; i < n; i++)
        nhi_fetch(b->in[b->used_in + i]);
}

/* Headers lie where the data begins; what is written at its end is asked for as well. */
static void start(nhi_dp_item *it, nhtb_pkt *p)
{
    uintptr_t data = (uintptr_t)p->buf + p->off; /* not checked yet, so not a pointer yet */
    nhi_dp_start(it, p);
    nhi_fetch((const void *)data);
    nhi_fetch((const void *)(data + p->len));
}

void nhi_dp_take(nhtb_worker *w)
{
    nhtb_burst *b = w->b;
    size_t n = b->n_in - b->used_in;
    n = n < w->free_out ? n : w->free_out;
    n = n < NHI_DP_BATCH ? n : NHI_DP_BATCH;
    nhtb_pkt *const *in = b->in + b->used_in;
    if (b->used_in == 0)
        fetch_next(b);
    for (size_t i = 0; i < n; i++)
        start(&w->set[i], in[i]);
    w->n_set = n;
    w->free_out -= n;
    b->used_in += n;
    fetch_next(b);
}

/** Gives back what was taken from item `from` on; nothing of it has been changed or counted. */
void nhi_dp_untake(nhtb_worker *w, size_t from)
{
    w->b->used_in -= w->n_set - from;
    w->free_out += w->n_set - from;
    w->n_set = from;
}

nhtb_pkt *nhi_dp_spare(nhtb_worker *w, uint32_t head, uint32_t len, uint32_t tail, bool *none)
{
    nhtb_burst *b = w->b;
    *none = b->used_spare == b->n_spare || w->free_out == 0;
    if (*none)
        return NULL;
    nhtb_pkt *s = b->spare[b->used_spare];
    if ((uint64_t)head + len + tail > s->cap)
        return NULL;
    b->used_spare++;
    w->free_out--;
    s->off = head;
    s->len = len;
    s->path = NULL;
    s->kind = NHTB_PKT_INNER;
    s->flags = NHTB_PKT_SPARE_USED;
    s->tos = s->ttl = 0;
    s->worker = s->gso_size = s->hdr_len = s->csum_start = s->csum_offset = 0;
    return s;
}

void nhi_dp_push_made(nhtb_worker *w, const nhi_dp_item *it)
{
    nhi_dp_item *own = &w->made[w->n_live];
    *own = *it;
    nhi_dp_push(w, own);
}

void nhi_dp_end(nhtb_worker *w)
{
    nhi_dp_flush(w);
    w->b->more = w->wait.pkt != NULL;
    w->b = NULL;
}
