/* SPDX-License-Identifier: Apache-2.0
 * Which entries a message may belong to: all of its address and all without one, each once, whatever
 * came and went before; instances by entry and identity. RFC 4301 4.4.3. */
#include <nhtb/psk.h>

#include "duo.h"

enum { ADDRS = 4, ROUNDS = 3000, AT_ONCE = 24 };

static duo *p;
static nhi_ike *ike;

static void setup(void)
{
    p = duo_new();
    p->s[0].cfg.name = NULL; /* entries are made by the tests */
    p->s[1].cfg.name = NULL;
    p->s[0].settings.limits.peers = 2 * AT_ONCE;
    duo_start(p);
    ike = p->s[0].ike;
    p->s[0].cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
}

static void teardown(void)
{
    duo_end(p);
}

TestSuite(ike_near, .init = setup, .fini = teardown);

/** Address 0: none. */
static nhtb_addr address(unsigned k)
{
    nhtb_addr a = {0};
    if (k == ADDRS - 1)
        return ip("2001:db8::7");
    if (k) {
        a = ip("198.51.100.0");
        a.b[3] = (uint8_t)k;
    }
    return a;
}

static nhtb_peer_id add(unsigned k, unsigned n)
{
    nhtb_peer c = p->s[0].cfg;
    nhtb_peer_id id = {0};
    char name[NHTB_NAME_MAX];
    snprintf(name, sizeof name, "n%u", n);
    c.name = name;
    c.path = (nhtb_path){.remote = address(k)};
    int err = nhi_ike_peer_new(ike, &c, &id);
    cr_assert_eq(err, 0, "%s: %d", name, err);
    return id;
}

typedef struct entry {
    nhtb_peer_id id;
    unsigned k, seen;
} entry;

/** Walks what belongs to an address and holds it against the list. */
static void walk(entry *v, unsigned k)
{
    nhi_ike_peer *q = NULL;
    nhtb_addr a = k ? address(k) : ip("203.0.113.9"); /* one that no entry names */
    bool anywhere = false;
    unsigned steps = 0;
    for (unsigned i = 0; i < AT_ONCE; i++)
        v[i].seen = 0;
    while ((q = nhi_ike_near_next(ike, &a, q))) {
        bool placed = q->cfg.path.remote.family != 0;
        cr_assert_leq(++steps, AT_ONCE, "no end");
        cr_assert_not(placed && anywhere, "those of the address come first");
        anywhere |= !placed;
        for (unsigned i = 0; i < AT_ONCE; i++)
            v[i].seen += v[i].id.id == q->id.id;
    }
    for (unsigned i = 0; i < AT_ONCE; i++) {
        bool mine = v[i].id.id && (v[i].k == k || v[i].k == 0);
        cr_assert_eq(v[i].seen, mine, "entry %u of address %u for address %u: %u times", i, v[i].k,
                     k, v[i].seen);
    }
}

Test(ike_near, each_entry_that_fits_is_met_once_whatever_came_and_went)
{
    entry v[AT_ONCE] = {{{0}, 0, 0}};
    uint64_t x = 88172645463325252u;
    for (unsigned n = 0; n < ROUNDS; n++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        entry *e = &v[x % AT_ONCE];
        if (e->id.id) {
            nhi_ike_peer_del(ike, e->id, p->now);
            e->id.id = 0;
        } else {
            e->k = (unsigned)(x >> 32) % ADDRS;
            e->id = add(e->k, n);
        }
        for (unsigned k = 0; n % 7 == 0 && k < ADDRS; k++)
            walk(v, k);
    }
    for (unsigned i = 0; i < AT_ONCE; i++) {
        nhi_ike_peer_del(ike, v[i].id, p->now);
        v[i].id.id = 0;
    }
    for (unsigned k = 0; k < ADDRS; k++)
        walk(v, k);
}

/* ---- instances ---- */

static nhi_ike_peer *pattern(const char *name, nhtb_wildcard kind, const nhtb_identity *id)
{
    static uint8_t seed[NHTB_PSK_SEED_MIN] = {1};
    nhtb_peer c = p->s[0].cfg;
    nhtb_peer_id out = {0};
    c.name = name;
    c.psk = (nhtb_span){NULL, 0};
    c.seed = (nhtb_span){seed, sizeof seed};
    c.wildcard = (uint8_t)kind;
    c.remote_id = *id;
    c.path.remote = (nhtb_addr){0};
    cr_assert_eq(nhi_ike_peer_new(ike, &c, &out), 0);
    nhi_ike_peer_start(ike, out, p->now);
    return nhi_ike_peer_get(ike, out);
}

Test(ike_near, an_instance_is_found_by_its_entry_and_identity_alone)
{
    const nhtb_identity domain = {NHTB_ID_FQDN, str("*.example")};
    const nhtb_identity prefix = {NHTB_ID_KEY_ID, str("s-")};
    nhi_ike_peer *names = pattern("names", NHTB_WILDCARD_DOMAIN, &domain);
    nhi_ike_peer *keys = pattern("keys", NHTB_WILDCARD_KEY_ID, &prefix);
    nhtb_identity a = {NHTB_ID_FQDN, str("a.example")}, upper = {NHTB_ID_FQDN, str("A.Example")};
    nhtb_identity mail = {NHTB_ID_RFC822, str("a.example")}, b = {NHTB_ID_FQDN, str("b.example")};
    nhtb_identity one = {NHTB_ID_KEY_ID, str("s-x")}, other = {NHTB_ID_KEY_ID, str("s-X")};
    int err;
    nhi_ike_peer *spoke = nhi_ike_wildcard_spawn(names, &upper, &err);
    nhi_ike_peer *first = nhi_ike_wildcard_spawn(keys, &one, &err);
    nhi_ike_peer *second = nhi_ike_wildcard_spawn(keys, &other, &err);
    cr_assert(spoke && first && second);
    cr_assert_eq(nhi_ike_near_instance(names, &a), spoke, "names know no case");
    cr_assert_eq(nhi_ike_near_instance(names, &upper), spoke);
    cr_assert_null(nhi_ike_near_instance(names, &mail), "of another type");
    cr_assert_null(nhi_ike_near_instance(names, &b));
    cr_assert_null(nhi_ike_near_instance(keys, &a), "of another entry");
    cr_assert_eq(nhi_ike_near_instance(keys, &one), first, "key identifiers do");
    cr_assert_eq(nhi_ike_near_instance(keys, &other), second);
    spoke->started = false;
    cr_assert_null(nhi_ike_near_instance(names, &a), "it is about to go");
    spoke->started = true;
    nhi_ike_peer_drop(ike, first->id);
    cr_assert_null(nhi_ike_near_instance(keys, &one));
    cr_assert_eq(nhi_ike_near_instance(keys, &other), second, "its neighbour stays");
    nhi_ike_peer_drop(ike, second->id);
    cr_assert_null(nhi_ike_near_instance(keys, &other));
}
