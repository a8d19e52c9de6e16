/* SPDX-License-Identifier: Apache-2.0
 * A certificate's path: the vendor finds and checks it, then every rule is checked again here that
 * vendors leave out or judge differently, so that all backends give the same verdict: key sizes and
 * hashes, validity at the caller's time, issuers' rights, path lengths, critical extensions, name
 * constraints, revocation lists. Only what passed the key floor is shown to the vendor. Called as a
 * job by sig.c; any thread. RFC 5280 6.1, RFC 4945 5. */
#include "crypto/cert.h"

#include "crypto/sig.h"

/* The certificates given that can be used, and the path through them, leaf first. */
typedef struct work {
    nhi_cert cert[NHTB_CHAIN_MAX];
    nhtb_span der[NHTB_CHAIN_MAX];
    size_t n;
    const nhi_cert *path[NHTB_CHAIN_MAX];
    nhi_cert anchor;
    size_t n_path;
} work;

/* The last second does not count, as OpenSSL has it. */
static bool in_time(const nhi_cert *c, int64_t now)
{
    return c->from <= now && now < c->until;
}

/* A helper that is malformed or weak might as well not have come. */
static nhi_x509 take(work *w, const nhi_x509_in *in)
{
    for (size_t i = 0; i < in->n_certs && i < NHTB_CHAIN_MAX; i++) {
        nhi_cert *c = &w->cert[w->n];
        bool good = nhi_cert_read(c, in->certs[i]);
        if (i == 0 && !good)
            return NHI_X509_MALFORMED;
        bool strong = good && c->key != NHI_KEY_NONE && c->sig_alg != NHTB_SIG_NONE;
        if (i == 0 && !strong)
            return NHI_X509_WEAK;
        if (strong)
            w->der[w->n++] = in->certs[i];
    }
    return w->n != 0 ? NHI_X509_GOOD : NHI_X509_MALFORMED;
}

static bool find_path(const nhtb_crypto *c, work *w, const nhi_x509_in *in)
{
    uint16_t at[NHTB_CHAIN_MAX];
    size_t n = 0;
    nhtb_chain q = {w->der, in->anchors, w->n, in->n_anchors, in->now};
    if (c->pk->chain(&q, at, &n) != 0 || n == 0 || n > NHTB_CHAIN_MAX || at[n - 1] < w->n)
        return false;
    for (size_t i = 0; i + 1 < n; i++) {
        if (at[i] >= w->n || (i == 0 && at[i] != 0))
            return false;
        w->path[i] = &w->cert[at[i]];
    }
    size_t top = at[n - 1] - w->n;
    if (top >= in->n_anchors || !nhi_cert_read(&w->anchor, in->anchors[top]))
        return false;
    w->path[n - 1] = &w->anchor;
    w->n_path = n;
    return true;
}

static bool self_issued(const nhi_cert *c)
{
    return nhi_dn_equal(c->issuer, c->subject);
}

/* May `c` issue what stands `below` certificates under it? (6.1.4 k to n) An anchor of version 1 has
 * no extensions to say so, and is trusted as it is. */
static bool may_issue(const nhi_cert *c, size_t below, bool anchor)
{
    bool bare = anchor && !c->ca && !c->has_usage && c->path_len < 0;
    if (!c->ca && !bare)
        return false;
    if (c->has_usage && !(c->usage & NHI_USAGE_CERT_SIGN))
        return false;
    return c->path_len < 0 || below <= (size_t)c->path_len;
}

/* A self-issued certificate between leaf and anchor (a CA that changed its key) is refused: mbedTLS
 * cannot follow it. The CA's new certificate is an anchor of its own. */
static bool issuers_may(const work *w)
{
    for (size_t i = 1; i < w->n_path; i++) {
        bool anchor = i + 1 == w->n_path;
        if (!may_issue(w->path[i], i - 1, anchor) || (!anchor && self_issued(w->path[i])))
            return false;
    }
    return true;
}

static bool names_chain(const work *w)
{
    for (size_t i = 0; i + 1 < w->n_path; i++) {
        if (!nhi_dn_chains(w->path[i]->issuer, w->path[i + 1]->subject))
            return false;
    }
    return true;
}

static bool names_allowed(const work *w)
{
    for (size_t i = 0; i < w->n_path; i++) {
        for (size_t up = i + 1; up < w->n_path; up++) {
            nhtb_span nc = w->path[up]->constraints;
            if (nc.n != 0 && !nhi_cert_name_allowed(w->path[i], nc))
                return false;
        }
    }
    return true;
}

/* What an end entity needs beside a path: a key that may sign, and a purpose that fits (RFC 4945
 * 5.1.3.2, 5.1.3.12). A CA is not an end entity. */
static bool leaf_fits(const nhi_cert *c)
{
    if (c->has_usage && !(c->usage & (NHI_USAGE_SIGNATURE | 0x40))) /* 0x40: non-repudiation */
        return false;
    return !c->has_eku || c->eku_fits;
}

static nhi_x509 rules(const work *w, int64_t now)
{
    for (size_t i = 0; i < w->n_path; i++) {
        const nhi_cert *c = w->path[i];
        bool anchor = i + 1 == w->n_path && i != 0;
        if (!in_time(c, now))
            return NHI_X509_EXPIRED;
        if (c->key == NHI_KEY_NONE || (c->sig_alg == NHTB_SIG_NONE && !anchor))
            return NHI_X509_WEAK;
        if (c->strange)
            return NHI_X509_UNTRUSTED;
    }
    return leaf_fits(w->path[0]) && issuers_may(w) && names_chain(w) && names_allowed(w)
               ? NHI_X509_GOOD
               : NHI_X509_UNTRUSTED;
}

static nhi_x509 revocation(const nhtb_crypto *c, const work *w, const nhi_x509_in *in)
{
    for (size_t i = 0; i + 1 < w->n_path; i++) {
        const nhi_cert *cert = w->path[i];
        nhi_revoked r = nhi_crl_status(c, in->crls, in->n_crls, cert, w->path[i + 1], in->now);
        if (r == NHI_REVOKED)
            return NHI_X509_REVOKED;
        bool needed = in->revocation == NHTB_REVOCATION_STRICT ||
                      (in->revocation == NHTB_REVOCATION_IFURI && cert->crl_points.n != 0);
        if (needed && r != NHI_NOT_REVOKED)
            return NHI_X509_NO_STATUS;
    }
    return NHI_X509_GOOD;
}

/* Without a path the vendor's reason is not known: a date that is past is the likeliest. */
static nhi_x509 no_path(const work *w, int64_t now)
{
    for (size_t i = 0; i < w->n; i++) {
        if (!in_time(&w->cert[i], now))
            return NHI_X509_EXPIRED;
    }
    return NHI_X509_UNTRUSTED;
}

nhi_x509 nhi_x509_verify(const nhtb_crypto *c, const nhi_x509_in *in, nhi_cert *leaf)
{
    work w = {.n = 0};
    memset(leaf, 0, sizeof *leaf);
    if (!nhi_crypto_has_sig(c, NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA256) || c->pk->chain == NULL)
        return NHI_X509_UNTRUSTED;
    nhi_x509 r = take(&w, in);
    if (r != NHI_X509_MALFORMED)
        *leaf = w.cert[0];
    if (r != NHI_X509_GOOD)
        return r;
    if (!find_path(c, &w, in))
        return no_path(&w, in->now);
    r = rules(&w, in->now);
    return r == NHI_X509_GOOD ? revocation(c, &w, in) : r;
}
