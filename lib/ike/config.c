/* SPDX-License-Identifier: Apache-2.0
 * A peer's configuration: checked as a whole and copied into one block, so that starting it cannot
 * fail later. Called through nhi_ike_peer_new. Control thread. */
#include <nhtb/psk.h>

#include "ike/room.h"

#define NAME_MAX_LEN (NHTB_NAME_MAX - 1)
#define PROPOSALS    8

/** Two passes over the same code: p NULL measures, then copies. */
typedef struct bump {
    uint8_t *p;
    size_t n;
} bump;

static void *take(bump *b, const void *src, size_t n)
{
    b->n = (b->n + 15) & ~(size_t)15;
    uint8_t *dst = b->p ? b->p + b->n : NULL;
    if (dst && src && n)
        memcpy(dst, src, n);
    b->n += n;
    return dst;
}

static bool name_ok(const char *s)
{
    size_t n = s ? nhi_strlen(s) : 0;
    return n >= 1 && n <= NAME_MAX_LEN;
}

static bool ts_ok(const nhtb_ts *v, uint16_t n)
{
    if (n > NHI_TS_MAX || (n && !v))
        return false;
    for (uint16_t i = 0; i < n; i++) {
        bool opaque = v[i].port_lo == 65535 && v[i].port_hi == 0;
        if (!nhi_addr_len(&v[i].lo) || v[i].lo.family != v[i].hi.family ||
            nhi_addr_cmp(&v[i].lo, &v[i].hi) > 0 || (v[i].port_lo > v[i].port_hi && !opaque))
            return false;
    }
    return true;
}

static bool counts_ok(const nhtb_proposal *p)
{
    return p->n_encr <= NHTB_PROPOSAL_MAX && p->n_prf <= NHTB_PROPOSAL_MAX &&
           p->n_integ <= NHTB_PROPOSAL_MAX && p->n_ke <= NHTB_PROPOSAL_MAX && p->n_esn <= 2;
}

/** What the backends can do of the configured proposals, or of the built-in ones. */
static int proposals(const nhtb_crypto *c, nhtb_protocol proto, const nhtb_proposal *v, uint16_t n,
                     nhtb_proposal out[PROPOSALS], uint16_t *n_out)
{
    *n_out = 0;
    if (n > PROPOSALS || (n && !v))
        return NHTB_ERR_ARG;
    if (!n)
        *n_out = (uint16_t)nhi_proposal_default(c, proto, out, PROPOSALS);
    for (uint16_t i = 0; i < n; i++) {
        if (!counts_ok(&v[i]))
            return NHTB_ERR_ARG;
        out[*n_out] = v[i];
        if (nhi_proposal_filter(c, proto, &out[*n_out]))
            (*n_out)++;
    }
    return *n_out ? 0 : NHTB_ERR_UNSUPPORTED;
}

/** Of the configured or built-in proposals what IKEv1 has words for. */
static int v1_proposals(nhtb_proposal *v, uint16_t *n, bool built_in)
{
    uint16_t kept = 0;
    for (uint16_t i = 0; i < *n; i++)
        if (nhi_v1_cut_proposal(&v[i], built_in))
            v[kept++] = v[i];
    *n = kept;
    return kept ? 0 : NHTB_ERR_UNSUPPORTED;
}

static int check_child(const nhtb_child *c)
{
    if (c->size != sizeof *c || !name_ok(c->name) || !ts_ok(c->local_ts, c->n_local_ts) ||
        !ts_ok(c->remote_ts, c->n_remote_ts))
        return NHTB_ERR_ARG;
    return 0;
}

/** A pattern has a seed or trusted certificates instead of a key, and nobody to start to. */
static bool wildcard_ok(const nhtb_peer *p)
{
    bool certs = p->pki && p->pki->anchors.n;
    bool seed = p->seed.p && p->seed.n >= NHTB_PSK_SEED_MIN && p->seed.n <= 4096;
    bool shared = p->v1 && p->v1->size == sizeof *p->v1 && p->v1->shared;
    if (!p->wildcard)
        return !p->seed.n && (!p->connection_limit || shared) && !p->second_session && !p->reserved;
    return nhi_ike_wildcard_valid(p->wildcard, &p->remote_id) && !p->psk.n &&
           (certs ? !p->seed.n : seed && p->wildcard <= NHTB_WILDCARD_KEY_ID) &&
           !p->path.remote.family && p->second_session <= NHTB_SECOND_KEEP && !p->reserved;
}

/** A side without certificates uses a key that is configured: nobody is asked for one. */
static bool pki_ok(const nhtb_peer *p)
{
    if (!p->pki)
        return true;
    bool both = p->pki->key.n && p->pki->anchors.n;
    return both || (p->psk.n && !p->wildcard);
}

static int check(const nhtb_peer *p)
{
    bool id_ok = (p->local_id.type == NHTB_ID_NONE || nhi_ident_valid(&p->local_id)) &&
                 (p->remote_id.type == NHTB_ID_NONE || nhi_ident_valid(&p->remote_id));
    const nhtb_addr *l = &p->path.local, *r = &p->path.remote;
    if (!name_ok(p->name) || !id_ok || !p->children || !p->n_children ||
        p->n_children > NHI_IKE_CHILDREN || (p->psk.n && !p->psk.p) || p->psk.n > 4096)
        return NHTB_ERR_ARG;
    if (!wildcard_ok(p) || !pki_ok(p))
        return NHTB_ERR_ARG;
    int err = p->v1 ? nhi_v1_check(p) : 0;
    if (err)
        return err;
    if (p->establish > NHTB_ESTABLISH_RESPONDER_ONLY || p->announce > NHTB_ANNOUNCE_OFF)
        return NHTB_ERR_ARG;
    if ((l->family && !nhi_addr_len(l)) || (r->family && !nhi_addr_len(r)) ||
        (l->family && r->family && l->family != r->family))
        return NHTB_ERR_ARG;
    if (p->establish == NHTB_ESTABLISH_IMMEDIATELY && (!r->family || !l->family))
        return NHTB_ERR_ARG; /* nowhere to start to, or from */
    for (uint16_t i = 0; i < p->n_children; i++)
        if (check_child(&p->children[i]))
            return NHTB_ERR_ARG;
    return 0;
}

static nhtb_identity copy_id(bump *b, const nhtb_identity *id)
{
    nhtb_identity out = *id;
    out.data.p = take(b, id->data.p, id->type == NHTB_ID_NONE ? 0 : id->data.n);
    return out;
}

static int copy_child(bump *b, const nhtb_crypto *c, nhtb_child *out)
{
    nhtb_proposal v[PROPOSALS];
    nhtb_child k = *out;
    int err = proposals(c, NHTB_PROTO_ESP, k.proposals, k.n_proposals, v, &k.n_proposals);
    if (err)
        return err;
    k.name = take(b, k.name, nhi_strlen(k.name) + 1);
    k.proposals = take(b, v, k.n_proposals * sizeof v[0]);
    k.local_ts = take(b, k.local_ts, k.n_local_ts * sizeof k.local_ts[0]);
    k.remote_ts = take(b, k.remote_ts, k.n_remote_ts * sizeof k.remote_ts[0]);
    if (!k.lifetime_s)
        k.lifetime_s = 3600;
    if (b->p)
        *out = k;
    return 0;
}

static nhtb_span copy_span(bump *b, nhtb_span s)
{
    return (nhtb_span){take(b, s.p, s.n), s.n};
}

/** With what it points at; the block is wiped when it goes. */
static const nhtb_v1 *copy_v1(bump *b, const nhtb_v1 *src)
{
    nhtb_v1 v = *src;
    nhtb_v1 *dst = take(b, src, sizeof *src);
    v.user = copy_span(b, v.user);
    v.password = copy_span(b, v.password);
    v.banner = copy_span(b, v.banner);
    v.domain = copy_span(b, v.domain);
    v.split = take(b, v.split, v.n_split * sizeof v.split[0]);
    nhtb_v1_user *users = take(b, v.users, v.n_users * sizeof v.users[0]);
    for (uint16_t i = 0; i < v.n_users; i++) {
        nhtb_v1_user u = v.users[i];
        u.name = copy_span(b, u.name);
        u.password = copy_span(b, u.password);
        if (users)
            users[i] = u;
    }
    v.users = users;
    if (dst)
        *dst = v;
    return dst;
}

static int copy(bump *b, const nhtb_crypto *c, const nhtb_peer *src, nhtb_peer *dst)
{
    nhtb_proposal v[PROPOSALS];
    *dst = *src;
    int err = proposals(c, NHTB_PROTO_IKE, src->proposals, src->n_proposals, v, &dst->n_proposals);
    if (!err && src->v1)
        err = v1_proposals(v, &dst->n_proposals, src->n_proposals == 0);
    if (err)
        return err;
    dst->name = take(b, src->name, nhi_strlen(src->name) + 1);
    dst->local_id = copy_id(b, &src->local_id);
    dst->remote_id = copy_id(b, &src->remote_id);
    dst->psk = dst->seed = (nhtb_span){NULL, 0};
    dst->proposals = take(b, v, dst->n_proposals * sizeof v[0]);
    nhtb_child *kids = take(b, src->children, src->n_children * sizeof src->children[0]);
    for (uint16_t i = 0; i < src->n_children; i++) {
        nhtb_child one = src->children[i];
        err = copy_child(b, c, kids ? &kids[i] : &one);
        if (err)
            return err;
    }
    dst->children = kids;
    dst->liveness_tries = src->liveness_tries ? src->liveness_tries : 3;
    dst->liveness_s = src->liveness_s ? src->liveness_s : 10;
    dst->lifetime_s = src->lifetime_s ? src->lifetime_s : 28800;
    dst->path_mtu = src->path_mtu ? src->path_mtu : 1500;
    dst->v1 = src->v1 ? copy_v1(b, src->v1) : NULL;
    return 0;
}

/** Certificates are read once; what is wrong with them goes to the log by name. */
static int take_pki(nhi_ike_peer *p, const nhtb_pki *cfg)
{
    nhi_ike *ike = p->ike;
    const char *what = "";
    if (!cfg)
        return 0;
    if (!ike->mem->host.wall_time)
        return NHTB_ERR_UNSUPPORTED; /* validity cannot be judged */
    int err = nhi_pki_new(&p->pki, ike->mem, ike->env.crypto, cfg, &what);
    if (err == NHTB_ERR_ARG)
        nhi_log(ike->mem, NHTB_LOG_ERROR, "ike", what, p->id, p->cfg.name, 0, 0);
    ike->n_pki += p->pki != NULL;
    return err;
}

static int fill(nhi_ike_peer *p, const nhtb_peer *cfg)
{
    nhi_ike *ike = p->ike;
    bump b = {NULL, 0};
    int err = copy(&b, ike->env.crypto, cfg, &p->cfg);
    if (err)
        return err;
    p->block_n = b.n;
    p->block = nhi_mem_alloc(ike->mem, b.n, 16);
    nhtb_span secret = cfg->wildcard ? cfg->seed : cfg->psk;
    p->psk_n = secret.n;
    if (secret.n)
        p->psk = nhi_mem_alloc(ike->mem, secret.n, 16);
    ike->n_seeded += cfg->wildcard && p->psk;
    ike->n_v1 += cfg->v1 != NULL;
    p->cfg.pki = NULL; /* the host's; ours is p->pki */
    if (!p->block || (secret.n && !p->psk))
        return NHTB_ERR_MEMORY;
    if (secret.n)
        memcpy(p->psk, secret.p, secret.n);
    b = (bump){p->block, 0};
    err = copy(&b, ike->env.crypto, cfg, &p->cfg);
    p->cfg.pki = NULL;
    return err ? err : take_pki(p, cfg->pki);
}

/** What an entry names for the sake of an old peer is worth a line in the host's log. */
static void warn_old(const nhi_ike_peer *p)
{
    bool old = false;
    for (uint16_t i = 0; i < p->cfg.n_proposals; i++)
        old = old || nhtb_proposal_old(&p->cfg.proposals[i]);
    for (uint16_t k = 0; k < p->cfg.n_children; k++)
        for (uint16_t i = 0; i < p->cfg.children[k].n_proposals; i++)
            old = old || nhtb_proposal_old(&p->cfg.children[k].proposals[i]);
    if (old)
        nhi_log(p->ike->mem, NHTB_LOG_WARNING, "ike",
                "this entry allows algorithms that are too weak for new peers (sha1, 3des, "
                "modp1024, modp1536)",
                p->id, p->cfg.name, 0, 0);
}

int nhi_ike_peer_new(nhi_ike *ike, const nhtb_peer *cfg, nhtb_peer_id *out)
{
    out->id = 0;
    if (!cfg || cfg->size != sizeof *cfg)
        return NHTB_ERR_ARG;
    int err = check(cfg);
    if (!err)
        err = nhi_ike_act_grow(ike, NHI_IKE_PEER_ACTS);
    if (err)
        return err;
    uint32_t id = 0;
    nhi_ike_peer *p = nhi_slab_new(&ike->peers, &id);
    if (!p) {
        nhi_ike_act_shrink(ike, NHI_IKE_PEER_ACTS);
        return ike->peers.used >= ike->peers.max ? NHTB_ERR_LIMIT : NHTB_ERR_MEMORY;
    }
    p->ike = ike;
    p->id.id = id;
    p->next_try = NHTB_NEVER;
    nhi_list_init(&p->sas);
    nhi_list_init(&p->near);
    nhi_timer_init(&p->retry, NHI_TIMER_IKE_RETRY);
    err = fill(p, cfg);
    if (!err)
        err = nhi_ike_near_add(p);
    if (err) {
        nhi_ike_peer_free(p);
        return err;
    }
    warn_old(p);
    *out = p->id;
    return 0;
}
