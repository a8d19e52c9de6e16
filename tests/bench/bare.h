/* SPDX-License-Identifier: Apache-2.0
 * A vendor's AES-128-GCM called directly, over the bytes of an ESP packet: the base that the data
 * plane is measured beside, and the second opinion on its output. */
#ifndef NHTB_TESTS_BENCH_BARE_H
#define NHTB_TESTS_BENCH_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BARE_HEAD = 16 /* SPI, sequence number, IV */, BARE_TAG = 16, BARE_KEYMAT = 20 };

typedef struct bare bare;

/** vendor: "openssl" or "mbedtls". keymat: key 16 | salt 4 (RFC 4106 8.1). One direction only. */
bare *bare_new(const char *vendor, const uint8_t keymat[BARE_KEYMAT], bool seal);
void bare_del(bare *x);
/** Each esp: SPI, number, IV, text_len bytes, tag; sealed or opened in place. False: one failed. */
bool bare_seal(bare *x, uint8_t *const *esp, size_t n, uint32_t text_len);
bool bare_open(bare *x, uint8_t *const *esp, size_t n, uint32_t text_len);
/** An X25519 key pair and one shared secret with the last pair's public key: what each end of a
 *  set-up cannot do without. OpenSSL. */
bool bare_x25519(void);

#endif
