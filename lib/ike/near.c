/* SPDX-License-Identifier: Apache-2.0
 * Which peers can a message belong to? Entries by the outer address they name, those that name none
 * apart; instances of wildcard entries by identity. So the cost of a first message does not grow
 * with the peers of other addresses. Called by peer, config and wildcard. Control thread. */
#include "ike/room.h"

typedef struct near_key {
    uint8_t b[24];
} near_key;

static near_key key_of_addr(const nhtb_addr *a)
{
    near_key k = {{a->family}};
    memcpy(k.b + 1, a->b, nhi_addr_len(a));
    return k;
}

/* Identities match without regard to case, so they are spread by what is left of it. */
static near_key key_of_identity(const nhi_ike *ike, nhtb_peer_id entry, const nhtb_identity *id)
{
    uint8_t text[NHTB_ID_MAX];
    size_t n = id->data.n < sizeof text ? id->data.n : sizeof text;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = id->data.p[i];
        text[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
    }
    near_key k = {{UINT8_MAX}};
    nhi_put32(k.b + 1, entry.id);
    nhi_put64(k.b + 8, nhi_siphash(ike->near.seed, text, n));
    return k;
}

static bool has_place(const nhi_ike_peer *p)
{
    return p->entry.id != 0 || p->cfg.path.remote.family != 0;
}

static near_key key_of(const nhi_ike_peer *p)
{
    return p->entry.id ? key_of_identity(p->ike, p->entry, &p->cfg.remote_id)
                       : key_of_addr(&p->cfg.path.remote);
}

static nhi_ike_peer *peer_of(nhi_list *l)
{
    return NHI_CONTAINER(l, nhi_ike_peer, near);
}

/* Those of one key are a ring without a head; the map has one of them. */
int nhi_ike_near_add(nhi_ike_peer *p)
{
    nhi_ike *ike = p->ike;
    if (!has_place(p)) {
        nhi_list_add_tail(&ike->anywhere, &p->near);
        return 0;
    }
    near_key k = key_of(p);
    nhi_ike_peer *first = nhi_map_get(&ike->near, &k);
    if (first)
        nhi_list_add_tail(&first->near, &p->near);
    return first ? 0 : nhi_map_put(&ike->near, &k, p);
}

void nhi_ike_near_del(nhi_ike_peer *p)
{
    nhi_ike *ike = p->ike;
    near_key k = has_place(p) ? key_of(p) : (near_key){{0}};
    if (has_place(p) && nhi_map_get(&ike->near, &k) == p) {
        if (nhi_list_empty(&p->near))
            (void)nhi_map_del(&ike->near, &k);
        else
            (void)nhi_map_put(&ike->near, &k, peer_of(p->near.next));
    }
    nhi_list_del(&p->near);
}

int nhi_ike_near_join(nhi_ike_peer *p, nhtb_peer_id entry)
{
    nhi_ike_near_del(p);
    p->entry = entry;
    return nhi_ike_near_add(p);
}

static nhi_ike_peer *first_anywhere(nhi_ike *ike)
{
    return nhi_list_empty(&ike->anywhere) ? NULL : peer_of(ike->anywhere.next);
}

nhi_ike_peer *nhi_ike_near_next(nhi_ike *ike, const nhtb_addr *remote, nhi_ike_peer *p)
{
    near_key k = key_of_addr(remote);
    nhi_ike_peer *first = nhi_map_get(&ike->near, &k);
    if (!p)
        return first ? first : first_anywhere(ike);
    if (has_place(p))
        return peer_of(p->near.next) != first ? peer_of(p->near.next) : first_anywhere(ike);
    return p->near.next == &ike->anywhere ? NULL : peer_of(p->near.next);
}

nhi_ike_peer *nhi_ike_near_instance(const nhi_ike_peer *entry, const nhtb_identity *id)
{
    near_key k = key_of_identity(entry->ike, entry->id, id);
    nhi_ike_peer *first = nhi_map_get(&entry->ike->near, &k), *p = first;
    while (p) {
        if (p->entry.id == entry->id.id && p->started && nhi_ident_match(&p->cfg.remote_id, id))
            return p;
        p = peer_of(p->near.next) != first ? peer_of(p->near.next) : NULL;
    }
    return NULL;
}
