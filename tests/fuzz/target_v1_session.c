/* SPDX-License-Identifier: Apache-2.0
 * Two contexts that speak IKEv1 over a network the fuzzer rules, with edits inside protected messages;
 * main and aggressive mode, XAuth and mode config. Input as of ike_session. RFC 2409. */
#include "fuzz/fuzz_v1.h"

int fuzz_v1_session(const uint8_t *p, size_t n)
{
    return fuzz_v1_pair(p, n);
}
