/* SPDX-License-Identifier: Apache-2.0
 * Source and sink of UDP datagrams for gateway_rows.sh, the same for every system measured.
 *   nhtb-udp-load send ADDRESS PORT SIZE SECONDS plain|train   prints datagrams sent
 *   nhtb-udp-load sink ADDRESS PORT SIZE SECONDS plain|train   prints datagrams received
 * plain: one sendto per datagram; train: UDP_SEGMENT, and UDP_GRO at the sink. The sink counts from the
 * first datagram on and prints datagrams per second too. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { TRAIN = 64, MESSAGES = 16, ROOM = 65536 };

typedef struct load {
    int fd;
    struct sockaddr_in at;
    unsigned size;
    double seconds;
    int train;
} load;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int send_all(const load *l)
{
    static char data[ROOM];
    const unsigned n = l->train ? (TRAIN * l->size <= 65000 ? TRAIN : 65000 / l->size) : 1;
    const int each = (int)l->size;
    unsigned long long sent = 0;
    if (l->train && setsockopt(l->fd, SOL_UDP, UDP_SEGMENT, &each, sizeof each) != 0)
        return perror("UDP_SEGMENT"), 1;
    const double end = now() + l->seconds;
    while (now() < end)
        for (unsigned i = 0; i < 32; i++)
            if (sendto(l->fd, data, (size_t)n * l->size, 0, (const struct sockaddr *)&l->at,
                       sizeof l->at) > 0)
                sent += n;
    printf("%llu\n", sent);
    return 0;
}

static int sink(const load *l)
{
    static char data[MESSAGES][ROOM];
    struct mmsghdr m[MESSAGES];
    struct iovec v[MESSAGES];
    const int one = 1;
    const struct timeval patience = {.tv_sec = 0, .tv_usec = 200000};
    unsigned long long got = 0;
    double first = 0, last = 0, end = now() + l->seconds;
    memset(m, 0, sizeof m);
    for (unsigned i = 0; i < MESSAGES; i++) {
        v[i] = (struct iovec){data[i], ROOM};
        m[i].msg_hdr.msg_iov = &v[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    (void)setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (bind(l->fd, (const struct sockaddr *)&l->at, sizeof l->at) != 0 ||
        (l->train && setsockopt(l->fd, SOL_UDP, UDP_GRO, &one, sizeof one) != 0))
        return perror("sink"), 1;
    while (now() < end) {
        const int r = recvmmsg(l->fd, m, MESSAGES, MSG_WAITFORONE, NULL);
        if (r <= 0)
            continue;
        last = now();
        if (first == 0)
            first = last;
        for (int i = 0; i < r; i++)
            got += (m[i].msg_len + l->size - 1) / l->size;
    }
    printf("%llu %.0f\n", got, last > first ? (double)got / (last - first) : 0);
    return 0;
}

int main(int argc, char **argv)
{
    const int room = 8 << 20;
    if (argc != 7) {
        fputs("usage: nhtb-udp-load send|sink ADDRESS PORT SIZE SECONDS plain|train\n", stderr);
        return 2;
    }
    load l = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
              .at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))},
              .size = (unsigned)atoi(argv[4]),
              .seconds = atof(argv[5]),
              .train = strcmp(argv[6], "train") == 0};
    if (l.fd < 0 || inet_pton(AF_INET, argv[2], &l.at.sin_addr) != 1 || l.size == 0 ||
        l.size > 1400)
        return perror("nhtb-udp-load"), 1;
    (void)setsockopt(l.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    (void)setsockopt(l.fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    return strcmp(argv[1], "send") == 0 ? send_all(&l) : sink(&l);
}
