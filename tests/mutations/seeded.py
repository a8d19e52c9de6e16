# SPDX-License-Identifier: Apache-2.0
"""The seeded faults. The tests are named as closely as may be, so that a fault is caught by what
should catch it and not by chance. find: a regular expression that matches exactly one place of file (DOTALL);
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
         "return nhi_equal_ct(want, want, NHI_COOKIE_LEN);", ("test_ike", "cookie/*")),
    seed("nonce_counter_reset", "an SA's counter starts again after 100 packets",
         "lib/fib/cell.c", r"(    uint64_t before = nhi_a_add\(&c->seq, n\))",
         r"    if (nhi_a_load(&c->seq) >= 100)\n        nhi_a_store(&c->seq, 0);\n\1", "test_fib"),
    seed("nonce_block_not_claimed", "a burst claims one sequence number for all its packets",
         "lib/fib/cell.c", r"uint64_t before = nhi_a_add\(&c->seq, n\)",
         "uint64_t before = nhi_a_add(&c->seq, 1)", "test_fib"),
    seed("ttl_not_decremented", "the helper that decrements TTL does nothing",
         "lib/wire/ip_write.c", r"nhi_get16\(p \+ 8\) - 0x100\)", "nhi_get16(p + 8) - 0)",
         ("test_wire", "ip*/*")),
    seed("static_binding_loses", "a learnt next hop takes the place of a static one",
         "lib/db/binding.c", r"holder != NULL && s->is_static", "holder == NULL && s->is_static",
         "test_db"),
    seed("cursor_reads_too_far", "the reader of peer bytes allows one byte behind the end",
         "lib/base/cursor.c", r"r->bad \|\| nhi_rd_left\(r\) < n\b",
         "r->bad || nhi_rd_left(r) + 1 < n", ("test_base", "reader/*")),
    seed("compare_ignores_last_byte", "constant-time comparison stops one byte early",
         "lib/base/wipe.c", r"(bool nhi_equal_ct.*?)i < n;", r"\1i + 1 < n;", ("test_base", "wipe/*")),
    seed("backend_icv_not_compared", "a backend accepts any ICV",
         "lib/backend/null/bulk.c", r"bool good = memcmp\(icv, jobs\[i\]\.icv, icv_len\(key->alg\)\) == 0;",
         "bool good = icv[0] == icv[0];", ("test_crypto", "bulk/*")),
    seed("selector_check_not_called", "inbound packets are not held against the SA's selectors",
         "lib/dp/inpol.c", r"!nhi_sel_match_in\(it->in_cell->sel, &it->flow\)",
         "(void)nhi_sel_match_in(it->in_cell->sel, &it->flow), false", "test_dp"),
    seed("source_check_dropped", "a spoke may send with another spoke's address",
         "lib/dp/inpol.c", r"return nhi_a_load_acq\(&w->fib->slot\[n\]\.path\) == it->in_path;",
         "return true;", "test_dp"),
    seed("icv_status_ignored", "packets with a wrong ICV go on",
         "lib/dp/esp_open.c", r"if \(status != NHTB_BULK_OK\) \{", "if (status > NHTB_BULK_BAD) {",
         "test_dp"),
    seed("transit_keeps_ttl", "the library forwards between tunnels without decrementing TTL",
         "lib/dp/transit.c", r"nhi_ip_dec_ttl\(nhi_dp_data\(it\)\);", "(void)nhi_dp_data(it);",
         "test_dp"),
    seed("loop_guard_dropped", "a decrypted packet for an outer endpoint goes on",
         "lib/dp/inpol.c", r"\} else if \(loops\(it\)\) \{", "} else if (loops(it) && !it) {",
         "test_dp"),
    seed("stale_id_accepted", "the id of a dead object names its successor",
         "lib/base/slab.c", r"sl->live && sl->gen == id >> s->index_bits", "sl->live",
         ("test_base", "slab/*")),
]
