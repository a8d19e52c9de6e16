/* SPDX-License-Identifier: Apache-2.0
 * The head of an Encrypted Fragment payload: RFC 7383 2.5, and those rules of 2.6 that one fragment
 * alone can break. Called by ike/frag and ike/sk. Any thread. */
#include "wire/ike.h"

#define AT_NEXT 16 /* in the IKE header */

bool nhi_ike_frag_read(nhi_ike_frag *f, nhtb_span msg)
{
    nhi_rd r;
    nhi_rd_init(&r, msg.p, msg.n);
    nhi_rd_skip(&r, AT_NEXT);
    bool is_skf = nhi_rd_u8(&r) == NHI_PL_SKF;
    nhi_rd_skip(&r, NHI_IKE_HDR - AT_NEXT - 1);
    f->first = nhi_rd_u8(&r);
    nhi_rd_skip(&r, 1);
    size_t len = nhi_rd_u16(&r);
    f->number = (uint16_t)nhi_rd_u16(&r);
    f->total = (uint16_t)nhi_rd_u16(&r);
    return !r.bad && is_skf && len == msg.n - NHI_IKE_HDR && f->number >= 1 &&
           f->number <= f->total && f->total <= NHI_IKE_FRAGS;
}
