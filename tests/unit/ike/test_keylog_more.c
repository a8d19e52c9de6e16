/* SPDX-License-Identifier: Apache-2.0
 * Keys handed to a host that asks for them: both ends tell the same ones, for the SPIs on the wire;
 * without the hook nobody is told. */
#include "duo.h"

enum { LOGS = 16 };
typedef struct record {
    nhtb_keylog k;
    uint8_t key[2][64];
} record;
static record seen[LOGS];
static size_t n_seen;

static void take(void *user, const nhtb_keylog *k)
{
    (void)user;
    cr_assert_lt(n_seen, LOGS);
    record *r = &seen[n_seen++];
    r->k = *k;
    for (int i = 0; i < 2; i++) {
        cr_assert_leq(k->encr_key[i].n, sizeof r->key[i]);
        if (k->encr_key[i].n)
            memcpy(r->key[i], k->encr_key[i].p, k->encr_key[i].n);
    }
}

static size_t count(uint8_t kind)
{
    size_t n = 0;
    for (size_t i = 0; i < n_seen; i++)
        n += seen[i].k.kind == kind;
    return n;
}

Test(ike_keylog, both_ends_tell_the_same_keys)
{
    duo *p = duo_new();
    for (int i = 0; i < 2; i++)
        p->s[i].mem.host.keylog = take;
    duo_up(p);
    if (!n_seen) { /* a library built without the feature never calls */
        duo_end(p);
        cr_skip_test("built without NHTB_KEYLOG");
    }
    cr_assert_eq(count(NHTB_KEYLOG_IKE), 2);
    cr_assert_eq(count(NHTB_KEYLOG_ESP), 4, "two directions at two ends");
    for (size_t i = 0; i < n_seen; i++) {
        const record *a = &seen[i], *b = NULL;
        for (size_t k = 0; k < n_seen; k++)
            if (k != i && seen[k].k.kind == a->k.kind && seen[k].k.spi == a->k.spi)
                b = &seen[k];
        cr_assert_not_null(b, "each is told twice");
        cr_assert_eq(a->k.spi_i, b->k.spi_i);
        cr_assert_eq(a->k.spi_r, b->k.spi_r);
        cr_assert(nhtb_addr_equal(&a->k.from, &b->k.from) && nhtb_addr_equal(&a->k.to, &b->k.to));
        for (int d = 0; d < 2; d++) {
            cr_assert_eq(a->k.encr_key[d].n, b->k.encr_key[d].n);
            cr_assert_eq(memcmp(a->key[d], b->key[d], a->k.encr_key[d].n), 0);
        }
        cr_assert_gt(a->k.encr_key[0].n, 0);
        if (a->k.kind == NHTB_KEYLOG_ESP)
            cr_assert(a->k.spi == p->s[0].last_spi_in || a->k.spi == p->s[1].last_spi_in);
    }
    duo_end(p);
}
