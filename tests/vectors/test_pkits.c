/* SPDX-License-Identifier: Apache-2.0
 * NIST's PKITS (Public Key Interoperability Test Suite, path validation) through nhi_x509_verify on
 * every real backend, at strict revocation: each must give NIST's verdict, or stand in the table of
 * cases that do not apply with the reason and the verdict we give instead. The certificates are
 * those of Debian's python3-cryptography-vectors. */
#include <dirent.h>

#include "support.h"

#include "crypto/cert.h"

#define ROOT      "/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data"
#define FILES_MAX 512

typedef struct file {
    char name[96];
    uint8_t der[4096];
    nhtb_span span;
} file;

static file *certs, *crls;
static size_t n_certs, n_crls;

static const char *root(void)
{
    const char *dir = getenv("NHTB_PKITS");
    return dir != NULL && dir[0] != '\0' ? dir : ROOT;
}

static file *load(const char *sub, size_t *n)
{
    char path[1024];
    file *v = calloc(FILES_MAX, sizeof *v);
    snprintf(path, sizeof path, "%s/%s", root(), sub);
    DIR *d = opendir(path);
    if (d == NULL)
        return v;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        file *f = &v[*n];
        char *dot = strrchr(e->d_name, '.');
        if (dot == NULL || e->d_name[0] == '.' || (strcmp(dot, ".crt") && strcmp(dot, ".crl")))
            continue;
        cr_assert_lt(*n, FILES_MAX);
        snprintf(path, sizeof path, "%s/%s/%s", root(), sub, e->d_name);
        FILE *in = fopen(path, "rb");
        cr_assert_not_null(in);
        f->span = (nhtb_span){f->der, fread(f->der, 1, sizeof f->der, in)};
        fclose(in);
        snprintf(f->name, sizeof f->name, "%.*s", (int)(dot - e->d_name), e->d_name);
        (*n)++;
    }
    closedir(d);
    return v;
}

/* Not applicable, and what we say instead: always the stricter verdict. */
static const struct {
    const char *part, *reason;
} not_applied[] = {
    {"DSA", "DSA keys and signatures"},
    {"NameUIDs", "unique identifiers"},
    {"NameChainingWhitespace", "white space in names counts (mbedTLS)"},
    {"UTF8StringCaseInsensitive", "white space in names counts (mbedTLS)"},
    {"SelfIssued", "a self-issued certificate between leaf and anchor (mbedTLS)"},
    {"ValidDNnameConstraintsTest19EE", "a self-issued certificate between leaf and anchor"},
    {"IDPwithindirectCRL", "indirect lists"},
    {"cRLIssuer", "indirect lists"},
    {"onlySomeReasons", "lists for some reasons only"},
    {"deltaCRL", "delta lists"},
    {"SeparateCertificateandCRLKeys", "lists signed with another key than certificates"},
    {"ValiddistributionPointTest4EE", "distribution point relative to the issuer's name"},
    {"ValiddistributionPointTest7EE", "distribution point relative to the issuer's name"},
    {"PolicyMapping", "policies are not processed: critical policyMappings is refused"},
    {"requireExplicitPolicy", "policies are not processed: critical policyConstraints is refused"},
    {"inhibitAnyPolicy", "policies are not processed: critical inhibitAnyPolicy is refused"},
};

static const char *reason_of(const char *name)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(not_applied); i++) {
        if (strstr(name, not_applied[i].part) != NULL)
            return not_applied[i].reason;
    }
    return NULL;
}

/* NIST lists the certificates of each path; a self-issued one is only in those that say so. */
static bool not_meant(const file *leaf, const file *c)
{
    return strstr(c->name, "SelfIssued") != NULL && strstr(leaf->name, "SelfIssued") == NULL;
}

/* Everything that could issue something in the chain of `der`, in the order it is found. */
static size_t gather(const file *leaf, nhtb_span out[NHTB_CHAIN_MAX])
{
    nhi_cert have[NHTB_CHAIN_MAX], c;
    size_t n = 1;
    out[0] = leaf->span;
    if (!nhi_cert_read(&have[0], leaf->span))
        return 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n_certs && n < NHTB_CHAIN_MAX; k++) {
            bool there =
                strncmp(certs[k].name, "TrustAnchor", 11) == 0 || not_meant(leaf, &certs[k]);
            if (!nhi_cert_read(&c, certs[k].span) || !nhi_dn_equal(have[i].issuer, c.subject))
                continue;
            for (size_t h = 0; h < n; h++)
                there = there || out[h].p == certs[k].span.p;
            if (there)
                continue;
            have[n] = c;
            out[n++] = certs[k].span;
        }
    }
    return n;
}

static nhi_x509 judge(const nhtb_crypto *c, const file *leaf, const nhtb_span *anchor)
{
    nhtb_span given[NHTB_CHAIN_MAX], lists[FILES_MAX];
    nhi_cert out;
    for (size_t i = 0; i < n_crls; i++)
        lists[i] = crls[i].span;
    nhi_x509_in in = {.certs = given, .anchors = anchor, .crls = lists, .n_anchors = 1};
    in.n_certs = gather(leaf, given);
    in.n_crls = n_crls;
    in.revocation = NHTB_REVOCATION_STRICT;
    in.now = INT64_C(1325376000); /* 2012-01-01 */
    return nhi_x509_verify(c, &in, &out);
}

static void one(const nhtb_crypto *c, const file *f, const nhtb_span *anchor, size_t *ran,
                size_t *other)
{
    bool valid = strncmp(f->name, "Valid", 5) == 0;
    if (!valid && strncmp(f->name, "Invalid", 7) != 0)
        return;
    nhi_x509 r = judge(c, f, anchor);
    const char *reason = reason_of(f->name);
    if (reason != NULL) {
        cr_expect_neq(r, NHI_X509_GOOD, "%s: %s", f->name, reason);
        (*other)++;
        return;
    }
    cr_expect_eq(r == NHI_X509_GOOD, valid, "%s %s: %d", c->pk->name, f->name, (int)r);
    (*ran)++;
}

Test(pkits, every_case_that_applies_gets_nists_verdict_from_every_backend)
{
    certs = load("certs", &n_certs);
    crls = load("crls", &n_crls);
    if (n_certs == 0) {
        printf("pkits: %s is not there, NOT run\n", root());
        return;
    }
    nhtb_span anchor = {NULL, 0};
    for (size_t i = 0; i < n_certs; i++) {
        if (strcmp(certs[i].name, "TrustAnchorRootCertificate") == 0)
            anchor = certs[i].span;
    }
    cr_assert_not_null(anchor.p);
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        size_t ran = 0, other = 0;
        for (size_t i = 0; i < n_certs; i++)
            one(&c, &certs[i], &anchor, &ran, &other);
        printf("pkits: %s gave NIST's verdict in %zu cases, %zu do not apply\n", c.pk->name, ran,
               other);
        cr_assert_gt(ran, 100);
    }
    free(certs);
    free(crls);
}
