/* SPDX-License-Identifier: Apache-2.0
 * Certificates of faults_cert.c and faults_v1_cert.c. */
#ifndef NHTB_TESTS_EXCHANGE_FAULTS_PKI_H
#define NHTB_TESTS_EXCHANGE_FAULTS_PKI_H

#include "exchange/faults.h"
#include "pki/fixture.h"

static inline void faults_pki(nhtb_pki *p, const char *chain, const char *key)
{
    nhtb_pki_init(p);
    p->chain = (nhtb_span){(const uint8_t *)chain, strlen(chain)};
    p->key = (nhtb_span){(const uint8_t *)key, strlen(key)};
    p->anchors = (nhtb_span){(const uint8_t *)pki_root, strlen(pki_root)};
}

#endif
