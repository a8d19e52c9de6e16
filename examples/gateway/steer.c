/* SPDX-License-Identifier: Apache-2.0
 * Classic BPF for the workers' sockets: see steer.h. RFC 4303 2.1, RFC 3948 2. */
#define _GNU_SOURCE
#include "steer.h"

#include <errno.h>
#include <linux/filter.h>

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

#define MOST 12 /* statements of the longest program */

typedef struct program {
    struct sock_filter v[MOST];
    unsigned short n;
} program;

static void put(program *p, struct sock_filter f)
{
    p->v[p->n++] = f;
}

static void load(program *p, uint16_t code, uint32_t k)
{
    put(p, (struct sock_filter)BPF_STMT(code, k));
}

/* Drops what fails the test; the next statement sees the rest. */
static void keep_if(program *p, uint16_t test, uint32_t k)
{
    put(p, (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | BPF_K | test), k, 1, 0));
    load(p, BPF_RET | BPF_K, 0);
}

/* Worker 0 takes place 0 and those from n on, the others theirs. */
static void keep_place(program *p, const gw_share *share)
{
    load(p, BPF_ALU | BPF_AND | BPF_K, (UINT32_C(1) << share->bits) - 1);
    if (share->k != 0) {
        keep_if(p, BPF_JEQ, share->k);
        return;
    }
    put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | BPF_JEQ, 0, 2, 0));
    keep_if(p, BPF_JGE, share->n);
}

int steer_raw(const gw_sock *s, const gw_share *share)
{
    program p = {.n = 0};
    if (s->family == 4) { /* the IP header comes with it */
        load(&p, BPF_LDX | BPF_B | BPF_MSH, 0);
        load(&p, BPF_LD | BPF_W | BPF_IND, 0);
    } else {
        load(&p, BPF_LD | BPF_W | BPF_ABS, 0);
    }
    keep_if(&p, BPF_JGT, 255);
    if (share->n > 1)
        keep_place(&p, share);
    load(&p, BPF_RET | BPF_K, share->n != 0 ? UINT32_MAX : 0);
    const struct sock_fprog f = {p.n, p.v};
    return setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof f) != 0 ? -errno : 0;
}

/* The kernel shows the payload; where it is shorter than the load, the answer is 0. A place without a
 * socket is spread by addresses and ports. */
int steer_udp(const gw_sock *s, const gw_share *share)
{
    program p = {.n = 0};
    load(&p, BPF_LD | BPF_W | BPF_ABS, 0);
    load(&p, BPF_ALU | BPF_AND | BPF_K, (UINT32_C(1) << share->bits) - 1);
    load(&p, BPF_RET | BPF_A, 0);
    const struct sock_fprog f = {p.n, p.v};
    return setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &f, sizeof f) != 0 ? -errno : 0;
}
