/* SPDX-License-Identifier: Apache-2.0
 * Crypto backend "null": see nhtb/crypto.h. Link libnhtb-null (CMake nhtb::null, pkg-config nhtb-null). */
#ifndef NHTB_BACKEND_NULL_H
#define NHTB_BACKEND_NULL_H

#include <nhtb/crypto.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The backend's tables: static, immutable, any thread. */
NHTB_API const nhtb_bulk_ops *nhtb_null_bulk(void);
NHTB_API const nhtb_kdf_ops *nhtb_null_kdf(void);
NHTB_API const nhtb_pk_ops *nhtb_null_pk(void);
/** All three at once. */
NHTB_API nhtb_crypto nhtb_null_crypto(void);

#ifdef __cplusplus
}
#endif
#endif
