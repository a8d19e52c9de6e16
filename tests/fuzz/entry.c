/* SPDX-License-Identifier: Apache-2.0
 * libFuzzer's entry into one target: compiled once per target with FUZZ_ENTRY=fuzz_<name>. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    return FUZZ_ENTRY(p, n);
}
