/* SPDX-License-Identifier: Apache-2.0
 * nhtbctl psk-derive: see derive.c. The only part of nhtbctl that links the library. */
#ifndef NHTBCTL_DERIVE_H
#define NHTBCTL_DERIVE_H

#include "ctl.h"

typedef struct derive_options {
    const char *seed_file, *hub_id, *id; /* NULL: not given */
} derive_options;

/** Prints the key. Returns a CTL_ status. */
int derive_run(const derive_options *o);

#endif
