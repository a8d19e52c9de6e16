/* SPDX-License-Identifier: Apache-2.0
 * Positions in a JSON text. cJSON keeps none, so a strict scan of the text gives line and column of
 * a syntax error or of the value a JSON pointer (RFC 6901) names. No recursion, no allocation. */
#ifndef GATEWAY_CONFIG_POS_H
#define GATEWAY_CONFIG_POS_H

#include <stdbool.h>
#include <stddef.h>

#define CFG_DEPTH_MAX   16
#define CFG_POINTER_MAX 512

typedef struct cfg_pos {
    unsigned line, column; /* from 1; column counts bytes */
} cfg_pos;

/** Checks the whole text: RFC 8259, at most CFG_DEPTH_MAX deep, no \u0000. False: *why names the
 *  error, *pos its place and pointer (CFG_POINTER_MAX bytes) the value it is in. */
bool cfg_pos_check(const char *text, size_t n, cfg_pos *pos, char *pointer, const char **why);
/** Place of the value `pointer` names; of the deepest existing parent when it does not exist. */
cfg_pos cfg_pos_find(const char *text, size_t n, const char *pointer);
/** Appends "/token" (escaped) to a pointer; cut off silently when full. */
void cfg_pointer_push(char *pointer, const char *token, size_t n);

#endif
