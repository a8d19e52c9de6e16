/* SPDX-License-Identifier: Apache-2.0
 * A context with one worker over the null backend, for the targets that fuzz the whole library: what
 * keys it was given is remembered, its bursts are held against the contract of nhtb/pkt.h, and
 * nothing may be left when it ends. One thread. */
#ifndef NHTB_TESTS_FUZZ_SIDE_H
#define NHTB_TESTS_FUZZ_SIDE_H

#include "fuzz/fuzz.h"

enum { FUZZ_TUNNELS = 3 };

typedef struct fuzz_side {
    fuzz_host host;
    nhtb_settings settings;
    bool signs; /* real signatures (OpenSSL's) and a clock on the wall; before fuzz_side_open */
    nhtb_ctx *ctx;
    nhtb_worker *w;
    nhtb_time now;
    nhtb_iface_id st0;
    nhtb_peer_id peer[2];
    nhtb_sa_id sa[FUZZ_TUNNELS];
    nhtb_addr addr;
} fuzz_side;

/** Small capacities; change s->settings before fuzz_side_open. */
void fuzz_side_init(fuzz_side *s, uint64_t seed, const char *addr);
void fuzz_side_open(fuzz_side *s);
/** Checks that all memory came back. */
void fuzz_side_close(fuzz_side *s);

nhtb_addr fuzz_addr(const char *text);
nhtb_prefix fuzz_prefix(const char *text); /* host bits kept */

typedef struct fuzz_iface_opts {
    uint8_t kind, transit, df;
    bool rpf;
    uint32_t mtu;
} fuzz_iface_opts;
/** st0.0 with address 10.0.0.<host>/24 and 2001:db8:7::<host>/64. */
void fuzz_side_iface(fuzz_side *s, unsigned host, const fuzz_iface_opts *o);

/** FUZZ_TUNNELS manual SAs to 10.0.0.2, .3, .4 with routes 172.16 + i.0.0/16 and 2001:db8:<i>::/48;
 *  left names the end. Algorithms: 0 AES-GCM, 1 AES-CBC with SHA-256. */
typedef struct fuzz_manual_opts {
    bool left, cbc, esn;
    uint32_t mtu;
} fuzz_manual_opts;
void fuzz_side_manual(fuzz_side *s, const fuzz_manual_opts *o);
/** The path of tunnel i as this end sees it: 0 native, others UDP. */
nhtb_path fuzz_manual_path(unsigned i, bool left);
/** An ESP packet of tunnel i toward the left end, sealed right around any text; gives its length.
 *  out has room for n + 80 bytes; a CBC text is cut to whole blocks. */
size_t fuzz_manual_seal(const fuzz_manual_opts *o, unsigned i, uint64_t seq, const uint8_t *text,
                        size_t n, uint8_t *out);

/** Passes packets through the worker with `spares` spares of spare_cap bytes per call (one at least
 *  where the contract needs one); sink sees every packet that comes back. */
typedef struct fuzz_burst {
    nhtb_pkt *const *in;
    size_t n;
    unsigned spares;
    uint32_t spare_cap;
    bool out;
    void (*sink)(void *user, nhtb_pkt *p);
    void *user;
} fuzz_burst;
void fuzz_side_burst(fuzz_side *s, const fuzz_burst *b);

/** A packet in an allocation of exactly its room. */
void fuzz_pkt_make(nhtb_pkt *p, uint8_t kind, const void *data, size_t n, uint32_t head,
                   uint32_t tail);

/** Jobs, then all that nhtb_drain gives, to sink. Returns how many packets. */
size_t fuzz_side_pump(fuzz_side *s, void (*sink)(void *user, const nhtb_pkt *p), void *user);
/** One datagram into nhtb_feed. */
void fuzz_side_feed(fuzz_side *s, uint8_t kind, const nhtb_path *path, const void *data, size_t n);
/** Takes all events; occurrences by kind are added to count[NHTB_EVENT_END]. */
void fuzz_side_events(fuzz_side *s, unsigned *count);

/** The null backend; every key it makes is remembered until the next fuzz_keys_forget. */
nhtb_crypto fuzz_crypto(void);
/** Adds what signatures need; false: nothing here makes them. */
bool fuzz_signs(nhtb_host *host, nhtb_crypto *crypto);
/** Certificates for side `hub` or the other instead of the key. */
void fuzz_pki(bool hub, nhtb_peer *cfg);
void fuzz_keys_forget(void);
/** Opens an SK or SKF message with whichever remembered key fits: its plaintext with padding in out (room:
 *  n). Gives the key's number, -1: none fits. */
int fuzz_sk_open(const uint8_t *msg, size_t n, uint8_t *out, size_t *out_len);
/** Seals again: msg is header, SK or SKF header and IV; text is put behind it. Gives the length. */
size_t fuzz_sk_seal(int key, uint8_t *msg, const uint8_t *text, size_t n, size_t room);

#endif
