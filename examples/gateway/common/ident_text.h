/* SPDX-License-Identifier: Apache-2.0
 * Identities as people write them: an address, a name, user@name, keyid:TEXT, or a distinguished
 * name "C=DE, O=Example, CN=hub". Used by the
 * configuration and by nhtbctl, which must mean the same by the same words. */
#ifndef GATEWAY_IDENT_TEXT_H
#define GATEWAY_IDENT_TEXT_H

#include <stdbool.h>

#include <nhtb/ike.h>

/** data: NHTB_ID_MAX bytes. False: empty or too long. */
bool ident_text_parse(const char *text, uint8_t *type, uint8_t *data, uint8_t *n);

#endif
