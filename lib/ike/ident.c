/* SPDX-License-Identifier: Apache-2.0
 * Identities: well-formedness and exact matching. RFC 7296 3.5. Pure; called by ike/peer and
 * ike/v2/auth_*. */
#include "crypto/cert.h"
#include "ike/parts.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool text_equal(nhtb_span a, nhtb_span b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

static bool text_valid(nhtb_span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return s.n > 0 && s.n <= NHTB_ID_MAX;
}

bool nhi_ident_valid(const nhtb_identity *id)
{
    switch (id->type) {
    case NHTB_ID_IPV4: return id->data.n == 4;
    case NHTB_ID_IPV6: return id->data.n == 16;
    case NHTB_ID_FQDN:
    case NHTB_ID_RFC822: return text_valid(id->data);
    case NHTB_ID_DER_DN: return id->data.n <= NHTB_ID_MAX && nhi_dn_valid(id->data);
    case NHTB_ID_KEY_ID: return id->data.n > 0 && id->data.n <= NHTB_ID_MAX;
    default: return false;
    }
}

bool nhi_ident_match(const nhtb_identity *want, const nhtb_identity *got)
{
    if (want->type == NHTB_ID_NONE) {
        return true;
    }
    if (want->type != got->type) {
        return false;
    }
    if (want->type == NHTB_ID_FQDN || want->type == NHTB_ID_RFC822) {
        return text_equal(want->data, got->data);
    }
    if (want->type == NHTB_ID_DER_DN) {
        return nhi_dn_equal(want->data, got->data);
    }
    return want->data.n == got->data.n && memcmp(want->data.p, got->data.p, want->data.n) == 0;
}
