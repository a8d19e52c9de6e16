/* SPDX-License-Identifier: Apache-2.0
 * Entries that stand for any number of peers: patterns of identities, and the instance each proven
 * identity gets. Called by v2/auth_r, peer and sa; the engine drops idle instances. Control thread.
 * RFC 4301 4.4.3.1 (matching by sub-tree), RFC 7296 3.5. */
#include "ike/room.h"

#define NAME_TRIES 8
#define NAME_KEPT  22 /* of a long identity, before "~" and eight digits */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool has(nhtb_span s, uint8_t c)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == c)
            return true;
    return false;
}

/** What the star stands for when text ends with the rest of the pattern; n 0: no match. */
static nhtb_span star(nhtb_span pattern, nhtb_span text)
{
    nhtb_span rest = {pattern.p + 1, pattern.n - 1}, none = {NULL, 0};
    if (text.n <= rest.n)
        return none;
    for (size_t i = 0; i < rest.n; i++)
        if (lower(rest.p[i]) != lower(text.p[text.n - rest.n + i]))
            return none;
    return (nhtb_span){text.p, text.n - rest.n};
}

static bool separator(uint8_t c)
{
    return c == '.' || c == '-' || c == '_' || c == ':' || c == '/' || c == '@';
}

/** The prefix ends where a part of the name ends, and something follows. */
static bool key_id_under(nhtb_span prefix, nhtb_span got)
{
    if (got.n <= prefix.n || memcmp(prefix.p, got.p, prefix.n) != 0)
        return false;
    return separator(prefix.p[prefix.n - 1]) ||
           (separator(got.p[prefix.n]) && got.n > prefix.n + 1);
}

bool nhi_ike_wildcard_valid(uint8_t kind, const nhtb_identity *id)
{
    bool domain = kind == NHTB_WILDCARD_DOMAIN;
    if (!nhi_ident_valid(id))
        return false;
    if (kind == NHTB_WILDCARD_KEY_ID)
        return id->type == NHTB_ID_KEY_ID;
    if (kind == NHTB_WILDCARD_DN || kind == NHTB_WILDCARD_CONTAINER)
        return id->type == NHTB_ID_DER_DN;
    if (kind > NHTB_WILDCARD_KEY_ID || id->type != (domain ? NHTB_ID_FQDN : NHTB_ID_RFC822) ||
        id->data.n < 3 || id->data.p[0] != '*' || id->data.p[1] != (domain ? '.' : '@'))
        return false;
    nhtb_span rest = {id->data.p + 2, id->data.n - 2};
    return !has(rest, '*') && !has(rest, '@') && rest.p[0] != '.';
}

bool nhi_ike_wildcard_match(uint8_t kind, const nhtb_identity *pattern, const nhtb_identity *got)
{
    if (pattern->type != got->type || !nhi_ident_valid(got))
        return false;
    if (kind == NHTB_WILDCARD_KEY_ID)
        return key_id_under(pattern->data, got->data);
    if (kind == NHTB_WILDCARD_DN || kind == NHTB_WILDCARD_CONTAINER)
        return nhi_dn_match(kind == NHTB_WILDCARD_DN ? NHI_DN_WILDCARD : NHI_DN_CONTAINER,
                            pattern->data, got->data);
    nhtb_span part = star(pattern->data, got->data);
    if (!part.n || has(part, '*') || has(part, '@'))
        return false;
    return kind != NHTB_WILDCARD_DOMAIN || (part.p[0] != '.' && part.p[part.n - 1] != '.');
}

nhi_ike_peer *nhi_ike_wildcard_find(const nhi_ike_peer *entry, const nhtb_identity *id)
{
    return nhi_ike_near_instance(entry, id);
}

nhtb_peer_id nhi_ike_wildcard_first(const nhi_ike *ike, nhtb_peer_id entry)
{
    uint32_t cursor = 0, at;
    nhi_ike_peer *p;
    while (entry.id && (p = nhi_slab_next(&ike->peers, &cursor, &at)))
        if (p->entry.id == entry.id)
            return p->id;
    return (nhtb_peer_id){0};
}

/** A distinguished name by its text: "C=DE, O=Example, CN=spoke" names the instance as people read. */
static nhtb_span text_of(const nhtb_identity *id, char text[2 * NHTB_ID_MAX])
{
    nhi_fmt f;
    if (id->type != NHTB_ID_DER_DN)
        return id->data;
    nhi_fmt_init(&f, text, 2 * NHTB_ID_MAX);
    nhi_dn_format(&f, id->data);
    size_t n = f.n < 2 * NHTB_ID_MAX ? f.n : 2 * NHTB_ID_MAX - 1;
    for (size_t i = 0; i < n; i++)
        text[i] = text[i] == ' ' ? '_' : text[i];
    return (nhtb_span){(const uint8_t *)text, n};
}

/** The identity itself when it is a fit name; else its beginning and a hash. salt: after a clash. */
static void name_of(const nhtb_identity *id, uint8_t salt, char dst[NHTB_NAME_MAX])
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t key[16] = {salt, id->type};
    char buf[2 * NHTB_ID_MAX];
    nhtb_span text = text_of(id, buf);
    uint64_t h = nhi_siphash(key, id->data.p, id->data.n);
    bool whole = text.n < NHTB_NAME_MAX && !salt;
    size_t n = 0;
    for (; n < text.n && n < NHTB_NAME_MAX - 1; n++) {
        bool fit = text.p[n] > ' ' && text.p[n] <= '~';
        dst[n] = fit ? (char)text.p[n] : '?';
        whole &= fit;
    }
    if (!whole) {
        n = n < NAME_KEPT ? n : NAME_KEPT;
        dst[n++] = '~';
        for (unsigned i = 0; i < 8; i++, h >>= 4)
            dst[n++] = hex[h & 15];
    }
    dst[n] = 0;
}

static int make(nhi_ike_peer *entry, const nhtb_peer *cfg, nhi_ike_peer **out)
{
    nhi_ike *ike = entry->ike;
    nhtb_peer_id id;
    int err = nhi_ike_peer_new(ike, cfg, &id);
    if (err)
        return err;
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    err = nhi_map_reserve(&ike->near, 1);
    if (!err && ike->env.peer_join)
        err = ike->env.peer_join(ike->env.user, id);
    if (err) {
        nhi_ike_peer_free(p);
        return err;
    }
    (void)nhi_ike_near_join(p, entry->id); /* reserved: cannot fail */
    p->pki = nhi_pki_ref(entry->pki);
    ike->n_pki += p->pki != NULL;
    p->started = true;
    entry->n_instances++;
    *out = p;
    return 0;
}

nhi_ike_peer *nhi_ike_wildcard_spawn(nhi_ike_peer *entry, const nhtb_identity *id, int *err)
{
    uint8_t text[NHTB_ID_MAX];
    char name[NHTB_NAME_MAX];
    nhtb_peer cfg = entry->cfg;
    nhi_ike_peer *p = NULL;
    bool fold = id->type == NHTB_ID_FQDN || id->type == NHTB_ID_RFC822;
    for (size_t i = 0; i < id->data.n; i++)
        text[i] = fold ? lower(id->data.p[i]) : id->data.p[i];
    cfg.remote_id = (nhtb_identity){id->type, {text, id->data.n}};
    cfg.name = name;
    cfg.wildcard = NHTB_WILDCARD_NONE;
    cfg.second_session = NHTB_SECOND_REPLACE;
    cfg.connection_limit = 0;
    cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    *err = NHTB_ERR_EXISTS;
    for (uint8_t salt = 0; salt < NAME_TRIES && *err == NHTB_ERR_EXISTS; salt++) {
        name_of(&cfg.remote_id, salt, name);
        *err = make(entry, &cfg, &p);
    }
    return p;
}

void nhi_ike_wildcard_left(nhi_ike_peer *p)
{
    if (!p->entry.id || p->leaving || !nhi_list_empty(&p->sas))
        return;
    nhi_ike_act *a = nhi_ike_act_add(p->ike, NHI_ACT_PEER_LEFT, true);
    if (!a)
        return;
    p->leaving = true; /* and told once */
    a->peer = p->id;
}

bool nhi_ike_peer_idle(nhi_ike *ike, nhtb_peer_id id)
{
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    if (!p || !p->entry.id)
        return false;
    p->leaving = false;
    return nhi_list_empty(&p->sas); /* else it came back meanwhile */
}

void nhi_ike_peer_drop(nhi_ike *ike, nhtb_peer_id id)
{
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    if (p && p->entry.id && nhi_list_empty(&p->sas))
        nhi_ike_peer_free(p);
}

bool nhi_ike_peer_is_instance(const nhi_ike *ike, nhtb_peer_id id)
{
    const nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    return p && p->entry.id;
}
