/* SPDX-License-Identifier: Apache-2.0
 * Pre-shared keys derived from one seed: a hub with any number of spokes keeps the seed, each spoke
 * gets its own key and nothing else. Works without a context, also off-line. */
#ifndef NHTB_PSK_H
#define NHTB_PSK_H

#include <nhtb/crypto.h>
#include <nhtb/ike.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NHTB_PSK_LEN      32
#define NHTB_PSK_TEXT     65 /* 64 hexadecimal digits and the terminator */
#define NHTB_PSK_SEED_MIN 32

/** The key of one hub and one spoke:
 *      PSK  = HKDF-SHA256(IKM = seed, salt = "libnhtb seeded psk 1", info, 32 octets)  (RFC 5869)
 *      info = hub type | length | data | spoke type | length | data
 *  with the type in one octet and the length in two, big-endian. FQDN and RFC822 identities enter in
 *  lower case (ASCII letters only), since they match without regard to case: spelling never changes
 *  the key. All other identities enter as they are. The order matters: hub first.
 *
 *  seed: at least NHTB_PSK_SEED_MIN bytes from a random source; whoever knows it knows every key.
 *  Identities must be definite and well formed: 4 or 16 address bytes, 1 to NHTB_ID_MAX bytes of
 *  printable ASCII without blanks (FQDN, RFC822), 1 to NHTB_ID_MAX bytes (KEY_ID).
 *  NHTB_ERR_ARG for a short seed or a malformed identity, NHTB_ERR_UNSUPPORTED when c->kdf lacks
 *  SHA-256, or the backend's error; psk is then all zero and must not be used. Only c->kdf is used.
 *  Any thread. */
NHTB_API int nhtb_psk_derive(const nhtb_crypto *c, nhtb_span seed, const nhtb_identity *hub,
                             const nhtb_identity *spoke, uint8_t psk[NHTB_PSK_LEN]);

/** 64 lower-case hexadecimal digits into dst, in time that does not depend on the key. What spokes
 *  are given: the PSK itself is the 32 octets, not this text. Returns dst. Any thread. */
NHTB_API char *nhtb_psk_format(const uint8_t psk[NHTB_PSK_LEN], char dst[NHTB_PSK_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
