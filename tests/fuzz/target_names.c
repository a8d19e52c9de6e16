/* SPDX-License-Identifier: Apache-2.0
 * Distinguished names: as text, and two DER names against each other. Input: first octet 0: text;
 * else the length of the first name, then both. */
#include "fuzz/fuzz.h"

#include "crypto/cert.h"

static void text_in(const uint8_t *p, size_t n)
{
    uint8_t a[300], b[300];
    char text[1200];
    size_t an = sizeof a, bn = sizeof b;
    if (nhi_dn_parse((const char *)p, n, a, &an) != 0)
        return;
    fuzz_check(an <= sizeof a && nhi_dn_valid((nhtb_span){a, an}));
    size_t len = nhtb_dn_format((nhtb_span){a, an}, text, sizeof text);
    fuzz_check(len == strlen(text));
    if (memchr(text, '\\', len) != NULL && strstr(text, "\\x") != NULL)
        return; /* octets that are shown by number are not read back */
    fuzz_check(nhi_dn_parse(text, len, b, &bn) == 0);
    fuzz_check(nhi_dn_equal((nhtb_span){a, an}, (nhtb_span){b, bn}));
}

static void pair_in(nhtb_span a, nhtb_span b)
{
    bool valid = nhi_dn_valid(a) && nhi_dn_valid(b);
    bool equal = nhi_dn_equal(a, b), chains = nhi_dn_chains(a, b);
    fuzz_check(valid || (!equal && !chains));
    fuzz_check(equal == nhi_dn_equal(b, a) && chains == nhi_dn_chains(b, a));
    fuzz_check(!chains || equal);
    fuzz_check(!equal || (nhi_dn_within(a, b) && nhi_dn_within(b, a)));
    bool all = nhi_dn_match(NHI_DN_WILDCARD, a, b);
    fuzz_check(!nhi_dn_match(NHI_DN_CONTAINER, a, b) || valid);
    fuzz_check(!all || valid);
    char text[64];
    (void)nhtb_dn_format(a, text, sizeof text);
    fuzz_check(strlen(text) < sizeof text);
}

int fuzz_names(const uint8_t *p, size_t n)
{
    fuzz_in in = {p, n};
    unsigned first = fuzz_u8(&in);
    nhtb_span rest = fuzz_rest(&in);
    if (first == 0) {
        uint8_t *exact = fuzz_dup(rest.p, rest.n);
        text_in(exact, rest.n);
        free(exact);
        return 0;
    }
    size_t an = first < rest.n ? first : rest.n;
    uint8_t *a = fuzz_dup(rest.p, an), *b = fuzz_dup(rest.p + an, rest.n - an);
    pair_in((nhtb_span){a, an}, (nhtb_span){b, rest.n - an});
    free(b);
    free(a);
    return 0;
}
