/* SPDX-License-Identifier: Apache-2.0
 * nhtbctl psk-derive: the key of one spoke from the hub's seed, off-line: no gateway is asked. The
 * only output is the key, 64 hexadecimal digits. Called by main.c. */
#define _GNU_SOURCE
#include "derive.h"

#include <stdio.h>
#include <string.h>

#include <nhtb/psk.h>

#include "../common/ident_text.h"
#include "../common/secret_file.h"
#include "../gateway.h"

#define SEED_MAX 1024

typedef struct ident {
    uint8_t type, n, data[NHTB_ID_MAX];
} ident;

static bool take_ident(const char *option, const char *text, ident *id)
{
    if (text != NULL && ident_text_parse(text, &id->type, id->data, &id->n))
        return true;
    fprintf(stderr, "nhtbctl: psk-derive: %s: an identity is missing or too long\n", option);
    return false;
}

static int refuse(const char *why)
{
    fprintf(stderr, "nhtbctl: psk-derive: %s\n", why);
    return CTL_REFUSED;
}

static int derive(nhtb_span seed, const ident *hub, const ident *spoke)
{
    const nhtb_identity h = {hub->type, {hub->data, hub->n}};
    const nhtb_identity s = {spoke->type, {spoke->data, spoke->n}};
    uint8_t psk[NHTB_PSK_LEN];
    char text[NHTB_PSK_TEXT];
    nhtb_crypto crypto;
    const char *name;
    size_t first = 0;
    if (!crypto_choose(CFG_CRYPTO_AUTO, &first, &crypto, &name))
        return refuse("this build has no crypto backend");
    const int err = nhtb_psk_derive(&crypto, seed, &h, &s, psk);
    if (err != 0)
        return refuse(err == NHTB_ERR_ARG ? "an identity is malformed" : nhtb_strerror(err));
    puts(nhtb_psk_format(psk, text));
    explicit_bzero(psk, sizeof psk);
    explicit_bzero(text, sizeof text);
    return fflush(stdout) == 0 ? CTL_OK : CTL_PROTOCOL;
}

int derive_run(const derive_options *o)
{
    uint8_t seed[SEED_MAX];
    char why[300];
    ident hub, spoke;
    if (o->seed_file == NULL || !take_ident("--hub-id", o->hub_id, &hub) ||
        !take_ident("--id", o->id, &spoke)) {
        fputs("usage: nhtbctl psk-derive --seed-file FILE --hub-id ID --id ID\n", stderr);
        return CTL_USAGE;
    }
    const long n = secret_file_read(o->seed_file, seed, sizeof seed, why, sizeof why);
    if (n < 0)
        return refuse(why);
    int status;
    if (n < NHTB_PSK_SEED_MIN || n > SEED_MAX)
        status = refuse("the seed must have 32 to 1024 random bytes");
    else
        status = derive((nhtb_span){seed, (size_t)n}, &hub, &spoke);
    explicit_bzero(seed, sizeof seed);
    return status;
}
