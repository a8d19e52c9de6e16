/* SPDX-License-Identifier: Apache-2.0
 * When the fixture's certificates are looked at. Tests only. */
#ifndef NHTB_TESTS_PKI_NOW_H
#define NHTB_TESTS_PKI_NOW_H

#include <stdint.h>

#define PKI_NOW INT64_C(1767225600) /* 2026-01-01 */

/** As nhtb_host.wall_time. */
static inline uint64_t pki_wall(void *user)
{
    (void)user;
    return (uint64_t)PKI_NOW;
}

#endif
