# SPDX-License-Identifier: Apache-2.0
"""The seeded faults. find: a regular expression that matches exactly one place of file (DOTALL);
replace: as in re.sub; tests: (test program, Criterion filter or None), at least one must fail."""


def seed(slug, what, file, find, replace, *tests):
    return {"slug": slug, "what": what, "file": file, "find": find, "replace": replace,
            "tests": [t if isinstance(t, tuple) else (t, None) for t in tests]}


MUTATIONS = [
    seed("replay_off_by_one", "the replay window is one packet wider than its ring guarantees",
         "lib/fib/replay.c", r"top - seq >= c->window", "top - seq > c->window",
         "test_fib"),
    seed("replay_commit_skipped", "an authenticated number is not marked as seen",
         "lib/fib/replay.c", r"(c->bits\[\(seq >> 6\) & c->bits_mask\]) \|= UINT64_C\(1\)",
         r"\1 |= UINT64_C(0)", "test_fib"),
    seed("selector_in_dropped", "decrypted packets outside the SA's selectors pass",
         "lib/fib/sel.c", r"(bool nhi_sel_match_in\([^)]*\)\n\{\n    return )s == NULL",
         r"\1true || s == NULL", "test_fib"),
    seed("cookie_not_checked", "any cookie of the right length and version is accepted",
         "lib/ike/cookie.c", r"return nhi_equal_ct\(want, cookie\.p, NHI_COOKIE_LEN\);",
         "return nhi_equal_ct(want, want, NHI_COOKIE_LEN);", "test_ike"),
]
