/* SPDX-License-Identifier: Apache-2.0
 * The words of an identity: see ident_text.h. RFC 7296 3.5. Called by config_gateway.c and
 * ctl/derive.c. */
#include "ident_text.h"

#include <nhtb/pki.h>

#include <string.h>

bool ident_text_parse(const char *text, uint8_t *type, uint8_t *data, uint8_t *n)
{
    nhtb_addr a;
    if (nhtb_addr_parse(text, &a) == 0) {
        *type = a.family == 4 ? NHTB_ID_IPV4 : NHTB_ID_IPV6;
        *n = a.family == 4 ? 4 : 16;
        memcpy(data, a.b, *n);
        return true;
    }
    const bool key = strncmp(text, "keyid:", 6) == 0;
    if (!key && strchr(text, '=') != NULL) {
        size_t der = NHTB_ID_MAX;
        *type = NHTB_ID_DER_DN;
        const bool ok = nhtb_dn_parse(text, data, &der) == 0;
        *n = ok ? (uint8_t)der : 0;
        return ok;
    }
    *type = key ? NHTB_ID_KEY_ID : strchr(text, '@') != NULL ? NHTB_ID_RFC822 : NHTB_ID_FQDN;
    text += key ? 6 : 0;
    const size_t len = strlen(text);
    if (len == 0 || len > NHTB_ID_MAX)
        return false;
    *n = (uint8_t)len;
    memcpy(data, text, len);
    return true;
}
