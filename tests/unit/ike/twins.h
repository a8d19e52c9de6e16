/* SPDX-License-Identifier: Apache-2.0
 * Two IKE rooms over the null backend, one virtual clock, datagrams in flight that the test
 * delivers, drops, copies or edits, and a shadow of the data plane that holds every action against
 * its rules. Used by the matrix, bit, payload and schedule tests. One thread. */
#ifndef NHI_TEST_TWINS_H
#define NHI_TEST_TWINS_H

#include <string.h>

#include "ike/room.h"

enum { TWINS_ESP = 256, TWINS_FLIGHT = 64, TWINS_MSG = 4096, TWINS_CHILDREN = 2 };

typedef struct twins_opts {
    uint64_t seed;
    bool cookie;                 /* end 1 asks for cookies always */
    bool other_group;            /* end 1 takes only the second group of end 0 */
    bool pfs, hold_jobs, no_psk; /* no_psk: both ask the host */
    bool immediately;            /* both ends establish on their own */
    bool liveness;
    unsigned v1; /* 1: both speak IKEv1 main mode, 2: aggressive mode */
    bool certs;  /* both sign and verify, with real signatures (OpenSSL) */
    unsigned children;
} twins_opts;

typedef enum twins_esp_state { ESP_NONE, ESP_RESERVED, ESP_INSTALLED, ESP_GONE } twins_esp_state;

typedef struct twins_esp {
    uint32_t spi_in, spi_out;
    uint16_t child;
    uint8_t state;
    bool use;
    size_t n;
    uint8_t key_in[128], key_out[128];
} twins_esp;

typedef struct twins_end {
    nhi_ike *ike;
    nhi_mem mem;
    nhi_wheel wheel;
    nhi_rng jitter;
    nhtb_settings settings;
    nhtb_crypto crypto;
    nhtb_peer_id peer;
    nhtb_path path;
    uint64_t rnd;
    uint32_t next_spi;
    size_t blocks, bytes;
    twins_esp esp[TWINS_ESP];
    unsigned n_esp, installs, removes, reserved, released;
    uint32_t question;
    unsigned sent, index;
} twins_end;

typedef struct twins_dgram {
    unsigned to, serial;
    uint8_t kind;
    nhtb_path path; /* as the receiver sees it */
    size_t n;
    uint8_t *b; /* without marker */
} twins_dgram;

typedef struct twins {
    twins_opts o;
    nhtb_time now;
    twins_end e[2]; /* 0 starts, 1 answers */
    twins_dgram flight[TWINS_FLIGHT];
    unsigned n_flight, serial;
    bool lossy; /* what is sent now never arrives */
} twins;

void twins_open(twins *p, const twins_opts *o);
/** Certificates instead of the key (twins_pki.c); false: nothing here makes signatures. */
bool twins_pki(twins_end *e, nhtb_peer *cfg);
/** Ends both ends at once; every byte must come back. */
void twins_close(twins *p);
/** Both ends delete all they have, then nothing may be left; then twins_close. */
void twins_finish(twins *p);
/** Applies what a call into the room left behind: jobs (unless held) and actions. */
void twins_settle(twins *p, unsigned end);
/** Runs the oldest job that is held. */
void twins_job(twins *p, unsigned end);
void twins_initiate(twins *p, unsigned end);
/** A copy of a datagram, freed with free(d.b). */
twins_dgram twins_copy(const twins_dgram *d);
/** Takes datagram i out of the flight; the caller frees it. */
twins_dgram twins_take(twins *p, unsigned i);
/** Hands bytes to an end as if d had carried them. Returns the reason. */
unsigned twins_feed(twins *p, const twins_dgram *d, const uint8_t *b, size_t n);
/** Delivers datagram i. */
unsigned twins_deliver(twins *p, unsigned i);
void twins_drop(twins *p, unsigned i);
/** Delivers in order until nothing is in flight (bounded). */
void twins_drain(twins *p);
/** Earliest timer of both ends. */
nhtb_time twins_deadline(const twins *p);
/** Fires what is due at `to` and sets the clock; what is sent stays in flight. */
void twins_clock(twins *p, nhtb_time to);
/** Time passes; everything is delivered in order. */
void twins_run(twins *p, nhtb_time span);
/** The usual start: set up, children up, nothing in flight. */
void twins_up(twins *p);

/** The first SA of an end in this state, or NULL. */
nhi_ike_sa *twins_sa(twins *p, unsigned end, unsigned state);
nhi_ike_child *twins_child(twins *p, unsigned end, uint16_t cfg);
/** Nothing that both ends hold as established may disagree: keys of IKE SAs and of pairs. */
void twins_check_keys(const twins *p);
/** Exactly one pair per configuration on both ends (or none on both when allowed), in use on both,
 *  each the mirror of the other. Returns a bit per configuration that is up. */
unsigned twins_check_mirror(const twins *p, bool none_allowed);
/** NULL, or what is wrong; as twins_check_mirror without failing the test. */
const char *twins_fault(const twins *p, bool none_allowed);
/** For IKEv1, where several SAs and pairs may live side by side: each end sends on a pair that the
 *  other has, for every configuration, under the same keys, and holds an SA. NULL, or what is wrong. */
const char *twins_v1_fault(const twins *p);
/** Digest of everything an end remembers that a message may change. */
uint64_t twins_print(const twins *p, unsigned end);
/** The same of its established SAs only. */
uint64_t twins_print_up(const twins *p, unsigned end);

#endif
