/* SPDX-License-Identifier: Apache-2.0
 * The member "certificates" of a gateway: files of our chain, its key, trusted certificates and
 * revocation lists. The key's file is held to the rules of secrets (common/secret_file.c); the
 * library reads and judges what is in them. Called by config_gateway.c. Control thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret_file.h"
#include "config_read.h"

#define KEY_MAX 16384

/* Appends a file to *text; every file ends with a new line of its own. */
static bool append(cfg_rd *r, const char *name, cfg_text *t)
{
    char path[512];
    if (!rd_path(r, name, path, sizeof path))
        return false;
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return rd_fail(r, "%.160s: %s", path, strerror(errno));
    bool ok = true;
    for (;;) {
        uint8_t *p = realloc(t->p, t->n + 65536 + 1);
        if (p == NULL || t->n > NHTB_PKI_BYTES) {
            ok = rd_fail(r, "%.160s: too long", path);
            break;
        }
        t->p = p;
        const size_t got = fread(t->p + t->n, 1, 65536, f);
        t->n += got;
        if (got == 0)
            break;
    }
    if (ok && ferror(f) != 0)
        ok = rd_fail(r, "%.160s: %s", path, strerror(errno));
    fclose(f);
    if (ok)
        t->p[t->n++] = '\n';
    return ok;
}

/* A name, or an array of names. */
static bool rd_files(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_text *t = dst;
    unsigned i = 0;
    (void)f;
    if (cJSON_IsString(v))
        return append(r, v->valuestring, t);
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > 64)
        return rd_fail(r, "a file name, or an array of at most 64, is expected here");
    for (const cJSON *e = v->child; e != NULL; e = e->next, i++) {
        const size_t at = rd_push_index(r, i);
        if (!cJSON_IsString(e))
            return rd_fail(r, "a file name in quotes is expected here");
        if (!append(r, e->valuestring, t))
            return false;
        rd_pop(r, at);
    }
    return true;
}

static bool rd_key_file(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    cfg_text *t = dst;
    char path[512], why[300];
    (void)f;
    if (!cJSON_IsString(v))
        return rd_fail(r, "a file name in quotes is expected here");
    if (!rd_path(r, v->valuestring, path, sizeof path))
        return false;
    t->p = calloc(1, KEY_MAX);
    if (t->p == NULL)
        return rd_fail(r, "out of memory");
    const long n = secret_file_read(path, t->p, KEY_MAX, why, sizeof why);
    if (n < 0)
        return rd_fail(r, "%s", why);
    if (n == 0 || n > KEY_MAX)
        return rd_fail(r, "%.160s: must hold 1 to %d bytes", path, KEY_MAX);
    t->n = (size_t)n;
    return true;
}

static bool rd_hashes(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    static const char *const WORDS[] = {"sha256", "sha384", "sha512"};
    uint32_t *bits = dst;
    unsigned at = 0;
    (void)f;
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) == 0)
        return rd_fail(r, "an array of sha256, sha384, sha512 is expected here");
    for (const cJSON *e = v->child; e != NULL; e = e->next, at++) {
        uint32_t bit = 0;
        for (unsigned i = 0; i < 3; i++)
            if (cJSON_IsString(e) && strcmp(e->valuestring, WORDS[i]) == 0)
                bit = NHTB_SIGN_SHA256 << i;
        if (bit == 0) {
            rd_push_index(r, at);
            return rd_fail(r, "sha256, sha384 or sha512 is expected here");
        }
        *bits |= bit;
    }
    return true;
}

static const char *const REVOCATION[] = {"relaxed", "ifuri", "strict", NULL};

static const cfg_field FIELDS[] = {
    {"certificate", rd_files, offsetof(cfg_pki, chain), 0, 0, NULL, false},
    {"key", rd_key_file, offsetof(cfg_pki, key), 0, 0, NULL, false},
    {"ca", rd_files, offsetof(cfg_pki, anchors), 0, 0, NULL, false},
    {"crl", rd_files, offsetof(cfg_pki, crls), 0, 0, NULL, false},
    {"revocation", rd_word, offsetof(cfg_pki, revocation), 0, 0, REVOCATION, false},
    {"hashes", rd_hashes, offsetof(cfg_pki, hashes), 0, 0, NULL, false},
    {"pss", rd_bool, offsetof(cfg_pki, pss), 0, 0, NULL, false},
    {"send_request", rd_bool, offsetof(cfg_pki, send_request), 0, 0, NULL, false},
};

bool rd_certificates(cfg_rd *r, const cJSON *v, void *gateway, const cfg_field *f)
{
    cfg_gateway *g = gateway;
    (void)f;
    g->pki = calloc(1, sizeof *g->pki);
    if (g->pki == NULL)
        return rd_fail(r, "out of memory");
    g->pki->send_request = true;
    return rd_object(r, v, g->pki, FIELDS, sizeof FIELDS / sizeof *FIELDS);
}

bool check_pki(cfg_rd *r, const cfg_gateway *g)
{
    const cfg_pki *p = g->pki;
    if (p == NULL)
        return true;
    rd_push(r, "certificates");
    if ((p->chain.n != 0) != (p->key.n != 0))
        return rd_fail(r, "\"certificate\" and \"key\" belong together");
    if (p->chain.n == 0 && p->anchors.n == 0)
        return rd_fail(r, "\"certificate\" with \"key\", or \"ca\", is needed");
    if ((p->chain.n == 0 || p->anchors.n == 0) && g->psk_n == 0)
        return rd_fail(r, "a side without certificates needs the \"pre_shared_key\"");
    return true;
}

static bool same_text(const cfg_text *a, const cfg_text *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

bool cfg_pki_same(const cfg_pki *a, const cfg_pki *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return same_text(&a->chain, &b->chain) && same_text(&a->key, &b->key) &&
           same_text(&a->anchors, &b->anchors) && same_text(&a->crls, &b->crls);
}

void cfg_pki_del(cfg_pki *p)
{
    if (p == NULL)
        return;
    if (p->key.p != NULL)
        cfg_wipe(p->key.p, KEY_MAX);
    free(p->chain.p);
    free(p->key.p);
    free(p->anchors.p);
    free(p->crls.p);
    free(p);
}
