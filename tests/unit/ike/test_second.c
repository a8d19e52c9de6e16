/* SPDX-License-Identifier: Apache-2.0
 * A second session of one identity under a wildcard entry: it takes the place of the first only where
 * the entry says so and the peer says that it has forgotten. RFC 7296 2.4. */
#include <nhtb/psk.h>

#include "duo.h"

static uint8_t seed[NHTB_PSK_SEED_MIN] = {1}, key[NHTB_PSK_LEN];

/** Side 1 takes any spoke "s-..." by a seeded key, side 0 is one of them. */
static duo *hub_and_spoke(nhtb_second kind)
{
    duo *p = duo_new();
    side *hub = &p->s[1], *spoke = &p->s[0];
    spoke->cfg.local_id = (nhtb_identity){NHTB_ID_KEY_ID, str("s-1")};
    cr_assert_eq(nhtb_psk_derive(&hub->crypto, (nhtb_span){seed, sizeof seed}, &hub->cfg.local_id,
                                 &spoke->cfg.local_id, key),
                 0);
    spoke->cfg.psk = (nhtb_span){key, sizeof key};
    hub->cfg.psk = (nhtb_span){NULL, 0};
    hub->cfg.seed = (nhtb_span){seed, sizeof seed};
    hub->cfg.wildcard = NHTB_WILDCARD_KEY_ID;
    hub->cfg.remote_id = (nhtb_identity){NHTB_ID_KEY_ID, str("s-")};
    hub->cfg.path.remote = (nhtb_addr){0};
    hub->cfg.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    hub->cfg.second_session = (uint8_t)kind;
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert_not_null(duo_sa(p, 0));
    cr_assert_not_null(strstr(hub->trace, "ike_up"), "%s", hub->trace);
    return p;
}

Test(ike_second, it_replaces_only_where_both_say_so)
{
    for (unsigned k = 0; k < 4; k++) {
        bool contact = k & 1, replace = k & 2, takes = contact && replace;
        duo *p = hub_and_spoke(replace ? NHTB_SECOND_REPLACE : NHTB_SECOND_KEEP);
        nhi_ike_del(p->s[0].ike); /* a restart without a word */
        p->s[0].installed = p->s[0].reserved = 0;
        p->s[0].cfg.initial_contact = contact;
        duo_start_side(p, 0);
        duo_clear(p);
        p->now += S;
        duo_initiate(p, 0);
        duo_run(p);
        cr_assert_eq(duo_sa(p, 0) != NULL, takes, "%u: %s / %s", k, p->s[0].trace, p->s[1].trace);
        bool told = strstr(p->s[1].trace, "limit:second_session");
        cr_assert_eq(told, !takes, "%u: %s", k, p->s[1].trace);
        cr_assert_eq(p->s[1].installed, 1, "%u: one pair, the old one or the new", k);
        duo_end(p);
    }
}
