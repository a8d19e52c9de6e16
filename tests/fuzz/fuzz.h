/* SPDX-License-Identifier: Apache-2.0
 * What all fuzz targets share: their list, a source of choices over the input bytes, a check that
 * stops the program, and copies whose ends AddressSanitizer guards. A target is a function
 * fuzz_<name> that judges one input; entry.c makes a libFuzzer program of it, replay_main.c runs
 * all of them over the corpora. One thread. */
#ifndef NHTB_TESTS_FUZZ_H
#define NHTB_TESTS_FUZZ_H

#include <nhtb/nhtb.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define FUZZ_CORE_TARGETS(X)                                                                       \
    X(wire_ip)                                                                                     \
    X(wire_esp)                                                                                    \
    X(wire_ike)                                                                                    \
    X(wire_v1)                                                                                     \
    X(cursor_ops)                                                                                  \
    X(text)                                                                                        \
    X(lpm_ops)                                                                                     \
    X(containers)                                                                                  \
    X(narrow)                                                                                      \
    X(propose)                                                                                     \
    X(esp_in)                                                                                      \
    X(inner_out)                                                                                   \
    X(ike_cleartext)                                                                               \
    X(ike_session)                                                                                 \
    X(v1_cleartext)                                                                                \
    X(v1_session)                                                                                  \
    X(table_ops)                                                                                   \
    X(bindings)                                                                                    \
    X(cert)                                                                                        \
    X(names)
#if defined(FUZZ_HAVE_GATEWAY)
#define FUZZ_GATEWAY_TARGETS(X) X(config_json)
#else
#define FUZZ_GATEWAY_TARGETS(X)
#endif
#define FUZZ_TARGETS(X) FUZZ_CORE_TARGETS(X) FUZZ_GATEWAY_TARGETS(X)

#define X(name) int fuzz_##name(const uint8_t *p, size_t n);
FUZZ_TARGETS(X)
#undef X

/** What must hold whatever the input is. */
#define fuzz_check(cond) ((cond) ? (void)0 : fuzz_failed(#cond, __FILE__, __LINE__))
_Noreturn void fuzz_failed(const char *cond, const char *file, int line);

/** Choices from the input; zeros behind its end. */
typedef struct fuzz_in {
    const uint8_t *p;
    size_t n;
} fuzz_in;
uint8_t fuzz_u8(fuzz_in *in);
uint16_t fuzz_u16(fuzz_in *in);
uint32_t fuzz_u32(fuzz_in *in);
/** 0 .. below - 1 from one byte; below 1..256. */
unsigned fuzz_below(fuzz_in *in, unsigned below);
/** At most n bytes, fewer at the end. */
nhtb_span fuzz_take(fuzz_in *in, size_t n);
nhtb_span fuzz_rest(fuzz_in *in);
/** Fills all of dst, zeros behind the end. */
void fuzz_bytes(fuzz_in *in, void *dst, size_t n);

/** Exactly n bytes on the heap (aborts without memory). */
uint8_t *fuzz_dup(const void *p, size_t n);

/** A host whose allocator fills with rubbish, checks sizes and counts what is live, and whose
 *  randomness repeats from run to run. */
typedef struct fuzz_host {
    uint64_t rng;
    size_t blocks, bytes;
    uint64_t calls, fail_at; /* the fail_at-th call from the start fails; 0: none */
} fuzz_host;
nhtb_host fuzz_host_hooks(fuzz_host *h);
nhi_mem fuzz_host_mem(fuzz_host *h);

#endif
