/* SPDX-License-Identifier: Apache-2.0
 * Texts a user writes: addresses, prefixes, proposals. What is accepted is printed and read back the
 * same. Input: text. */
#include "fuzz/fuzz.h"

static void addr(const char *text)
{
    nhtb_addr a, b;
    char out[NHTB_ADDR_TEXT];
    if (nhtb_addr_parse(text, &a) != 0)
        return;
    fuzz_check(a.family == 4 || a.family == 6);
    fuzz_check(nhtb_addr_format(&a, out, sizeof out) == out && strlen(out) < sizeof out);
    fuzz_check(nhtb_addr_parse(out, &b) == 0 && nhtb_addr_equal(&a, &b));
    fuzz_check(memcmp(&a, &b, sizeof a) == 0);
}

static void prefix(const char *text)
{
    nhtb_prefix a, b, c;
    char out[NHTB_ADDR_TEXT + 4];
    if (nhtb_prefix_parse(text, &a) != 0)
        return;
    fuzz_check(a.len <= (a.addr.family == 4 ? 32 : 128));
    c = a;
    fuzz_check(nhi_prefix_normalize(&c) && memcmp(&a, &c, sizeof a) == 0);
    fuzz_check(nhtb_prefix_format(&a, out, sizeof out) == out && strlen(out) < sizeof out);
    fuzz_check(nhtb_prefix_parse(out, &b) == 0 && memcmp(&a, &b, sizeof a) == 0);
    nhtb_ts t = nhtb_ts_from_prefix(&a);
    fuzz_check(nhi_addr_in(&a, &t.lo) && nhi_addr_in(&a, &t.hi));
    fuzz_check(nhi_addr_cmp(&t.lo, &t.hi) <= 0);
}

static void proposal(nhtb_protocol proto, const char *text)
{
    nhtb_proposal a, b;
    const char *bad = NULL;
    char out[512], small[16];
    if (nhtb_proposal_parse(proto, text, &a, &bad) != 0) {
        fuzz_check(bad >= text && bad <= text + strlen(text));
        return;
    }
    size_t n = nhtb_proposal_format(proto, &a, out, sizeof out);
    fuzz_check(bad == NULL && n == strlen(out));
    fuzz_check(nhtb_proposal_parse(proto, out, &b, NULL) == 0);
    fuzz_check(memcmp(&a, &b, sizeof a) == 0);
    fuzz_check(nhtb_proposal_format(proto, &a, small, sizeof small) == n);
    fuzz_check(strlen(small) < sizeof small);
}

int fuzz_text(const uint8_t *p, size_t n)
{
    char *text = malloc(n + 1);
    if (n)
        memcpy(text, p, n);
    text[n] = 0;
    addr(text);
    prefix(text);
    proposal(NHTB_PROTO_IKE, text);
    proposal(NHTB_PROTO_ESP, text);
    free(text);
    return 0;
}
