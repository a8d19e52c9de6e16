/* SPDX-License-Identifier: Apache-2.0
 * Owners of learnt next hops: who keeps an address, how many one identity may take, rows that the
 * host sets, shows and clears. protocol-facts 1.5. */
#include "db/internal.h"
#include "property/tables.h"

static tables t;
static nhtb_iface_id st0;

static nhtb_identity who(uint8_t type, const char *text)
{
    return (nhtb_identity){type, {(const uint8_t *)text, strlen(text)}};
}

static void setup(void)
{
    tb_up(&t, 1);
    st0 = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    for (uint32_t p = 1; p <= 40; p++) {
        tb_tunnel(&t, p, 0, st0, false);
        (void)tb_sa(&t, p, 0);
    }
}

static void teardown(void)
{
    tb_down(&t);
}

TestSuite(owner, .init = setup, .fini = teardown);

static nhtb_detail take(uint32_t peer, unsigned host, const nhtb_identity *id)
{
    nhtb_addr a = tb_host(host);
    return nhi_db_learn_as(t.db, (nhtb_peer_id){peer}, 0, &a, id, true);
}

static nhtb_owner row(unsigned host, uint8_t type, const char *text)
{
    nhtb_owner o = {.size = sizeof o, .iface = st0, .next_hop = tb_host(host), .id_type = type};
    o.id_n = (uint16_t)strlen(text);
    memcpy(o.id, text, o.id_n);
    return o;
}

static unsigned rows(nhtb_owner *last)
{
    uint32_t cursor = 0;
    unsigned n = 0;
    nhtb_owner o = {.size = sizeof o};
    while (nhi_db_owner_next(t.db, &cursor, &o)) {
        *last = o;
        n++;
    }
    return n;
}

Test(owner, an_address_is_kept_for_the_identity_that_bound_it_first)
{
    nhtb_owner last;
    nhtb_identity a = who(NHTB_ID_FQDN, "a.example"), big = who(NHTB_ID_FQDN, "A.Example");
    nhtb_identity other = who(NHTB_ID_FQDN, "b.example"), mail = who(NHTB_ID_RFC822, "a.example");
    nhtb_identity longer = who(NHTB_ID_FQDN, "a.example.x");
    cr_assert_eq(take(1, 2, &big), NHTB_DETAIL_NONE);
    cr_assert_eq(rows(&last), 1u);
    cr_assert(last.id_n == 9 && memcmp(last.id, "a.example", 9) == 0 && !last.fixed);
    nhtb_addr hop = tb_host(2);
    const nhtb_identity *strangers[] = {&other, &mail, &longer, NULL};
    for (size_t i = 0; i < NHI_ARRAY_LEN(strangers); i++)
        cr_assert_eq(nhi_db_owner_judge(t.db, st0.id, &hop, strangers[i]), NHTB_DETAIL_OWNED);
    cr_assert_eq(nhi_db_owner_judge(t.db, st0.id, &hop, &a), NHTB_DETAIL_NONE);
    hop = tb_host(3);
    cr_assert_eq(nhi_db_owner_judge(t.db, st0.id, &hop, NULL), NHTB_DETAIL_NONE, "nobody's");
}

Test(owner, text_identities_fold_their_case_and_key_ids_do_not)
{
    nhtb_owner last;
    nhtb_identity mail = who(NHTB_ID_RFC822, "ann@[Z.example"),
                  key = who(NHTB_ID_KEY_ID, "Site-[1]");
    cr_assert_eq(take(1, 2, &mail), NHTB_DETAIL_NONE);
    cr_assert_eq(rows(&last), 1u);
    cr_assert_eq(memcmp(last.id, "ann@[z.example", last.id_n), 0);
    cr_assert_eq(nhi_db_owner_clear(t.db, st0.id, NULL, false), 1u);
    cr_assert_eq(take(2, 3, &key), NHTB_DETAIL_NONE);
    cr_assert_eq(rows(&last), 1u);
    cr_assert_eq(memcmp(last.id, "Site-[1]", last.id_n), 0);
    nhtb_identity small = who(NHTB_ID_KEY_ID, "site-[1]");
    nhtb_addr hop = tb_host(3);
    cr_assert_eq(nhi_db_owner_judge(t.db, st0.id, &hop, &small), NHTB_DETAIL_OWNED);
}

Test(owner, nobody_takes_the_subnet_one_address_at_a_time)
{
    nhtb_identity a = who(NHTB_ID_FQDN, "a.example");
    nhtb_owner fixed = row(99, NHTB_ID_FQDN, "a.example"), last;
    fixed.fixed = true; /* what the configuration gives does not count */
    cr_assert_eq(nhi_db_owner_set(t.db, &fixed), 0);
    for (unsigned k = 0; k < NHI_DB_LEARNT_MAX; k++)
        cr_assert_eq(take(1 + k, 2 + k, &a), NHTB_DETAIL_NONE, "%u", k);
    t.n_notes = 0;
    cr_assert_eq(take(30, 60, &a), NHTB_DETAIL_TOO_MANY);
    cr_assert(t.n_notes == 1 && t.note[0].kind == NHI_DB_BINDING_REFUSED);
    cr_assert_eq(rows(&last), NHI_DB_LEARNT_MAX + 1u);
}

Test(owner, without_an_identity_nothing_is_owned)
{
    nhtb_owner last;
    cr_assert_eq(take(1, 2, NULL), NHTB_DETAIL_NONE);
    cr_assert_eq(rows(&last), 0u);
}

Test(owner, a_full_table_and_no_memory_refuse_and_a_retry_succeeds)
{
    nhtb_owner last;
    unsigned refused = 0;
    for (unsigned k = 0; k < 4; k++) { /* the identity, the row, the map: each may fail */
        nhtb_identity a = who(NHTB_ID_FQDN, "a.example");
        t.pm.fail_in = (int64_t)k;
        nhtb_detail d = take(1, 2, &a);
        t.pm.fail_in = -1;
        if (d == NHTB_DETAIL_NONE)
            break;
        cr_assert_eq(d, NHTB_DETAIL_MEMORY, "%u", k);
        cr_assert_eq(rows(&last), 0u, "half a row after %u", k);
        refused++;
    }
    cr_assert_geq(refused, 2u);
    cr_assert_eq(rows(&last), 1u);
    while (rows(&last) < t.set.limits.bindings) {
        nhtb_owner o = row(1000 + rows(&last), NHTB_ID_KEY_ID, "k");
        cr_assert_eq(nhi_db_owner_set(t.db, &o), 0);
    }
    nhtb_owner more = row(5000, NHTB_ID_KEY_ID, "k");
    nhtb_identity b = who(NHTB_ID_FQDN, "b.example");
    cr_assert_eq(nhi_db_owner_set(t.db, &more), NHTB_ERR_LIMIT);
    cr_assert_eq(take(2, 3, &b), NHTB_DETAIL_CAPACITY);
    cr_assert_eq(nhi_db_owner_clear(t.db, 0, &last.next_hop, false), 1u);
    cr_assert_eq(take(2, 3, &b), NHTB_DETAIL_NONE);
}

Test(owner, a_row_of_the_host_is_checked_and_replaces_the_old_one)
{
    nhtb_owner o = row(7, NHTB_ID_FQDN, "a.example"), last;
    cr_assert_eq(nhi_db_owner_set(t.db, &o), 0);
    o.fixed = true;
    cr_assert_eq(nhi_db_owner_set(t.db, &o), 0);
    cr_assert(rows(&last) == 1 && last.fixed, "the same identity: only its kind changes");
    nhtb_owner b = row(7, NHTB_ID_FQDN, "b.example");
    cr_assert_eq(nhi_db_owner_set(t.db, &b), 0);
    cr_assert(rows(&last) == 1 && !last.fixed && last.id[0] == 'b');
    static const struct {
        unsigned host;
        uint16_t n;
    } bad[] = {{7, 0}, {7, NHTB_ID_MAX + 1}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(bad); i++) {
        nhtb_owner v = row(bad[i].host, NHTB_ID_KEY_ID, "x");
        v.id_n = bad[i].n;
        cr_assert_eq(nhi_db_owner_set(t.db, &v), NHTB_ERR_ARG);
    }
    nhtb_owner v = row(7, NHTB_ID_KEY_ID, "x");
    v.next_hop = tb_addr("224.0.0.5");
    cr_assert_eq(nhi_db_owner_set(t.db, &v), NHTB_ERR_ARG);
    v = row(7, NHTB_ID_KEY_ID, "x");
    v.iface.id = 999;
    cr_assert_eq(nhi_db_owner_set(t.db, &v), NHTB_ERR_STALE);
    cr_assert(rows(&last) == 1 && last.id[0] == 'b', "a refusal changes nothing");
}

Test(owner, clearing_takes_what_was_asked_for)
{
    nhtb_iface_id st1 = tb_iface(&t, "st0.1", NHTB_IFACE_MULTIPOINT);
    nhtb_owner v[4] = {row(2, NHTB_ID_FQDN, "a"), row(3, NHTB_ID_FQDN, "b"),
                       row(4, NHTB_ID_FQDN, "c"), row(2, NHTB_ID_FQDN, "d")},
               last;
    v[2].fixed = true;
    v[3].iface = st1;
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(nhi_db_owner_set(t.db, &v[i]), 0);
    cr_assert_eq(nhi_db_owner_clear(t.db, st0.id, &v[2].next_hop, false), 0u, "it is fixed");
    cr_assert_eq(nhi_db_owner_clear(t.db, st0.id, &v[0].next_hop, false), 1u);
    cr_assert_eq(rows(&last), 3u, "the same address elsewhere stays");
    cr_assert_eq(nhi_db_owner_clear(t.db, st1.id, NULL, false), 1u);
    cr_assert_eq(nhi_db_owner_clear(t.db, 0, NULL, false), 1u);
    cr_assert_eq(rows(&last), 1u);
    cr_assert_eq(nhi_db_owner_clear(t.db, 0, NULL, true), 1u);
    cr_assert_eq(rows(&last), 0u);
}
