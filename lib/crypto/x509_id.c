/* SPDX-License-Identifier: Apache-2.0
 * Which identities a certificate holds: a subject alternative name of the identity's own type with
 * exactly its value, or the subject. No wildcards on the certificate's side, no fall-back from one
 * type to another, no common names. Any thread. RFC 4945 3.1, RFC 7296 3.5. */
#include <nhtb/ike.h>

#include "crypto/cert.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool same_text(nhtb_span a, nhtb_span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] == 0 || lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return a.n != 0;
}

/* Is there an entry with this tag and value? tag: GeneralName's context tag (RFC 5280 4.2.1.6). */
static bool san_has(nhtb_span san, uint8_t want, nhtb_span value, bool text)
{
    nhi_rd w = nhi_der_open(san);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    bool found = false;
    while (nhi_rd_left(&r) != 0) {
        uint8_t tag;
        nhtb_span body;
        if (!nhi_der_next(&r, &tag, &body, NULL))
            return false;
        if (tag == want && (text ? same_text(body, value) : nhi_der_equal(body, value)))
            found = true;
    }
    return found && nhi_der_done(&w);
}

bool nhi_cert_holds(const nhi_cert *c, const nhtb_identity *id)
{
    switch (id->type) {
    case NHTB_ID_RFC822: return san_has(c->san, NHI_DER_CONTEXT | 1, id->data, true);
    case NHTB_ID_FQDN: return san_has(c->san, NHI_DER_CONTEXT | 2, id->data, true);
    case NHTB_ID_IPV4:
    case NHTB_ID_IPV6: return san_has(c->san, NHI_DER_CONTEXT | 7, id->data, false);
    case NHTB_ID_DER_DN: return nhi_dn_equal(c->subject, id->data);
    default: return false; /* a KEY_ID is in no certificate */
    }
}
