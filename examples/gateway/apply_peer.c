/* SPDX-License-Identifier: Apache-2.0
 * One configured gateway as an nhtb_peer. Called by apply.c inside its transaction; the library
 * copies everything, so the structs here live for the call only. */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

static bool same_secret(const cfg_secret *a, const cfg_secret *b)
{
    return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

/* What stands in files; all else is in the JSON. */
static bool same_v1(const cfg_v1 *a, const cfg_v1 *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    bool same = same_secret(&a->password, &b->password) && a->n_users == b->n_users;
    for (uint32_t i = 0; same && i < a->n_users; i++)
        same = same_secret(&a->users[i].password, &b->users[i].password);
    return same;
}

bool apply_peer_same(const cfg_gateway *a, const cfg_gateway *b)
{
    return strcmp(a->canon, b->canon) == 0 && a->psk_n == b->psk_n &&
           memcmp(a->psk, b->psk, a->psk_n) == 0 && a->seed_n == b->seed_n &&
           memcmp(a->seed, b->seed, a->seed_n) == 0 && same_v1(a->v1, b->v1) &&
           cfg_pki_same(a->pki, b->pki);
}

static void fill_child(nhtb_child *c, const cfg_vpn *v, const gw_state *s)
{
    nhtb_child_init(c);
    c->name = v->name;
    c->iface = s->ifaces[v->iface].id;
    c->local_ts = v->local_ts;
    c->remote_ts = v->remote_ts;
    c->n_local_ts = v->n_local_ts;
    c->n_remote_ts = v->n_remote_ts;
    c->proposals = v->proposals;
    c->n_proposals = v->n_proposals;
    c->lifetime_s = v->lifetime_s;
    c->lifetime_bytes = v->lifetime_bytes;
    c->lifetime_packets = v->lifetime_packets;
}

static nhtb_identity identity(const cfg_id *id)
{
    return (nhtb_identity){.type = id->type, .data = {id->data, id->n}};
}

static nhtb_span text_span(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

/* *users is to be freed after the call that uses v. */
static int fill_v1(nhtb_v1 *v, const cfg_v1 *c, nhtb_v1_user **users)
{
    nhtb_v1_init(v);
    if (c == NULL)
        return 0;
    *v = c->v;
    *users = calloc(c->n_users + 1, sizeof **users);
    if (*users == NULL)
        return NHTB_ERR_MEMORY;
    for (uint32_t i = 0; i < c->n_users; i++) {
        const cfg_user *u = &c->users[i];
        (*users)[i] =
            (nhtb_v1_user){text_span(u->name), {u->password.p, u->password.n}, u->address};
    }
    v->users = *users;
    v->n_users = (uint16_t)c->n_users;
    v->user = text_span(c->user);
    v->password = (nhtb_span){c->password.p, c->password.n};
    v->banner = text_span(c->banner);
    v->domain = text_span(c->domain);
    v->split = c->split;
    return 0;
}

static nhtb_span file_span(const cfg_text *t)
{
    return (nhtb_span){t->p, t->n};
}

static const nhtb_pki *fill_pki(nhtb_pki *p, const cfg_pki *c)
{
    if (c == NULL)
        return NULL;
    nhtb_pki_init(p);
    p->chain = file_span(&c->chain);
    p->key = file_span(&c->key);
    p->anchors = file_span(&c->anchors);
    p->crls = file_span(&c->crls);
    p->revocation = c->revocation;
    p->send_certreq = c->send_request;
    p->pss = c->pss;
    p->hashes = c->hashes;
    return p;
}

int apply_peer(nhtb_txn *t, const gw_state *s, uint32_t index, nhtb_peer_id *out)
{
    const cfg_gateway *g = &s->cfg->gateways[index];
    nhtb_peer p;
    nhtb_child *children = calloc(g->n_vpns, sizeof *children);
    if (children == NULL)
        return NHTB_ERR_MEMORY;
    for (uint32_t i = 0; i < g->n_vpns; i++)
        fill_child(&children[i], &g->vpns[i], s);
    nhtb_peer_init(&p);
    p.name = g->name;
    p.path.local = g->local;
    p.path.remote = g->remote;
    p.local_id = identity(&g->local_id);
    p.remote_id = identity(&g->remote_id);
    p.psk = (nhtb_span){g->psk, g->psk_n};
    p.proposals = g->proposals;
    p.n_proposals = g->n_proposals;
    p.establish = g->establish;
    p.announce = g->announce;
    p.force_encap = g->force_encap;
    p.initial_contact = g->initial_contact;
    p.children = children;
    p.n_children = (uint16_t)g->n_vpns;
    p.liveness_s = g->liveness_off ? UINT32_MAX : g->liveness_s;
    p.liveness_tries = (uint16_t)g->liveness_tries;
    p.lifetime_s = g->lifetime_s;
    p.path_mtu = g->path_mtu;
    p.wildcard = g->wildcard;
    p.second_session = g->second_session;
    p.connection_limit = g->connection_limit;
    p.seed = (nhtb_span){g->seed, g->seed_n};
    nhtb_pki pki;
    p.pki = fill_pki(&pki, g->pki);
    nhtb_v1 v1;
    nhtb_v1_user *users = NULL;
    int err = g->ike_version == 1 ? fill_v1(&v1, g->v1, &users) : 0;
    p.v1 = g->ike_version == 1 ? &v1 : NULL;
    if (err == 0)
        err = nhtb_txn_peer(t, &p, out);
    free(users);
    free(children);
    return err;
}
