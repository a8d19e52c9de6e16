/* SPDX-License-Identifier: Apache-2.0
 * The payload chain of IKEv1 as flat borrowed spans (RFC 2408 3.2). Called by ike/v1, in the clear
 * and after decryption. Any thread. */
#include "wire/v1.h"

/** One payload of the given type; *next: the type of the one behind it. False: malformed. */
static bool read_payload(nhi_v1_pl *pl, uint8_t type, uint8_t *next, nhi_rd *r)
{
    const uint8_t *start = r->p;
    pl->type = type;
    *next = nhi_rd_u8(r);
    uint8_t reserved = nhi_rd_u8(r);
    size_t len = nhi_rd_u16(r);
    if (r->bad || len < 4 || reserved != 0) {
        return false;
    }
    pl->body = nhi_rd_span(r, len - 4);
    pl->whole = (nhtb_span){start, len};
    return !r->bad;
}

/** RFC 2409 Appendix B pads with zeros; others pad with random bytes and a count. */
static bool is_padding(nhtb_span rest)
{
    if (rest.n <= NHI_V1_PAD_MAX) {
        return true;
    }
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] != 0) {
            return false;
        }
    }
    return true;
}

nhi_ike_chain nhi_v1_msg_parse(nhi_v1_msg *m, uint8_t first, const uint8_t *p, size_t n,
                               bool padded)
{
    nhi_rd r;
    nhi_rd_init(&r, p, n);
    m->n = 0;
    m->chain = (nhtb_span){p, 0};
    for (uint8_t type = first; type != NHI_V1_NONE;) {
        if (m->n == NHI_V1_PAYLOADS) {
            return NHI_CHAIN_TOO_MANY;
        }
        if (!read_payload(&m->pl[m->n], type, &type, &r)) {
            return NHI_CHAIN_MALFORMED;
        }
        m->n++;
    }
    m->chain.n = n - nhi_rd_left(&r);
    nhtb_span rest = nhi_rd_rest(&r);
    return rest.n == 0 || (padded && is_padding(rest)) ? NHI_CHAIN_OK : NHI_CHAIN_MALFORMED;
}

size_t nhi_v1_msg_count(const nhi_v1_msg *m, uint8_t type)
{
    size_t count = 0;
    for (size_t i = 0; i < m->n; i++) {
        count += m->pl[i].type == type;
    }
    return count;
}

const nhi_v1_pl *nhi_v1_msg_get(const nhi_v1_msg *m, uint8_t type, size_t k)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->pl[i].type == type && k-- == 0) {
            return &m->pl[i];
        }
    }
    return NULL;
}

nhtb_span nhi_v1_msg_after(const nhi_v1_msg *m, size_t k)
{
    if (k >= m->n) {
        return (nhtb_span){NULL, 0};
    }
    const uint8_t *from = m->pl[k].whole.p + m->pl[k].whole.n;
    return (nhtb_span){from, m->chain.n - (size_t)(from - m->chain.p)};
}
