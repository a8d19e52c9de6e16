/* SPDX-License-Identifier: Apache-2.0
 * What comes between phase 1 and quick mode: nothing, while XAuth and mode config are not there.
 * Transaction exchanges are refused. Called by life, recv, exchange. Control thread. */
#include "ike/v1/v1.h"

uint16_t nhi_v1_conf_auth(const nhtb_peer *cfg, bool initiator, uint16_t plain)
{
    (void)cfg;
    (void)initiator;
    return plain;
}

bool nhi_v1_conf_begin(nhi_ike_sa *sa, nhtb_time now)
{
    (void)sa;
    (void)now;
    return false;
}

void nhi_v1_conf_free(nhi_ike_sa *sa)
{
    (void)sa;
}

unsigned nhi_v1_trans_recv(nhi_v1_x *x, const nhi_v1_msg *m, nhtb_time now)
{
    (void)x;
    (void)m;
    (void)now;
    return NHTB_REASON_IKE_STATE;
}

void nhi_v1_trans_failed(nhi_v1_x *x, nhtb_detail d, nhtb_time now)
{
    (void)x;
    (void)d;
    (void)now;
}
