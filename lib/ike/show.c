/* SPDX-License-Identifier: Apache-2.0
 * Rows for display: IKE SAs, peers, counters, identities. Never key material. Called by
 * engine/show.c. Control thread. */
#include "ike/room.h"

static void fill_suite(const nhi_ike_sa *sa, nhtb_ike_sa_info *out)
{
    out->encr = sa->suite.encr;
    out->key_bits = sa->suite.key_bits;
    out->prf = sa->suite.prf;
    out->integ = sa->suite.integ;
    out->ke = sa->suite.ke;
}

static void fill(const nhi_ike_sa *sa, nhtb_ike_sa_info *out)
{
    uint32_t size = out->size;
    memset(out, 0, sizeof *out);
    out->size = size;
    out->peer = sa->peer_id;
    if (sa->peer)
        nhi_strcpy(out->peer_name, sizeof out->peer_name, sa->peer->cfg.name);
    out->spi_i = sa->spi_i;
    out->spi_r = sa->spi_r;
    out->initiator = sa->initiator;
    nhi_strcpy(out->state, sizeof out->state, nhi_ike_sa_state_name(sa->state));
    out->path = sa->path;
    out->nat_local = sa->nat_local;
    out->nat_remote = sa->nat_remote;
    out->remote_id_type = sa->remote_id_type;
    out->remote_id_len = sa->remote_id_n;
    memcpy(out->remote_id, sa->remote_id, sa->remote_id_n);
    fill_suite(sa, out);
    out->libnhtb_peer = sa->libnhtb;
    out->version = sa->v1 ? 1 : 2;
    if (sa->v1)
        nhi_v1_show(sa, out);
    out->established = sa->established;
    out->rekey_at = sa->rekey_at;
    out->expires = sa->expires;
    NHI_LIST_FOR(it, &sa->children)
    {
        const nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        out->children += c->state == NHI_CHILD_UP;
    }
}

bool nhi_ike_sa_next(nhi_ike *ike, uint32_t *cursor, nhtb_ike_sa_info *out)
{
    uint32_t i = 0;
    NHI_LIST_FOR(it, &ike->sas)
    {
        if (i++ < *cursor)
            continue;
        (*cursor)++;
        fill(NHI_CONTAINER(it, nhi_ike_sa, link), out);
        return true;
    }
    return false;
}

bool nhi_ike_peer_next(nhi_ike *ike, uint32_t *cursor, nhtb_peer_info *out)
{
    uint32_t id, size = out->size;
    const nhi_ike_peer *p;
    do {
        p = nhi_slab_next(&ike->peers, cursor, &id);
    } while (p && !p->started); /* of an open transaction */
    if (!p)
        return false;
    memset(out, 0, sizeof *out);
    out->size = size;
    out->id = p->id;
    nhi_strcpy(out->name, sizeof out->name, p->cfg.name);
    out->path = p->cfg.path;
    out->up = p->up;
    out->n_children = p->cfg.n_children;
    for (uint16_t i = 0; i < p->cfg.n_children; i++)
        out->children_up = (uint16_t)(out->children_up + (nhi_ike_child_live(p, i, NULL) != NULL));
    out->last_detail = p->last_detail;
    out->last_code = p->last_code;
    out->next_try = nhi_timer_armed(&p->retry) ? p->next_try : NHTB_NEVER;
    out->entry = p->entry;
    out->wildcard = p->cfg.wildcard;
    out->instances = p->n_instances;
    out->connection_limit = p->cfg.connection_limit;
    out->shared = p->cfg.v1 && p->cfg.v1->shared && !p->entry.id;
    return true;
}

void nhi_ike_stats(const nhi_ike *ike, nhtb_stats *out)
{
#define X(n) out->ike_##n = ike->count.n;
    NHTB_IKE_COUNTERS(X)
#undef X
    out->ike_sas = (uint32_t)ike->n_sas;
    out->half_open = ike->half_open;
}

const char *nhi_ike_peer_user(const nhi_ike *ike, nhtb_peer_id id)
{
    const nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    return p ? p->user : "";
}

nhtb_identity nhi_ike_peer_identity(const nhi_ike *ike, nhtb_peer_id id)
{
    const nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    const nhi_ike_sa *sa = p ? nhi_ike_peer_sa(p) : NULL;
    if (!sa || sa->state != NHI_SA_UP)
        return (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
    return (nhtb_identity){sa->remote_id_type, {sa->remote_id, sa->remote_id_n}};
}
