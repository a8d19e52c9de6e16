/* SPDX-License-Identifier: Apache-2.0
 * The gateway's log: one line per record on standard error, for people or as JSON lines. Any
 * thread may write a line (one write(2) each). */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include <nhtb/nhtb.h>

#include "common/json_out.h"

typedef struct gw_log {
    int fd;
    uint8_t level; /* nhtb_log_level: the most talkative that is written */
    bool json;
} gw_log;

/** One line of text. */
void log_text(const gw_log *l, unsigned level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** A library record. */
void log_record(const gw_log *l, const nhtb_log *rec);
/** Structured: `members` holds JSON object members ("\"peer\":\"a\""), `text` the line for people. */
void log_event(const gw_log *l, unsigned level, const char *event, const char *text,
               const json_out *members);

#endif
