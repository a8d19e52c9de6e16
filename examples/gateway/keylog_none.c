/* SPDX-License-Identifier: Apache-2.0
 * The build without NHTB_KEYLOG: --keylog is refused. Stands for keylog.c. Called by main.c. */
#include "keylog.h"

#include <stdio.h>

gw_keylog *keylog_open(const char *dir, const gw_log *log, char *why, size_t n)
{
    (void)dir;
    (void)log;
    snprintf(why, n, "this build cannot export keys (NHTB_KEYLOG is off)");
    return NULL;
}

void keylog_close(gw_keylog *k)
{
    (void)k;
}

void keylog_write(gw_keylog *k, const nhtb_keylog *rec)
{
    (void)k;
    (void)rec;
}
