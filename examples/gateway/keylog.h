/* SPDX-License-Identifier: Apache-2.0
 * Keys for Wireshark: --keylog DIR. The files have the names and formats of Wireshark's own tables,
 * so DIR can serve as its configuration directory (WIRESHARK_CONFIG_DIR). Control thread. */
#ifndef GATEWAY_KEYLOG_H
#define GATEWAY_KEYLOG_H

#include "log.h"

typedef struct gw_keylog gw_keylog;

/** Opens the files in dir: a directory of ours with mode 0700 that does not hold them yet. NULL: why
 *  (n bytes) says what is wrong. */
gw_keylog *keylog_open(const char *dir, const gw_log *log, char *why, size_t n);
void keylog_close(gw_keylog *k);
/** The hook of nhtb_host; k may be NULL (nothing is written). */
void keylog_write(gw_keylog *k, const nhtb_keylog *rec);

#endif
