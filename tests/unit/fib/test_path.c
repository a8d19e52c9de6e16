/* SPDX-License-Identifier: Apache-2.0
 * Outer header templates and the inner MTU. */
#include <criterion/criterion.h>
#include <string.h>

#include "fib/fib.h"

static nhtb_path path4(uint16_t lp, uint16_t rp)
{
    nhtb_path p = {.local_port = lp, .remote_port = rp};
    cr_assert_eq(nhtb_addr_parse("192.0.2.1", &p.local), 0);
    cr_assert_eq(nhtb_addr_parse("198.51.100.2", &p.remote), 0);
    return p;
}

Test(path, ipv4_udp_template)
{
    nhi_endpoint e;
    nhtb_path p = path4(4500, 4501);
    nhi_endpoint_fill(&e, &p, 1500);
    static const uint8_t want[28] = {0x45, 0,    0,    0,    0, 0, 0,   0,  64,  17,
                                     0,    0,    192,  0,    2, 1, 198, 51, 100, 2,
                                     0x11, 0x94, 0x11, 0x95, 0, 0, 0,   0};
    cr_assert(e.udp && e.ip_len == 20 && e.hdr_len == 28 && e.path_mtu == 1500);
    cr_assert_eq(memcmp(e.hdr, want, sizeof want), 0);
}

Test(path, ipv6_native_template)
{
    nhi_endpoint e;
    nhtb_path p = {0};
    cr_assert_eq(nhtb_addr_parse("2001:db8::1", &p.local), 0);
    cr_assert_eq(nhtb_addr_parse("2001:db8::2", &p.remote), 0);
    nhi_endpoint_fill(&e, &p, 1500);
    cr_assert(!e.udp && e.ip_len == 40 && e.hdr_len == 40);
    cr_assert(e.hdr[0] == 0x60 && e.hdr[6] == 50 && e.hdr[7] == 64);
    cr_assert_eq(memcmp(e.hdr + 8, p.local.b, 16), 0);
    cr_assert_eq(memcmp(e.hdr + 24, p.remote.b, 16), 0);
}

static uint32_t inner(uint32_t path_mtu, uint16_t port, uint16_t alg, uint32_t iface_mtu)
{
    static nhi_endpoint e;
    static nhi_cell c;
    static nhi_iface_pub i;
    nhi_path p;
    memset(&p, 0, sizeof p);
    nhtb_path outer = path4(port, port);
    nhi_endpoint_fill(&e, &outer, path_mtu);
    c.facts = nhi_bulk_of(alg);
    i.mtu = iface_mtu;
    nhi_a_store(&p.endpoint, &e);
    nhi_a_store(&p.out, &c);
    nhi_a_store(&p.iface, &i);
    nhi_path_update_mtu(&p);
    return nhi_a_load(&p.inner_mtu);
}

Test(path, inner_mtu_is_the_largest_packet_that_fits)
{
    /* 1500 - 20 - 8 - 8 (IV) - 16 (ICV) = 1448, a multiple of 4, minus trailer 2 */
    cr_assert_eq(inner(1500, 0, NHTB_BULK_AES128_GCM16, 0), 1446u);
    /* UDP: 1440 - 2 */
    cr_assert_eq(inner(1500, 4500, NHTB_BULK_AES128_GCM16, 0), 1438u);
    /* CBC: 1500 - 28 - 16 - 16 = 1440, a multiple of 16, minus 2 */
    cr_assert_eq(inner(1500, 0, NHTB_BULK_AES128_CBC_SHA256_128, 0), 1438u);
    cr_assert_eq(inner(1499, 0, NHTB_BULK_AES128_CBC_SHA256_128, 0), 1422u);
    cr_assert_eq(inner(1500, 0, NHTB_BULK_AES128_GCM16, 1400), 1400u, "the interface is smaller");
    cr_assert_eq(inner(1500, 0, NHTB_BULK_AES128_GCM16, 9000), 1446u);
    cr_assert_eq(inner(40, 0, NHTB_BULK_AES128_GCM16, 0), 0u);
}

Test(path, without_an_sa_the_last_mtu_stays)
{
    nhi_path p;
    memset(&p, 0, sizeof p);
    nhi_a_store(&p.inner_mtu, 1400u);
    nhi_path_update_mtu(&p);
    cr_assert_eq(nhi_a_load(&p.inner_mtu), 1400u);
}
