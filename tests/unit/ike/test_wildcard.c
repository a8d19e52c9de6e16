/* SPDX-License-Identifier: Apache-2.0
 * Patterns of wildcard entries: which are well formed, and what they match. */
#include <criterion/criterion.h>
#include <string.h>

#include "ike/room.h"

static nhtb_identity id(uint8_t type, const char *s)
{
    return (nhtb_identity){type, {(const uint8_t *)s, strlen(s)}};
}

Test(wildcard, patterns_match_on_label_boundaries_only)
{
    enum { D = NHTB_WILDCARD_DOMAIN, E = NHTB_WILDCARD_EMAIL, K = NHTB_WILDCARD_KEY_ID };
    enum { F = NHTB_ID_FQDN, R = NHTB_ID_RFC822, I = NHTB_ID_KEY_ID };
    static const struct {
        uint8_t kind, type;
        const char *pattern;
        uint8_t got_type;
        const char *got;
        bool match;
    } v[] = {
        {D, F, "*.spokes.example", F, "a.spokes.example", true},
        {D, F, "*.spokes.example", F, "A.B.SPOKES.example", true},
        {D, F, "*.spokes.example", F, "evilspokes.example", false},
        {D, F, "*.spokes.example", F, "spokes.example", false},
        {D, F, "*.spokes.example", F, ".spokes.example", false},
        {D, F, "*.spokes.example", F, "a..spokes.example", false},
        {D, F, "*.spokes.example", F, "*.spokes.example", false},
        {D, F, "*.spokes.example", F, "a*b.spokes.example", false},
        {D, F, "*.spokes.example", F, "a@b.spokes.example", false},
        {D, F, "*.spokes.example", F, "a.spokes.example.", false},
        {D, F, "*.spokes.example", R, "a.spokes.example", false},
        {D, F, "*.spokes.example", I, "a.spokes.example", false},
        {E, R, "*@example.org", R, "ann@Example.org", true},
        {E, R, "*@example.org", R, "ann@sub.example.org", false},
        {E, R, "*@example.org", R, "ann@evilexample.org", false},
        {E, R, "*@example.org", R, "@example.org", false},
        {E, R, "*@example.org", R, "a@b@example.org", false},
        {E, R, "*@example.org", F, "ann@example.org", false},
        {K, I, "site", I, "site-17", true},
        {K, I, "site", I, "site.17", true},
        {K, I, "site", I, "site_17", true},
        {K, I, "site", I, "site:17", true},
        {K, I, "site", I, "site/17", true},
        {K, I, "site", I, "site@17", true},
        {K, I, "site", I, "site 17", false},
        {K, I, "site", F, "site-17", false},
        {D, F, "*.spokes.example", F, "", false},
        {E, R, "*@example.org", R, "a*b@example.org", false},
        {K, I, "site-", I, "site-17", true},
        {K, I, "site", I, "sites-17", false},
        {K, I, "site", I, "site", false},
        {K, I, "site", I, "site-", false},
        {K, I, "site-", I, "site-", false},
        {K, I, "site", I, "SITE-17", false},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        nhtb_identity p = id(v[i].type, v[i].pattern), g = id(v[i].got_type, v[i].got);
        cr_assert(nhi_ike_wildcard_valid(v[i].kind, &p), "%s", v[i].pattern);
        cr_assert_eq(nhi_ike_wildcard_match(v[i].kind, &p, &g), v[i].match, "%s %s", v[i].pattern,
                     v[i].got);
    }
}

Test(wildcard, malformed_patterns_are_refused)
{
    static const struct {
        uint8_t kind, type;
        const char *pattern;
    } v[] = {
        {NHTB_WILDCARD_DOMAIN, NHTB_ID_FQDN, "spokes.example"},
        {NHTB_WILDCARD_DOMAIN, NHTB_ID_FQDN, "*spokes.example"},
        {NHTB_WILDCARD_DOMAIN, NHTB_ID_FQDN, "*."},
        {NHTB_WILDCARD_DOMAIN, NHTB_ID_FQDN, "*.*.example"},
        {NHTB_WILDCARD_DOMAIN, NHTB_ID_FQDN, "*..example"},
        {NHTB_WILDCARD_DOMAIN, NHTB_ID_KEY_ID, "*.example"},
        {NHTB_WILDCARD_EMAIL, NHTB_ID_RFC822, "*.example.org"},
        {NHTB_WILDCARD_EMAIL, NHTB_ID_RFC822, "*@a@b"},
        {NHTB_WILDCARD_EMAIL, NHTB_ID_FQDN, "*@example.org"},
        {NHTB_WILDCARD_KEY_ID, NHTB_ID_FQDN, "site-"},
        {NHTB_WILDCARD_KEY_ID, NHTB_ID_KEY_ID, ""},
        {NHTB_WILDCARD_KEY_ID + 1, NHTB_ID_FQDN, "*.example"},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        nhtb_identity p = id(v[i].type, v[i].pattern);
        cr_assert_not(nhi_ike_wildcard_valid(v[i].kind, &p), "%s", v[i].pattern);
    }
}
