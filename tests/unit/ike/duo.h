/* SPDX-License-Identifier: Apache-2.0
 * Two IKE rooms in memory with a datagram queue and a virtual clock. Everything a room appends but
 * SEND is written to its trace as words: "ike_up", "ike_down:liveness", "install0" ("install0+" when
 * it is to be used at once), "use0", "drain0", "remove0", "learn0", "move", "ask". */
#ifndef NHI_TEST_DUO_H
#define NHI_TEST_DUO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <nhtb/backend_null.h>
#if NHTB_HAVE_OPENSSL
#include <nhtb/backend_openssl.h>
#endif

#include "ike/room.h"

#define S  NHTB_NS_PER_S
#define MS NHTB_NS_PER_MS

typedef struct datagram {
    int to; /* side that receives */
    uint8_t kind;
    nhtb_path path; /* as the receiver sees it */
    size_t n;
    uint8_t p[4096];
} datagram;

typedef struct side {
    nhi_ike *ike;
    nhi_mem mem;
    nhi_wheel wheel;
    nhi_rng jitter;
    nhtb_settings settings;
    nhtb_crypto crypto;
    nhtb_peer cfg; /* changed by tests before duo_start */
    nhtb_child child[4];
    nhtb_v1 v1; /* cfg.v1 of duo_new_v1 */
    nhtb_peer_id peer;
    bool has_own, multipoint;
    nhtb_addr own, learnt;
    uint32_t next_spi, reserved, installed, question, last_spi_in, last_spi_out;
    uint8_t key_in[96], key_out[96];
    size_t key_n;
    nhtb_path child_path, moved;
    uint16_t n_local_ts;
    nhtb_ts local_ts, remote_ts;
    uint64_t live, allocs, fail_alloc, fail_random;
    bool spi_fail, install_fail;
    unsigned refuse_reason; /* last non-zero reason of nhi_ike_recv */
    nhtb_time last_in, last_out;
    char trace[2048];
} side;

typedef struct duo {
    side s[2];
    nhtb_time now;
    datagram q[64];
    size_t n;
    bool cut[2];      /* datagrams to this side are lost */
    unsigned sent[2]; /* datagrams to this side so far */
    uint64_t lose[2]; /* bit k: the k-th datagram to this side is lost */
    bool nat;         /* side 1 is behind NAT: source 198.51.100.7, ports shifted by 10000 */
    uint16_t nat_shift;
    bool stray_notify; /* NHTB notify number seen on the wire in the clear (never) */
} duo;

/** Sides 0 (192.0.2.1, "a") and 1 (192.0.2.2, "b"), one child any-any, PSK "secret", establish on
 *  traffic; rooms are made by duo_start. */
duo *duo_new(void);
/** The same, but both speak IKEv1. */
duo *duo_new_v1(nhtb_v1_mode mode);
void duo_start(duo *p);
/** Starts one side only. */
void duo_start_side(duo *p, int i);
/** Ends both; memory and SPIs must be given back. */
void duo_end(duo *p);
/** Actions and jobs of a side. */
void duo_drain(duo *p, int i);
/** Delivers the oldest datagram; false: none. */
bool duo_deliver(duo *p);
/** Delivers the k-th and removes it. */
void duo_deliver_at(duo *p, size_t k);
/** Until nothing is on the way. */
void duo_run(duo *p);
/** Lets time pass, firing timers when they are due. */
void duo_pass(duo *p, nhtb_time ns);
void duo_initiate(duo *p, int i);
/** Establishes from side 0 and clears the traces. */
void duo_up(duo *p);
void duo_clear(duo *p);
nhi_ike_sa *duo_sa(duo *p, int i);
nhi_ike_child *duo_child(duo *p, int i, uint16_t cfg);
size_t duo_sas(duo *p, int i);
#define EXPECT(p, i, text)                                                                         \
    cr_assert_str_eq((p)->s[i].trace, text, "side %d: \"%s\", not \"%s\"", i, (p)->s[i].trace, text)

nhtb_addr ip(const char *text);
nhtb_ts net4(const char *text, uint8_t len);
nhtb_span str(const char *text);

#endif
