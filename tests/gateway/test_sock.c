/* SPDX-License-Identifier: Apache-2.0
 * Batches of datagrams between two loopback sockets: examples/gateway/sock.c, with and without the
 * kernel's batch calls (a seccomp filter takes them away, as sandboxes do). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sock.h"

enum { N = 5, ROOM = 64 };

static gw_sock open_one(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    const int one = 1;
    gw_sock s = {.family = 4, .kind = NHTB_PKT_IKE_500, .df = -1};
    s.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    cr_assert(s.fd >= 0);
    cr_assert_eq(bind(s.fd, (struct sockaddr *)&sa, sizeof sa), 0);
    cr_assert_eq(getsockname(s.fd, (struct sockaddr *)&sa, &n), 0);
    cr_assert_eq(setsockopt(s.fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one), 0);
    s.port = ntohs(sa.sin_port);
    return s;
}

typedef struct batch {
    uint8_t data[N][ROOM];
    nhtb_pkt pkt[N];
    nhtb_path path[N];
    gw_slot slot[N];
    struct mmsghdr h[N];
} batch;

static void fill_tx(batch *b, const gw_sock *from, const gw_sock *to)
{
    for (uint8_t i = 0; i < N; i++) {
        memset(b->data[i], 'a' + i, ROOM);
        b->path[i] = (nhtb_path){.local = {.family = 4, .b = {127, 0, 0, 2}},
                                 .remote = {.family = 4, .b = {127, 0, 0, 1}},
                                 .remote_port = to->port};
        b->pkt[i] = (nhtb_pkt){.buf = b->data[i], .cap = ROOM, .len = 10u + i, .path = &b->path[i]};
        sock_fill_tx(from, &b->h[i].msg_hdr, &b->slot[i], &b->pkt[i]);
    }
}

static void fill_rx(batch *b, uint32_t room)
{
    for (unsigned i = 0; i < N; i++) {
        b->pkt[i] = (nhtb_pkt){.buf = b->data[i], .cap = ROOM};
        sock_fill_rx(&b->h[i].msg_hdr, &b->slot[i], &b->pkt[i], room);
    }
}

static void send_all(const gw_sock *from, const gw_sock *to)
{
    static batch b;
    fill_tx(&b, from, to);
    for (unsigned i = 0; i < N;) {
        const int n = sock_send_batch(from, &b.h[i], N - i);
        cr_assert_gt(n, 0, "%s", strerror(errno));
        i += (unsigned)n;
    }
}

/* Returns how many calls it took. */
static unsigned expect_all(const gw_sock *from, const gw_sock *to)
{
    static batch b;
    unsigned calls = 0;
    for (unsigned i = 0; i < N; calls++) {
        fill_rx(&b, ROOM);
        const int n = sock_receive_batch(to, b.h, N - i);
        cr_assert_gt(n, 0, "%s", strerror(errno));
        for (int k = 0; k < n; k++, i++) {
            nhtb_path path;
            cr_assert(sock_parse_rx(to, &b.h[k].msg_hdr, b.h[k].msg_len, &b.pkt[k], &path));
            cr_assert_eq(b.pkt[k].len, 10 + i);
            cr_assert_eq(b.data[k][0], 'a' + i);
            cr_assert_eq(path.remote.b[3], 2);
            cr_assert_eq(path.remote_port, from->port);
            cr_assert_eq(path.local.b[3], 1);
        }
    }
    cr_assert_eq(sock_receive_batch(to, b.h, N), -1);
    cr_assert_eq(errno, EAGAIN);
    return calls;
}

/* The batch calls answer ENOSYS from here on, as in sandboxes that do not know them. */
static void take_batch_calls_away(void)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvmmsg, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmmsg, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog prog = {.len = sizeof f / sizeof *f, .filter = f};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

Test(sock, a_batch_arrives_whole_with_its_addresses)
{
    const gw_sock a = open_one(), b = open_one();
    send_all(&a, &b);
    cr_assert_eq(expect_all(&a, &b), 1);
}

Test(sock, without_batch_calls_messages_go_one_by_one)
{
    const gw_sock a = open_one(), b = open_one();
    take_batch_calls_away();
    send_all(&a, &b);
    cr_assert_eq(expect_all(&a, &b), N);
}

Test(sock, a_datagram_longer_than_the_room_is_refused)
{
    static batch r;
    nhtb_path path;
    const gw_sock a = open_one(), b = open_one();
    send_all(&a, &b);
    fill_rx(&r, 12);
    cr_assert_eq(sock_receive_batch(&b, r.h, N), N);
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(sock_parse_rx(&b, &r.h[i].msg_hdr, r.h[i].msg_len, &r.pkt[i], &path),
                     10 + i <= 12);
}

Test(sock, a_datagram_without_its_local_address_is_refused)
{
    static batch r;
    nhtb_path path;
    const int zero = 0;
    const gw_sock a = open_one(), b = open_one();
    cr_assert_eq(setsockopt(b.fd, IPPROTO_IP, IP_PKTINFO, &zero, sizeof zero), 0);
    send_all(&a, &b);
    fill_rx(&r, ROOM);
    cr_assert_eq(sock_receive_batch(&b, r.h, N), N);
    cr_assert_not(sock_parse_rx(&b, &r.h[0].msg_hdr, r.h[0].msg_len, &r.pkt[0], &path));
}
