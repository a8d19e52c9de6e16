/* SPDX-License-Identifier: Apache-2.0
 * steer.c: UDP sockets that share a port get the packets whose SPI names them; raw sockets the same where
 * the test may open them. Over loopback. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "steer.h"

enum { SOCKETS = 3, BITS = 2 };

/* A port of this test that nobody has. */
static uint16_t open_first(gw_sock *s)
{
    for (uint16_t port = 40000; port < 41000; port++)
        if (udp_open(s, 4, (uint16_t)(port + getpid() % 5000)) == 0)
            return s->port;
    cr_skip_test("no free port");
    return 0;
}

static void send_spi(int from, uint16_t port, uint32_t spi, size_t n)
{
    uint8_t b[40] = {0};
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (unsigned i = 0; i < 4; i++)
        b[i] = (uint8_t)(spi >> (24 - 8 * i));
    cr_assert_eq(sendto(from, b, n, 0, (const struct sockaddr *)&to, sizeof to), (ssize_t)n);
}

/* How many packets wait; all are taken. */
static unsigned waiting(const gw_sock *s)
{
    uint8_t b[100];
    unsigned n = 0;
    while (recv(s->fd, b, sizeof b, MSG_DONTWAIT) > 0)
        n++;
    return n;
}

Test(steer, udp_goes_by_the_low_bits_of_the_spi)
{
    gw_sock s[SOCKETS];
    const uint16_t port = open_first(&s[0]);
    const int from = socket(AF_INET, SOCK_DGRAM, 0);
    for (unsigned k = 1; k < SOCKETS; k++)
        cr_assert_eq(udp_share(&s[k], &s[0]), 0);
    cr_assert_eq(steer_udp(&s[0], &(gw_share){BITS, SOCKETS, 0}), 0);
    for (uint32_t i = 0; i < 30; i++)
        send_spi(from, port, 0x12345600 + (i << 8) + i % 3, 40);
    for (unsigned k = 0; k < SOCKETS; k++)
        cr_assert_eq(waiting(&s[k]), 10, "socket %u", k);
    send_spi(from, port, 0, 40);         /* IKE behind its marker */
    send_spi(from, port, 0xff000000, 1); /* a keepalive */
    cr_assert_eq(waiting(&s[0]), 2);
    for (uint32_t i = 0; i < 8; i++) /* a place without a worker: to anybody, but it arrives */
        send_spi(from, port, 0x10003 + (i << 8), 40);
    cr_assert_eq(waiting(&s[0]) + waiting(&s[1]) + waiting(&s[2]), 8);
    for (unsigned k = 0; k < SOCKETS; k++)
        sock_close(&s[k]);
    close(from);
}

Test(steer, a_port_that_another_daemon_has_is_not_shared)
{
    gw_sock s, other;
    const uint16_t port = open_first(&s);
    cr_assert_eq(udp_open(&other, 4, port), -EADDRINUSE);
    cr_assert_eq(udp_share(&other, &s), 0);
    sock_close(&other);
    cr_assert_eq(udp_open(&other, 4, port), -EADDRINUSE, "also while ours share it");
    sock_close(&s);
}

static void send_esp(int from, uint32_t spi)
{
    send_spi(from, 0, spi, 40);
}

Test(steer, raw_sockets_get_their_share_and_parked_ones_nothing)
{
    gw_sock s[SOCKETS + 1];
    if (geteuid() != 0)
        cr_skip_test("raw sockets need root");
    const int from = socket(AF_INET, SOCK_RAW, 50);
    for (unsigned k = 0; k <= SOCKETS; k++) {
        cr_assert_eq(rawesp_open(&s[k], 4), 0);
        cr_assert_eq(rawesp_park(&s[k]), 0);
    }
    send_esp(from, 0x10000);
    for (unsigned k = 0; k <= SOCKETS; k++)
        cr_assert_eq(waiting(&s[k]), 0, "parked socket %u", k);
    for (unsigned k = 0; k < SOCKETS; k++) {
        cr_assert_eq(steer_raw(&s[k], &(gw_share){BITS, SOCKETS, k}), 0);
        cr_assert_eq(rawesp_wake(&s[k]), 0);
    }
    for (uint32_t i = 0; i < 40; i++)
        send_esp(from, 0x12345600 + i);
    send_esp(from, 255); /* reserved */
    cr_assert_eq(waiting(&s[0]), 20, "its own and those of the place without a worker");
    cr_assert_eq(waiting(&s[1]), 10);
    cr_assert_eq(waiting(&s[2]), 10);
    cr_assert_eq(waiting(&s[SOCKETS]), 0);
    for (unsigned k = 0; k <= SOCKETS; k++)
        sock_close(&s[k]);
    close(from);
}
