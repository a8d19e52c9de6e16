/* SPDX-License-Identifier: Apache-2.0
 * Files of published vectors: found through NHTB_VECTORS, read with cJSON, every access checked.
 * Without the variable a test says so and ends; with it a missing file is a failure. Tests only. */
#ifndef NHTB_TESTS_VECTORS_JSON_H
#define NHTB_TESTS_VECTORS_JSON_H

#include <cjson/cJSON.h>

#include "support.h"

static inline char *file_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "vectors missing: %s", path);
    cr_assert_eq(fseek(f, 0, SEEK_END), 0);
    long n = ftell(f);
    cr_assert_geq(n, 0);
    rewind(f);
    char *text = malloc((size_t)n + 1);
    cr_assert_not_null(text);
    cr_assert_eq(fread(text, 1, (size_t)n, f), (size_t)n);
    text[n] = '\0';
    fclose(f);
    return text;
}

/* NULL: NHTB_VECTORS is not set. */
static inline cJSON *vectors_load(const char *name)
{
    const char *dir = getenv("NHTB_VECTORS");
    if (dir == NULL || dir[0] == '\0') {
        printf("%s: NHTB_VECTORS is not set, file not read\n", name);
        return NULL;
    }
    char path[1024];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    cr_assert(n > 0 && (size_t)n < sizeof path);
    char *text = file_text(path);
    cJSON *root = cJSON_Parse(text);
    free(text);
    cr_assert_not_null(root, "not JSON: %s", path);
    return root;
}

static inline const char *text_of(const cJSON *o, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    cr_assert_not_null(text, "no text member %s", name);
    return text;
}

static inline int number_of(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    cr_assert(cJSON_IsNumber(v), "no number member %s", name);
    return v->valueint;
}

static inline size_t bytes_of(const cJSON *o, const char *name, uint8_t *out, size_t cap)
{
    return unhex(text_of(o, name), out, cap);
}

static inline bool has_flag(const cJSON *test, const char *flag)
{
    const cJSON *f;
    cJSON_ArrayForEach(f, cJSON_GetObjectItemCaseSensitive(test, "flags"))
    {
        if (strcmp(cJSON_GetStringValue(f), flag) == 0)
            return true;
    }
    return false;
}

/* Calls each(group, test, backend) for every case of a Wycheproof file and every backend; returns
 * how many cases each backend ran (each says whether it took the case). */
typedef bool (*case_fn)(const cJSON *group, const cJSON *test, const nhtb_crypto *c, unsigned kind);

static inline void run_file(const char *name, case_fn each, unsigned kind, size_t expected)
{
    cJSON *root = vectors_load(name);
    if (root == NULL)
        return;
    cr_assert_gt(N_REAL, 0, "no backend in this build");
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        size_t ran = 0, other = 0;
        const cJSON *group, *test;
        cJSON_ArrayForEach(group, cJSON_GetObjectItemCaseSensitive(root, "testGroups"))
        {
            cJSON_ArrayForEach(test, cJSON_GetObjectItemCaseSensitive(group, "tests"))
            {
                if (each(group, test, &c, kind))
                    ran++;
                else
                    other++;
            }
        }
        printf("%s: %s ran %zu cases (%zu of other sizes)\n", name, c.bulk->name, ran, other);
        cr_assert_gt(ran, 0);
        cr_assert_eq(ran, expected, "%s: %zu cases instead of %zu", name, ran, expected);
    }
    cJSON_Delete(root);
}

#endif
