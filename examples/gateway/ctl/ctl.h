/* SPDX-License-Identifier: Apache-2.0
 * nhtbctl's parts: the connection (conn.c) and what people see (tables.c). It speaks
 * JSON over the gateway's socket (docs/nhtbctl.md); only derive.c uses libnhtb. */
#ifndef NHTBCTL_CTL_H
#define NHTBCTL_CTL_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "../common/json_out.h"

enum { CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 3, CTL_PROTOCOL = 4 };

/** Sends one request; *rows gets the rows of all frames as one JSON array text (empty array for a
 *  command), *last the object that ended the answer (cJSON, may be NULL). Returns a CTL_ status. */
int conn_ask(const char *socket_path, const json_out *request, json_out *rows, cJSON **last);

/** Sends one request and hands each event to row until the connection ends or row says false. */
int conn_stream(const char *socket_path, const json_out *request,
                bool (*row)(void *user, const cJSON *event), void *user);

/** Prints what the gateway explains about a peer. */
void explain_print(const cJSON *answer);

/** Prints the chain of one destination. */
void way_print(const cJSON *answer);

/** Prints rows of a table for people. */
void tables_print(const char *table, const cJSON *rows, bool detail);

#endif
