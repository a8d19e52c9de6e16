/* SPDX-License-Identifier: Apache-2.0
 * Crypto backend "openssl": see nhtb/crypto.h. Link libnhtb-openssl (CMake nhtb::openssl, pkg-config nhtb-openssl). */
#ifndef NHTB_BACKEND_OPENSSL_H
#define NHTB_BACKEND_OPENSSL_H

#include <nhtb/crypto.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The backend's tables: static, immutable, any thread. */
NHTB_API const nhtb_bulk_ops *nhtb_openssl_bulk(void);
NHTB_API const nhtb_kdf_ops *nhtb_openssl_kdf(void);
NHTB_API const nhtb_pk_ops *nhtb_openssl_pk(void);
/** All three at once. */
NHTB_API nhtb_crypto nhtb_openssl_crypto(void);

#ifdef __cplusplus
}
#endif
#endif
