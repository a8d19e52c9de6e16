/* SPDX-License-Identifier: Apache-2.0
 * Traffic selector payloads. */
#include "mutate.h"

#include "wire/ike.h"

/* 10.1.0.0-10.1.255.255 any; an unknown type 10 of 8 bytes; 2001:db8::/32 TCP 80-443. */
static const uint8_t three[] = {
    3, 0,    0,    0,    7,    0,    0,   16,  0,   0,   0xff, 0xff, 10,  1,   0,   0,   10,
    1, 255,  255,  10,   0,    0,    8,   1,   2,   3,   4,    8,    6,   0,   40,  0,   80,
    1, 187,  0x20, 1,    0x0d, 0xb8, 0,   0,   0,   0,   0,    0,    0,   0,   0,   0,   0,
    0, 0x20, 1,    0x0d, 0xb8, 255,  255, 255, 255, 255, 255,  255,  255, 255, 255, 255, 255};

static bool read_changed(size_t at, uint8_t value)
{
    uint8_t p[sizeof three];
    nhtb_ts v[4];
    size_t n;
    memcpy(p, three, sizeof p);
    p[at] = value;
    return nhi_ike_ts_read((nhtb_span){p, sizeof p}, v, 4, &n);
}

Test(ike_ts, ranges_are_read_and_unknown_types_skipped)
{
    nhtb_ts v[4];
    size_t n = 0;
    nhtb_prefix p4, p6;
    cr_assert(nhi_ike_ts_read((nhtb_span){three, sizeof three}, v, 4, &n));
    cr_assert_eq(n, 2);
    nhtb_prefix_parse("10.1.0.0/16", &p4);
    nhtb_prefix_parse("2001:db8::/32", &p6);
    nhtb_ts want = nhtb_ts_from_prefix(&p4);
    cr_assert_eq(memcmp(&v[0], &want, sizeof want), 0);
    want = nhtb_ts_from_prefix(&p6);
    want.proto = 6, want.port_lo = 80, want.port_hi = 443;
    cr_assert_eq(memcmp(&v[1], &want, sizeof want), 0);
}

Test(ike_ts, no_more_are_stored_than_there_is_room_for)
{
    nhtb_ts v[2] = {{.proto = 99}, {.proto = 99}};
    size_t n = 7;
    cr_assert(nhi_ike_ts_read((nhtb_span){three, sizeof three}, v, 1, &n));
    cr_assert(n == 1 && v[1].proto == 99);
    cr_assert(nhi_ike_ts_read((nhtb_span){three, sizeof three}, v, 0, &n));
    cr_assert_eq(n, 0);
}

Test(ike_ts, malformed_payloads_are_refused)
{
    nhtb_ts v[4];
    size_t n;
    for (size_t cut = 0; cut < sizeof three; cut++) {
        uint8_t *c = exact_copy(three, cut);
        cr_assert_not(nhi_ike_ts_read((nhtb_span){c, cut}, v, 4, &n), "cut at %zu", cut);
        free(c);
    }
    cr_assert_not(read_changed(0, 0), "a count of 0");
    cr_assert_not(read_changed(0, 2), "bytes behind the last");
    cr_assert_not(read_changed(0, 4));
    cr_assert_not(read_changed(4, 8), "IPv6 of IPv4's length");
    cr_assert_not(read_changed(7, 15));
    cr_assert_not(read_changed(7, 17));
    cr_assert_not(read_changed(7, 3));
    cr_assert_not(read_changed(12, 11), "range reversed");
    cr_assert_not(read_changed(32, 2), "ports reversed");
    cr_assert_not(read_changed(23, 3), "unknown type, shorter than a header");
    cr_assert_not(read_changed(23, 200));
    cr_assert(read_changed(5, 17), "another protocol is fine");
}

Test(ike_ts, opaque_ports_are_the_one_reversed_range_allowed)
{
    uint8_t p[20];
    nhtb_ts v;
    size_t n;
    memcpy(p, three, sizeof p);
    p[0] = 1;
    nhi_put16(p + 8, 65535);
    nhi_put16(p + 10, 0);
    cr_assert(nhi_ike_ts_read((nhtb_span){p, sizeof p}, &v, 1, &n));
    cr_assert(v.port_lo == 65535 && v.port_hi == 0);
    nhi_put16(p + 10, 1);
    cr_assert_not(nhi_ike_ts_read((nhtb_span){p, sizeof p}, &v, 1, &n));
    nhi_put16(p + 8, 65534);
    nhi_put16(p + 10, 0);
    cr_assert_not(nhi_ike_ts_read((nhtb_span){p, sizeof p}, &v, 1, &n));
}

Test(ike_ts, what_is_written_is_read_back)
{
    nhtb_ts v[2], again[2];
    size_t n;
    uint8_t p[100];
    nhi_wr w;
    cr_assert(nhi_ike_ts_read((nhtb_span){three, sizeof three}, v, 2, &n));
    nhi_wr_init(&w, p, sizeof p);
    nhi_ike_ts_write(&w, v, 2);
    cr_assert_not(w.bad);
    cr_assert_eq(w.n, 4 + 16 + 40);
    cr_assert(nhi_ike_ts_read((nhtb_span){p, w.n}, again, 2, &n));
    cr_assert_eq(n, 2);
    cr_assert_eq(memcmp(v, again, sizeof v), 0);
    for (size_t cap = 0; cap < 60; cap++) {
        nhi_wr_init(&w, p, cap);
        nhi_ike_ts_write(&w, v, 2);
        cr_assert(w.bad);
    }
}

Test(ike_ts, more_than_255_selectors_cannot_be_written)
{
    static nhtb_ts v[256];
    static uint8_t p[8192];
    nhi_wr w;
    for (size_t i = 0; i < 256; i++) {
        v[i].lo.family = v[i].hi.family = 4;
    }
    nhi_wr_init(&w, p, sizeof p);
    nhi_ike_ts_write(&w, v, 255);
    cr_assert_not(w.bad);
    nhi_wr_init(&w, p, sizeof p);
    nhi_ike_ts_write(&w, v, 256);
    cr_assert(w.bad);
}

static void read_any(const uint8_t *p, size_t n)
{
    nhtb_ts v[2];
    size_t k = 0;
    if (nhi_ike_ts_read((nhtb_span){p, n}, v, 2, &k)) {
        cr_assert_leq(k, 2);
        for (size_t i = 0; i < k; i++) {
            cr_assert_leq(nhi_addr_cmp(&v[i].lo, &v[i].hi), 0);
        }
    }
}

Test(ike_ts, damaged_payloads_never_overrun)
{
    mutate(read_any, three, sizeof three);
}
