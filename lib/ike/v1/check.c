/* SPDX-License-Identifier: Apache-2.0
 * Which payloads a message may carry, how often: checked before any handler runs, so handlers see
 * neither missing nor doubled payloads. RFC 2409 5, RFC 2408 4. Called by recv. Control thread. */
#include "ike/v1/v1.h"

typedef struct bound {
    uint8_t type, min, max;
} bound;

#define BOUNDS 14
#define VIDS                                                                                       \
    {                                                                                              \
        NHI_V1_VID, 0, 32                                                                          \
    }
#define EXTRAS                                                                                     \
    {NHI_V1_NOTIFY, 0, 16},                                                                        \
    {                                                                                              \
        NHI_V1_VID, 0, 32                                                                          \
    }
#define NAT_DS                                                                                     \
    {NHI_V1_NAT_D, 0, 16},                                                                         \
    {                                                                                              \
        NHI_V1_NAT_D_DRAFT, 0, 16                                                                  \
    }
#define CERTS                                                                                      \
    {NHI_V1_CERT, 0, 10},                                                                          \
    {                                                                                              \
        NHI_V1_CR, 0, 10                                                                           \
    }
#define PROOF                                                                                      \
    {NHI_V1_HASH, 0, 1},                                                                           \
    {                                                                                              \
        NHI_V1_SIG, 0, 1                                                                           \
    }
#define QUICK                                                                                      \
    {NHI_V1_HASH, 1, 1}, {NHI_V1_SA, 1, 4}, {NHI_V1_NONCE, 1, 1}, {NHI_V1_KE, 0, 1},               \
        {NHI_V1_ID, 0, 2}, {NHI_V1_NAT_OA, 0, 2},                                                  \
    {                                                                                              \
        NHI_V1_NAT_OA_DRAFT, 0, 2                                                                  \
    }

static const bound forms[NHI_V1_FORMS][BOUNDS] = {
    [NHI_V1_FORM_MAIN_SA] = {{NHI_V1_SA, 1, 1}, EXTRAS},
    [NHI_V1_FORM_MAIN_KE] = {{NHI_V1_KE, 1, 1}, {NHI_V1_NONCE, 1, 1}, NAT_DS, CERTS, EXTRAS},
    [NHI_V1_FORM_MAIN_AUTH] = {{NHI_V1_ID, 1, 1}, PROOF, CERTS, EXTRAS},
    [NHI_V1_FORM_AGGR_1] = {{NHI_V1_SA, 1, 1},
                            {NHI_V1_KE, 1, 1},
                            {NHI_V1_NONCE, 1, 1},
                            {NHI_V1_ID, 1, 1},
                            {NHI_V1_CR, 0, 10},
                            EXTRAS},
    [NHI_V1_FORM_AGGR_2] = {{NHI_V1_SA, 1, 1},
                            {NHI_V1_KE, 1, 1},
                            {NHI_V1_NONCE, 1, 1},
                            {NHI_V1_ID, 1, 1},
                            PROOF,
                            NAT_DS,
                            CERTS,
                            EXTRAS},
    [NHI_V1_FORM_AGGR_3] = {PROOF, NAT_DS, CERTS, EXTRAS},
    [NHI_V1_FORM_QUICK_1] = {QUICK, EXTRAS},
    [NHI_V1_FORM_QUICK_2] = {QUICK, EXTRAS},
    [NHI_V1_FORM_QUICK_3] = {{NHI_V1_HASH, 1, 1}, EXTRAS},
    [NHI_V1_FORM_INFO] = {{NHI_V1_HASH, 0, 1}, {NHI_V1_DELETE, 0, 16}, EXTRAS},
    [NHI_V1_FORM_TRANS] = {{NHI_V1_HASH, 1, 1}, {NHI_V1_ATTR, 1, 1}, EXTRAS},
};

static const bound *bound_of(nhi_v1_form form, uint8_t type)
{
    for (size_t i = 0; i < BOUNDS && forms[form][i].type; i++)
        if (forms[form][i].type == type)
            return &forms[form][i];
    return NULL;
}

/** Types we know must be in the table; others are skipped. */
static bool is_known(uint8_t type)
{
    return (type >= NHI_V1_SA && type <= NHI_V1_ATTR) || type == NHI_V1_NAT_D ||
           type == NHI_V1_NAT_OA || type == NHI_V1_NAT_D_DRAFT || type == NHI_V1_NAT_OA_DRAFT ||
           type == NHI_V1_FRAGMENT;
}

bool nhi_v1_check_form(const nhi_v1_msg *m, nhi_v1_form form)
{
    for (size_t i = 0; i < m->n; i++)
        if (is_known(m->pl[i].type) && !bound_of(form, m->pl[i].type))
            return false;
    for (size_t i = 0; i < BOUNDS && forms[form][i].type; i++) {
        size_t n = nhi_v1_msg_count(m, forms[form][i].type);
        if (n < forms[form][i].min || n > forms[form][i].max)
            return false;
    }
    return true;
}
