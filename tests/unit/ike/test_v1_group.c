/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 entries that stand for many: patterns of identities with certificates or derived keys, and users
 * behind one identity and key, each an instance of its own. Side 1 is the hub. RFC 4301 4.4.3.1. */
#include <nhtb/psk.h>

#include "duo_cert.h"

#include "ike/v1/v1.h"
#include "pki/fixture.h"

static nhtb_identity fqdn(const char *name)
{
    return (nhtb_identity){NHTB_ID_FQDN, str(name)};
}

static void hub_anywhere(duo *p)
{
    memset(&p->s[1].cfg.path.remote, 0, sizeof p->s[1].cfg.path.remote);
    p->s[1].cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
}

static nhi_ike_peer *entry_of(duo *p)
{
    return nhi_ike_peer_get(p->s[1].ike, p->s[1].peer);
}

/* A spoke begins anew, without a word about what it had. */
static void again(duo *p)
{
    nhi_ike_del(p->s[0].ike);
    p->s[0].installed = p->s[0].reserved = 0;
    duo_start_side(p, 0);
    p->now += S;
    duo_initiate(p, 0);
    duo_run(p);
}

/* ---- patterns: keys from a seed, in aggressive mode ---- */

static const char seed[] = "a seed of thirty-two random octets, or more";

static void spoke(duo *p, const char *name, uint8_t psk[NHTB_PSK_LEN])
{
    const nhtb_identity hub = fqdn("hub.example"), own = fqdn(name);
    cr_assert_eq(nhtb_psk_derive(&p->s[1].crypto, str(seed), &hub, &own, psk), 0);
    p->s[0].cfg.psk = (nhtb_span){psk, NHTB_PSK_LEN};
    p->s[0].cfg.local_id = own;
    p->s[0].cfg.remote_id = hub;
}

static duo *seeded(uint8_t psk[NHTB_PSK_LEN])
{
    duo *p = duo_new_v1(NHTB_V1_AGGRESSIVE);
    hub_anywhere(p);
    p->s[1].cfg.local_id = fqdn("hub.example");
    p->s[1].cfg.remote_id = fqdn("*.spokes.example");
    p->s[1].cfg.wildcard = NHTB_WILDCARD_DOMAIN;
    p->s[1].cfg.psk = (nhtb_span){NULL, 0};
    p->s[1].cfg.seed = str(seed);
    spoke(p, "a.spokes.example", psk);
    return p;
}

Test(v1_group, each_identity_of_a_pattern_gets_its_instance_by_its_own_key)
{
    uint8_t psk[NHTB_PSK_LEN];
    duo *p = seeded(psk);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    const nhtb_identity a = fqdn("A.spokes.example"), b = fqdn("b.spokes.example");
    nhi_ike_peer *one = nhi_ike_wildcard_find(entry_of(p), &a);
    cr_assert(one && one->sas.next != &one->sas, "%s", p->s[1].trace);
    cr_assert_str_eq(one->cfg.name, "a.spokes.example");
    spoke(p, "b.spokes.example", psk);
    again(p);
    cr_assert(nhi_ike_wildcard_find(entry_of(p), &b), "%s", p->s[1].trace);
    cr_assert_eq(entry_of(p)->n_instances, 2);
    cr_assert_eq(p->s[1].installed, 2);
    spoke(p, "a.spokes.example", psk);
    again(p); /* back: INITIAL-CONTACT ends what it had */
    cr_assert_eq(entry_of(p)->n_instances, 2);
    cr_assert_eq(p->s[1].installed, 2, "%s", p->s[1].trace);
    duo_end(p);
}

Test(v1_group, another_ones_key_opens_nothing)
{
    uint8_t psk[NHTB_PSK_LEN];
    duo *p = seeded(psk);
    p->s[0].cfg.local_id = fqdn("b.spokes.example"); /* with the key of a */
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(entry_of(p)->n_instances, 0);
    cr_assert(strstr(p->s[0].trace, "auth_failed:authentication"), "%s", p->s[0].trace);
    cr_assert_eq(p->s[1].installed, 0);
    duo_end(p);
}

Test(v1_group, a_new_phase_1_of_an_identity_is_a_successor_and_an_end_frees_the_instance)
{
    uint8_t psk[NHTB_PSK_LEN];
    duo *p = seeded(psk);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    duo_clear(p);
    p->now += S;
    cr_assert_eq(nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_IKE, p->now), 0);
    duo_run(p);
    duo_pass(p, 5 * S);
    EXPECT(p, 1, "weak:aggressive_mode ike_rekeyed");
    cr_assert_eq(entry_of(p)->n_instances, 1);
    duo_clear(p);
    cr_assert_eq(nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now), 0);
    duo_run(p);
    EXPECT(p, 1, "remove0 ike_down:deleted_by_peer left");
    duo_end(p);
}

Test(v1_group, no_more_instances_than_the_limit_says)
{
    uint8_t psk[NHTB_PSK_LEN];
    duo *p = seeded(psk);
    p->s[1].cfg.connection_limit = 1;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    duo_clear(p);
    spoke(p, "b.spokes.example", psk);
    again(p);
    EXPECT(p, 1, "weak:aggressive_mode limit:capacity");
    cr_assert_eq(entry_of(p)->n_instances, 1);
    cr_assert_eq(p->s[1].installed, 1);
    duo_end(p);
}

Test(v1_group, main_mode_has_no_key_for_a_pattern)
{
    uint8_t psk[NHTB_PSK_LEN];
    nhtb_peer_id id;
    duo *p = seeded(psk);
    duo_start(p);
    nhtb_peer bad = p->s[1].cfg;
    nhtb_v1 v = p->s[1].v1;
    v.mode = NHTB_V1_MAIN;
    bad.v1 = &v;
    bad.name = "c";
    cr_assert_eq(nhi_ike_peer_new(p->s[1].ike, &bad, &id), NHTB_ERR_UNSUPPORTED);
    duo_end(p);
}

/* ---- patterns: certificates, in both modes ---- */

#if NHTB_HAVE_OPENSSL
Test(v1_group, certificates_prove_the_names_of_a_pattern_in_both_modes)
{
    for (unsigned mode = 0; mode < 2; mode++) {
        duo *p = duo_new_v1((nhtb_v1_mode)mode);
        uint8_t name[256];
        size_t n = sizeof name;
        cr_assert_eq(nhtb_dn_parse("O=Example, OU=Gateways", name, &n), 0);
        hub_anywhere(p);
        for (int i = 0; i < 2; i++) {
            duo_cert(p, i, pki_p256, pki_sub, pki_p256_key, pki_root);
            p->s[i].cfg.psk = (nhtb_span){NULL, 0};
        }
        p->s[1].cfg.local_id = p->s[0].cfg.remote_id = fqdn("p256.example");
        p->s[0].cfg.local_id = (nhtb_identity){NHTB_ID_NONE, {NULL, 0}};
        p->s[1].cfg.remote_id = (nhtb_identity){NHTB_ID_DER_DN, {name, n}};
        p->s[1].cfg.wildcard = NHTB_WILDCARD_CONTAINER;
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert_eq(p->s[0].installed, 1, "%s / %s", p->s[0].trace, p->s[1].trace);
        cr_assert_eq(entry_of(p)->n_instances, 1);
        duo_end(p);
    }
}
#endif

/* ---- many users behind one identity and key ---- */

static const nhtb_v1_user users[] = {
    {{(const uint8_t *)"bob", 3}, {(const uint8_t *)"builder", 7}, {.family = 0}},
    {{(const uint8_t *)"alice", 5}, {(const uint8_t *)"wonderland", 10}, {.family = 0}},
};

static duo *shared(nhtb_v1_mode mode)
{
    duo *p = duo_new_v1(mode);
    hub_anywhere(p);
    p->s[0].v1.xauth = NHTB_V1_CLIENT;
    p->s[1].v1.xauth = NHTB_V1_SERVER;
    p->s[1].v1.users = users;
    p->s[1].v1.n_users = 2;
    p->s[1].v1.shared = true;
    return p;
}

static void user(duo *p, unsigned k)
{
    p->s[0].v1.user = users[k].name;
    p->s[0].v1.password = users[k].password;
}

static nhi_ike_peer *instance_of(duo *p, unsigned k)
{
    const nhtb_identity id = {NHTB_ID_KEY_ID, users[k].name};
    return nhi_ike_wildcard_find(entry_of(p), &id);
}

Test(v1_group, each_user_behind_a_shared_identity_is_a_peer_of_his_own)
{
    for (unsigned mode = 0; mode < 2; mode++) {
        duo *p = shared((nhtb_v1_mode)mode);
        p->s[1].v1.config = NHTB_V1_SERVER;
        p->s[0].v1.config = NHTB_V1_CLIENT;
        p->s[1].v1.pool = (nhtb_prefix){.addr = ip("10.9.0.0"), .len = 24};
        user(p, 0);
        duo_start(p);
        duo_initiate(p, 0);
        duo_run(p);
        nhi_ike_peer *bob = instance_of(p, 0);
        cr_assert(bob && bob->address_given, "%s", p->s[1].trace);
        cr_assert_str_eq(bob->cfg.name, "bob");
        cr_assert_str_eq(nhi_ike_peer_user(p->s[1].ike, bob->id), "bob");
        user(p, 1);
        again(p);
        nhi_ike_peer *alice = instance_of(p, 1);
        cr_assert(alice && alice->address_given && bob == instance_of(p, 0), "%s", p->s[1].trace);
        cr_assert_not(nhtb_addr_equal(&alice->address, &bob->address));
        cr_assert_eq(p->s[1].installed, 2, "bob's pair stays");
        cr_assert(nhi_list_empty(&entry_of(p)->sas), "the entry itself holds nobody");
        again(p);
        cr_assert_eq(entry_of(p)->n_instances, 2);
        cr_assert_eq(p->s[1].installed, 2);
        duo_end(p);
    }
}

Test(v1_group, users_are_counted_against_the_limit_and_told_no)
{
    duo *p = shared(NHTB_V1_MAIN);
    p->s[1].cfg.connection_limit = 1;
    user(p, 0);
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    duo_clear(p);
    user(p, 1);
    again(p);
    cr_assert(strstr(p->s[1].trace, "limit:capacity"), "%s", p->s[1].trace);
    cr_assert_null(strstr(p->s[1].trace, "auth_failed"), "%s", p->s[1].trace);
    cr_assert(strstr(p->s[0].trace, "ike_failed:xauth"), "%s", p->s[0].trace);
    cr_assert_eq(p->s[1].installed, 1);
    duo_end(p);
}

Test(v1_group, a_wrong_password_makes_no_instance)
{
    duo *p = shared(NHTB_V1_MAIN);
    p->s[0].v1.user = users[0].name;
    p->s[0].v1.password = str("wrecker");
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_eq(entry_of(p)->n_instances, 0);
    cr_assert(strstr(p->s[1].trace, "auth_failed:xauth"), "%s", p->s[1].trace);
    duo_end(p);
}

Test(v1_group, shared_entries_that_cannot_be_are_refused)
{
    duo *p = shared(NHTB_V1_MAIN);
    nhtb_peer_id id;
    duo_start(p);
    nhtb_peer bad = p->s[1].cfg;
    bad.name = "c";
    bad.path.remote = ip("192.0.2.9");
    cr_assert_eq(nhi_ike_peer_new(p->s[1].ike, &bad, &id), NHTB_ERR_ARG);
    nhtb_v1 v = p->s[1].v1;
    v.xauth = NHTB_V1_NO;
    bad = p->s[1].cfg;
    bad.name = "c";
    bad.v1 = &v;
    cr_assert_eq(nhi_ike_peer_new(p->s[1].ike, &bad, &id), NHTB_ERR_ARG);
    v = p->s[1].v1;
    v.shared = false;
    bad.connection_limit = 3;
    cr_assert_eq(nhi_ike_peer_new(p->s[1].ike, &bad, &id), NHTB_ERR_ARG);
    duo_end(p);
}
