/* SPDX-License-Identifier: Apache-2.0
 * Two IKE rooms over the null backend, one virtual clock, datagrams in flight that the test
 * delivers, drops, copies or edits, and a shadow of the data plane that holds every action against
 * its rules. Used by the matrix, bit, payload and schedule tests. One thread. */
#ifndef NHI_TEST_DUO_H
#define NHI_TEST_DUO_H

#include <string.h>

#include "ike/room.h"

enum { DUO_ESP = 256, DUO_FLIGHT = 64, DUO_MSG = 4096, DUO_CHILDREN = 2 };

typedef struct duo_opts {
    uint64_t seed;
    bool cookie;                 /* end 1 asks for cookies always */
    bool other_group;            /* end 1 takes only the second group of end 0 */
    bool pfs, hold_jobs, no_psk; /* no_psk: both ask the host */
    bool immediately;            /* both ends establish on their own */
    bool liveness;
    unsigned children;
} duo_opts;

typedef enum duo_esp_state { ESP_NONE, ESP_RESERVED, ESP_INSTALLED, ESP_GONE } duo_esp_state;

typedef struct duo_esp {
    uint32_t spi_in, spi_out;
    uint16_t child;
    uint8_t state;
    bool use;
    size_t n;
    uint8_t key_in[128], key_out[128];
} duo_esp;

typedef struct duo_end {
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
    duo_esp esp[DUO_ESP];
    unsigned n_esp, installs, removes, reserved, released;
    uint32_t question;
    unsigned sent, index;
} duo_end;

typedef struct duo_dgram {
    unsigned to, serial;
    uint8_t kind;
    nhtb_path path; /* as the receiver sees it */
    size_t n;
    uint8_t *b; /* without marker */
} duo_dgram;

typedef struct duo {
    duo_opts o;
    nhtb_time now;
    duo_end e[2]; /* 0 starts, 1 answers */
    duo_dgram flight[DUO_FLIGHT];
    unsigned n_flight, serial;
    bool lossy; /* what is sent now never arrives */
} duo;

void duo_open(duo *p, const duo_opts *o);
/** Ends both ends at once; every byte must come back. */
void duo_close(duo *p);
/** Both ends delete all they have, then nothing may be left; then duo_close. */
void duo_finish(duo *p);
/** Applies what a call into the room left behind: jobs (unless held) and actions. */
void duo_settle(duo *p, unsigned end);
void duo_initiate(duo *p, unsigned end);
/** A copy of a datagram, freed with free(d.b). */
duo_dgram duo_copy(const duo_dgram *d);
/** Takes datagram i out of the flight; the caller frees it. */
duo_dgram duo_take(duo *p, unsigned i);
/** Hands bytes to an end as if d had carried them. Returns the reason. */
unsigned duo_feed(duo *p, const duo_dgram *d, const uint8_t *b, size_t n);
/** Delivers datagram i. */
unsigned duo_deliver(duo *p, unsigned i);
void duo_drop(duo *p, unsigned i);
/** Delivers in order until nothing is in flight (bounded). */
void duo_drain(duo *p);
/** Earliest timer of both ends. */
nhtb_time duo_deadline(const duo *p);
/** Fires what is due at `to` and sets the clock; what is sent stays in flight. */
void duo_clock(duo *p, nhtb_time to);
/** Time passes; everything is delivered in order. */
void duo_run(duo *p, nhtb_time span);
/** The usual start: set up, children up, nothing in flight. */
void duo_up(duo *p);

/** The first SA of an end in this state, or NULL. */
nhi_ike_sa *duo_sa(duo *p, unsigned end, unsigned state);
nhi_ike_child *duo_child(duo *p, unsigned end, uint16_t cfg);
/** Nothing that both ends hold as established may disagree: keys of IKE SAs and of pairs. */
void duo_check_keys(const duo *p);
/** Exactly one pair per configuration on both ends (or none on both when allowed), in use on both,
 *  each the mirror of the other. Returns a bit per configuration that is up. */
unsigned duo_check_mirror(const duo *p, bool none_allowed);
/** NULL, or what is wrong; as duo_check_mirror without failing the test. */
const char *duo_fault(const duo *p, bool none_allowed);
/** Digest of everything an end remembers that a message may change. */
uint64_t duo_print(const duo *p, unsigned end);

#endif
