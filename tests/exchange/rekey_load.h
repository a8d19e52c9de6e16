/* SPDX-License-Identifier: Apache-2.0
 * Rekeys under traffic (rekey_load.c), for both versions of IKE. */
#ifndef NHTB_TESTS_EXCHANGE_REKEY_LOAD_H
#define NHTB_TESTS_EXCHANGE_REKEY_LOAD_H

#include "exchange/common.h"

/** So many rekeys of a kind, asked for by either side: no packet is lost or doubled. v1: NULL, or the
 *  entry of both. */
void rekey_load_run(uint64_t seed, nhtb_rekey what, unsigned wanted, const nhtb_v1 *v1);
/** Ten times as many with NHTB_LONG, a tenth with NHTB_QUICK. */
unsigned rekey_load_scaled(unsigned normal);

#endif
