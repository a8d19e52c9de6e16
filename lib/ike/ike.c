/* SPDX-License-Identifier: Apache-2.0
 * The room itself: made, ended, and the host's commands on peers. Called by the engine only.
 * RFC 7296. Control thread. */
#include "ike/room.h"

static void lists_init(nhi_ike *ike)
{
    nhi_list_init(&ike->sas);
    nhi_list_init(&ike->anywhere);
    nhi_list_init(&ike->dead_sas);
    nhi_list_init(&ike->dead_children);
    nhi_list_init(&ike->dead_xs);
    nhi_list_init(&ike->jobs);
    nhi_timer_init(&ike->t_cookie, NHI_TIMER_COOKIE_SECRET);
}

static int tables_init(nhi_ike *ike)
{
    const nhtb_limits *l = &ike->env.settings->limits;
    uint8_t seed[4][16];
    int err = nhi_mem_random(ike->mem, seed, sizeof seed);
    if (err)
        return err;
    ike->max_sas = (size_t)l->peers * 4 + l->half_open + 16;
    nhi_slab_init(&ike->peers, ike->mem, sizeof(nhi_ike_peer), l->peers);
    nhi_map_init(&ike->by_spi, ike->mem, 8, ike->max_sas, seed[0]);
    nhi_map_init(&ike->by_init, ike->mem, 40, (size_t)l->half_open + 1, seed[1]);
    nhi_map_init(&ike->near, ike->mem, 24, l->peers, seed[3]);
    nhi_map_init(&ike->by_child, ike->mem, 4, (size_t)l->sas * 2 + 16, seed[2]);
    return 0;
}

int nhi_ike_new(nhi_ike **out, const nhi_ike_env *env, nhtb_time now)
{
    *out = NULL;
    (void)now;
    nhi_ike *ike = nhi_mem_alloc(env->mem, sizeof *ike, 16);
    if (!ike)
        return NHTB_ERR_MEMORY;
    ike->env = *env;
    ike->mem = env->mem;
    lists_init(ike);
    ike->buf_n = env->settings->limits.ike_message;
    ike->rx = nhi_mem_alloc(ike->mem, ike->buf_n, 16);
    ike->tx = nhi_mem_alloc(ike->mem, ike->buf_n, 16);
    int err = ike->rx && ike->tx ? tables_init(ike) : NHTB_ERR_MEMORY;
    if (!err)
        err = nhi_cookie_init(&ike->cookie, ike->mem);
    if (!err)
        err = nhi_ike_dos_init(ike);
    if (!err)
        err = nhi_ike_act_grow(ike, 9); /* 1: a stateless answer */
    if (!err)
        err = nhi_bulk_lane_make(&ike->lane, ike->mem, env->crypto, env->settings->workers);
    if (err) {
        nhi_ike_del(ike);
        return err;
    }
    *out = ike;
    return 0;
}

void nhi_ike_del(nhi_ike *ike)
{
    if (!ike)
        return;
    NHI_LIST_FOR_SAFE_BACK(it, pv, &ike->sas) /* a rekey's new SA, which goes with it, is behind */
    nhi_ike_sa_kill(NHI_CONTAINER(it, nhi_ike_sa, link));
    uint32_t cursor = 0, id;
    nhi_ike_peer *p;
    while (ike->peers.mem && (p = nhi_slab_next(&ike->peers, &cursor, &id)))
        nhi_ike_peer_free(p);
    nhi_wheel_cancel(ike->env.wheel, &ike->t_cookie);
    nhi_ike_act_fini(ike);
    if (ike->peers.mem) {
        nhi_slab_fini(&ike->peers);
        nhi_map_fini(&ike->near);
        nhi_map_fini(&ike->by_spi);
        nhi_map_fini(&ike->by_init);
        nhi_map_fini(&ike->by_child);
    }
    nhi_ike_dos_fini(ike);
    if (ike->lane.mem)
        nhi_bulk_lane_wipe(&ike->lane, ike->mem, ike->env.crypto);
    nhi_mem_wipe_free(ike->mem, ike->rx, ike->buf_n);
    nhi_mem_wipe_free(ike->mem, ike->tx, ike->buf_n);
    nhi_mem_wipe_free(ike->mem, ike, sizeof *ike);
}

void nhi_ike_peer_start(nhi_ike *ike, nhtb_peer_id id, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    if (!p || p->started)
        return;
    p->started = true;
    if (p->cfg.establish == NHTB_ESTABLISH_IMMEDIATELY)
        (void)nhi_ike_peer_initiate(p, UINT16_MAX, now); /* failures are events and retries */
}

static void detach(nhi_ike_sa *sa)
{
    nhi_list_del(&sa->peer_link);
    sa->peer = NULL;
}

/** Ends all SAs of a peer, telling it. */
static void clear(nhi_ike_peer *p, nhtb_time now)
{
    NHI_LIST_FOR_SAFE_BACK(it, pv, &p->sas)
    nhi_ike_sa_delete(NHI_CONTAINER(it, nhi_ike_sa, peer_link), NHTB_DETAIL_DELETED_BY_US, now);
}

void nhi_ike_peer_del(nhi_ike *ike, nhtb_peer_id id, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    if (!p)
        return;
    p->started = false; /* no retries */
    clear(p, now);
    NHI_LIST_FOR_SAFE(it, nx, &p->sas)
    detach(NHI_CONTAINER(it, nhi_ike_sa, peer_link));
    nhi_ike_peer_free(p);
}

int nhi_ike_initiate(nhi_ike *ike, nhtb_peer_id id, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    return p ? nhi_ike_peer_initiate(p, UINT16_MAX, now) : NHTB_ERR_STALE;
}

void nhi_ike_on_traffic(nhi_ike *ike, nhtb_peer_id id, uint16_t child, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    if (!p || p->cfg.establish == NHTB_ESTABLISH_RESPONDER_ONLY || child >= p->cfg.n_children)
        return;
    if (!nhi_ike_peer_sa(p) && p->next_try != NHTB_NEVER && now < p->next_try)
        return; /* the last attempt failed: traffic must not hammer */
    (void)nhi_ike_peer_initiate(p, child, now);
}

int nhi_ike_clear(nhi_ike *ike, nhtb_peer_id id, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    if (!p)
        return NHTB_ERR_STALE;
    clear(p, now);
    return 0;
}

static void want_rekey(nhi_ike_sa *sa, nhtb_rekey what)
{
    if (what == NHTB_REKEY_IKE) {
        sa->want |= NHI_WANT_REKEY;
        return;
    }
    NHI_LIST_FOR(it, &sa->children)
    {
        nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        if (c->state == NHI_CHILD_UP)
            c->want |= NHI_WANT_REKEY;
    }
}

int nhi_ike_rekey(nhi_ike *ike, nhtb_peer_id id, nhtb_rekey what, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    if (!p)
        return NHTB_ERR_STALE;
    if (what != NHTB_REKEY_IKE && what != NHTB_REKEY_CHILD)
        return NHTB_ERR_ARG;
    nhi_ike_sa *sa = nhi_ike_peer_sa(p);
    if (!sa || sa->state != NHI_SA_UP)
        return NHTB_ERR_STATE;
    want_rekey(sa, what);
    nhi_ike_task_pump(sa, now);
    return 0;
}

void nhi_ike_shutdown(nhi_ike *ike, nhtb_time now)
{
    nhi_ike_begin(ike);
    ike->shutting = true;
    uint32_t cursor = 0, id;
    nhi_ike_peer *p;
    while ((p = nhi_slab_next(&ike->peers, &cursor, &id)))
        nhi_wheel_cancel(ike->env.wheel, &p->retry);
    NHI_LIST_FOR_SAFE_BACK(it, pv, &ike->sas)
    nhi_ike_sa_delete(NHI_CONTAINER(it, nhi_ike_sa, link), NHTB_DETAIL_DELETED_BY_US, now);
}

bool nhi_ike_idle(const nhi_ike *ike)
{
    NHI_LIST_FOR(it, &ike->sas)
    {
        if (NHI_CONTAINER(it, nhi_ike_sa, link)->state != NHI_SA_LINGER)
            return false;
    }
    return true;
}

/* ---- data plane signals ---- */

static nhi_ike_child *child_of(nhi_ike *ike, uint32_t spi_in)
{
    nhi_ike_child *c = nhi_map_get(&ike->by_child, &spi_in);
    return c && c->state != NHI_CHILD_LARVAL ? c : NULL;
}

void nhi_ike_child_soft(nhi_ike *ike, uint32_t spi_in, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_child *c = child_of(ike, spi_in);
    if (!c || c->state != NHI_CHILD_UP)
        return;
    c->want |= NHI_WANT_REKEY;
    nhi_ike_task_pump(c->sa, now);
}

void nhi_ike_child_hard(nhi_ike *ike, uint32_t spi_in, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_child *c = child_of(ike, spi_in);
    if (!c)
        return;
    nhi_ike_sa *sa = c->sa;
    nhi_ike_peer *p = sa->peer;
    bool was_up = c->state == NHI_CHILD_UP;
    if (c->state == NHI_CHILD_OVERLAP) {
        nhi_ike_child_remove(c);
        return;
    }
    nhi_ike_child_delete(c);
    nhi_ike_child_uninstall(c);
    nhi_ike_task_pump(sa, now);
    if (was_up && p && p->cfg.establish == NHTB_ESTABLISH_IMMEDIATELY)
        nhi_ike_peer_want_children(p, now);
}

void nhi_ike_child_first_use(nhi_ike *ike, uint32_t spi_in, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_child *c = child_of(ike, spi_in);
    if (c && c->sa->v1)
        nhi_v1_child_seen(c, now);
    if (c && c->state == NHI_CHILD_UP)
        nhi_ike_child_use(c);
}

void nhi_ike_child_moved(nhi_ike *ike, uint32_t spi_in, const nhtb_path *seen, nhtb_time now)
{
    nhi_ike_begin(ike);
    (void)now;
    nhi_ike_child *c = child_of(ike, spi_in);
    if (!c || !c->sa->nat_remote || !c->sa->encap || nhi_path_equal(&c->sa->path, seen))
        return;
    nhi_ike_act *a = nhi_ike_act_add(ike, NHI_ACT_MOVE, false);
    if (!a)
        return;
    c->sa->path = *seen;
    a->peer = c->sa->peer_id;
    a->path = *seen;
}

void nhi_ike_install_failed(nhi_ike *ike, uint32_t spi_in, int err, nhtb_time now)
{
    nhi_ike_begin(ike);
    nhi_ike_child *c = child_of(ike, spi_in);
    if (!c)
        return;
    nhtb_detail d = err == NHTB_ERR_LIMIT    ? NHTB_DETAIL_CAPACITY
                    : err == NHTB_ERR_MEMORY ? NHTB_DETAIL_MEMORY
                                             : NHTB_DETAIL_CRYPTO;
    nhi_ike_sa *sa = c->sa;
    nhi_ike_peer_child_failed(sa, c->cfg, d, 0, now);
    c->installed = false;
    nhi_ike_child_delete(c);
    nhi_ike_child_uninstall(c);
    nhi_ike_task_pump(sa, now);
}
