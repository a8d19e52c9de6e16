/* SPDX-License-Identifier: Apache-2.0
 * The table "security pki": every configured certificate with its names, validity and fingerprint.
 * Keys are never shown, not even their file. Called through show.c. Control thread. */
#include "show.h"

#include <string.h>
#include <time.h>

static const char *const USES[] = {"own", "chain", "ca"};

static void put_date(json_out *w, const char *key, int64_t at)
{
    char text[32] = "";
    const time_t t = (time_t)at;
    struct tm tm;
    if (gmtime_r(&t, &tm) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%d", &tm);
    json_str(w, key, text);
}

static void put(json_out *w, const cfg_gateway *g, const char *use, const nhtb_cert_info *i)
{
    static const char hex[] = "0123456789abcdef";
    char print[2 * sizeof i->sha256 + 1];
    const int64_t now = (int64_t)time(NULL);
    for (size_t k = 0; k < sizeof i->sha256; k++) {
        print[2 * k] = hex[i->sha256[k] >> 4];
        print[2 * k + 1] = hex[i->sha256[k] & 15];
    }
    print[2 * sizeof i->sha256] = '\0';
    json_open(w, NULL, '{');
    json_str(w, "gateway", g->name);
    json_str(w, "use", use);
    json_str(w, "subject", i->subject);
    json_str(w, "issuer", i->issuer);
    json_str(w, "serial", i->serial);
    json_str(w, "key", i->key);
    json_u64(w, "not_before", i->from > 0 ? (uint64_t)i->from : 0);
    json_u64(w, "not_after", i->until > 0 ? (uint64_t)i->until : 0);
    json_str(w, "validity", now < i->from ? "not yet" : now < i->until ? "valid" : "expired");
    put_date(w, "until", i->until);
    json_str(w, "sha256", print);
    json_close(w, '}');
}

/* The next certificate of a text; false: no more. */
static bool next(const nhtb_crypto *c, nhtb_span *text, nhtb_cert_info *i)
{
    nhtb_cert_info_init(i);
    return nhtb_cert_next(c, text, i) == 1;
}

bool show_row_pki(gw *g, show_place *at, json_out *w)
{
    uint32_t row = 0;
    nhtb_crypto c;
    const char *name;
    size_t first = 0;
    nhtb_cert_info i;
    if (!crypto_choose(g->state.cfg->crypto, &first, &c, &name))
        return false;
    for (uint32_t k = 0; k < g->state.cfg->n_gateways; k++) {
        const cfg_gateway *e = &g->state.cfg->gateways[k];
        const cfg_text *parts[] = {e->pki != NULL ? &e->pki->chain : NULL,
                                   e->pki != NULL ? &e->pki->anchors : NULL};
        for (unsigned part = 0; part < 2 && parts[part] != NULL; part++) {
            nhtb_span text = {parts[part]->p, parts[part]->n};
            for (unsigned n = 0; next(&c, &text, &i); n++) {
                if (row++ < at->cursor)
                    continue;
                put(w, e, USES[part == 1 ? 2 : n != 0], &i);
                at->cursor++;
                return true;
            }
        }
    }
    return false;
}
