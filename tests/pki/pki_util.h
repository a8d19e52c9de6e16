/* SPDX-License-Identifier: Apache-2.0
 * The fixture's certificates and keys as spans and as DER. Tests only. */
#ifndef NHTB_TESTS_PKI_UTIL_H
#define NHTB_TESTS_PKI_UTIL_H

#include "pki/fixture.h"
#include "pki/now.h"
#include "vectors/support.h"

#include "crypto/sig.h"

static inline nhtb_span pki_text(const char *pem)
{
    return (nhtb_span){(const uint8_t *)pem, strlen(pem)};
}

typedef struct pki_der {
    uint8_t b[4096];
    nhtb_span span;
} pki_der;

static inline nhtb_span pki_read(pki_der *d, const char *pem)
{
    nhtb_span text = pki_text(pem);
    char label[NHI_PEM_LABEL];
    size_t n = sizeof d->b;
    cr_assert_eq(nhi_pem_next(&text, label, d->b, &n), 1);
    return d->span = (nhtb_span){d->b, n};
}

static inline nhtb_identity pki_fqdn(const char *name)
{
    return (nhtb_identity){NHTB_ID_FQDN, {(const uint8_t *)name, strlen(name)}};
}

#endif
