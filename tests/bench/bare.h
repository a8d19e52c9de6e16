/* SPDX-License-Identifier: Apache-2.0
 * A vendor's AEAD, or cipher and HMAC, called directly over the bytes of an ESP packet: the base that
 * the data plane is measured beside, and the second opinion on its output. */
#ifndef NHTB_TESTS_BENCH_BARE_H
#define NHTB_TESTS_BENCH_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BARE_KEYMAT_MAX = 48, BARE_TAG = 16 };

/** What is measured: IANA transforms of the SA, and the shape of its packets. */
typedef struct bare_alg {
    const char *name;
    uint16_t encr, key_bits, integ; /* integ 0: AEAD */
    uint32_t head;                  /* SPI, sequence number, IV */
    uint32_t keymat;                /* GCM: key 16 | salt 4; CBC: key 16 | integrity key 32 */
    uint32_t align;                 /* of the text */
} bare_alg;
extern const bare_alg bare_gcm, bare_cbc; /* AES-128-GCM; AES-128-CBC with HMAC-SHA-256-128 */

/** How a vendor is called. Where it has one way only, both are the same. */
typedef enum bare_mode { BARE_DIRECT, BARE_BURST, BARE_MODES } bare_mode;

typedef struct bare bare;

/** vendor: "openssl", "mbedtls" (GCM only) or "ipsecmb". One direction only. */
bare *bare_new(const char *vendor, const bare_alg *alg, const uint8_t *keymat, bool seal);
void bare_del(bare *x);
/** Has the vendor more than one way? */
bool bare_has_burst(const char *vendor, const bare_alg *alg);
/** Each esp: SPI, number, IV, text_len bytes, tag; sealed or opened in place. False: one failed. */
bool bare_seal(bare *x, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t text_len);
bool bare_open(bare *x, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t text_len);
/** An X25519 key pair and one shared secret with the last pair's public key: what each end of a
 *  set-up cannot do without. OpenSSL. */
bool bare_x25519(void);

/* ---- the vendors' parts, for bare.c only ---- */

typedef struct bare_vendor {
    void *(*make)(const bare_alg *alg, const uint8_t *keymat, bool seal); /* NULL: failed */
    void (*del)(void *ctx);
    bool (*seal)(void *ctx, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t len);
    bool (*open)(void *ctx, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t len);
} bare_vendor;
extern const bare_vendor bare_openssl, bare_openssl_cbc, bare_mbedtls;
const bare_vendor *bare_ipsecmb(const bare_alg *alg); /* NULL: not in this build */

#endif
