/* SPDX-License-Identifier: Apache-2.0
 * Whole datagrams at a context with IKEv1 entries: both roles' half-open states, main and aggressive
 * mode, fragments, informational messages. Input as of ike_cleartext; option bit 4: aggressive mode.
 * RFC 2409 5.4. */
#include "fuzz/fuzz_v1.h"

int fuzz_v1_cleartext(const uint8_t *p, size_t n)
{
    return fuzz_cleartext(p, n, true);
}
