/* SPDX-License-Identifier: Apache-2.0
 * Certificates for a side of the duo: the tables of the null backend, but real signatures. */
#ifndef NHI_TEST_DUO_CERT_H
#define NHI_TEST_DUO_CERT_H

#include "duo.h"

/** What duo_cert gave the sides, to be changed before duo_start. */
extern nhtb_pki duo_pki[2];
/** PEM texts; issuer may be empty. */
void duo_cert(duo *p, int i, const char *cert, const char *issuer, const char *key,
              const char *anchors);

#endif
