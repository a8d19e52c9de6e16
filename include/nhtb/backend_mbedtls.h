/* SPDX-License-Identifier: Apache-2.0
 * Crypto backend "mbedtls": see nhtb/crypto.h. Link libnhtb-mbedtls (CMake nhtb::mbedtls, pkg-config nhtb-mbedtls). */
#ifndef NHTB_BACKEND_MBEDTLS_H
#define NHTB_BACKEND_MBEDTLS_H

#include <nhtb/crypto.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The backend's tables: static, immutable, any thread. */
NHTB_API const nhtb_bulk_ops *nhtb_mbedtls_bulk(void);
NHTB_API const nhtb_kdf_ops *nhtb_mbedtls_kdf(void);
NHTB_API const nhtb_pk_ops *nhtb_mbedtls_pk(void);
/** All three at once. */
NHTB_API nhtb_crypto nhtb_mbedtls_crypto(void);

#ifdef __cplusplus
}
#endif
#endif
