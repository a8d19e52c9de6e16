/* SPDX-License-Identifier: Apache-2.0
 * DSCP and ECN between inner and outer headers (RFC 6040, RFC 4301 5.1.2). Called by dp/ per packet.
 * Any thread. */
#include "wire/ip.h"

#define ECN_MASK 3
#define NOT_ECT  0
#define ECT_1    1
#define ECT_0    2
#define CE       3

int nhi_ecn_decap(uint8_t inner_tos, uint8_t outer_tos, bool copy_dscp)
{
    static const int8_t result[4][4] = {
        /* outer:     Not-ECT  ECT(1)   ECT(0)   CE */
        [NOT_ECT] = {NOT_ECT, NOT_ECT, NOT_ECT, -1},
        [ECT_1] = {ECT_1, ECT_1, ECT_1, CE},
        [ECT_0] = {ECT_0, ECT_1, ECT_0, CE},
        [CE] = {CE, CE, CE, CE},
    };
    int ecn = result[inner_tos & ECN_MASK][outer_tos & ECN_MASK];
    int high = (copy_dscp ? outer_tos : inner_tos) & 0xfc;
    return ecn < 0 ? -1 : high | ecn;
}
