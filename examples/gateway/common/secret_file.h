/* SPDX-License-Identifier: Apache-2.0
 * Files that hold secrets: regular, ours, mode 0600 or less, no symbolic link. Used by nhtb-gateway
 * and nhtbctl. */
#ifndef GATEWAY_SECRET_FILE_H
#define GATEWAY_SECRET_FILE_H

#include <stddef.h>
#include <stdint.h>

/** Reads at most cap bytes. How many, or -1 with the cause in why (n bytes). A file with more than
 *  cap gives cap + 1 and a useless buffer. */
long secret_file_read(const char *path, uint8_t *buf, size_t cap, char *why, size_t n);

#endif
