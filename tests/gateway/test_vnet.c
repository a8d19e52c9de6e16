/* SPDX-License-Identifier: Apache-2.0
 * vnet.c: what becomes of virtio headers, and which packets become one super-packet. Checksums are
 * computed here on their own, byte by byte. */
#include <criterion/criterion.h>
#include <string.h>

#include "vnet.h"

typedef struct packet {
    uint8_t b[2000];
    size_t n;
} packet;

static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void put(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t get(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t l4_sum(const uint8_t *ip, size_t l4, uint8_t proto, size_t n)
{
    const uint8_t tail[4] = {0, proto, (uint8_t)((n - l4) >> 8), (uint8_t)(n - l4)};
    uint32_t sum = l4 == 20 ? sum16(0, ip + 12, 8) : sum16(0, ip + 8, 32);
    return sum16(sum16(sum, tail, 4), ip + l4, n - l4);
}

enum { TCP = 6, UDP = 17 };

static void close_packet(packet *p, size_t l4, uint8_t proto)
{
    uint8_t *field = p->b + l4 + (proto == TCP ? 16 : 6);
    put(field, 0);
    put(field, ~l4_sum(p->b, l4, proto, p->n) & 0xffff);
}

/* A segment or datagram of one flow; at: its place in the stream. */
static packet make(bool v6, uint8_t proto, uint32_t at, size_t payload)
{
    packet p = {.n = (v6 ? 40u : 20u) + (proto == TCP ? 32u : 8u) + payload};
    const size_t l4 = v6 ? 40 : 20;
    memset(p.b, 0x11, sizeof p.b);
    if (v6) {
        memcpy(p.b, "\x60\0\0\0", 4);
        put(p.b + 4, (uint32_t)(p.n - 40));
        p.b[6] = proto;
        p.b[7] = 64;
    } else {
        memcpy(p.b, "\x45\0\0\0\0\1\x40\0\x40", 9);
        put(p.b + 2, (uint32_t)p.n);
        p.b[9] = proto;
        put(p.b + 10, 0);
        put(p.b + 10, ~sum16(0, p.b, 20) & 0xffff);
    }
    uint8_t *t = p.b + l4;
    if (proto == UDP) {
        put(t + 4, (uint32_t)(8 + payload));
    } else {
        put(t + 4, 0);
        put(t + 6, at);
        t[12] = 8 << 4;
        t[13] = 0x10;
    }
    for (size_t i = 0; i < payload; i++)
        p.b[p.n - payload + i] = (uint8_t)(at + i);
    close_packet(&p, l4, proto);
    return p;
}

/* What the pieces are, one behind the other, without the virtio header. */
static size_t flat(vnet_join *j, uint8_t *out, vnet_hdr *h)
{
    struct iovec *v;
    const int n = vnet_join_pieces(j, true, &v);
    size_t at = 0;
    memcpy(h, v[0].iov_base, sizeof *h);
    for (int i = 1; i < n; i++) {
        memcpy(out + at, v[i].iov_base, v[i].iov_len);
        at += v[i].iov_len;
    }
    return at;
}

static void three_become_one(bool v6, uint8_t proto)
{
    const size_t l4 = v6 ? 40 : 20, head = l4 + (proto == TCP ? 32 : 8);
    packet p[3] = {make(v6, proto, 0, 1000), make(v6, proto, 1000, 1000),
                   make(v6, proto, 2000, 333)};
    static uint8_t out[66000];
    vnet_join j;
    vnet_hdr h;
    vnet_join_begin(&j, p[0].b, p[0].n, true);
    cr_assert(vnet_join_add(&j, p[1].b, p[1].n));
    cr_assert(vnet_join_add(&j, p[2].b, p[2].n));
    cr_assert_not(vnet_join_add(&j, p[1].b, p[1].n), "a short one is the last");
    cr_assert_eq(flat(&j, out, &h), head + 2333);
    cr_assert_eq(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    cr_assert_eq(h.gso_type, proto == UDP ? VIRTIO_NET_HDR_GSO_UDP_L4
                             : v6         ? VIRTIO_NET_HDR_GSO_TCPV6
                                          : VIRTIO_NET_HDR_GSO_TCPV4);
    cr_assert_eq(h.gso_size, 1000);
    cr_assert_eq(h.hdr_len, head);
    cr_assert_eq(h.csum_start, l4);
    for (size_t i = 0; i < 2333; i++)
        cr_assert_eq(out[head + i], (uint8_t)i, "%zu", i);
    cr_assert_eq(get(out + (v6 ? 4 : 2)), v6 ? head + 2333 - 40 : head + 2333);
    cr_assert(v6 || sum16(0, out, 20) == 0xffff, "checksum of the IPv4 header");
    /* who finishes the owed checksum gets a right packet */
    uint8_t *field = out + l4 + h.csum_offset;
    put(field, ~sum16(0, out + l4, head + 2333 - l4) & 0xffff);
    cr_assert_eq(l4_sum(out, l4, proto, head + 2333), 0xffff);
}

Test(vnet, neighbours_become_one_super_packet)
{
    three_become_one(false, TCP);
    three_become_one(true, TCP);
    three_become_one(false, UDP);
    three_become_one(true, UDP);
}

typedef void (*edit)(packet *p);

static void other_port(packet *p)
{
    p->b[21]++;
}
static void other_source(packet *p)
{
    p->b[15]++;
}
static void other_class(packet *p)
{
    p->b[1] = 4;
}
static void other_ttl(packet *p)
{
    p->b[8]--;
}
static void fragment(packet *p)
{
    p->b[6] = 0x20;
}
static void other_ack(packet *p)
{
    p->b[31]++;
}
static void other_window(packet *p)
{
    p->b[34]++;
}
static void other_option(packet *p)
{
    p->b[45]++;
}
static void other_number(packet *p)
{
    p->b[27]++;
}
static void urgent(packet *p)
{
    p->b[33] |= 0x20;
}
static void fin(packet *p)
{
    p->b[33] |= 1;
}

Test(vnet, what_differs_stays_apart)
{
    static const edit EDITS[] = {other_port,   other_source, other_class,  other_ttl,
                                 fragment,     other_ack,    other_window, other_option,
                                 other_number, urgent,       fin};
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        packet a = make(false, TCP, 0, 500), b = make(false, TCP, 500, 500);
        vnet_join j;
        EDITS[i](&b);
        close_packet(&b, 20, TCP);
        vnet_join_begin(&j, a.b, a.n, true);
        cr_assert_not(vnet_join_add(&j, b.b, b.n), "edit %zu", i);
    }
}

Test(vnet, a_wrong_checksum_reaches_the_receiver_as_it_is)
{
    for (unsigned which = 0; which < 2; which++) {
        packet p[2] = {make(false, TCP, 0, 500), make(false, TCP, 500, 500)};
        uint8_t out[4000];
        vnet_join j;
        vnet_hdr h;
        p[which].b[200] ^= 1;
        vnet_join_begin(&j, p[0].b, p[0].n, true);
        cr_assert_not(vnet_join_add(&j, p[1].b, p[1].n), "%u", which);
        cr_assert_eq(flat(&j, out, &h), p[0].n);
        cr_assert_arr_eq(out, p[0].b, p[0].n);
        cr_assert_eq(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
        cr_assert_eq(h.flags, 0);
    }
}

Test(vnet, udp_without_a_checksum_or_without_uso_stays_apart)
{
    packet a = make(false, UDP, 0, 500), b = make(false, UDP, 500, 500);
    vnet_join j;
    vnet_join_begin(&j, a.b, a.n, false);
    cr_assert_not(vnet_join_add(&j, b.b, b.n));
    put(b.b + 26, 0);
    vnet_join_begin(&j, a.b, a.n, true);
    cr_assert_not(vnet_join_add(&j, b.b, b.n));
}

Test(vnet, a_pushed_segment_is_the_last_and_push_is_kept)
{
    packet a = make(false, TCP, 0, 500), b = make(false, TCP, 500, 500),
           c = make(false, TCP, 1000, 500);
    static uint8_t out[4000];
    vnet_join j;
    vnet_hdr h;
    b.b[33] |= 8;
    close_packet(&b, 20, TCP);
    vnet_join_begin(&j, a.b, a.n, true);
    cr_assert(vnet_join_add(&j, b.b, b.n));
    cr_assert_not(vnet_join_add(&j, c.b, c.n));
    (void)flat(&j, out, &h);
    cr_assert_eq(out[33], 0x18);
}

Test(vnet, a_super_packet_never_exceeds_64_kib_or_the_limit_of_pieces)
{
    static packet p[130];
    vnet_join j;
    unsigned n = 1;
    for (unsigned i = 0; i < 130; i++)
        p[i] = make(false, TCP, i * 1400, 1400);
    vnet_join_begin(&j, p[0].b, p[0].n, true);
    while (n < 130 && vnet_join_add(&j, p[n].b, p[n].n))
        n++;
    cr_assert_eq(n, (65535 - 52) / 1400);
    for (unsigned i = 0; i < 130; i++)
        p[i] = make(false, TCP, i * 8, 8);
    vnet_join_begin(&j, p[0].b, p[0].n, true);
    for (n = 1; n < 130 && vnet_join_add(&j, p[n].b, p[n].n);)
        n++;
    cr_assert_eq(n, VNET_SEGMENTS);
}

Test(vnet, runts_and_foreign_packets_go_alone)
{
    packet a = make(false, TCP, 0, 500);
    vnet_join j;
    for (size_t n = 1; n < a.n; n += 7) {
        uint8_t out[600];
        vnet_hdr h;
        vnet_join_begin(&j, a.b, n, true);
        cr_assert_not(j.open, "%zu", n);
        cr_assert_eq(flat(&j, out, &h), n);
    }
    a.b[9] = 1; /* ICMP */
    vnet_join_begin(&j, a.b, a.n, true);
    cr_assert_not(j.open);
    a = make(false, TCP, 0, 500);
    a.b[32] = 15 << 4; /* a header longer than what is there of it */
    a.n = 70;
    put(a.b + 2, 70);
    vnet_join_begin(&j, a.b, a.n, true);
    cr_assert_not(j.open);
}

Test(vnet, headers_become_packet_fields)
{
    static const struct {
        uint8_t type;
        uint16_t size;
        bool good;
    } CASES[] = {{VIRTIO_NET_HDR_GSO_NONE, 0, true},
                 {VIRTIO_NET_HDR_GSO_TCPV4, 1400, true},
                 {VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 1400, true},
                 {VIRTIO_NET_HDR_GSO_TCPV6, 1400, true},
                 {VIRTIO_NET_HDR_GSO_UDP_L4, 64, true},
                 {VIRTIO_NET_HDR_GSO_UDP, 1400, false}, /* fragments: never asked for */
                 {VIRTIO_NET_HDR_GSO_TCPV4, 0, false},
                 {77, 1400, false}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        nhtb_pkt p = {.len = 3000};
        const vnet_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                            .gso_type = CASES[i].type,
                            .gso_size = CASES[i].size,
                            .hdr_len = 52,
                            .csum_start = 20,
                            .csum_offset = 16};
        cr_assert_eq(vnet_read(&h, &p), CASES[i].good, "%zu", i);
        cr_assert_eq(p.flags, NHTB_PKT_NEEDS_CSUM);
        cr_assert_eq(p.csum_start, 20);
        cr_assert_eq(p.csum_offset, 16);
        if (CASES[i].good)
            cr_assert_eq(p.gso_size, CASES[i].size);
    }
}
