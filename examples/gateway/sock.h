/* SPDX-License-Identifier: Apache-2.0
 * Datagram sockets of the gateway: what udp.c and rawesp.c open, how a packet becomes a msghdr and
 * back (local address by PKTINFO, TOS, TTL). A socket is sent on by one thread only, because DF is
 * a socket option that is switched between packets. */
#ifndef GATEWAY_SOCK_H
#define GATEWAY_SOCK_H
#include <nhtb/nhtb.h>

#include <netinet/in.h>
#include <sys/socket.h>

struct mmsghdr; /* complete with _GNU_SOURCE */

typedef struct gw_sock {
    int fd;          /* -1: not there */
    uint8_t family;  /* 4 or 6 */
    uint8_t kind;    /* nhtb_pkt_kind of what arrives */
    uint16_t port;   /* 0: raw ESP */
    int8_t df;       /* DF state of the socket: 0, 1, -1 unknown */
    uint8_t offload; /* SOCK_OFFLOAD_* */
} gw_sock;
enum {
    SOCK_OFFLOAD_SEGMENT = 1, /* UDP_SEGMENT: a send of several equal datagrams */
    SOCK_OFFLOAD_GRO = 2,     /* UDP_GRO: a receive of several */
    SOCK_OFFLOAD_FILTER = 4,  /* raw ESP: a filter in the kernel drops what cannot be ours */
    SOCK_OFFLOAD_STEER = 8,   /* with several workers: the kernel finds a packet's worker */
    SOCK_OFFLOAD_ALL = 15
};

/** Everything one message needs around its payload. */
typedef struct gw_slot {
    struct sockaddr_storage sa;
    struct iovec iov;
    size_t plain_control; /* bytes of control without what makes a train */
    _Alignas(struct cmsghdr) uint8_t control[128];
} gw_slot;

/** udp.c / rawesp.c. 0 or -errno; s->fd is -1 when the family does not exist on this host. */
int udp_open(gw_sock *s, uint8_t family, uint16_t port);
int rawesp_open(gw_sock *s, uint8_t family);
/** One more socket for the port of `first`, which shares it from now on with sockets of our user that
 *  want to. -1 in s->fd when first has none. */
int udp_share(gw_sock *s, gw_sock *first);
/** A raw socket that is open but gets nothing: it can send. rawesp_wake makes it get what others get; no
 *  privilege is needed for that. */
int rawesp_park(gw_sock *s);
int rawesp_wake(gw_sock *s);
void sock_close(gw_sock *s);

/** Fills h to send p along p->path. */
void sock_fill_tx(const gw_sock *s, struct msghdr *h, gw_slot *slot, const nhtb_pkt *p);
/** Fills h to receive into p (data at p->off, up to room bytes). */
void sock_fill_rx(struct msghdr *h, gw_slot *slot, nhtb_pkt *p, uint32_t room);
/** After a receive of n bytes: sets p and *path. False: not a usable packet. */
bool sock_parse_rx(const gw_sock *s, const struct msghdr *h, size_t n, nhtb_pkt *p,
                   nhtb_path *path);
/** After a receive: length of each datagram of a train (the last may be shorter); 0: just one. */
uint32_t sock_train(const struct msghdr *h);
/** Makes of a filled message a train of datagrams of `each` bytes. */
void sock_make_train(struct msghdr *h, uint16_t each);
/** Asks the kernel what it can do for this socket; sets s->offload. wanted: SOCK_OFFLOAD_*. */
void sock_probe(gw_sock *s, uint8_t wanted);
/** Name of the i-th lowest bit of SOCK_OFFLOAD_*; NULL after the last. */
const char *sock_offload_name(unsigned i);
/** recvmmsg and sendmmsg, never waiting. A kernel or a sandbox without them (ENOSYS) gets the first
 *  message by recvmsg or sendmsg. Result and errno are those of the batch calls. */
int sock_receive_batch(const gw_sock *s, struct mmsghdr *v, unsigned n);
int sock_send_batch(const gw_sock *s, struct mmsghdr *v, unsigned n);
/** Switches DF for what is sent next. */
void sock_set_df(gw_sock *s, bool df);
/** The kernel's path MTU toward path->remote, 0: unknown. */
uint32_t sock_path_mtu(const nhtb_path *path);

#endif
