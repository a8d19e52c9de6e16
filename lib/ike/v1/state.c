/* SPDX-License-Identifier: Apache-2.0
 * Legal steps of an SA that speaks IKEv1; sa.c's set_state asks here. RFC 2409 5.1, 5.4.
 *
 *   main mode initiator       LARVAL -> [ASK] -> INIT_SENT (1) -> INIT_KE -> V1_KE_SENT (3)
 *                             -> AUTH_KE -> AUTH_SENT (5) -> done
 *   aggressive initiator      LARVAL -> [ASK] -> INIT_KE -> INIT_SENT (1) -> AUTH_KE -> done (3 sent)
 *   main mode responder       LARVAL -> V1_R_SA (2) <-> R_ASK; V1_R_SA -> R_KE -> R_HALF (4) -> done
 *   aggressive responder      LARVAL -> [R_ASK] -> R_KE -> R_HALF (2) -> done
 *   main, with signatures     AUTH_KE -> AUTH_SIGN -> AUTH_SENT -> AUTH_VERIFY -> done;
 *                             R_HALF -> R_VERIFY -> R_SIGN -> done
 *   aggressive, with them     AUTH_KE -> AUTH_VERIFY -> AUTH_SIGN -> done (3 sent);
 *                             R_KE -> R_SIGN -> R_HALF (2) <-> R_VERIFY -> done
 *   done: UP, or first V1_CONFIG (XAuth, mode config). UP -> V1_BARE: the SA went, its children did
 *   not. Every state -> DEAD; nothing waits for the answer to a delete, there is none. */
#include "ike/v1/v1.h"

#define BIT(s) (1u << NHI_SA_##s)

static const uint32_t next_of[NHI_SA_STATES] = {
    [NHI_SA_LARVAL] = BIT(ASK) | BIT(INIT_SENT) | BIT(INIT_KE) | BIT(V1_R_SA) | BIT(R_ASK) |
                      BIT(R_KE) | BIT(DEAD),
    [NHI_SA_ASK] = BIT(INIT_SENT) | BIT(INIT_KE) | BIT(DEAD),
    [NHI_SA_INIT_SENT] = BIT(INIT_KE) | BIT(AUTH_KE) | BIT(DEAD),
    [NHI_SA_INIT_KE] = BIT(INIT_SENT) | BIT(V1_KE_SENT) | BIT(DEAD),
    [NHI_SA_V1_KE_SENT] = BIT(AUTH_KE) | BIT(DEAD),
    [NHI_SA_AUTH_KE] =
        BIT(AUTH_SIGN) | BIT(AUTH_VERIFY) | BIT(AUTH_SENT) | BIT(V1_CONFIG) | BIT(UP) | BIT(DEAD),
    [NHI_SA_AUTH_SIGN] = BIT(AUTH_SENT) | BIT(V1_CONFIG) | BIT(UP) | BIT(DEAD),
    [NHI_SA_AUTH_SENT] = BIT(AUTH_VERIFY) | BIT(V1_CONFIG) | BIT(UP) | BIT(DEAD),
    [NHI_SA_AUTH_VERIFY] = BIT(AUTH_SIGN) | BIT(V1_CONFIG) | BIT(UP) | BIT(DEAD),
    [NHI_SA_V1_R_SA] = BIT(R_ASK) | BIT(R_KE) | BIT(DEAD),
    [NHI_SA_R_ASK] = BIT(V1_R_SA) | BIT(R_KE) | BIT(DEAD),
    [NHI_SA_R_KE] = BIT(R_SIGN) | BIT(R_HALF) | BIT(DEAD),
    [NHI_SA_R_HALF] = BIT(R_VERIFY) | BIT(V1_CONFIG) | BIT(UP) | BIT(DEAD),
    [NHI_SA_R_VERIFY] = BIT(R_SIGN) | BIT(R_HALF) | BIT(V1_CONFIG) | BIT(UP) | BIT(DEAD),
    [NHI_SA_R_SIGN] = BIT(R_HALF) | BIT(V1_CONFIG) | BIT(UP) | BIT(DEAD),
    [NHI_SA_V1_CONFIG] = BIT(UP) | BIT(DEAD),
    [NHI_SA_UP] = BIT(V1_BARE) | BIT(DEAD),
    [NHI_SA_V1_BARE] = BIT(DEAD),
    [NHI_SA_DEAD] = 0,
};

bool nhi_v1_sa_may(nhi_ike_state from, nhi_ike_state to)
{
    return from < NHI_SA_STATES && to < NHI_SA_STATES && (next_of[from] >> to & 1);
}
