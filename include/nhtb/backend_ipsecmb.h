/* SPDX-License-Identifier: Apache-2.0
 * Crypto backend "ipsecmb" (intel-ipsec-mb 1.3 or later, x86-64): the bulk table only. A host takes
 * kdf and pk from another backend:
 *
 *     nhtb_crypto c = nhtb_openssl_crypto();
 *     if (nhtb_ipsecmb_bulk()->has(NHTB_BULK_AES128_GCM16))
 *         c.bulk = nhtb_ipsecmb_bulk();
 *
 * Link libnhtb-ipsecmb (CMake nhtb::ipsecmb, pkg-config nhtb-ipsecmb). */
#ifndef NHTB_BACKEND_IPSECMB_H
#define NHTB_BACKEND_IPSECMB_H

#include <nhtb/crypto.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The backend's bulk table: static, immutable, any thread. has() is false for everything on a CPU
 *  without AES and carry-less multiplication instructions. Keys and lanes lie wholly in the caller's
 *  memory (about 300 KB per lane); making a lane runs the vendor's self-test (milliseconds). */
NHTB_API const nhtb_bulk_ops *nhtb_ipsecmb_bulk(void);

#ifdef __cplusplus
}
#endif
#endif
