/* SPDX-License-Identifier: Apache-2.0
 * Which payloads an exchange may carry, how often: checked before any handler runs, so handlers see
 * neither missing nor doubled payloads. RFC 7296 1.2 - 1.4, 2.21. Control thread. */
#include "ike/room.h"

typedef struct bound {
    uint8_t type, min, max;
} bound;

#define BOUNDS 14
#define EXTRAS                                                                                     \
    {NHI_PL_NOTIFY, 0, 24},                                                                        \
    {                                                                                              \
        NHI_PL_VID, 0, 24                                                                          \
    }
#define CERTS                                                                                      \
    {NHI_PL_CERT, 0, 10},                                                                          \
    {                                                                                              \
        NHI_PL_CERTREQ, 0, 10                                                                      \
    }

static const bound forms[NHI_FORMS][BOUNDS] = {
    [NHI_FORM_INIT_REQUEST] = {{NHI_PL_SA, 1, 1}, {NHI_PL_KE, 1, 1}, {NHI_PL_NONCE, 1, 1}, EXTRAS},
    /* an error or a cookie comes alone; init_i asks for the three when there is none */
    [NHI_FORM_INIT_RESPONSE] =
        {{NHI_PL_SA, 0, 1}, {NHI_PL_KE, 0, 1}, {NHI_PL_NONCE, 0, 1}, CERTS, EXTRAS},
    [NHI_FORM_AUTH_REQUEST] = {{NHI_PL_IDI, 1, 1},
                               {NHI_PL_IDR, 0, 1},
                               {NHI_PL_AUTH, 0, 1}, /* absent: EAP, refused by auth_r */
                               {NHI_PL_SA, 1, 1},
                               {NHI_PL_TSI, 1, 1},
                               {NHI_PL_TSR, 1, 1},
                               {NHI_PL_CP, 0, 1},
                               CERTS,
                               EXTRAS},
    [NHI_FORM_AUTH_RESPONSE] = {{NHI_PL_IDR, 0, 1},
                                {NHI_PL_AUTH, 0, 1},
                                {NHI_PL_SA, 0, 1},
                                {NHI_PL_TSI, 0, 1},
                                {NHI_PL_TSR, 0, 1},
                                {NHI_PL_CP, 0, 1},
                                {NHI_PL_EAP, 0, 1},
                                CERTS,
                                EXTRAS},
    [NHI_FORM_CREATE_REQUEST] = {{NHI_PL_SA, 1, 1},
                                 {NHI_PL_NONCE, 1, 1},
                                 {NHI_PL_KE, 0, 1},
                                 {NHI_PL_TSI, 0, 1},
                                 {NHI_PL_TSR, 0, 1},
                                 {NHI_PL_CP, 0, 1},
                                 EXTRAS},
    [NHI_FORM_CREATE_RESPONSE] = {{NHI_PL_SA, 0, 1},
                                  {NHI_PL_NONCE, 0, 1},
                                  {NHI_PL_KE, 0, 1},
                                  {NHI_PL_TSI, 0, 1},
                                  {NHI_PL_TSR, 0, 1},
                                  {NHI_PL_CP, 0, 1},
                                  EXTRAS},
    [NHI_FORM_INFORMATIONAL] = {{NHI_PL_DELETE, 0, 16}, {NHI_PL_CP, 0, 1}, EXTRAS},
};

static bool known_type(uint8_t type)
{
    return (type >= NHI_PL_SA && type <= NHI_PL_EAP) || type == NHI_PL_SKF;
}

static const bound *bound_of(nhi_ike_form form, uint8_t type)
{
    for (size_t i = 0; i < BOUNDS && forms[form][i].type; i++)
        if (forms[form][i].type == type)
            return &forms[form][i];
    return NULL;
}

bool nhi_ike_check(const nhi_ike_msg *m, nhi_ike_form form)
{
    for (size_t i = 0; i < m->n; i++)
        if (known_type(m->pl[i].type) && !bound_of(form, m->pl[i].type))
            return false;
    for (size_t i = 0; i < BOUNDS && forms[form][i].type; i++) {
        size_t n = nhi_ike_msg_count(m, forms[form][i].type);
        if (n < forms[form][i].min || n > forms[form][i].max)
            return false;
    }
    return true;
}

nhi_ike_form nhi_ike_check_form(uint8_t exchange, bool response)
{
    switch (exchange) {
    case NHI_EX_SA_INIT: return response ? NHI_FORM_INIT_RESPONSE : NHI_FORM_INIT_REQUEST;
    case NHI_EX_AUTH: return response ? NHI_FORM_AUTH_RESPONSE : NHI_FORM_AUTH_REQUEST;
    case NHI_EX_CREATE_CHILD: return response ? NHI_FORM_CREATE_RESPONSE : NHI_FORM_CREATE_REQUEST;
    case NHI_EX_INFORMATIONAL: return NHI_FORM_INFORMATIONAL;
    default: return NHI_FORMS;
    }
}

bool nhi_ike_find_notify(const nhi_ike_msg *m, uint16_t type, nhi_ike_notify *out)
{
    const nhi_ike_pl *p;
    for (size_t k = 0; (p = nhi_ike_msg_get(m, NHI_PL_NOTIFY, k)); k++)
        if (nhi_ike_notify_read(out, p->body) && out->type == type)
            return true;
    return false;
}

uint16_t nhi_ike_find_error(const nhi_ike_msg *m, nhi_ike_notify *out)
{
    const nhi_ike_pl *p;
    for (size_t k = 0; (p = nhi_ike_msg_get(m, NHI_PL_NOTIFY, k)); k++)
        if (nhi_ike_notify_read(out, p->body) && out->type && out->type < 16384)
            return out->type;
    return 0;
}

nhtb_detail nhi_ike_error_detail(uint16_t notify)
{
    switch (notify) {
    case NHI_N_NO_PROPOSAL_CHOSEN: return NHTB_DETAIL_NO_PROPOSAL;
    case NHI_N_TS_UNACCEPTABLE:
    case NHI_N_SINGLE_PAIR_REQUIRED: return NHTB_DETAIL_NO_SELECTORS;
    case NHI_N_INVALID_KE_PAYLOAD: return NHTB_DETAIL_KE_GROUP;
    case NHI_N_AUTHENTICATION_FAILED: return NHTB_DETAIL_AUTHENTICATION;
    default: return NHTB_DETAIL_PEER_ERROR;
    }
}
