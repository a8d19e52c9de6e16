/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 identities: lengths by type, selectors and back. */
#include "mutate.h"

#include "wire/v1.h"

static bool read_n(nhi_v1_id *id, uint8_t type, size_t n)
{
    static uint8_t p[4 + 4000];
    p[0] = type;
    return nhi_v1_id_read(id, (nhtb_span){p, 4 + n});
}

Test(v1_id, every_type_has_its_lengths)
{
    nhi_v1_id id;
    for (unsigned type = 0; type < 256; type++) {
        for (size_t n = 0; n <= 300; n++) {
            bool want = n > 0 && n <= 255;
            switch (type) {
            case 0: want = false; break;
            case 1: want = n == 4; break;
            case 4:
            case 7: want = n == 8; break;
            case 5: want = n == 16; break;
            case 6:
            case 8: want = n == 32; break;
            case 9: want = n > 0; break;
            default: break;
            }
            cr_assert_eq(read_n(&id, (uint8_t)type, n), want, "type %u of %zu", type, n);
        }
    }
    cr_assert(read_n(&id, 9, 2047) && read_n(&id, 9, 2048));
    cr_assert_not(read_n(&id, 9, 2049));
    const uint8_t p[4] = {2, 0, 0, 0};
    for (size_t n = 0; n <= 4; n++) {
        cr_assert_not(nhi_v1_id_read(&id, (nhtb_span){p, n}));
    }
}

static bool convert(nhtb_ts *ts, uint8_t type, uint8_t proto, uint16_t port, const void *data,
                    size_t n)
{
    nhi_v1_id id = {type, proto, port, {data, n}};
    return nhi_v1_id_to_ts(ts, &id);
}

Test(v1_id, hosts_subnets_and_ranges_become_selectors)
{
    nhtb_ts ts;
    cr_assert(convert(&ts, 1, 17, 53, "\x0a\1\2\3", 4));
    cr_assert(ts.proto == 17 && ts.port_lo == 53 && ts.port_hi == 53);
    cr_assert(ts.lo.family == 4 && nhtb_addr_equal(&ts.lo, &ts.hi) && ts.lo.b[3] == 3);
    cr_assert(convert(&ts, 4, 0, 0, "\x0a\1\2\3\xff\xff\xfc\0", 8), "host bits are cleared");
    cr_assert(ts.lo.b[2] == 0 && ts.lo.b[3] == 0 && ts.hi.b[2] == 3 && ts.hi.b[3] == 255);
    cr_assert(ts.port_lo == 0 && ts.port_hi == 65535);
    cr_assert(convert(&ts, 4, 0, 0, "\0\0\0\0\0\0\0\0", 8));
    cr_assert(ts.hi.b[0] == 255 && ts.hi.b[3] == 255);
    cr_assert(convert(&ts, 7, 6, 0, "\x0a\1\2\3\x0a\1\2\4", 8) && ts.hi.b[3] == 4);
    uint8_t six[32] = {0x20, 1};
    cr_assert(convert(&ts, 5, 0, 0, six, 16) && ts.lo.family == 6);
    memset(six + 16, 0xff, 8);
    cr_assert(convert(&ts, 6, 0, 0, six, 32) && ts.hi.b[8] == 0xff && ts.hi.b[7] == 0);
    cr_assert(convert(&ts, 8, 0, 0, six, 32) && ts.hi.b[0] == 0xff);
}

Test(v1_id, what_is_no_selector_is_refused)
{
    nhtb_ts ts;
    cr_assert_not(convert(&ts, 1, 0, 53, "\x0a\1\2\3", 4), "a port of no protocol");
    cr_assert_not(convert(&ts, 4, 0, 0, "\x0a\1\2\3\xff\0\xff\0", 8), "a mask with a hole");
    cr_assert_not(convert(&ts, 4, 0, 0, "\x0a\1\2\3\xff\xf5\0\0", 8));
    cr_assert_not(convert(&ts, 4, 0, 0, "\x0a\1\2\3\xf0\xf0\0\0", 8));
    cr_assert_not(convert(&ts, 7, 0, 0, "\x0a\1\2\4\x0a\1\2\3", 8), "a range turned round");
    for (unsigned type = 0; type < 256; type++) {
        uint8_t data[32] = {0};
        bool address = type == 1 || (type >= 4 && type <= 8);
        cr_assert_eq(convert(&ts, (uint8_t)type, 0, 0, data, 32), address);
    }
}

static void round_trip(const char *lo, const char *hi, uint8_t want)
{
    nhtb_ts ts = {.port_hi = 65535}, again;
    uint8_t p[40];
    nhi_wr w;
    nhi_v1_id id;
    nhtb_addr_parse(lo, &ts.lo);
    nhtb_addr_parse(hi, &ts.hi);
    nhi_wr_init(&w, p, sizeof p);
    cr_assert(nhi_v1_id_write_ts(&w, &ts) && !w.bad);
    cr_assert(nhi_v1_id_read(&id, (nhtb_span){p, w.n}));
    cr_assert_eq(id.type, want, "%s - %s as %u", lo, hi, id.type);
    cr_assert(nhi_v1_id_to_ts(&again, &id));
    cr_assert_eq(memcmp(&ts, &again, sizeof ts), 0);
}

Test(v1_id, selectors_are_written_by_their_shortest_type)
{
    round_trip("10.0.0.1", "10.0.0.1", NHI_V1_ID_IPV4);
    round_trip("10.0.0.0", "10.0.3.255", NHI_V1_ID_IPV4_SUBNET);
    round_trip("0.0.0.0", "255.255.255.255", NHI_V1_ID_IPV4_SUBNET);
    round_trip("10.0.0.1", "10.0.0.2", NHI_V1_ID_IPV4_RANGE);
    round_trip("10.0.1.0", "10.0.2.255", NHI_V1_ID_IPV4_RANGE);
    round_trip("10.0.0.0", "10.0.1.254", NHI_V1_ID_IPV4_RANGE);
    round_trip("10.0.2.0", "10.0.2.7", NHI_V1_ID_IPV4_SUBNET);
    round_trip("10.0.0.0", "10.2.255.255", NHI_V1_ID_IPV4_RANGE);
    round_trip("2001:db8::1", "2001:db8::1", NHI_V1_ID_IPV6);
    round_trip("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NHI_V1_ID_IPV6_SUBNET);
    round_trip("2001:db8::1", "2001:db8::3", NHI_V1_ID_IPV6_RANGE);
}

Test(v1_id, ports_are_one_or_all)
{
    nhtb_ts ts = {.lo = {.family = 4}, .hi = {.family = 4}, .proto = 6};
    uint8_t p[40];
    nhi_wr w;
    nhi_wr_init(&w, p, sizeof p);
    ts.port_lo = ts.port_hi = 22;
    cr_assert(nhi_v1_id_write_ts(&w, &ts) && p[1] == 6 && nhi_get16(p + 2) == 22);
    ts.port_hi = 23;
    cr_assert_not(nhi_v1_id_write_ts(&w, &ts));
    ts.port_lo = 65535;
    ts.port_hi = 0;
    cr_assert_not(nhi_v1_id_write_ts(&w, &ts), "opaque");
    ts = (nhtb_ts){.port_hi = 65535};
    cr_assert_not(nhi_v1_id_write_ts(&w, &ts), "no family");
}

static void any(const uint8_t *p, size_t n)
{
    nhi_v1_id id;
    nhtb_ts ts;
    if (nhi_v1_id_read(&id, (nhtb_span){p, n})) {
        check_inside(id.data, p, n);
        if (nhi_v1_id_to_ts(&ts, &id)) {
            cr_assert(nhi_addr_cmp(&ts.lo, &ts.hi) <= 0);
        }
    }
}

Test(v1_id, damaged_identities_stay_inside_their_message)
{
    const uint8_t p[12] = {4, 0, 0, 0, 10, 0, 0, 0, 255, 255, 0, 0};
    mutate(any, p, sizeof p);
}
