/* SPDX-License-Identifier: Apache-2.0
 * Quick modes of IKEv1 that replace pairs under traffic, as rekey_load.c for IKEv2. */
#include "exchange/rekey_load.h"

Test(v1_rekey_load, quick_modes_lose_no_packet)
{
    nhtb_v1 v1;
    nhtb_v1_init(&v1);
    rekey_load_run(3, NHTB_REKEY_CHILD, rekey_load_scaled(100), &v1);
}
