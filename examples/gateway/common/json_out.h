/* SPDX-License-Identifier: Apache-2.0
 * A streaming JSON writer into a growing buffer: status rows and log lines are written directly,
 * without a tree, so a table of ten thousand rows costs one chunk of memory at a time. Used by the
 * gateway's control and log code and by nhtbctl; one writer belongs to one thread. */
#ifndef GATEWAY_JSON_OUT_H
#define GATEWAY_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct json_out {
    char *p;
    size_t n, cap;
    bool comma;  /* the next value needs one before it */
    bool failed; /* out of memory: the text is useless */
} json_out;

void json_init(json_out *w);
void json_fini(json_out *w);
/** Empties the text, keeps the memory. */
void json_reset(json_out *w);
/** Raw bytes, for framing around values. */
void json_raw(json_out *w, const char *s, size_t n);
/** key is NULL inside arrays and at the top. open is '{' or '['; close matches it. */
void json_open(json_out *w, const char *key, char open);
void json_close(json_out *w, char close);
void json_str(json_out *w, const char *key, const char *value); /* NULL writes null */
/** Bytes that may hold anything: what is not printable ASCII is written as \u00xx. */
void json_bytes(json_out *w, const char *key, const uint8_t *value, size_t n);
void json_u64(json_out *w, const char *key, uint64_t value);
void json_i64(json_out *w, const char *key, int64_t value);
void json_bool(json_out *w, const char *key, bool value);
void json_hex(json_out *w, const char *key, uint64_t value, int digits); /* "0x…" */
void json_null(json_out *w, const char *key);

#endif
