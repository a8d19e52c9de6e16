/* SPDX-License-Identifier: Apache-2.0
 * Which entry a phase 1 belongs to. Main mode with a pre-shared key shows the identity only under
 * keys that depend on the key: the entry is chosen by address, and the identity decides among those
 * with the same address and key. RFC 2409 5.4. Control thread. */
#include "ike/v1/v1.h"

static int score_of(const nhi_ike_peer *p, const nhtb_path *path, nhtb_v1_mode mode,
                    const nhtb_identity *id)
{
    if (!p->started || p->entry.id || !p->cfg.v1 || p->cfg.v1->mode != mode)
        return -1;
    int score = nhi_ike_peer_path_score(p, path);
    if (score < 0 || !id)
        return score;
    bool fits = p->cfg.wildcard ? nhi_ike_wildcard_match(p->cfg.wildcard, &p->cfg.remote_id, id)
                                : nhi_ident_match(&p->cfg.remote_id, id);
    if (!fits)
        return -1;
    bool named = p->cfg.remote_id.type != NHTB_ID_NONE; /* a definite name wins over a pattern */
    return score * 3 + (named ? (p->cfg.wildcard ? 1 : 2) : 0);
}

nhi_ike_peer *nhi_v1_peer_for(nhi_ike *ike, const nhtb_path *path, nhtb_v1_mode mode,
                              const nhi_v1_sa_pl *offer, const nhtb_identity *id,
                              nhi_v1_phase1 *out, nhi_ike_peer **known)
{
    nhi_ike_peer *best = NULL, *p;
    int best_score = -1;
    uint32_t cursor = 0, slot;
    uint16_t auths[4];
    *known = NULL;
    while ((p = nhi_slab_next(&ike->peers, &cursor, &slot))) {
        nhi_v1_phase1 c;
        int score = score_of(p, path, mode, id);
        if (score < 0)
            continue;
        *known = p;
        nhi_v1_policy1 own = nhi_v1_policy(p, false, auths);
        if (score > best_score && nhi_v1_propose1_choose(&c, &own, offer)) {
            best = p;
            best_score = score;
            *out = c;
        }
    }
    return best;
}

/** Is a session of the same name from elsewhere in the way? From the same address it is a new phase 1. */
static bool second_refused(nhi_ike_sa *sa, const nhi_ike_peer *entry, const nhi_ike_peer *p,
                           nhtb_time now)
{
    nhi_ike_sa *old = nhi_ike_peer_sa(p);
    if (!old || old->state != NHI_SA_UP || nhtb_addr_equal(&old->path.remote, &sa->path.remote))
        return false;
    bool replace = entry->cfg.second_session == NHTB_SECOND_REPLACE;
    if (replace && (sa->contact || entry->cfg.v1->shared)) {
        sa->contact = true; /* its pairs end, they lead elsewhere */
        return false;
    }
    old->want |= NHI_WANT_LIVENESS;
    nhi_v1_pump(old, now);
    return true;
}

nhi_ike_peer *nhi_v1_instance(nhi_ike_sa *sa, nhi_ike_peer *entry, const nhtb_identity *id,
                              nhtb_time now)
{
    int err = 0;
    uint32_t most = entry->cfg.connection_limit;
    nhtb_detail d = NHTB_DETAIL_CAPACITY;
    nhi_ike_peer *p = nhi_ike_wildcard_find(entry, id);
    if (p && second_refused(sa, entry, p, now)) {
        d = NHTB_DETAIL_SECOND_SESSION;
        p = NULL;
    } else if (!p && (!most || entry->n_instances < most)) {
        p = nhi_ike_wildcard_spawn(entry, id, &err);
    }
    if (p)
        return p;
    d = err == NHTB_ERR_MEMORY ? NHTB_DETAIL_MEMORY : d;
    nhi_ike_act_event(sa->ike, NHTB_EVENT_LIMIT, d, 0, entry->id, UINT16_MAX, &sa->path, now);
    return NULL;
}

/** With certificates the identity proves itself, whichever entry it was believed to be. */
static bool same_key(const nhi_ike_peer *a, const nhi_ike_peer *b)
{
    if (a->pki || b->pki)
        return a->pki && b->pki;
    return a->psk_n == b->psk_n && (!a->psk_n || nhi_equal_ct(a->psk, b->psk, a->psk_n));
}

static bool takes(const nhi_ike_sa *sa, const nhi_ike_peer *p)
{
    uint16_t auths[4];
    nhi_v1_policy1 own = nhi_v1_policy(p, false, auths);
    bool auth = false;
    for (size_t i = 0; i < own.n_auths; i++)
        auth = auth || auths[i] == sa->v1->auth;
    return auth && nhi_ike_peer_suite_allowed(p, &sa->suite);
}

nhi_ike_peer *nhi_v1_peer_proved(nhi_ike_sa *sa, const nhtb_identity *id)
{
    nhi_ike_peer *best = NULL, *p, *chosen = nhi_ike_peer_get(sa->ike, sa->peer_id);
    int best_score = -1;
    uint32_t cursor = 0, slot;
    while (chosen && (p = nhi_slab_next(&sa->ike->peers, &cursor, &slot))) {
        int score = score_of(p, &sa->init_path, (nhtb_v1_mode)sa->v1->entry.mode, id);
        if (score <= best_score || (p != chosen && (!same_key(p, chosen) || !takes(sa, p))))
            continue;
        best = p;
        best_score = score;
    }
    return best;
}
