/* SPDX-License-Identifier: Apache-2.0
 * The library's own rules for a path, behind a vendor that calls everything a path or answers
 * nonsense. RFC 5280 6.1.4, RFC 4945 5.1.3. */
#include "pki/der_text.h"
#include "vectors/support.h"

#define NOW INT64_C(1767225600) /* 2026-01-01 */

#define CA(more)     "a3{30{" DER_EXT("13", "", "30{01{ff}" more "}") "}}"
#define USAGE(bits)  "a3{30{" DER_EXT("0f", "", "03{" bits "}") "}}"
#define CA_USE(bits) "a3{30{" DER_EXT("13", "", "30{01{ff}}") DER_EXT("0f", "", "03{" bits "}") "}}"
#define PURPOSE(oid) "a3{30{" DER_EXT("25", "", "30{06{" oid "}}") "}}"
#define SHA1_ECDSA   "06{2a8648ce3d0401}"

static uint16_t answer[NHTB_CHAIN_MAX + 1]; /* what the vendor says */
static size_t answer_n;
static int answer_err;

static int chain_says(const nhtb_chain *in, uint16_t path[NHTB_CHAIN_MAX], size_t *n)
{
    (void)in;
    memcpy(path, answer, NHTB_CHAIN_MAX * sizeof *path);
    *n = answer_n;
    return answer_err;
}

static nhi_x509 judge(size_t n, nhtb_span *certs, size_t n_certs)
{
    nhtb_crypto c = real_backends[0]();
    nhtb_pk_ops pk = *c.pk;
    nhi_cert leaf;
    pk.chain = chain_says;
    c.pk = &pk;
    nhi_x509_in in = {.certs = certs,
                      .n_certs = n_certs,
                      .anchors = certs + n_certs,
                      .n_anchors = n - n_certs,
                      .now = NOW};
    return nhi_x509_verify(&c, &in, &leaf);
}

/** leaf (by "ca"), an intermediate (ca by "root"), the anchor (root); each with these extensions. */
static nhi_x509 path(const char *leaf, const char *mid, const char *top)
{
    static der_buf d[3];
    const char *l[CERT_PARTS] = {[CERT_MORE] = leaf};
    const char *m[CERT_PARTS] = {
        [CERT_MORE] = mid, [CERT_SUBJECT] = DER_CN("ca"), [CERT_ISSUER] = DER_CN("root")};
    const char *t[CERT_PARTS] = {
        [CERT_MORE] = top, [CERT_SUBJECT] = DER_CN("root"), [CERT_ISSUER] = DER_CN("root")};
    nhtb_span certs[3] = {der_cert(&d[0], l), der_cert(&d[1], m), der_cert(&d[2], t)};
    for (uint16_t i = 0; i < 3; i++)
        answer[i] = i;
    answer_n = 3;
    answer_err = 0;
    return judge(3, certs, 2);
}

Test(path, who_may_issue_and_what_a_leaf_needs)
{
    enum { GOOD = NHI_X509_GOOD, NO = NHI_X509_UNTRUSTED };
    static const struct {
        const char *leaf, *mid, *top;
        int want;
    } v[] = {
        {"", CA(""), CA(""), GOOD},
        {"", CA(""), "", GOOD}, /* an anchor without extensions is trusted as it is */
        {"", "", CA(""), NO},   /* an issuer without the right */
        {"", CA_USE("0106"), CA_USE("0106"), GOOD},
        {"", CA_USE("0102"), CA(""), NO}, /* lists only */
        {"", CA(""), CA_USE("0102"), NO},
        {"", CA(""), USAGE("0106"), NO}, /* an anchor that says what it is, but not a CA */
        {"", CA("02{00}"), CA(""), GOOD},
        {"", CA(""), CA("02{00}"), NO}, /* one too deep */
        {"", CA(""), CA("02{01}"), GOOD},
        {USAGE("0780"), CA(""), CA(""), GOOD},
        {USAGE("0640"), CA(""), CA(""), GOOD}, /* non-repudiation */
        {USAGE("0520"), CA(""), CA(""), NO},   /* key encipherment */
        {PURPOSE("2b06010505070311"), CA(""), CA(""), GOOD},
        {PURPOSE("2b06010505070304"), CA(""), CA(""), NO}, /* mail */
        {"a3{30{30{06{2a03}01{ff}04{}}}}", CA(""), CA(""), NO},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
        cr_expect_eq((int)path(v[i].leaf, v[i].mid, v[i].top), v[i].want, "%zu", i);
}

Test(path, a_vendor_that_answers_nonsense_is_not_believed)
{
    static const struct {
        uint16_t at[3];
        size_t n;
        int err;
    } v[] = {
        {{0, 1, 2}, 0, 0}, /* no path at all */
        {{0, 1, 2}, NHTB_CHAIN_MAX + 1, 0},
        {{0, 1, 2}, 3, NHTB_ERR_CRYPTO},
        {{0, 1, 0}, 3, 0}, /* ends with one of the peer's */
        {{0, 1, 9}, 3, 0}, /* an anchor that is not there */
        {{0, 7, 2}, 3, 0}, /* a certificate that is not there */
        {{1, 0, 2}, 3, 0}, /* does not begin with the peer's own */
    };
    static der_buf d[3];
    const char *none[CERT_PARTS] = {NULL};
    const char *m[CERT_PARTS] = {
        [CERT_MORE] = CA(""), [CERT_SUBJECT] = DER_CN("ca"), [CERT_ISSUER] = DER_CN("root")};
    const char *t[CERT_PARTS] = {
        [CERT_MORE] = CA(""), [CERT_SUBJECT] = DER_CN("root"), [CERT_ISSUER] = DER_CN("root")};
    nhtb_span certs[3] = {der_cert(&d[0], none), der_cert(&d[1], m), der_cert(&d[2], t)};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        memcpy(answer, v[i].at, sizeof v[i].at);
        answer_n = v[i].n;
        answer_err = v[i].err;
        cr_expect_eq(judge(3, certs, 2), NHI_X509_UNTRUSTED, "%zu", i);
    }
}

Test(path, weak_and_broken_certificates)
{
    static der_buf d[4];
    const char *none[CERT_PARTS] = {NULL};
    const char *sha1[CERT_PARTS] = {[CERT_INNER] = SHA1_ECDSA, [CERT_OUTER] = SHA1_ECDSA};
    const char *no_key[CERT_PARTS] = {[CERT_SPKI] = "30{}"};
    const char *top[CERT_PARTS] = {[CERT_MORE] = CA(""), [CERT_SUBJECT] = DER_CN("ca")};
    const char *weak_top[CERT_PARTS] = {
        [CERT_MORE] = CA(""), [CERT_SUBJECT] = DER_CN("ca"), [CERT_SPKI] = "30{}"};
    const char *sha1_top[CERT_PARTS] = {[CERT_MORE] = CA(""),
                                        [CERT_SUBJECT] = DER_CN("ca"),
                                        [CERT_INNER] = SHA1_ECDSA,
                                        [CERT_OUTER] = SHA1_ECDSA};
    const struct {
        const char *const *leaf, *const *anchor;
        nhi_x509 want;
    } v[] = {
        {none, top, NHI_X509_GOOD},      {sha1, top, NHI_X509_WEAK},
        {no_key, top, NHI_X509_WEAK},    {none, weak_top, NHI_X509_WEAK},
        {none, sha1_top, NHI_X509_GOOD}, /* nobody proves an anchor's own signature */
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhtb_span certs[2] = {der_cert(&d[0], v[i].leaf), der_cert(&d[1], v[i].anchor)};
        answer[0] = 0;
        answer[1] = 1;
        answer_n = 2;
        answer_err = 0;
        cr_expect_eq(judge(2, certs, 1), v[i].want, "%zu", i);
    }
    nhtb_span broken[3] = {der_cert(&d[0], none), {(const uint8_t *)"x", 1}, der_cert(&d[2], top)};
    cr_expect_eq(judge(3, broken, 2), NHI_X509_GOOD, "a helper that is none might not have come");
    cr_expect_eq(judge(3, broken + 1, 1), NHI_X509_MALFORMED);
    cr_expect_eq(judge(1, broken + 2, 0), NHI_X509_MALFORMED, "nothing came");
    broken[2] = (nhtb_span){(const uint8_t *)"x", 1};
    cr_expect_eq(judge(3, broken, 2), NHI_X509_UNTRUSTED, "an anchor that is none");
}
