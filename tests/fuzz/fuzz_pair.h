/* SPDX-License-Identifier: Apache-2.0
 * Two contexts over the null backend that negotiate one tunnel, and the network between them, which
 * a target rules: every datagram waits in a queue until the target delivers, loses or changes it.
 * One thread. */
#ifndef NHTB_TESTS_FUZZ_PAIR_H
#define NHTB_TESTS_FUZZ_PAIR_H

#include "fuzz/fuzz_side.h"

enum { FUZZ_QUEUE = 48, FUZZ_ROOM = 4200 };

typedef struct fuzz_datagram {
    unsigned to;
    uint8_t kind;
    nhtb_path path; /* as the receiver sees it */
    size_t n;
    uint8_t data[FUZZ_ROOM];
} fuzz_datagram;

typedef struct fuzz_pair {
    fuzz_side side[2];
    fuzz_datagram *queue[FUZZ_QUEUE];
    unsigned n, from, delivered[2];
    bool lied; /* a protected message was edited: by the target */
    bool v1;   /* both speak IKEv1 */
} fuzz_pair;

/** Side 0 is "hub", side 1 "spoke" and initiates. */
typedef struct fuzz_pair_opts {
    uint64_t seed;
    bool cookies;           /* always, not never */
    bool encap, both_start; /* UDP whatever the path; the hub initiates too */
    bool certs;             /* both prove themselves by certificates, where the build can */
    bool v1;                /* IKEv1, with what v1_opt says (fuzz_v1_entry) */
    unsigned v1_opt;
    uint16_t fragment_size; /* 0: the default. Else identities are long, so that IKE_AUTH is cut */
} fuzz_pair_opts;
void fuzz_pair_open(fuzz_pair *w, const fuzz_pair_opts *o);
/** Checks that all memory came back. */
void fuzz_pair_close(fuzz_pair *w);

/** Jobs and output of one side, into the queue. */
void fuzz_pair_pump(fuzz_pair *w, unsigned who);
/** Takes datagram i out of the queue; the caller frees it. */
fuzz_datagram *fuzz_pair_take(fuzz_pair *w, unsigned i);
/** Puts one behind the others; a full queue frees it. */
void fuzz_pair_put(fuzz_pair *w, fuzz_datagram *d);
/** d reaches its side, whose answers are queued. d stays the caller's. */
void fuzz_pair_receive(fuzz_pair *w, const fuzz_datagram *d);
/** Delivers what is queued, in order, until nothing is left. */
void fuzz_pair_settle(fuzz_pair *w);
void fuzz_pair_advance(fuzz_pair *w, nhtb_time to);
nhtb_time fuzz_pair_deadline(const fuzz_pair *w);
/** An inner packet from one host to the other. */
void fuzz_pair_ping(fuzz_pair *w, unsigned from);
/** A user's wish: rekeys, clear, initiate, or nothing; which one and where from the input. */
void fuzz_pair_command(fuzz_pair *w, fuzz_in *in);
/** From here on the network is honest: the tunnel must come back and carry a packet each way. A peer
 *  that lied inside protected messages can agree on keys or selectors that fit nothing; nobody can
 *  tell before the pair is replaced: then the next rekey mends it. Without a lie the tunnel is back
 *  before that. */
void fuzz_pair_recover(fuzz_pair *w);

/** The IKE message of a datagram, behind a marker; NULL: none. */
uint8_t *fuzz_datagram_ike(fuzz_datagram *d, size_t *n);

#endif
