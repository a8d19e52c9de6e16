/* SPDX-License-Identifier: Apache-2.0
 * What the configuration of certificates may be: parts that are missing, too many, of another kind or
 * unreadable are named when it is taken; and a text's certificates for display. RFC 7468. */
#include "pki/der_text.h"
#include "pki/pki_util.h"

#include "crypto/pki.h"

static int made(const nhtb_pki *cfg, const char **what)
{
    nhtb_crypto c = real_backends[0]();
    nhi_mem mem = test_mem(NULL);
    nhi_pki *p = NULL;
    int err = nhi_pki_new(&p, &mem, &c, cfg, what);
    cr_assert_eq(p != NULL, err == 0);
    nhi_pki_unref(&mem, p);
    cr_assert_eq(mem.bytes, 0);
    return err;
}

static nhtb_pki good(void)
{
    static char chain[8192];
    nhtb_pki p;
    nhtb_pki_init(&p);
    snprintf(chain, sizeof chain, "%s%s", pki_p256, pki_sub);
    p.chain = pki_text(chain);
    p.key = pki_text(pki_p256_key);
    p.anchors = pki_text(pki_root);
    p.crls = pki_text(pki_root_crl);
    return p;
}

Test(pki, each_part_that_cannot_be_used_is_named)
{
    static char many[24000];
    nhtb_pki p = good();
    const char *what = NULL;
    cr_assert_eq(made(&p, &what), 0, "%s", what);
    cr_assert_eq(made(&p, NULL), 0);
    for (unsigned i = 0; i <= NHTB_PKI_CERTS; i++)
        strcat(many, pki_p256);
#define BAD(name, change)                                                                          \
    do {                                                                                           \
        p = good();                                                                                \
        change;                                                                                    \
        cr_expect_eq(made(&p, &what), NHTB_ERR_ARG, #change);                                      \
        cr_expect_str_eq(what, name, #change);                                                     \
        cr_expect_eq(made(&p, NULL), NHTB_ERR_ARG);                                                \
    } while (0)
    BAD("size", p.size--);
    BAD("size", p.revocation = NHTB_REVOCATION_STRICT + 1);
    BAD("size", p.hashes = 1u << 1); /* SHA-1 */
    BAD("size", p.chain.p = NULL);
    BAD("size", p.anchors.n = NHTB_PKI_BYTES + 1);
    BAD("size", p.crls.n = NHTB_PKI_BYTES);
    BAD("chain",
        p.chain = pki_text("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"));
    BAD("chain", p.chain = pki_text("-----BEGIN CERTIFICATE-----\nQ"));
    BAD("chain", p.chain = pki_text(pki_weak)); /* 1024 bits */
    BAD("chain", p.chain = pki_text(many));
    BAD("anchors", p.anchors = pki_text(pki_e3));
    BAD("anchors", p.anchors = pki_text("-----BEGIN CERTIFICATE-----\n*"));
    BAD("crls", p.crls = pki_text("-----BEGIN X509 CRL-----\nQUJD\n-----END X509 CRL-----\n"));
    BAD("crls", p.crls = pki_text("-----BEGIN X509 CRL-----\nQ"));
    BAD("key", p.key = pki_text(""));
    BAD("key", p.key = pki_text("-----BEGIN PRIVATE KEY-----\nQ"));
    BAD("key", p.key = pki_text(pki_p384_key)); /* another certificate's */
    BAD("key", p.chain = pki_text(""));         /* a key without a certificate */
    BAD("key", p.key = pki_text("-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n"));
    BAD("chain", p.chain = p.key = p.anchors = pki_text("")); /* nothing at all */
#undef BAD
    p = good();
    p.crls = pki_text(pki_p256); /* no list: another kind of block is passed over */
    cr_assert_eq(made(&p, &what), 0);
    p.chain = p.key = pki_text("");
    cr_assert_eq(made(&p, &what), 0, "one side alone");
}

Test(pki, a_backend_without_signatures_takes_no_certificates)
{
    nhtb_crypto c = real_backends[0]();
    nhtb_pk_ops old = *c.pk;
    nhi_mem mem = test_mem(NULL);
    nhtb_pki cfg = good();
    nhi_pki *p = NULL;
    const char *what;
    old.size = offsetof(nhtb_pk_ops, has_sig);
    c.pk = &old;
    cr_assert_eq(nhi_pki_new(&p, &mem, &c, &cfg, &what), NHTB_ERR_UNSUPPORTED);
    cr_assert_str_eq(what, "backend");
    size_t left = 0;
    nhtb_crypto fine = real_backends[0]();
    nhi_mem none = test_mem(&left);
    cr_assert_eq(nhi_pki_new(&p, &none, &fine, &cfg, &what), NHTB_ERR_MEMORY);
}

Test(pki, defaults_fill_what_the_caller_knows)
{
    nhtb_pki p;
    memset(&p, 0xff, sizeof p);
    nhtb_pki_default(&p, 2);
    cr_assert_eq(p.size, UINT32_MAX, "too small to say its size");
    nhtb_pki_default(NULL, sizeof p);
    nhtb_pki_default(&p, offsetof(nhtb_pki, pss));
    cr_assert_eq(p.size, offsetof(nhtb_pki, pss));
    cr_assert(p.send_certreq && p.chain.n == 0);
    cr_assert_eq(p.hashes, UINT32_MAX, "beyond it nothing is touched");
}

/* ---- for display ---- */

Test(pki, the_certificates_of_a_text_are_shown_one_by_one)
{
    static char text[16384];
    nhtb_crypto c = real_backends[0]();
    nhtb_cert_info i;
    snprintf(text, sizeof text, "%s%s%s%s", pki_root, pki_p256_key, pki_p384, pki_weak);
    nhtb_span t = pki_text(text);
    static const struct {
        const char *key;
        bool ca;
    } want[] = {{"RSA", true}, {"P-384", false}, {"unusable", false}};
    for (size_t k = 0; k < NHI_ARRAY_LEN(want); k++) {
        nhtb_cert_info_init(&i);
        cr_assert_eq(nhtb_cert_next(&c, &t, &i), 1, "%zu", k);
        cr_assert_str_eq(i.key, want[k].key);
        cr_assert_eq(i.ca, want[k].ca);
        cr_assert_lt(i.from, i.until);
        cr_assert(i.subject[0] && i.issuer[0] && i.serial[0]);
    }
    cr_assert_eq(nhtb_cert_next(&c, &t, &i), 0);
    pki_der d; /* as DER it is one block */
    t = pki_read(&d, pki_p384);
    cr_assert_eq(nhtb_cert_next(&c, &t, &i), 1);
    cr_assert_str_eq(i.key, "P-384");
    cr_assert_eq(nhtb_cert_next(&c, &t, &i), 0);
}

Test(pki, what_is_no_certificate_is_an_error)
{
    static uint8_t big[8193] = {NHI_DER_SEQUENCE};
    nhtb_crypto c = real_backends[0]();
    nhtb_cert_info i;
    nhtb_span t = pki_text("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n");
    nhtb_cert_info_init(&i);
    cr_assert_eq(nhtb_cert_next(&c, &t, &i), NHTB_ERR_ARG);
    t = pki_text("-----BEGIN CERTIFICATE-----\nQ");
    cr_assert_eq(nhtb_cert_next(&c, &t, &i), NHTB_ERR_ARG);
    t = (nhtb_span){big, sizeof big};
    cr_assert_eq(nhtb_cert_next(&c, &t, &i), NHTB_ERR_ARG, "longer than any we take");
    t = pki_text(pki_p384);
    cr_assert_eq(nhtb_cert_next(NULL, &t, &i), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_cert_next(&c, NULL, &i), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_cert_next(&c, &t, NULL), NHTB_ERR_ARG);
    i.size--;
    cr_assert_eq(nhtb_cert_next(&c, &t, &i), NHTB_ERR_ARG);
}

Test(pki, labels_and_lines_of_a_block)
{
    static const struct {
        const char *text;
        int got;
    } v[] = {
        {"-----BEGIN X-----\r\nQU JD\tQUJD\r\n-----END X-----\r\n", 1},
        {"a\r-----BEGIN X-----\nQUJDz0A+/w==\n-----END X-----", 1},
        {"-----BEGIN 0123456789012345678901234567890123456-----\nQUJD\n-----END X-----\n", 1},
        {"-----BEGIN 0123456789012345678901234567890123456789-----\nQUJD\n-----END X-----\n",
         NHTB_ERR_ARG},
        {"-----BEGIN \x01-----\nQUJD\n-----END X-----\n", NHTB_ERR_ARG},
        {"-----BEGIN \x7f-----\nQUJD\n-----END X-----\n", NHTB_ERR_ARG},
        {"-----BEGIN X-----\nQUJD\n-----BEGIN Y-----\n", NHTB_ERR_ARG},
        {"-----BEGIN X-----\nQUI===\n-----END X-----\n", NHTB_ERR_ARG},
        {"-----BEGIN X-----\nQUJ=\n-----END X-----\n", NHTB_ERR_ARG}, /* bits behind the end */
        {"-----BEGIN X-----\nQ{==\n-----END X-----\n", NHTB_ERR_ARG},
        {"-----BEGIN X-----\nQ[==\n-----END X-----\n", NHTB_ERR_ARG},
        {"-----BEGIN X-----\nQ:==\n-----END X-----\n", NHTB_ERR_ARG},
    };
    for (size_t k = 0; k < NHI_ARRAY_LEN(v); k++) {
        char label[NHI_PEM_LABEL];
        uint8_t out[32];
        size_t n = sizeof out;
        nhtb_span t = pki_text(v[k].text);
        cr_expect_eq(nhi_pem_next(&t, label, out, &n), v[k].got, "%zu", k);
    }
    uint8_t der[4] = {NHI_DER_SEQUENCE, 2, 5, 0}, out[4];
    char label[NHI_PEM_LABEL];
    nhtb_span t = {der, 4};
    size_t n = 3;
    cr_assert_eq(nhi_pem_next(&t, label, out, &n), NHTB_ERR_SHORT);
    n = 4;
    cr_assert_eq(nhi_pem_next(&t, label, out, &n), 1);
    cr_assert(n == 4 && t.n == 0 && label[0] == 0);
}
