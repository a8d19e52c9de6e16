/* SPDX-License-Identifier: Apache-2.0
 * Peers at run time: which entry a message belongs to, when to start or try again, which children
 * are missing. Called by the room's entries and by sa. RFC 7296 2.1, 2.4, 3.5; RFC 4301 4.4.3. */
#include "ike/room.h"

nhi_ike_peer *nhi_ike_peer_get(const nhi_ike *ike, nhtb_peer_id id)
{
    return nhi_slab_get(&ike->peers, id.id);
}

const nhtb_peer *nhi_ike_peer_config(const nhi_ike *ike, nhtb_peer_id id)
{
    const nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    return p ? &p->cfg : NULL;
}

int nhi_ike_peer_path_score(const nhi_ike_peer *p, const nhtb_path *path)
{
    int score = 0;
    if (p->cfg.path.scope != path->scope)
        return -1;
    if (p->cfg.path.remote.family) {
        if (!nhtb_addr_equal(&p->cfg.path.remote, &path->remote))
            return -1;
        score += 8;
    }
    if (p->cfg.path.local.family) {
        if (!nhtb_addr_equal(&p->cfg.path.local, &path->local))
            return -1;
        score += 1;
    }
    return score;
}

nhtb_identity nhi_ike_peer_local_id(const nhi_ike_peer *p, const nhtb_path *path)
{
    const nhi_cert *own = p->pki && p->pki->key.n ? &p->pki->own : NULL;
    const nhtb_identity *id = &p->cfg.local_id;
    bool subject = own && (id->type == NHTB_ID_NONE ||
                           (id->type == NHTB_ID_DER_DN && nhi_dn_equal(id->data, own->subject)));
    if (subject && own->subject.n <= NHTB_ID_MAX) /* octet by octet what the certificate says */
        return (nhtb_identity){NHTB_ID_DER_DN, own->subject};
    if (id->type != NHTB_ID_NONE)
        return *id;
    const nhtb_addr *a = &path->local;
    return (nhtb_identity){a->family == 6 ? NHTB_ID_IPV6 : NHTB_ID_IPV4, {a->b, nhi_addr_len(a)}};
}

bool nhi_ike_peer_uses_psk(const nhi_ike_peer *p)
{
    return !p->pki || !p->pki->key.n || !p->pki->n_anchors;
}

nhi_ike_peer *nhi_ike_peer_for_init(nhi_ike *ike, const nhtb_path *path, uint16_t ke,
                                    nhi_suite *suite, nhi_ike_peer **known)
{
    nhi_ike_peer *best = NULL;
    int best_score = -1;
    nhi_ike_peer *p = NULL;
    nhi_suite s;
    *known = NULL;
    while ((p = nhi_ike_near_next(ike, &path->remote, p))) {
        bool open = p->started && !p->entry.id && !p->cfg.v1;
        int score = open ? nhi_ike_peer_path_score(p, path) : -1;
        if (score < 0)
            continue;
        *known = p;
        if (score > best_score && nhi_propose_choose(&s, NHTB_PROTO_IKE, p->cfg.proposals,
                                                     p->cfg.n_proposals, &ike->offer, ke, false)) {
            best = p;
            best_score = score;
            *suite = s;
        }
    }
    return best;
}

static bool has(const uint16_t *v, uint8_t n, uint16_t what)
{
    for (uint8_t i = 0; i < n; i++)
        if (v[i] == what)
            return true;
    return false;
}

bool nhi_ike_peer_suite_allowed(const nhi_ike_peer *p, const nhi_suite *s)
{
    for (uint16_t i = 0; i < p->cfg.n_proposals; i++) {
        const nhtb_proposal *q = &p->cfg.proposals[i];
        bool encr = false;
        for (uint8_t k = 0; k < q->n_encr; k++)
            encr = encr || (q->encr[k].id == s->encr && q->encr[k].key_bits == s->key_bits);
        if (encr && has(q->prf, q->n_prf, s->prf) && has(q->ke, q->n_ke, s->ke) &&
            (!s->integ || has(q->integ, q->n_integ, s->integ)))
            return true;
    }
    return false;
}

static int full_score(const nhi_ike_peer *p, const nhi_ike_sa *sa, const nhtb_identity *idi,
                      const nhtb_identity *idr)
{
    bool open = p->started && !p->entry.id && !p->cfg.v1;
    int score = open ? nhi_ike_peer_path_score(p, &sa->path) * 2 : -1;
    bool fits = p->cfg.wildcard ? nhi_ike_wildcard_match(p->cfg.wildcard, &p->cfg.remote_id, idi)
                                : nhi_ident_match(&p->cfg.remote_id, idi);
    if (score < 0 || !fits || !nhi_ike_peer_suite_allowed(p, &sa->suite))
        return -1;
    if (p->cfg.remote_id.type != NHTB_ID_NONE)
        score += p->cfg.wildcard ? 5 : 8; /* a definite identity wins over a pattern */
    if (idr->type == NHTB_ID_NONE)
        return score;
    nhtb_identity own = nhi_ike_peer_local_id(p, &sa->path);
    return nhi_ident_match(&own, idr) ? score + 2 : -1;
}

nhi_ike_peer *nhi_ike_peer_find(nhi_ike *ike, const nhi_ike_sa *sa, const nhtb_identity *idi,
                                const nhtb_identity *idr)
{
    nhi_ike_peer *best = NULL, *p = NULL;
    int best_score = -1;
    while ((p = nhi_ike_near_next(ike, &sa->path.remote, p))) {
        int score = full_score(p, sa, idi, idr);
        bool longer = best && score == best_score && p->cfg.wildcard && best->cfg.wildcard &&
                      p->cfg.remote_id.data.n > best->cfg.remote_id.data.n;
        if (score > best_score || longer) {
            best = p;
            best_score = score;
        }
    }
    return best;
}

nhi_ike_sa *nhi_ike_peer_sa(const nhi_ike_peer *p)
{
    nhi_ike_sa *up = NULL, *setup = NULL;
    NHI_LIST_FOR(it, &p->sas)
    {
        nhi_ike_sa *s = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        if (s->state == NHI_SA_UP && (!up || s->established >= up->established))
            up = s;
        if (nhi_ike_sa_attempts((nhi_ike_state)s->state))
            setup = s;
    }
    return up ? up : setup;
}

static uint64_t bit(uint16_t child)
{
    return UINT64_C(1) << child;
}

void nhi_ike_peer_want_children(nhi_ike_peer *p, nhtb_time now)
{
    nhi_ike_sa *sa = nhi_ike_peer_sa(p);
    if (!sa || sa->state != NHI_SA_UP)
        return;
    for (uint16_t i = 0; i < p->cfg.n_children; i++)
        if (!nhi_ike_child_live(p, i, NULL))
            sa->want_create |= bit(i);
    nhi_ike_task_pump(sa, now);
}

/** Ports of a first message: 500 unless configured otherwise; others start with the marker. */
static void first_path(nhi_ike_sa *sa, const nhtb_path *cfg)
{
    sa->path = *cfg;
    bool standard = !cfg->remote_port || cfg->remote_port == 500;
    sa->kind = standard ? NHTB_PKT_IKE_500 : NHTB_PKT_UDP_4500;
    if (!sa->path.remote_port)
        sa->path.remote_port = 500;
    if (!sa->path.local_port)
        sa->path.local_port = standard ? 500 : 4500;
}

static nhtb_detail detail_of(int err)
{
    switch (err) {
    case NHTB_ERR_RANDOM: return NHTB_DETAIL_RANDOM;
    case NHTB_ERR_LIMIT: return NHTB_DETAIL_CAPACITY;
    case NHTB_ERR_MEMORY: return NHTB_DETAIL_MEMORY;
    case NHTB_ERR_CRYPTO:
    case NHTB_ERR_UNSUPPORTED: return NHTB_DETAIL_CRYPTO;
    default: return NHTB_DETAIL_INTERNAL;
    }
}

static int start(nhi_ike_peer *p, uint16_t child, nhtb_time now)
{
    nhi_ike *ike = p->ike;
    int err = 0;
    nhi_ike_sa *sa = nhi_ike_sa_new(ike, true, now, &err);
    if (!sa)
        return err;
    nhi_ike_sa_attach(sa, p);
    first_path(sa, &p->cfg.path);
    sa->first_child = child;
    ike->count.initiated++;
    nhi_wheel_cancel(ike->env.wheel, &p->retry);
    p->next_try = NHTB_NEVER;
    err = (p->cfg.v1 ? nhi_v1_start : nhi_ike_init_i_start)(sa, now);
    if (err)
        nhi_ike_sa_kill(sa);
    return err;
}

#define ATTEMPTS 4 /* at the same time */

/** Attempts of ours; *oldest, *newest of them. */
static unsigned attempts(const nhi_ike_peer *p, nhi_ike_sa **oldest, nhi_ike_sa **newest)
{
    unsigned n = 0;
    NHI_LIST_FOR(it, &p->sas)
    {
        nhi_ike_sa *s = NHI_CONTAINER(it, nhi_ike_sa, peer_link);
        if (!nhi_ike_sa_attempts((nhi_ike_state)s->state))
            continue;
        if (!n++)
            *oldest = s;
        *newest = s;
    }
    return n;
}

void nhi_ike_peer_afresh(nhi_ike_sa *stuck, nhtb_time now)
{
    nhi_ike_peer *p = stuck->peer;
    nhi_ike_sa *oldest = NULL, *newest = NULL, *up = p ? nhi_ike_peer_sa(p) : NULL;
    if (!p || !p->started || p->ike->shutting || (up && up->state == NHI_SA_UP) ||
        now < p->fresh_at)
        return;
    unsigned n = attempts(p, &oldest, &newest);
    if (newest != stuck || start(p, stuck->first_child, now))
        return;
    nhi_ike_sa *fresh = nhi_ike_peer_sa(p);
    if (fresh && fresh != stuck)
        fresh->want_create = stuck->want_create;
    p->fresh_gap = p->fresh_gap ? p->fresh_gap * 2 : NHTB_NS_PER_S;
    p->fresh_at = now + p->fresh_gap;
    if (n >= ATTEMPTS)
        nhi_ike_sa_kill(oldest);
}

int nhi_ike_peer_beside(nhi_ike_peer *p, nhtb_time now)
{
    nhi_ike_sa *oldest = NULL, *newest = NULL;
    if (p->ike->shutting || !p->started || !p->cfg.path.remote.family || !p->cfg.path.local.family)
        return NHTB_ERR_STATE;
    return attempts(p, &oldest, &newest) ? 0 : start(p, UINT16_MAX, now);
}

int nhi_ike_peer_initiate(nhi_ike_peer *p, uint16_t child, nhtb_time now)
{
    if (p->ike->shutting || !p->started || !p->cfg.path.remote.family || !p->cfg.path.local.family)
        return NHTB_ERR_STATE;
    nhi_ike_sa *sa = nhi_ike_peer_sa(p);
    if (sa && child != UINT16_MAX && child < p->cfg.n_children) {
        if (!nhi_ike_child_live(p, child, NULL))
            sa->want_create |= bit(child);
    } else if (sa && sa->state == NHI_SA_UP) {
        nhi_ike_peer_want_children(p, now);
    } else if (sa) {
        for (uint16_t i = 0; i < p->cfg.n_children; i++)
            sa->want_create |= bit(i);
    }
    if (sa) {
        nhi_ike_task_pump(sa, now);
        return 0;
    }
    int err = start(p, child < p->cfg.n_children ? child : 0, now);
    sa = err ? NULL : nhi_ike_peer_sa(p);
    if (sa && child == UINT16_MAX)
        for (uint16_t i = 1; i < p->cfg.n_children; i++)
            sa->want_create |= bit(i);
    if (err) {
        const nhi_ike_fault why = {detail_of(err), 0, UINT16_MAX, false, "IKE_SA_INIT"};
        nhi_ike_explain_note(p, &why, now);
        p->last_detail = (uint16_t)detail_of(err);
        p->ike->count.failed++;
        nhi_ike_act_event(p->ike, NHTB_EVENT_IKE_FAILED, detail_of(err), 0, p->id, UINT16_MAX,
                          &p->cfg.path, now);
        nhi_ike_peer_retry(p, now);
    }
    return err;
}

void nhi_ike_peer_retry(nhi_ike_peer *p, nhtb_time now)
{
    nhi_ike *ike = p->ike;
    if (ike->shutting || !p->started)
        return;
    nhi_ike_sa *sa = nhi_ike_peer_sa(p);
    if (sa) { /* another SA carries on: look after missing children only */
        if (p->cfg.establish == NHTB_ESTABLISH_IMMEDIATELY && sa->state == NHI_SA_UP)
            nhi_wheel_arm(ike->env.wheel, &p->retry,
                          now + NHTB_NS_PER_S + nhi_rng_below(ike->env.jitter, NHTB_NS_PER_S));
        return;
    }
    nhtb_time first = NHTB_NS_PER_S, most = 60 * NHTB_NS_PER_S;
    p->backoff = p->backoff ? p->backoff * 2 : first;
    if (p->backoff > most)
        p->backoff = most;
    nhtb_time at = now + p->backoff + nhi_rng_below(ike->env.jitter, p->backoff / 4);
    p->next_try = at; /* also holds back attempts that traffic asks for */
    if (p->cfg.establish == NHTB_ESTABLISH_IMMEDIATELY)
        nhi_wheel_arm(ike->env.wheel, &p->retry, at);
}

void nhi_ike_peer_retry_fired(nhi_ike_peer *p, nhtb_time now)
{
    if (!p->started || p->cfg.establish != NHTB_ESTABLISH_IMMEDIATELY)
        return;
    p->next_try = NHTB_NEVER;
    nhi_ike_sa *sa = nhi_ike_peer_sa(p);
    if (sa && sa->state == NHI_SA_UP)
        nhi_ike_peer_want_children(p, now);
    else if (!sa)
        (void)nhi_ike_peer_initiate(p, UINT16_MAX, now); /* its failure plans the next try */
}

void nhi_ike_peer_child_failed(nhi_ike_sa *sa, uint16_t cfg, nhtb_detail detail, uint32_t code,
                               nhtb_time now)
{
    nhi_ike *ike = sa->ike;
    nhi_ike_peer *p = sa->peer;
    nhi_ike_act_event(ike, NHTB_EVENT_CHILD_FAILED, detail, code, sa->peer_id, cfg, &sa->path, now);
    if (p) {
        /* IKEv1: only ever a quick mode of ours */
        const nhi_ike_fault why = {detail, code, cfg < p->cfg.n_children ? cfg : 0,
                                   !sa->v1 && sa->task == NHI_TASK_NONE,
                                   sa->v1 ? "quick mode" : "child SA"};
        nhi_ike_explain_note(p, &why, now);
    }
    if (!p || !p->started || ike->shutting || p->cfg.establish != NHTB_ESTABLISH_IMMEDIATELY)
        return;
    nhtb_time at = nhi_ike_task_hold(ike, p->child_tries, now);
    p->child_tries = p->child_tries < UINT8_MAX ? (uint8_t)(p->child_tries + 1) : UINT8_MAX;
    if (at < p->retry.due)
        nhi_wheel_arm(ike->env.wheel, &p->retry, at);
}

void nhi_ike_peer_free(nhi_ike_peer *p)
{
    nhi_ike *ike = p->ike;
    nhi_wheel_cancel(ike->env.wheel, &p->retry);
    nhi_ike_explain_free(p);
    nhi_ike_near_del(p);
    nhi_ike_peer *entry = p->entry.id ? nhi_ike_peer_get(ike, p->entry) : NULL;
    if (entry)
        entry->n_instances--;
    ike->n_seeded -= p->cfg.wildcard && p->psk;
    ike->n_v1 -= p->cfg.v1 != NULL;
    ike->n_pki -= p->pki != NULL;
    nhi_pki_unref(ike->mem, p->pki);
    nhi_mem_wipe_free(ike->mem, p->psk, p->psk_n);
    nhi_mem_wipe_free(ike->mem, p->block, p->block_n);
    nhi_ike_act_shrink(ike, NHI_IKE_PEER_ACTS);
    nhi_slab_del(&ike->peers, p->id.id);
}
