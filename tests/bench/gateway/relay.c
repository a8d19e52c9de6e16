/* SPDX-License-Identifier: Apache-2.0
 * The null relay: what the kernel's path alone costs. Packets of a TUN device go to a peer in UDP and
 * back, with the gateway's own offloads on both edges (super-packets cut to packets with finished
 * checksums, UDP_SEGMENT, UDP_GRO, neighbours put together again) and no crypto at all.
 *   nhtb-relay DEVICE LOCAL REMOTE     IPv4, port 4500; prints "ready" once it relays
 * Two of them, one at each end, are the yardstick of gateway_rows.sh. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tun.h"
#include "vnet.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    PORT = 4500,
    READS = 64,      /* packets of one turn */
    SEGMENTS = 1024, /* pieces of them */
    TRAIN = 64,      /* datagrams of one send */
    TRAIN_BYTES = 65000,
    BUFFER = 65536 + 7 * 64,
    HEAD = 128,
    RECEIVES = 4
};

typedef struct piece {
    uint8_t head[HEAD];
    uint32_t head_len, len; /* len: headers and payload */
    const uint8_t *payload;
} piece;

typedef struct relay {
    gw_tun tun;
    int udp;
    bool vnet;
    uint8_t *read[READS], *rx[RECEIVES];
    piece piece[SEGMENTS];
    unsigned n_pieces;
    vnet_join join;
} relay;

/* ---- checksums (RFC 1071) ---- */

static uint64_t add(uint64_t sum, const uint8_t *p, size_t n)
{
    uint64_t more = 0;
    for (; n >= 16; n -= 16, p += 16) {
        uint32_t v[4];
        memcpy(v, p, sizeof v);
        sum += (uint64_t)v[0] + v[2];
        more += (uint64_t)v[1] + v[3];
    }
    uint8_t rest[16] = {0};
    uint32_t v[4];
    memcpy(rest, p, n);
    memcpy(v, rest, sizeof v);
    return sum + more + v[0] + v[1] + v[2] + v[3];
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t pseudo(const uint8_t *ip, bool v4, uint8_t proto, size_t len)
{
    const uint8_t tail[8] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, proto};
    return add(add(0, tail, 8), ip + (v4 ? 12 : 8), v4 ? 8 : 32);
}

/* ---- from the device to the peer ---- */

static void put_csum(uint8_t *field, uint16_t sum)
{
    memcpy(field, &sum, 2);
}

/* Piece i of a super-packet, with its own lengths, numbers and checksums. */
static void cut_one(piece *p, const uint8_t *super, const vnet_hdr *h, uint32_t len, uint32_t at,
                    uint32_t i)
{
    const bool v4 = super[0] >> 4 == 4, udp = h->csum_offset == 6;
    const uint32_t l4 = h->csum_start, left = len - p->head_len - at;
    const uint32_t n = left < h->gso_size ? left : h->gso_size;
    uint8_t *t = p->head + l4;
    memcpy(p->head, super, p->head_len);
    p->payload = super + p->head_len + at;
    p->len = p->head_len + n;
    put16(p->head + (v4 ? 2 : 4), v4 ? p->len : p->len - 40);
    if (v4) {
        put16(p->head + 4, (uint32_t)(p->head[4] << 8 | p->head[5]) + i);
        put16(p->head + 10, 0);
        put_csum(p->head + 10, fold(add(0, p->head, l4)));
    }
    if (udp) {
        put16(t + 4, p->len - l4);
    } else {
        const uint32_t seq = get32(t + 4) + at;
        put16(t + 4, seq >> 16);
        put16(t + 6, seq & 0xffff);
        if (n != left)
            t[13] &= (uint8_t)~0x09;
    }
    put16(t + h->csum_offset, 0);
    uint64_t sum = pseudo(p->head, v4, udp ? 17 : 6, p->len - l4);
    sum = add(add(sum, t, p->head_len - l4), p->payload, n);
    put_csum(t + h->csum_offset, fold(sum));
}

static uint32_t header_length(const uint8_t *p, const vnet_hdr *h)
{
    const uint32_t l4 = h->csum_start;
    return h->csum_offset == 6 ? l4 + 8 : l4 + (uint32_t)(p[l4 + 12] >> 4) * 4;
}

static void cut(relay *r, uint8_t *p, const vnet_hdr *h, uint32_t len)
{
    if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
        if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
            put_csum(p + h->csum_start + h->csum_offset,
                     fold(add(0, p + h->csum_start, len - h->csum_start)));
        r->piece[r->n_pieces++] = (piece){.len = len, .payload = p};
        return;
    }
    const uint32_t head = header_length(p, h);
    for (uint32_t at = 0, i = 0; head <= HEAD && at < len - head && r->n_pieces < SEGMENTS; i++) {
        r->piece[r->n_pieces].head_len = head;
        cut_one(&r->piece[r->n_pieces++], p, h, len, at, i);
        at += h->gso_size;
    }
}

static void send_train(const relay *r, unsigned from, unsigned n)
{
    struct iovec v[2 * TRAIN];
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct msghdr m = {.msg_iov = v};
    for (unsigned i = from; i < from + n; i++) {
        const piece *p = &r->piece[i];
        if (p->head_len != 0)
            v[m.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)p->head, p->head_len};
        v[m.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)p->payload, p->len - p->head_len};
    }
    if (n > 1) {
        const uint16_t each = (uint16_t)r->piece[from].len;
        m.msg_control = control;
        m.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){CMSG_LEN(sizeof each), SOL_UDP, UDP_SEGMENT};
        memcpy(CMSG_DATA(c), &each, sizeof each);
    }
    while (sendmsg(r->udp, &m, 0) < 0 && errno == EINTR) {
    }
}

static void send_pieces(relay *r)
{
    for (unsigned i = 0; i < r->n_pieces;) {
        const uint32_t each = r->piece[i].len;
        uint32_t bytes = 0;
        unsigned n = 0;
        do
            bytes += r->piece[i + n++].len;
        while (i + n < r->n_pieces && n < TRAIN && r->piece[i + n - 1].len == each &&
               r->piece[i + n].len <= each && bytes + r->piece[i + n].len <= TRAIN_BYTES);
        send_train(r, i, n);
        i += n;
    }
    r->n_pieces = 0;
}

static void from_device(relay *r)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < READS && bytes < BUFFER; i++) {
        vnet_hdr h = {0};
        struct iovec v[2] = {{&h, sizeof h}, {r->read[i], 65536}};
        ssize_t n = readv(r->tun.fd, r->vnet ? v : v + 1, r->vnet ? 2 : 1);
        n -= r->vnet ? (ssize_t)sizeof h : 0;
        if (n <= 0)
            break;
        bytes += (size_t)n;
        cut(r, r->read[i], &h, (uint32_t)n);
    }
    send_pieces(r);
}

/* ---- from the peer to the device ---- */

static void write_join(relay *r)
{
    struct iovec *v;
    if (r->join.n == 0)
        return;
    const int n = vnet_join_pieces(&r->join, r->vnet, &v);
    while (writev(r->tun.fd, v, n) < 0 && errno == EINTR) {
    }
}

static void put(relay *r, const uint8_t *p, size_t n)
{
    if (r->join.n > 0 && r->vnet && vnet_join_add(&r->join, p, n))
        return;
    write_join(r);
    vnet_join_begin(&r->join, p, n, (r->tun.offload & TUN_OFFLOAD_USO) != 0);
}

static uint32_t train_of(struct msghdr *h, uint32_t all)
{
    int each = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c))
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
            memcpy(&each, CMSG_DATA(c), sizeof each);
    return each > 0 ? (uint32_t)each : all;
}

static void from_peer(relay *r)
{
    struct mmsghdr m[READS];
    struct iovec v[READS];
    _Alignas(struct cmsghdr) uint8_t control[READS][64];
    memset(m, 0, sizeof m);
    const unsigned room = RECEIVES;
    for (unsigned i = 0; i < room; i++) {
        v[i] = (struct iovec){r->rx[i], 65536};
        m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i],
                                       .msg_iovlen = 1,
                                       .msg_control = control[i],
                                       .msg_controllen = sizeof control[i]};
    }
    const int got = recvmmsg(r->udp, m, room, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) {
        const uint32_t all = m[i].msg_len, each = train_of(&m[i].msg_hdr, all);
        for (uint32_t at = 0; at < all; at += each)
            put(r, r->rx[i] + at, all - at < each ? all - at : each);
    }
    write_join(r);
}

/* ---- start ---- */

static int open_udp(const char *local, const char *remote)
{
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1, room = 4 << 20;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)}, b = a;
    if (fd < 0 || inet_pton(AF_INET, local, &a.sin_addr) != 1 ||
        inet_pton(AF_INET, remote, &b.sin_addr) != 1)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    (void)setsockopt(fd, SOL_UDP, UDP_GRO, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        connect(fd, (struct sockaddr *)&b, sizeof b) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    static relay r;
    const char *step = "usage: nhtb-relay DEVICE LOCAL REMOTE";
    if (argc != 4 || tun_open(&r.tun, argv[1], TUN_OFFLOAD_ALL, &step) != 0 ||
        tun_carrier(&r.tun, true) != 0 || (r.udp = open_udp(argv[2], argv[3])) < 0) {
        fprintf(stderr, "nhtb-relay: %s\n", step);
        return 1;
    }
    r.vnet = (r.tun.offload & TUN_OFFLOAD_VNET) != 0;
    for (unsigned i = 0; i < READS; i++)
        r.read[i] = aligned_alloc(64, BUFFER);
    for (unsigned i = 0; i < RECEIVES; i++)
        r.rx[i] = aligned_alloc(64, BUFFER);
    puts("ready");
    fflush(stdout);
    struct pollfd p[2] = {{.fd = r.tun.fd, .events = POLLIN}, {.fd = r.udp, .events = POLLIN}};
    for (;;) {
        if (poll(p, 2, -1) < 0)
            continue;
        if ((p[0].revents & (POLLERR | POLLHUP)) != 0)
            return 1;
        if ((p[0].revents & POLLIN) != 0)
            from_device(&r);
        if ((p[1].revents & POLLIN) != 0)
            from_peer(&r);
    }
}
