/* SPDX-License-Identifier: Apache-2.0
 * The payload chain (RFC 7296 3.2) as flat borrowed spans. Called by ike/recv.c, once for the outer
 * chain and once for the inside of SK. Any thread. */
#include "wire/ike.h"

#define CRITICAL 0x80

static bool is_known(uint8_t type)
{
    return (type >= NHI_PL_SA && type <= NHI_PL_EAP) || type == NHI_PL_SKF;
}

static bool is_encrypted(uint8_t type)
{
    return type == NHI_PL_SK || type == NHI_PL_SKF;
}

/** One payload of the given type; its next field goes to pl->next. False: malformed. */
static bool read_payload(nhi_ike_pl *pl, uint8_t type, nhi_rd *r)
{
    pl->type = type;
    pl->next = nhi_rd_u8(r);
    pl->critical = (nhi_rd_u8(r) & CRITICAL) != 0;
    size_t len = nhi_rd_u16(r);
    if (r->bad || len < 4) {
        return false;
    }
    pl->body = nhi_rd_span(r, len - 4);
    return !r->bad;
}

nhi_ike_chain nhi_ike_msg_parse(nhi_ike_msg *m, uint8_t first, const uint8_t *p, size_t n)
{
    nhi_rd r;
    nhi_rd_init(&r, p, n);
    m->n = 0;
    m->unsupported = 0;
    for (uint8_t type = first; type != NHI_PL_NONE;) {
        if (m->n == NHI_IKE_PAYLOADS) {
            return NHI_CHAIN_TOO_MANY;
        }
        nhi_ike_pl *pl = &m->pl[m->n];
        if (!read_payload(pl, type, &r)) {
            return NHI_CHAIN_MALFORMED;
        }
        m->n++;
        if (pl->critical && !is_known(type) && m->unsupported == 0) {
            m->unsupported = type;
        }
        /* Behind an encrypted payload "next" names the first payload inside it (RFC 7296 3.14). */
        type = is_encrypted(type) ? NHI_PL_NONE : pl->next;
    }
    return nhi_rd_left(&r) == 0 ? NHI_CHAIN_OK : NHI_CHAIN_MALFORMED;
}

size_t nhi_ike_msg_count(const nhi_ike_msg *m, uint8_t type)
{
    size_t count = 0;
    for (size_t i = 0; i < m->n; i++) {
        count += m->pl[i].type == type;
    }
    return count;
}

const nhi_ike_pl *nhi_ike_msg_get(const nhi_ike_msg *m, uint8_t type, size_t k)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->pl[i].type == type && k-- == 0) {
            return &m->pl[i];
        }
    }
    return NULL;
}
