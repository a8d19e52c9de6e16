/* SPDX-License-Identifier: Apache-2.0
 * Reads the certificates, key and lists of a peer entry, from PEM or DER, into one block. What can
 * be wrong is found here, when the configuration is taken, not when a peer comes. Called by
 * ike/config; control thread. */
#include "crypto/pki.h"

#include "crypto/kdf.h"
#include "crypto/sig.h"

void nhtb_pki_default(nhtb_pki *p, uint32_t size)
{
    static const nhtb_pki d = {.size = sizeof d, .send_certreq = true, .send_cert_always = true};
    if (p == NULL || size < sizeof p->size)
        return;
    memset(p, 0, size);
    memcpy(p, &d, size < sizeof d ? size : sizeof d);
    p->size = size;
}

int nhtb_dn_parse(const char *text, uint8_t *out, size_t *n)
{
    return text != NULL && out != NULL && n != NULL ? nhi_dn_parse(text, nhi_strlen(text), out, n)
                                                    : NHTB_ERR_ARG;
}

size_t nhtb_dn_format(nhtb_span name, char *dst, size_t n)
{
    nhi_fmt f;
    nhi_fmt_init(&f, dst, n);
    nhi_dn_format(&f, name);
    return f.n;
}

static bool labelled(const char *label, const char *want)
{
    size_t n = nhi_strlen(label), tail = nhi_strlen(want);
    return n == 0 || (n >= tail && memcmp(label + n - tail, want, tail) == 0);
}

/* ---- for display ---- */

static const char *key_name(uint8_t kind)
{
    static const char *const names[] = {"unusable", "RSA", "P-256", "P-384", "P-521"};
    return kind < NHI_ARRAY_LEN(names) ? names[kind] : names[0];
}

static void info_fill(nhtb_cert_info *i, const nhi_cert *c)
{
    nhi_fmt f;
    (void)nhtb_dn_format(c->subject, i->subject, sizeof i->subject);
    (void)nhtb_dn_format(c->issuer, i->issuer, sizeof i->issuer);
    nhi_fmt_init(&f, i->serial, sizeof i->serial);
    for (size_t k = 0; k < c->serial.n; k++)
        nhi_fmt_hex(&f, c->serial.p[k], 2);
    i->ca = c->ca;
    i->from = c->from;
    i->until = c->until;
    i->key = key_name(c->key);
}

int nhtb_cert_next(const nhtb_crypto *c, nhtb_span *text, nhtb_cert_info *out)
{
    uint8_t der[8192], full[64];
    char label[NHI_PEM_LABEL];
    nhi_cert cert;
    if (c == NULL || text == NULL || out == NULL || out->size != sizeof *out)
        return NHTB_ERR_ARG;
    for (;;) {
        size_t n = sizeof der;
        int got = nhi_pem_next(text, label, der, &n);
        if (got != 1)
            return got == 0 ? 0 : NHTB_ERR_ARG;
        nhtb_span d = {der, n};
        if (!labelled(label, "CERTIFICATE"))
            continue;
        if (!nhi_cert_read(&cert, d) || nhi_hash(c, NHTB_HASH_SHA256, &d, 1, full) != 0)
            return NHTB_ERR_ARG;
        info_fill(out, &cert);
        memcpy(out->sha256, full, sizeof out->sha256);
        return 1;
    }
}

/* Where the DER of all parts goes: behind the struct. */
typedef struct store {
    uint8_t *p;
    size_t room;
} store;

static int take(store *s, nhtb_span *text, char label[NHI_PEM_LABEL], nhtb_span *out)
{
    size_t n = s->room;
    int got = nhi_pem_next(text, label, s->p, &n);
    if (got != 1)
        return got;
    *out = (nhtb_span){s->p, n};
    s->p += n;
    s->room -= n;
    return 1;
}

/* All blocks of a text whose label fits; others (parameters beside a key) are skipped. */
static int take_all(store *s, nhtb_span text, const char *label, nhtb_span *v, size_t cap,
                    size_t *n)
{
    char got[NHI_PEM_LABEL];
    nhtb_span der;
    int r;
    while ((r = take(s, &text, got, &der)) == 1) {
        if (!labelled(got, label))
            continue;
        if (*n >= cap)
            return NHTB_ERR_LIMIT;
        v[(*n)++] = der;
    }
    return r;
}

static bool certs_good(const nhtb_span *v, size_t n)
{
    nhi_cert c;
    for (size_t i = 0; i < n; i++) {
        if (!nhi_cert_read(&c, v[i]) || c.key == NHI_KEY_NONE)
            return false;
    }
    return true;
}

static bool crls_good(const nhtb_span *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!nhi_crl_valid(v[i]))
            return false;
    }
    return true;
}

static int hash_anchors(nhi_pki *p, const nhtb_crypto *c)
{
    nhi_cert cert;
    for (size_t i = 0; i < p->n_anchors; i++) {
        uint8_t full[64];
        if (!nhi_cert_read(&cert, p->anchors[i]) ||
            nhi_hash(c, NHTB_HASH_SHA1, &cert.spki, 1, full) != 0)
            return NHTB_ERR_CRYPTO;
        memcpy(p->anchor_hash[i], full, NHI_KEY_HASH);
    }
    return 0;
}

static int read_parts(nhi_pki *p, const nhtb_pki *cfg, store *s, const char **what)
{
    size_t n_keys = 0;
    *what = "chain";
    int err = take_all(s, cfg->chain, "CERTIFICATE", p->chain, NHTB_PKI_CERTS, &p->n_chain);
    if (err != 0 || !certs_good(p->chain, p->n_chain))
        return NHTB_ERR_ARG;
    *what = "anchors";
    err = take_all(s, cfg->anchors, "CERTIFICATE", p->anchors, NHTB_PKI_ANCHORS, &p->n_anchors);
    if (err != 0 || !certs_good(p->anchors, p->n_anchors))
        return NHTB_ERR_ARG;
    *what = "crls";
    err = take_all(s, cfg->crls, "CRL", p->crls, NHTB_PKI_CRLS, &p->n_crls);
    if (err != 0 || !crls_good(p->crls, p->n_crls))
        return NHTB_ERR_ARG;
    *what = "key";
    err = take_all(s, cfg->key, "PRIVATE KEY", &p->key, 1, &n_keys);
    return err == 0 && (n_keys != 0) == (p->n_chain != 0) ? 0 : NHTB_ERR_ARG;
}

static int check_parts(nhi_pki *p, const nhtb_crypto *c, const char **what)
{
    if (p->n_chain != 0) {
        *what = "key";
        p->key_kind = nhi_key_of(c, p->key);
        if (p->key_kind == NHI_KEY_NONE || !nhi_cert_read(&p->own, p->chain[0]) ||
            !nhi_key_fits(c, p->key, &p->own))
            return NHTB_ERR_ARG; /* of another certificate, too small, or encrypted */
    }
    *what = "chain";
    if (p->n_chain == 0 && p->n_anchors == 0)
        return NHTB_ERR_ARG;
    *what = "anchors";
    return hash_anchors(p, c);
}

static bool sane(const nhtb_pki *cfg)
{
    const nhtb_span *v[] = {&cfg->chain, &cfg->key, &cfg->anchors, &cfg->crls};
    size_t left = NHTB_PKI_BYTES;
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        if ((v[i]->n != 0 && v[i]->p == NULL) || v[i]->n > left)
            return false;
        left -= v[i]->n;
    }
    return cfg->revocation <= NHTB_REVOCATION_STRICT && (cfg->hashes & ~NHTB_SIGN_DEFAULT) == 0;
}

int nhi_pki_new(nhi_pki **out, nhi_mem *mem, const nhtb_crypto *c, const nhtb_pki *cfg,
                const char **what)
{
    const char *ignored;
    if (what == NULL)
        what = &ignored;
    *out = NULL;
    *what = "size";
    if (cfg->size != sizeof *cfg || !sane(cfg))
        return NHTB_ERR_ARG;
    *what = "backend";
    if (!nhi_crypto_has_sig(c, NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA256))
        return NHTB_ERR_UNSUPPORTED;
    size_t texts = cfg->chain.n + cfg->key.n + cfg->anchors.n + cfg->crls.n; /* DER is no longer */
    nhi_pki *p = nhi_mem_alloc(mem, sizeof *p + texts, 16);
    if (p == NULL)
        return NHTB_ERR_MEMORY;
    p->refs = 1;
    p->block_n = sizeof *p + texts;
    p->revocation = cfg->revocation;
    p->send_certreq = cfg->send_certreq;
    p->send_cert_always = cfg->send_cert_always;
    p->pss = cfg->pss;
    p->hashes = cfg->hashes != 0 ? cfg->hashes : NHTB_SIGN_DEFAULT;
    store s = {(uint8_t *)(p + 1), texts};
    int err = read_parts(p, cfg, &s, what);
    if (err == 0)
        err = check_parts(p, c, what);
    if (err == 0)
        *out = p;
    else
        nhi_pki_unref(mem, p);
    return err;
}

void nhi_pki_unref(nhi_mem *mem, nhi_pki *p)
{
    if (p != NULL && --p->refs == 0)
        nhi_mem_wipe_free(mem, p, p->block_n);
}
