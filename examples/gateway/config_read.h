/* SPDX-License-Identifier: Apache-2.0
 * Table-driven readers: an object is a list of fields, each with a reader, so an unknown, doubled,
 * missing or mistyped member is always noticed and reported with its JSON pointer. */
#ifndef GATEWAY_CONFIG_READ_H
#define GATEWAY_CONFIG_READ_H

#include <cjson/cJSON.h>

#include "config.h"

typedef struct cfg_rd {
    cfg_error *err;
    char pointer[CFG_POINTER_MAX];
    cfg *c;
    const char *dir; /* of the configuration file, for relative secret paths */
    const gw_log *log;
} cfg_rd;

typedef struct cfg_field {
    const char *key;
    bool (*read)(cfg_rd *r, const cJSON *v, void *dst, const struct cfg_field *f);
    size_t offset; /* of the destination in the object's struct */
    uint64_t lo, hi;
    const char *const *words; /* of rd_word, NULL-terminated */
    bool required;
} cfg_field;

/** Records the first error at the current pointer; always false. */
bool rd_fail(cfg_rd *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Appends a token; returns the length to give rd_pop. */
size_t rd_push(cfg_rd *r, const char *token);
size_t rd_push_index(cfg_rd *r, unsigned i);
void rd_pop(cfg_rd *r, size_t to);

/** Reads the object's members in the order of the table (so later fields may refer to earlier). */
bool rd_object(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f, size_t n);

/** Reads an array of objects: *items (elem_size each, zeroed) and *n. each() reads one element. */
bool rd_array(cfg_rd *r, const cJSON *v, void **items, uint32_t *n, size_t elem_size, uint32_t max,
              bool (*each)(cfg_rd *r, const cJSON *v, void *items, uint32_t index));

bool rd_bool(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
bool rd_u8(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
bool rd_u32(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
bool rd_u64(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
/** Text of at most hi characters, printable ASCII without blanks. */
bool rd_name(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
/** One of f->words; dst (uint8_t) gets its position. */
bool rd_word(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
bool rd_addr(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
/** An address or "any" (family 0). */
bool rd_addr_any(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
bool rd_prefix(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
bool rd_ignore(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);

/** secret.c: {"file": "..."} or {"text": "..."} into a cfg_gateway. */
bool rd_psk(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f);
/** secret.c: the same into a cfg_secret. */
bool rd_secret(cfg_rd *r, const cJSON *v, void *secret, const cfg_field *f);
/** secret.c: a name relative to the configuration's folder. */
bool rd_path(cfg_rd *r, const char *name, char *path, size_t room);
/** config_wild.c: the members of a gateway for many peers, and what they ask of each other. */
bool rd_wildcard(cfg_rd *r, const cJSON *v, void *gateway);
bool rd_seed(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f);
bool rd_owners(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f);
bool check_wild(cfg_rd *r, const cfg_gateway *g);
/** config_v1.c: the members of a gateway that speaks IKEv1; and the warnings about old algorithms. */
bool rd_ikev1(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f);
bool check_v1(cfg_rd *r, const cfg_gateway *g);
/** Wipes and frees; NULL is allowed. */
void cfg_v1_del(cfg_v1 *v);
/** config_pki.c: the certificates of a gateway, and whether they are complete. */
bool rd_certificates(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f);
bool check_pki(cfg_rd *r, const cfg_gateway *g);
void cfg_pki_del(cfg_pki *p);
/** config_gateway.c: one element of "gateways". */
bool rd_gateway(cfg_rd *r, const cJSON *v, void *items, uint32_t index);
/** config.c: name of an interface to its index. */
bool rd_iface_ref(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f);
/** Address with prefix length, host bits allowed. */
bool cfg_parse_address(const char *text, nhtb_prefix *out);
/** Wipe that the compiler keeps. */
void cfg_wipe(void *p, size_t n);

#endif
