/* SPDX-License-Identifier: Apache-2.0
 * ike_flood TARGET RATE SECONDS [PORT]: IKE_SA_INIT requests (RFC 7296 1.2) from addresses drawn out of
 * 127.0.0.0/8, each with an SPI and nonce of its own, and a count of what comes back. RATE 0: as fast
 * as it goes. PORT 500, or 4500 behind the non-ESP marker (RFC 3948 2.2). Used by flood.sh, only inside a network namespace. One thread: the gateway has the
 * other core. Prints one line of JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 8, BATCH = 64, REQUEST = 152, ANSWER = 2048, SEEN = 1 << 24, LINGER_MS = 300 };
enum { OFF_NOTIFY_TYPE = 28 + 6, N_COOKIE = 16390 };
static const uint64_t NS = 1000000000;

typedef struct tally {
    uint64_t sent, refused, bytes_sent;
    uint64_t answers, cookies, bytes_back;
    uint64_t longer, twice, foreign;        /* each of these must stay 0 */
    uint64_t with_state, with_state_longer; /* IKE_SA_INIT answers proper: below the threshold */
} tally;

typedef struct slot {
    uint8_t data[ANSWER];
    struct sockaddr_in sa;
    struct iovec iov;
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))];
} slot;

typedef struct flood {
    int fd[SOCKETS];
    struct sockaddr_in to;
    uint32_t salt; /* upper half of our SPIs; the lower half is the request's number */
    uint64_t dice;
    unsigned marker; /* bytes before each message: 4 on port 4500 */
    uint8_t *seen;   /* a bit for each answered request */
    slot out[BATCH], in[BATCH];
    struct mmsghdr out_h[BATCH], in_h[BATCH];
    tally t;
} flood;

static uint64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

static uint64_t draw(flood *f)
{
    f->dice ^= f->dice << 13;
    f->dice ^= f->dice >> 7;
    f->dice ^= f->dice << 17;
    return f->dice;
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* AES-256-GCM, PRF SHA-256, X25519: what the gateway would take, so that only its guards stop it. */
static void make_request(uint8_t *p)
{
    static const uint8_t PROPOSAL[] = {34, 0,  0, 40, 0, 0,  0,    36, 1, 1, 0, 3, 3, 0,
                                       0,  12, 1, 0,  0, 20, 0x80, 14, 1, 0, 3, 0, 0, 8,
                                       2,  0,  0, 5,  0, 0,  0,    8,  4, 0, 0, 31};
    memset(p, 0, REQUEST);
    p[16] = 33;
    p[17] = 0x20;
    p[18] = 34;   /* IKE_SA_INIT */
    p[19] = 0x08; /* from the initiator */
    put32(p + 24, REQUEST);
    memcpy(p + 28, PROPOSAL, sizeof PROPOSAL);
    uint8_t *ke = p + 28 + sizeof PROPOSAL;
    ke[0] = 40;
    put16(ke + 2, 40);
    put16(ke + 4, 31);
    put16(ke + 40 + 2, 44); /* a nonce of 40 bytes */
}

static void fill(flood *f, unsigned i)
{
    slot *s = &f->out[i];
    uint8_t *p = s->data + f->marker;
    struct in_pktinfo info;
    struct msghdr *h = &f->out_h[i].msg_hdr;
    put32(p, f->salt);
    put32(p + 4, (uint32_t)f->t.sent + i);
    for (unsigned k = 0; k < 32; k += 8) {
        const uint64_t r = draw(f);
        memcpy(p + 76 + k, &r, 8);  /* public value: any 32 bytes are a point */
        memcpy(p + 112 + k, &r, 8); /* nonce */
    }
    memset(&info, 0, sizeof info);
    info.ipi_spec_dst.s_addr = htonl(0x7f000000u | (uint32_t)(1 + draw(f) % 0xfffffd));
    memset(h, 0, sizeof *h);
    h->msg_name = &f->to;
    h->msg_namelen = sizeof f->to;
    s->iov = (struct iovec){s->data, f->marker + REQUEST};
    h->msg_iov = &s->iov;
    h->msg_iovlen = 1;
    h->msg_control = s->control;
    h->msg_controllen = sizeof s->control;
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(c), &info, sizeof info);
}

static void send_batch(flood *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        fill(f, i);
    const int sent = sendmmsg(f->fd[draw(f) % SOCKETS], f->out_h, n, MSG_DONTWAIT);
    if (sent <= 0) {
        f->t.refused++;
        return;
    }
    f->t.sent += (unsigned)sent;
    f->t.bytes_sent += (uint64_t)sent * (f->marker + REQUEST);
}

static void judge(flood *f, const uint8_t *p, size_t n)
{
    tally *t = &f->t;
    t->answers++;
    t->bytes_back += n;
    if (n < f->marker || (f->marker != 0 && get32(p) != 0)) {
        t->foreign++;
        return;
    }
    p += f->marker;
    n -= f->marker;
    if (n < 28 || get32(p) != f->salt || get32(p + 4) >= f->t.sent) {
        t->foreign++;
        return;
    }
    const uint32_t number = get32(p + 4);
    const bool state = p[16] == 33; /* an SA payload first, not a notification */
    t->with_state += state;
    *(state ? &t->with_state_longer : &t->longer) += n > REQUEST;
    if (n > OFF_NOTIFY_TYPE + 2 && p[16] == 41 &&
        (p[OFF_NOTIFY_TYPE] << 8 | p[OFF_NOTIFY_TYPE + 1]) == N_COOKIE)
        t->cookies++;
    if (number >= SEEN)
        return;
    t->twice += f->seen[number / 8] >> (number % 8) & 1;
    f->seen[number / 8] |= (uint8_t)(1u << (number % 8));
}

/* True: something came. */
static bool collect(flood *f)
{
    bool any = false;
    for (unsigned k = 0; k < SOCKETS; k++) {
        const int n = recvmmsg(f->fd[k], f->in_h, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            judge(f, f->in[i].data, f->in_h[i].msg_len);
        any = any || n > 0;
    }
    return any;
}

static void nap(void)
{
    const struct timespec ts = {.tv_nsec = 200000};
    nanosleep(&ts, NULL);
}

static uint64_t run(flood *f, uint64_t rate, uint64_t seconds)
{
    const uint64_t begin = now(), end = begin + seconds * NS;
    uint64_t t = begin, offered = 0;
    while (t < end) {
        const uint64_t due = rate != 0 ? (t - begin) * rate / NS : offered + BATCH;
        const uint64_t n = due - offered < BATCH ? due - offered : BATCH;
        if (n > 0)
            send_batch(f, (unsigned)n);
        offered += n;
        const bool came = collect(f);
        if (n < BATCH && !came)
            nap();
        t = now();
    }
    const uint64_t took = t - begin;
    for (uint64_t last = now(); now() - last < (uint64_t)LINGER_MS * 1000000;)
        if (collect(f))
            last = now();
        else
            nap();
    return took;
}

static int open_one(void)
{
    const int size = 8 << 20;
    struct sockaddr_in any = {.sin_family = AF_INET};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) != 0) {
        perror("ike_flood: socket");
        exit(1);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

static bool prepare(flood *f, const char *target, uint16_t port)
{
    f->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    f->marker = port == 4500 ? 4 : 0;
    if (inet_pton(AF_INET, target, &f->to.sin_addr) != 1 ||
        getrandom(&f->salt, sizeof f->salt, 0) != sizeof f->salt)
        return false;
    f->salt |= 1; /* an SPI is not zero */
    f->dice = 0x9e3779b97f4a7c15u ^ f->salt;
    for (unsigned i = 0; i < SOCKETS; i++)
        f->fd[i] = open_one();
    for (unsigned i = 0; i < BATCH; i++) {
        make_request(f->out[i].data + f->marker);
        f->in[i].iov = (struct iovec){f->in[i].data, ANSWER};
        f->in_h[i].msg_hdr.msg_iov = &f->in[i].iov;
        f->in_h[i].msg_hdr.msg_iovlen = 1;
    }
    return true;
}

static void report(const tally *t, double s)
{
    printf("{\"seconds\": %.3f, \"sent\": %llu, \"answers\": %llu, \"cookies\": %llu, "
           "\"sent_per_s\": %.0f, \"answers_per_s\": %.0f, \"bytes_sent\": %llu, "
           "\"bytes_back\": %llu, \"longer\": %llu, \"twice\": %llu, \"foreign\": %llu, "
           "\"refused\": %llu, "
           "\"with_state\": %llu, \"with_state_longer\": %llu}\n",
           s, (unsigned long long)t->sent, (unsigned long long)t->answers,
           (unsigned long long)t->cookies, (double)t->sent / s, (double)t->answers / s,
           (unsigned long long)t->bytes_sent, (unsigned long long)t->bytes_back,
           (unsigned long long)t->longer, (unsigned long long)t->twice,
           (unsigned long long)t->foreign, (unsigned long long)t->refused,
           (unsigned long long)t->with_state, (unsigned long long)t->with_state_longer);
}

int main(int argc, char **argv)
{
    const unsigned long port = argc == 5 ? strtoul(argv[4], NULL, 10) : 500;
    if (argc < 4 || argc > 5 || (port != 500 && port != 4500)) {
        fprintf(stderr, "usage: ike_flood TARGET RATE SECONDS [500|4500]\n");
        return 2;
    }
    flood *f = calloc(1, sizeof *f);
    if (f == NULL || (f->seen = calloc(1, SEEN / 8)) == NULL ||
        !prepare(f, argv[1], (uint16_t)port)) {
        fprintf(stderr, "ike_flood: cannot start\n");
        return 1;
    }
    const uint64_t took = run(f, strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    report(&f->t, (double)took / (double)NS);
    for (unsigned i = 0; i < SOCKETS; i++)
        close(f->fd[i]);
    free(f->seen);
    free(f);
    return 0;
}
