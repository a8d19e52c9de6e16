/* SPDX-License-Identifier: Apache-2.0
 * Our Vendor ID: fixed 16 bytes, announced in IKE_SA_INIT so that the NHTB notify goes only to
 * peers that know it (docs/nhtb.md). */
#include "ike/parts.h"

/* ASCII "libnhtb-nhtb-v01" */
const uint8_t nhi_vendor_id[16] = {'l', 'i', 'b', 'n', 'h', 't', 'b', '-',
                                   'n', 'h', 't', 'b', '-', 'v', '0', '1'};
