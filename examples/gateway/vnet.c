/* SPDX-License-Identifier: Apache-2.0
 * Super-packets of a TUN device: see vnet.h. Called by worker_tun.c. */
#include "vnet.h"

#include <string.h>

enum { TCP = 6, UDP = 17, TCP_MIN = 20, UDP_HDR = 8, TCP_ACK = 0x10, TCP_PSH = 0x08 };

bool vnet_read(const vnet_hdr *h, nhtb_pkt *p)
{
    const uint8_t type = h->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
    if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
        p->flags |= NHTB_PKT_NEEDS_CSUM;
        p->csum_start = h->csum_start;
        p->csum_offset = h->csum_offset;
    }
    if (type == VIRTIO_NET_HDR_GSO_NONE)
        return true;
    p->gso_size = h->gso_size;
    p->hdr_len = h->hdr_len;
    return h->gso_size != 0 &&
           (type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6 ||
            type == VIRTIO_NET_HDR_GSO_UDP_L4);
}

/* ---- checksums (RFC 1071) ---- */

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* Of 32-bit words in memory order: folding brings the same 16-bit sum in either byte order. */
static uint64_t add_words(uint64_t sum, const uint8_t *p, size_t n)
{
    uint64_t other = 0;
    for (; n >= 16; n -= 16, p += 16) {
        uint32_t v[4];
        memcpy(v, p, sizeof v);
        sum += (uint64_t)v[0] + v[2];
        other += (uint64_t)v[1] + v[3];
    }
    uint8_t rest[16] = {0};
    uint32_t v[4];
    memcpy(rest, p, n);
    memcpy(v, rest, sizeof v);
    return sum + other + v[0] + v[1] + v[2] + v[3];
}

static uint16_t fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* Sum of the pseudo header, in memory order. */
static uint64_t pseudo(const uint8_t *ip, uint8_t proto, size_t len)
{
    const uint8_t tail[8] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, proto};
    const bool v4 = ip[0] >> 4 == 4;
    return add_words(add_words(0, tail, sizeof tail), ip + (v4 ? 12 : 8), v4 ? 8 : 32);
}

static bool sum_is_right(const uint8_t *ip, uint8_t proto, uint32_t l4, size_t n)
{
    return fold(add_words(pseudo(ip, proto, n - l4), ip + l4, n - l4)) == 0xffff;
}

/* ---- joining ---- */

static size_t ip_length(const uint8_t *p)
{
    return p[0] >> 4 == 4 ? get16(p + 2) : get16(p + 4) + 40;
}

/* IP header length of a whole TCP or UDP packet without options; 0: anything else. */
static uint32_t plain_ip(const uint8_t *p, size_t n, uint8_t *proto)
{
    if (n >= 40 && p[0] >> 4 == 6 && ip_length(p) == n) {
        *proto = p[6];
        return 40;
    }
    if (n < 20 || p[0] != 0x45 || ip_length(p) != n || (get16(p + 6) & 0x3fff) != 0)
        return 0;
    *proto = p[9];
    return 20;
}

static uint32_t l4_header(const uint8_t *p, size_t n, uint32_t l4, uint8_t proto)
{
    uint32_t len = 0;
    if (proto == UDP && l4 + UDP_HDR <= n && get16(p + l4 + 4) == n - l4 && get16(p + l4 + 6) != 0)
        len = UDP_HDR;
    if (proto == TCP && l4 + TCP_MIN <= n)
        len = (uint32_t)(p[l4 + 12] >> 4) * 4;
    return len >= UDP_HDR && (proto == UDP || len >= TCP_MIN) && l4 + len < n ? len : 0;
}

void vnet_join_begin(vnet_join *j, const uint8_t *p, size_t n, bool udp)
{
    memset(&j->hdr, 0, sizeof j->hdr);
    j->first = p;
    j->first_len = j->bytes = n;
    j->n = 1;
    j->open = j->checked = false;
    j->l4 = plain_ip(p, n, &j->proto);
    const uint32_t len = j->l4 != 0 ? l4_header(p, n, j->l4, j->proto) : 0;
    j->head_len = j->l4 + len;
    if (len == 0 || (j->proto == UDP && !udp))
        return;
    j->seg = (uint32_t)n - j->head_len;
    j->open = j->proto == UDP || p[j->l4 + 13] == TCP_ACK;
    j->iov[2] = (struct iovec){(void *)(uintptr_t)(p + j->head_len), j->seg};
}

/* All of the IP header that must be equal; not length, identification, checksum. */
static bool same_ip(const uint8_t *a, const uint8_t *b)
{
    if (a[0] >> 4 == 4)
        return memcmp(a, b, 2) == 0 && memcmp(a + 6, b + 6, 4) == 0 &&
               memcmp(a + 12, b + 12, 8) == 0;
    return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, 34) == 0;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) << 16 | get16(p + 2);
}

/* Ports, acknowledgement, window and options are equal, the sequence numbers join. */
static bool tcp_follows(const vnet_join *j, const uint8_t *b)
{
    const uint8_t *a = j->first + j->l4;
    const uint32_t sent = (uint32_t)(j->bytes - j->head_len);
    return (b[13] & ~TCP_PSH) == TCP_ACK && get32(a + 4) + sent == get32(b + 4) &&
           memcmp(a, b, 4) == 0 && memcmp(a + 8, b + 8, 5) == 0 && memcmp(a + 14, b + 14, 2) == 0 &&
           memcmp(a + TCP_MIN, b + TCP_MIN, j->head_len - j->l4 - TCP_MIN) == 0;
}

static bool follows(const vnet_join *j, const uint8_t *p, size_t n)
{
    uint8_t proto = 0;
    if (n <= j->head_len || n - j->head_len > j->seg || j->bytes + n - j->head_len > 65535 ||
        plain_ip(p, n, &proto) != j->l4 || proto != j->proto || !same_ip(j->first, p) ||
        l4_header(p, n, j->l4, proto) != j->head_len - j->l4)
        return false;
    return proto == UDP ? memcmp(j->first + j->l4, p + j->l4, 4) == 0 : tcp_follows(j, p + j->l4);
}

bool vnet_join_add(vnet_join *j, const uint8_t *p, size_t n)
{
    if (!j->open || j->n == VNET_SEGMENTS || !follows(j, p, n))
        return false;
    if (!j->checked)
        j->open = j->checked = sum_is_right(j->first, j->proto, j->l4, j->first_len);
    if (!j->open || !sum_is_right(p, j->proto, j->l4, n))
        return false;
    if (j->n == 1)
        memcpy(j->head, j->first, j->head_len);
    if (j->proto == TCP)
        j->head[j->l4 + 13] |= p[j->l4 + 13] & TCP_PSH;
    const size_t payload = n - j->head_len;
    j->iov[2 + j->n++] = (struct iovec){(void *)(uintptr_t)(p + j->head_len), payload};
    j->bytes += payload;
    /* a short one is the last; so is one that the sender pushed */
    j->open = payload == j->seg && (j->proto == UDP || (p[j->l4 + 13] & TCP_PSH) == 0);
    return true;
}

/* The first one's headers become those of the super-packet; the kernel owes the checksum. */
static void finish(vnet_join *j)
{
    const bool v4 = j->head[0] >> 4 == 4, udp = j->proto == UDP;
    uint8_t *l4 = j->head + j->l4, *field = l4 + (udp ? 6 : 16);
    const size_t upper = j->bytes - j->l4;
    put16(j->head + (v4 ? 2 : 4), v4 ? j->bytes : j->bytes - 40);
    if (v4) {
        memset(j->head + 10, 0, 2);
        const uint16_t sum = (uint16_t)~fold(add_words(0, j->head, 20));
        memcpy(j->head + 10, &sum, 2);
    }
    if (udp)
        put16(l4 + 4, upper);
    const uint16_t sum = fold(pseudo(j->head, j->proto, upper));
    memcpy(field, &sum, 2);
    const uint8_t tcp_type = v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    j->hdr = (vnet_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                        .gso_type = udp ? VIRTIO_NET_HDR_GSO_UDP_L4 : tcp_type,
                        .hdr_len = (uint16_t)j->head_len,
                        .gso_size = (uint16_t)j->seg,
                        .csum_start = (uint16_t)j->l4,
                        .csum_offset = udp ? 6 : 16};
}

int vnet_join_pieces(vnet_join *j, bool with_hdr, struct iovec **v)
{
    int n = j->n;
    j->iov[0] = (struct iovec){&j->hdr, sizeof j->hdr};
    if (n == 1) {
        j->iov[1] = (struct iovec){(void *)(uintptr_t)j->first, j->first_len};
    } else {
        finish(j);
        j->iov[1] = (struct iovec){j->head, j->head_len};
        n++;
    }
    j->n = 0;
    *v = with_hdr ? j->iov : j->iov + 1;
    return with_hdr ? n + 1 : n;
}
